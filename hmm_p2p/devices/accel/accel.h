/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver's files, from below, and each uses those before it only: hw (registers),
 * tables (device memory for page tables), copy (the copy engine), job (the ring), fail (a
 * device that fails), mmu (page tables, invalidation), advice (what a process has said
 * about its memory), storm (what it and the device take from each other), context (a
 * process, and when it may use the device), fault (what jobs cannot reach), run (a job from
 * its begin to its end); for the jobs that do not fault, gem (buffers), prime (those of other
 * devices, and for these), space (the address space of a job), sched (their queue); power
 * (resets and sleep), drv (the device, its nodes and its interrupts).
 *
 * Locks, outermost first: the lock of a process's queue, or accel.faults_lock;
 * accel.contexts.lock; the lock of an svm, which is held in mmu.c's operations;
 * accel.inv_lock; accel.jobs.lock, accel.copies.lock (spinlocks). No memory is allocated under
 * any of them but the first two, except without waiting. Those of jobs on buffers: the
 * reservations of buffers; the lock of a file's queue, or accel.gem.lock. What such a job needs
 * to end takes accel.inv_lock and the spinlocks only. A reset keeps accel.gem.faults, under
 * which others map and allocate, and then waits for accel_memory_end() of who copies by the
 * CPU.
 */
#ifndef _ACCEL_H
#define _ACCEL_H

#include <drm/drm_device.h>
#include <linux/hmm_p2p_svm.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "context.h"
#include "copy.h"
#include "gem.h"
#include "hw.h"
#include "job.h"
#include "sched.h"
#include "tables.h"

/**
 * struct accel - a device
 * @drm: its node
 * @pdev: its PCI function
 * @regs: BAR 0
 * @uid: what its neighbour knows it by
 * @hdev: its memory, as hmm_p2p knows it
 * @tables: memory for page tables, at the start of BAR 2
 * @copies: the copy engine
 * @jobs: the ring of jobs
 * @faults: the fault queue
 * @faults_dma: its bus address
 * @faults_lock: entries are taken by one at a time
 * @fault_head: how many were; under @faults_lock
 * @contexts: the processes that use it
 * @gem: memory for buffers
 * @sched: the queue of jobs on buffers
 * @inv_lock: one invalidation at a time
 * @failed: it did not do what it has to do in bounded time, and was reset
 * @gone: nobody uses the registers any more: written before remove goes on
 */
struct accel {
	struct drm_device drm;
	struct pci_dev *pdev;
	void __iomem *regs;
	u64 uid;
	struct hmm_p2p_device *hdev;
	struct accel_tables tables;
	struct accel_copies copies;
	struct accel_jobs jobs;
	struct accel_fault_entry *faults;
	dma_addr_t faults_dma;
	struct mutex faults_lock; /* see above */
	u32 fault_head;
	struct accel_contexts contexts;
	struct accel_gem gem;
	struct accel_sched sched;
	struct mutex inv_lock; /* see above */
	unsigned long failed;
	bool gone;
};

static inline struct accel *to_accel(struct drm_device *drm)
{
	return container_of(drm, struct accel, drm);
}

static inline u32 accel_read(const struct accel *accel, u32 reg)
{
	return readl(accel->regs + reg);
}

static inline void accel_write(const struct accel *accel, u32 reg, u32 value)
{
	writel(value, accel->regs + reg);
}

static inline void accel_write64(const struct accel *accel, u32 reg, u64 value)
{
	writeq(value, accel->regs + reg);
}

static inline u64 accel_read64(const struct accel *accel, u32 reg)
{
	return readq(accel->regs + reg);
}

#endif /* _ACCEL_H */
