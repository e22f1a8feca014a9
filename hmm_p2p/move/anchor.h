/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel goes by from a page to its mappings stays, while the page is on its way. */
#ifndef _HMM_P2P_ANCHOR_H
#define _HMM_P2P_ANCHOR_H

#include <linux/types.h>

struct mm_struct;
struct page;
struct vm_area_struct;

/**
 * struct hmm_p2p_anchor - a mapping that keeps an anon_vma
 * @mapping: the word in a folio that leads to that; only to compare
 * @vma: one of its mappings, locked for reading
 * @mm: of @vma, with a reference to the users
 */
struct hmm_p2p_anchor {
	const void *mapping;
	struct vm_area_struct *vma;
	struct mm_struct *mm;
};

bool hmm_p2p_anchor_begin(struct hmm_p2p_anchor *anchor, struct page *page);
bool hmm_p2p_anchor_holds(const struct hmm_p2p_anchor *anchor, const struct page *page);
void hmm_p2p_anchor_end(struct hmm_p2p_anchor *anchor);

#endif /* _HMM_P2P_ANCHOR_H */
