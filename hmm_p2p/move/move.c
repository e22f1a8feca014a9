// SPDX-License-Identifier: GPL-2.0
/*
 * Moving memory because somebody asked, step by step (see step.c). On the way to a
 * device that is full, room is made by evicting others, never what the move itself
 * wants there, see claim.c.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/sched/signal.h>

#include "../core/charge.h"
#include "../core/device.h"
#include "claim.h"
#include "evict.h"
#include "group.h"
#include "home.h"
#include "step.h"

/* Others may take what was evicted for this move. */
#define EVICT_TRIES	8

/* Before anything is evicted: what the rest of the range has there is to stay. */
static int claim_rest(struct move_state *state, unsigned long addr)
{
	unsigned long next;
	int ret;

	for (; !state->claimed && addr < state->move->end; addr = next) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		next = state->move->end;
		ret = hmm_p2p_step_claim_next(state, addr, &next);
		if (ret)
			return ret;
	}
	state->claimed = true;
	return 0;
}

/*
 * The device is full, or who moves is at his limit. Returns true if there may be
 * room now, and another try is due.
 */
static bool step_evict(struct move_state *state, unsigned int *evictions)
{
	struct hmm_p2p_move *move = state->move;
	unsigned long wanted = state->batch->no_room, evicted = 0;
	struct hmm_p2p_payer limit = {};
	int idx;

	if (move->no_evict || (*evictions)++ >= EVICT_TRIES)
		return false;
	if (claim_rest(state, state->stop))
		return false;
	swap(limit, state->batch->limit);
	idx = srcu_read_lock(&move->hdev->users);
	if (!READ_ONCE(move->hdev->removed))
		evicted = hmm_p2p_evict_some(move->hdev, state->batch, wanted, &limit,
					     move);
	srcu_read_unlock(&move->hdev->users, idx);
	hmm_p2p_limit_drop(&limit);
	/* Eviction has used the batch: what is left is still left for this. */
	state->batch->no_room = wanted;
	return evicted;
}

/* What is left of the current step. */
static int move_rest(struct move_state *state)
{
	unsigned int evictions = 0;
	int ret;

	/* Rather evict than split, as long as that makes room. */
	state->batch->keep_huge = !state->move->no_evict;
	while ((ret = hmm_p2p_step_move(state)) > 0) {
		if (step_evict(state, &evictions))
			continue;
		if (!state->batch->keep_huge)
			return hmm_p2p_step_give_up(state, 0);
		state->batch->keep_huge = false;
	}
	return ret;
}

static int move_step(struct move_state *state, unsigned long addr, unsigned long end)
{
	int ret;

	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	ret = hmm_p2p_step_begin(state, addr, end);
	return ret > 0 ? move_rest(state) : ret;
}

/* A try may find that a step ends earlier than it did: what is behind follows. */
static int move_group_step(struct move_state *state, int error)
{
	unsigned long stop = state->stop, addr;
	int ret;

	if (fatal_signal_pending(current))
		return -EINTR;
	ret = error ? hmm_p2p_step_fail(state, error) : move_rest(state);
	for (addr = state->stop; addr < stop && !ret; addr = state->stop)
		ret = move_step(state, addr, stop);
	return ret;
}

/* Several steps at once; none when there is no memory for it. */
static int move_group(struct move_state *state, unsigned long *addr)
{
	int begun = hmm_p2p_group_begin(state, addr), ret = 0, error;

	hmm_p2p_group_move(state);
	while (!ret && hmm_p2p_group_next(state, &error))
		ret = move_group_step(state, error);
	return ret ?: begun;
}

static int move_some(struct move_state *state, unsigned long *addr)
{
	unsigned long start = *addr;
	int ret;

	if (hmm_p2p_group_helps(state, start)) {
		ret = move_group(state, addr);
		if (ret || *addr != start)
			return ret;
	}
	ret = move_step(state, start, state->move->end);
	*addr = state->stop;
	return ret;
}

/**
 * hmm_p2p_move - move a range of a process's memory
 * @move: what to move; receives what came of it, also on failure
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: 0 when every page was dealt with (which does not say moved: see the
 * counts); -ENOSPC when the device is full and nothing can be evicted; -ENOMEM
 * when RAM has no room for what is to come home; -ESRCH when the process ended
 * meanwhile; -EBUSY when it does not wait for the mmap_lock; -ENODEV, -EIO, -EINTR.
 */
int hmm_p2p_move(struct hmm_p2p_move *move)
{
	struct move_state *state;
	unsigned long addr;
	int ret = 0;

	if (!move->hdev)
		return hmm_p2p_move_home(move);
	if (!move->claim)
		move->claim = hmm_p2p_claim_new();
	state = hmm_p2p_move_begin(move);
	if (IS_ERR(state))
		return PTR_ERR(state);
	for (addr = move->start; addr < move->end && !ret;)
		ret = move_some(state, &addr);
	hmm_p2p_move_end(state);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_move, HMM_P2P_NS);
