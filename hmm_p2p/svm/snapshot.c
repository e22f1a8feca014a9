// SPDX-License-Identifier: GPL-2.0
/* What a device sees of a process, without a fault and without PFNs. */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "svm.h"

static enum hmm_p2p_seen_kind page_kind(const struct hmm_p2p_device *hdev,
					const struct page *page)
{
	if (is_zero_page(page))
		return HMM_P2P_SEEN_ZERO;
	if (!hmm_p2p_page_is_ours(page))
		return HMM_P2P_SEEN_SYSTEM;
	return hmm_p2p_page_device(page) == hdev ? HMM_P2P_SEEN_LOCAL :
						   HMM_P2P_SEEN_REMOTE;
}

static struct hmm_p2p_seen result_seen(const struct hmm_p2p_device *hdev,
				       unsigned long hmm_pfn)
{
	struct hmm_p2p_seen seen = { .kind = HMM_P2P_SEEN_NONE };

	if (hmm_pfn & HMM_PFN_ERROR) {
		seen.kind = HMM_P2P_SEEN_ERROR;
	} else if (hmm_pfn & HMM_PFN_VALID) {
		seen.kind = page_kind(hdev, hmm_pfn_to_page(hmm_pfn));
		seen.order = hmm_pfn_to_map_order(hmm_pfn);
		seen.write = hmm_pfn & HMM_PFN_WRITE;
	}
	return seen;
}

/* Whoever waits for the mmap_lock is no reason for a device to stay. */
static int snapshot_locked(struct hmm_p2p_device *hdev,
			   struct hmm_p2p_mirror *mirror, struct hmm_range *range,
			   struct hmm_p2p_seen *seen)
{
	unsigned long nr = (range->end - range->start) >> PAGE_SHIFT, i;
	int idx, ret = -ENODEV;

	if (mmap_read_lock_killable(mirror->mm))
		return -EINTR;
	/* Keeps the devices of the pages that are found. */
	idx = srcu_read_lock(&hmm_p2p_srcu);
	if (!READ_ONCE(hdev->removed))
		ret = hmm_p2p_mirror_snapshot(mirror, range);
	for (i = 0; i < nr && !ret; i++)
		seen[i] = result_seen(hdev, range->hmm_pfns[i]);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	mmap_read_unlock(mirror->mm);
	return ret;
}

static int snapshot_piece(struct hmm_p2p_device *hdev, struct mm_struct *mm,
			  struct hmm_range *range, struct hmm_p2p_seen *seen)
{
	unsigned long nr = (range->end - range->start) >> PAGE_SHIFT;
	struct hmm_p2p_mirror mirror;
	int ret;

	/* One for the piece: what happens elsewhere does not disturb it. */
	ret = hmm_p2p_mirror_init(&mirror, mm, range->start,
				  range->end - range->start);
	if (ret)
		return ret;
	memset(range->hmm_pfns, 0, nr * sizeof(*range->hmm_pfns));
	ret = snapshot_locked(hdev, &mirror, range, seen);
	hmm_p2p_mirror_fini(&mirror);
	return ret;
}

static int snapshot_all(struct hmm_p2p_device *hdev, struct mm_struct *mm,
			struct hmm_range *range, unsigned long end,
			struct hmm_p2p_seen *seen)
{
	int ret = 0;

	for (; range->start < end && !ret; range->start = range->end) {
		range->end = min(end, ALIGN(range->start + 1, HPAGE_PMD_SIZE));
		ret = snapshot_piece(hdev, mm, range, seen);
		seen += (range->end - range->start) >> PAGE_SHIFT;
	}
	return ret;
}

/**
 * hmm_p2p_svm_snapshot - what a device would find, unfaulted
 * @svm: process, as the device sees it
 * @addr: first byte, page aligned
 * @nr_pages: how many pages
 * @seen: receives as many results
 *
 * Nothing is faulted or moved. The results may be stale at once.
 *
 * Context: may sleep; no mmap_lock is held.
 * Return: 0; -ESRCH when the process is gone, -ENODEV when the device is;
 * -EINTR, -ENOMEM.
 */
int hmm_p2p_svm_snapshot(struct hmm_p2p_svm *svm, unsigned long addr,
			 unsigned long nr_pages, struct hmm_p2p_seen *seen)
{
	struct hmm_range range = {
		.start = addr,
		.dev_private_owner = READ_ONCE(svm->hdev->owner),
	};
	int ret = -ENOMEM;

	if (!mmget_not_zero(svm->mirror.mm))
		return -ESRCH;
	range.hmm_pfns = kmalloc_array(HMM_P2P_BATCH_PAGES, sizeof(*range.hmm_pfns),
				       HMM_P2P_GFP_USER);
	if (range.hmm_pfns)
		ret = snapshot_all(svm->hdev, svm->mirror.mm, &range,
				   addr + (nr_pages << PAGE_SHIFT), seen);
	kfree(range.hmm_pfns);
	mmput(svm->mirror.mm);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_snapshot, HMM_P2P_NS);
