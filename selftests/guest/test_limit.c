// SPDX-License-Identifier: GPL-2.0
/*
 * A control group with a limit on a device's memory (dmem.max) or with protected memory
 * there (dmem.min, dmem.low): its processes get no more, others lose nothing by it,
 * what they gave back is theirs again, and nobody takes what is protected.
 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common_shared.h"

#define CGROUPS	"/sys/fs/cgroup"
#define GROUP	CGROUPS "/hmm_p2p_limit"
#define LIMIT	(8 * MIB)
#define LENGTH	(32 * MIB)

static char region[64];

static int limit_setup(void **state)
{
	int ret = suite_setup(state);

	if (ret)
		return ret;
	/* Without the controller every test is skipped. */
	write_file(CGROUPS "/cgroup.subtree_control", "+dmem");
	return 0;
}

static uint64_t group_value(const char *file)
{
	char path[128], line[128];
	uint64_t value = 0;
	FILE *f;

	snprintf(path, sizeof(path), GROUP "/%s", file);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, region, strlen(region)))
			value = strtoull(line + strlen(region), NULL, 10);
	fclose(f);
	return value;
}

/* @file: dmem.max, dmem.min or dmem.low */
static void group_start(const struct hmm_p2p_device_info *device, const char *file,
			uint64_t value)
{
	char path[128];

	char line[128];

	if (mkdir(GROUP, 0755))
		fail_msg("cannot make " GROUP);
	if (access(GROUP "/dmem.max", F_OK)) {
		rmdir(GROUP);
		SKIP("this kernel has no dmem controller");
	}
	snprintf(region, sizeof(region), "hmm_p2p/%.40s ", device->out_name);
	snprintf(line, sizeof(line), "%s%llu", region, (unsigned long long)value);
	snprintf(path, sizeof(path), GROUP "/%s", file);
	assert_int_equal(write_file(path, line), 0);
	assert_int_equal(group_value(file), value);
}

/* What a test that failed has left in the group goes with it. */
static int limit_end(void **state)
{
	if (!write_file(GROUP "/cgroup.kill", "1"))
		while (wait(NULL) > 0)
			;
	rmdir(GROUP);
	return test_teardown(state);
}

/* In a process of the group; its exit status says whether all was right. */
static void in_group(int (*fn)(uint32_t device, enum paging paging),
		     uint32_t device, enum paging paging)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		_exit(write_file(GROUP "/cgroup.procs", "0") ||
		      fn(device, paging));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(group_value("dmem.current"), 0);
}

static int count_extent(const struct hmm_p2p_extent *extent, void *arg)
{
	*(uint64_t *)arg += extent->length;
	return 0;
}

static int resident(const void *mem, uint64_t *bytes)
{
	*bytes = 0;
	return hmm_p2p_query(ctx, NULL, 0, (uintptr_t)mem, LENGTH, count_extent, bytes);
}

/* All of it is moved in turn, and never more than the limit is there. */
static int moves_more(uint32_t device, enum paging paging)
{
	uint8_t *mem = map_pattern(LENGTH, paging, 71);
	struct hmm_p2p_migrate result;
	uint64_t bytes;
	size_t at;

	for (at = 0; at < LENGTH; at += LIMIT / 2) {
		CHECK(hmm_p2p_migrate(ctx, NULL, device, (uintptr_t)mem + at, LIMIT / 2,
				      &result) == 0);
		CHECK(result.out_moved == LIMIT / 2 / page_size);
	}
	CHECK(resident(mem, &bytes) >= 0);
	CHECK(bytes > 0 && bytes <= LIMIT);
	CHECK(group_value("dmem.current") == bytes);
	CHECK(pattern_diff(mem, 0, LENGTH, 71) == -1);
	return 0;
}

/* One move gets what the limit allows, and takes nothing of it away again. */
static int keeps_its_own(uint32_t device, enum paging paging)
{
	uint8_t *mem = map_pattern(LENGTH, paging, 75);
	struct hmm_p2p_stat before = stat_now(device);
	struct hmm_p2p_migrate result;
	uint64_t bytes;

	CHECK(hmm_p2p_migrate(ctx, NULL, device, (uintptr_t)mem, LENGTH, &result) ==
	      -ENOSPC);
	CHECK(result.out_moved == LIMIT / page_size);
	CHECK(stat_delta(device, &before, HMM_P2P_COUNTER_EVICTED_FULL) == 0);
	CHECK(resident(mem, &bytes) >= 0);
	CHECK(bytes == LIMIT);
	CHECK(pattern_diff(mem, 0, LENGTH, 75) == -1);
	return 0;
}

static int evicts_nobody(uint32_t device, enum paging paging)
{
	uint8_t *mem = map_pattern(LENGTH, paging, 72);
	struct hmm_p2p_migrate result;

	CHECK(hmm_p2p_migrate_flags(ctx, NULL, device, HMM_P2P_MIGRATE_NO_EVICT,
				    (uintptr_t)mem, LENGTH, &result) == -ENOSPC);
	CHECK(result.out_moved == LIMIT / page_size);
	CHECK(group_value("dmem.current") == LIMIT);
	CHECK(pattern_diff(mem, 0, LENGTH, 72) == -1);
	return 0;
}

