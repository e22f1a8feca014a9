/* SPDX-License-Identifier: GPL-2.0 */
/* Device memory that processes map to share it. Takes no lock. */
#ifndef _HMM_P2P_MAPPED_H
#define _HMM_P2P_MAPPED_H

#include <linux/types.h>

struct hmm_p2p_device;
struct vm_area_struct;
struct vm_operations_struct;

/**
 * struct hmm_p2p_mapped - what vm_private_data of such a mapping points to
 * @hdev: whose memory; NULL: that device is gone. Written by who made the mapping,
 *	read under hmm_p2p_srcu, which keeps the device
 */
struct hmm_p2p_mapped {
	struct hmm_p2p_device *hdev;
};

void hmm_p2p_mapped_begin(const struct vm_operations_struct *ops);
void hmm_p2p_mapped_end(void);
void hmm_p2p_mapped_add(void);
void hmm_p2p_mapped_del(void);
bool hmm_p2p_mapped_any(void);
struct hmm_p2p_device *hmm_p2p_mapped_device(const struct vm_area_struct *vma);

#endif /* _HMM_P2P_MAPPED_H */
