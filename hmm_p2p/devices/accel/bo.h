/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffers: in device memory that is set aside for them, where they never move; or imported
 * from another device.
 */
#ifndef _ACCEL_BO_H
#define _ACCEL_BO_H

#include <drm/drm_gem.h>
#include <drm/drm_mm.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sizes.h>

struct accel;
struct dma_buf;
struct hmm_p2p_apart;
struct sg_table;

/**
 * struct accel_gem - device memory for buffers: the end of BAR 2, and what is behind it
 * @lock: protects @mm and @objects, and accel_bo.dmabuf
 * @mm: who has what of it; its unit is a byte of the device's memory
 * @objects: all buffers, also those that were imported
 * @funcs: of the objects
 * @start: where it begins in the device's memory
 * @window: where the part ends that the CPU and other devices reach
 * @end: where it ends
 * @faults: read by who maps a buffer, which may allocate; to write while the memory does
 *	not answer, taken before accel_memory_falls_silent()
 * @paused: a reset is about to come: nothing is exported; under @lock
 * @phys: address of @start for the CPU
 * @mem: write-combined mapping of @start to @window
 */
struct accel_gem {
	struct mutex lock; /* see above */
	struct drm_mm mm;
	struct list_head objects;
	const struct drm_gem_object_funcs *funcs;
	u64 start;
	u64 window;
	u64 end;
	struct rw_semaphore faults;
	bool paused;
	phys_addr_t phys;
	void __iomem *mem;
};

/**
 * struct accel_bo - a buffer
 * @base: the GEM object
 * @node: where in the device's memory; not allocated: it was imported
 * @list: in accel_gem.objects
 * @apart: who pays for it; NULL: it was imported
 * @dmabuf: it was exported as that, without a reference
 * @mappings: how many importers, and the kernel, have mapped it; under the lock of its reservation
 * @revoked: no device maps it any more, this one neither: likewise
 * @lost: its device is gone, or was reset when others could reach it: jobs fail that have
 *	not begun
 * @sgt: an import's addresses for this device; NULL: it is not mapped. Likewise
 */
struct accel_bo {
	struct drm_gem_object base;
	struct drm_mm_node node;
	struct list_head list;
	struct hmm_p2p_apart *apart;
	struct dma_buf *dmabuf;
	unsigned int mappings;
	bool revoked;
	bool lost;
	struct sg_table *sgt;
};

static inline struct accel_bo *to_accel_bo(struct drm_gem_object *obj)
{
	return container_of(obj, struct accel_bo, base);
}

u64 accel_gem_bytes(const struct accel *accel);
int accel_bo_init(struct accel *accel, const struct drm_gem_object_funcs *funcs);
void accel_gem_end(struct accel *accel);
struct accel_bo *accel_bo_make(struct accel *accel, size_t size);
int accel_bo_fill(struct accel *accel, struct accel_bo *bo, u32 flags);
void accel_bo_drop(struct accel_bo *bo);
bool accel_bo_is_mappable(const struct accel_bo *bo);
phys_addr_t accel_bo_phys(const struct accel_bo *bo);
void __iomem *accel_bo_memory(const struct accel_bo *bo);

#endif /* _ACCEL_BO_H */
