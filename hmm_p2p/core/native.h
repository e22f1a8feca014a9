/* SPDX-License-Identifier: GPL-2.0 */
/* What an exporter gives to a kernel whose hmm_range_fault() knows importers. */
#ifndef _HMM_P2P_NATIVE_H
#define _HMM_P2P_NATIVE_H

struct hmm_p2p_device;
struct page;

#ifdef HMM_P2P_HAVE_HOOK
unsigned long hmm_p2p_native_aliases(struct page *page, unsigned long nr,
				     unsigned long *dma_pfn);
void hmm_p2p_native_provider(struct hmm_p2p_device *hdev);
#else
static inline void hmm_p2p_native_provider(struct hmm_p2p_device *hdev) {}
#endif

#endif /* _HMM_P2P_NATIVE_H */