/* A huge page that was charged as one comes back page by page. */
static int goes_in_pieces(uint32_t device, enum paging paging)
{
	uint8_t *mem = map_pattern(LENGTH, paging, 73);
	size_t i;

	CHECK(hmm_p2p_migrate(ctx, NULL, device, (uintptr_t)mem, 4 * MIB, NULL) == 0);
	CHECK(group_value("dmem.current") == 4 * MIB);
	for (i = 0; i < 4 * MIB; i += 2 * page_size)
		CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem + i, page_size,
					     NULL) == 0);
	CHECK(group_value("dmem.current") > 0);
	for (i = page_size; i < 4 * MIB; i += 2 * page_size)
		CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem + i, page_size,
					     NULL) == 0);
	CHECK(group_value("dmem.current") == 0);
	CHECK(pattern_diff(mem, 0, LENGTH, 73) == -1);
	return 0;
}

/* What somebody outside the group has there stays there. */
static void with_others(int (*fn)(uint32_t device, enum paging paging),
			enum paging paging)
{
	struct hmm_p2p_device_info device = largest_exporter(2 * LENGTH);
	uint8_t *mem;

	group_start(&device, "dmem.max", LIMIT);
	mem = map_pattern(LENGTH, paging, 74);
	move_all_to(device.out_id, mem, LENGTH);
	in_group(fn, device.out_id, paging);
	assert_int_equal(pages_on(device.out_id, mem, LENGTH), LENGTH / page_size);
	assert_pattern(mem, LENGTH, 74);
	unmap(mem, LENGTH);
}

static void test_moves_more_small(void **state)
{
	(void)state;
	with_others(moves_more, SMALL_PAGES);
}

static void test_moves_more_huge(void **state)
{
	(void)state;
	with_others(moves_more, HUGE_PAGES);
}

static void test_keeps_its_own_small(void **state)
{
	(void)state;
	with_others(keeps_its_own, SMALL_PAGES);
}

static void test_keeps_its_own_huge(void **state)
{
	(void)state;
	with_others(keeps_its_own, HUGE_PAGES);
}

static void test_evicts_nobody_small(void **state)
{
	(void)state;
	with_others(evicts_nobody, SMALL_PAGES);
}

static void test_evicts_nobody_huge(void **state)
{
	(void)state;
	with_others(evicts_nobody, HUGE_PAGES);
}

static void test_goes_in_pieces(void **state)
{
	(void)state;
	with_others(goes_in_pieces, HUGE_PAGES);
}

/* ------------------------------------------------------------- protected memory */

#define KEPT	(16 * MIB)

/**
 * struct kept - a process of the group that has memory on a device
 * @device: all that it has is full
 * @mem: KEPT bytes, at the same address in both
 * @turns: it waits here until it may look at its memory
 * @pid: of it
 */
struct kept {
	struct hmm_p2p_device_info device;
	uint8_t *mem;
	struct turns turns;
	pid_t pid;
};

static int kept_main(void *arg)
{
	struct kept *kept = arg;

	turns_side(&kept->turns, true);
	CHECK(write_file(GROUP "/cgroup.procs", "0") == 0);
	pattern_fill(kept->mem, 0, KEPT, 76);
	CHECK(hmm_p2p_migrate(ctx, NULL, kept->device.out_id, (uintptr_t)kept->mem, KEPT,
			      NULL) == 0);
	CHECK(group_value("dmem.current") == KEPT);
	CHECK(turn_give(&kept->turns) == 0);
	CHECK(turn_await(&kept->turns) == 0);
	CHECK(pattern_diff(kept->mem, 0, KEPT, 76) == -1);
	return 0;
}

static struct kept kept_start(const char *file, enum paging paging)
{
	struct kept kept = { .device = smallest_exporter() };

	group_start(&kept.device, file, KEPT);
	kept.mem = map_memory(KEPT, paging);
	turns_init(&kept.turns);
	kept.pid = child_start(kept_main, &kept);
	turns_side(&kept.turns, false);
	assert_int_equal(turn_await(&kept.turns), 0);
	return kept;
}

static void kept_end(struct kept *kept)
{
	assert_int_equal(turn_give(&kept->turns), 0);
	assert_int_equal(child_wait(kept->pid), 0);
	turns_fini(&kept->turns);
	unmap(kept->mem, KEPT);
}

