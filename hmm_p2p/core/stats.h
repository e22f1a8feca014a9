/* SPDX-License-Identifier: GPL-2.0 */
/* Counters of a device, for each CPU. Need no lock. */
#ifndef _HMM_P2P_STATS_H
#define _HMM_P2P_STATS_H

#include <linux/percpu.h>

#include "device.h"

struct hmm_p2p_stats {
	u64 counters[HMM_P2P_COUNTER_COUNT];
	u64 reasons[HMM_P2P_REASON_COUNT];
};

static inline void hmm_p2p_count(struct hmm_p2p_device *hdev,
				 enum hmm_p2p_counter counter, u64 nr)
{
	this_cpu_add(hdev->stats->counters[counter], nr);
}

static inline void hmm_p2p_count_home(struct hmm_p2p_device *hdev,
				      enum hmm_p2p_reason reason, u64 nr)
{
	this_cpu_add(hdev->stats->counters[HMM_P2P_COUNTER_SENT_HOME], nr);
	this_cpu_add(hdev->stats->reasons[reason], nr);
}

#endif /* _HMM_P2P_STATS_H */
