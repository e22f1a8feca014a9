/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who may map a huge device page, and where. May sleep; only tries the mmap_lock of a
 * process, and holds none when it calls.
 */
#ifndef _HMM_P2P_MAPPERS_H
#define _HMM_P2P_MAPPERS_H

#include <linux/types.h>

struct mm_struct;
struct page;

/**
 * struct hmm_p2p_mappers - a search for processes that map huge device pages
 * @visit: called with the mm, with a reference to its users, and where it may map the
 *	page, until it returns true
 * @arg: for @visit
 * @pid: which process it was the last time, where the next search begins; at first 0
 */
struct hmm_p2p_mappers {
	bool (*visit)(void *arg, struct mm_struct *mm, unsigned long start,
		      unsigned long end);
	void *arg;
	pid_t pid;
};

bool hmm_p2p_mappers_visit(struct hmm_p2p_mappers *mappers, struct page *page);

#endif /* _HMM_P2P_MAPPERS_H */
