/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device page that stays with a CPU fault, whoever drops its last reference. Takes
 * the lock of the device.
 */
#ifndef _HMM_P2P_KEEP_H
#define _HMM_P2P_KEEP_H

#include <linux/completion.h>
#include <linux/list.h>

struct hmm_p2p_device;
struct page;

/**
 * struct hmm_p2p_keep - a page that a fault has locked
 * @list: among those of its device, under the device's lock
 * @hdev: its exporter
 * @page: first page of the folio
 * @freed: done when its last reference went
 * @order: of the folio, when @freed is done
 */
struct hmm_p2p_keep {
	struct list_head list;
	struct hmm_p2p_device *hdev;
	struct page *page;
	struct completion freed;
	unsigned int order;
};

void hmm_p2p_keep_begin(struct hmm_p2p_keep *keep, struct hmm_p2p_device *hdev,
			struct page *page);
void hmm_p2p_keep_let_go(struct hmm_p2p_keep *keep);
void hmm_p2p_keep_take_back(struct hmm_p2p_keep *keep);
void hmm_p2p_keep_mend(struct hmm_p2p_keep *keep);
void hmm_p2p_keep_end(struct hmm_p2p_keep *keep);
void hmm_p2p_keep_hold(struct hmm_p2p_keep *keep);
void hmm_p2p_keep_drop(struct hmm_p2p_keep *keep);
bool hmm_p2p_keep_has(struct hmm_p2p_device *hdev, const struct page *page);
bool hmm_p2p_keep_takes(struct hmm_p2p_device *hdev, struct page *page,
			unsigned int order);

#endif
