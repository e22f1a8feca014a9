// SPDX-License-Identifier: GPL-2.0
/*
 * What is told of device memory that processes map, without touching it, and
 * whether importers get what was told: each of them, with a path or without.
 */
#include <linux/fs.h>

#include "common_shared.h"

#define PAGES	16
#define LENGTH	(PAGES * page_size)
#define WHOLE	(HMM_P2P_EXTENT_SHARED | HMM_P2P_EXTENT_WINDOW)

struct told {
	struct hmm_p2p_extent extents[8];
	size_t nr;
};

static int note(const struct hmm_p2p_extent *extent, void *arg)
{
	struct told *told = arg;

	REQUIRE(told->nr < ARRAY_SIZE(told->extents));
	told->extents[told->nr++] = *extent;
	return 0;
}

static struct told ask(uint32_t importer, const void *mem, size_t length)
{
	struct told told = { 0 };
	int64_t n = hmm_p2p_query(ctx, NULL, importer, (uintptr_t)mem, length, note,
				  &told);

	REQUIRE(n == (int64_t)told.nr);
	return told;
}

static void assert_extent(const struct hmm_p2p_extent *extent, const uint8_t *mem,
			  size_t length, uint32_t device, uint32_t flags)
{
	assert_int_equal(extent->addr, (uintptr_t)mem);
	assert_int_equal(extent->length, length);
	assert_int_equal(extent->device, device);
	assert_int_equal(extent->flags, flags);
}

/* Shared memory in place of what is at @at. */
static void map_at(struct hmm_p2p *mine, const struct pool *pool, uint8_t *at,
		   size_t length)
{
	void *mem = mmap(at, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 hmm_p2p_fd(mine), (off_t)HMM_P2P_MAP_OFFSET(pool->id, 0));

	REQUIRE(mem == at);
}

/* A call that fails ends there, and it goes from huge page to huge page. */
static uint8_t *map_aligned(struct hmm_p2p *mine, const struct pool *pool,
			    size_t length)
{
	uint8_t *mem = map_memory(length, SMALL_PAGES);

	map_at(mine, pool, mem, length);
	return mem;
}

/* The device has the memory from mmap() on; to ask brings nothing into being. */
static void test_untouched(void **state)
{
	struct hmm_p2p *mine;
	struct pool pool;
	struct told told;
	uint8_t *mem;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_aligned(mine, &pool, LENGTH);
	assert_int_equal(count_pages(mem, LENGTH, PAGE_IS_PRESENT), 0);
	told = ask(0, mem, LENGTH);
	assert_int_equal(told.nr, 1);
	assert_extent(&told.extents[0], mem, LENGTH, pool.id,
		      WHOLE | HMM_P2P_EXTENT_WRITABLE);
	assert_int_equal(told.extents[0].outcome, HMM_P2P_OUTCOME_NONE);
	assert_int_equal(told.extents[0].reason, HMM_P2P_REASON_NONE);
	assert_int_equal(count_pages(mem, LENGTH, PAGE_IS_PRESENT), 0);

	/* A part of it in the page table makes no difference. */
	pattern_fill(mem + page_size, 0, 2 * page_size, 1);
	assert_int_equal(count_pages(mem, LENGTH, PAGE_IS_PRESENT), 2);
	told = ask(0, mem, LENGTH);
	assert_int_equal(told.nr, 1);
	assert_extent(&told.extents[0], mem, LENGTH, pool.id,
		      WHOLE | HMM_P2P_EXTENT_WRITABLE);
	unmap(mem, LENGTH);
	assert_int_equal(ask(0, mem, LENGTH).nr, 0);
	hmm_p2p_close(mine);
	pool_is_back(&pool);
}

static void test_protection(void **state)
{
	struct hmm_p2p *mine;
	struct pool pool;
	struct told told;
	uint8_t *mem;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_aligned(mine, &pool, 3 * page_size);
	assert_int_equal(mprotect(mem, page_size, PROT_READ), 0);
	assert_int_equal(mprotect(mem + page_size, page_size, PROT_NONE), 0);
	told = ask(0, mem, 3 * page_size);
	assert_int_equal(told.nr, 2);
	assert_extent(&told.extents[0], mem, page_size, pool.id, WHOLE);
	assert_extent(&told.extents[1], mem + 2 * page_size, page_size, pool.id,
		      WHOLE | HMM_P2P_EXTENT_WRITABLE);
	unmap(mem, 3 * page_size);
	hmm_p2p_close(mine);
	pool_is_back(&pool);
}

