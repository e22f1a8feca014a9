/* SPDX-License-Identifier: GPL-2.0 */
/* One try of a step. May sleep; the mmap_lock is taken here, and hmm_p2p_srcu in it. */
#ifndef _HMM_P2P_PASS_H
#define _HMM_P2P_PASS_H

#include "move_state.h"

struct hmm_p2p_owner;

int hmm_p2p_pass_try(struct move_state *state);

/* The same in pieces, for a group of steps (see group.c). */
int hmm_p2p_pass_lock(struct move_state *state, unsigned long *compound);
void hmm_p2p_pass_unlock(struct move_state *state);

/* From here on with the mmap_lock held. */
int hmm_p2p_pass_begin(struct move_state *state, struct hmm_p2p_owner *owner,
		       unsigned long compound, unsigned long *nr);
void hmm_p2p_pass_keep_mapping(struct move_state *state, struct vm_area_struct *vma);
int hmm_p2p_pass_arrive(struct move_state *state);
void hmm_p2p_pass_account(struct move_state *state, unsigned long nr);

bool hmm_p2p_can_move(const struct move_state *state, const struct vm_area_struct *vma);
struct vm_area_struct *hmm_p2p_find_mapping(struct mm_struct *mm, unsigned long addr,
					    unsigned long stop, unsigned long *end);
int hmm_p2p_keep_merged(struct move_state *state, const struct vm_area_struct *vma,
			unsigned long *end);

#endif /* _HMM_P2P_PASS_H */
