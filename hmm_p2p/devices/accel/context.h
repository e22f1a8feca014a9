/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process on the device: one for all files of the device that it has opened. It stays as
 * long as one of them is open, or a fault of it runs.
 */
#ifndef _ACCEL_CONTEXT_H
#define _ACCEL_CONTEXT_H

#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "advice.h"
#include "hw.h"
#include "mmu.h"
#include "storm.h"

struct hmm_p2p_svm;
struct mm_struct;

/**
 * struct accel_contexts - the processes on a device
 * @lock: protects all below, but @room
 * @all: by mm
 * @numbers: which of the device's address spaces are taken
 * @idle: processes that have one, and no job: the first for the longest time
 * @waiting: jobs that wait for one, first come first
 * @attached: processes that have an address space, but those that are about to go
 * @nr_attached: how many these are, with those
 * @paused: nobody gets one for now, nor begins a job
 * @changes: counts what those may wait for
 * @room: woken then
 */
struct accel_contexts {
	struct mutex lock; /* see above */
	DECLARE_HASHTABLE(all, 6);
	DECLARE_BITMAP(numbers, NR_CONTEXTS);
	struct list_head idle;
	struct list_head waiting;
	struct list_head attached;
	unsigned int nr_attached;
	bool paused;
	unsigned int changes;
	wait_queue_head_t room;
};

/**
 * struct accel_queue - jobs that a process has submitted
 * @lock: protects @jobs, @waiting and @running
 * @jobs: that have not begun, first come first
 * @waiting: how many these are
 * @running: there is a thread that runs them
 * @over: counts those that are over; by that thread
 * @done: woken then
 */
struct accel_queue {
	struct mutex lock; /* see above */
	struct list_head jobs;
	unsigned int waiting;
	bool running;
	unsigned int over;
	wait_queue_head_t done;
};

/**
 * struct accel_context - a process on the device
 * @ref: its files, the thread of its queue, and each fault that is handled
 * @accel: the device, with a reference to its node
 * @mm: the process that opened the files, with a reference to the structure
 * @svm: that process, as the device sees it
 * @mmu: its page table, while it has an address space of the device's
 * @advice: what it has said about its memory; under the svm's lock
 * @storms: memory that it and the device take from each other; likewise
 * @calm: ends that such memory stays in RAM
 * @by_mm: in accel_contexts.all, as long as there are files; under its lock, as the rest
 * @files: how many the process has open
 * @closed: none any more: its jobs end
 * @attached: in accel_contexts.attached
 * @idle: in accel_contexts.idle
 * @jobs: that run, or are about to: it keeps its address space
 * @queue: jobs that it has submitted
 */
struct accel_context {
	struct kref ref;
	struct accel *accel;
	struct mm_struct *mm;
	struct hmm_p2p_svm *svm;
	struct accel_mmu mmu;
	struct accel_advice advice;
	struct accel_storms storms;
	struct delayed_work calm;
	struct hlist_node by_mm;
	unsigned int files;
	bool closed;
	struct list_head attached;
	struct list_head idle;
	unsigned int jobs;
	struct accel_queue queue;
};

/**
 * struct accel_wanted - what is to become of memory that a job reaches
 * @advice: what the process has said, by topic
 * @storm: it stays in RAM, unless an advice says otherwise
 */
struct accel_wanted {
	u32 advice[ADVICE_TOPICS];
	bool storm;
};

static inline bool accel_is_advised(const struct accel_wanted *wanted)
{
	return wanted->advice[ADVICE_PREFER] || wanted->advice[ADVICE_ACCESSED];
}

/**
 * struct accel_explained - what would become of it, and why
 * @wanted: that
 * @start: of a range where that is the same
 * @end: behind its last byte
 * @turns: how often the CPU has taken it from the device, each time soon
 * @storms: how often memory of the process was made to stay because of that
 */
struct accel_explained {
	struct accel_wanted wanted;
	unsigned long start;
	unsigned long end;
	unsigned int turns;
	u64 storms;
};

static inline struct accel_context *accel_context_get(struct accel_context *context)
{
	kref_get(&context->ref);
	return context;
}

int accel_contexts_init(struct accel *accel);
struct accel_context *accel_context_open(struct accel *accel);
void accel_context_close(struct accel_context *context);
int accel_context_begin(struct accel_context *context, u32 *pauses);
void accel_context_end(struct accel_context *context);
int accel_contexts_pause(struct accel *accel);
int accel_contexts_drain(struct accel *accel);
void accel_contexts_resume(struct accel *accel);
int accel_context_make_room(struct accel_context *context);
int accel_context_advise(struct accel_context *context, enum accel_topic topic,
			 unsigned long start, unsigned long end, u32 value);
int accel_context_ask(struct accel_context *context, unsigned long addr,
		      unsigned long *start, unsigned long *end, struct accel_wanted *wanted);
void accel_context_came(struct accel_context *context, unsigned long addr);
int accel_context_explain(struct accel_context *context, unsigned long addr,
			  struct accel_explained *explained);
void accel_context_put(struct accel_context *context);

#endif /* _ACCEL_CONTEXT_H */
