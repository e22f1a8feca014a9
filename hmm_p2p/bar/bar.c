// SPDX-License-Identifier: GPL-2.0
/*
 * A memory BAR as device memory, in one call: the region is requested and mapped,
 * what other devices reach has its page structures, and the device is registered.
 *
 * The same bytes have two kinds of struct page: device-private ones, which the
 * core hands out to processes, and P2PDMA ones, which the DMA API maps for
 * other devices. The second kind exists for the window only, the first bytes.
 *
 * All of these are taken out of the p2pdma pool at once. Otherwise the
 * pool would hand the bytes out a second time, through p2pmem/allocate.
 *
 * The last `p2pmem` bytes are the other way round: never device-private, they
 * stay in the pool, for p2pmem/allocate and for mmap() of /dev/hmm_p2p. They
 * join it when the window has left it, so what the pool has is theirs alone.
 *
 * All of it is devres in a group of its own, which goes when the device is
 * unregistered, in the order of lifecycle.c: every page is home before the aliases
 * go, and these before the mapping.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>

#include "../core/core.h"
#include "../move/move.h"

/* memremap_pages() wants whole subsections of the memory map. */
#define ALIAS_UNIT	((u64)SUBSECTION_SIZE)

/**
 * struct hmm_p2p_bar - memory of one device
 * @pdev: PCI function
 * @group: of devres: all that was taken for it, and this structure
 * @nr: number of the BAR
 * @offset: where in it the memory begins
 * @mem: write-combined mapping of the memory
 * @loads: how the CPU reads it
 * @phys: CPU physical address of the memory
 * @size: bytes of device-private memory, from the start
 * @p2pmem: bytes behind these that are the p2pdma pool's
 * @window: bytes of it that other devices may reach
 * @aliased: bytes of it that have P2PDMA pages: the window, rounded
 * @reserved: what was taken out of the p2pdma pool
 */
struct hmm_p2p_bar {
	struct pci_dev *pdev;
	void *group;
	int nr;
	u64 offset;
	void __iomem *mem;
	enum hmm_p2p_loads loads;
	phys_addr_t phys;
	u64 size;
	u64 p2pmem;
	u64 window;
	u64 aliased;
	void *reserved;
};

/**
 * hmm_p2p_bar_memory - where the CPU reaches the memory of a device
 * @hdev: from hmm_p2p_pci_bar_register()
 *
 * Context: any.
 * Return: the write-combined mapping of its first byte.
 */
void __iomem *hmm_p2p_bar_memory(const struct hmm_p2p_device *hdev)
{
	return hdev->bar->mem;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_bar_memory, HMM_P2P_NS);

/**
 * hmm_p2p_bar_get_dma_pfn - get_dma_pfn_for_device() of memory behind a BAR
 * @private_page: see struct hmm_p2p_device_ops
 * @dma_pfn: same
 *
 * Context: any.
 * Return: 0, or -ENXIO outside of the window.
 */
int hmm_p2p_bar_get_dma_pfn(struct page *private_page, unsigned long *dma_pfn)
{
	const struct hmm_p2p_bar *bar = hmm_p2p_page_device(private_page)->bar;
	u64 offset = hmm_p2p_page_offset(private_page);

	if (offset >= bar->window)
		return -ENXIO;
	*dma_pfn = PHYS_PFN(bar->phys + offset);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_bar_get_dma_pfn, HMM_P2P_NS);

/**
 * hmm_p2p_bar_get_dma_pfn_run - get_dma_pfn_run() of memory behind a BAR
 * @private_page: see struct hmm_p2p_device_ops
 * @nr: same
 * @dma_pfn: same
 *
 * Context: any.
 * Return: how many of the pages are in the window.
 */
unsigned long hmm_p2p_bar_get_dma_pfn_run(struct page *private_page, unsigned long nr,
					  unsigned long *dma_pfn)
{
	const struct hmm_p2p_bar *bar = hmm_p2p_page_device(private_page)->bar;
	u64 offset = hmm_p2p_page_offset(private_page);

	if (offset >= bar->window)
		return 0;
	*dma_pfn = PHYS_PFN(bar->phys + offset);
	return min_t(u64, nr, (bar->window - offset) >> PAGE_SHIFT);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_bar_get_dma_pfn_run, HMM_P2P_NS);

/*
 * Asked after a copy: a function that was removed by surprise, or does not decode its BAR,
 * swallows what is written to it and gives all ones when it is read. A virtual
 * function has no such bit.
 */
