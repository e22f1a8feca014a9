// SPDX-License-Identifier: GPL-2.0
/*
 * A huge page that the CPU touched comes to migrate_to_ram() locked and with a
 * reference, and the kernel unlocks and drops it afterwards. Two things want it
 * otherwise in between:
 *
 * - The kernel splits a folio that is mapped as a huge page only when nobody but who
 *   collects it has a reference. So the fault's has to go, and the page may be freed
 *   meanwhile. Its lock goes, too: who collects takes both for himself then, however
 *   he finds it mapped. To name the page as the fault's, whose reference is taken for
 *   granted, would be wrong as soon as somebody splits the mapping: without one, the
 *   folio is freed when it is unmapped to be split, and its other pages are lost.
 * - Who unmaps a huge device page that is being migrated (7.2, 7.3) drops a
 *   reference too many, so that the last one can go before its time.
 *
 * A page that is kept does not go back to the allocator then: it gets a reference
 * again, is freed when the fault drops that, and is nobody else's until then.
 */
#include <linux/pagemap.h>

#include "device.h"
#include "keep.h"

/**
 * hmm_p2p_keep_begin - from now on the page stays with the caller
 * @keep: to be filled in, until hmm_p2p_keep_end()
 * @hdev: exporter of @page
 * @page: first page of a folio that the caller has locked, with a reference
 */
void hmm_p2p_keep_begin(struct hmm_p2p_keep *keep, struct hmm_p2p_device *hdev,
			struct page *page)
{
	keep->hdev = hdev;
	keep->page = page;
	init_completion(&keep->freed);
	spin_lock_irq(&hdev->lock);
	list_add(&keep->list, &hdev->keeps);
	spin_unlock_irq(&hdev->lock);
}

/* The page, whose last reference went, begins anew: locked, with one reference. */
static void keep_revive(struct hmm_p2p_keep *keep)
{
	zone_device_page_init(keep->page, page_pgmap(keep->page), keep->order);
	if (keep->order)
		folio_set_large_rmappable(page_folio(keep->page));
	folio_set_zone_device_data(page_folio(keep->page), NULL);
}

/**
 * hmm_p2p_keep_let_go - drop the caller's lock and reference, which may be the last
 * @keep: begun; hmm_p2p_keep_take_back() is to follow
 *
 * Context: any.
 */
void hmm_p2p_keep_let_go(struct hmm_p2p_keep *keep)
{
	struct folio *folio = page_folio(keep->page);

	folio_unlock(folio);
	folio_put(folio);
}

/**
 * hmm_p2p_keep_take_back - get the lock and the reference again
 * @keep: let go
 *
 * The folio of the page may have been split: then both are on the first of its parts.
 *
 * Context: may sleep; the caller has locked no other page.
 */
void hmm_p2p_keep_take_back(struct hmm_p2p_keep *keep)
{
	struct folio *folio = (struct folio *)keep->page;

	/* Who splits it takes all references away for a moment. */
	while (!folio_try_get(folio)) {
		if (try_wait_for_completion(&keep->freed)) {
			keep_revive(keep);
			return;
		}
		cond_resched();
	}
	folio_lock(folio);
}

/**
 * hmm_p2p_keep_mend - a page whose last reference went gets one again
 * @keep: begun; not while it is let go
 *
 * Context: may sleep.
 */
void hmm_p2p_keep_mend(struct hmm_p2p_keep *keep)
{
	struct folio *folio = page_folio(keep->page);

	if (folio_ref_count(folio))
		return;
	/* Who dropped the last one is on his way to say so. */
	wait_for_completion(&keep->freed);
	/* A page that begins anew is locked anew; nobody else can have it by now. */
	folio_unlock(folio);
	keep_revive(keep);
}

/**
 * hmm_p2p_keep_end - the page is free to go, as any other
 * @keep: begun; its page is locked, and has a reference of the caller again
 */
void hmm_p2p_keep_end(struct hmm_p2p_keep *keep)
{
	hmm_p2p_keep_mend(keep);
	spin_lock_irq(&keep->hdev->lock);
	list_del(&keep->list);
	spin_unlock_irq(&keep->hdev->lock);
}

/**
 * hmm_p2p_keep_hold - have a reference beside that of a migration
 * @keep: begun; its page is locked by the migration, whose reference may have gone
 *
 * For who migrates by PFN: between migrate_device_pages(), which wants no other
 * reference, and migrate_device_finalize(), which unlocks the page and drops its own.
 *
 * Context: may sleep.
 */
void hmm_p2p_keep_hold(struct hmm_p2p_keep *keep)
{
	hmm_p2p_keep_mend(keep);
	folio_get(page_folio(keep->page));
}

/**
 * hmm_p2p_keep_drop - the end of hmm_p2p_keep_hold() and hmm_p2p_keep_begin()
 * @keep: held; its page is not locked by the caller any more
 *
 * Context: may sleep.
 */
void hmm_p2p_keep_drop(struct hmm_p2p_keep *keep)
{
	struct folio *folio = page_folio(keep->page);

	/* Who has the lock drops it soon: no copy goes on under it. */
	folio_lock(folio);
	hmm_p2p_keep_end(keep);
	folio = page_folio(keep->page);
	folio_unlock(folio);
	folio_put(folio);
}

/* Of a device; under its lock. */
static struct hmm_p2p_keep *keep_find(struct hmm_p2p_device *hdev, const struct page *page)
{
	struct hmm_p2p_keep *keep;

	list_for_each_entry(keep, &hdev->keeps, list)
		if (keep->page == page)
			return keep;
	return NULL;
}

/**
 * hmm_p2p_keep_has - does somebody keep this page?
 * @hdev: its exporter
 * @page: first page of a folio that the caller has locked
 *
 * Context: any.
 * Return: true when another task has begun to, and has not ended.
 */
bool hmm_p2p_keep_has(struct hmm_p2p_device *hdev, const struct page *page)
{
	if (likely(list_empty_careful(&hdev->keeps)))
		return false;
	guard(spinlock_irqsave)(&hdev->lock);
	return keep_find(hdev, page);
}

/**
 * hmm_p2p_keep_takes - the last reference of a page went: does somebody keep it?
 * @hdev: its exporter
 * @page: first page of the folio
 * @order: of the folio
 *
 * Context: any; the page has no reference.
 * Return: true when it is not to go back to the allocator.
 */
bool hmm_p2p_keep_takes(struct hmm_p2p_device *hdev, struct page *page,
			unsigned int order)
{
	struct hmm_p2p_keep *keep;

	/* Who keeps it began while it had a reference. */
	if (likely(list_empty_careful(&hdev->keeps)))
		return false;
	guard(spinlock_irqsave)(&hdev->lock);
	keep = keep_find(hdev, page);
	if (!keep)
		return false;
	/*
	 * Who collects (7.2) lets go of the page table before he takes a reference,
	 * and has taken one on a page that had none. It counted for no page map.
	 */
	if (completion_done(&keep->freed))
		percpu_ref_get_many(&page_pgmap(page)->ref, 1UL << order);
	else
		complete(&keep->freed);
	keep->order = order;
	return true;
}
