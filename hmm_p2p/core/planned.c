// SPDX-License-Identifier: GPL-2.0
/*
 * The three outcomes of a range fault, on a kernel whose hmm_range_fault() knows one
 * owner: private pages of any other owner it faults to RAM.
 *
 * Most memory is on no device. So that such a fault costs what hmm_range_fault() does,
 * it is tried at once, and the fault handler of device memory keeps a page that this
 * meets where it is. Then, or where the last fault has met one, device pages are
 * looked for first:
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
 */
#include <kunit/visibility.h>
#include <linux/mm.h>
#include <linux/srcu.h>

#include "chunk.h"
#include "decide.h"
#include "device.h"
#include "faulting.h"
#include "grant.h"
#include "guess.h"
#include "owner.h"
#include "pagemap.h"
#include "plan.h"
#include "registry.h"
#include "stats.h"
#include "trace.h"

/* The same for a part of a plan's range, whose importer may write at once. */
static int fault_grant(struct fault_plan *plan, unsigned long first,
		       unsigned long nr, void *owner)
{
	struct hmm_range run = *plan->range;

	run.start += first << PAGE_SHIFT;
	run.end = run.start + (nr << PAGE_SHIFT);
	run.hmm_pfns += first;
	run.dev_private_owner = owner;
	return hmm_p2p_fault_run(&run, plan->faulting.may_unlock) ?: hmm_p2p_grant_write(&run);
}

static bool same_run(const struct plan_entry *a, const struct plan_entry *b)
{
	return !a->hmm_pfn == !b->hmm_pfn && (a->hmm_pfn || a->own == b->own);
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
	struct hmm_p2p_faulting *fault;
	struct fault_plan *plan;
	unsigned long i;

	fault = hmm_p2p_faulting_page(vmf, &i);
	if (!fault)
		return false;
	plan = container_of(fault, struct fault_plan, faulting);
	if (plan->entry && plan->entry[i].page)
		return false;
	fault->arrived = true;
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
		if (entry[first].hmm_pfn)
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
	int ret;

	plan->faulting.arrived = false;
	hmm_p2p_faulting_begin(&plan->faulting);
	if (plan->entry)
		ret = fault_runs(plan);
	else
		ret = fault_grant(plan, 0, plan->npages,
				  plan->range->dev_private_owner);
	hmm_p2p_faulting_end(&plan->faulting);
	return plan->faulting.arrived ? -EBUSY : ret;
}

/*
 * How many planned entries from @first on name pages that follow each other in
 * one chunk of device memory.
 */
static unsigned long planned_run(const struct fault_plan *plan, unsigned long first)
{
	const struct plan_entry *entry = plan->entry + first;
	unsigned long most = min(plan->npages - first, hmm_p2p_chunk_left(entry->page));
	unsigned long nr;

	for (nr = 1; nr < most; nr++)
		if (!entry[nr].hmm_pfn || entry[nr].own != entry->own ||
		    entry[nr].page != hmm_p2p_page_behind(entry->page, nr))
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

/* Writes what is planned to the caller's array. */
void hmm_p2p_plan_merge(struct fault_plan *plan)
{
	unsigned long i, nr;

	for (i = 0; i < plan->npages; i += nr) {
		nr = 1;
		if (!plan->entry[i].hmm_pfn)
			continue;
		nr = planned_run(plan, i);
		plan_merge_run(plan, i, nr);
	}
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_plan_merge);

static bool is_read_only(unsigned long hmm_pfn)
{
	return (hmm_pfn & (HMM_PFN_VALID | HMM_PFN_WRITE)) == HMM_PFN_VALID;
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
		if (plan_writes(plan, i) && !plan->entry[i].hmm_pfn &&
		    is_read_only(pfns[i]))
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

	guard(srcu)(&hmm_p2p_srcu);
	if (mmu_interval_check_retry(range->notifier, range->notifier_seq) ||
	    (!all_planned(plan) && has_late_own(plan)))
		return -EBUSY;
	hmm_p2p_plan_merge(plan);
	return 0;
}

static int fault_planned(struct fault_plan *plan)
{
	int ret = hmm_p2p_plan(plan);

	hmm_p2p_guess_note(plan->range, plan->met);
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

/* Return: whether one of them is copy on write where write is asked for. */
static bool note_own(const struct fault_plan *plan)
{
	bool write = plan->range->default_flags & HMM_PFN_REQ_WRITE;
	const unsigned long *pfns = plan->range->hmm_pfns;
	unsigned long i;

	for (i = 0; i < plan->npages; i++)
		if (write && is_read_only(pfns[i]))
			return true;
	for (i = 0; i < plan->npages; i++)
		hmm_p2p_note_own(plan->fault, i, pfns[i]);
	return false;
}

/* As plan_finish(); the pages of the importer's own owner are all that is there. */
static int direct_finish(struct fault_plan *plan)
{
	const struct hmm_range *range = plan->range;
	int idx, ret = 0;

	if (!range->dev_private_owner)
		return 0;
	idx = srcu_read_lock(&hmm_p2p_srcu);
	if (mmu_interval_check_retry(range->notifier, range->notifier_seq))
		ret = -EBUSY;
	else
		plan->faulting.arrived = note_own(plan);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	return plan->faulting.arrived ? -EBUSY : ret;
}

/* Sets faulting.arrived if a plan is needed. */
static int fault_directly(struct fault_plan *plan)
{
	int ret = fault_rest(plan) ?: direct_finish(plan);

	if (!plan->faulting.arrived)
		trace_hmm_p2p_fault(plan->range, plan->fault->importer.dev, plan->npages,
				    0, ret);
	return ret;
}

/**
 * hmm_p2p_fault_decide - the outcome of each page of a range
 * @range: as for hmm_range_fault()
 * @fault: for whom
 * @may_unlock: as for hmm_p2p_fault_for()
 *
 * Context: as hmm_p2p_range_fault().
 * Return: as hmm_p2p_fault_for(), but for shared memory.
 */
int hmm_p2p_fault_decide(struct hmm_range *range,
			 const struct hmm_p2p_fault *fault, bool may_unlock)
{
	struct fault_plan plan = {
		.faulting = { .range = range, .may_unlock = may_unlock },
		.range = range,
		.fault = fault,
		.npages = range_npages(range),
	};
	int ret;

	if (!hmm_p2p_guess_meets(range)) {
		ret = fault_directly(&plan);
		/* What was asked for page by page, only the caller knows now. */
		if (!plan.faulting.arrived || range->pfn_flags_mask)
			return ret;
	}
	return fault_planned(&plan);
}
