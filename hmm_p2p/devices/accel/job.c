// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs: descriptors in a ring, which the device takes in order and ends in any order.
 * Who runs one waits for it. A job may fault, so it may take as long as userspace
 * likes: nothing else waits for it, no dma_fence, and whoever is killed kills his.
 */
#include <linux/dma-mapping.h>

#include "accel.h"

/* In so much time a job is killed, or the device is of no use. */
#define KILL_TIMEOUT	(10 * HZ)

/* Return: 0 or -ENOMEM. */
int accel_jobs_init(struct accel *accel)
{
	struct accel_jobs *jobs = &accel->jobs;

	BUILD_BUG_ON(sizeof(struct accel_desc) != 64);
	spin_lock_init(&jobs->lock);
	init_waitqueue_head(&jobs->room);
	jobs->ring = dmam_alloc_coherent(&accel->pdev->dev,
					 ACCEL_JOBS * sizeof(*jobs->ring), &jobs->dma,
					 GFP_KERNEL);
	return jobs->ring ? 0 : -ENOMEM;
}

void accel_jobs_start(struct accel *accel)
{
	accel_write64(accel, REG_JOB_BASE, accel->jobs.dma);
	accel_write(accel, REG_JOB_ORDER, ACCEL_JOBS_ORDER);
	accel_write(accel, REG_JOB_CTRL, CTRL_ENABLE);
}

static bool jobs_have_room(struct accel_jobs *jobs)
{
	return accel_jobs_closed(jobs) || jobs->tail - jobs->head < ACCEL_JOBS;
}

static int job_put_locked(struct accel *accel, const struct accel_desc *desc,
			  struct accel_job *job)
{
	struct accel_jobs *jobs = &accel->jobs;

	if (jobs->closed)
		return -ENODEV;
	if (!jobs_have_room(jobs))
		return -EAGAIN;
	job->counter = jobs->tail++;
	jobs->slots[job->counter % ACCEL_JOBS] = job;
	jobs->ring[job->counter % ACCEL_JOBS] = *desc;
	dma_wmb(); /* before the doorbell */
	accel_write(accel, REG_JOB_TAIL, jobs->tail);
	return 0;
}

static int job_put(struct accel *accel, const struct accel_desc *desc, struct accel_job *job)
{
	struct accel_jobs *jobs = &accel->jobs;
	int ret;

	do {
		ret = wait_event_killable(jobs->room, jobs_have_room(jobs));
		if (ret)
			return -EINTR;
		scoped_guard(spinlock_irq, &jobs->lock)
			ret = job_put_locked(accel, desc, job);
	} while (ret == -EAGAIN);
	return ret;
}

static void job_done(struct accel_jobs *jobs, u32 counter, u32 status)
{
	struct accel_desc *desc = &jobs->ring[counter % ACCEL_JOBS];
	struct accel_job *job = jobs->slots[counter % ACCEL_JOBS];

	dma_rmb(); /* the status was written last */
	job->result = le64_to_cpu(desc->result);
	job->address = le64_to_cpu(desc->address);
	job->status = status;
	jobs->slots[counter % ACCEL_JOBS] = NULL;
	complete(&job->done);
}

static void jobs_look(struct accel_jobs *jobs, u32 head)
{
	u32 counter, status;

	for (counter = jobs->head; counter != jobs->tail; counter++) {
		if (!jobs->slots[counter % ACCEL_JOBS])
			continue;
		status = le32_to_cpu(READ_ONCE(jobs->ring[counter % ACCEL_JOBS].status));
		if (status)
			job_done(jobs, counter, status);
	}
	/* What it counts is written back before: so it was seen. */
	jobs->head = head;
}

/* The device says that jobs are complete. Context: any. */
void accel_jobs_harvest(struct accel *accel)
{
	struct accel_jobs *jobs = &accel->jobs;
	unsigned long flags;
	u32 head;

	spin_lock_irqsave(&jobs->lock, flags);
	head = accel_read(accel, REG_JOB_HEAD);
	if (jobs->tail - head <= ACCEL_JOBS)
		jobs_look(jobs, head);
	spin_unlock_irqrestore(&jobs->lock, flags);
	wake_up_all(&jobs->room);
}

static bool jobs_are_over(struct accel_jobs *jobs)
{
	unsigned int i;

	guard(spinlock_irq)(&jobs->lock);
	for (i = 0; i < ACCEL_JOBS; i++)
		if (jobs->slots[i])
			return false;
	return true;
}

