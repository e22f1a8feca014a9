// SPDX-License-Identifier: GPL-2.0
/*
 * Device-private pagemaps. The allocator behind them is chunk.c.
 *
 * A pagemap gives every page of device memory a struct page at a PFN that
 * nothing answers to: private PFNs are numbers. All arithmetic on them is here:
 * hmm_p2p_page_offset() says where in device memory the bytes are.
 */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/ioport.h>
#include <linux/once_lite.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "charge.h"
#include "chunk.h"
#include "device.h"
#include "fence.h"
#include "keep.h"
#include "owner.h"
#include "pagemap.h"
#include "region.h"
#include "registry.h"
#include "stats.h"

/* So many chunks are looked at with interrupts off, each page of them at worst. */
#define HAND_STEPS	16UL

static struct hmm_p2p_device *pagemap_device(const struct dev_pagemap *pgmap)
{
	return container_of(pgmap, struct hmm_p2p_device, pagemap);
}

static unsigned long device_nr_pages(const struct hmm_p2p_device *hdev)
{
	return hdev->config.memory >> PAGE_SHIFT;
}

/*
 * page_pgmap() for a page that may be freed and handed out again meanwhile: the
 * word holds the pagemap, or, with bit 0 set, what leads to the head of a huge
 * page. The head of a chunk is never a tail, so this ends. In a page that is
 * being split from a huge one it is 0 until hmm_p2p_folio_split() sets it.
 */
static struct dev_pagemap *stable_pgmap(const struct page *page)
{
	const struct folio *folio = (const struct folio *)page;
	struct dev_pagemap *pgmap;

	for (;;) {
		pgmap = READ_ONCE(folio->pgmap);
		if (!pgmap) {
			cpu_relax();
			continue;
		}
		if (!((unsigned long)pgmap & 1))
			return pgmap;
		folio = page_folio(page);
	}
}

/**
 * hmm_p2p_page_is_ours - is it a device-private page of this framework?
 * @page: any page
 *
 * Context: any; under hmm_p2p_srcu when nothing else keeps the page.
 * Return: whether it is.
 */
