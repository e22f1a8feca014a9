// SPDX-License-Identifier: GPL-2.0
/*
 * A process in the page table of a device.
 *
 * A device that shares a process's address space has a page table of its own,
 * which is filled by faults and emptied by the MMU notifier. What it has is kept
 * here, in blocks of the size of a huge page: with it, what was mapped for DMA can
 * be unmapped, and a device without such hardware finds what it may reach.
 *
 * Rules:
 * - What the device has is good as long as the mirror's lock is held. Invalidation
 *   takes the lock, and the device has stopped before it returns.
 * - Nothing that it has is referenced.
 * - The device loses a page before the page is unmapped for DMA, and gets it after
 *   it was mapped.
 * - Invalidation may take too much: an entry that is huge goes as a whole.
 */
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/pci-p2pdma.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "svm.h"

#define BLOCK_SHIFT	HPAGE_PMD_ORDER
#define LAST_PAGE	(ULONG_MAX >> PAGE_SHIFT)

/* What hmm_dma_map_pfn() notes in a result. */
#define DMA_FLAGS	(HMM_PFN_DMA_MAPPED | HMM_PFN_P2PDMA | HMM_PFN_P2PDMA_BUS)

static DEFINE_MUTEX(svms_lock);
static LIST_HEAD(svms);

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
	return last < LAST_PAGE ? (last + 1) << PAGE_SHIFT : PAGE_MASK;
}

/* Takes pages @first to @last from the device. */
static void take_back(struct hmm_p2p_svm *svm, unsigned long first,
		      unsigned long last, const struct mmu_notifier_range *why)
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

static void take_all(struct hmm_p2p_svm *svm)
{
	take_back(svm, 0, LAST_PAGE, NULL);
}

/* Blocks whose memory is gone for good. */
static void free_blocks(struct hmm_p2p_svm *svm, unsigned long first,
			unsigned long last)
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

static void svm_unmap(struct hmm_p2p_mirror *mirror,
		      const struct mmu_notifier_range *range)
{
	struct hmm_p2p_svm *svm = container_of(mirror, struct hmm_p2p_svm, mirror);
	unsigned long first = range->start >> PAGE_SHIFT;
	unsigned long last = (range->end - 1) >> PAGE_SHIFT;
	struct mmu_notifier_range why = *range;

	if (why.event == MMU_NOTIFY_MIGRATE)
		why.owner = NULL;
	take_back(svm, first, last, &why);
	if (range->event == MMU_NOTIFY_UNMAP || range->event == MMU_NOTIFY_RELEASE)
		free_blocks(svm, first, last);
	if (range->event == MMU_NOTIFY_EXCLUSIVE && range->owner == svm)
		return;
	if (svm->watched >= first && svm->watched <= last)
		svm->revoked = true;
}

/* Private pages are reached over the interconnect that they were entered for. */
static void check_owner(struct hmm_p2p_svm *svm)
{
	struct hmm_p2p_owner *owner = READ_ONCE(svm->hdev->owner);

	if (svm->owner == owner)
		return;
	take_all(svm);
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
		take_back(svm, index, index + nr - 1, NULL);
	for (i = 0; i < nr; i++)
		if (had[i] && !same_page(had[i], hmm_pfns[i]))
			take_back(svm, index + i, index + i, NULL);
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
		take_back(svm, index, index + nr - 1, NULL);
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
	check_owner(svm);
	block = xa_load(&svm->blocks, index >> BLOCK_SHIFT);
	if (!block)
		return NULL;
	pfns = block->map.pfn_list + index % HPAGE_PMD_NR;
	for (i = 0; i < nr; i++)
		if (!pfns[i] || (write && !(pfns[i] & HMM_PFN_WRITE)))
			return NULL;
	return block;
}

/* ------------------------------------------------------------------- faults */

/* Only where write was asked for, the page counts as written: see grant.c. */
static void make_read_only(unsigned long *hmm_pfns, unsigned long nr)
{
	while (nr--)
		hmm_pfns[nr] &= ~HMM_PFN_WRITE;
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
	int idx = srcu_read_lock(&svm->hdev->users), ret = -ENODEV;

	if (!READ_ONCE(svm->hdev->removed))
		ret = block_make(svm, index);
	srcu_read_unlock(&svm->hdev->users, idx);
	return ret;
}

/* No section is held: the fault may wait for a filesystem, or for userspace. */
static int fault_try(struct hmm_p2p_svm *svm, unsigned long *hmm_pfns,
		     unsigned long addr, unsigned long end, bool write)
{
	const struct hmm_p2p_fault fault = {
		.importer.dev = svm->hdev->config.dev,
	};
	unsigned long nr = (end - addr) >> PAGE_SHIFT;
	struct hmm_range range = {
		.start = addr,
		.end = end,
		.hmm_pfns = hmm_pfns,
		.default_flags = HMM_PFN_REQ_FAULT |
				 (write ? HMM_PFN_REQ_WRITE : 0),
		.dev_private_owner = READ_ONCE(svm->hdev->owner),
	};
	int ret;

	ret = svm_block_ready(svm, addr >> PAGE_SHIFT);
	if (ret)
		return ret;
	memset(hmm_pfns, 0, nr * sizeof(*hmm_pfns));
	ret = hmm_p2p_mirror_fault(&svm->mirror, &range, &fault);
	if (ret)
		return ret;
	if (!write)
		make_read_only(hmm_pfns, nr);
	check_owner(svm);
	ret = -EBUSY;
	if (svm->owner == range.dev_private_owner)
		ret = svm_enter(svm, addr >> PAGE_SHIFT, hmm_pfns, nr);
	mutex_unlock(&svm->mirror.lock);
	return ret;
}

