// SPDX-License-Identifier: GPL-2.0
/*
 * A process as a device sees it: the interval notifier and the retry protocol
 * of Documentation/mm/hmm.rst, once, for everybody in this module.
 *
 * Nothing is pinned. A fault's result holds as long as the notifier was not
 * invalidated; who uses it takes the mirror lock, checks, and uses it under
 * the lock. Invalidation takes the same lock, so it returns only when the use
 * has stopped. It may be part of reclaim, so nothing under the lock may allocate
 * in a way that waits for reclaim.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "device.h"
#include "fault.h"
#include "mirror.h"

static bool mirror_invalidate(struct mmu_interval_notifier *notifier,
			      const struct mmu_notifier_range *range,
			      unsigned long cur_seq)
{
	struct hmm_p2p_mirror *mirror =
		container_of(notifier, struct hmm_p2p_mirror, notifier);

	if (mmu_notifier_range_blockable(range))
		mutex_lock(&mirror->lock);
	else if (!mutex_trylock(&mirror->lock))
		return false;
	mmu_interval_set_seq(notifier, cur_seq);
	if (mirror->unmap)
		mirror->unmap(mirror, range);
	mutex_unlock(&mirror->lock);
	return true;
}

static const struct mmu_interval_notifier_ops mirror_ops = {
	.invalidate = mirror_invalidate,
};

/* Waits for every fault under way. What is locked for writing is so until the mmap_lock goes. */
static int lock_mappings(struct mm_struct *mm)
{
	VMA_ITERATOR(vmi, mm, 0);
	struct vm_area_struct *vma;
	int ret = 0;

	for_each_vma(vmi, vma) {
		ret = vma_start_write_killable(vma);
		if (ret)
			break;
	}
	return ret;
}

/*
 * A process's first notifier takes all of its locks, and the kernel waits for them in
 * a way that cannot be killed, with one lock that all processes share. So they are
 * taken before it, where who waits for a process that is stuck can be killed.
 */
static int insert_first(struct hmm_p2p_mirror *mirror, unsigned long start,
			unsigned long length)
{
	struct mm_struct *mm = mirror->mm;
	int ret;

	if (mmap_write_lock_killable(mm))
		return -EINTR;
	ret = lock_mappings(mm);
	if (!ret)
		ret = mmu_interval_notifier_insert_locked(&mirror->notifier, mm, start,
							  length, &mirror_ops);
	mmap_write_unlock(mm);
	return ret;
}

/**
 * hmm_p2p_mirror_init - begin to see a range of a process
 * @mirror: to be set up
 * @mm: the process, with a reference as mmget() takes it
 * @start: first byte
 * @length: bytes
 *
 * Context: may sleep; the mmap_lock of @mm is not held.
 * Return: 0, -EINTR after a signal, -ENOMEM, -EOVERFLOW.
 */
