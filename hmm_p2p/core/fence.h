/* SPDX-License-Identifier: GPL-2.0 */
/* How a copy of an exporter ends, see fence.c. May sleep; takes no lock. */
#ifndef _HMM_P2P_FENCE_H
#define _HMM_P2P_FENCE_H

struct dma_fence;

int hmm_p2p_copy_end(struct dma_fence *fence);

#endif /* _HMM_P2P_FENCE_H */
