// SPDX-License-Identifier: GPL-2.0
/*
 * Copies by the engine: a descriptor for each run of pages, in a ring that the device
 * works off in order. Each call is a copy with a fence of its own, and its own error.
 *
 * A page fault waits for these fences. So nothing here waits for memory: without some
 * for what a copy needs, or without room in the ring, the CPU copies, and so it does for
 * good when the engine does not get on: then the device is reset, which it obeys in
 * bounded time, and the fences end with an error. The source of a copy that failed is
 * whole, and the CPU can read the device's memory.
 */
#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/iopoll.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "accel.h"

/* The engine completes a descriptor in far less, and then the next one. */
#define WATCH_INTERVAL	(2 * HZ)

/* For all that the ring has room for. */
#define END_TIMEOUT_US	(10 * USEC_PER_SEC)

/**
 * struct copy_run - memory that is mapped for a copy
 * @addr: its bus address
 * @length: bytes; 0: the run has no system memory
 */
struct copy_run {
	dma_addr_t addr;
	size_t length;
};

/**
 * struct copy - a copy under way
 * @fence: its end; holds the copy
 * @node: in the list of those under way, with a reference
 * @end: what the ring's head is when it is complete
 * @dir: its direction
 * @nr: length of @runs
 * @runs: what was mapped for it
 */
struct copy {
	struct dma_fence fence;
	struct list_head node;
	u32 end;
	enum dma_data_direction dir;
	unsigned int nr;
	struct copy_run runs[] __counted_by(nr);
};

static const char *copy_driver_name(struct dma_fence *fence)
{
	return "hmm_p2p_accel";
}

static const char *copy_timeline_name(struct dma_fence *fence)
{
	return "copies";
}

static const struct dma_fence_ops copy_ops = {
	.get_driver_name	= copy_driver_name,
	.get_timeline_name	= copy_timeline_name,
};

/* ------------------------------------------------------------------------- begin */

static void copy_unmap(struct accel *accel, struct copy *copy)
{
	unsigned int i;

	for (i = 0; i < copy->nr; i++)
		if (copy->runs[i].length)
			dma_unmap_page(&accel->pdev->dev, copy->runs[i].addr,
				       copy->runs[i].length, copy->dir);
}

static bool run_map(struct accel *accel, struct copy *copy, const struct hmm_p2p_copy *from,
		    struct copy_run *run)
{
	struct device *dev = &accel->pdev->dev;
	size_t length = (size_t)from->nr_pages << PAGE_SHIFT;

	if (!from->page)
		return true;
	/* Another device's, by its alias: dma_map_page() is for system memory alone. */
	if (is_zone_device_page(from->page))
		return false;
	run->addr = dma_map_page(dev, from->page, 0, length, copy->dir);
	if (dma_mapping_error(dev, run->addr))
		return false;
	run->length = length;
	return true;
}

/* NULL: the system is short of something, or the memory is none of its own. */
static struct copy *copy_make(struct accel *accel, const struct hmm_p2p_copy *runs,
			      unsigned int nr, enum dma_data_direction dir)
{
	struct copy *copy;
	unsigned int i;

	copy = kzalloc(struct_size(copy, runs, nr), GFP_NOWAIT | __GFP_NOWARN);
	if (!copy)
		return NULL;
	copy->nr = nr;
	copy->dir = dir;
	for (i = 0; i < nr; i++) {
		if (run_map(accel, copy, &runs[i], &copy->runs[i]))
			continue;
		copy_unmap(accel, copy);
		kfree(copy);
		return NULL;
	}
	return copy;
}

static struct accel_desc run_desc(const struct copy *copy, const struct hmm_p2p_copy *from,
				  const struct copy_run *run)
{
	u64 local = from->offset + ACCEL_TABLES_SIZE;
	struct accel_desc desc = {
		.op = cpu_to_le16(COPY_OP_FILL),
		.dst = cpu_to_le64(local),
		.length = cpu_to_le64((u64)from->nr_pages << PAGE_SHIFT),
	};

	if (!run->length)
		return desc;
	desc.op = cpu_to_le16(COPY_OP_COPY);
	if (copy->dir == DMA_TO_DEVICE) {
		desc.src = cpu_to_le64(run->addr);
		desc.flags = cpu_to_le32(COPY_SRC(TARGET_BUS));
	} else {
		desc.src = cpu_to_le64(local);
		desc.dst = cpu_to_le64(run->addr);
		desc.flags = cpu_to_le32(COPY_DST(TARGET_BUS));
	}
	return desc;
}

