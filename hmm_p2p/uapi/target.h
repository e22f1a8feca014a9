/* SPDX-License-Identifier: GPL-2.0 */
/* A file as an importer. May sleep; no lock is held. */
#ifndef _HMM_P2P_TARGET_H
#define _HMM_P2P_TARGET_H

#include "../core/core.h"

struct file;

/**
 * struct hmm_p2p_target - a file as an importer
 * @file: the file
 * @importer: who does the DMA, with a reference on its device
 * @align: memory, length and offset must be multiples of it
 */
struct hmm_p2p_target {
	struct file *file;
	struct hmm_p2p_importer importer;
	unsigned int align;
};

int hmm_p2p_target_inspect(struct hmm_p2p_target *target);
void hmm_p2p_target_put(struct hmm_p2p_target *target);
int hmm_p2p_file_check(u32 exporter, int fd, int *distance);

#endif /* _HMM_P2P_TARGET_H */
