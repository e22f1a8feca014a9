// SPDX-License-Identifier: GPL-2.0
/*
 * The end of processes, descriptors and mappings with pages on a device: the
 * device has its memory back, and whoever is left has the right data.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "common.h"

#define LENGTH	(8 * MIB)
#define KILLS	20

static uint32_t device(void)
{
	return largest_exporter(4 * LENGTH).out_id;
}

static int leave_on_device(void *arg)
{
	enum paging paging = *(enum paging *)arg;
	uint8_t *mem = map_pattern(LENGTH, paging, 1);

	CHECK(hmm_p2p_migrate(ctx, NULL, device(), (uintptr_t)mem, LENGTH,
			      NULL) == 0);
	return 0;
}

static void test_exit(void **state)
{
	enum paging paging;
	uint32_t id = device();
	uint64_t used = used_bytes(id);

	(void)state;
	for (paging = SMALL_PAGES; paging <= HUGE_PAGES; paging++) {
		assert_int_equal(in_child(leave_on_device, &paging), 0);
		assert_int_equal(used_bytes(id), used);
	}
}

static int exec_with_pages(void *arg)
{
	enum paging paging = *(enum paging *)arg;

	CHECK(leave_on_device(&paging) == 0);
	execl("/bin/true", "true", NULL);
	return 1;
}

static void test_exec(void **state)
{
	enum paging paging;
	uint32_t id = device();
	uint64_t used = used_bytes(id);

	(void)state;
	for (paging = SMALL_PAGES; paging <= HUGE_PAGES; paging++) {
		assert_int_equal(in_child(exec_with_pages, &paging), 0);
		assert_int_equal(used_bytes(id), used);
	}
}

static int move_for_ever(void *arg)
{
	uint8_t *small = map_pattern(LENGTH, SMALL_PAGES, 2);
	uint8_t *huge = map_pattern(LENGTH, HUGE_PAGES, 3);
	uint32_t id = device();

	CHECK(turn_give(arg) == 0);
	for (;;) {
		CHECK(hmm_p2p_migrate(ctx, NULL, id, (uintptr_t)small, LENGTH,
				      NULL) == 0);
		CHECK(hmm_p2p_migrate(ctx, NULL, id, (uintptr_t)huge, LENGTH,
				      NULL) == 0);
		CHECK(pattern_diff(small, 0, LENGTH, 2) == -1);
		CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)huge, LENGTH,
					     NULL) == 0);
	}
}

static int move_for_ever_turns(void *arg)
{
	turns_side(arg, true);
	return move_for_ever(arg);
}

/* Killed at whatever it is doing: it ends, and nothing is left behind. */
static void test_killed_while_migrating(void **state)
{
	uint32_t id = device();
	uint64_t used = used_bytes(id), seed = 42;
	unsigned int i;

	(void)state;
	for (i = 0; i < KILLS; i++) {
		struct turns turns;
		double until;
		pid_t pid;

		turns_init(&turns);
		pid = child_start(move_for_ever_turns, &turns);
		turns_side(&turns, false);
		assert_int_equal(turn_await(&turns), 0);
		/* Anywhere in the loop. */
		until = seconds_now() + (double)(random_next(&seed) % 100) / 1000;
		while (seconds_now() < until)
			;
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(child_wait(pid), -SIGKILL);
		turns_fini(&turns);
		assert_int_equal(used_bytes(id), used);
	}
}

struct access_loop {
	struct turns turns;
	uint32_t device;
	uint32_t importer;
};

static int access_for_ever(void *arg)
{
	struct access_loop *loop = arg;
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 4);
	uint8_t *data = map_memory(LENGTH, SMALL_PAGES);

	turns_side(&loop->turns, true);
	CHECK(turn_give(&loop->turns) == 0);
	for (;;) {
		CHECK(hmm_p2p_migrate(ctx, NULL, loop->device, (uintptr_t)mem,
				      LENGTH, NULL) == 0);
		CHECK(hmm_p2p_read(ctx, NULL, loop->importer, (uintptr_t)mem, LENGTH,
				   data, 0, NULL, NULL) == 0);
		CHECK(pattern_diff(data, 0, LENGTH, 4) == -1);
	}
}

