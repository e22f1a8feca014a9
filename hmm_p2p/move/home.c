// SPDX-License-Identifier: GPL-2.0
/* Moving memory back to RAM: for who asks, and for a device that makes room or goes. */
#include <linux/err.h>
#include <linux/sched/signal.h>

#include "home.h"
#include "step.h"

static int home_step(struct move_state *state, unsigned long addr)
{
	int ret;

	/* The end of a device goes on when who began it is killed. */
	if (!hmm_p2p_move_is_blind(state) && fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	ret = hmm_p2p_step_begin(state, addr, state->move->end);
	if (ret > 0)
		ret = hmm_p2p_step_move(state);
	return ret > 0 ? hmm_p2p_step_give_up(state, 0) : ret;
}

static int home_steps(struct move_state *state)
{
	const struct hmm_p2p_move *move = state->move;
	unsigned long addr;
	int ret = 0;

	for (addr = move->start; addr < move->end && !ret; addr = state->stop)
		ret = home_step(state, addr);
	hmm_p2p_move_end(state);
	return ret;
}

/**
 * hmm_p2p_move_home - hmm_p2p_move() to RAM
 * @move: what to move, without a device; receives what came of it, also on failure
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: as hmm_p2p_move().
 */
int hmm_p2p_move_home(struct hmm_p2p_move *move)
{
	return hmm_p2p_move_chunk_home(move, NULL);
}

/**
 * hmm_p2p_move_chunk_home - hmm_p2p_move_home() of what is in one chunk
 * @move: as there
 * @first: first page of the chunk, whose device stays meanwhile;
 *	NULL: of any
 *
 * Pages of the range that are elsewhere stay, and count as having been there.
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: as hmm_p2p_move().
 */
int hmm_p2p_move_chunk_home(struct hmm_p2p_move *move, struct page *first)
{
	struct move_state *state = hmm_p2p_move_begin(move);

	if (IS_ERR(state))
		return PTR_ERR(state);
	state->only = first;
	return home_steps(state);
}

/**
 * hmm_p2p_move_chunk_blind - hmm_p2p_move_chunk_home() without a mirror
 * @move: as there
 * @first: as there, not NULL
 *
 * For a process that may never have had one: its first locks all of its mappings, and
 * waits for each fault in them. What is in the range is not looked at first, and there
 * is one try, which no signal ends.
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: as hmm_p2p_move().
 */
int hmm_p2p_move_chunk_blind(struct hmm_p2p_move *move, struct page *first)
{
	struct move_state *state = hmm_p2p_move_begin_blind(move);

	if (IS_ERR(state))
		return PTR_ERR(state);
	state->only = first;
	return home_steps(state);
}
