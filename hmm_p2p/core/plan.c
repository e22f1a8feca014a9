// SPDX-License-Identifier: GPL-2.0
/*
 * The first step of a range fault (see planned.c): which pages does the importer
 * have where they are, and why not the others?
 */
#include <kunit/visibility.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "device.h"
#include "owner.h"
#include "pagemap.h"
#include "path.h"
#include "plan.h"
#include "registry.h"
#include "report.h"
#include "stats.h"

static void plan_report(const struct fault_plan *plan, unsigned long i,
			enum hmm_p2p_outcome outcome, enum hmm_p2p_reason reason)
{
	if (plan->fault->report)
		plan->fault->report[i] = HMM_P2P_REPORT(outcome, reason);
}

static void plan_report_run(const struct fault_plan *plan, unsigned long first,
			    unsigned long nr, enum hmm_p2p_outcome outcome)
{
	if (plan->fault->report)
		memset(plan->fault->report + first,
		       HMM_P2P_REPORT(outcome, HMM_P2P_REASON_NONE), nr);
}

static bool wants_fault(const struct fault_plan *plan, unsigned long i)
{
	return range_asks(plan->range, i) & HMM_PFN_REQ_FAULT;
}

static enum hmm_p2p_reason plan_path(struct fault_plan *plan,
				     struct hmm_p2p_device *exporter)
{
	if (exporter != plan->last_device) {
		plan->last_reason = hmm_p2p_path_check(exporter,
						       &plan->fault->importer, NULL);
		plan->last_device = exporter;
	}
	return plan->last_reason;
}

static void plan_set(struct fault_plan *plan, unsigned long i,
		     struct page *page, unsigned long hmm_pfn)
{
	struct plan_entry *entry = &plan->entry[i];

	/* A page that moves from owner to owner meanwhile is found twice. */
	plan->planned += !entry->hmm_pfn;
	entry->hmm_pfn = hmm_pfn;
	entry->page = page;
	plan->met |= !entry->own;
}

static void plan_set_run(struct fault_plan *plan, unsigned long first, unsigned long nr,
			 struct page *page, unsigned long hmm_pfn)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		plan_set(plan, first + i, hmm_p2p_page_behind(page, i), hmm_pfn + i);
}

/* How many entries from @i to @end may stay: not those of copy on write where write is asked. */
static unsigned long plan_grantable(const struct fault_plan *plan, unsigned long i,
				    unsigned long end)
{
	unsigned long nr;

	if (plan->snap[i] & HMM_PFN_WRITE)
		return end - i;
	for (nr = 0; i + nr < end && !plan_writes(plan, i + nr); nr++)
		;
	return nr;
}

/* What follows each other, and is aligned like the address, the importer can map as one. */
static unsigned long plan_order(const struct fault_plan *plan, unsigned long first,
				unsigned long pfn)
{
	unsigned long in_huge = (plan->range->start >> PAGE_SHIFT) + first;

	if (!entry_is_huge(plan->snap[first]) || !IS_ALIGNED(pfn - in_huge, HPAGE_PMD_NR))
		return 0;
	return (unsigned long)HPAGE_PMD_ORDER << HMM_PFN_ORDER_SHIFT;
}

/*
 * Decides about private pages of another owner, from entry @i on, of which @nr may be of
 * interest, and receives how many it has decided about. @dma_pfn: the first one's alias,
 * which the others' follow. Return: why they cannot stay.
 */
static enum hmm_p2p_reason plan_some(const struct fault_plan *plan, unsigned long i,
				     unsigned long *nr, struct page *page,
				     unsigned long *dma_pfn)
{
	enum hmm_p2p_reason reason = HMM_P2P_REASON_READ_ONLY;
	unsigned long some = plan_grantable(plan, i, i + *nr);

	if (some) {
		some = hmm_p2p_path_aliases(hmm_p2p_page_device(page), page, some, dma_pfn);
		reason = some ? HMM_P2P_REASON_NONE : HMM_P2P_REASON_NO_ALIAS;
	}
	*nr = max(some, 1);
	return reason;
}

/*
 * The same for @nr of them that the walk found to be alike: they follow each other.
 * Return: a reason, if any of them has one.
 */
static enum hmm_p2p_reason plan_pages(struct fault_plan *plan, unsigned long first,
				      unsigned long nr, struct page *page)
{
	unsigned long flags = plan->snap[first] & (HMM_PFN_VALID | HMM_PFN_WRITE);
	enum hmm_p2p_reason worst = plan_path(plan, hmm_p2p_page_device(page)), reason;
	unsigned long done, some, pfn;

	if (worst)
		return worst;
	for (done = 0; done < nr; done += some, page = hmm_p2p_page_behind(page, some)) {
		some = nr - done;
		reason = plan_some(plan, first + done, &some, page, &pfn);
		if (reason) {
			worst = reason;
			continue;
		}
		if (some == nr)
			flags |= plan_order(plan, first, pfn);
		plan_set_run(plan, first + done, some, page, pfn | flags);
	}
	return worst;
}

/* Notes that a page has to go home, if its entry asks for a fault. */
static void plan_home(struct fault_plan *plan, unsigned long i,
		      struct page *page, enum hmm_p2p_reason reason)
{
	plan->entry[i].page = page;
	plan->met = true;
	if (!wants_fault(plan, i))
		return;
	plan->entry[i].reason = reason;
	plan_report(plan, i, HMM_P2P_OUTCOME_MIGRATED, reason);
}