/* A newcomer who wants all of the device gets all but that. */
static void min_stays(enum paging paging)
{
	struct kept kept = kept_start("dmem.min", paging);
	uint64_t all = kept.device.out_memory_bytes;
	struct hmm_p2p_migrate result;
	uint8_t *mem;

	mem = map_pattern(all, paging, 77);
	assert_int_equal(hmm_p2p_migrate(ctx, NULL, kept.device.out_id, (uintptr_t)mem, all,
					 &result), -ENOSPC);
	assert_int_equal(group_value("dmem.current"), KEPT);
	assert_true(result.out_moved > (all - KEPT) / page_size / 2);
	assert_true(result.out_moved <= (all - KEPT) / page_size);
	assert_pattern(mem, all, 77);
	unmap(mem, all);
	kept_end(&kept);
}

static void test_min_small(void **state)
{
	(void)state;
	min_stays(SMALL_PAGES);
}

static void test_min_huge(void **state)
{
	(void)state;
	min_stays(HUGE_PAGES);
}

/* What is protected by dmem.low goes when there is nothing else. */
static void low_goes_last(enum paging paging)
{
	struct kept kept = kept_start("dmem.low", paging);
	uint64_t rest = kept.device.out_memory_bytes - KEPT - 2 * MIB;
	uint32_t id = kept.device.out_id;
	uint8_t *old, *mem;

	old = map_pattern(rest, paging, 78);
	move_all_to(id, old, rest);
	mem = map_pattern(rest + 6 * MIB, paging, 79);
	move_all_to(id, mem, rest - 2 * MIB);
	assert_int_equal(group_value("dmem.current"), KEPT);
	assert_true(pages_on(id, old, rest) < rest / page_size);
	/* All of it: what it has there already is its own, and stays. */
	move_to(id, mem, rest + 6 * MIB, NULL);
	assert_int_equal(pages_on(id, mem, rest + 6 * MIB), (rest + 6 * MIB) / page_size);
	assert_int_equal(pages_on(id, old, rest), 0);
	assert_true(group_value("dmem.current") <= KEPT - 4 * MIB);
	assert_pattern(old, rest, 78);
	assert_pattern(mem, rest + 6 * MIB, 79);
	unmap(old, rest);
	unmap(mem, rest + 6 * MIB);
	kept_end(&kept);
}

static void test_low_small(void **state)
{
	(void)state;
	low_goes_last(SMALL_PAGES);
}

static void test_low_huge(void **state)
{
	(void)state;
	low_goes_last(HUGE_PAGES);
}

/* ------------------------------------------------------ memory that is mapped */

/* It counts as memory that was moved does, and comes back with the file. */
static int maps(uint32_t device, enum paging paging)
{
	uint8_t *mem = map_pattern(LIMIT, paging, 80);
	struct hmm_p2p_migrate result;
	struct hmm_p2p *mine = context_open();
	void *shared, *more;

	CHECK(hmm_p2p_map(mine, device, 0, LIMIT / 2, &shared) == 0);
	CHECK(group_value("dmem.current") == LIMIT / 2);
	CHECK(hmm_p2p_map(mine, device, LIMIT / 2, LIMIT, &more) == -EDQUOT);
	CHECK(group_value("dmem.current") == LIMIT / 2);
	CHECK(hmm_p2p_migrate(ctx, NULL, device, (uintptr_t)mem, LIMIT, &result) == -ENOSPC);
	CHECK(result.out_moved == LIMIT / 2 / page_size);
	CHECK(group_value("dmem.current") == LIMIT);
	CHECK(hmm_p2p_map(mine, device, LIMIT / 2, page_size, &more) == -EDQUOT);
	CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem, LIMIT, NULL) == 0);
	CHECK(hmm_p2p_map(mine, device, LIMIT / 2, LIMIT / 2, &more) == 0);
	CHECK(group_value("dmem.current") == LIMIT);
	unmap_shared(shared, LIMIT / 2);
	unmap_shared(more, LIMIT / 2);
	CHECK(group_value("dmem.current") == LIMIT);
	hmm_p2p_close(mine);
	CHECK(group_value("dmem.current") == 0);
	return 0;
}

static void test_mapped(void **state)
{
	struct pool pool;

	(void)state;
	pools_find(&pool, 1);
	group_start(&pool.device, "dmem.max", LIMIT);
	in_group(maps, pool.id, SMALL_PAGES);
	pool_is_back(&pool);
}

#define LIMIT_TEST(fn) cmocka_unit_test_setup_teardown(fn, test_setup, limit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIMIT_TEST(test_moves_more_small),
		LIMIT_TEST(test_moves_more_huge),
		LIMIT_TEST(test_keeps_its_own_small),
		LIMIT_TEST(test_keeps_its_own_huge),
		LIMIT_TEST(test_evicts_nobody_small),
		LIMIT_TEST(test_evicts_nobody_huge),
		LIMIT_TEST(test_goes_in_pieces),
		LIMIT_TEST(test_min_small),
		LIMIT_TEST(test_min_huge),
		LIMIT_TEST(test_low_small),
		LIMIT_TEST(test_low_huge),
		LIMIT_TEST(test_mapped),
	};

	return cmocka_run_group_tests_name("limit", tests, limit_setup, suite_teardown);
}
