// SPDX-License-Identifier: GPL-2.0
/*
 * Who waits for others can be killed: for a process that is stuck in a fault and whose
 * memory was never moved before, and for a device that has many callers.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/uio.h>

#include "common_stuck.h"

#define LENGTH	(16 * page_size)

/* More than the device serves before STUCK_SECONDS, a page for each of them. */
#define CROWD	250

/* ------------------------------------------------------ a process that is stuck */

/**
 * struct stuck - a process that waits for a frozen file, and one that wants its memory
 * @frozen: the file
 * @mem: LENGTH bytes, which the other one is to move
 * @by_call: it has its memory written by a call, which holds the mmap_lock; else it
 *	writes it, and holds the lock of that mapping alone
 * @device: where to move it
 * @pid: who waits
 */
struct stuck {
	struct frozen frozen;
	uint8_t *mem;
	bool by_call;
	uint32_t device;
	pid_t pid;
};

static int stuck_main(void *arg)
{
	const struct stuck *stuck = arg;
	char byte = 1;
	struct iovec from = { .iov_base = &byte, .iov_len = 1 };
	struct iovec to = { .iov_base = stuck->frozen.mem, .iov_len = 1 };

	/* It has its share of the page cache first. */
	CHECK(*(volatile uint8_t *)stuck->frozen.mem == 0);
	if (stuck->by_call)
		CHECK(process_vm_writev(getpid(), &from, 1, &to, 1, 0) == 1);
	else
		*(volatile uint8_t *)stuck->frozen.mem = byte;
	return 0;
}

static int mover_main(void *arg)
{
	const struct stuck *stuck = arg;
	struct hmm_p2p_process process;

	CHECK(hmm_p2p_process_open(&process, stuck->pid, false) == 0);
	hmm_p2p_migrate(ctx, &process, stuck->device, (uintptr_t)stuck->mem, LENGTH, NULL);
	return 0;
}

/* Not for the driver. */
static bool await_frozen(pid_t pid)
{
	double deadline = seconds_now() + STUCK_SECONDS;

	while (seconds_now() < deadline)
		if (strstr(stack_of(pid, pid), "page_mkwrite"))
			return true;
	return false;
}

static void first_move(bool by_call)
{
	struct stuck stuck = { .by_call = by_call };
	bool held, waits, gone;
	pid_t mover;

	stuck.device = largest_exporter(LENGTH).out_id;
	stuck.mem = map_pattern(LENGTH, SMALL_PAGES, 1);
	stuck.frozen = frozen_open();
	stuck.pid = child_start(stuck_main, &stuck);
	held = await_frozen(stuck.pid);
	mover = child_start(mover_main, &stuck);
	waits = await_stuck(mover, mover, "hmm_p2p_move");
	assert_int_equal(kill(mover, SIGKILL), 0);
	gone = child_ends(mover, STUCK_SECONDS);
	frozen_thaw(&stuck.frozen);
	assert_int_equal(child_wait(mover), -SIGKILL);
	assert_int_equal(child_wait(stuck.pid), 0);
	frozen_close(&stuck.frozen);
	unmap(stuck.mem, LENGTH);
	assert_true(held);
	assert_true(waits);
	assert_true(gone);
}

static void test_first_move(void **state)
{
	(void)state;
	first_move(false);
}

static void test_first_move_call(void **state)
{
	(void)state;
	first_move(true);
}

/* ------------------------------------------------------ a device that has a crowd */

/**
 * struct crowd - callers of one device
 * @importer: the device
 * @mem: LENGTH bytes
 * @tids: of the threads, as they come
 * @nr: how many there are
 */
struct crowd {
	uint32_t importer;
	uint8_t *mem;
	pid_t tids[CROWD];
	unsigned int nr;
};

static void *crowd_thread(void *arg)
{
	unsigned char data[LENGTH];
	struct crowd *crowd = arg;

	crowd->tids[__atomic_fetch_add(&crowd->nr, 1, __ATOMIC_SEQ_CST)] = gettid();
	hmm_p2p_read(ctx, NULL, crowd->importer, (uintptr_t)crowd->mem, LENGTH, data, 0,
		     NULL, NULL);
	return NULL;
}

static int crowd_main(void *arg)
{
	pthread_t threads[CROWD];
	size_t i;

	for (i = 0; i < CROWD; i++)
		CHECK(pthread_create(&threads[i], NULL, crowd_thread, arg) == 0);
	for (i = 0; i < CROWD; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static bool all_wait(pid_t pid, const struct crowd *crowd)
{
	size_t i;

	while (__atomic_load_n(&crowd->nr, __ATOMIC_SEQ_CST) < CROWD)
		if (child_ends(pid, 0))
			return false;
	for (i = 0; i < CROWD; i++)
		if (!await_stuck(pid, crowd->tids[i], "edu_transfer"))
			return false;
	return true;
}

static uint32_t slow_importer(void)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;

	for (i = 0; i < n && !is_slow(&infos[i]); i++)
		;
	if (i == n)
		SKIP("there is no slow importer");
	return infos[i].out_id;
}

static void test_crowd(void **state)
{
	struct crowd *crowd = mmap(NULL, sizeof(*crowd), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool wait, gone;
	pid_t pid;

	(void)state;
	assert_ptr_not_equal(crowd, MAP_FAILED);
	crowd->importer = slow_importer();
	crowd->mem = map_pattern(LENGTH, SMALL_PAGES, 2);
	pid = child_start(crowd_main, crowd);
	wait = all_wait(pid, crowd);
	assert_int_equal(kill(pid, SIGKILL), 0);
	gone = child_ends(pid, STUCK_SECONDS);
	assert_int_equal(child_wait(pid), -SIGKILL);
	assert_true(wait);
	assert_true(gone);
	unmap(crowd->mem, LENGTH);
	munmap(crowd, sizeof(*crowd));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_move),
		TEST(test_first_move_call),
		TEST(test_crowd),
	};

	return RUN("killed", tests);
}
