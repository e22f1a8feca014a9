// SPDX-License-Identifier: GPL-2.0
/*
 * One step of a move: memory of one huge page at most, in one mapping. It is tried,
 * and what did not move is looked at (see explain.c): it was there before, it can
 * never move, it has to be fetched from swap or from another device first, or it
 * is busy.
 *
 * What moves is pages: memory that nobody has touched stays as it is, unless the
 * move is to populate it. Where the destination has no room, whoever asked is told,
 * and may make some.
 */
#include <linux/rmap.h>

#include "../core/device.h"
#include "../core/mirror.h"
#include "batch.h"
#include "explain.h"
#include "lists.h"
#include "pass.h"
#include "ram.h"
#include "step.h"
#include "touched.h"
#include "turn.h"

/* How far there is nothing that has to be looked at page by page? */
static unsigned long skip_until(const struct move_state *state,
				struct vm_area_struct *vma, unsigned long addr,
				unsigned long end)
{
	if (!vma || !hmm_p2p_can_move(state, vma))
		return end;
	if (state->move->populate && vma_is_anonymous(vma))
		return addr;
	return hmm_p2p_vacant_until(vma, addr, end);
}

/* What counts the pages that are skipped so. */
static u64 *skip_count(struct move_state *state, struct vm_area_struct *vma)
{
	u64 *reasons = state->move->reasons;

	if (!vma)
		return &reasons[HMM_P2P_REASON_HOLE];
	if (!hmm_p2p_can_move(state, vma))
		return &reasons[HMM_P2P_REASON_NOT_ANON];
	if (!state->move->hdev)
		return &state->move->already;
	if (!vma_is_anonymous(vma))
		return &reasons[HMM_P2P_REASON_NOT_ANON];
	return &reasons[HMM_P2P_REASON_UNTOUCHED];
}

/* All who have pages of a mapping since a fork have the root of its anon_vma in common. */
static const void *mapping_family(const struct vm_area_struct *vma)
{
	const struct anon_vma *anon_vma = vma ? READ_ONCE(vma->anon_vma) : NULL;

	return anon_vma ? anon_vma->root : NULL;
}

/*
 * Where does the step end, at @end at most? With the mapping, or with the page table.
 * Later passes may find another mapping there, and deal with what of the step it
 * covers. Returns 1 when there is nothing to try.
 */
static int step_cut(struct move_state *state, unsigned long end)
{
	unsigned long addr = state->addr, skipped;
	struct vm_area_struct *vma;
	int ret;

	state->userfault = false;
	state->file = false;
	ret = hmm_p2p_move_lock_read(state->move);
	if (ret)
		return ret;
	vma = hmm_p2p_find_mapping(state->move->mm, addr, end, &end);
	/* On the way to RAM nobody fetches anything. */
	state->family = state->move->hdev ? mapping_family(vma) : NULL;
	/* A gap can be long: it is dealt with as a whole. */
	skipped = skip_until(state, vma, addr, end);
	*skip_count(state, vma) += (skipped - addr) >> PAGE_SHIFT;
	if (skipped > addr) {
		state->stop = skipped;
	} else {
		state->stop = min(end, ALIGN(addr + 1, HPAGE_PMD_SIZE));
		bitmap_zero(state->left, HMM_P2P_BATCH_PAGES);
		bitmap_set(state->left, 0, hmm_p2p_step_pages(state));
		end = state->stop;
		ret = hmm_p2p_keep_merged(state, vma, &end);
	}
	mmap_read_unlock(state->move->mm);
	return skipped > addr ? 1 : ret;
}

/**
 * hmm_p2p_step_give_up - whatever is left of a step stays behind
 * @state: a move
 * @error: 0, or what ended it
 *
 * Context: any.
 * Return: @error; -ENOSPC when there was no room, -ENODEV.
 */
int hmm_p2p_step_give_up(struct move_state *state, int error)
{
	enum hmm_p2p_reason reason = HMM_P2P_REASON_BUSY;
	unsigned long left = bitmap_weight(state->left, hmm_p2p_step_pages(state));
	/* What it was about may have turned out to be there already. */
	bool no_room = left && state->batch->no_room;

	if (error == -EIO)
		reason = HMM_P2P_REASON_DEVICE_ERROR;
	else if (error == -ENOMEM)
		reason = HMM_P2P_REASON_NO_MEMORY;
	else if (no_room)
		reason = HMM_P2P_REASON_NO_DEVICE_MEMORY;
	state->move->reasons[reason] += left;
	if (error)
		return error;
	if (state->move->hdev && READ_ONCE(state->move->hdev->removed))
		return -ENODEV;
	return reason == HMM_P2P_REASON_NO_DEVICE_MEMORY ? -ENOSPC : 0;
}

/*
 * Is there RAM for what the step is to bring there? When that is in doubt, first
 * see whether there is anything to bring.
 */
static int step_room(struct move_state *state)
{
	unsigned long nr = hmm_p2p_step_pages(state);
	int ret;

	if (state->move->hdev || hmm_p2p_ram_ample(nr))
		return 0;
	ret = hmm_p2p_step_explain(state);
	if (ret || bitmap_empty(state->left, nr))
		return ret;
	return hmm_p2p_ram_room(nr) ? 0 : -ENOMEM;
}