bool hmm_p2p_page_is_ours(const struct page *page)
{
	const struct dev_pagemap_ops *ops;

	if (!is_zone_device_page(page))
		return false;
	ops = stable_pgmap(page)->ops;
	return ops && ops->folio_free == hmm_p2p_folio_free;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_page_is_ours, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_page_owner - the owner token of a page
 * @page: a page for which hmm_p2p_page_is_ours()
 *
 * Context: as there.
 * Return: the token, to compare; a device may have another one by the next look.
 */
const void *hmm_p2p_page_owner(const struct page *page)
{
	return stable_pgmap(page)->owner;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_page_owner, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_page_device - the exporter of a device-private page
 * @page: a device-private page that an exporter of this framework handed out
 *
 * Context: any; the caller keeps the page from being freed.
 * Return: the exporter.
 */
struct hmm_p2p_device *hmm_p2p_page_device(const struct page *page)
{
	return pagemap_device(stable_pgmap(page));
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_page_device, HMM_P2P_NS);

/**
 * hmm_p2p_page_offset - where in device memory a private page's bytes are
 * @page: a device-private page that an exporter of this framework handed out
 *
 * Context: any.
 * Return: offset in bytes from the start of the exporter's memory.
 */
u64 hmm_p2p_page_offset(const struct page *page)
{
	unsigned long first = PHYS_PFN(stable_pgmap(page)->range.start);

	return (u64)(page_to_pfn(page) - first) << PAGE_SHIFT;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_page_offset, HMM_P2P_NS);

/**
 * hmm_p2p_page_at - the page structure of device memory
 * @hdev: exporter
 * @index: which page of its memory
 *
 * Context: any; the device's page structures stay.
 * Return: the page, handed out or not.
 */
struct page *hmm_p2p_page_at(const struct hmm_p2p_device *hdev, unsigned long index)
{
	return pfn_to_page(PHYS_PFN(hdev->pagemap.range.start) + index);
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_page_at);

/**
 * hmm_p2p_page_index - the number of a private page in its device's memory
 * @page: a device-private page that an exporter of this framework handed out
 *
 * Context: any.
 * Return: what hmm_p2p_page_at() takes.
 */
unsigned long hmm_p2p_page_index(const struct page *page)
{
	return hmm_p2p_page_offset(page) >> PAGE_SHIFT;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_page_index, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_chunk_left - how far it is to the end of a page's chunk
 * @page: as for hmm_p2p_page_index()
 *
 * Context: any.
 * Return: the pages from @page on, which are of one device: no two share a chunk.
 */
unsigned long hmm_p2p_chunk_left(const struct page *page)
{
	return HMM_P2P_CHUNK_PAGES - hmm_p2p_page_index(page) % HMM_P2P_CHUNK_PAGES;
}

/**
 * hmm_p2p_private_run - how far private pages are one piece of device memory
 * @hmm_pfns: results of a fault, all HMM_PFN_VALID, the first a private page
 * @nr: how many
 *
 * Context: any; the range must still be valid (mmu_interval_read_retry()).
 * Return: how many entries, from the first on, have bytes that follow each
 * other in the memory of one exporter.
 */
unsigned long hmm_p2p_private_run(const unsigned long *hmm_pfns, unsigned long nr)
{
	const struct dev_pagemap *pgmap = stable_pgmap(hmm_pfn_to_page(hmm_pfns[0]));
	unsigned long first = hmm_pfns[0] & ~HMM_PFN_FLAGS, i;

	nr = min(nr, PHYS_PFN(pgmap->range.end) - first + 1);
	for (i = 1; i < nr; i++)
		if ((hmm_pfns[i] & ~HMM_PFN_FLAGS) != first + i)
			break;
	return i;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_private_run, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_fix_huge_offset - number the pages of a huge page by their address
 * @entries: result of hmm_range_fault()
 * @start: address of the first
 * @end: behind the last
 *
 * hmm_range_fault() numbers a private huge page from its head also when the
 * walk starts in its middle. The head is aligned in PFNs as in addresses, so
 * the right number follows from the address. Entries that are right stay so.
 *
 * Context: any.
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
EXPORT_SYMBOL_NS_GPL(hmm_p2p_fix_huge_offset, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_pfn_kind - what an entry of an hmm_range's result names
 * @hmm_pfn: entry of hmm_range.hmm_pfns after a fault
 *
 * Context: any; the range must still be valid (mmu_interval_read_retry()).
 * Return: the kind; only HMM_P2P_PFN_PRIVATE has no physical address.
 */
enum hmm_p2p_pfn_kind hmm_p2p_pfn_kind(unsigned long hmm_pfn)
{
	struct page *page;

	if (!(hmm_pfn & HMM_PFN_VALID))
		return HMM_P2P_PFN_NONE;
	page = hmm_pfn_to_page(hmm_pfn);
	if (is_device_private_page(page))
		return HMM_P2P_PFN_PRIVATE;
	if (is_pci_p2pdma_page(page))
		return HMM_P2P_PFN_ALIAS;
	return HMM_P2P_PFN_SYSTEM;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_pfn_kind, HMM_P2P_NS);

static struct hmm_p2p_chunk *chunk_of(struct hmm_p2p_device *hdev,
				      unsigned long index)
{
	return hmm_p2p_chunk_of(&hdev->chunks, index);
}

/* A device has reached the page: it is not the next to be evicted. */
void hmm_p2p_page_touch(const struct page *page)
{
	hmm_p2p_chunk_touch(chunk_of(hmm_p2p_page_device(page),
				     hmm_p2p_page_index(page)));
}

static void account(struct hmm_p2p_device *hdev, long nr)
{
	lockdep_assert_held(&hdev->lock);
	WRITE_ONCE(hdev->used, hdev->used + nr);
	atomic_long_add(nr, &hdev->owner->live);
}

/* Returns the index of the first page, or -1. */
static long device_take(struct hmm_p2p_device *hdev, unsigned int order,
			const struct hmm_p2p_payer *payer)
{
	unsigned long flags;
	long index = -1;

	spin_lock_irqsave(&hdev->lock, flags);
	if (!hdev->removed && !hdev->paused)
		index = hmm_p2p_chunks_take(&hdev->chunks, order);
	if (index >= 0) {
		account(hdev, 1L << order);
		hmm_p2p_charge_take(hdev, index, order, payer);
	}
	if (index >= 0 && order)
		atomic_long_inc(&hdev->owner->huge);
	spin_unlock_irqrestore(&hdev->lock, flags);
	return index;
}

/* Returns the mm that the chunk no longer refers to, for mmdrop(), or NULL. */
static struct mm_struct *chunk_abandoned(struct hmm_p2p_chunk *chunk)
{
	struct mm_struct *mm = NULL;

	if (!hmm_p2p_chunk_handed_out(chunk))
		swap(mm, chunk->mm);
	return mm;
}

static void huge_ends(struct hmm_p2p_device *hdev, unsigned long index)
{
	lockdep_assert_held(&hdev->lock);
	if (hmm_p2p_chunks_split(&hdev->chunks, index))
		atomic_long_dec(&hdev->owner->huge);
}

/* @nr pages fewer are handed out. */
static void device_returned(struct hmm_p2p_device *hdev, unsigned long nr)
{
	account(hdev, -(long)nr);
	if (!nr || !hdev->removed || hdev->used)
		return;
	wake_up_all(&hdev->drained);
	if (hdev->reap)
		queue_work(hmm_p2p_wq, &hdev->lost_work);
}

/*
 * Somebody may still use what came back in the wrong way, so nobody else ever
 * gets it. Returns how many of its pages were handed out.
 */
static unsigned long device_withdraw(struct hmm_p2p_device *hdev,
				     unsigned long index, unsigned int order)
{
	unsigned long i, out = 0;

	lockdep_assert_held(&hdev->lock);
	if (order)
		huge_ends(hdev, index);
	for (i = index; i < index + (1UL << order); i++) {
		if (!hmm_p2p_chunks_withdraw(&hdev->chunks, i))
			continue;
		hmm_p2p_charge_end(hmm_p2p_charge_give(hdev, i, 0));
		out++;
	}
	return out;
}

/* Loud once, with who did it; after that in one line. */
static void report_wrong(struct hmm_p2p_device *hdev, unsigned long index,
			 unsigned int order, const char *what)
{
	pr_err_ratelimited("hmm_p2p: %s: page %lu, order %u, %s: it is out of circulation now\n",
			   hdev->name, index, order, what);
	DO_ONCE_LITE(dump_page, hmm_p2p_page_at(hdev, index), what);
	WARN_ONCE(1, "hmm_p2p: a device page is given back twice, or still in use\n");
}

/* The kernel drops a reference of the pagemap for each page that comes back. */
static void device_give(struct hmm_p2p_device *hdev, unsigned long index,
			unsigned int order)
{
	unsigned long nr = 1UL << order, out = nr;
	struct hmm_p2p_charge charge = {};
	struct mm_struct *mm;
	unsigned long flags;
	bool right;

	spin_lock_irqsave(&hdev->lock, flags);
	right = hmm_p2p_chunks_give(&hdev->chunks, index, order);
	if (likely(right)) {
		charge = hmm_p2p_charge_give(hdev, index, order);
		if (order)
			atomic_long_dec(&hdev->owner->huge);
	} else {
		out = device_withdraw(hdev, index, order);
		percpu_ref_get_many(&hdev->pagemap.ref, nr - out);
	}
	mm = chunk_abandoned(chunk_of(hdev, index));
	device_returned(hdev, out);
	spin_unlock_irqrestore(&hdev->lock, flags);
	if (unlikely(!right))
		report_wrong(hdev, index, order,
			     "came back and is not handed out like that");
	hmm_p2p_charge_end(charge);
	if (mm)
		mmdrop(mm);
}

/* Nobody has a reference on a page that is not handed out. */
static bool is_at_rest(struct page *page, unsigned int order)
{
	unsigned long i;

	for (i = 0; i < 1UL << order; i++)
		if (unlikely(page_ref_count(hmm_p2p_page_behind(page, i))))
			return false;
	return true;
}

/* Somebody uses what was just taken. Its charge stays with the caller. */
static void device_refuse(struct hmm_p2p_device *hdev, unsigned long index,
			  unsigned int order)
{
	unsigned long nr = 1UL << order, flags, i;

	spin_lock_irqsave(&hdev->lock, flags);
	hmm_p2p_charge_give(hdev, index, order);
	if (order)
		huge_ends(hdev, index);
	for (i = 0; i < nr; i++)
		hmm_p2p_chunks_withdraw(&hdev->chunks, index + i);
	device_returned(hdev, nr);
	spin_unlock_irqrestore(&hdev->lock, flags);
	report_wrong(hdev, index, order, "is free and still has references");
}

/**
 * hmm_p2p_page_alloc - hand out a device page
 * @hdev: exporter
 * @order: 0, or HPAGE_PMD_ORDER
 * @payer: who pays for it, from hmm_p2p_charge_try()
 *
 * The content is whatever was there before: the caller overwrites or clears it
 * before anybody can see the page.
 *
 * Context: any.
 * Return: the first page of a locked folio with one reference; NULL when there
 * is no room of that size or the device is going away.
 */
struct page *hmm_p2p_page_alloc(struct hmm_p2p_device *hdev, unsigned int order,
				const struct hmm_p2p_payer *payer)
{
	long index = device_take(hdev, order, payer);
	struct page *page;

	if (index < 0)
		return NULL;
	page = hmm_p2p_page_at(hdev, index);
	if (!is_at_rest(page, order)) {
		device_refuse(hdev, index, order);
		return NULL;
	}
	/* Until then it may look like a tail of a huge page that was here. */
	zone_device_page_init(page, &hdev->pagemap, order);
	if (order)
		folio_set_large_rmappable(page_folio(page));
	folio_set_zone_device_data(page_folio(page), NULL);
	return page;
}

/**
 * hmm_p2p_huge_note - remember who got a huge page
 * @page: first page of it, just handed out
 * @mm: process that gets it
 * @addr: where it will have it
 */
void hmm_p2p_huge_note(struct page *page, struct mm_struct *mm,
		       unsigned long addr)
{
	struct hmm_p2p_device *hdev = hmm_p2p_page_device(page);
	struct hmm_p2p_chunk *chunk;

	mmgrab(mm);
	spin_lock_irq(&hdev->lock);
	chunk = chunk_of(hdev, hmm_p2p_page_index(page));
	chunk->mm = mm;
	chunk->addr = addr;
	spin_unlock_irq(&hdev->lock);
}

/* Was the chunk at @index handed out as a huge page, and is some of it left? */
bool hmm_p2p_is_huge(struct hmm_p2p_device *hdev, unsigned long index)
{
	return READ_ONCE(chunk_of(hdev, index)->mm);
}

/**
 * hmm_p2p_huge_home - who got the huge page of a chunk?
 * @hdev: exporter
 * @index: first page of the chunk
 * @addr: where the process has it, or had it
 *
 * Return: the process with a reference to its users, or NULL.
 */
struct mm_struct *hmm_p2p_huge_home(struct hmm_p2p_device *hdev,
				    unsigned long index, unsigned long *addr)
{
	struct hmm_p2p_chunk *chunk = chunk_of(hdev, index);
	struct mm_struct *mm;

	spin_lock_irq(&hdev->lock);
	mm = chunk->mm;
	*addr = chunk->addr;
	if (mm && !mmget_not_zero(mm))
		mm = NULL;
	spin_unlock_irq(&hdev->lock);
	return mm;
}

/**
 * hmm_p2p_raw_alloc - take one page of device memory for the device's own use
 * @hdev: exporter
 * @offset: where it is
 *
 * It is not accounted as handed out: it holds nobody's data.
 *
 * Return: 0, or -ENOSPC.
 */
int hmm_p2p_raw_alloc(struct hmm_p2p_device *hdev, u64 *offset)
{
	long index;

	spin_lock_irq(&hdev->lock);
	index = hmm_p2p_chunks_reserve(&hdev->chunks);
	spin_unlock_irq(&hdev->lock);
	if (index < 0)
		return -ENOSPC;
	*offset = (u64)index << PAGE_SHIFT;
	return 0;
}

void hmm_p2p_raw_free(struct hmm_p2p_device *hdev, u64 offset)
{
	spin_lock_irq(&hdev->lock);
	WARN_ON_ONCE(!hmm_p2p_chunks_unreserve(&hdev->chunks, offset >> PAGE_SHIFT));
	spin_unlock_irq(&hdev->lock);
}

/**
 * hmm_p2p_next_used - find a chunk with pages handed out
 * @hdev: exporter
 * @index: first page of the chunk to start at
 *
 * Return: the first page of the chunk, or -1.
 */
long hmm_p2p_next_used(struct hmm_p2p_device *hdev, unsigned long index)
{
	for (; index < device_nr_pages(hdev); index += HMM_P2P_CHUNK_PAGES)
		if (hmm_p2p_chunk_handed_out(chunk_of(hdev, index)))
			return index;
	return -1;
}

/* One step of the hand. Returns the first page of the chunk, or -1 if not this one. */
static long hand_step(struct hmm_p2p_device *hdev, struct hmm_p2p_victims *victims)
{
	unsigned long index = hdev->hand;
	struct hmm_p2p_chunk *chunk = chunk_of(hdev, index);

	lockdep_assert_held(&hdev->lock);
	hdev->hand += HMM_P2P_CHUNK_PAGES;
	if (hdev->hand >= device_nr_pages(hdev))
		hdev->hand = 0;
	if (!hmm_p2p_chunk_handed_out(chunk) ||
	    !hmm_p2p_charge_counts(hdev, index, victims))
		return -1;
	if (!READ_ONCE(chunk->young))
		return index;
	WRITE_ONCE(chunk->young, false);
	return -1;
}

/* What the hand goes over with interrupts off. Returns as hand_step(). */
static long hand_steps(struct hmm_p2p_device *hdev, struct hmm_p2p_victims *victims,
		       unsigned long nr)
{
	long found = -1;

	guard(spinlock_irq)(&hdev->lock);
	/* A group may have got or given pages meanwhile, or have gone. */
	victims->asked = NULL;
	while (nr-- && found < 0)
		found = hand_step(hdev, victims);
	return found;
}

/**
 * hmm_p2p_next_old - find a chunk to evict
 * @hdev: exporter
 * @victims: whose pages may go
 *
 * The hand goes round the device's memory. A chunk that was touched since it
 * last passed gets a second chance. Others move the hand, too, and pages come and
 * go meanwhile: the chunk may have changed when this returns, or one that would
 * have done was passed over.
 *
 * Context: may sleep.
 * Return: the first page of the chunk, or -1 when there was none.
 */
long hmm_p2p_next_old(struct hmm_p2p_device *hdev, struct hmm_p2p_victims *victims)
{
	/* Twice round: the first may find all of them young. */
	unsigned long left = 2 * DIV_ROUND_UP(device_nr_pages(hdev), HMM_P2P_CHUNK_PAGES);
	unsigned long some;
	long found = -1;

	for (; left && found < 0; left -= some) {
		some = min(left, HAND_STEPS);
		found = hand_steps(hdev, victims, some);
		cond_resched();
	}
	return found;
}

/* A folio of ours has lost its last reference: dev_pagemap_ops.folio_free. */
void hmm_p2p_folio_free(struct folio *folio)
{
	struct page *page = folio_page(folio, 0);
	struct hmm_p2p_device *hdev = hmm_p2p_page_device(page);
	unsigned int order = folio_order(folio);

	if (!hmm_p2p_keep_takes(hdev, page, order))
		device_give(hdev, hmm_p2p_page_index(page), order);
}

static void device_split(struct hmm_p2p_device *hdev, unsigned long index)
{
	unsigned long flags;

	spin_lock_irqsave(&hdev->lock, flags);
	huge_ends(hdev, index);
	spin_unlock_irqrestore(&hdev->lock, flags);
	hmm_p2p_count(hdev, HMM_P2P_COUNTER_SPLIT, 1);
}

/*
 * A folio of ours is being split: dev_pagemap_ops.folio_split. Called for each new
 * folio behind the head, then once with no @tail.
 */
void hmm_p2p_folio_split(struct folio *head, struct folio *tail)
{
	struct page *page = folio_page(head, 0);

	if (!tail) {
		device_split(hmm_p2p_page_device(page),
			     hmm_p2p_page_index(page));
		return;
	}
	tail->pgmap = head->pgmap;
	tail->mapping = head->mapping;
	tail->page.zone_device_data = head->page.zone_device_data;
}

/**
 * hmm_p2p_pagemap_create - give a device's memory struct pages
 * @hdev: exporter; its config and owner are set
 * @ops: with hmm_p2p_folio_free() and hmm_p2p_folio_split()
 *
 * Return: 0, -ENOMEM, -ERANGE when no free physical address range is large
 * enough, or another error of memremap_pages().
 */
int hmm_p2p_pagemap_create(struct hmm_p2p_device *hdev,
			   const struct dev_pagemap_ops *ops)
{
	struct dev_pagemap *pgmap = &hdev->pagemap;
	struct resource *res;
	void *addr;
	int ret;

	ret = hmm_p2p_chunks_init(&hdev->chunks, device_nr_pages(hdev));
	if (ret)
		return ret;
	ret = hmm_p2p_charge_init(hdev);
	if (ret)
		goto err_chunks;

	res = hmm_p2p_region_request(hdev->config.memory, hdev->name);
	if (IS_ERR(res)) {
		ret = PTR_ERR(res);
		goto err_charge;
	}

	pgmap->type = MEMORY_DEVICE_PRIVATE;
	pgmap->ops = ops;
	pgmap->owner = hdev->owner;
	pgmap->nr_range = 1;
	pgmap->range.start = res->start;
	pgmap->range.end = res->end;
	addr = memremap_pages(pgmap, dev_to_node(hdev->config.dev));
	if (IS_ERR(addr)) {
		ret = PTR_ERR(addr);
		goto err_region;
	}
	return 0;

err_region:
	release_mem_region(res->start, resource_size(res));
err_charge:
	hmm_p2p_charge_fini(hdev);
err_chunks:
	hmm_p2p_chunks_fini(&hdev->chunks);
	return ret;
}

/**
 * hmm_p2p_pagemap_clear - leave nobody's bytes in a device's memory
 * @hdev: exporter, of which nobody uses anything any more
 *
 * Whoever gets the device next, or the memory that it was made of, reads zeros
 * where processes have had pages.
 *
 * Context: may sleep.
 */
void hmm_p2p_pagemap_clear(struct hmm_p2p_device *hdev)
{
	unsigned long nr = device_nr_pages(hdev), at;
	int ret = 0;

	for (at = 0; at < nr && !ret; at += HMM_P2P_CHUNK_PAGES) {
		const struct hmm_p2p_copy clear = {
			.offset = (u64)at << PAGE_SHIFT,
			.nr_pages = min(nr - at, HMM_P2P_CHUNK_PAGES),
		};

		if (!chunk_of(hdev, at)->stained)
			continue;
		ret = hmm_p2p_copy_end(hdev->config.ops->copy_to_device(hdev, &clear, 1));
		cond_resched();
	}
	if (ret)
		dev_err(hdev->config.dev, "hmm_p2p: %s could not be cleared: what processes had there can still be read from it\n",
			hdev->name);
}

/* Every page is back: the device was drained. */
void hmm_p2p_pagemap_destroy(struct hmm_p2p_device *hdev)
{
	struct range range = hdev->pagemap.range;

	memunmap_pages(&hdev->pagemap);
	release_mem_region(range.start, range_len(&range));
	hmm_p2p_charge_fini(hdev);
	hmm_p2p_chunks_fini(&hdev->chunks);
}
