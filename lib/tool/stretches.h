/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ranges that are moved by one call: a call for each mapping of a process that has ten
 * thousand costs more than what is in them.
 */
#ifndef HMMP2P_STRETCHES_H
#define HMMP2P_STRETCHES_H

#include <stdbool.h>
#include <stddef.h>

#include "hmm_p2p.h"

struct stretches {
	struct hmm_p2p_range *ranges;
	size_t nr;
	struct hmm_p2p_range *gaps;	/* between those that have been put together */
	size_t nr_gaps;
};

/* In order of address; @joins: there is nothing to move between it and the one before. */
void stretches_add(struct stretches *stretches, uint64_t addr, uint64_t length, bool joins);
void stretches_free(struct stretches *stretches);

/* One more at the end of an array. */
void append_range(struct hmm_p2p_range **ranges, size_t *nr, uint64_t addr, uint64_t length);

#endif /* HMMP2P_STRETCHES_H */
