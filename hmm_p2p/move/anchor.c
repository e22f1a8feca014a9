// SPDX-License-Identifier: GPL-2.0
/*
 * Who migrates pages by their PFN has no mapping, and no lock of one. At the end the
 * kernel finds the page table entries that stand for such a page by its anon_vma, and
 * takes for granted that this is there (7.2, 7.3). But a page that is on its way is
 * mapped nowhere, and so keeps none: when its last mapping goes meanwhile, with a
 * process that ends, the anon_vma is freed.
 *
 * Modules cannot hold an anon_vma. But each of its mappings does, and a mapping that is
 * locked for reading stays. So one is looked for, whichever, in whosever memory.
 */
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>

#include "anchor.h"

static const void *page_mapping_word(const struct page *page)
{
	return READ_ONCE(page_folio(page)->mapping);
}

/*
 * As the kernel's own way from a folio to its anon_vma: while it is mapped, its anon_vma
 * has mappings, and loses none as long as somebody has the lock of the root. Return: the
 * anon_vma, with that lock; or NULL.
 */
static struct anon_vma *lock_anon_vma(const struct page *page, const void *mapping)
{
	unsigned long word = (unsigned long)mapping;
	struct anon_vma *anon_vma, *root;

	if ((word & FOLIO_MAPPING_FLAGS) != FOLIO_MAPPING_ANON)
		return NULL;
	guard(rcu)();
	anon_vma = (struct anon_vma *)(word - FOLIO_MAPPING_ANON);
	/* It may be gone by now; but this page leads to it, and is mapped, so it is not. */
	if (!folio_mapped(page_folio(page)) || page_mapping_word(page) != mapping)
		return NULL;
	root = READ_ONCE(anon_vma->root);
	if (!down_read_trylock(&root->rwsem))
		return NULL;
	if (folio_mapped(page_folio(page)) && page_mapping_word(page) == mapping &&
	    READ_ONCE(anon_vma->root) == root)
		return anon_vma;
	up_read(&root->rwsem);
	return NULL;
}

/* Nobody is waited for: neither who has the mapping locked, nor who has the mmap_lock. */
static bool lock_mapping(struct hmm_p2p_anchor *anchor, struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vm_area_struct *locked;

	/* A process at its end has its mappings taken apart without a lock. */
	if (!mmget_not_zero(mm))
		return false;
	locked = lock_vma_under_rcu(mm, vma->vm_start);
	if (locked == vma) {
		anchor->vma = vma;
		anchor->mm = mm;
		return true;
	}
	if (locked)
		vma_end_read(locked);
	mmput_async(mm);
	return false;
}

static bool lock_any_mapping(struct hmm_p2p_anchor *anchor, struct anon_vma *anon_vma)
{
	struct rb_node *node;

	for (node = rb_first_cached(&anon_vma->rb_root); node; node = rb_next(node))
		if (lock_mapping(anchor, rb_entry(node, struct anon_vma_chain, rb)->vma))
			return true;
	return false;
}

/**
 * hmm_p2p_anchor_begin - keep the anon_vma of a page
 * @anchor: to be filled in
 * @page: device page, which may be anything at the moment
 *
 * Who has it does not wait for an mmap_lock: others may have one who wait for this
 * mapping.
 *
 * Context: may sleep.
 * Return: true, and hmm_p2p_anchor_end() is due; false when the page is not mapped, or none
 * of its mappings can be locked now.
 */
bool hmm_p2p_anchor_begin(struct hmm_p2p_anchor *anchor, struct page *page)
{
	const void *mapping = page_mapping_word(page);
	struct anon_vma *anon_vma = lock_anon_vma(page, mapping);
	bool found;

	if (!anon_vma)
		return false;
	anchor->mapping = mapping;
	found = lock_any_mapping(anchor, anon_vma);
	up_read(&anon_vma->root->rwsem);
	return found;
}

/* Is it mapped, and does @anchor keep its anon_vma? */
bool hmm_p2p_anchor_holds(const struct hmm_p2p_anchor *anchor, const struct page *page)
{
	return page_mapping_word(page) == anchor->mapping && folio_mapped(page_folio(page));
}

/* Context: may sleep. */
void hmm_p2p_anchor_end(struct hmm_p2p_anchor *anchor)
{
	vma_end_read(anchor->vma);
	mmput_async(anchor->mm);
}
