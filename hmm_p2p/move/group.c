// SPDX-License-Identifier: GPL-2.0
/*
 * Steps of a move that go together, to a device whose engine copies by itself: while it
 * copies one, the next are collected and find room, and it has something to do when it
 * is done.
 *
 * Who touches a page that is on its way waits for it, and may hold the lock of the
 * mapping, or the mmap_lock, until it arrives. So nobody may wait for these locks who
 * has pages on their way and does not hold them already. All of a group is collected
 * in one mapping, and without letting go of the lock. What there is to see, to fetch and
 * to evict needs the lock, too: it has its time before the first is collected, or when
 * the last is back in the page table. Then what is left goes through the tries of any
 * step, one after the other.
 *
 * Each step has a copy of its own. If that fails, it is this one's error.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/userfaultfd_k.h>

#include "../core/charge.h"
#include "../core/device.h"
#include "../core/registry.h"
#include "batch.h"
#include "group.h"
#include "pass.h"
#include "step.h"
#include "turn.h"

/*
 * Two keep an engine busy that is slower than the CPU collects. More make up for times
 * when another needs the CPU; and who needs the mapping waits for all of them.
 */
#define GROUP_STEPS	4

/**
 * struct group_step - what the move knows of a step, while another is the current one
 * @addr: as in the move's state
 * @stop: as there
 * @family: as there
 * @left: as there
 * @userfault: as there
 * @file: as there
 * @batch: its pages on their way; kept for the next group
 * @nr: pages that were looked at; 0: it was not its turn
 * @error: of its copy
 */
struct group_step {
	unsigned long addr;
	unsigned long stop;
	const void *family;
	DECLARE_BITMAP(left, HMM_P2P_BATCH_PAGES);
	bool userfault;
	bool file;
	struct hmm_p2p_batch *batch;
	unsigned long nr;
	int error;
};

/**
 * struct hmm_p2p_group - steps that go together
 * @nr: how many
 * @next: the first that hmm_p2p_group_next() has not given yet
 * @steps: in the order of their addresses
 */
struct hmm_p2p_group {
	unsigned int nr;
	unsigned int next;
	struct group_step steps[GROUP_STEPS];
};

/* It becomes the current step of the move, or again what it was. */
static void swap_step(struct move_state *state, struct group_step *step)
{
	unsigned int i;

	swap(state->addr, step->addr);
	swap(state->stop, step->stop);
	swap(state->family, step->family);
	swap(state->userfault, step->userfault);
	swap(state->file, step->file);
	swap(state->batch, step->batch);
	for (i = 0; i < ARRAY_SIZE(step->left); i++)
		swap(state->left[i], step->left[i]);
}

/**
 * hmm_p2p_group_helps - is it worth to begin a group?
 * @state: a move to a device
 * @addr: where it would begin
 *
 * Where memory is populated the kernel needs the mmap_lock to the end, which is not
 * kept for so long.
 *
 * Context: may sleep.
 * Return: whether it is, and there is room for one.
 */
bool hmm_p2p_group_helps(struct move_state *state, unsigned long addr)
{
	const struct hmm_p2p_move *move = state->move;

	if (!READ_ONCE(move->hdev->async) || move->populate ||
	    move->end - addr <= HPAGE_PMD_SIZE)
		return false;
	if (!state->group)
		state->group = kzalloc_obj(*state->group, HMM_P2P_GFP_USER);
	return state->group;
}

/* Where the next step is to be noted; NULL: there is no room for one. */
static struct group_step *group_room(struct hmm_p2p_group *group)
{
	struct group_step *step = group->steps + group->nr;

	if (group->nr == GROUP_STEPS)
		return NULL;
	if (!step->batch)
		step->batch = hmm_p2p_batch_alloc(HMM_P2P_BATCH_PAGES, HMM_P2P_GFP_USER);
	return step->batch ? step : NULL;
}

static void group_note(const struct move_state *state, struct group_step *step)
{
	step->addr = state->addr;
	step->stop = state->stop;
	step->family = state->family;
	step->userfault = state->userfault;
	step->file = state->file;
	bitmap_copy(step->left, state->left, HMM_P2P_BATCH_PAGES);
	step->batch->claim = state->move->claim;
	step->batch->keep_huge = !state->move->no_evict;
	step->nr = 0;
	step->error = 0;
	state->group->nr++;
}

/**
 * hmm_p2p_group_begin - begin steps until there are enough of them with something to move
 * @state: a move for which a group helps
 * @addr: where to begin; receives where the group ends
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: 0, or an error of hmm_p2p_step_begin(). In any case there may be steps.
 */
int hmm_p2p_group_begin(struct move_state *state, unsigned long *addr)
{
	struct hmm_p2p_group *group = state->group;
	struct group_step *step;
	int ret;

	group->nr = 0;
	group->next = 0;
	while (*addr < state->move->end && (step = group_room(group))) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		ret = hmm_p2p_step_begin(state, *addr, state->move->end);
		if (ret < 0)
			return ret;
		*addr = state->stop;
		if (ret)
			group_note(state, step);
	}
	return 0;
}

/*
 * The mapping of the group, if it may have one. What ksmd merges is looked at again
 * before it is collected, and a userfault may wait for somebody who waits for these
 * pages: both go step by step.
 */
