/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What fault.c has for who decides about each page of a range fault, which is plan.c,
 * or native.c where the kernel itself does it.
 */
#ifndef _HMM_P2P_DECIDE_H
#define _HMM_P2P_DECIDE_H

#include <linux/hmm.h>
#include <linux/types.h>

#include "fault.h"

/**
 * struct hmm_p2p_faulting - a fault of an importer that runs
 * @range: what is faulted
 * @may_unlock: the mmap_lock may be dropped meanwhile
 * @arrived: it has met a page that it could have left where it is
 * @node: among those that run
 * @task: who runs it
 */
struct hmm_p2p_faulting {
	struct hmm_range *range;
	bool may_unlock;
	bool arrived;
	struct hlist_node node;
	struct task_struct *task;
};

void hmm_p2p_faulting_begin(struct hmm_p2p_faulting *fault);
void hmm_p2p_faulting_end(struct hmm_p2p_faulting *fault);
struct hmm_p2p_faulting *hmm_p2p_faulting_current(void);
struct hmm_p2p_faulting *hmm_p2p_faulting_page(const struct vm_fault *vmf,
					       unsigned long *index);
int hmm_p2p_fault_run(struct hmm_range *run, bool may_unlock);
void hmm_p2p_note_there(const struct hmm_p2p_fault *fault, unsigned long i,
			struct page *page, enum hmm_p2p_outcome outcome);
bool hmm_p2p_note_own(const struct hmm_p2p_fault *fault, unsigned long i,
		      unsigned long hmm_pfn);

int hmm_p2p_fault_decide(struct hmm_range *range,
			 const struct hmm_p2p_fault *fault, bool may_unlock);

static inline unsigned long range_npages(const struct hmm_range *range)
{
	return (range->end - range->start) >> PAGE_SHIFT;
}

/* The request flags of an entry; a fault overwrites them. */
static inline unsigned long range_asks(const struct hmm_range *range, unsigned long i)
{
	return (range->hmm_pfns[i] & range->pfn_flags_mask) | range->default_flags;
}

#endif /* _HMM_P2P_DECIDE_H */