static bool copy_put(struct accel *accel, struct copy *copy, const struct hmm_p2p_copy *from)
{
	struct accel_copies *copies = &accel->copies;
	struct accel_desc *desc = NULL;
	unsigned int i;

	guard(spinlock_irq)(&copies->lock);
	/* The device may not have counted yet the last one that is complete. */
	if (copies->closed || copies->tail - copies->head + copy->nr > ACCEL_COPIES - 1)
		return false;
	for (i = 0; i < copy->nr; i++) {
		desc = &copies->ring[copies->tail++ % ACCEL_COPIES];
		*desc = run_desc(copy, &from[i], &copy->runs[i]);
	}
	desc->flags |= cpu_to_le32(DESC_INTERRUPT);
	copy->end = copies->tail;
	dma_fence_init(&copy->fence, &copy_ops, NULL, copies->context, ++copies->seqno);
	dma_fence_get(&copy->fence); /* the list's */
	if (list_empty(&copies->under_way)) {
		copies->watched = copies->head - 1; /* not what the device says next */
		mod_delayed_work(system_percpu_wq, &copies->watch, WATCH_INTERVAL);
	}
	list_add_tail(&copy->node, &copies->under_way);
	dma_wmb(); /* before the doorbell */
	accel_write(accel, REG_COPY_TAIL, copies->tail);
	return true;
}

/* NULL: the CPU has to copy. */
static struct dma_fence *copy_start(struct accel *accel, const struct hmm_p2p_copy *runs,
				    unsigned int nr, enum dma_data_direction dir)
{
	struct copy *copy;

	if (READ_ONCE(accel->copies.closed))
		return NULL;
	copy = copy_make(accel, runs, nr, dir);
	if (!copy)
		return NULL;
	if (copy_put(accel, copy, runs))
		return &copy->fence;
	copy_unmap(accel, copy);
	kfree(copy);
	return NULL;
}

/* -------------------------------------------------------------------- by the CPU */

/*
 * The CPU copies when the memory answers. A reset of the device, which takes bounded time,
 * waits for copies, and copies for its end. No lock, because the PCI core takes its own in a
 * reset: those of this device, which nobody has who waits for it.
 */
void accel_memory_begin(struct accel *accel)
{
	struct accel_copies *copies = &accel->copies;

	for (;;) {
		atomic_inc(&copies->users);
		smp_mb__after_atomic(); /* pairs with accel_memory_falls_silent() */
		if (!READ_ONCE(copies->silent))
			return;
		accel_memory_end(accel);
		wait_event(copies->answers, !READ_ONCE(copies->silent));
	}
}

void accel_memory_end(struct accel *accel)
{
	if (atomic_dec_and_test(&accel->copies.users))
		wake_up_all(&accel->copies.answers);
}

/* Returns when no CPU uses it. */
void accel_memory_falls_silent(struct accel *accel)
{
	struct accel_copies *copies = &accel->copies;

	WRITE_ONCE(copies->silent, true);
	smp_mb(); /* pairs with accel_memory_begin() */
	wait_event(copies->answers, !atomic_read(&copies->users));
}

void accel_memory_answers(struct accel *accel)
{
	WRITE_ONCE(accel->copies.silent, false);
	wake_up_all(&accel->copies.answers);
}

static struct accel *memory_of(struct hmm_p2p_device *hdev)
{
	return hmm_p2p_device_drvdata(hdev);
}

static struct dma_fence *copy_to_device(struct hmm_p2p_device *hdev,
					const struct hmm_p2p_copy *runs, unsigned int nr)
{
	struct accel *accel = hmm_p2p_device_drvdata(hdev);
	struct dma_fence *fence = copy_start(accel, runs, nr, DMA_TO_DEVICE);

	if (fence)
		return fence;
	guard(accel_memory)(memory_of(hdev));
	return hmm_p2p_bar_copy_to_device(hdev, runs, nr);
}

