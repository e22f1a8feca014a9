// SPDX-License-Identifier: GPL-2.0
/* For front ends: exporters by name. */
#include <linux/export.h>
#include <linux/string.h>

#include "device.h"
#include "registry.h"

/**
 * hmm_p2p_device_find - find a device
 * @name: its name, NULL: any that has memory
 * @after: NULL, or the device after which to look
 *
 * The reference that comes with it keeps the structure, not the device. When
 * the device goes away, the calls that take it return -ENODEV.
 *
 * Context: process; may sleep.
 * Return: the device, for hmm_p2p_device_put(), or NULL.
 */
struct hmm_p2p_device *
hmm_p2p_device_find(const char *name, struct hmm_p2p_device *after)
{
	u32 id = after ? after->id + 1 : 1;
	struct hmm_p2p_device *hdev;

	while ((hdev = hmm_p2p_device_get_next(id))) {
		if (name ? !strcmp(name, hdev->name) : hdev->config.memory)
			return hdev;
		id = hdev->id + 1;
		hmm_p2p_device_put(hdev);
	}
	return NULL;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_find, HMM_P2P_NS);

/**
 * hmm_p2p_device_name - the name of a device
 * @hdev: device
 *
 * Return: hmm_p2p_device_config.name as registered.
 */
const char *hmm_p2p_device_name(const struct hmm_p2p_device *hdev)
{
	return hdev->name;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_name, HMM_P2P_NS);
