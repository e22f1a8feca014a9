// SPDX-License-Identifier: GPL-2.0
/*
 * A device whose engine copies later: several processes have copies under way at
 * once, some of which fail. Whose copy has failed is told so, and nobody else;
 * what a failed copy has left somewhere is never seen.
 */
#include <signal.h>

#include "common.h"

#define NAME		"hmm_p2p_async"
#define PARAMETER(name)	"/sys/module/" NAME "/parameters/" name
#define LENGTH		(4 * MIB)
#define PROCESSES	4

static uint32_t async_id;

static int async_setup(void **state)
{
	struct hmm_p2p_device_info info;

	if (system("load " NAME) || suite_setup(state) ||
	    hmm_p2p_device_find(ctx, NAME, &info))
		return -1;
	async_id = info.out_id;
	return 0;
}

static int async_teardown(void **state)
{
	int ret = suite_teardown(state);

	return system("rmmod " NAME) || ret ? -1 : 0;
}

static int fail_percent(const char *percent)
{
	return write_file(PARAMETER("fail"), percent);
}

static void there_and_back(enum paging paging)
{
	uint8_t *mem = map_pattern(LENGTH, paging, 1);
	struct hmm_p2p_migrate result;

	move_all_to(async_id, mem, LENGTH);
	move_to_ram(mem, LENGTH, &result);
	assert_int_equal(result.out_moved, LENGTH / page_size);
	assert_pattern(mem, LENGTH, 1);
	move_all_to(async_id, mem, LENGTH);
	/* by page faults */
	assert_pattern(mem, LENGTH, 1);
	unmap(mem, LENGTH);
}

static void test_small(void **state)
{
	(void)state;
	there_and_back(SMALL_PAGES);
}

static void test_huge(void **state)
{
	(void)state;
	there_and_back(HUGE_PAGES);
}

/* Every copy fails: nothing moves, nothing changes. */
static void test_dead_engine(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 2);
	struct hmm_p2p_migrate result;

	(void)state;
	assert_int_equal(fail_percent("100"), 0);
	assert_int_equal(hmm_p2p_migrate(ctx, NULL, async_id, (uintptr_t)mem, LENGTH,
					 &result), -EIO);
	assert_int_equal(result.out_moved, 0);
	assert_true(result.out_reasons[HMM_P2P_REASON_DEVICE_ERROR] > 0);
	assert_int_equal(fail_percent("0"), 0);
	assert_pattern(mem, LENGTH, 2);
	unmap(mem, LENGTH);
}

struct worker {
	enum paging paging;
	uint64_t seed;
	unsigned int seconds;
};

/* Copies that fail are tried again, and counted: not all of them are to go well. */
static int bring_home(uint8_t *mem, unsigned int *failed)
{
	int err;

	do {
		err = hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem, LENGTH, NULL);
		CHECK(!err || err == -EIO);
		*failed += err == -EIO;
	} while (err);
	CHECK(pages_on(0, mem, LENGTH) == 0);
	return 0;
}

static int work(void *arg)
{
	const struct worker *worker = arg;
	double end = seconds_now() + worker->seconds;
	uint8_t *mem = map_memory(LENGTH, worker->paging);
	unsigned int failed = 0, rounds = 0;
	uint64_t seed = worker->seed;
	int err;

	while (seconds_now() < end || !failed) {
		pattern_fill(mem, 0, LENGTH, ++seed);
		err = hmm_p2p_migrate(ctx, NULL, async_id, (uintptr_t)mem, LENGTH, NULL);
		CHECK(!err || err == -EIO);
		failed += err == -EIO;
		CHECK(bring_home(mem, &failed) == 0);
		CHECK(pattern_diff(mem, 0, LENGTH, seed) == -1);
		rounds++;
	}
	fprintf(stderr, "# %u rounds, %u failures\n", rounds, failed);
	return 0;
}

/* One process's failure is not another's, and never nobody's. */
static void test_failures_of_many(void **state)
{
	struct worker workers[PROCESSES];
	pid_t pids[PROCESSES];
	int i, bad = 0;

	(void)state;
	assert_int_equal(fail_percent("20"), 0);
	for (i = 0; i < PROCESSES; i++) {
		workers[i] = (struct worker) {
			.paging = i % 2 ? HUGE_PAGES : SMALL_PAGES,
			.seed = (i + 1) << 16,
			.seconds = hammer_seconds("HMM_P2P_ASYNC_SECONDS", 8, 15),
		};
		pids[i] = child_start(work, &workers[i]);
	}
	for (i = 0; i < PROCESSES; i++)
		bad += child_wait(pids[i]) != 0;
	assert_int_equal(fail_percent("0"), 0);
	assert_int_equal(bad, 0);
}

static int touch(void *arg)
{
	*(volatile uint8_t *)arg += 1;
	return 0;
}

/* The CPU's own touch, while the engine fails: SIGBUS, and the byte is not lost. */
static void test_fault_on_dead_engine(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 3);

	(void)state;
	move_all_to(async_id, mem, LENGTH);
	assert_int_equal(fail_percent("100"), 0);
	assert_int_equal(in_child(touch, mem), -SIGBUS);
	assert_int_equal(fail_percent("0"), 0);
	assert_pattern(mem, LENGTH, 3);
	unmap(mem, LENGTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_small),
		TEST(test_huge),
		TEST(test_dead_engine),
		TEST(test_failures_of_many),
		TEST(test_fault_on_dead_engine),
	};

	return cmocka_run_group_tests_name("async", tests, async_setup, async_teardown);
}
