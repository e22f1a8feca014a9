// SPDX-License-Identifier: GPL-2.0
/*
 * Reference exporter: device memory that is stolen system memory, as in a
 * machine whose GPU has no memory of its own. The alias of a private page is
 * the system page itself: no topology is asked, any importer may map it.
 */
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/hmm_p2p.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/string.h>
#include <linux/topology.h>

#define CARVEOUT_MAX	8

static char *size = "64M";
module_param(size, charp, 0444);
MODULE_PARM_DESC(size, "bytes of system memory to take for each device; K, M, G suffix (default: 64M)");

static unsigned int count = 1;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "number of devices, 1 to 8 (default: 1)");

static bool no_p2p;
module_param(no_p2p, bool, 0444);
MODULE_PARM_DESC(no_p2p, "opt out: other devices get migrated pages only (default: N)");

/**
 * struct carveout - one device
 * @pdev: stands for it in the device tree
 * @hdev: as the core knows it
 * @pages: first of the pages that were taken
 * @nr_pages: how many
 */
struct carveout {
	struct platform_device *pdev;
	struct hmm_p2p_device *hdev;
	struct page *pages;
	unsigned long nr_pages;
};

static struct carveout carveouts[CARVEOUT_MAX];

static struct page *carveout_page(struct hmm_p2p_device *hdev, u64 offset)
{
	struct carveout *co = hmm_p2p_device_drvdata(hdev);

	return co->pages + (offset >> PAGE_SHIFT);
}

static int carveout_get_dma_pfn(struct page *private_page, unsigned long *dma_pfn)
{
	struct hmm_p2p_device *hdev = hmm_p2p_page_device(private_page);

	*dma_pfn = page_to_pfn(carveout_page(hdev, hmm_p2p_page_offset(private_page)));
	return 0;
}

/* All of it is one block. */
static unsigned long carveout_get_dma_pfn_run(struct page *private_page, unsigned long nr,
					      unsigned long *dma_pfn)
{
	return carveout_get_dma_pfn(private_page, dma_pfn) ? 0 : nr;
}

static void copy_pages(struct page *to, struct page *from, unsigned int nr)
{
	size_t len = (size_t)nr << PAGE_SHIFT;

	/* Elsewhere a page may have more than bytes: memory tags. */
	if (!IS_ENABLED(CONFIG_X86_64))
		for (; nr; nr--)
			copy_highpage(to++, from++);
	else if (nr > 1)
		hmm_p2p_copy_past_caches(page_address(to), page_address(from), len);
	else
		memcpy(page_address(to), page_address(from), len);
}

static struct dma_fence *
carveout_copy_to_device(struct hmm_p2p_device *hdev, const struct hmm_p2p_copy *runs,
			unsigned int nr)
{
	unsigned int i;

	for (; nr; nr--, runs++) {
		struct page *to = carveout_page(hdev, runs->offset);

		if (runs->page)
			copy_pages(to, runs->page, runs->nr_pages);
		for (i = 0; !runs->page && i < runs->nr_pages; i++)
			clear_highpage(to + i);
	}
	return NULL;
}

static struct dma_fence *
carveout_copy_to_ram(struct hmm_p2p_device *hdev, const struct hmm_p2p_copy *runs,
		     unsigned int nr)
{
	for (; nr; nr--, runs++)
		copy_pages(runs->page, carveout_page(hdev, runs->offset),
			   runs->nr_pages);
	return NULL;
}

static int carveout_copy_bytes(struct hmm_p2p_device *hdev, u64 offset, void *buf,
			       size_t len, bool to_device)
{
	void *memory = page_address(carveout_page(hdev, offset)) +
		       offset_in_page(offset);

	memcpy(to_device ? memory : buf, to_device ? buf : memory, len);
	return 0;
}

static const struct hmm_p2p_device_ops carveout_ops;

static int carveout_copy_peer(struct hmm_p2p_device *hdev, u64 offset, u64 addr,
			      size_t len, bool write)
{
	struct page *mine = carveout_page(hdev, offset), *theirs;
	struct hmm_p2p_device *peer;
	u64 peer_offset;

	peer = hmm_p2p_interconnect_device(hdev, addr, &peer_offset);
	if (!peer || !hmm_p2p_device_uses(peer, &carveout_ops))
		return -ENXIO;
	theirs = carveout_page(peer, peer_offset);
	copy_pages(write ? theirs : mine, write ? mine : theirs, len >> PAGE_SHIFT);
	return 0;
}

