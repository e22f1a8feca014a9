/* SPDX-License-Identifier: GPL-2.0 */
/* Whose turn it is to move a range of a process. Taken before the mmap_lock of that. */
#ifndef _HMM_P2P_TURN_H
#define _HMM_P2P_TURN_H

#include <linux/types.h>

struct mm_struct;

/**
 * struct hmm_p2p_turn - a range that somebody moves now
 * @node: in the list of all of them
 * @mm: address space
 * @family: NULL, or what the mapping has in common with those of relatives; only
 *	compared
 * @start: first byte
 * @end: end of it, exclusive
 * @awaited: somebody else waits for its end
 */
struct hmm_p2p_turn {
	struct list_head node;
	const struct mm_struct *mm;
	const void *family;
	unsigned long start;
	unsigned long end;
	bool awaited;
};

int hmm_p2p_turn_begin(struct hmm_p2p_turn *turn, bool wait);
void hmm_p2p_turn_end(struct hmm_p2p_turn *turn);

#endif /* _HMM_P2P_TURN_H */
