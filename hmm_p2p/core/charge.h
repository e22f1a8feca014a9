/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who pays for device memory. Taking, giving and counting are under the lock of the
 * device; to try, which may sleep, and to end are not.
 */
#ifndef _HMM_P2P_CHARGE_H
#define _HMM_P2P_CHARGE_H

#include <linux/cgroup_dmem.h>

#include "account.h"
#include "device.h"

/**
 * struct hmm_p2p_payer - who pays for device memory, or may have no more of it
 * @group: a control group; NULL: the kernel has no controller for it
 * @account: of a user, see account.c; NULL: none is kept
 *
 * Who pays has both, if there are both. Who may have no more is one of them; neither
 * when nobody met a limit.
 */
struct hmm_p2p_payer {
	struct dmem_cgroup_pool_state *group;
	struct hmm_p2p_account *account;
};

/**
 * struct hmm_p2p_charge - what to give back for pages that were freed
 * @payer: to whom; nobody: nothing to give back
 * @bytes: how much
 */
struct hmm_p2p_charge {
	struct hmm_p2p_payer payer;
	u64 bytes;
};

/**
 * struct hmm_p2p_victims - whose pages may be evicted
 * @limit: what this account, this group or one below it pays; nobody: what anybody
 *	pays, as far as it is not protected
 * @ignore_low: also what dmem.low protects. What dmem.min does is left alone always
 * @hit_low: something was passed over because of dmem.low
 * @asked: the group that was asked about last: it is asked page by page
 * @answer: what came of it
 */
struct hmm_p2p_victims {
	struct hmm_p2p_payer limit;
	bool ignore_low;
	bool hit_low;
	const void *asked;
	bool answer;
};

int hmm_p2p_charge_init(struct hmm_p2p_device *hdev);
void hmm_p2p_charge_fini(struct hmm_p2p_device *hdev);
int hmm_p2p_charge_try(struct hmm_p2p_device *hdev, struct mm_struct *mm,
		       unsigned int order, struct hmm_p2p_payer *payer,
		       struct hmm_p2p_payer *limit);
void hmm_p2p_charge_take(struct hmm_p2p_device *hdev, unsigned long index,
			 unsigned int order, const struct hmm_p2p_payer *payer);
struct hmm_p2p_charge hmm_p2p_charge_give(struct hmm_p2p_device *hdev,
					  unsigned long index, unsigned int order);
bool hmm_p2p_charge_counts(struct hmm_p2p_device *hdev, unsigned long first,
			   struct hmm_p2p_victims *victims);
bool hmm_p2p_charge_is(struct hmm_p2p_device *hdev, unsigned long index, bool huge,
		       struct hmm_p2p_victims *victims);

static inline void hmm_p2p_charge_end(struct hmm_p2p_charge charge)
{
	dmem_cgroup_uncharge(charge.payer.group, charge.bytes);
	if (charge.payer.account)
		hmm_p2p_account_give(charge.payer.account, charge.bytes);
}

/* Drops what hmm_p2p_charge_try() has set. */
static inline void hmm_p2p_limit_drop(struct hmm_p2p_payer *limit)
{
	dmem_cgroup_pool_state_put(limit->group);
	*limit = (struct hmm_p2p_payer){};
}

#endif /* _HMM_P2P_CHARGE_H */