static int fault_all(struct hmm_p2p_svm *svm, unsigned long *hmm_pfns,
		     unsigned long addr, unsigned long end, bool write)
{
	unsigned long next;
	int ret = 0;

	for (; addr < end && !ret; addr = next) {
		next = min(end, ALIGN(addr + 1, HPAGE_PMD_SIZE));
		do {
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
			ret = fault_try(svm, hmm_pfns, addr, next, write);
		} while (ret == -EBUSY);
	}
	return ret;
}

/**
 * hmm_p2p_svm_fault - the device needs memory of the process
 * @svm: process, as the device sees it
 * @start: first byte, page aligned
 * @end: behind the last byte, page aligned; what the device gets may have gone
 *	again when this returns, and it faults again
 * @write: the device writes; else it gets no write access, so that what it only
 *	reads does not count as written
 *
 * Page by page one of the three outcomes, as hmm_p2p_range_fault() decides them.
 *
 * Context: may sleep, for a filesystem or a userfault too; no mmap_lock is held,
 * nor any lock that @unmap takes. Any process, or a worker.
 * Return: 0; -EINVAL for a range that is empty or not page aligned; -EFAULT for an
 * address that cannot be read, -EPERM for one that cannot be written; -ESRCH when
 * the process is gone, -ENODEV when the device is; -EOPNOTSUPP when it cannot DMA
 * to all memory, -EREMOTEIO when the DMA API refuses a page; -EIO; -EINTR after a
 * fatal signal; -ENOMEM; or what @map returned.
 */
int hmm_p2p_svm_fault(struct hmm_p2p_svm *svm, unsigned long start,
		      unsigned long end, bool write)
{
	unsigned long *hmm_pfns;
	int ret;

	if (start >= end || !IS_ALIGNED(start | end, PAGE_SIZE))
		return -EINVAL;
	if (!mmget_not_zero(svm->mirror.mm))
		return -ESRCH;
	hmm_pfns = kmalloc_array(HPAGE_PMD_NR, sizeof(*hmm_pfns), HMM_P2P_GFP_USER);
	ret = hmm_pfns ? fault_all(svm, hmm_pfns, start, end, write) : -ENOMEM;
	kfree(hmm_pfns);
	mmput(svm->mirror.mm);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_fault, HMM_P2P_NS);

/**
 * hmm_p2p_svm_lock - keep what the device has
 * @svm: process, as the device sees it
 *
 * Until hmm_p2p_svm_unlock() nothing is unmapped, and reclaim may wait for that:
 * the caller must not wait for memory to become free, nor for a page fault.
 *
 * Context: may sleep.
 * Return: 0, or -EINTR after a fatal signal.
 */
int hmm_p2p_svm_lock(struct hmm_p2p_svm *svm)
{
	return mutex_lock_killable(&svm->mirror.lock);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_lock, HMM_P2P_NS);

/**
 * hmm_p2p_svm_unlock - the end of hmm_p2p_svm_lock()
 * @svm: process, as the device sees it
 */
void hmm_p2p_svm_unlock(struct hmm_p2p_svm *svm)
{
	mutex_unlock(&svm->mirror.lock);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_unlock, HMM_P2P_NS);

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

/* -------------------------------------------------------------- their lives */

static bool needs_dma(const struct hmm_p2p_device *hdev,
		      const struct hmm_p2p_svm_ops *ops)
{
	return hdev->config.importer_ops || !ops->no_dma;
}

/**
 * hmm_p2p_svm_create - let a device share a process's address space
 * @hdev: the device
 * @mm: the process
 * @ops: the device's page table; NULL: it has none. Until hmm_p2p_svm_destroy(), or
 *	until hmm_p2p_device_unregister() has returned
 * @drvdata: for hmm_p2p_svm_drvdata()
 *
 * The device has nothing at first. When the process ends it loses what it has got;
 * when the device is unregistered, too, and both end all faults, later ones as well.
 * The driver calls hmm_p2p_svm_destroy() in any case.
 *
 * Context: may sleep; the caller holds a reference to the users of @mm, and not its
 * mmap_lock.
 * Return: what to name it by, or an error pointer: -EOPNOTSUPP for a device that has
 * neither @ops nor importer operations, -ENOMEM, -EINTR.
 */
