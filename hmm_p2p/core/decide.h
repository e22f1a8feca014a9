/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who decides about each page of a range fault: plan.c and planned.c, or native.c where
 * the kernel itself does it.
 */
#ifndef _HMM_P2P_DECIDE_H
#define _HMM_P2P_DECIDE_H

#include <linux/types.h>

#include "faulting.h"

struct vm_fault;

int hmm_p2p_fault_decide(struct hmm_range *range,
			 const struct hmm_p2p_fault *fault, bool may_unlock);
bool hmm_p2p_fault_arrived(const struct vm_fault *vmf);

#endif /* _HMM_P2P_DECIDE_H */
