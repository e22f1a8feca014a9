/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What moving memory offers the other modules of this project, in the namespace
 * HMM_P2P_INTERNAL. Authors of drivers see include/linux/hmm_p2p.h.
 */
#ifndef _HMM_P2P_MOVE_H
#define _HMM_P2P_MOVE_H

#include "claim.h"
#include "lifecycle.h"
#include "touched.h"

#endif /* _HMM_P2P_MOVE_H */