/* ------------------------------------------------ query and fault must agree */

static void is_refused(uint32_t importer, const void *mem, size_t pages,
		       uint32_t flags, enum hmm_p2p_reason reason)
{
	struct hmm_p2p_access result;
	uint8_t outcomes[PAGES];
	size_t i;

	memset(outcomes, 0xff, sizeof(outcomes));
	assert_int_equal(hmm_p2p_fault(ctx, NULL, importer, (uintptr_t)mem,
				       pages * page_size, flags, outcomes, &result),
			 -EREMOTEIO);
	assert_int_equal(result.out_reasons[reason], pages);
	assert_int_equal(reasons_sum(result.out_reasons), pages);
	assert_int_equal(result.out_private + result.out_p2p + result.out_migrated +
			 result.out_system, 0);
	for (i = 0; i < pages; i++) {
		assert_int_equal(hmm_p2p_outcome_of(outcomes[i]), HMM_P2P_OUTCOME_NONE);
		assert_int_equal(hmm_p2p_reason_of(outcomes[i]), reason);
	}
}

static void is_given(uint32_t importer, const void *mem, uint32_t flags)
{
	struct reached reached = reach(importer, mem, LENGTH, NULL, flags);

	assert_int_equal(reached_count(&reached, HMM_P2P_OUTCOME_P2P, 0), PAGES);
	reached_free(&reached);
}

/* Both ways, before and after the CPU has touched the memory. */
static void agrees(uint32_t device, uint32_t importer, uint8_t *mem)
{
	struct told told = ask(importer, mem, LENGTH);
	struct hmm_p2p_stat before = stat_now(device);
	uint64_t refused = 0;

	assert_int_equal(told.nr, 1);
	if (told.extents[0].outcome == HMM_P2P_OUTCOME_P2P) {
		assert_int_equal(told.extents[0].reason, HMM_P2P_REASON_NONE);
		is_given(importer, mem, 0);
		is_given(importer, mem, HMM_P2P_ACCESS_WRITE);
	} else {
		assert_int_equal(told.extents[0].outcome, HMM_P2P_OUTCOME_NONE);
		assert_int_equal(told.extents[0].reason, HMM_P2P_REASON_NO_PATH);
		is_refused(importer, mem, PAGES, 0, HMM_P2P_REASON_NO_PATH);
		is_refused(importer, mem, PAGES, HMM_P2P_ACCESS_WRITE, HMM_P2P_REASON_NO_PATH);
		refused += 2 * PAGES;
	}
	is_refused(importer, mem, PAGES, HMM_P2P_ACCESS_NO_P2P, HMM_P2P_REASON_IMPORTER);
	is_refused(importer, mem, PAGES, HMM_P2P_ACCESS_NO_P2P | HMM_P2P_ACCESS_WRITE,
		   HMM_P2P_REASON_IMPORTER);
	refused += 2 * PAGES;
	assert_int_equal(stat_delta(device, &before, HMM_P2P_COUNTER_REFUSED), refused);
	assert_int_equal(stat_delta(device, &before, HMM_P2P_COUNTER_SENT_HOME), 0);
}

static void test_importers(void **state)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	unsigned int given = 0, refused = 0;
	struct hmm_p2p_path path;
	struct hmm_p2p *mine;
	struct pool pool;
	uint8_t *mem;
	size_t n, i;

	(void)state;
	pools_find(&pool, 1);
	n = device_list(infos);
	mine = context_open();
	for (i = 0; i < n; i++) {
		if (!is_importer(&infos[i]))
			continue;
		mem = map_aligned(mine, &pool, LENGTH);
		agrees(pool.id, infos[i].out_id, mem);
		pattern_fill(mem, 0, LENGTH, 2);
		agrees(pool.id, infos[i].out_id, mem);
		assert_pattern(mem, LENGTH, 2);
		unmap(mem, LENGTH);
		assert_int_equal(hmm_p2p_path(ctx, pool.id, infos[i].out_id, &path), 0);
		given += path.out_outcome != HMM_P2P_OUTCOME_MIGRATED;
		refused += path.out_reason == HMM_P2P_REASON_NO_PATH;
	}
	hmm_p2p_close(mine);
	pool_is_back(&pool);
	/* This topology has both kinds. */
	assert_true(given > 0);
	assert_true(refused > 0);
}

