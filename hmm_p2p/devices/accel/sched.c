// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs on buffers. What depends on them are dma_fences, and these have to signal in bounded
 * time, also while the system is short of memory: so nothing between a job's turn and its
 * fence allocates, takes a lock under which somebody does, or waits for a job that may
 * fault. lockdep looks after that, in the sections of dma_fence_begin_signalling().
 *
 * A job has its memory (the fence, the list of buffers) when it is submitted. Then it waits
 * in the queue of its file for the fences that it depends on: those of the caller's
 * syncobjs, and those of its buffers, so that who reads a buffer comes after who wrote it.
 * The scheduler gives it to the device, one at a time: the address space is one job's.
 *
 * The scheduler's clock ticks while a job is on the device. At a tick the device is asked
 * what it has done, in case an interrupt was lost, and a job whose time is over is killed:
 * its fence has an error, and the next one is not concerned. Only when the device does not
 * obey, it is reset, and then nobody can use it any more (accel_fail()).
 */
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_syncobj.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait_bit.h>
#include <uapi/drm/hmm_p2p_accel.h>

#include "accel.h"
#include "fail.h"
#include "fault.h"
#include "gem.h"
#include "prime.h"

/* How often the device is looked after while it has a job. */
#define TICK		(HZ / 4)

static unsigned int limit_ms = 10000;
module_param(limit_ms, uint, 0644);
MODULE_PARM_DESC(limit_ms,
		 "how long a job on buffers may keep a unit of the device, in ms (default: 10000)");

/**
 * struct task - a job on buffers
 * @base: for the scheduler
 * @job: for the device
 * @accel: the device, with a reference to its node
 * @fence: the device's end of it; it is one from when @begun is set
 * @begun: its turn has come
 * @result: where what came of it goes, or NULL
 * @started: the device has it, or had
 * @late: its time was over
 * @writable: which of @bos it may write, by bits
 * @nr: length of @bos
 * @bos: its buffers, with references
 * @put: gives back what it has
 */
struct task {
	struct drm_sched_job base;
	struct accel_job job;
	struct accel *accel;
	struct dma_fence *fence;
	struct drm_hmm_p2p_accel_gem_result __iomem *result;
	bool begun;
	bool started;
	bool late;
	u32 writable;
	unsigned int nr;
	struct accel_bo *bos[HMM_P2P_ACCEL_BUFFERS];
	struct work_struct put;
};

/* Of all devices: the module stays until they have gone. */
static atomic_t tasks = ATOMIC_INIT(0);

/* Kills what is late, also where no memory is free for another worker. */
static struct workqueue_struct *clock_wq;

static struct task *to_task(struct drm_sched_job *base)
{
	return container_of(base, struct task, base);
}

/* ----------------------------------------------------------------- on the device */

static const char *task_driver_name(struct dma_fence *fence)
{
	return "hmm_p2p_accel";
}

static const char *task_timeline_name(struct dma_fence *fence)
{
	return "jobs on buffers";
}

static const struct dma_fence_ops task_fence_ops = {
	.get_driver_name	= task_driver_name,
	.get_timeline_name	= task_timeline_name,
};

static int task_errno(const struct task *task)
{
	switch (task->job.status) {
	case STATUS_KILLED:
		return task->late ? -ETIMEDOUT : -ENODEV;
	case STATUS_TABLE: /* what is nobody's, see space.c */
		return -EFAULT;
	default:
		return accel_job_errno(&task->job);
	}
}

static void task_put_result(const struct task *task, int error)
{
	writeq(error, &task->result->out_error);
	writeq(error ? 0 : task->job.result, &task->result->out_result);
	writeq(error == -EFAULT ? task->job.address : 0, &task->result->out_address);
	wmb(); /* before whoever waits for the fence looks */
}

