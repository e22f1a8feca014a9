// SPDX-License-Identifier: GPL-2.0
/*
 * Exclusive access: the CPU cannot reach a page until it faults, and then the
 * device cannot. That is how a device does atomic operations on memory that
 * the bus has none for.
 *
 * make_device_exclusive() gives a locked page, and the entry has to be made
 * before anybody revokes the access again. The usual check, has the notifier
 * been called since mmu_interval_read_begin(), would never succeed a second
 * time: the call itself revokes the access that the first try got. So the
 * notifier notes what happens to one watched page, its own step excepted, and
 * all that makes the call revoke or split something is done before the watch
 * begins.
 */
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "svm.h"
#include "table.h"

/* Bring in a writable page that has an entry of its own in the CPU's table. */
static int exclusive_prepare(struct mm_struct *mm, unsigned long addr)
{
	struct page *page;
	long ret;

	ret = get_user_pages_remote(mm, addr, 1, FOLL_WRITE | FOLL_SPLIT_PMD,
				    &page, NULL);
	if (ret < 0)
		return ret;
	put_page(page);
	return 0;
}

static void watch(struct hmm_p2p_svm *svm, unsigned long index)
{
	mutex_lock(&svm->mirror.lock);
	svm->watched = index;
	svm->revoked = false;
	mutex_unlock(&svm->mirror.lock);
}

/* The page is locked: the CPU cannot take it back, but it can be unmapped. */
static int exclusive_enter(struct hmm_p2p_svm *svm, unsigned long index,
			   struct page *page)
{
	unsigned long hmm_pfn = page_to_pfn(page) | HMM_PFN_VALID | HMM_PFN_WRITE;
	int ret = -EAGAIN;

	mutex_lock(&svm->mirror.lock);
	if (!svm->revoked)
		ret = svm_enter(svm, index, &hmm_pfn, 1);
	if (!ret)
		svm_mark_exclusive(svm, index);
	mutex_unlock(&svm->mirror.lock);
	return ret == -EBUSY ? -EAGAIN : ret;
}

/* Return: 0, -EAGAIN when the access was revoked at once, or an error. */
static int exclusive_try(struct hmm_p2p_svm *svm, unsigned long addr)
{
	struct mm_struct *mm = svm->mirror.mm;
	struct folio *folio;
	struct page *page;
	int ret;

	ret = svm_block_ready(svm, addr >> PAGE_SHIFT);
	if (ret)
		return ret;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	ret = exclusive_prepare(mm, addr);
	mmap_read_unlock(mm);
	if (ret)
		return ret;

	watch(svm, addr >> PAGE_SHIFT);
	/* Invalidations that were noted before the watch have ended. */
	mmu_interval_read_begin(&svm->mirror.notifier);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	page = make_device_exclusive(mm, addr, svm, &folio);
	mmap_read_unlock(mm);
	if (IS_ERR(page))
		return PTR_ERR(page);
	ret = exclusive_enter(svm, addr >> PAGE_SHIFT, page);
	/* The device may write, which nothing else will tell. */
	if (!ret)
		folio_mark_dirty(folio);
	folio_unlock(folio);
	folio_put(folio);
	return ret;
}

static int exclusive_all(struct hmm_p2p_svm *svm, unsigned long addr,
			 unsigned long end)
{
	int ret = 0;

	while (addr < end && (!ret || ret == -EAGAIN)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		ret = exclusive_try(svm, addr);
		if (!ret)
			addr += PAGE_SIZE;
	}
	return ret;
}

/**
 * hmm_p2p_svm_make_exclusive - take pages away from the CPU
 * @svm: process, as the device sees it
 * @addr: first byte, page aligned
 * @nr_pages: how many pages
 *
 * Pages on a device come to system memory first. Access by the CPU, or by
 * another device, ends the exclusive access of this one.
 *
 * Context: may sleep; no mmap_lock is held.
 * Return: 0; -EOPNOTSUPP for memory that is not private and anonymous; -EFAULT
 * where nothing is mapped, or not for writing; -ESRCH when the process is gone;
 * -ENODEV, -EINTR, -ENOMEM.
 */
int hmm_p2p_svm_make_exclusive(struct hmm_p2p_svm *svm,
			       unsigned long addr, unsigned long nr_pages)
{
	int ret;

	if (!mmget_not_zero(svm->mirror.mm))
		return -ESRCH;
	ret = mutex_lock_killable(&svm->exclusive_lock);
	if (!ret) {
		ret = exclusive_all(svm, addr, addr + (nr_pages << PAGE_SHIFT));
		watch(svm, ULONG_MAX);
		mutex_unlock(&svm->exclusive_lock);
	}
	mmput(svm->mirror.mm);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_make_exclusive, HMM_P2P_NS);

/**
 * hmm_p2p_svm_has_exclusive - is access to any page exclusive now?
 * @svm: process, as the device sees it
 * @addr: first byte, page aligned
 * @nr_pages: how many pages
 *
 * Context: may sleep.
 * Return: whether one is.
 */
bool hmm_p2p_svm_has_exclusive(struct hmm_p2p_svm *svm,
			       unsigned long addr, unsigned long nr_pages)
{
	unsigned long index = addr >> PAGE_SHIFT, end = index + nr_pages;
	struct svm_block *block;
	bool found = false;

	mutex_lock(&svm->mirror.lock);
	for (; index < end && !found; index++) {
		block = svm_lookup(svm, index, 1, false);
		found = block && test_bit(index % HPAGE_PMD_NR, block->exclusive);
	}
	mutex_unlock(&svm->mirror.lock);
	return found;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_has_exclusive, HMM_P2P_NS);
