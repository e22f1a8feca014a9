/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Room on a device, and its end. May sleep; neither an mmap_lock nor hmm_p2p_srcu is
 * held, because these are taken here: an mmap_lock only where it is free, for no
 * process may keep a device from going, or others from its room.
 */
#ifndef _HMM_P2P_EVICT_H
#define _HMM_P2P_EVICT_H

#include <linux/types.h>

struct hmm_p2p_batch;
struct hmm_p2p_device;
struct hmm_p2p_move;
struct hmm_p2p_payer;

bool hmm_p2p_evict_all(struct hmm_p2p_device *hdev);
unsigned long hmm_p2p_evict_some(struct hmm_p2p_device *hdev,
				 struct hmm_p2p_batch *batch, unsigned long wanted,
				 const struct hmm_p2p_payer *limit,
				 const struct hmm_p2p_move *sake);

#endif /* _HMM_P2P_EVICT_H */
