/* SPDX-License-Identifier: GPL-2.0 */
/* Will a fault meet device pages? No lock. */
#ifndef _HMM_P2P_GUESS_H
#define _HMM_P2P_GUESS_H

#include <linux/types.h>

struct hmm_range;

bool hmm_p2p_guess_meets(const struct hmm_range *range);
void hmm_p2p_guess_note(const struct hmm_range *range, bool met);

#endif /* _HMM_P2P_GUESS_H */
