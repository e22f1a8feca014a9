/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Device-private pages: handed out, found, numbered. The allocator is under the
 * lock of the device, which is taken here; it is a spinlock, and interrupts are off.
 */
#ifndef _HMM_P2P_PAGEMAP_H
#define _HMM_P2P_PAGEMAP_H

#include <linux/hmm.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/types.h>

#include "chunk.h"

struct dev_pagemap_ops;
struct hmm_p2p_device;
struct hmm_p2p_payer;
struct hmm_p2p_victims;
struct mm_struct;
struct page;

int hmm_p2p_pagemap_create(struct hmm_p2p_device *hdev,
			   const struct dev_pagemap_ops *ops);
void hmm_p2p_folio_free(struct folio *folio);
void hmm_p2p_folio_split(struct folio *head, struct folio *tail);
void hmm_p2p_pagemap_clear(struct hmm_p2p_device *hdev);
void hmm_p2p_pagemap_destroy(struct hmm_p2p_device *hdev);
struct page *hmm_p2p_page_alloc(struct hmm_p2p_device *hdev, unsigned int order,
				const struct hmm_p2p_payer *payer);
void hmm_p2p_huge_note(struct page *page, struct mm_struct *mm,
		       unsigned long addr);
bool hmm_p2p_is_huge(struct hmm_p2p_device *hdev, unsigned long index);
struct mm_struct *hmm_p2p_huge_home(struct hmm_p2p_device *hdev,
				    unsigned long index, unsigned long *addr);
int hmm_p2p_raw_alloc(struct hmm_p2p_device *hdev, u64 *offset);
void hmm_p2p_raw_free(struct hmm_p2p_device *hdev, u64 offset);
unsigned long hmm_p2p_private_run(const unsigned long *hmm_pfns, unsigned long nr);
void hmm_p2p_page_touch(const struct page *page);
long hmm_p2p_next_old(struct hmm_p2p_device *hdev, struct hmm_p2p_victims *victims);
long hmm_p2p_next_used(struct hmm_p2p_device *hdev, unsigned long index);
bool hmm_p2p_page_is_ours(const struct page *page);
const void *hmm_p2p_page_owner(const struct page *page);
struct page *hmm_p2p_page_at(const struct hmm_p2p_device *hdev, unsigned long index);
unsigned long hmm_p2p_page_index(const struct page *page);
unsigned long hmm_p2p_chunk_left(const struct page *page);
void hmm_p2p_fix_huge_offset(unsigned long *entries, unsigned long start,
			     unsigned long end);

/* The page @nr pages behind @page, in the memory of the same device. */
static inline struct page *hmm_p2p_page_behind(struct page *page, unsigned long nr)
{
	return page + nr;
}

/* What migrate_device_range() and migrate_device_pfns() take. */
static inline unsigned long hmm_p2p_page_pfn(const struct page *page)
{
	return page_to_pfn(page);
}

/* What stands in the destination of a migration. */
static inline unsigned long hmm_p2p_page_mpfn(const struct page *page)
{
	return migrate_pfn(page_to_pfn(page));
}

/* Is any @page, of RAM, too, one of the chunk that begins with @first? */
static inline bool hmm_p2p_chunk_has(const struct page *first, const struct page *page)
{
	return page_to_pfn(page) - page_to_pfn(first) < HMM_P2P_CHUNK_PAGES;
}

/* Of the result of a fault. */
static inline unsigned long entry_pfn(unsigned long entry)
{
	return entry & ~HMM_PFN_FLAGS;
}

static inline bool entry_is_huge(unsigned long entry)
{
	return (entry & HMM_PFN_VALID) &&
	       hmm_pfn_to_map_order(entry) == HPAGE_PMD_ORDER;
}

/*
 * How many of @nr entries have the flags of the first one, and name what follows it? Those
 * of a huge page were filled in together, and its head is aligned in PFNs as in addresses.
 */
static inline unsigned long entries_alike(const unsigned long *hmm_pfns, unsigned long nr)
{
	unsigned long i;

	if (entry_is_huge(*hmm_pfns))
		return min(nr, HPAGE_PMD_NR - entry_pfn(*hmm_pfns) % HPAGE_PMD_NR);
	for (i = 1; i < nr && hmm_pfns[i] == *hmm_pfns + i; i++)
		;
	return i;
}

#endif /* _HMM_P2P_PAGEMAP_H */
