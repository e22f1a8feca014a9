/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One move of several ranges. For the library and its tool: it is not exported. */
#ifndef HMM_P2P_MOVE_H
#define HMM_P2P_MOVE_H

#include "hmm_p2p.h"

struct hmm_p2p_move {
	struct hmm_p2p *ctx;
	const struct hmm_p2p_process *process;	/* NULL: the caller */
	uint32_t device, flags;
	const struct hmm_p2p_range *ranges;
	size_t nr;

	/*
	 * What of the ranges nobody asked for, in their order: it is not mapped, or
	 * cannot be reached, and no page of it counts. One call that passes over it
	 * is much cheaper than two.
	 */
	const struct hmm_p2p_range *gaps;
	size_t nr_gaps;

	/*
	 * Called before each step; what it returns other than 0 ends the move. Without
	 * it each range is one step, however large.
	 */
	int (*before_step)(struct hmm_p2p_move *move);
	void *arg;

	uint64_t number;	/* the driver's, so that it is one move; 0: not begun */
	uint64_t passed;	/* bytes in the steps that are over */
	size_t at, gap;		/* range under way, and the next gap */
	struct hmm_p2p_migrate sum;	/* counts; addr: of the last step */
};

/* 0, or what ended the move: -errno, or what before_step() returned. */
int hmm_p2p_move_run(struct hmm_p2p_move *move);

#endif /* HMM_P2P_MOVE_H */
