// SPDX-License-Identifier: GPL-2.0
/*
 * The three outcomes of a range fault.
 *
 * hmm_range_fault() knows one owner: private pages of any other owner it
 * faults to RAM. Here they are looked for first:
 *
 * 1. Plan. For every owner that has pages in the machine, one snapshot walk in
 *    the name of that owner finds its private pages. Each is translated once.
 *    What the importer may have as p2p goes into the plan; for the rest the
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
 * Memory of a device that a process has mapped to share it (see shared.c) cannot
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
#include <linux/slab.h>
#include <linux/userfaultfd_k.h>

#include "internal.h"
#include "trace.h"

#define HMM_P2P_INOUT_FLAGS \
	(HMM_PFN_DMA_MAPPED | HMM_PFN_P2PDMA | HMM_PFN_P2PDMA_BUS)

/**
 * struct plan_entry - the planned result of one page
 * @hmm_pfn: entry for the caller's array, 0 when the page is not planned
 * @page: the private page that the plan has seen, NULL when there was none
 * @reason: why the page has to go home, if it has
 * @own: it has the caller's owner
 * @write: the caller asks for write
 * @refused: shared memory that the importer may not have
 */
struct plan_entry {
	unsigned long hmm_pfn;
	struct page *page;
	u8 reason;
	bool own;
	bool write;
	bool refused;
};

/**
 * struct fault_plan - what the walks have found
 * @range: the caller's
 * @fault: the caller's
 * @npages: pages in the range
 * @snap: result of the snapshot walk for one owner
 * @entry: one per page of the range; NULL: there was nothing to plan for
 * @planned: number of planned entries
 * @last_device: exporter that was asked for last
 * @last_reason: its verdict
 * @node: among the plans whose fault runs
 * @task: who runs it
 * @may_unlock: the mmap_lock may be dropped meanwhile
 * @arrived: the fault has met a private page that the plan had not seen
 */
struct fault_plan {
	struct hmm_range *range;
	const struct hmm_p2p_fault *fault;
	unsigned long npages;
	unsigned long *snap;
	struct plan_entry *entry;
	unsigned long planned;
	struct hmm_p2p_device *last_device;
	enum hmm_p2p_reason last_reason;
	struct hlist_node node;
	struct task_struct *task;
	bool may_unlock;
	bool arrived;
};

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

static unsigned long entry_pfn(unsigned long entry)
{
	return entry & ~HMM_PFN_FLAGS;
}

static bool entry_is_huge(unsigned long entry)
{
	return (entry & HMM_PFN_VALID) &&
	       hmm_pfn_to_map_order(entry) == HPAGE_PMD_ORDER;
}

/*
 * hmm_range_fault() numbers a private huge page from its head also when the
 * walk starts in its middle. The head is aligned in PFNs as in addresses, so
 * the right number follows from the address. Entries that are right stay so.
 */
void hmm_p2p_fix_huge_offset(unsigned long *entries, unsigned long start,
			     unsigned long end)
{
	unsigned long addr;

	end = min(end, ALIGN(start, HPAGE_PMD_SIZE));
	for (addr = start; addr < end; addr += PAGE_SIZE, entries++) {
		unsigned long pfn = entry_pfn(*entries);

		if (!entry_is_huge(*entries))
			return;
		pfn = ALIGN_DOWN(pfn, HPAGE_PMD_NR) +
		      ((addr & ~HPAGE_PMD_MASK) >> PAGE_SHIFT);
		*entries = (*entries & HMM_PFN_FLAGS) | pfn;
	}
}

static void report(const struct fault_plan *plan, unsigned long i,
		   enum hmm_p2p_outcome outcome, enum hmm_p2p_reason reason)
{
	if (plan->fault->report)
		plan->fault->report[i] = HMM_P2P_REPORT(outcome, reason);
}

static void report_run(const struct fault_plan *plan, unsigned long first,
		       unsigned long nr, enum hmm_p2p_outcome outcome)
{
	if (plan->fault->report)
		memset(plan->fault->report + first,
		       HMM_P2P_REPORT(outcome, HMM_P2P_REASON_NONE), nr);
}

