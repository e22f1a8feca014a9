/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process as a device sees it. Invalidation takes the lock of a mirror, also in
 * reclaim: no allocation under it may wait for that.
 */
#ifndef _HMM_P2P_MIRROR_H
#define _HMM_P2P_MIRROR_H

#include <linux/mmu_notifier.h>
#include <linux/mutex.h>

struct hmm_p2p_fault;
struct hmm_range;

/**
 * struct hmm_p2p_mirror - a range of a process as a device sees it
 * @notifier: invalidated whenever the CPU page table changes
 * @lock: held while a transfer uses pages, and by invalidation: it returns
 *	only when the transfer has stopped
 * @mm: whose memory
 * @unmap: NULL, or called by invalidation under @lock, to forget results
 */
struct hmm_p2p_mirror {
	struct mmu_interval_notifier notifier;
	struct mutex lock; /* use of a result, see above */
	struct mm_struct *mm;
	void (*unmap)(struct hmm_p2p_mirror *mirror,
		      const struct mmu_notifier_range *range);
};

int hmm_p2p_mirror_init(struct hmm_p2p_mirror *mirror, struct mm_struct *mm,
			unsigned long start, unsigned long length);
void hmm_p2p_mirror_fini(struct hmm_p2p_mirror *mirror);
int hmm_p2p_mirror_snapshot(struct hmm_p2p_mirror *mirror,
			    struct hmm_range *range);
int hmm_p2p_mirror_freeze(struct hmm_p2p_mirror *mirror, struct hmm_range *range);
int hmm_p2p_mirror_fetch(struct hmm_p2p_mirror *mirror, struct hmm_range *range);
int hmm_p2p_mirror_fault(struct hmm_p2p_mirror *mirror, struct hmm_range *range,
			 const struct hmm_p2p_fault *fault);

#endif /* _HMM_P2P_MIRROR_H */
