// SPDX-License-Identifier: GPL-2.0
/*
 * An accelerator that loses interrupts, DMA, its link or its engine: a job ends, right or with
 * an error, whoever is killed ends, the others go on, and no byte of anybody is lost.
 */
#include <pthread.h>
#include <signal.h>

#include "common_gem.h"

#define LENGTH		(4 * MIB)

static struct runner sums(int fd, const void *mem)
{
	return (struct runner) {
		.fd = fd,
		.job = { .op = HMM_P2P_ACCEL_SUM, .src = address(mem), .length = LENGTH },
	};
}

/* Jobs, and no reset was needed for that. */
static void is_well(int fd)
{
	uint8_t *mem = map_pattern(LENGTH, HUGE_PAGES, 1);
	uint64_t expected = sum_of(mem, LENGTH);

	assert_true(sum(fd, mem, LENGTH).out_result == expected);
	assert_int_equal(fill(fd, mem, MIB, 2), 0);
	assert_true(*(uint64_t *)mem == 2);
	assert_int_equal(pattern_diff(mem + MIB, MIB, LENGTH - MIB, 1), -1);
	unmap(mem, LENGTH);
}

/* ------------------------------------------------------------ interrupts that are lost */

/* The message is lost with which a job says that it needs an answer. */
static void test_lost_fault(void **state)
{
	int fd = open_accel(accel_last());
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 3);
	struct runner runner = sums(fd, mem);

	(void)state;
	accel_command(PORT_LAST, "lose-interrupt 3");
	runner_start(&runner);
	assert_int_equal(runner_end(&runner), 0);
	assert_true(runner.job.out_faults == LENGTH / huge_size);
	assert_true(runner.job.out_result == sum_of(mem, LENGTH));
	unmap(mem, LENGTH);
	close(fd);
}

/* The one with which it says that it is over. */
static void test_lost_end(void **state)
{
	int fd = open_accel(accel_last());
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 4);
	struct runner runner = sums(fd, mem);

	(void)state;
	accel_command(PORT_LAST, "lose-interrupt 2");
	runner_start(&runner);
	assert_int_equal(runner_end(&runner), 0);
	assert_true(runner.job.out_result == sum_of(mem, LENGTH));
	unmap(mem, LENGTH);
	close(fd);
}

static int endless(void *arg)
{
	struct drm_hmm_p2p_accel_run job;
	int fd = open_accel(accel_last());

	(void)arg;
	job = endless_job((uint64_t *)map_memory(page_size, SMALL_PAGES));
	accel_run(fd, &job);
	return 1;
}

/* Return: a process with a job that runs. */
static pid_t endless_start(void)
{
	uint32_t memory = accel_memory(accel_last());
	uint64_t used = used_bytes(memory);
	pid_t pid = child_start(endless, NULL);

	AWAIT(used_bytes(memory) != used);
	AWAIT(strstr(stack_of(pid, pid), "accel_job_run"));
	return pid;
}

static void kill_and_wait(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(child_wait(pid), -SIGKILL);
}

/* A job that was killed is over, although nobody says so: that is no reason for a reset. */
static void test_lost_end_of_killed(void **state)
{
	int fd = open_accel(accel_last());
	pid_t pid = endless_start();

	(void)state;
	accel_command(PORT_LAST, "lose-interrupt 2");
	kill_and_wait(pid);
	is_well(fd);
	close(fd);
}

/* The same when jobs are stopped, for a reset by the PCI core: they go on behind it. */
static void test_lost_stop(void **state)
{
	unsigned int last = accel_last();
	uint64_t *self = (uint64_t *)map_memory(page_size, SMALL_PAGES);
	struct runner runner = { .fd = open_accel(last), .job = endless_job(self) };

	(void)state;
	runner_start(&runner);
	AWAIT(pages_on(accel_memory(last), self, page_size) == 1);
	accel_command(PORT_LAST, "lose-interrupt 2");
	assert_int_equal(accel_reset(last), 0);
	AWAIT(pages_on(accel_memory(last), self, page_size) == 1);
	*(volatile uint64_t *)self = 0;
	assert_int_equal(runner_end(&runner), 0);
	assert_true(runner.job.out_result == address(self));
	is_well(runner.fd);
	close(runner.fd);
	unmap(self, page_size);
}

/* The same when the time of a job on buffers is over. */
static void test_lost_end_of_late(void **state)
{
	int fd = open_accel(accel_last());
	struct buffer buffer = buffer_make(fd, page_size);
	struct gem_job endless = gem_endless_job(&buffer);
	uint32_t sync = syncobj_create(fd);

	(void)state;
	endless.signals[0].handle = sync;
	endless.submit.nr_signals = 1;
	assert_int_equal(write_file(LIMIT, "400"), 0);
	accel_command(PORT_LAST, "lose-interrupt 2");
	assert_int_equal(gem_submit(fd, &endless), 0);
	assert_int_equal(syncobj_status(fd, sync), -ETIMEDOUT);
	assert_int_equal(write_file(LIMIT, "10000"), 0);
	is_well(fd);
	syncobj_destroy(fd, sync);
	buffer_free(&buffer);
	close(fd);
}

