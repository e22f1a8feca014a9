/* SPDX-License-Identifier: GPL-2.0 */
/* The copy engine: pages on their way between system memory and the device's. */
#ifndef _ACCEL_COPY_H
#define _ACCEL_COPY_H

#include <linux/list.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>
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
 * @head: how many the device had completed when it was last asked
 * @watched: @head when the watch last looked
 * @under_way: copies, in the order of the ring
 * @context: of the fences
 * @seqno: of the last fence
 * @closed: nothing is put in: the CPU copies
 * @answers: read by who copies by the CPU; to write while the device's memory does not
 *	answer
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
	struct rw_semaphore answers;
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

#endif /* _ACCEL_COPY_H */
