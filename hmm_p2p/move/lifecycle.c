// SPDX-License-Identifier: GPL-2.0
/*
 * How devices come and go.
 *
 * Removal has a written order, and every step can only be left when nothing
 * depends on what the next one takes away:
 *
 * 1. @removed is set: no page is handed out any more, no new p2p outcome.
 * 2. Who subscribed is told. Mappings of shared memory are revoked then (see
 *    uapi/shared.c); what I/O still has of it, the driver waits for when it
 *    takes down the pages.
 * 3. Every page is evicted to RAM. That invalidates every importer that still
 *    uses an alias, and an importer's invalidation returns only when its DMA
 *    has stopped.
 * 4. File I/O that was under way is waited for: it does not use pages, which
 *    have gone home by now, but the memory behind them (see uapi/file_io.c).
 * 5. synchronize_srcu(): nobody is in a fault or a call that saw the device,
 *    and no access of this importer is under way.
 * 6. What was handed out is cleared, by the device's own copy function. The
 *    pagemap goes; the driver then takes down the aliases and the BAR.
 *
 * A device that was removed by surprise cannot give its pages in step 3. They are lost,
 * and must not turn up as pages full of something else: the pagemap stays, and
 * with it the structure and this module, but nothing of the driver. Who
 * touches a lost page gets SIGBUS; with the last one the rest goes.
 */
#include <linux/memremap.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../core/device.h"
#include "../core/hold.h"
#include "../core/native.h"
#include "../core/owner.h"
#include "../core/pagemap.h"
#include "../core/registry.h"
#include "../core/stats.h"
#include "cpu_fault.h"
#include "evict.h"
#include "lifecycle.h"

static void exporter_fini(struct hmm_p2p_device *hdev)
{
	if (hdev->staging_valid)
		hmm_p2p_raw_free(hdev, hdev->staging);
	hmm_p2p_pagemap_destroy(hdev);
	hmm_p2p_owner_put(hdev->owner);
}

/* The last page of a lost device is gone. */
static void lost_work(struct work_struct *work)
{
	struct hmm_p2p_device *hdev =
		container_of(work, struct hmm_p2p_device, lost_work);

	/* Whoever still looks at one of its pages is in such a section. */
	synchronize_srcu(&hmm_p2p_srcu);
	exporter_fini(hdev);
	hmm_p2p_device_put(hdev);
	module_put(THIS_MODULE);
}

/* The device is gone and some of its pages with it: nobody uses its driver. */
static void exporter_lost(struct hmm_p2p_device *hdev)
{
	unsigned long used;

	spin_lock_irq(&hdev->lock);
	WRITE_ONCE(hdev->lost, true);
	used = hdev->used;
	spin_unlock_irq(&hdev->lock);
	dev_err(hdev->config.dev, "hmm_p2p: %s cannot be read: %lu pages are lost, who touches one gets SIGBUS\n",
		hdev->name, used);
}

/* From here on lost_work() holds what the caller held. */
static void exporter_reap(struct hmm_p2p_device *hdev)
{
	__module_get(THIS_MODULE);
	spin_lock_irq(&hdev->lock);
	hdev->reap = true;
	if (!hdev->used)
		queue_work(hmm_p2p_wq, &hdev->lost_work);
	spin_unlock_irq(&hdev->lock);
}

static struct hmm_p2p_device *
device_alloc(const struct hmm_p2p_device_config *config)
{
	struct hmm_p2p_device *hdev = kzalloc_obj(*hdev, GFP_KERNEL);

	if (!hdev)
		return NULL;
	hdev->stats = alloc_percpu(struct hmm_p2p_stats);
	if (!hdev->stats || init_srcu_struct(&hdev->users)) {
		free_percpu(hdev->stats);
		kfree(hdev);
		return NULL;
	}
	kref_init(&hdev->ref);
	hdev->config = *config;
	strscpy(hdev->name, config->name);
	hdev->config.name = hdev->name;
	spin_lock_init(&hdev->lock);
	INIT_LIST_HEAD(&hdev->keeps);
	INIT_WORK(&hdev->lost_work, lost_work);
	init_waitqueue_head(&hdev->drained);
	xa_init(&hdev->accounts);
	xa_init(&hdev->paths);
	mutex_init(&hdev->staging_lock);
	return hdev;
}

/* What the kernel calls for a device-private page. */
static const struct dev_pagemap_ops pagemap_ops = {
	.folio_free	= hmm_p2p_folio_free,
	.migrate_to_ram	= hmm_p2p_cpu_fault,
	.folio_split	= hmm_p2p_folio_split,
#ifdef HMM_P2P_HAVE_HOOK
	.get_dma_pfn_for_device	= hmm_p2p_native_aliases,
#endif
};

