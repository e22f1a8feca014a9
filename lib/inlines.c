// SPDX-License-Identifier: LGPL-2.1-or-later
/* The inline functions of the header, for languages that cannot include it. */
#define hmm_p2p_outcome_of	inline_outcome_of
#define hmm_p2p_reason_of	inline_reason_of
#include "hmm_p2p_internal.h"
#undef hmm_p2p_outcome_of
#undef hmm_p2p_reason_of

unsigned int hmm_p2p_outcome_of(uint8_t byte);
unsigned int hmm_p2p_reason_of(uint8_t byte);

EXPORT unsigned int hmm_p2p_outcome_of(uint8_t byte)
{
	return inline_outcome_of(byte);
}

EXPORT unsigned int hmm_p2p_reason_of(uint8_t byte)
{
	return inline_reason_of(byte);
}
