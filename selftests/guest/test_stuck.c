// SPDX-License-Identifier: GPL-2.0
/*
 * A process is stuck in a fault that holds its mmap_lock, and threads of it that
 * move memory or ask where it is wait for that lock. A device goes away meanwhile,
 * and does not wait for it: one that it has nothing to do with, and one that has
 * memory of it. And what needs that lock for reading alone goes on.
 *
 * The fault is an importer's, in a file of a frozen file system: it wants to
 * write, and waits until the file system is thawed.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

#include "common_stuck.h"

#define LENGTH	(64 * page_size)

/* In the order in which they start: each waits for the one before. */
enum { FAULTS, MOVES, ASKS, THREADS };

/**
 * struct victim - a child that gets stuck
 * @importer: whose fault it is
 * @exporter: where it moves memory first
 * @other: where it wants to have the rest then
 * @home: instead, it wants to have that back
 * @file: memory of the frozen file
 * @mem: memory that moves
 * @length: of @mem
 * @start: a byte in the pipe lets a thread go
 * @tids: of the threads
 * @results: what their calls returned
 */
struct victim {
	uint32_t importer;
	uint32_t exporter;
	uint32_t other;
	bool home;
	uint8_t *file;
	uint8_t *mem;
	size_t length;
	int start[THREADS][2];
	pid_t tids[THREADS];
	int64_t results[THREADS];
};

/* Shared with the parent. */
static struct victim *victim;

/* A thread that is there gives one. */
static struct turns turns;

/* Half of it is on the device then. The other half needs the lock for writing (7.2). */
static int64_t move(bool again)
{
	uint64_t addr = (uintptr_t)victim->mem, half = victim->length / 2;

	if (!again)
		return hmm_p2p_migrate(ctx, NULL, victim->exporter, addr, half, NULL);
	if (victim->home)
		return hmm_p2p_migrate_to_ram(ctx, NULL, addr, half, NULL);
	return hmm_p2p_migrate(ctx, NULL, victim->other, addr + half, half, NULL);
}

/* What gets stuck, or first the same with nothing in the way. */
static int64_t call(long which, bool stuck)
{
	uint8_t *mem = victim->mem, *last = mem + victim->length - page_size;

	switch (which) {
	case FAULTS:
		return hmm_p2p_fault(ctx, NULL, victim->importer,
				     (uintptr_t)(stuck ? victim->file : last),
				     page_size, HMM_P2P_ACCESS_WRITE, NULL, NULL);
	case MOVES:
		return move(stuck);
	default:
		return hmm_p2p_query(ctx, NULL, 0, (uintptr_t)mem, victim->length, NULL, NULL);
	}
}

/*
 * Who touches a page for the first time may need the mmap_lock for it, and get
 * stuck there. After a first call there is nothing new in the second.
 */
static void *thread_main(void *arg)
{
	long which = (long)arg;
	char byte;

	victim->tids[which] = gettid();
	if (call(which, false) < 0 || turn_give(&turns) ||
	    read(victim->start[which][0], &byte, 1) != 1)
		return NULL;
	victim->results[which] = call(which, true);
	return NULL;
}

static int victim_main(void *arg)
{
	pthread_t threads[THREADS];
	long i;

	(void)arg;
	turns_side(&turns, true);
	pattern_fill(victim->mem, 0, victim->length, 1);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, thread_main, (void *)i) == 0);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(victim->results[FAULTS] == 0);
	CHECK(victim->results[MOVES] == 0);
	CHECK(victim->results[ASKS] >= 0);
	CHECK(pattern_diff(victim->mem, 0, victim->length, 1) == -1);
	return 0;
}

/* Lets thread @which go, and waits until it waits in @function for the driver. */
static bool becomes_stuck(pid_t pid, int which, const char *function)
{
	REQUIRE(write(victim->start[which][1], "", 1) == 1);
	return await_stuck(pid, victim->tids[which], function);
}

/* What a new thread needs would get stuck. */
static void all_there(void)
{
	int i;

	for (i = 0; i < THREADS; i++)
		REQUIRE(turn_await(&turns) == 0);
}

static bool all_stuck(pid_t pid)
{
	bool stuck;

	all_there();
	stuck = becomes_stuck(pid, FAULTS, "page_mkwrite");
	/* Each is let go, or the victim would not end. */
	stuck &= becomes_stuck(pid, MOVES, "hmm_p2p_step_move");
	stuck &= becomes_stuck(pid, ASKS, "query");
	return stuck;
}