static int check_present(const struct hmm_p2p_bar *bar)
{
	u16 command;

	if (pci_read_config_word(bar->pdev, PCI_COMMAND, &command) ||
	    PCI_POSSIBLE_ERROR(command))
		return -EIO;
	return bar->pdev->is_virtfn || command & PCI_COMMAND_MEMORY ? 0 : -EIO;
}

/**
 * hmm_p2p_bar_copy_to_device - copy_to_device() by the CPU
 * @hdev: from hmm_p2p_pci_bar_register()
 * @runs: see struct hmm_p2p_device_ops
 * @nr: same
 *
 * Context: process; may also be called by an engine of the driver's own.
 * Return: NULL, or -EIO as an error pointer.
 */
struct dma_fence *hmm_p2p_bar_copy_to_device(struct hmm_p2p_device *hdev,
					     const struct hmm_p2p_copy *runs,
					     unsigned int nr)
{
	const struct hmm_p2p_bar *bar = hdev->bar;

	for (; nr; nr--, runs++) {
		void __iomem *to = bar->mem + runs->offset;
		size_t len = (size_t)runs->nr_pages << PAGE_SHIFT;

		if (runs->page)
			hmm_p2p_copy_to_io(to, page_address(runs->page), len);
		else
			memset_io(to, 0, len);
	}
	wmb(); /* cleared memory is as far as copied memory */
	return ERR_PTR(check_present(bar));
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_bar_copy_to_device, HMM_P2P_NS);

/**
 * hmm_p2p_bar_copy_to_ram - copy_to_ram() by the CPU
 * @hdev: from hmm_p2p_pci_bar_register()
 * @runs: see struct hmm_p2p_device_ops
 * @nr: same
 *
 * Context: process; may also be called by an engine of the driver's own.
 * Return: NULL, or -EIO as an error pointer.
 */
struct dma_fence *hmm_p2p_bar_copy_to_ram(struct hmm_p2p_device *hdev,
					  const struct hmm_p2p_copy *runs,
					  unsigned int nr)
{
	const struct hmm_p2p_bar *bar = hdev->bar;

	for (; nr; nr--, runs++)
		hmm_p2p_copy_from_io(page_address(runs->page),
				     bar->mem + runs->offset,
				     (size_t)runs->nr_pages << PAGE_SHIFT, bar->loads);
	return ERR_PTR(check_present(bar));
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_bar_copy_to_ram, HMM_P2P_NS);

/**
 * hmm_p2p_bar_copy_bytes - copy_bytes() by the CPU
 * @hdev: from hmm_p2p_pci_bar_register()
 * @offset: see struct hmm_p2p_device_ops
 * @buf: same
 * @len: same
 * @to_device: same
 *
 * Context: process.
 * Return: 0, or -EIO.
 */
int hmm_p2p_bar_copy_bytes(struct hmm_p2p_device *hdev, u64 offset, void *buf,
			   size_t len, bool to_device)
{
	const struct hmm_p2p_bar *bar = hdev->bar;

	if (to_device)
		hmm_p2p_copy_to_io(bar->mem + offset, buf, len);
	else
		hmm_p2p_copy_from_io(buf, bar->mem + offset, len, bar->loads);
	return check_present(bar);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_bar_copy_bytes, HMM_P2P_NS);

/**
 * hmm_p2p_bar_copy_peer - copy_peer() by the CPU
 * @hdev: from hmm_p2p_pci_bar_register()
 * @offset: see struct hmm_p2p_device_ops
 * @addr: same; of another device behind a BAR
 * @len: same
 * @write: same
 *
 * The interconnect of these devices is the CPU's view of the sibling's BAR: a
 * page at a time through a line of registers would be the DMA engine's job.
 *
 * Context: process.
 * Return: 0, -ENXIO for an address that is nobody's, -EIO.
 */
int hmm_p2p_bar_copy_peer(struct hmm_p2p_device *hdev, u64 offset, u64 addr,
			  size_t len, bool write)
{
	const struct hmm_p2p_bar *bar = hdev->bar, *other;
	struct hmm_p2p_device *peer;
	void __iomem *mine, *theirs;
	u64 peer_offset;

	peer = hmm_p2p_interconnect_device(hdev, addr, &peer_offset);
	if (!peer || !peer->bar)
		return -ENXIO;
	other = peer->bar;
	if (offset + len > bar->size || peer_offset + len > other->size)
		return -ENXIO;
	mine = bar->mem + offset;
	theirs = other->mem + peer_offset;
	hmm_p2p_copy_io_to_io(write ? theirs : mine, write ? mine : theirs, len,
			      write ? bar->loads : other->loads);
	return check_present(bar) ?: check_present(other);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_bar_copy_peer, HMM_P2P_NS);

