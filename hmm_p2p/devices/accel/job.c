// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs: descriptors in a ring, which the device takes in order and ends in any order.
 * Who runs one waits for it. A job may fault, so it may take as long as userspace
 * likes: nothing else waits for it, no dma_fence, and whoever is killed kills his.
 *
 * Nor do other jobs wait for its end: they take turns. The ring holds no more jobs than the
 * device has units; the others wait here, first come first. As long as some do, those that
 * had a unit for a time slice are stopped, which the device does between two pages, or
 * while it waits for the answer to a fault. It writes back where they are, and they go on
 * from there, behind those that wait. One that was stopped in a fault does not wait before
 * that is dealt with: otherwise each of its turns would leave another one to deal with.
 *
 * Jobs of the other kind (sched.c) do not fault, and dma_fences depend on them. So they
 * depend on none of the above: one that finds no unit free has another job stopped at once,
 * which takes the device bounded time whatever that job does, and it comes before all that
 * wait. It takes no turns, but is killed when its time is over.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>

#include "accel.h"

/* Who waits for the device asks it so often: an interrupt may be lost, or all of it gone. */
#define ASK_INTERVAL	(2 * HZ)

/* The longest turn of one that gets nowhere is 2^6 slices. */
#define MOST_PATIENCE	6

static unsigned int slice_ms = 20;
module_param(slice_ms, uint, 0644);
MODULE_PARM_DESC(slice_ms,
		 "how long a job keeps a unit of the device while others wait, in ms; 0: to its end, unless a job on buffers needs one");

static void jobs_slice(struct work_struct *work);

/* @look: accel_jobs.look; it may sleep. Return: 0 or -ENOMEM. */
int accel_jobs_init(struct accel *accel, void (*look)(struct accel *accel))
{
	struct accel_jobs *jobs = &accel->jobs;

	BUILD_BUG_ON(sizeof(struct accel_desc) != 64);
	spin_lock_init(&jobs->lock);
	init_waitqueue_head(&jobs->over);
	INIT_LIST_HEAD(&jobs->waiting);
	INIT_LIST_HEAD(&jobs->stopped);
	INIT_DELAYED_WORK(&jobs->slice, jobs_slice);
	jobs->look = look;
	jobs->ring = dmam_alloc_coherent(&accel->pdev->dev,
					 ACCEL_JOBS * sizeof(*jobs->ring), &jobs->dma,
					 GFP_KERNEL);
	return jobs->ring ? 0 : -ENOMEM;
}

void accel_jobs_start(struct accel *accel)
{
	accel->jobs.units = LIMITS_UNITS(accel_read(accel, REG_LIMITS));
	accel_write64(accel, REG_JOB_BASE, accel->jobs.dma);
	accel_write(accel, REG_JOB_ORDER, ACCEL_JOBS_ORDER);
	accel_write(accel, REG_JOB_CTRL, CTRL_ENABLE);
}

/* ------------------------------------------------------------------------- turns */

static bool jobs_have_room(const struct accel_jobs *jobs)
{
	/* The device may not have counted yet the last job that each unit has completed. */
	return jobs->running < jobs->units && jobs->tail - jobs->head < ACCEL_JOBS - jobs->units;
}

static void job_put(struct accel_jobs *jobs, struct accel_job *job)
{
	list_del_init(&job->waits);
	job->since = jiffies;
	job->stopping = false;
	job->counter = jobs->tail++;
	job->id = (u64)jobs->pauses << 32 | job->counter;
	jobs->slots[job->counter % ACCEL_JOBS] = job;
	jobs->ring[job->counter % ACCEL_JOBS] = job->desc;
	jobs->running++;
}

/* Whoever waits gets what is free. */
static void jobs_feed(struct accel *accel)
{
	struct accel_jobs *jobs = &accel->jobs;
	u32 tail = jobs->tail;

	lockdep_assert_held(&jobs->lock);
	while (!list_empty(&jobs->waiting) && jobs_have_room(jobs))
		job_put(jobs, list_first_entry(&jobs->waiting, struct accel_job, waits));
	if (tail == jobs->tail)
		return;
	dma_wmb(); /* before the doorbell */
	accel_write(accel, REG_JOB_TAIL, jobs->tail);
}

