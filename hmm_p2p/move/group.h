/* SPDX-License-Identifier: GPL-2.0 */
/* Steps of a move that go together. May sleep; the mmap_lock is taken here. */
#ifndef _HMM_P2P_GROUP_H
#define _HMM_P2P_GROUP_H

#include <linux/types.h>

struct hmm_p2p_group;
struct move_state;

bool hmm_p2p_group_helps(struct move_state *state, unsigned long addr);
int hmm_p2p_group_begin(struct move_state *state, unsigned long *addr);
void hmm_p2p_group_move(struct move_state *state);
bool hmm_p2p_group_next(struct move_state *state, int *error);
void hmm_p2p_group_free(struct hmm_p2p_group *group);

#endif /* _HMM_P2P_GROUP_H */
