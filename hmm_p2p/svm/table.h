/* SPDX-License-Identifier: GPL-2.0 */
/* What a device has of a process, under the lock of its mirror. */
#ifndef _HMM_P2P_SVM_TABLE_H
#define _HMM_P2P_SVM_TABLE_H

#include <linux/hmm-dma.h>
#include <linux/huge_mm.h>

struct hmm_p2p_svm;
struct mmu_notifier_range;

/* Of all the addresses that there are. */
#define SVM_LAST_PAGE	(ULONG_MAX >> PAGE_SHIFT)

/**
 * struct svm_block - one page table of the CPU's, as far as the device has it
 * @map: its pfn_list has a result of the fault per page, 0: the device has none;
 *	and what the pages are mapped to for DMA
 * @huge: all of it is one entry
 * @exclusive: pages to which access is exclusive
 */
struct svm_block {
	struct hmm_dma_map map;
	bool huge;
	DECLARE_BITMAP(exclusive, HPAGE_PMD_NR);
};

int svm_block_ready(struct hmm_p2p_svm *svm, unsigned long index);
void svm_drop_blocks(struct hmm_p2p_svm *svm, unsigned long first, unsigned long last);
void svm_take_back(struct hmm_p2p_svm *svm, unsigned long first, unsigned long last,
		   const struct mmu_notifier_range *why);
void svm_check_owner(struct hmm_p2p_svm *svm);
int svm_enter(struct hmm_p2p_svm *svm, unsigned long index,
	      unsigned long *hmm_pfns, unsigned long nr);
void svm_mark_exclusive(struct hmm_p2p_svm *svm, unsigned long index);
struct svm_block *svm_lookup(struct hmm_p2p_svm *svm, unsigned long index,
			     unsigned long nr, bool write);

#endif /* _HMM_P2P_SVM_TABLE_H */
