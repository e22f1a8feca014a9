/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interconnects, as owner tokens of pagemaps. They are referenced; the walk over
 * those that have pages is under hmm_p2p_srcu.
 */
#ifndef _HMM_P2P_OWNER_H
#define _HMM_P2P_OWNER_H

#include <linux/atomic.h>
#include <linux/hmm_p2p.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/types.h>

/**
 * struct hmm_p2p_owner - a private interconnect: the owner token of pagemaps
 * @ref: held by every device that has this owner
 * @id: number shown to users, never 0
 * @live: pages of this owner that are handed out
 * @huge: huge pages of this owner that are handed out and still whole
 * @node: in the list of all owners, under its lock and SRCU
 */
struct hmm_p2p_owner {
	struct kref ref;
	u32 id;
	atomic_long_t live;
	atomic_long_t huge;
	struct list_head node;
};

struct hmm_p2p_owner *hmm_p2p_owner_next_live(struct hmm_p2p_owner *prev);
bool hmm_p2p_owner_any_live(void);

#endif /* _HMM_P2P_OWNER_H */