int hmm_p2p_mirror_init(struct hmm_p2p_mirror *mirror, struct mm_struct *mm,
			unsigned long start, unsigned long length)
{
	mutex_init(&mirror->lock);
	mirror->mm = mm;
	mirror->unmap = NULL;
	if (!mm_has_notifiers(mm))
		return insert_first(mirror, start, length);
	return mmu_interval_notifier_insert(&mirror->notifier, mm, start, length,
					    &mirror_ops);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_mirror_init, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_mirror_fini - the end of hmm_p2p_mirror_init()
 * @mirror: nobody uses it any more
 *
 * Context: may sleep, for as long as an invalidation runs; no lock that one takes is held.
 */
void hmm_p2p_mirror_fini(struct hmm_p2p_mirror *mirror)
{
	mmu_interval_notifier_remove(&mirror->notifier);
	mutex_destroy(&mirror->lock);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_mirror_fini, HMM_P2P_INTERNAL_NS);

/*
 * One try: -EBUSY when the range was invalidated meanwhile, -EAGAIN when it had to
 * wait for a userfault.
 */
static int mirror_try(struct hmm_p2p_mirror *mirror, struct hmm_range *range,
		      const struct hmm_p2p_fault *fault)
{
	int ret;

	range->notifier = &mirror->notifier;
	range->notifier_seq = mmu_interval_read_begin(range->notifier);

	if (mmap_read_lock_killable(mirror->mm))
		return -EINTR;
	ret = fault ? hmm_p2p_fault_for(range, fault, true) : hmm_range_fault(range);
	mmap_read_unlock(mirror->mm);
	if (ret)
		return ret;

	if (mutex_lock_killable(&mirror->lock))
		return -EINTR;
	if (mmu_interval_read_retry(range->notifier, range->notifier_seq)) {
		mutex_unlock(&mirror->lock);
		return -EBUSY;
	}
	return 0;
}

/**
 * hmm_p2p_mirror_fault - fault until the result holds
 * @mirror: covers the range
 * @range: as for hmm_range_fault(), without the notifier fields. Request flags
 *	must be in its default_flags, which survive a retry
 * @fault: for whom
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: 0 with the mirror lock held, which the caller drops after use;
 * -EINTR after a fatal signal; otherwise as hmm_p2p_range_fault().
 */
int hmm_p2p_mirror_fault(struct hmm_p2p_mirror *mirror, struct hmm_range *range,
			 const struct hmm_p2p_fault *fault)
{
	int ret;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		ret = mirror_try(mirror, range, fault);
	} while (ret == -EBUSY || ret == -EAGAIN);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_mirror_fault, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_mirror_snapshot - see what is there
 * @mirror: covers the range
 * @range: as for hmm_range_fault(), without the notifier fields
 *
 * The result may be stale at once: it is good for reports, not for access.
 *
 * Context: may sleep; the mmap_lock is held.
 * Return: 0, -EINTR, or as hmm_range_fault().
 */
int hmm_p2p_mirror_snapshot(struct hmm_p2p_mirror *mirror,
			    struct hmm_range *range)
{
	int ret;

	mmap_assert_locked(mirror->mm);
	range->notifier = &mirror->notifier;
	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		range->notifier_seq = mmu_interval_read_begin(range->notifier);
		ret = hmm_range_fault(range);
	} while (ret == -EBUSY);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_mirror_snapshot, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_mirror_freeze - see what is there, and keep it
 * @mirror: covers the range
 * @range: as for hmm_p2p_mirror_snapshot()
 *
 * Context: may sleep; the mmap_lock is held.
 * Return: 0 with the mirror lock held: what was found stays until the caller
 * drops it; -EINTR, or as hmm_range_fault().
 */
int hmm_p2p_mirror_freeze(struct hmm_p2p_mirror *mirror, struct hmm_range *range)
{
	int ret;

	while (!(ret = hmm_p2p_mirror_snapshot(mirror, range))) {
		mutex_lock(&mirror->lock);
		if (!mmu_interval_read_retry(range->notifier, range->notifier_seq))
			break;
		mutex_unlock(&mirror->lock);
	}
	return ret;
}

/* So often is memory fetched that others take away again. */
#define FETCH_TRIES	8

/**
 * hmm_p2p_mirror_fetch - bring what is absent to RAM, as far as it goes
 * @mirror: covers the range
 * @range: as for hmm_p2p_mirror_snapshot(), with request flags
 *
 * Gives up, without an error, where the memory does not stay long enough to
 * see all of it at once: a group that is full swaps one page out to get the
 * next one in.
 *
 * Context: may sleep; the mmap_lock is not held.
 * Return: 0, -EINTR, or as hmm_range_fault(), but not -EBUSY.
 */
int hmm_p2p_mirror_fetch(struct hmm_p2p_mirror *mirror, struct hmm_range *range)
{
	unsigned int tries;
	int ret = -EBUSY;

	for (tries = 0; tries < FETCH_TRIES && ret == -EBUSY; tries++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = mirror_try(mirror, range, NULL);
	}
	if (!ret)
		mutex_unlock(&mirror->lock);
	return ret == -EBUSY ? 0 : ret;
}