/* Lets thread @which go, and waits until its call has returned. */
static bool goes_on(int which)
{
	double deadline = seconds_now() + STUCK_SECONDS;
	const struct timespec pause = { .tv_nsec = 10000000 };

	REQUIRE(write(victim->start[which][1], "", 1) == 1);
	while (victim->results[which] == INT64_MIN) {
		if (seconds_now() > deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* ------------------------------------------------------------- the bystander */

static int unbind(void *arg)
{
	CHECK(driver_unbind("hmm_p2p_pci", arg) == 0);
	return 0;
}

/* A PCI exporter and two others: an importer and an exporter. */
static struct hmm_p2p_device_info choose(void)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES], bystander = { 0 };
	size_t n = device_list(infos), i;

	victim->exporter = largest_exporter(LENGTH).out_id;
	for (i = 0; i < n; i++)
		if (is_exporter(&infos[i]) && infos[i].out_caps & HMM_P2P_CAP_PCI &&
		    infos[i].out_id != victim->exporter)
			bystander = infos[i];
	for (i = 0; i < n; i++)
		if (is_importer(&infos[i]) && infos[i].out_id != bystander.out_id)
			victim->importer = infos[i].out_id;
	if (!bystander.out_id || !victim->importer)
		SKIP("there are not three devices");
	return bystander;
}

static void victim_alloc(enum paging paging)
{
	int i;

	victim = mmap(NULL, sizeof(*victim), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(victim != MAP_FAILED);
	for (i = 0; i < THREADS; i++)
		REQUIRE(pipe2(victim->start[i], O_CLOEXEC) == 0);
	for (i = 0; i < THREADS; i++)
		victim->results[i] = INT64_MIN;
	turns_init(&turns);
	victim->length = paging == HUGE_PAGES ? 2 * huge_size : LENGTH;
	victim->mem = map_memory(victim->length, paging);
}

static void victim_free(void)
{
	int i;

	for (i = 0; i < THREADS; i++) {
		close(victim->start[i][0]);
		close(victim->start[i][1]);
	}
	turns_fini(&turns);
	unmap(victim->mem, victim->length);
	munmap(victim, sizeof(*victim));
}

static struct frozen victim_freeze(void)
{
	struct frozen frozen = frozen_open();

	victim->file = frozen.mem;
	return frozen;
}

/* @own: the device that goes has memory of the victim. */
static void device_goes(enum paging paging, bool own)
{
	struct hmm_p2p_device_info goes;
	pid_t stuck, removal;
	bool held, gone;
	struct frozen frozen;

	victim_alloc(paging);
	goes = choose();
	victim->other = victim->exporter;
	if (own)
		victim->exporter = goes.out_id;
	frozen = victim_freeze();
	stuck = child_start(victim_main, NULL);
	turns_side(&turns, false);
	held = all_stuck(stuck);
	removal = child_start(unbind, &goes);
	gone = child_ends(removal, REMOVAL_SECONDS);
	frozen_thaw(&frozen);
	assert_int_equal(child_wait(removal), 0);
	assert_int_equal(child_wait(stuck), 0);
	assert_int_equal(driver_bind("hmm_p2p_pci", &goes), 0);
	assert_true(held);
	assert_true(gone);
	frozen_close(&frozen);
	victim_free();
}

static void test_bystander(void **state)
{
	(void)state;
	device_goes(SMALL_PAGES, false);
}

static void test_victim_small(void **state)
{
	(void)state;
	device_goes(SMALL_PAGES, true);
}

static void test_victim_huge(void **state)
{
	(void)state;
	device_goes(HUGE_PAGES, true);
}

/* No lock that keeps others out is needed to bring small pages home. */
static void test_home_small(void **state)
{
	bool held, home, asked;
	struct frozen frozen;
	pid_t stuck;

	(void)state;
	victim_alloc(SMALL_PAGES);
	choose();
	victim->home = true;
	frozen = victim_freeze();
	stuck = child_start(victim_main, NULL);
	turns_side(&turns, false);
	all_there();
	held = becomes_stuck(stuck, FAULTS, "page_mkwrite");
	home = goes_on(MOVES);
	asked = goes_on(ASKS);
	frozen_thaw(&frozen);
	assert_int_equal(child_wait(stuck), 0);
	assert_true(held);
	assert_true(home);
	assert_true(asked);
	frozen_close(&frozen);
	victim_free();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_home_small),
		TEST(test_bystander),
		TEST(test_victim_small),
		TEST(test_victim_huge),
	};

	return RUN("stuck", tests);
}
