// SPDX-License-Identifier: GPL-2.0
/*
 * What is there, and what became of pages that did not move: a look at one step of
 * a move, by snapshots. It is in its place already, it can never move, it has to
 * be fetched from swap or from another device, or it is busy and stays left.
 */
#include "../core/device.h"
#include "../core/mirror.h"
#include "../core/owner.h"
#include "../core/pagemap.h"
#include "../core/registry.h"
#include "claim.h"
#include "explain.h"
#include "move_state.h"

/* The mmap_lock is held, and was taken before hmm_p2p_srcu: a fault may hold it for long. */
static int step_snapshot(struct move_state *state, unsigned long addr,
			 unsigned long next, void *owner)
{
	struct hmm_range range = {
		.start = addr,
		.end = next,
		.hmm_pfns = state->pfns,
		.dev_private_owner = owner,
	};

	return hmm_p2p_mirror_snapshot(&state->mirror, &range);
}

/* As the device sees it; after success the mirror lock is held and keeps it so. */
static int step_freeze(struct move_state *state, unsigned long addr,
		       unsigned long next)
{
	struct hmm_range range = {
		.start = addr,
		.end = next,
		.hmm_pfns = state->pfns,
		.dev_private_owner = READ_ONCE(state->move->hdev->owner),
	};

	return hmm_p2p_mirror_freeze(&state->mirror, &range);
}

static bool page_settled(const struct move_state *state, unsigned long i)
{
	unsigned long entry = state->pfns[i];
	struct page *page;

	if (!(entry & HMM_PFN_VALID))
		return false;
	page = hmm_pfn_to_page(entry);
	return hmm_p2p_page_is_ours(page) &&
	       hmm_p2p_page_device(page) == state->move->hdev;
}

/**
 * hmm_p2p_step_claim - claim pages that are on the device for the move
 * @state: a move to a device
 * @addr: first byte of the step
 * @next: behind its last
 * @settled: receives which pages these are
 *
 * Context: may sleep; the mmap_lock is held.
 * Return: 0, -EINTR, or as hmm_range_fault().
 */
int hmm_p2p_step_claim(struct move_state *state, unsigned long addr,
		       unsigned long next, unsigned long *settled)
{
	unsigned long nr = (next - addr) >> PAGE_SHIFT, i;
	int ret;

	bitmap_zero(settled, HMM_P2P_BATCH_PAGES);
	guard(srcu)(&hmm_p2p_srcu);
	ret = step_freeze(state, addr, next);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++) {
		if (!page_settled(state, i))
			continue;
		hmm_p2p_claim_page(hmm_pfn_to_page(state->pfns[i]), state->move->claim);
		__set_bit(i, settled);
	}
	mutex_unlock(&state->mirror.lock);
	return 0;
}

/*
 * Which pages of the step are not in the chunk that the move is about? A mapping that
 * cannot be read does not tell: its pages may all be.
 */
static int step_others(struct move_state *state, unsigned long *others)
{
	unsigned long nr = (state->stop - state->addr) >> PAGE_SHIFT, i;
	struct hmm_p2p_device *hdev = hmm_p2p_page_device(state->only);
	struct vm_area_struct *vma;
	int idx, ret;

	bitmap_zero(others, HMM_P2P_BATCH_PAGES);
	ret = hmm_p2p_move_lock_read(state->move);
	if (ret)
		return ret;
	idx = srcu_read_lock(&hmm_p2p_srcu);
	vma = find_vma(state->move->mm, state->addr);
	if (vma && (vma->vm_flags & VM_READ)) {
		ret = step_snapshot(state, state->addr, state->stop,
				    READ_ONCE(hdev->owner));
		for (i = 0; !ret && i < nr; i++)
			if (!(state->pfns[i] & HMM_PFN_VALID) ||
			    !hmm_p2p_move_wants(state, hmm_pfn_to_page(state->pfns[i])))
				__set_bit(i, others);
	}
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	mmap_read_unlock(state->move->mm);
	return ret;
}

