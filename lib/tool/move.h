/* SPDX-License-Identifier: GPL-2.0 */
/* One move, in steps: there is something to show, and ctrl-C ends it. */
#ifndef HMMP2P_MOVE_H
#define HMMP2P_MOVE_H

#include <time.h>

#include "hmmp2p.h"

struct move {
	struct tool *tool;
	const struct hmm_p2p_process *process;
	uint32_t device, flags;
	const struct hmm_p2p_range *ranges;
	size_t nr_ranges;

	struct hmm_p2p_migrate sum;	/* addr: of the step that failed */

	uint64_t number;	/* the driver's, so that it is one move; 0: not begun */
	uint64_t asked, passed;	/* bytes */
	bool shows;		/* progress, on a terminal */
	bool shown;
	struct timespec begun, last;
};

/*
 * 0 or -errno; -EINTR when signals_caught(). What was done until then is in
 * move->sum.
 */
int move_run(struct move *move);

#endif /* HMMP2P_MOVE_H */