/* Small pages: each of them stays, or goes, by itself. */
static void plan_small(struct fault_plan *plan, unsigned long first, unsigned long nr,
		       struct page *page)
{
	enum hmm_p2p_reason reason = plan_pages(plan, first, nr, page);
	unsigned long i;

	if (!reason) {
		plan_report_run(plan, first, nr, HMM_P2P_OUTCOME_P2P);
		return;
	}
	for (i = first; i < first + nr; i++, page = hmm_p2p_page_behind(page, 1)) {
		if (nr > 1)
			plan_small(plan, i, 1, page);
		else
			plan_home(plan, i, page, reason);
	}
}

/*
 * A huge page faults as a whole or not at all. So if one of its pages has to
 * be faulted, none is planned.
 */
static void plan_huge(struct fault_plan *plan, unsigned long first,
		      unsigned long nr)
{
	struct plan_entry *entries = plan->entry + first;
	struct page *page = hmm_pfn_to_page(plan->snap[first]);
	enum hmm_p2p_reason worst, reason;
	unsigned long i;

	worst = plan_pages(plan, first, nr, page);
	for (i = 0; i < nr && worst; i++) {
		reason = entries[i].hmm_pfn ? HMM_P2P_REASON_MIXED_HUGE : worst;
		plan->planned -= !!entries[i].hmm_pfn;
		entries[i].hmm_pfn = 0;
		plan_home(plan, first + i, hmm_p2p_page_behind(page, i), reason);
	}
	if (!worst)
		plan_report_run(plan, first, nr, HMM_P2P_OUTCOME_P2P);
}

/* Returns how many entries from @i on belong to the same huge page. */
static unsigned long huge_run(const struct fault_plan *plan, unsigned long i)
{
	unsigned long addr = plan->range->start + (i << PAGE_SHIFT);
	unsigned long end = min(ALIGN(addr + 1, HPAGE_PMD_SIZE), plan->range->end);

	return (end - addr) >> PAGE_SHIFT;
}

/* Returns how many small pages from @i on follow each other, in one chunk of a device. */
static unsigned long alike_run(const struct fault_plan *plan, unsigned long i,
			       const struct page *page)
{
	return entries_alike(plan->snap + i, min(plan->npages - i, hmm_p2p_chunk_left(page)));
}

/* Own pages stay, but for one that is copy on write where write is asked for. */
static void plan_own(struct fault_plan *plan, unsigned long i, unsigned long nr,
		     struct page *page)
{
	for (; nr; nr--, i++, page = hmm_p2p_page_behind(page, 1)) {
		struct plan_entry *entry = &plan->entry[i];

		entry->own = true;
		if (!plan_grantable(plan, i, i + 1)) {
			plan_home(plan, i, page, HMM_P2P_REASON_READ_ONLY);
			continue;
		}
		plan_set(plan, i, page, plan->snap[i]);
		plan_report_run(plan, i, 1, HMM_P2P_OUTCOME_PRIVATE);
	}
}

/* Decides about all pages of @owner that the walk has found. */
void hmm_p2p_plan_entries(struct fault_plan *plan, const void *owner)
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
		else
			nr = alike_run(plan, i, page);
		if (owner == plan->range->dev_private_owner)
			plan_own(plan, i, nr, page);
		else if (entry_is_huge(plan->snap[i]))
			plan_huge(plan, i, nr);
		else
			plan_small(plan, i, nr, page);
	}
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_plan_entries);

/* One snapshot walk in the name of @owner: finds, and moves nothing. */
static int plan_walk(struct fault_plan *plan, void *owner)
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
	hmm_p2p_plan_entries(plan, owner);
	return 0;
}

static int plan_all(struct fault_plan *plan)
{
	struct hmm_p2p_owner *owner = NULL;
	int ret = 0;

	while (!ret && !all_planned(plan) && (owner = hmm_p2p_owner_next_live(owner)))
		ret = plan_walk(plan, owner);
	return ret;
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

/**
 * hmm_p2p_plan - look for the pages that the importer has where they are
 * @plan: range, fault and npages are set; hmm_p2p_plan_free() when it is done
 *
 * Context: as hmm_p2p_range_fault().
 * Return: 0, -ENOMEM, or as a snapshot with hmm_range_fault().
 */
int hmm_p2p_plan(struct fault_plan *plan)
{
	unsigned long i;
	int idx, ret;

	plan->snap = kvmalloc_array(plan->npages, sizeof(*plan->snap),
				    HMM_P2P_GFP_USER);
	plan->entry = kvcalloc(plan->npages, sizeof(*plan->entry),
			       HMM_P2P_GFP_USER);
	if (!plan->snap || !plan->entry)
		return -ENOMEM;
	plan->writes = plan->range->default_flags & HMM_PFN_REQ_WRITE;
	/* The fault overwrites what is asked for page by page. */
	for (i = 0; i < plan->npages && plan->range->pfn_flags_mask; i++)
		plan->entry[i].write = range_asks(plan->range, i) & HMM_PFN_REQ_WRITE;
	idx = srcu_read_lock(&hmm_p2p_srcu);
	ret = plan_all(plan);
	if (!ret && !all_planned(plan))
		count_home(plan);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	return ret;
}

void hmm_p2p_plan_free(struct fault_plan *plan)
{
	kvfree(plan->entry);
	kvfree(plan->snap);
}
