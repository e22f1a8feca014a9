// SPDX-License-Identifier: GPL-2.0
/*
 * Shared device memory as a dma-buf, for subsystems that speak nothing else.
 *
 * The memory never moves. So a mapping, once made, is right until the device goes:
 * then importers are told, and the pages stay until the last of them has unmapped.
 * Only importers that can be told may attach, and only those that reach the memory
 * peer to peer: there is no copy in RAM for the others.
 *
 * What the CPU maps is a mapping of the character device's file, so queries, faults
 * and removal know it as such. That memory is write-combined everywhere and never
 * in a cache; what a CPU has not written out yet, the end of its access does.
 *
 * Locks: exports_lock, then the reservation lock of a buffer, then what its importers
 * take. None is held while pages are looked up.
 */
#include <linux/dma-buf-mapping.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iosys-map.h>
#include <linux/kref.h>
#include <linux/memremap.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci-p2pdma.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "../core/core.h"
#include "export.h"
#include "shared.h"

/* Which buffers there are. */
static DEFINE_MUTEX(exports_lock);
static LIST_HEAD(exports);

/**
 * struct export - a dma-buf of ours
 * @range: its pages, and the file that they belong to
 * @held: who needs the pages: the buffer until it is revoked, each mapping of a
 *	device, the kernel's mapping
 * @dmabuf: the buffer
 * @provider: of the BAR; the driver's, so only used until @revoked
 * @parts: the pages as stretches of bus memory
 * @nr_parts: of them
 * @of_all: in the list, under exports_lock
 * @revoked: the device has gone; under the buffer's reservation lock
 */
struct export {
	struct hmm_p2p_shared_range range;
	struct kref held;
	struct dma_buf *dmabuf;
	struct p2pdma_provider *provider;
	struct phys_vec *parts;
	unsigned int nr_parts;
	struct list_head of_all;
	bool revoked;
};

/* The file's memory has a reference of its own to each page. */
static void export_drop_pages(struct kref *ref)
{
	struct export *export = container_of(ref, struct export, held);
	unsigned long i;

	for (i = 0; i < export->range.nr; i++)
		put_page(export->range.pages[i]);
}

static void export_put(struct export *export)
{
	kref_put(&export->held, export_drop_pages);
}

static int export_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	const struct hmm_p2p_importer who = { .dev = attach->dev };
	struct export *export = dmabuf->priv;
	enum hmm_p2p_reason reason;

	if (!attach->peer2peer || !dma_buf_attach_revocable(attach))
		return -EOPNOTSUPP;
	guard(srcu)(&hmm_p2p_srcu);
	reason = hmm_p2p_path_check(export->range.hdev, &who, NULL);
	if (reason == HMM_P2P_REASON_REMOVED)
		return -ENODEV;
	return reason ? -EREMOTEIO : 0;
}

static struct sg_table *export_map(struct dma_buf_attachment *attach,
				   enum dma_data_direction dir)
{
	struct export *export = attach->dmabuf->priv;
	struct sg_table *sgt;

	dma_resv_assert_held(attach->dmabuf->resv);
	if (export->revoked)
		return ERR_PTR(-ENODEV);
	sgt = dma_buf_phys_vec_to_sgt(attach, export->provider, export->parts,
				      export->nr_parts, attach->dmabuf->size, dir);
	if (!IS_ERR(sgt))
		kref_get(&export->held);
	return sgt;
}

static void export_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			 enum dma_data_direction dir)
{
	hmm_p2p_dmabuf_unmap(attach, sgt, dir);
	export_put(attach->dmabuf->priv);
}

static int export_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct export *export = dmabuf->priv;
	void *addr;

	dma_resv_assert_held(dmabuf->resv);
	if (export->revoked)
		return -ENODEV;
	addr = vmap(export->range.pages, export->range.nr, VM_MAP,
		    pgprot_writecombine(PAGE_KERNEL));
	if (!addr)
		return -ENOMEM;
	kref_get(&export->held);
	/* Memory, for all that it is behind a BAR: no access has side effects. */
	iosys_map_set_vaddr(map, addr);
	return 0;
}

