// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers in device memory. They never move, so they have a part of it to themselves: the
 * end of BAR 2, which the core is not given, and what the device has behind its BAR, which
 * nobody else can use. None of it has page structures: a job reaches a buffer by its local
 * address, the CPU by a mapping of the BAR, another device as a dma-buf.
 *
 * A buffer is cleared before its creator can have it, so what one that was freed had in it
 * is nobody's to see; and when the driver goes, all of the memory is cleared.
 */
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_managed.h>
#include <drm/drm_vma_manager.h>
#include <linux/dma-fence.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci-p2pdma.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <uapi/drm/hmm_p2p_accel.h>

#include "accel.h"
#include "gem.h"
#include "prime.h"

static unsigned int gem_mib = 16;
module_param(gem_mib, uint, 0444);
MODULE_PARM_DESC(gem_mib, "how much of the window is for buffers, in MiB (default: 16)");

/* The CPU maps so much of a buffer where it touches it. */
#define AROUND		(SZ_256K >> PAGE_SHIFT)

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
int accel_gem_init(struct accel *accel)
{
	struct accel_gem *gem = &accel->gem;
	int ret;

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

static void bo_free(struct drm_gem_object *obj)
{
	struct accel_gem *gem = &to_accel(obj->dev)->gem;
	struct accel_bo *bo = to_accel_bo(obj);

	accel_prime_free(bo);
	scoped_guard(mutex, &gem->lock) {
		list_del(&bo->list);
		if (drm_mm_node_allocated(&bo->node))
			drm_mm_remove_node(&bo->node);
	}
	wake_up_var(gem);
	if (bo->apart)
		hmm_p2p_apart_uncharge(bo->apart);
	drm_gem_object_release(obj);
	kfree(bo);
}

static vm_fault_t bo_fault_here(struct vm_fault *vmf, const struct accel_bo *bo)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long in_vma = (vmf->address - vma->vm_start) >> PAGE_SHIFT;
	unsigned long in_bo = vmf->pgoff - drm_vma_node_start(&bo->base.vma_node);
	unsigned long nr = min(vma_pages(vma) - in_vma, AROUND), i;
	unsigned long pfn = PHYS_PFN(accel_bo_phys(bo)) + in_bo;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	for (i = 0; i < nr; i++) {
		ret = vmf_insert_pfn(vma, vmf->address + i * PAGE_SIZE, pfn + i);
		if (ret != VM_FAULT_NOPAGE)
			break;
	}
	return i ? VM_FAULT_NOPAGE : ret;
}

/*
 * Removal takes the mappings back, and what is touched then is a bus error. So does a reset,
 * and who touches the memory waits for its end.
 */
static vm_fault_t bo_fault(struct vm_fault *vmf)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	int idx;

	if (!drm_dev_enter(obj->dev, &idx))
		return VM_FAULT_SIGBUS;
	scoped_guard(rwsem_read, &to_accel(obj->dev)->gem.faults)
		ret = bo_fault_here(vmf, to_accel_bo(obj));
	drm_dev_exit(idx);
	return ret;
}

/* No process reaches a buffer until accel_gem_map_again(): it waits in a fault. */
void accel_gem_unmap(struct accel *accel)
	__acquires(&accel->gem.faults)
{
	down_write(&accel->gem.faults);
	unmap_mapping_range(accel->drm.anon_inode->i_mapping, 0, 0, 1);
}

void accel_gem_map_again(struct accel *accel)
	__releases(&accel->gem.faults)
{
	up_write(&accel->gem.faults);
}

static const struct vm_operations_struct bo_vm_ops = {
	.open	= drm_gem_vm_open,
	.close	= drm_gem_vm_close,
	.fault	= bo_fault,
};

/* A private mapping would copy what is written, which is not what a buffer is for. */
static int bo_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	if (!accel_bo_is_mappable(to_accel_bo(obj)))
		return -EOPNOTSUPP;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = pgprot_writecombine(vm_get_page_prot(vma->vm_flags));
	return 0;
}

static const struct drm_gem_object_funcs bo_funcs = {
	.free	= bo_free,
	.export	= accel_prime_export,
	.mmap	= bo_mmap,
	.vm_ops	= &bo_vm_ops,
};

/* A buffer without memory. Return: it, for drm_gem_object_put(), or an error pointer. */
struct accel_bo *accel_bo_make(struct accel *accel, size_t size)
{
	struct accel_bo *bo = kzalloc_obj(*bo, GFP_KERNEL_ACCOUNT);

	if (!bo)
		return ERR_PTR(-ENOMEM);
	drm_gem_private_object_init(&accel->drm, &bo->base, size);
	bo->base.funcs = &bo_funcs;
	guard(mutex)(&accel->gem.lock);
	list_add_tail(&bo->list, &accel->gem.objects);
	return bo;
}

/* ------------------------------------------------------------------------- calls */

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

/* It is charged before it has memory, and gives both back when it is freed. */
static int bo_fill(struct accel *accel, struct accel_bo *bo, u32 flags)
{
	struct hmm_p2p_apart *apart = hmm_p2p_apart_charge(accel->hdev, bo->base.size);
	int ret;

	if (IS_ERR(apart))
		return PTR_ERR(apart);
	bo->apart = apart;
	ret = bo_place(&accel->gem, bo, flags);
	return ret ?: gem_clear(accel, bo->node.start, bo->node.size);
}

static int gem_create_here(struct accel *accel, struct drm_hmm_p2p_accel_gem_create *create,
			   struct drm_file *file)
{
	struct accel_bo *bo = accel_bo_make(accel, PAGE_ALIGN(create->size));
	int ret;

	if (IS_ERR(bo))
		return PTR_ERR(bo);
	ret = bo_fill(accel, bo, create->flags) ?:
	      drm_gem_handle_create(file, &bo->base, &create->out_handle);
	drm_gem_object_put(&bo->base);
	return ret;
}

int accel_gem_create(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_hmm_p2p_accel_gem_create *create = data;
	int idx, ret;

	if (create->flags & ~HMM_P2P_ACCEL_GEM_MAPPABLE || !create->size ||
	    create->size > HMM_P2P_ACCEL_BUFFER_MAX)
		return -EINVAL;
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	ret = gem_create_here(to_accel(drm), create, file);
	drm_dev_exit(idx);
	return ret;
}

int accel_gem_mmap(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_hmm_p2p_accel_gem_mmap *map = data;
	struct drm_gem_object *obj;
	int ret = -EOPNOTSUPP;

	if (map->reserved)
		return -EINVAL;
	obj = drm_gem_object_lookup(file, map->handle);
	if (!obj)
		return -ENOENT;
	if (accel_bo_is_mappable(to_accel_bo(obj)))
		ret = drm_gem_create_mmap_offset(obj);
	if (!ret)
		map->out_offset = drm_vma_node_offset_addr(&obj->vma_node);
	drm_gem_object_put(obj);
	return ret;
}
