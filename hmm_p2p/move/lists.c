// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that the CPUs have in lists: on their way to the LRU, or because memory that
 * was locked (mlock) has been unmapped, which device pages can be, too. Each is held by
 * a reference until its list is full or drained, and an idle CPU does neither.
 */
#include <linux/cpu.h>
#include <linux/migrate.h>
#include <linux/workqueue.h>

#include "lists.h"

/* Modules have no drain of their own; migration begins with that of its CPU. */
static void drain_here(struct work_struct *work)
{
	unsigned long none;

	migrate_device_pfns(&none, 0);
}

/**
 * hmm_p2p_drain_lists - let go of the pages that are held by the lists of CPUs
 *
 * Context: may sleep; no page is locked.
 */
void hmm_p2p_drain_lists(void)
{
	struct work_struct work;
	int cpu;

	INIT_WORK_ONSTACK(&work, drain_here);
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		queue_work_on(cpu, system_percpu_wq, &work);
		flush_work(&work);
	}
	cpus_read_unlock();
	destroy_work_on_stack(&work);
}
