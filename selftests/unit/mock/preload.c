// SPDX-License-Identifier: GPL-2.0
/* Only in the mock that is preloaded: its set-up, and a machine of two nodes. */
#include <dlfcn.h>
#include <errno.h>
#include <numa.h>
#include <stdlib.h>
#include <string.h>

#include "mock.h"

static bool no_memory, no_numa, no_move_pages;

static void set_counters(void)
{
	struct hmm_p2p_stat *stat = &mock.stats[0];

	stat->out_counters[HMM_P2P_COUNTER_P2P] = 1234567;
	stat->out_counters[HMM_P2P_COUNTER_SENT_HOME] = 5;
	stat->out_counters[HMM_P2P_COUNTER_TO_DEVICE] = UINT64_MAX;
	stat->out_counters[HMM_P2P_COUNTER_SPLIT] = 1;
	stat->out_reasons[HMM_P2P_REASON_NO_PATH] = 3;
	stat->out_reasons[HMM_P2P_REASON_IMPORTER] = 2;
	mock.stats[1].out_counters[HMM_P2P_COUNTER_PRIVATE] = 77;
	mock.stats[1].out_reasons[HMM_P2P_REASON_NO_PATH] = 9;
}

/*
 * vram0 holds three stretches of the heap, carve0 three pages, of which two
 * claim to be huge and one lies where a file is mapped. Four pages of vram0 are
 * shared.
 */
__attribute__((constructor)) static void set_up(void)
{
	const char *text = getenv(MOCK_ENV);

	mock_reset();
	mock_put(0, 16, VRAM0);
	mock_put(32, 8, VRAM0);
	mock.pages[40].writable = false;
	mock_put(40, 2, VRAM0);
	mock.pages[700].huge = true;
	mock_put(700, 1, CARVE0);
	mock.pages[801].huge = true;
	mock.pages[801].writable = false;
	mock_put(800, 2, CARVE0);
	mock_share(736, 4, VRAM0);
	mock.pages[739].writable = false;
	set_counters();
	if (!text)
		return;
	mock_configure(text);
	no_memory = strstr(text, "nomem");
	no_numa = strstr(text, "nonuma");
	no_move_pages = strstr(text, "nopages");
}

void *reallocarray(void *ptr, size_t nr, size_t size)
{
	static void *(*next)(void *ptr, size_t nr, size_t size);

	if (no_memory)
		return NULL;
	if (!next)
		next = (void *(*)(void *, size_t, size_t))dlsym(RTLD_NEXT, "reallocarray");
	return next(ptr, nr, size);
}

int numa_available(void)
{
	return no_numa ? -1 : 0;
}

struct bitmask *numa_allocate_cpumask(void)
{
	return numa_bitmask_alloc(64);
}

/* Node 0: CPUs 0-3 and 8; node 1: CPU 4. */
int numa_node_to_cpus(int node, struct bitmask *mask)
{
	unsigned int cpu;

	numa_bitmask_clearall(mask);
	for (cpu = 0; cpu < 4 && !node; cpu++)
		numa_bitmask_setbit(mask, cpu);
	if (!node)
		numa_bitmask_setbit(mask, 8);
	if (node == 1)
		numa_bitmask_setbit(mask, 4);
	return 0;
}

/* The lower half of the memory is on node 0, the upper half on node 1. */
int numa_move_pages(int pid, unsigned long nr, void **pages, const int *nodes,
		    int *status, int flags)
{
	unsigned long i;

	if (pid != MOCK_PID || nodes || flags || no_move_pages) {
		errno = EPERM;
		return -1;
	}
	for (i = 0; i < nr; i++) {
		uint64_t addr = (uintptr_t)pages[i];
		uint64_t page = (addr - MOCK_BASE) / MOCK_PAGE_SIZE;

		if (mock.lookups && !--mock.lookups)
			abort();
		if (!mock_is_in_ram(addr))
			status[i] = -ENOENT;
		else
			status[i] = page < 256 ? 0 : 1;
	}
	return 0;
}