/* The device has done with it. The task may go as soon as its fence has signaled. */
static void task_over(struct accel_job *job)
{
	struct task *task = container_of(job, struct task, job);
	struct dma_fence *fence = dma_fence_get(task->fence);
	int error = task_errno(task);
	bool cookie = dma_fence_begin_signalling();

	if (task->result)
		task_put_result(task, error);
	if (error)
		dma_fence_set_error(fence, error);
	complete(&job->done);
	dma_fence_signal(fence);
	dma_fence_end_signalling(cookie);
	dma_fence_put(fence);
}

static bool task_has_lost(const struct task *task)
{
	unsigned int i;

	for (i = 0; i < task->nr; i++)
		if (READ_ONCE(task->bos[i]->lost))
			return true;
	return false;
}

static int task_start(struct task *task)
{
	struct accel *accel = task->accel;
	int ret;

	if (accel_jobs_closed(&accel->jobs) || task_has_lost(task))
		return -ENODEV;
	accel_space_load(accel, task->bos, task->nr, task->writable);
	dma_fence_init(task->fence, &task_fence_ops, NULL, accel->sched.context,
		       ++accel->sched.seqno);
	task->begun = true;
	ret = accel_job_start(accel, &task->job);
	if (!ret)
		smp_store_release(&task->started, true); /* for task_tick() */
	return ret;
}

/* Its turn has come. */
static struct dma_fence *task_run(struct drm_sched_job *base)
{
	struct task *task = to_task(base);
	bool cookie = dma_fence_begin_signalling();
	int ret = -ENODEV, idx;

	if (drm_dev_enter(&task->accel->drm, &idx)) {
		ret = task_start(task);
		drm_dev_exit(idx);
	}
	dma_fence_end_signalling(cookie);
	return ret ? ERR_PTR(ret) : dma_fence_get(task->fence);
}

static void task_end(struct task *task)
{
	task->late = true;
	accel_job_kill(task->accel, &task->job);
	if (!accel_job_await_end(task->accel, &task->job))
		accel_fail(task->accel, "a job on buffers does not end when it is killed");
}

static void task_look_after(struct task *task)
{
	struct accel *accel = task->accel;
	unsigned long limit = msecs_to_jiffies(READ_ONCE(limit_ms));

	if (!accel_is_there(accel))
		accel_fail(accel, "it does not answer any more");
	else
		accel_jobs_harvest(accel);
	if (!completion_done(&task->job.done) && accel_job_is_overdue(accel, &task->job, limit))
		task_end(task);
}

/*
 * Not a time-out yet. Nor is it one for the scheduler when a job is killed: the job is over
 * then, with an error, and the device goes on.
 */
static enum drm_gpu_sched_stat task_tick(struct drm_sched_job *base)
{
	struct task *task = to_task(base);
	bool cookie = dma_fence_begin_signalling();
	int idx;

	/* Pairs with task_start(). */
	if (smp_load_acquire(&task->started) && drm_dev_enter(&task->accel->drm, &idx)) {
		task_look_after(task);
		drm_dev_exit(idx);
	}
	dma_fence_end_signalling(cookie);
	return DRM_GPU_SCHED_STAT_NO_HANG;
}

/* ---------------------------------------------------------------------- their lives */

static void task_put(struct task *task)
{
	struct drm_device *drm = &task->accel->drm;

	while (task->nr)
		drm_gem_object_put(&task->bos[--task->nr]->base);
	if (task->begun)
		dma_fence_put(task->fence);
	else
		kfree(task->fence);
	kfree(task);
	drm_dev_put(drm);
	if (atomic_dec_and_test(&tasks))
		wake_up_var(&tasks);
}

static void task_put_work(struct work_struct *work)
{
	task_put(container_of(work, struct task, put));
}

/*
 * The scheduler's thread runs jobs, too: it must not wait for the lock of a buffer, which
 * somebody may have who waits for a job, and must not be the one that ends the scheduler.
 */
static void task_free(struct drm_sched_job *base)
{
	struct task *task = to_task(base);

	drm_sched_job_cleanup(base);
	INIT_WORK(&task->put, task_put_work);
	queue_work(accel_wq, &task->put);
}

