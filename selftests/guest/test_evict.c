// SPDX-License-Identifier: GPL-2.0
/*
 * More memory than the device has: cold pages go back to RAM, and all of it
 * keeps its bytes.
 */
#include "common.h"

#define TIMES	4

static int migrate_flags(uint32_t device, uint32_t flags, void *mem, size_t length,
			 struct hmm_p2p_migrate *result)
{
	return hmm_p2p_migrate_flags(ctx, NULL, device, flags, (uintptr_t)mem, length,
				     result);
}

/* Piece by piece: each makes room by those that came before. */
static void oversubscribe(enum paging paging)
{
	struct hmm_p2p_device_info device = smallest_exporter();
	size_t length = TIMES * device.out_memory_bytes, at;
	size_t piece = device.out_memory_bytes / 4;
	uint8_t *mem = map_pattern(length, paging, 61);
	struct hmm_p2p_stat before = stat_now(device.out_id);
	uint64_t evicted;

	for (at = 0; at < length; at += piece)
		move_all_to(device.out_id, mem + at, piece);
	evicted = stat_delta(device.out_id, &before, HMM_P2P_COUNTER_EVICTED_FULL);
	assert_true(evicted >= (length - device.out_memory_bytes) / page_size);
	assert_int_equal(stat_delta(device.out_id, &before, HMM_P2P_COUNTER_EVICTED), 0);
	assert_pattern(mem, length, 61);
	unmap(mem, length);
}

static void test_oversubscribe_small(void **state)
{
	(void)state;
	oversubscribe(SMALL_PAGES);
}

static void test_oversubscribe_huge(void **state)
{
	(void)state;
	oversubscribe(HUGE_PAGES);
}

static void test_no_evict(void **state)
{
	struct hmm_p2p_device_info device = smallest_exporter();
	size_t length = device.out_memory_bytes + 4 * MIB;
	uint8_t *mem = map_pattern(length, SMALL_PAGES, 62);
	struct hmm_p2p_stat before = stat_now(device.out_id);
	struct hmm_p2p_migrate result;

	(void)state;
	assert_int_equal(migrate_flags(device.out_id, HMM_P2P_MIGRATE_NO_EVICT, mem,
				       length, &result), -ENOSPC);
	assert_true(result.out_moved > 0);
	assert_int_equal(stat_delta(device.out_id, &before,
				    HMM_P2P_COUNTER_EVICTED_FULL), 0);
	assert_pattern(mem, length, 62);
	unmap(mem, length);
}

static int count_extent(const struct hmm_p2p_extent *extent, void *arg)
{
	*(uint64_t *)arg += extent->length;
	return 0;
}

static uint64_t resident(const void *mem, size_t length)
{
	uint64_t bytes = 0;

	assert_true(hmm_p2p_query(ctx, NULL, 0, (uintptr_t)mem, length, count_extent,
				  &bytes) >= 0);
	return bytes;
}

static uint64_t evicted_since(uint32_t device, const struct hmm_p2p_stat *before)
{
	return stat_delta(device, before, HMM_P2P_COUNTER_EVICTED_FULL);
}

/*
 * What an importer keeps reaching stays; what nobody reaches goes. At first all of
 * the device is young, and the hand takes what it stands at: that may be hot, and
 * comes back. From then on there is always something old.
 */
static void test_second_chance(void **state)
{
	struct hmm_p2p_device_info device = smallest_exporter(), importer;
	size_t hot_length = 4 * MIB, cold_length = device.out_memory_bytes - 8 * MIB;
	uint8_t *hot, *cold, *more, *piece;
	struct hmm_p2p_access access;
	struct hmm_p2p_stat before;

	(void)state;
	if (!find_importer(device.out_id, HMM_P2P_OUTCOME_P2P, &importer))
		SKIP("no importer that reaches the device peer to peer");
	hot = map_pattern(hot_length, HUGE_PAGES, 63);
	cold = map_pattern(cold_length, HUGE_PAGES, 64);
	more = map_pattern(cold_length, HUGE_PAGES, 65);
	assert_int_equal(migrate_flags(device.out_id, 0, cold, cold_length, NULL), 0);
	assert_int_equal(migrate_flags(device.out_id, 0, hot, hot_length, NULL), 0);
	before = stat_now(device.out_id);
	for (piece = more; !evicted_since(device.out_id, &before); piece += 2 * MIB)
		move_to(device.out_id, piece, 2 * MIB, NULL);
	move_to(device.out_id, hot, hot_length, NULL);
	for (; piece < more + cold_length / 2; piece += 2 * MIB) {
		assert_int_equal(hmm_p2p_fault(ctx, NULL, importer.out_id,
					       (uintptr_t)hot, hot_length, 0, NULL,
					       &access), 0);
		assert_int_equal(access.out_p2p, hot_length / page_size);
		assert_int_equal(migrate_flags(device.out_id, 0, piece, 2 * MIB, NULL),
				 0);
	}
	assert_int_equal(resident(hot, hot_length), hot_length);
	assert_true(resident(cold, cold_length) < cold_length);
	assert_pattern(hot, hot_length, 63);
	assert_pattern(cold, cold_length, 64);
	assert_pattern(more, cold_length, 65);
	unmap(hot, hot_length);
	unmap(cold, cold_length);
	unmap(more, cold_length);
}

