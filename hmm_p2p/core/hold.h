/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Device memory that is not to be handed out again for a while, whatever becomes
 * of the pages that it was. Takes the lock of the device.
 */
#ifndef _HMM_P2P_HOLD_H
#define _HMM_P2P_HOLD_H

#include <linux/types.h>

struct hmm_p2p_device;
struct page;

/**
 * struct hmm_p2p_hold - memory of a device that hmm_p2p_pages_hold() keeps
 * @hdev: device, NULL: nothing is held
 * @index: number of the page in its memory
 */
struct hmm_p2p_hold {
	struct hmm_p2p_device *hdev;
	unsigned long index;
};

bool hmm_p2p_pages_hold(struct page *const *pages, unsigned long nr,
			struct hmm_p2p_hold *holds);
void hmm_p2p_pages_release(struct hmm_p2p_hold *holds, unsigned long nr);
int hmm_p2p_wait_held(struct hmm_p2p_device *hdev, bool may_end);

#endif /* _HMM_P2P_HOLD_H */