static int exporter_init(struct hmm_p2p_device *hdev)
{
	int ret;

	hdev->owner = hmm_p2p_owner_create();
	if (!hdev->owner)
		return -ENOMEM;
	ret = hmm_p2p_pagemap_create(hdev, &pagemap_ops);
	if (ret)
		goto err_owner;
	ret = hmm_p2p_alias_check(hdev);
	if (ret)
		goto err_pagemap;
	hmm_p2p_native_provider(hdev);
	if (hdev->config.importer_ops) {
		ret = hmm_p2p_raw_alloc(hdev, &hdev->staging);
		if (ret)
			goto err_pagemap;
		hdev->staging_valid = true;
	}
	return 0;

err_pagemap:
	hmm_p2p_pagemap_destroy(hdev);
err_owner:
	hmm_p2p_owner_put(hdev->owner);
	return ret;
}

/**
 * hmm_p2p_device_add - hmm_p2p_device_register() for memory behind a BAR
 * @config: as there
 * @bar: where hmm_p2p_bar has mapped it; NULL: the driver has mapped it itself
 *
 * Context: as there.
 * Return: as there.
 */
struct hmm_p2p_device *
hmm_p2p_device_add(const struct hmm_p2p_device_config *config, struct hmm_p2p_bar *bar)
{
	struct hmm_p2p_device *hdev;
	int ret;

	ret = hmm_p2p_config_check(config);
	if (ret)
		return ERR_PTR(ret);
	hdev = device_alloc(config);
	if (!hdev)
		return ERR_PTR(-ENOMEM);
	hdev->bar = bar;

	if (config->memory) {
		ret = exporter_init(hdev);
		if (ret)
			goto err_put;
	}
	ret = hmm_p2p_registry_add(hdev);
	if (ret)
		goto err_exporter;
	dev_info(config->dev, "hmm_p2p: %s is device %u: %llu MiB, window %llu MiB\n",
		 hdev->name, hdev->id, config->memory >> 20, config->window >> 20);
	return hdev;

err_exporter:
	if (config->memory)
		exporter_fini(hdev);
err_put:
	hmm_p2p_device_put(hdev);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_add, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_device_register - make a device known
 * @config: what it is and can do; copied
 *
 * An exporter's memory is ready for pages, and an importer may be asked to
 * transfer, before this returns. Memory behind a BAR takes less work with
 * hmm_p2p_pci_bar_register().
 *
 * Context: process; may sleep.
 * Return: the device, or an error pointer: -EINVAL for a config that
 * contradicts itself, or whose aliases are none, and the kernel's log says what
 * to change; -EEXIST for a name that is taken, -ENOMEM, -ERANGE when there is no
 * physical address range for the page structures.
 */
struct hmm_p2p_device *
hmm_p2p_device_register(const struct hmm_p2p_device_config *config)
{
	return hmm_p2p_device_add(config, NULL);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_register, HMM_P2P_NS);

static void mark_removed(struct hmm_p2p_device *hdev)
{
	guard(spinlock_irq)(&hdev->lock);
	WRITE_ONCE(hdev->removed, true);
}

/**
 * hmm_p2p_device_unregister - take a device away
 * @hdev: as returned by hmm_p2p_device_register(); gone afterwards
 *
 * Never fails. Every page that the device holds is back in RAM, and no
 * importer uses an alias any more, when this returns; so its memory must still
 * be readable until then. The aliases go after that, not before. Pages that
 * @copy_to_ram of the driver could not read are lost: who touches one gets
 * SIGBUS.
 *
 * Without RAM to take the pages it waits until there is some: it leaves a part to
 * the others, kills nobody, and once a minute the log says what it waits for. So
 * a driver that is asked in time calls hmm_p2p_device_evict() first, which fails
 * instead; a user has `hmmp2p drain`.
 *
 * Context: process; may sleep, and waits for as long as a page of the device
 * is pinned or the system has no memory to take its pages.
 */
void hmm_p2p_device_unregister(struct hmm_p2p_device *hdev)
{
	bool lost = false;

	mark_removed(hdev);
	hmm_p2p_device_tell(hdev, HMM_P2P_DEVICE_GOES);
	if (hdev->config.memory && !hmm_p2p_evict_all(hdev)) {
		lost = true;
		exporter_lost(hdev);
	}
	hmm_p2p_wait_held(hdev, false);
	/* Until here it answers at its interconnect addresses. */
	hmm_p2p_registry_del(hdev);
	synchronize_srcu(&hmm_p2p_srcu);
	synchronize_srcu(&hdev->users);
	hmm_p2p_device_tell(hdev, HMM_P2P_DEVICE_GONE);
	if (lost) {
		exporter_reap(hdev);
		return;
	}
	if (hdev->config.memory) {
		hmm_p2p_pagemap_clear(hdev);
		exporter_fini(hdev);
	}
	hmm_p2p_device_put(hdev);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_unregister, HMM_P2P_NS);
