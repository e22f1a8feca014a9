// SPDX-License-Identifier: GPL-2.0
/*
 * Reference importer: QEMU's edu function, a bus master whose DMA engine is
 * real. It has a buffer of 4 KiB inside the device; a page goes from memory to
 * that buffer and from there to a bounce page, or the other way round.
 *
 * Registers as in QEMU's docs/specs/edu.rst.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/hmm-dma.h>
#include <linux/hmm_p2p.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>

#define PCI_VENDOR_ID_QEMU_EDU	0x1234
#define PCI_DEVICE_ID_QEMU_EDU	0x11e8

#define EDU_IDENT		0x00
#define EDU_IDENT_MASK		0xff
#define EDU_IDENT_VALUE		0xed
#define EDU_DMA_SRC		0x80
#define EDU_DMA_DST		0x88
#define EDU_DMA_COUNT		0x90
#define EDU_DMA_CMD		0x98
#define EDU_DMA_RUN		BIT(0)
#define EDU_DMA_FROM_DEVICE	BIT(1)
#define EDU_BUFFER		0x40000	/* its address for the DMA engine */

/* The device takes 100 ms; a loaded emulator much longer. */
#define EDU_POLL_US		1000
#define EDU_TIMEOUT_US		(20 * USEC_PER_SEC)

static unsigned int dma_bits = 28;
module_param(dma_bits, uint, 0444);
MODULE_PARM_DESC(dma_bits, "address bits of the device, as its dma_mask property says (default: 28)");

/**
 * struct edu - one device
 * @pdev: PCI function
 * @hdev: as the core knows it
 * @regs: BAR 0
 * @lock: the DMA engine and @bounce have one user at a time
 * @bounce: a page that the engine reaches
 * @bounce_dma: its address for the engine
 * @dead: a DMA did not end; the function is no bus master any more
 */
struct edu {
	struct pci_dev *pdev;
	struct hmm_p2p_device *hdev;
	void __iomem *regs;
	struct mutex lock; /* the DMA engine */
	void *bounce;
	dma_addr_t bounce_dma;
	bool dead;
};

static int edu_dma(struct edu *edu, u64 src, u64 dst, u32 cmd)
{
	u32 state;

	if (edu->dead)
		return -EIO;
	writeq(src, edu->regs + EDU_DMA_SRC);
	writeq(dst, edu->regs + EDU_DMA_DST);
	writeq(PAGE_SIZE, edu->regs + EDU_DMA_COUNT);
	writeq(cmd | EDU_DMA_RUN, edu->regs + EDU_DMA_CMD);
	if (!readl_poll_timeout(edu->regs + EDU_DMA_CMD, state,
				!(state & EDU_DMA_RUN), EDU_POLL_US, EDU_TIMEOUT_US))
		return 0;
	/* It must not write to a page that is no longer its own. */
	pci_clear_master(edu->pdev);
	edu->dead = true;
	dev_err(&edu->pdev->dev, "DMA does not end: bus mastering is off, unbind and bind the driver to try again\n");
	return -EIO;
}

static int edu_copy(struct edu *edu, dma_addr_t from, dma_addr_t to)
{
	return edu_dma(edu, from, EDU_BUFFER, 0) ?:
	       edu_dma(edu, EDU_BUFFER, to, EDU_DMA_FROM_DEVICE);
}

/* A page between @buf and memory that is mapped for the device. */
static int edu_transfer_mapped(struct edu *edu, dma_addr_t addr, void *buf, bool write)
{
	int ret;

	if (write) {
		memcpy(edu->bounce, buf, PAGE_SIZE);
		return edu_copy(edu, edu->bounce_dma, addr);
	}
	ret = edu_copy(edu, addr, edu->bounce_dma);
	memcpy(buf, edu->bounce, PAGE_SIZE);
	return ret;
}

static int edu_transfer_page(struct edu *edu, const struct hmm_p2p_transfer *xfer,
			     unsigned long i)
{
	struct pci_p2pdma_map_state state = {};
	struct device *dev = &edu->pdev->dev;
	void *buf = xfer->buf + (i << PAGE_SHIFT);
	unsigned long index = xfer->first + i;
	dma_addr_t addr;
	int ret;

	addr = hmm_dma_map_pfn(dev, xfer->map, index, &state);
	if (dma_mapping_error(dev, addr))
		return -EREMOTEIO;
	ret = edu_transfer_mapped(edu, addr, buf, xfer->write);
	if (!xfer->mapped)
		hmm_dma_unmap_pfn(dev, xfer->map, index);
	return ret;
}

