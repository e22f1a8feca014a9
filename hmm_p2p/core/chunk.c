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
 *
 * It trusts nobody who gives a page back. A page that is given back twice would
 * be handed out twice, and two processes would have the same memory. So what
 * is not handed out, or was handed out in another shape, is not taken back: the
 * caller is told, and withdraws it. Then nobody ever gets it.
 */
#include <kunit/visibility.h>
#include <linux/slab.h>

#include "chunk.h"

static unsigned long chunk_first(const struct hmm_p2p_chunks *chunks,
				 const struct hmm_p2p_chunk *chunk)
{
	return (chunk - chunks->chunk) * HMM_P2P_CHUNK_PAGES;
}

/* hmm_p2p_chunk_handed_out() reads these without the lock. */
static void chunk_set_used(struct hmm_p2p_chunk *chunk, unsigned int used)
{
	WRITE_ONCE(chunk->used, used);
}

static void chunk_set_reserved(struct hmm_p2p_chunk *chunk, unsigned int reserved)
{
	WRITE_ONCE(chunk->reserved, reserved);
}

static long take_huge(struct hmm_p2p_chunks *chunks)
{
	struct hmm_p2p_chunk *chunk;

	chunk = list_first_entry_or_null(&chunks->free, struct hmm_p2p_chunk, node);
	if (!chunk)
		return -1;
	list_del_init(&chunk->node);
	bitmap_fill(chunk->map, HMM_P2P_CHUNK_PAGES);
	chunk_set_used(chunk, HMM_P2P_CHUNK_PAGES);
	chunk->whole = true;
	chunk->stained = true;
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
	chunk->stained = true;
	hmm_p2p_chunk_touch(chunk);
	chunk_set_used(chunk, chunk->used + 1);
	if (chunk->used == HMM_P2P_CHUNK_PAGES)
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
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_chunks_take);

/* Puts a chunk that has room where it can be found, unless it is held. */
void hmm_p2p_chunk_list(struct hmm_p2p_chunks *chunks, struct hmm_p2p_chunk *chunk)
{
	if (chunk->holds || chunk->used == HMM_P2P_CHUNK_PAGES)
		list_del_init(&chunk->node);
	else if (!chunk->used)
		list_move(&chunk->node, &chunks->free);
	else
		list_move(&chunk->node, &chunks->partial);
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_chunk_list);

static bool give_huge(struct hmm_p2p_chunk *chunk)
{
	if (!chunk->whole || chunk->reserved)
		return false;
	bitmap_zero(chunk->map, HMM_P2P_CHUNK_PAGES);
	chunk_set_used(chunk, 0);
	chunk->whole = false;
	return true;
}

static bool give_small(struct hmm_p2p_chunk *chunk, unsigned long bit)
{
	if (chunk->whole || !test_bit(bit, chunk->map) || test_bit(bit, chunk->kept))
		return false;
	__clear_bit(bit, chunk->map);
	chunk_set_used(chunk, chunk->used - 1);
	return true;
}

/**
 * hmm_p2p_chunks_give - take a page back
 * @chunks: memory
 * @index: where it is
 * @order: its size
 *
 * Return: false when it is not handed out, or not in this size; then nothing
 * has changed, and its pages are to be withdrawn.
 */
bool hmm_p2p_chunks_give(struct hmm_p2p_chunks *chunks, unsigned long index,
			 unsigned int order)
{
	struct hmm_p2p_chunk *chunk = hmm_p2p_chunk_of(chunks, index);
	bool right;

	if (order)
		right = give_huge(chunk);
	else
		right = give_small(chunk, index % HMM_P2P_CHUNK_PAGES);
	if (right)
		hmm_p2p_chunk_list(chunks, chunk);
	return right;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_chunks_give);

/**
 * hmm_p2p_chunks_split - a huge page is one no longer, its pages come back alone
 * @chunks: memory
 * @index: where it is
 *
 * Return: whether it was one until now.
 */
bool hmm_p2p_chunks_split(struct hmm_p2p_chunks *chunks, unsigned long index)
{
	bool whole = false;

	swap(whole, hmm_p2p_chunk_of(chunks, index)->whole);
	return whole;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_chunks_split);

/**
 * hmm_p2p_chunks_withdraw - take a page out of circulation for good
 * @chunks: memory
 * @index: where it is
 *
 * Return: whether it was handed out until now.
 */
bool hmm_p2p_chunks_withdraw(struct hmm_p2p_chunks *chunks, unsigned long index)
{
	struct hmm_p2p_chunk *chunk = hmm_p2p_chunk_of(chunks, index);
	unsigned long bit = index % HMM_P2P_CHUNK_PAGES;

	if (__test_and_set_bit(bit, chunk->kept))
		return false;
	chunk_set_reserved(chunk, chunk->reserved + 1);
	if (__test_and_set_bit(bit, chunk->map))
		return true;
	chunk_set_used(chunk, chunk->used + 1);
	hmm_p2p_chunk_list(chunks, chunk);
	return false;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_chunks_withdraw);

/* Returns the index of a page for the device itself, or -1. */
long hmm_p2p_chunks_reserve(struct hmm_p2p_chunks *chunks)
{
	long index = take_small(chunks);

	if (index >= 0)
		hmm_p2p_chunks_withdraw(chunks, index);
	return index;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_chunks_reserve);

/* Returns false when there is no such page; then nothing has changed. */
bool hmm_p2p_chunks_unreserve(struct hmm_p2p_chunks *chunks, unsigned long index)
{
	struct hmm_p2p_chunk *chunk = hmm_p2p_chunk_of(chunks, index);

	if (!__test_and_clear_bit(index % HMM_P2P_CHUNK_PAGES, chunk->kept))
		return false;
	chunk_set_reserved(chunk, chunk->reserved - 1);
	return hmm_p2p_chunks_give(chunks, index, 0);
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_chunks_unreserve);

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
		bitmap_copy(last->kept, last->map, HMM_P2P_CHUNK_PAGES);
		last->used = HMM_P2P_CHUNK_PAGES - tail;
		last->reserved = last->used;
		list_move(&last->node, &chunks->partial);
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_chunks_init);

void hmm_p2p_chunks_fini(struct hmm_p2p_chunks *chunks)
{
	kvfree(chunks->chunk);
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_chunks_fini);
