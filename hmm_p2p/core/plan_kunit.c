// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: what becomes of the pages that a plan's walk has found, and of the caller's
 * array. The walk itself is the kernel's; here its result is made up.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/hmm_p2p.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "pagemap.h"
#include "plan.h"
#include "report.h"

#define NR		HPAGE_PMD_NR
#define HUGE		((unsigned long)HPAGE_PMD_ORDER << HMM_PFN_ORDER_SHIFT)
#define READABLE	HMM_PFN_VALID
#define WRITABLE	(HMM_PFN_VALID | HMM_PFN_WRITE)
#define P2P		HMM_P2P_REPORT(HMM_P2P_OUTCOME_P2P, 0)
#define PRIVATE		HMM_P2P_REPORT(HMM_P2P_OUTCOME_PRIVATE, 0)
#define MIGRATED(why)	HMM_P2P_REPORT(HMM_P2P_OUTCOME_MIGRATED, HMM_P2P_REASON_ ## why)

/* Aliases: of real memory, though nobody reads it, in the order of the pages but for one. */
static struct {
	unsigned long first;
	unsigned long odd;
	unsigned long none;
} aliases;

static int get_dma_pfn(struct page *private_page, unsigned long *dma_pfn)
{
	unsigned long i = hmm_p2p_page_index(private_page);

	if (i == aliases.none)
		return -ENXIO;
	*dma_pfn = aliases.first + (i == aliases.odd ? i - 1 : i);
	return 0;
}

static unsigned long get_dma_pfn_run(struct page *private_page, unsigned long nr,
				     unsigned long *dma_pfn)
{
	unsigned long first = hmm_p2p_page_index(private_page), i;

	if (get_dma_pfn(private_page, dma_pfn))
		return 0;
	if (first == aliases.odd)
		return 1;
	for (i = 1; i < nr && first + i != aliases.odd && first + i != aliases.none; i++)
		;
	return i;
}

static struct dma_fence *copy(struct hmm_p2p_device *hdev, const struct hmm_p2p_copy *runs,
			      unsigned int nr)
{
	return NULL;
}

static const struct hmm_p2p_device_ops ops = {
	.get_dma_pfn_for_device	= get_dma_pfn,
	.copy_to_device		= copy,
	.copy_to_ram		= copy,
};

static const struct hmm_p2p_device_ops run_ops = {
	.get_dma_pfn_for_device	= get_dma_pfn,
	.get_dma_pfn_run	= get_dma_pfn_run,
	.copy_to_device		= copy,
	.copy_to_ram		= copy,
};

static const struct hmm_p2p_device_ops *const exporters[] = { &ops, &run_ops };

