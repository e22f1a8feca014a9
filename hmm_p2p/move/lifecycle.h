/* SPDX-License-Identifier: GPL-2.0 */
/* How devices come and go. May sleep; no lock is held. */
#ifndef _HMM_P2P_LIFECYCLE_H
#define _HMM_P2P_LIFECYCLE_H

struct hmm_p2p_bar;
struct hmm_p2p_device;
struct hmm_p2p_device_config;

struct hmm_p2p_device *
hmm_p2p_device_add(const struct hmm_p2p_device_config *config, struct hmm_p2p_bar *bar);

#endif /* _HMM_P2P_LIFECYCLE_H */
