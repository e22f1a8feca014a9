/* SPDX-License-Identifier: GPL-2.0 */
/* Shared device memory as a dma-buf. */
#ifndef _HMM_P2P_EXPORT_H
#define _HMM_P2P_EXPORT_H

#include <linux/errno.h>
#include <linux/kconfig.h>

struct hmm_p2p_export;

#if IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)
int hmm_p2p_do_export(struct hmm_p2p_export *arg);
void hmm_p2p_export_init(void);
void hmm_p2p_export_exit(void);
#else
static inline int hmm_p2p_do_export(struct hmm_p2p_export *arg)
{
	return -EOPNOTSUPP;
}

static inline void hmm_p2p_export_init(void)
{
}

static inline void hmm_p2p_export_exit(void)
{
}
#endif

#endif /* _HMM_P2P_EXPORT_H */
