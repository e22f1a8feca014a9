// SPDX-License-Identifier: GPL-2.0
/*
 * What an importer may be given, and what follows from it.
 *
 * hmm_range_fault() was made for drivers that share a process's own view of its
 * memory. A device that copies for somebody else is more like a caller of
 * get_user_pages(), so an importer gets nothing that this would refuse, without
 * FOLL_FORCE, because of the mapping. hmm_range_fault() refuses VM_IO, VM_PFNMAP,
 * guard regions and what cannot be read; the rest is looked for here: memory of
 * memfd_secret(), which the kernel itself has not mapped, and writes to shadow
 * stacks, which would forge return addresses. Protection keys are those of a thread:
 * where one reaches its own memory by a call, as by read() or write(), they count, and a
 * device that faults later, or for another process, has none.
 *
 * What a device writes does not show in the CPU's page table. So a page that it
 * is granted for writing counts as written:
 *
 * - A system page is marked dirty here. Later would be too late, because the page
 *   can be clean in the swap cache or freed by MADV_FREE: reclaim drops it and the
 *   device's bytes with it. Nothing makes it clean again without invalidating the
 *   range first, so once is enough.
 * - A device-private page is marked on its way home, whatever brings it there:
 *   see ram_entry() in batch.c.
 */
#include <kunit/visibility.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/mmu_context.h>
#include <linux/pagemap.h>

#include "faulting.h"
#include "grant.h"

/* The kernel's own test for it is not for modules. */
static bool is_secret(const struct vm_area_struct *vma)
{
	return vma->vm_file && file_inode(vma->vm_file)->i_sb->s_magic == SECRETMEM_MAGIC;
}

static bool is_shadow_stack(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_SHADOW_STACK;
}

/* What an importer may have of a mapping that hmm_range_fault() gives it. */
VISIBLE_IF_KUNIT enum hmm_p2p_grant hmm_p2p_grant_of(const struct vm_area_struct *vma)
{
	if (is_secret(vma))
		return HMM_P2P_GRANT_NOTHING;
	return is_shadow_stack(vma) ? HMM_P2P_GRANT_READ : HMM_P2P_GRANT_ALL;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_grant_of);

/* Does the range ask for any of @flags there? */
static bool asks_in(const struct hmm_range *range, unsigned long start, unsigned long end,
		    unsigned long flags)
{
	unsigned long addr;

	for (addr = start; addr < end; addr += PAGE_SIZE)
		if (range_asks(range, (addr - range->start) >> PAGE_SHIFT) & flags)
			return true;
	return false;
}

/* hmm_p2p_grant_check() from @start to @end, of which an importer may have @grant. */
VISIBLE_IF_KUNIT int hmm_p2p_grant_check_part(const struct hmm_range *range,
					      unsigned long start, unsigned long end,
					      enum hmm_p2p_grant grant)
{
	if (grant == HMM_P2P_GRANT_NOTHING && asks_in(range, start, end, HMM_PFN_REQ_FAULT))
		return -EFAULT;
	if (grant == HMM_P2P_GRANT_READ && asks_in(range, start, end, HMM_PFN_REQ_WRITE))
		return -EPERM;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_grant_check_part);

/* As hmm_p2p_grant_restrict(), for a part. */
VISIBLE_IF_KUNIT void hmm_p2p_grant_restrict_part(const struct hmm_range *range,
						  unsigned long start, unsigned long end,
						  enum hmm_p2p_grant grant)
{
	unsigned long i = (start - range->start) >> PAGE_SHIFT;

	for (; start < end; start += PAGE_SIZE, i++) {
		unsigned long *entry = &range->hmm_pfns[i];

		if (grant == HMM_P2P_GRANT_NOTHING)
			*entry = (*entry & HMM_P2P_INOUT_FLAGS) | HMM_PFN_ERROR;
		else if (grant == HMM_P2P_GRANT_READ)
			*entry &= ~HMM_PFN_WRITE;
	}
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_grant_restrict_part);

/*
 * May this thread reach its own memory? The kernel asks for who calls it, and not for
 * others, by whose keys nothing is said of a thread of this process.
 */
