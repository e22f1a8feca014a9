/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an adapter tells the interposer about a caller of hmm_range_fault(), or of
 * hmm_range_fault_unlocked_timeout().
 */
#ifndef _HMM_P2P_INTERPOSE_H
#define _HMM_P2P_INTERPOSE_H

struct hmm_range;

/**
 * struct hmm_p2p_adapter - a caller that may have p2p pages
 * @caller: name of the function that calls
 * @range_fault: called by it in place of hmm_range_fault()
 * @range_fault_unlocked: called by it in place of
 *	hmm_range_fault_unlocked_timeout()
 *
 * Both find the device that will reach the range's memory, without sleeping, and
 * return what interposed.h returns for it.
 */
struct hmm_p2p_adapter {
	const char *caller;
	int (*range_fault)(struct hmm_range *range);
	int (*range_fault_unlocked)(struct hmm_range *range, unsigned long timeout);
};

extern const struct hmm_p2p_adapter hmm_p2p_odp_adapter;

#endif /* _HMM_P2P_INTERPOSE_H */
