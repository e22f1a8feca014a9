/* SPDX-License-Identifier: GPL-2.0 */
/* Calls: an importer reads and writes a process's memory. May sleep; no lock is held. */
#ifndef _HMM_P2P_ACCESS_H
#define _HMM_P2P_ACCESS_H

struct hmm_p2p_access;
struct hmm_p2p_device;
struct mm_struct;

struct hmm_p2p_access_ctx {
	struct mm_struct *mm;
	struct hmm_p2p_device *importer;
	struct hmm_p2p_access *arg;
};

int hmm_p2p_do_access(struct hmm_p2p_access_ctx *ctx);

#endif /* _HMM_P2P_ACCESS_H */
