// SPDX-License-Identifier: GPL-2.0
/*
 * Who pays for each page of a device, whatever a payer is: charge.c keeps one ledger
 * for control groups and one for users.
 *
 * A huge page is one charge. When the kernel splits it, its pages come back one by
 * one, and the charge is given back with the last of them.
 */
#include <kunit/visibility.h>
#include <linux/slab.h>

#include "ledger.h"

void hmm_p2p_ledger_free(struct hmm_p2p_ledger *ledger)
{
	kvfree(ledger->single);
	kvfree(ledger->chunk);
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_ledger_free);

static int ledger_alloc(struct hmm_p2p_ledger *ledger, unsigned long nr_pages)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | __GFP_RETRY_MAYFAIL;

	ledger->chunk = kvcalloc(DIV_ROUND_UP(nr_pages, HMM_P2P_CHUNK_PAGES),
				 sizeof(*ledger->chunk), gfp);
	ledger->single = kvcalloc(nr_pages, sizeof(*ledger->single), gfp);
	if (ledger->chunk && ledger->single)
		return 0;
	hmm_p2p_ledger_free(ledger);
	return -ENOMEM;
}

/**
 * hmm_p2p_ledger_open - from now on somebody pays for what is handed out
 * @ledger: it may be open already
 * @nr_pages: of the device
 * @lock: under which pages are taken and given
 *
 * Context: may sleep; takes @lock.
 * Return: 0 or -ENOMEM.
 */
int hmm_p2p_ledger_open(struct hmm_p2p_ledger *ledger, unsigned long nr_pages,
			spinlock_t *lock)
{
	struct hmm_p2p_ledger fresh;

	if (READ_ONCE(ledger->single))
		return 0;
	if (ledger_alloc(&fresh, nr_pages))
		return -ENOMEM;
	spin_lock_irq(lock);
	if (!ledger->single) {
		ledger->chunk = fresh.chunk;
		WRITE_ONCE(ledger->single, fresh.single);
		fresh = (struct hmm_p2p_ledger){};
	}
	spin_unlock_irq(lock);
	hmm_p2p_ledger_free(&fresh);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_ledger_open);

/**
 * hmm_p2p_ledger_take - a page is handed out, and somebody pays for it
 * @ledger: a closed one takes no notice
 * @index: page
 * @order: its size: one page or a chunk
 * @who: pays; NULL: nobody
 *
 * Context: under the ledger's lock.
 */
void hmm_p2p_ledger_take(struct hmm_p2p_ledger *ledger, unsigned long index,
			 unsigned int order, void *who)
{
	struct hmm_p2p_ledger_chunk *chunk;

	if (!ledger->single)
		return;
	who = who ?: HMM_P2P_NOBODY;
	chunk = &ledger->chunk[index / HMM_P2P_CHUNK_PAGES];
	if (order) {
		chunk->huge = who;
		chunk->left = HMM_P2P_CHUNK_PAGES;
		return;
	}
	ledger->single[index] = who;
	chunk->mixed = chunk->singles && (chunk->mixed || chunk->single != who);
	chunk->single = who;
	chunk->singles++;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_ledger_take);

/**
 * hmm_p2p_ledger_give - a page comes back
 * @ledger: a closed one takes no notice
 * @index: page
 * @order: its size now, which may be less than it was taken with
 * @bytes: receives how much to give back, when that is something
 *
 * Context: under the ledger's lock.
 * Return: to whom @bytes are to be given back, or NULL.
 */
void *hmm_p2p_ledger_give(struct hmm_p2p_ledger *ledger, unsigned long index,
			  unsigned int order, u64 *bytes)
{
	struct hmm_p2p_ledger_chunk *chunk;
	void *who = NULL;

	if (!ledger->single)
		return NULL;
	chunk = &ledger->chunk[index / HMM_P2P_CHUNK_PAGES];
	if (!order && ledger->single[index]) {
		swap(who, ledger->single[index]);
		chunk->singles--;
		*bytes = PAGE_SIZE;
	} else if (chunk->left) {
		chunk->left -= 1U << order;
		if (!chunk->left)
			swap(who, chunk->huge);
		*bytes = HMM_P2P_CHUNK_SIZE;
	}
	return who == HMM_P2P_NOBODY ? NULL : who;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_ledger_give);