static void export_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	vunmap(map->vaddr);
	export_put(dmabuf->priv);
}

static int export_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	const struct hmm_p2p_shared_range *range =
		&((struct export *)dmabuf->priv)->range;

	vma_set_file(vma, range->file);
	vma->vm_pgoff += range->pgoff;
	return hmm_p2p_shared_mmap(range->file, vma);
}

/* Nothing is in a cache, but a CPU may keep writes back. */
static int export_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	wmb(); /* see above */
	return 0;
}

static void export_free(struct export *export)
{
	kvfree(export->parts);
	kvfree(export->range.pages);
	kfree(export);
}

static void export_release(struct dma_buf *dmabuf)
{
	struct export *export = dmabuf->priv;

	mutex_lock(&exports_lock);
	list_del(&export->of_all);
	mutex_unlock(&exports_lock);
	if (!export->revoked)
		export_put(export);
	fput(export->range.file);
	export_free(export);
}

static const struct dma_buf_ops export_ops = {
	.attach		= export_attach,
	.map_dma_buf	= export_map,
	.unmap_dma_buf	= export_unmap,
	.end_cpu_access	= export_end_cpu_access,
	.mmap		= export_mmap,
	.vmap		= export_vmap,
	.vunmap		= export_vunmap,
	.release	= export_release,
};

static bool is_next(const struct export *export, unsigned long i)
{
	return i && page_to_pfn(export->range.pages[i]) ==
		    page_to_pfn(export->range.pages[i - 1]) + 1;
}

static int export_find_parts(struct export *export)
{
	unsigned long i, nr = 0;

	for (i = 0; i < export->range.nr; i++)
		nr += !is_next(export, i);
	export->parts = kvcalloc(nr, sizeof(*export->parts), HMM_P2P_GFP_USER);
	if (!export->parts)
		return -ENOMEM;
	for (i = 0; i < export->range.nr; i++) {
		if (!is_next(export, i))
			export->parts[export->nr_parts++].paddr =
				page_to_phys(export->range.pages[i]);
		export->parts[export->nr_parts - 1].len += PAGE_SIZE;
	}
	return 0;
}

static bool is_in_bar(struct pci_dev *pdev, int bar, const struct phys_vec *part)
{
	return part->paddr >= pci_resource_start(pdev, bar) &&
	       part->paddr + part->len - 1 <= pci_resource_end(pdev, bar);
}

static int find_bar(struct pci_dev *pdev, const struct phys_vec *part)
{
	int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		if (pci_resource_flags(pdev, bar) & IORESOURCE_MEM &&
		    is_in_bar(pdev, bar, part))
			return bar;
	return -EOPNOTSUPP;
}

/* The device is not removed, and cannot be before the caller lets go of it. */
static int export_find_provider(struct export *export)
{
	struct device *dev = export->range.hdev->config.dev;
	unsigned int i;
	int bar;

	if (!dev_is_pci(dev) || !is_pci_p2pdma_page(export->range.pages[0]))
		return -EOPNOTSUPP;
	bar = find_bar(to_pci_dev(dev), &export->parts[0]);
	if (bar < 0)
		return bar;
	for (i = 1; i < export->nr_parts; i++)
		if (!is_in_bar(to_pci_dev(dev), bar, &export->parts[i]))
			return -EOPNOTSUPP;
	export->provider = pcim_p2pdma_provider(to_pci_dev(dev), bar);
	return export->provider ? 0 : -EOPNOTSUPP;
}

static struct dma_buf *export_make(struct export *export)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);

	info.ops = &export_ops;
	info.size = export->range.nr << PAGE_SHIFT;
	info.flags = O_RDWR;
	info.priv = export;
	return dma_buf_export(&info);
}

