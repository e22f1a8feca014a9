// SPDX-License-Identifier: GPL-2.0
/* The buffers that ACCESS and QUERY point to: bad ones, short ones, none. */
#include <sys/ioctl.h>

#include "common.h"

#define PAGES	8

static uint8_t *mem;
static struct hmm_p2p_device_info exporter, importer;

static int each_setup(void **state)
{
	exporter = largest_exporter(0);
	importer = any_importer();
	mem = map_pattern(PAGES * page_size, SMALL_PAGES, 7);
	return test_setup(state);
}

static int each_teardown(void **state)
{
	int bad = pattern_diff(mem, 0, PAGES * page_size, 7) != -1;

	unmap(mem, PAGES * page_size);
	return test_teardown(state) || bad ? -1 : 0;
}

#define BUFFERS(fn) \
	cmocka_unit_test_setup_teardown(fn, each_setup, each_teardown)

static struct hmm_p2p_access access_request(void)
{
	return (struct hmm_p2p_access) {
		.size = sizeof(struct hmm_p2p_access),
		.importer = importer.out_id,
		.mem_fd = HMM_P2P_NO_FD,
		.addr = (uintptr_t)mem,
		.length = PAGES * page_size,
	};
}

static int access_call(struct hmm_p2p_access *access)
{
	return ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_ACCESS, access) ? -errno : 0;
}

/* A page that is mapped, and behind it one that is not. */
static uint8_t *cliff(void)
{
	uint8_t *two = map_memory(2 * page_size, SMALL_PAGES);

	memset(two, 0x5a, page_size);
	unmap(two + page_size, page_size);
	return two;
}

static void test_data_length(void **state)
{
	uint8_t *data = map_memory(2 * PAGES * page_size, SMALL_PAGES);
	struct hmm_p2p_access access = access_request();

	(void)state;
	access.data = (uintptr_t)data;
	assert_int_equal(access_call(&access), -EINVAL);
	access.data_length = page_size / 2;
	assert_int_equal(access_call(&access), -EINVAL);
	access.data_length = page_size + 1;
	assert_int_equal(access_call(&access), -EINVAL);
	access.data_length = (PAGES + 1) * page_size;
	assert_int_equal(access_call(&access), -EINVAL);
	access.data_length = -page_size;
	assert_int_equal(access_call(&access), -EINVAL);
	access.data = 0;
	access.data_length = page_size;
	assert_int_equal(access_call(&access), -EINVAL);
	assert_zero(data, 2 * PAGES * page_size);
	unmap(data, 2 * PAGES * page_size);
}

/* All pages are faulted, the first three are transferred. */
static void test_data_shorter_than_range(void **state)
{
	uint8_t *data = map_memory(PAGES * page_size, SMALL_PAGES);
	struct hmm_p2p_access access = access_request();
	uint8_t outcomes[PAGES] = { 0 };
	size_t i;

	(void)state;
	access.data = (uintptr_t)data;
	access.data_length = 3 * page_size;
	access.outcomes = (uintptr_t)outcomes;
	assert_int_equal(access_call(&access), 0);
	assert_int_equal(access.out_bytes, 3 * page_size);
	assert_int_equal(access.out_system, PAGES);
	assert_int_equal(access.out_private + access.out_p2p +
			 access.out_migrated, 0);
	assert_int_equal(reasons_sum(access.out_reasons), 0);
	for (i = 0; i < PAGES; i++)
		assert_int_equal(outcomes[i], HMM_P2P_OUTCOME_SYSTEM);
	assert_pattern(data, 3 * page_size, 7);
	assert_zero(data + 3 * page_size, (PAGES - 3) * page_size);
	unmap(data, PAGES * page_size);
}

static void test_data_not_aligned(void **state)
{
	uint8_t *data = map_memory((PAGES + 1) * page_size, SMALL_PAGES);
	struct hmm_p2p_access access = access_request();

	(void)state;
	access.data = (uintptr_t)data + 8;
	access.data_length = PAGES * page_size;
	assert_int_equal(access_call(&access), 0);
	assert_pattern(data + 8, PAGES * page_size, 7);
	assert_zero(data, 8);
	assert_zero(data + 8 + PAGES * page_size, page_size - 8);
	unmap(data, (PAGES + 1) * page_size);
}

static void test_bad_data(void **state)
{
	struct hmm_p2p_access access = access_request();
	uint8_t *data = cliff();
	unsigned int write;

	(void)state;
	for (write = 0; write < 2; write++) {
		access.flags = write ? HMM_P2P_ACCESS_WRITE : 0;
		access.data_length = PAGES * page_size;
		access.data = (uintptr_t)data + page_size;
		assert_int_equal(access_call(&access), -EFAULT);
		access.data = 1ULL << 63;
		assert_int_equal(access_call(&access), -EFAULT);
		access.data = -8ULL;
		assert_int_equal(access_call(&access), -EFAULT);
	}
	/* A part of it is there. Nothing is written from behind its end. */
	access.data = (uintptr_t)data;
	assert_int_equal(access_call(&access), -EFAULT);
	unmap(data, page_size);
}

static void test_read_only_data(void **state)
{
	uint8_t *data = map_memory(PAGES * page_size, SMALL_PAGES);
	struct hmm_p2p_access access = access_request();

	(void)state;
	assert_int_equal(mprotect(data, PAGES * page_size, PROT_READ), 0);
	access.data = (uintptr_t)data;
	access.data_length = PAGES * page_size;
	assert_int_equal(access_call(&access), -EFAULT);
	assert_zero(data, PAGES * page_size);
	unmap(data, PAGES * page_size);
}