/* A move that wants more than there is: it has all of the device, and ends. */
static void takes_it_all(uint32_t device, uint8_t *mem, size_t length,
			 struct hmm_p2p_migrate *result)
{
	struct hmm_p2p_device_info info;

	assert_int_equal(migrate_flags(device, 0, mem, length, result), -ENOSPC);
	assert_int_equal(hmm_p2p_device_next(ctx, device, &info), 0);
	/* All but the page that the device keeps. */
	assert_in_range(info.out_used_bytes, info.out_memory_bytes - page_size,
			info.out_memory_bytes);
	assert_int_equal(pages_on(device, mem, length) * page_size, info.out_used_bytes);
	assert_in_range(migrate_sum(result), 1, length / page_size);
	assert_int_not_equal(result->out_reasons[HMM_P2P_REASON_NO_DEVICE_MEMORY], 0);
	assert_int_equal(reasons_sum(result->out_reasons),
			 result->out_reasons[HMM_P2P_REASON_NO_DEVICE_MEMORY]);
}

/* Others go, whatever they are in; of its own range a move takes nothing away. */
static void own_range(enum paging paging, enum paging others)
{
	struct hmm_p2p_device_info device = smallest_exporter();
	size_t length = device.out_memory_bytes + 8 * MIB;
	size_t other_length = device.out_memory_bytes / 2;
	uint8_t *mem = map_pattern(length, paging, 66);
	uint8_t *other = map_pattern(other_length, others, 67);
	struct hmm_p2p_migrate result;
	struct hmm_p2p_stat before;

	move_all_to(device.out_id, other, other_length);
	before = stat_now(device.out_id);
	takes_it_all(device.out_id, mem, length, &result);
	assert_int_equal(result.out_moved, pages_on(device.out_id, mem, length));
	assert_int_equal(result.out_already, 0);
	assert_int_equal(pages_on(0, other, other_length), 0);
	assert_int_equal(evicted_since(device.out_id, &before), other_length / page_size);
	/* Once more: all of it is there already. */
	before = stat_now(device.out_id);
	takes_it_all(device.out_id, mem, length, &result);
	assert_int_equal(result.out_already, pages_on(device.out_id, mem, length));
	assert_int_equal(evicted_since(device.out_id, &before), 0);
	assert_pattern(mem, length, 66);
	assert_pattern(other, other_length, 67);
	unmap(mem, length);
	unmap(other, other_length);
}

static void test_own_range_small(void **state)
{
	(void)state;
	own_range(SMALL_PAGES, SMALL_PAGES);
}

static void test_own_range_huge(void **state)
{
	(void)state;
	own_range(HUGE_PAGES, HUGE_PAGES);
}

static void test_own_range_mixed(void **state)
{
	(void)state;
	own_range(SMALL_PAGES, HUGE_PAGES);
	own_range(HUGE_PAGES, SMALL_PAGES);
}

