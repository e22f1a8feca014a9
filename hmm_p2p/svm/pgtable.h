/* SPDX-License-Identifier: GPL-2.0 */
/* A device's page table of a process, for the files that work on it. */
#ifndef _HMM_P2P_PGTABLE_H
#define _HMM_P2P_PGTABLE_H

#include "../core/core.h"

/**
 * struct hmm_p2p_pgtable - a process in the page table of a device
 * @mirror: over the whole process; its lock protects the rest, and keeps the
 *	pages that the entries name in place
 * @hdev: the device, with a reference
 * @owner: the interconnect that private pages in @entries are on
 * @entries: what the device can reach, by page number: see PGTABLE_*
 * @watched: page number of which invalidations are noted, see exclusive.c
 * @revoked: one was noted
 * @exclusive_lock: who gets exclusive access, one at a time
 */
struct hmm_p2p_pgtable {
	struct hmm_p2p_mirror mirror;
	struct hmm_p2p_device *hdev;
	struct hmm_p2p_owner *owner;
	struct xarray entries;
	unsigned long watched;
	bool revoked;
	struct mutex exclusive_lock; /* outside of the mirror's lock */
};

/* An entry is an XArray value: the PFN, and these. */
#define PGTABLE_WRITE		BIT(0)
#define PGTABLE_EXCLUSIVE	BIT(1)
#define PGTABLE_HUGE		BIT(2)	/* the first PFN of a huge page */
#define PGTABLE_PFN_SHIFT	3

int hmm_p2p_pgtable_enter(struct hmm_p2p_pgtable *pgt, unsigned long index,
			  unsigned long pfn, unsigned long flags);
void hmm_p2p_pgtable_clear(struct hmm_p2p_pgtable *pgt, unsigned long first,
			   unsigned long last);
int hmm_p2p_pgtable_lookup(struct hmm_p2p_pgtable *pgt, unsigned long index,
			   unsigned long nr, bool write, unsigned long *hmm_pfns);
int hmm_p2p_pgtable_fault(struct hmm_p2p_pgtable *pgt, unsigned long addr,
			  unsigned long end, bool write);

#endif /* _HMM_P2P_PGTABLE_H */