static bool wants_write(const struct fault_plan *plan, unsigned long i)
{
	const struct hmm_range *range = plan->range;
	unsigned long req = range->hmm_pfns[i] & range->pfn_flags_mask;

	return (req | range->default_flags) & HMM_PFN_REQ_WRITE;
}

static bool wants_fault(const struct fault_plan *plan, unsigned long i)
{
	const struct hmm_range *range = plan->range;
	unsigned long req = range->hmm_pfns[i] & range->pfn_flags_mask;

	return (req | range->default_flags) & HMM_PFN_REQ_FAULT;
}

static enum hmm_p2p_reason plan_path(struct fault_plan *plan,
				     struct hmm_p2p_device *exporter)
{
	if (plan->fault->no_p2p ||
	    (plan->fault->no_pci && !exporter->config.alias_is_system))
		return HMM_P2P_REASON_IMPORTER;
	if (exporter != plan->last_device) {
		plan->last_reason = hmm_p2p_path_check(exporter,
						       plan->fault->importer, NULL);
		plan->last_device = exporter;
	}
	return plan->last_reason;
}

static void plan_entry(struct fault_plan *plan, unsigned long i,
		       struct page *page, unsigned long hmm_pfn)
{
	struct plan_entry *entry = &plan->entry[i];

	/* A page that moves from owner to owner meanwhile is found twice. */
	plan->planned += !entry->hmm_pfn;
	entry->hmm_pfn = hmm_pfn;
	entry->page = page;
}

/* Decides about one private page of another owner, whose device has a path. */
static enum hmm_p2p_reason plan_page(struct fault_plan *plan, unsigned long i,
				     struct page *page,
				     const struct hmm_p2p_device_ops *ops)
{
	unsigned long snap = plan->snap[i];
	unsigned long pfn;

	if (plan->entry[i].write && !(snap & HMM_PFN_WRITE))
		return HMM_P2P_REASON_READ_ONLY;
	if (ops->get_dma_pfn_for_device(page, &pfn))
		return HMM_P2P_REASON_NO_ALIAS;
	plan_entry(plan, i, page, (snap & (HMM_PFN_VALID | HMM_PFN_WRITE)) | pfn);
	return HMM_P2P_REASON_NONE;
}

/* The same for @nr pages of one folio. Return: a reason, if any has one. */
static enum hmm_p2p_reason plan_pages(struct fault_plan *plan, unsigned long first,
				      unsigned long nr, struct page *page)
{
	struct hmm_p2p_device *exporter = hmm_p2p_page_device(page);
	enum hmm_p2p_reason worst, reason;
	unsigned long i;

	worst = plan_path(plan, exporter);
	if (worst)
		return worst;
	for (i = first; i < first + nr; i++, page++) {
		reason = plan_page(plan, i, page, exporter->config.ops);
		if (reason)
			worst = reason;
	}
	return worst;
}

/* Notes that a page has to go home, if its entry asks for a fault. */
static void plan_home(struct fault_plan *plan, unsigned long i,
		      struct page *page, enum hmm_p2p_reason reason)
{
	plan->entry[i].page = page;
	if (!wants_fault(plan, i))
		return;
	plan->entry[i].reason = reason;
	report(plan, i, HMM_P2P_OUTCOME_MIGRATED, reason);
}

static void plan_small(struct fault_plan *plan, unsigned long i, struct page *page)
{
	enum hmm_p2p_reason reason = plan_pages(plan, i, 1, page);

	if (reason)
		plan_home(plan, i, page, reason);
	else
		report_run(plan, i, 1, HMM_P2P_OUTCOME_P2P);
}

static bool is_contiguous(const struct plan_entry *entries, unsigned long nr)
{
	unsigned long first = entry_pfn(entries[0].hmm_pfn);
	unsigned long i;

	for (i = 1; i < nr; i++)
		if (entry_pfn(entries[i].hmm_pfn) != first + i)
			return false;
	return true;
}

