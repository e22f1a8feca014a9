/* SPDX-License-Identifier: GPL-2.0 */
/* The three outcomes. The mmap_lock of the range's process is held. */
#ifndef _HMM_P2P_FAULT_H
#define _HMM_P2P_FAULT_H

#include <linux/types.h>

#include "faulting.h"

int hmm_p2p_fault_for(struct hmm_range *range,
		      const struct hmm_p2p_fault *fault, bool may_unlock);

#endif /* _HMM_P2P_FAULT_H */
