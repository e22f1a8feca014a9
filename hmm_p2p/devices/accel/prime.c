// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers as dma-bufs, without page structures. What is exported is a piece of the window,
 * which another PCI function reaches peer to peer, or not at all: a buffer does not move, so
 * an importer without a path is refused, when it attaches. So is one that cannot be made to
 * let go of it, because the device may go: then all mappings are called back, the fences of
 * who uses them are waited for, and nothing is mapped again.
 *
 * An import is mapped when a job that has it is submitted, and stays so until it is called
 * back. The fence of each job is in the reservation of the dma-buf: it is waited for first,
 * and so no job is on the device, or will be, whose addresses are not right any more.
 */
#include <drm/drm_drv.h>
#include <drm/drm_prime.h>
#include <linux/dma-buf-mapping.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/iosys-map.h>
#include <linux/module.h>
#include <linux/pci-p2pdma.h>
#include <linux/pci.h>
#include <linux/wait_bit.h>
#include <uapi/drm/hmm_p2p_accel.h>

#include "accel.h"
#include "bo.h"
#include "prime.h"

/* When a removal says that it waits for somebody's mapping. */
#define SAY_FIRST	HZ
#define SAY_INTERVAL	(60 * HZ)

/* ------------------------------------------------------------------------- export */

static struct accel_bo *exported(const struct dma_buf *dmabuf)
{
	return to_accel_bo(dmabuf->priv);
}

/* The kernel's log says why there is no path. */
static int export_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct pci_dev *pdev = to_accel(exported(dmabuf)->base.dev)->pdev;

	if (!attach->peer2peer || !dma_buf_attach_revocable(attach))
		return -EOPNOTSUPP;
	return pci_p2pdma_distance(pdev, attach->dev, true) < 0 ? -EREMOTEIO : 0;
}

/* Context: the lock of the reservation, as all that follow. */
static void mapping_put(struct accel_bo *bo)
{
	dma_resv_assert_held(bo->base.resv);
	WRITE_ONCE(bo->mappings, bo->mappings - 1);
	wake_up_var(&bo->mappings);
}

static struct sg_table *export_map(struct dma_buf_attachment *attach,
				   enum dma_data_direction dir)
{
	struct accel_bo *bo = exported(attach->dmabuf);
	struct p2pdma_provider *provider;
	struct phys_vec vec;
	struct sg_table *sgt;

	dma_resv_assert_held(bo->base.resv);
	if (bo->revoked)
		return ERR_PTR(-ENODEV);
	provider = pcim_p2pdma_provider(to_accel(bo->base.dev)->pdev, BAR_MEMORY);
	if (!provider)
		return ERR_PTR(-EREMOTEIO);
	vec.paddr = accel_bo_phys(bo);
	vec.len = bo->base.size;
	sgt = dma_buf_phys_vec_to_sgt(attach, provider, &vec, 1, vec.len, dir);
	if (!IS_ERR(sgt))
		bo->mappings++;
	/* What the helper has for two devices without a path. */
	return sgt == ERR_PTR(-EINVAL) ? ERR_PTR(-EREMOTEIO) : sgt;
}

static void export_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			 enum dma_data_direction dir)
{
	struct accel_bo *bo = exported(attach->dmabuf);

	hmm_p2p_dmabuf_unmap(attach, sgt, dir);
	mapping_put(bo);
}

/* Memory, for all that it is behind a BAR: no access has side effects. */
static int export_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct accel_bo *bo = exported(dmabuf);

	dma_resv_assert_held(bo->base.resv);
	if (bo->revoked)
		return -ENODEV;
	bo->mappings++;
	iosys_map_set_vaddr(map, (void __force *)accel_bo_memory(bo));
	return 0;
}

static void export_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	mapping_put(exported(dmabuf));
}

/*
 * Who begins has waited for the fences, in the core of dma-buf. All CPUs map it
 * write-combined, so nothing is in a cache, but what they write may not be out yet.
 */
static int export_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	wmb(); /* see above */
	return 0;
}

static void export_release(struct dma_buf *dmabuf)
{
	struct accel_bo *bo = exported(dmabuf);

	scoped_guard(mutex, &to_accel(bo->base.dev)->gem.lock)
		bo->dmabuf = NULL;
	drm_gem_dmabuf_release(dmabuf);
}

static const struct dma_buf_ops export_ops = {
	.attach		= export_attach,
	.map_dma_buf	= export_map,
	.unmap_dma_buf	= export_unmap,
	.end_cpu_access	= export_end_cpu_access,
	.mmap		= drm_gem_dmabuf_mmap,
	.vmap		= export_vmap,
	.vunmap		= export_vunmap,
	.release	= export_release,
};