struct hmm_p2p_svm *hmm_p2p_svm_create(struct hmm_p2p_device *hdev,
				       struct mm_struct *mm,
				       const struct hmm_p2p_svm_ops *ops,
				       void *drvdata)
{
	struct hmm_p2p_svm *svm;
	int ret = -ENOMEM;

	if (!ops && !hdev->config.importer_ops)
		return ERR_PTR(-EOPNOTSUPP);
	svm = kzalloc_obj(*svm, HMM_P2P_GFP_USER);
	if (!svm)
		return ERR_PTR(-ENOMEM);
	svm->hdev = hdev;
	svm->ops = ops;
	svm->drvdata = drvdata;
	svm->dma = needs_dma(hdev, ops);
	svm->owner = READ_ONCE(hdev->owner);
	svm->watched = ULONG_MAX;
	xa_init_flags(&svm->blocks, XA_FLAGS_ACCOUNT);
	mutex_init(&svm->exclusive_lock);
	svm->entries = kvmalloc_array(HPAGE_PMD_NR, sizeof(*svm->entries),
				      HMM_P2P_GFP_USER);
	if (!svm->entries)
		goto err_free;
	ret = hmm_p2p_mirror_init(&svm->mirror, mm, 0, PAGE_MASK);
	if (ret)
		goto err_free;
	/* There is nothing to unmap before the first fault. */
	svm->mirror.unmap = svm_unmap;
	kref_get(&hdev->ref);
	get_device(hdev->config.dev);
	mutex_lock(&svms_lock);
	svm->gone = READ_ONCE(hdev->removed);
	list_add(&svm->all, &svms);
	mutex_unlock(&svms_lock);
	return svm;

err_free:
	mutex_destroy(&svm->exclusive_lock);
	kvfree(svm->entries);
	kfree(svm);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_create, HMM_P2P_NS);

static void svm_empty(struct hmm_p2p_svm *svm)
{
	mutex_lock(&svm->mirror.lock);
	svm->gone = true;
	take_all(svm);
	mutex_unlock(&svm->mirror.lock);
}

static void svm_free_blocks(struct hmm_p2p_svm *svm)
{
	mutex_lock(&svm->mirror.lock);
	free_blocks(svm, 0, LAST_PAGE);
	mutex_unlock(&svm->mirror.lock);
}

/**
 * hmm_p2p_svm_destroy - end the sharing
 * @svm: process, as the device sees it; nobody is in a call with it
 *
 * The device loses what it has.
 *
 * Context: may sleep; the mmap_lock is not held, nor a lock that @unmap takes.
 */
void hmm_p2p_svm_destroy(struct hmm_p2p_svm *svm)
{
	struct device *dev = svm->hdev->config.dev;

	svm_empty(svm);
	mutex_lock(&svms_lock);
	list_del(&svm->all);
	svm_free_blocks(svm);
	mutex_unlock(&svms_lock);
	hmm_p2p_mirror_fini(&svm->mirror);
	xa_destroy(&svm->blocks);
	mutex_destroy(&svm->exclusive_lock);
	hmm_p2p_device_put(svm->hdev);
	put_device(dev);
	kvfree(svm->entries);
	kfree(svm);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_destroy, HMM_P2P_NS);

/**
 * hmm_p2p_svm_drvdata - what the driver gave hmm_p2p_svm_create()
 * @svm: process, as the device sees it
 *
 * Context: any.
 * Return: that.
 */
void *hmm_p2p_svm_drvdata(const struct hmm_p2p_svm *svm)
{
	return svm->drvdata;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_drvdata, HMM_P2P_NS);

/* ------------------------------------------------------------- the registry */

static void owner_changed(struct hmm_p2p_svm *svm)
{
	mutex_lock(&svm->mirror.lock);
	check_owner(svm);
	mutex_unlock(&svm->mirror.lock);
}

static void tell(struct hmm_p2p_svm *svm, unsigned long event)
{
	switch (event) {
	case HMM_P2P_DEVICE_OWNER:
		owner_changed(svm);
		break;
	case HMM_P2P_DEVICE_GOES:
		svm_empty(svm);
		break;
	case HMM_P2P_DEVICE_GONE:
		/* They may refer to it, and it is not to be used any more. */
		svm_free_blocks(svm);
		break;
	}
}

static int device_event(struct notifier_block *nb, unsigned long event, void *data)
{
	struct hmm_p2p_svm *svm;

	mutex_lock(&svms_lock);
	list_for_each_entry(svm, &svms, all)
		if (svm->hdev == data)
			tell(svm, event);
	mutex_unlock(&svms_lock);
	return NOTIFY_DONE;
}

static struct notifier_block device_notifier = {
	.notifier_call = device_event,
};

static int __init svm_init(void)
{
	hmm_p2p_device_subscribe(&device_notifier);
	return 0;
}
module_init(svm_init);

static void __exit svm_exit(void)
{
	hmm_p2p_device_unsubscribe(&device_notifier);
}
module_exit(svm_exit);

MODULE_DESCRIPTION("hmm_p2p: a process in a device's own page table");
MODULE_IMPORT_NS("HMM_P2P");
MODULE_IMPORT_NS("HMM_P2P_INTERNAL");
MODULE_LICENSE("GPL");