static void test_bad_outcomes(void **state)
{
	struct hmm_p2p_access access = access_request();
	uint8_t *outcomes = cliff();

	(void)state;
	access.outcomes = (uintptr_t)outcomes + page_size;
	assert_int_equal(access_call(&access), -EFAULT);
	access.outcomes = (uintptr_t)outcomes + page_size - 1;
	assert_int_equal(access_call(&access), -EFAULT);
	access.outcomes = 1ULL << 63;
	assert_int_equal(access_call(&access), -EFAULT);
	unmap(outcomes, page_size);
}

/* The importer's own buffer may be the memory it reads: no deadlock. */
static void test_data_is_the_range(void **state)
{
	struct hmm_p2p_access access = access_request();

	(void)state;
	move_all_to(exporter.out_id, mem, PAGES * page_size);
	access.data = (uintptr_t)mem;
	access.data_length = PAGES * page_size;
	assert_int_equal(access_call(&access), 0);
	assert_pattern(mem, PAGES * page_size, 7);
	access.flags = HMM_P2P_ACCESS_WRITE;
	move_all_to(exporter.out_id, mem, PAGES * page_size);
	assert_int_equal(access_call(&access), 0);
	assert_pattern(mem, PAGES * page_size, 7);
}

static void test_write_to_read_only_memory(void **state)
{
	struct hmm_p2p_access access = access_request();

	(void)state;
	assert_int_equal(mprotect(mem, PAGES * page_size, PROT_READ), 0);
	access.flags = HMM_P2P_ACCESS_WRITE;
	assert_int_equal(access_call(&access), -EPERM);
	access.flags = 0;
	assert_int_equal(access_call(&access), 0);

	move_all_to(exporter.out_id, mem, PAGES * page_size);
	access.flags = HMM_P2P_ACCESS_WRITE;
	assert_int_equal(access_call(&access), -EPERM);
	access.flags = 0;
	assert_int_equal(access_call(&access), 0);
}

static void test_memory_without_access(void **state)
{
	struct hmm_p2p_access access = access_request();

	(void)state;
	move_all_to(exporter.out_id, mem, PAGES * page_size);
	assert_int_equal(mprotect(mem, PAGES * page_size, PROT_NONE), 0);
	assert_int_equal(access_call(&access), -EFAULT);
	access.flags = HMM_P2P_ACCESS_WRITE;
	assert_int_equal(access_call(&access), -EFAULT);
	assert_int_equal(mprotect(mem, PAGES * page_size,
				  PROT_READ | PROT_WRITE), 0);
}

static struct hmm_p2p_query query_request(struct hmm_p2p_extent *extents,
					  uint32_t nr)
{
	return (struct hmm_p2p_query) {
		.size = sizeof(struct hmm_p2p_query),
		.mem_fd = HMM_P2P_NO_FD,
		.addr = (uintptr_t)mem,
		.length = PAGES * page_size,
		.extents = (uintptr_t)extents,
		.nr_extents = nr,
	};
}

static int query_call(struct hmm_p2p_query *query)
{
	return ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_QUERY, query) ? -errno : 0;
}

static void test_bad_extents(void **state)
{
	struct hmm_p2p_query query = query_request(NULL, 0);

	(void)state;
	assert_int_equal(query_call(&query), -EINVAL);
	/* Nothing is on a device, so nothing is written. */
	query = query_request(NULL, 1);
	assert_int_equal(query_call(&query), 0);
	assert_int_equal(query.out_nr_extents, 0);
	move_all_to(exporter.out_id, mem, PAGES * page_size);
	assert_int_equal(query_call(&query), -EFAULT);
	query = query_request((void *)(1UL << 63), 1);
	assert_int_equal(query_call(&query), -EFAULT);
}

/* Every other page is on the device: four extents, one at a time. */
static void test_query_goes_on(void **state)
{
	struct hmm_p2p_extent extents[2];
	struct hmm_p2p_query query = query_request(extents, 1);
	size_t i;

	(void)state;
	for (i = 0; i < PAGES; i += 2)
		move_all_to(exporter.out_id, mem + i * page_size, page_size);
	memset(&extents[1], 0xee, sizeof(extents[1]));
	for (i = 0; i < PAGES; i += 2) {
		assert_int_equal(query_call(&query), 0);
		assert_int_equal(query.out_nr_extents, 1);
		assert_int_equal(extents[0].addr, (uintptr_t)mem + i * page_size);
		assert_int_equal(extents[0].length, page_size);
		assert_int_equal(extents[0].device, exporter.out_id);
		assert_true(extents[0].flags & HMM_P2P_EXTENT_WRITABLE);
		query.length -= query.out_next - query.addr;
		query.addr = query.out_next;
	}
	assert_in_range(query.out_next, (uintptr_t)mem + (PAGES - 1) * page_size,
			(uintptr_t)mem + PAGES * page_size);
	assert_int_equal(extents[1].addr, 0xeeeeeeeeeeeeeeeeULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUFFERS(test_data_length),
		BUFFERS(test_data_shorter_than_range),
		BUFFERS(test_data_not_aligned),
		BUFFERS(test_bad_data),
		BUFFERS(test_read_only_data),
		BUFFERS(test_bad_outcomes),
		BUFFERS(test_data_is_the_range),
		BUFFERS(test_write_to_read_only_memory),
		BUFFERS(test_memory_without_access),
		BUFFERS(test_bad_extents),
		BUFFERS(test_query_goes_on),
	};

	return RUN("abi_buffers", tests);
}
