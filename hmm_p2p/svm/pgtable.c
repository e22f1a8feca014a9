// SPDX-License-Identifier: GPL-2.0
/*
 * A process in the page table of a device.
 *
 * A device that shares a process's address space has a page table of its own,
 * which is filled by faults and emptied by the MMU notifier. Here it is an
 * XArray, for devices that have no such hardware: what they do reach, and how
 * often they have to fault for it, is what a real one would.
 *
 * Rules:
 * - An entry is good for as long as the mirror's lock is held. Invalidation
 *   takes the lock, and removes what it covers before it returns.
 * - Nothing that an entry names is referenced.
 * - Invalidation may remove too much. A huge page has one entry, so it goes as
 *   a whole.
 */
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "pgtable.h"

static void pgtable_unmap(struct hmm_p2p_mirror *mirror,
			  const struct mmu_notifier_range *range)
{
	struct hmm_p2p_pgtable *pgt =
		container_of(mirror, struct hmm_p2p_pgtable, mirror);
	unsigned long first = range->start >> PAGE_SHIFT;
	unsigned long last = (range->end - 1) >> PAGE_SHIFT;

	hmm_p2p_pgtable_clear(pgt, first, last);
	if (range->event == MMU_NOTIFY_EXCLUSIVE && range->owner == pgt)
		return;
	if (pgt->watched >= first && pgt->watched <= last)
		pgt->revoked = true;
}

/* Empties part of the table: page numbers @first to @last. */
void hmm_p2p_pgtable_clear(struct hmm_p2p_pgtable *pgt, unsigned long first,
			   unsigned long last)
{
	XA_STATE(xas, &pgt->entries, first);
	void *entry;

	lockdep_assert_held(&pgt->mirror.lock);
	xas_lock(&xas);
	xas_for_each(&xas, entry, last)
		xas_store(&xas, NULL);
	xas_unlock(&xas);
}

static void *make_entry(unsigned long pfn, unsigned long flags)
{
	return xa_mk_value(pfn << PGTABLE_PFN_SHIFT | flags);
}

/* Makes one entry where there is none. Return: 0 or -ENOMEM. */
int hmm_p2p_pgtable_enter(struct hmm_p2p_pgtable *pgt, unsigned long index,
			  unsigned long pfn, unsigned long flags)
{
	unsigned int order = flags & PGTABLE_HUGE ? HPAGE_PMD_ORDER : 0;
	XA_STATE_ORDER(xas, &pgt->entries, index, order);

	lockdep_assert_held(&pgt->mirror.lock);
	/* Reclaim may be waiting for the mirror's lock. */
	do {
		xas_lock(&xas);
		xas_store(&xas, make_entry(pfn, flags));
		xas_unlock(&xas);
	} while (xas_nomem(&xas, GFP_ATOMIC | __GFP_NOWARN));
	return xas_error(&xas);
}

static void *small_entry(unsigned long hmm_pfn)
{
	return make_entry(hmm_pfn & ~HMM_PFN_FLAGS,
			  hmm_pfn & HMM_PFN_WRITE ? PGTABLE_WRITE : 0);
}

/* As hmm_p2p_pgtable_enter(), for single pages, without a walk for each. */
static int enter_small(struct hmm_p2p_pgtable *pgt, unsigned long index,
		       const unsigned long *hmm_pfns, unsigned long nr)
{
	XA_STATE(xas, &pgt->entries, index);
	unsigned long i = 0;

	do {
		xas_lock(&xas);
		while (i < nr) {
			xas_store(&xas, small_entry(hmm_pfns[i]));
			if (xas_error(&xas))
				break;
			if (++i < nr)
				xas_next(&xas);
		}
		xas_unlock(&xas);
	} while (xas_nomem(&xas, GFP_ATOMIC | __GFP_NOWARN));
	return xas_error(&xas);
}

/* Is this the start of @nr results that are one huge page and more? */
static bool is_huge(unsigned long index, const unsigned long *hmm_pfns,
		    unsigned long nr)
{
	unsigned long pfn = hmm_pfns[0] & ~HMM_PFN_FLAGS;

	return nr >= HPAGE_PMD_NR && IS_ALIGNED(index | pfn, HPAGE_PMD_NR) &&
	       hmm_pfn_to_map_order(hmm_pfns[0]) >= HPAGE_PMD_ORDER;
}

