// SPDX-License-Identifier: GPL-2.0
/*
 * Reference exporter: the memory BAR of any PCI function is device memory. What
 * the parameters say goes to hmm_p2p_pci_bar_register(), which has the rest.
 *
 * What a reset leaves in the memory of a function is not defined, and nobody may
 * reach it meanwhile. So all of it goes home before, as at an unbind, and the
 * device comes back as a new one. What cannot be read any more is lost, and who
 * touches that gets SIGBUS.
 */
#include <linux/dma-mapping.h>
#include <linux/hmm_p2p.h>
#include <linux/module.h>
#include <linux/pci.h>

#define PCI_DEVICE_ID_IVSHMEM	0x1110

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
	[HMM_P2P_LOADS_AUTO]		= "auto",
	[HMM_P2P_LOADS_STREAMING]	= "streaming",
	[HMM_P2P_LOADS_ORDINARY]	= "ordinary",
};

static const struct hmm_p2p_importer_ops importer_ops = {
	.transfer = hmm_p2p_cpu_transfer,
};

static int parse_bytes(struct device *dev, const char *name, const char *value, u64 *bytes)
{
	char *end;

	*bytes = memparse(value, &end);
	if (end != value && !*end && IS_ALIGNED(*bytes, PAGE_SIZE))
		return 0;
	return dev_err_probe(dev, -EINVAL, "%s=%s is no page-aligned number of bytes\n",
			     name, value);
}

static int parse_window(struct device *dev, u64 *bytes)
{
	int ret;

	*bytes = 0;
	if (sysfs_streq(window, "all"))
		return 0;
	ret = parse_bytes(dev, "window", window, bytes);
	if (!ret && !*bytes)
		*bytes = HMM_P2P_NO_WINDOW;
	return ret;
}

static int parse_loads(struct device *dev, enum hmm_p2p_loads *to)
{
	int given = sysfs_match_string(loads_names, loads);

	if (given < 0)
		return dev_err_probe(dev, given,
				     "loads=%s is none of streaming, ordinary and auto\n",
				     loads);
	*to = given;
	return 0;
}

static int make_device(struct pci_dev *pdev)
{
	struct hmm_p2p_pci_bar_config config = {
		.bar = bar < 0 ? HMM_P2P_BAR_LARGEST : bar,
		.importer_ops = &importer_ops,
		.no_p2p = no_p2p,
	};
	struct device *dev = &pdev->dev;
	struct hmm_p2p_device *hdev;
	int ret;

	ret = parse_loads(dev, &config.loads) ?: parse_window(dev, &config.window) ?:
	      parse_bytes(dev, "p2pmem", p2pmem, &config.p2pmem);
	if (ret)
		return ret;
	hdev = hmm_p2p_pci_bar_register(pdev, &config);
	if (IS_ERR(hdev))
		return dev_err_probe(dev, PTR_ERR(hdev), "cannot register with hmm_p2p\n");
	pci_set_drvdata(pdev, hdev);
	return 0;
}

static int pci_bar_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "cannot enable the device\n");
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "no 64-bit DMA\n");
	pci_set_master(pdev);
	pci_save_state(pdev); /* for pci_bar_slot_reset() */
	return make_device(pdev);
}

/* It may be gone already: nothing has come back after a reset. */
static void pci_bar_remove(struct pci_dev *pdev)
{
	struct hmm_p2p_device *hdev = pci_get_drvdata(pdev);

	pci_set_drvdata(pdev, NULL);
	if (hdev)
		hmm_p2p_pci_bar_unregister(hdev);
}

static void pci_bar_reset_done(struct pci_dev *pdev)
{
	make_device(pdev);
}

/* An error that is not fatal was one transaction's, whose end has told of it. */
static pci_ers_result_t pci_bar_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	if (state == pci_channel_io_normal)
		return PCI_ERS_RESULT_CAN_RECOVER;
	pci_bar_remove(pdev);
	return state == pci_channel_io_frozen ? PCI_ERS_RESULT_NEED_RESET :
						PCI_ERS_RESULT_DISCONNECT;
}

static pci_ers_result_t pci_bar_slot_reset(struct pci_dev *pdev)
{
	pci_restore_state(pdev);
	return PCI_ERS_RESULT_RECOVERED;
}

static void pci_bar_resume(struct pci_dev *pdev)
{
	if (!pci_get_drvdata(pdev))
		make_device(pdev);
}

static const struct pci_error_handlers pci_bar_err_handlers = {
	.error_detected	= pci_bar_error_detected,
	.slot_reset	= pci_bar_slot_reset,
	.resume		= pci_bar_resume,
	.reset_prepare	= pci_bar_remove,
	.reset_done	= pci_bar_reset_done,
};

/*
 * No driver_data: new_id takes only what an entry here has. And no table for
 * udev, which would load the module on machines whose ivshmem is for something
 * else: who loads it wants it.
 */
static const struct pci_device_id pci_bar_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, PCI_DEVICE_ID_IVSHMEM) },
	{ }
};

static struct pci_driver pci_bar_driver = {
	.name		= "hmm_p2p_pci",
	.id_table	= pci_bar_ids,
	.probe		= pci_bar_probe,
	.remove		= pci_bar_remove,
	.err_handler	= &pci_bar_err_handlers,
};
module_pci_driver(pci_bar_driver);

MODULE_DESCRIPTION("hmm_p2p exporter: any PCI function with a memory BAR");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
MODULE_IMPORT_NS("HMM_P2P");
