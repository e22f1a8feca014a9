/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is at a step of a move, and why it did not move. May sleep; the mmap_lock is
 * held for hmm_p2p_step_claim() and _merged(), and taken by the others.
 */
#ifndef _HMM_P2P_EXPLAIN_H
#define _HMM_P2P_EXPLAIN_H

struct move_state;

int hmm_p2p_step_claim(struct move_state *state, unsigned long addr,
		       unsigned long next, unsigned long *settled);
int hmm_p2p_step_settle(struct move_state *state);
int hmm_p2p_step_merged(struct move_state *state, unsigned long *end);
int hmm_p2p_step_explain(struct move_state *state);

#endif /* _HMM_P2P_EXPLAIN_H */
