// SPDX-License-Identifier: GPL-2.0
/* The registry: which devices there are, by number and by name, and who is told that one goes. */
#include <linux/export.h>
#include <linux/notifier.h>
#include <linux/slab.h>

#include "account.h"
#include "device.h"
#include "registry.h"

/* Protects the registry and who owns what; taken before any device lock. */
DEFINE_MUTEX(hmm_p2p_registry_lock);
/* Keeps devices and owners that were found without a reference. */
DEFINE_SRCU(hmm_p2p_srcu);
EXPORT_SYMBOL_NS_GPL(hmm_p2p_srcu, HMM_P2P_INTERNAL_NS);
/* module.c makes it. */
struct workqueue_struct *hmm_p2p_wq;
static DEFINE_XARRAY_ALLOC1(registry);
static BLOCKING_NOTIFIER_HEAD(subscribers);

/**
 * hmm_p2p_device_subscribe - be told when a device goes, or changes its owner
 * @nb: called with an enum hmm_p2p_device_event and the device; what it returns
 *	is ignored, because removal cannot fail
 *
 * Context: may sleep.
 */
void hmm_p2p_device_subscribe(struct notifier_block *nb)
{
	blocking_notifier_chain_register(&subscribers, nb);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_subscribe, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_device_unsubscribe - end of hmm_p2p_device_subscribe()
 * @nb: it is not called any more, and no call is under way, after this
 *
 * Context: may sleep.
 */
void hmm_p2p_device_unsubscribe(struct notifier_block *nb)
{
	blocking_notifier_chain_unregister(&subscribers, nb);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_unsubscribe, HMM_P2P_INTERNAL_NS);

/* Context: may sleep; no lock is held that a subscriber takes. */
void hmm_p2p_device_tell(struct hmm_p2p_device *hdev, enum hmm_p2p_device_event event)
{
	blocking_notifier_call_chain(&subscribers, event, hdev);
}

static void device_release(struct kref *ref)
{
	struct hmm_p2p_device *hdev = container_of(ref, struct hmm_p2p_device, ref);

	hmm_p2p_accounts_free(hdev);
	cleanup_srcu_struct(&hdev->users);
	free_percpu(hdev->stats);
	kfree(hdev);
}

/**
 * hmm_p2p_device_put - give back a reference
 * @hdev: device, from hmm_p2p_device_find()
 *
 * Context: any.
 */
void hmm_p2p_device_put(struct hmm_p2p_device *hdev)
{
	kref_put(&hdev->ref, device_release);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_put, HMM_P2P_NS);

/**
 * hmm_p2p_device_get - find a device
 * @id: its number
 *
 * The reference keeps the structure, not the device: whoever calls into the
 * device is under hmm_p2p_srcu from before this call on.
 *
 * Context: may sleep; takes hmm_p2p_registry_lock.
 * Return: the device, for hmm_p2p_device_put(); or NULL.
 */
struct hmm_p2p_device *hmm_p2p_device_get(u32 id)
{
	struct hmm_p2p_device *hdev;

	guard(mutex)(&hmm_p2p_registry_lock);
	hdev = xa_load(&registry, id);
	if (!hdev || READ_ONCE(hdev->removed))
		return NULL;
	kref_get(&hdev->ref);
	return hdev;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_get, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_device_get_next - find the first device from a number on
 * @id: the smallest number that it may have
 *
 * Context: as hmm_p2p_device_get().
 * Return: as there.
 */
struct hmm_p2p_device *hmm_p2p_device_get_next(u32 id)
{
	struct hmm_p2p_device *hdev;
	unsigned long index;

	guard(mutex)(&hmm_p2p_registry_lock);
	xa_for_each_start(&registry, index, hdev, id) {
		if (READ_ONCE(hdev->removed))
			continue;
		kref_get(&hdev->ref);
		return hdev;
	}
	return NULL;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_get_next, HMM_P2P_INTERNAL_NS);

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

void hmm_p2p_device_for_each(void (*fn)(struct hmm_p2p_device *hdev))
{
	struct hmm_p2p_device *hdev;
	unsigned long index;

	guard(mutex)(&hmm_p2p_registry_lock);
	xa_for_each(&registry, index, hdev)
		fn(hdev);
}

static bool name_is_taken(const char *name)
{
	struct hmm_p2p_device *hdev;
	unsigned long index;

	lockdep_assert_held(&hmm_p2p_registry_lock);
	xa_for_each(&registry, index, hdev)
		if (!strcmp(hdev->name, name))
			return true;
	return false;
}

/* Return: 0, -EEXIST for a name that is taken, -ENOMEM, -EBUSY. */
int hmm_p2p_registry_add(struct hmm_p2p_device *hdev)
{
	static u32 next_id;
	int ret;

	guard(mutex)(&hmm_p2p_registry_lock);
	if (name_is_taken(hdev->name))
		return -EEXIST;
	ret = xa_alloc_cyclic(&registry, &hdev->id, hdev,
			      XA_LIMIT(1, HMM_P2P_INTERCONNECT_IDS - 1), &next_id, GFP_KERNEL);
	return ret < 0 ? ret : 0;
}

/* Nobody finds the device any more. */
void hmm_p2p_registry_del(struct hmm_p2p_device *hdev)
{
	guard(mutex)(&hmm_p2p_registry_lock);
	xa_erase(&registry, hdev->id);
}

/* Without a reference: the caller keeps the device by other means. Context: any. */
struct hmm_p2p_device *hmm_p2p_registry_peek(u32 id)
{
	return xa_load(&registry, id);
}
