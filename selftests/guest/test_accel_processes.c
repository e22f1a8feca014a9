// SPDX-License-Identifier: GPL-2.0
/*
 * Processes on an accelerator: files that go to other processes, and the end of processes
 * with jobs.
 */
#include <pthread.h>
#include <signal.h>

#include "common_accel.h"

#define LENGTH		(4 * MIB)
#define SHARE		(2 * MIB)

/* The address spaces that a device has. */
#define CONTEXTS	16

/* ------------------------------------------------- a file and other processes */

static int uses_parents_file(void *arg)
{
	CHECK(fill(*(int *)arg, &(uint64_t){ 0 }, sizeof(uint64_t), 1) == -EPERM);
	return 0;
}

static void test_other_process(void **state)
{
	int fd = accel_open(0);

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(in_child(uses_parents_file, &fd), 0);
	close(fd);
}

static void test_all_contexts(void **state)
{
	int fds[CONTEXTS], i;

	(void)state;
	(void)accel_memory(0);
	for (i = 0; i < CONTEXTS; i++)
		assert_true((fds[i] = accel_open(0)) >= 0);
	assert_int_equal(accel_open(0), -EBUSY);
	close(fds[3]);
	fds[3] = accel_open(0);
	assert_true(fds[3] >= 0);
	for (i = 0; i < CONTEXTS; i++)
		close(fds[i]);
}

/* ----------------------------------------------------------------- what ends a job */

static int endless(void *arg)
{
	struct turns *turns = arg;
	struct drm_hmm_p2p_accel_run job;
	int fd = accel_open(0);

	turns_side(turns, true);
	job = endless_job((uint64_t *)map_memory(huge_size, SMALL_PAGES));
	CHECK(fd >= 0);
	CHECK(turn_give(turns) == 0);
	accel_run(fd, &job);
	return 1;
}

static void test_killed(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, HUGE_PAGES, 8);
	uint64_t expected = sum_of(mem, LENGTH), used;
	uint32_t memory = accel_memory(0);
	struct turns turns;
	int fd = accel_open(0);
	pid_t pid;

	(void)state;
	used = used_bytes(memory);
	turns_init(&turns);
	pid = child_start(endless, &turns);
	turns_side(&turns, false);
	assert_int_equal(turn_await(&turns), 0);
	await_use(memory, used);
	/* Its job runs, and so does another process's. */
	assert_true(sum(fd, mem, LENGTH).out_result == expected);
	kill(pid, SIGKILL);
	assert_int_equal(child_wait(pid), -SIGKILL);
	assert_true(sum(fd, mem, LENGTH).out_result == expected);
	turns_fini(&turns);
	close(fd);
	unmap(mem, LENGTH);
}

/* -------------------------------------------------------------------- at once */

#define THREADS		4
#define ROUNDS		8

struct user {
	uint64_t seed;
	int fd;
	int failed;
};

static int use(struct user *user)
{
	uint64_t *mem = (uint64_t *)map_memory(SHARE, user->seed & 1 ? SMALL_PAGES : HUGE_PAGES);
	struct drm_hmm_p2p_accel_run job;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		pattern_fill(mem, 0, SHARE, user->seed + i);
		CHECK(try_sum(user->fd, mem, SHARE, &job) == 0);
		CHECK(job.out_result == sum_of(mem, SHARE));
		CHECK(fill(user->fd, mem, SHARE, user->seed) == 0);
		CHECK(mem[i] == user->seed && mem[SHARE / 8 - 1] == user->seed);
		CHECK(madvise(mem, SHARE, MADV_DONTNEED) == 0);
	}
	unmap(mem, SHARE);
	return 0;
}

static void *use_thread(void *arg)
{
	struct user *user = arg;

	user->failed = use(user);
	return NULL;
}

/* Threads of one process and of others, all on one device. */
static int use_together(void *arg)
{
	struct user users[THREADS];
	pthread_t threads[THREADS];
	int fd = accel_open(0);
	size_t i;

	CHECK(fd >= 0);
	for (i = 0; i < THREADS; i++) {
		users[i] = (struct user){ .seed = *(uint64_t *)arg + 1000 * i, .fd = fd };
		CHECK(pthread_create(&threads[i], NULL, use_thread, &users[i]) == 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < THREADS; i++)
		CHECK(!users[i].failed);
	return 0;
}

static void test_at_once(void **state)
{
	uint64_t seeds[] = { 100000, 200001, 300000 };
	pid_t pids[ARRAY_SIZE(seeds)];
	size_t i;

	(void)state;
	(void)accel_memory(0);
	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		pids[i] = child_start(use_together, &seeds[i]);
	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		assert_int_equal(child_wait(pids[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_other_process),
		TEST(test_all_contexts),
		TEST(test_killed),
		TEST(test_at_once),
	};

	return RUN("accel_processes", tests);
}
