/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an adapter tells the interposer about a caller of hmm_range_fault(), or of
 * hmm_range_fault_unlocked_timeout().
 */
#ifndef _HMM_P2P_INTERPOSE_H
#define _HMM_P2P_INTERPOSE_H

#include <linux/hmm.h>

struct device;

/**
 * struct hmm_p2p_adapter - a caller that may have p2p pages
 * @caller: name of the function that calls
 * @importer: the device that will reach the range's memory; NULL: this call
 *	stays as it is. The mmap_lock may be held
 */
struct hmm_p2p_adapter {
	const char *caller;
	struct device *(*importer)(struct hmm_range *range);
};

extern const struct hmm_p2p_adapter hmm_p2p_odp_adapter;

#endif /* _HMM_P2P_INTERPOSE_H */
