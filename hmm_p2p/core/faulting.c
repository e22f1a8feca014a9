// SPDX-License-Identifier: GPL-2.0
/*
 * Faults of importers that run. The fault handler of device memory, which the kernel
 * calls in the middle of one, looks here for whom it is.
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/userfaultfd_k.h>

#include "device.h"
#include "faulting.h"
#include "pagemap.h"
#include "report.h"
#include "stats.h"

/* Faults of many tasks at once must not wait for each other. */
#define FAULTING_BITS	6

/**
 * struct faulting - faults that run, of some tasks
 * @lock: protects @faults
 * @faults: of all tasks with the same hash
 * @task: one of them, or NULL. Who finds itself here has written it, and nobody else
 *	writes it meanwhile: it needs no lock to read @fault
 * @fault: of @task
 */
struct faulting {
	spinlock_t lock; /* faults */
	struct hlist_head faults;
	struct task_struct *task;
	struct hmm_p2p_faulting *fault;
};

static struct faulting faulting[1 << FAULTING_BITS] = {
	[0 ... (1 << FAULTING_BITS) - 1] = {
		.lock = __SPIN_LOCK_UNLOCKED(faulting.lock),
	},
};

static struct faulting *current_faulting(void)
{
	return &faulting[hash_ptr(current, FAULTING_BITS)];
}

/* hmm_p2p_faulting_current() finds it from now on; until hmm_p2p_faulting_end(). */
void hmm_p2p_faulting_begin(struct hmm_p2p_faulting *fault)
{
	struct faulting *some = current_faulting();

	fault->task = current;
	spin_lock(&some->lock);
	hlist_add_head(&fault->node, &some->faults);
	if (!some->task) {
		some->fault = fault;
		WRITE_ONCE(some->task, current);
	}
	spin_unlock(&some->lock);
}

void hmm_p2p_faulting_end(struct hmm_p2p_faulting *fault)
{
	struct faulting *some = current_faulting();

	spin_lock(&some->lock);
	hlist_del(&fault->node);
	if (some->task == current && some->fault == fault)
		WRITE_ONCE(some->task, NULL);
	spin_unlock(&some->lock);
}

/**
 * hmm_p2p_faulting_current - the fault that the current task is carrying out
 *
 * Context: any but interrupts.
 * Return: it, or NULL.
 */
struct hmm_p2p_faulting *hmm_p2p_faulting_current(void)
{
	struct hmm_p2p_faulting *fault, *found = NULL;
	struct faulting *some = current_faulting();

	if (READ_ONCE(some->task) == current)
		return some->fault;
	if (hlist_empty(&some->faults))
		return NULL;
	spin_lock(&some->lock);
	hlist_for_each_entry(fault, &some->faults, node)
		if (fault->task == current)
			found = fault;
	spin_unlock(&some->lock);
	return found;
}

/**
 * hmm_p2p_faulting_page - the fault of an importer that has met a device page
 * @vmf: the fault of the page
 * @index: receives which page of the range it is
 *
 * Return: the importer's fault, or NULL when it is somebody else's.
 */
struct hmm_p2p_faulting *hmm_p2p_faulting_page(const struct vm_fault *vmf,
					       unsigned long *index)
{
	struct hmm_p2p_faulting *fault = hmm_p2p_faulting_current();

	if (!fault || fault->range->notifier->mm != vmf->vma->vm_mm ||
	    vmf->address < fault->range->start || vmf->address >= fault->range->end)
		return NULL;
	*index = (vmf->address - fault->range->start) >> PAGE_SHIFT;
	return fault;
}

/* Is the current task faulting this memory for an importer? */
bool hmm_p2p_fault_is_ours(const struct mm_struct *mm)
{
	const struct hmm_p2p_faulting *fault = hmm_p2p_faulting_current();

	return fault && fault->range->notifier->mm == mm;
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
		req = range_asks(run, pfns - run->hmm_pfns);
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

/* hmm_range_fault() says of a fault that it failed, and not why. */
static bool lacks_ram(void)
{
	const struct hmm_p2p_faulting *fault = hmm_p2p_faulting_current();

	return fault && fault->no_ram;
}

/**
 * hmm_p2p_fault_run - hmm_range_fault(), also where userspace serves the fault
 * @run: as for hmm_range_fault()
 * @may_unlock: the mmap_lock may be dropped for that
 *
 * Return: as hmm_range_fault(); -EAGAIN when the lock was dropped, -ENOMEM when there
 * is no RAM for what is to come home.
 */
int hmm_p2p_fault_run(struct hmm_range *run, bool may_unlock)
{
	int ret = 0;

	if (may_unlock)
		ret = serve_userfaults(run);
	if (!ret)
		ret = hmm_range_fault(run);
	if (ret == -EFAULT && lacks_ram())
		return -ENOMEM;
	if (!ret)
		hmm_p2p_fix_huge_offset(run->hmm_pfns, run->start, run->end);
	return ret;
}

/*
 * The @nr pages of a fault from @i on are where they were; @page is the first of them, and
 * the others follow it in one chunk. Under hmm_p2p_srcu, in a range that is still valid.
 */
void hmm_p2p_note_there(const struct hmm_p2p_fault *fault, unsigned long i, unsigned long nr,
			struct page *page, enum hmm_p2p_outcome outcome)
{
	if (fault->report)
		memset(fault->report + i, HMM_P2P_REPORT(outcome, HMM_P2P_REASON_NONE), nr);
	hmm_p2p_count(hmm_p2p_page_device(page), outcome == HMM_P2P_OUTCOME_P2P ?
		      HMM_P2P_COUNTER_P2P : HMM_P2P_COUNTER_PRIVATE, nr);
	hmm_p2p_page_touch(page);
}

/* The same for what hmm_range_fault() has given. Return: whether it is a private page of ours. */
bool hmm_p2p_note_own(const struct hmm_p2p_fault *fault, unsigned long i,
		      unsigned long hmm_pfn)
{
	struct page *page;

	if (hmm_p2p_pfn_kind(hmm_pfn) != HMM_P2P_PFN_PRIVATE)
		return false;
	page = hmm_pfn_to_page(hmm_pfn);
	if (!hmm_p2p_page_is_ours(page))
		return false;
	hmm_p2p_note_there(fault, i, 1, page, HMM_P2P_OUTCOME_PRIVATE);
	return true;
}
