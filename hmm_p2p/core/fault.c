// SPDX-License-Identifier: GPL-2.0
/*
 * The three outcomes of a range fault.
 *
 * hmm_range_fault() knows one owner: private pages of any other owner it
 * faults to RAM. Here they are looked for first:
 *
 * 1. Plan (plan.c). For every owner that has pages in the machine, one snapshot
 *    walk in the name of that owner finds its private pages. Each is translated
 *    once. What the importer may have as p2p goes into the plan; for the rest the
 *    reason is noted. Pages of the importer's own owner go into the plan as
 *    they are, except one that is copy on write where write is asked for:
 *    hmm_range_fault() would hand it out, and it has to go home instead.
 * 2. Fault. hmm_range_fault() gets the runs between planned pages, with the
 *    caller's own flags. It must not see a run together with planned pages: a
 *    fault in the middle of a page table goes on to its end and would send
 *    them home. A page that was on its way when the plan was made and has
 *    arrived since is met by this fault: it stays, and the caller begins again.
 * 3. Merge. Planned entries are written to the caller's array.
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
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/userfaultfd_k.h>

#include "chunk.h"
#include "device.h"
#include "fault.h"
#include "grant.h"
#include "mapped.h"
#include "owner.h"
#include "pagemap.h"
#include "plan.h"
#include "registry.h"
#include "report.h"
#include "stats.h"
#include "trace.h"

/* Faults of many tasks at once must not wait for each other. */
#define FAULTING_BITS	6

/**
 * struct faulting - plans whose fault runs, of some tasks
 * @lock: protects @plans
 * @plans: of all tasks with the same hash
 */
struct faulting {
	spinlock_t lock; /* plans */
	struct hlist_head plans;
};

static struct faulting faulting[1 << FAULTING_BITS] = {
	[0 ... (1 << FAULTING_BITS) - 1] = {
		.lock = __SPIN_LOCK_UNLOCKED(faulting.lock),
	},
};

static unsigned long range_npages(const struct hmm_range *range)
{
	return (range->end - range->start) >> PAGE_SHIFT;
}

/* Return: -EAGAIN when the mmap_lock was dropped meanwhile, -EINTR, otherwise 0. */
static int serve_pages(const struct hmm_range *run, unsigned long addr,
		       unsigned long end)
{
	const unsigned long *pfns = run->hmm_pfns + ((addr - run->start) >> PAGE_SHIFT);
	bool unlocked = false;
	unsigned long req;
	int ret;

	for (; addr < end; addr += PAGE_SIZE, pfns++) {
		req = (*pfns & run->pfn_flags_mask) | run->default_flags;
		if (!(req & HMM_PFN_REQ_FAULT))
			continue;
		ret = fixup_user_fault(run->notifier->mm, addr, FAULT_FLAG_REMOTE |
				       (req & HMM_PFN_REQ_WRITE ? FAULT_FLAG_WRITE : 0),
				       &unlocked);
		if (ret == -EINTR)
			return ret;
		if (unlocked)
			return -EAGAIN;
	}
	return 0;
}

/*
 * hmm_range_fault() keeps the mmap_lock, so it fails where somebody in userspace
 * has to serve the fault. Such pages are faulted before it, one by one, and the
 * lock is dropped while somebody serves one. What is wrong with a page that cannot
 * be had is left for hmm_range_fault() to say.
 */
static int serve_userfaults(const struct hmm_range *run)
{
	VMA_ITERATOR(vmi, run->notifier->mm, run->start);
	struct vm_area_struct *vma;
	int ret;

	for_each_vma_range(vmi, vma, run->end) {
		if (!userfaultfd_armed(vma))
			continue;
		ret = serve_pages(run, max(vma->vm_start, run->start),
				  min(vma->vm_end, run->end));
		if (ret)
			return ret;
	}
	return 0;
}

/* Return: 0, or the result of the fault. */
static int fault_run(struct hmm_range *run, bool may_unlock)
{
	int ret = 0;

	if (may_unlock)
		ret = serve_userfaults(run);
	if (!ret)
		ret = hmm_range_fault(run);
	if (!ret)
		hmm_p2p_fix_huge_offset(run->hmm_pfns, run->start, run->end);
	return ret;
}

