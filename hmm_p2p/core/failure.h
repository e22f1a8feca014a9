/* SPDX-License-Identifier: GPL-2.0 */
/* Failures on demand, for tests: with CONFIG_HMM_P2P_FAILURES. Need no lock. */
#ifndef _HMM_P2P_FAILURE_H
#define _HMM_P2P_FAILURE_H

#include <linux/types.h>

struct dentry;
struct hmm_p2p_device;

#ifdef HMM_P2P_HAVE_FAILURES

bool hmm_p2p_fail_copy(void);
bool hmm_p2p_fail_alloc(struct hmm_p2p_device *hdev);
void hmm_p2p_failure_init(struct dentry *dir);

#else

static inline bool hmm_p2p_fail_copy(void)
{
	return false;
}

static inline bool hmm_p2p_fail_alloc(struct hmm_p2p_device *hdev)
{
	return false;
}

static inline void hmm_p2p_failure_init(struct dentry *dir)
{
}

#endif

#endif /* _HMM_P2P_FAILURE_H */