/* What of the step is not in the chunk that the move is about was there before. */
static int settle_others(struct move_state *state)
{
	struct hmm_p2p_move *move = state->move;
	DECLARE_BITMAP(others, HMM_P2P_BATCH_PAGES);
	int ret;

	ret = step_others(state, others);
	if (ret)
		return ret;
	bitmap_and(others, others, state->left, HMM_P2P_BATCH_PAGES);
	move->already += bitmap_weight(others, HMM_P2P_BATCH_PAGES);
	bitmap_andnot(state->left, state->left, others, HMM_P2P_BATCH_PAGES);
	return 0;
}

/**
 * hmm_p2p_step_settle - account for pages that are where they should be
 * @state: a move
 *
 * They are left alone: to collect them finds nothing to move, but it takes them
 * from the devices that have mapped them.
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: 0, -EINTR, or as hmm_range_fault().
 */
int hmm_p2p_step_settle(struct move_state *state)
{
	DECLARE_BITMAP(settled, HMM_P2P_BATCH_PAGES);
	struct hmm_p2p_move *move = state->move;
	int ret;

	if (hmm_p2p_move_is_blind(state))
		return 0;
	if (state->only)
		return settle_others(state);
	if (!move->hdev || READ_ONCE(move->hdev->removed))
		return 0;
	if (mmap_read_lock_killable(move->mm))
		return -EINTR;
	ret = hmm_p2p_step_claim(state, state->addr, state->stop, settled);
	mmap_read_unlock(move->mm);
	if (ret)
		return ret;
	/* Others of them may be accounted for already. */
	bitmap_and(settled, settled, state->left, HMM_P2P_BATCH_PAGES);
	move->already += bitmap_weight(settled, HMM_P2P_BATCH_PAGES);
	bitmap_andnot(state->left, state->left, settled, HMM_P2P_BATCH_PAGES);
	return 0;
}

static bool is_merged(unsigned long entry)
{
	return (entry & HMM_PFN_VALID) &&
	       folio_test_ksm(page_folio(hmm_pfn_to_page(entry)));
}

/* How many of the first @nr entries are alike: merged, or not. */
static unsigned long merged_run(const unsigned long *entries, unsigned long nr)
{
	unsigned long i = 1;

	while (i < nr && is_merged(entries[i]) == is_merged(entries[0]))
		i++;
	return i;
}

/* Is all of the step from its page @nr on still left to account for? */
static bool is_untried(const struct move_state *state, unsigned long nr)
{
	unsigned long end = (state->stop - state->addr) >> PAGE_SHIFT;

	return find_next_zero_bit(state->left, end, nr) == end;
}

/**
 * hmm_p2p_step_merged - pages that ksmd has merged stay
 * @state: a move
 * @end: end of what to collect, exclusive; may be cut
 *
 * They must not even be collected: the kernel takes them out of this mapping
 * itself, but finds its way back by ksmd's list, where the mapping is missing if
 * ksmd came by when the page was on its way before.
 *
 * The step ends where merged pages begin, or, if it begins with them, where they
 * end: then it has no others. ksmd merges with the mmap_lock held for reading, so
 * who has it for writing sees all there are. Something of what is behind the cut
 * may have been accounted for by then: then this try is over.
 *
 * Context: may sleep; the mmap_lock is held.
 * Return: 0; 1 when nothing is to be collected now; -EINTR, or as
 * hmm_range_fault().
 */
int hmm_p2p_step_merged(struct move_state *state, unsigned long *end)
{
	unsigned long addr = state->addr, nr = (*end - addr) >> PAGE_SHIFT, run;
	int ret;

	ret = step_snapshot(state, addr, *end, NULL);
	if (ret)
		return ret;
	run = merged_run(state->pfns, nr);
	if (run == nr && !is_merged(state->pfns[0]))
		return 0;
	if (!is_untried(state, run))
		return 1;
	if (is_merged(state->pfns[0])) {
		state->move->reasons[HMM_P2P_REASON_KSM] += bitmap_weight(state->left, run);
		bitmap_clear(state->left, 0, run);
	}
	bitmap_clear(state->left, run, HMM_P2P_BATCH_PAGES - run);
	*end = addr + (run << PAGE_SHIFT);
	state->stop = *end;
	return bitmap_empty(state->left, HMM_P2P_BATCH_PAGES);
}

