// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that is not for devices: an importer gets nothing that the kernel would
 * not pin for it because of the mapping. Nothing of it is read, nothing written.
 */
#include <fcntl.h>
#include <sys/syscall.h>

#include "common.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#endif

#define PAGES	4
#define LENGTH	(PAGES * page_size)
#define JUNK	0x5c

static uint8_t *data;

/* One importer's read, write and mere fault of LENGTH bytes are refused. */
static void refused_to(uint32_t importer, const uint8_t *mem, int err)
{
	struct hmm_p2p_access result;
	uint64_t addr = (uintptr_t)mem;

	memset(data, JUNK, LENGTH);
	assert_int_equal(hmm_p2p_read(ctx, NULL, importer, addr, LENGTH, data, 0,
				      NULL, &result), err);
	assert_int_equal(result.out_bytes, 0);
	assert_int_equal(data[0], JUNK);
	assert_memory_equal(data, data + 1, LENGTH - 1);
	assert_int_equal(hmm_p2p_write(ctx, NULL, importer, addr, LENGTH, data, 0,
				       NULL, &result), err);
	assert_int_equal(result.out_bytes, 0);
	assert_int_equal(hmm_p2p_fault(ctx, NULL, importer, addr, LENGTH, 0, NULL,
				       NULL), err);
}

static void refused(const uint8_t *mem, int err)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i, importers = 0;

	data = map_memory(LENGTH, SMALL_PAGES);
	for (i = 0; i < n; i++) {
		if (!is_importer(&infos[i]))
			continue;
		refused_to(infos[i].out_id, mem, err);
		importers++;
	}
	unmap(data, LENGTH);
	assert_true(importers > 0);
}

/* Secret memory at the end of @length bytes of ordinary memory. */
static uint8_t *secret_memory(size_t length)
{
	uint8_t *mem = map_memory(length + LENGTH, SMALL_PAGES);
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);

	if (fd < 0)
		SKIP("this kernel has no memfd_secret()");
	assert_return_code(ftruncate(fd, LENGTH), errno);
	assert_ptr_not_equal(mmap(mem + length, LENGTH, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED, fd, 0), MAP_FAILED);
	close(fd);
	return mem;
}

static void test_secret(void **state)
{
	uint8_t *mem = secret_memory(0);

	(void)state;
	pattern_fill(mem, 0, LENGTH, 1);
	refused(mem, -EFAULT);
	assert_pattern(mem, LENGTH, 1);
	unmap(mem, LENGTH);
}

/* Not yet there: it does not come to be for the importer. */
static void test_secret_untouched(void **state)
{
	uint8_t *mem = secret_memory(0);

	(void)state;
	refused(mem, -EFAULT);
	assert_zero(mem, LENGTH);
	unmap(mem, LENGTH);
}

/* Half of the range is ordinary memory, in RAM or on a device. */
static void secret_beside(bool on_device)
{
	size_t before = LENGTH / 2;
	uint8_t *mem = secret_memory(before);
	uint32_t id = largest_exporter(LENGTH).out_id;

	pattern_fill(mem, 0, before + LENGTH, 2);
	if (on_device)
		move_all_to(id, mem, before);
	refused(mem, -EFAULT);
	assert_pattern(mem, before + LENGTH, 2);
	unmap(mem, before + LENGTH);
}

static void test_secret_beside_ram(void **state)
{
	(void)state;
	secret_beside(false);
}

static void test_secret_beside_device(void **state)
{
	(void)state;
	secret_beside(true);
}

/* It does not move either, and nobody looks into it to find out. */
static void test_secret_stays(void **state)
{
	uint8_t *mem = secret_memory(0);
	struct hmm_p2p_migrate result;

	(void)state;
	pattern_fill(mem, 0, LENGTH, 3);
	move_to(largest_exporter(LENGTH).out_id, mem, LENGTH, &result);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_NOT_ANON], PAGES);
	assert_pattern(mem, LENGTH, 3);
	unmap(mem, LENGTH);
}

