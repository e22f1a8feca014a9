// SPDX-License-Identifier: GPL-2.0
/*
 * What a device has of a process.
 *
 * It is kept in blocks of the size of a huge page: with it, what was mapped for DMA can
 * be unmapped, and a device without a page table of its own finds what it may reach.
 *
 * Rules:
 * - What the device has is good as long as the mirror's lock is held. Invalidation
 *   takes the lock, and the device has stopped before it returns.
 * - Nothing that it has is referenced.
 * - The device loses a page before the page is unmapped for DMA, and gets it after
 *   it was mapped.
 * - Invalidation may take too much: an entry that is huge goes as a whole.
 */
#include <linux/export.h>
#include <linux/pci-p2pdma.h>
#include <linux/slab.h>

#include "svm.h"
#include "table.h"

#define BLOCK_SHIFT	HPAGE_PMD_ORDER

/* What hmm_dma_map_pfn() notes in a result. */
#define DMA_FLAGS	(HMM_PFN_DMA_MAPPED | HMM_PFN_P2PDMA | HMM_PFN_P2PDMA_BUS)

/* ------------------------------------------------------------------- blocks */

static void block_free(struct hmm_p2p_svm *svm, struct svm_block *block)
{
	if (svm->dma)
		hmm_dma_map_free(svm->hdev->config.dev, &block->map);
	else
		kvfree(block->map.pfn_list);
	kfree(block);
}

static struct svm_block *block_alloc(struct hmm_p2p_svm *svm)
{
	struct svm_block *block = kzalloc_obj(*block, HMM_P2P_GFP_USER);
	int ret = 0;

	if (!block)
		return ERR_PTR(-ENOMEM);
	if (svm->dma)
		ret = hmm_dma_map_alloc(svm->hdev->config.dev, &block->map,
					HPAGE_PMD_NR, PAGE_SIZE);
	else
		block->map.pfn_list = kvcalloc(HPAGE_PMD_NR,
					       sizeof(*block->map.pfn_list),
					       HMM_P2P_GFP_USER);
	if (!ret && !block->map.pfn_list)
		ret = -ENOMEM;
	if (!ret)
		return block;
	kfree(block);
	return ERR_PTR(ret);
}

static int block_make(struct hmm_p2p_svm *svm, unsigned long index)
{
	struct svm_block *block;
	int ret;

	index >>= BLOCK_SHIFT;
	if (xa_load(&svm->blocks, index))
		return 0;
	block = block_alloc(svm);
	if (IS_ERR(block))
		return PTR_ERR(block);
	ret = xa_insert(&svm->blocks, index, block, HMM_P2P_GFP_USER);
	if (!ret)
		return 0;
	block_free(svm, block);
	return ret == -EBUSY ? 0 : ret;
}

/**
 * svm_block_ready - see to it that there is a block for a page
 * @svm: process
 * @index: number of the page
 *
 * It may be gone again when the lock is taken, with the memory at its address.
 *
 * Context: may sleep; the lock is not held.
 * Return: 0; -ENODEV when the device goes, -ENOMEM, or -EOPNOTSUPP when it cannot
 * DMA to all memory.
 */
int svm_block_ready(struct hmm_p2p_svm *svm, unsigned long index)
{
	guard(srcu)(&svm->hdev->users);
	return READ_ONCE(svm->hdev->removed) ? -ENODEV : block_make(svm, index);
}

/* ----------------------------------------------------- what the device loses */

/**
 * struct block_part - pages of a block
 * @block: the block
 * @index: number of its first page
 * @first: first page, in the block
 * @last: last page, in the block
 */
struct block_part {
	struct svm_block *block;
	unsigned long index;
	unsigned long first;
	unsigned long last;
};

static struct block_part block_part(struct svm_block *block, unsigned long index,
				    unsigned long first, unsigned long last)
{
	struct block_part part = { .block = block, .index = index << BLOCK_SHIFT };

	part.first = max(first, part.index) - part.index;
	part.last = min(last - part.index, HPAGE_PMD_NR - 1UL);
	if (block->huge) {
		part.first = 0;
		part.last = HPAGE_PMD_NR - 1;
	}
	return part;
}

