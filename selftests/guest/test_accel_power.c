// SPDX-License-Identifier: GPL-2.0
/*
 * An accelerator that is reset by the PCI core, or sleeps, with jobs and memory on it: the
 * memory comes home, jobs go on where they were, and one that hangs ends with an error.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "common_accel.h"

#define LENGTH		(8 * MIB)
#define POWER		"/sys/power/"
#define RESETS		5
#define WORKERS		4

/* All that a device does. */
static void is_usable(unsigned int nr)
{
	uint8_t *mem = map_pattern(LENGTH, HUGE_PAGES, 1);
	uint64_t expected = sum_of(mem, LENGTH);
	struct drm_hmm_p2p_accel_run job;
	int fd = accel_open(nr);

	job = sum(fd, mem, LENGTH);
	assert_true(job.out_result == expected);
	assert_int_equal(job.out_moved, LENGTH / page_size);
	assert_int_equal(pages_on(accel_memory(nr), mem, LENGTH), LENGTH / page_size);
	assert_int_equal(fill(fd, mem, MIB, 2), 0);
	assert_true(*(uint64_t *)mem == 2);
	assert_int_equal(pattern_diff(mem + MIB, MIB, LENGTH - MIB, 1), -1);
	close(fd);
	unmap(mem, LENGTH);
}

typedef int (*interruption_fn)(unsigned int nr);

/* Memory comes home, and a job that runs goes on. */
static void goes_on(interruption_fn interruption)
{
	uint32_t memory = accel_memory(0);
	uint64_t *self = (uint64_t *)map_memory(page_size, SMALL_PAGES);
	uint8_t *huge = map_pattern(LENGTH, HUGE_PAGES, 3);
	uint8_t *small = map_pattern(LENGTH, SMALL_PAGES, 4);
	struct runner runner = { .fd = accel_open(0), .job = endless_job(self) };

	move_all_to(memory, huge, LENGTH);
	move_all_to(memory, small, LENGTH);
	runner_start(&runner);
	runner_await(&runner);
	assert_int_equal(interruption(0), 0);
	assert_int_equal(pages_on(memory, huge, LENGTH), 0);
	assert_int_equal(pages_on(memory, small, LENGTH), 0);
	assert_pattern(huge, LENGTH, 3);
	assert_pattern(small, LENGTH, 4);
	/* It is there again, because the job has faulted for it. */
	AWAIT(pages_on(memory, self, page_size) == 1);
	*(volatile uint64_t *)self = 0;
	assert_int_equal(runner_end(&runner), 0);
	assert_true(runner.job.out_result == address(self));
	is_usable(0);
	close(runner.fd);
	unmap(self, page_size);
	unmap(huge, LENGTH);
	unmap(small, LENGTH);
}

/* -------------------------------------------------------------------------- resets */

static void test_reset(void **state)
{
	(void)state;
	goes_on(accel_reset);
}

static void test_reset_idle(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < RESETS; i++) {
		is_usable(0);
		assert_int_equal(accel_reset(0), 0);
	}
	is_usable(0);
	is_usable(1);
}

/* The fault is answered after the reset, when the device knows nothing of it any more. */
static void test_reset_in_fault(void **state)
{
	uint8_t *mem = map_memory(LENGTH, SMALL_PAGES), *from = map_pattern(LENGTH, SMALL_PAGES, 5);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = address(mem), .len = LENGTH },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_copy copy = { .dst = address(mem), .src = address(from), .len = LENGTH };
	struct runner runner = {
		.fd = accel_open(0),
		.job = { .op = HMM_P2P_ACCEL_SUM, .src = address(mem), .length = LENGTH },
	};
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffd_msg msg;

	(void)state;
	(void)accel_memory(0);
	if (uffd < 0)
		SKIP("this kernel has no userfaultfd");
	REQUIRE(!ioctl(uffd, UFFDIO_API, &api) && !ioctl(uffd, UFFDIO_REGISTER, &reg));
	runner_start(&runner);
	runner_await(&runner);
	REQUIRE(read(uffd, &msg, sizeof(msg)) == sizeof(msg));
	assert_int_equal(accel_reset(0), 0);
	/* Others have faults meanwhile, and their numbers begin anew. */
	is_usable(0);
	assert_int_equal(ioctl(uffd, UFFDIO_COPY, &copy), 0);
	assert_int_equal(runner_end(&runner), 0);
	assert_true(runner.job.out_result == sum_of(from, LENGTH));
	assert_pattern(mem, LENGTH, 5);
	close(uffd);
	close(runner.fd);
	unmap(mem, LENGTH);
	unmap(from, LENGTH);
}

