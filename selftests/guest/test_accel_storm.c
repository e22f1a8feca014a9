// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the CPU and an accelerator take from each other again and again: it stays in
 * RAM for a while, and jobs reach it there.
 */
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "common_accel.h"

#define LENGTH		(4 * MIB)

#define PAUSE		"/sys/module/hmm_p2p_accel/parameters/storm_pause_ms"
#define SOON		"/sys/module/hmm_p2p_accel/parameters/storm_soon_ms"

/* As the header says it. */
#define TURNS		3
#define MOST_RANGES	512

#define PASSES		(2 * TURNS)

/* Longer than any test. */
#define FOREVER		"3600000"

static struct drm_hmm_p2p_accel_explain explain(int fd, const void *mem)
{
	struct drm_hmm_p2p_accel_explain explain = { .addr = address(mem) };

	assert_int_equal(ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_EXPLAIN, &explain), 0);
	return explain;
}

static void advise(int fd, const void *mem, size_t length, uint32_t advice)
{
	struct drm_hmm_p2p_accel_advise advise = {
		.advice = advice,
		.start = address(mem),
		.length = length,
	};

	assert_int_equal(ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_ADVISE, &advise), 0);
}

/* What comes next counts however slow the machine is, and nothing ends by itself. */
static int setup_slow(void **state)
{
	write_file(PAUSE, FOREVER);
	write_file(SOON, FOREVER);
	return test_setup(state);
}

static int teardown(void **state)
{
	write_file(PAUSE, "30000");
	write_file(SOON, "10000");
	return test_teardown(state);
}

/* The CPU writes all of it, the device reads it and writes some. Return: pages that moved. */
static uint64_t pass(int fd, uint8_t *mem, size_t length, uint64_t seed)
{
	struct drm_hmm_p2p_accel_run job;
	uint64_t expected;

	pattern_fill(mem, 0, length, seed);
	expected = sum_of(mem, length);
	job = sum(fd, mem, length);
	assert_true(job.out_result == expected);
	assert_int_equal(fill(fd, mem + length / 2, length / 4, seed), 0);
	return job.out_moved;
}

/* The CPU finds what the device has written. */
static void check(uint8_t *mem, size_t length, uint64_t seed)
{
	const uint64_t *word = (uint64_t *)(mem + length / 2);
	size_t i;

	assert_int_equal(pattern_diff(mem, 0, length / 2, seed), -1);
	for (i = 0; i < length / 4 / sizeof(*word); i++)
		assert_true(word[i] == seed);
	assert_int_equal(pattern_diff(mem + length / 4 * 3, length / 4 * 3, length / 4, seed),
			 -1);
}

/* As often as it takes. */
static void make_storm(int fd, uint8_t *mem, size_t length)
{
	unsigned int i;

	for (i = 0; i < TURNS; i++)
		assert_int_equal(pass(fd, mem, length, i), length / page_size);
	assert_int_equal(explain(fd, mem).out_reason, HMM_P2P_ACCEL_MOVES);
	assert_int_equal(pass(fd, mem, length, i), 0);
	assert_int_equal(explain(fd, mem).out_reason, HMM_P2P_ACCEL_STAYS_STORM);
}

/* -------------------------------------------------------------------- it is guarded */

static void guarded(enum paging paging)
{
	uint8_t *mem = map_pattern(LENGTH, paging, 0);
	struct drm_hmm_p2p_accel_explain what;
	int fd = accel_open(0);
	uint64_t i;

	assert_int_equal(explain(fd, mem).out_storms, 0);
	for (i = 0; i < PASSES; i++) {
		assert_int_equal(pass(fd, mem, LENGTH, i), i < TURNS ? LENGTH / page_size : 0);
		if (i >= TURNS)
			assert_int_equal(pages_on(0, mem, LENGTH), 0);
		check(mem, LENGTH, i);
	}
	what = explain(fd, mem + huge_size + page_size);
	assert_int_equal(what.out_reason, HMM_P2P_ACCEL_STAYS_STORM);
	assert_int_equal(what.out_storms, LENGTH / huge_size);
	assert_true(what.out_turns);
	assert_true(what.out_start == address(mem + huge_size));
	assert_true(what.out_end == address(mem + 2 * huge_size));
	close(fd);
	unmap(mem, LENGTH);
}

static void test_small(void **state)
{
	(void)state;
	(void)accel_memory(0);
	guarded(SMALL_PAGES);
}

static void test_huge(void **state)
{
	(void)state;
	(void)accel_memory(0);
	guarded(HUGE_PAGES);
}

