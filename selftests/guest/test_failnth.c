// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation and every copy to or from user memory fails once, one after
 * the other, until a pass has none left to fail (Documentation/fault-injection).
 * The error must be one that the ABI names, the data whole, and nothing lost.
 */
#include <signal.h>

#include "common_failnth.h"

#define PAGES		8

static bool can_fail;

static int failnth_setup(void **state)
{
	if (suite_setup(state))
		return -1;
	can_fail = failnth_open();
	return 0;
}

static int failnth_teardown(void **state)
{
	failnth_close();
	return suite_teardown(state);
}

/**
 * struct op - something during which everything fails once
 * @name: for messages
 * @paging: of its memory
 * @prepare: puts the memory where it should be before; may be NULL
 * @run: the call; 0 or -errno
 * @seed: pattern that is in the memory before and after, 0 for zeros
 */
struct op {
	const char *name;
	enum paging paging;
	void (*prepare)(uint8_t *mem, size_t length);
	int (*run)(uint8_t *mem, size_t length);
	uint64_t seed;
};

static struct hmm_p2p_device_info exporter, importer;
static uint8_t *data;

static bool named(int err)
{
	return !err || err == -ENOMEM || err == -EFAULT || err == -EREMOTEIO ||
	       err == -EIO;
}

static void content(const struct op *op, uint8_t *mem, size_t length)
{
	if (op->seed)
		assert_pattern(mem, length, op->seed);
	else
		assert_zero(mem, length);
}

/* Return: whether a failure was injected. */
static bool pass(const struct op *op, unsigned int n)
{
	size_t length = op->paging == HUGE_PAGES ? huge_size : PAGES * page_size;
	uint64_t used = used_bytes(exporter.out_id);
	uint8_t *mem = op->seed ? map_pattern(length, op->paging, op->seed) :
				  map_memory(length, op->paging);
	bool injected;
	int err;

	if (op->prepare)
		op->prepare(mem, length);
	failure_arm(n);
	err = op->run(mem, length);
	injected = failure_disarm();
	if (!named(err) || (err && !injected))
		fail_msg("%s, failure %u: %s", op->name, n, strerror(-err));
	content(op, mem, length);
	unmap(mem, length);
	assert_int_equal(used_bytes(exporter.out_id), used);
	return injected;
}

static void sweep(const struct op *op)
{
	unsigned int n = 1;

	if (!can_fail)
		SKIP("this kernel injects no failures");
	exporter = largest_exporter(8 * MIB);
	if (!find_importer(exporter.out_id, HMM_P2P_OUTCOME_P2P, &importer) ||
	    is_slow(&importer))
		importer = any_importer();
	data = map_pattern(huge_size, SMALL_PAGES, op->seed);
	while (n < MOST_PASSES && pass(op, n))
		n++;
	fprintf(stderr, "# %s: %u failures\n", op->name, n - 1);
	assert_in_range(n, 2, MOST_PASSES - 1);
	unmap(data, huge_size);
}

static int run_to_device(uint8_t *mem, size_t length)
{
	return hmm_p2p_migrate(ctx, NULL, exporter.out_id, (uintptr_t)mem, length,
			       NULL);
}

static int run_populate(uint8_t *mem, size_t length)
{
	return hmm_p2p_migrate_flags(ctx, NULL, exporter.out_id,
				     HMM_P2P_MIGRATE_POPULATE, (uintptr_t)mem, length,
				     NULL);
}

static int run_to_ram(uint8_t *mem, size_t length)
{
	return hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem, length, NULL);
}

static int run_drain(uint8_t *mem, size_t length)
{
	(void)mem;
	(void)length;
	return hmm_p2p_drain(ctx, exporter.out_id, NULL);
}

static void on_device(uint8_t *mem, size_t length)
{
	move_all_to(exporter.out_id, mem, length);
}

static sigjmp_buf no_data;

static void bus_error(int sig)
{
	(void)sig;
	siglongjmp(no_data, 1);
}

/*
 * The CPU's fault tries again when memory was short, and is a bus error when
 * the device failed; then a second look finds the data.
 */
