// SPDX-License-Identifier: GPL-2.0
/*
 * A job of a process from its begin to its end, over all its turns.
 *
 * Either the caller waits for it, or it is submitted: then a thread of the kernel's runs
 * what the process has submitted, one job after the other, as long as there is something.
 * What came of a job is written to the process's memory, the fence, whose value comes
 * last. A job may fault, and so may the write: so this is no dma_fence, and nothing in the
 * kernel waits for it but those who ask for that, and can be killed.
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/drm/hmm_p2p_accel.h>

#include "accel.h"
#include "fail.h"
#include "run.h"

/**
 * struct submission - a job that was submitted
 * @list: in accel_queue.jobs
 * @desc: what to do
 * @fence: where what came of it goes
 * @value: what is written there at the end
 */
struct submission {
	struct list_head list;
	struct accel_desc desc;
	struct drm_hmm_p2p_accel_fence __user *fence;
	u64 value;
};

/* ------------------------------------------------------------------------- turns */

/* The job is out of the ring when this returns, in the worst case by the reset. */
static int run_in_ring(struct accel *accel, struct accel_job *job)
{
	int ret = accel_job_run(accel, job);

	if (ret != -ETIMEDOUT && ret != -ENXIO)
		return ret;
	accel_fail(accel, ret == -ENXIO ? "it does not answer any more" :
					  "a job does not end when it is killed");
	/* Somebody else may have begun with that, and not be through. */
	wait_for_completion(&job->done);
	return ret == -ENXIO ? -EIO : -EINTR;
}

/* Return: -EAGAIN: it was stopped, because others wait. */
static int run_turn(struct accel_context *context, struct accel_job *job)
{
	int ret;

	ret = accel_context_begin(context, &job->pauses);
	if (ret)
		return ret;
	job->desc.context = cpu_to_le16(context->mmu.context);
	ret = run_in_ring(context->accel, job);
	accel_context_end(context);
	return ret;
}

/* Between two turns it has neither a unit nor an address space. */
static int run_turns(struct accel_context *context, struct accel_job *job)
{
	int ret;

	for (;;) {
		ret = run_turn(context, job);
		if (ret != -EAGAIN)
			return ret;
		ret = accel_job_await_fault(context->accel, job);
		if (ret)
			return ret;
	}
}

/**
 * accel_run_job - run a job of a process, and wait for it
 * @context: the process
 * @desc: what to do
 * @out: receives what came of it, in its out_* fields
 *
 * Context: may sleep, as long as the job runs; nothing that a fault needs is held.
 * Return: 0; -EINVAL, -EFAULT, -ENOMEM; -EIO when the device failed, -ENODEV when it
 * is gone; -EINTR after a fatal signal, or when the process has closed its last file.
 */
int accel_run_job(struct accel_context *context, const struct accel_desc *desc,
		  struct drm_hmm_p2p_accel_run *out)
{
	struct accel *accel = context->accel;
	struct accel_job job;
	int ret;

	if (!accel_jobs_enter(&accel->jobs))
		return -ENODEV;
	accel_job_init(&job, &context->ref, &context->closed, desc);
	ret = run_turns(context, &job);
	accel_job_fini(accel, &job);
	accel_jobs_leave(&accel->jobs);
	out->out_result = ret ? 0 : job.result;
	out->out_address = ret == -EFAULT ? job.address : 0;
	out->out_faults = job.faults;
	out->out_moved = job.moved;
	return ret;
}

/* ------------------------------------------------------------------------ fences */

/* Into the memory of the process, as if it was its own. The value is what others look at. */
static void fence_put(const struct submission *submission,
		      const struct drm_hmm_p2p_accel_fence *what)
{
	size_t value = offsetof(struct drm_hmm_p2p_accel_fence, value);

	if (copy_to_user(submission->fence, what, value))
		return;
	smp_wmb(); /* the value after the rest, pairs with who reads it */
	if (put_user(what->value, &submission->fence->value))
		return;
}

/* A process that has ended, or has unmapped it, does not miss it. */
static void fence_write(struct accel_context *context, const struct submission *submission,
			const struct drm_hmm_p2p_accel_run *out, int error)
{
	const struct drm_hmm_p2p_accel_fence what = {
		.out_error = error == -EINTR ? -ECANCELED : error,
		.out_result = out->out_result,
		.out_address = out->out_address,
		.out_faults = out->out_faults,
		.out_moved = out->out_moved,
		.value = submission->value,
	};

	if (!mmget_not_zero(context->mm))
		return;
	kthread_use_mm(context->mm);
	fence_put(submission, &what);
	kthread_unuse_mm(context->mm);
	mmput(context->mm);
}