static bool part_is_empty(const struct block_part *part)
{
	unsigned long i;

	for (i = part->first; i <= part->last; i++)
		if (part->block->map.pfn_list[i])
			return false;
	return true;
}

/* The device has let go of it. */
static void part_clear(struct hmm_p2p_svm *svm, const struct block_part *part)
{
	struct svm_block *block = part->block;
	unsigned long i;

	for (i = part->first; i <= part->last; i++) {
		if (svm->dma && block->map.pfn_list[i])
			hmm_dma_unmap_pfn(svm->hdev->config.dev, &block->map, i);
		block->map.pfn_list[i] = 0;
	}
	bitmap_clear(block->exclusive, part->first, part->last + 1 - part->first);
	block->huge = false;
}

/* Widens what the device is to lose to whole entries. Is there anything? */
static bool find_bounds(struct hmm_p2p_svm *svm, unsigned long *first,
			unsigned long *last)
{
	unsigned long lo = *first, hi = *last, index;
	struct svm_block *block;
	bool found = false;

	xa_for_each_range(&svm->blocks, index, block, lo >> BLOCK_SHIFT,
			  hi >> BLOCK_SHIFT) {
		struct block_part part = block_part(block, index, lo, hi);

		if (part_is_empty(&part))
			continue;
		*first = min(*first, part.index + part.first);
		*last = max(*last, part.index + part.last);
		found = true;
	}
	return found;
}

static unsigned long end_address(unsigned long last)
{
	return last < SVM_LAST_PAGE ? (last + 1) << PAGE_SHIFT : PAGE_MASK;
}

/**
 * svm_take_back - take pages from the device
 * @svm: process
 * @first: number of the first page
 * @last: number of the last
 * @why: the event for which they go, or NULL
 *
 * Context: under the lock.
 */
void svm_take_back(struct hmm_p2p_svm *svm, unsigned long first, unsigned long last,
		   const struct mmu_notifier_range *why)
{
	struct svm_block *block;
	unsigned long index;

	lockdep_assert_held(&svm->mirror.lock);
	if (!find_bounds(svm, &first, &last))
		return;
	if (svm->ops)
		svm->ops->unmap(svm, first << PAGE_SHIFT, end_address(last), why);
	xa_for_each_range(&svm->blocks, index, block, first >> BLOCK_SHIFT,
			  last >> BLOCK_SHIFT) {
		struct block_part part = block_part(block, index, first, last);

		part_clear(svm, &part);
	}
}

/**
 * svm_drop_blocks - free blocks whose memory is gone for good
 * @svm: process; the device has nothing there any more
 * @first: number of the first page
 * @last: number of the last; a block of which only a part is named stays
 *
 * Context: under the lock.
 */
void svm_drop_blocks(struct hmm_p2p_svm *svm, unsigned long first, unsigned long last)
{
	struct svm_block *block;
	unsigned long index;

	xa_for_each_range(&svm->blocks, index, block,
			  ALIGN(first, HPAGE_PMD_NR) >> BLOCK_SHIFT,
			  last >> BLOCK_SHIFT) {
		if (((index + 1) << BLOCK_SHIFT) - 1 > last)
			break;
		xa_erase(&svm->blocks, index);
		block_free(svm, block);
	}
}

/**
 * svm_check_owner - take everything when the device's interconnect has changed
 * @svm: process
 *
 * Private pages are reached over the interconnect that they were entered for.
 *
 * Context: under the lock.
 */
void svm_check_owner(struct hmm_p2p_svm *svm)
{
	struct hmm_p2p_owner *owner = READ_ONCE(svm->hdev->owner);

	if (svm->owner == owner)
		return;
	svm_take_back(svm, 0, SVM_LAST_PAGE, NULL);
	svm->owner = owner;
}

/* ------------------------------------------------------ what the device gets */

static bool same_page(unsigned long a, unsigned long b)
{
	return !((a ^ b) & ~HMM_PFN_FLAGS);
}

