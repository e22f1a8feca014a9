// SPDX-License-Identifier: GPL-2.0
/*
 * The three outcomes of a range fault.
 *
 * Who decides which page gets which is plan.c or, on a kernel whose
 * hmm_range_fault() knows importers, native.c. Here is what surrounds the decision.
 *
 * Memory of a device that a process has mapped to share it (see mapped.c) cannot
 * go home. An importer has it as p2p or does not get it: the fault fails before
 * anything was moved, or, where no fault was asked for, the entry is not valid.
 *
 * All walks run under the caller's notifier_seq. Whatever changes after it was
 * read makes mmu_interval_read_retry() fail, exactly as for the caller of
 * hmm_range_fault(), so no reference is taken on anything.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/srcu.h>

#include "decide.h"
#include "device.h"
#include "fault.h"
#include "grant.h"
#include "mapped.h"
#include "pagemap.h"
#include "registry.h"
#include "report.h"
#include "stats.h"

/* Receives the part of a range in one mapping that the importer may not have. */
typedef int (*refused_fn)(const struct hmm_range *range, const struct hmm_p2p_fault *fault,
			  struct hmm_p2p_device *exporter, enum hmm_p2p_reason reason,
			  unsigned long first, unsigned long end);

/* Shared memory: all of it is known by its mapping, faulted in or not. */
static int visit_refused(const struct hmm_range *range,
			 const struct hmm_p2p_fault *fault, refused_fn fn)
{
	VMA_ITERATOR(vmi, range->notifier->mm, range->start);
	struct hmm_p2p_device *exporter;
	enum hmm_p2p_reason reason;
	struct vm_area_struct *vma;
	int idx, ret = 0;

	if (fault->by_mapping || !hmm_p2p_mapped_any())
		return 0;
	idx = srcu_read_lock(&hmm_p2p_srcu);
	for_each_vma_range(vmi, vma, range->end) {
		exporter = hmm_p2p_mapped_device(vma);
		if (!exporter)
			continue;
		reason = hmm_p2p_path_check(exporter, &fault->importer, NULL);
		if (!reason)
			continue;
		ret = fn(range, fault, exporter, reason,
			 (max(vma->vm_start, range->start) - range->start) >> PAGE_SHIFT,
			 (min(vma->vm_end, range->end) - range->start) >> PAGE_SHIFT) ?: ret;
	}
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	return ret;
}

static int refuse(const struct hmm_range *range, const struct hmm_p2p_fault *fault,
		  struct hmm_p2p_device *exporter, enum hmm_p2p_reason reason,
		  unsigned long i, unsigned long end)
{
	unsigned long wanted = 0;

	for (; i < end; i++) {
		if (!(range_asks(range, i) & HMM_PFN_REQ_FAULT))
			continue;
		if (fault->report)
			fault->report[i] = HMM_P2P_REPORT(HMM_P2P_OUTCOME_NONE, reason);
		wanted++;
	}
	hmm_p2p_count(exporter, HMM_P2P_COUNTER_REFUSED, wanted);
	return wanted ? -EREMOTEIO : 0;
}

static int take_back(const struct hmm_range *range, const struct hmm_p2p_fault *fault,
		     struct hmm_p2p_device *exporter, enum hmm_p2p_reason reason,
		     unsigned long i, unsigned long end)
{
	for (; i < end; i++)
		range->hmm_pfns[i] &= HMM_P2P_INOUT_FLAGS;
	return 0;
}

/**
 * hmm_p2p_fault_for - hmm_p2p_range_fault() with a report
 * @range: see there
 * @fault: for whom, and where to put the report
 * @may_unlock: the mmap_lock, which is held again in the end, may be dropped
 *	meanwhile, for a userfault: the caller took it for this call alone
 *
 * Context: as hmm_p2p_range_fault().
 * Return: as hmm_p2p_range_fault(); -EAGAIN when the mmap_lock was dropped: begin
 * again, as after -EBUSY, but there was progress.
 */
int hmm_p2p_fault_for(struct hmm_range *range,
		      const struct hmm_p2p_fault *fault, bool may_unlock)
{
	unsigned long npages = range_npages(range);
	bool restricted;
	int ret;

	ret = hmm_p2p_grant_check(range, fault->by_keys, &restricted);
	if (ret)
		return ret;
	if (fault->report)
		hmm_p2p_report_begin(fault->report, npages);
	if (fault->pages)
		memset(fault->pages, 0, npages * sizeof(*fault->pages));
	ret = visit_refused(range, fault, refuse) ?:
	      hmm_p2p_fault_decide(range, fault, may_unlock) ?:
	      visit_refused(range, fault, take_back);
	if (!ret && restricted)
		hmm_p2p_grant_restrict(range);
	if (!ret && fault->importer.no_p2p && !fault->by_mapping)
		ret = hmm_p2p_refuse_p2p(range, fault->report, npages);
	if (!ret && fault->report)
		hmm_p2p_report_end(range, fault->report, npages);
	return ret;
}

