/* SPDX-License-Identifier: GPL-2.0 */
/* What an importer may have. The mmap_lock of the range's process is held. */
#ifndef _HMM_P2P_GRANT_H
#define _HMM_P2P_GRANT_H

#include <linux/hmm.h>

struct hmm_range;

/* What hmm_range_fault() leaves alone in an entry, and so do we. */
#define HMM_P2P_INOUT_FLAGS \
	(HMM_PFN_DMA_MAPPED | HMM_PFN_P2PDMA | HMM_PFN_P2PDMA_BUS)

int hmm_p2p_grant_check(const struct hmm_range *range, bool *restricted);
void hmm_p2p_grant_restrict(const struct hmm_range *range);
int hmm_p2p_grant_write(const struct hmm_range *range);

#endif /* _HMM_P2P_GRANT_H */
