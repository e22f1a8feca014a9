// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: who pays for a page, and that each charge is given back once, to who paid
 * it, with the last page of it.
 */
#include <kunit/test.h>

#include "ledger.h"

#define NR_PAGES	(2 * HMM_P2P_CHUNK_PAGES)
#define SECOND		HMM_P2P_CHUNK_PAGES

/**
 * struct books - what a test works on
 * @ledger: closed at first
 * @lock: as a device has one
 * @names: of payers, by their addresses
 */
struct books {
	struct hmm_p2p_ledger ledger;
	spinlock_t lock; /* the ledger's */
	char names[2];
};

static int books_init(struct kunit *test)
{
	struct books *books = kunit_kzalloc(test, sizeof(*books), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, books);
	spin_lock_init(&books->lock);
	test->priv = books;
	return 0;
}

static void books_exit(struct kunit *test)
{
	struct books *books = test->priv;

	if (books)
		hmm_p2p_ledger_free(&books->ledger);
}

static struct books *books_open(struct kunit *test)
{
	struct books *books = test->priv;

	KUNIT_ASSERT_EQ(test, hmm_p2p_ledger_open(&books->ledger, NR_PAGES, &books->lock), 0);
	return books;
}

static void take(struct books *books, unsigned long index, unsigned int order, void *who)
{
	spin_lock_irq(&books->lock);
	hmm_p2p_ledger_take(&books->ledger, index, order, who);
	spin_unlock_irq(&books->lock);
}

/* Gives a page back, which is to be worth @bytes to @who. */
static void expect_give(struct kunit *test, unsigned long index, unsigned int order,
			void *who, u64 bytes)
{
	struct books *books = test->priv;
	u64 got = 0;
	void *to;

	spin_lock_irq(&books->lock);
	to = hmm_p2p_ledger_give(&books->ledger, index, order, &got);
	spin_unlock_irq(&books->lock);
	KUNIT_EXPECT_PTR_EQ_MSG(test, to, who, "page %lu", index);
	if (who)
		KUNIT_EXPECT_EQ(test, got, bytes);
}

static void test_closed(struct kunit *test)
{
	struct books *books = test->priv;

	take(books, 1, 0, &books->names[0]);
	expect_give(test, 1, 0, NULL, 0);
}

static void test_single(struct kunit *test)
{
	struct books *books = books_open(test);

	take(books, 1, 0, &books->names[0]);
	take(books, 2, 0, &books->names[1]);
	KUNIT_EXPECT_PTR_EQ(test, hmm_p2p_ledger_payer(&books->ledger, 1),
			    (void *)&books->names[0]);
	expect_give(test, 2, 0, &books->names[1], PAGE_SIZE);
	expect_give(test, 1, 0, &books->names[0], PAGE_SIZE);
	expect_give(test, 1, 0, NULL, 0);
}

static void test_nobody(struct kunit *test)
{
	struct books *books = books_open(test);

	take(books, 3, 0, NULL);
	take(books, SECOND, HPAGE_PMD_ORDER, NULL);
	KUNIT_EXPECT_PTR_EQ(test, hmm_p2p_ledger_payer(&books->ledger, 3), HMM_P2P_NOBODY);
	expect_give(test, 3, 0, NULL, 0);
	expect_give(test, SECOND, HPAGE_PMD_ORDER, NULL, 0);
}

static void test_huge(struct kunit *test)
{
	struct books *books = books_open(test);

	take(books, SECOND, HPAGE_PMD_ORDER, &books->names[0]);
	KUNIT_EXPECT_PTR_EQ(test, hmm_p2p_ledger_payer(&books->ledger, SECOND + 7),
			    (void *)&books->names[0]);
	expect_give(test, SECOND, HPAGE_PMD_ORDER, &books->names[0], HMM_P2P_CHUNK_SIZE);
	expect_give(test, SECOND, HPAGE_PMD_ORDER, NULL, 0);
}

/* The kernel has split it; the first of its pages has a new payer before the last is back. */
static void test_huge_in_pieces(struct kunit *test)
{
	struct books *books = books_open(test);
	unsigned long i;

	take(books, SECOND, HPAGE_PMD_ORDER, &books->names[0]);
	expect_give(test, SECOND, 0, NULL, 0);
	take(books, SECOND, 0, &books->names[1]);
	for (i = SECOND + 1; i < SECOND + HMM_P2P_CHUNK_PAGES - 1; i++)
		expect_give(test, i, 0, NULL, 0);
	KUNIT_EXPECT_PTR_EQ(test, hmm_p2p_ledger_payer(&books->ledger, SECOND),
			    (void *)&books->names[1]);
	KUNIT_EXPECT_PTR_EQ(test, hmm_p2p_ledger_payer(&books->ledger, i),
			    (void *)&books->names[0]);
	expect_give(test, i, 0, &books->names[0], HMM_P2P_CHUNK_SIZE);
	expect_give(test, SECOND, 0, &books->names[1], PAGE_SIZE);
}

/* What was handed out before is nobody's charge when it comes back. */
static void test_opened_late(struct kunit *test)
{
	struct books *books = test->priv;

	take(books, 5, 0, &books->names[0]);
	take(books, SECOND, HPAGE_PMD_ORDER, &books->names[0]);
	books_open(test);
	take(books, 6, 0, &books->names[1]);
	/* open already: it is the same one */
	books_open(test);
	KUNIT_EXPECT_NULL(test, hmm_p2p_ledger_payer(&books->ledger, 5));
	expect_give(test, 5, 0, NULL, 0);
	expect_give(test, SECOND + 1, 0, NULL, 0);
	expect_give(test, SECOND, HPAGE_PMD_ORDER, NULL, 0);
	expect_give(test, 6, 0, &books->names[1], PAGE_SIZE);
}

/* The shortcut for a chunk that has one payer is taken only when it has one. */
static void test_mixed(struct kunit *test)
{
	struct books *books = books_open(test);
	struct hmm_p2p_ledger_chunk *chunk = books->ledger.chunk;

	take(books, 0, 0, &books->names[0]);
	take(books, 1, 0, &books->names[0]);
	KUNIT_EXPECT_FALSE(test, chunk->mixed);
	take(books, 2, 0, &books->names[1]);
	KUNIT_EXPECT_TRUE(test, chunk->mixed);
	take(books, 3, 0, &books->names[1]);
	KUNIT_EXPECT_TRUE(test, chunk->mixed);
	expect_give(test, 0, 0, &books->names[0], PAGE_SIZE);
	expect_give(test, 1, 0, &books->names[0], PAGE_SIZE);
	expect_give(test, 2, 0, &books->names[1], PAGE_SIZE);
	expect_give(test, 3, 0, &books->names[1], PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, chunk->singles, 0);
	take(books, 4, 0, &books->names[0]);
	KUNIT_EXPECT_FALSE(test, chunk->mixed);
	KUNIT_EXPECT_PTR_EQ(test, chunk->single, (void *)&books->names[0]);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_closed),
	KUNIT_CASE(test_single),
	KUNIT_CASE(test_nobody),
	KUNIT_CASE(test_huge),
	KUNIT_CASE(test_huge_in_pieces),
	KUNIT_CASE(test_opened_late),
	KUNIT_CASE(test_mixed),
	{ }
};

static struct kunit_suite suite = {
	.name = "hmm_p2p_ledger",
	.init = books_init,
	.exit = books_exit,
	.test_cases = cases,
};

kunit_test_suite(suite);
