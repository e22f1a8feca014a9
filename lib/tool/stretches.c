// SPDX-License-Identifier: GPL-2.0
/* Ranges that are moved by one call. */
#include <stdlib.h>

#include "hmmp2p.h"
#include "stretches.h"

/* A guard of a stack, and not the rest of an arena: a move goes by addresses, too. */
#define GAP_MAX	(1ULL << 20)

void append_range(struct hmm_p2p_range **ranges, size_t *nr, uint64_t addr, uint64_t length)
{
	*ranges = xrealloc(*ranges, *nr + 1, sizeof(**ranges));
	(*ranges)[(*nr)++] = (struct hmm_p2p_range) { addr, length };
}

void stretches_add(struct stretches *stretches, uint64_t addr, uint64_t length, bool joins)
{
	struct hmm_p2p_range *last = stretches->nr ? &stretches->ranges[stretches->nr - 1] : NULL;
	uint64_t end = last ? last->addr + last->length : 0;

	if (!last || !joins || addr - end > GAP_MAX) {
		append_range(&stretches->ranges, &stretches->nr, addr, length);
		return;
	}
	if (addr > end)
		append_range(&stretches->gaps, &stretches->nr_gaps, end, addr - end);
	last->length = addr + length - last->addr;
}

void stretches_free(struct stretches *stretches)
{
	free(stretches->ranges);
	free(stretches->gaps);
}