/*
 * Nobody puts jobs in any more, and those who wait for one are told that it is gone: the
 * removal waits for them. Return: 0; -ETIMEDOUT when some do not end: accel_jobs_fail().
 */
int accel_jobs_end(struct accel *accel)
{
	struct accel_jobs *jobs = &accel->jobs;
	unsigned int i;

	scoped_guard(spinlock_irq, &jobs->lock) {
		WRITE_ONCE(jobs->closed, true);
		accel_write(accel, REG_JOB_CTRL, 0);
		for (i = 0; i < ACCEL_JOBS; i++)
			if (jobs->slots[i])
				accel_write(accel, REG_JOB_KILL, jobs->slots[i]->counter);
	}
	wake_up_all(&jobs->room);
	return wait_event_timeout(jobs->room, jobs_are_over(jobs), KILL_TIMEOUT) ? 0 : -ETIMEDOUT;
}

/* The device was reset: no job is in work any more, and none will be. */
void accel_jobs_fail(struct accel *accel)
{
	struct accel_jobs *jobs = &accel->jobs;
	struct accel_job *job;
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&jobs->lock, flags);
	WRITE_ONCE(jobs->closed, true);
	for (i = 0; i < ACCEL_JOBS; i++) {
		job = jobs->slots[i];
		jobs->slots[i] = NULL;
		if (!job)
			continue;
		job->status = STATUS_BUS;
		complete(&job->done);
	}
	spin_unlock_irqrestore(&jobs->lock, flags);
	wake_up_all(&jobs->room);
}

static int job_errno(const struct accel_job *job)
{
	switch (job->status) {
	case STATUS_DONE:
		return 0;
	case STATUS_BAD:
		return -EINVAL;
	case STATUS_FAULT:
		return job->error ?: -EFAULT;
	case STATUS_BOUNDS:
		return -EFAULT;
	case STATUS_KILLED:
		return -ENODEV;
	default:
		return -EIO;
	}
}

/**
 * accel_job_run - run a job, and wait for it
 * @accel: the device
 * @desc: what to do
 * @job: whose it is; receives what came of it
 *
 * Context: may sleep, as long as the job runs; nothing that a fault needs is held.
 * Return: 0; -EINVAL, -EFAULT, -ENOMEM; -EIO when the device failed, -ENODEV when it
 * goes, -EINTR after a fatal signal: the job is over. Or -ETIMEDOUT: it was killed, and
 * is not over before accel_jobs_fail() has completed it.
 */
int accel_job_run(struct accel *accel, const struct accel_desc *desc, struct accel_job *job)
{
	int ret;

	init_completion(&job->done);
	ret = job_put(accel, desc, job);
	if (ret)
		return ret;
	if (!wait_for_completion_killable(&job->done))
		return job_errno(job);
	accel_write(accel, REG_JOB_KILL, job->counter);
	/* It is in the ring, and uses the caller's memory, until it is over. */
	return wait_for_completion_timeout(&job->done, KILL_TIMEOUT) ? -EINTR : -ETIMEDOUT;
}

static struct accel_job *job_find(struct accel_jobs *jobs, u32 counter)
{
	struct accel_job *job = jobs->slots[counter % ACCEL_JOBS];

	lockdep_assert_held(&jobs->lock);
	return job && job->counter == counter ? job : NULL;
}

/*
 * Whose job is that? What a fault says of the address space may be old: it may be another
 * process's, when the job was killed. Return: it, with a reference; NULL: the job is over.
 */
struct kref *accel_job_owner(struct accel *accel, u32 counter)
{
	struct accel_jobs *jobs = &accel->jobs;
	struct accel_job *job;

	guard(spinlock_irq)(&jobs->lock);
	job = job_find(jobs, counter);
	if (!job)
		return NULL;
	kref_get(job->owner);
	return job->owner;
}

/* A fault of the job was dealt with, in the way that @error says. */
void accel_job_note(struct accel *accel, u32 counter, unsigned long moved, int error)
{
	struct accel_jobs *jobs = &accel->jobs;
	struct accel_job *job;

	guard(spinlock_irq)(&jobs->lock);
	job = job_find(jobs, counter);
	if (!job)
		return;
	job->faults++;
	job->moved += moved;
	job->error = error;
}
