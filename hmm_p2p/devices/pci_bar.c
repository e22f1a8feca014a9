// SPDX-License-Identifier: GPL-2.0
/*
 * Reference exporter: the memory BAR of any PCI function is device memory.
 *
 * The same bytes have two kinds of struct page: device-private ones, which the
 * core hands out to processes, and P2PDMA ones, which the DMA API maps for
 * other devices. The second kind exists for the first `window` bytes only.
 *
 * All of these are taken out of the p2pdma pool at once. Otherwise the
 * pool would hand the bytes out a second time, through p2pmem/allocate.
 *
 * The last `p2pmem` bytes are the other way round: never device-private, they
 * stay in the pool, for p2pmem/allocate and for mmap() of /dev/hmm_p2p. They
 * join it when the window has left it, so what the pool has is theirs alone.
 */
#include <linux/dma-mapping.h>
#include <linux/hmm_p2p.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>

#define PCI_DEVICE_ID_IVSHMEM	0x1110

/* memremap_pages() wants whole subsections of the memory map. */
#define ALIAS_UNIT	((u64)SUBSECTION_SIZE)

static int bar = -1;
module_param(bar, int, 0444);
MODULE_PARM_DESC(bar, "memory BAR to use, 0-5 (default: the largest)");

static char *window = "all";
module_param(window, charp, 0444);
MODULE_PARM_DESC(window, "bytes of each device's memory, from the start, that other devices can reach; K, M, G suffix, or all (default)");

static char *p2pmem = "0";
module_param(p2pmem, charp, 0444);
MODULE_PARM_DESC(p2pmem, "bytes at the end of each device's memory that processes map with mmap() and the kernel's p2pmem/allocate hands out, a multiple of 2M; K, M, G suffix (default: 0)");

static bool no_p2p;
module_param(no_p2p, bool, 0444);
MODULE_PARM_DESC(no_p2p, "opt out: no other device reaches this memory peer to peer (default: N)");

static char *loads = "auto";
module_param(loads, charp, 0444);
MODULE_PARM_DESC(loads, "how the CPU reads device memory: streaming, ordinary, or auto, the faster of the two (default: auto)");

static const char * const loads_names[] = {
	[HMM_P2P_LOADS_STREAMING]	= "streaming",
	[HMM_P2P_LOADS_ORDINARY]	= "ordinary",
};

/**
 * struct pci_bar - one device
 * @pdev: PCI function
 * @hdev: as the core knows it
 * @mem: write-combined mapping of the BAR
 * @loads: how the CPU reads it
 * @phys: CPU physical address of the BAR
 * @size: bytes of device-private memory, from the start of the BAR
 * @p2pmem: bytes behind these that are the p2pdma pool's
 * @window: bytes of it that other devices may reach
 * @aliased: bytes of it that have P2PDMA pages: the window, rounded
 * @reserved: what was taken out of the p2pdma pool
 */
struct pci_bar {
	struct pci_dev *pdev;
	struct hmm_p2p_device *hdev;
	void __iomem *mem;
	enum hmm_p2p_loads loads;
	phys_addr_t phys;
	u64 size;
	u64 p2pmem;
	u64 window;
	u64 aliased;
	void *reserved;
};

static int pci_bar_get_dma_pfn(struct page *private_page, unsigned long *dma_pfn)
{
	struct hmm_p2p_device *hdev = hmm_p2p_page_device(private_page);
	struct pci_bar *pb = hmm_p2p_device_drvdata(hdev);
	u64 offset = hmm_p2p_page_offset(private_page);

	if (offset >= pb->window)
		return -ENXIO;
	*dma_pfn = PHYS_PFN(pb->phys + offset);
	return 0;
}

/*
 * Asked after a copy: a device that was torn out swallows what is written to
 * it and gives all ones when it is read.
 */
static int check_present(struct pci_bar *pb)
{
	return pci_device_is_present(pb->pdev) ? 0 : -EIO;
}

