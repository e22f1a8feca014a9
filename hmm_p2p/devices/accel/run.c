// SPDX-License-Identifier: GPL-2.0
/* A job of a process from its begin to its end, over all its turns. */
#include <drm/drm_drv.h>
#include <uapi/drm/hmm_p2p_accel.h>

#include "accel.h"
#include "fail.h"
#include "run.h"

/* ------------------------------------------------------------------------- turns */

/* The job is out of the ring when this returns, in the worst case by the reset. */
static int run_in_ring(struct accel *accel, struct accel_job *job)
{
	int ret = accel_job_run(accel, job);

	if (ret != -ETIMEDOUT)
		return ret;
	accel_fail(accel, "a job does not end when it is killed");
	/* Somebody else may have begun with that, and not be through. */
	wait_for_completion(&job->done);
	return -EINTR;
}

/* Return: -EAGAIN: it was stopped, because others wait. */
static int run_turn(struct accel_context *context, struct accel_job *job)
{
	int ret;

	ret = accel_context_begin(context);
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
 * is gone; -EINTR after a fatal signal.
 */
int accel_run_job(struct accel_context *context, const struct accel_desc *desc,
		  struct drm_hmm_p2p_accel_run *out)
{
	struct accel *accel = context->accel;
	struct accel_job job;
	int idx, ret;

	if (!drm_dev_enter(&accel->drm, &idx))
		return -ENODEV;
	accel_job_init(&job, &context->ref, desc);
	ret = run_turns(context, &job);
	accel_job_fini(accel, &job);
	drm_dev_exit(idx);
	out->out_result = ret ? 0 : job.result;
	out->out_address = ret == -EFAULT ? job.address : 0;
	out->out_faults = job.faults;
	out->out_moved = job.moved;
	return ret;
}