/**
 * hmm_p2p_bar_alloc_shared - alloc_shared() from hmm_p2p_pci_bar_config.p2pmem
 * @hdev: from hmm_p2p_pci_bar_register()
 *
 * The pool gives pages without a reference, and takes them back with the last.
 *
 * Context: process.
 * Return: the page, or an error pointer: -ENOSPC, -EIO.
 */
struct page *hmm_p2p_bar_alloc_shared(struct hmm_p2p_device *hdev)
{
	const struct hmm_p2p_bar *bar = hdev->bar;
	void *mem = pci_alloc_p2pmem(bar->pdev, PAGE_SIZE);
	struct page *page;
	int ret;

	if (!mem)
		return ERR_PTR(-ENOSPC);
	page = virt_to_page(mem);
	memset_io(bar->mem + (page_to_phys(page) - bar->phys), 0, PAGE_SIZE);
	wmb(); /* cleared before anybody sees it */
	init_page_count(page);
	ret = check_present(bar);
	if (ret) {
		put_page(page);
		return ERR_PTR(ret);
	}
	return page;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_bar_alloc_shared, HMM_P2P_NS);

static const struct hmm_p2p_device_ops bar_ops = {
	.get_dma_pfn_for_device	= hmm_p2p_bar_get_dma_pfn,
	.get_dma_pfn_run	= hmm_p2p_bar_get_dma_pfn_run,
	.copy_to_device		= hmm_p2p_bar_copy_to_device,
	.copy_to_ram		= hmm_p2p_bar_copy_to_ram,
	.copy_bytes		= hmm_p2p_bar_copy_bytes,
	.copy_peer		= hmm_p2p_bar_copy_peer,
	.alloc_shared		= hmm_p2p_bar_alloc_shared,
};

static int largest_bar(struct pci_dev *pdev)
{
	resource_size_t most = 0;
	int i, found = -1;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		if (!(pci_resource_flags(pdev, i) & IORESOURCE_MEM) ||
		    pci_resource_len(pdev, i) <= most)
			continue;
		most = pci_resource_len(pdev, i);
		found = i;
	}
	return found;
}

static int choose_bar(struct hmm_p2p_bar *bar, int nr)
{
	struct pci_dev *pdev = bar->pdev;

	if (!pci_is_enabled(pdev))
		return dev_err_probe(&pdev->dev, -EINVAL,
				     "hmm_p2p: the function does not decode its BARs: call pcim_enable_device() before\n");
	bar->nr = nr == HMM_P2P_BAR_LARGEST ? largest_bar(pdev) : nr;
	if (bar->nr >= 0 && bar->nr < PCI_STD_NUM_BARS &&
	    pci_resource_flags(pdev, bar->nr) & IORESOURCE_MEM &&
	    pci_resource_len(pdev, bar->nr) >= PAGE_SIZE)
		return 0;
	return dev_err_probe(&pdev->dev, -EINVAL,
			     "hmm_p2p: no memory BAR %d to use as device memory: name another\n",
			     nr);
}

static int choose_size(struct hmm_p2p_bar *bar, const struct hmm_p2p_pci_bar_config *config)
{
	u64 len = pci_resource_len(bar->pdev, bar->nr);

	if (!IS_ALIGNED(config->offset | config->size, PAGE_SIZE) ||
	    config->offset >= len || config->size > len - config->offset)
		return dev_err_probe(&bar->pdev->dev, -EINVAL,
				     "hmm_p2p: %llu bytes from %llu are no pages of BAR %d, which has %llu bytes\n",
				     config->size, config->offset, bar->nr, len);
	bar->offset = config->offset;
	bar->size = config->size ?: ALIGN_DOWN(len - config->offset, PAGE_SIZE);
	bar->phys = pci_resource_start(bar->pdev, bar->nr) + bar->offset;
	if (!bar->size)
		return dev_err_probe(&bar->pdev->dev, -EINVAL,
				     "hmm_p2p: less than a page of BAR %d is left behind %llu\n",
				     bar->nr, config->offset);
	return 0;
}