/* Without the guard it moves each time, and nothing is counted. */
static void test_off(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 0);
	int fd = accel_open(0);
	uint64_t i;

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(write_file(PAUSE, "0"), 0);
	for (i = 0; i < PASSES; i++) {
		assert_int_equal(pass(fd, mem, LENGTH, i), LENGTH / page_size);
		check(mem, LENGTH, i);
	}
	assert_int_equal(explain(fd, mem).out_storms, 0);
	assert_int_equal(explain(fd, mem).out_reason, HMM_P2P_ACCEL_MOVES);
	close(fd);
	unmap(mem, LENGTH);
}

/* ----------------------------------------------------------------------- its end */

static void test_goes_back(void **state)
{
	uint8_t *mem = map_pattern(huge_size, SMALL_PAGES, 0);
	uint64_t pages = huge_size / page_size;
	int fd = accel_open(0);
	unsigned int i;

	(void)state;
	assert_int_equal(write_file(PAUSE, "100"), 0);
	for (i = 0; i < TURNS; i++)
		assert_int_equal(pass(fd, mem, huge_size, i), pages);
	/* The pause may be over before the job is. */
	pass(fd, mem, huge_size, i);
	assert_int_equal(explain(fd, mem).out_storms, 1);
	AWAIT(explain(fd, mem).out_reason == HMM_P2P_ACCEL_MOVES);
	/* What the device had of it in RAM is gone, or no job would fault. */
	sum(fd, mem, huge_size);
	assert_int_equal(pages_on(accel_memory(0), mem, huge_size), pages);
	/* Once more is enough now, and nothing ends that. */
	assert_int_equal(write_file(PAUSE, FOREVER), 0);
	assert_int_equal(pass(fd, mem, huge_size, 7), 0);
	assert_int_equal(explain(fd, mem).out_storms, 2);
	check(mem, huge_size, 7);
	close(fd);
	unmap(mem, huge_size);
}

/* What is mapped there next has never been in a storm. */
static void test_unmapped(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 0);
	int fd = accel_open(0);

	(void)state;
	(void)accel_memory(0);
	make_storm(fd, mem, LENGTH);
	assert_ptr_equal(mmap(mem, LENGTH, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), mem);
	assert_int_equal(pass(fd, mem, LENGTH, 8), LENGTH / page_size);
	check(mem, LENGTH, 8);
	close(fd);
	unmap(mem, LENGTH);
}

/* With pauses about to end, and with none. */
static int dies_in_storm(void *arg)
{
	uint8_t *mem = map_pattern(huge_size, SMALL_PAGES, 0);
	struct drm_hmm_p2p_accel_run job;
	int fd = accel_open(0);
	unsigned int i;

	(void)arg;
	CHECK(fd >= 0);
	for (i = 0; i < PASSES; i++) {
		memset(mem, (int)i + 1, huge_size);
		CHECK(try_sum(fd, mem, huge_size, &job) == 0);
	}
	return 0;
}

static void test_dies(void **state)
{
	uint32_t memory = accel_memory(0);
	uint64_t used = used_bytes(memory);
	unsigned int i;

	(void)state;
	assert_int_equal(write_file(PAUSE, "1"), 0);
	for (i = 0; i < 10; i++)
		assert_int_equal(in_child(dies_in_storm, NULL), 0);
	AWAIT(used_bytes(memory) == used);
}

/* --------------------------------------------------------------- what is no storm */

/* It was taken, but long after it came. */
static void test_slow(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 0);
	int fd = accel_open(0);
	unsigned int i;

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(write_file(SOON, "0"), 0);
	for (i = 0; i < PASSES; i++) {
		assert_int_equal(pass(fd, mem, LENGTH, i), LENGTH / page_size);
		usleep(50000);
	}
	assert_int_equal(explain(fd, mem).out_storms, 0);
	close(fd);
	unmap(mem, LENGTH);
}

struct foreign {
	pid_t pid;
	void *mem;
};

static int reads_foreign(void *arg)
{
	const struct foreign *foreign = arg;
	struct iovec there = { .iov_base = foreign->mem, .iov_len = LENGTH };
	struct iovec here = { .iov_base = map_memory(LENGTH, SMALL_PAGES), .iov_len = LENGTH };

	CHECK(process_vm_readv(foreign->pid, &here, 1, &there, 1, 0) == LENGTH);
	return 0;
}

/* Nor does it count when somebody else takes it. */
static void test_foreign(void **state)
{
	struct foreign foreign = {
		.pid = getpid(),
		.mem = map_pattern(LENGTH, SMALL_PAGES, 1),
	};
	uint64_t expected = sum_of(foreign.mem, LENGTH);
	struct drm_hmm_p2p_accel_run job;
	int fd = accel_open(0);
	unsigned int i;

	(void)state;
	(void)accel_memory(0);
	for (i = 0; i < PASSES; i++) {
		job = sum(fd, foreign.mem, LENGTH);
		assert_true(job.out_result == expected);
		assert_int_equal(job.out_moved, LENGTH / page_size);
		assert_int_equal(in_child(reads_foreign, &foreign), 0);
	}
	assert_int_equal(explain(fd, foreign.mem).out_storms, 0);
	close(fd);
	unmap(foreign.mem, LENGTH);
}

