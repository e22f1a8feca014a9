// SPDX-License-Identifier: GPL-2.0
/*
 * One step of a move: memory of one huge page at most, in one mapping. It is tried,
 * and what did not move is looked at (see explain.c): it was there before, it can
 * never move, it has to be fetched from swap or from another device first, or it
 * is busy.
 *
 * What moves is pages: memory that nobody has touched stays as it is, unless the
 * move is to populate it. Where the destination has no room, whoever asked is told,
 * and may make some.
 */
#include <linux/err.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/userfaultfd_k.h>

#include "batch.h"
#include "device.h"
#include "explain.h"
#include "lists.h"
#include "mirror.h"
#include "owner.h"
#include "ram.h"
#include "registry.h"
#include "step.h"
#include "touched.h"
#include "trace.h"
#include "turn.h"

/*
 * A page that is locked or isolated for a moment does not migrate. It gets this
 * many tries before it is reported as busy: as many as in migrate_pages().
 */
#define MOVE_TRIES	10

/* What is on a device comes home, whatever was made of its mapping since. */
static bool vma_can_move(const struct move_state *state, const struct vm_area_struct *vma)
{
	/* What may be dropped, but never be written to swap, would come home as memory. */
	const vm_flags_t never = VM_SPECIAL | VM_SHARED | VM_DROPPABLE | VM_SHADOW_STACK;

	return !is_vm_hugetlb_page(vma) && !(vma->vm_flags & never) &&
	       !vma_is_dax(vma) && (!state->move->hdev || (vma->vm_flags & VM_READ));
}

