// SPDX-License-Identifier: GPL-2.0
/*
 * Who pays for device memory, page by page: a control group of the kernel's dmem
 * controller, where it has one, and the account of a user, where there is a limit
 * (see account.c). Each is a ledger (ledger.c).
 *
 * A group pays for what its processes move, also another process's memory: the
 * kernel's interface knows nobody else. Its region is all of the device, with what
 * processes map of it.
 */
#include <linux/export.h>
#include <linux/slab.h>

#include "charge.h"
#include "ledger.h"

/**
 * struct hmm_p2p_charges - who is charged for a device's memory
 * @region: the device's memory, as the controller knows it
 * @groups: control groups; closed without the controller
 * @accounts: users; opened when there first is a limit, under the device's lock
 */
struct hmm_p2p_charges {
	struct dmem_cgroup_region *region;
	struct hmm_p2p_ledger groups;
	struct hmm_p2p_ledger accounts;
};

/* 7.3 takes a structure, see the Makefile. */
static struct dmem_cgroup_region *region_register(const struct hmm_p2p_device *hdev)
{
	u64 size = hdev->config.memory + hdev->config.shared + hdev->config.apart;
#ifdef HMM_P2P_HAVE_DMEM_INIT
	const struct dmem_cgroup_init init = { .size = size };

	return dmem_cgroup_register_region(&init, "hmm_p2p/%s", hdev->name);
#else
	return dmem_cgroup_register_region(size, "hmm_p2p/%s", hdev->name);
#endif
}

/* Return: 0 or -ENOMEM. */
int hmm_p2p_charge_init(struct hmm_p2p_device *hdev)
{
	struct hmm_p2p_charges *charges = kzalloc_obj(*charges, GFP_KERNEL);

	if (!charges)
		return -ENOMEM;
	if (IS_ENABLED(CONFIG_CGROUP_DMEM) &&
	    hmm_p2p_ledger_open(&charges->groups, hdev->config.memory >> PAGE_SHIFT,
				&hdev->lock))
		goto err_charges;
	charges->region = region_register(hdev);
	if (IS_ERR(charges->region))
		goto err_ledger;
	hdev->charges = charges;
	return 0;

err_ledger:
	hmm_p2p_ledger_free(&charges->groups);
err_charges:
	kfree(charges);
	return -ENOMEM;
}

/* No page is handed out any more. */
void hmm_p2p_charge_fini(struct hmm_p2p_device *hdev)
{
	struct hmm_p2p_charges *charges = hdev->charges;

	dmem_cgroup_unregister_region(charges->region);
	hmm_p2p_ledger_free(&charges->groups);
	hmm_p2p_ledger_free(&charges->accounts);
	kfree(charges);
}

static int charge_account(struct hmm_p2p_device *hdev, struct mm_struct *mm, u64 bytes,
			  struct hmm_p2p_payer *payer, struct hmm_p2p_payer *limit)
{
	struct hmm_p2p_account *account = hmm_p2p_account_of(hdev, mm);
	int ret = -ENOMEM;

	if (account && !hmm_p2p_ledger_open(&hdev->charges->accounts,
					    hdev->config.memory >> PAGE_SHIFT, &hdev->lock))
		ret = hmm_p2p_account_take(hdev, account, bytes);
	if (!ret)
		payer->account = account;
	if (ret == -EAGAIN)
		limit->account = account;
	return ret;
}

static int charge_bytes(struct hmm_p2p_device *hdev, struct mm_struct *mm, u64 bytes,
			struct hmm_p2p_payer *payer, struct hmm_p2p_payer *limit)
{
	struct hmm_p2p_payer at = {};
	int ret;

	payer->account = NULL;
	ret = dmem_cgroup_try_charge(hdev->charges->region, bytes, &payer->group,
				     &at.group);
	if (!ret && hmm_p2p_accounts_on()) {
		ret = charge_account(hdev, mm, bytes, payer, &at);
		if (ret)
			dmem_cgroup_uncharge(payer->group, bytes);
	}
	if (at.group || at.account) {
		hmm_p2p_limit_drop(limit);
		*limit = at;
	}
	return ret;
}

/**
 * hmm_p2p_charge_try - charge a page to who is to have it
 * @hdev: its device
 * @mm: process that gets it. The control group is the caller's
 * @order: its size
 * @payer: receives who pays, for hmm_p2p_charge_take() or hmm_p2p_charge_end()
 * @limit: receives who may have no more, when that is so; what it had before is
 *	dropped. For hmm_p2p_limit_drop()
 *
 * Context: may sleep; the device stays.
 * Return: 0, -EAGAIN at a limit, or -ENOMEM.
 */
int hmm_p2p_charge_try(struct hmm_p2p_device *hdev, struct mm_struct *mm,
		       unsigned int order, struct hmm_p2p_payer *payer,
		       struct hmm_p2p_payer *limit)
{
	return charge_bytes(hdev, mm, PAGE_SIZE << order, payer, limit);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_charge_try, HMM_P2P_INTERNAL_NS);

/**
 * struct hmm_p2p_apart - memory that a driver hands out itself, and who pays for it
 * @hdev: its device, with a reference: accounts stay as long
 * @charge: what is given back
 */
struct hmm_p2p_apart {
	struct hmm_p2p_device *hdev;
	struct hmm_p2p_charge charge;
};

