// SPDX-License-Identifier: GPL-2.0
/*
 * One try of a step: what is left of it is collected, gets room at the destination, is
 * copied, and goes back into the page table. On the way to RAM there is a pass for each
 * owner that has pages. Here is also which lock that needs, and for how long.
 */
#include <linux/userfaultfd_k.h>

#include "../core/device.h"
#include "../core/mirror.h"
#include "../core/owner.h"
#include "../core/registry.h"
#include "../core/trace.h"
#include "batch.h"
#include "explain.h"
#include "pass.h"
#include "touched.h"

/* What is on a device comes home, whatever was made of its mapping since. */
bool hmm_p2p_can_move(const struct move_state *state, const struct vm_area_struct *vma)
{
	/* What may be dropped, but never be written to swap, would come home as memory. */
	const vm_flags_t never = VM_SPECIAL | VM_SHARED | VM_DROPPABLE | VM_SHADOW_STACK;

	return !is_vm_hugetlb_page(vma) && !(vma->vm_flags & never) &&
	       !vma_is_dax(vma) && (!state->move->hdev || (vma->vm_flags & VM_READ));
}

/* The mapping at @addr if any, and where it or the gap ends: at @stop at most. */
struct vm_area_struct *hmm_p2p_find_mapping(struct mm_struct *mm, unsigned long addr,
					    unsigned long stop, unsigned long *end)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	if (!vma || vma->vm_start > addr) {
		*end = vma ? min(stop, vma->vm_start) : stop;
		return NULL;
	}
	*end = min(stop, vma->vm_end);
	return vma;
}

/* The first @nr pages of the step, as far as they are left, never move. */
static void step_refuse(struct move_state *state, unsigned long nr,
			enum hmm_p2p_reason reason)
{
	state->move->reasons[reason] += bitmap_weight(state->left, nr);
	bitmap_clear(state->left, 0, nr);
}

/* What of the step the mapping at its start covers, if it is one that can move. */
static struct vm_area_struct *step_vma(struct move_state *state, unsigned long *end)
{
	struct vm_area_struct *vma = hmm_p2p_find_mapping(state->move->mm, state->addr,
							  state->stop, end);
	enum hmm_p2p_reason reason = HMM_P2P_REASON_NOT_ANON;

	if (vma && hmm_p2p_can_move(state, vma))
		return vma;
	if (!vma)
		reason = HMM_P2P_REASON_HOLE;
	step_refuse(state, (*end - state->addr) >> PAGE_SHIFT, reason);
	return NULL;
}

void hmm_p2p_pass_unlock(struct move_state *state)
{
	if (state->lock == MOVE_WRITES)
		mmap_write_unlock(state->move->mm);
	else if (state->lock == MOVE_READS)
		mmap_read_unlock(state->move->mm);
	else if (state->lock == MOVE_MAPPING)
		vma_end_read(state->mapping);
	state->lock = MOVE_UNLOCKED;
}

static void step_downgrade(struct move_state *state)
{
	if (state->lock != MOVE_WRITES)
		return;
	mmap_write_downgrade(state->move->mm);
	state->lock = MOVE_READS;
}

/*
 * What is collected needs no more than that its mapping stays, so that others may lock
 * the address space: who moves, maps and unmaps something else. Who changes this mapping
 * waits for the copy. Where the kernel fills holes it needs the mmap_lock, but lets CPU
 * faults in again.
 */
void hmm_p2p_pass_keep_mapping(struct move_state *state, struct vm_area_struct *vma)
{
	step_downgrade(state);
	if (!hmm_p2p_mapping_lock(vma))
		return;
	hmm_p2p_pass_unlock(state);
	state->mapping = vma;
	state->lock = MOVE_MAPPING;
}

static void pass_let_go(struct move_state *state)
{
	struct vm_area_struct *vma = state->batch->args.vma;

	if (hmm_p2p_batch_let_go(state->batch))
		hmm_p2p_pass_keep_mapping(state, vma);
}