/*
 * A huge page faults as a whole or not at all. So if one of its pages has to
 * be faulted, none is planned; and if all are, they keep the order, provided
 * the aliases are one block that is aligned like the address.
 */
static void plan_huge(struct fault_plan *plan, unsigned long first,
		      unsigned long nr)
{
	unsigned long addr = plan->range->start + (first << PAGE_SHIFT);
	unsigned long in_huge = (addr & ~HPAGE_PMD_MASK) >> PAGE_SHIFT;
	struct plan_entry *entries = plan->entry + first;
	struct page *page = hmm_pfn_to_page(plan->snap[first]);
	enum hmm_p2p_reason worst, reason;
	unsigned long i;

	worst = plan_pages(plan, first, nr, page);
	for (i = 0; i < nr && worst; i++) {
		reason = entries[i].hmm_pfn ? HMM_P2P_REASON_MIXED_HUGE : worst;
		plan->planned -= !!entries[i].hmm_pfn;
		entries[i].hmm_pfn = 0;
		plan_home(plan, first + i, page + i, reason);
	}
	if (worst)
		return;

	if (IS_ALIGNED(entry_pfn(entries[0].hmm_pfn) - in_huge, HPAGE_PMD_NR) &&
	    is_contiguous(entries, nr))
		for (i = 0; i < nr; i++)
			entries[i].hmm_pfn |= (unsigned long)HPAGE_PMD_ORDER <<
					      HMM_PFN_ORDER_SHIFT;
	report_run(plan, first, nr, HMM_P2P_OUTCOME_P2P);
}

/* Returns how many entries from @i on belong to the same huge page. */
static unsigned long huge_run(const struct fault_plan *plan, unsigned long i)
{
	unsigned long addr = plan->range->start + (i << PAGE_SHIFT);
	unsigned long end = min(ALIGN(addr + 1, HPAGE_PMD_SIZE), plan->range->end);

	return (end - addr) >> PAGE_SHIFT;
}

/* Own pages stay, but for one that is copy on write where write is asked for. */
static void plan_own(struct fault_plan *plan, unsigned long i, unsigned long nr,
		     struct page *page)
{
	for (; nr; nr--, i++, page++) {
		struct plan_entry *entry = &plan->entry[i];

		entry->own = true;
		if (!(plan->snap[i] & HMM_PFN_WRITE) && entry->write) {
			plan_home(plan, i, page, HMM_P2P_REASON_READ_ONLY);
			continue;
		}
		plan_entry(plan, i, page, plan->snap[i]);
		report_run(plan, i, 1, HMM_P2P_OUTCOME_PRIVATE);
	}
}

static void plan_entries(struct fault_plan *plan, const void *owner)
{
	unsigned long i, nr;

	for (i = 0; i < plan->npages; i += nr) {
		struct page *page;

		nr = 1;
		if (!(plan->snap[i] & HMM_PFN_VALID))
			continue;
		page = hmm_pfn_to_page(plan->snap[i]);
		if (!hmm_p2p_page_is_ours(page) || hmm_p2p_page_owner(page) != owner)
			continue;
		if (entry_is_huge(plan->snap[i]))
			nr = huge_run(plan, i);
		if (owner == plan->range->dev_private_owner)
			plan_own(plan, i, nr, page);
		else if (nr > 1)
			plan_huge(plan, i, nr);
		else
			plan_small(plan, i, page);
	}
}

static int plan_refuse(struct fault_plan *plan, struct hmm_p2p_device *exporter,
		       unsigned long i, unsigned long end,
		       enum hmm_p2p_reason reason)
{
	unsigned long wanted = 0;

	for (; i < end; i++) {
		plan->entry[i].refused = true;
		if (!wants_fault(plan, i))
			continue;
		report(plan, i, HMM_P2P_OUTCOME_NONE, reason);
		wanted++;
	}
	hmm_p2p_count(exporter, HMM_P2P_COUNTER_REFUSED, wanted);
	return wanted ? -EREMOTEIO : 0;
}

