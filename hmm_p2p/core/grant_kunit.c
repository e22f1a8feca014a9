// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: what an importer may have of a mapping of which it may not have all. No CPU of
 * the lab has shadow stacks, so a mapping is made up.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "grant.h"

#define NR	4
#define START	0x10000UL

/* The middle of a range that a fault has found all of. */
#define FIRST	(START + PAGE_SIZE)
#define LAST	(START + 3 * PAGE_SIZE)

#define FOUND	(HMM_PFN_VALID | HMM_PFN_WRITE | HMM_PFN_DMA_MAPPED | 0x1234)

static struct hmm_range range_for(unsigned long *entries, unsigned long flags)
{
	return (struct hmm_range) {
		.start = START,
		.end = START + NR * PAGE_SIZE,
		.hmm_pfns = entries,
		.default_flags = flags,
	};
}

static void test_of(struct kunit *test)
{
	struct vm_area_struct *vma = kunit_kzalloc(test, sizeof(*vma), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, vma);
	KUNIT_EXPECT_EQ(test, hmm_p2p_grant_of(vma), HMM_P2P_GRANT_ALL);
	if (!VM_SHADOW_STACK)
		kunit_skip(test, "this kernel has no shadow stacks");
	vm_flags_init(vma, VM_READ | VM_WRITE | VM_SHADOW_STACK);
	KUNIT_EXPECT_EQ(test, hmm_p2p_grant_of(vma), HMM_P2P_GRANT_READ);
}

static int check(unsigned long flags, enum hmm_p2p_grant grant)
{
	unsigned long entries[NR] = {};
	struct hmm_range range = range_for(entries, flags);

	return hmm_p2p_grant_check_part(&range, FIRST, LAST, grant);
}

static void test_check(struct kunit *test)
{
	const unsigned long reads = HMM_PFN_REQ_FAULT, writes = reads | HMM_PFN_REQ_WRITE;

	KUNIT_EXPECT_EQ(test, check(writes, HMM_P2P_GRANT_ALL), 0);
	KUNIT_EXPECT_EQ(test, check(reads, HMM_P2P_GRANT_READ), 0);
	KUNIT_EXPECT_EQ(test, check(writes, HMM_P2P_GRANT_READ), -EPERM);
	KUNIT_EXPECT_EQ(test, check(0, HMM_P2P_GRANT_NOTHING), 0);
	KUNIT_EXPECT_EQ(test, check(reads, HMM_P2P_GRANT_NOTHING), -EFAULT);
}

/* Who asks page by page is heard only for those that are there. */
static void test_check_pages(struct kunit *test)
{
	unsigned long entries[NR] = { HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE };
	struct hmm_range range = range_for(entries, 0);

	range.pfn_flags_mask = HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE;
	KUNIT_EXPECT_EQ(test, hmm_p2p_grant_check_part(&range, FIRST, LAST,
						       HMM_P2P_GRANT_READ), 0);
	entries[2] = entries[0];
	KUNIT_EXPECT_EQ(test, hmm_p2p_grant_check_part(&range, FIRST, LAST,
						       HMM_P2P_GRANT_READ), -EPERM);
}

static void restrict_all(unsigned long entries[NR], enum hmm_p2p_grant grant)
{
	struct hmm_range range = range_for(entries, HMM_PFN_REQ_FAULT);
	unsigned int i;

	for (i = 0; i < NR; i++)
		entries[i] = FOUND + i;
	hmm_p2p_grant_restrict_part(&range, FIRST, LAST, grant);
}

/* What was asked for reading, and can be written by the CPU, is not for writing. */
static void test_restrict_read(struct kunit *test)
{
	unsigned long entries[NR];

	restrict_all(entries, HMM_P2P_GRANT_READ);
	KUNIT_EXPECT_EQ(test, entries[0], FOUND);
	KUNIT_EXPECT_EQ(test, entries[1], (FOUND + 1) & ~HMM_PFN_WRITE);
	KUNIT_EXPECT_EQ(test, entries[2], (FOUND + 2) & ~HMM_PFN_WRITE);
	KUNIT_EXPECT_EQ(test, entries[3], FOUND + 3);
}

static void test_restrict_nothing(struct kunit *test)
{
	unsigned long entries[NR];

	restrict_all(entries, HMM_P2P_GRANT_NOTHING);
	KUNIT_EXPECT_EQ(test, entries[0], FOUND);
	KUNIT_EXPECT_EQ(test, entries[1], HMM_PFN_ERROR | HMM_PFN_DMA_MAPPED);
	KUNIT_EXPECT_EQ(test, entries[2], HMM_PFN_ERROR | HMM_PFN_DMA_MAPPED);
	KUNIT_EXPECT_EQ(test, entries[3], FOUND + 3);
}

static void test_restrict_all(struct kunit *test)
{
	unsigned long entries[NR];

	restrict_all(entries, HMM_P2P_GRANT_ALL);
	KUNIT_EXPECT_EQ(test, entries[1], FOUND + 1);
	KUNIT_EXPECT_EQ(test, entries[2], FOUND + 2);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_of),
	KUNIT_CASE(test_check),
	KUNIT_CASE(test_check_pages),
	KUNIT_CASE(test_restrict_read),
	KUNIT_CASE(test_restrict_nothing),
	KUNIT_CASE(test_restrict_all),
	{ }
};

static struct kunit_suite suite = {
	.name = "hmm_p2p_grant",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_IMPORT_NS("HMM_P2P_INTERNAL");
