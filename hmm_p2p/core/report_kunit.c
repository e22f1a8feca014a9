// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: a byte for each page of a fault, from one try to the next and to the counts
 * that callers see.
 */
#include <kunit/test.h>
#include <linux/hmm.h>
#include <linux/module.h>

#include "report.h"

#define NR	6

static const u8 mixed[NR] = {
	0,
	HMM_P2P_REPORT(HMM_P2P_OUTCOME_PRIVATE, 0),
	HMM_P2P_REPORT(HMM_P2P_OUTCOME_P2P, 0),
	HMM_P2P_REPORT(HMM_P2P_OUTCOME_MIGRATED, HMM_P2P_REASON_NO_PATH),
	HMM_P2P_REPORT(HMM_P2P_OUTCOME_MIGRATED, HMM_P2P_REASON_UNTOUCHED),
	HMM_P2P_REPORT(HMM_P2P_OUTCOME_NONE, HMM_P2P_REASON_IMPORTER),
};

static u64 sum(const u64 *numbers, unsigned int nr)
{
	u64 all = 0;

	while (nr--)
		all += numbers[nr];
	return all;
}

/* Also the last reason there is keeps its number in half a byte. */
static void test_tally(struct kunit *test)
{
	u64 reasons[HMM_P2P_REASON_SLOTS] = {};
	struct hmm_p2p_tally tally = hmm_p2p_report_tally(mixed, NR, reasons);

	KUNIT_EXPECT_EQ(test, sum(tally.outcomes, ARRAY_SIZE(tally.outcomes)), NR);
	KUNIT_EXPECT_EQ(test, tally.outcomes[HMM_P2P_OUTCOME_PRIVATE], 1);
	KUNIT_EXPECT_EQ(test, tally.outcomes[HMM_P2P_OUTCOME_P2P], 1);
	KUNIT_EXPECT_EQ(test, tally.outcomes[HMM_P2P_OUTCOME_MIGRATED], 2);
	KUNIT_EXPECT_EQ(test, sum(reasons, HMM_P2P_REASON_SLOTS), 2);
	KUNIT_EXPECT_EQ(test, reasons[HMM_P2P_REASON_NO_PATH], 1);
	KUNIT_EXPECT_EQ(test, reasons[HMM_P2P_REASON_UNTOUCHED], 1);
}

/* Counts are added to, and of a fault that failed only what made it fail stays. */
static void test_refused(struct kunit *test)
{
	u64 reasons[HMM_P2P_REASON_SLOTS] = { [HMM_P2P_REASON_IMPORTER] = 40 };
	u8 report[NR];
	unsigned int i;

	memcpy(report, mixed, NR);
	hmm_p2p_report_refused(report, NR, reasons);
	KUNIT_EXPECT_EQ(test, reasons[HMM_P2P_REASON_IMPORTER], 41);
	KUNIT_EXPECT_EQ(test, sum(reasons, HMM_P2P_REASON_SLOTS), 41);
	for (i = 0; i < NR - 1; i++)
		KUNIT_EXPECT_EQ(test, report[i], 0);
	KUNIT_EXPECT_EQ(test, report[NR - 1], mixed[NR - 1]);
}

/* What has come home stays so, although the next try finds it in RAM. */
static void test_next_try(struct kunit *test)
{
	unsigned long pfns[NR] = {};
	struct hmm_range range = { .hmm_pfns = pfns };
	struct page *page = alloc_page(GFP_KERNEL);
	u8 report[NR];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, page);
	memcpy(report, mixed, NR);
	for (i = 1; i < NR; i++)
		pfns[i] = page_to_pfn(page) | HMM_PFN_VALID;
	hmm_p2p_report_begin(report, NR);
	hmm_p2p_report_end(&range, report, NR);
	/* nothing is mapped there */
	KUNIT_EXPECT_EQ(test, report[0], 0);
	for (i = 1; i < NR; i++)
		KUNIT_EXPECT_EQ(test, report[i],
				HMM_P2P_REPORT_OUTCOME(mixed[i]) == HMM_P2P_OUTCOME_MIGRATED ?
				mixed[i] : HMM_P2P_REPORT(HMM_P2P_OUTCOME_SYSTEM, 0));
	__free_page(page);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_tally),
	KUNIT_CASE(test_refused),
	KUNIT_CASE(test_next_try),
	{ }
};

static struct kunit_suite suite = {
	.name = "hmm_p2p_report",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_IMPORT_NS("HMM_P2P_INTERNAL");