static int check_keys(const struct hmm_range *range, struct vm_area_struct *vma,
		      unsigned long start, unsigned long end)
{
	if (asks_in(range, start, end, HMM_PFN_REQ_FAULT) &&
	    !arch_vma_access_permitted(vma, false, false, false))
		return -EFAULT;
	if (asks_in(range, start, end, HMM_PFN_REQ_WRITE) &&
	    !arch_vma_access_permitted(vma, true, false, false))
		return -EPERM;
	return 0;
}

/**
 * hmm_p2p_grant_check - may an importer have what it asks for?
 * @range: as it came from the importer, before any fault
 * @by_keys: the protection keys of the current thread count, if the memory is its own
 * @restricted: set when some of the range is not for it, or not all of it: then
 *	hmm_p2p_grant_restrict() is due after the fault
 *
 * Context: the mmap_lock is held; what is said holds for the range's sequence.
 * Return: 0, -EFAULT for memory that it may not read, -EPERM for memory that it
 * may not write.
 */
int hmm_p2p_grant_check(const struct hmm_range *range, bool by_keys, bool *restricted)
{
	VMA_ITERATOR(vmi, range->notifier->mm, range->start);
	struct vm_area_struct *vma;
	int ret = 0;

	*restricted = false;
	for_each_vma_range(vmi, vma, range->end) {
		unsigned long start = max(vma->vm_start, range->start);
		unsigned long end = min(vma->vm_end, range->end);
		enum hmm_p2p_grant grant = hmm_p2p_grant_of(vma);

		*restricted |= grant != HMM_P2P_GRANT_ALL;
		ret = hmm_p2p_grant_check_part(range, start, end, grant);
		if (!ret && by_keys)
			ret = check_keys(range, vma, start, end);
		if (ret)
			break;
	}
	return ret;
}

/**
 * hmm_p2p_grant_restrict - take back what was not asked for and is there
 * @range: result of a fault for which hmm_p2p_grant_check() said so
 *
 * Context: the mmap_lock is held since the check.
 */
void hmm_p2p_grant_restrict(const struct hmm_range *range)
{
	VMA_ITERATOR(vmi, range->notifier->mm, range->start);
	struct vm_area_struct *vma;

	for_each_vma_range(vmi, vma, range->end)
		hmm_p2p_grant_restrict_part(range, max(vma->vm_start, range->start),
					    min(vma->vm_end, range->end),
					    hmm_p2p_grant_of(vma));
}

/* Clean pages of a file are dirtied under their lock, so that they stay the file's. */
static int folio_dirty(struct folio *folio)
{
	if (folio_test_dirty(folio))
		return 0;
	if (folio_test_anon(folio)) {
		folio_mark_dirty(folio);
		return 0;
	}
	if (folio_lock_killable(folio))
		return -EINTR;
	folio_mark_dirty(folio);
	folio_unlock(folio);
	return 0;
}

/*
 * The page may be on its way out, or somebody else's by now. With a reference that
 * cannot become so any more; and if the range is valid still, it was not so before.
 */
static int folio_written(const struct hmm_range *range, struct folio *folio)
{
	int ret = -EBUSY;

	if (!folio_try_get(folio))
		return -EBUSY;
	if (!mmu_interval_check_retry(range->notifier, range->notifier_seq))
		ret = folio_dirty(folio);
	folio_put(folio);
	return ret;
}

/**
 * hmm_p2p_grant_write - pages that a device may write count as written
 * @range: result of hmm_range_fault()
 *
 * Where single pages were asked for it marks all that can be written, because it
 * cannot be told any more which they were.
 *
 * Context: may sleep; the mmap_lock is held.
 * Return: 0; -EBUSY when the range was invalidated, -EINTR.
 */
int hmm_p2p_grant_write(const struct hmm_range *range)
{
	unsigned long nr = range_npages(range), i;
	const unsigned long need = HMM_PFN_VALID | HMM_PFN_WRITE;
	struct folio *folio, *last = NULL;
	struct page *page;
	int ret = 0;

	if (!((range->default_flags | range->pfn_flags_mask) & HMM_PFN_REQ_WRITE))
		return 0;
	for (i = 0; i < nr && !ret; i++) {
		if ((range->hmm_pfns[i] & need) != need)
			continue;
		page = hmm_pfn_to_page(range->hmm_pfns[i]);
		folio = page_folio(page);
		if (folio == last || is_zone_device_page(page))
			continue;
		last = folio;
		ret = folio_written(range, folio);
	}
	return ret;
}