/* What an earlier move has put there is the range's own as well: its end, here. */
static void own_end(enum paging paging)
{
	struct hmm_p2p_device_info device = smallest_exporter();
	size_t length = device.out_memory_bytes + 8 * MIB, part = 16 * MIB;
	uint8_t *mem = map_pattern(length, paging, 68), *end = mem + length - part;
	uint8_t *other = map_pattern(part, SMALL_PAGES, 69);
	struct hmm_p2p_migrate result;
	struct hmm_p2p_stat before;

	move_all_to(device.out_id, end, part);
	move_all_to(device.out_id, other, part);
	before = stat_now(device.out_id);
	takes_it_all(device.out_id, mem, length, &result);
	assert_int_equal(pages_on(device.out_id, end, part), part / page_size);
	assert_int_equal(result.out_moved + part / page_size,
			 pages_on(device.out_id, mem, length));
	assert_int_equal(evicted_since(device.out_id, &before), part / page_size);
	assert_pattern(mem, length, 68);
	assert_pattern(other, part, 69);
	unmap(mem, length);
	unmap(other, part);
}

static void test_own_end_small(void **state)
{
	(void)state;
	own_end(SMALL_PAGES);
}

static void test_own_end_huge(void **state)
{
	(void)state;
	own_end(HUGE_PAGES);
}

/*
 * Pages of the range and others lie side by side in each huge page of the device,
 * and there is not enough room without the others'.
 */
static void test_own_among_others(void **state)
{
	struct hmm_p2p_device_info device = smallest_exporter();
	size_t part = 8 * MIB, rest = device.out_memory_bytes - 2 * part - huge_size, at;
	size_t length = part + rest + part / 2;
	uint8_t *mem = map_pattern(length, SMALL_PAGES, 70);
	uint8_t *other = map_pattern(part + rest, SMALL_PAGES, 73);
	struct hmm_p2p_migrate result;

	(void)state;
	for (at = 0; at < part; at += page_size) {
		move_all_to(device.out_id, mem + at, page_size);
		move_all_to(device.out_id, other + at, page_size);
	}
	move_all_to(device.out_id, other + part, rest);
	move_to(device.out_id, mem, length, &result);
	assert_int_equal(result.out_already, part / page_size);
	assert_int_equal(result.out_moved, (length - part) / page_size);
	assert_int_equal(pages_on(device.out_id, mem, length), length / page_size);
	assert_pattern(mem, length, 70);
	assert_pattern(other, part + rest, 73);
	unmap(mem, length);
	unmap(other, part + rest);
}

struct held {
	struct turns turns;
	uint32_t device;
	size_t length;
	enum paging paging;
};

static int holds_half(void *arg)
{
	struct held *held = arg;
	uint8_t *mem = map_pattern(held->length, held->paging, 71);

	turns_side(&held->turns, true);
	CHECK(migrate_flags(held->device, 0, mem, held->length, NULL) == 0);
	CHECK(turn_give(&held->turns) == 0);
	CHECK(turn_await(&held->turns) == 0);
	CHECK(pages_on(held->device, mem, held->length) == 0);
	CHECK(pattern_diff(mem, 0, held->length, 71) == -1);
	return 0;
}

/* Another process's pages go all of them before the move ends. */
static void others_go(enum paging paging)
{
	struct hmm_p2p_device_info device = smallest_exporter();
	struct held held = {
		.device = device.out_id,
		.length = device.out_memory_bytes / 2,
		.paging = paging,
	};
	size_t length = device.out_memory_bytes + 8 * MIB;
	struct hmm_p2p_migrate result;
	struct hmm_p2p_stat before;
	uint8_t *mem;
	pid_t pid;

	turns_init(&held.turns);
	pid = child_start(holds_half, &held);
	turns_side(&held.turns, false);
	assert_int_equal(turn_await(&held.turns), 0);
	mem = map_pattern(length, paging, 72);
	before = stat_now(device.out_id);
	takes_it_all(device.out_id, mem, length, &result);
	assert_int_equal(evicted_since(device.out_id, &before), held.length / page_size);
	assert_int_equal(turn_give(&held.turns), 0);
	assert_int_equal(child_wait(pid), 0);
	assert_pattern(mem, length, 72);
	unmap(mem, length);
	turns_fini(&held.turns);
}

static void test_others_go_small(void **state)
{
	(void)state;
	others_go(SMALL_PAGES);
}

static void test_others_go_huge(void **state)
{
	(void)state;
	others_go(HUGE_PAGES);
}

