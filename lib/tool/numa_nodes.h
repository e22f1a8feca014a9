/* SPDX-License-Identifier: GPL-2.0 */
/* Which NUMA nodes hold the pages of a process that are in RAM. */
#ifndef HMMP2P_NUMA_NODES_H
#define HMMP2P_NUMA_NODES_H

#include "hmmp2p.h"

#define NODES_MAX	1024

struct node_bytes {
	uint64_t bytes[NODES_MAX];
};

bool nodes_available(void);

/* Add the pages of a range to @nodes; -1 with errno on failure. */
int nodes_count(pid_t pid, uint64_t addr, uint64_t length, uint64_t page_size,
		struct node_bytes *nodes);

#endif /* HMMP2P_NUMA_NODES_H */
