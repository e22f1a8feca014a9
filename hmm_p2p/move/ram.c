// SPDX-License-Identifier: GPL-2.0
/*
 * Is there RAM for device memory that is to come home?
 *
 * Not asked for a CPU's page fault, which is one like any other. But who moves memory
 * because somebody said so, because a device is full or goes away, or because an
 * importer may not have it there, could take all there is. That its allocations
 * never call the OOM killer does not help: the next one of a bystander would. So it
 * leaves a reserve, and finds no room when it cannot.
 *
 * Swap does not count before it has proved itself. How much RAM a swap device
 * gives cannot be told from outside: on zram a page that does not compress frees
 * none. So reclaim is asked for as much as is wanted, with the reserve; what it
 * gives is handed back and can be used.
 *
 * Control groups need no care: a device page stays charged to its group while it
 * goes home, so a group at its limit does not notice. With a memory policy, or in
 * a cpuset, the allocation fails where its nodes have no more, and kills nobody;
 * but the reserve is the machine's, and not one on each node.
 */
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/swap.h>

#include "ram.h"

/*
 * A 32nd of RAM, half a GiB at most. It has to last for what others take before
 * the next look: each CPU may have a batch of 2 MiB under way, and counts free
 * pages with an error of some hundred KiB, so half a GiB is enough for 200 CPUs.
 * And what is a burst for a program grows with the machine, as do the kernel's
 * own watermarks, which come on top: si_mem_available() leaves them out.
 */
unsigned long hmm_p2p_ram_reserve(void)
{
	return min(totalram_pages() / 32, SZ_512M >> PAGE_SHIFT);
}

/* Is the reserve still there when @nr pages are taken, with nothing swapped out? */
bool hmm_p2p_ram_ample(unsigned long nr)
{
	return si_mem_available() >= (long)(nr + hmm_p2p_ram_reserve());
}

/*
 * Takes @nr pages, and gives them back. It gives up where others would still try,
 * so that they do not come to the OOM killer for it.
 */
static bool reclaim_gives(unsigned long nr)
{
	gfp_t gfp = GFP_HIGHUSER_MOVABLE | __GFP_NORETRY | __GFP_NOWARN;
	struct folio *folio, *next;
	LIST_HEAD(folios);

	for (; nr && !fatal_signal_pending(current); nr--) {
		folio = folio_alloc(gfp, 0);
		if (!folio)
			break;
		list_add(&folio->lru, &folios);
		cond_resched();
	}
	list_for_each_entry_safe(folio, next, &folios, lru) {
		list_del(&folio->lru);
		folio_put(folio);
	}
	return !nr;
}

/**
 * hmm_p2p_ram_room - may so much memory come home?
 * @nr: pages, at most a batch
 *
 * Asks for more than is wanted, so that the next calls find it there.
 *
 * Context: may sleep, and reclaim; an mmap_lock may be held, and the lock of a device
 * page.
 * Return: whether the reserve will be left.
 */
bool hmm_p2p_ram_room(unsigned long nr)
{
	if (hmm_p2p_ram_ample(nr))
		return true;
	return get_nr_swap_pages() > 0 && reclaim_gives(nr + 3 * hmm_p2p_ram_reserve() / 2);
}