/*
 * A device that goes is marked first, then it looks through the list. So either
 * this sees the mark, or that finds the buffer.
 */
static int export_add(struct export *export)
{
	int ret;

	guard(srcu)(&hmm_p2p_srcu);
	guard(mutex)(&exports_lock);
	if (READ_ONCE(export->range.hdev->removed))
		return -ENODEV;
	ret = export_find_provider(export);
	if (ret)
		return ret;
	export->dmabuf = export_make(export);
	if (IS_ERR(export->dmabuf))
		return PTR_ERR(export->dmabuf);
	list_add_tail(&export->of_all, &exports);
	return 0;
}

static struct export *export_create(u64 addr, unsigned long nr)
{
	struct export *export;
	int ret = -ENOMEM;

	export = kzalloc_obj(*export, HMM_P2P_GFP_USER);
	if (!export)
		return ERR_PTR(-ENOMEM);
	kref_init(&export->held);
	export->range.nr = nr;
	export->range.pages = kvcalloc(nr, sizeof(*export->range.pages), HMM_P2P_GFP_USER);
	if (!export->range.pages)
		goto err_free;
	ret = hmm_p2p_shared_hold(addr, &export->range);
	if (ret)
		goto err_free;
	ret = export_find_parts(export) ?: export_add(export);
	if (!ret)
		return export;
	export_put(export);
	fput(export->range.file);
err_free:
	export_free(export);
	return ERR_PTR(ret);
}

/**
 * hmm_p2p_do_export - make a dma-buf of shared memory
 * @arg: what was asked for, which was checked
 *
 * Context: may sleep; takes the mmap_lock.
 * Return: its file, or an error pointer: -EFAULT, -EOPNOTSUPP, -EPERM, -ENODEV, -EINTR,
 * -ENOMEM.
 */
struct file *hmm_p2p_do_export(struct hmm_p2p_export *arg)
{
	u64 first = ALIGN_DOWN(arg->addr, PAGE_SIZE);
	u64 end = ALIGN(arg->addr + arg->length, PAGE_SIZE);
	struct export *export;

	export = export_create(first, (end - first) >> PAGE_SHIFT);
	if (IS_ERR(export))
		return ERR_CAST(export);
	arg->out_device = export->range.hdev->id;
	arg->out_offset = arg->addr - first;
	arg->out_length = end - first;
	return export->dmabuf->file;
}

/* The memory goes when the last has unmapped. */
static void export_revoke(struct export *export)
{
	struct dma_resv *resv = export->dmabuf->resv;

	dma_resv_lock(resv, NULL);
	export->revoked = true;
	hmm_p2p_dmabuf_revoke(export->dmabuf, export->range.hdev->name);
	dma_resv_unlock(resv);
	export_put(export);
}

/* With a reference to its buffer; one that is released already has no mapping. */
static struct export *next_of(const struct hmm_p2p_device *hdev)
{
	struct export *export;

	guard(mutex)(&exports_lock);
	list_for_each_entry(export, &exports, of_all)
		if (export->range.hdev == hdev && !READ_ONCE(export->revoked) &&
		    get_file_active(&export->dmabuf->file))
			return export;
	return NULL;
}

static int device_event(struct notifier_block *nb, unsigned long event, void *data)
{
	struct export *export;

	if (event != HMM_P2P_DEVICE_GOES)
		return NOTIFY_DONE;
	while ((export = next_of(data))) {
		export_revoke(export);
		dma_buf_put(export->dmabuf);
	}
	return NOTIFY_DONE;
}

static struct notifier_block device_notifier = {
	.notifier_call = device_event,
};

void hmm_p2p_export_init(void)
{
	hmm_p2p_device_subscribe(&device_notifier);
}

/* A buffer holds this module, so there is none. */
void hmm_p2p_export_exit(void)
{
	hmm_p2p_device_unsubscribe(&device_notifier);
}
