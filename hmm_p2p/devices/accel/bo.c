// SPDX-License-Identifier: GPL-2.0
/*
 * Device memory for buffers. They never move, so they have a part of it to themselves: the
 * end of BAR 2, which the core is not given, and what the device has behind its BAR, which
 * nobody else can use. None of it has page structures: a job reaches a buffer by its local
 * address, the CPU by a mapping of the BAR, another device as a dma-buf.
 *
 * A buffer is cleared before its creator can have it, so what one that was freed had in it
 * is nobody's to see; and when the driver goes, all of the memory is cleared.
 */
#include <drm/drm_managed.h>
#include <linux/dma-fence.h>
#include <linux/module.h>
#include <linux/pci-p2pdma.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <uapi/drm/hmm_p2p_accel.h>

#include "accel.h"
#include "bo.h"

static unsigned int gem_mib = 16;
module_param(gem_mib, uint, 0444);
MODULE_PARM_DESC(gem_mib, "how much of the window is for buffers, in MiB (default: 16)");

/* The engine is looked after by the descriptor: none may take it long. */
#define PIECE		((u64)SZ_64M)

/* ------------------------------------------------------------------------ memory */

/* How much of the window: whole units of the memory map, and not more than half of it. */
static u64 window_bytes(const struct accel *accel)
{
	u64 most = (pci_resource_len(accel->pdev, BAR_MEMORY) - ACCEL_TABLES_SIZE) / 2;

	return clamp((u64)gem_mib << 20, SZ_2M, max(most, SZ_2M)) & ~(SZ_2M - 1ULL);
}

/* All that buffers have, behind the window, too. */
u64 accel_gem_bytes(const struct accel *accel)
{
	return accel->gem.end - accel->gem.start;
}

static void gem_fini(struct drm_device *drm, void *data)
{
	drm_mm_takedown(&to_accel(drm)->gem.mm);
}

static int gem_map_window(struct accel *accel)
{
	struct accel_gem *gem = &accel->gem;
	struct device *dev = &accel->pdev->dev;
	u64 length = gem->window - gem->start;

	if (!devm_request_mem_region(dev, gem->phys, length, "hmm_p2p_accel buffers"))
		return -EBUSY;
	gem->mem = devm_ioremap_wc(dev, gem->phys, length);
	return gem->mem ? 0 : -ENOMEM;
}

/* Return: 0, -EBUSY when somebody has that part of the BAR, -ENOMEM. */
int accel_bo_init(struct accel *accel, const struct drm_gem_object_funcs *funcs)
{
	struct accel_gem *gem = &accel->gem;
	int ret;

	gem->funcs = funcs;
	INIT_LIST_HEAD(&gem->objects);
	init_rwsem(&gem->faults);
	gem->window = pci_resource_len(accel->pdev, BAR_MEMORY);
	gem->start = gem->window - window_bytes(accel);
	gem->end = max(accel_read64(accel, REG_MEMORY_SIZE), gem->window);
	gem->phys = pci_resource_start(accel->pdev, BAR_MEMORY) + gem->start;
	ret = drmm_mutex_init(&accel->drm, &gem->lock);
	if (ret)
		return ret;
	drm_mm_init(&gem->mm, gem->start, gem->end - gem->start);
	ret = drmm_add_action_or_reset(&accel->drm, gem_fini, NULL);
	/* Now, so that it stays as long as the driver, and not as the core's part of the BAR. */
	return ret ?: pcim_p2pdma_init(accel->pdev) ?: gem_map_window(accel);
}

static int clear_by_engine(struct accel *accel, u64 start, u64 length)
{
	struct dma_fence *fence = accel_copies_clear(accel, start, length);
	int ret;

	if (!fence)
		return -EBUSY;
	dma_fence_wait(fence, false);
	ret = dma_fence_get_status(fence);
	dma_fence_put(fence);
	return min(ret, 0);
}

/* What the engine does not clear, the CPU does, as far as it gets. */
static int gem_clear_piece(struct accel *accel, u64 start, u64 length)
{
	const struct accel_gem *gem = &accel->gem;
	u64 reached = min(start + length, gem->window);
	int ret = clear_by_engine(accel, start, length);

	if (!ret)
		return 0;
	if (start < reached) {
		guard(accel_memory)(accel);
		memset_io(gem->mem + (start - gem->start), 0, reached - start);
		wmb(); /* before anybody has it */
	}
	return start + length > gem->window ? ret : 0;
}