static void jobs_watch(struct accel_jobs *jobs)
{
	unsigned int slice = READ_ONCE(slice_ms);

	lockdep_assert_held(&jobs->lock);
	if (slice && !list_empty(&jobs->waiting))
		schedule_delayed_work(&jobs->slice, msecs_to_jiffies(slice));
}

static bool job_had_its_turn(const struct accel_job *job)
{
	unsigned long slice = msecs_to_jiffies(READ_ONCE(slice_ms));

	return time_after_eq(jiffies, job->since + (slice << job->patience));
}

static void job_stop(struct accel *accel, struct accel_job *job)
{
	if (!job->stopping)
		accel_write(accel, REG_JOB_STOP, job->counter);
	job->stopping = true;
}

/* No more of them than there are jobs that wait, and who came first goes first. */
static void jobs_slice(struct work_struct *work)
{
	struct accel *accel = container_of(to_delayed_work(work), struct accel, jobs.slice);
	struct accel_jobs *jobs = &accel->jobs;
	struct accel_job *job;
	size_t needed;
	u32 counter;

	guard(spinlock_irq)(&jobs->lock);
	needed = list_count_nodes(&jobs->waiting);
	for (counter = jobs->head; needed && counter != jobs->tail; counter++) {
		job = jobs->slots[counter % ACCEL_JOBS];
		if (!job || job->over || !(job->stopping || job_had_its_turn(job)))
			continue;
		job_stop(accel, job);
		needed--;
	}
	jobs_watch(jobs);
}

/*
 * Room for a job that cannot wait. The oldest one has to go: as long as it is in the ring,
 * the ring may be full.
 */
static void jobs_make_way(struct accel *accel)
{
	struct accel_jobs *jobs = &accel->jobs;
	struct accel_job *job;
	u32 counter;

	lockdep_assert_held(&jobs->lock);
	for (counter = jobs->head; counter != jobs->tail; counter++) {
		job = jobs->slots[counter % ACCEL_JOBS];
		if (!job || job->over)
			continue;
		job_stop(accel, job);
		return;
	}
}

/* ----------------------------------------------------------------- what comes back */

/* It is in no list any more, and not in the ring. */
static void job_complete(struct accel_job *job)
{
	if (job->over)
		job->over(job);
	else
		complete(&job->done);
}

/* It goes on with what the device has written back. */
static void job_save(struct accel_jobs *jobs, struct accel_job *job,
		     const struct accel_desc *desc)
{
	bool nowhere = desc->address == job->desc.address;

	job->patience = nowhere ? min(job->patience + 1, MOST_PATIENCE) : 0;
	job->desc.result = desc->result;
	job->desc.address = desc->address;
	job->desc.flags |= cpu_to_le32(DESC_RESUME);
	if (job->faulting)
		list_add(&job->waits, &jobs->stopped);
}

static void job_done(struct accel_jobs *jobs, u32 counter, u32 status)
{
	struct accel_desc *desc = &jobs->ring[counter % ACCEL_JOBS];
	struct accel_job *job = jobs->slots[counter % ACCEL_JOBS];

	dma_rmb(); /* the status was written last */
	job->result = le64_to_cpu(desc->result);
	job->address = le64_to_cpu(desc->address);
	job->status = status;
	if (status == STATUS_STOPPED)
		job_save(jobs, job, desc);
	jobs->slots[counter % ACCEL_JOBS] = NULL;
	jobs->running--;
	job_complete(job);
}

/* A status is in memory: to ask the device for its head is a message there and back. */
static void jobs_look(struct accel_jobs *jobs)
{
	u32 counter, status;

	lockdep_assert_held(&jobs->lock);
	for (counter = jobs->head; counter != jobs->tail; counter++) {
		if (!jobs->slots[counter % ACCEL_JOBS])
			continue;
		status = le32_to_cpu(READ_ONCE(jobs->ring[counter % ACCEL_JOBS].status));
		if (status)
			job_done(jobs, counter, status);
	}
	while (jobs->head != jobs->tail && !jobs->slots[jobs->head % ACCEL_JOBS])
		jobs->head++;
}