/* How many results from the start on are no huge page. */
static unsigned long small_run(unsigned long index, const unsigned long *hmm_pfns,
			       unsigned long nr)
{
	unsigned long i = 1;

	while (i < nr && !is_huge(index + i, hmm_pfns + i, nr - i))
		i++;
	return i;
}

static int enter_results(struct hmm_p2p_pgtable *pgt, unsigned long index,
			 const unsigned long *hmm_pfns, unsigned long nr)
{
	unsigned long flags, step, i;
	int ret = 0;

	hmm_p2p_pgtable_clear(pgt, index, index + nr - 1);
	for (i = 0; i < nr && !ret; i += step) {
		if (is_huge(index + i, hmm_pfns + i, nr - i)) {
			flags = hmm_pfns[i] & HMM_PFN_WRITE ? PGTABLE_WRITE : 0;
			step = HPAGE_PMD_NR;
			ret = hmm_p2p_pgtable_enter(pgt, index + i,
						    hmm_pfns[i] & ~HMM_PFN_FLAGS,
						    flags | PGTABLE_HUGE);
		} else {
			step = small_run(index + i, hmm_pfns + i, nr - i);
			ret = enter_small(pgt, index + i, hmm_pfns + i, step);
		}
	}
	return ret;
}

/* Only where write was asked for, the page counts as written: see grant.c. */
static void make_read_only(unsigned long *hmm_pfns, unsigned long nr)
{
	while (nr--)
		hmm_pfns[nr] &= ~HMM_PFN_WRITE;
}

/* Private pages are reached over the interconnect that they were entered for. */
static void check_owner(struct hmm_p2p_pgtable *pgt)
{
	struct hmm_p2p_owner *owner = READ_ONCE(pgt->hdev->owner);

	if (pgt->owner == owner)
		return;
	hmm_p2p_pgtable_clear(pgt, 0, ULONG_MAX);
	pgt->owner = owner;
}

static int fault_piece(struct hmm_p2p_pgtable *pgt, unsigned long *hmm_pfns,
		       unsigned long addr, unsigned long end, bool write)
{
	const struct hmm_p2p_fault fault = { .importer.dev = pgt->hdev->config.dev };
	struct hmm_range range = {
		.start = addr,
		.end = end,
		.hmm_pfns = hmm_pfns,
		.default_flags = HMM_PFN_REQ_FAULT |
				 (write ? HMM_PFN_REQ_WRITE : 0),
		.dev_private_owner = READ_ONCE(pgt->hdev->owner),
	};
	int ret;

	ret = hmm_p2p_mirror_fault(&pgt->mirror, &range, &fault);
	if (ret)
		return ret;
	if (!write)
		make_read_only(hmm_pfns, (end - addr) >> PAGE_SHIFT);
	check_owner(pgt);
	/* A change of owner while this went on: the next access sees it. */
	if (pgt->owner == range.dev_private_owner)
		ret = enter_results(pgt, addr >> PAGE_SHIFT, hmm_pfns,
				    (end - addr) >> PAGE_SHIFT);
	mutex_unlock(&pgt->mirror.lock);
	return ret;
}

/**
 * hmm_p2p_pgtable_fault - the device has no usable entry
 * @pgt: page table
 * @addr: first byte, page aligned
 * @end: behind the last byte, page aligned
 * @write: for writing
 *
 * Context: may sleep; no mmap_lock, and the mm has users.
 * Return: 0, and then it is worth another look; -ENODEV, or as
 * hmm_p2p_mirror_fault(), or -ENOMEM.
 */
int hmm_p2p_pgtable_fault(struct hmm_p2p_pgtable *pgt, unsigned long addr,
			  unsigned long end, bool write)
{
	unsigned long *hmm_pfns, next;
	int idx, ret = 0;

	hmm_pfns = kmalloc_array(HMM_P2P_BATCH_PAGES, sizeof(*hmm_pfns), HMM_P2P_GFP_USER);
	if (!hmm_pfns)
		return -ENOMEM;
	for (; addr < end && !ret; addr = next) {
		next = min(end, ALIGN(addr + 1, HPAGE_PMD_SIZE));
		/* The device's driver waits for this before it goes away. */
		idx = srcu_read_lock(&pgt->hdev->users);
		ret = -ENODEV;
		if (!READ_ONCE(pgt->hdev->removed))
			ret = fault_piece(pgt, hmm_pfns, addr, next, write);
		srcu_read_unlock(&pgt->hdev->users, idx);
	}
	kfree(hmm_pfns);
	return ret;
}