/* The mapping at @addr if any, and where it or the gap ends: at @stop at most. */
static struct vm_area_struct *step_find(struct mm_struct *mm, unsigned long addr,
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

static unsigned long step_pages(const struct move_state *state)
{
	return (state->stop - state->addr) >> PAGE_SHIFT;
}

/* Is all of the step accounted for? */
static bool step_is_done(const struct move_state *state)
{
	return bitmap_empty(state->left, step_pages(state));
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
	struct vm_area_struct *vma = step_find(state->move->mm, state->addr,
					       state->stop, end);
	enum hmm_p2p_reason reason = HMM_P2P_REASON_NOT_ANON;

	if (vma && vma_can_move(state, vma))
		return vma;
	if (!vma)
		reason = HMM_P2P_REASON_HOLE;
	step_refuse(state, (*end - state->addr) >> PAGE_SHIFT, reason);
	return NULL;
}

static void step_unlock(struct move_state *state)
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
static void step_keep_mapping(struct move_state *state)
{
	struct vm_area_struct *vma = state->batch->args.vma;

	if (!hmm_p2p_batch_let_go(state->batch))
		return;
	step_downgrade(state);
	if (!hmm_p2p_mapping_lock(vma))
		return;
	step_unlock(state);
	state->mapping = vma;
	state->lock = MOVE_MAPPING;
}

static int pass_to_device(struct move_state *state)
{
	struct hmm_p2p_batch *batch = state->batch;
	struct hmm_p2p_move *move = state->move;
	int ret;

	step_keep_mapping(state);
	step_downgrade(state);
	hmm_p2p_batch_fill_device(batch, move->hdev);
	ret = hmm_p2p_batch_copy(batch);
	hmm_p2p_batch_move(batch);
	hmm_p2p_batch_count_device(batch, move->hdev);
	hmm_p2p_batch_finalize(batch);
	return ret;
}

/* With @last, no other pass needs the lock. */
static int pass_to_ram(struct move_state *state, bool last)
{
	struct hmm_p2p_batch *batch = state->batch;
	int ret;

	hmm_p2p_batch_fill_ram(batch);
	if (last)
		step_keep_mapping(state);
	ret = hmm_p2p_batch_copy(batch);
	hmm_p2p_batch_move(batch);
	hmm_p2p_batch_count_ram(batch, state->move->cause ?: HMM_P2P_COUNTER_TO_RAM);
	hmm_p2p_batch_finalize(batch);
	if (!ret && batch->no_room)
		ret = -ENOMEM;
	return ret;
}

static void pass_account(struct move_state *state, unsigned long nr)
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
 * Is there a huge device page that other processes map, too? What cannot be
 * told counts as one: to split is always right.
 */
static bool is_shared_huge(struct move_state *state, void *owner)
{
	/* If the one that a blind move is about is not here, none is going to move. */
	if (hmm_p2p_move_is_blind(state))
		return folio_mapcount(page_folio(state->only)) > 1;
	return is_seen_shared(state, owner);
}

/* As hmm_p2p_step_merged(), which only memory that goes to a device has to ask. */
static int keep_merged(struct move_state *state, const struct vm_area_struct *vma,
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
static int pass_begin(struct move_state *state, struct hmm_p2p_owner *owner,
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
	ret = keep_merged(state, vma, &end);
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
		ret = pass_begin(state, READ_ONCE(hdev->owner), compound, &nr);
	if (!ret && state->batch->args.cpages)
		ret = pass_to_device(state);
	if (nr)
		pass_account(state, nr);
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
		ret = pass_begin(state, owner, compound, &nr);
		if (!ret && state->batch->args.cpages)
			ret = pass_to_ram(state, !next);
		if (nr)
			pass_account(state, nr);
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

/* Is it enough to read? A hint, until it is asked again with the mmap_lock. */
static bool may_read(const struct move_state *state, bool locked)
{
	if (state->move->hdev)
		return __is_defined(HMM_P2P_COLLECT_READS) &&
		       !(locked && is_mergeable(state));
	return is_first_try(state) && is_all_small(state);
}

/*
 * Nobody else may take pages away while they are collected: migrate_vma_setup()
 * (7.2) lets go of the page table before it takes a reference on a huge page that
 * it is going to split. So that is done with the mapping locked for writing.
 *
 * A huge page on its way to RAM keeps it locked to the end: who unmaps a huge device
 * page that is being migrated (7.2, 7.3) drops a reference and a mapping that it has
 * not got. For the same reason one that is mapped elsewhere is split first.
 *
 * Small pages come home with the mmap_lock for reading. Of what is collected then, only
 * device pages of the owner's are looked at, and where he has no huge page none of them
 * is one to split: each gets its reference under the lock of its page table. Nor does a
 * huge one come there meanwhile: a device page comes by a move, which has no turn in this
 * range, or with its mapping, which needs the mmap_lock. If one did, it would be split,
 * and not be migrated as a whole: that is @compound.
 */
static int step_lock(struct move_state *state, unsigned long *compound)
{
	int ret;

	if (may_read(state, false)) {
		ret = hmm_p2p_move_lock_read(state->move);
		if (ret)
			return ret;
		state->lock = MOVE_READS;
		if (may_read(state, true)) {
			if (!state->move->hdev)
				*compound = 0;
			return 0;
		}
		step_unlock(state);
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
	ret = step_lock(state, &compound);
	if (ret)
		return ret;
	idx = srcu_read_lock(&hmm_p2p_srcu);
	if (state->move->hdev)
		ret = step_to_device(state, compound);
	else
		ret = step_to_ram(state, compound);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	step_unlock(state);
	return ret;
}

/*
 * One try for what is left of the step: huge pages as a whole, then in pieces those
 * that found no huge page.
 */
static int step_try(struct move_state *state)
{
	int ret;

	state->batch->no_room = 0;
	state->split = false;
	ret = step_locked(state, MIGRATE_VMA_SELECT_COMPOUND);
	if (!ret && state->split)
		ret = step_locked(state, 0);
	return ret;
}

/* How far there is nothing that has to be looked at page by page? */
static unsigned long skip_until(const struct move_state *state,
				struct vm_area_struct *vma, unsigned long addr,
				unsigned long end)
{
	if (!vma || !vma_can_move(state, vma))
		return end;
	if (state->move->populate && vma_is_anonymous(vma))
		return addr;
	return hmm_p2p_vacant_until(vma, addr, end);
}

/* What counts the pages that are skipped so. */
static u64 *skip_count(struct move_state *state, struct vm_area_struct *vma)
{
	u64 *reasons = state->move->reasons;

	if (!vma)
		return &reasons[HMM_P2P_REASON_HOLE];
	if (!vma_can_move(state, vma))
		return &reasons[HMM_P2P_REASON_NOT_ANON];
	if (!state->move->hdev)
		return &state->move->already;
	if (!vma_is_anonymous(vma))
		return &reasons[HMM_P2P_REASON_NOT_ANON];
	return &reasons[HMM_P2P_REASON_UNTOUCHED];
}

/*
 * Where does the step end, at @end at most? With the mapping, or with the page table.
 * Later passes may find another mapping there, and deal with what of the step it
 * covers. Returns 1 when there is nothing to try.
 */
static int step_cut(struct move_state *state, unsigned long end)
{
	unsigned long addr = state->addr, skipped;
	struct vm_area_struct *vma;
	int ret;

	state->userfault = false;
	state->file = false;
	ret = hmm_p2p_move_lock_read(state->move);
	if (ret)
		return ret;
	vma = step_find(state->move->mm, addr, end, &end);
	/* A gap can be long: it is dealt with as a whole. */
	skipped = skip_until(state, vma, addr, end);
	*skip_count(state, vma) += (skipped - addr) >> PAGE_SHIFT;
	if (skipped > addr) {
		state->stop = skipped;
	} else {
		state->stop = min(end, ALIGN(addr + 1, HPAGE_PMD_SIZE));
		bitmap_zero(state->left, HMM_P2P_BATCH_PAGES);
		bitmap_set(state->left, 0, step_pages(state));
		end = state->stop;
		ret = keep_merged(state, vma, &end);
	}
	mmap_read_unlock(state->move->mm);
	return skipped > addr ? 1 : ret;
}

/**
 * hmm_p2p_step_give_up - whatever is left of a step stays behind
 * @state: a move
 * @error: 0, or what ended it
 *
 * Context: any.
 * Return: @error; -ENOSPC when there was no room, -ENODEV.
 */
int hmm_p2p_step_give_up(struct move_state *state, int error)
{
	enum hmm_p2p_reason reason = HMM_P2P_REASON_BUSY;
	unsigned long left = bitmap_weight(state->left, step_pages(state));
	/* What it was about may have turned out to be there already. */
	bool no_room = left && state->batch->no_room;

	if (error == -EIO)
		reason = HMM_P2P_REASON_DEVICE_ERROR;
	else if (error == -ENOMEM)
		reason = HMM_P2P_REASON_NO_MEMORY;
	else if (no_room)
		reason = HMM_P2P_REASON_NO_DEVICE_MEMORY;
	state->move->reasons[reason] += left;
	if (error)
		return error;
	if (state->move->hdev && READ_ONCE(state->move->hdev->removed))
		return -ENODEV;
	return reason == HMM_P2P_REASON_NO_DEVICE_MEMORY ? -ENOSPC : 0;
}

/*
 * Is there RAM for what the step is to bring there? When that is in doubt, first
 * see whether there is anything to bring.
 */
static int step_room(struct move_state *state)
{
	unsigned long nr = step_pages(state);
	int ret;

	if (state->move->hdev || hmm_p2p_ram_ample(nr))
		return 0;
	ret = hmm_p2p_step_explain(state);
	if (ret || bitmap_empty(state->left, nr))
		return ret;
	return hmm_p2p_ram_room(nr) ? 0 : -ENOMEM;
}

/*
 * Has the process ended, and only we keep its memory? Then it all goes with us. Of
 * two who move it neither sees that.
 */
static bool is_orphan(const struct mm_struct *mm)
{
	return mm != current->mm && atomic_read(&mm->mm_users) == 1;
}

/**
 * hmm_p2p_step_begin - where does the next step end, and is there anything to move?
 * @state: a move; its @addr is set to where the step starts, its @stop to the end
 * @addr: where it starts
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: 1 when there is; 0 when all of it is accounted for; -ESRCH when the process
 * has ended; -ENOMEM, -EINTR, or as hmm_range_fault().
 */
int hmm_p2p_step_begin(struct move_state *state, unsigned long addr)
{
	int ret;

	if (is_orphan(state->move->mm))
		return -ESRCH;
	state->addr = addr;
	ret = step_cut(state, state->move->end);
	if (ret)
		return min(ret, 0);
	ret = hmm_p2p_step_settle(state);
	if (ret || step_is_done(state))
		return ret;
	if (!state->batch)
		state->batch = hmm_p2p_batch_alloc(HMM_P2P_BATCH_PAGES,
						   HMM_P2P_GFP_USER);
	if (!state->batch)
		return -ENOMEM;
	state->batch->claim = state->move->claim;
	state->tries = hmm_p2p_move_is_blind(state) ? 1 : MOVE_TRIES;
	ret = step_room(state);
	if (ret || step_is_done(state))
		return hmm_p2p_step_give_up(state, ret);
	return 1;
}

static int step_tries(struct move_state *state)
{
	int ret = 0;

	while (state->tries) {
		ret = step_try(state);
		if (step_is_done(state))
			return 0;
		if (ret && ret != -EIO && ret != -ENOMEM)
			return ret;
		ret = hmm_p2p_step_explain(state) ?: ret;
		if (ret || step_is_done(state))
			break;
		if (state->batch->no_room)
			return 1;
		state->tries--;
		if (state->tries && !state->drained)
			hmm_p2p_drain_lists();
		state->drained = true;
	}
	return hmm_p2p_step_give_up(state, ret);
}

/**
 * hmm_p2p_step_move - move what is left of a step
 * @state: a move; the step may end earlier afterwards
 *
 * Who moves something of it at the same time is waited for, by whoever waits for the
 * mmap_lock.
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: 0 when all of it is accounted for; 1 when the destination has no room for
 * what is left: hmm_p2p_step_give_up(), or make some and call again; -ENODEV, -EIO,
 * -ENOMEM, -EBUSY, -EINTR, or as hmm_range_fault().
 */
int hmm_p2p_step_move(struct move_state *state)
{
	struct hmm_p2p_turn turn = {
		.mm = state->move->mm,
		.start = state->addr,
		.end = state->stop,
	};
	int ret = hmm_p2p_turn_begin(&turn, !state->move->try_lock);

	if (ret)
		return ret;
	ret = step_tries(state);
	hmm_p2p_turn_end(&turn);
	return ret;
}

/**
 * hmm_p2p_step_claim_next - claim what is on the device, a step further
 * @state: a move to a device
 * @addr: where to begin
 * @stop: where to end; receives how far it went
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: 0, -EINTR, or as hmm_range_fault().
 */
int hmm_p2p_step_claim_next(struct move_state *state, unsigned long addr,
			    unsigned long *stop)
{
	DECLARE_BITMAP(settled, HMM_P2P_BATCH_PAGES);
	struct mm_struct *mm = state->move->mm;
	struct vm_area_struct *vma;
	unsigned long end, skipped;
	int ret = 0;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = step_find(mm, addr, *stop, &end);
	skipped = end;
	if (vma && vma_can_move(state, vma))
		skipped = hmm_p2p_vacant_until(vma, addr, end);
	*stop = skipped;
	if (skipped == addr) {
		*stop = min(end, ALIGN(addr + 1, HPAGE_PMD_SIZE));
		ret = hmm_p2p_step_claim(state, addr, *stop, settled);
	}
	mmap_read_unlock(mm);
	return ret;
}

/**
 * hmm_p2p_move_begin_blind - hmm_p2p_move_begin() without a mirror
 * @move: what to move: to RAM, and of one chunk
 *
 * Context: may sleep.
 * Return: the state, whose @only is to be set, for hmm_p2p_move_end(); or -ENOMEM as
 * a pointer.
 */
struct move_state *hmm_p2p_move_begin_blind(struct hmm_p2p_move *move)
{
	struct move_state *state = kzalloc_obj(*state, HMM_P2P_GFP_USER);

	if (!state)
		return ERR_PTR(-ENOMEM);
	state->move = move;
	return state;
}

/**
 * hmm_p2p_move_begin - begin to move a range, step by step
 * @move: what to move; all of its results add up
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: the state, for hmm_p2p_move_end(); or -ENOMEM, -EINTR as a pointer.
 */
struct move_state *hmm_p2p_move_begin(struct hmm_p2p_move *move)
{
	unsigned long npages = (move->end - move->start) >> PAGE_SHIFT;
	struct move_state *state = hmm_p2p_move_begin_blind(move);
	int ret = -ENOMEM;

	if (IS_ERR(state))
		return state;
	state->pfns = kvmalloc_array(min(npages, HMM_P2P_BATCH_PAGES),
				     sizeof(*state->pfns), HMM_P2P_GFP_USER);
	if (state->pfns)
		ret = hmm_p2p_mirror_init(&state->mirror, move->mm, move->start,
					  move->end - move->start);
	if (!ret)
		return state;
	kvfree(state->pfns);
	kfree(state);
	return ERR_PTR(ret);
}

void hmm_p2p_move_end(struct move_state *state)
{
	if (!hmm_p2p_move_is_blind(state))
		hmm_p2p_mirror_fini(&state->mirror);
	kvfree(state->pfns);
	hmm_p2p_batch_free(state->batch);
	kfree(state);
}
