// SPDX-License-Identifier: GPL-2.0
/* Where a process's memory is, and what an importer would get, unfaulted. */
#include <linux/hugetlb.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../core/core.h"
#include "../move/move.h"
#include "query.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/**
 * struct found - memory on a device
 * @hdev: device, NULL: there is none, or with a flag nobody knows
 * @page: its private page, NULL for shared memory (see mapped.c)
 * @flags: HMM_P2P_EXTENT_*
 */
struct found {
	struct hmm_p2p_device *hdev;
	struct page *page;
	u32 flags;
};

/**
 * struct query_state - a query under way
 * @arg: what was asked for
 * @importer: whose outcomes are asked for, or NULL
 * @mirror: covers the whole range
 * @pfns: snapshot of one piece for one owner
 * @found: what is at each page of one piece
 * @extents: found and not yet copied to the caller
 * @nr: length of @extents; the last one may grow
 * @looked: pages that were looked at one by one
 */
struct query_state {
	struct hmm_p2p_query *arg;
	struct hmm_p2p_device *importer;
	struct hmm_p2p_mirror mirror;
	unsigned long pfns[HMM_P2P_BATCH_PAGES];
	struct found found[HMM_P2P_BATCH_PAGES];
	struct hmm_p2p_extent extents[HMM_P2P_BATCH_PAGES + 1];
	u32 nr;
	u64 looked;
};

static bool has_alias(struct hmm_p2p_device *exporter, struct page *page)
{
	unsigned long pfn;

	return !hmm_p2p_path_alias(exporter, page, &pfn);
}

static enum hmm_p2p_reason query_path(const struct query_state *state,
				      struct hmm_p2p_device *exporter)
{
	const struct hmm_p2p_importer importer = { .dev = state->importer->config.dev };

	return hmm_p2p_path_check(exporter, &importer, NULL);
}

/* A huge page of which a part has no alias is faulted as a whole. */
static enum hmm_p2p_reason alias_reason(struct hmm_p2p_device *exporter,
					struct page *page, bool huge)
{
	unsigned long in_huge = hmm_p2p_page_index(page);
	struct page *head;

	if (!has_alias(exporter, page))
		return HMM_P2P_REASON_NO_ALIAS;
	if (!huge)
		return HMM_P2P_REASON_NONE;
	head = page - in_huge % HPAGE_PMD_NR;
	if (has_alias(exporter, head) && has_alias(exporter, head + HPAGE_PMD_NR - 1))
		return HMM_P2P_REASON_NONE;
	return HMM_P2P_REASON_MIXED_HUGE;
}

static enum hmm_p2p_outcome private_outcome(const struct query_state *state,
					    const struct found *found,
					    enum hmm_p2p_reason *reason)
{
	if (READ_ONCE(state->importer->owner) == hmm_p2p_page_owner(found->page))
		return HMM_P2P_OUTCOME_PRIVATE;
	*reason = query_path(state, found->hdev);
	if (!*reason)
		*reason = alias_reason(found->hdev, found->page,
				       found->flags & HMM_P2P_EXTENT_HUGE);
	return *reason ? HMM_P2P_OUTCOME_MIGRATED : HMM_P2P_OUTCOME_P2P;
}

/* It has no RAM to go to: who may not have it gets nothing. */
static enum hmm_p2p_outcome shared_outcome(const struct query_state *state,
					   const struct found *found,
					   enum hmm_p2p_reason *reason)
{
	*reason = query_path(state, found->hdev);
	return *reason ? HMM_P2P_OUTCOME_NONE : HMM_P2P_OUTCOME_P2P;
}

static enum hmm_p2p_outcome outcome(const struct query_state *state,
				    const struct found *found,
				    enum hmm_p2p_reason *reason)
{
	*reason = HMM_P2P_REASON_NONE;
	if (!state->importer || !found->hdev)
		return HMM_P2P_OUTCOME_NONE;
	if (found->page)
		return private_outcome(state, found, reason);
	return shared_outcome(state, found, reason);
}

static bool extent_matches(const struct hmm_p2p_extent *a,
			   const struct hmm_p2p_extent *b)
{
	return a->addr + a->length == b->addr && a->device == b->device &&
	       a->outcome == b->outcome && a->reason == b->reason &&
	       a->flags == b->flags;
}

