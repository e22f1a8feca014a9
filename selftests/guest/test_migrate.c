// SPDX-License-Identifier: GPL-2.0
/*
 * Memory moves to a device and back: sizes, huge pages, first touch, no room,
 * several devices. What moved, what was counted and what is read must agree.
 */
#include <linux/fs.h>

#include "common.h"

static size_t fits(uint32_t device, size_t length)
{
	struct hmm_p2p_device_info info;

	assert_int_equal(hmm_p2p_device_next(ctx, device, &info), 0);
	return info.out_memory_bytes - info.out_used_bytes >= length + huge_size;
}

/* Whole huge pages in @length bytes of memory with huge pages. */
static uint64_t huge_in(size_t length, enum paging paging)
{
	return paging == HUGE_PAGES ? length / huge_size : 0;
}

#define assert_counted(id, before, counter, value) \
	assert_int_equal(stat_delta(id, before, HMM_P2P_COUNTER_##counter), value)

static void there(uint32_t id, uint8_t *mem, size_t length, enum paging paging)
{
	struct hmm_p2p_stat before = stat_now(id);
	uint64_t used = used_bytes(id);
	struct hmm_p2p_migrate result;

	move_to(id, mem, length, &result);
	assert_int_equal(result.out_moved, length / page_size);
	assert_int_equal(result.out_populated, 0);
	assert_int_equal(used_bytes(id) - used, length);
	assert_int_equal(pages_on(id, mem, length), length / page_size);
	assert_counted(id, &before, TO_DEVICE, length / page_size);
	assert_counted(id, &before, POPULATED, 0);
	assert_counted(id, &before, TO_RAM, 0);
	assert_counted(id, &before, ALLOC_FAILED, 0);
	assert_counted(id, &before, HUGE_TO_DEVICE, huge_in(length, paging));

	move_to(id, mem, length, &result);
	assert_int_equal(result.out_already, length / page_size);
	assert_counted(id, &before, TO_DEVICE, length / page_size);
}

/* The CPU reads everything, and so brings it home. */
static void home_by_cpu(uint32_t id, uint8_t *mem, size_t length,
			enum paging paging, uint64_t seed)
{
	struct hmm_p2p_stat before = stat_now(id);
	uint64_t used = used_bytes(id);

	assert_pattern(mem, length, seed);
	assert_int_equal(used - used_bytes(id), length);
	assert_int_equal(pages_on(0, mem, length), 0);
	assert_counted(id, &before, TO_RAM, length / page_size);
	assert_counted(id, &before, CPU_FAULT, length / page_size);
	assert_counted(id, &before, EVICTED, 0);
	assert_counted(id, &before, SENT_HOME, 0);
	assert_counted(id, &before, HUGE_TO_RAM, huge_in(length, paging));
}

static void home_by_call(uint32_t id, uint8_t *mem, size_t length,
			 enum paging paging, uint64_t seed)
{
	struct hmm_p2p_stat before = stat_now(id);
	uint64_t used = used_bytes(id);
	struct hmm_p2p_migrate result;

	move_to_ram(mem, length, &result);
	assert_int_equal(result.out_moved, length / page_size);
	assert_int_equal(result.out_populated, 0);
	assert_int_equal(used - used_bytes(id), length);
	assert_counted(id, &before, TO_RAM, length / page_size);
	assert_counted(id, &before, HUGE_TO_RAM, huge_in(length, paging));
	assert_pattern(mem, length, seed);
	assert_counted(id, &before, CPU_FAULT, 0);

	move_to_ram(mem, length, &result);
	assert_int_equal(result.out_already, length / page_size);
}

static void there_and_back(uint32_t id, size_t length, enum paging paging)
{
	uint8_t *mem = map_pattern(length, paging, 1);

	there(id, mem, length, paging);
	home_by_cpu(id, mem, length, paging, 1);
	assert_int_equal(count_pages(mem, huge_in(length, paging) * huge_size,
				     PAGE_IS_HUGE),
			 huge_in(length, paging) * (huge_size / page_size));
	pattern_fill(mem, 0, length, 2);
	there(id, mem, length, paging);
	home_by_call(id, mem, length, paging, 2);
	unmap(mem, length);
}

static void sizes(enum paging paging)
{
	const size_t lengths[] = {
		page_size, 2 * page_size, 3 * page_size, huge_size - page_size,
		huge_size, huge_size + page_size, 2 * huge_size, 5 * huge_size,
		16 * MIB, 64 * MIB,
	};
	uint32_t id = largest_exporter(0).out_id;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		if (fits(id, lengths[i]))
			there_and_back(id, lengths[i], paging);
}

static void test_sizes_small(void **state)
{
	(void)state;
	sizes(SMALL_PAGES);
}

static void test_sizes_huge(void **state)
{
	(void)state;
	sizes(HUGE_PAGES);
}

/* First touch on the device: all zero, no system page in between. */
static void populate(enum paging paging)
{
	uint32_t id = largest_exporter(16 * MIB).out_id;
	uint8_t *mem = map_memory(16 * MIB, paging);
	struct hmm_p2p_stat before = stat_now(id);
	struct hmm_p2p_migrate result;

	populate_to(id, mem, 16 * MIB, &result);
	assert_int_equal(result.out_moved, 16 * MIB / page_size);
	assert_int_equal(result.out_populated, 16 * MIB / page_size);
	assert_counted(id, &before, TO_DEVICE, 16 * MIB / page_size);
	assert_counted(id, &before, POPULATED, 16 * MIB / page_size);
	assert_counted(id, &before, HUGE_TO_DEVICE, huge_in(16 * MIB, paging));
	assert_int_equal(pages_on(id, mem, 16 * MIB), 16 * MIB / page_size);
	assert_zero(mem, 16 * MIB);
	pattern_fill(mem, 0, 16 * MIB, 3);
	assert_pattern(mem, 16 * MIB, 3);
	unmap(mem, 16 * MIB);
}

static void test_populate_small(void **state)
{
	(void)state;
	populate(SMALL_PAGES);
}

static void test_populate_huge(void **state)
{
	(void)state;
	populate(HUGE_PAGES);
}

/* Pages that were only read have the zero page behind them. */
static void test_populate_after_reading(void **state)
{
	uint32_t id = largest_exporter(4 * huge_size).out_id;
	uint8_t *small = map_memory(huge_size, SMALL_PAGES);
	uint8_t *huge = map_memory(huge_size, HUGE_PAGES);

	(void)state;
	assert_zero(small, huge_size);
	assert_zero(huge, huge_size);
	populate_all_to(id, small, huge_size);
	populate_all_to(id, huge, huge_size);
	assert_zero(small, huge_size);
	assert_zero(huge, huge_size);
	unmap(small, huge_size);
	unmap(huge, huge_size);
}

/* The device is full of secrets, and their owner exits. */
static int leave_secret(void *arg)
{
	const struct hmm_p2p_device_info *exporter = arg;
	size_t length = exporter->out_memory_bytes - huge_size;
	uint8_t *mem = map_memory(length, SMALL_PAGES);

	memset(mem, 0xa5, length);
	CHECK(hmm_p2p_migrate(ctx, NULL, exporter->out_id, (uintptr_t)mem, length,
			      NULL) == 0);
	return 0;
}

static void no_stale_bytes(enum paging paging)
{
	struct hmm_p2p_device_info exporter = smallest_exporter();
	size_t length = exporter.out_memory_bytes - huge_size;
	uint8_t *mem = map_memory(length, paging);
	uint8_t *seen = map_memory(huge_size, SMALL_PAGES);
	size_t at;

	assert_int_equal(in_child(leave_secret, &exporter), 0);
	populate_all_to(exporter.out_id, mem, length);
	/* As the device sees it, and as the CPU does. */
	for (at = 0; is_importer(&exporter) && at < length; at += huge_size) {
		memset(seen, 0xff, huge_size);
		assert_int_equal(hmm_p2p_read(ctx, NULL, exporter.out_id,
					      (uintptr_t)mem + at, huge_size, seen,
					      0, NULL, NULL), 0);
		assert_zero(seen, huge_size);
	}
	assert_zero(mem, length);
	unmap(seen, huge_size);
	unmap(mem, length);
}

static void test_no_stale_bytes_small(void **state)
{
	(void)state;
	no_stale_bytes(SMALL_PAGES);
}

static void test_no_stale_bytes_huge(void **state)
{
	(void)state;
	no_stale_bytes(HUGE_PAGES);
}

/* More than there is: what fits has moved, the rest is where it was. */
static void device_full(enum paging paging)
{
	struct hmm_p2p_device_info exporter = smallest_exporter();
	size_t length = exporter.out_memory_bytes + 4 * huge_size;
	uint8_t *mem = map_pattern(length, paging, 4);
	struct hmm_p2p_stat before = stat_now(exporter.out_id);
	struct hmm_p2p_migrate result;
	uint64_t used = used_bytes(exporter.out_id);

	assert_int_equal(hmm_p2p_migrate_flags(ctx, NULL, exporter.out_id,
					       HMM_P2P_MIGRATE_NO_EVICT,
					       (uintptr_t)mem,
					       length, &result),
			 -ENOSPC);
	assert_int_equal(result.out_moved * page_size,
			 used_bytes(exporter.out_id) - used);
	/* All but the page that the device keeps. */
	assert_in_range(used_bytes(exporter.out_id),
			exporter.out_memory_bytes - page_size,
			exporter.out_memory_bytes);
	assert_int_equal(pages_on(exporter.out_id, mem, length), result.out_moved);
	assert_int_not_equal(
		result.out_reasons[HMM_P2P_REASON_NO_DEVICE_MEMORY], 0);
	assert_int_equal(reasons_sum(result.out_reasons),
			 result.out_reasons[HMM_P2P_REASON_NO_DEVICE_MEMORY]);
	assert_in_range(migrate_sum(&result), 1, length / page_size);
	assert_int_not_equal(stat_delta(exporter.out_id, &before,
					HMM_P2P_COUNTER_ALLOC_FAILED), 0);
	assert_counted(exporter.out_id, &before, TO_DEVICE, result.out_moved);

	/* It stays full, and then it is free again. */
	assert_int_equal(hmm_p2p_migrate_flags(ctx, NULL, exporter.out_id,
					       HMM_P2P_MIGRATE_NO_EVICT,
					       (uintptr_t)mem + length - huge_size,
					       huge_size, &result),
			 -ENOSPC);
	assert_int_equal(result.out_moved, 0);
	assert_pattern(mem, length, 4);
	assert_int_equal(used_bytes(exporter.out_id), used);
	move_all_to(exporter.out_id, mem, huge_size);
	assert_pattern(mem, huge_size, 4);
	unmap(mem, length);
}

static void test_device_full_small(void **state)
{
	(void)state;
	device_full(SMALL_PAGES);
}

static void test_device_full_huge(void **state)
{
	(void)state;
	device_full(HUGE_PAGES);
}

/* First touch without room leaves the memory untouched. */
static void test_device_full_populate(void **state)
{
	struct hmm_p2p_device_info exporter = smallest_exporter();
	size_t length = exporter.out_memory_bytes + 4 * huge_size;
	uint8_t *mem = map_memory(length, HUGE_PAGES);
	struct hmm_p2p_migrate result;

	(void)state;
	assert_int_equal(hmm_p2p_migrate_flags(ctx, NULL, exporter.out_id,
					       HMM_P2P_MIGRATE_NO_EVICT |
					       HMM_P2P_MIGRATE_POPULATE,
					       (uintptr_t)mem,
					       length, &result),
			 -ENOSPC);
	assert_int_equal(result.out_moved, result.out_populated);
	assert_int_equal(pages_on(exporter.out_id, mem, length), result.out_moved);
	assert_zero(mem, length);
	unmap(mem, length);
}

/* Single pages all over the device: a huge page goes there in pieces. */
static void test_device_fragmented(void **state)
{
	struct hmm_p2p_device_info exporter = smallest_exporter();
	size_t length = exporter.out_memory_bytes - huge_size, at;
	uint8_t *crumbs = map_pattern(length, SMALL_PAGES, 5);
	uint8_t *mem = map_pattern(huge_size, HUGE_PAGES, 6);
	struct hmm_p2p_stat before;

	(void)state;
	move_all_to(exporter.out_id, crumbs, length);
	/* From each huge page of the device, half the pages come back. */
	for (at = 0; at < length; at += huge_size)
		move_to_ram(crumbs + at, huge_size / 2, NULL);
	before = stat_now(exporter.out_id);
	move_all_to(exporter.out_id, mem, huge_size);
	/* The page that the device keeps leaves one huge page whole or not. */
	assert_in_range(stat_delta(exporter.out_id, &before,
				   HMM_P2P_COUNTER_HUGE_TO_DEVICE), 0, 1);
	assert_pattern(mem, huge_size, 6);
	assert_pattern(crumbs, length, 5);
	unmap(mem, huge_size);
	unmap(crumbs, length);
}

/* From one device to another, directly as the caller sees it. */
static void device_to_device(enum paging paging)
{
	uint32_t from = largest_exporter(8 * huge_size).out_id;
	uint32_t to = other_exporter(from).out_id;
	size_t length = 8 * huge_size;
	uint8_t *mem = map_pattern(length, paging, 7);
	uint64_t used = used_bytes(from);
	struct hmm_p2p_stat before;

	move_all_to(from, mem, length);
	before = stat_now(to);
	move_all_to(to, mem, length);
	assert_int_equal(used_bytes(from), used);
	assert_counted(to, &before, TO_DEVICE, length / page_size);
	assert_pattern(mem, length, 7);
	unmap(mem, length);
}

static void test_device_to_device_small(void **state)
{
	(void)state;
	device_to_device(SMALL_PAGES);
}

static void test_device_to_device_huge(void **state)
{
	(void)state;
	device_to_device(HUGE_PAGES);
}

/* Here, there, in RAM and nowhere yet, page by page. */
static void test_from_everywhere(void **state)
{
	uint32_t id = largest_exporter(huge_size).out_id;
	uint32_t other = other_exporter(id).out_id;
	uint8_t *mem = map_memory(huge_size, SMALL_PAGES);
	size_t pages = huge_size / page_size, i;
	struct hmm_p2p_migrate result;

	(void)state;
	for (i = 0; i < pages; i++) {
		uint8_t *at = mem + i * page_size;

		if (i % 4 == 3)
			continue;
		pattern_fill(at, i * page_size, page_size, 8);
		if (i % 4 < 2)
			move_all_to(i % 4 ? other : id, at, page_size);
	}
	populate_to(id, mem, huge_size, &result);
	assert_int_equal(result.out_already, pages / 4);
	assert_int_equal(result.out_moved, pages - pages / 4);
	assert_int_equal(result.out_populated, pages / 4);
	for (i = 0; i < pages; i++) {
		uint8_t *at = mem + i * page_size;

		if (i % 4 == 3)
			assert_zero(at, page_size);
		else
			assert_int_equal(pattern_diff(at, i * page_size, page_size,
						      8), -1);
	}
	unmap(mem, huge_size);
}

/* Any part of a huge page in RAM, then any part of one on the device. */
static void test_parts_of_huge_pages(void **state)
{
	uint32_t id = largest_exporter(4 * huge_size).out_id;
	size_t length = 3 * huge_size, first = huge_size / 2 + page_size;
	size_t part = huge_size + huge_size / 2;
	uint8_t *mem = map_pattern(length, HUGE_PAGES, 9);
	struct hmm_p2p_stat before = stat_now(id);
	struct hmm_p2p_migrate result;

	(void)state;
	move_all_to(id, mem + first, part);
	assert_int_equal(pages_on(id, mem, length), part / page_size);
	assert_counted(id, &before, HUGE_TO_DEVICE, 1);
	assert_pattern(mem, length, 9);
	unmap(mem, length);

	mem = map_pattern(length, HUGE_PAGES, 10);
	move_all_to(id, mem, length);
	before = stat_now(id);
	move_to_ram(mem + first, part, &result);
	assert_int_equal(result.out_moved, part / page_size);
	assert_int_equal(pages_on(id, mem, length), (length - part) / page_size);
	assert_counted(id, &before, HUGE_TO_RAM, 1);
	assert_counted(id, &before, SPLIT, 2);
	assert_pattern(mem, length, 10);
	unmap(mem, length);
}

/* Unmapped on the device: nothing comes home, everything is free again. */
static void test_unmapped_on_device(void **state)
{
	uint32_t id = largest_exporter(8 * huge_size).out_id;
	uint64_t used = used_bytes(id);
	struct hmm_p2p_stat before;
	unsigned int paging;
	uint8_t *mem;

	(void)state;
	for (paging = SMALL_PAGES; paging <= HUGE_PAGES; paging++) {
		mem = map_pattern(8 * huge_size, paging, 11);
		move_all_to(id, mem, 8 * huge_size);
		before = stat_now(id);
		unmap(mem, 8 * huge_size);
		assert_int_equal(used_bytes(id), used);
		assert_counted(id, &before, TO_RAM, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sizes_small),
		TEST(test_sizes_huge),
		TEST(test_populate_small),
		TEST(test_populate_huge),
		TEST(test_populate_after_reading),
		TEST(test_no_stale_bytes_small),
		TEST(test_no_stale_bytes_huge),
		TEST(test_device_full_small),
		TEST(test_device_full_huge),
		TEST(test_device_full_populate),
		TEST(test_device_fragmented),
		TEST(test_device_to_device_small),
		TEST(test_device_to_device_huge),
		TEST(test_from_everywhere),
		TEST(test_parts_of_huge_pages),
		TEST(test_unmapped_on_device),
	};

	return RUN("migrate", tests);
}
