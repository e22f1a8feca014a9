// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: the allocator of device memory, and what it makes of pages that come
 * back when they should not. Whatever it is, nobody may get such a page again,
 * and the counts are those of the pages that are really out.
 */
#include <kunit/test.h>
#include <linux/hmm_p2p.h>
#include <linux/module.h>

#include "chunk.h"

/* Two whole chunks, and a part of one. */
#define NR_PAGES	(2 * HMM_P2P_CHUNK_PAGES + 8)
#define SECOND		HMM_P2P_CHUNK_PAGES

/**
 * struct memory - what a test works on
 * @chunks: allocator
 * @out: pages that are handed out, as a device counts them
 */
struct memory {
	struct hmm_p2p_chunks chunks;
	unsigned long out;
};

static int memory_init(struct kunit *test)
{
	struct memory *mem = kunit_kzalloc(test, sizeof(*mem), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, mem);
	KUNIT_ASSERT_EQ(test, hmm_p2p_chunks_init(&mem->chunks, NR_PAGES), 0);
	test->priv = mem;
	return 0;
}

static void memory_exit(struct kunit *test)
{
	struct memory *mem = test->priv;

	if (mem)
		hmm_p2p_chunks_fini(&mem->chunks);
}

static long take(struct memory *mem, unsigned int order)
{
	long index = hmm_p2p_chunks_take(&mem->chunks, order);

	if (index >= 0)
		mem->out += 1UL << order;
	return index;
}

/* As a device does it. Returns whether all was well. */
static bool give(struct memory *mem, unsigned long index, unsigned int order)
{
	unsigned long i;

	if (hmm_p2p_chunks_give(&mem->chunks, index, order)) {
		mem->out -= 1UL << order;
		return true;
	}
	for (i = index; i < index + (1UL << order); i++)
		mem->out -= hmm_p2p_chunks_withdraw(&mem->chunks, i);
	return false;
}

/* What the chunks count themselves: pages out, and pages that never will be. */
static void expect_counts(struct kunit *test, unsigned long out, unsigned long withdrawn)
{
	unsigned long behind = HMM_P2P_CHUNK_PAGES - NR_PAGES % HMM_P2P_CHUNK_PAGES;
	struct memory *mem = test->priv;
	unsigned long used = 0, reserved = 0, i;
	struct hmm_p2p_chunk *chunk;

	for (i = 0; i < NR_PAGES; i += HMM_P2P_CHUNK_PAGES) {
		chunk = hmm_p2p_chunk_of(&mem->chunks, i);
		KUNIT_EXPECT_EQ(test, chunk->used,
				bitmap_weight(chunk->map, HMM_P2P_CHUNK_PAGES));
		KUNIT_EXPECT_EQ(test, chunk->reserved,
				bitmap_weight(chunk->kept, HMM_P2P_CHUNK_PAGES));
		KUNIT_EXPECT_TRUE(test, bitmap_subset(chunk->kept, chunk->map,
						      HMM_P2P_CHUNK_PAGES));
		used += chunk->used;
		reserved += chunk->reserved;
	}
	KUNIT_EXPECT_EQ(test, mem->out, out);
	KUNIT_EXPECT_EQ(test, used - reserved, out);
	KUNIT_EXPECT_EQ(test, reserved - behind, withdrawn);
}

/* Takes every page there is: each once, none of [@first, @first + @nr). */
static void expect_nobody_gets(struct kunit *test, unsigned long first, unsigned long nr)
{
	unsigned long *seen = kunit_kzalloc(test, BITS_TO_LONGS(NR_PAGES) * sizeof(*seen),
					    GFP_KERNEL);
	struct memory *mem = test->priv;
	unsigned long before = mem->out;
	long index;

	KUNIT_ASSERT_NOT_NULL(test, seen);
	while ((index = take(mem, 0)) >= 0) {
		KUNIT_EXPECT_FALSE_MSG(test, test_and_set_bit(index, seen),
				       "page %ld is handed out twice", index);
		KUNIT_EXPECT_FALSE_MSG(test, index >= first && index < first + nr,
				       "page %ld was withdrawn", index);
	}
	KUNIT_EXPECT_EQ(test, mem->out, NR_PAGES - nr);
	KUNIT_EXPECT_EQ(test, bitmap_weight(seen, NR_PAGES), NR_PAGES - nr - before);
	expect_counts(test, NR_PAGES - nr, nr);
}