/* Shared memory: all of it is known by its mapping, faulted in or not. */
static int plan_shared(struct fault_plan *plan)
{
	VMA_ITERATOR(vmi, plan->range->notifier->mm, plan->range->start);
	const struct hmm_range *range = plan->range;
	struct hmm_p2p_device *exporter;
	enum hmm_p2p_reason reason;
	struct vm_area_struct *vma;
	unsigned long start, end;
	int ret = 0;

	if (plan->fault->by_mapping)
		return 0;
	for_each_vma_range(vmi, vma, range->end) {
		exporter = hmm_p2p_shared_device(vma);
		reason = exporter ? plan_path(plan, exporter) : HMM_P2P_REASON_NONE;
		if (!reason)
			continue;
		start = max(vma->vm_start, range->start) - range->start;
		end = min(vma->vm_end, range->end) - range->start;
		ret = plan_refuse(plan, exporter, start >> PAGE_SHIFT,
				  end >> PAGE_SHIFT, reason) ?: ret;
	}
	return ret;
}

/* One snapshot walk in the name of @owner: finds, and moves nothing. */
static int plan_owner(struct fault_plan *plan, void *owner)
{
	struct hmm_range snap = *plan->range;
	int ret;

	memset(plan->snap, 0, plan->npages * sizeof(*plan->snap));
	snap.hmm_pfns = plan->snap;
	snap.default_flags = 0;
	snap.pfn_flags_mask = 0;
	snap.dev_private_owner = owner;
	ret = hmm_range_fault(&snap);
	if (ret)
		return ret;
	hmm_p2p_fix_huge_offset(plan->snap, snap.start, snap.end);
	plan_entries(plan, owner);
	return 0;
}

static int plan_all(struct fault_plan *plan)
{
	struct hmm_p2p_owner *owner = NULL;
	int ret = plan_shared(plan);

	while (!ret && (owner = hmm_p2p_owner_next_live(owner)))
		ret = plan_owner(plan, owner);
	return ret;
}

/* Then nothing has to be faulted. */
static bool all_planned(const struct fault_plan *plan)
{
	return plan->planned == plan->npages;
}

/*
 * Counts what this try sends home. It sends one page table's worth: that
 * invalidates the range, and the caller begins again.
 */