/* What has found room on the device is copied, and goes into the page table. */
int hmm_p2p_pass_arrive(struct move_state *state)
{
	struct hmm_p2p_batch *batch = state->batch;
	int ret = hmm_p2p_batch_copy(batch);

	hmm_p2p_batch_move(batch);
	hmm_p2p_batch_count_device(batch, state->move->hdev);
	hmm_p2p_batch_finalize(batch);
	return ret;
}

static int pass_to_device(struct move_state *state)
{
	pass_let_go(state);
	step_downgrade(state);
	hmm_p2p_batch_fill_device(state->batch, state->move->hdev);
	return hmm_p2p_pass_arrive(state);
}

/* With @last, no other pass needs the lock. */
static int pass_to_ram(struct move_state *state, bool last)
{
	struct hmm_p2p_batch *batch = state->batch;
	int ret;

	hmm_p2p_batch_fill_ram(batch);
	if (last)
		pass_let_go(state);
	ret = hmm_p2p_batch_copy(batch);
	hmm_p2p_batch_move(batch);
	hmm_p2p_batch_count_ram(batch, state->move->cause ?: HMM_P2P_COUNTER_TO_RAM);
	hmm_p2p_batch_finalize(batch);
	if (!ret && batch->no_room)
		ret = -ENOMEM;
	return ret;
}

void hmm_p2p_pass_account(struct move_state *state, unsigned long nr)
{
	struct hmm_p2p_batch *batch = state->batch;
	struct hmm_p2p_move *move = state->move;

	/* All of the bitmap: the step can be longer than this mapping. */
	move->moved += bitmap_weight_and(state->left, batch->done,
					 HMM_P2P_BATCH_PAGES);
	move->populated += bitmap_weight_and(state->left, batch->zeroed,
					     HMM_P2P_BATCH_PAGES);
	bitmap_andnot(state->left, state->left, batch->done, HMM_P2P_BATCH_PAGES);
	trace_hmm_p2p_migrate(move->hdev ? move->hdev->name : "any device",
			      move->hdev, state->addr, nr, bitmap_weight(batch->done, nr));
}

/* See is_shared_huge(), for one that has a mirror. */
static bool is_seen_shared(struct move_state *state, void *owner)
{
	struct hmm_range range = {
		.notifier = &state->mirror.notifier,
		.notifier_seq = mmu_interval_read_begin(&state->mirror.notifier),
		.start = state->addr,
		.end = state->addr + PAGE_SIZE,
		.hmm_pfns = state->pfns,
		.dev_private_owner = owner,
	};
	unsigned long entry;

	if (hmm_range_fault(&range))
		return true;
	entry = state->pfns[0];
	/* The mapping cannot be read, or it is another owner's. */
	if (entry & HMM_PFN_ERROR)
		return true;
	return (entry & HMM_PFN_VALID) &&
	       hmm_pfn_to_map_order(entry) == HPAGE_PMD_ORDER &&
	       folio_mapcount(page_folio(hmm_pfn_to_page(entry))) > 1;
}

/*
 * Is there a huge device page that other processes map, too, and may it not be moved
 * whole then? What cannot be told counts as one: to split is always right.
 */
static bool is_shared_huge(struct move_state *state, void *owner)
{
	if (__is_defined(HMM_P2P_ZAP_FIXED))
		return false;
	/* If the one that a blind move is about is not here, none is going to move. */
	if (hmm_p2p_move_is_blind(state))
		return folio_mapcount(page_folio(state->only)) > 1;
	return is_seen_shared(state, owner);
}

/* As hmm_p2p_step_merged(), which only memory that goes to a device has to ask. */
int hmm_p2p_keep_merged(struct move_state *state, const struct vm_area_struct *vma,
			unsigned long *end)
{
	if (!state->move->hdev || !(vma->vm_flags & VM_MERGEABLE))
		return 0;
	return hmm_p2p_step_merged(state, end);
}