static void say_exporter(const struct hmm_p2p_device_ops *const *exporter, char *text)
{
	strscpy(text, *exporter == &ops ? "asked page by page" : "asked for many pages",
		KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(exporters, exporters, say_exporter);

/**
 * struct example - a range of one huge page, on a device
 * @hdev: the device
 * @range: asks for a fault
 * @fault: by an importer that reaches all memory of the system
 * @plan: as after its walk has begun
 * @pfns: the caller's array
 * @snap: what the walk finds
 * @entries: of the plan
 * @report: what became of each page
 * @pages: those that the importer has as p2p
 */
struct example {
	struct hmm_p2p_device *hdev;
	struct hmm_range range;
	struct hmm_p2p_fault fault;
	struct fault_plan plan;
	unsigned long pfns[NR];
	unsigned long snap[NR];
	struct plan_entry entries[NR];
	u8 report[NR];
	struct page *pages[NR];
};

static struct example *begin(struct kunit *test)
{
	struct example *e = kunit_kzalloc(test, sizeof(*e), GFP_KERNEL);
	struct device *dev = kunit_device_register(test, "hmm_p2p_plan");
	struct hmm_p2p_device_config config = {
		.dev = dev,
		.name = "kunit-plan",
		.ops = *(const struct hmm_p2p_device_ops *const *)test->param_value,
		.memory = SZ_2M,
		.window = SZ_2M,
		.alias_is_system = true,
	};

	KUNIT_ASSERT_NOT_NULL(test, e);
	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	/* The first huge page of memory that is described, whosever it is. */
	aliases.first = ALIGN(page_to_pfn(virt_to_page(e)) + 1, NR) - NR;
	aliases.odd = NR;
	aliases.none = NR;
	e->hdev = hmm_p2p_device_register(&config);
	KUNIT_ASSERT_FALSE(test, IS_ERR(e->hdev));
	e->fault.importer.dev = dev;
	e->fault.report = e->report;
	e->fault.pages = e->pages;
	e->range.start = SZ_2M;
	e->range.end = SZ_4M;
	e->range.hmm_pfns = e->pfns;
	e->range.default_flags = HMM_PFN_REQ_FAULT;
	e->plan.range = &e->range;
	e->plan.fault = &e->fault;
	e->plan.npages = NR;
	e->plan.snap = e->snap;
	e->plan.entry = e->entries;
	return e;
}

static void end(struct example *e)
{
	hmm_p2p_device_unregister(e->hdev);
}

static void found(struct example *e, unsigned long i, unsigned long flags)
{
	e->snap[i] = page_to_pfn(hmm_p2p_page_at(e->hdev, i)) | flags;
}

static void decide(struct example *e)
{
	struct hmm_p2p_owner *owner = hmm_p2p_device_owner(e->hdev);

	hmm_p2p_plan_entries(&e->plan, owner);
	hmm_p2p_plan_merge(&e->plan);
	hmm_p2p_owner_put(owner);
}

static void test_small(struct kunit *test)
{
	struct example *e = begin(test);

	found(e, 3, WRITABLE);
	found(e, 4, READABLE);
	found(e, 5, READABLE);
	e->entries[5].write = true;
	found(e, 6, WRITABLE);
	aliases.none = 6;
	/* What the caller keeps there survives. */
	e->pfns[3] = HMM_PFN_DMA_MAPPED;
	e->pfns[9] = 1234;
	decide(e);

	KUNIT_EXPECT_EQ(test, e->plan.planned, 2);
	KUNIT_EXPECT_TRUE(test, e->plan.met);
	KUNIT_EXPECT_EQ(test, e->pfns[3], (aliases.first + 3) | WRITABLE | HMM_PFN_DMA_MAPPED);
	KUNIT_EXPECT_EQ(test, e->pfns[4], (aliases.first + 4) | READABLE);
	KUNIT_EXPECT_PTR_EQ(test, e->pages[4], hmm_p2p_page_at(e->hdev, 4));
	KUNIT_EXPECT_EQ(test, e->report[4], P2P);
	KUNIT_EXPECT_EQ(test, e->pfns[5], 0);
	KUNIT_EXPECT_PTR_EQ(test, e->pages[5], NULL);
	KUNIT_EXPECT_EQ(test, e->report[5], MIGRATED(READ_ONLY));
	KUNIT_EXPECT_EQ(test, e->report[6], MIGRATED(NO_ALIAS));
	KUNIT_EXPECT_EQ(test, e->pfns[9], 1234);
	KUNIT_EXPECT_EQ(test, e->report[9], 0);
	end(e);
}

/* Of pages that follow each other each one stays or goes by itself. */
static void test_small_run(struct kunit *test)
{
	struct example *e = begin(test);
	unsigned long i;

	for (i = 0; i < 20; i++)
		found(e, i, WRITABLE);
	aliases.none = 6;
	aliases.odd = 9;
	decide(e);
	KUNIT_EXPECT_EQ(test, e->plan.planned, 19);
	for (i = 0; i < 20; i++) {
		KUNIT_EXPECT_EQ(test, e->report[i], i == 6 ? MIGRATED(NO_ALIAS) : P2P);
		KUNIT_EXPECT_EQ(test, e->pfns[i], i == 6 ? 0 : (aliases.first + i - (i == 9)) |
							       WRITABLE);
		KUNIT_EXPECT_PTR_EQ(test, e->pages[i],
				    i == 6 ? NULL : hmm_p2p_page_at(e->hdev, i));
	}
	end(e);
}

/* Those of copy on write go, where write is asked for all; the others stay. */
static void test_small_written(struct kunit *test)
{
	struct example *e = begin(test);
	unsigned long i;

	for (i = 0; i < 20; i++)
		found(e, i, i < 10 ? READABLE : WRITABLE);
	e->plan.writes = true;
	decide(e);
	KUNIT_EXPECT_EQ(test, e->plan.planned, 10);
	for (i = 0; i < 20; i++) {
		KUNIT_EXPECT_EQ(test, e->report[i], i < 10 ? MIGRATED(READ_ONLY) : P2P);
		KUNIT_EXPECT_EQ(test, e->pfns[i],
				i < 10 ? 0 : (aliases.first + i) | WRITABLE);
	}
	end(e);
}

/* Without a fault asked for, a page that cannot be had stays, and is not valid. */
static void test_no_fault(struct kunit *test)
{
	struct example *e = begin(test);

	e->range.default_flags = 0;
	e->fault.importer.no_p2p = true;
	found(e, 0, WRITABLE);
	decide(e);
	KUNIT_EXPECT_EQ(test, e->plan.planned, 0);
	KUNIT_EXPECT_EQ(test, e->pfns[0], 0);
	KUNIT_EXPECT_EQ(test, e->report[0], 0);
	end(e);
}

static void test_own(struct kunit *test)
{
	struct example *e = begin(test);
	struct hmm_p2p_owner *owner = hmm_p2p_device_owner(e->hdev);

	e->range.dev_private_owner = owner;
	found(e, 0, WRITABLE);
	found(e, 1, READABLE);
	decide(e);
	KUNIT_EXPECT_EQ(test, e->plan.planned, 2);
	KUNIT_EXPECT_FALSE(test, e->plan.met);
	KUNIT_EXPECT_EQ(test, e->pfns[0], e->snap[0]);
	KUNIT_EXPECT_EQ(test, e->pfns[1], e->snap[1]);
	KUNIT_EXPECT_PTR_EQ(test, e->pages[0], NULL);
	KUNIT_EXPECT_EQ(test, e->report[0], PRIVATE);

	/* Copy on write: only hmm_range_fault() can make it writable, in RAM. */
	memset(e->entries, 0, sizeof(e->entries));
	e->plan.planned = 0;
	e->entries[0].write = true;
	e->entries[1].write = true;
	decide(e);
	KUNIT_EXPECT_EQ(test, e->plan.planned, 1);
	KUNIT_EXPECT_TRUE(test, e->plan.met);
	KUNIT_EXPECT_EQ(test, e->report[0], PRIVATE);
	KUNIT_EXPECT_EQ(test, e->report[1], MIGRATED(READ_ONLY));
	hmm_p2p_owner_put(owner);
	end(e);
}

static void find_huge(struct example *e)
{
	unsigned long i;

	for (i = 0; i < NR; i++)
		found(e, i, WRITABLE | HUGE);
}

static void test_huge(struct kunit *test)
{
	struct example *e = begin(test);

	find_huge(e);
	decide(e);
	KUNIT_EXPECT_EQ(test, e->plan.planned, NR);
	KUNIT_EXPECT_EQ(test, e->pfns[0], aliases.first | WRITABLE | HUGE);
	KUNIT_EXPECT_EQ(test, e->pfns[NR - 1], (aliases.first + NR - 1) | WRITABLE | HUGE);
	KUNIT_EXPECT_EQ(test, e->report[NR - 1], P2P);
	end(e);
}

/* One that is to be written, and is copy on write, takes the others with it. */
static void test_huge_read_only(struct kunit *test)
{
	struct example *e = begin(test);
	unsigned long i;

	for (i = 0; i < NR; i++)
		found(e, i, READABLE | HUGE);
	decide(e);
	KUNIT_EXPECT_EQ(test, e->plan.planned, NR);
	KUNIT_EXPECT_EQ(test, e->pfns[NR - 1], (aliases.first + NR - 1) | READABLE | HUGE);

	memset(e->entries, 0, sizeof(e->entries));
	memset(e->pfns, 0, sizeof(e->pfns));
	e->plan.planned = 0;
	e->entries[30].write = true;
	decide(e);
	KUNIT_EXPECT_EQ(test, e->plan.planned, 0);
	KUNIT_EXPECT_EQ(test, e->report[0], MIGRATED(MIXED_HUGE));
	KUNIT_EXPECT_EQ(test, e->report[30], MIGRATED(READ_ONLY));
	KUNIT_EXPECT_EQ(test, e->pfns[NR - 1], 0);
	end(e);
}

/* Aliases that are no block are single pages. */
static void test_huge_scattered(struct kunit *test)
{
	struct example *e = begin(test);

	aliases.odd = 7;
	find_huge(e);
	decide(e);
	KUNIT_EXPECT_EQ(test, e->plan.planned, NR);
	KUNIT_EXPECT_EQ(test, e->pfns[7], (aliases.first + 6) | WRITABLE);
	KUNIT_EXPECT_EQ(test, e->pfns[8], (aliases.first + 8) | WRITABLE);
	end(e);
}

/* All of it or nothing, and all are told why. */
static void test_huge_mixed(struct kunit *test)
{
	struct example *e = begin(test);

	aliases.none = 100;
	find_huge(e);
	decide(e);
	KUNIT_EXPECT_EQ(test, e->plan.planned, 0);
	KUNIT_EXPECT_EQ(test, e->pfns[0], 0);
	KUNIT_EXPECT_EQ(test, e->report[0], MIGRATED(MIXED_HUGE));
	KUNIT_EXPECT_EQ(test, e->report[100], MIGRATED(NO_ALIAS));
	KUNIT_EXPECT_EQ(test, e->report[NR - 1], MIGRATED(MIXED_HUGE));
	KUNIT_EXPECT_PTR_EQ(test, e->pages[0], NULL);
	end(e);
}

/* A range may begin or end within a huge page. */
static void test_huge_part(struct kunit *test)
{
	struct example *e = begin(test);
	unsigned long i;

	e->range.start += 10 * PAGE_SIZE;
	e->range.end = e->range.start + 20 * PAGE_SIZE;
	e->plan.npages = 20;
	for (i = 0; i < 20; i++)
		e->snap[i] = page_to_pfn(hmm_p2p_page_at(e->hdev, 10 + i)) | WRITABLE | HUGE;
	decide(e);
	KUNIT_EXPECT_EQ(test, e->plan.planned, 20);
	KUNIT_EXPECT_EQ(test, e->pfns[0], (aliases.first + 10) | WRITABLE | HUGE);
	KUNIT_EXPECT_EQ(test, e->pfns[19], (aliases.first + 29) | WRITABLE | HUGE);
	KUNIT_EXPECT_EQ(test, e->pfns[20], 0);
	end(e);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(test_small, exporters_gen_params),
	KUNIT_CASE_PARAM(test_small_run, exporters_gen_params),
	KUNIT_CASE_PARAM(test_small_written, exporters_gen_params),
	KUNIT_CASE_PARAM(test_no_fault, exporters_gen_params),
	KUNIT_CASE_PARAM(test_own, exporters_gen_params),
	KUNIT_CASE_PARAM(test_huge, exporters_gen_params),
	KUNIT_CASE_PARAM(test_huge_read_only, exporters_gen_params),
	KUNIT_CASE_PARAM(test_huge_scattered, exporters_gen_params),
	KUNIT_CASE_PARAM(test_huge_mixed, exporters_gen_params),
	KUNIT_CASE_PARAM(test_huge_part, exporters_gen_params),
	{ }
};

static struct kunit_suite suite = {
	.name = "hmm_p2p_plan",
	.test_cases = cases,
};

kunit_test_suite(suite);