static const struct drm_sched_backend_ops sched_ops = {
	.run_job	= task_run,
	.timedout_job	= task_tick,
	.free_job	= task_free,
};

static struct task *task_make(struct accel *accel, const struct accel_desc *desc)
{
	struct task *task = kzalloc_obj(*task, GFP_KERNEL_ACCOUNT);

	if (!task)
		return NULL;
	/* Others may have it for longer: it is freed by itself. */
	task->fence = kzalloc_obj(*task->fence, GFP_KERNEL_ACCOUNT);
	if (!task->fence) {
		kfree(task);
		return NULL;
	}
	accel_job_init(&task->job, NULL, NULL, desc);
	task->job.over = task_over;
	task->job.desc.context = cpu_to_le16(SPACE_CONTEXT);
	drm_dev_get(&accel->drm);
	task->accel = accel;
	atomic_inc(&tasks);
	return task;
}

/* ------------------------------------------------------------------------ buffers */

static bool task_has(const struct task *task, const struct accel_bo *bo)
{
	unsigned int i;

	for (i = 0; i < task->nr; i++)
		if (task->bos[i] == bo)
			return true;
	return false;
}

static int task_add_bo(struct task *task, struct drm_file *file,
		       const struct drm_hmm_p2p_accel_gem_buffer *buffer)
{
	struct drm_gem_object *obj;

	if (buffer->flags & ~HMM_P2P_ACCEL_BUFFER_WRITE)
		return -EINVAL;
	obj = drm_gem_object_lookup(file, buffer->handle);
	if (!obj)
		return -ENOENT;
	/* Its reservation can be locked once. */
	if (task_has(task, to_accel_bo(obj))) {
		drm_gem_object_put(obj);
		return -EINVAL;
	}
	if (buffer->flags & HMM_P2P_ACCEL_BUFFER_WRITE)
		task->writable |= BIT(task->nr);
	task->bos[task->nr++] = to_accel_bo(obj);
	return 0;
}

static int task_add_bos(struct task *task, struct drm_file *file,
			const struct drm_hmm_p2p_accel_gem_submit *submit)
{
	struct drm_hmm_p2p_accel_gem_buffer buffers[HMM_P2P_ACCEL_BUFFERS];
	unsigned int i;
	int ret = 0;

	if (copy_from_user(buffers, u64_to_user_ptr(submit->buffers),
			   submit->nr_buffers * sizeof(*buffers)))
		return -EFAULT;
	for (i = 0; i < submit->nr_buffers && !ret; i++)
		ret = task_add_bo(task, file, &buffers[i]);
	return ret;
}

/* What a job writes is known before: reads alone may go wrong on the device. */
static int task_check_dst(const struct task *task,
			  const struct drm_hmm_p2p_accel_gem_submit *submit)
{
	u64 start, end, last;
	unsigned int i;

	if (submit->op != HMM_P2P_ACCEL_FILL && submit->op != HMM_P2P_ACCEL_COPY &&
	    submit->op != HMM_P2P_ACCEL_SAXPY && submit->op != HMM_P2P_ACCEL_HISTOGRAM)
		return 0;
	last = submit->op == HMM_P2P_ACCEL_HISTOGRAM ? 2048 : submit->length;
	if (check_add_overflow(submit->dst, last, &last))
		return -EFAULT;
	for (i = 0; i < task->nr; i++) {
		start = HMM_P2P_ACCEL_BUFFER_ADDRESS(i);
		end = start + task->bos[i]->base.size;
		if (submit->dst < end && last > start && !(task->writable & BIT(i)))
			return -EFAULT;
	}
	return 0;
}

