/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One batch of pages on its way, between migrate_vma_setup() and finalize, under
 * hmm_p2p_srcu. What was collected from a mapping needs its lock to the end, and as long
 * as the batch has the mapping the mmap_lock.
 */
#ifndef _HMM_P2P_BATCH_H
#define _HMM_P2P_BATCH_H

#include <linux/bitmap.h>
#include <linux/migrate.h>
#include <linux/mm.h>

#include "../core/charge.h"
#include "../core/device.h"

/**
 * struct hmm_p2p_batch - pages on their way
 * @args: for the kernel's migrate_vma calls; its arrays belong to the batch. No vma:
 *	the pages were not collected from a mapping, or nothing is done to it any more
 * @mm: whose pages they are, if they were collected from a mapping
 * @runs: copies that are collected and not yet started
 * @nr_runs: length of @runs
 * @run_device: whose memory @runs are about
 * @copy: NULL, or the copy that was started and not waited for
 * @copy_error: a copy failed: nothing of this batch may move
 * @touched: the page of a CPU fault, which goes by the fault's rules for memory
 * @no_room: pages that found no memory at the destination
 * @claim: number of the move that new device pages belong to; 0: none
 * @limit: who may have no more device memory, if somebody met a limit
 * @keep_huge: a huge page that finds no huge page waits for room: it is not
 *	split, but counted in @no_room
 * @want_split: a huge page found no huge page at the destination
 * @done: pages that have moved; adds up until the caller clears it
 * @zeroed: of these, pages that are first touched by it; as @done
 */
struct hmm_p2p_batch {
	struct migrate_vma args;
	struct mm_struct *mm;
	struct hmm_p2p_copy *runs;
	unsigned int nr_runs;
	struct hmm_p2p_device *run_device;
	struct dma_fence *copy;
	int copy_error;
	const struct page *touched;
	unsigned long no_room;
	unsigned long claim;
	struct hmm_p2p_payer limit;
	bool keep_huge;
	bool want_split;
	DECLARE_BITMAP(done, HMM_P2P_BATCH_PAGES);
	DECLARE_BITMAP(zeroed, HMM_P2P_BATCH_PAGES);
};

/* How many pages the entry of a source or a destination stands for. */
static inline unsigned long hmm_p2p_entry_nr(unsigned long mpfn)
{
	return mpfn & MIGRATE_PFN_COMPOUND ? HPAGE_PMD_NR : 1;
}

struct hmm_p2p_batch *hmm_p2p_batch_alloc(unsigned int npages, gfp_t gfp);
void hmm_p2p_batch_free(struct hmm_p2p_batch *batch);
int hmm_p2p_batch_setup(struct hmm_p2p_batch *batch, struct vm_area_struct *vma,
			unsigned long start, unsigned long end, void *owner,
			unsigned long flags);
bool hmm_p2p_batch_let_go(struct hmm_p2p_batch *batch);
void hmm_p2p_batch_begin(struct hmm_p2p_batch *batch, unsigned int npages);
void hmm_p2p_batch_fill_device(struct hmm_p2p_batch *batch,
			       struct hmm_p2p_device *hdev);
void hmm_p2p_batch_fill_ram(struct hmm_p2p_batch *batch);
void hmm_p2p_batch_move(struct hmm_p2p_batch *batch);
void hmm_p2p_batch_finalize(struct hmm_p2p_batch *batch);
bool hmm_p2p_batch_start(struct hmm_p2p_batch *batch);
int hmm_p2p_batch_copy(struct hmm_p2p_batch *batch);
int hmm_p2p_batch_probe(struct hmm_p2p_batch *batch, struct hmm_p2p_device *hdev);
void hmm_p2p_batch_count_device(struct hmm_p2p_batch *batch,
				struct hmm_p2p_device *hdev);
unsigned long hmm_p2p_batch_count_ram(struct hmm_p2p_batch *batch,
				      enum hmm_p2p_counter cause);

#endif /* _HMM_P2P_BATCH_H */
