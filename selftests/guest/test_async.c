// SPDX-License-Identifier: GPL-2.0
/*
 * A device whose engine copies later: several processes have copies under way at
 * once, some of which fail. Whose copy has failed is told so, and nobody else;
 * what a failed copy has left somewhere is never seen. While one is under way, other
 * threads of the process go on.
 */
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include "common.h"

#define NAME		"hmm_p2p_async"
#define PARAMETER(name)	"/sys/module/" NAME "/parameters/" name
/* On the way there: steps that go together, and one that is alone. */
#define LENGTH		(10 * MIB)
#define PROCESSES	4

static uint32_t async_id;
static uint64_t async_bytes;

static int async_setup(void **state)
{
	struct hmm_p2p_device_info info;

	if (system("load " NAME) || suite_setup(state) ||
	    hmm_p2p_device_find(ctx, NAME, &info))
		return -1;
	async_id = info.out_id;
	async_bytes = info.out_memory_bytes;
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

/* A thread that moves memory to the device, or home if that is 0, or drains it. */
struct mover {
	pthread_t thread;
	_Atomic pid_t tid;
	uint32_t device;
	bool drains;
	uint8_t *mem;
	size_t length;
	struct hmm_p2p_migrate result;
	int err;
};

static void *mover_run(void *arg)
{
	struct mover *mover = arg;
	uintptr_t addr = (uintptr_t)mover->mem;

	mover->tid = gettid();
	if (mover->drains)
		mover->err = hmm_p2p_drain(ctx, async_id, NULL);
	else if (mover->device)
		mover->err = hmm_p2p_migrate(ctx, NULL, mover->device, addr,
					     mover->length, &mover->result);
	else
		mover->err = hmm_p2p_migrate_to_ram(ctx, NULL, addr, mover->length,
						    &mover->result);
	return NULL;
}

static void mover_start(struct mover *mover)
{
	REQUIRE(!pthread_create(&mover->thread, NULL, mover_run, mover));
}

static void mover_join(struct mover *mover)
{
	REQUIRE(!pthread_join(mover->thread, NULL));
	assert_int_equal(mover->err, 0);
}

static int stalled_copies(void)
{
	FILE *file = fopen(PARAMETER("stalled"), "re");
	int nr = -1;

	REQUIRE(file && fscanf(file, "%d", &nr) == 1);
	fclose(file);
	return nr;
}

static void stall(bool on)
{
	REQUIRE(!write_file(PARAMETER("stall"), on ? "1" : "0"));
}

/* A step's copy for each huge page of @mover is begun, and waits in the engine. */
static void mover_start_stalled(struct mover *mover)
{
	stall(true);
	mover_start(mover);
	while (stalled_copies() < (int)(mover->length / huge_size))
		sched_yield();
}

/* The driver knows after it that the engine copies later, and moves steps together. */
static void show_engine(void)
{
	uint8_t *mem = map_pattern(huge_size, SMALL_PAGES, 8);

	move_all_to(async_id, mem, huge_size);
	unmap(mem, huge_size);
}

/**
 * struct change - a change of the address space, while a copy is under way
 * @begun: it may wait from now on
 * @done: it did not have to, or has waited
 * @pid: who makes it, in his first thread
 * @watcher: another process, which lets the copy go on then
 */
struct change {
	_Atomic bool begun;
	_Atomic bool done;
	pid_t pid;
	pid_t watcher;
};

static bool waits_for_mapping(const struct change *change)
{
	const char *stack = stack_of(change->pid, change->pid);

	return change->begun && (strstr(stack, "__vma_start_write") ||
				 strstr(stack, "rwsem_down_write"));
}

/*
 * It must not be done by a thread: who forks keeps all threads from their memory until
 * he has gone through all mappings. What was freed by then is gone for good.
 */
static int watch(void *arg)
{
	const struct change *change = arg;

	while (!change->done && !waits_for_mapping(change))
		sched_yield();
	CHECK(!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
	CHECK(!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
	CHECK(!write_file(PARAMETER("stall"), "0"));
	return 0;
}

/* No mapping that comes later, as a thread's stack, becomes a part of it, or waits for it. */
static void stay_apart(uint8_t *mem, size_t length)
{
	REQUIRE(!madvise(mem, length, MADV_DONTDUMP));
}

/* @mem is nobody else's. */
static struct change *watch_start(uint8_t *mem, size_t length)
{
	struct change *change = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	REQUIRE(change != MAP_FAILED);
	change->pid = getpid();
	stay_apart(mem, length);
	REQUIRE(!madvise(mem, length, MADV_DONTFORK));
	change->watcher = child_start(watch, change);
	REQUIRE(!madvise(mem, length, MADV_DOFORK));
	return change;
}

static void watch_end(struct change *change)
{
	change->done = true;
	assert_int_equal(child_wait(change->watcher), 0);
	assert_int_equal(munmap(change, page_size), 0);
}

/*
 * What other threads do while the second of two huge pages is under way: neither the
 * address space is locked nor the page table, so none of this waits for it.
 */
static void disturb(uint8_t *mem)
{
	uint8_t *other = map_pattern(huge_size, SMALL_PAGES, 5);
	struct hmm_p2p_device_info elsewhere = other_exporter(async_id);

	move_all_to(elsewhere.out_id, other, huge_size);
	assert_int_equal(mprotect(other, page_size, PROT_READ), 0);
	move_to_ram(other, huge_size, NULL);
	assert_pattern(other, huge_size, 5);
	unmap(other, huge_size);
	assert_int_equal(madvise(mem + huge_size + page_size, page_size,
				 MADV_DONTNEED), 0);
}

static int is_disturbed(void *arg)
{
	size_t rest = huge_size + 2 * page_size;
	const uint8_t *mem = arg;

	CHECK(pattern_diff(mem, 0, huge_size, 4) == -1);
	CHECK(zero_diff(mem + huge_size + page_size, page_size) == -1);
	CHECK(pattern_diff(mem + rest, rest, 2 * huge_size - rest, 4) == -1);
	return 0;
}

/*
 * Who changes the mapping itself waits for the copy, and the copy for nobody. A child
 * that is forked in the middle of it has all of its memory.
 */
static void go_on_disturbed(struct mover *mover, uint8_t *mem)
{
	struct change *change = watch_start(mem, 2 * huge_size);
	pid_t child;

	mover_start_stalled(mover);
	disturb(mem);
	change->begun = true;
	child = child_start(is_disturbed, mem);
	assert_int_equal(munmap(mem + huge_size, page_size), 0);
	assert_int_equal(mprotect(mem + huge_size + 2 * page_size, page_size,
				  PROT_READ), 0);
	watch_end(change);
	mover_join(mover);
	assert_int_equal(child_wait(child), 0);
	assert_int_equal(is_disturbed(mem), 0);
	assert_int_equal(munmap(mem, huge_size), 0);
	assert_int_equal(munmap(mem + huge_size + page_size, huge_size - page_size), 0);
	forget(mem, 2 * huge_size);
}

static void disturbed_way_there(enum paging paging)
{
	uint8_t *mem = map_pattern(2 * huge_size, paging, 4);
	struct mover mover = { .device = async_id, .mem = mem + huge_size,
			       .length = huge_size };

	go_on_disturbed(&mover, mem);
}

/* Two steps that go together. */
static void disturbed_group(enum paging paging)
{
	uint8_t *mem = map_pattern(2 * huge_size, paging, 4);
	struct mover mover = { .device = async_id, .mem = mem, .length = 2 * huge_size };

	show_engine();
	go_on_disturbed(&mover, mem);
}

static void test_disturbed_way_there(void **state)
{
	(void)state;
	disturbed_way_there(SMALL_PAGES);
}

static void test_disturbed_huge_way_there(void **state)
{
	(void)state;
	disturbed_way_there(HUGE_PAGES);
}

static void test_disturbed_group(void **state)
{
	(void)state;
	disturbed_group(SMALL_PAGES);
}

static void test_disturbed_huge_group(void **state)
{
	(void)state;
	disturbed_group(HUGE_PAGES);
}

static void test_disturbed_way_home(void **state)
{
	uint8_t *mem = map_pattern(2 * huge_size, SMALL_PAGES, 4);
	struct mover mover = { .mem = mem + huge_size, .length = huge_size };

	(void)state;
	move_all_to(async_id, mem, 2 * huge_size);
	go_on_disturbed(&mover, mem);
}

/*
 * All of the mapping goes. What the kernel goes by from a page to its mappings would be
 * gone with it, and is needed at the end of the move (KASAN).
 */
static void go_on_unmapped(struct mover *mover)
{
	struct change *change = watch_start(mover->mem, mover->length);

	mover_start_stalled(mover);
	change->begun = true;
	unmap(mover->mem, mover->length);
	watch_end(change);
	mover_join(mover);
	assert_int_equal(used_bytes(async_id), 0);
}

static void unmapped_way_there(enum paging paging)
{
	struct mover mover = { .device = async_id, .length = huge_size,
			       .mem = map_pattern(huge_size, paging, 7) };

	go_on_unmapped(&mover);
}

static void test_unmapped_way_there(void **state)
{
	(void)state;
	unmapped_way_there(SMALL_PAGES);
}

static void test_unmapped_huge_way_there(void **state)
{
	(void)state;
	unmapped_way_there(HUGE_PAGES);
}

static void test_unmapped_group(void **state)
{
	struct mover mover = { .device = async_id, .length = 4 * huge_size,
			       .mem = map_pattern(4 * huge_size, SMALL_PAGES, 7) };

	(void)state;
	show_engine();
	go_on_unmapped(&mover);
}

static void test_unmapped_way_home(void **state)
{
	struct mover mover = { .length = huge_size,
			       .mem = map_pattern(huge_size, SMALL_PAGES, 7) };

	(void)state;
	move_all_to(async_id, mover.mem, huge_size);
	go_on_unmapped(&mover);
}

/* Nobody asked the process: its pages are found in the device's memory. */
static void test_unmapped_eviction(void **state)
{
	struct mover mover = { .drains = true, .length = huge_size,
			       .mem = map_pattern(huge_size, SMALL_PAGES, 7) };

	(void)state;
	move_all_to(async_id, mover.mem, huge_size);
	go_on_unmapped(&mover);
}

static int have_memory(void *arg)
{
	struct turns *turns = arg;
	uint8_t *mem = map_pattern(huge_size, SMALL_PAGES, 7);

	turns_side(turns, true);
	move_all_to(async_id, mem, huge_size);
	CHECK(!turn_give(turns));
	pause();
	return 1;
}

/* The process ends while its pages are on their way home, with all that it had. */
static void test_eviction_of_the_dead(void **state)
{
	struct mover mover = { .drains = true, .length = huge_size };
	struct turns turns;
	pid_t child;

	(void)state;
	turns_init(&turns);
	child = child_start(have_memory, &turns);
	turns_side(&turns, false);
	REQUIRE(turn_await(&turns) == 0);
	mover_start_stalled(&mover);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(child_wait(child), -SIGKILL);
	assert_int_equal(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), 0);
	assert_int_equal(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), 0);
	stall(false);
	mover_join(&mover);
	turns_fini(&turns);
}

/* A mapping ends in the middle of a group, and of a step, and one of them is missing. */
static void test_group_of_mappings(void **state)
{
	uint8_t *mem = map_pattern(6 * huge_size, SMALL_PAGES, 9), *other;
	size_t cut = 2 * huge_size + 64 * page_size, hole = 4 * huge_size;
	struct hmm_p2p_migrate result;

	(void)state;
	show_engine();
	assert_int_equal(madvise(mem + cut, huge_size, MADV_DONTDUMP), 0);
	unmap(mem + hole, huge_size);
	other = mem + hole + huge_size;
	move_to(async_id, mem, 6 * huge_size, &result);
	assert_int_equal(result.out_moved, 5 * huge_size / page_size);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_HOLE], huge_size / page_size);
	assert_int_equal(pages_on(async_id, mem, hole), hole / page_size);
	assert_int_equal(pages_on(async_id, other, huge_size), huge_size / page_size);
	assert_pattern(mem, hole, 9);
	assert_int_equal(pattern_diff(other, hole + huge_size, huge_size, 9), -1);
	unmap(mem, hole);
	unmap(other, huge_size);
}