/**
 * accel_prime_export - make a dma-buf of a buffer
 * @obj: the buffer: of this device's memory
 * @flags: of the file
 *
 * Context: process; one at a time for a buffer.
 * Return: the dma-buf; or an error pointer: -EOPNOTSUPP for a buffer behind the window,
 * -EBUSY while the device is reset, -ENODEV when it is gone, -ENOMEM.
 */
struct dma_buf *accel_prime_export(struct drm_gem_object *obj, int flags)
{
	struct accel_gem *gem = &to_accel(obj->dev)->gem;
	struct accel_bo *bo = to_accel_bo(obj);
	struct dma_buf_export_info info = {
		.exp_name = KBUILD_MODNAME,
		.owner = THIS_MODULE,
		.ops = &export_ops,
		.size = obj->size,
		.flags = flags,
		.priv = obj,
		.resv = obj->resv,
	};
	struct dma_buf *dmabuf;
	int ret;

	if (!accel_bo_is_mappable(bo))
		return ERR_PTR(-EOPNOTSUPP);
	/* What maps the dma-buf counts from there, too. */
	ret = drm_gem_create_mmap_offset(obj);
	if (ret)
		return ERR_PTR(ret);
	dmabuf = drm_gem_dmabuf_export(obj->dev, &info);
	if (IS_ERR(dmabuf))
		return dmabuf;
	scoped_guard(mutex, &gem->lock) {
		bo->dmabuf = dmabuf;
		if (!gem->paused)
			return dmabuf;
	}
	dma_buf_put(dmabuf);
	return ERR_PTR(-EBUSY);
}

/* ------------------------------------------------------------------------- import */

/* Context: the lock of the reservation. */
static void import_unmap(struct accel_bo *bo)
{
	dma_resv_assert_held(bo->base.resv);
	if (!bo->sgt)
		return;
	/* Jobs that were submitted have these addresses. */
	dma_resv_wait_timeout(bo->base.resv, DMA_RESV_USAGE_BOOKKEEP, false,
			      MAX_SCHEDULE_TIMEOUT);
	dma_buf_unmap_attachment(bo->base.import_attach, bo->sgt, DMA_BIDIRECTIONAL);
	bo->sgt = NULL;
}

/*
 * The next job that has it maps it again, where it is then, or is refused. Of a buffer that
 * is gone for good no job begins any more: its device would have to wait for all of them.
 */
static void import_invalidate(struct dma_buf_attachment *attach)
{
	struct accel_bo *bo = attach->importer_priv;

	if (hmm_p2p_dmabuf_is_revoked(attach->dmabuf))
		WRITE_ONCE(bo->lost, true);
	import_unmap(bo);
}

static const struct dma_buf_attach_ops import_ops = {
	.allow_peer2peer	= true,
	.invalidate_mappings	= import_invalidate,
};

/**
 * accel_prime_map - have addresses for an import
 * @bo: any buffer
 *
 * Context: process; the lock of its reservation.
 * Return: 0; -ENODEV when this device goes, or that whose memory it is, -EREMOTEIO when
 * there is no path to it; what else its exporter says.
 */
