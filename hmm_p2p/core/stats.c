// SPDX-License-Identifier: GPL-2.0
/* Counters: added to per CPU, summed up when somebody asks. */
#include <linux/export.h>
#include <linux/string.h>

#include "device.h"
#include "stats.h"

void hmm_p2p_stats_read(struct hmm_p2p_device *hdev, struct hmm_p2p_stat *out)
{
	unsigned int i;
	int cpu;

	static_assert(HMM_P2P_COUNTER_COUNT <= HMM_P2P_COUNTER_SLOTS);
	static_assert(HMM_P2P_REASON_COUNT <= HMM_P2P_REASON_SLOTS);

	memset(out->out_counters, 0, sizeof(out->out_counters));
	memset(out->out_reasons, 0, sizeof(out->out_reasons));
	for_each_possible_cpu(cpu) {
		const struct hmm_p2p_stats *stats = per_cpu_ptr(hdev->stats, cpu);

		for (i = 0; i < HMM_P2P_COUNTER_COUNT; i++)
			out->out_counters[i] += READ_ONCE(stats->counters[i]);
		for (i = 0; i < HMM_P2P_REASON_COUNT; i++)
			out->out_reasons[i] += READ_ONCE(stats->reasons[i]);
	}
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_stats_read, HMM_P2P_INTERNAL_NS);