static bool has_all(unsigned long had, unsigned long hmm_pfn)
{
	return had && (!(hmm_pfn & HMM_PFN_WRITE) || (had & HMM_PFN_WRITE));
}

/* A result is one huge page and fills the block. */
static bool is_huge(unsigned long index, const unsigned long *hmm_pfns,
		    unsigned long nr)
{
	unsigned long pfn = hmm_pfns[0] & ~HMM_PFN_FLAGS;

	return nr == HPAGE_PMD_NR && IS_ALIGNED(index | pfn, HPAGE_PMD_NR) &&
	       hmm_pfn_to_map_order(hmm_pfns[0]) >= HPAGE_PMD_ORDER;
}

/*
 * What the device has is unmapped first, where it is something else, or in entries
 * of another size. Is there anything to enter?
 */
static bool make_room(struct hmm_p2p_svm *svm, struct svm_block *block,
		      unsigned long index, const unsigned long *hmm_pfns,
		      unsigned long nr)
{
	const unsigned long *had = block->map.pfn_list + index % HPAGE_PMD_NR;
	bool changed = false;
	unsigned long i;

	for (i = 0; i < nr; i++)
		changed |= !same_page(had[i], hmm_pfns[i]) || !has_all(had[i], hmm_pfns[i]);
	if (!changed)
		return false;
	if (block->huge != is_huge(index, hmm_pfns, nr))
		svm_take_back(svm, index, index + nr - 1, NULL);
	for (i = 0; i < nr; i++)
		if (had[i] && !same_page(had[i], hmm_pfns[i]))
			svm_take_back(svm, index + i, index + i, NULL);
	return true;
}

static int entry_map_dma(struct hmm_p2p_svm *svm, struct svm_block *block,
			 unsigned long i, struct pci_p2pdma_map_state *state,
			 struct hmm_p2p_svm_entry *entry)
{
	struct device *dev = svm->hdev->config.dev;
	dma_addr_t addr;

	addr = hmm_dma_map_pfn(dev, &block->map, i, state);
	if (dma_mapping_error(dev, addr))
		return -EREMOTEIO;
	entry->addr = addr;
	return 0;
}

static int entry_make(struct hmm_p2p_svm *svm, struct svm_block *block,
		      unsigned long i, struct pci_p2pdma_map_state *state,
		      struct hmm_p2p_svm_entry *entry)
{
	unsigned long hmm_pfn = block->map.pfn_list[i];
	struct page *page = hmm_pfn_to_page(hmm_pfn);

	entry->page = page;
	entry->order = 0;
	entry->write = hmm_pfn & HMM_PFN_WRITE;
	if (hmm_p2p_pfn_kind(hmm_pfn) != HMM_P2P_PFN_PRIVATE) {
		entry->target = HMM_P2P_SVM_BUS;
		entry->addr = 0;
		return svm->dma ? entry_map_dma(svm, block, i, state, entry) : 0;
	}
	if (hmm_p2p_page_device(page) == svm->hdev) {
		entry->target = HMM_P2P_SVM_LOCAL;
		entry->addr = hmm_p2p_page_offset(page);
	} else {
		entry->target = HMM_P2P_SVM_PEER;
		entry->addr = hmm_p2p_interconnect_addr(page);
	}
	return 0;
}

/* Pages of one huge page can have addresses that do not follow each other. */
static bool is_one_entry(const struct hmm_p2p_svm *svm,
			 const struct hmm_p2p_svm_entry *entries)
{
	unsigned long i;

	if (!svm->dma && entries[0].target == HMM_P2P_SVM_BUS)
		return true;
	if (!IS_ALIGNED(entries[0].addr, HPAGE_PMD_SIZE))
		return false;
	for (i = 1; i < HPAGE_PMD_NR; i++)
		if (entries[i].addr != entries[0].addr + (i << PAGE_SHIFT))
			return false;
	return true;
}

/*
 * Makes entries for those of the @nr pages that have changed. Returns how many
 * entries that are, or an error.
 */
