// SPDX-License-Identifier: GPL-2.0
/*
 * May an importer have a page as p2p? Whoever asks, a fault, a query or a call, asks
 * here: hmm_p2p_path_check() for a pair of devices, hmm_p2p_path_alias() for a page;
 * and hmm_p2p_path_granted() for a page, where the kernel has looked at the pair.
 *
 * Can an importer reach an exporter? The kernel's own check decides, once for
 * each pair: pci_p2pdma_distance(), which knows switches, ACS and the host
 * bridges that may be trusted. The answer is cached, because faults ask it per
 * page, and forgotten when a PCI device comes or goes.
 */
#include <linux/export.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>

#include "device.h"
#include "pagemap.h"
#include "path.h"
#include "registry.h"

/* Stands for an importer that copies with the CPU. */
static struct device *cpu_importer;

/* Protects all caches against the notifier that empties them. */
static DEFINE_MUTEX(paths_lock);

/* The PCI function that issues the transactions of @dev, or NULL. */
static struct pci_dev *pci_function(struct device *dev)
{
	for (; dev; dev = dev->parent)
		if (dev_is_pci(dev))
			return to_pci_dev(dev);
	return NULL;
}

/**
 * hmm_p2p_path_function - whom hmm_p2p_path_check() is about
 * @dev: an importer, or NULL
 *
 * Context: any; the caller keeps @dev.
 * Return: the PCI function that issues the transactions of @dev; @dev itself
 * when there is none.
 */
struct device *hmm_p2p_path_function(struct device *dev)
{
	struct pci_dev *pdev = pci_function(dev);

	return pdev ? &pdev->dev : dev;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_path_function, HMM_P2P_INTERNAL_NS);

/* Distances are cached with 1 added, so that "no path" is not negative. */
static int path_ask(struct hmm_p2p_device *exporter, struct pci_dev *provider,
		    struct pci_dev *client)
{
	int distance;

	mutex_lock(&paths_lock);
	distance = pci_p2pdma_distance(provider, &client->dev, false);
	if (distance < 0)
		distance = -1;
	/* A full cache costs time, not correctness. */
	xa_store(&exporter->paths, (unsigned long)client,
		 xa_mk_value(distance + 1), GFP_KERNEL | __GFP_NOWARN);
	mutex_unlock(&paths_lock);
	return distance;
}

static int path_distance(struct hmm_p2p_device *exporter, struct device *importer)
{
	struct pci_dev *provider = pci_function(exporter->config.dev);
	struct pci_dev *client = pci_function(importer);
	void *entry;

	if (!provider || !client)
		return -1;
	entry = xa_load(&exporter->paths, (unsigned long)client);
	if (entry)
		return (int)xa_to_value(entry) - 1;
	return path_ask(exporter, provider, client);
}

/* What is in the way with every importer? */
static enum hmm_p2p_reason exporter_refuses(const struct hmm_p2p_device *exporter)
{
	const struct hmm_p2p_device_config *config = &exporter->config;

	if (READ_ONCE(exporter->removed) || READ_ONCE(exporter->paused))
		return HMM_P2P_REASON_REMOVED;
	if (config->no_p2p)
		return HMM_P2P_REASON_EXPORTER;
	if (!config->ops->get_dma_pfn_for_device || !(config->window || config->shared))
		return HMM_P2P_REASON_NO_ALIAS;
	return HMM_P2P_REASON_NONE;
}

/**
 * hmm_p2p_path_check - may an importer have aliases of an exporter's pages?
 * @exporter: whose memory it is
 * @importer: who wants to reach it, and how
 * @distance: NULL, or where to put the hops between them: -1 without a path or
 *	when that was not the question
 *
 * Context: process; may sleep.
 * Return: HMM_P2P_REASON_NONE when it may, or the reason why not.
 */
