/* SPDX-License-Identifier: GPL-2.0 */
/* What an importer may have. The mmap_lock of the range's process is held. */
#ifndef _HMM_P2P_GRANT_H
#define _HMM_P2P_GRANT_H

#include <linux/hmm.h>

struct hmm_range;
struct vm_area_struct;

/* What hmm_range_fault() leaves alone in an entry, and so do we. */
#define HMM_P2P_INOUT_FLAGS \
	(HMM_PFN_DMA_MAPPED | HMM_PFN_P2PDMA | HMM_PFN_P2PDMA_BUS)

/* What an importer may have of a mapping. */
enum hmm_p2p_grant {
	HMM_P2P_GRANT_ALL,
	HMM_P2P_GRANT_READ,
	HMM_P2P_GRANT_NOTHING,
};

int hmm_p2p_grant_check(const struct hmm_range *range, bool by_keys, bool *restricted);
void hmm_p2p_grant_restrict(const struct hmm_range *range);
int hmm_p2p_grant_write(const struct hmm_range *range);

#if IS_ENABLED(CONFIG_KUNIT)
enum hmm_p2p_grant hmm_p2p_grant_of(const struct vm_area_struct *vma);
int hmm_p2p_grant_check_part(const struct hmm_range *range, unsigned long start,
			     unsigned long end, enum hmm_p2p_grant grant);
void hmm_p2p_grant_restrict_part(const struct hmm_range *range, unsigned long start,
				 unsigned long end, enum hmm_p2p_grant grant);
#endif

#endif /* _HMM_P2P_GRANT_H */
