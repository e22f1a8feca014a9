/* SPDX-License-Identifier: GPL-2.0 */
/* One step of a move. May sleep; the mmap_lock is taken here, and hmm_p2p_srcu in it. */
#ifndef _HMM_P2P_STEP_H
#define _HMM_P2P_STEP_H

#include "move_state.h"

int hmm_p2p_step_begin(struct move_state *state, unsigned long addr, unsigned long end);
int hmm_p2p_step_move(struct move_state *state);
int hmm_p2p_step_fail(struct move_state *state, int error);
int hmm_p2p_step_give_up(struct move_state *state, int error);
int hmm_p2p_step_claim_next(struct move_state *state, unsigned long addr,
			    unsigned long *stop);

#endif /* _HMM_P2P_STEP_H */