static int edu_transfer(struct hmm_p2p_device *hdev,
			const struct hmm_p2p_transfer *xfer)
{
	struct edu *edu = hmm_p2p_device_drvdata(hdev);
	unsigned long i;
	int ret = 0;

	if (mutex_lock_killable(&edu->lock))
		return -EINTR;
	for (i = 0; i < xfer->nr_pages && !ret; i++)
		ret = edu_transfer_page(edu, xfer, i);
	mutex_unlock(&edu->lock);
	return ret;
}

static int edu_transfer_dma(struct hmm_p2p_device *hdev, dma_addr_t addr, void *buf,
			    size_t len, bool write)
{
	struct edu *edu = hmm_p2p_device_drvdata(hdev);
	size_t at;
	int ret = 0;

	if (mutex_lock_killable(&edu->lock))
		return -EINTR;
	for (at = 0; at < len && !ret; at += PAGE_SIZE)
		ret = edu_transfer_mapped(edu, addr + at, buf + at, write);
	mutex_unlock(&edu->lock);
	return ret;
}

static const struct hmm_p2p_importer_ops edu_importer_ops = {
	.transfer = edu_transfer,
	.transfer_dma = edu_transfer_dma,
};

static int edu_init_device(struct edu *edu)
{
	struct pci_dev *pdev = edu->pdev;
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "cannot enable the device\n");
	edu->regs = pcim_iomap_region(pdev, 0, "hmm_p2p_edu");
	if (IS_ERR(edu->regs))
		return dev_err_probe(&pdev->dev, PTR_ERR(edu->regs), "cannot map BAR 0\n");
	if ((readl(edu->regs + EDU_IDENT) & EDU_IDENT_MASK) != EDU_IDENT_VALUE)
		return dev_err_probe(&pdev->dev, -ENODEV, "this is no edu device\n");
	if (dma_bits < 12 || dma_bits > 64)
		return dev_err_probe(&pdev->dev, -EINVAL, "dma_bits=%u is not 12 to 64\n",
				     dma_bits);
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(dma_bits));
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "no %u-bit DMA\n", dma_bits);
	edu->bounce = dmam_alloc_coherent(&pdev->dev, PAGE_SIZE, &edu->bounce_dma,
					  GFP_KERNEL);
	if (!edu->bounce)
		return -ENOMEM;
	pci_set_master(pdev);
	return 0;
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct hmm_p2p_device_config config = {
		.dev = &pdev->dev,
		.importer_ops = &edu_importer_ops,
		.max_transfer = 1,
	};
	struct edu *edu;
	int ret;

	edu = devm_kzalloc(&pdev->dev, sizeof(*edu), GFP_KERNEL);
	if (!edu)
		return -ENOMEM;
	edu->pdev = pdev;
	mutex_init(&edu->lock);
	ret = edu_init_device(edu);
	if (ret)
		return ret;

	config.name = devm_kasprintf(&pdev->dev, GFP_KERNEL, "edu-%s", pci_name(pdev));
	if (!config.name)
		return -ENOMEM;
	config.drvdata = edu;
	edu->hdev = hmm_p2p_device_register(&config);
	if (IS_ERR(edu->hdev))
		return dev_err_probe(&pdev->dev, PTR_ERR(edu->hdev),
				     "cannot register with hmm_p2p\n");
	pci_set_drvdata(pdev, edu);
	return 0;
}

static void edu_remove(struct pci_dev *pdev)
{
	struct edu *edu = pci_get_drvdata(pdev);

	hmm_p2p_device_unregister(edu->hdev);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_QEMU_EDU, PCI_DEVICE_ID_QEMU_EDU) },
	{ }
};
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name		= "hmm_p2p_edu",
	.id_table	= edu_ids,
	.probe		= edu_probe,
	.remove		= edu_remove,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("hmm_p2p importer: QEMU's edu function");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
MODULE_IMPORT_NS("HMM_P2P");
