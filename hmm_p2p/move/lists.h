/* SPDX-License-Identifier: GPL-2.0 */
/* Pages that the CPUs have in lists. May sleep; takes no lock of the framework. */
#ifndef _HMM_P2P_LISTS_H
#define _HMM_P2P_LISTS_H

void hmm_p2p_drain_lists(void);

#endif /* _HMM_P2P_LISTS_H */
