/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much of a device's memory a user has. An account stays as long as the structure
 * of its device; what it has is counted without a lock.
 */
#ifndef _HMM_P2P_ACCOUNT_H
#define _HMM_P2P_ACCOUNT_H

#include <linux/atomic.h>
#include <linux/types.h>

struct hmm_p2p_device;
struct mm_struct;

/**
 * struct hmm_p2p_account - one user, on one device
 * @used: bytes that he pays for
 */
struct hmm_p2p_account {
	atomic64_t used;
};

int hmm_p2p_limit_parse(const char *text, s64 *limit);
u64 hmm_p2p_limit_bytes(s64 limit, u64 bytes);
bool hmm_p2p_accounts_on(void);
struct hmm_p2p_account *hmm_p2p_account_of(struct hmm_p2p_device *hdev,
					   struct mm_struct *mm);
int hmm_p2p_account_take(struct hmm_p2p_device *hdev,
			 struct hmm_p2p_account *account, u64 bytes);
void hmm_p2p_accounts_free(struct hmm_p2p_device *hdev);

static inline void hmm_p2p_account_give(struct hmm_p2p_account *account, u64 bytes)
{
	atomic64_sub(bytes, &account->used);
}

#endif /* _HMM_P2P_ACCOUNT_H */
