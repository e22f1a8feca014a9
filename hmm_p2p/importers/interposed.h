/* SPDX-License-Identifier: GPL-2.0 */
/* Faults of those who called hmm_range_fault() and were sent to an adapter. */
#ifndef _HMM_P2P_INTERPOSED_H
#define _HMM_P2P_INTERPOSED_H

struct device;
struct hmm_range;

int hmm_p2p_interposed(struct hmm_range *range, struct device *importer);
int hmm_p2p_interposed_unlocked(struct hmm_range *range, struct device *importer,
				unsigned long timeout);
void hmm_p2p_interposed_drain(void);

#endif /* _HMM_P2P_INTERPOSED_H */