static void test_killed_while_accessing(void **state)
{
	struct access_loop loop = { .device = device() };
	uint64_t used = used_bytes(loop.device), seed = 43;
	unsigned int i;

	(void)state;
	loop.importer = any_importer().out_id;
	for (i = 0; i < KILLS; i++) {
		double until;
		pid_t pid;

		turns_init(&loop.turns);
		pid = child_start(access_for_ever, &loop);
		turns_side(&loop.turns, false);
		assert_int_equal(turn_await(&loop.turns), 0);
		until = seconds_now() + (double)(random_next(&seed) % 100) / 1000;
		while (seconds_now() < until)
			;
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(child_wait(pid), -SIGKILL);
		turns_fini(&loop.turns);
		assert_int_equal(used_bytes(loop.device), used);
	}
}

/* The descriptor only asks: what it has moved stays moved. */
static void test_outlives_descriptor(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 5);
	uint32_t id = device();
	struct hmm_p2p *other;

	(void)state;
	assert_int_equal(hmm_p2p_open(&other), 0);
	assert_int_equal(hmm_p2p_migrate(other, NULL, id, (uintptr_t)mem, LENGTH,
					 NULL), 0);
	hmm_p2p_close(other);
	assert_int_equal(pages_on(id, mem, LENGTH), LENGTH / page_size);
	assert_pattern(mem, LENGTH, 5);
	unmap(mem, LENGTH);
}

static int close_everything(void *arg)
{
	uint8_t *mem = map_pattern(LENGTH, HUGE_PAGES, 6);

	(void)arg;
	CHECK(hmm_p2p_migrate(ctx, NULL, device(), (uintptr_t)mem, LENGTH,
			      NULL) == 0);
	hmm_p2p_close(ctx);
	CHECK(close_range(3, ~0U, 0) == 0);
	CHECK(pattern_diff(mem, 0, LENGTH, 6) == -1);
	return 0;
}

static void test_process_without_descriptor(void **state)
{
	(void)state;
	assert_int_equal(in_child(close_everything, NULL), 0);
}

/* Two processes share the device, and see nothing of each other. */
static int share_device(void *arg)
{
	uint64_t seed = *(uint64_t *)arg;
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, seed);
	struct hmm_p2p_migrate result;
	unsigned int i;

	for (i = 0; i < 10; i++) {
		CHECK(hmm_p2p_migrate(ctx, NULL, device(), (uintptr_t)mem, LENGTH,
				      &result) == 0);
		CHECK(result.out_moved == LENGTH / page_size);
		CHECK(pattern_diff(mem, 0, LENGTH, seed + i) == -1);
		pattern_fill(mem, 0, LENGTH, seed + i + 1);
	}
	return 0;
}

static void test_two_processes(void **state)
{
	uint64_t seeds[] = { 100, 200, 300 };
	pid_t pids[ARRAY_SIZE(seeds)];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		pids[i] = child_start(share_device, &seeds[i]);
	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		assert_int_equal(child_wait(pids[i]), 0);
}

/* More than the device has, wanted by two: each keeps what is its own. */
static int overfill(void *arg)
{
	uint64_t seed = *(uint64_t *)arg;
	struct hmm_p2p_device_info info = smallest_exporter();
	size_t length = info.out_memory_bytes;
	uint8_t *mem = map_pattern(length, SMALL_PAGES, seed);
	unsigned int i;
	int ret;

	for (i = 0; i < 3; i++) {
		ret = hmm_p2p_migrate(ctx, NULL, info.out_id, (uintptr_t)mem, length,
				      NULL);
		CHECK(ret == 0 || ret == -ENOSPC);
		CHECK(pattern_diff(mem, 0, length, seed) == -1);
	}
	return 0;
}