/* Modules cannot ask which is the huge one; but only zero pages are nobody's. */
static bool is_zero(const struct page *page)
{
	return is_zero_page(page) || !page_folio(page)->mapping;
}

/*
 * What became of one page that did not move to the device? Returns false when
 * it has to be fetched to RAM first.
 */
static bool explain_page(struct move_state *state, unsigned long i)
{
	struct hmm_p2p_move *move = state->move;
	unsigned long entry = state->pfns[i];
	struct page *page;

	if (!(entry & HMM_PFN_VALID))
		return false;
	page = hmm_pfn_to_page(entry);
	if (hmm_p2p_page_is_ours(page)) {
		if (hmm_p2p_page_device(page) != move->hdev)
			return false;
		hmm_p2p_claim_page(page, move->claim);
		move->already++;
		__clear_bit(i, state->left);
	} else if (is_merged(entry)) {
		move->reasons[HMM_P2P_REASON_KSM]++;
		__clear_bit(i, state->left);
	} else if (!PageAnon(page) && !is_zero(page)) {
		move->reasons[HMM_P2P_REASON_NOT_ANON]++;
		__clear_bit(i, state->left);
	}
	return true;
}

/*
 * Brings pages that are in swap or on another device to RAM, from where the
 * next try takes them. Run by run: a fault goes on to the end of its range,
 * and must not take home what has just been moved.
 */
static int fetch_absent(struct move_state *state, unsigned long addr,
			const unsigned long *absent, unsigned long nr)
{
	unsigned int first, end;
	int ret;

	for_each_set_bitrange(first, end, absent, nr) {
		struct hmm_range range = {
			.start = addr + ((unsigned long)first << PAGE_SHIFT),
			.end = addr + ((unsigned long)end << PAGE_SHIFT),
			.hmm_pfns = state->pfns,
			.default_flags = HMM_PFN_REQ_FAULT,
		};

		ret = hmm_p2p_mirror_fetch(&state->mirror, &range);
		/* What cannot be read stays where it is: busy, not an error. */
		if (ret && ret != -EFAULT)
			return ret;
	}
	return 0;
}

/* Sets the pages that are on a device of ours, whichever, in @found. */
static int step_on_devices(struct move_state *state, unsigned long addr,
			   unsigned long next, unsigned long *found)
{
	unsigned long nr = (next - addr) >> PAGE_SHIFT, i;
	struct hmm_p2p_owner *owner = NULL;
	int idx, ret;

	bitmap_zero(found, HMM_P2P_BATCH_PAGES);
	ret = hmm_p2p_move_lock_read(state->move);
	if (ret)
		return ret;
	idx = srcu_read_lock(&hmm_p2p_srcu);
	while (!ret && (owner = hmm_p2p_owner_next_live(owner))) {
		ret = step_snapshot(state, addr, next, owner);
		for (i = 0; !ret && i < nr; i++)
			if ((state->pfns[i] & HMM_PFN_VALID) &&
			    hmm_p2p_page_is_ours(hmm_pfn_to_page(state->pfns[i])))
				__set_bit(i, found);
	}
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	mmap_read_unlock(state->move->mm);
	return ret;
}

/*
 * What of a private file's mapping is neither in RAM nor on a device is still in
 * the file, or a copy of it is in swap: a module cannot tell. To fetch it reads
 * the file, which is not done for a process that has nothing in swap.
 */
