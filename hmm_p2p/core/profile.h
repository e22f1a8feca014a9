/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the time of a migration goes; costs a patched-out branch when off, and nothing
 * without CONFIG_HMM_P2P_PROFILE.
 */
#ifndef _HMM_P2P_PROFILE_H
#define _HMM_P2P_PROFILE_H

#include <linux/jump_label.h>
#include <linux/timekeeping.h>

enum hmm_p2p_phase {
	HMM_P2P_PHASE_SETUP,	/* migrate_vma_setup(): collect, lock, unmap */
	HMM_P2P_PHASE_ALLOC,	/* room at the destination */
	HMM_P2P_PHASE_COPY,	/* the exporter's copy */
	HMM_P2P_PHASE_PAGES,	/* migrate_vma_pages() */
	HMM_P2P_PHASE_FINALIZE,	/* migrate_vma_finalize(): map, unlock */
	HMM_P2P_PHASE_COUNT
};

struct dentry;

#ifdef HMM_P2P_HAVE_PROFILE

DECLARE_STATIC_KEY_FALSE(hmm_p2p_profile_key);
void __hmm_p2p_profile(bool to_device, enum hmm_p2p_phase phase, u64 ns);

static inline u64 hmm_p2p_profile_now(void)
{
	return static_branch_unlikely(&hmm_p2p_profile_key) ? ktime_get_ns() : 0;
}

/* Adds the time since @start to a phase, and starts the next one. */
static inline u64 hmm_p2p_profile(bool to_device, enum hmm_p2p_phase phase,
				  u64 start)
{
	u64 now = hmm_p2p_profile_now();

	if (start && now)
		__hmm_p2p_profile(to_device, phase, now - start);
	return now;
}

void hmm_p2p_profile_init(struct dentry *dir);

#else

static inline u64 hmm_p2p_profile_now(void)
{
	return 0;
}

static inline u64 hmm_p2p_profile(bool to_device, enum hmm_p2p_phase phase,
				  u64 start)
{
	return 0;
}

static inline void hmm_p2p_profile_init(struct dentry *dir)
{
}

#endif

#endif /* _HMM_P2P_PROFILE_H */
