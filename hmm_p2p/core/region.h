/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Physical addresses for device-private pages. No lock is taken; may sleep.
 */
#ifndef _HMM_P2P_REGION_H
#define _HMM_P2P_REGION_H

#include <linux/types.h>

struct resource;

struct resource *hmm_p2p_region_request(u64 size, const char *name);

#endif
