// SPDX-License-Identifier: GPL-2.0
/*
 * The device faults: a job has reached an address for which there is no entry. Each
 * fault is handled by a worker of its own, because it may wait for a filesystem or a
 * userfault, and the others are not to wait for that.
 *
 * What is in system memory, or nowhere yet, moves to the device first, as much of the
 * 2 MiB around as belongs to the same mapping and has the same advice; what is on another
 * device stays there, and is reached over the interconnect or peer to peer; unless the
 * process wants it otherwise. Then the process is faulted for the device, and the job goes
 * on. So it does where the process and the device have taken memory from each other again
 * and again: see storm.c.
 */
#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <linux/dma-mapping.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <uapi/drm/hmm_p2p_accel.h>

#include "accel.h"
#include "context.h"
#include "fault.h"

#define FAULTS_ORDER	6
#define FAULTS		BIT(FAULTS_ORDER)

/**
 * struct fault - a fault of a job
 * @work: handles it
 * @context: whose
 * @addr: what the job reaches, page aligned
 * @job: the job
 * @id: for the reply
 * @write: it is to be written
 */
struct fault {
	struct work_struct work;
	struct accel_context *context;
	unsigned long addr;
	u64 job;
	u16 id;
	bool write;
};

struct workqueue_struct *accel_wq;

/* Return: 0 or -ENOMEM. */
int accel_faults_init(struct accel *accel)
{
	int ret;

	BUILD_BUG_ON(sizeof(struct accel_fault_entry) != 32);
	ret = drmm_mutex_init(&accel->drm, &accel->faults_lock);
	if (ret)
		return ret;
	accel->faults = dmam_alloc_coherent(&accel->pdev->dev,
					    FAULTS * sizeof(*accel->faults),
					    &accel->faults_dma, GFP_KERNEL);
	return accel->faults ? 0 : -ENOMEM;
}

void accel_faults_start(struct accel *accel)
{
	guard(mutex)(&accel->faults_lock);
	accel->fault_head = 0;
	accel_write64(accel, REG_FAULT_BASE, accel->faults_dma);
	accel_write(accel, REG_FAULT_ORDER, FAULTS_ORDER);
	accel_write(accel, REG_FAULT_CTRL, CTRL_ENABLE);
}

/* Of a device that went away meanwhile nobody waits for an answer. */
static void fault_reply(struct accel *accel, u64 job, u16 id, u32 answer)
{
	int idx;

	if (!drm_dev_enter(&accel->drm, &idx))
		return;
	accel_job_reply(accel, job, (u32)id << 16 | answer);
	drm_dev_exit(idx);
}

/* What of the 2 MiB around is the same mapping; false: there is no mapping. */
static bool fault_around(const struct fault *fault, struct hmm_p2p_move *move)
{
	struct mm_struct *mm = fault->context->mm;
	struct vm_area_struct *vma;

	if (mmap_read_lock_killable(mm))
		return false;
	vma = vma_lookup(mm, fault->addr);
	if (vma) {
		move->start = max(ALIGN_DOWN(fault->addr, PMD_SIZE), vma->vm_start);
		move->end = min(ALIGN_DOWN(fault->addr, PMD_SIZE) + PMD_SIZE, vma->vm_end);
	}
	mmap_read_unlock(mm);
	return vma;
}

/* What does not move is reached where it is: no error of this is one of the job. */
static unsigned long fault_move(struct hmm_p2p_move *move)
{
	hmm_p2p_move(move);
	return move->moved;
}

/* The page tables are full now and then: all of it goes, and is faulted in again. */
static int fault_range(const struct fault *fault, unsigned long start, unsigned long end)
{
	struct accel_context *context = fault->context;
	int ret;

	for (;;) {
		ret = hmm_p2p_svm_fault(context->svm, start, end, fault->write);
		if (ret != -ENOSPC)
			return ret;
		ret = accel_context_make_room(context);
		if (ret)
			return ret;
	}
}

/* The rest of the 2 MiB may be less accessible than what the job needs. */
static int fault_map(const struct fault *fault, const struct hmm_p2p_move *move)
{
	int ret = fault_range(fault, move->start, move->end);

	if (ret == -EFAULT || ret == -EPERM)
		ret = fault_range(fault, fault->addr, fault->addr + PAGE_SIZE);
	return ret;
}

