// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs that take turns on an accelerator's units: no job waits for the end of another one,
 * and one that was stopped goes on where it was.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "common_accel.h"

/* The units that a device has. */
#define UNITS		4

/* More than there are units, so that they take turns among themselves, too. */
#define JOBS		(2 * UNITS)

/* Its own memory: the sum of a pattern. */
static int small_job(void)
{
	uint64_t *mem = (uint64_t *)map_pattern(MIB, SMALL_PAGES, 51);
	uint64_t expected = sum_of(mem, MIB);
	struct drm_hmm_p2p_accel_run job;
	int fd = accel_open(0);

	CHECK(fd >= 0);
	CHECK(try_sum(fd, mem, MIB, &job) == 0 && job.out_result == expected);
	CHECK(fill(fd, mem, MIB, 52) == 0);
	CHECK(mem[0] == 52 && mem[MIB / 8 - 1] == 52);
	close(fd);
	unmap(mem, MIB);
	return 0;
}

/* ---------------------------------------------------------------- jobs without an end */

/**
 * struct busy - a process whose jobs have no end
 * @turns: the process's are that its jobs have begun, and that they have ended
 * @pid: the process
 * @jobs: so many
 */
struct busy {
	struct turns turns;
	pid_t pid;
	size_t jobs;
};

static int busy_main(void *arg)
{
	struct busy *busy = arg;
	uint8_t *mem = map_memory(busy->jobs * page_size, SMALL_PAGES);
	struct runner runners[JOBS];
	int fd = accel_open(0);
	size_t i;

	turns_side(&busy->turns, true);
	CHECK(fd >= 0);
	for (i = 0; i < busy->jobs; i++) {
		runners[i].fd = fd;
		runners[i].job = endless_job((uint64_t *)(mem + i * page_size));
		runner_start(&runners[i]);
	}
	for (i = 0; i < busy->jobs; i++)
		runner_await(&runners[i]);
	CHECK(turn_give(&busy->turns) == 0 && turn_await(&busy->turns) == 0);
	for (i = 0; i < busy->jobs; i++)
		*(volatile uint64_t *)(mem + i * page_size) = 0;
	for (i = 0; i < busy->jobs; i++) {
		CHECK(runner_end(&runners[i]) == 0);
		CHECK(runners[i].job.out_result == address(mem + i * page_size));
	}
	return 0;
}

static void busy_start(struct busy *busy, size_t jobs)
{
	busy->jobs = jobs;
	turns_init(&busy->turns);
	busy->pid = child_start(busy_main, busy);
	turns_side(&busy->turns, false);
	assert_int_equal(turn_await(&busy->turns), 0);
}

static void busy_end(struct busy *busy)
{
	assert_int_equal(turn_give(&busy->turns), 0);
	assert_int_equal(child_wait(busy->pid), 0);
	turns_fini(&busy->turns);
}

static void busy_kill(struct busy *busy)
{
	kill(busy->pid, SIGKILL);
	assert_int_equal(child_wait(busy->pid), -SIGKILL);
	turns_fini(&busy->turns);
}

/* All units have a job that does not end, and more of them wait. */
static void test_units(void **state)
{
	struct busy busy;

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(write_file(SLICE, "20"), 0);
	busy_start(&busy, JOBS);
	assert_int_equal(small_job(), 0);
	busy_end(&busy);
}

static void test_killed(void **state)
{
	uint32_t memory = accel_memory(0);
	uint64_t used = used_bytes(memory);
	struct busy busy;

	(void)state;
	assert_int_equal(write_file(SLICE, "20"), 0);
	busy_start(&busy, JOBS);
	assert_int_equal(small_job(), 0);
	busy_kill(&busy);
	assert_int_equal(small_job(), 0);
	AWAIT(used_bytes(memory) == used);
}

/* Nor does a process keep an address space from others by a job that does not end. */
static void test_address_spaces(void **state)
{
	uint32_t memory = accel_memory(0);
	uint64_t used = used_bytes(memory);
	struct busy busy[CONTEXTS + 2];
	size_t i;

	(void)state;
	assert_int_equal(write_file(SLICE, "20"), 0);
	for (i = 0; i < CONTEXTS; i++)
		busy_start(&busy[i], 1);
	assert_int_equal(small_job(), 0);
	for (; i < ARRAY_SIZE(busy); i++)
		busy_start(&busy[i], 1);
	assert_int_equal(small_job(), 0);
	for (i = 0; i < CONTEXTS / 2; i++)
		busy_kill(&busy[i]);
	for (; i < ARRAY_SIZE(busy); i++)
		busy_end(&busy[i]);
	AWAIT(used_bytes(memory) == used);
}