/* Returns 1 when the caller has no room for another extent. */
static int extent_add(struct query_state *state, unsigned long addr,
		      const struct found *found)
{
	const struct hmm_p2p_query *arg = state->arg;
	enum hmm_p2p_reason reason;
	struct hmm_p2p_extent extent = {
		.addr = addr,
		.length = PAGE_SIZE,
		.device = found->hdev ? found->hdev->id : 0,
		.outcome = outcome(state, found, &reason),
		.flags = found->flags,
	};

	extent.reason = reason;
	if (state->nr && extent_matches(&state->extents[state->nr - 1], &extent)) {
		state->extents[state->nr - 1].length += PAGE_SIZE;
		return 0;
	}
	if (arg->out_nr_extents + state->nr == arg->nr_extents)
		return 1;
	state->extents[state->nr++] = extent;
	return 0;
}

/* Copies out all extents but the last @keep, which the next piece may grow. */
static int extents_flush(struct query_state *state, u32 keep)
{
	struct hmm_p2p_query *arg = state->arg;
	struct hmm_p2p_extent __user *to = u64_to_user_ptr(arg->extents);
	u32 nr = state->nr - min(state->nr, keep);

	if (copy_to_user(to + arg->out_nr_extents, state->extents,
			 nr * sizeof(*to)))
		return -EFAULT;
	arg->out_nr_extents += nr;
	memmove(state->extents, state->extents + nr,
		(state->nr - nr) * sizeof(*state->extents));
	state->nr -= nr;
	return 0;
}

static void collect_page(struct query_state *state, unsigned long i)
{
	struct found *found = &state->found[i];
	unsigned long entry = state->pfns[i];
	struct page *page;

	if (!(entry & HMM_PFN_VALID))
		return;
	page = hmm_pfn_to_page(entry);
	if (!hmm_p2p_page_is_ours(page))
		return;
	found->hdev = hmm_p2p_page_device(page);
	found->page = page;
	if (entry & HMM_PFN_WRITE)
		found->flags |= HMM_P2P_EXTENT_WRITABLE;
	if (hmm_pfn_to_map_order(entry))
		found->flags |= HMM_P2P_EXTENT_HUGE;
	/* The driver of one that goes away may be gone already, see lifecycle.c. */
	if (!READ_ONCE(found->hdev->removed) && has_alias(found->hdev, page))
		found->flags |= HMM_P2P_EXTENT_WINDOW;
}

static int collect_private(struct query_state *state, unsigned long start,
			   unsigned long end)
{
	struct hmm_p2p_owner *owner = NULL;
	struct hmm_range range = {
		.start = start,
		.end = end,
		.hmm_pfns = state->pfns,
	};
	unsigned long nr = (end - start) >> PAGE_SHIFT, i;
	int ret;

	while ((owner = hmm_p2p_owner_next_live(owner))) {
		memset(state->pfns, 0, sizeof(state->pfns));
		range.dev_private_owner = owner;
		ret = hmm_p2p_mirror_snapshot(&state->mirror, &range);
		if (ret)
			return ret;
		hmm_p2p_fix_huge_offset(state->pfns, range.start, range.end);
		for (i = 0; i < nr; i++)
			collect_page(state, i);
	}
	return 0;
}

/* The device has the memory since mmap(), whether a page table knows it or not. */
static bool is_shared(const struct vm_area_struct *vma, struct found *found)
{
	found->hdev = hmm_p2p_mapped_device(vma);
	if (!found->hdev)
		return false;
	found->flags = HMM_P2P_EXTENT_SHARED | HMM_P2P_EXTENT_WINDOW;
	if (vma->vm_flags & VM_WRITE)
		found->flags |= HMM_P2P_EXTENT_WRITABLE;
	return true;
}

/*
 * A snapshot shows nothing of a mapping that cannot be read, but its pages may have
 * gone to a device before. To collect them would tell, and take them from importers.
 */
static bool is_unreadable(const struct vm_area_struct *vma, struct found *found)
{
	if (vma->vm_flags & (VM_READ | VM_SPECIAL) || !hmm_p2p_owner_next_live(NULL))
		return false;
	found->flags = HMM_P2P_EXTENT_UNREADABLE;
	return true;
}

/* How far does no page table have anything? What devices map is theirs at once. */
static unsigned long vacant_until(const struct vm_area_struct *vma,
				  unsigned long addr, unsigned long end)
{
	if (hmm_p2p_mapped_device(vma))
		return addr;
	/* Its page tables are others, and its pages on no device. */
	if (is_vm_hugetlb_page(vma))
		return end;
	return hmm_p2p_vacant_until(vma, addr, end);
}

/*
 * The first address that has to be looked at, or @end. Gaps between mappings are
 * skipped, and what has no page table: both can be terabytes.
 */