/* The device says that jobs are complete. Context: any. */
void accel_jobs_harvest(struct accel *accel)
{
	struct accel_jobs *jobs = &accel->jobs;
	unsigned long flags;

	spin_lock_irqsave(&jobs->lock, flags);
	jobs_look(jobs);
	jobs_feed(accel);
	spin_unlock_irqrestore(&jobs->lock, flags);
	wake_up_all(&jobs->over);
}

/* ---------------------------------------------------------------------- their end */

/*
 * A section in which the registers are there, as that of drm_dev_enter(). That one is the same
 * for all of DRM: the removal of any device waits for it, and a job takes as long as it likes.
 * Return: false: the device goes, or has failed.
 */
bool accel_jobs_enter(struct accel_jobs *jobs)
{
	atomic_inc(&jobs->callers);
	smp_mb__after_atomic(); /* pairs with accel_jobs_end() */
	if (!accel_jobs_closed(jobs))
		return true;
	accel_jobs_leave(jobs);
	return false;
}

void accel_jobs_leave(struct accel_jobs *jobs)
{
	if (atomic_dec_and_test(&jobs->callers))
		wake_up_all(&jobs->over);
}

/* Who waits is told that the device goes. */
static void jobs_close(struct accel_jobs *jobs)
{
	struct accel_job *job, *next;

	lockdep_assert_held(&jobs->lock);
	WRITE_ONCE(jobs->closed, true);
	list_for_each_entry_safe(job, next, &jobs->waiting, waits) {
		list_del_init(&job->waits);
		job->status = STATUS_KILLED;
		job_complete(job);
	}
}

static bool jobs_are_over(struct accel_jobs *jobs)
{
	guard(spinlock_irq)(&jobs->lock);
	return !jobs->running;
}

/* They were killed or stopped. Return: in bounded time, all of them are over. */
static bool jobs_await_end(struct accel *accel)
{
	struct accel_jobs *jobs = &accel->jobs;
	unsigned long end = jiffies + KILL_TIMEOUT;

	do {
		if (wait_event_timeout(jobs->over, jobs_are_over(jobs), ASK_INTERVAL))
			return true;
		accel_jobs_harvest(accel);
	} while (time_before(jiffies, end));
	return jobs_are_over(jobs);
}

/* The same for one, which is killed. */
bool accel_job_await_end(struct accel *accel, struct accel_job *job)
{
	unsigned long end = jiffies + KILL_TIMEOUT;

	do {
		if (wait_for_completion_timeout(&job->done, ASK_INTERVAL))
			return true;
		accel_jobs_harvest(accel);
	} while (time_before(jiffies, end));
	return completion_done(&job->done);
}

/*
 * Nobody puts jobs in any more, and those who wait for one are told that it is gone: see
 * accel_jobs_await_callers(). Return: 0; -ETIMEDOUT when some do not end: accel_jobs_fail().
 */
int accel_jobs_end(struct accel *accel)
{
	struct accel_jobs *jobs = &accel->jobs;
	unsigned int i;

	scoped_guard(spinlock_irq, &jobs->lock) {
		jobs_close(jobs);
		accel_write(accel, REG_JOB_CTRL, 0);
		for (i = 0; i < ACCEL_JOBS; i++)
			if (jobs->slots[i])
				accel_write(accel, REG_JOB_KILL, jobs->slots[i]->counter);
	}
	cancel_delayed_work_sync(&jobs->slice);
	wake_up_all(&jobs->over);
	return jobs_await_end(accel) ? 0 : -ETIMEDOUT;
}

/* After accel_jobs_end(), and accel_jobs_fail() if needed: nobody is in a section any more. */
void accel_jobs_await_callers(struct accel_jobs *jobs)
{
	smp_mb(); /* pairs with accel_jobs_enter() */
	wait_event(jobs->over, !atomic_read(&jobs->callers));
}

