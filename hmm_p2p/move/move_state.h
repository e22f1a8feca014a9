/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A move under way: what its steps, and the looks at them, know and have in common. Who
 * has the state is alone with it.
 */
#ifndef _HMM_P2P_MOVE_STATE_H
#define _HMM_P2P_MOVE_STATE_H

#include <linux/mmap_lock.h>

#include "../core/mirror.h"
#include "../core/pagemap.h"
#include "batch.h"

/*
 * How the mmap_lock is held; or only the lock of one mapping, for reading: then the
 * mmap_lock must not be taken, for its owner may be waiting for that mapping.
 */
enum move_lock { MOVE_UNLOCKED, MOVE_MAPPING, MOVE_READS, MOVE_WRITES };

/*
 * A page that is locked or isolated for a moment does not migrate. It gets this
 * many tries before it is reported as busy: as many as in migrate_pages().
 */
#define MOVE_TRIES	10

/**
 * struct move_state - a move under way
 * @move: what was asked for
 * @batch: pages on their way; NULL as long as nothing had to move
 * @mirror: sees what became of pages that did not move; without an mm: there is none
 * @pfns: room for a snapshot of one step
 * @tries: how often the current step may find pages busy
 * @addr: where the current step starts
 * @stop: where it ends; a pass may find that this is earlier
 * @family: of its mapping, see hmm_p2p_turn_begin(); only compared
 * @lock: how the mmap_lock is held, while a try goes on
 * @mapping: with MOVE_MAPPING, the one that is locked
 * @split: in this try, a huge page has to be split before it moves
 * @userfault: the current step's mapping is registered with userfaultfd
 * @file: it is one of a file
 * @drained: the lists of CPUs were drained, because a page was found busy
 * @claimed: all of the range that is on the device belongs to the move
 * @group: NULL, or steps that go together
 * @only: NULL, or first page of the chunk that is to go to RAM: no other page does
 * @left: pages of the current step that are not accounted for yet
 */
struct move_state {
	struct hmm_p2p_move *move;
	struct hmm_p2p_batch *batch;
	struct hmm_p2p_mirror mirror;
	unsigned long *pfns;
	unsigned int tries;
	unsigned long addr;
	unsigned long stop;
	const void *family;
	enum move_lock lock;
	struct vm_area_struct *mapping;
	bool split;
	bool userfault;
	bool file;
	bool drained;
	bool claimed;
	struct hmm_p2p_group *group;
	struct page *only;
	DECLARE_BITMAP(left, HMM_P2P_BATCH_PAGES);
};

struct move_state *hmm_p2p_move_begin(struct hmm_p2p_move *move);
struct move_state *hmm_p2p_move_begin_blind(struct hmm_p2p_move *move);
void hmm_p2p_move_end(struct move_state *state);

/* Return: 0; -EINTR, or -EBUSY when the move does not wait for who has it. */
static inline int hmm_p2p_move_lock_read(const struct hmm_p2p_move *move)
{
	if (move->try_lock)
		return mmap_read_trylock(move->mm) ? 0 : -EBUSY;
	return mmap_read_lock_killable(move->mm);
}

static inline int hmm_p2p_move_lock_write(const struct hmm_p2p_move *move)
{
	if (!move->try_lock)
		return mmap_write_lock_killable(move->mm);
	/* As mmap_write_lock(), which has no such form. */
	if (!down_write_trylock(&move->mm->mmap_lock))
		return -EBUSY;
	mm_lock_seqcount_begin(move->mm);
	return 0;
}

static inline unsigned long hmm_p2p_step_pages(const struct move_state *state)
{
	return (state->stop - state->addr) >> PAGE_SHIFT;
}

/* Is all of the step accounted for? */
static inline bool hmm_p2p_step_is_done(const struct move_state *state)
{
	return bitmap_empty(state->left, hmm_p2p_step_pages(state));
}

/*
 * From now on @vma is locked for reading, too, until vma_end_read(). The mmap_lock is
 * held for reading. Return: false when the kernel cannot.
 */
static inline bool hmm_p2p_mapping_lock(struct vm_area_struct *vma)
{
#ifdef CONFIG_PER_VMA_LOCK
	return vma_start_read_locked(vma);
#else
	return false;
#endif
}

/* Is it a page that the move is about? */
static inline bool hmm_p2p_move_wants(const struct move_state *state,
				      const struct page *page)
{
	return !state->only || hmm_p2p_chunk_has(state->only, page);
}

/* Has it no eyes for what is in the page table? */
static inline bool hmm_p2p_move_is_blind(const struct move_state *state)
{
	return !state->mirror.mm;
}

#endif /* _HMM_P2P_MOVE_STATE_H */