static struct vm_area_struct *group_mapping(struct move_state *state)
{
	unsigned long addr = state->group->steps[0].addr;
	struct vm_area_struct *vma = vma_lookup(state->move->mm, addr);

	if (!vma || (vma->vm_flags & VM_MERGEABLE) || userfaultfd_armed(vma))
		return NULL;
	return vma;
}

/* The current step is collected, and its copy begins. May the next one follow? */
static bool collect_step(struct move_state *state, unsigned long *nr)
{
	struct hmm_p2p_device *hdev = state->move->hdev;
	struct hmm_p2p_batch *batch = state->batch;

	if (READ_ONCE(hdev->removed))
		return false;
	if (hmm_p2p_pass_begin(state, READ_ONCE(hdev->owner), MIGRATE_VMA_SELECT_COMPOUND, nr))
		return false;
	if (!batch->args.cpages)
		return *nr;
	hmm_p2p_batch_fill_device(batch, hdev);
	return hmm_p2p_batch_start(batch) && !batch->no_room && !batch->want_split;
}

/* Returns how many steps were looked at; all that is on its way is among them. */
static unsigned int group_collect(struct move_state *state, struct vm_area_struct *vma)
{
	struct group_step *step = state->group->steps;
	struct group_step *end = step + state->group->nr;
	bool more = true;

	for (; more && step < end && step->stop <= vma->vm_end; step++) {
		swap_step(state, step);
		more = collect_step(state, &step->nr);
		swap_step(state, step);
	}
	return step - state->group->steps;
}

/* What its batch has may also be from another group. */
static bool is_under_way(const struct group_step *step, const struct hmm_p2p_batch *batch)
{
	return step->nr && batch->args.cpages;
}

/* As for a single step: nothing is done to the mapping any more, so its lock is enough. */
static void group_let_go(struct move_state *state, struct vm_area_struct *vma,
			 unsigned int nr)
{
	struct group_step *step = state->group->steps, *end = step + nr;
	bool all = true;

	for (; step < end; step++)
		if (is_under_way(step, step->batch))
			all &= hmm_p2p_batch_let_go(step->batch);
	if (all)
		hmm_p2p_pass_keep_mapping(state, vma);
}

static void finish_step(struct move_state *state, struct group_step *step)
{
	swap_step(state, step);
	if (is_under_way(step, state->batch))
		step->error = hmm_p2p_pass_arrive(state);
	if (step->nr)
		hmm_p2p_pass_account(state, step->nr);
	hmm_p2p_limit_drop(&state->batch->limit);
	swap_step(state, step);
}

/* With the mmap_lock held, and the turn. */
static void group_locked(struct move_state *state)
{
	struct vm_area_struct *vma = group_mapping(state);
	unsigned int nr, i;

	if (!vma)
		return;
	nr = group_collect(state, vma);
	group_let_go(state, vma, nr);
	for (i = 0; i < nr; i++)
		finish_step(state, &state->group->steps[i]);
}

/**
 * hmm_p2p_group_move - move what can go at once
 * @state: a move, with a group
 *
 * What is left, and why, is up to the tries of each step.
 *
 * Context: may sleep; the mmap_lock is not held.
 */
void hmm_p2p_group_move(struct move_state *state)
{
	struct hmm_p2p_group *group = state->group;
	unsigned long compound = MIGRATE_VMA_SELECT_COMPOUND;
	struct hmm_p2p_turn turn = { .mm = state->move->mm };
	int idx;

	if (group->nr < 2)
		return;
	turn.family = group->steps[0].family;
	turn.start = group->steps[0].addr;
	turn.end = group->steps[group->nr - 1].stop;
	if (hmm_p2p_turn_begin(&turn, !state->move->try_lock) < 0)
		return;
	state->addr = turn.start;
	if (!hmm_p2p_pass_lock(state, &compound)) {
		idx = srcu_read_lock(&hmm_p2p_srcu);
		group_locked(state);
		srcu_read_unlock(&hmm_p2p_srcu, idx);
		hmm_p2p_pass_unlock(state);
	}
	hmm_p2p_turn_end(&turn);
}

/**
 * hmm_p2p_group_next - make the next step the current one
 * @state: a move, whose group has moved
 * @error: receives 0, or the error of its copy
 *
 * Context: any.
 * Return: false when there is none with anything left.
 */
bool hmm_p2p_group_next(struct move_state *state, int *error)
{
	struct hmm_p2p_group *group = state->group;
	struct group_step *step;

	while (group->next < group->nr) {
		step = &group->steps[group->next++];
		state->addr = step->addr;
		state->stop = step->stop;
		state->family = step->family;
		state->tries = MOVE_TRIES;
		state->userfault = step->userfault;
		state->file = step->file;
		bitmap_copy(state->left, step->left, HMM_P2P_BATCH_PAGES);
		*error = step->error;
		if (!hmm_p2p_step_is_done(state))
			return true;
	}
	return false;
}

void hmm_p2p_group_free(struct hmm_p2p_group *group)
{
	unsigned int i;

	for (i = 0; group && i < GROUP_STEPS; i++)
		hmm_p2p_batch_free(group->steps[i].batch);
	kfree(group);
}
