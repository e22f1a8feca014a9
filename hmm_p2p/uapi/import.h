/* SPDX-License-Identifier: GPL-2.0 */
/* A device reaches somebody's dma-buf. Called without locks. */
#ifndef _HMM_P2P_IMPORT_H
#define _HMM_P2P_IMPORT_H

struct hmm_p2p_device;
struct hmm_p2p_import;

int hmm_p2p_do_import(struct hmm_p2p_device *importer, struct hmm_p2p_import *arg);

#endif /* _HMM_P2P_IMPORT_H */
