// SPDX-License-Identifier: GPL-2.0
/* What became of each page of a fault: hmm_p2p_fault.report. */
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/hmm.h>
#include <linux/memremap.h>

#include "device.h"
#include "report.h"

/**
 * hmm_p2p_report_tally - count pages by outcome
 * @report: of a fault that succeeded
 * @npages: how many pages
 * @reasons: by enum hmm_p2p_reason; grows by the migrated pages
 *
 * Context: any.
 * Return: the pages by outcome.
 */
struct hmm_p2p_tally hmm_p2p_report_tally(const u8 *report, unsigned long npages,
					  u64 *reasons)
{
	struct hmm_p2p_tally tally = {};
	unsigned long i;

	for (i = 0; i < npages; i++) {
		tally.outcomes[HMM_P2P_REPORT_OUTCOME(report[i])]++;
		if (HMM_P2P_REPORT_OUTCOME(report[i]) == HMM_P2P_OUTCOME_MIGRATED)
			reasons[HMM_P2P_REPORT_REASON(report[i])]++;
	}
	return tally;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_report_tally, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_report_refused - tell of the pages that made a fault fail
 * @report: of the fault, which failed with -EREMOTEIO; what it says about other
 *	pages did not come about and is taken out
 * @npages: how many pages
 * @reasons: by enum hmm_p2p_reason; grows by the pages that were refused
 *
 * Context: any.
 */
void hmm_p2p_report_refused(u8 *report, unsigned long npages, u64 *reasons)
{
	unsigned long i;

	for (i = 0; i < npages; i++) {
		if (HMM_P2P_REPORT_OUTCOME(report[i]))
			report[i] = 0;
		else if (report[i])
			reasons[HMM_P2P_REPORT_REASON(report[i])]++;
	}
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_report_refused, HMM_P2P_INTERNAL_NS);

/* What an earlier try sent home stays noted; other outcomes start anew. */
void hmm_p2p_report_begin(u8 *report, unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i++)
		if (HMM_P2P_REPORT_OUTCOME(report[i]) != HMM_P2P_OUTCOME_MIGRATED)
			report[i] = 0;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_report_begin);

static enum hmm_p2p_outcome mapped_outcome(unsigned long hmm_pfn)
{
	return is_pci_p2pdma_page(hmm_pfn_to_page(hmm_pfn)) ?
	       HMM_P2P_OUTCOME_P2P : HMM_P2P_OUTCOME_SYSTEM;
}

/*
 * Other drivers map peer to peer memory, too, and who opts out gets none of it.
 */
int hmm_p2p_refuse_p2p(const struct hmm_range *range, u8 *report,
		       unsigned long npages)
{
	unsigned long i;
	int ret = 0;

	for (i = 0; i < npages; i++) {
		if (hmm_p2p_pfn_kind(range->hmm_pfns[i]) != HMM_P2P_PFN_ALIAS)
			continue;
		ret = -EREMOTEIO;
		if (report)
			report[i] = HMM_P2P_REPORT(HMM_P2P_OUTCOME_NONE,
						   HMM_P2P_REASON_IMPORTER);
	}
	return ret;
}

/*
 * What the plan has not reported was in RAM all along; or it is mapped as peer to
 * peer memory, which nothing moves: shared memory that the importer may have, or
 * memory of other drivers, about which the DMA API decides.
 */
void hmm_p2p_report_end(const struct hmm_range *range, u8 *report,
			unsigned long npages)
{
	unsigned long i;

	for (i = 0; i < npages; i++)
		if ((range->hmm_pfns[i] & HMM_PFN_VALID) && !report[i])
			report[i] = HMM_P2P_REPORT(mapped_outcome(range->hmm_pfns[i]), 0);
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_report_end);
