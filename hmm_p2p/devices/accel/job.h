/* SPDX-License-Identifier: GPL-2.0 */
/* Jobs, which take turns on the device's units. */
#ifndef _ACCEL_JOB_H
#define _ACCEL_JOB_H

#include <linux/completion.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "hw.h"

struct accel;
struct kref;

#define ACCEL_JOBS_ORDER	6
#define ACCEL_JOBS		BIT(ACCEL_JOBS_ORDER)

/* In so much time a job is killed, or the device is of no use. */
#define KILL_TIMEOUT		(10 * HZ)

/*
 * Who waits for the device can be killed, and frozen: what he holds is a section that only the
 * removal of the device waits for.
 */
#define ACCEL_WAITING		(TASK_KILLABLE | TASK_FREEZABLE_UNSAFE)

#define accel_wait_event(wq, condition) wait_event_state(wq, condition, ACCEL_WAITING)
#define accel_wait_event_timeout(wq, condition, timeout)				\
	___wait_event(wq, ___wait_cond_timeout(condition), ACCEL_WAITING, 0, timeout,	\
		      __ret = schedule_timeout(__ret))

/**
 * struct accel_job - a job
 * @over: of a job that does not fault: called when it is over, under the lock, and with it
 *	the job may go. NULL: somebody waits for @done
 * @owner: references to whose it is; NULL for one that does not fault
 * @closed: that one does not want it any more; likewise
 * @desc: what is left to do
 * @waits: in accel_jobs.waiting or .stopped
 * @done: the device has written back what came of it
 * @since: when it was put into the ring, in jiffies
 * @patience: it got nowhere in so many turns: the next one is longer
 * @stopping: the device was told to stop it
 * @faulting: a fault of it is dealt with
 * @counter: its number, once it is in the ring
 * @pauses: accel_jobs.pauses when its owner got the address space that it is for
 * @id: the same, and what no other job has: the device counts anew after a reset
 * @status: STATUS_*, when done; 0: the device went away
 * @result: what the device returned
 * @address: where it failed
 * @error: negative errno with which a fault of it was failed, or 0
 * @faults: faults that it took
 * @moved: pages that these moved to the device
 */
struct accel_job {
	void (*over)(struct accel_job *job);
	struct kref *owner;
	const bool *closed;
	struct accel_desc desc;
	struct list_head waits;
	struct completion done;
	unsigned long since;
	unsigned int patience;
	bool stopping;
	bool faulting;
	u32 counter;
	u32 pauses;
	u64 id;
	u32 status;
	u64 result;
	u64 address;
	int error;
	unsigned long faults;
	unsigned long moved;
};

/**
 * struct accel_jobs - the jobs on a device
 * @ring: descriptors
 * @dma: its bus address
 * @lock: protects the rest, and the jobs in it as long as they are there
 * @tail: how many were put in
 * @head: how many of them are over, in order
 * @slots: jobs by slot; NULL: complete
 * @running: how many these are
 * @units: how many the device works on at once
 * @waiting: jobs that are not in the ring yet, first come first
 * @stopped: jobs that were stopped while a fault of theirs was dealt with, which still is
 * @slice: ends turns, as long as jobs wait
 * @over: woken when jobs or faults of stopped ones are over, or nobody wants them any more
 * @callers: of accel_job_run() and what belongs to it, see accel_jobs_enter()
 * @closed: nothing is put in any more
 * @paused: nothing is put in for now
 * @pauses: counts these: the upper half of the ids of jobs
 * @look: looks for what is not about the end of jobs, but may keep one from it
 */
struct accel_jobs {
	struct accel_desc *ring;
	dma_addr_t dma;
	spinlock_t lock; /* see above */
	u32 tail;
	u32 head;
	struct accel_job *slots[ACCEL_JOBS];
	unsigned int running;
	unsigned int units;
	struct list_head waiting;
	struct list_head stopped;
	struct delayed_work slice;
	wait_queue_head_t over;
	atomic_t callers;
	bool closed;
	bool paused;
	u32 pauses;
	void (*look)(struct accel *accel);
};

/* No job is put in any more. Who has seen that may have been late. */
static inline bool accel_jobs_closed(const struct accel_jobs *jobs)
{
	return READ_ONCE(jobs->closed);
}

bool accel_jobs_enter(struct accel_jobs *jobs);
void accel_jobs_leave(struct accel_jobs *jobs);

int accel_jobs_init(struct accel *accel, void (*look)(struct accel *accel));
void accel_jobs_start(struct accel *accel);
void accel_jobs_harvest(struct accel *accel);
int accel_jobs_end(struct accel *accel);
void accel_jobs_await_callers(struct accel_jobs *jobs);
void accel_jobs_fail(struct accel *accel);
void accel_job_init(struct accel_job *job, struct kref *owner, const bool *closed,
		    const struct accel_desc *desc);
void accel_job_fini(struct accel *accel, struct accel_job *job);
int accel_job_run(struct accel *accel, struct accel_job *job);
int accel_job_start(struct accel *accel, struct accel_job *job);
bool accel_job_is_overdue(struct accel *accel, struct accel_job *job, unsigned long limit);
void accel_job_kill(struct accel *accel, struct accel_job *job);
bool accel_job_await_end(struct accel *accel, struct accel_job *job);
int accel_job_errno(const struct accel_job *job);
bool accel_is_there(const struct accel *accel);
int accel_job_await_fault(struct accel *accel, struct accel_job *job);
bool accel_jobs_have_tasks(struct accel_jobs *jobs);
int accel_jobs_pause(struct accel *accel);
void accel_jobs_resume(struct accel *accel, bool was_reset);
struct kref *accel_job_owner(struct accel *accel, u32 counter, u64 *id);
void accel_job_note(struct accel *accel, u64 id, unsigned long moved, int error);
void accel_job_reply(struct accel *accel, u64 id, u32 reply);

#endif /* _ACCEL_JOB_H */