/* Page structures come in whole units, and something must be left. */
static int choose_p2pmem(struct hmm_p2p_bar *bar, const struct hmm_p2p_pci_bar_config *config)
{
	struct device *dev = &bar->pdev->dev;

	if (!config->p2pmem)
		return 0;
	if (!IS_ALIGNED(config->p2pmem, ALIAS_UNIT) || config->p2pmem >= bar->size ||
	    !IS_ALIGNED(bar->phys + bar->size - config->p2pmem, ALIAS_UNIT))
		return dev_err_probe(dev, -EINVAL,
				     "hmm_p2p: p2pmem of %llu bytes is no multiple of %llu MiB that is smaller than the memory, %llu MiB\n",
				     config->p2pmem, ALIAS_UNIT >> 20, bar->size >> 20);
	if (config->no_p2p)
		return dev_err_probe(dev, -EINVAL,
				     "hmm_p2p: p2pmem and no_p2p contradict each other: leave one out\n");
	bar->p2pmem = config->p2pmem;
	bar->size -= bar->p2pmem;
	return 0;
}

static int choose_window(struct hmm_p2p_bar *bar, u64 window)
{
	struct device *dev = &bar->pdev->dev;

	if (window == HMM_P2P_NO_WINDOW)
		return 0;
	if (!IS_ALIGNED(window, PAGE_SIZE))
		return dev_err_probe(dev, -EINVAL,
				     "hmm_p2p: a window of %llu bytes is not page aligned\n",
				     window);
	/* The end of the BAR as well is no part of a unit. */
	bar->window = window ?: bar->size;
	bar->aliased = min(ALIGN(bar->window, ALIAS_UNIT),
			   ALIGN_DOWN(bar->size, ALIAS_UNIT));
	bar->window = min(bar->window, bar->aliased);
	if (bar->aliased && !IS_ALIGNED(bar->phys, ALIAS_UNIT))
		return dev_err_probe(dev, -EINVAL,
				     "hmm_p2p: a window at %pa does not begin at a multiple of %llu MiB: move it, or have no window\n",
				     &bar->phys, ALIAS_UNIT >> 20);
	return 0;
}

/* Nobody else drives this memory, and /dev/mem does not show it. */
static int take_bar(struct hmm_p2p_bar *bar, enum hmm_p2p_loads loads)
{
	struct device *dev = &bar->pdev->dev;
	u64 length = bar->size + bar->p2pmem;

	if (!devm_request_mem_region(dev, bar->phys, length, dev_driver_string(dev)))
		return dev_err_probe(dev, -EBUSY,
				     "hmm_p2p: somebody has BAR %d, see /proc/iomem: if it is this driver, let it request no more than its registers\n",
				     bar->nr);
	/* First of all mappings, so that the others follow its memory type. */
	bar->mem = devm_ioremap_wc(dev, bar->phys, length);
	if (!bar->mem)
		return dev_err_probe(dev, -ENOMEM, "hmm_p2p: cannot map BAR %d\n", bar->nr);
	bar->loads = loads == HMM_P2P_LOADS_AUTO ? hmm_p2p_fastest_loads(bar->mem) : loads;
	dev_dbg(dev, "hmm_p2p: the CPU reads it by %s loads\n",
		bar->loads == HMM_P2P_LOADS_ORDINARY ? "ordinary" : "streaming");
	return 0;
}

static void release_window(void *data)
{
	struct hmm_p2p_bar *bar = data;

	pci_free_p2pmem(bar->pdev, bar->reserved, bar->aliased);
}

static int make_window(struct hmm_p2p_bar *bar)
{
	struct device *dev = &bar->pdev->dev;
	int ret;

	if (!bar->aliased)
		return 0;
	ret = pci_p2pdma_add_resource(bar->pdev, bar->nr, bar->aliased, bar->offset);
	if (ret)
		return dev_err_probe(dev, ret, "hmm_p2p: no P2PDMA pages for BAR %d\n", bar->nr);
	bar->reserved = pci_alloc_p2pmem(bar->pdev, bar->aliased);
	if (!bar->reserved)
		return dev_err_probe(dev, -EBUSY, "hmm_p2p: the p2pdma pool of BAR %d is in use\n",
				     bar->nr);
	ret = devm_add_action_or_reset(dev, release_window, bar);
	if (!ret && page_to_phys(virt_to_page(bar->reserved)) != bar->phys)
		ret = dev_err_probe(dev, -EBUSY,
				    "hmm_p2p: the p2pdma pool has other memory of this function: add that later\n");
	return ret;
}