static unsigned long next_touched(struct mm_struct *mm, unsigned long addr,
				  unsigned long end)
{
	VMA_ITERATOR(vmi, mm, addr);
	struct vm_area_struct *vma;
	unsigned long vma_end;

	for_each_vma_range(vmi, vma, end) {
		vma_end = min(end, vma->vm_end);
		addr = vacant_until(vma, max(addr, vma->vm_start), vma_end);
		if (addr < vma_end)
			return addr;
		cond_resched();
	}
	return end;
}

/* What the mappings themselves tell, of the piece of @state from @start on. */
static void collect_mapped(struct query_state *state, unsigned long start,
			   unsigned long end)
{
	VMA_ITERATOR(vmi, state->mirror.mm, start);
	struct vm_area_struct *vma;
	unsigned long addr, vma_end;

	for_each_vma_range(vmi, vma, end) {
		struct found found = {};

		if (!is_shared(vma, &found) && !is_unreadable(vma, &found))
			continue;
		vma_end = min(end, vma->vm_end);
		addr = next_touched(vma->vm_mm, max(start, vma->vm_start), vma_end);
		for (; addr < vma_end; addr += PAGE_SIZE)
			state->found[(addr - start) >> PAGE_SHIFT] = found;
	}
}

/* As extent_add(); @arg->out_next is the page that found no room. */
static int query_locked(struct query_state *state, unsigned long start,
			unsigned long end)
{
	const struct found *found = state->found;
	unsigned long addr;
	int ret;

	memset(state->found, 0, sizeof(state->found));
	ret = collect_private(state, start, end);
	collect_mapped(state, start, end);
	for (addr = start; addr < end && !ret; addr += PAGE_SIZE, found++) {
		state->arg->out_next = addr;
		if (found->flags || found->hdev)
			ret = extent_add(state, addr, found);
	}
	return ret;
}

/* Of the first page table from @start on that may have something; sets @next. */
static int query_piece(struct query_state *state, unsigned long start,
		       unsigned long end, u64 *next)
{
	int idx, ret = 0;

	*next = end;
	/* First: a device that goes does not wait for who waits for it. */
	if (mmap_read_lock_killable(state->mirror.mm))
		return -EINTR;
	/* Keeps the pages' devices, so their struct pages, and the importer. */
	idx = srcu_read_lock(&hmm_p2p_srcu);
	start = next_touched(state->mirror.mm, start, end);
	if (state->importer && READ_ONCE(state->importer->removed)) {
		ret = -ENODEV;
	} else if (start < end) {
		*next = min(end, ALIGN(start + 1, HPAGE_PMD_SIZE));
		state->looked += (*next - start) >> PAGE_SHIFT;
		ret = query_locked(state, start, *next);
	}
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	mmap_read_unlock(state->mirror.mm);
	return ret;
}

static int query_all(struct query_state *state)
{
	struct hmm_p2p_query *arg = state->arg;
	u64 addr = arg->addr, end = arg->addr + arg->length, next;
	int ret;

	for (; addr < end; addr = next) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		ret = query_piece(state, addr, end, &next);
		if (ret < 0)
			return ret;
		if (ret)
			return extents_flush(state, 0);
		ret = extents_flush(state, 1);
		if (ret)
			return ret;
	}
	arg->out_next = end;
	return extents_flush(state, 0);
}

/**
 * hmm_p2p_do_query - report device-resident memory
 * @mm: whose memory
 * @importer: whose outcomes are asked for, or NULL
 * @arg: the call's argument, checked; receives the result
 *
 * Context: may sleep.
 * Return: 0, -ENODEV when the importer went away, -EFAULT, -EINTR, -ENOMEM.
 */
int hmm_p2p_do_query(struct mm_struct *mm, struct hmm_p2p_device *importer,
		     struct hmm_p2p_query *arg)
{
	struct query_state *state;
	int ret;

	arg->out_nr_extents = 0;
	arg->out_next = arg->addr;
	state = kvzalloc_obj(*state, HMM_P2P_GFP_USER);
	if (!state)
		return -ENOMEM;
	state->arg = arg;
	state->importer = importer;
	ret = hmm_p2p_mirror_init(&state->mirror, mm, arg->addr, arg->length);
	if (!ret) {
		ret = query_all(state);
		trace_hmm_p2p_query(arg, state->looked, ret);
		hmm_p2p_mirror_fini(&state->mirror);
	}
	kvfree(state);
	return ret;
}