static void test_all_of_it(struct kunit *test)
{
	struct memory *mem = test->priv;
	unsigned long i;

	expect_nobody_gets(test, 0, 0);
	for (i = 0; i < NR_PAGES; i++)
		KUNIT_EXPECT_TRUE(test, give(mem, i, 0));
	expect_counts(test, 0, 0);
	/* Chunks are whole again. */
	KUNIT_EXPECT_GE(test, take(mem, HPAGE_PMD_ORDER), 0);
	KUNIT_EXPECT_GE(test, take(mem, HPAGE_PMD_ORDER), 0);
	KUNIT_EXPECT_EQ(test, take(mem, HPAGE_PMD_ORDER), -1);
	KUNIT_EXPECT_TRUE(test, give(mem, 0, HPAGE_PMD_ORDER));
	KUNIT_EXPECT_TRUE(test, give(mem, SECOND, HPAGE_PMD_ORDER));
	expect_counts(test, 0, 0);
	expect_nobody_gets(test, 0, 0);
}

static void test_split(struct kunit *test)
{
	struct memory *mem = test->priv;
	unsigned long i, first;

	first = take(mem, HPAGE_PMD_ORDER);
	KUNIT_EXPECT_TRUE(test, hmm_p2p_chunks_split(&mem->chunks, first));
	KUNIT_EXPECT_FALSE(test, hmm_p2p_chunks_split(&mem->chunks, first));
	for (i = 0; i < HMM_P2P_CHUNK_PAGES; i++)
		KUNIT_EXPECT_TRUE(test, give(mem, first + i, 0));
	expect_counts(test, 0, 0);
	KUNIT_EXPECT_FALSE(test, hmm_p2p_chunks_split(&mem->chunks, first));
}

static void test_own(struct kunit *test)
{
	struct memory *mem = test->priv;
	long index = hmm_p2p_chunks_reserve(&mem->chunks);

	expect_counts(test, 0, 1);
	KUNIT_EXPECT_TRUE(test, hmm_p2p_chunks_unreserve(&mem->chunks, index));
	KUNIT_EXPECT_FALSE(test, hmm_p2p_chunks_unreserve(&mem->chunks, index));
	expect_counts(test, 0, 0);
	index = take(mem, 0);
	KUNIT_EXPECT_FALSE(test, hmm_p2p_chunks_unreserve(&mem->chunks, index));
	expect_counts(test, 1, 0);
}

static void test_twice(struct kunit *test)
{
	struct memory *mem = test->priv;
	long index = take(mem, 0), other = take(mem, 0);

	KUNIT_EXPECT_TRUE(test, give(mem, index, 0));
	KUNIT_EXPECT_FALSE(test, give(mem, index, 0));
	expect_counts(test, 1, 1);
	KUNIT_EXPECT_FALSE(test, give(mem, index, 0));
	expect_counts(test, 1, 1);
	KUNIT_EXPECT_TRUE(test, give(mem, other, 0));
	expect_counts(test, 0, 1);
	expect_nobody_gets(test, index, 1);
}

/* The last page of a chunk, so that it is full. */
static void test_twice_in_a_full_chunk(struct kunit *test)
{
	struct memory *mem = test->priv;
	unsigned long i;

	expect_nobody_gets(test, 0, 0);
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, give(mem, SECOND + 7, 0), !i);
	expect_counts(test, NR_PAGES - 1, 1);
	KUNIT_EXPECT_EQ(test, take(mem, 0), -1);
}

static void test_never_handed_out(struct kunit *test)
{
	struct memory *mem = test->priv;

	KUNIT_EXPECT_FALSE(test, give(mem, SECOND + 3, 0));
	expect_counts(test, 0, 1);
	/* Behind the end of the memory, and in nobody's count. */
	KUNIT_EXPECT_FALSE(test, give(mem, NR_PAGES + 1, 0));
	expect_counts(test, 0, 1);
	expect_nobody_gets(test, SECOND + 3, 1);
}

