/* SPDX-License-Identifier: GPL-2.0 */
/* Which pages of a device's memory are handed out, see chunk.c. */
#ifndef _HMM_P2P_CHUNK_H
#define _HMM_P2P_CHUNK_H

#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/mm.h>

/* Device memory is handed out in single pages and in huge pages. */
#define HMM_P2P_CHUNK_PAGES	HPAGE_PMD_NR
#define HMM_P2P_CHUNK_SIZE	((u64)HMM_P2P_CHUNK_PAGES << PAGE_SHIFT)

/**
 * struct hmm_p2p_chunk - the pages of one huge page's worth of memory
 * @node: in the list of free or partial chunks, or in none
 * @used: number of bits set in @map
 * @reserved: of these, bits set in @kept
 * @mm: for a chunk that was handed out as a huge page: the process that got
 *	it, with a reference to the structure only; else NULL
 * @addr: where that process has it, unless it was moved since
 * @young: a device has reached it, or a page was handed out from it, since the
 *	eviction hand passed; written without the lock
 * @holds: pages held by hmm_p2p_pages_hold(). While there are any, the chunk is
 *	in no list from the moment that one of its pages comes back
 * @stained: somebody has had a page of it, since the device came
 * @whole: it was handed out as a huge page, which has not been split since. All
 *	bits of @map are set
 * @map: pages that are handed out, or in @kept
 * @kept: pages that are nobody's: behind the end of the memory, the device's
 *	own, or out of circulation
 */
struct hmm_p2p_chunk {
	struct list_head node;
	unsigned int used;
	unsigned int reserved;
	unsigned int holds;
	struct mm_struct *mm;
	unsigned long addr;
	bool young;
	bool stained;
	bool whole;
	DECLARE_BITMAP(map, HMM_P2P_CHUNK_PAGES);
	DECLARE_BITMAP(kept, HMM_P2P_CHUNK_PAGES);
};

/**
 * struct hmm_p2p_chunks - the memory of a device, as its allocator sees it
 * @chunk: one per HMM_P2P_CHUNK_SIZE of memory
 * @nr_pages: size of the memory
 * @free: chunks with no page handed out
 * @partial: chunks with some pages handed out, one by one
 *
 * All of it is under a lock of the caller's, a device's @lock, but for what
 * says otherwise.
 */
struct hmm_p2p_chunks {
	struct hmm_p2p_chunk *chunk;
	unsigned long nr_pages;
	struct list_head free;
	struct list_head partial;
};

int hmm_p2p_chunks_init(struct hmm_p2p_chunks *chunks, unsigned long nr_pages);
void hmm_p2p_chunks_fini(struct hmm_p2p_chunks *chunks);
long hmm_p2p_chunks_take(struct hmm_p2p_chunks *chunks, unsigned int order);
bool hmm_p2p_chunks_give(struct hmm_p2p_chunks *chunks, unsigned long index,
			 unsigned int order);
bool hmm_p2p_chunks_split(struct hmm_p2p_chunks *chunks, unsigned long index);
bool hmm_p2p_chunks_withdraw(struct hmm_p2p_chunks *chunks, unsigned long index);
long hmm_p2p_chunks_reserve(struct hmm_p2p_chunks *chunks);
bool hmm_p2p_chunks_unreserve(struct hmm_p2p_chunks *chunks, unsigned long index);
void hmm_p2p_chunk_list(struct hmm_p2p_chunks *chunks, struct hmm_p2p_chunk *chunk);

static inline struct hmm_p2p_chunk *
hmm_p2p_chunk_of(const struct hmm_p2p_chunks *chunks, unsigned long index)
{
	return &chunks->chunk[index / HMM_P2P_CHUNK_PAGES];
}

/* May be asked without the lock. */
static inline bool hmm_p2p_chunk_handed_out(const struct hmm_p2p_chunk *chunk)
{
	return READ_ONCE(chunk->used) > READ_ONCE(chunk->reserved);
}

/* Needs no lock. */
static inline void hmm_p2p_chunk_touch(struct hmm_p2p_chunk *chunk)
{
	if (!READ_ONCE(chunk->young))
		WRITE_ONCE(chunk->young, true);
}

#endif /* _HMM_P2P_CHUNK_H */
