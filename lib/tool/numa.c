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

#define PAGES_PER_CALL	1024

static int count_some(pid_t pid, uint64_t addr, unsigned long nr,
		      uint64_t page_size, struct node_bytes *nodes)
{
	void *pages[PAGES_PER_CALL];
	int status[PAGES_PER_CALL];
	unsigned long i;

	for (i = 0; i < nr; i++)
		pages[i] = (void *)(uintptr_t)(addr + i * page_size);
	if (numa_move_pages(pid, nr, pages, NULL, status, 0))
		return -1;
	/* Negative: not in RAM. */
	for (i = 0; i < nr; i++)
		if (status[i] >= 0 && status[i] < NODES_MAX)
			nodes->bytes[status[i]] += page_size;
	return 0;
}

int nodes_count(pid_t pid, uint64_t addr, uint64_t length, uint64_t page_size,
		struct node_bytes *nodes)
{
	uint64_t left = length / page_size;
	unsigned long nr;

	while (left) {
		nr = left < PAGES_PER_CALL ? left : PAGES_PER_CALL;
		if (count_some(pid, addr, nr, page_size, nodes))
			return -1;
		addr += nr * page_size;
		left -= nr;
	}
	return 0;
}
