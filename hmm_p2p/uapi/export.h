/* SPDX-License-Identifier: GPL-2.0 */
/* Shared device memory as a dma-buf. Called without locks. */
#ifndef _HMM_P2P_EXPORT_H
#define _HMM_P2P_EXPORT_H

struct file;
struct hmm_p2p_export;

struct file *hmm_p2p_do_export(struct hmm_p2p_export *arg);
void hmm_p2p_export_init(void);
void hmm_p2p_export_exit(void);

#endif /* _HMM_P2P_EXPORT_H */
