// SPDX-License-Identifier: GPL-2.0
/*
 * Which interconnect a device is on: devices with the same owner are, and reach each
 * other's private pages at interconnect addresses. A device may change its owner
 * while it holds no pages.
 */
#include <linux/export.h>

#include "device.h"
#include "owner.h"
#include "pagemap.h"
#include "registry.h"

/* Return: 0, and then @owner is the one that it had; -ENODEV, -EBUSY. */
static int owner_swap(struct hmm_p2p_device *hdev, struct hmm_p2p_owner **owner)
{
	guard(mutex)(&hmm_p2p_registry_lock);
	guard(spinlock_irq)(&hdev->lock);
	if (hdev->removed)
		return -ENODEV;
	if (hdev->used)
		return -EBUSY;
	hdev->pagemap.owner = *owner;
	*owner = xchg(&hdev->owner, *owner);
	return 0;
}

/**
 * hmm_p2p_device_join - a driver puts a device on an interconnect
 * @hdev: an exporter that holds no pages
 * @owner: the interconnect; the device has a reference of its own then
 *
 * It is for the driver to know that the devices reach each other: their importer
 * sides get each other's private pages, at hmm_p2p_interconnect_addr().
 *
 * Context: process; may sleep. The caller keeps @hdev registered.
 * Return: 0, -EBUSY when it holds pages, -EOPNOTSUPP when it has no memory, -ENODEV
 * when it is going away.
 */
int hmm_p2p_device_join(struct hmm_p2p_device *hdev, struct hmm_p2p_owner *owner)
{
	int ret;

	if (!hdev->config.memory)
		return -EOPNOTSUPP;
	hmm_p2p_owner_get(owner);
	ret = owner_swap(hdev, &owner);
	if (!ret)
		hmm_p2p_device_tell(hdev, HMM_P2P_DEVICE_OWNER);
	hmm_p2p_owner_put(owner);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_join, HMM_P2P_NS);

/**
 * hmm_p2p_device_leave - a device has an interconnect for itself again
 * @hdev: an exporter that holds no pages
 *
 * Context: process; may sleep. The caller keeps @hdev registered.
 * Return: as hmm_p2p_device_join(), or -ENOMEM.
 */
int hmm_p2p_device_leave(struct hmm_p2p_device *hdev)
{
	struct hmm_p2p_owner *owner = hmm_p2p_owner_create();
	int ret = -ENOMEM;

	if (owner)
		ret = hmm_p2p_device_join(hdev, owner);
	hmm_p2p_owner_put(owner);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_leave, HMM_P2P_NS);

/**
 * hmm_p2p_device_owner - the interconnect of a device
 * @hdev: device
 *
 * Root may change it meanwhile, with hmmp2p, when the device holds no pages.
 *
 * Context: process; may sleep. The caller keeps @hdev registered.
 * Return: the owner, for hmm_p2p_owner_put(); NULL for a device without memory.
 */
struct hmm_p2p_owner *hmm_p2p_device_owner(struct hmm_p2p_device *hdev)
{
	guard(mutex)(&hmm_p2p_registry_lock);
	return hdev->owner ? hmm_p2p_owner_get(hdev->owner) : NULL;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_owner, HMM_P2P_NS);

/**
 * hmm_p2p_interconnect_addr - address of a private page on its interconnect
 * @page: a device-private page of an exporter with the caller's owner
 *
 * Context: any.
 * Return: the address, for hmm_p2p_interconnect_device() on any device of the
 * same owner.
 */
u64 hmm_p2p_interconnect_addr(const struct page *page)
{
	return (u64)hmm_p2p_page_device(page)->id << HMM_P2P_INTERCONNECT_SHIFT |
	       hmm_p2p_page_offset(page);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_interconnect_addr, HMM_P2P_NS);

/**
 * hmm_p2p_interconnect_device - who answers at an interconnect address
 * @hdev: device that asks
 * @addr: address from hmm_p2p_interconnect_addr()
 * @offset: where in the memory of the device that is returned
 *
 * Context: process; under the mirror lock of a range whose page is at @addr,
 * which keeps that device from going away.
 * Return: the device, or NULL when nobody with the owner of @hdev answers.
 */
struct hmm_p2p_device *hmm_p2p_interconnect_device(struct hmm_p2p_device *hdev,
						   u64 addr, u64 *offset)
{
	struct hmm_p2p_device *peer = hmm_p2p_registry_peek(addr >> HMM_P2P_INTERCONNECT_SHIFT);

	*offset = addr & (BIT_ULL(HMM_P2P_INTERCONNECT_SHIFT) - 1);
	if (!peer || READ_ONCE(peer->owner) != READ_ONCE(hdev->owner) ||
	    *offset >= peer->config.memory)
		return NULL;
	return peer;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_interconnect_device, HMM_P2P_NS);