/* There is no room for all of a group: what is there already has to go. */
static void group_without_room(enum paging paging)
{
	size_t half = async_bytes / 2, length = half + 4 * huge_size;
	uint8_t *mem = map_pattern(length, paging, 10);
	uint8_t *more = map_pattern(length, paging, 11);

	show_engine();
	move_all_to(async_id, mem, length);
	move_all_to(async_id, more, length);
	assert_int_equal(pages_on(async_id, more, length), length / page_size);
	assert_pattern(mem, length, 10);
	assert_pattern(more, length, 11);
	unmap(mem, length);
	unmap(more, length);
}

static void test_group_without_room(void **state)
{
	(void)state;
	group_without_room(SMALL_PAGES);
}

static void test_huge_group_without_room(void **state)
{
	(void)state;
	group_without_room(HUGE_PAGES);
}

/* Two who move the same range to one device: it goes there once, and nothing home. */
static void test_same_range(void **state)
{
	uint8_t *mem = map_pattern(huge_size, SMALL_PAGES, 6);
	struct mover first = { .device = async_id, .mem = mem, .length = huge_size };
	struct mover second = first;
	struct hmm_p2p_stat before = stat_now(async_id);

	(void)state;
	stay_apart(mem, huge_size);
	mover_start_stalled(&first);
	mover_start(&second);
	while (!second.tid || !strstr(stack_of(getpid(), second.tid), "hmm_p2p_turn_begin"))
		sched_yield();
	stall(false);
	mover_join(&first);
	mover_join(&second);
	assert_int_equal(first.result.out_moved + second.result.out_moved,
			 huge_size / page_size);
	assert_int_equal(stat_delta(async_id, &before, HMM_P2P_COUNTER_TO_RAM), 0);
	assert_int_equal(pages_on(async_id, mem, huge_size), huge_size / page_size);
	assert_pattern(mem, huge_size, 6);
	unmap(mem, huge_size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_small),
		TEST(test_huge),
		TEST(test_dead_engine),
		TEST(test_failures_of_many),
		TEST(test_fault_on_dead_engine),
		TEST(test_disturbed_way_there),
		TEST(test_disturbed_huge_way_there),
		TEST(test_disturbed_group),
		TEST(test_disturbed_huge_group),
		TEST(test_disturbed_way_home),
		TEST(test_unmapped_way_there),
		TEST(test_unmapped_huge_way_there),
		TEST(test_unmapped_group),
		TEST(test_unmapped_way_home),
		TEST(test_unmapped_eviction),
		TEST(test_eviction_of_the_dead),
		TEST(test_group_of_mappings),
		TEST(test_group_without_room),
		TEST(test_huge_group_without_room),
		TEST(test_same_range),
	};

	return cmocka_run_group_tests_name("async", tests, async_setup, async_teardown);
}
