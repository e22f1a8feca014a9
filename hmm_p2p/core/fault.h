/* SPDX-License-Identifier: GPL-2.0 */
/* The three outcomes. The mmap_lock of the range's process is held. */
#ifndef _HMM_P2P_FAULT_H
#define _HMM_P2P_FAULT_H

#include <linux/types.h>

#include "path.h"

struct hmm_range;
struct mm_struct;
struct page;
struct vm_fault;

/**
 * struct hmm_p2p_fault - a fault for an importer, and what came of it
 * @importer: who wants to reach the memory
 * @by_mapping: what is not p2p is reached through the process's own mapping, so
 *	shared device memory (see mapped.c) is refused to nobody
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
	struct page **pages;
	u8 *report;
};

int hmm_p2p_fault_for(struct hmm_range *range,
		      const struct hmm_p2p_fault *fault, bool may_unlock);
bool hmm_p2p_fault_is_ours(const struct mm_struct *mm);
bool hmm_p2p_fault_arrived(const struct vm_fault *vmf);

#endif /* _HMM_P2P_FAULT_H */
