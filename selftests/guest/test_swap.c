// SPDX-License-Identifier: GPL-2.0
/*
 * Swap and device memory: pages that are out come in and move, pages that are
 * on the device are nothing that reclaim could take, and the way home works
 * when the system is short of memory.
 */
#include <sys/stat.h>

#include "common.h"
#include "common_swap.h"

#define LENGTH		(8 * MIB)
#define SWAP_BYTES	(512 * MIB)

static bool have_swap;

static int swap_suite_setup(void **state)
{
	if (suite_setup(state))
		return -1;
	have_swap = swap_begin(SWAP_ZRAM, SWAP_BYTES);
	return 0;
}

static int swap_suite_teardown(void **state)
{
	int bad = have_swap ? swap_end(SWAP_ZRAM) : 0;

	return suite_teardown(state) || bad ? -1 : 0;
}

static void need_swap(void)
{
	if (!have_swap)
		SKIP("there is no zram to swap to");
}

static void swapped_pages_move(enum paging paging)
{
	uint8_t *mem = map_pattern(LENGTH, paging, 1);
	uint32_t id = largest_exporter(LENGTH).out_id;

	need_swap();
	swap_out(mem, LENGTH);
	move_all_to(id, mem, LENGTH);
	assert_pattern(mem, LENGTH, 1);
	unmap(mem, LENGTH);
}

static void test_swapped_small(void **state)
{
	(void)state;
	swapped_pages_move(SMALL_PAGES);
}

static void test_swapped_huge(void **state)
{
	(void)state;
	swapped_pages_move(HUGE_PAGES);
}

/* What is in swap comes in and moves; its neighbours that nobody touched do not. */
static void test_swapped_and_untouched(void **state)
{
	uint8_t *mem = map_memory(LENGTH, SMALL_PAGES);
	uint32_t id = largest_exporter(LENGTH).out_id;
	size_t pages = LENGTH / page_size, i;
	struct hmm_p2p_migrate result;

	(void)state;
	need_swap();
	for (i = 0; i < pages; i += 2)
		pattern_fill(mem + i * page_size, i * page_size, page_size, 8);
	for (i = 0; i < pages; i += 2)
		swap_out(mem + i * page_size, page_size);
	move_to(id, mem, LENGTH, &result);
	assert_int_equal(result.out_moved, pages / 2);
	assert_int_equal(result.out_populated, 0);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_UNTOUCHED], pages / 2);
	assert_int_equal(pages_on(id, mem, LENGTH), pages / 2);
	for (i = 0; i < pages; i += 2)
		assert_int_equal(pattern_diff(mem + i * page_size, i * page_size,
					      page_size, 8), -1);
	unmap(mem, LENGTH);
}

/* A page of a private file that was written is in swap: it is fetched as well. */
static void test_swapped_of_file(void **state)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	uint32_t id = largest_exporter(LENGTH).out_id;
	struct hmm_p2p_migrate result;
	uint8_t *mem;

	(void)state;
	need_swap();
	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, 16 * page_size), errno);
	mem = mmap(NULL, 16 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	pattern_fill(mem, 0, 4 * page_size, 9);
	swap_out(mem, 4 * page_size);
	move_to(id, mem, 16 * page_size, &result);
	assert_int_equal(result.out_moved, 4);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_NOT_ANON], 12);
	assert_pattern(mem, 4 * page_size, 9);
	assert_int_equal(munmap(mem, 16 * page_size), 0);
	close(fd);
}

/* In RAM and in swap at once: the copy in the swap cache is given up. */
static void test_swap_cache(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 2);
	uint32_t id = largest_exporter(LENGTH).out_id;

	(void)state;
	need_swap();
	swap_out(mem, LENGTH);
	/* Read, so that the copies in swap stay good. */
	assert_pattern(mem, LENGTH, 2);
	move_all_to(id, mem, LENGTH);
	assert_pattern(mem, LENGTH, 2);
	pattern_fill(mem, 0, LENGTH, 3);
	swap_out(mem, LENGTH);
	assert_pattern(mem, LENGTH, 3);
	unmap(mem, LENGTH);
}

/* Device, swap and RAM, page by page, go to the device and to RAM. */
static void test_swapped_between(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 4);
	uint32_t id = largest_exporter(LENGTH).out_id;
	struct hmm_p2p_migrate result;
	size_t at;

	(void)state;
	need_swap();
	for (at = 0; at < LENGTH; at += 3 * page_size)
		swap_out(mem + at, page_size);
	for (at = page_size; at < LENGTH; at += 3 * page_size)
		move_all_to(id, mem + at, page_size);
	move_to(id, mem, LENGTH, &result);
	assert_int_equal(result.out_already, (LENGTH / page_size + 1) / 3);
	assert_int_equal(result.out_moved,
			 LENGTH / page_size - (LENGTH / page_size + 1) / 3);
	assert_int_equal(pages_on(id, mem, LENGTH), LENGTH / page_size);
	assert_pattern(mem, LENGTH, 4);

	for (at = 0; at < LENGTH; at += 3 * page_size)
		swap_out(mem + at, page_size);
	for (at = page_size; at < LENGTH; at += 3 * page_size)
		move_all_to(id, mem + at, page_size);
	move_to_ram(mem, LENGTH, &result);
	assert_int_equal(result.out_moved, (LENGTH / page_size + 1) / 3);
	assert_pattern(mem, LENGTH, 4);
	unmap(mem, LENGTH);
}