static const struct hmm_p2p_device_ops carveout_ops = {
	.get_dma_pfn_for_device	= carveout_get_dma_pfn,
	.get_dma_pfn_run	= carveout_get_dma_pfn_run,
	.copy_to_device		= carveout_copy_to_device,
	.copy_to_ram		= carveout_copy_to_ram,
	.copy_bytes		= carveout_copy_bytes,
	.copy_peer		= carveout_copy_peer,
};

static const struct hmm_p2p_importer_ops carveout_importer_ops = {
	.transfer = hmm_p2p_cpu_transfer,
};

static int take_memory(struct carveout *co, u64 bytes)
{
	co->nr_pages = bytes >> PAGE_SHIFT;
	co->pages = alloc_contig_pages(co->nr_pages, GFP_KERNEL | __GFP_NOWARN,
				       numa_mem_id(), NULL);
	if (co->pages)
		return 0;
	pr_err("hmm_p2p_carveout: no %llu MiB of contiguous memory: load earlier, or with a smaller size\n",
	       bytes >> 20);
	return -ENOMEM;
}

static int register_device(struct carveout *co)
{
	struct device *dev = &co->pdev->dev;
	struct hmm_p2p_device_config config = {
		.dev = dev,
		.name = dev_name(dev),
		.ops = &carveout_ops,
		.importer_ops = &carveout_importer_ops,
		.memory = (u64)co->nr_pages << PAGE_SHIFT,
		.window = (u64)co->nr_pages << PAGE_SHIFT,
		.alias_is_system = true,
		.no_p2p = no_p2p,
		.drvdata = co,
	};

	co->hdev = hmm_p2p_device_register(&config);
	return PTR_ERR_OR_ZERO(co->hdev);
}

static int carveout_create(struct carveout *co, unsigned int id, u64 bytes)
{
	int ret;

	co->pdev = platform_device_register_simple("hmm_p2p_carveout", id, NULL, 0);
	if (IS_ERR(co->pdev))
		return PTR_ERR(co->pdev);
	ret = dma_coerce_mask_and_coherent(&co->pdev->dev, DMA_BIT_MASK(64));
	if (!ret)
		ret = take_memory(co, bytes);
	if (ret)
		goto err_device;
	ret = register_device(co);
	if (ret)
		goto err_memory;
	return 0;

err_memory:
	free_contig_range(page_to_pfn(co->pages), co->nr_pages);
err_device:
	platform_device_unregister(co->pdev);
	return ret;
}

static void carveout_destroy(struct carveout *co)
{
	hmm_p2p_device_unregister(co->hdev);
	free_contig_range(page_to_pfn(co->pages), co->nr_pages);
	platform_device_unregister(co->pdev);
}

static int parse_size(u64 *bytes)
{
	char *end;

	*bytes = memparse(size, &end);
	if (end != size && !*end && *bytes && IS_ALIGNED(*bytes, PAGE_SIZE) &&
	    count && count <= CARVEOUT_MAX)
		return 0;
	pr_err("hmm_p2p_carveout: size=%s must be a page-aligned number of bytes and count=%u 1 to %u\n",
	       size, count, CARVEOUT_MAX);
	return -EINVAL;
}

static int __init carveout_init(void)
{
	unsigned int i;
	u64 bytes;
	int ret;

	ret = parse_size(&bytes);
	for (i = 0; !ret && i < count; i++)
		ret = carveout_create(&carveouts[i], i, bytes);
	if (!ret)
		return 0;
	/* The last one that was tried has cleaned up after itself. */
	while (i-- > 1)
		carveout_destroy(&carveouts[i - 1]);
	return ret;
}
module_init(carveout_init);

static void __exit carveout_exit(void)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		carveout_destroy(&carveouts[i]);
}
module_exit(carveout_exit);

MODULE_DESCRIPTION("hmm_p2p exporter: memory stolen from the system");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
MODULE_IMPORT_NS("HMM_P2P");
