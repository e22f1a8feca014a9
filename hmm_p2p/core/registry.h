/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which devices there are. The lock of the registry is taken here, before any other
 * of the framework; hmm_p2p_srcu keeps what was found in it.
 */
#ifndef _HMM_P2P_REGISTRY_H
#define _HMM_P2P_REGISTRY_H

#include <linux/bits.h>
#include <linux/mutex.h>
#include <linux/srcu.h>
#include <linux/types.h>

struct hmm_p2p_device;
struct notifier_block;
struct workqueue_struct;

/*
 * An interconnect address is the device's number and an offset in its memory.
 * Numbers are used again only when all were.
 */
#define HMM_P2P_INTERCONNECT_SHIFT	44
#define HMM_P2P_INTERCONNECT_IDS	BIT(64 - HMM_P2P_INTERCONNECT_SHIFT)

/**
 * enum hmm_p2p_device_event - what subscribers of the registry are told
 * @HMM_P2P_DEVICE_OWNER: the device, which holds no pages, has another owner
 * @HMM_P2P_DEVICE_GOES: the device is marked as removed: it hands out nothing any
 *	more, and its memory can still be read
 * @HMM_P2P_DEVICE_GONE: nobody is in a call or a fault that saw the device
 */
enum hmm_p2p_device_event {
	HMM_P2P_DEVICE_OWNER,
	HMM_P2P_DEVICE_GOES,
	HMM_P2P_DEVICE_GONE,
};

extern struct srcu_struct hmm_p2p_srcu;
extern struct mutex hmm_p2p_registry_lock;
extern struct workqueue_struct *hmm_p2p_wq;
struct hmm_p2p_device *hmm_p2p_device_get(u32 id);
struct hmm_p2p_device *hmm_p2p_device_get_next(u32 id);
void hmm_p2p_device_for_each(void (*fn)(struct hmm_p2p_device *hdev));
void hmm_p2p_device_subscribe(struct notifier_block *nb);
void hmm_p2p_device_unsubscribe(struct notifier_block *nb);
void hmm_p2p_device_tell(struct hmm_p2p_device *hdev, enum hmm_p2p_device_event event);
int hmm_p2p_registry_add(struct hmm_p2p_device *hdev);
void hmm_p2p_registry_del(struct hmm_p2p_device *hdev);
struct hmm_p2p_device *hmm_p2p_registry_peek(u32 id);

#endif /* _HMM_P2P_REGISTRY_H */
