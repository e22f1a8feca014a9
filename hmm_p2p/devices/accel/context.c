// SPDX-License-Identifier: GPL-2.0
/*
 * A process on the device: its page table there, who it is, and what it wants.
 *
 * The device has few address spaces, and any number of processes. So a process gets one
 * for its first job, and keeps it until another process wants to have it and no job of its
 * own runs: then its page table goes, and what comes after that begins with faults.
 *
 * Where all are in use, jobs wait in the order in which they came, also for those whose
 * process has an address space: otherwise a process that always has a job running would
 * keep its own for ever.
 */
#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "accel.h"
#include "context.h"

/* Return: 0 or -ENOMEM. */
int accel_contexts_init(struct accel *accel)
{
	struct accel_contexts *contexts = &accel->contexts;

	hash_init(contexts->all);
	INIT_LIST_HEAD(&contexts->attached);
	__set_bit(SPACE_CONTEXT, contexts->numbers);
	INIT_LIST_HEAD(&contexts->idle);
	INIT_LIST_HEAD(&contexts->waiting);
	init_waitqueue_head(&contexts->room);
	return drmm_mutex_init(&accel->drm, &contexts->lock);
}

static void contexts_changed(struct accel_contexts *contexts)
{
	lockdep_assert_held(&contexts->lock);
	WRITE_ONCE(contexts->changes, contexts->changes + 1);
	wake_up_all(&contexts->room);
}

/* --------------------------------------------------------------- address spaces */

static void context_give_up(struct accel_context *context)
{
	struct accel_contexts *contexts = &context->accel->contexts;
	unsigned int nr = context->mmu.context;

	accel_mmu_detach(&context->mmu);
	__clear_bit(nr, contexts->numbers);
	list_del_init(&context->attached);
	contexts->nr_attached--;
}

/* Return: 0; -EINTR after a fatal signal. */
static int context_detach(struct accel_context *context)
{
	int ret = hmm_p2p_svm_lock(context->svm);

	if (ret)
		return ret;
	hmm_p2p_svm_take_back(context->svm, 0, ULONG_MAX);
	context_give_up(context);
	hmm_p2p_svm_unlock(context->svm);
	list_del_init(&context->idle);
	return 0;
}

/* Return: 0; -EAGAIN when all have jobs, -EINTR after a fatal signal. */
static int contexts_make_room(struct accel_contexts *contexts)
{
	struct accel_context *oldest;

	if (!bitmap_full(contexts->numbers, NR_CONTEXTS))
		return 0;
	oldest = list_first_entry_or_null(&contexts->idle, struct accel_context, idle);
	return oldest ? context_detach(oldest) : -EAGAIN;
}

/* Return: as contexts_make_room(). */
static int context_attach(struct accel_context *context)
{
	struct accel_contexts *contexts = &context->accel->contexts;
	unsigned int nr;
	int ret;

	ret = contexts_make_room(contexts) ?: hmm_p2p_svm_lock(context->svm);
	if (ret)
		return ret;
	nr = find_first_zero_bit(contexts->numbers, NR_CONTEXTS);
	__set_bit(nr, contexts->numbers);
	list_add_tail(&context->attached, &contexts->attached);
	contexts->nr_attached++;
	accel_mmu_attach(&context->mmu, nr);
	hmm_p2p_svm_unlock(context->svm);
	return 0;
}

/* Nobody waits, or we are the first of them. */
static bool is_next(struct accel_contexts *contexts, const struct list_head *me)
{
	return list_empty(&contexts->waiting) || list_is_first(me, &contexts->waiting);
}

static int context_try(struct accel_context *context, struct list_head *me)
{
	struct accel_contexts *contexts = &context->accel->contexts;
	int ret = -EAGAIN;

	if (accel_jobs_closed(&context->accel->jobs))
		return -ENODEV;
	if (context->closed)
		return -EINTR;
	if (is_next(contexts, me) && !contexts->paused)
		ret = accel_mmu_is_attached(&context->mmu) ? 0 : context_attach(context);
	if (!ret) {
		list_del_init(&context->idle);
		context->jobs++;
	} else if (ret == -EAGAIN && list_empty(me)) {
		list_add_tail(me, &contexts->waiting);
	}
	return ret;
}

