// SPDX-License-Identifier: GPL-2.0
/*
 * The allocator of a device's memory. It knows numbers of pages, and no page.
 *
 * It deals in the two sizes that the kernel migrates: single pages and huge
 * pages. Memory is cut into chunks of one huge page. A chunk is free, partial
 * (single pages were taken from it) or full. gpu_buddy, the kernel's allocator
 * for device memory, does not fit here: pages come back through folio_free()
 * under a page table lock, where it may not be called (it allocates with
 * GFP_KERNEL under its lock), and a huge folio that the kernel has split comes
 * back page by page, while a buddy block is freed whole.
 */
#include <linux/slab.h>

#include "chunk.h"

static unsigned long chunk_first(const struct hmm_p2p_chunks *chunks,
				 const struct hmm_p2p_chunk *chunk)
{
	return (chunk - chunks->chunk) * HMM_P2P_CHUNK_PAGES;
}

static long take_huge(struct hmm_p2p_chunks *chunks)
{
	struct hmm_p2p_chunk *chunk;

	chunk = list_first_entry_or_null(&chunks->free, struct hmm_p2p_chunk, node);
	if (!chunk)
		return -1;
	list_del_init(&chunk->node);
	bitmap_fill(chunk->map, HMM_P2P_CHUNK_PAGES);
	chunk->used = HMM_P2P_CHUNK_PAGES;
	hmm_p2p_chunk_touch(chunk);
	return chunk_first(chunks, chunk);
}

static long take_small(struct hmm_p2p_chunks *chunks)
{
	struct hmm_p2p_chunk *chunk;
	unsigned long bit;

	chunk = list_first_entry_or_null(&chunks->partial, struct hmm_p2p_chunk, node);
	if (!chunk)
		chunk = list_first_entry_or_null(&chunks->free,
						 struct hmm_p2p_chunk, node);
	if (!chunk)
		return -1;

	bit = find_first_zero_bit(chunk->map, HMM_P2P_CHUNK_PAGES);
	__set_bit(bit, chunk->map);
	hmm_p2p_chunk_touch(chunk);
	if (++chunk->used == HMM_P2P_CHUNK_PAGES)
		list_del_init(&chunk->node);
	else
		list_move(&chunk->node, &chunks->partial);
	return chunk_first(chunks, chunk) + bit;
}

/* Returns the index of the first page, or -1 when there is no room. */
long hmm_p2p_chunks_take(struct hmm_p2p_chunks *chunks, unsigned int order)
{
	return order ? take_huge(chunks) : take_small(chunks);
}

/* Puts a chunk that has room where it can be found, unless it is held. */
void hmm_p2p_chunk_list(struct hmm_p2p_chunks *chunks, struct hmm_p2p_chunk *chunk)
{
	if (chunk->holds)
		list_del_init(&chunk->node);
	else if (!chunk->used)
		list_move(&chunk->node, &chunks->free);
	else if (chunk->used < HMM_P2P_CHUNK_PAGES)
		list_move(&chunk->node, &chunks->partial);
}

/* Returns the mm that the chunk no longer refers to, for mmdrop(), or NULL. */
struct mm_struct *hmm_p2p_chunks_give(struct hmm_p2p_chunks *chunks,
				      unsigned long index, unsigned long nr)
{
	struct hmm_p2p_chunk *chunk = hmm_p2p_chunk_of(chunks, index);
	struct mm_struct *mm = NULL;

	bitmap_clear(chunk->map, index % HMM_P2P_CHUNK_PAGES, nr);
	chunk->used -= nr;
	if (!chunk->used)
		swap(mm, chunk->mm);
	hmm_p2p_chunk_list(chunks, chunk);
	return mm;
}

/* Return: 0 or -ENOMEM. */
int hmm_p2p_chunks_init(struct hmm_p2p_chunks *chunks, unsigned long nr_pages)
{
	unsigned long nr = DIV_ROUND_UP(nr_pages, HMM_P2P_CHUNK_PAGES);
	unsigned long tail = nr_pages % HMM_P2P_CHUNK_PAGES;
	unsigned long i;

	chunks->chunk = kvcalloc(nr, sizeof(*chunks->chunk), GFP_KERNEL);
	if (!chunks->chunk)
		return -ENOMEM;

	chunks->nr_pages = nr_pages;
	INIT_LIST_HEAD(&chunks->free);
	INIT_LIST_HEAD(&chunks->partial);
	for (i = 0; i < nr; i++)
		list_add_tail(&chunks->chunk[i].node, &chunks->free);
	if (tail) {
		struct hmm_p2p_chunk *last = &chunks->chunk[nr - 1];

		/* What lies behind the end of the memory is never handed out. */
		bitmap_set(last->map, tail, HMM_P2P_CHUNK_PAGES - tail);
		last->used = HMM_P2P_CHUNK_PAGES - tail;
		last->reserved = last->used;
		list_move(&last->node, &chunks->partial);
	}
	return 0;
}

void hmm_p2p_chunks_fini(struct hmm_p2p_chunks *chunks)
{
	kvfree(chunks->chunk);
}