static void test_own_given(struct kunit *test)
{
	struct memory *mem = test->priv;
	long index = hmm_p2p_chunks_reserve(&mem->chunks);

	KUNIT_EXPECT_FALSE(test, give(mem, index, 0));
	expect_counts(test, 0, 1);
	expect_nobody_gets(test, index, 1);
}

static void test_huge_twice(struct kunit *test)
{
	struct memory *mem = test->priv;
	long first = take(mem, HPAGE_PMD_ORDER);

	KUNIT_EXPECT_TRUE(test, give(mem, first, HPAGE_PMD_ORDER));
	KUNIT_EXPECT_FALSE(test, give(mem, first, HPAGE_PMD_ORDER));
	expect_counts(test, 0, HMM_P2P_CHUNK_PAGES);
	expect_nobody_gets(test, first, HMM_P2P_CHUNK_PAGES);
}

/* One page of it, though it was not split; then all of it. */
static void test_both_shapes(struct kunit *test)
{
	struct memory *mem = test->priv;
	long first = take(mem, HPAGE_PMD_ORDER);

	KUNIT_EXPECT_FALSE(test, give(mem, first + 9, 0));
	expect_counts(test, HMM_P2P_CHUNK_PAGES - 1, 1);
	KUNIT_EXPECT_FALSE(test, give(mem, first, HPAGE_PMD_ORDER));
	expect_counts(test, 0, HMM_P2P_CHUNK_PAGES);
	expect_nobody_gets(test, first, HMM_P2P_CHUNK_PAGES);
}

/* Some of its pages after a split; then all of it. */
static void test_huge_after_split(struct kunit *test)
{
	struct memory *mem = test->priv;
	long first = take(mem, HPAGE_PMD_ORDER), other;

	hmm_p2p_chunks_split(&mem->chunks, first);
	KUNIT_EXPECT_TRUE(test, give(mem, first + 1, 0));
	KUNIT_EXPECT_TRUE(test, give(mem, first + 5, 0));
	other = take(mem, 0);
	expect_counts(test, HMM_P2P_CHUNK_PAGES - 1, 0);
	KUNIT_EXPECT_FALSE(test, give(mem, first, HPAGE_PMD_ORDER));
	KUNIT_EXPECT_FALSE(test, give(mem, other, 0));
	expect_counts(test, 0, HMM_P2P_CHUNK_PAGES);
	expect_nobody_gets(test, first, HMM_P2P_CHUNK_PAGES);
}

/* A chunk that is held is in no list, also when a page of it is withdrawn. */
static void test_held(struct kunit *test)
{
	struct memory *mem = test->priv;
	long index = take(mem, 0);
	struct hmm_p2p_chunk *chunk = hmm_p2p_chunk_of(&mem->chunks, index);

	chunk->holds = 1;
	KUNIT_EXPECT_TRUE(test, give(mem, index, 0));
	KUNIT_EXPECT_FALSE(test, give(mem, index, 0));
	KUNIT_EXPECT_TRUE(test, list_empty(&chunk->node));
	chunk->holds = 0;
	hmm_p2p_chunk_list(&mem->chunks, chunk);
	expect_nobody_gets(test, index, 1);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_all_of_it),
	KUNIT_CASE(test_split),
	KUNIT_CASE(test_own),
	KUNIT_CASE(test_twice),
	KUNIT_CASE(test_twice_in_a_full_chunk),
	KUNIT_CASE(test_never_handed_out),
	KUNIT_CASE(test_own_given),
	KUNIT_CASE(test_huge_twice),
	KUNIT_CASE(test_both_shapes),
	KUNIT_CASE(test_huge_after_split),
	KUNIT_CASE(test_held),
	{ }
};

static struct kunit_suite suite = {
	.name = "hmm_p2p_chunk",
	.init = memory_init,
	.exit = memory_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("hmm_p2p: tests that need no device");
MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING");
MODULE_IMPORT_NS("HMM_P2P");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