/* The device was reset: no job is in work any more, and none will be. */
void accel_jobs_fail(struct accel *accel)
{
	struct accel_jobs *jobs = &accel->jobs;
	struct accel_job *job;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&jobs->lock, flags);
	jobs_close(jobs);
	for (i = 0; i < ACCEL_JOBS; i++) {
		job = jobs->slots[i];
		jobs->slots[i] = NULL;
		if (!job)
			continue;
		jobs->running--;
		job->status = STATUS_BUS;
		job_complete(job);
	}
	spin_unlock_irqrestore(&jobs->lock, flags);
	wake_up_all(&jobs->over);
}

/* Are there jobs that cannot wait, on the device or about to be? They end by themselves. */
bool accel_jobs_have_tasks(struct accel_jobs *jobs)
{
	const struct accel_job *job;
	unsigned int i;

	guard(spinlock_irq)(&jobs->lock);
	list_for_each_entry(job, &jobs->waiting, waits)
		if (job->over)
			return true;
	for (i = 0; i < ACCEL_JOBS; i++)
		if (jobs->slots[i] && jobs->slots[i]->over)
			return true;
	return false;
}

/* ------------------------------------------------------------------------- pauses */

/*
 * Nothing is put in, and what was is stopped: all of it goes on by another call. Return: 0;
 * -ETIME when some do not stop: accel_jobs_fail().
 */
int accel_jobs_pause(struct accel *accel)
{
	struct accel_jobs *jobs = &accel->jobs;
	struct accel_job *job, *next;
	unsigned int i;

	scoped_guard(spinlock_irq, &jobs->lock) {
		jobs->paused = true;
		jobs->pauses++;
		list_for_each_entry_safe(job, next, &jobs->waiting, waits) {
			list_del_init(&job->waits);
			job->status = STATUS_STOPPED;
			complete(&job->done);
		}
		for (i = 0; i < ACCEL_JOBS; i++)
			if (jobs->slots[i])
				job_stop(accel, jobs->slots[i]);
	}
	wake_up_all(&jobs->over);
	return jobs_await_end(accel) ? 0 : -ETIME;
}

/* @was_reset: the ring begins anew, also when the device had failed. */
void accel_jobs_resume(struct accel *accel, bool was_reset)
{
	struct accel_jobs *jobs = &accel->jobs;

	guard(spinlock_irq)(&jobs->lock);
	WARN_ON_ONCE(jobs->running);
	jobs->paused = false;
	if (!was_reset)
		return;
	jobs->tail = 0;
	jobs->head = 0;
	WRITE_ONCE(jobs->closed, false);
	accel_jobs_start(accel);
}

/* ------------------------------------------------------------------- who runs one */

/* Return: what came of a job that is over: 0, or a negative errno. */
int accel_job_errno(const struct accel_job *job)
{
	switch (job->status) {
	case STATUS_DONE:
		return 0;
	case STATUS_BAD:
		return -EINVAL;
	case STATUS_FAULT: /* without an error of ours, it could not ask */
		return job->error ?: -EIO;
	case STATUS_BOUNDS:
		return -EFAULT;
	case STATUS_KILLED:
		return -ENODEV;
	case STATUS_STOPPED:
		return -EAGAIN;
	default:
		return -EIO;
	}
}

static int job_begin(struct accel *accel, struct accel_job *job)
{
	struct accel_jobs *jobs = &accel->jobs;

	reinit_completion(&job->done);
	guard(spinlock_irq)(&jobs->lock);
	if (jobs->closed)
		return -ENODEV;
	/* In the second case somebody else may have the address space by now. */
	if (jobs->paused || job->pauses != jobs->pauses)
		return -EAGAIN;
	list_move_tail(&job->waits, &jobs->waiting);
	jobs_feed(accel);
	jobs_watch(jobs);
	return 0;
}