static void count_home(const struct fault_plan *plan)
{
	unsigned long i = 0, end;

	while (i < plan->npages && !plan->entry[i].reason)
		i++;
	if (i == plan->npages)
		return;
	for (end = i + huge_run(plan, i); i < end; i++) {
		const struct plan_entry *entry = &plan->entry[i];

		if (entry->hmm_pfn)
			break;
		if (entry->reason)
			hmm_p2p_count_home(hmm_p2p_page_device(entry->page),
					   entry->reason, 1);
	}
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
static int fault_run(struct hmm_range *range, unsigned long first,
		     unsigned long nr, void *owner, bool may_unlock)
{
	struct hmm_range run = *range;
	int ret = 0;

	run.start = range->start + (first << PAGE_SHIFT);
	run.end = run.start + (nr << PAGE_SHIFT);
	run.hmm_pfns = range->hmm_pfns + first;
	run.dev_private_owner = owner;
	if (may_unlock)
		ret = serve_userfaults(&run);
	if (!ret)
		ret = hmm_range_fault(&run);
	if (!ret)
		hmm_p2p_fix_huge_offset(run.hmm_pfns, run.start, run.end);
	return ret;
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
		ret = fault_run(range, first, i - first,
				entry[first].own ? NULL : range->dev_private_owner,
				plan->may_unlock);
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
		ret = fault_run(plan->range, 0, plan->npages,
				plan->range->dev_private_owner, plan->may_unlock);
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
	unsigned long in_chunk = page_to_pfn(entry->page) % HMM_P2P_CHUNK_PAGES;
	unsigned long most = min(plan->npages - first, HMM_P2P_CHUNK_PAGES - in_chunk);
	unsigned long nr;

	for (nr = 1; nr < most; nr++)
		if (!entry[nr].hmm_pfn || entry[nr].own != entry->own ||
		    entry[nr].page != entry->page + nr)
			break;
	return nr;
}

static void merge_run(struct fault_plan *plan, unsigned long first, unsigned long nr)
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

static void merge(struct fault_plan *plan)
{
	unsigned long i, nr;

	for (i = 0; i < plan->npages; i += nr) {
		nr = 1;
		if (plan->entry[i].refused)
			plan->range->hmm_pfns[i] &= HMM_P2P_INOUT_FLAGS;
		if (!plan->entry[i].hmm_pfn)
			continue;
		nr = planned_run(plan, i);
		merge_run(plan, i, nr);
	}
}

/**
 * hmm_p2p_report_tally - count pages by outcome
 * @report: of a fault that succeeded
 * @npages: how many pages
 * @reasons: by enum hmm_p2p_reason; grows by the migrated pages
 *
 * Return: the pages by outcome.
 */
struct hmm_p2p_tally hmm_p2p_report_tally(const u8 *report, unsigned long npages,
					  u64 *reasons)
{
	struct hmm_p2p_tally tally = {};
	unsigned long i;

	for (i = 0; i < npages; i++) {
		tally.outcomes[HMM_P2P_REPORT_OUTCOME(report[i])]++;
		if (HMM_P2P_REPORT_OUTCOME(report[i]) == HMM_P2P_OUTCOME_MIGRATED)
			reasons[HMM_P2P_REPORT_REASON(report[i])]++;
	}
	return tally;
}

/**
 * hmm_p2p_report_refused - tell of the pages that made a fault fail
 * @report: of the fault, which failed with -EREMOTEIO; what it says about other
 *	pages did not come about and is taken out
 * @npages: how many pages
 * @reasons: by enum hmm_p2p_reason; grows by the pages that were refused
 */
void hmm_p2p_report_refused(u8 *report, unsigned long npages, u64 *reasons)
{
	unsigned long i;

	for (i = 0; i < npages; i++) {
		if (HMM_P2P_REPORT_OUTCOME(report[i]))
			report[i] = 0;
		else if (report[i])
			reasons[HMM_P2P_REPORT_REASON(report[i])]++;
	}
}

/* What an earlier try sent home stays noted; other outcomes start anew. */
static void report_begin(u8 *report, unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i++)
		if (HMM_P2P_REPORT_OUTCOME(report[i]) != HMM_P2P_OUTCOME_MIGRATED)
			report[i] = 0;
}

static enum hmm_p2p_outcome mapped_outcome(unsigned long hmm_pfn)
{
	return is_pci_p2pdma_page(hmm_pfn_to_page(hmm_pfn)) ?
	       HMM_P2P_OUTCOME_P2P : HMM_P2P_OUTCOME_SYSTEM;
}

/*
 * Other drivers map peer to peer memory, too, and who opts out gets none of it.
 */
static int refuse_p2p(const struct hmm_range *range, u8 *report, unsigned long npages)
{
	unsigned long i;
	int ret = 0;

	for (i = 0; i < npages; i++) {
		if (hmm_p2p_pfn_kind(range->hmm_pfns[i]) != HMM_P2P_PFN_ALIAS)
			continue;
		ret = -EREMOTEIO;
		if (report)
			report[i] = HMM_P2P_REPORT(HMM_P2P_OUTCOME_NONE,
						   HMM_P2P_REASON_IMPORTER);
	}
	return ret;
}

/*
 * What the plan has not reported was in RAM all along; or it is mapped as peer to
 * peer memory, which nothing moves: shared memory that the importer may have, or
 * memory of other drivers, about which the DMA API decides.
 */
static void report_end(const struct hmm_range *range, u8 *report,
		       unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i++)
		if ((range->hmm_pfns[i] & HMM_PFN_VALID) && !report[i])
			report[i] = HMM_P2P_REPORT(mapped_outcome(range->hmm_pfns[i]), 0);
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
		merge(plan);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	return ret;
}