/* Whoever is behind is next. */
static void context_leave(struct accel_contexts *contexts, struct list_head *me)
{
	if (list_empty(me))
		return;
	guard(mutex)(&contexts->lock);
	list_del_init(me);
	contexts_changed(contexts);
}

/**
 * accel_context_begin - a job is to run
 * @context: whose
 * @pauses: receives accel_jobs.pauses of that moment
 *
 * Context: may sleep until another process's jobs are over; the caller is in a section of
 * accel_jobs_enter().
 * Return: 0, and until accel_context_end(), or until the device pauses, the process has an
 * address space on the device;
 * -EINTR after a fatal signal, or when it has closed its last file; -ENODEV when the device
 * goes.
 */
int accel_context_begin(struct accel_context *context, u32 *pauses)
{
	struct accel_contexts *contexts = &context->accel->contexts;
	unsigned int seen;
	LIST_HEAD(me);
	int ret;

	do {
		scoped_guard(mutex, &contexts->lock) {
			seen = contexts->changes;
			*pauses = READ_ONCE(context->accel->jobs.pauses);
			ret = context_try(context, &me);
		}
		if (ret == -EAGAIN &&
		    accel_wait_event(contexts->room, READ_ONCE(contexts->changes) != seen))
			ret = -EINTR;
	} while (ret == -EAGAIN);
	context_leave(contexts, &me);
	return ret;
}

/* The job is over. */
void accel_context_end(struct accel_context *context)
{
	struct accel_contexts *contexts = &context->accel->contexts;

	guard(mutex)(&contexts->lock);
	if (--context->jobs || !accel_mmu_is_attached(&context->mmu))
		return;
	list_add_tail(&context->idle, &contexts->idle);
	contexts_changed(contexts);
}

/* ------------------------------------------------------------------------- pauses */

/* Return: 0; -EAGAIN when some are about to go, -EINTR after a fatal signal. */
static int contexts_detach_all(struct accel_contexts *contexts)
{
	struct accel_context *context;
	int ret = 0;

	lockdep_assert_held(&contexts->lock);
	while (!ret && (context = list_first_entry_or_null(&contexts->attached,
							   struct accel_context, attached)))
		ret = context_detach(context);
	return ret ?: contexts->nr_attached ? -EAGAIN : 0;
}

/**
 * accel_contexts_drain - take the address spaces from all processes
 * @accel: the device, which is paused, and has no job in the ring
 *
 * Also of those that have begun a job and may be frozen: that goes on in another one.
 *
 * Context: may sleep.
 * Return: 0; -ETIMEDOUT when one does not go; -EINTR after a fatal signal.
 */
int accel_contexts_drain(struct accel *accel)
{
	struct accel_contexts *contexts = &accel->contexts;
	long left = KILL_TIMEOUT;
	unsigned int seen;
	int ret;

	for (;;) {
		scoped_guard(mutex, &contexts->lock) {
			seen = contexts->changes;
			ret = contexts_detach_all(contexts);
		}
		if (ret != -EAGAIN)
			return ret;
		if (!left)
			return -ETIMEDOUT;
		left = wait_event_timeout(contexts->room,
					  READ_ONCE(contexts->changes) != seen, left);
	}
}

/**
 * accel_contexts_pause - no job runs any more, and no process has an address space
 * @accel: the device
 *
 * Jobs that had begun go on after accel_contexts_resume(), where they were.
 *
 * Context: may sleep.
 * Return: as accel_contexts_drain(); -ETIME when jobs do not stop: accel_fail(), and then
 * accel_contexts_drain(). In any case it is paused.
 */
int accel_contexts_pause(struct accel *accel)
{
	scoped_guard(mutex, &accel->contexts.lock)
		accel->contexts.paused = true;
	return accel_jobs_pause(accel) ?: accel_contexts_drain(accel);
}

/* accel_jobs_resume() comes before. */
void accel_contexts_resume(struct accel *accel)
{
	guard(mutex)(&accel->contexts.lock);
	accel->contexts.paused = false;
	contexts_changed(&accel->contexts);
}

