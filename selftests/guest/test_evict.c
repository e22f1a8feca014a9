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

static void oversubscribe(enum paging paging)
{
	struct hmm_p2p_device_info device = smallest_exporter();
	size_t length = TIMES * device.out_memory_bytes;
	uint8_t *mem = map_pattern(length, paging, 61);
	struct hmm_p2p_stat before = stat_now(device.out_id);
	struct hmm_p2p_migrate result;
	uint64_t evicted;

	assert_int_equal(migrate_flags(device.out_id, 0, mem, length, &result), 0);
	assert_int_equal(result.out_moved, length / page_size);
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

/*
 * What an importer keeps reaching stays; what nobody reaches goes. The hot
 * memory comes last: when all of the device is young, the hand takes the first.
 */
static void test_second_chance(void **state)
{
	struct hmm_p2p_device_info device = smallest_exporter(), importer;
	size_t hot_length = 4 * MIB, cold_length = device.out_memory_bytes - 8 * MIB;
	uint8_t *hot, *cold, *more;
	struct hmm_p2p_access access;
	size_t i;

	(void)state;
	if (!find_importer(device.out_id, HMM_P2P_OUTCOME_P2P, &importer))
		SKIP("no importer that reaches the device peer to peer");
	hot = map_pattern(hot_length, HUGE_PAGES, 63);
	cold = map_pattern(cold_length, HUGE_PAGES, 64);
	more = map_pattern(cold_length, HUGE_PAGES, 65);
	assert_int_equal(migrate_flags(device.out_id, 0, cold, cold_length, NULL), 0);
	assert_int_equal(migrate_flags(device.out_id, 0, hot, hot_length, NULL), 0);
	for (i = 0; i < cold_length; i += 2 * MIB) {
		assert_int_equal(hmm_p2p_fault(ctx, NULL, importer.out_id,
					       (uintptr_t)hot, hot_length, 0, NULL,
					       &access), 0);
		assert_int_equal(access.out_p2p, hot_length / page_size);
		assert_int_equal(migrate_flags(device.out_id, 0, more + i, 2 * MIB,
					       NULL), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_oversubscribe_small),
		TEST(test_oversubscribe_huge),
		TEST(test_no_evict),
		TEST(test_second_chance),
	};

	return RUN("evict", tests);
}
