/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults of importers that run, each by the task that has begun it; a spinlock is
 * taken here. The mmap_lock of the range's process is held.
 */
#ifndef _HMM_P2P_FAULTING_H
#define _HMM_P2P_FAULTING_H

#include <linux/hmm.h>
#include <linux/types.h>

#include "path.h"

struct mm_struct;
struct page;
struct vm_fault;

/**
 * struct hmm_p2p_fault - a fault for an importer, and what came of it
 * @importer: who wants to reach the memory
 * @by_mapping: what is not p2p is reached through the process's own mapping, so
 *	shared device memory (see mapped.c) is refused to nobody
 * @by_keys: the current thread's protection keys count, if the memory is its own
 * @pages: NULL, or an entry per page that receives the private page of each p2p
 *	outcome, else NULL
 * @report: NULL, or a byte per page: outcome | reason << 4. It must be zero
 *	before the first try and kept from one try to the next, because a page
 *	that one try sends home is an ordinary page in the next. When the fault
 *	fails with -EREMOTEIO, the pages that have a reason and no outcome are why
 */
struct hmm_p2p_fault {
	struct hmm_p2p_importer importer;
	bool by_mapping;
	bool by_keys;
	struct page **pages;
	u8 *report;
};

/**
 * struct hmm_p2p_faulting - a fault of an importer that runs
 * @range: what is faulted
 * @may_unlock: the mmap_lock may be dropped meanwhile
 * @arrived: it has met a page that it could have left where it is
 * @no_ram: it has met one that is to come home, for which there is no RAM
 * @node: among those that run
 * @task: who runs it
 */
struct hmm_p2p_faulting {
	struct hmm_range *range;
	bool may_unlock;
	bool arrived;
	bool no_ram;
	struct hlist_node node;
	struct task_struct *task;
};

void hmm_p2p_faulting_begin(struct hmm_p2p_faulting *fault);
void hmm_p2p_faulting_end(struct hmm_p2p_faulting *fault);
struct hmm_p2p_faulting *hmm_p2p_faulting_current(void);
struct hmm_p2p_faulting *hmm_p2p_faulting_page(const struct vm_fault *vmf,
					       unsigned long *index);
int hmm_p2p_fault_run(struct hmm_range *run, bool may_unlock);
void hmm_p2p_note_there(const struct hmm_p2p_fault *fault, unsigned long i, unsigned long nr,
			struct page *page, enum hmm_p2p_outcome outcome);
bool hmm_p2p_note_own(const struct hmm_p2p_fault *fault, unsigned long i,
		      unsigned long hmm_pfn);
bool hmm_p2p_fault_is_ours(const struct mm_struct *mm);

static inline unsigned long range_npages(const struct hmm_range *range)
{
	return (range->end - range->start) >> PAGE_SHIFT;
}

/* The request flags of an entry; a fault overwrites them. */
static inline unsigned long range_asks(const struct hmm_range *range, unsigned long i)
{
	return (range->hmm_pfns[i] & range->pfn_flags_mask) | range->default_flags;
}

#endif /* _HMM_P2P_FAULTING_H */