/* The kernel writes it, by the window. */
static int task_set_result(struct task *task, u64 result)
{
	u64 offset = result % HMM_P2P_ACCEL_BUFFER_ADDRESS(0);
	u64 nr = result / HMM_P2P_ACCEL_BUFFER_ADDRESS(0);
	const struct accel_bo *bo;

	if (!result)
		return 0;
	if (!IS_ALIGNED(result, sizeof(u64)))
		return -EINVAL;
	if (!nr || nr > task->nr || !(task->writable & BIT(nr - 1)))
		return -EFAULT;
	bo = task->bos[nr - 1];
	if (offset + sizeof(*task->result) > bo->base.size)
		return -EFAULT;
	if (!accel_bo_is_mappable(bo))
		return -EOPNOTSUPP;
	task->result = accel_bo_memory(bo) + offset;
	return 0;
}

/* ----------------------------------------------------------------------- syncobjs */

/**
 * struct signal - a syncobj that gets the job's fence
 * @syncobj: with a reference
 * @chain: for a point of a timeline; NULL: it has none
 * @point: which one
 */
struct signal {
	struct drm_syncobj *syncobj;
	struct dma_fence_chain *chain;
	u64 point;
};

static int task_add_wait(struct task *task, struct drm_file *file,
			 const struct drm_hmm_p2p_accel_gem_sync *sync)
{
	struct dma_fence *fence;
	int ret;

	if (sync->reserved)
		return -EINVAL;
	ret = drm_syncobj_find_fence(file, sync->handle, sync->point, 0, &fence);
	return ret ?: drm_sched_job_add_dependency(&task->base, fence);
}

static int task_add_waits(struct task *task, struct drm_file *file,
			  const struct drm_hmm_p2p_accel_gem_submit *submit)
{
	struct drm_hmm_p2p_accel_gem_sync syncs[HMM_P2P_ACCEL_SYNCS];
	unsigned int i;
	int ret = 0;

	if (copy_from_user(syncs, u64_to_user_ptr(submit->waits),
			   submit->nr_waits * sizeof(*syncs)))
		return -EFAULT;
	for (i = 0; i < submit->nr_waits && !ret; i++)
		ret = task_add_wait(task, file, &syncs[i]);
	return ret;
}

static void signals_free(struct signal *signals, unsigned int nr)
{
	while (nr--) {
		dma_fence_chain_free(signals[nr].chain);
		drm_syncobj_put(signals[nr].syncobj);
	}
}

static int signal_find(struct signal *signal, struct drm_file *file,
		       const struct drm_hmm_p2p_accel_gem_sync *sync)
{
	if (sync->reserved)
		return -EINVAL;
	*signal = (struct signal) { .point = sync->point };
	if (sync->point) {
		signal->chain = dma_fence_chain_alloc();
		if (!signal->chain)
			return -ENOMEM;
	}
	signal->syncobj = drm_syncobj_find(file, sync->handle);
	if (signal->syncobj)
		return 0;
	dma_fence_chain_free(signal->chain);
	return -ENOENT;
}

static int signals_find(struct signal *signals, struct drm_file *file,
			const struct drm_hmm_p2p_accel_gem_submit *submit)
{
	struct drm_hmm_p2p_accel_gem_sync syncs[HMM_P2P_ACCEL_SYNCS];
	unsigned int i;
	int ret;

	if (copy_from_user(syncs, u64_to_user_ptr(submit->signals),
			   submit->nr_signals * sizeof(*syncs)))
		return -EFAULT;
	for (i = 0; i < submit->nr_signals; i++) {
		ret = signal_find(&signals[i], file, &syncs[i]);
		if (!ret)
			continue;
		signals_free(signals, i);
		return ret;
	}
	return 0;
}

/* A syncobj that is listed is given the fence, whatever it had before. */
static void signals_give(struct signal *signals, unsigned int nr, struct dma_fence *fence)
{
	for (; nr; nr--, signals++) {
		if (!signals->chain) {
			drm_syncobj_replace_fence(signals->syncobj, fence);
			continue;
		}
		drm_syncobj_add_point(signals->syncobj, signals->chain, fence, signals->point);
		signals->chain = NULL; /* the syncobj's now */
	}
}

