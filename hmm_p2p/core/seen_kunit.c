// SPDX-License-Identifier: GPL-2.0
/* KUnit: the private pages that aliases stand for, of translations that are made up. */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/hmm_p2p.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "pagemap.h"
#include "seen.h"

#define NR	(2 * HPAGE_PMD_NR)
#define FIRST	0x123400UL	/* alias of the device's first page; aligned as a huge one */

static struct dma_fence *copy(struct hmm_p2p_device *hdev, const struct hmm_p2p_copy *runs,
			      unsigned int nr)
{
	return NULL;
}

static const struct hmm_p2p_device_ops ops = {
	.copy_to_device	= copy,
	.copy_to_ram	= copy,
};

/**
 * struct example - two huge pages of a device, and a fault that meets some of them
 * @hdev: the device
 * @seen: translations
 * @pfns: result of the fault
 */
struct example {
	struct hmm_p2p_device *hdev;
	struct hmm_p2p_seen seen;
	unsigned long pfns[NR];
};

static struct example *begin(struct kunit *test, unsigned long npages)
{
	struct example *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);
	struct device *dev = kunit_device_register(test, "hmm_p2p_seen");
	struct hmm_p2p_device_config config = {
		.dev = dev,
		.name = "kunit-seen",
		.ops = &ops,
		.memory = SZ_4M,
	};

	KUNIT_ASSERT_NOT_NULL(test, e);
	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	KUNIT_ASSERT_EQ(test, hmm_p2p_seen_grow(&e->seen, npages), 0);
	e->hdev = hmm_p2p_device_register(&config);
	KUNIT_ASSERT_FALSE(test, IS_ERR(e->hdev));
	return e;
}

static void end(struct example *e)
{
	hmm_p2p_seen_free(&e->seen);
	hmm_p2p_device_unregister(e->hdev);
}

/* The walk meets page @index of the device. Return: whether there was room. */
static bool note(struct example *e, unsigned long index)
{
	return hmm_p2p_seen_note(&e->seen, FIRST + index, 1, hmm_p2p_page_at(e->hdev, index));
}

/* @nr entries from @i on name the pages of the device from @index on. */
static void entries(struct example *e, unsigned long i, unsigned long nr, unsigned long index)
{
	while (nr--)
		e->pfns[i++] = (FIRST + index++) | HMM_PFN_VALID | HMM_PFN_WRITE;
}

static void expect_run(struct kunit *test, struct example *e, unsigned long i,
		       unsigned long nr, unsigned long index)
{
	struct page *page;

	KUNIT_EXPECT_EQ(test, hmm_p2p_seen_find(&e->seen, e->pfns + i, NR - i, &page), nr);
	KUNIT_EXPECT_PTR_EQ(test, page, hmm_p2p_page_at(e->hdev, index));
}

static void expect_none(struct kunit *test, struct example *e, unsigned long i)
{
	struct page *page;

	KUNIT_EXPECT_EQ(test, hmm_p2p_seen_find(&e->seen, e->pfns + i, NR - i, &page), 1);
	KUNIT_EXPECT_NULL(test, page);
}

/* They follow each other: one run, which ends where a chunk does, or the range. */
static void test_run(struct kunit *test)
{
	struct example *e = begin(test, NR);
	unsigned long i;

	for (i = 10; i < NR; i++)
		KUNIT_EXPECT_TRUE(test, note(e, i));
	KUNIT_EXPECT_EQ(test, e->seen.nr, 1);
	hmm_p2p_seen_sort(&e->seen);
	entries(e, 0, NR - 10, 10);
	expect_run(test, e, 0, HPAGE_PMD_NR - 10, 10);
	expect_run(test, e, HPAGE_PMD_NR - 10, HPAGE_PMD_NR, HPAGE_PMD_NR);
	expect_none(test, e, NR - 10);
	end(e);
}

/* In any order, with other pages between them. */
static void test_scattered(struct kunit *test)
{
	static const unsigned long order[] = { 9, 3, 4, 700, 20, 1 };
	struct example *e = begin(test, NR);
	unsigned long i;

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		KUNIT_EXPECT_TRUE(test, note(e, order[i]));
		entries(e, 2 * i, 1, order[i]);
		/* RAM, whose PFN is the next or any other one */
		e->pfns[2 * i + 1] = (i % 2 ? FIRST + order[i] + 30 : 77) | HMM_PFN_VALID;
	}
	hmm_p2p_seen_sort(&e->seen);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		expect_run(test, e, 2 * i, 1, order[i]);
		expect_none(test, e, 2 * i + 1);
	}
	/* Also one that comes before what was found last. */
	expect_run(test, e, 0, 1, 9);
	end(e);
}