/* Device pages are not reclaimed, and not harmed by the attempt. */
static void pageout_on_device(enum paging paging)
{
	uint8_t *mem = map_pattern(LENGTH, paging, 5);
	uint32_t id = largest_exporter(LENGTH).out_id;

	need_swap();
	move_all_to(id, mem, LENGTH);
	assert_int_equal(madvise(mem, LENGTH, MADV_PAGEOUT), 0);
	assert_int_equal(madvise(mem, LENGTH, MADV_COLD), 0);
	assert_int_equal(pages_on(id, mem, LENGTH), LENGTH / page_size);
	assert_pattern(mem, LENGTH, 5);
	unmap(mem, LENGTH);
}

static void test_pageout_on_device_small(void **state)
{
	(void)state;
	pageout_on_device(SMALL_PAGES);
}

static void test_pageout_on_device_huge(void **state)
{
	(void)state;
	pageout_on_device(HUGE_PAGES);
}

/* An importer asks for memory of which some is in swap. */
static void test_importer_and_swap(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 6);
	uint8_t *data = map_memory(LENGTH, SMALL_PAGES);
	struct hmm_p2p_device_info exporter = largest_exporter(LENGTH);
	struct reached reached;

	(void)state;
	need_swap();
	if (!is_importer(&exporter))
		SKIP("the exporter does not import");
	move_all_to(exporter.out_id, mem, LENGTH / 2);
	swap_out(mem + LENGTH / 2, LENGTH / 2);
	reached = reach(exporter.out_id, mem, LENGTH, data, 0);
	assert_int_equal(reached.result.out_private, LENGTH / 2 / page_size);
	assert_int_equal(reached.result.out_system, LENGTH / 2 / page_size);
	assert_pattern(data, LENGTH, 6);
	reached_free(&reached);
	unmap(data, LENGTH);
	unmap(mem, LENGTH);
}

static char group[64];

/* A memory cgroup with @limit bytes, which the child joins. */
static bool group_make(size_t limit)
{
	char path[128], text[32];

	snprintf(group, sizeof(group), "/sys/fs/cgroup/hmm_p2p_%d", getpid());
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (mkdir(group, 0755))
		return false;
	snprintf(path, sizeof(path), "%s/memory.max", group);
	snprintf(text, sizeof(text), "%zu", limit);
	return !write_file(path, text);
}

static int group_join(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	return write_file(path, "0");
}

#define GROUP_LIMIT	(24 * MIB)
#define WINDOW		(8 * MIB)

/* Device pages count for the group, so there is room for a part at a time. */
static int squeezed(void *arg)
{
	uint32_t id = *(uint32_t *)arg;
	size_t length = 40 * MIB, at;
	uint8_t *mem = map_memory(length, SMALL_PAGES);
	struct hmm_p2p_migrate result;

	CHECK(group_join() == 0);
	pattern_fill(mem, 0, length, 7);
	for (at = 0; at < length; at += WINDOW) {
		CHECK(hmm_p2p_migrate(ctx, NULL, id, (uintptr_t)mem + at, WINDOW,
				      &result) == 0);
		CHECK(result.out_moved == WINDOW / page_size);
		CHECK(pattern_diff(mem + (length - at - WINDOW),
				   length - at - WINDOW, WINDOW, 7) == -1);
		CHECK(pattern_diff(mem + at, at, WINDOW, 7) == -1);
	}
	CHECK(pattern_diff(mem, 0, length, 7) == -1);
	return 0;
}

static int in_group(child_fn fn, uint32_t id)
{
	int ret;

	need_swap();
	if (!group_make(GROUP_LIMIT)) {
		rmdir(group);
		SKIP("there is no memory cgroup");
	}
	ret = in_child(fn, &id);
	assert_int_equal(rmdir(group), 0);
	return ret;
}

static void test_group_under_pressure(void **state)
{
	(void)state;
	assert_int_equal(in_group(squeezed, largest_exporter(WINDOW).out_id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_swapped_small),
		TEST(test_swapped_huge),
		TEST(test_swapped_and_untouched),
		TEST(test_swapped_of_file),
		TEST(test_swap_cache),
		TEST(test_swapped_between),
		TEST(test_pageout_on_device_small),
		TEST(test_pageout_on_device_huge),
		TEST(test_importer_and_swap),
		TEST(test_group_under_pressure),
	};

	return cmocka_run_group_tests_name("swap", tests, swap_suite_setup,
					   swap_suite_teardown);
}