/* What was here before may have been any process's, so nobody is to read it. */
static int make_p2pmem(struct hmm_p2p_bar *bar)
{
	int ret;

	if (!bar->p2pmem)
		return 0;
	memset_io(bar->mem + bar->size, 0, bar->p2pmem);
	wmb(); /* before anybody else can have it */
	ret = pci_p2pdma_add_resource(bar->pdev, bar->nr, bar->p2pmem, bar->offset + bar->size);
	if (ret)
		return dev_err_probe(&bar->pdev->dev, ret, "hmm_p2p: no p2pmem for BAR %d\n",
				     bar->nr);
	pci_p2pmem_publish(bar->pdev, true);
	return 0;
}

static int make_bar(struct hmm_p2p_bar *bar, const struct hmm_p2p_pci_bar_config *config)
{
	return choose_bar(bar, config->bar) ?: choose_size(bar, config) ?:
	       choose_p2pmem(bar, config) ?: choose_window(bar, config->window) ?:
	       take_bar(bar, config->loads) ?: make_window(bar) ?: make_p2pmem(bar);
}

static struct hmm_p2p_device *
add_device(struct hmm_p2p_bar *bar, const struct hmm_p2p_pci_bar_config *from)
{
	struct hmm_p2p_device_config config = {
		.dev = &bar->pdev->dev,
		.ops = from->ops ?: &bar_ops,
		.importer_ops = from->importer_ops,
		.memory = bar->size,
		.window = bar->window,
		.shared = bar->p2pmem,
		.apart = from->apart,
		.max_transfer = from->max_transfer,
		.no_p2p = from->no_p2p,
		.drvdata = from->drvdata,
	};
	char name[HMM_P2P_NAME_SIZE];

	snprintf(name, sizeof(name), "pci-%s", pci_name(bar->pdev));
	config.name = from->name ?: name;
	return hmm_p2p_device_add(&config, bar);
}

/**
 * hmm_p2p_pci_bar_register - make the memory behind a BAR device memory
 * @pdev: PCI function, enabled, whose driver calls
 * @config: which part of which BAR, and what is special about it; copied
 *
 * Requests and maps that part of the BAR, makes the page structures by which
 * other devices reach it, and registers it as hmm_p2p_device_register() does. The
 * p2pdma pool of the function is its own meanwhile.
 *
 * Context: process; may sleep. In probe, or with the device lock held.
 * Return: the device, or an error pointer, and the kernel's log says what is
 * wrong: -EINVAL for a config that does not fit the function, -EBUSY when
 * somebody else has that part of the BAR or of the pool, -ENOMEM, or as
 * hmm_p2p_device_register() and pci_p2pdma_add_resource(). Then everything is as
 * before.
 */
struct hmm_p2p_device *
hmm_p2p_pci_bar_register(struct pci_dev *pdev, const struct hmm_p2p_pci_bar_config *config)
{
	void *group = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
	struct hmm_p2p_device *hdev = ERR_PTR(-ENOMEM);
	struct hmm_p2p_bar *bar;
	int ret;

	if (!group)
		return hdev;
	bar = devm_kzalloc(&pdev->dev, sizeof(*bar), GFP_KERNEL);
	if (bar) {
		bar->pdev = pdev;
		bar->group = group;
		ret = make_bar(bar, config);
		hdev = ret ? ERR_PTR(ret) : add_device(bar, config);
	}
	if (IS_ERR(hdev))
		devres_release_group(&pdev->dev, group);
	else
		devres_close_group(&pdev->dev, group);
	return hdev;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_pci_bar_register, HMM_P2P_NS);

/**
 * hmm_p2p_pci_bar_unregister - take the memory behind a BAR away
 * @hdev: as returned by hmm_p2p_pci_bar_register(); gone afterwards
 *
 * As hmm_p2p_device_unregister(), and then gives back page structures, mapping
 * and region. Waits for I/O on what p2pmem gave, too.
 *
 * Context: process; may sleep. In remove, or with the device lock held.
 */
void hmm_p2p_pci_bar_unregister(struct hmm_p2p_device *hdev)
{
	struct hmm_p2p_bar *bar = hdev->bar;
	struct device *dev = &bar->pdev->dev;
	void *group = bar->group;

	hmm_p2p_device_unregister(hdev);
	devres_release_group(dev, group);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_pci_bar_unregister, HMM_P2P_NS);

MODULE_DESCRIPTION("Memory behind a PCI BAR as device memory, and copies by the CPU");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("HMM_P2P");
MODULE_IMPORT_NS("HMM_P2P_INTERNAL");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
