/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which private page does an alias stand for? Only the exporter's translation knows, so
 * those of a fault are noted. Needs no lock: it is one task's.
 */
#ifndef _HMM_P2P_SEEN_H
#define _HMM_P2P_SEEN_H

#include <linux/types.h>

struct page;

/**
 * struct hmm_p2p_seen_run - private pages that follow each other, as their aliases do
 * @pfn: of the first alias
 * @nr: how many
 * @page: the first private page
 */
struct hmm_p2p_seen_run {
	unsigned long pfn;
	unsigned long nr;
	struct page *page;
};

/**
 * struct hmm_p2p_seen - translations
 * @runs: of them, by alias after hmm_p2p_seen_sort()
 * @nr: how many runs
 * @most: there is room for so many
 * @full: there was no room for one
 * @last: the run that was found last
 */
struct hmm_p2p_seen {
	struct hmm_p2p_seen_run *runs;
	unsigned long nr;
	unsigned long most;
	bool full;
	unsigned long last;
};

/*
 * A range has at most so many translations that end up in it, and as many of pages that a
 * walk asks for and then has to fault.
 */
static inline unsigned long hmm_p2p_seen_limit(unsigned long npages)
{
	return 2 * npages;
}

int hmm_p2p_seen_grow(struct hmm_p2p_seen *seen, unsigned long npages);
void hmm_p2p_seen_free(struct hmm_p2p_seen *seen);
bool hmm_p2p_seen_note(struct hmm_p2p_seen *seen, unsigned long pfn, unsigned long nr,
		       struct page *page);
void hmm_p2p_seen_sort(struct hmm_p2p_seen *seen);
unsigned long hmm_p2p_seen_find(struct hmm_p2p_seen *seen, const unsigned long *hmm_pfns,
				unsigned long nr, struct page **page);

#endif /* _HMM_P2P_SEEN_H */
