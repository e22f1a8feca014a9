// SPDX-License-Identifier: GPL-2.0
/* What a move has from its begin to its end. */
#include <linux/err.h>
#include <linux/slab.h>

#include "batch.h"
#include "group.h"
#include "move_state.h"

/**
 * hmm_p2p_move_begin_blind - hmm_p2p_move_begin() without a mirror
 * @move: what to move: to RAM, and of one chunk
 *
 * Context: may sleep.
 * Return: the state, whose @only is to be set, for hmm_p2p_move_end(); or -ENOMEM as
 * a pointer.
 */
struct move_state *hmm_p2p_move_begin_blind(struct hmm_p2p_move *move)
{
	struct move_state *state = kzalloc_obj(*state, HMM_P2P_GFP_USER);

	if (!state)
		return ERR_PTR(-ENOMEM);
	state->move = move;
	return state;
}

/**
 * hmm_p2p_move_begin - begin to move a range, step by step
 * @move: what to move; all of its results add up
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: the state, for hmm_p2p_move_end(); or -ENOMEM, -EINTR as a pointer.
 */
struct move_state *hmm_p2p_move_begin(struct hmm_p2p_move *move)
{
	unsigned long npages = (move->end - move->start) >> PAGE_SHIFT;
	struct move_state *state = hmm_p2p_move_begin_blind(move);
	int ret = -ENOMEM;

	if (IS_ERR(state))
		return state;
	state->pfns = kvmalloc_array(min(npages, HMM_P2P_BATCH_PAGES),
				     sizeof(*state->pfns), HMM_P2P_GFP_USER);
	if (state->pfns)
		ret = hmm_p2p_mirror_init(&state->mirror, move->mm, move->start,
					  move->end - move->start);
	if (!ret)
		return state;
	kvfree(state->pfns);
	kfree(state);
	return ERR_PTR(ret);
}

void hmm_p2p_move_end(struct move_state *state)
{
	if (!hmm_p2p_move_is_blind(state))
		hmm_p2p_mirror_fini(&state->mirror);
	hmm_p2p_group_free(state->group);
	kvfree(state->pfns);
	hmm_p2p_batch_free(state->batch);
	kfree(state);
}