/* -------------------------------------------------------------- faults without room */

#define FAULTING	4

/* All of them fault at once, and the queue has room for one. */
static void test_small_fault_queue(void **state)
{
	struct runner runners[FAULTING];
	uint8_t *mem[FAULTING];
	int fd = open_accel(accel_last());
	unsigned int i;

	(void)state;
	accel_command(PORT_LAST, "fault-queue 1");
	accel_command(PORT_LAST, "hang compute");
	for (i = 0; i < FAULTING; i++) {
		mem[i] = map_pattern(LENGTH, SMALL_PAGES, 10 + i);
		runners[i] = sums(fd, mem[i]);
		runner_start(&runners[i]);
	}
	for (i = 0; i < FAULTING; i++)
		runner_await(&runners[i]);
	accel_command(PORT_LAST, "resume compute");
	for (i = 0; i < FAULTING; i++) {
		assert_int_equal(runner_end(&runners[i]), 0);
		assert_true(runners[i].job.out_result == sum_of(mem[i], LENGTH));
		unmap(mem[i], LENGTH);
	}
	accel_command(PORT_LAST, "fault-queue 0");
	close(fd);
}

/* --------------------------------------------------------------- the bus says no */

#define ERRORS		8

/* All of it has what the job has written so far, and then what was there. */
static void assert_filled(const uint8_t *mem, uint64_t value, uint64_t seed)
{
	const uint64_t *word = (const uint64_t *)mem;
	size_t at = 0;

	while (at < LENGTH / sizeof(*word) && word[at] == value)
		at++;
	at *= sizeof(*word);
	assert_int_equal(pattern_diff(mem + at, at, LENGTH - at, seed), -1);
}

/* Where that takes the whole device, it is usable after a reset. */
static void is_well_again(int fd)
{
	uint64_t word = 0;
	int ret = fill(fd, &word, sizeof(word), 1);

	if (ret) {
		assert_int_equal(ret, -ENODEV);
		assert_int_equal(accel_reset(accel_last()), 0);
	}
	is_well(fd);
}

/* The next so many transactions succeed, and one does not: of the ring, a fault, a copy. */
static void dma_error(int fd, unsigned int nr)
{
	uint8_t *there = map_pattern(LENGTH, SMALL_PAGES, 20);
	uint8_t *read = map_pattern(LENGTH, SMALL_PAGES, 21);
	uint8_t *written = map_pattern(LENGTH, HUGE_PAGES, 22);
	struct runner reads = sums(fd, read), writes = {
		.fd = fd,
		.job = {
			.op = HMM_P2P_ACCEL_FILL,
			.dst = address(written),
			.length = LENGTH,
			.argument = 23,
		},
	};
	char words[32];
	int ret;

	move_all_to(accel_memory(accel_last()), there, LENGTH);
	snprintf(words, sizeof(words), "dma-error %u", nr);
	accel_command(PORT_LAST, words);
	runner_start(&reads);
	ret = runner_end(&reads);
	assert_true(ret == 0 || ret == -EIO);
	if (!ret)
		assert_true(reads.job.out_result == sum_of(read, LENGTH));
	accel_command(PORT_LAST, "dma-error 0");
	is_well_again(fd);
	move_to(accel_memory(accel_last()), there, LENGTH, NULL);
	accel_command(PORT_LAST, words);
	runner_start(&writes);
	ret = runner_end(&writes);
	assert_true(ret == 0 || ret == -EIO);
	accel_command(PORT_LAST, "dma-error 0");
	assert_pattern(read, LENGTH, 21);
	assert_filled(written, 23, 22);
	assert_true(ret || ((uint64_t *)written)[LENGTH / 8 - 1] == 23);
	assert_pattern(there, LENGTH, 20);
	is_well_again(fd);
	unmap(there, LENGTH);
	unmap(read, LENGTH);
	unmap(written, LENGTH);
}

static void test_dma_errors(void **state)
{
	int fd = open_accel(accel_last());
	unsigned int nr;

	(void)state;
	for (nr = 1; nr <= ERRORS; nr++)
		dma_error(fd, nr);
	close(fd);
}

/* ---------------------------------------------------------------------- the link */

