// SPDX-License-Identifier: GPL-2.0
/*
 * What a device has written stays written, whatever reclaim thinks of the page:
 * the CPU's page table shows nothing of it. Memory that the process gave up by
 * MADV_FREE, memory that is clean in swap, shared memory that was only read.
 */
#include "common.h"
#include "common_swap.h"

#define PAGES		16
#define SLOW_PAGES	2
#define SWAP_BYTES	(512 * MIB)

static bool have_swap;

static int dirty_setup(void **state)
{
	if (suite_setup(state))
		return -1;
	have_swap = swap_begin(SWAP_DISK, SWAP_BYTES);
	return 0;
}

static int dirty_teardown(void **state)
{
	int bad = have_swap ? swap_end(SWAP_DISK) : 0;

	return suite_teardown(state) || bad ? -1 : 0;
}

static void need_swap(void)
{
	if (!have_swap)
		SKIP("there is no loop device to swap to");
}

/* What an importer takes in reasonable time. */
static size_t length_for(const struct hmm_p2p_device_info *importer)
{
	return (is_slow(importer) ? SLOW_PAGES : PAGES) * page_size;
}

/* The importer writes the pattern of @seed. */
static void device_writes(uint32_t importer, uint8_t *mem, size_t length, uint64_t seed)
{
	uint8_t *data = map_pattern(length, SMALL_PAGES, seed);
	struct reached reached;

	reached = reach(importer, mem, length, data, HMM_P2P_ACCESS_WRITE);
	reached_free(&reached);
	unmap(data, length);
}

typedef void (*with_importer)(const struct hmm_p2p_device_info *importer);

static void each_importer(with_importer fn)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i, importers = 0;

	need_swap();
	for (i = 0; i < n; i++) {
		if (!is_importer(&infos[i]))
			continue;
		fprintf(stderr, "# %s\n", (const char *)infos[i].out_name);
		fn(&infos[i]);
		importers++;
	}
	assert_true(importers > 0);
}

static void given_up_in_ram(const struct hmm_p2p_device_info *importer)
{
	size_t length = length_for(importer);
	uint8_t *mem = map_pattern(length, SMALL_PAGES, 1);

	give_up(mem, length);
	device_writes(importer->out_id, mem, length, 2);
	reclaim(mem, length);
	assert_pattern(mem, length, 2);
	unmap(mem, length);
}

static void test_given_up_in_ram(void **state)
{
	(void)state;
	each_importer(given_up_in_ram);
}

/* The same with the page on a device when it is written to: private, p2p or sent home. */
static void given_up_on_device(const struct hmm_p2p_device_info *importer)
{
	size_t length = length_for(importer);
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;
	uint8_t *mem;

	for (i = 0; i < n; i++) {
		if (!is_exporter(&infos[i]))
			continue;
		mem = map_pattern(length, SMALL_PAGES, 3);
		give_up(mem, length);
		move_to(infos[i].out_id, mem, length, NULL);
		device_writes(importer->out_id, mem, length, 4);
		move_to_ram(mem, length, NULL);
		reclaim(mem, length);
		assert_pattern(mem, length, 4);
		unmap(mem, length);
	}
}

static void test_given_up_on_device(void **state)
{
	(void)state;
	each_importer(given_up_on_device);
}

/* Huge pages, and home by the CPU's touch. */
static void given_up_and_touched(enum paging paging, size_t length)
{
	struct hmm_p2p_device_info exporter = largest_exporter(length);
	uint8_t *mem = map_pattern(length, paging, 5);
	size_t at;

	need_swap();
	if (!is_importer(&exporter))
		SKIP("the exporter does not import");
	give_up(mem, length);
	move_to(exporter.out_id, mem, length, NULL);
	device_writes(exporter.out_id, mem, length, 6);
	for (at = 0; at < length; at += page_size)
		assert_int_equal(*(volatile uint64_t *)(mem + at), pattern_word(at, 6));
	assert_int_equal(pages_on(0, mem, length), 0);
	reclaim(mem, length);
	assert_pattern(mem, length, 6);
	unmap(mem, length);
}

static void test_given_up_small(void **state)
{
	(void)state;
	given_up_and_touched(SMALL_PAGES, PAGES * page_size);
}

static void test_given_up_huge(void **state)
{
	(void)state;
	given_up_and_touched(HUGE_PAGES, 2 * huge_size);
}

static void test_given_up_huge_in_ram(void **state)
{
	struct hmm_p2p_device_info importer = any_importer();
	size_t length = 2 * huge_size;
	uint8_t *mem = map_pattern(length, HUGE_PAGES, 7);

	(void)state;
	need_swap();
	give_up(mem, length);
	device_writes(importer.out_id, mem, length, 8);
	reclaim(mem, length);
	assert_pattern(mem, length, 8);
	unmap(mem, length);
}

/* In RAM and in swap, both with the same bytes, until the device writes. */
static void clean_in_swap(const struct hmm_p2p_device_info *importer)
{
	size_t length = length_for(importer);
	uint8_t *mem = map_pattern(length, SMALL_PAGES, 9);

	swap_out(mem, length);
	assert_pattern(mem, length, 9);
	device_writes(importer->out_id, mem, length, 10);
	reclaim(mem, length);
	assert_pattern(mem, length, 10);
	unmap(mem, length);
}

static void test_clean_in_swap(void **state)
{
	(void)state;
	each_importer(clean_in_swap);
}

/* Shared memory that was read, so that it is there, and never written by the CPU. */
static void shared_read(const struct hmm_p2p_device_info *importer)
{
	size_t length = length_for(importer);
	int fd = memfd_create("shared", MFD_CLOEXEC);
	uint8_t *mem;

	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, length), errno);
	mem = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	assert_zero(mem, length);
	device_writes(importer->out_id, mem, length, 11);
	reclaim(mem, length);
	assert_pattern(mem, length, 11);
	munmap(mem, length);
	close(fd);
}

static void test_shared_read(void **state)
{
	(void)state;
	each_importer(shared_read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_given_up_in_ram),
		TEST(test_given_up_on_device),
		TEST(test_given_up_small),
		TEST(test_given_up_huge),
		TEST(test_given_up_huge_in_ram),
		TEST(test_clean_in_swap),
		TEST(test_shared_read),
	};

	return cmocka_run_group_tests_name("dirty", tests, dirty_setup, dirty_teardown);
}
