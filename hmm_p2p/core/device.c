// SPDX-License-Identifier: GPL-2.0
/* What a driver says of its device: whether it makes sense, and what it was. */
#include <linux/export.h>
#include <linux/mm.h>

#include "device.h"
#include "pagemap.h"
#include "registry.h"

/* What is wrong with the memory that a driver describes, and what to do; or NULL. */
static const char *memory_fault(const struct hmm_p2p_device_config *config)
{
	const struct hmm_p2p_device_ops *ops = config->ops;

	if (!IS_ALIGNED(config->memory, PAGE_SIZE))
		return "memory is no multiple of PAGE_SIZE: round it down";
	if (config->memory > BIT_ULL(HMM_P2P_INTERCONNECT_SHIFT))
		return "memory is larger than an interconnect address: register less";
	if (config->window > config->memory)
		return "window is larger than memory: make it no larger";
	if (config->window && !ops->get_dma_pfn_for_device)
		return "a window needs ops->get_dma_pfn_for_device: give it, or set window to 0";
	if (ops->get_dma_pfn_run && !ops->get_dma_pfn_for_device)
		return "ops->get_dma_pfn_run needs ops->get_dma_pfn_for_device: give it, too";
	if (config->shared && !ops->alloc_shared)
		return "shared needs ops->alloc_shared: give it, or set shared to 0";
	if (!ops->copy_to_device || !ops->copy_to_ram)
		return "memory needs ops->copy_to_device and ops->copy_to_ram: give both";
	return NULL;
}

static const char *config_fault(const struct hmm_p2p_device_config *config)
{
	if (!config->dev)
		return "there is no struct device: set dev";
	if (!config->name || !config->name[0])
		return "it has no name: set name";
	if (strlen(config->name) >= HMM_P2P_NAME_SIZE)
		return "its name has more than 31 bytes: shorten it";
	if (config->memory && !config->ops)
		return "memory needs ops: set them, or memory to 0";
	if (!config->memory && config->ops)
		return "ops are those of memory: set memory, or ops to NULL";
	if (!config->ops && !config->importer_ops)
		return "it neither has memory nor imports: set memory and ops, or importer_ops";
	return config->ops ? memory_fault(config) : NULL;
}

static int refuse(const struct hmm_p2p_device_config *config, const char *why)
{
	return dev_err_probe(config->dev, -EINVAL, "hmm_p2p: %s is not registered: %s\n",
			     config->name, why);
}

/* Return: 0; or -EINVAL, and the log says what to change. */
int hmm_p2p_config_check(const struct hmm_p2p_device_config *config)
{
	const char *fault = config_fault(config);

	return fault ? refuse(config, fault) : 0;
}

/*
 * The first page of the window stands for all: importers hand the alias to the
 * DMA API, which looks at its page structure. Returns as hmm_p2p_config_check().
 */
int hmm_p2p_alias_check(struct hmm_p2p_device *hdev)
{
	const struct hmm_p2p_device_config *config = &hdev->config;
	unsigned long pfn, run;

	if (!config->window)
		return 0;
	if (config->ops->get_dma_pfn_for_device(hmm_p2p_page_at(hdev, 0), &pfn))
		return refuse(config,
			      "get_dma_pfn_for_device() has no alias for the first page of the window");
	if (config->ops->get_dma_pfn_run &&
	    (config->ops->get_dma_pfn_run(hmm_p2p_page_at(hdev, 0), 1, &run) != 1 ||
	     run != pfn))
		return refuse(config,
			      "get_dma_pfn_run() and get_dma_pfn_for_device() have not the same alias for the first page of the window");
	if (!pfn_valid(pfn))
		return refuse(config,
			      "the alias has no page structure: make P2PDMA pages for the window first, as pci_p2pdma_add_resource() does");
	if (is_pci_p2pdma_page(pfn_to_page(pfn)) == config->alias_is_system)
		return refuse(config, config->alias_is_system ?
			      "the alias is PCI memory: do not set alias_is_system" :
			      "the alias is no P2PDMA page: set alias_is_system if it is RAM");
	return 0;
}

/**
 * hmm_p2p_device_name - the name of a device
 * @hdev: device
 *
 * Context: any; the caller keeps the device, or is one of its operations.
 * Return: hmm_p2p_device_config.name as registered.
 */
const char *hmm_p2p_device_name(const struct hmm_p2p_device *hdev)
{
	return hdev->name;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_name, HMM_P2P_NS);

/**
 * hmm_p2p_device_drvdata - the driver's pointer
 * @hdev: device
 *
 * Context: any; the caller keeps the device, or is one of its operations.
 * Return: hmm_p2p_device_config.drvdata as registered.
 */
void *hmm_p2p_device_drvdata(const struct hmm_p2p_device *hdev)
{
	return hdev->config.drvdata;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_drvdata, HMM_P2P_NS);

/**
 * hmm_p2p_device_dev - the struct device behind a device
 * @hdev: device
 *
 * Context: any; the caller keeps the device, or is one of its operations.
 * Return: hmm_p2p_device_config.dev as registered.
 */
struct device *hmm_p2p_device_dev(const struct hmm_p2p_device *hdev)
{
	return hdev->config.dev;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_dev, HMM_P2P_NS);

/**
 * hmm_p2p_device_uses - is a device one of mine?
 * @hdev: device
 * @ops: operations of the driver that asks
 *
 * Context: any, as hmm_p2p_device_drvdata().
 * Return: whether @hdev was registered with @ops, so that
 * hmm_p2p_device_drvdata() has that driver's type.
 */
bool hmm_p2p_device_uses(const struct hmm_p2p_device *hdev,
			 const struct hmm_p2p_device_ops *ops)
{
	return hdev->config.ops == ops;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_uses, HMM_P2P_NS);