static int gem_clear(struct accel *accel, u64 start, u64 length)
{
	u64 end = start + length;
	int ret = 0;

	for (; start < end && !ret; start += length) {
		length = min(end - start, PIECE);
		ret = gem_clear_piece(accel, start, length);
	}
	return ret;
}

/* Nobody uses a buffer any more. What comes after this driver is not to read them. */
void accel_gem_end(struct accel *accel)
{
	struct accel_gem *gem = &accel->gem;

	if (gem_clear(accel, gem->start, gem->end - gem->start))
		dev_warn(&accel->pdev->dev,
			 "the copy engine does not work: buffers that were behind the window are not cleared\n");
}

/* ----------------------------------------------------------------------- buffers */

/* The CPU and other devices reach it. */
bool accel_bo_is_mappable(const struct accel_bo *bo)
{
	const struct accel *accel = to_accel(bo->base.dev);

	return drm_mm_node_allocated(&bo->node) &&
	       bo->node.start + bo->node.size <= accel->gem.window;
}

/* For the CPU. Only for one that is mappable, as the next. */
phys_addr_t accel_bo_phys(const struct accel_bo *bo)
{
	const struct accel_gem *gem = &to_accel(bo->base.dev)->gem;

	return gem->phys + (bo->node.start - gem->start);
}

void __iomem *accel_bo_memory(const struct accel_bo *bo)
{
	const struct accel_gem *gem = &to_accel(bo->base.dev)->gem;

	return gem->mem + (bo->node.start - gem->start);
}

/* A buffer without memory. Return: it, for drm_gem_object_put(), or an error pointer. */
struct accel_bo *accel_bo_make(struct accel *accel, size_t size)
{
	struct accel_bo *bo = kzalloc_obj(*bo, GFP_KERNEL_ACCOUNT);

	if (!bo)
		return ERR_PTR(-ENOMEM);
	drm_gem_private_object_init(&accel->drm, &bo->base, size);
	bo->base.funcs = accel->gem.funcs;
	guard(mutex)(&accel->gem.lock);
	list_add_tail(&bo->list, &accel->gem.objects);
	return bo;
}

/* What needs no window leaves it to others. Return: 0 or -ENOSPC. */
static int bo_place(struct accel_gem *gem, struct accel_bo *bo, u32 flags)
{
	bool mappable = flags & HMM_P2P_ACCEL_GEM_MAPPABLE;
	u64 align = bo->base.size < SZ_2M ? PAGE_SIZE : SZ_2M;

	guard(mutex)(&gem->lock);
	return drm_mm_insert_node_in_range(&gem->mm, &bo->node, bo->base.size, align, 0,
					   gem->start, mappable ? gem->window : gem->end,
					   mappable ? DRM_MM_INSERT_BEST : DRM_MM_INSERT_HIGH);
}

/*
 * It is charged before it has memory, which is cleared, and gives both back when it is
 * freed. Return: 0, -ENOSPC, or who may not have so much.
 */
int accel_bo_fill(struct accel *accel, struct accel_bo *bo, u32 flags)
{
	struct hmm_p2p_apart *apart = hmm_p2p_apart_charge(accel->hdev, bo->base.size);
	int ret;

	if (IS_ERR(apart))
		return PTR_ERR(apart);
	bo->apart = apart;
	ret = bo_place(&accel->gem, bo, flags);
	return ret ?: gem_clear(accel, bo->node.start, bo->node.size);
}

/* Nobody maps it any more, and nobody has it. */
void accel_bo_drop(struct accel_bo *bo)
{
	struct accel_gem *gem = &to_accel(bo->base.dev)->gem;

	scoped_guard(mutex, &gem->lock) {
		list_del(&bo->list);
		if (drm_mm_node_allocated(&bo->node))
			drm_mm_remove_node(&bo->node);
	}
	wake_up_var(gem);
	if (bo->apart)
		hmm_p2p_apart_uncharge(bo->apart);
	drm_gem_object_release(&bo->base);
	kfree(bo);
}