/* ------------------------------------------------------------------- their tables */

/*
 * Its tables have used up their share: it begins anew. Return: 0; -EINTR after a fatal
 * signal.
 */
int accel_context_make_room(struct accel_context *context)
{
	int ret = hmm_p2p_svm_lock(context->svm);

	if (ret)
		return ret;
	hmm_p2p_svm_take_back(context->svm, 0, ULONG_MAX);
	accel_mmu_empty(&context->mmu);
	hmm_p2p_svm_unlock(context->svm);
	return 0;
}

/* ------------------------------------------------------------------------- advice */

static bool is_mapped(struct mm_struct *mm, unsigned long start, unsigned long end)
{
	VMA_ITERATOR(vmi, mm, start);
	struct vm_area_struct *vma;

	for_each_vma_range(vmi, vma, end) {
		if (vma->vm_start > start)
			return false;
		start = vma->vm_end;
	}
	return start >= end;
}

static int context_advise_locked(struct accel_context *context, enum accel_topic topic,
				 unsigned long start, unsigned long end, u32 value,
				 struct accel_spares *spares)
{
	int ret;

	if (!is_mapped(context->mm, start, end))
		return -EFAULT;
	ret = hmm_p2p_svm_lock(context->svm);
	if (ret)
		return ret;
	ret = accel_advice_set(&context->advice, topic, start, end - 1, value, spares);
	/* So that faults decide by it. */
	if (!ret) {
		accel_storms_forget(&context->storms, start, end - 1);
		hmm_p2p_svm_take_back(context->svm, start, end);
	}
	hmm_p2p_svm_unlock(context->svm);
	return ret;
}

/**
 * accel_context_advise - the process says something about its memory
 * @context: the process, of the caller
 * @topic: what it is about
 * @start: first byte, page aligned
 * @end: end of it, exclusive, page aligned
 * @value: what it says; 0: nothing any more
 *
 * Context: may sleep.
 * Return: 0; -EFAULT when something there is not mapped, -ENOSPC when there would be too
 * many ranges, -ENOMEM; -EINTR after a fatal signal.
 */
int accel_context_advise(struct accel_context *context, enum accel_topic topic,
			 unsigned long start, unsigned long end, u32 value)
{
	struct accel_spares spares;
	int ret;

	ret = accel_spares_alloc(&spares);
	/* With the lock, munmap comes before it or after it. */
	if (!ret)
		ret = mmap_read_lock_killable(context->mm);
	if (!ret) {
		ret = context_advise_locked(context, topic, start, end, value, &spares);
		mmap_read_unlock(context->mm);
	}
	accel_spares_free(&spares);
	return ret;
}

static void advice_at(struct accel_context *context, unsigned long addr,
		      unsigned long *start, unsigned long *end, struct accel_wanted *wanted)
{
	unsigned int topic;

	for (topic = 0; topic < ADVICE_TOPICS; topic++)
		wanted->advice[topic] = accel_advice_at(&context->advice, topic, addr, start,
							end);
}

/* ------------------------------------------------------------------------- storms */

static void context_calm_next(struct accel_context *context)
{
	unsigned long delay;

	if (accel_storms_next(&context->storms, &delay))
		mod_delayed_work(system_dfl_wq, &context->calm, delay);
}

/* What the device has of ranges whose pause is over goes, so that it faults for them. */
static void context_calm(struct work_struct *work)
{
	struct accel_context *context = container_of(to_delayed_work(work),
						     struct accel_context, calm);
	unsigned long addr;
	unsigned int at = 0;

	if (hmm_p2p_svm_lock(context->svm))
		return;
	while (accel_storms_over(&context->storms, &at, &addr))
		hmm_p2p_svm_take_back(context->svm, addr, addr + PMD_SIZE);
	context_calm_next(context);
	hmm_p2p_svm_unlock(context->svm);
}