/**
 * hmm_p2p_apart_charge - charge the caller for memory that a driver hands out itself
 * @hdev: the device; registered, and it stays so until this returns
 * @bytes: how much, of hmm_p2p_device_config.apart
 *
 * What the core hands out is charged by itself, and the same limits hold for both.
 *
 * Context: process; may sleep.
 * Return: for hmm_p2p_apart_uncharge(), also after the device was unregistered; or an error
 * pointer: -EDQUOT when the caller may have no more, -ENOMEM.
 */
struct hmm_p2p_apart *hmm_p2p_apart_charge(struct hmm_p2p_device *hdev, u64 bytes)
{
	struct hmm_p2p_apart *apart = kzalloc_obj(*apart, HMM_P2P_GFP_USER);
	struct hmm_p2p_payer limit = {};
	int ret;

	if (!apart)
		return ERR_PTR(-ENOMEM);
	apart->charge.bytes = bytes;
	ret = charge_bytes(hdev, current->mm, bytes, &apart->charge.payer, &limit);
	hmm_p2p_limit_drop(&limit);
	if (ret) {
		kfree(apart);
		return ERR_PTR(ret == -EAGAIN ? -EDQUOT : ret);
	}
	kref_get(&hdev->ref);
	apart->hdev = hdev;
	return apart;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_apart_charge, HMM_P2P_NS);

/**
 * hmm_p2p_apart_uncharge - the memory is the driver's own again
 * @apart: from hmm_p2p_apart_charge(); gone afterwards
 *
 * Context: process; the device may be unregistered by now.
 */
void hmm_p2p_apart_uncharge(struct hmm_p2p_apart *apart)
{
	hmm_p2p_charge_end(apart->charge);
	hmm_p2p_device_put(apart->hdev);
	kfree(apart);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_apart_uncharge, HMM_P2P_NS);

/* The page at @index was taken, and @payer pays for it. */
void hmm_p2p_charge_take(struct hmm_p2p_device *hdev, unsigned long index,
			 unsigned int order, const struct hmm_p2p_payer *payer)
{
	lockdep_assert_held(&hdev->lock);
	hmm_p2p_ledger_take(&hdev->charges->groups, index, order, payer->group);
	hmm_p2p_ledger_take(&hdev->charges->accounts, index, order, payer->account);
}

/* The page at @index comes back: what is to be given back without the lock? */
struct hmm_p2p_charge hmm_p2p_charge_give(struct hmm_p2p_device *hdev,
					  unsigned long index, unsigned int order)
{
	struct hmm_p2p_charge charge = {};

	lockdep_assert_held(&hdev->lock);
	charge.payer.group = hmm_p2p_ledger_give(&hdev->charges->groups, index, order,
						 &charge.bytes);
	charge.payer.account = hmm_p2p_ledger_give(&hdev->charges->accounts, index, order,
						   &charge.bytes);
	return charge;
}

/* May what @who pays be evicted? */
static bool is_victim(struct hmm_p2p_victims *victims, void *who)
{
	const struct hmm_p2p_payer *limit = &victims->limit;

	if (!who || who == HMM_P2P_NOBODY)
		return !limit->group && !limit->account;
	if (limit->account)
		return who == limit->account;
	if (who != victims->asked) {
		victims->asked = who;
		victims->answer = dmem_cgroup_state_evict_valuable(limit->group, who,
								   victims->ignore_low,
								   &victims->hit_low);
	}
	return victims->answer;
}

static const struct hmm_p2p_ledger *
ledger_of(struct hmm_p2p_device *hdev, const struct hmm_p2p_victims *victims)
{
	return victims->limit.account ? &hdev->charges->accounts :
					&hdev->charges->groups;
}

/*
 * May the page at @index be evicted, or all that its chunk was handed out as (@huge),
 * as far as it depends on who pays? The caller keeps the page from being freed.
 */
bool hmm_p2p_charge_is(struct hmm_p2p_device *hdev, unsigned long index, bool huge,
		       struct hmm_p2p_victims *victims)
{
	const struct hmm_p2p_ledger *ledger = ledger_of(hdev, victims);

	if (!ledger->single)
		return true;
	return is_victim(victims, huge ? ledger->chunk[index / HMM_P2P_CHUNK_PAGES].huge :
					 hmm_p2p_ledger_payer(ledger, index));
}

static bool has_victim(struct hmm_p2p_device *hdev, const struct hmm_p2p_ledger *ledger,
		       unsigned long first, struct hmm_p2p_victims *victims)
{
	unsigned long end = min(first + HMM_P2P_CHUNK_PAGES,
				hdev->config.memory >> PAGE_SHIFT), i;

	for (i = first; i < end; i++)
		if (ledger->single[i] && is_victim(victims, ledger->single[i]))
			return true;
	return false;
}

/* Is there a page in the chunk at @first that hmm_p2p_charge_is() true of? */
bool hmm_p2p_charge_counts(struct hmm_p2p_device *hdev, unsigned long first,
			   struct hmm_p2p_victims *victims)
{
	const struct hmm_p2p_ledger *ledger = ledger_of(hdev, victims);
	const struct hmm_p2p_ledger_chunk *chunk;

	lockdep_assert_held(&hdev->lock);
	if (!ledger->single)
		return true;
	chunk = &ledger->chunk[first / HMM_P2P_CHUNK_PAGES];
	if (chunk->left && is_victim(victims, chunk->huge))
		return true;
	if (!chunk->singles)
		return false;
	if (!chunk->mixed)
		return is_victim(victims, chunk->single);
	return has_victim(hdev, ledger, first, victims);
}
