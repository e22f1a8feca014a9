/* SPDX-License-Identifier: GPL-2.0 */
/* Is there RAM for what is to come home? May sleep; takes no lock. */
#ifndef _HMM_P2P_RAM_H
#define _HMM_P2P_RAM_H

#include <linux/types.h>

unsigned long hmm_p2p_ram_reserve(void);
bool hmm_p2p_ram_ample(unsigned long nr);
bool hmm_p2p_ram_room(unsigned long nr);

#endif /* _HMM_P2P_RAM_H */
