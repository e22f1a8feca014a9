/* SPDX-License-Identifier: GPL-2.0 */
/* The copy engine: pages on their way between system memory and the device's. */
#ifndef _ACCEL_COPY_H
#define _ACCEL_COPY_H

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct accel;
struct accel_desc;
struct dma_fence;
struct hmm_p2p_device_ops;

#define ACCEL_COPIES_ORDER	11
#define ACCEL_COPIES		BIT(ACCEL_COPIES_ORDER)

/**
 * struct accel_copies - the copy engine
 * @ring: descriptors
 * @dma: its bus address
 * @lock: protects the rest
 * @tail: how many descriptors were put in
 * @head: how many of them are behind the end of a copy that is complete
 * @watched: the device's head when the watch last looked
 * @under_way: copies, in the order of the ring
 * @context: of the fences
 * @seqno: of the last fence
 * @closed: nothing is put in: the CPU copies
 * @users: of the device's memory by the CPU
 * @silent: it does not answer; users wait
 * @answers: @users or @silent has changed
 * @watch: looks whether the engine gets on, as long as there are copies
 */
struct accel_copies {
	struct accel_desc *ring;
	dma_addr_t dma;
	spinlock_t lock; /* see above */
	u32 tail;
	u32 head;
	u32 watched;
	struct list_head under_way;
	u64 context;
	u64 seqno;
	bool closed;
	atomic_t users;
	bool silent;
	wait_queue_head_t answers;
	struct delayed_work watch;
};

int accel_copies_init(struct accel *accel, work_func_t watch);
void accel_copies_start(struct accel *accel);
void accel_copies_harvest(struct accel *accel);
bool accel_copies_get_on(struct accel *accel);
int accel_copies_pause(struct accel *accel);
void accel_copies_resume(struct accel *accel);
void accel_copies_fail(struct accel *accel);
void accel_copies_end(struct accel *accel);
struct dma_fence *accel_copies_clear(struct accel *accel, u64 local, u64 length);

extern const struct hmm_p2p_device_ops accel_memory_ops;

/* Around each use of the device's memory by the CPU; may sleep. */
void accel_memory_begin(struct accel *accel);
void accel_memory_end(struct accel *accel);
void accel_memory_falls_silent(struct accel *accel);
void accel_memory_answers(struct accel *accel);

DEFINE_GUARD(accel_memory, struct accel *, accel_memory_begin(_T), accel_memory_end(_T))

#endif /* _ACCEL_COPY_H */