/* Two mappings that do not fit together, as one move: one has to stay, in part. */
static void test_own_ranges(void **state)
{
	struct hmm_p2p_device_info device = smallest_exporter();
	size_t length = device.out_memory_bytes / 4 * 3;
	uint8_t *first = map_pattern(length, SMALL_PAGES, 76);
	uint8_t *second = map_pattern(length, HUGE_PAGES, 77);
	const struct hmm_p2p_range ranges[] = {
		{ (uintptr_t)first, length }, { (uintptr_t)second, length },
	};
	struct hmm_p2p_stat before = stat_now(device.out_id);
	struct hmm_p2p_migrate result;

	(void)state;
	assert_int_equal(hmm_p2p_migrate_ranges(ctx, NULL, device.out_id, 0, ranges, 2,
						&result), -ENOSPC);
	assert_int_equal(result.addr, (uintptr_t)second);
	assert_int_equal(pages_on(device.out_id, first, length), length / page_size);
	assert_int_equal(result.out_moved, pages_on(device.out_id, first, length) +
					   pages_on(device.out_id, second, length));
	assert_in_range(used_bytes(device.out_id), device.out_memory_bytes - page_size,
			device.out_memory_bytes);
	assert_int_equal(evicted_since(device.out_id, &before), 0);
	/* Another move is another matter. */
	move_to(device.out_id, second, length, &result);
	assert_int_equal(pages_on(device.out_id, second, length), length / page_size);
	assert_true(evicted_since(device.out_id, &before) > 0);
	assert_pattern(first, length, 76);
	assert_pattern(second, length, 77);
	unmap(first, length);
	unmap(second, length);
}

/* A huge page at @to, which nothing is mapped at any more where it was. */
static void move_mapping(uint8_t *from, uint8_t *to)
{
	assert_ptr_equal(mremap(from, huge_size, huge_size, MREMAP_MAYMOVE | MREMAP_FIXED,
				to), to);
	forget(from, huge_size);
}

/*
 * A process has moved a huge page's mapping (mremap()), and memory of another device
 * to where it was: that is not what has to make room.
 */
static void moved_away(uint32_t second)
{
	struct hmm_p2p_device_info first = smallest_exporter();
	uint8_t *a = map_pattern(huge_size, HUGE_PAGES, 78), *b, *elsewhere, *newcomer;
	size_t length = first.out_memory_bytes;
	struct hmm_p2p_stat before;

	b = map_pattern(huge_size, HUGE_PAGES, 79);
	elsewhere = map_memory(huge_size, HUGE_PAGES);
	newcomer = map_pattern(length, SMALL_PAGES, 80);
	move_all_to(first.out_id, a, huge_size);
	move_all_to(second, b, huge_size);
	before = stat_now(second);
	move_mapping(a, elsewhere);
	move_mapping(b, a);
	assert_int_equal(pages_on(second, a, huge_size), huge_size / page_size);
	migrate_flags(first.out_id, 0, newcomer, length, NULL);
	assert_int_equal(pages_on(second, a, huge_size), huge_size / page_size);
	assert_int_equal(stat_delta(second, &before, HMM_P2P_COUNTER_TO_RAM), 0);
	assert_int_equal(stat_delta(second, &before, HMM_P2P_COUNTER_SPLIT), 0);
	assert_pattern(newcomer, length, 80);
	assert_pattern(a, huge_size, 79);
	assert_pattern(elsewhere, huge_size, 78);
	unmap(a, huge_size);
	unmap(elsewhere, huge_size);
	unmap(newcomer, length);
}

static void test_moved_away(void **state)
{
	(void)state;
	moved_away(other_exporter(smallest_exporter().out_id).out_id);
}

/* Not even where both are reached by the same owner. */
static void test_moved_away_same_owner(void **state)
{
	uint32_t first = smallest_exporter().out_id, second = other_exporter(first).out_id;

	(void)state;
	if (hmm_p2p_set_owner(ctx, second, first, NULL))
		SKIP("the two cannot share an interconnect");
	moved_away(second);
	assert_int_equal(hmm_p2p_set_owner(ctx, second, 0, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_oversubscribe_small),
		TEST(test_oversubscribe_huge),
		TEST(test_no_evict),
		TEST(test_own_range_small),
		TEST(test_own_range_huge),
		TEST(test_own_range_mixed),
		TEST(test_own_end_small),
		TEST(test_own_end_huge),
		TEST(test_own_among_others),
		TEST(test_own_ranges),
		TEST(test_others_go_small),
		TEST(test_others_go_huge),
		TEST(test_second_chance),
		TEST(test_moved_away),
		TEST(test_moved_away_same_owner),
	};

	return RUN("evict", tests);
}
