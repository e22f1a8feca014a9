/* SPDX-License-Identifier: GPL-2.0 */
/* The process that a call is about. May sleep; no lock is held. */
#ifndef _HMM_P2P_PROCESS_H
#define _HMM_P2P_PROCESS_H

#include <linux/types.h>

struct mm_struct;

struct mm_struct *hmm_p2p_process_get(s32 pid, s32 mem_fd, bool write);
void hmm_p2p_process_init(void);

#endif /* _HMM_P2P_PROCESS_H */