static void test_guard_region(void **state)
{
	uint8_t *mem = map_pattern(3 * LENGTH, SMALL_PAGES, 4);

	(void)state;
	if (madvise(mem + LENGTH, LENGTH, MADV_GUARD_INSTALL))
		SKIP("this kernel has no guard regions");
	refused(mem + LENGTH, -EFAULT);
	refused(mem + LENGTH / 2, -EFAULT);
	assert_pattern(mem, LENGTH, 4);
	unmap(mem, 3 * LENGTH);
}

/* Registers that no driver has claimed: VM_IO and VM_PFNMAP. */
static void test_registers(void **state)
{
	struct hmm_p2p_device_info info = largest_exporter(LENGTH);
	char path[128];
	uint8_t *mem;
	size_t i;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource0", info.out_bus);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		SKIP("%s has no BAR 0", info.out_bus);
	mem = map_memory(LENGTH, SMALL_PAGES);
	/* They are less than a page, so it is there several times. */
	for (i = 0; i < PAGES; i++)
		assert_ptr_not_equal(mmap(mem + i * page_size, page_size,
					  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
					  fd, 0), MAP_FAILED);
	close(fd);
	refused(mem, -EFAULT);
	unmap(mem, LENGTH);
}

/* A shadow stack needs a CPU that has them: the kernel says whether it has. */
static void test_shadow_stack(void **state)
{
	struct hmm_p2p_device_info importer = any_importer();
	uint8_t *data_in = map_memory(LENGTH, SMALL_PAGES);
	uint8_t *mem;

	(void)state;
	mem = (uint8_t *)syscall(SYS_map_shadow_stack, 0, LENGTH, 0);
	if (mem == MAP_FAILED)
		SKIP("this CPU or kernel has no shadow stacks");
	assert_int_equal(hmm_p2p_write(ctx, NULL, importer.out_id, (uintptr_t)mem, LENGTH,
				       data_in, 0, NULL, NULL), -EPERM);
	munmap(mem, LENGTH);
	unmap(data_in, LENGTH);
}

/* @rights: what the key denies */
static void keyed(uint8_t *mem, int rights, int read_err, int write_err)
{
	struct hmm_p2p_device_info importer = any_importer();
	uint8_t *copy = map_pattern(LENGTH, SMALL_PAGES, 6);
	int key = pkey_alloc(0, 0);

	if (key < 0)
		SKIP("this CPU or kernel has no protection keys");
	assert_int_equal(pkey_mprotect(mem, LENGTH, PROT_READ | PROT_WRITE, key), 0);
	assert_int_equal(pkey_set(key, (unsigned int)rights), 0);
	assert_int_equal(hmm_p2p_write(ctx, NULL, importer.out_id, (uintptr_t)mem, LENGTH,
				       copy, 0, NULL, NULL), write_err);
	assert_int_equal(hmm_p2p_read(ctx, NULL, importer.out_id, (uintptr_t)mem, LENGTH,
				      copy, 0, NULL, NULL), read_err);
	assert_int_equal(pkey_set(key, 0), 0);
	assert_pattern(copy, LENGTH, read_err || !write_err ? 6 : 5);
	assert_pattern(mem, LENGTH, write_err ? 5 : 6);
	assert_int_equal(pkey_mprotect(mem, LENGTH, PROT_READ | PROT_WRITE, 0), 0);
	assert_int_equal(pkey_free(key), 0);
	unmap(copy, LENGTH);
}

/* What a key denies this thread no importer gets for it, in RAM or on a device. */
static void protection_keys(bool on_device)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 5);

	if (on_device)
		move_all_to(largest_exporter(LENGTH).out_id, mem, LENGTH);
	keyed(mem, PKEY_DISABLE_ACCESS, -EFAULT, -EFAULT);
	keyed(mem, PKEY_DISABLE_WRITE, 0, -EPERM);
	keyed(mem, 0, 0, 0);
	unmap(mem, LENGTH);
}

static void test_protection_keys(void **state)
{
	(void)state;
	protection_keys(false);
	protection_keys(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_secret),
		TEST(test_secret_untouched),
		TEST(test_secret_beside_ram),
		TEST(test_secret_beside_device),
		TEST(test_secret_stays),
		TEST(test_guard_region),
		TEST(test_registers),
		TEST(test_shadow_stack),
		TEST(test_protection_keys),
	};

	return RUN("grant", tests);
}