/*
 * Has the process ended, and only we keep its memory? Then it all goes with us. Of
 * two who move it neither sees that.
 */
static bool is_orphan(const struct mm_struct *mm)
{
	return mm != current->mm && atomic_read(&mm->mm_users) == 1;
}

/**
 * hmm_p2p_step_begin - where does the next step end, and is there anything to move?
 * @state: a move; its @addr is set to where the step starts, its @stop to the end
 * @addr: where it starts
 * @end: where it ends at the latest
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: 1 when there is; 0 when all of it is accounted for; -ESRCH when the process
 * has ended; -ENOMEM, -EINTR, or as hmm_range_fault().
 */
int hmm_p2p_step_begin(struct move_state *state, unsigned long addr, unsigned long end)
{
	int ret;

	if (is_orphan(state->move->mm))
		return -ESRCH;
	state->addr = addr;
	ret = step_cut(state, end);
	if (ret)
		return min(ret, 0);
	ret = hmm_p2p_step_settle(state);
	if (ret || hmm_p2p_step_is_done(state))
		return ret;
	if (!state->batch)
		state->batch = hmm_p2p_batch_alloc(HMM_P2P_BATCH_PAGES,
						   HMM_P2P_GFP_USER);
	if (!state->batch)
		return -ENOMEM;
	state->batch->claim = state->move->claim;
	state->tries = hmm_p2p_move_is_blind(state) ? 1 : MOVE_TRIES;
	ret = step_room(state);
	if (ret || hmm_p2p_step_is_done(state))
		return hmm_p2p_step_give_up(state, ret);
	return 1;
}

static int step_tries(struct move_state *state)
{
	int ret = 0;

	while (state->tries) {
		ret = hmm_p2p_pass_try(state);
		if (hmm_p2p_step_is_done(state))
			return 0;
		if (ret && ret != -EIO && ret != -ENOMEM)
			return ret;
		ret = hmm_p2p_step_explain(state) ?: ret;
		if (ret || hmm_p2p_step_is_done(state))
			break;
		if (state->batch->no_room)
			return 1;
		state->tries--;
		if (state->tries && !state->drained)
			hmm_p2p_drain_lists();
		state->drained = true;
	}
	return hmm_p2p_step_give_up(state, ret);
}

/**
 * hmm_p2p_step_fail - the end of a step whose copy has failed
 * @state: a move
 * @error: what the copy came to
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: as hmm_p2p_step_give_up(), or hmm_range_fault().
 */
int hmm_p2p_step_fail(struct move_state *state, int error)
{
	return hmm_p2p_step_give_up(state, hmm_p2p_step_explain(state) ?: error);
}

/**
 * hmm_p2p_step_move - move what is left of a step
 * @state: a move; the step may end earlier afterwards
 *
 * Who moves something of it at the same time is waited for, by whoever waits for the
 * mmap_lock.
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: 0 when all of it is accounted for; 1 when the destination has no room for
 * what is left: hmm_p2p_step_give_up(), or make some and call again; -ENODEV, -EIO,
 * -ENOMEM, -EBUSY, -EINTR, or as hmm_range_fault().
 */
int hmm_p2p_step_move(struct move_state *state)
{
	struct hmm_p2p_turn turn = {
		.mm = state->move->mm,
		.family = state->family,
		.start = state->addr,
		.end = state->stop,
	};
	int ret = hmm_p2p_turn_begin(&turn, !state->move->try_lock);

	if (ret < 0)
		return ret;
	/* Who was waited for may have moved it: to collect it takes it from the devices. */
	if (ret)
		ret = hmm_p2p_step_settle(state);
	if (!ret && !hmm_p2p_step_is_done(state))
		ret = step_tries(state);
	hmm_p2p_turn_end(&turn);
	return ret;
}

/**
 * hmm_p2p_step_claim_next - claim what is on the device, a step further
 * @state: a move to a device
 * @addr: where to begin
 * @stop: where to end; receives how far it went
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: 0, -EINTR, or as hmm_range_fault().
 */
int hmm_p2p_step_claim_next(struct move_state *state, unsigned long addr,
			    unsigned long *stop)
{
	DECLARE_BITMAP(settled, HMM_P2P_BATCH_PAGES);
	struct mm_struct *mm = state->move->mm;
	struct vm_area_struct *vma;
	unsigned long end, skipped;
	int ret = 0;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = hmm_p2p_find_mapping(mm, addr, *stop, &end);
	skipped = end;
	if (vma && hmm_p2p_can_move(state, vma))
		skipped = hmm_p2p_vacant_until(vma, addr, end);
	*stop = skipped;
	if (skipped == addr) {
		*stop = min(end, ALIGN(addr + 1, HPAGE_PMD_SIZE));
		ret = hmm_p2p_step_claim(state, addr, *stop, settled);
	}
	mmap_read_unlock(mm);
	return ret;
}
