/* SPDX-License-Identifier: GPL-2.0 */
/* Who pays for each page of a device. */
#ifndef _HMM_P2P_LEDGER_H
#define _HMM_P2P_LEDGER_H

#include <linux/spinlock.h>

#include "chunk.h"

/* For a page that nobody pays, while the ledger is open. */
#define HMM_P2P_NOBODY	((void *)1)

/**
 * struct hmm_p2p_ledger_chunk - who pays for the pages of a chunk
 * @huge: for the huge page that it was handed out as
 * @left: how many pages of that have not come back
 * @single: for the page that was handed out last as a charge of its own
 * @singles: how many of these there are
 * @mixed: they may have several payers
 */
struct hmm_p2p_ledger_chunk {
	void *huge;
	unsigned int left;
	void *single;
	unsigned int singles;
	bool mixed;
};

/**
 * struct hmm_p2p_ledger - who pays for each page of a device
 * @chunk: one per chunk
 * @single: for each page that is a charge of its own: who, or HMM_P2P_NOBODY. NULL:
 *	it is none, or was handed out before the ledger was opened
 *
 * All zeroes it is closed: nobody pays, and it costs nothing.
 */
struct hmm_p2p_ledger {
	struct hmm_p2p_ledger_chunk *chunk;
	void **single;
};

int hmm_p2p_ledger_open(struct hmm_p2p_ledger *ledger,
			unsigned long nr_pages, spinlock_t *lock);
void hmm_p2p_ledger_free(struct hmm_p2p_ledger *ledger);
void hmm_p2p_ledger_take(struct hmm_p2p_ledger *ledger, unsigned long index,
			 unsigned int order, void *who);
void *hmm_p2p_ledger_give(struct hmm_p2p_ledger *ledger, unsigned long index,
			  unsigned int order, u64 *bytes);

/* Who pays for a page of an open ledger; NULL: it was handed out before. */
static inline void *hmm_p2p_ledger_payer(const struct hmm_p2p_ledger *ledger,
					 unsigned long index)
{
	return ledger->single[index] ?:
	       ledger->chunk[index / HMM_P2P_CHUNK_PAGES].huge;
}

#endif /* _HMM_P2P_LEDGER_H */
