// SPDX-License-Identifier: GPL-2.0
/*
 * Faults of those who called hmm_range_fault() and were sent to an adapter.
 *
 * Unloading: once ftrace's handler is gone, whoever was sent to an adapter has entered
 * the SRCU section here (unregistering waits with RCU tasks: there is no voluntary
 * switch in between) and is in it until it is about to return (RCU tasks again).
 */
#include <linux/hmm_p2p.h>
#include <linux/rcupdate.h>
#include <linux/srcu.h>

#include "interposed.h"

DEFINE_STATIC_SRCU(interposed_srcu);

/* Returns as hmm_p2p_range_fault(); @importer may be NULL. */
int hmm_p2p_interposed(struct hmm_range *range, struct device *importer)
{
	int idx, ret;

	idx = srcu_read_lock(&interposed_srcu);
	ret = hmm_p2p_range_fault(range, importer);
	srcu_read_unlock(&interposed_srcu, idx);
	return ret;
}

/* Returns as hmm_p2p_range_fault_unlocked_timeout(); @importer may be NULL. */
int hmm_p2p_interposed_unlocked(struct hmm_range *range, struct device *importer,
				unsigned long timeout)
{
	int idx, ret;

	idx = srcu_read_lock(&interposed_srcu);
	ret = hmm_p2p_range_fault_unlocked_timeout(range, importer, timeout);
	srcu_read_unlock(&interposed_srcu, idx);
	return ret;
}

/* Waits for those that are under way; no more of them come. */
void hmm_p2p_interposed_drain(void)
{
	synchronize_srcu(&interposed_srcu);
	synchronize_rcu_tasks();
}
