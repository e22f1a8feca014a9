/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A range fault's plan, which plan.c makes and planned.c carries out. The mmap_lock is
 * held; hmm_p2p_srcu is taken here.
 */
#ifndef _HMM_P2P_PLAN_H
#define _HMM_P2P_PLAN_H

#include <linux/hmm.h>

#include "faulting.h"
#include "device.h"

/**
 * struct plan_entry - the planned result of one page
 * @hmm_pfn: entry for the caller's array, 0 when the page is not planned
 * @page: the private page that the plan has seen, NULL when there was none
 * @reason: why the page has to go home, if it has
 * @own: it has the caller's owner
 * @write: the caller asks for write, for this page alone
 */
struct plan_entry {
	unsigned long hmm_pfn;
	struct page *page;
	u8 reason;
	bool own;
	bool write;
};

/**
 * struct fault_plan - what the walks have found
 * @faulting: the fault of what is not planned; it arrives where it meets a private
 *	page that the plan had not seen
 * @range: the caller's
 * @fault: the caller's
 * @npages: pages in the range
 * @snap: result of the snapshot walk for one owner
 * @entry: one per page of the range; NULL: it is tried without a plan
 * @writes: the caller asks for write for all pages
 * @planned: number of planned entries
 * @met: there are pages that hmm_range_fault() would have sent home
 * @last_device: exporter that was asked for last
 * @last_reason: its verdict
 */
struct fault_plan {
	struct hmm_p2p_faulting faulting;
	struct hmm_range *range;
	const struct hmm_p2p_fault *fault;
	unsigned long npages;
	unsigned long *snap;
	struct plan_entry *entry;
	bool writes;
	unsigned long planned;
	bool met;
	struct hmm_p2p_device *last_device;
	enum hmm_p2p_reason last_reason;
};

int hmm_p2p_plan(struct fault_plan *plan);
void hmm_p2p_plan_free(struct fault_plan *plan);
void hmm_p2p_plan_entries(struct fault_plan *plan, const void *owner);
void hmm_p2p_plan_merge(struct fault_plan *plan);

static inline bool plan_writes(const struct fault_plan *plan, unsigned long i)
{
	return plan->writes || plan->entry[i].write;
}

/* Then nothing has to be faulted. */
static inline bool all_planned(const struct fault_plan *plan)
{
	return plan->planned == plan->npages;
}

#endif /* _HMM_P2P_PLAN_H */