static struct dma_fence *copy_to_ram(struct hmm_p2p_device *hdev,
				     const struct hmm_p2p_copy *runs, unsigned int nr)
{
	struct accel *accel = hmm_p2p_device_drvdata(hdev);
	struct dma_fence *fence = copy_start(accel, runs, nr, DMA_FROM_DEVICE);

	if (fence)
		return fence;
	guard(accel_memory)(memory_of(hdev));
	return hmm_p2p_bar_copy_to_ram(hdev, runs, nr);
}

static int copy_bytes(struct hmm_p2p_device *hdev, u64 offset, void *buf, size_t len,
		      bool to_device)
{
	guard(accel_memory)(memory_of(hdev));
	return hmm_p2p_bar_copy_bytes(hdev, offset, buf, len, to_device);
}

static int copy_peer(struct hmm_p2p_device *hdev, u64 offset, u64 addr, size_t len, bool write)
{
	guard(accel_memory)(memory_of(hdev));
	return hmm_p2p_bar_copy_peer(hdev, offset, addr, len, write);
}

/**
 * accel_copies_clear - clear memory of the device, wherever it is
 * @accel: the device
 * @local: where in its memory, page aligned, behind that of the page tables
 * @length: bytes, whole pages
 *
 * Context: any, in a section of drm_dev_enter() or before the device is stopped.
 * Return: a fence, as of copy_to_device(); NULL when the engine has no room, or is closed.
 */
struct dma_fence *accel_copies_clear(struct accel *accel, u64 local, u64 length)
{
	const struct hmm_p2p_copy run = {
		.offset = local - ACCEL_TABLES_SIZE,
		.nr_pages = length >> PAGE_SHIFT,
	};

	return copy_start(accel, &run, 1, DMA_TO_DEVICE);
}

const struct hmm_p2p_device_ops accel_memory_ops = {
	.get_dma_pfn_for_device	= hmm_p2p_bar_get_dma_pfn,
	.get_dma_pfn_run	= hmm_p2p_bar_get_dma_pfn_run,
	.copy_to_device		= copy_to_device,
	.copy_to_ram		= copy_to_ram,
	.copy_bytes		= copy_bytes,
	.copy_peer		= copy_peer,
};

/* --------------------------------------------------------------------------- end */

static u32 copy_status(const struct accel_copies *copies, u32 counter)
{
	return le32_to_cpu(READ_ONCE(copies->ring[counter % ACCEL_COPIES].status));
}

static bool is_right(const struct accel_copies *copies, const struct copy *copy)
{
	unsigned int i;

	for (i = 1; i <= copy->nr; i++)
		if (copy_status(copies, copy->end - i) != STATUS_DONE)
			return false;
	return true;
}

static void copy_end(struct accel *accel, struct copy *copy, bool right)
{
	bool cookie = dma_fence_begin_signalling();

	list_del(&copy->node);
	copy_unmap(accel, copy);
	if (!right)
		dma_fence_set_error(&copy->fence, -EIO);
	dma_fence_signal(&copy->fence);
	dma_fence_end_signalling(cookie);
	dma_fence_put(&copy->fence);
}

/*
 * What is complete. The status says so, which is in memory: to ask the device for its head is
 * a message there and back. It completes in order, so the last one of a copy is enough.
 */
static void copies_look(struct accel *accel)
{
	struct accel_copies *copies = &accel->copies;
	struct copy *copy, *next;

	lockdep_assert_held(&copies->lock);
	list_for_each_entry_safe(copy, next, &copies->under_way, node) {
		if (!copy_status(copies, copy->end - 1))
			break;
		dma_rmb(); /* what was written back before it */
		copies->head = copy->end;
		copy_end(accel, copy, is_right(copies, copy));
	}
}