/* ------------------------------------------------------------- where they were stopped */

/* Seven addresses in a ring: a step that is lost, or done twice, ends at another one. */
#define RING		7
#define STEPS		200003

static void test_goes_on(void **state)
{
	uint64_t *ring = (uint64_t *)map_memory(page_size, SMALL_PAGES);
	struct runner runners[JOBS];
	size_t i;

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(write_file(SLICE, "1"), 0);
	for (i = 0; i < RING; i++)
		ring[i] = address(&ring[(i + 1) % RING]);
	for (i = 0; i < JOBS; i++) {
		runners[i].fd = accel_open(0);
		runners[i].job = endless_job(&ring[RING]);
		runners[i].job.src = address(ring);
		runners[i].job.argument = STEPS + i;
		runner_start(&runners[i]);
	}
	for (i = 0; i < JOBS; i++) {
		assert_int_equal(runner_end(&runners[i]), 0);
		assert_int_equal(runners[i].job.out_result, address(&ring[(STEPS + i) % RING]));
		close(runners[i].fd);
	}
	unmap(ring, page_size);
}

/* ------------------------------------------------------------------- stopped in a fault */

/**
 * struct blocked - jobs on memory whose faults nobody answers yet
 * @uffd: where they are asked for
 * @mem: the memory, 2 MiB for each
 * @length: of it
 * @runners: the jobs
 */
struct blocked {
	int uffd;
	uint8_t *mem;
	size_t length;
	struct runner runners[JOBS];
};

static int userfault_open(uint8_t *mem, size_t length)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = length },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		SKIP("this kernel has no userfaultfd");
	REQUIRE(!ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &reg));
	return fd;
}

/*
 * More than there are units: the last of them fault when the first were stopped. That
 * they have faulted is what userspace is told.
 */
static void blocked_start(struct blocked *blocked)
{
	struct uffd_msg msg;
	size_t i;

	blocked->length = JOBS * huge_size;
	blocked->mem = map_memory(blocked->length, SMALL_PAGES);
	blocked->uffd = userfault_open(blocked->mem, blocked->length);
	for (i = 0; i < JOBS; i++) {
		blocked->runners[i].fd = accel_open(0);
		blocked->runners[i].job = (struct drm_hmm_p2p_accel_run) {
			.op = HMM_P2P_ACCEL_SUM,
			.src = address(blocked->mem + i * huge_size),
			.length = huge_size,
		};
		runner_start(&blocked->runners[i]);
	}
	for (i = 0; i < JOBS; i++)
		REQUIRE(read(blocked->uffd, &msg, sizeof(msg)) == sizeof(msg));
}

static void blocked_end(struct blocked *blocked)
{
	uint8_t *from = map_pattern(blocked->length, SMALL_PAGES, 53);
	struct uffdio_copy copy = {
		.dst = address(blocked->mem),
		.src = address(from),
		.len = blocked->length,
	};
	uint64_t expected;
	size_t i;

	assert_int_equal(ioctl(blocked->uffd, UFFDIO_COPY, &copy), 0);
	for (i = 0; i < JOBS; i++) {
		expected = sum_of(from + i * huge_size, huge_size);
		assert_int_equal(runner_end(&blocked->runners[i]), 0);
		assert_true(blocked->runners[i].job.out_result == expected);
		close(blocked->runners[i].fd);
	}
	close(blocked->uffd);
	assert_int_equal(pattern_diff(blocked->mem, 0, blocked->length, 53), -1);
	unmap(from, blocked->length);
	unmap(blocked->mem, blocked->length);
}

static void test_in_faults(void **state)
{
	struct blocked blocked;

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(write_file(SLICE, "20"), 0);
	blocked_start(&blocked);
	assert_int_equal(small_job(), 0);
	blocked_end(&blocked);
}

static int dies_in_faults(void *arg)
{
	struct blocked blocked;

	(void)arg;
	blocked_start(&blocked);
	CHECK(small_job() == 0);
	kill(getpid(), SIGKILL);
	return 1;
}

/* Nobody answers, and nobody is left who waits for it. */
static void test_killed_in_faults(void **state)
{
	uint32_t memory = accel_memory(0);
	uint64_t used = used_bytes(memory);

	(void)state;
	assert_int_equal(write_file(SLICE, "20"), 0);
	assert_int_equal(in_child(dies_in_faults, NULL), -SIGKILL);
	assert_int_equal(small_job(), 0);
	AWAIT(used_bytes(memory) == used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_units),
		TEST(test_killed),
		TEST(test_address_spaces),
		TEST(test_goes_on),
		TEST(test_in_faults),
		TEST(test_killed_in_faults),
	};

	return RUN("accel_turns", tests);
}
