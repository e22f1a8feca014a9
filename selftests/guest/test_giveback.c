// SPDX-License-Identifier: GPL-2.0
/*
 * Each device page comes back once, however its process lets go of it. The
 * kernel's log says when one comes back twice, and that fails the test; so does
 * a count of used bytes that is not what it was before.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common.h"

#define LENGTH		(4 * huge_size)
#define NR_BUSY		4

/* ------------------------------------- a touch, and a page that is thrown away */

/**
 * struct duel - one thread touches a device page, another throws it away
 * @mem: a huge page
 * @exporter: where it is
 * @page: which of its pages is touched
 * @whole: the huge page is mapped as one, not page by page
 * @all: all of it is thrown away, not just the page that is touched
 * @touched: the first thread's rounds that are over
 * @begun: rounds that have begun
 * @took: how long the last touch took, in turns of a loop
 * @stop: no more rounds
 */
struct duel {
	uint8_t *mem;
	uint32_t exporter;
	size_t page;
	bool whole;
	bool all;
	unsigned long touched;
	unsigned long begun;
	unsigned long took;
	bool stop;
};

static void await(const unsigned long *counter, unsigned long value, const bool *stop)
{
	while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) != value &&
	       !__atomic_load_n(stop, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void *duel_touches(void *arg)
{
	struct duel *duel = arg;
	unsigned long round;

	for (round = 1;; round++) {
		await(&duel->begun, round, &duel->stop);
		if (__atomic_load_n(&duel->stop, __ATOMIC_ACQUIRE))
			return NULL;
		(void)*(volatile uint8_t *)(duel->mem + duel->page * page_size);
		__atomic_store_n(&duel->touched, round, __ATOMIC_RELEASE);
	}
}

/* Unless it is to be @whole, it is mapped page by page: one of them is gone. */
static void duel_prepare(struct duel *duel, uint64_t *seed)
{
	size_t pages = huge_size / page_size;

	duel->page = 1 + random_next(seed) % (pages - 2);
	pattern_fill(duel->mem, 0, huge_size, 1);
	move_to(duel->exporter, duel->mem, huge_size, NULL);
	if (duel->whole)
		return;
	assert_int_equal(madvise(duel->mem + huge_size - page_size, page_size,
				 MADV_DONTNEED), 0);
}

static void duel_throw(struct duel *duel)
{
	uint8_t *mem = duel->mem + duel->page * page_size;

	if (duel->all)
		assert_int_equal(madvise(duel->mem, huge_size, MADV_DONTNEED), 0);
	else
		assert_int_equal(madvise(mem, page_size, MADV_DONTNEED), 0);
}

/* Throws it away at some moment of the touch. */
static void duel_round(struct duel *duel, unsigned long round, uint64_t *seed)
{
	unsigned long delay = random_next(seed) % (duel->took + 1), turns = 0;

	__atomic_store_n(&duel->begun, round, __ATOMIC_RELEASE);
	while (__atomic_load_n(&duel->touched, __ATOMIC_ACQUIRE) != round) {
		if (turns++ == delay)
			duel_throw(duel);
	}
	duel->took = (3 * duel->took + turns) / 4;
}

/* Nobody has thrown its neighbours away. */
static void duel_check(const struct duel *duel)
{
	size_t at = (duel->page - 1) * page_size;

	if (duel->all)
		return;
	assert_int_equal(pattern_diff(duel->mem + at, at, page_size, 1), -1);
	assert_int_equal(pattern_diff(duel->mem, 0, page_size, 1), -1);
}

static void duel_run(bool whole, bool all)
{
	unsigned int seconds = hammer_seconds("RACE_SECONDS", 5, 6);
	struct duel duel = {
		.exporter = largest_exporter(2 * huge_size).out_id,
		.whole = whole,
		.all = all,
		.took = 1000,
	};
	double until = seconds_now() + seconds;
	unsigned long round = 0;
	uint64_t seed = 7;
	pthread_t thread;

	duel.mem = map_pattern(huge_size, HUGE_PAGES, 1);
	assert_int_equal(pthread_create(&thread, NULL, duel_touches, &duel), 0);
	while (seconds_now() < until) {
		duel_prepare(&duel, &seed);
		duel_round(&duel, ++round, &seed);
		duel_check(&duel);
		assert_int_equal(madvise(duel.mem, huge_size, MADV_DONTNEED), 0);
	}
	__atomic_store_n(&duel.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	fprintf(stderr, "# %lu rounds\n", round);
	unmap(duel.mem, huge_size);
}

static void test_touch_against_dontneed(void **state)
{
	(void)state;
	duel_run(false, false);
}

static void test_touch_against_dontneed_huge(void **state)
{
	(void)state;
	duel_run(true, true);
}

/* The mapping of the huge page is split by who throws a page of it away. */
static void test_touch_against_dontneed_part(void **state)
{
	(void)state;
	duel_run(true, false);
}

/* ------------------------------------------- a huge page that two processes share */

/**
 * struct family - a parent touches a page while its child lets go of it
 * @ready: the child's round
 * @begun: the parent's
 * @mem: a huge page, mapped as one by both
 */
struct family {
	unsigned long ready;
	unsigned long begun;
	uint8_t *mem;
};

/* By throwing all or a page of it away, or by the end of the process. */
static void child_lets_go(struct family *family, unsigned long round, uint64_t seed)
{
	volatile unsigned long turns = random_next(&seed) % 4000;
	size_t page = random_next(&seed) % (huge_size / page_size);
	bool never = false;

	__atomic_store_n(&family->ready, round, __ATOMIC_RELEASE);
	await(&family->begun, round, &never);
	while (turns--)
		;
	switch (round % 3) {
	case 0:
		madvise(family->mem, huge_size, MADV_DONTNEED);
		break;
	case 1:
		madvise(family->mem + page * page_size, page_size, MADV_DONTNEED);
		break;
	}
	_exit(0);
}

static void family_round(struct family *family, unsigned long round, uint64_t *seed)
{
	uint64_t child_seed = random_next(seed);
	size_t page = random_next(seed) % (huge_size / page_size);
	bool never = false;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		child_lets_go(family, round, child_seed);
	await(&family->ready, round, &never);
	__atomic_store_n(&family->begun, round, __ATOMIC_RELEASE);
	(void)*(volatile uint8_t *)(family->mem + page * page_size);
	assert_int_equal(child_wait(pid), 0);
	assert_pattern(family->mem, huge_size, 1);
}

static void test_touch_against_child(void **state)
{
	unsigned int seconds = hammer_seconds("RACE_SECONDS", 5, 6);
	uint32_t exporter = largest_exporter(2 * huge_size).out_id;
	struct family *family = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double until = seconds_now() + seconds;
	unsigned long round = 0;
	uint64_t seed = 3;

	(void)state;
	assert_ptr_not_equal(family, MAP_FAILED);
	family->mem = map_memory(huge_size, HUGE_PAGES);
	while (seconds_now() < until) {
		pattern_fill(family->mem, 0, huge_size, 1);
		move_to(exporter, family->mem, huge_size, NULL);
		family_round(family, ++round, &seed);
		assert_int_equal(madvise(family->mem, huge_size, MADV_DONTNEED), 0);
	}
	fprintf(stderr, "# %lu rounds\n", round);
	unmap(family->mem, huge_size);
	munmap(family, page_size);
}

/* --------------------------------------------------- a process that is killed */

/**
 * struct victim - a process that is busy with its memory until it is killed
 * @turns: it says when its threads run
 * @mem: the memory
 * @scratch: where some of it goes
 * @process: its name for the driver
 * @exporter: where its memory is moved to
 * @threads: how many it has beside the one that waits; 0: that touches
 * @pid: of the child
 * @pidfd: the same
 */
struct victim {
	struct turns turns;
	uint8_t *mem;
	uint8_t *scratch;
	struct hmm_p2p_process process;
	uint32_t exporter;
	size_t threads;
	pid_t pid;
	int pidfd;
};

struct busy {
	struct victim *victim;
	uint64_t seed;
};

static size_t some_part(uint64_t *seed, size_t *at)
{
	size_t pages = LENGTH / page_size, first = random_next(seed) % pages;

	*at = first * page_size;
	return (1 + random_next(seed) % (pages - first)) * page_size;
}

static void touch(uint8_t *mem, size_t length)
{
	size_t at;

	for (at = 0; at < length; at += page_size)
		*(volatile uint8_t *)(mem + at) = 1;
}

/* To elsewhere; what is there instead is empty, and not a hole. */
static int move_away(struct victim *victim, size_t at, size_t length)
{
	/* More than one mapping is refused. */
	mremap(victim->mem + at, length, length,
	       MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
	       victim->scratch + at);
	return 0;
}

static int map_anew(uint8_t *mem, size_t length)
{
	CHECK(mmap(mem, length, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == mem);
	madvise(mem, length, MADV_HUGEPAGE);
	return 0;
}

static int busy_once(struct victim *victim, uint64_t *seed)
{
	size_t at, length = some_part(seed, &at);
	uint8_t *mem = victim->mem + at;

	switch (random_next(seed) % 8) {
	case 0:
		return madvise(mem, length, MADV_DONTNEED);
	case 1:
		return madvise(mem, page_size, MADV_DONTNEED);
	case 2:
		return map_anew(mem, length);
	case 3:
		return move_away(victim, at, length);
	case 4:
		at -= at % huge_size;
		return move_away(victim, at, huge_size);
	default:
		touch(mem, length);
		return 0;
	}
}

static void *busy_main(void *arg)
{
	struct busy *busy = arg;

	for (;;)
		if (busy_once(busy->victim, &busy->seed))
			_exit(1);
	return NULL;
}

static int victim_main(void *arg)
{
	struct victim *victim = arg;
	struct busy busy[NR_BUSY];
	pthread_t thread;
	size_t i;

	turns_side(&victim->turns, true);
	for (i = 0; i < victim->threads; i++) {
		busy[i] = (struct busy) { .victim = victim,
					  .seed = 100 * (uint64_t)getpid() + i };
		CHECK(pthread_create(&thread, NULL, busy_main, &busy[i]) == 0);
	}
	CHECK(turn_give(&victim->turns) == 0);
	for (;;) {
		if (victim->threads)
			pause();
		else
			touch(victim->mem, LENGTH);
	}
}

static void victim_start(struct victim *victim)
{
	turns_init(&victim->turns);
	victim->pid = child_start(victim_main, victim);
	turns_side(&victim->turns, false);
	assert_int_equal(turn_await(&victim->turns), 0);
	assert_int_equal(hmm_p2p_process_open(&victim->process, victim->pid, false), 0);
	victim->pidfd = (int)syscall(SYS_pidfd_open, victim->pid, 0);
	assert_true(victim->pidfd >= 0);
}

/* Kills it and, as the OOM killer's reaper does, takes its memory at once. */
static void *victim_kill(void *arg)
{
	struct victim *victim = arg;

	kill(victim->pid, SIGKILL);
	while (syscall(SYS_process_mrelease, victim->pidfd, 0) && errno == EAGAIN)
		;
	return NULL;
}

static int victim_move(struct victim *victim)
{
	uint64_t at = (uintptr_t)victim->mem;
	struct hmm_p2p_migrate result;
	int ret;

	ret = hmm_p2p_migrate(ctx, &victim->process, victim->exporter, at, LENGTH,
			      &result);
	if (ret)
		return ret;
	return hmm_p2p_migrate_to_ram(ctx, &victim->process, at, LENGTH, &result);
}

static void victim_end(struct victim *victim)
{
	hmm_p2p_process_close(&victim->process);
	close(victim->pidfd);
	assert_int_equal(child_wait(victim->pid), -SIGKILL);
	turns_fini(&victim->turns);
}

/* It moves to and fro while it is busy, and when it is killed. */
static void victim_live(struct victim *victim, uint64_t *seed)
{
	unsigned int rounds = 1 + random_next(seed) % 4;
	pthread_t killer;

	victim_start(victim);
	while (rounds--)
		assert_int_equal(victim_move(victim), 0);
	assert_int_equal(pthread_create(&killer, NULL, victim_kill, victim), 0);
	while (!victim_move(victim))
		;
	pthread_join(killer, NULL);
	victim_end(victim);
}

static void kill_run(size_t threads)
{
	unsigned int seconds = hammer_seconds("RACE_SECONDS", 6, 10), lives;
	struct victim victim = {
		.exporter = largest_exporter(2 * LENGTH).out_id,
		.threads = threads,
	};
	uint64_t seed = 11, before = used_bytes(victim.exporter);
	double until = seconds_now() + seconds;

	victim.mem = map_memory(LENGTH, HUGE_PAGES);
	victim.scratch = map_memory(LENGTH, HUGE_PAGES);
	for (lives = 0; seconds_now() < until; lives++) {
		victim_live(&victim, &seed);
		assert_int_equal(used_bytes(victim.exporter), before);
	}
	fprintf(stderr, "# %u processes\n", lives);
	unmap(victim.mem, LENGTH);
	unmap(victim.scratch, LENGTH);
}

static void test_kill_busy(void **state)
{
	(void)state;
	kill_run(NR_BUSY);
}

/* Huge pages come home whole to a process that has one thread. */
static void test_kill_alone(void **state)
{
	(void)state;
	kill_run(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_touch_against_dontneed),
		TEST(test_touch_against_dontneed_huge),
		TEST(test_touch_against_dontneed_part),
		TEST(test_touch_against_child),
		TEST(test_kill_busy),
		TEST(test_kill_alone),
	};

	return RUN("giveback", tests);
}