/**
 * hmm_p2p_pgtable_lookup - what the device can reach without a fault
 * @pgt: page table
 * @index: first page number
 * @nr: pages
 * @write: for writing
 * @hmm_pfns: receives @nr results, in the form of hmm_range_fault()
 *
 * Context: under the lock of the mirror, which keeps the results valid.
 * Return: 0, or -ENOENT when a usable entry is missing.
 */
int hmm_p2p_pgtable_lookup(struct hmm_p2p_pgtable *pgt, unsigned long index,
			   unsigned long nr, bool write, unsigned long *hmm_pfns)
{
	XA_STATE(xas, &pgt->entries, index);
	unsigned long at = index, end = index + nr, value, mask;
	void *entry;

	lockdep_assert_held(&pgt->mirror.lock);
	check_owner(pgt);
	rcu_read_lock();
	xas_for_each(&xas, entry, end - 1) {
		value = xa_to_value(entry);
		mask = value & PGTABLE_HUGE ? HPAGE_PMD_NR - 1 : 0;
		if ((xas.xa_index & ~mask) > at || (write && !(value & PGTABLE_WRITE)))
			break;
		do {
			*hmm_pfns++ = HMM_PFN_VALID |
				(value & PGTABLE_WRITE ? HMM_PFN_WRITE : 0) |
				((value >> PGTABLE_PFN_SHIFT) + (at & mask));
		} while (++at < end && (at & mask));
	}
	rcu_read_unlock();
	return at == end ? 0 : -ENOENT;
}

/**
 * hmm_p2p_pgtable_create - let a device share a process's address space
 * @hdev: importer
 * @mm: the process
 *
 * The table is empty at first. It goes on when the process is gone, and when
 * the device is gone, but no access succeeds then.
 *
 * Context: may sleep; the caller holds a reference to the users of @mm, and
 * not its mmap_lock.
 * Return: the page table, or an error pointer: -EOPNOTSUPP for a device that
 * does not import, -ENOMEM, -EINTR.
 */
struct hmm_p2p_pgtable *hmm_p2p_pgtable_create(struct hmm_p2p_device *hdev,
					       struct mm_struct *mm)
{
	struct hmm_p2p_pgtable *pgt;
	int ret;

	if (!hdev->config.importer_ops)
		return ERR_PTR(-EOPNOTSUPP);
	pgt = kzalloc_obj(*pgt, HMM_P2P_GFP_USER);
	if (!pgt)
		return ERR_PTR(-ENOMEM);
	pgt->hdev = hdev;
	pgt->owner = READ_ONCE(hdev->owner);
	pgt->watched = ULONG_MAX;
	xa_init_flags(&pgt->entries, XA_FLAGS_ACCOUNT);
	mutex_init(&pgt->exclusive_lock);
	ret = hmm_p2p_mirror_init(&pgt->mirror, mm, 0, ULONG_MAX & PAGE_MASK);
	if (ret) {
		kfree(pgt);
		return ERR_PTR(ret);
	}
	/* There is nothing to unmap before the first fault. */
	pgt->mirror.unmap = pgtable_unmap;
	kref_get(&hdev->ref);
	return pgt;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_pgtable_create, HMM_P2P_NS);

/**
 * hmm_p2p_pgtable_destroy - end the sharing
 * @pgt: page table, which nobody uses any more
 *
 * Context: may sleep; the mmap_lock is not held.
 */
void hmm_p2p_pgtable_destroy(struct hmm_p2p_pgtable *pgt)
{
	hmm_p2p_mirror_fini(&pgt->mirror);
	xa_destroy(&pgt->entries);
	mutex_destroy(&pgt->exclusive_lock);
	hmm_p2p_device_put(pgt->hdev);
	kfree(pgt);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_pgtable_destroy, HMM_P2P_NS);

MODULE_DESCRIPTION("A process in the page table of a device");
MODULE_IMPORT_NS("HMM_P2P");
MODULE_IMPORT_NS("HMM_P2P_INTERNAL");
MODULE_LICENSE("GPL");