/* Return: it is in the ring. */
static bool job_leave(struct accel *accel, struct accel_job *job)
{
	struct accel_jobs *jobs = &accel->jobs;

	guard(spinlock_irq)(&jobs->lock);
	if (!list_empty(&job->waits)) {
		list_del_init(&job->waits);
		return false;
	}
	if (jobs->slots[job->counter % ACCEL_JOBS] != job)
		return false;
	accel_write(accel, REG_JOB_KILL, job->counter);
	return true;
}

/* Nobody wants it any more. It is in the ring, and uses the caller's memory, until it is over. */
static int job_give_up(struct accel *accel, struct accel_job *job)
{
	if (!job_leave(accel, job))
		return -EINTR;
	return accel_job_await_end(accel, job) ? -EINTR : -ETIMEDOUT;
}

/* A job of somebody, who keeps it until accel_job_fini(). */
void accel_job_init(struct accel_job *job, struct kref *owner, const bool *closed,
		    const struct accel_desc *desc)
{
	*job = (struct accel_job) { .owner = owner, .closed = closed, .desc = *desc };
	INIT_LIST_HEAD(&job->waits);
	init_completion(&job->done);
}

/* It is not in the ring any more, and faults of it are nothing to anybody. */
void accel_job_fini(struct accel *accel, struct accel_job *job)
{
	guard(spinlock_irq)(&accel->jobs.lock);
	list_del(&job->waits);
}

/* All ones: nobody is there any more. */
bool accel_is_there(const struct accel *accel)
{
	return accel_read(accel, REG_HEARTBEAT) != ~0U;
}

/* Return: false: it does not answer. */
static bool job_ask(struct accel *accel)
{
	if (!accel_is_there(accel))
		return false;
	accel_jobs_harvest(accel);
	accel->jobs.look(accel);
	return true;
}

/* Return: 0; -EINTR when nobody wants it any more, -ENXIO when the device does not answer. */
static int job_wait(struct accel *accel, struct accel_job *job)
{
	long left;

	do {
		left = accel_wait_event_timeout(accel->jobs.over,
						completion_done(&job->done) ||
						READ_ONCE(*job->closed),
						ASK_INTERVAL);
	} while (!left && job_ask(accel));
	if (!left)
		return -ENXIO;
	return left < 0 || !completion_done(&job->done) ? -EINTR : 0;
}

/**
 * accel_job_run - run a job, and wait for it
 * @accel: the device
 * @job: what to do; receives what came of it
 *
 * Context: may sleep, as long as the job runs; nothing that a fault needs is held.
 * Return: 0; -EINVAL, -EFAULT, -ENOMEM; -EIO when the device failed, -ENODEV when it
 * goes; -EINTR after a fatal signal, or when its owner has closed: the job is over.
 * -EAGAIN: it was stopped, or has not begun, and goes on by another call, after
 * accel_job_await_fault(). Or -ETIMEDOUT: it was killed, or -ENXIO: the device does not
 * answer; and the job is not over before accel_jobs_fail() has completed it.
 */
int accel_job_run(struct accel *accel, struct accel_job *job)
{
	int ret = job_begin(accel, job);

	if (ret)
		return ret;
	ret = job_wait(accel, job);
	if (ret == -EINTR)
		return job_give_up(accel, job);
	return ret ?: accel_job_errno(job);
}

/**
 * accel_job_await_fault - wait for the fault in which a job was stopped, if it was
 * @accel: the device
 * @job: the job, which may have another turn after this
 *
 * Context: may sleep, as long as userspace likes.
 * Return: 0, also when the device goes; -EINTR after a fatal signal, or when its owner has
 * closed.
 */
int accel_job_await_fault(struct accel *accel, struct accel_job *job)
{
	struct accel_jobs *jobs = &accel->jobs;

	if (accel_wait_event(jobs->over, !READ_ONCE(job->faulting) ||
			     accel_jobs_closed(jobs) || READ_ONCE(*job->closed)))
		return -EINTR;
	return READ_ONCE(*job->closed) ? -EINTR : 0;
}