/* What came there since the step was looked at stays, if the move is not about it. */
static void leave_others(const struct move_state *state)
{
	struct migrate_vma *args = &state->batch->args;
	struct page *page;
	unsigned long i;

	for (i = 0; args->cpages && i < args->npages; i++) {
		page = migrate_pfn_to_page(args->src[i]);
		if (page && !hmm_p2p_move_wants(state, page))
			args->src[i] &= ~MIGRATE_PFN_MIGRATE;
	}
}

/*
 * Collects what is left of the step, as far as one mapping covers it: on the way to a
 * device what is in system memory or nowhere yet, to RAM what belongs to @owner. Sets
 * @nr to the pages of that, 0 when nothing there can move.
 */
int hmm_p2p_pass_begin(struct move_state *state, struct hmm_p2p_owner *owner,
		       unsigned long compound, unsigned long *nr)
{
	bool to_device = state->move->hdev;
	struct vm_area_struct *vma;
	unsigned long end;
	int ret;

	*nr = 0;
	bitmap_zero(state->batch->done, HMM_P2P_BATCH_PAGES);
	bitmap_zero(state->batch->zeroed, HMM_P2P_BATCH_PAGES);
	state->batch->args.cpages = 0;
	vma = step_vma(state, &end);
	if (!vma)
		return 0;
	if (state->lock == MOVE_WRITES)
		vma_start_write(vma);
	ret = hmm_p2p_keep_merged(state, vma, &end);
	if (ret)
		return min(ret, 0);
	*nr = (end - state->addr) >> PAGE_SHIFT;
	state->userfault = userfaultfd_armed(vma);
	state->file = !vma_is_anonymous(vma);
	/* Whoever asked for no huge pages gets none by first touch either. */
	if (to_device ? vma->vm_flags & VM_NOHUGEPAGE :
			compound && is_shared_huge(state, owner))
		compound = 0;
	ret = hmm_p2p_batch_setup(state->batch, vma, state->addr, end, owner, compound |
				  (to_device ? MIGRATE_VMA_SELECT_SYSTEM :
					       MIGRATE_VMA_SELECT_DEVICE_PRIVATE));
	leave_others(state);
	if (!ret && to_device && !state->move->populate)
		state->move->reasons[HMM_P2P_REASON_UNTOUCHED] +=
			hmm_p2p_drop_untouched(state->batch, state->left);
	return ret;
}

static int step_to_device(struct move_state *state, unsigned long compound)
{
	struct hmm_p2p_device *hdev = state->move->hdev;
	unsigned long nr = 0;
	int ret = -ENODEV;

	if (!READ_ONCE(hdev->removed))
		ret = hmm_p2p_pass_begin(state, READ_ONCE(hdev->owner), compound, &nr);
	if (!ret && state->batch->args.cpages)
		ret = pass_to_device(state);
	if (nr)
		hmm_p2p_pass_account(state, nr);
	state->split |= state->batch->want_split;
	return ret;
}

/* May pages of @owner be what the move is about? */
static bool is_wanted_owner(const struct move_state *state,
			    const struct hmm_p2p_owner *owner)
{
	return !state->only ||
	       READ_ONCE(hmm_p2p_page_device(state->only)->owner) == owner;
}

/* The next owner, from the first on, of pages that the move may be about. */
static struct hmm_p2p_owner *next_wanted_owner(const struct move_state *state,
					       struct hmm_p2p_owner *owner)
{
	do
		owner = hmm_p2p_owner_next_live(owner);
	while (owner && !is_wanted_owner(state, owner));
	return owner;
}

/* A pass for each owner. */
static int step_to_ram(struct move_state *state, unsigned long compound)
{
	struct hmm_p2p_owner *owner = next_wanted_owner(state, NULL), *next;
	unsigned long nr;
	int ret = 0;

	for (; !ret && owner; owner = next) {
		next = next_wanted_owner(state, owner);
		ret = hmm_p2p_pass_begin(state, owner, compound, &nr);
		if (!ret && state->batch->args.cpages)
			ret = pass_to_ram(state, !next);
		if (nr)
			hmm_p2p_pass_account(state, nr);
		state->split |= state->batch->want_split;
	}
	return ret;
}