/* A walk that begins again asks again. */
static void test_again(struct kunit *test)
{
	struct example *e = begin(test, NR);
	unsigned long i;

	for (i = 0; i < 8; i++)
		note(e, i);
	note(e, 100);
	for (i = 5; i < 12; i++)
		note(e, i);
	note(e, 11);
	hmm_p2p_seen_sort(&e->seen);
	KUNIT_EXPECT_EQ(test, e->seen.nr, 2);
	entries(e, 0, 12, 0);
	expect_run(test, e, 0, 12, 0);
	entries(e, 12, 1, 100);
	expect_run(test, e, 12, 1, 100);
	end(e);
}

/* An entry that is not valid belongs to nothing, whatever else it says. */
static void test_not_valid(struct kunit *test)
{
	struct example *e = begin(test, NR);
	unsigned long i;

	for (i = 0; i < 4; i++)
		note(e, i);
	hmm_p2p_seen_sort(&e->seen);
	entries(e, 0, 4, 0);
	e->pfns[2] &= ~HMM_PFN_VALID;
	expect_run(test, e, 0, 2, 0);
	expect_none(test, e, 2);
	expect_run(test, e, 3, 1, 3);
	end(e);
}

/* An exporter says at once for how many pages its answer is good. */
static void test_many(struct kunit *test)
{
	struct example *e = begin(test, NR);
	struct page *first = hmm_p2p_page_at(e->hdev, 100);

	KUNIT_EXPECT_TRUE(test, hmm_p2p_seen_note(&e->seen, FIRST + 100, 50, first));
	KUNIT_EXPECT_TRUE(test, note(e, 120));
	KUNIT_EXPECT_EQ(test, e->seen.nr, 1);
	KUNIT_EXPECT_TRUE(test, note(e, 10));
	KUNIT_EXPECT_TRUE(test, hmm_p2p_seen_note(&e->seen, FIRST + 140, 50,
						  hmm_p2p_page_at(e->hdev, 140)));
	hmm_p2p_seen_sort(&e->seen);
	KUNIT_EXPECT_EQ(test, e->seen.nr, 2);
	entries(e, 0, 100, 100);
	expect_run(test, e, 0, 90, 100);
	expect_none(test, e, 90);
	end(e);
}

/* A huge page goes on to its end, which need not be that of the range. */
static void test_huge(struct kunit *test)
{
	struct example *e = begin(test, NR);
	unsigned long i;

	KUNIT_EXPECT_TRUE(test, hmm_p2p_seen_note(&e->seen, FIRST, NR,
						  hmm_p2p_page_at(e->hdev, 0)));
	hmm_p2p_seen_sort(&e->seen);
	entries(e, 0, NR, 0);
	for (i = 0; i < NR; i++)
		e->pfns[i] |= (unsigned long)HPAGE_PMD_ORDER << HMM_PFN_ORDER_SHIFT;
	expect_run(test, e, 0, HPAGE_PMD_NR, 0);
	expect_run(test, e, HPAGE_PMD_NR - 7, 7, HPAGE_PMD_NR - 7);
	expect_run(test, e, NR - 7, 7, NR - 7);
	end(e);
}

/* What needs more room than there was at first has it the next time, or the one after. */
static void test_grow(struct kunit *test)
{
	struct example *e = begin(test, NR);
	unsigned long i, tries = 0;

	do {
		for (i = 0; i < NR / 2 && note(e, 2 * i); i++)
			;
		KUNIT_EXPECT_EQ(test, e->seen.full, i < NR / 2);
		if (e->seen.full)
			KUNIT_ASSERT_EQ(test, hmm_p2p_seen_grow(&e->seen, NR), 0);
	} while (i < NR / 2 && ++tries < 4);
	KUNIT_EXPECT_EQ(test, tries, 2);
	KUNIT_EXPECT_EQ(test, e->seen.nr, NR / 2);
	end(e);
}

/* Without room nothing is noted, but what follows the last one needs none. */
static void test_no_room(struct kunit *test)
{
	struct example *e = begin(test, 1);

	KUNIT_EXPECT_TRUE(test, note(e, 0));
	KUNIT_EXPECT_TRUE(test, note(e, 2));
	KUNIT_EXPECT_FALSE(test, e->seen.full);
	KUNIT_EXPECT_FALSE(test, note(e, 4));
	KUNIT_EXPECT_TRUE(test, e->seen.full);
	KUNIT_EXPECT_TRUE(test, note(e, 3));
	hmm_p2p_seen_sort(&e->seen);
	entries(e, 0, 2, 2);
	expect_run(test, e, 0, 2, 2);
	end(e);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_run),
	KUNIT_CASE(test_scattered),
	KUNIT_CASE(test_again),
	KUNIT_CASE(test_not_valid),
	KUNIT_CASE(test_many),
	KUNIT_CASE(test_huge),
	KUNIT_CASE(test_grow),
	KUNIT_CASE(test_no_room),
	{ }
};

static struct kunit_suite suite = {
	.name = "hmm_p2p_seen",
	.test_cases = cases,
};

kunit_test_suite(suite);