enum hmm_p2p_reason hmm_p2p_path_check(struct hmm_p2p_device *exporter,
				       const struct hmm_p2p_importer *importer,
				       int *distance)
{
	const struct hmm_p2p_device_config *config = &exporter->config;
	enum hmm_p2p_reason reason;
	int hops;

	if (distance)
		*distance = -1;
	if (importer->no_p2p || (importer->no_pci && !config->alias_is_system))
		return HMM_P2P_REASON_IMPORTER;
	reason = exporter_refuses(exporter);
	if (reason)
		return reason;
	if (config->alias_is_system || importer->dev == cpu_importer)
		return HMM_P2P_REASON_NONE;

	hops = path_distance(exporter, importer->dev);
	if (distance)
		*distance = hops;
	return hops < 0 ? HMM_P2P_REASON_NO_PATH : HMM_P2P_REASON_NONE;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_path_check, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_path_alias - the alias of a private page
 * @exporter: whose page it is, which is not removed
 * @page: device-private page
 * @dma_pfn: receives the PFN of the alias
 *
 * Context: any.
 * Return: HMM_P2P_REASON_NONE, or HMM_P2P_REASON_NO_ALIAS.
 */
enum hmm_p2p_reason hmm_p2p_path_alias(const struct hmm_p2p_device *exporter,
				       struct page *page, unsigned long *dma_pfn)
{
	const struct hmm_p2p_device_ops *ops = exporter->config.ops;

	if (!ops->get_dma_pfn_for_device || ops->get_dma_pfn_for_device(page, dma_pfn))
		return HMM_P2P_REASON_NO_ALIAS;
	return HMM_P2P_REASON_NONE;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_path_alias, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_path_aliases - aliases that follow each other
 * @exporter: whose pages they are, which is not removed
 * @page: the first one
 * @nr: pages of @exporter from there on
 * @dma_pfn: receives the PFN of the first one's alias
 *
 * Context: any.
 * Return: how many do, @nr at most; 0 when @page has none.
 */
unsigned long hmm_p2p_path_aliases(const struct hmm_p2p_device *exporter, struct page *page,
				   unsigned long nr, unsigned long *dma_pfn)
{
	const struct hmm_p2p_device_ops *ops = exporter->config.ops;
	unsigned long i, pfn;

	if (ops->get_dma_pfn_run)
		return min(nr, ops->get_dma_pfn_run(page, nr, dma_pfn));
	if (hmm_p2p_path_alias(exporter, page, dma_pfn))
		return 0;
	for (i = 1; i < nr; i++)
		if (hmm_p2p_path_alias(exporter, hmm_p2p_page_behind(page, i), &pfn) ||
		    pfn != *dma_pfn + i)
			break;
	return i;
}

/**
 * hmm_p2p_path_granted - aliases of pages, for whom the kernel has found a path
 * @exporter: whose pages they are
 * @page: the first one
 * @nr: as for hmm_p2p_path_aliases()
 * @dma_pfn: same
 *
 * All that hmm_p2p_path_check() asks but for the importer, and hmm_p2p_path_aliases().
 *
 * Context: any.
 * Return: as hmm_p2p_path_aliases().
 */
unsigned long hmm_p2p_path_granted(const struct hmm_p2p_device *exporter, struct page *page,
				   unsigned long nr, unsigned long *dma_pfn)
{
	if (exporter_refuses(exporter) || !exporter->config.window)
		return 0;
	return hmm_p2p_path_aliases(exporter, page, nr, dma_pfn);
}

static void path_flush(struct hmm_p2p_device *hdev)
{
	mutex_lock(&paths_lock);
	xa_destroy(&hdev->paths);
	mutex_unlock(&paths_lock);
}

static int pci_changed(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == BUS_NOTIFY_ADD_DEVICE || action == BUS_NOTIFY_DEL_DEVICE ||
	    action == BUS_NOTIFY_REMOVED_DEVICE)
		hmm_p2p_device_for_each(path_flush);
	return NOTIFY_DONE;
}

static struct notifier_block pci_notifier = {
	.notifier_call = pci_changed,
};

static int device_event(struct notifier_block *nb, unsigned long event, void *data)
{
	if (event == HMM_P2P_DEVICE_GONE)
		path_flush(data);
	return NOTIFY_DONE;
}

static struct notifier_block device_notifier = {
	.notifier_call = device_event,
};

/**
 * hmm_p2p_cpu_importer - an importer that copies with the CPU
 *
 * For hmm_p2p_range_fault() in the name of software that reaches the pages
 * through their kernel mapping (kmap_local_page()), as a software NIC does.
 * There is always a path: the CPU reaches every BAR.
 *
 * Context: any.
 * Return: the importer; it cannot DMA.
 */
struct device *hmm_p2p_cpu_importer(void)
{
	return cpu_importer;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_cpu_importer, HMM_P2P_NS);

int hmm_p2p_path_init(void)
{
	int ret;

	cpu_importer = root_device_register("hmm_p2p_cpu");
	if (IS_ERR(cpu_importer))
		return PTR_ERR(cpu_importer);
	ret = bus_register_notifier(&pci_bus_type, &pci_notifier);
	if (ret)
		root_device_unregister(cpu_importer);
	else
		hmm_p2p_device_subscribe(&device_notifier);
	return ret;
}

void hmm_p2p_path_exit(void)
{
	hmm_p2p_device_unsubscribe(&device_notifier);
	bus_unregister_notifier(&pci_bus_type, &pci_notifier);
	root_device_unregister(cpu_importer);
}