static void test_two_processes_too_many(void **state)
{
	uint64_t seeds[] = { 1000, 2000 };
	pid_t pids[ARRAY_SIZE(seeds)];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		pids[i] = child_start(overfill, &seeds[i]);
	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		assert_int_equal(child_wait(pids[i]), 0);
}

static void *migrate_thread(void *arg)
{
	hmm_p2p_migrate(ctx, NULL, device(), (uintptr_t)arg, LENGTH, NULL);
	return NULL;
}

/* A thread exits the process while another one migrates. */
static int exit_under_migration(void *arg)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 7);
	pthread_t thread;

	(void)arg;
	CHECK(pthread_create(&thread, NULL, migrate_thread, mem) == 0);
	return 0;
}

static void test_exit_under_migration(void **state)
{
	uint32_t id = device();
	uint64_t used = used_bytes(id);
	unsigned int i;

	(void)state;
	for (i = 0; i < KILLS; i++) {
		assert_int_equal(in_child(exit_under_migration, NULL), 0);
		assert_int_equal(used_bytes(id), used);
	}
}

/**
 * struct mover - moves another process's memory to the device
 * @process: whose
 * @turns: the other's first is that it has touched all of it
 * @mem: what
 * @ret: what came of it
 * @ended: it did
 */
struct mover {
	struct hmm_p2p_process process;
	struct turns turns;
	uint8_t *mem;
	int ret;
	bool ended;
};

#define DYING_LENGTH	(32 * MIB)

static void *mover_main(void *arg)
{
	struct mover *mover = arg;
	struct hmm_p2p_migrate result;

	mover->ret = hmm_p2p_migrate(ctx, &mover->process, device(), (uintptr_t)mover->mem,
				     DYING_LENGTH, &result);
	__atomic_store_n(&mover->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

static int waits_to_die(void *arg)
{
	struct mover *mover = arg;
	size_t at;

	turns_side(&mover->turns, true);
	for (at = 0; at < DYING_LENGTH; at += page_size)
		mover->mem[at] = 1;
	CHECK(turn_give(&mover->turns) == 0);
	pause();
	return 1;
}

/* The move of a process that is killed meanwhile ends, and says so. */
static int move_of_the_dying(void)
{
	struct mover mover = { .mem = map_memory(DYING_LENGTH, SMALL_PAGES) };
	uint64_t used = used_bytes(device());
	pthread_t thread;
	pid_t pid;

	turns_init(&mover.turns);
	pid = child_start(waits_to_die, &mover);
	turns_side(&mover.turns, false);
	REQUIRE(turn_await(&mover.turns) == 0);
	REQUIRE(hmm_p2p_process_open(&mover.process, pid, true) == 0);
	REQUIRE(pthread_create(&thread, NULL, mover_main, &mover) == 0);
	while (used_bytes(device()) == used &&
	       !__atomic_load_n(&mover.ended, __ATOMIC_ACQUIRE))
		sched_yield();
	kill(pid, SIGKILL);
	pthread_join(thread, NULL);
	REQUIRE(child_wait(pid) == -SIGKILL);
	turns_fini(&mover.turns);
	hmm_p2p_process_close(&mover.process);
	unmap(mover.mem, DYING_LENGTH);
	return mover.ret;
}

static void test_target_dies(void **state)
{
	unsigned int tries = 0;
	int ret;

	(void)state;
	(void)largest_exporter(DYING_LENGTH);
	/* It may be through before the signal comes. */
	do
		ret = move_of_the_dying();
	while (!ret && ++tries < 10);
	assert_int_equal(ret, -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_exit),
		TEST(test_exec),
		TEST(test_killed_while_migrating),
		TEST(test_killed_while_accessing),
		TEST(test_outlives_descriptor),
		TEST(test_process_without_descriptor),
		TEST(test_two_processes),
		TEST(test_two_processes_too_many),
		TEST(test_exit_under_migration),
		TEST(test_target_dies),
	};

	return RUN("life", tests);
}
