// SPDX-License-Identifier: GPL-2.0
/*
 * Owners: a private interconnect, as the owner token of device pagemaps.
 *
 * Devices that share an owner reach each other's private pages over their own
 * wires. The token is an object of its own, so that a device can leave one
 * interconnect and join another while it holds no pages.
 */
#include <linux/export.h>
#include <linux/idr.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "device.h"
#include "owner.h"
#include "registry.h"

static LIST_HEAD(owners);
static DEFINE_SPINLOCK(owners_lock);
static DEFINE_IDA(owner_ids);

/**
 * hmm_p2p_owner_create - make an interconnect
 *
 * For hmm_p2p_device_join(), and to name it in hmm_range.dev_private_owner.
 *
 * Context: process; may sleep.
 * Return: the owner, for hmm_p2p_owner_put(); NULL without memory.
 */
struct hmm_p2p_owner *hmm_p2p_owner_create(void)
{
	struct hmm_p2p_owner *owner = kzalloc_obj(*owner, GFP_KERNEL);
	int id;

	if (!owner)
		return NULL;

	id = ida_alloc_min(&owner_ids, 1, GFP_KERNEL);
	if (id < 0) {
		kfree(owner);
		return NULL;
	}
	owner->id = id;
	kref_init(&owner->ref);

	spin_lock(&owners_lock);
	list_add_tail_rcu(&owner->node, &owners);
	spin_unlock(&owners_lock);
	return owner;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_owner_create, HMM_P2P_NS);

/**
 * hmm_p2p_owner_get - one more reference
 * @owner: an interconnect, which the caller keeps
 *
 * Context: any.
 * Return: @owner.
 */
struct hmm_p2p_owner *hmm_p2p_owner_get(struct hmm_p2p_owner *owner)
{
	kref_get(&owner->ref);
	return owner;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_owner_get, HMM_P2P_NS);

static void owner_release(struct kref *ref)
{
	struct hmm_p2p_owner *owner = container_of(ref, struct hmm_p2p_owner, ref);

	WARN_ON_ONCE(atomic_long_read(&owner->live));
	spin_lock(&owners_lock);
	list_del_rcu(&owner->node);
	spin_unlock(&owners_lock);
	/* Faults walk the list under SRCU. */
	synchronize_srcu(&hmm_p2p_srcu);
	ida_free(&owner_ids, owner->id);
	kfree(owner);
}

/**
 * hmm_p2p_owner_put - give a reference back
 * @owner: from one of the functions that give one; NULL does nothing
 *
 * Context: process; may sleep, in no fault: the last one waits for all of these.
 */
void hmm_p2p_owner_put(struct hmm_p2p_owner *owner)
{
	if (owner)
		kref_put(&owner->ref, owner_release);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_owner_put, HMM_P2P_NS);

/**
 * hmm_p2p_owner_next_live - walk the owners that have pages handed out
 * @prev: where to go on from, NULL to start
 *
 * Context: under hmm_p2p_srcu for the whole walk.
 * Return: the next owner, or NULL at the end.
 */
struct hmm_p2p_owner *hmm_p2p_owner_next_live(struct hmm_p2p_owner *prev)
{
	struct list_head *pos = prev ? &prev->node : &owners;
	struct hmm_p2p_owner *owner;

	for (;;) {
		pos = srcu_dereference(list_next_rcu(pos), &hmm_p2p_srcu);
		if (pos == &owners)
			return NULL;
		owner = list_entry(pos, struct hmm_p2p_owner, node);
		if (atomic_long_read(&owner->live))
			return owner;
	}
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_owner_next_live, HMM_P2P_INTERNAL_NS);

/* Has any owner pages handed out? */
bool hmm_p2p_owner_any_live(void)
{
	bool live;
	int idx;

	idx = srcu_read_lock(&hmm_p2p_srcu);
	live = hmm_p2p_owner_next_live(NULL);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	return live;
}
