/* SPDX-License-Identifier: GPL-2.0 */
/* Which move a device page belongs to. Needs no lock, but see claim.c for who may write it. */
#ifndef _HMM_P2P_CLAIM_H
#define _HMM_P2P_CLAIM_H

#include <linux/types.h>

struct hmm_p2p_device;
struct page;

unsigned long hmm_p2p_claim_new(void);
bool hmm_p2p_claim_known(u64 claim);
void hmm_p2p_claim_page(struct page *page, unsigned long claim);
bool hmm_p2p_claim_has(const struct page *page, unsigned long claim);
bool hmm_p2p_claim_has_chunk(const struct hmm_p2p_device *hdev, unsigned long index,
			     unsigned long claim);

#endif /* _HMM_P2P_CLAIM_H */