/* Nothing is read or written before the refusal. */
static void test_data(void **state)
{
	struct hmm_p2p_device_info importer;
	struct hmm_p2p_access result;
	uint8_t *mem, *data;
	struct hmm_p2p *mine;
	struct pool pool;

	(void)state;
	pools_find(&pool, 1);
	if (!find_importer(pool.id, HMM_P2P_OUTCOME_MIGRATED, &importer))
		SKIP("every importer has a path to the device");
	mine = context_open();
	mem = map_aligned(mine, &pool, LENGTH);
	pattern_fill(mem, 0, LENGTH, 3);
	data = map_pattern(LENGTH, SMALL_PAGES, 4);
	assert_int_equal(hmm_p2p_write(ctx, NULL, importer.out_id, (uintptr_t)mem, LENGTH,
				       data, 0, NULL, &result), -EREMOTEIO);
	assert_int_equal(result.out_bytes, 0);
	assert_pattern(mem, LENGTH, 3);
	assert_int_equal(hmm_p2p_read(ctx, NULL, importer.out_id, (uintptr_t)mem, LENGTH,
				      data, 0, NULL, &result), -EREMOTEIO);
	assert_int_equal(result.out_bytes, 0);
	assert_pattern(data, LENGTH, 4);
	unmap(data, LENGTH);
	unmap(mem, LENGTH);
	hmm_p2p_close(mine);
	pool_is_back(&pool);
}

/* ------------------------------------------------ beside memory that can move */

static uint8_t *beside_private(struct hmm_p2p *mine, const struct pool *pool)
{
	uint8_t *area = map_pattern(2 * LENGTH, SMALL_PAGES, 5);

	move_all_to(pool->id, area, LENGTH);
	map_at(mine, pool, area + LENGTH, LENGTH);
	return area;
}

static void test_beside_private(void **state)
{
	struct hmm_p2p_device_info near, far;
	struct hmm_p2p_access result;
	struct hmm_p2p_stat before;
	struct reached reached;
	struct hmm_p2p *mine;
	struct pool pool;
	struct told told;
	uint8_t *area;

	(void)state;
	pools_find(&pool, 1);
	if (!find_importer(pool.id, HMM_P2P_OUTCOME_P2P, &near) ||
	    !find_importer(pool.id, HMM_P2P_OUTCOME_MIGRATED, &far))
		SKIP("there are not both kinds of importers");
	mine = context_open();
	area = beside_private(mine, &pool);
	told = ask(near.out_id, area, 2 * LENGTH);
	assert_int_equal(told.nr, 2);
	assert_extent(&told.extents[0], area, LENGTH, pool.id,
		      HMM_P2P_EXTENT_WINDOW | HMM_P2P_EXTENT_WRITABLE);
	assert_extent(&told.extents[1], area + LENGTH, LENGTH, pool.id,
		      WHOLE | HMM_P2P_EXTENT_WRITABLE);
	reached = reach(near.out_id, area, 2 * LENGTH, NULL, 0);
	assert_int_equal(reached_count(&reached, HMM_P2P_OUTCOME_P2P, 0), 2 * PAGES);
	reached_free(&reached);

	/* It fails, so it sends nothing home either. */
	told = ask(far.out_id, area, 2 * LENGTH);
	assert_int_equal(told.nr, 2);
	assert_int_equal(told.extents[0].outcome, HMM_P2P_OUTCOME_MIGRATED);
	assert_int_equal(told.extents[1].outcome, HMM_P2P_OUTCOME_NONE);
	before = stat_now(pool.id);
	assert_int_equal(hmm_p2p_fault(ctx, NULL, far.out_id, (uintptr_t)area, 2 * LENGTH,
				       0, NULL, &result), -EREMOTEIO);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_NO_PATH], PAGES);
	assert_int_equal(stat_delta(pool.id, &before, HMM_P2P_COUNTER_SENT_HOME), 0);
	assert_int_equal(pages_on(pool.id, area, 2 * LENGTH), 2 * PAGES);
	/* Without it, the rest comes home as ever. */
	reached = reach(far.out_id, area, LENGTH, NULL, 0);
	assert_int_equal(reached_count(&reached, HMM_P2P_OUTCOME_MIGRATED,
				       HMM_P2P_REASON_NO_PATH), PAGES);
	reached_free(&reached);
	assert_pattern(area, LENGTH, 5);
	unmap(area, 2 * LENGTH);
	hmm_p2p_close(mine);
	pool_is_back(&pool);
}

