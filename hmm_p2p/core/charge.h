/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Device memory charged to control groups. Taking, giving and counting are under the
 * lock of the device; to try, which may sleep, and to end are not.
 */
#ifndef _HMM_P2P_CHARGE_H
#define _HMM_P2P_CHARGE_H

#include <linux/cgroup_dmem.h>

#include "device.h"

/**
 * struct hmm_p2p_charge - what to give back for pages that were freed
 * @pool: whom; NULL: nothing to give back
 * @bytes: how much
 */
struct hmm_p2p_charge {
	struct dmem_cgroup_pool_state *pool;
	u64 bytes;
};

#if IS_ENABLED(CONFIG_CGROUP_DMEM)
int hmm_p2p_charge_init(struct hmm_p2p_device *hdev);
void hmm_p2p_charge_fini(struct hmm_p2p_device *hdev);
int hmm_p2p_charge_try(struct hmm_p2p_device *hdev, unsigned int order,
		       struct dmem_cgroup_pool_state **pool,
		       struct dmem_cgroup_pool_state **limit);
void hmm_p2p_charge_take(struct hmm_p2p_device *hdev, unsigned long index,
			 unsigned int order, struct dmem_cgroup_pool_state *pool);
struct hmm_p2p_charge hmm_p2p_charge_give(struct hmm_p2p_device *hdev,
					  unsigned long index, unsigned int order);
bool hmm_p2p_charge_counts(struct hmm_p2p_device *hdev, unsigned long first,
			   struct dmem_cgroup_pool_state *limit);
bool hmm_p2p_charge_is(struct hmm_p2p_device *hdev, unsigned long index,
		       struct dmem_cgroup_pool_state *limit);
#else
static inline int hmm_p2p_charge_init(struct hmm_p2p_device *hdev)
{
	return 0;
}

static inline void hmm_p2p_charge_fini(struct hmm_p2p_device *hdev)
{
}

static inline int hmm_p2p_charge_try(struct hmm_p2p_device *hdev, unsigned int order,
				     struct dmem_cgroup_pool_state **pool,
				     struct dmem_cgroup_pool_state **limit)
{
	*pool = NULL;
	return 0;
}

static inline void hmm_p2p_charge_take(struct hmm_p2p_device *hdev,
				       unsigned long index, unsigned int order,
				       struct dmem_cgroup_pool_state *pool)
{
}

static inline struct hmm_p2p_charge
hmm_p2p_charge_give(struct hmm_p2p_device *hdev, unsigned long index,
		    unsigned int order)
{
	return (struct hmm_p2p_charge){};
}

static inline bool hmm_p2p_charge_counts(struct hmm_p2p_device *hdev,
					 unsigned long first,
					 struct dmem_cgroup_pool_state *limit)
{
	return true;
}

static inline bool hmm_p2p_charge_is(struct hmm_p2p_device *hdev,
				     unsigned long index,
				     struct dmem_cgroup_pool_state *limit)
{
	return true;
}
#endif

static inline void hmm_p2p_charge_end(struct hmm_p2p_charge charge)
{
	dmem_cgroup_uncharge(charge.pool, charge.bytes);
}

#endif /* _HMM_P2P_CHARGE_H */
