// SPDX-License-Identifier: GPL-2.0
/*
 * The dmem control group: how much of a device's memory a group may have. Who
 * moves memory is charged, also for another process's: the kernel's interface
 * knows nobody else.
 *
 * A huge page is one charge. When the kernel splits it, its pages come back
 * one by one, and the charge is given back with the last of them.
 */
#include <linux/slab.h>

#include "charge.h"
#include "chunk.h"
#include "device.h"

/**
 * struct hmm_p2p_charges - who is charged for a device's memory
 * @region: the device's memory, as the controller knows it
 * @huge: a chunk's huge page: its charge, and how many of its pages are left
 * @single: for each page that is a charge of its own, whom; else NULL
 */
struct hmm_p2p_charges {
	struct dmem_cgroup_region *region;
	struct {
		struct dmem_cgroup_pool_state *pool;
		unsigned int left;
	} *huge;
	struct dmem_cgroup_pool_state **single;
};

static void charges_free(struct hmm_p2p_charges *charges)
{
	kvfree(charges->single);
	kvfree(charges->huge);
	kfree(charges);
}

static struct hmm_p2p_charges *charges_alloc(unsigned long nr_pages)
{
	struct hmm_p2p_charges *charges = kzalloc_obj(*charges, GFP_KERNEL);

	if (!charges)
		return NULL;
	charges->huge = kvcalloc(DIV_ROUND_UP(nr_pages, HMM_P2P_CHUNK_PAGES),
				 sizeof(*charges->huge), GFP_KERNEL);
	charges->single = kvcalloc(nr_pages, sizeof(*charges->single), GFP_KERNEL);
	if (charges->huge && charges->single)
		return charges;
	charges_free(charges);
	return NULL;
}

/* Return: 0 or -ENOMEM. */
int hmm_p2p_charge_init(struct hmm_p2p_device *hdev)
{
	struct hmm_p2p_charges *charges;

	charges = charges_alloc(hdev->config.memory >> PAGE_SHIFT);
	if (!charges)
		return -ENOMEM;
	charges->region = dmem_cgroup_register_region(hdev->config.memory,
						      "hmm_p2p/%s", hdev->name);
	if (IS_ERR(charges->region)) {
		charges_free(charges);
		return -ENOMEM;
	}
	hdev->charges = charges;
	return 0;
}

/* No page is handed out any more. */
void hmm_p2p_charge_fini(struct hmm_p2p_device *hdev)
{
	dmem_cgroup_unregister_region(hdev->charges->region);
	charges_free(hdev->charges);
}

/*
 * Charges a page to the group of the caller. When the group may have no more,
 * @limit receives the group that says so, with a reference; what it had before
 * is dropped.
 *
 * Context: may sleep.
 * Return: 0, -EAGAIN at the limit, or -ENOMEM.
 */
int hmm_p2p_charge_try(struct hmm_p2p_device *hdev, unsigned int order,
		       struct dmem_cgroup_pool_state **pool,
		       struct dmem_cgroup_pool_state **limit)
{
	struct dmem_cgroup_pool_state *at = NULL;
	int ret;

	ret = dmem_cgroup_try_charge(hdev->charges->region, PAGE_SIZE << order, pool,
				     &at);
	if (!at)
		return ret;
	if (*limit)
		dmem_cgroup_pool_state_put(*limit);
	*limit = at;
	return ret;
}

/* The page at @index was taken, and is charged to @pool. */
void hmm_p2p_charge_take(struct hmm_p2p_device *hdev, unsigned long index,
			 unsigned int order, struct dmem_cgroup_pool_state *pool)
{
	struct hmm_p2p_charges *charges = hdev->charges;

	lockdep_assert_held(&hdev->lock);
	if (!order) {
		charges->single[index] = pool;
		return;
	}
	charges->huge[index / HMM_P2P_CHUNK_PAGES].pool = pool;
	charges->huge[index / HMM_P2P_CHUNK_PAGES].left = HMM_P2P_CHUNK_PAGES;
}

/* The page at @index comes back: what is to be given back without the lock? */
struct hmm_p2p_charge hmm_p2p_charge_give(struct hmm_p2p_device *hdev,
					  unsigned long index, unsigned int order)
{
	unsigned long chunk = index / HMM_P2P_CHUNK_PAGES;
	struct hmm_p2p_charges *charges = hdev->charges;
	struct hmm_p2p_charge charge = {};

	lockdep_assert_held(&hdev->lock);
	if (!order && charges->single[index]) {
		charge.bytes = PAGE_SIZE;
		swap(charge.pool, charges->single[index]);
		return charge;
	}
	charges->huge[chunk].left -= 1U << order;
	if (!charges->huge[chunk].left) {
		charge.bytes = HMM_P2P_CHUNK_SIZE;
		swap(charge.pool, charges->huge[chunk].pool);
	}
	return charge;
}

static bool is_below(struct dmem_cgroup_pool_state *pool,
		     struct dmem_cgroup_pool_state *limit)
{
	bool hit_low;

	return dmem_cgroup_state_evict_valuable(limit, pool, true, &hit_low);
}

/*
 * Is the page at @index charged to the group @limit, or below it? The caller
 * keeps the page from being freed.
 */
bool hmm_p2p_charge_is(struct hmm_p2p_device *hdev, unsigned long index,
		       struct dmem_cgroup_pool_state *limit)
{
	struct hmm_p2p_charges *charges = hdev->charges;
	struct dmem_cgroup_pool_state *pool = charges->single[index];

	if (!pool)
		pool = charges->huge[index / HMM_P2P_CHUNK_PAGES].pool;
	return pool && is_below(pool, limit);
}

/* Would it help the group at its @limit if the chunk at @first were evicted? */
bool hmm_p2p_charge_counts(struct hmm_p2p_device *hdev, unsigned long first,
			   struct dmem_cgroup_pool_state *limit)
{
	struct hmm_p2p_charges *charges = hdev->charges;
	struct dmem_cgroup_pool_state *seen, *pool;
	unsigned long i, end;

	lockdep_assert_held(&hdev->lock);
	if (!limit)
		return true;
	seen = charges->huge[first / HMM_P2P_CHUNK_PAGES].pool;
	if (seen && is_below(seen, limit))
		return true;
	end = min(first + HMM_P2P_CHUNK_PAGES, hdev->config.memory >> PAGE_SHIFT);
	for (i = first; i < end; i++) {
		pool = charges->single[i];
		if (!pool || pool == seen)
			continue;
		if (is_below(pool, limit))
			return true;
		seen = pool;
	}
	return false;
}