/* Does ksmd merge what is at the start of the step? */
static bool is_mergeable(const struct move_state *state)
{
	struct vm_area_struct *vma = find_vma(state->move->mm, state->addr);

	return vma && (vma->vm_flags & VM_MERGEABLE);
}

/* Is none of the pages that may come home a huge one? */
static bool is_all_small(const struct move_state *state)
{
	struct hmm_p2p_owner *owner = NULL;

	guard(srcu)(&hmm_p2p_srcu);
	while ((owner = next_wanted_owner(state, owner)))
		if (atomic_long_read(&owner->huge))
			return false;
	return true;
}

/*
 * A page that a CPU fault has at the moment is busy. Later tries lock the mapping for
 * writing, and so wait for faults.
 */
static bool is_first_try(const struct move_state *state)
{
	return state->tries == MOVE_TRIES;
}

/* Has the kernel neither bug for which huge pages come home with the mmap_lock for writing? */
static bool huge_ones_read(void)
{
	return __is_defined(HMM_P2P_COLLECT_READS) && __is_defined(HMM_P2P_ZAP_FIXED);
}

/* Is it enough to read? A hint, until it is asked again with the mmap_lock. */
static bool may_read(const struct move_state *state, bool locked)
{
	if (state->move->hdev)
		return __is_defined(HMM_P2P_COLLECT_READS) &&
		       !(locked && is_mergeable(state));
	return is_first_try(state) && (huge_ones_read() || is_all_small(state));
}

/*
 * Nobody else may take pages away while they are collected: migrate_vma_setup()
 * (7.2) lets go of the page table before it takes a reference on a huge page that
 * it is going to split. So that is done with the mapping locked for writing.
 *
 * A huge page on its way to RAM keeps it locked to the end: who unmaps a huge device
 * page that is being migrated (7.2, 7.3) drops a reference and a mapping that it has
 * not got. For the same reason one that is mapped elsewhere is split first. Where that is
 * mended, it reads, as for small ones.
 *
 * Small pages come home with the mmap_lock for reading. Of what is collected then, only
 * device pages of the owner's are looked at, and where he has no huge page none of them
 * is one to split: each gets its reference under the lock of its page table. Nor does a
 * huge one come there meanwhile: a device page comes by a move, which has no turn in this
 * range, or with its mapping, which needs the mmap_lock. If one did, it would be split,
 * and not be migrated as a whole: that is @compound.
 */
int hmm_p2p_pass_lock(struct move_state *state, unsigned long *compound)
{
	int ret;

	if (may_read(state, false)) {
		ret = hmm_p2p_move_lock_read(state->move);
		if (ret)
			return ret;
		state->lock = MOVE_READS;
		if (may_read(state, true)) {
			if (!state->move->hdev && !huge_ones_read())
				*compound = 0;
			return 0;
		}
		hmm_p2p_pass_unlock(state);
	}
	ret = hmm_p2p_move_lock_write(state->move);
	if (!ret)
		state->lock = MOVE_WRITES;
	return ret;
}

/*
 * The lock comes first: a fault may hold it for as long as a filesystem likes,
 * and devices that go away wait for the section.
 */
static int step_locked(struct move_state *state, unsigned long compound)
{
	int idx, ret;

	state->batch->want_split = false;
	ret = hmm_p2p_pass_lock(state, &compound);
	if (ret)
		return ret;
	idx = srcu_read_lock(&hmm_p2p_srcu);
	if (state->move->hdev)
		ret = step_to_device(state, compound);
	else
		ret = step_to_ram(state, compound);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	hmm_p2p_pass_unlock(state);
	return ret;
}

/*
 * One try for what is left of the step: huge pages as a whole, then in pieces those
 * that found no huge page.
 */
int hmm_p2p_pass_try(struct move_state *state)
{
	int ret;

	state->batch->no_room = 0;
	state->split = false;
	ret = step_locked(state, MIGRATE_VMA_SELECT_COMPOUND);
	if (!ret && state->split)
		ret = step_locked(state, 0);
	return ret;
}
