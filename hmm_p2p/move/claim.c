// SPDX-License-Identifier: GPL-2.0
/*
 * Which move a device page belongs to. A move that makes room on a device must
 * not take away what it has brought there itself, nor what of its range was
 * there before: so a page remembers the number of the last move that put it there
 * or found it there.
 *
 * The number is in zone_device_data, which the framework uses for nothing else:
 * in each page, and for a huge page in its head. Two may write it: who has just
 * been given the page, and who holds the mirror lock of a range in which it is
 * mapped. A page that nobody keeps can be a tail of a huge page in the next
 * moment, and there the same word counts mappings. Whoever reads it takes it for
 * a hint: it may be about a page that was here before.
 */
#include <linux/export.h>

#include "../core/chunk.h"
#include "../core/device.h"
#include "../core/pagemap.h"
#include "claim.h"

static atomic_long_t last_claim;

/* The number of a new move, never 0. */
unsigned long hmm_p2p_claim_new(void)
{
	return atomic_long_inc_return(&last_claim);
}

/**
 * hmm_p2p_claim_known - is it the number of a move?
 * @claim: what a caller says
 *
 * Whose does not matter: naming another's move makes one's own pages stay while that
 * one goes on.
 *
 * Context: any.
 * Return: whether it is 0, or the number of a move that there was.
 */
bool hmm_p2p_claim_known(u64 claim)
{
	return claim <= atomic_long_read(&last_claim);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_claim_known, HMM_P2P_INTERNAL_NS);

/* The page, all of it if it is huge, belongs to the move now. */
void hmm_p2p_claim_page(struct page *page, unsigned long claim)
{
	WRITE_ONCE(page_folio(page)->page.zone_device_data, (void *)claim);
}

/* Does the page, which is not a tail, belong to the move? */
bool hmm_p2p_claim_has(const struct page *page, unsigned long claim)
{
	return READ_ONCE(page->zone_device_data) == (void *)claim;
}

/**
 * hmm_p2p_claim_has_chunk - does a move have all that is in a chunk?
 * @hdev: exporter
 * @index: first page of the chunk
 * @claim: number of the move
 *
 * Context: any; the device's page structures stay.
 * Return: whether every page that is handed out belongs to it.
 */
bool hmm_p2p_claim_has_chunk(const struct hmm_p2p_device *hdev, unsigned long index,
			     unsigned long claim)
{
	unsigned long nr = (hdev->config.memory >> PAGE_SHIFT) - index, i;
	struct page *page = hmm_p2p_page_at(hdev, index);

	/* The first page of a chunk is never a tail, and a huge page fills it. */
	if (folio_test_large(page_folio(page)))
		return hmm_p2p_claim_has(page, claim);
	for (i = 0; i < min(nr, HMM_P2P_CHUNK_PAGES); i++) {
		page = hmm_p2p_page_at(hdev, index + i);
		if (page_ref_count(page) && !hmm_p2p_claim_has(page, claim))
			return false;
	}
	return true;
}