/* What a job reads over the link is not there any more; nor can it be got otherwise. */
static void test_link_down(void **state)
{
	uint32_t here = accel_memory(0), there = accel_memory(1);
	uint64_t *shared = (uint64_t *)map_pattern(LENGTH, SMALL_PAGES, 30);
	uint64_t *own = (uint64_t *)map_memory(page_size, SMALL_PAGES), expected;
	int near = open_accel(0), far = open_accel(1);
	struct runner over = { .fd = far }, beside = { .fd = far, .job = endless_job(own) };
	struct hmm_p2p_stat before = stat_now(here);
	struct drm_hmm_p2p_accel_run job;

	(void)state;
	assert_int_equal(hmm_p2p_set_owner(ctx, there, here, NULL), 0);
	over.job = endless_job(shared);
	expected = sum_of(shared, LENGTH);
	move_all_to(here, shared, LENGTH);
	runner_start(&over);
	runner_start(&beside);
	AWAIT(stat_delta(here, &before, HMM_P2P_COUNTER_PRIVATE));
	AWAIT(pages_on(there, own, page_size) == 1);
	accel_command(PORT_FIRST, "link down");
	assert_int_equal(runner_end(&over), -EIO);
	assert_int_equal(try_sum(far, shared, LENGTH, &job), -EIO);
	/* Where it lies it can be used, and its neighbour has jobs of its own. */
	assert_true(sum(near, shared, LENGTH).out_result == expected);
	is_well(far);
	*(volatile uint64_t *)own = 0;
	assert_int_equal(runner_end(&beside), 0);
	/* Without the interconnect, of which nothing is left, it goes by PCI. */
	move_to_ram(own, page_size, NULL);
	assert_int_equal(hmm_p2p_set_owner(ctx, there, 0, NULL), 0);
	job = sum(far, shared, LENGTH);
	assert_true(job.out_result == expected);
	assert_int_equal(job.out_moved, 0);
	/* And with it, when it is there again, over it. Its other end learns that a bit later. */
	accel_command(PORT_FIRST, "link up");
	assert_int_equal(hmm_p2p_set_owner(ctx, there, here, NULL), 0);
	before = stat_now(here);
	AWAIT(try_sum(far, shared, LENGTH, &job) == 0);
	assert_true(job.out_result == expected);
	assert_true(stat_delta(here, &before, HMM_P2P_COUNTER_PRIVATE));
	assert_int_equal(pages_on(here, shared, LENGTH), LENGTH / page_size);
	shared[0] = pattern_word(0, 30);
	assert_pattern(shared, LENGTH, 30);
	assert_int_equal(hmm_p2p_set_owner(ctx, there, 0, NULL), 0);
	unmap(shared, LENGTH);
	unmap(own, page_size);
	close(near);
	close(far);
}

/* -------------------------------------------------------------- an engine that hangs */

/* Who is killed ends, and nobody else notices; and the engine goes on. */
static void test_hang_and_kill(void **state)
{
	unsigned int last = accel_last();
	uint64_t *self = (uint64_t *)map_memory(page_size, SMALL_PAGES);
	struct runner runner = { .fd = open_accel(last), .job = endless_job(self) };
	pid_t pid;

	(void)state;
	runner_start(&runner);
	AWAIT(pages_on(accel_memory(last), self, page_size) == 1);
	pid = endless_start();
	accel_command(PORT_LAST, "hang compute");
	kill_and_wait(pid);
	accel_command(PORT_LAST, "resume compute");
	*(volatile uint64_t *)self = 0;
	assert_int_equal(runner_end(&runner), 0);
	assert_true(runner.job.out_result == address(self));
	is_well(runner.fd);
	close(runner.fd);
	unmap(self, page_size);
}

static int reads(void *arg)
{
	struct drm_hmm_p2p_accel_run job;

	try_sum(open_accel(accel_last()), arg, LENGTH, &job);
	return 1;
}

/* It does not even begin a job, and so it does not end one: then all of it is reset. */
static void test_hang_and_reset(void **state)
{
	unsigned int last = accel_last();
	uint64_t *self = (uint64_t *)map_memory(page_size, SMALL_PAGES);
	uint8_t *there = map_pattern(LENGTH, SMALL_PAGES, 40);
	struct runner runner = { .fd = open_accel(last), .job = endless_job(self) };
	pid_t pid;

	(void)state;
	move_all_to(accel_memory(last), there, LENGTH);
	runner_start(&runner);
	AWAIT(pages_on(accel_memory(last), self, page_size) == 1);
	accel_command(PORT_LAST, "hang compute");
	pid = child_start(reads, there);
	AWAIT(strstr(stack_of(pid, pid), "accel_job_run"));
	kill_and_wait(pid);
	assert_int_equal(runner_end(&runner), -EIO);
	assert_int_equal(fill(runner.fd, self, page_size, 1), -ENODEV);
	assert_int_equal(pages_on(accel_memory(last), there, LENGTH), LENGTH / page_size);
	assert_pattern(there, LENGTH, 40);
	assert_int_equal(accel_reset(last), 0);
	is_well(runner.fd);
	close(runner.fd);
	unmap(self, page_size);
	unmap(there, LENGTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lost_fault),
		TEST(test_lost_end),
		TEST(test_lost_end_of_killed),
		TEST(test_lost_stop),
		TEST(test_lost_end_of_late),
		TEST(test_small_fault_queue),
		TEST(test_dma_errors),
		TEST(test_link_down),
		TEST(test_hang_and_kill),
		TEST(test_hang_and_reset),
	};

	return RUN("accel_broken", tests);
}
