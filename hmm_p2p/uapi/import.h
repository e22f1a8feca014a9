/* SPDX-License-Identifier: GPL-2.0 */
/* A device reaches somebody's dma-buf. */
#ifndef _HMM_P2P_IMPORT_H
#define _HMM_P2P_IMPORT_H

#include <linux/errno.h>
#include <linux/kconfig.h>

struct hmm_p2p_device;
struct hmm_p2p_import;

#if IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)
int hmm_p2p_do_import(struct hmm_p2p_device *importer, struct hmm_p2p_import *arg);
#else
static inline int hmm_p2p_do_import(struct hmm_p2p_device *importer,
				    struct hmm_p2p_import *arg)
{
	return -EOPNOTSUPP;
}
#endif

#endif /* _HMM_P2P_IMPORT_H */
