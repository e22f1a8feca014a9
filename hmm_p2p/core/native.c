// SPDX-License-Identifier: GPL-2.0
/*
 * The three outcomes of a range fault, on a kernel whose hmm_range_fault() decides
 * about them: its hmm_range knows the importer, and its dev_pagemap_ops the aliases.
 *
 * One call of it is all. What is left to do is to tell of it. For a p2p page the
 * kernel's entry names the alias, and only the exporter's own translation knows
 * which private page that stands for: so each translation in the name of a fault of
 * ours is noted, in a table of that fault. For a page that goes home the fault handler
 * of device memory says why, before it does so.
 *
 * A page that was on its way when the walk came by, and has arrived on a device when
 * it is faulted, need not go home: that fault fails, and the walk begins again. But not
 * for ever: the kernel's verdict about the two devices might be another than ours.
 */
#include <linux/export.h>
#include <linux/leafops.h>
#include <linux/mm.h>
#include <linux/pci-p2pdma.h>
#include <linux/srcu.h>

#include "decide.h"
#include "device.h"
#include "faulting.h"
#include "grant.h"
#include "guess.h"
#include "native.h"
#include "owner.h"
#include "pagemap.h"
#include "registry.h"
#include "report.h"
#include "seen.h"
#include "stats.h"
#include "trace.h"

/* So often may one fault meet pages that arrive. */
#define MOST_ARRIVALS	16

/**
 * struct native_fault - a fault that the kernel decides about
 * @faulting: what runs; the task alone uses the rest
 * @fault: for whom
 * @npages: pages in the range
 * @seen: translations; no room: none was expected
 * @noted: there are translations, or there would be with room for them
 * @arrivals: tries that have met a page that had arrived
 */
struct native_fault {
	struct hmm_p2p_faulting faulting;
	const struct hmm_p2p_fault *fault;
	unsigned long npages;
	struct hmm_p2p_seen seen;
	bool noted;
	unsigned int arrivals;
};

static struct native_fault *current_native(void)
{
	struct hmm_p2p_faulting *fault = hmm_p2p_faulting_current();

	return fault ? container_of(fault, struct native_fault, faulting) : NULL;
}

/* Pages of somebody else's fault, of one folio: the walk will come to all of them. */
static unsigned long note_unknown(struct hmm_p2p_device *hdev, struct page *page,
				  unsigned long nr)
{
	struct folio *folio = page_folio(page);

	nr = min(nr, folio_nr_pages(folio) - folio_page_idx(folio, page));
	hmm_p2p_count(hdev, HMM_P2P_COUNTER_P2P, nr);
	hmm_p2p_page_touch(page);
	return nr;
}

/**
 * hmm_p2p_native_aliases - dev_pagemap_ops.get_dma_pfn_for_device
 * @page: a device page
 * @nr: so many from there on are of interest; they need not be in use
 * @dma_pfn: receives the alias of @page
 *
 * The kernel has asked whether the importer can reach the exporter.
 *
 * Context: atomic; a page table walk.
 * Return: how many aliases follow each other, 0 when @page has none.
 */
unsigned long hmm_p2p_native_aliases(struct page *page, unsigned long nr,
				     unsigned long *dma_pfn)
{
	struct hmm_p2p_device *hdev = hmm_p2p_page_device(page);
	struct native_fault *native = current_native();

	nr = hmm_p2p_path_granted(hdev, page, min(nr, hmm_p2p_chunk_left(page)), dma_pfn);
	if (!nr || !native)
		return nr ? note_unknown(hdev, page, nr) : 0;
	native->noted = true;
	/* Without room the page is faulted, stays all the same, and the walk begins again. */
	return hmm_p2p_seen_note(&native->seen, *dma_pfn, nr, page) ? nr : 0;
}

/* Which BAR has the aliases? */
static int window_bar(struct pci_dev *pdev, phys_addr_t phys)
{
	int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		if (phys >= pci_resource_start(pdev, bar) &&
		    phys <= pci_resource_end(pdev, bar) && pci_resource_len(pdev, bar))
			return bar;
	return -1;
}

/**
 * hmm_p2p_native_provider - name who has to be reached for a device's aliases
 * @hdev: exporter, whose config and aliases were looked at; no page was handed out
 */
void hmm_p2p_native_provider(struct hmm_p2p_device *hdev)
{
	struct device *function = hmm_p2p_path_function(hdev->config.dev);
	unsigned long pfn;
	int bar;

	if (hdev->config.alias_is_system ||
	    !hmm_p2p_path_granted(hdev, hmm_p2p_page_at(hdev, 0), 1, &pfn))
		return;
	bar = dev_is_pci(function) ? window_bar(to_pci_dev(function), PFN_PHYS(pfn)) : -1;
	if (bar >= 0)
		hdev->pagemap.p2pdma_provider = pcim_p2pdma_provider(to_pci_dev(function), bar);
	/* Without, the kernel would take it for memory of the system. */
	if (!hdev->pagemap.p2pdma_provider)
		hdev->config.no_p2p = true;
}