/* At least as long. */
static long wait_jiffies(s64 timeout)
{
	if (timeout <= 0)
		return timeout ? MAX_SCHEDULE_TIMEOUT : 0;
	return min_t(u64, nsecs_to_jiffies64(timeout) + 1, MAX_SCHEDULE_TIMEOUT);
}

/**
 * accel_wait_fence - wait until the value of a fence is reached
 * @context: the process whose jobs write it, of the caller
 * @at: the value
 * @value: how much it is at least when it is reached
 * @timeout: ns; less than 0: none
 *
 * It looks whenever a job of the process is over.
 *
 * Context: may sleep.
 * Return: 0; -ETIME, -EFAULT; -EINTR after a fatal signal.
 */
int accel_wait_fence(struct accel_context *context, const u64 __user *at, u64 value,
		     s64 timeout)
{
	struct accel_queue *queue = &context->queue;
	long left = wait_jiffies(timeout);
	unsigned int seen;
	u64 now;

	for (;;) {
		seen = READ_ONCE(queue->over);
		smp_rmb(); /* what came before that */
		if (get_user(now, at))
			return -EFAULT;
		if (now >= value)
			return 0;
		if (!left)
			return -ETIME;
		left = accel_wait_event_timeout(queue->done, READ_ONCE(queue->over) != seen,
						left);
		if (left < 0)
			return -EINTR;
	}
}

/* ------------------------------------------------------------------------- queues */

static void submission_run(struct accel_context *context, const struct submission *submission)
{
	struct accel_queue *queue = &context->queue;
	struct drm_hmm_p2p_accel_run out = {};
	int ret;

	ret = accel_run_job(context, &submission->desc, &out);
	fence_write(context, submission, &out, ret);
	smp_wmb(); /* that it is over after its fence, pairs with accel_wait_fence() */
	WRITE_ONCE(queue->over, queue->over + 1);
	wake_up_all(&queue->done);
}

/* The next one to begin. Return: NULL: there is none, and the thread ends. */
static struct submission *queue_next(struct accel_queue *queue)
{
	struct submission *submission;

	guard(mutex)(&queue->lock);
	submission = list_first_entry_or_null(&queue->jobs, struct submission, list);
	queue->running = submission;
	if (!submission)
		return NULL;
	list_del(&submission->list);
	queue->waiting--;
	return submission;
}

static int queue_main(void *arg)
{
	struct accel_context *context = arg;
	struct submission *submission;

	while ((submission = queue_next(&context->queue))) {
		submission_run(context, submission);
		kfree(submission);
	}
	accel_context_put(context);
	module_put_and_kthread_exit(0);
}

/* The thread has a reference to the context, and to the module: files may be closed. */
static int queue_start(struct accel_context *context)
{
	struct task_struct *thread;

	thread = kthread_create(queue_main, context, "accel-queue");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	accel_context_get(context);
	__module_get(THIS_MODULE);
	context->queue.running = true;
	wake_up_process(thread);
	return 0;
}

static int queue_add(struct accel_context *context, struct submission *submission)
{
	struct accel_queue *queue = &context->queue;
	int ret = 0;

	guard(mutex)(&queue->lock);
	if (queue->waiting == ACCEL_SUBMITTED_MAX)
		return -EBUSY;
	if (!queue->running)
		ret = queue_start(context);
	if (ret)
		return ret;
	list_add_tail(&submission->list, &queue->jobs);
	queue->waiting++;
	return 0;
}

/**
 * accel_submit_job - have a job run behind those that the process has submitted before
 * @context: the process
 * @desc: what to do
 * @fence: in its memory: receives what came of it
 * @value: the value of the fence then
 *
 * Context: may sleep.
 * Return: 0; -EBUSY when too many wait, -ENOMEM; -EINTR after a fatal signal.
 */
int accel_submit_job(struct accel_context *context, const struct accel_desc *desc,
		     struct drm_hmm_p2p_accel_fence __user *fence, u64 value)
{
	struct submission *submission = kzalloc_obj(*submission, GFP_KERNEL_ACCOUNT);
	int ret;

	if (!submission)
		return -ENOMEM;
	submission->desc = *desc;
	submission->fence = fence;
	submission->value = value;
	ret = queue_add(context, submission);
	if (ret)
		kfree(submission);
	return ret;
}