static struct dma_fence *
pci_bar_copy_to_device(struct hmm_p2p_device *hdev, const struct hmm_p2p_copy *runs,
		       unsigned int nr)
{
	struct pci_bar *pb = hmm_p2p_device_drvdata(hdev);

	for (; nr; nr--, runs++) {
		void __iomem *to = pb->mem + runs->offset;
		size_t len = (size_t)runs->nr_pages << PAGE_SHIFT;

		if (runs->page)
			hmm_p2p_copy_to_io(to, page_address(runs->page), len);
		else
			memset_io(to, 0, len);
	}
	wmb(); /* cleared memory is as far as copied memory */
	return ERR_PTR(check_present(pb));
}

static struct dma_fence *
pci_bar_copy_to_ram(struct hmm_p2p_device *hdev, const struct hmm_p2p_copy *runs,
		    unsigned int nr)
{
	struct pci_bar *pb = hmm_p2p_device_drvdata(hdev);

	for (; nr; nr--, runs++)
		hmm_p2p_copy_from_io(page_address(runs->page),
				     pb->mem + runs->offset,
				     (size_t)runs->nr_pages << PAGE_SHIFT, pb->loads);
	return ERR_PTR(check_present(pb));
}

static int pci_bar_copy_bytes(struct hmm_p2p_device *hdev, u64 offset, void *buf,
			      size_t len, bool to_device)
{
	struct pci_bar *pb = hmm_p2p_device_drvdata(hdev);

	if (to_device)
		hmm_p2p_copy_to_io(pb->mem + offset, buf, len);
	else
		hmm_p2p_copy_from_io(buf, pb->mem + offset, len, pb->loads);
	return check_present(pb);
}

static const struct hmm_p2p_device_ops pci_bar_ops;

/*
 * The interconnect of these devices is the CPU's view of the sibling's BAR: a
 * page at a time through a line of registers would be the DMA engine's job.
 */
static int pci_bar_copy_peer(struct hmm_p2p_device *hdev, u64 offset, u64 addr,
			     size_t len, bool write)
{
	struct pci_bar *pb = hmm_p2p_device_drvdata(hdev), *other;
	struct hmm_p2p_device *peer;
	void __iomem *mine, *theirs;
	u64 peer_offset;

	peer = hmm_p2p_interconnect_device(hdev, addr, &peer_offset);
	if (!peer || !hmm_p2p_device_uses(peer, &pci_bar_ops))
		return -ENXIO;
	other = hmm_p2p_device_drvdata(peer);
	if (offset + len > pb->size || peer_offset + len > other->size)
		return -ENXIO;
	mine = pb->mem + offset;
	theirs = other->mem + peer_offset;
	hmm_p2p_copy_io_to_io(write ? theirs : mine, write ? mine : theirs, len,
			      write ? pb->loads : other->loads);
	return check_present(pb) ?: check_present(other);
}

/* The pool gives pages without a reference, and takes them back with the last. */
static struct page *pci_bar_alloc_shared(struct hmm_p2p_device *hdev)
{
	struct pci_bar *pb = hmm_p2p_device_drvdata(hdev);
	void *mem = pci_alloc_p2pmem(pb->pdev, PAGE_SIZE);
	struct page *page;
	int ret;

	if (!mem)
		return ERR_PTR(-ENOSPC);
	page = virt_to_page(mem);
	memset_io(pb->mem + (page_to_phys(page) - pb->phys), 0, PAGE_SIZE);
	wmb(); /* cleared before anybody sees it */
	init_page_count(page);
	ret = check_present(pb);
	if (ret) {
		put_page(page);
		return ERR_PTR(ret);
	}
	return page;
}

static const struct hmm_p2p_device_ops pci_bar_ops = {
	.get_dma_pfn_for_device	= pci_bar_get_dma_pfn,
	.copy_to_device		= pci_bar_copy_to_device,
	.copy_to_ram		= pci_bar_copy_to_ram,
	.copy_bytes		= pci_bar_copy_bytes,
	.copy_peer		= pci_bar_copy_peer,
	.alloc_shared		= pci_bar_alloc_shared,
};