static int fault_planned(struct fault_plan *plan)
{
	unsigned long i;
	int idx, ret;

	plan->snap = kvmalloc_array(plan->npages, sizeof(*plan->snap),
				    GFP_KERNEL | __GFP_NOWARN);
	plan->entry = kvcalloc(plan->npages, sizeof(*plan->entry),
			       GFP_KERNEL | __GFP_NOWARN);
	if (!plan->snap || !plan->entry) {
		ret = -ENOMEM;
		goto out;
	}
	/* The fault overwrites what is asked for page by page. */
	for (i = 0; i < plan->npages; i++)
		plan->entry[i].write = wants_write(plan, i);
	idx = srcu_read_lock(&hmm_p2p_srcu);
	ret = plan_all(plan);
	if (!ret && !all_planned(plan))
		count_home(plan);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	/* This may wait for a filesystem or a userfault: outside the section. */
	if (!ret && !all_planned(plan))
		ret = fault_rest(plan);
	if (!ret)
		ret = plan_finish(plan);
	trace_hmm_p2p_fault(plan->range, plan->fault->importer, plan->npages,
			    plan->planned, ret);
out:
	kvfree(plan->entry);
	kvfree(plan->snap);
	return ret;
}

static bool any_live(void)
{
	bool live;
	int idx;

	if (hmm_p2p_shared_any())
		return true;
	idx = srcu_read_lock(&hmm_p2p_srcu);
	live = hmm_p2p_owner_next_live(NULL);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	return live;
}

/**
 * hmm_p2p_fault - hmm_p2p_range_fault() with a report
 * @range: see there
 * @fault: for whom, and where to put the report
 * @may_unlock: the mmap_lock, which is held again in the end, may be dropped
 *	meanwhile, for a userfault: the caller took it for this call alone
 *
 * Context: as hmm_p2p_range_fault().
 * Return: as hmm_p2p_range_fault(); -EAGAIN when the mmap_lock was dropped: begin
 * again, as after -EBUSY, but there was progress.
 */
int hmm_p2p_fault(struct hmm_range *range, const struct hmm_p2p_fault *fault,
		  bool may_unlock)
{
	unsigned long npages = range_npages(range);
	struct fault_plan plan = {
		.range = range,
		.fault = fault,
		.may_unlock = may_unlock,
		.npages = npages,
	};
	int ret;

	if (fault->report)
		report_begin(fault->report, npages);
	if (fault->pages)
		memset(fault->pages, 0, npages * sizeof(*fault->pages));
	/* Even with nothing to plan for, the first page may arrive meanwhile. */
	ret = any_live() ? fault_planned(&plan) : fault_rest(&plan);
	if (!ret && fault->no_p2p && !fault->by_mapping)
		ret = refuse_p2p(range, fault->report, npages);
	if (!ret && fault->report)
		report_end(range, fault->report, npages);
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
 * As after hmm_range_fault(), the result holds until the notifier is
 * invalidated, no reference is held and none may be taken: an alias whose
 * count goes from 1 to 0 is freed to the BAR's allocator.
 *
 * Context: process; the mmap_lock of the notifier's mm is held for reading.
 * Return: 0, or as hmm_range_fault(): -EBUSY when the range was invalidated
 * (begin again), -EFAULT for an address that cannot be read, -EPERM for one
 * that cannot be written, -EREMOTEIO for shared device memory that @importer
 * may not have, -EINVAL, -ENOMEM.
 */
int hmm_p2p_range_fault(struct hmm_range *range, struct device *importer)
{
	const struct hmm_p2p_fault fault = { .importer = importer };

	return importer ? hmm_p2p_fault(range, &fault, false) : hmm_range_fault(range);
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
	const struct hmm_p2p_fault fault = { .importer = importer };
	struct mm_struct *mm = range->notifier->mm;
	unsigned long deadline = jiffies + timeout;
	int ret;

	do {
		range->notifier_seq = mmu_interval_read_begin(range->notifier);
		if (mmap_read_lock_killable(mm))
			return -EINTR;
		if (importer)
			ret = hmm_p2p_fault(range, &fault, true);
		else
			ret = fault_run(range, 0, range_npages(range),
					range->dev_private_owner, true);
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
