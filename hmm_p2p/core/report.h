/* SPDX-License-Identifier: GPL-2.0 */
/* What became of each page of a fault, a byte for each. Needs no lock. */
#ifndef _HMM_P2P_REPORT_H
#define _HMM_P2P_REPORT_H

#include <linux/types.h>
#include <uapi/linux/hmm_p2p.h>

struct hmm_range;

#define HMM_P2P_REPORT(outcome, reason)	((outcome) | (reason) << 4)
#define HMM_P2P_REPORT_OUTCOME(r)	((r) & 0xf)
#define HMM_P2P_REPORT_REASON(r)	((r) >> 4)

/**
 * struct hmm_p2p_tally - pages of a report
 * @outcomes: by enum hmm_p2p_outcome
 */
struct hmm_p2p_tally {
	u64 outcomes[HMM_P2P_OUTCOME_SYSTEM + 1];
};

void hmm_p2p_report_begin(u8 *report, unsigned long npages);
void hmm_p2p_report_end(const struct hmm_range *range, u8 *report,
			unsigned long npages);
int hmm_p2p_refuse_p2p(const struct hmm_range *range, u8 *report,
		       unsigned long npages);
struct hmm_p2p_tally hmm_p2p_report_tally(const u8 *report, unsigned long npages,
					  u64 *reasons);
void hmm_p2p_report_refused(u8 *report, unsigned long npages, u64 *reasons);

#endif /* _HMM_P2P_REPORT_H */
