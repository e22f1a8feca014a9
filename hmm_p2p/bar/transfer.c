// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers for devices that have no DMA engine of their own: the CPU plays
 * the engine. All the rest is as for a real one: pages are mapped through the
 * DMA API first, which refuses what the topology forbids, and every byte goes
 * through the device's own memory.
 */
#include <linux/export.h>
#include <linux/hmm-dma.h>
#include <linux/pci-p2pdma.h>

#include "../core/core.h"

/* Between the device's staging page and one page that it can address. */
static int staged_copy(struct hmm_p2p_device *hdev, struct page *page, bool write)
{
	const struct hmm_p2p_device_ops *ops = hdev->config.ops;
	const struct hmm_p2p_copy run = {
		.offset = hdev->staging,
		.page = page,
		.nr_pages = 1,
	};

	return hmm_p2p_copy_end(write ? ops->copy_to_ram(hdev, &run, 1) :
					ops->copy_to_device(hdev, &run, 1));
}

static int private_copy(struct hmm_p2p_device *hdev, struct page *page, bool write)
{
	const struct hmm_p2p_device_ops *ops = hdev->config.ops;
	int idx, ret;

	if (!ops->copy_peer)
		return -EIO;
	/* A peer that was removed by surprise, pages and all, waits for this section. */
	idx = srcu_read_lock(&hmm_p2p_srcu);
	ret = ops->copy_peer(hdev, hdev->staging, hmm_p2p_interconnect_addr(page),
			     PAGE_SIZE, write);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	/* Nobody there is an error of the device, too: the page was, just now. */
	return ret ? -EIO : 0;
}

static int mapped_copy(struct hmm_p2p_device *hdev, const struct hmm_p2p_transfer *xfer,
		       unsigned long index, struct page *page)
{
	struct pci_p2pdma_map_state state = {};
	struct device *dev = hdev->config.dev;
	dma_addr_t addr;
	int ret;

	addr = hmm_dma_map_pfn(dev, xfer->map, index, &state);
	if (dma_mapping_error(dev, addr))
		return -EREMOTEIO;
	ret = staged_copy(hdev, page, xfer->write);
	if (!xfer->mapped)
		hmm_dma_unmap_pfn(dev, xfer->map, index);
	return ret;
}

static void *page_buf(const struct hmm_p2p_transfer *xfer, unsigned long i)
{
	return xfer->buf + (i << PAGE_SHIFT);
}

/* A page of somebody else's goes by way of the device's own memory. */
static int transfer_page(struct hmm_p2p_device *hdev,
			 const struct hmm_p2p_transfer *xfer, unsigned long i)
{
	const struct hmm_p2p_device_ops *ops = hdev->config.ops;
	unsigned long index = xfer->first + i;
	unsigned long entry = xfer->map->pfn_list[index];
	struct page *page = hmm_pfn_to_page(entry);
	int ret = 0;

	if (xfer->write)
		ret = ops->copy_bytes(hdev, hdev->staging, page_buf(xfer, i),
				      PAGE_SIZE, true);
	if (ret)
		return ret;
	if (hmm_p2p_pfn_kind(entry) == HMM_P2P_PFN_PRIVATE)
		ret = private_copy(hdev, page, xfer->write);
	else
		ret = mapped_copy(hdev, xfer, index, page);
	if (ret || xfer->write)
		return ret;
	return ops->copy_bytes(hdev, hdev->staging, page_buf(xfer, i), PAGE_SIZE,
			       false);
}

static bool is_own(struct hmm_p2p_device *hdev, unsigned long entry)
{
	return hmm_p2p_pfn_kind(entry) == HMM_P2P_PFN_PRIVATE &&
	       hmm_p2p_page_device(hmm_pfn_to_page(entry)) == hdev;
}

/* How many pages from @i on are one piece of the device's own memory. */
static unsigned long own_run(struct hmm_p2p_device *hdev,
			     const struct hmm_p2p_transfer *xfer, unsigned long i)
{
	const unsigned long *entries = xfer->map->pfn_list + xfer->first + i;

	return is_own(hdev, entries[0]) ?
	       hmm_p2p_private_run(entries, xfer->nr_pages - i) : 0;
}

/* Returns how many pages from @i on were transferred, or an error. */
static long transfer_run(struct hmm_p2p_device *hdev,
			 const struct hmm_p2p_transfer *xfer, unsigned long i)
{
	unsigned long entry = xfer->map->pfn_list[xfer->first + i];
	unsigned long nr = own_run(hdev, xfer, i);
	int ret;

	if (!nr)
		return transfer_page(hdev, xfer, i) ?: 1;
	ret = hdev->config.ops->copy_bytes(hdev,
					   hmm_p2p_page_offset(hmm_pfn_to_page(entry)),
					   page_buf(xfer, i), nr << PAGE_SHIFT,
					   xfer->write);
	return ret ?: (long)nr;
}

/**
 * hmm_p2p_cpu_transfer - hmm_p2p_importer_ops.transfer without a DMA engine
 * @hdev: importer; it must have memory of its own, and @copy_bytes
 * @xfer: what to transfer
 *
 * Context: as hmm_p2p_importer_ops.transfer.
 * Return: 0, -EIO when a copy failed, -EREMOTEIO when the DMA API refused, -EINTR.
 */
int hmm_p2p_cpu_transfer(struct hmm_p2p_device *hdev,
			 const struct hmm_p2p_transfer *xfer)
{
	unsigned long i;
	long nr = 0;

	if (WARN_ON_ONCE(!hdev->config.ops->copy_bytes))
		return -EIO;
	if (mutex_lock_killable(&hdev->staging_lock))
		return -EINTR;
	for (i = 0; i < xfer->nr_pages && nr >= 0; i += nr)
		nr = transfer_run(hdev, xfer, i);
	mutex_unlock(&hdev->staging_lock);
	return min(nr, 0);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_cpu_transfer, HMM_P2P_NS);
