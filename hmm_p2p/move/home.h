/* SPDX-License-Identifier: GPL-2.0 */
/* Moving memory back to RAM. May sleep; takes the mmap_lock, and hmm_p2p_srcu in it. */
#ifndef _HMM_P2P_HOME_H
#define _HMM_P2P_HOME_H

struct hmm_p2p_move;
struct page;

int hmm_p2p_move_home(struct hmm_p2p_move *move);
int hmm_p2p_move_chunk_home(struct hmm_p2p_move *move, struct page *first);
int hmm_p2p_move_chunk_blind(struct hmm_p2p_move *move, struct page *first);

#endif /* _HMM_P2P_HOME_H */