/*
 * Whom the kernel is to ask about. One that is no PCI function, or cannot map its
 * pages, gets aliases in system memory alone, as any other device that is none.
 */
static struct device *native_importer(const struct hmm_p2p_importer *importer)
{
	struct device *cpu = hmm_p2p_cpu_importer();

	if (importer->no_p2p)
		return NULL;
	if (importer->no_pci || !importer->dev)
		return cpu;
	return importer->dev == cpu ? HMM_IMPORTER_CPU : hmm_p2p_path_function(importer->dev);
}

/* Why is a page to go home, or HMM_P2P_REASON_NONE if it need not? */
static enum hmm_p2p_reason page_reason(const struct native_fault *native, unsigned long i,
				       struct page *page, bool writable)
{
	const struct hmm_range *range = native->faulting.range;
	struct hmm_p2p_device *hdev = hmm_p2p_page_device(page);
	enum hmm_p2p_reason reason;
	unsigned long pfn;

	if (hmm_p2p_page_owner(page) != range->dev_private_owner) {
		reason = hmm_p2p_path_check(hdev, &native->fault->importer, NULL);
		if (reason)
			return reason;
	}
	if (!writable && (range_asks(range, i) & HMM_PFN_REQ_WRITE))
		return HMM_P2P_REASON_READ_ONLY;
	if (hmm_p2p_page_owner(page) == range->dev_private_owner)
		return HMM_P2P_REASON_NONE;
	return hmm_p2p_path_alias(hdev, page, &pfn);
}

static void note_home(struct native_fault *native, unsigned long i, struct page *page,
		      enum hmm_p2p_reason reason)
{
	u8 *report = native->fault->report;

	if (!(range_asks(native->faulting.range, i) & HMM_PFN_REQ_FAULT))
		return;
	/* An earlier try may have met it. */
	if (report && HMM_P2P_REPORT_OUTCOME(report[i]) == HMM_P2P_OUTCOME_MIGRATED)
		return;
	if (report)
		report[i] = HMM_P2P_REPORT(HMM_P2P_OUTCOME_MIGRATED, reason);
	hmm_p2p_count_home(hmm_p2p_page_device(page), reason, 1);
}

/* Return: whether any of the pages from @first to @end has to go home, and all with it. */
static bool pages_go(struct native_fault *native, unsigned long first, unsigned long end,
		     struct page *page, bool writable)
{
	enum hmm_p2p_reason worst = HMM_P2P_REASON_NONE, reason;
	unsigned long i;

	for (i = first; i < end && !worst; i++)
		worst = page_reason(native, i, hmm_p2p_page_behind(page, i - first), writable);
	if (!worst && native->arrivals < MOST_ARRIVALS)
		return false;
	for (i = first; i < end; i++, page = hmm_p2p_page_behind(page, 1)) {
		reason = page_reason(native, i, page, writable);
		if (!reason)
			reason = worst ? HMM_P2P_REASON_MIXED_HUGE : HMM_P2P_REASON_BUSY;
		note_home(native, i, page, reason);
	}
	return true;
}

/* The part of a huge page that is in the range. */
static bool huge_goes(struct native_fault *native, const struct vm_fault *vmf)
{
	const struct hmm_range *range = native->faulting.range;
	unsigned long huge = vmf->address & HPAGE_PMD_MASK;
	unsigned long start = max(huge, range->start);
	unsigned long end = min(huge + HPAGE_PMD_SIZE, range->end);
	struct page *page = folio_page(page_folio(vmf->page), (start - huge) >> PAGE_SHIFT);

	return pages_go(native, (start - range->start) >> PAGE_SHIFT,
			(end - range->start) >> PAGE_SHIFT, page,
			softleaf_is_device_private_write(softleaf_from_pmd(vmf->orig_pmd)));
}

/**
 * hmm_p2p_fault_arrived - has an importer's fault met a page that need not go home?
 * @vmf: the fault of a device page
 *
 * If it has to, why is noted.
 *
 * Return: true when the page is to stay where it is: the fault fails, and the
 * importer begins again.
 */