static int entries_make(struct hmm_p2p_svm *svm, struct svm_block *block,
			unsigned long index, const unsigned long *hmm_pfns,
			unsigned long nr)
{
	unsigned long first = index % HPAGE_PMD_NR, i, made = 0;
	struct pci_p2pdma_map_state state = {};
	unsigned long *pfns = block->map.pfn_list + first;
	bool huge = is_huge(index, hmm_pfns, nr);
	int ret;

	for (i = 0; i < nr; i++) {
		/* A huge entry is made as a whole. */
		if (!huge && has_all(pfns[i], hmm_pfns[i]))
			continue;
		pfns[i] = (pfns[i] & DMA_FLAGS) | hmm_pfns[i];
		ret = entry_make(svm, block, first + i, &state, &svm->entries[made]);
		if (ret)
			return ret;
		svm->entries[made++].va = (index + i) << PAGE_SHIFT;
	}
	if (huge && is_one_entry(svm, svm->entries)) {
		svm->entries[0].order = HPAGE_PMD_ORDER;
		block->huge = true;
		made = 1;
	}
	return made;
}

/**
 * svm_enter - let the device have pages
 * @svm: process
 * @index: number of the first page
 * @hmm_pfns: results of a fault, all valid
 * @nr: how many, in one block
 *
 * Context: under the lock, which has kept the results valid.
 * Return: 0; -EBUSY when the block has to be made again, -ENODEV when the device
 * goes, -EREMOTEIO when the DMA API refused a page, or what the driver said.
 */
int svm_enter(struct hmm_p2p_svm *svm, unsigned long index,
	      unsigned long *hmm_pfns, unsigned long nr)
{
	struct svm_block *block = xa_load(&svm->blocks, index >> BLOCK_SHIFT);
	int ret;

	lockdep_assert_held(&svm->mirror.lock);
	if (svm->gone)
		return -ENODEV;
	if (!block)
		return -EBUSY;
	if (!make_room(svm, block, index, hmm_pfns, nr))
		return 0;
	ret = entries_make(svm, block, index, hmm_pfns, nr);
	if (ret > 0 && svm->ops)
		ret = svm->ops->map(svm, svm->entries, ret);
	if (ret < 0)
		svm_take_back(svm, index, index + nr - 1, NULL);
	return min(ret, 0);
}

/* The page has just been entered. */
void svm_mark_exclusive(struct hmm_p2p_svm *svm, unsigned long index)
{
	struct svm_block *block = xa_load(&svm->blocks, index >> BLOCK_SHIFT);

	__set_bit(index % HPAGE_PMD_NR, block->exclusive);
}

/**
 * svm_lookup - what the device may reach without a fault
 * @svm: process
 * @index: number of the first page
 * @nr: pages, in one block
 * @write: for writing
 *
 * Context: under the lock, which keeps the pages in place.
 * Return: the block, whose map has the pages; NULL when one is missing.
 */
struct svm_block *svm_lookup(struct hmm_p2p_svm *svm, unsigned long index,
			     unsigned long nr, bool write)
{
	struct svm_block *block;
	unsigned long *pfns, i;

	lockdep_assert_held(&svm->mirror.lock);
	svm_check_owner(svm);
	block = xa_load(&svm->blocks, index >> BLOCK_SHIFT);
	if (!block)
		return NULL;
	pfns = block->map.pfn_list + index % HPAGE_PMD_NR;
	for (i = 0; i < nr; i++)
		if (!pfns[i] || (write && !(pfns[i] & HMM_PFN_WRITE)))
			return NULL;
	return block;
}

/**
 * hmm_p2p_svm_pfn - what the device has at an address
 * @svm: process, as the device sees it
 * @va: address, page aligned
 *
 * Context: under hmm_p2p_svm_lock().
 * Return: as an entry of an hmm_range, for hmm_p2p_pfn_kind(); 0: nothing.
 */
unsigned long hmm_p2p_svm_pfn(struct hmm_p2p_svm *svm, unsigned long va)
{
	struct svm_block *block = svm_lookup(svm, va >> PAGE_SHIFT, 1, false);

	return block ? block->map.pfn_list[(va >> PAGE_SHIFT) % HPAGE_PMD_NR] &
		       ~DMA_FLAGS : 0;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_pfn, HMM_P2P_NS);