/* Memory at @addr has moved here, because the device faulted for it. */
void accel_context_came(struct accel_context *context, unsigned long addr)
{
	if (hmm_p2p_svm_lock(context->svm))
		return;
	accel_storm_came(&context->storms, addr);
	hmm_p2p_svm_unlock(context->svm);
}

/**
 * accel_context_ask - the device faults: what is to become of the memory?
 * @context: the process
 * @addr: the address
 * @start: of a range around it, which becomes smaller where something else was said
 * @end: behind its last byte
 * @wanted: receives it
 *
 * Return: 0; -EINTR after a fatal signal.
 */
int accel_context_ask(struct accel_context *context, unsigned long addr,
		      unsigned long *start, unsigned long *end, struct accel_wanted *wanted)
{
	bool begun = false;
	int ret;

	ret = hmm_p2p_svm_lock(context->svm);
	if (ret)
		return ret;
	advice_at(context, addr, start, end, wanted);
	wanted->storm = !accel_is_advised(wanted) &&
			accel_storm_stays(&context->storms, addr, &begun);
	if (begun)
		context_calm_next(context);
	hmm_p2p_svm_unlock(context->svm);
	return 0;
}

/**
 * accel_context_explain - what would become of memory if the device faulted for it?
 * @context: the process
 * @addr: where
 * @explained: receives it
 *
 * Return: 0; -EINTR after a fatal signal.
 */
int accel_context_explain(struct accel_context *context, unsigned long addr,
			  struct accel_explained *explained)
{
	struct accel_wanted *wanted = &explained->wanted;
	int ret;

	ret = hmm_p2p_svm_lock(context->svm);
	if (ret)
		return ret;
	explained->start = ALIGN_DOWN(addr, PMD_SIZE);
	explained->end = explained->start + PMD_SIZE;
	advice_at(context, addr, &explained->start, &explained->end, wanted);
	wanted->storm = accel_storm_at(&context->storms, addr, &explained->turns) &&
			!accel_is_advised(wanted);
	explained->storms = context->storms.begun;
	hmm_p2p_svm_unlock(context->svm);
	return 0;
}

/* -------------------------------------------------------------------- their lives */

static void context_forget(struct hmm_p2p_svm *svm, unsigned long start, unsigned long end)
{
	struct accel_context *context = container_of(hmm_p2p_svm_drvdata(svm),
						     struct accel_context, mmu);

	accel_advice_forget(&context->advice, start, end - 1);
	accel_storms_forget(&context->storms, start, end - 1);
}

/*
 * The process itself takes memory when its CPU touches it: where that is evicted, or
 * serves another device, somebody else does.
 */
static void context_migrates(struct hmm_p2p_svm *svm, unsigned long start, unsigned long end)
{
	struct accel_context *context = container_of(hmm_p2p_svm_drvdata(svm),
						     struct accel_context, mmu);

	if (current->mm == context->mm && !(current->flags & PF_KTHREAD))
		accel_storms_taken(&context->storms, start, end - 1);
}

static const struct hmm_p2p_svm_ops context_svm_ops = {
	.map	= accel_mmu_map,
	.unmap	= accel_mmu_unmap,
	.forget	= context_forget,
	.migrates = context_migrates,
};

static struct accel_context *context_create(struct accel *accel)
{
	struct accel_context *context = kzalloc_obj(*context, GFP_KERNEL_ACCOUNT);
	int ret;

	if (!context)
		return ERR_PTR(-ENOMEM);
	kref_init(&context->ref);
	context->files = 1;
	INIT_LIST_HEAD(&context->attached);
	INIT_LIST_HEAD(&context->idle);
	mutex_init(&context->queue.lock);
	INIT_LIST_HEAD(&context->queue.jobs);
	init_waitqueue_head(&context->queue.done);
	context->accel = accel;
	accel_mmu_init(&context->mmu, accel);
	accel_advice_init(&context->advice);
	INIT_DELAYED_WORK(&context->calm, context_calm);
	ret = accel_storms_init(&context->storms);
	if (ret)
		goto err_free;
	context->svm = hmm_p2p_svm_create(accel->hdev, current->mm, &context_svm_ops,
					  &context->mmu);
	ret = PTR_ERR_OR_ZERO(context->svm);
	if (ret)
		goto err_storms;
	drm_dev_get(&accel->drm);
	mmgrab(current->mm);
	context->mm = current->mm;
	return context;

err_storms:
	accel_storms_fini(&context->storms);
err_free:
	kfree(context);
	return ERR_PTR(ret);
}

