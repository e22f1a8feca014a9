// SPDX-License-Identifier: GPL-2.0
/* Where a process's memory is, and what an importer would get, unfaulted. */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

/**
 * struct query_state - a query under way
 * @arg: what was asked for
 * @importer: whose outcomes are asked for, or NULL
 * @mirror: covers the whole range
 * @pfns: snapshot of one piece for one owner
 * @pages: device pages of one piece
 * @flags: HMM_P2P_EXTENT_* of each of @pages
 * @extents: found and not yet copied to the caller
 * @nr: length of @extents; the last one may grow
 */
struct query_state {
	struct hmm_p2p_query *arg;
	struct hmm_p2p_device *importer;
	struct hmm_p2p_mirror mirror;
	unsigned long pfns[HMM_P2P_BATCH_PAGES];
	struct page *pages[HMM_P2P_BATCH_PAGES];
	u8 flags[HMM_P2P_BATCH_PAGES];
	struct hmm_p2p_extent extents[HMM_P2P_BATCH_PAGES + 1];
	u32 nr;
};

static bool has_alias(struct hmm_p2p_device *exporter, struct page *page)
{
	unsigned long pfn;

	return !exporter->config.ops->get_dma_pfn_for_device(page, &pfn);
}

/* A huge page of which a part has no alias is faulted as a whole. */
static enum hmm_p2p_reason alias_reason(struct hmm_p2p_device *exporter,
					struct page *page, bool huge)
{
	unsigned long in_huge = hmm_p2p_page_offset(page) >> PAGE_SHIFT;
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

static enum hmm_p2p_outcome page_outcome(const struct query_state *state,
					 struct page *page, bool huge,
					 enum hmm_p2p_reason *reason)
{
	struct hmm_p2p_device *exporter = hmm_p2p_page_device(page);
	struct hmm_p2p_device *importer = state->importer;

	*reason = HMM_P2P_REASON_NONE;
	if (!importer)
		return HMM_P2P_OUTCOME_NONE;
	if (importer->owner == hmm_p2p_page_owner(page))
		return HMM_P2P_OUTCOME_PRIVATE;
	*reason = hmm_p2p_path_check(exporter, importer->config.dev, NULL);
	if (!*reason)
		*reason = alias_reason(exporter, page, huge);
	return *reason ? HMM_P2P_OUTCOME_MIGRATED : HMM_P2P_OUTCOME_P2P;
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
		      struct page *page, u8 flags)
{
	const struct hmm_p2p_query *arg = state->arg;
	enum hmm_p2p_reason reason;
	struct hmm_p2p_extent extent = {
		.addr = addr,
		.length = PAGE_SIZE,
		.device = hmm_p2p_page_device(page)->id,
		.outcome = page_outcome(state, page, flags & HMM_P2P_EXTENT_HUGE,
					&reason),
		.flags = flags,
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
	unsigned long entry = state->pfns[i];
	struct page *page;

	if (!(entry & HMM_PFN_VALID))
		return;
	page = hmm_pfn_to_page(entry);
	if (!hmm_p2p_page_is_ours(page))
		return;
	state->pages[i] = page;
	state->flags[i] = entry & HMM_PFN_WRITE ? HMM_P2P_EXTENT_WRITABLE : 0;
	if (hmm_pfn_to_map_order(entry))
		state->flags[i] |= HMM_P2P_EXTENT_HUGE;
}

static int collect(struct query_state *state, unsigned long addr, unsigned long nr)
{
	struct hmm_p2p_owner *owner = NULL;
	struct hmm_range range = {
		.start = addr,
		.end = addr + (nr << PAGE_SHIFT),
		.hmm_pfns = state->pfns,
	};
	unsigned long i;
	int ret;

	memset(state->pages, 0, sizeof(state->pages));
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

/* As extent_add(); @arg->out_next is the page that found no room. */
static int query_piece(struct query_state *state, unsigned long addr,
		       unsigned long nr)
{
	unsigned long i;
	int idx, ret;

	/* First: a device that goes does not wait for who waits for it. */
	if (mmap_read_lock_killable(state->mirror.mm))
		return -EINTR;
	/* Keeps the pages' devices, so their struct pages, and the importer. */
	idx = srcu_read_lock(&hmm_p2p_srcu);
	ret = collect(state, addr, nr);
	if (!ret && state->importer && READ_ONCE(state->importer->removed))
		ret = -ENODEV;
	for (i = 0; i < nr && !ret; i++, addr += PAGE_SIZE) {
		state->arg->out_next = addr;
		if (state->pages[i])
			ret = extent_add(state, addr, state->pages[i],
					 state->flags[i]);
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
		next = min(end, ALIGN(addr + 1, HPAGE_PMD_SIZE));
		ret = query_piece(state, addr, (next - addr) >> PAGE_SHIFT);
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
	state = kvzalloc_obj(*state, GFP_KERNEL);
	if (!state)
		return -ENOMEM;
	state->arg = arg;
	state->importer = importer;
	ret = hmm_p2p_mirror_init(&state->mirror, mm, arg->addr, arg->length);
	if (!ret) {
		ret = query_all(state);
		hmm_p2p_mirror_fini(&state->mirror);
	}
	kvfree(state);
	return ret;
}