/* -------------------------------------------------------------- who waits for none */

/**
 * accel_job_start - run a job that does not fault
 * @accel: the device
 * @job: what to do, with @job->over: it is called when the job is over
 *
 * Context: any, in a section of drm_dev_enter(); allocates nothing, and waits for nobody.
 * Return: 0; -ENODEV when the device goes, and the job is over without more ado.
 */
int accel_job_start(struct accel *accel, struct accel_job *job)
{
	struct accel_jobs *jobs = &accel->jobs;

	guard(spinlock_irq)(&jobs->lock);
	if (jobs->closed)
		return -ENODEV;
	job->since = jiffies;
	list_add(&job->waits, &jobs->waiting);
	jobs_feed(accel);
	if (!list_empty(&job->waits))
		jobs_make_way(accel);
	return 0;
}

/* Has it had more than @limit jiffies on the device, or waited so long for it? */
bool accel_job_is_overdue(struct accel *accel, struct accel_job *job, unsigned long limit)
{
	guard(spinlock_irq)(&accel->jobs.lock);
	return time_after_eq(jiffies, job->since +
			     (list_empty(&job->waits) ? limit : max(limit, KILL_TIMEOUT)));
}

/* It is over in bounded time: at the latest when the device is reset, by accel_fail(). */
void accel_job_kill(struct accel *accel, struct accel_job *job)
{
	struct accel_jobs *jobs = &accel->jobs;

	guard(spinlock_irq)(&jobs->lock);
	if (!list_empty(&job->waits)) {
		list_del_init(&job->waits);
		job->status = STATUS_KILLED;
		job_complete(job);
	} else if (jobs->slots[job->counter % ACCEL_JOBS] == job) {
		accel_write(accel, REG_JOB_KILL, job->counter);
	}
}

/* ------------------------------------------------------------------------- faults */

static struct accel_job *job_in_ring(struct accel_jobs *jobs, u32 counter)
{
	struct accel_job *job = jobs->slots[counter % ACCEL_JOBS];

	lockdep_assert_held(&jobs->lock);
	return job && job->counter == counter ? job : NULL;
}

static struct accel_job *job_find(struct accel_jobs *jobs, u64 id)
{
	struct accel_job *job;

	list_for_each_entry(job, &jobs->stopped, waits)
		if (job->id == id)
			return job;
	job = job_in_ring(jobs, id);
	return job && job->id == id ? job : NULL;
}

/*
 * Whose job is that? What a fault says of the address space may be old: it may be another
 * process's, when the job was killed or stopped. Return: it, with a reference, and
 * accel_job_note() follows, for the job @id; NULL: the job is out of the ring.
 */
struct kref *accel_job_owner(struct accel *accel, u32 counter, u64 *id)
{
	struct accel_jobs *jobs = &accel->jobs;
	struct accel_job *job;

	guard(spinlock_irq)(&jobs->lock);
	job = job_in_ring(jobs, counter);
	if (!job || !job->owner)
		return NULL;
	job->faulting = true;
	*id = job->id;
	kref_get(job->owner);
	return job->owner;
}

/*
 * A fault of the job was dealt with, in the way that @error says. One that was stopped
 * meanwhile goes on, and faults again if there is reason to.
 */
void accel_job_note(struct accel *accel, u64 id, unsigned long moved, int error)
{
	struct accel_jobs *jobs = &accel->jobs;
	struct accel_job *job;

	guard(spinlock_irq)(&jobs->lock);
	job = job_find(jobs, id);
	if (!job)
		return;
	job->faults++;
	job->moved += moved;
	job->error = error;
	WRITE_ONCE(job->faulting, false);
	wake_up_all(&jobs->over);
}

/* To a fault of the job; after a reset nobody waits for it, and others have its number. */
void accel_job_reply(struct accel *accel, u64 id, u32 reply)
{
	guard(spinlock_irq)(&accel->jobs.lock);
	if (id >> 32 == accel->jobs.pauses)
		accel_write(accel, REG_FAULT_REPLY, reply);
}
