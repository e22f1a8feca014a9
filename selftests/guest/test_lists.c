// SPDX-License-Identifier: GPL-2.0
/*
 * A CPU that is idle holds a page in one of its lists: on its way within the LRU, or
 * because it was locked and then unmapped. It moves all the same, and its device can
 * be emptied.
 */
#include <sched.h>
#include <sys/wait.h>

#include "common.h"

/* Where the page gets into a list, and where the test runs. */
#define LISTS_CPU	1
#define TEST_CPU	0

/**
 * struct holder - a process whose last act on its CPU puts a page into a list
 * @put: does that
 * @device: where it may have memory
 * @mem: of the page
 * @pid: the process
 * @cpus: where the test may run when it is over
 */
struct holder {
	int (*put)(struct holder *holder);
	struct hmm_p2p_device_info device;
	uint8_t *mem;
	pid_t pid;
	cpu_set_t cpus;
};

static struct turns turns;

static int run_on(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus);
}

static int holder_main(void *arg)
{
	struct holder *holder = arg;

	turns_side(&turns, true);
	CHECK(run_on(LISTS_CPU) == 0);
	pattern_fill(holder->mem, 0, page_size, 1);
	CHECK(holder->put(holder) == 0);
	CHECK(turn_give(&turns) == 0);
	CHECK(turn_await(&turns) == 0);
	return 0;
}

static void holder_start(struct holder *holder)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP("there is one CPU");
	holder->device = smallest_exporter();
	assert_int_equal(sched_getaffinity(0, sizeof(holder->cpus), &holder->cpus), 0);
	assert_int_equal(run_on(TEST_CPU), 0);
	lru_drain();
	holder->mem = map_memory(page_size, SMALL_PAGES);
	turns_init(&turns);
	holder->pid = child_start(holder_main, holder);
	turns_side(&turns, false);
	assert_int_equal(turn_await(&turns), 0);
}

static void holder_end(struct holder *holder)
{
	assert_int_equal(turn_give(&turns), 0);
	assert_int_equal(child_wait(holder->pid), 0);
	turns_fini(&turns);
	unmap(holder->mem, page_size);
	assert_int_equal(sched_setaffinity(0, sizeof(holder->cpus), &holder->cpus), 0);
}

/* Reclaim is to take it first. */
static int make_cold(struct holder *holder)
{
	return madvise(holder->mem, page_size, MADV_COLD);
}

static void test_cold(void **state)
{
	struct holder holder = { .put = make_cold };
	struct hmm_p2p_process process;
	struct hmm_p2p_migrate result;
	int ret;

	(void)state;
	holder_start(&holder);
	assert_int_equal(hmm_p2p_process_open(&process, holder.pid, false), 0);
	ret = hmm_p2p_migrate(ctx, &process, holder.device.out_id, (uintptr_t)holder.mem,
			      page_size, &result);
	hmm_p2p_process_close(&process);
	holder_end(&holder);
	assert_int_equal(ret, 0);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_BUSY], 0);
	assert_int_equal(result.out_moved, 1);
}

/* Nobody maps it any more, and it is still on the device. */
static int lock_and_unmap(struct holder *holder)
{
	CHECK(mlock(holder->mem, page_size) == 0);
	CHECK(hmm_p2p_migrate(ctx, NULL, holder->device.out_id, (uintptr_t)holder->mem,
			      page_size, NULL) == 0);
	CHECK(pages_on(holder->device.out_id, holder->mem, page_size) == 1);
	CHECK(munmap(holder->mem, page_size) == 0);
	return 0;
}

static void test_unlocked(void **state)
{
	struct holder holder = { .put = lock_and_unmap };
	struct hmm_p2p_drain result;
	uint64_t held;
	int ret;

	(void)state;
	holder_start(&holder);
	held = used_bytes(holder.device.out_id) - holder.device.out_used_bytes;
	ret = hmm_p2p_drain(ctx, holder.device.out_id, &result);
	holder_end(&holder);
	assert_int_equal(ret, 0);
	assert_int_equal(result.out_left, 0);
	if (!held)
		SKIP("this kernel's CPUs hold no such page");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cold),
		TEST(test_unlocked),
	};

	return RUN("lists", tests);
}