/*
 * Memory that is to be here comes also from another device; what is to be in RAM, or is
 * only to be reached, stays where it is, and so does what would not stay here for long.
 */
static int fault_resolve(const struct fault *fault, struct hmm_p2p_move *move,
			 unsigned long *moved)
{
	struct accel_wanted wanted;
	bool here;
	int ret;

	ret = accel_context_ask(fault->context, fault->addr, &move->start, &move->end, &wanted);
	if (ret)
		return ret;
	here = wanted.advice[ADVICE_PREFER] == HMM_P2P_ACCEL_PREFER_DEVICE;
	move->stay = !here;
	if (here || (!accel_is_advised(&wanted) && !wanted.storm))
		*moved = fault_move(move);
	/* Not what is touched for the first time. */
	if (!here && move->moved > move->populated)
		accel_context_came(fault->context, fault->addr);
	return fault_map(fault, move);
}

static int fault_handle(const struct fault *fault, unsigned long *moved)
{
	struct accel_context *context = fault->context;
	struct hmm_p2p_move move = {
		.mm = context->mm,
		.hdev = context->accel->hdev,
		.populate = true,
	};
	int ret = -EFAULT;

	if (!mmget_not_zero(context->mm))
		return -ESRCH;
	if (fault_around(fault, &move))
		ret = fault_resolve(fault, &move, moved);
	mmput(context->mm);
	return ret;
}

/*
 * Which errno a job ends with, when a fault of it fails. Where the process may have the
 * memory, and the device has no way to it, that is an error of the device: owners that
 * were joined without a link, a DMA mapping that was refused.
 */
static int fault_errno(int ret)
{
	switch (ret) {
	case 0:
	case -EFAULT:
	case -ENODEV:
	case -ENOMEM:
		return ret;
	case -EPERM:
		return -EFAULT;
	default:
		return -EIO;
	}
}

static void fault_work(struct work_struct *work)
{
	struct fault *fault = container_of(work, struct fault, work);
	struct accel *accel = fault->context->accel;
	unsigned long moved = 0;
	int ret;

	ret = fault_handle(fault, &moved);
	accel_job_note(accel, fault->job, moved, fault_errno(ret));
	fault_reply(accel, fault->job, fault->id, ret ? REPLY_FAIL : REPLY_RETRY);
	accel_context_put(fault->context);
	kfree(fault);
}

/* Without memory for it, it fails. */
static void fault_refuse(struct accel *accel, struct kref *owner, u64 job, u16 id)
{
	accel_job_note(accel, job, 0, -ENOMEM);
	fault_reply(accel, job, id, REPLY_FAIL);
	accel_context_put(container_of(owner, struct accel_context, ref));
}

/* For a job that is out of the ring nobody waits for an answer. */
static void fault_begin(struct accel *accel, const struct accel_fault_entry *entry)
{
	struct fault *fault;
	struct kref *owner;
	u64 job;

	owner = accel_job_owner(accel, le32_to_cpu(entry->job), &job);
	if (!owner)
		return;
	fault = kzalloc_obj(*fault, GFP_KERNEL);
	if (!fault) {
		fault_refuse(accel, owner, job, le16_to_cpu(entry->id));
		return;
	}
	fault->context = container_of(owner, struct accel_context, ref);
	fault->addr = le64_to_cpu(entry->address) & PAGE_MASK;
	fault->job = job;
	fault->id = le16_to_cpu(entry->id);
	fault->write = le32_to_cpu(entry->write) & 1;
	INIT_WORK(&fault->work, fault_work);
	queue_work(accel_wq, &fault->work);
}

/* The device says that there are faults, or was to say it. Context: may sleep. */
void accel_faults_take(struct accel *accel)
{
	struct accel_fault_entry entry;
	u32 tail;

	guard(mutex)(&accel->faults_lock);
	tail = accel_read(accel, REG_FAULT_TAIL);
	if (tail == accel->fault_head || tail - accel->fault_head > FAULTS)
		return;
	dma_rmb(); /* what it counts is there */
	while (accel->fault_head != tail) {
		entry = accel->faults[accel->fault_head++ % FAULTS];
		fault_begin(accel, &entry);
	}
	accel_write(accel, REG_FAULT_HEAD, tail);
}