int accel_prime_map(struct accel_bo *bo)
{
	struct sg_table *sgt;

	if (!bo->base.import_attach || bo->sgt)
		return 0;
	if (bo->revoked)
		return -ENODEV;
	sgt = dma_buf_map_attachment(bo->base.import_attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	bo->sgt = sgt;
	return 0;
}

/* A buffer is freed. */
void accel_prime_free(struct accel_bo *bo)
{
	if (!bo->base.import_attach)
		return;
	dma_resv_lock(bo->base.resv, NULL);
	import_unmap(bo);
	dma_resv_unlock(bo->base.resv);
	drm_prime_gem_destroy(&bo->base, NULL);
}

static int import_attach(struct accel_bo *bo, struct accel *accel, struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;

	attach = dma_buf_dynamic_attach(dmabuf, &accel->pdev->dev, &import_ops, bo);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	get_dma_buf(dmabuf);
	bo->base.import_attach = attach;
	bo->base.resv = dmabuf->resv;
	return 0;
}

/* Who imports learns now whether that works. */
static int import_try(struct accel_bo *bo)
{
	int ret = dma_resv_lock_interruptible(bo->base.resv, NULL);

	if (ret)
		return ret;
	ret = accel_prime_map(bo);
	dma_resv_unlock(bo->base.resv);
	return ret;
}

static struct drm_gem_object *import_here(struct accel *accel, struct dma_buf *dmabuf)
{
	struct accel_bo *bo = accel_bo_make(accel, dmabuf->size);
	int ret;

	if (IS_ERR(bo))
		return ERR_CAST(bo);
	ret = import_attach(bo, accel, dmabuf) ?: import_try(bo);
	if (!ret)
		return &bo->base;
	drm_gem_object_put(&bo->base);
	return ERR_PTR(ret);
}

/**
 * accel_prime_import - make a buffer of a dma-buf
 * @drm: the device
 * @dmabuf: of this device: the same buffer again; or of another one
 *
 * Context: process.
 * Return: the buffer; or an error pointer: -EINVAL for one that is too large, or has no
 * whole pages, -ENODEV when the device goes; as accel_prime_map(); what the exporter says.
 */
struct drm_gem_object *accel_prime_import(struct drm_device *drm, struct dma_buf *dmabuf)
{
	struct drm_gem_object *obj;
	int idx;

	if (dmabuf->ops == &export_ops && exported(dmabuf)->base.dev == drm) {
		obj = dmabuf->priv;
		drm_gem_object_get(obj);
		return obj;
	}
	if (dmabuf->size > HMM_P2P_ACCEL_BUFFER_MAX || !PAGE_ALIGNED(dmabuf->size))
		return ERR_PTR(-EINVAL);
	if (!drm_dev_enter(drm, &idx))
		return ERR_PTR(-ENODEV);
	obj = import_here(to_accel(drm), dmabuf);
	drm_dev_exit(idx);
	return obj;
}

/* --------------------------------------------------------------- removal and resets */

/* A buffer that was not taken back yet, with a reference to it, and to its dma-buf. */
static struct accel_bo *next_to_revoke(struct accel_gem *gem, bool all, struct dma_buf **dmabuf)
{
	struct accel_bo *bo;

	guard(mutex)(&gem->lock);
	list_for_each_entry(bo, &gem->objects, list) {
		/* One that is being freed does so itself. */
		if (READ_ONCE(bo->revoked) || !(all || bo->dmabuf) ||
		    !kref_get_unless_zero(&bo->base.refcount))
			continue;
		*dmabuf = bo->dmabuf && get_file_active(&bo->dmabuf->file) ? bo->dmabuf : NULL;
		return bo;
	}
	return NULL;
}

/*
 * Devices unmap it when they are told, or soon after: they have said that they can. Nobody
 * can take a mapping of the kernel's own away, so a camera that writes with the CPU keeps
 * the device as long as it streams.
 */
static void await_unmapped(struct accel_bo *bo)
{
	unsigned long timeout = SAY_FIRST;

	while (!wait_var_event_timeout(&bo->mappings, !READ_ONCE(bo->mappings), timeout)) {
		dev_warn(bo->base.dev->dev,
			 "removal or reset waits for who still maps a buffer of it: end what captures or writes into one\n");
		timeout = SAY_INTERVAL;
	}
}

static void bo_revoke(struct accel_bo *bo, struct dma_buf *dmabuf)
{
	dma_resv_lock(bo->base.resv, NULL);
	WRITE_ONCE(bo->revoked, true);
	if (bo->base.import_attach)
		import_unmap(bo);
	if (dmabuf)
		hmm_p2p_dmabuf_revoke(dmabuf, dev_name(bo->base.dev->dev));
	dma_resv_unlock(bo->base.resv);
	await_unmapped(bo);
}

static void revoke(struct accel *accel, bool all)
{
	struct dma_buf *dmabuf;
	struct accel_bo *bo;

	while ((bo = next_to_revoke(&accel->gem, all, &dmabuf))) {
		if (!all)
			WRITE_ONCE(bo->lost, true);
		bo_revoke(bo, dmabuf);
		if (dmabuf)
			dma_buf_put(dmabuf);
		drm_gem_object_put(&bo->base);
	}
}

/*
 * A reset is about to come. While it lasts, what others write to the memory would be lost:
 * they are told, and have to make do without. Jobs still get on, and so fences signal.
 */
void accel_prime_pause(struct accel *accel)
{
	scoped_guard(mutex, &accel->gem.lock)
		accel->gem.paused = true;
	revoke(accel, false);
}

void accel_prime_resume(struct accel *accel)
{
	guard(mutex)(&accel->gem.lock);
	accel->gem.paused = false;
}

/* Those that are being freed are not there any more. */
static bool are_revoked(struct accel_gem *gem)
{
	struct accel_bo *bo;

	guard(mutex)(&gem->lock);
	list_for_each_entry(bo, &gem->objects, list)
		if (!READ_ONCE(bo->revoked))
			return false;
	return true;
}

/* The device goes: nobody makes a buffer any more, and none of its jobs is under way. */
void accel_prime_end(struct accel *accel)
{
	revoke(accel, true);
	wait_var_event(&accel->gem, are_revoked(&accel->gem));
}
