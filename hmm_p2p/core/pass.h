/* SPDX-License-Identifier: GPL-2.0 */
/* One try of a step. May sleep; the mmap_lock is taken here, and hmm_p2p_srcu in it. */
#ifndef _HMM_P2P_PASS_H
#define _HMM_P2P_PASS_H

#include "move_state.h"

int hmm_p2p_pass_try(struct move_state *state);

/* With the mmap_lock held. */
bool hmm_p2p_can_move(const struct move_state *state, const struct vm_area_struct *vma);
struct vm_area_struct *hmm_p2p_find_mapping(struct mm_struct *mm, unsigned long addr,
					    unsigned long stop, unsigned long *end);
int hmm_p2p_keep_merged(struct move_state *state, const struct vm_area_struct *vma,
			unsigned long *end);

#endif /* _HMM_P2P_PASS_H */