/* ------------------------------------------------------------------------- submit */

/* Context: its buffers are locked. */
static int task_prepare(struct task *task)
{
	unsigned int leaves = 0, i;
	int ret;

	for (i = 0; i < task->nr; i++) {
		struct drm_gem_object *obj = &task->bos[i]->base;

		ret = accel_prime_map(task->bos[i]) ?: dma_resv_reserve_fences(obj->resv, 1) ?:
		      drm_sched_job_add_implicit_dependencies(&task->base, obj,
							      task->writable & BIT(i));
		if (ret)
			return ret;
		leaves += accel_space_leaves(task->bos[i]);
	}
	return leaves > SPACE_LEAVES ? -ENOSPC : 0;
}

/* There is no way back. Context: its buffers are locked. Return: its end, with a reference. */
static struct dma_fence *task_push(struct task *task, struct accel_entity *entity)
{
	struct dma_fence *fence;
	unsigned int i;

	guard(mutex)(&entity->lock);
	drm_sched_job_arm(&task->base);
	fence = dma_fence_get(&task->base.s_fence->finished);
	for (i = 0; i < task->nr; i++)
		dma_resv_add_fence(task->bos[i]->base.resv, fence,
				   task->writable & BIT(i) ? DMA_RESV_USAGE_WRITE :
							     DMA_RESV_USAGE_READ);
	drm_sched_entity_push_job(&task->base);
	return fence;
}

static int task_commit(struct task *task, struct accel_entity *entity, struct signal *signals,
		       unsigned int nr)
{
	struct drm_gem_object *objs[HMM_P2P_ACCEL_BUFFERS];
	struct ww_acquire_ctx ctx;
	struct dma_fence *fence = NULL;
	unsigned int nr_objs, i;
	int ret;

	/* Once it is the scheduler's, the task may go, and its references with it. */
	nr_objs = task->nr;
	for (i = 0; i < nr_objs; i++) {
		objs[i] = &task->bos[i]->base;
		drm_gem_object_get(objs[i]);
	}
	ret = drm_gem_lock_reservations(objs, nr_objs, &ctx);
	if (!ret) {
		ret = task_prepare(task);
		if (!ret)
			fence = task_push(task, entity);
		drm_gem_unlock_reservations(objs, nr_objs, &ctx);
	}
	if (!ret) {
		signals_give(signals, nr, fence);
		dma_fence_put(fence);
	}
	for (i = 0; i < nr_objs; i++)
		drm_gem_object_put(objs[i]);
	return ret;
}

/* On success the task is the scheduler's. */
static int task_submit(struct task *task, struct drm_file *file, struct accel_entity *entity,
		       const struct drm_hmm_p2p_accel_gem_submit *submit)
{
	struct signal signals[HMM_P2P_ACCEL_SYNCS];
	int ret;

	ret = task_add_bos(task, file, submit) ?: task_check_dst(task, submit) ?:
	      task_set_result(task, submit->result) ?: task_add_waits(task, file, submit) ?:
	      signals_find(signals, file, submit);
	if (ret)
		return ret;
	ret = task_commit(task, entity, signals, submit->nr_signals);
	signals_free(signals, submit->nr_signals);
	return ret;
}

static int sched_submit_here(struct accel *accel, struct drm_file *file,
			     struct accel_entity *entity,
			     const struct drm_hmm_p2p_accel_gem_submit *submit)
{
	const struct accel_desc desc = {
		.op = cpu_to_le16(submit->op),
		.flags = cpu_to_le32(DESC_INTERRUPT),
		.dst = cpu_to_le64(submit->dst),
		.src = cpu_to_le64(submit->src),
		.length = cpu_to_le64(submit->length),
		.argument = cpu_to_le64(submit->argument),
	};
	struct task *task = task_make(accel, &desc);
	int ret;

	if (!task)
		return -ENOMEM;
	ret = drm_sched_job_init(&task->base, &entity->base, 1, NULL, file->client_id);
	if (!ret) {
		ret = task_submit(task, file, entity, submit);
		if (ret)
			drm_sched_job_cleanup(&task->base);
	}
	if (ret)
		task_put(task);
	return ret;
}