/**
 * hmm_p2p_range_fault - hmm_range_fault() for an importer
 * @range: as for hmm_range_fault(); dev_private_owner names the importer's
 *	own interconnect, NULL if it has none
 * @importer: device that is going to reach the memory, through the DMA API;
 *	NULL: exactly hmm_range_fault()
 *
 * On success each entry that is HMM_PFN_VALID is a private page (same owner;
 * see hmm_p2p_interconnect_addr()), a p2p page that the DMA API maps for
 * @importer, or a system page; hmm_p2p_pfn_kind() tells. Nothing has moved for
 * the first two. A private page that the importer cannot have either way was
 * faulted to RAM if its request flags ask for a fault, as long as that leaves some
 * RAM to others; without them its entry is not valid. A page for which write is
 * asked and that is copy on write is never p2p. Memory of an exporter that the
 * process maps to share it has no page in RAM to go to: where @importer may not have
 * it as p2p the fault fails.
 * HMM_PFN_DMA_MAPPED and the P2PDMA flags of an entry survive.
 *
 * A page for which write is asked and granted counts as written from then on, until
 * the range is invalidated, so that nothing drops what the device writes: an
 * importer owes its pages nothing else. But it has to ask: HMM_PFN_WRITE in the
 * entry of a page that was asked for reading says that write would be granted.
 *
 * As after hmm_range_fault(), the result holds until the notifier is
 * invalidated, no reference is held and none may be taken: an alias whose
 * count goes from 1 to 0 is freed to the BAR's allocator.
 *
 * Context: process; the mmap_lock of the notifier's mm is held for reading.
 * Return: 0, or as hmm_range_fault(): -EBUSY when the range was invalidated
 * (begin again), -EFAULT for an address that cannot be read or is memory of
 * memfd_secret(), -EPERM for one that cannot be written or is a shadow stack that
 * write is asked for, -EREMOTEIO for shared device memory that @importer
 * may not have, -EINVAL, -ENOMEM.
 */
int hmm_p2p_range_fault(struct hmm_range *range, struct device *importer)
{
	const struct hmm_p2p_fault fault = { .importer.dev = importer };

	return importer ? hmm_p2p_fault_for(range, &fault, false) : hmm_range_fault(range);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_range_fault, HMM_P2P_NS);

/**
 * hmm_p2p_range_fault_unlocked_timeout - hmm_p2p_range_fault() that takes the lock
 * @range: as for hmm_p2p_range_fault(), without the notifier's sequence number
 * @importer: as there
 * @timeout: jiffies after which a range that is invalidated again and again is
 *	given up, 0: never. While somebody serves a userfault it does not run
 *
 * What hmm_range_fault_unlocked_timeout() (since 7.3) is to hmm_range_fault(): it
 * begins again by itself, with a new sequence number, and memory whose faults
 * are served in userspace can be had.
 *
 * Context: process; the mmap_lock of the notifier's mm is not held.
 * Return: as hmm_p2p_range_fault(); -EBUSY after @timeout; -EINTR after a fatal
 * signal.
 */
int hmm_p2p_range_fault_unlocked_timeout(struct hmm_range *range,
					 struct device *importer,
					 unsigned long timeout)
{
	const struct hmm_p2p_fault fault = { .importer.dev = importer };
	struct mm_struct *mm = range->notifier->mm;
	unsigned long deadline = jiffies + timeout;
	int ret;

	do {
		range->notifier_seq = mmu_interval_read_begin(range->notifier);
		if (mmap_read_lock_killable(mm))
			return -EINTR;
		if (importer)
			ret = hmm_p2p_fault_for(range, &fault, true);
		else
			ret = hmm_p2p_fault_run(range, true);
		mmap_read_unlock(mm);
		if (fatal_signal_pending(current))
			return -EINTR;
		if (ret == -EAGAIN)
			deadline = jiffies + timeout;
		else if (ret != -EBUSY)
			return ret;
	} while (!timeout || time_before_eq(jiffies, deadline));
	return -EBUSY;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_range_fault_unlocked_timeout, HMM_P2P_NS);
