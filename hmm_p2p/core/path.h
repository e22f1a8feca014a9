/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Can an importer reach an exporter? May sleep; takes the mutex of the cache, which
 * is the innermost but for the device's lock.
 */
#ifndef _HMM_P2P_PATH_H
#define _HMM_P2P_PATH_H

#include <uapi/linux/hmm_p2p.h>

struct device;
struct hmm_p2p_device;

enum hmm_p2p_reason hmm_p2p_path_check(struct hmm_p2p_device *exporter,
				       struct device *importer, int *distance);
struct device *hmm_p2p_path_function(struct device *dev);
int hmm_p2p_path_init(void);
void hmm_p2p_path_exit(void);

#endif /* _HMM_P2P_PATH_H */