static void context_destroy(struct accel_context *context)
{
	struct drm_device *drm = &context->accel->drm;

	accel_mmu_forget(&context->mmu);
	accel_advice_fini(&context->advice);
	accel_storms_fini(&context->storms);
	mmdrop(context->mm);
	drm_dev_put(drm);
	kfree(context);
}

/* Of a device that is gone, the tables went with it; who waits learns that. */
static void context_free_number(struct accel_context *context)
{
	struct accel_contexts *contexts = &context->accel->contexts;
	bool here;
	int idx;

	here = drm_dev_enter(&context->accel->drm, &idx);
	scoped_guard(mutex, &contexts->lock) {
		if (here)
			context_give_up(context);
		contexts_changed(contexts);
	}
	if (here)
		drm_dev_exit(idx);
}

/* Nobody finds it any more, no job of it runs, nor a fault. */
static void context_free(struct kref *ref)
{
	struct accel_context *context = container_of(ref, struct accel_context, ref);
	struct accel_contexts *contexts = &context->accel->contexts;

	list_del(&context->idle);
	list_del_init(&context->attached);
	mutex_unlock(&contexts->lock);
	cancel_delayed_work_sync(&context->calm);
	hmm_p2p_svm_destroy(context->svm);
	if (accel_mmu_is_attached(&context->mmu))
		context_free_number(context);
	context_destroy(context);
}

void accel_context_put(struct accel_context *context)
{
	kref_put_mutex(&context->ref, context_free, &context->accel->contexts.lock);
}

/* For one more file. */
static struct accel_context *context_find(struct accel_contexts *contexts)
{
	struct accel_context *context;

	lockdep_assert_held(&contexts->lock);
	hash_for_each_possible(contexts->all, context, by_mm, (unsigned long)current->mm) {
		if (context->mm != current->mm)
			continue;
		context->files++;
		return accel_context_get(context);
	}
	return NULL;
}

static struct accel_context *context_get(struct accel_contexts *contexts)
{
	guard(mutex)(&contexts->lock);
	return context_find(contexts);
}

/* Another thread may have been quicker. Return: it, or what is there, with a reference. */
static struct accel_context *context_add(struct accel_contexts *contexts,
					 struct accel_context *context)
{
	struct accel_context *there;

	scoped_guard(mutex, &contexts->lock) {
		there = context_find(contexts);
		if (!there)
			hash_add(contexts->all, &context->by_mm, (unsigned long)context->mm);
	}
	if (!there)
		return context;
	hmm_p2p_svm_destroy(context->svm);
	context_destroy(context);
	return there;
}

/* Making one waits for the mmap_lock of the process, and so not under our lock. */
static struct accel_context *context_of_caller(struct accel *accel)
{
	struct accel_context *context = context_get(&accel->contexts);

	if (context)
		return context;
	context = context_create(accel);
	return IS_ERR(context) ? context : context_add(&accel->contexts, context);
}

/* For a file that the caller opens. Return: that process, or an error pointer. */
struct accel_context *accel_context_open(struct accel *accel)
{
	struct accel_context *context;
	int idx;

	if (!drm_dev_enter(&accel->drm, &idx))
		return ERR_PTR(-ENODEV);
	context = context_of_caller(accel);
	drm_dev_exit(idx);
	return context;
}

/* The file is closed. */
void accel_context_close(struct accel_context *context)
{
	struct accel *accel = context->accel;

	/* A fault may be about to end: that is no reason for who opens next to find it. */
	scoped_guard(mutex, &accel->contexts.lock) {
		if (!--context->files) {
			hash_del(&context->by_mm);
			WRITE_ONCE(context->closed, true);
			contexts_changed(&accel->contexts);
			wake_up_all(&accel->jobs.over);
		}
	}
	accel_context_put(context);
}