static const struct hmm_p2p_importer_ops pci_bar_importer_ops = {
	.transfer = hmm_p2p_cpu_transfer,
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

/* Returns the number of the BAR to use, or -EINVAL. */
static int choose_bar(struct pci_dev *pdev)
{
	int nr = bar;

	if (nr < 0)
		nr = largest_bar(pdev);
	if (nr < 0 || nr >= PCI_STD_NUM_BARS ||
	    !(pci_resource_flags(pdev, nr) & IORESOURCE_MEM) ||
	    pci_resource_len(pdev, nr) < PAGE_SIZE) {
		dev_err(&pdev->dev, "no memory BAR %d to use as device memory; set the parameter bar\n",
			nr);
		return -EINVAL;
	}
	return nr;
}

static int parse_window(struct pci_bar *pb)
{
	char *end;

	pb->window = pb->size;
	if (!sysfs_streq(window, "all")) {
		pb->window = memparse(window, &end);
		if (end == window || *end || !IS_ALIGNED(pb->window, PAGE_SIZE)) {
			dev_err(&pb->pdev->dev, "window=%s is neither a page-aligned number of bytes nor \"all\"\n",
				window);
			return -EINVAL;
		}
	}
	/* Page structures come in whole units, at the end of the BAR too. */
	pb->aliased = min(ALIGN(pb->window, ALIAS_UNIT),
			  ALIGN_DOWN(pb->size, ALIAS_UNIT));
	pb->window = min(pb->window, pb->aliased);
	return 0;
}

static int parse_p2pmem(struct pci_bar *pb)
{
	struct device *dev = &pb->pdev->dev;
	char *end;

	pb->p2pmem = memparse(p2pmem, &end);
	if (!pb->p2pmem && end != p2pmem && !*end)
		return 0;
	/* Page structures come in whole units, and something must be left. */
	if (end == p2pmem || *end || !IS_ALIGNED(pb->p2pmem, ALIAS_UNIT) ||
	    pb->p2pmem >= pb->size || !IS_ALIGNED(pb->size - pb->p2pmem, ALIAS_UNIT)) {
		dev_err(dev, "p2pmem=%s is no multiple of %llu MiB that is smaller than the memory, %llu MiB\n",
			p2pmem, ALIAS_UNIT >> 20, pb->size >> 20);
		return -EINVAL;
	}
	if (no_p2p) {
		dev_err(dev, "p2pmem=%s and no_p2p contradict each other: leave one out\n",
			p2pmem);
		return -EINVAL;
	}
	pb->size -= pb->p2pmem;
	return 0;
}

static void release_window(void *data)
{
	struct pci_bar *pb = data;

	pci_free_p2pmem(pb->pdev, pb->reserved, pb->aliased);
}

static int make_window(struct pci_bar *pb, int nr)
{
	int ret;

	if (!pb->aliased)
		return 0;
	ret = pci_p2pdma_add_resource(pb->pdev, nr, pb->aliased, 0);
	if (ret)
		return dev_err_probe(&pb->pdev->dev, ret, "no P2PDMA pages for BAR %d\n", nr);
	pb->reserved = pci_alloc_p2pmem(pb->pdev, pb->aliased);
	if (!pb->reserved)
		return dev_err_probe(&pb->pdev->dev, -ENOMEM,
				     "the p2pdma pool of BAR %d is in use\n", nr);
	return devm_add_action_or_reset(&pb->pdev->dev, release_window, pb);
}

/* What was here before may have been any process's, so nobody is to read it. */
static int make_p2pmem(struct pci_bar *pb, int nr)
{
	int ret;

	if (!pb->p2pmem)
		return 0;
	memset_io(pb->mem + pb->size, 0, pb->p2pmem);
	wmb(); /* before anybody else can have it */
	ret = pci_p2pdma_add_resource(pb->pdev, nr, pb->p2pmem, pb->size);
	if (ret)
		return dev_err_probe(&pb->pdev->dev, ret, "no p2pmem for BAR %d\n", nr);
	pci_p2pmem_publish(pb->pdev, true);
	return 0;
}

static int choose_loads(struct pci_bar *pb)
{
	int given = sysfs_match_string(loads_names, loads);

	if (given < 0 && !sysfs_streq(loads, "auto")) {
		dev_err(&pb->pdev->dev, "loads=%s is none of streaming, ordinary and auto\n",
			loads);
		return -EINVAL;
	}
	pb->loads = given < 0 ? hmm_p2p_fastest_loads(pb->mem) : given;
	dev_dbg(&pb->pdev->dev, "the CPU reads it by %s loads\n",
		loads_names[pb->loads]);
	return 0;
}

static int map_bar(struct pci_bar *pb, int nr)
{
	struct pci_dev *pdev = pb->pdev;

	pb->phys = pci_resource_start(pdev, nr);
	pb->size = ALIGN_DOWN(pci_resource_len(pdev, nr), PAGE_SIZE);
	/* First of all mappings, so that the others follow its memory type. */
	pb->mem = devm_ioremap_wc(&pdev->dev, pb->phys, pb->size);
	if (!pb->mem)
		return dev_err_probe(&pdev->dev, -ENOMEM, "cannot map BAR %d\n", nr);
	return 0;
}

static int register_device(struct pci_bar *pb)
{
	const char *name = devm_kasprintf(&pb->pdev->dev, GFP_KERNEL, "pci-%s",
					  pci_name(pb->pdev));
	struct hmm_p2p_device_config config = {
		.dev = &pb->pdev->dev,
		.name = name,
		.ops = &pci_bar_ops,
		.importer_ops = &pci_bar_importer_ops,
		.memory = pb->size,
		.window = pb->window,
		.shared = pb->p2pmem,
		.no_p2p = no_p2p,
		.drvdata = pb,
	};

	if (!name)
		return -ENOMEM;
	pb->hdev = hmm_p2p_device_register(&config);
	return PTR_ERR_OR_ZERO(pb->hdev);
}

static int pci_bar_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct pci_bar *pb;
	int nr, ret;

	nr = choose_bar(pdev);
	if (nr < 0)
		return nr;
	pb = devm_kzalloc(&pdev->dev, sizeof(*pb), GFP_KERNEL);
	if (!pb)
		return -ENOMEM;
	pb->pdev = pdev;
	ret = pcim_enable_device(pdev);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "cannot enable the device\n");
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "no 64-bit DMA\n");
	pci_set_master(pdev);

	ret = map_bar(pb, nr) ?: choose_loads(pb) ?: parse_p2pmem(pb) ?: parse_window(pb) ?:
	      make_window(pb, nr) ?: make_p2pmem(pb, nr);
	if (ret)
		return ret;
	ret = register_device(pb);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "cannot register with hmm_p2p\n");
	pci_set_drvdata(pdev, pb);
	return 0;
}

/* The core brings every page home first; devres takes down the rest. */
static void pci_bar_remove(struct pci_dev *pdev)
{
	struct pci_bar *pb = pci_get_drvdata(pdev);

	hmm_p2p_device_unregister(pb->hdev);
}

/* No driver_data: new_id takes only what an entry here has. */
static const struct pci_device_id pci_bar_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, PCI_DEVICE_ID_IVSHMEM) },
	{ }
};
MODULE_DEVICE_TABLE(pci, pci_bar_ids);

static struct pci_driver pci_bar_driver = {
	.name		= "hmm_p2p_pci",
	.id_table	= pci_bar_ids,
	.probe		= pci_bar_probe,
	.remove		= pci_bar_remove,
};
module_pci_driver(pci_bar_driver);

MODULE_DESCRIPTION("hmm_p2p exporter: any PCI function with a memory BAR");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("HMM_P2P");