static int refuse_unread(struct move_state *state, unsigned long addr,
			 unsigned long next, unsigned long *absent)
{
	DECLARE_BITMAP(unread, HMM_P2P_BATCH_PAGES);
	DECLARE_BITMAP(found, HMM_P2P_BATCH_PAGES);
	int ret;

	if (!state->file || get_mm_counter_sum(state->move->mm, MM_SWAPENTS))
		return 0;
	ret = step_on_devices(state, addr, next, found);
	if (ret)
		return ret;
	bitmap_andnot(unread, absent, found, HMM_P2P_BATCH_PAGES);
	bitmap_and(absent, absent, found, HMM_P2P_BATCH_PAGES);
	bitmap_andnot(state->left, state->left, unread, HMM_P2P_BATCH_PAGES);
	state->move->reasons[HMM_P2P_REASON_NOT_ANON] +=
		bitmap_weight(unread, HMM_P2P_BATCH_PAGES);
	return 0;
}

/* What is on another device stays there, so there is nothing to try again. */
static int leave_elsewhere(struct move_state *state, unsigned long addr,
			   unsigned long next, const unsigned long *absent)
{
	DECLARE_BITMAP(found, HMM_P2P_BATCH_PAGES);
	int ret;

	if (bitmap_empty(absent, HMM_P2P_BATCH_PAGES))
		return 0;
	ret = step_on_devices(state, addr, next, found);
	if (ret)
		return ret;
	bitmap_and(found, found, absent, HMM_P2P_BATCH_PAGES);
	bitmap_andnot(state->left, state->left, found, HMM_P2P_BATCH_PAGES);
	state->move->reasons[HMM_P2P_REASON_BUSY] += bitmap_weight(found, HMM_P2P_BATCH_PAGES);
	return 0;
}

/* Accounts for the pages that can be explained; fetches the others, if it may. */
static int explain_to_device(struct move_state *state, unsigned long addr,
			     unsigned long next)
{
	unsigned long nr = (next - addr) >> PAGE_SHIFT, i;
	DECLARE_BITMAP(absent, HMM_P2P_BATCH_PAGES);
	int idx, ret;

	bitmap_zero(absent, HMM_P2P_BATCH_PAGES);
	if (mmap_read_lock_killable(state->move->mm))
		return -EINTR;
	idx = srcu_read_lock(&hmm_p2p_srcu);
	ret = step_freeze(state, addr, next);
	if (!ret) {
		for_each_set_bit(i, state->left, nr)
			if (!explain_page(state, i))
				__set_bit(i, absent);
		mutex_unlock(&state->mirror.lock);
	}
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	mmap_read_unlock(state->move->mm);
	/* Nobody may be waiting to serve a userfault. */
	if (ret || state->userfault)
		return ret;
	if (state->move->stay)
		return leave_elsewhere(state, addr, next, absent);
	ret = refuse_unread(state, addr, next, absent);
	if (ret)
		return ret;
	return fetch_absent(state, addr, absent, nr);
}

/* Which of the pages that did not move are on a device all the same? */
static int explain_to_ram(struct move_state *state, unsigned long addr,
			  unsigned long next)
{
	DECLARE_BITMAP(stuck, HMM_P2P_BATCH_PAGES);
	int ret = step_on_devices(state, addr, next, stuck);

	if (ret)
		return ret;
	bitmap_and(stuck, stuck, state->left, HMM_P2P_BATCH_PAGES);
	state->move->already += bitmap_weight(state->left, HMM_P2P_BATCH_PAGES) -
				bitmap_weight(stuck, HMM_P2P_BATCH_PAGES);
	bitmap_copy(state->left, stuck, HMM_P2P_BATCH_PAGES);
	return 0;
}

/**
 * hmm_p2p_step_explain - what became of the pages of a step that did not move?
 * @state: a move; what can be explained is accounted for, and not left any more
 *
 * On the way to a device this also brings to RAM what can be taken from there. A blind
 * move knows of none.
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: 0, -EINTR, or as hmm_range_fault().
 */
int hmm_p2p_step_explain(struct move_state *state)
{
	if (hmm_p2p_move_is_blind(state))
		return 0;
	if (state->move->hdev)
		return explain_to_device(state, state->addr, state->stop);
	return explain_to_ram(state, state->addr, state->stop);
}
