/* SPDX-License-Identifier: GPL-2.0 */
/* One move, in steps: there is something to show, and ctrl-C ends it. */
#ifndef HMMP2P_TOOL_MOVE_H
#define HMMP2P_TOOL_MOVE_H

#include <time.h>

#include "../move.h"
#include "hmmp2p.h"

struct move {
	struct tool *tool;
	struct hmm_p2p_move steps;	/* process, device, flags, ranges, nr: the caller's */

	uint64_t asked;		/* bytes */
	bool shows;		/* progress, on a terminal */
	bool shown;
	struct timespec begun, last;
};

/*
 * 0 or -errno; -EINTR when signals_caught(). What was done until then is in
 * move->steps.sum, with the address of the step that failed.
 */
int move_run(struct move *move);

#endif /* HMMP2P_TOOL_MOVE_H */