static int run_touch(uint8_t *mem, size_t length)
{
	struct sigaction action = { .sa_handler = bus_error }, old;
	int ret = 0;
	size_t at;

	sigaction(SIGBUS, &action, &old);
	if (sigsetjmp(no_data, 1))
		ret = -EIO;
	else
		for (at = 0; at < length; at += page_size)
			(void)*(volatile uint8_t *)(mem + at);
	sigaction(SIGBUS, &old, NULL);
	return ret;
}

static int run_read(uint8_t *mem, size_t length)
{
	return hmm_p2p_read(ctx, NULL, importer.out_id, (uintptr_t)mem, length, data,
			    0, NULL, NULL);
}

/* Writes what is there already. */
static int run_write(uint8_t *mem, size_t length)
{
	return hmm_p2p_write(ctx, NULL, importer.out_id, (uintptr_t)mem, length,
			     data, 0, NULL, NULL);
}

static int run_read_no_p2p(uint8_t *mem, size_t length)
{
	return hmm_p2p_read(ctx, NULL, importer.out_id, (uintptr_t)mem, length, data,
			    HMM_P2P_ACCESS_NO_P2P, NULL, NULL);
}

static int run_query(uint8_t *mem, size_t length)
{
	int64_t n = hmm_p2p_query(ctx, NULL, importer.out_id, (uintptr_t)mem, length,
				  NULL, NULL);

	return n < 0 ? (int)n : 0;
}

static int run_set_owner(uint8_t *mem, size_t length)
{
	(void)mem;
	(void)length;
	return hmm_p2p_set_owner(ctx, exporter.out_id, 0, NULL);
}

static int run_fork(uint8_t *mem, size_t length)
{
	pid_t pid = fork();

	(void)length;
	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(*(volatile uint8_t *)mem & 0);
	return child_wait(pid) ? -EIO : 0;
}

#define SWEEP(name, paging_, prepare_, run_, seed_)		\
	static void name(void **state)				\
	{							\
		static const struct op op = {			\
			#name, paging_, prepare_, run_, seed_	\
		};						\
								\
		(void)state;					\
		sweep(&op);					\
	}

SWEEP(to_device_small, SMALL_PAGES, NULL, run_to_device, 1)
SWEEP(to_device_huge, HUGE_PAGES, NULL, run_to_device, 1)
SWEEP(populate_small, SMALL_PAGES, NULL, run_populate, 0)
SWEEP(populate_huge, HUGE_PAGES, NULL, run_populate, 0)
SWEEP(to_ram_small, SMALL_PAGES, on_device, run_to_ram, 1)
SWEEP(to_ram_huge, HUGE_PAGES, on_device, run_to_ram, 1)
SWEEP(drain_small, SMALL_PAGES, on_device, run_drain, 1)
SWEEP(drain_huge, HUGE_PAGES, on_device, run_drain, 1)
SWEEP(touch_small, SMALL_PAGES, on_device, run_touch, 1)
SWEEP(touch_huge, HUGE_PAGES, on_device, run_touch, 1)
SWEEP(read_small, SMALL_PAGES, on_device, run_read, 1)
SWEEP(read_huge, HUGE_PAGES, on_device, run_read, 1)
SWEEP(write_small, SMALL_PAGES, on_device, run_write, 1)
SWEEP(write_huge, HUGE_PAGES, on_device, run_write, 1)
SWEEP(read_no_p2p_small, SMALL_PAGES, on_device, run_read_no_p2p, 1)
SWEEP(read_no_p2p_huge, HUGE_PAGES, on_device, run_read_no_p2p, 1)
SWEEP(query_small, SMALL_PAGES, on_device, run_query, 1)
SWEEP(fork_huge, HUGE_PAGES, on_device, run_fork, 1)
SWEEP(set_owner, SMALL_PAGES, NULL, run_set_owner, 1)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(to_device_small),
		TEST(to_device_huge),
		TEST(populate_small),
		TEST(populate_huge),
		TEST(to_ram_small),
		TEST(to_ram_huge),
		TEST(drain_small),
		TEST(drain_huge),
		TEST(touch_small),
		TEST(touch_huge),
		TEST(read_small),
		TEST(read_huge),
		TEST(write_small),
		TEST(write_huge),
		TEST(read_no_p2p_small),
		TEST(read_no_p2p_huge),
		TEST(query_small),
		TEST(fork_huge),
		TEST(set_owner),
	};

	return cmocka_run_group_tests_name("failnth", tests, failnth_setup,
					   failnth_teardown);
}
