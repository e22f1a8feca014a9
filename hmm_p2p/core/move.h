/* SPDX-License-Identifier: GPL-2.0 */
/* A move under way, see move.c and explain.c. */
#ifndef _HMM_P2P_MOVE_H
#define _HMM_P2P_MOVE_H

#include "batch.h"
#include "mirror.h"

/**
 * struct move_state - a move under way
 * @move: what was asked for
 * @batch: pages on their way; NULL as long as nothing had to move
 * @mirror: sees what became of pages that did not move
 * @pfns: room for a snapshot of one step
 * @stop: where the current step ends; a pass may find that this is earlier
 * @userfault: the current step's mapping is registered with userfaultfd
 * @file: it is one of a file
 * @claimed: all of the range that is on the device belongs to the move
 * @left: pages of the current step that are not accounted for yet
 */
struct move_state {
	struct hmm_p2p_move *move;
	struct hmm_p2p_batch *batch;
	struct hmm_p2p_mirror mirror;
	unsigned long *pfns;
	unsigned long stop;
	bool userfault;
	bool file;
	bool claimed;
	DECLARE_BITMAP(left, HMM_P2P_BATCH_PAGES);
};

/* explain.c */
int hmm_p2p_step_claim(struct move_state *state, unsigned long addr,
		       unsigned long next, unsigned long *settled);
int hmm_p2p_step_settle(struct move_state *state, unsigned long addr,
			unsigned long next);
int hmm_p2p_step_merged(struct move_state *state, unsigned long addr,
			unsigned long *end);
int hmm_p2p_step_explain(struct move_state *state, unsigned long addr,
			 unsigned long next);

#endif /* _HMM_P2P_MOVE_H */