/* ------------------------------------------------------------------- others */

/* What the kernel's p2pmem/allocate maps is peer to peer memory, too. */
static void test_allocate(void **state)
{
	struct hmm_p2p_device_info importer;
	struct pool pool;
	uint8_t *mem;

	(void)state;
	pools_find(&pool, 1);
	if (!find_importer(pool.id, HMM_P2P_OUTCOME_P2P, &importer))
		SKIP("no importer has a path to the device");
	mem = allocate(&pool, LENGTH);
	is_given(importer.out_id, mem, 0);
	is_refused(importer.out_id, mem, 1, HMM_P2P_ACCESS_NO_P2P,
		   HMM_P2P_REASON_IMPORTER);
	unmap_shared(mem, LENGTH);
	pool_is_back(&pool);
}

static void test_removed(void **state)
{
	struct hmm_p2p *mine;
	struct pool pool;
	uint8_t *mem;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_aligned(mine, &pool, LENGTH);
	pattern_fill(mem, 0, LENGTH, 6);
	assert_int_equal(pages_on(pool.id, mem, LENGTH), PAGES);
	assert_int_equal(pool_unbind(&pool), 0);
	assert_int_equal(ask(0, mem, LENGTH).nr, 0);
	assert_int_equal(pool_bind(&pool), 0);
	assert_int_equal(ask(0, mem, LENGTH).nr, 0);
	unmap(mem, LENGTH);
	hmm_p2p_close(mine);
	pool_is_back(&pool);
}

/* What the tool prints for @mem has this at its end. */
static bool tool_says(const char *options, const uint8_t *mem, const char *end)
{
	char command[256];

	REQUIRE(snprintf(command, sizeof(command), "hmmp2p map %d%s | grep -Eq '^0x%lx %s$'",
			 getpid(), options, (unsigned long)mem, end) <
		(int)sizeof(command));
	return !system(command);
}

static void test_tool(void **state)
{
	char line[128], importer[32];
	struct hmm_p2p *mine;
	struct pool pool;
	uint8_t *mem;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_aligned(mine, &pool, LENGTH);
	snprintf(line, sizeof(line), ".* %.32s +%u +[0-9]* +rw,shared +in +/dev/hmm_p2p",
		 pool.bus, pool.device.out_owner);
	assert_true(tool_says("", mem, line));
	snprintf(importer, sizeof(importer), " --importer %u", pool.id);
	assert_true(tool_says(importer, mem, ".* rw,shared +in +p2p +none +/dev/hmm_p2p"));
	/* Its extents in JSON are objects of one level. */
	snprintf(line, sizeof(line), "hmmp2p map %d -j | tr -d '\\n' | grep -Eq '\"addr\": %lu,[^}]*\"shared\": true'",
		 getpid(), (unsigned long)mem);
	assert_int_equal(system(line), 0);
	unmap(mem, LENGTH);
	hmm_p2p_close(mine);
	pool_is_back(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_untouched),
		TEST(test_protection),
		TEST(test_importers),
		TEST(test_data),
		TEST(test_beside_private),
		TEST(test_allocate),
		TEST(test_removed),
		TEST(test_tool),
	};

	return RUN("shared_query", tests);
}