/* The same for a part of a plan's range, whose importer may write at once. */
static int fault_grant(struct fault_plan *plan, unsigned long first,
		       unsigned long nr, void *owner)
{
	struct hmm_range run = *plan->range;

	run.start += first << PAGE_SHIFT;
	run.end = run.start + (nr << PAGE_SHIFT);
	run.hmm_pfns += first;
	run.dev_private_owner = owner;
	return fault_run(&run, plan->may_unlock) ?: hmm_p2p_grant_write(&run);
}

static bool same_run(const struct plan_entry *a, const struct plan_entry *b)
{
	return !a->hmm_pfn == !b->hmm_pfn && a->refused == b->refused &&
	       (a->hmm_pfn || a->own == b->own);
}

static struct faulting *current_faulting(void)
{
	return &faulting[hash_ptr(current, FAULTING_BITS)];
}

/* The plan that the current task is carrying out, or NULL. */
static struct fault_plan *current_plan(void)
{
	struct faulting *some = current_faulting();
	struct fault_plan *plan, *found = NULL;

	if (hlist_empty(&some->plans))
		return NULL;
	spin_lock(&some->lock);
	hlist_for_each_entry(plan, &some->plans, node)
		if (plan->task == current)
			found = plan;
	spin_unlock(&some->lock);
	return found;
}

/* Is the current task faulting this memory for an importer? */
bool hmm_p2p_fault_is_ours(const struct mm_struct *mm)
{
	const struct fault_plan *plan = current_plan();

	return plan && plan->range->notifier->mm == mm;
}

/**
 * hmm_p2p_fault_arrived - has an importer's fault met a page it did not plan for?
 * @vmf: the fault of a device page
 *
 * Nothing tells a plan that a page has come to a device since, so its fault
 * would send the page home, although the importer may be able to reach it.
 *
 * Return: true when the page is to stay where it is: the fault fails, and the
 * importer plans again.
 */
bool hmm_p2p_fault_arrived(const struct vm_fault *vmf)
{
	struct fault_plan *plan = current_plan();
	unsigned long i;

	if (!plan || plan->range->notifier->mm != vmf->vma->vm_mm ||
	    vmf->address < plan->range->start || vmf->address >= plan->range->end)
		return false;
	i = (vmf->address - plan->range->start) >> PAGE_SHIFT;
	if (plan->entry && plan->entry[i].page)
		return false;
	plan->arrived = true;
	return true;
}

/* Faults what is not planned, run by run; own pages that go home by nobody. */
static int fault_runs(struct fault_plan *plan)
{
	const struct plan_entry *entry = plan->entry;
	struct hmm_range *range = plan->range;
	unsigned long first, i;
	int ret;

	for (first = 0; first < plan->npages; first = i) {
		for (i = first + 1; i < plan->npages; i++)
			if (!same_run(&entry[first], &entry[i]))
				break;
		if (entry[first].hmm_pfn || entry[first].refused)
			continue;
		ret = fault_grant(plan, first, i - first,
				  entry[first].own ? NULL : range->dev_private_owner);
		if (ret)
			return ret;
	}
	return 0;
}

static int fault_rest(struct fault_plan *plan)
{
	struct faulting *some = current_faulting();
	int ret;

	plan->task = current;
	spin_lock(&some->lock);
	hlist_add_head(&plan->node, &some->plans);
	spin_unlock(&some->lock);
	if (plan->entry)
		ret = fault_runs(plan);
	else
		ret = fault_grant(plan, 0, plan->npages,
				  plan->range->dev_private_owner);
	spin_lock(&some->lock);
	hlist_del(&plan->node);
	spin_unlock(&some->lock);
	return plan->arrived ? -EBUSY : ret;
}

/*
 * How many planned entries from @first on name pages that follow each other in
 * one chunk of device memory. Chunks are aligned, and no two devices share one.
 */
static unsigned long planned_run(const struct fault_plan *plan, unsigned long first)
{
	const struct plan_entry *entry = plan->entry + first;
	unsigned long in_chunk = hmm_p2p_page_index(entry->page) % HMM_P2P_CHUNK_PAGES;
	unsigned long most = min(plan->npages - first, HMM_P2P_CHUNK_PAGES - in_chunk);
	unsigned long nr;

	for (nr = 1; nr < most; nr++)
		if (!entry[nr].hmm_pfn || entry[nr].own != entry->own ||
		    entry[nr].page != entry->page + nr)
			break;
	return nr;
}

