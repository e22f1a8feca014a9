// SPDX-License-Identifier: GPL-2.0
/*
 * A huge device page that is not where its first process got it: that has shared it by
 * fork() and ended, or has moved its mapping. RAM has no huge page to give, so that it
 * can only come home in pieces, through who has it now: when its device goes away, or
 * is emptied.
 */
#include <sys/prctl.h>

#include "common.h"

/* It takes a second or two on the debug kernel. */
#define REMOVAL_SECONDS	60

/**
 * struct heir - a process that has a huge page of the device, and how it came to it
 * @inherit: called where the page was got, with its address; returns in the process
 *	that keeps it, with the address there, or NULL when something was wrong
 * @device: whose page it is
 * @gone: bytes at its start that are not mapped any more
 * @pid: the process
 */
struct heir {
	uint8_t *(*inherit)(uint8_t *mem);
	struct hmm_p2p_device_info device;
	size_t gone;
	pid_t pid;
};

/* Shared with the process. */
static struct heir *heir;

/* Between the process and the test. */
static struct turns turns;

/* The child keeps it. The test adopts it, see heir_start(). */
static uint8_t *by_fork(uint8_t *mem)
{
	pid_t pid = fork();

	if (pid > 0)
		_exit(0);
	return pid ? NULL : mem;
}

static uint8_t *move_mapping(uint8_t *mem, size_t offset)
{
	uint8_t *to = map_memory(2 * huge_size, HUGE_PAGES) + offset;

	return mremap(mem, huge_size, huge_size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to ?
	       to : NULL;
}

static uint8_t *by_mremap(uint8_t *mem)
{
	return move_mapping(mem, 0);
}

/* It is not mapped as a huge page any more. */
static uint8_t *by_crooked_mremap(uint8_t *mem)
{
	return move_mapping(mem, 3 * page_size);
}

/* Both: the parent has ended, and the child has moved it. */
static uint8_t *by_fork_and_mremap(uint8_t *mem)
{
	mem = by_fork(mem);
	return mem ? by_mremap(mem) : NULL;
}

/* The rest stays one page, in single entries of the page table. */
static uint8_t *by_half(uint8_t *mem)
{
	mem = by_fork(mem);
	heir->gone = huge_size / 2;
	return mem && !munmap(mem, heir->gone) ? mem : NULL;
}

static int heir_main(void *arg)
{
	uint8_t *mem = map_pattern(huge_size, HUGE_PAGES, 1);

	(void)arg;
	CHECK(hmm_p2p_migrate(ctx, NULL, heir->device.out_id, (uintptr_t)mem, huge_size,
			      NULL) == 0);
	CHECK(pages_on(heir->device.out_id, mem, huge_size) == huge_size / page_size);
	mem = heir->inherit(mem);
	CHECK(mem);
	heir->pid = getpid();
	turns_side(&turns, true);
	CHECK(turn_give(&turns) == 0);
	CHECK(turn_await(&turns) == 0);
	mem += heir->gone;
	CHECK(pages_on(0, mem, huge_size - heir->gone) == 0);
	CHECK(pattern_diff(mem, heir->gone, huge_size - heir->gone, 1) == -1);
	return 0;
}

static struct hmm_p2p_device_info pci_exporter(void)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;

	for (i = 0; i < n; i++)
		if (is_exporter(&infos[i]) && infos[i].out_caps & HMM_P2P_CAP_PCI)
			return infos[i];
	SKIP("there is no PCI exporter");
	return infos[0];
}

/* When it returns there is one, and who got the page first has ended or moved it. */
static void heir_start(uint8_t *(*inherit)(uint8_t *mem))
{
	pid_t first;

	if (!shortage_begin("0"))
		SKIP("this kernel injects no failures");
	heir = mmap(NULL, sizeof(*heir), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(heir, MAP_FAILED);
	heir->device = pci_exporter();
	heir->inherit = inherit;
	turns_init(&turns);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	first = child_start(heir_main, NULL);
	turns_side(&turns, false);
	assert_int_equal(turn_await(&turns), 0);
	if (heir->pid != first)
		assert_int_equal(child_wait(first), 0);
}

static void heir_end(void)
{
	assert_int_equal(turn_give(&turns), 0);
	assert_int_equal(child_wait(heir->pid), 0);
	turns_fini(&turns);
	munmap(heir, sizeof(*heir));
}

/* ------------------------------------------------------------------- removal */

#define DRIVER	"hmm_p2p_pci"

static int unbind(void *arg)
{
	(void)arg;
	CHECK(driver_unbind(DRIVER, &heir->device) == 0);
	return 0;
}

static void device_goes(uint8_t *(*inherit)(uint8_t *mem))
{
	pid_t removal;
	bool gone;

	heir_start(inherit);
	assert_true(shortage_begin("100"));
	removal = child_start(unbind, NULL);
	gone = child_ends(removal, REMOVAL_SECONDS);
	shortage_end();
	/* One that has waited for a huge page gets it now. */
	assert_int_equal(child_wait(removal), 0);
	assert_int_equal(driver_bind(DRIVER, &heir->device), 0);
	heir_end();
	assert_true(gone);
}

static void test_fork(void **state)
{
	(void)state;
	device_goes(by_fork);
}

static void test_mremap(void **state)
{
	(void)state;
	device_goes(by_mremap);
}

static void test_crooked_mremap(void **state)
{
	(void)state;
	device_goes(by_crooked_mremap);
}

static void test_half(void **state)
{
	(void)state;
	device_goes(by_half);
}

/* ------------------------------------------------------------------- a drain */

static void test_drain(void **state)
{
	struct hmm_p2p_drain result = { 0 };
	int ret;

	(void)state;
	heir_start(by_fork_and_mremap);
	assert_true(shortage_begin("100"));
	ret = hmm_p2p_drain(ctx, heir->device.out_id, &result);
	shortage_end();
	heir_end();
	assert_int_equal(ret, 0);
	assert_int_equal(result.out_moved, huge_size / page_size);
	assert_int_equal(result.out_left, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fork),
		TEST(test_mremap),
		TEST(test_crooked_mremap),
		TEST(test_half),
		TEST(test_drain),
	};

	return RUN("heir", tests);
}
