// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation and every copy to or from user memory fails once, one after
 * the other, until a pass has none left to fail (Documentation/fault-injection).
 * The error must be one that the ABI names, the data whole, and nothing lost.
 */
#include <fcntl.h>
#include <signal.h>

#include "common.h"

#define PAGES		8
#define MOST_PASSES	3000

static int fail_nth = -1;

/* Without these, only allocations that may not sleep would fail. */
static const char * const knobs[][2] = {
	{ "/sys/kernel/debug/failslab/ignore-gfp-wait", "N" },
	{ "/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N" },
	{ "/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N" },
	{ "/sys/kernel/debug/fail_page_alloc/min-order", "0" },
	/* Wanted, so no back trace for each. */
	{ "/sys/kernel/debug/hmm_p2p/fail_copy/verbose", "0" },
};

static int failnth_setup(void **state)
{
	size_t i;

	if (suite_setup(state))
		return -1;
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	for (i = 0; fail_nth >= 0 && i < ARRAY_SIZE(knobs); i++)
		write_file(knobs[i][0], knobs[i][1]);
	return 0;
}

static int failnth_teardown(void **state)
{
	if (fail_nth >= 0)
		close(fail_nth);
	return suite_teardown(state);
}

static void failure_arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	assert_int_equal(pwrite(fail_nth, text, (size_t)len, 0), len);
}

/* Was a failure injected? Reading and writing the file may itself fail. */
static bool failure_disarm(void)
{
	char text[16] = "";
	ssize_t n = pread(fail_nth, text, sizeof(text) - 1, 0);

	while (pwrite(fail_nth, "0", 1, 0) != 1)
		;
	return n > 0 && atoi(text) == 0;
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

	if (fail_nth < 0)
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