bool hmm_p2p_fault_arrived(const struct vm_fault *vmf)
{
	struct hmm_p2p_faulting *fault;
	struct native_fault *native;
	unsigned long i;
	bool goes;

	fault = hmm_p2p_faulting_page(vmf, &i);
	if (!fault)
		return false;
	native = container_of(fault, struct native_fault, faulting);
	if (vmf->pte)
		goes = pages_go(native, i, i + 1, vmf->page,
				softleaf_is_device_private_write(softleaf_from_pte(vmf->orig_pte)));
	else
		goes = huge_goes(native, vmf);
	fault->arrived |= !goes;
	return !goes;
}

/* Of entries that are alike: their private pages begin with @page. */
static void tell_p2p(const struct native_fault *native, unsigned long first, unsigned long nr,
		     struct page *page)
{
	struct page **pages = native->fault->pages;
	unsigned long i;

	hmm_p2p_note_there(native->fault, first, nr, page, HMM_P2P_OUTCOME_P2P);
	for (i = 0; pages && i < nr; i++)
		pages[first + i] = hmm_p2p_page_behind(page, i);
}

/*
 * Returns how many pages are where they were. Most memory is on no device: then the
 * entries are not looked at.
 */
static unsigned long tell_all(struct native_fault *native)
{
	const struct hmm_range *range = native->faulting.range;
	unsigned long i, nr, there = 0;
	struct page *page;

	if (!native->noted && !range->dev_private_owner)
		return 0;
	for (i = 0; i < native->npages; i += nr) {
		nr = hmm_p2p_seen_find(&native->seen, range->hmm_pfns + i,
				       native->npages - i, &page);
		if (page) {
			tell_p2p(native, i, nr, page);
			there += nr;
		} else {
			there += hmm_p2p_note_own(native->fault, i, range->hmm_pfns[i]);
		}
	}
	return there;
}

/* From @first to @end, which are no aliases. */
static int grant_part(const struct hmm_range *range, unsigned long first, unsigned long end)
{
	struct hmm_range part = *range;

	part.start = range->start + (first << PAGE_SHIFT);
	part.end = range->start + (end << PAGE_SHIFT);
	part.hmm_pfns = range->hmm_pfns + first;
	return hmm_p2p_grant_write(&part);
}

/* System pages of nobody's device; aliases may be system pages, too. */
static int grant_others(struct native_fault *native)
{
	const struct hmm_range *range = native->faulting.range;
	unsigned long first = 0, i, nr;
	struct page *page;
	int ret = 0;

	for (i = 0; i < native->npages && native->noted && !ret; i += nr) {
		nr = hmm_p2p_seen_find(&native->seen, range->hmm_pfns + i,
				       native->npages - i, &page);
		if (!page)
			continue;
		ret = grant_part(range, first, i);
		first = i + nr;
	}
	return ret ?: grant_part(range, first, native->npages);
}

/*
 * As long as the range was not invalidated its pages are mapped, and their devices
 * wait for this section before they go.
 */
static int native_finish(struct native_fault *native)
{
	const struct hmm_range *range = native->faulting.range;
	unsigned long there = 0;
	int idx, ret;

	hmm_p2p_seen_sort(&native->seen);
	ret = grant_others(native);
	idx = srcu_read_lock(&hmm_p2p_srcu);
	if (!ret && mmu_interval_check_retry(range->notifier, range->notifier_seq))
		ret = -EBUSY;
	if (!ret)
		there = tell_all(native);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	trace_hmm_p2p_fault(range, native->fault->importer.dev, native->npages, there, ret);
	return ret;
}

/* Then the walk has faulted pages that could have stayed, or left them out. */
static bool lacks_room(const struct native_fault *native)
{
	return native->seen.full && native->seen.most < hmm_p2p_seen_limit(native->npages);
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
	struct native_fault native = {
		.faulting = { .range = range, .may_unlock = may_unlock },
		.fault = fault,
		.npages = range_npages(range),
	};
	struct device *before = range->importer;
	int ret = hmm_p2p_guess_meets(range) ? hmm_p2p_seen_grow(&native.seen, native.npages) : 0;

	range->importer = native_importer(&fault->importer);
	hmm_p2p_faulting_begin(&native.faulting);
	while (!ret) {
		native.faulting.arrived = false;
		native.seen.nr = 0;
		native.seen.full = false;
		ret = hmm_p2p_fault_run(range, may_unlock);
		if (lacks_room(&native) && (!ret || ret == -EFAULT)) {
			ret = hmm_p2p_seen_grow(&native.seen, native.npages);
			continue;
		}
		if (!native.faulting.arrived || native.arrivals++ >= MOST_ARRIVALS)
			break;
		ret = 0;
	}
	hmm_p2p_faulting_end(&native.faulting);
	range->importer = before;
	hmm_p2p_guess_note(range, native.noted);
	if (!ret)
		ret = native_finish(&native);
	hmm_p2p_seen_free(&native.seen);
	return ret;
}