/**
 * accel_sched_submit - queue a job on buffers
 * @drm: the device
 * @file: whose buffers and syncobjs
 * @entity: the file's queue
 * @submit: the job
 *
 * Context: process; may sleep.
 * Return: 0; -EINVAL, -EFAULT, -ENOENT, -EOPNOTSUPP, -ENOSPC, -ENOMEM, -EINTR, -ENODEV: see
 * struct drm_hmm_p2p_accel_gem_submit.
 */
int accel_sched_submit(struct drm_device *drm, struct drm_file *file,
		       struct accel_entity *entity,
		       const struct drm_hmm_p2p_accel_gem_submit *submit)
{
	struct accel *accel = to_accel(drm);
	int idx, ret = -ENODEV;

	if (submit->flags || submit->reserved || !submit->nr_buffers ||
	    submit->op < HMM_P2P_ACCEL_FILL || submit->op > HMM_P2P_ACCEL_HISTOGRAM ||
	    submit->nr_buffers > HMM_P2P_ACCEL_BUFFERS ||
	    submit->nr_waits > HMM_P2P_ACCEL_SYNCS || submit->nr_signals > HMM_P2P_ACCEL_SYNCS)
		return -EINVAL;
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	if (!accel_jobs_closed(&accel->jobs))
		ret = sched_submit_here(accel, file, entity, submit);
	drm_dev_exit(idx);
	return ret;
}

/* --------------------------------------------------------------------------- life */

static void sched_fini(struct drm_device *drm, void *data)
{
	drm_sched_fini(&to_accel(drm)->sched.base);
}

/* It ends with the node, when no file has it: files have a part in it. Return: 0 or -ENOMEM. */
int accel_sched_init(struct accel *accel)
{
	const struct drm_sched_init_args args = {
		.ops = &sched_ops,
		.num_rqs = DRM_SCHED_PRIORITY_COUNT,
		.credit_limit = 1,
		.timeout = TICK,
		.timeout_wq = clock_wq,
		.name = "hmm_p2p_accel",
		.dev = &accel->pdev->dev,
	};
	int ret;

	accel->sched.context = dma_fence_context_alloc(1);
	ret = drm_sched_init(&accel->sched.base, &args);
	return ret ?: drmm_add_action_or_reset(&accel->drm, sched_fini, NULL);
}

int accel_entity_init(struct accel_entity *entity, struct accel *accel)
{
	struct drm_gpu_scheduler *sched = &accel->sched.base;

	mutex_init(&entity->lock);
	return drm_sched_entity_init(&entity->base, DRM_SCHED_PRIORITY_NORMAL, &sched, 1, NULL);
}

/* What the file has submitted and has not begun is dropped when its process was killed. */
void accel_entity_fini(struct accel_entity *entity)
{
	drm_sched_entity_destroy(&entity->base);
	mutex_destroy(&entity->lock);
}

/* No job begins any more; the one on the device ends in bounded time, by itself. */
void accel_sched_pause(struct accel *accel)
{
	drm_sched_wqueue_stop(&accel->sched.base);
	wait_event(accel->jobs.over, !accel_jobs_have_tasks(&accel->jobs));
}

void accel_sched_resume(struct accel *accel)
{
	drm_sched_wqueue_start(&accel->sched.base);
}

/* Return: 0 or -ENOMEM. */
int accel_sched_module_init(void)
{
	clock_wq = alloc_workqueue("hmm_p2p_accel_clock", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return clock_wq ? 0 : -ENOMEM;
}

/* No device is bound, and no file is open. */
void accel_sched_module_exit(void)
{
	wait_var_event(&tasks, !atomic_read(&tasks));
	destroy_workqueue(clock_wq);
}
