/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of this folder share: a process, as a device sees it. */
#ifndef _HMM_P2P_SVM_INTERNAL_H
#define _HMM_P2P_SVM_INTERNAL_H

#include <linux/hmm_p2p_svm.h>

#include "../core/core.h"

/**
 * struct hmm_p2p_svm - a process in the page table of a device
 * @mirror: over the whole process; its lock protects the rest, and keeps the
 *	pages that the device has in place
 * @hdev: the device, with a reference
 * @ops: the device's page table, or NULL
 * @drvdata: of the driver
 * @dma: pages are mapped for DMA
 * @gone: the device has gone: it gets nothing any more
 * @owner: the interconnect over which it has private pages
 * @blocks: struct svm_block by address; added without the lock, empty
 * @entries: room to make them, for one block
 * @watched: page number of which invalidations are noted, see exclusive.c
 * @revoked: one was noted
 * @exclusive_lock: who gets exclusive access, one at a time
 * @all: in the list of all, under svms_lock
 */
struct hmm_p2p_svm {
	struct hmm_p2p_mirror mirror;
	struct hmm_p2p_device *hdev;
	const struct hmm_p2p_svm_ops *ops;
	void *drvdata;
	bool dma;
	bool gone;
	struct hmm_p2p_owner *owner;
	struct xarray blocks;
	struct hmm_p2p_svm_entry *entries;
	unsigned long watched;
	bool revoked;
	struct mutex exclusive_lock; /* outside of the mirror's lock */
	struct list_head all;
};

#endif /* _HMM_P2P_SVM_INTERNAL_H */
