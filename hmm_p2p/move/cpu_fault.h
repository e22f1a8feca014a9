/* SPDX-License-Identifier: GPL-2.0 */
/* The CPU touched a device page. The kernel calls it, with the page locked. */
#ifndef _HMM_P2P_CPU_FAULT_H
#define _HMM_P2P_CPU_FAULT_H

#include <linux/mm_types.h>

vm_fault_t hmm_p2p_cpu_fault(struct vm_fault *vmf);

#endif /* _HMM_P2P_CPU_FAULT_H */
