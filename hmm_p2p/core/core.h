/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the core offers the other modules of this project, in the namespace
 * HMM_P2P_INTERNAL. Authors of drivers see include/linux/hmm_p2p.h.
 */
#ifndef _HMM_P2P_CORE_H
#define _HMM_P2P_CORE_H

#include "charge.h"
#include "device.h"
#include "fault.h"
#include "fence.h"
#include "hold.h"
#include "mapped.h"
#include "mirror.h"
#include "owner.h"
#include "pagemap.h"
#include "path.h"
#include "registry.h"
#include "report.h"
#include "stats.h"

#endif /* _HMM_P2P_CORE_H */
