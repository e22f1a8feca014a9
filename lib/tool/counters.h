/* SPDX-License-Identifier: GPL-2.0 */
/* The counters of the exporters, at one moment. */
#ifndef HMMP2P_COUNTERS_H
#define HMMP2P_COUNTERS_H

#include <time.h>

#include "hmmp2p.h"

struct counted {
	struct hmm_p2p_device_info info;
	struct hmm_p2p_stat stat;
};

struct counters {
	struct counted *counted;
	size_t nr;
	struct timespec at;
};

/* Of one device, or of all exporters if @name is NULL. Returns an exit code. */
int counters_load(struct tool *tool, const char *name, struct counters *counters);
void counters_free(struct counters *counters);

#endif /* HMMP2P_COUNTERS_H */
