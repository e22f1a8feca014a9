// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that nobody has touched: where there is no page, and where there is the
 * zero page because somebody has only read. The kernel's migrate_vma calls offer
 * both for migration, so that a device can be the first to touch them. A move
 * that was not asked to do so leaves them alone, and does not even look page by
 * page where there is no page table: mappings can be far larger than what is in
 * them.
 */
#include <linux/export.h>
#include <linux/pgtable.h>

#include "batch.h"
#include "touched.h"

/*
 * How much memory the empty entry stands for that a walk to @addr ends at; 0
 * when it gets to a page table, or to a huge page. The mmap_lock keeps the
 * tables above those of single pages.
 */
static unsigned long empty_entry(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;

	if (pgd_none(pgdp_get(pgd)))
		return PGDIR_SIZE;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(p4dp_get(p4d)))
		return P4D_SIZE;
	pud = pud_offset(p4d, addr);
	if (pud_none(pudp_get(pud)))
		return PUD_SIZE;
	if (pud_leaf(pudp_get(pud)))
		return 0;
	return pmd_none(pmdp_get_lockless(pmd_offset(pud, addr))) ? PMD_SIZE : 0;
}

/**
 * hmm_p2p_vacant_until - how far a private mapping has no page of its own
 * @vma: mapping, not of hugetlb
 * @addr: where to begin
 * @end: where to end, in @vma
 *
 * Looks at whole page tables only. A file's page may be there.
 *
 * Context: may sleep; the mmap_lock is held.
 * Return: the end of what has none; @addr when there is a page table.
 */
unsigned long hmm_p2p_vacant_until(const struct vm_area_struct *vma,
				   unsigned long addr, unsigned long end)
{
	unsigned long size;

	mmap_assert_locked(vma->vm_mm);
	/* Its first page brings it. */
	if (!vma->anon_vma)
		return end;
	while (addr < end) {
		size = empty_entry(vma->vm_mm, addr);
		if (!size)
			return addr;
		addr = ALIGN_DOWN(addr, size) + size;
		cond_resched();
	}
	return end;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_vacant_until, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_drop_untouched - take what nobody has touched out of a batch
 * @batch: collected, nothing of it has a destination
 * @left: pages of the batch; those that are taken out are cleared
 *
 * Return: how many pages of @left that were.
 */
unsigned long hmm_p2p_drop_untouched(struct hmm_p2p_batch *batch,
				     unsigned long *left)
{
	unsigned long *src = batch->args.src, dropped = 0, i, j, nr;

	/* None is ready: what the arrays hold is not complete. */
	for (i = 0; batch->args.cpages && i < batch->args.npages; i += nr) {
		nr = hmm_p2p_entry_nr(src[i]);
		if ((src[i] & (MIGRATE_PFN_MIGRATE | MIGRATE_PFN_VALID)) !=
		    MIGRATE_PFN_MIGRATE)
			continue;
		for (j = i; j < i + nr; j++)
			dropped += __test_and_clear_bit(j, left);
		src[i] = 0;
		batch->args.cpages--;
	}
	return dropped;
}