/* Processes whose jobs and whose CPU use memory in turn, until they are told to end. */
static int works(void *arg)
{
	struct turns *turns = arg;
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 6);
	struct drm_hmm_p2p_accel_run job;
	int fd = accel_open(0), i;
	uint64_t expected;
	char byte;

	turns_side(turns, true);
	fcntl(turns->to_child[0], F_SETFL, O_NONBLOCK);
	for (i = 0; read(turns->to_child[0], &byte, 1) != 1; i++) {
		memset(mem, i + 1, LENGTH);
		expected = sum_of(mem, LENGTH);
		CHECK(try_sum(fd, mem, LENGTH, &job) == 0);
		CHECK(job.out_result == expected);
		CHECK(fill(fd, mem, MIB, i) == 0);
		CHECK(*(uint64_t *)(mem + MIB - 8) == (uint64_t)i);
		if (!i)
			CHECK(turn_give(turns) == 0);
	}
	return 0;
}

static void test_reset_under_load(void **state)
{
	uint32_t memory = accel_memory(0);
	uint64_t used = used_bytes(memory);
	struct turns turns[WORKERS];
	pid_t pids[WORKERS];
	unsigned int i;

	(void)state;
	for (i = 0; i < WORKERS; i++) {
		turns_init(&turns[i]);
		pids[i] = child_start(works, &turns[i]);
		turns_side(&turns[i], false);
	}
	for (i = 0; i < WORKERS; i++)
		assert_int_equal(turn_await(&turns[i]), 0);
	for (i = 0; i < RESETS; i++)
		assert_int_equal(accel_reset(0), 0);
	for (i = 0; i < WORKERS; i++) {
		assert_int_equal(turn_give(&turns[i]), 0);
		assert_int_equal(child_wait(pids[i]), 0);
		turns_fini(&turns[i]);
	}
	is_usable(0);
	AWAIT(used_bytes(memory) == used);
}

/* That is what resets are for: its job fails, and the next one does not. */
static void test_reset_hung(void **state)
{
	unsigned int last = accel_last();
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 7);
	uint8_t *there = map_pattern(LENGTH, SMALL_PAGES, 8);
	struct runner runner = {
		.fd = accel_open(last),
		.job = { .op = HMM_P2P_ACCEL_SUM, .src = address(mem), .length = LENGTH },
	};

	(void)state;
	move_all_to(accel_memory(last), there, LENGTH);
	accel_command(PORT_LAST, "hang compute");
	runner_start(&runner);
	runner_await(&runner);
	assert_int_equal(accel_reset(last), 0);
	assert_int_equal(runner_end(&runner), -EIO);
	accel_command(PORT_LAST, "resume compute");
	assert_pattern(mem, LENGTH, 7);
	assert_pattern(there, LENGTH, 8);
	is_usable(last);
	close(runner.fd);
	unmap(mem, LENGTH);
	unmap(there, LENGTH);
}

/* --------------------------------------------------------------------------- sleep */

/* The devices are put to sleep and woken up; the machine does not sleep. */
static int sleeps(unsigned int nr)
{
	int ret;

	(void)nr;
	ret = write_file(POWER "pm_test", "devices") ?: write_file(POWER "state", "freeze");
	return write_file(POWER "pm_test", "none") ?: ret;
}

static void need_sleep(void)
{
	if (access(POWER "pm_test", W_OK))
		SKIP("this kernel cannot test sleep");
}

static void test_sleep(void **state)
{
	(void)state;
	need_sleep();
	goes_on(sleeps);
}

static void on_alarm(int signr)
{
	(void)signr;
}

/* Memory does not come home, here because of a signal: nothing sleeps, and nothing is lost. */
static void test_no_sleep(void **state)
{
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = {};
	uint32_t memory = accel_memory(0);
	uint64_t *self = (uint64_t *)map_memory(page_size, SMALL_PAGES);
	uint8_t *mem = map_pattern(16 * LENGTH, SMALL_PAGES, 9);
	struct runner runner = { .fd = accel_open(0), .job = endless_job(self) };
	int ret;

	(void)state;
	need_sleep();
	move_all_to(memory, mem, 16 * LENGTH);
	runner_start(&runner);
	runner_await(&runner);
	/* By the caller, who gets the signal, and not by a worker. */
	assert_int_equal(write_file(POWER "pm_async", "0"), 0);
	assert_int_equal(write_file(POWER "pm_test", "devices"), 0);
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &often, NULL);
	ret = write_file(POWER "state", "freeze");
	setitimer(ITIMER_REAL, &never, NULL);
	assert_int_equal(write_file(POWER "pm_test", "none"), 0);
	assert_int_equal(write_file(POWER "pm_async", "1"), 0);
	assert_int_equal(ret, -EINTR);
	assert_true(pages_on(memory, mem, 16 * LENGTH) > 0);
	*(volatile uint64_t *)self = 0;
	assert_int_equal(runner_end(&runner), 0);
	assert_pattern(mem, 16 * LENGTH, 9);
	is_usable(0);
	close(runner.fd);
	unmap(self, page_size);
	unmap(mem, 16 * LENGTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reset),
		TEST(test_reset_idle),
		TEST(test_reset_in_fault),
		TEST(test_reset_under_load),
		TEST(test_reset_hung),
		TEST(test_sleep),
		TEST(test_no_sleep),
	};

	return RUN("accel_power", tests);
}
