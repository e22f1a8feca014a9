/* SPDX-License-Identifier: GPL-2.0 */
/* Which NUMA nodes hold the pages of a process that are in RAM. */
#ifndef HMMP2P_NUMA_NODES_H
#define HMMP2P_NUMA_NODES_H

#include "hmmp2p.h"

#define NODES_MAX	1024

#define NODES_PAGES	1024

struct node_count {
	pid_t pid;
	uint64_t page_size;
	uint64_t bytes[NODES_MAX];
	void *pages[NODES_PAGES];	/* not counted yet */
	unsigned long nr;
};

bool nodes_available(void);

/* Add the pages of a range, then what is left over; -1 with errno on failure. */
int nodes_add(struct node_count *nodes, uint64_t addr, uint64_t length);
int nodes_flush(struct node_count *nodes);

#endif /* HMMP2P_NUMA_NODES_H */