static void plan_merge_run(struct fault_plan *plan, unsigned long first, unsigned long nr)
{
	const struct plan_entry *entry = plan->entry + first;
	unsigned long *pfns = plan->range->hmm_pfns + first;
	unsigned long i;

	for (i = 0; i < nr; i++) {
		pfns[i] = (pfns[i] & HMM_P2P_INOUT_FLAGS) | entry[i].hmm_pfn;
		if (plan->fault->pages && !entry->own)
			plan->fault->pages[first + i] = entry[i].page;
	}
	hmm_p2p_count(hmm_p2p_page_device(entry->page),
		      entry->own ? HMM_P2P_COUNTER_PRIVATE : HMM_P2P_COUNTER_P2P, nr);
	hmm_p2p_page_touch(entry->page);
}

static void plan_merge(struct fault_plan *plan)
{
	unsigned long i, nr;

	for (i = 0; i < plan->npages; i += nr) {
		nr = 1;
		if (plan->entry[i].refused)
			plan->range->hmm_pfns[i] &= HMM_P2P_INOUT_FLAGS;
		if (!plan->entry[i].hmm_pfn)
			continue;
		nr = planned_run(plan, i);
		plan_merge_run(plan, i, nr);
	}
}

/*
 * A page that was on its way when the plan was made shows up in the fault, and
 * nothing invalidates the range when it arrives. If it is an own page that is
 * copy on write, the next plan sends it home.
 */
static bool has_late_own(const struct fault_plan *plan)
{
	const unsigned long *pfns = plan->range->hmm_pfns;
	unsigned long i;

	for (i = 0; i < plan->npages; i++)
		if (plan->entry[i].write && !plan->entry[i].hmm_pfn &&
		    (pfns[i] & HMM_PFN_VALID) && !(pfns[i] & HMM_PFN_WRITE))
			return true;
	return false;
}

/*
 * As long as the range was not invalidated its planned pages are mapped, and
 * their devices wait for this section before they go.
 */
static int plan_finish(struct fault_plan *plan)
{
	struct hmm_range *range = plan->range;
	int idx, ret = 0;

	idx = srcu_read_lock(&hmm_p2p_srcu);
	if (mmu_interval_check_retry(range->notifier, range->notifier_seq) ||
	    (!all_planned(plan) && has_late_own(plan)))
		ret = -EBUSY;
	else
		plan_merge(plan);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	return ret;
}

static int fault_planned(struct fault_plan *plan)
{
	int ret = hmm_p2p_plan(plan);

	/* This may wait for a filesystem or a userfault. */
	if (!ret && !all_planned(plan))
		ret = fault_rest(plan);
	if (!ret)
		ret = plan_finish(plan);
	trace_hmm_p2p_fault(plan->range, plan->fault->importer.dev, plan->npages,
			    plan->planned, ret);
	hmm_p2p_plan_free(plan);
	return ret;
}

static bool any_live(void)
{
	bool live;
	int idx;

	if (hmm_p2p_mapped_any())
		return true;
	idx = srcu_read_lock(&hmm_p2p_srcu);
	live = hmm_p2p_owner_next_live(NULL);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	return live;
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
	struct fault_plan plan = {
		.range = range,
		.fault = fault,
		.may_unlock = may_unlock,
		.npages = npages,
	};
	bool restricted;
	int ret;

	ret = hmm_p2p_grant_check(range, &restricted);
	if (ret)
		return ret;
	if (fault->report)
		hmm_p2p_report_begin(fault->report, npages);
	if (fault->pages)
		memset(fault->pages, 0, npages * sizeof(*fault->pages));
	/* Even with nothing to plan for, the first page may arrive meanwhile. */
	ret = any_live() ? fault_planned(&plan) : fault_rest(&plan);
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
 * faulted to RAM if its request flags ask for a fault; without them its entry
 * is not valid. A page for which write is asked and that is copy on write is
 * never p2p. Memory of an exporter that the process maps to share it has no
 * page in RAM to go to: where @importer may not have it as p2p the fault fails.
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
			ret = fault_run(range, true);
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