/* -------------------------------------------------------------------------- advice */

static void test_advice(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 0);
	int fd = accel_open(0);
	unsigned int i;

	(void)state;
	(void)accel_memory(0);
	make_storm(fd, mem, LENGTH);
	/* It is to be here, whatever that costs. */
	advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_DEVICE);
	for (i = 0; i < PASSES; i++)
		assert_int_equal(pass(fd, mem, LENGTH, i), LENGTH / page_size);
	assert_int_equal(explain(fd, mem).out_reason, HMM_P2P_ACCEL_MOVES);
	/* Advice is undone, and what was before it is forgotten. */
	advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_ANY);
	make_storm(fd, mem, LENGTH);
	advise(fd, mem, LENGTH / 2, HMM_P2P_ACCEL_PREFER_SYSTEM);
	advise(fd, mem + LENGTH / 2, LENGTH / 2, HMM_P2P_ACCEL_ACCESSED_BY);
	assert_int_equal(explain(fd, mem).out_reason, HMM_P2P_ACCEL_STAYS_PREFERRED);
	assert_int_equal(explain(fd, mem + LENGTH / 2).out_reason,
			 HMM_P2P_ACCEL_STAYS_ACCESSED);
	assert_int_equal(pass(fd, mem, LENGTH, 9), 0);
	advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_ANY);
	advise(fd, mem, LENGTH, HMM_P2P_ACCEL_NOT_ACCESSED_BY);
	assert_int_equal(pass(fd, mem, LENGTH, 10), LENGTH / page_size);
	check(mem, LENGTH, 10);
	close(fd);
	unmap(mem, LENGTH);
}

/* ----------------------------------------------------------------- more than it watches */

#define RANGES		600

/* A page in each 2 MiB, which names the next one: a job goes through all. */
static uint64_t **make_ranges(void)
{
	uint8_t *raw = mmap(NULL, (RANGES + 1) * huge_size, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t **pages = calloc(RANGES, sizeof(*pages));
	size_t i;

	REQUIRE(raw != MAP_FAILED && pages);
	raw = (uint8_t *)(((uintptr_t)raw + huge_size) & ~(huge_size - 1));
	for (i = 0; i < RANGES; i++) {
		pages[i] = (uint64_t *)(raw + i * huge_size);
		REQUIRE(mprotect(pages[i], page_size, PROT_READ | PROT_WRITE) == 0);
	}
	return pages;
}

static uint64_t through_ranges(int fd, uint64_t **pages)
{
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_CHASE,
		.src = address(pages[0]),
		.argument = RANGES,
	};
	size_t i;

	for (i = 0; i < RANGES; i++)
		*(volatile uint64_t *)pages[i] = i + 1 < RANGES ? address(pages[i + 1]) : 0;
	assert_int_equal(accel_run(fd, &job), 0);
	assert_true(job.out_result == address(pages[RANGES - 1]));
	return job.out_moved;
}

/* As many as there is room for are guarded, the others move on. */
static void test_many(void **state)
{
	uint64_t **pages = make_ranges(), moved, storms;
	int fd = accel_open(0);
	unsigned int i;

	(void)state;
	(void)accel_memory(0);
	for (i = 0; i < TURNS; i++)
		assert_int_equal(through_ranges(fd, pages), RANGES);
	moved = through_ranges(fd, pages);
	storms = explain(fd, pages[0]).out_storms;
	assert_int_equal(moved + storms, RANGES);
	assert_true(storms > MOST_RANGES / 2 && storms <= MOST_RANGES);
	close(fd);
	munmap(pages[0], RANGES * huge_size);
	free(pages);
}

static void test_wrong(void **state)
{
	struct drm_hmm_p2p_accel_explain bad = { .flags = 1 };
	int fd = accel_open(0);

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_EXPLAIN, &bad), -1);
	assert_int_equal(errno, EINVAL);
	bad = (struct drm_hmm_p2p_accel_explain) { .addr = UINT64_MAX };
	assert_int_equal(ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_EXPLAIN, &bad), -1);
	assert_int_equal(errno, EFAULT);
	close(fd);
}

#define SLOW_TEST(fn)	cmocka_unit_test_setup_teardown(fn, setup_slow, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SLOW_TEST(test_small),
		SLOW_TEST(test_huge),
		SLOW_TEST(test_off),
		SLOW_TEST(test_goes_back),
		SLOW_TEST(test_unmapped),
		SLOW_TEST(test_dies),
		SLOW_TEST(test_slow),
		SLOW_TEST(test_foreign),
		SLOW_TEST(test_advice),
		SLOW_TEST(test_many),
		TEST(test_wrong),
	};

	return RUN("accel_storm", tests);
}
