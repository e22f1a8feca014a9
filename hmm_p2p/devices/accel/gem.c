// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers as processes have them: GEM objects, with mappings, and calls. What they are made
 * of is below, in bo.c; other devices have them by prime.c.
 */
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_vma_manager.h>
#include <linux/mm.h>
#include <uapi/drm/hmm_p2p_accel.h>

#include "accel.h"
#include "gem.h"
#include "prime.h"

/* The CPU maps so much of a buffer where it touches it. */
#define AROUND		(SZ_256K >> PAGE_SHIFT)

/* ----------------------------------------------------------------------- objects */

static void bo_free(struct drm_gem_object *obj)
{
	struct accel_bo *bo = to_accel_bo(obj);

	accel_prime_free(bo);
	accel_bo_drop(bo);
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

/* Return: as accel_bo_init(). */
int accel_gem_init(struct accel *accel)
{
	return accel_bo_init(accel, &bo_funcs);
}

/* ------------------------------------------------------------------------- calls */

static int gem_create_here(struct accel *accel, struct drm_hmm_p2p_accel_gem_create *create,
			   struct drm_file *file)
{
	struct accel_bo *bo = accel_bo_make(accel, PAGE_ALIGN(create->size));
	int ret;

	if (IS_ERR(bo))
		return PTR_ERR(bo);
	ret = accel_bo_fill(accel, bo, create->flags) ?:
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
