// SPDX-License-Identifier: GPL-2.0
/* NUMA nodes: which CPUs are near a device, which pages are on which node. */
#include <numa.h>
#include <stdio.h>
#include <string.h>

#include "numa_nodes.h"

/* Append "first-last" or "first"; false when there is no more room. */
static bool append_range(char text[CPUS_TEXT_MAX], unsigned int first,
			 unsigned int last)
{
	size_t used = strlen(text);
	size_t room = CPUS_TEXT_MAX - used;
	const char *comma = used ? "," : "";
	int len;

	if (first == last)
		len = snprintf(text + used, room, "%s%u", comma, first);
	else
		len = snprintf(text + used, room, "%s%u-%u", comma, first, last);
	if ((size_t)len < room)
		return true;
	text[used] = '\0';
	return false;
}

static void mask_text(const struct bitmask *mask, char text[CPUS_TEXT_MAX])
{
	unsigned int cpu, first;

	text[0] = '\0';
	for (cpu = 0; cpu < mask->size; cpu++) {
		if (!numa_bitmask_isbitset(mask, cpu))
			continue;
		first = cpu;
		while (cpu + 1 < mask->size &&
		       numa_bitmask_isbitset(mask, cpu + 1))
			cpu++;
		if (!append_range(text, first, cpu))
			return;
	}
}

const char *node_cpus_text(int node, char text[CPUS_TEXT_MAX])
{
	struct bitmask *mask;

	text[0] = '\0';
	if (node >= 0 && numa_available() >= 0) {
		mask = numa_allocate_cpumask();
		if (!mask)
			out_of_memory();
		if (!numa_node_to_cpus(node, mask))
			mask_text(mask, text);
		numa_free_cpumask(mask);
	}
	if (!text[0])
		strcpy(text, "-");
	return text;
}

bool nodes_available(void)
{
	return numa_available() >= 0;
}

int nodes_flush(struct node_count *nodes)
{
	unsigned long i, nr = nodes->nr;
	int status[NODES_PAGES];

	nodes->nr = 0;
	if (nr && numa_move_pages(nodes->pid, nr, nodes->pages, NULL, status, 0))
		return -1;
	/* Negative: not in RAM. */
	for (i = 0; i < nr; i++)
		if (status[i] >= 0 && status[i] < NODES_MAX)
			nodes->bytes[status[i]] += nodes->page_size;
	return 0;
}

int nodes_add(struct node_count *nodes, uint64_t addr, uint64_t length)
{
	uint64_t at;

	for (at = 0; at < length; at += nodes->page_size) {
		nodes->pages[nodes->nr++] = (void *)(uintptr_t)(addr + at);
		if (nodes->nr == NODES_PAGES && nodes_flush(nodes))
			return -1;
	}
	return 0;
}