/* The device says that copies are complete. Context: any. */
void accel_copies_harvest(struct accel *accel)
{
	guard(spinlock_irqsave)(&accel->copies.lock);
	if (!accel->copies.closed)
		copies_look(accel);
}

/* The device was reset, and is off the bus: it copies nothing any more. */
void accel_copies_fail(struct accel *accel)
{
	struct accel_copies *copies = &accel->copies;
	struct copy *copy, *next;

	guard(spinlock_irqsave)(&copies->lock);
	WRITE_ONCE(copies->closed, true);
	list_for_each_entry_safe(copy, next, &copies->under_way, node)
		copy_end(accel, copy, false);
}

/**
 * accel_copies_get_on - does the engine complete what was put in?
 * @accel: the device
 *
 * For the watch, which comes again as long as there are copies. An interrupt that was
 * lost is none of the copies' business: they end here, too.
 *
 * Context: may sleep.
 * Return: false when there are copies, and none is further than at the last call.
 */
bool accel_copies_get_on(struct accel *accel)
{
	struct accel_copies *copies = &accel->copies;
	bool stuck = false, more = false;
	u32 head;

	scoped_guard(spinlock_irq, &copies->lock) {
		if (!copies->closed)
			copies_look(accel);
		more = !list_empty(&copies->under_way);
		head = more ? accel_read(accel, REG_COPY_HEAD) : copies->head;
		stuck = more && copies->watched == head;
		copies->watched = head;
	}
	if (more && !stuck)
		mod_delayed_work(system_percpu_wq, &copies->watch, WATCH_INTERVAL);
	return !stuck;
}

/* ------------------------------------------------------------------------ pauses */

static bool copies_are_over(struct accel *accel)
{
	struct accel_copies *copies = &accel->copies;

	guard(spinlock_irq)(&copies->lock);
	copies_look(accel);
	return list_empty(&copies->under_way);
}

/* Nothing is put in any more. Return: 0; -ETIMEDOUT when copies do not end: accel_fail(). */
int accel_copies_pause(struct accel *accel)
{
	struct accel_copies *copies = &accel->copies;
	bool over;
	int ret;

	scoped_guard(spinlock_irq, &copies->lock)
		WRITE_ONCE(copies->closed, true);
	ret = read_poll_timeout(copies_are_over, over, over, USEC_PER_MSEC, END_TIMEOUT_US,
				false, accel);
	cancel_delayed_work_sync(&copies->watch);
	return ret;
}

/* The device was reset: the ring begins anew. */
void accel_copies_resume(struct accel *accel)
{
	struct accel_copies *copies = &accel->copies;

	guard(spinlock_irq)(&copies->lock);
	WARN_ON_ONCE(!list_empty(&copies->under_way));
	copies->tail = 0;
	copies->head = 0;
	accel_copies_start(accel);
	WRITE_ONCE(copies->closed, false);
}

/* -------------------------------------------------------------------------- life */

/* @watch: asks accel_copies_get_on(). Return: 0 or -ENOMEM. */
int accel_copies_init(struct accel *accel, work_func_t watch)
{
	struct accel_copies *copies = &accel->copies;

	spin_lock_init(&copies->lock);
	init_waitqueue_head(&copies->answers);
	INIT_LIST_HEAD(&copies->under_way);
	INIT_DELAYED_WORK(&copies->watch, watch);
	copies->context = dma_fence_context_alloc(1);
	copies->ring = dmam_alloc_coherent(&accel->pdev->dev,
					   ACCEL_COPIES * sizeof(*copies->ring), &copies->dma,
					   GFP_KERNEL);
	return copies->ring ? 0 : -ENOMEM;
}

void accel_copies_start(struct accel *accel)
{
	accel_write64(accel, REG_COPY_BASE, accel->copies.dma);
	accel_write(accel, REG_COPY_ORDER, ACCEL_COPIES_ORDER);
	accel_write(accel, REG_COPY_CTRL, CTRL_ENABLE);
}

/* Nobody copies any more. */
void accel_copies_end(struct accel *accel)
{
	WARN_ON_ONCE(!list_empty(&accel->copies.under_way));
	cancel_delayed_work_sync(&accel->copies.watch);
}
