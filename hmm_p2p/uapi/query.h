/* SPDX-License-Identifier: GPL-2.0 */
/* Calls: where memory is. May sleep; no lock is held. */
#ifndef _HMM_P2P_QUERY_H
#define _HMM_P2P_QUERY_H

struct hmm_p2p_device;
struct hmm_p2p_query;
struct mm_struct;

int hmm_p2p_do_query(struct mm_struct *mm, struct hmm_p2p_device *importer,
		     struct hmm_p2p_query *arg);

#endif /* _HMM_P2P_QUERY_H */
