// SPDX-License-Identifier: GPL-2.0
/*
 * Which memory of a process has pages in RAM. Programs reserve terabytes of which
 * they touch little; the kernel passes over the rest by whole page tables.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <linux/fs.h>

#include "present.h"

int present_open(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

#ifdef PAGEMAP_SCAN

#define REGIONS_PER_CALL	256

/* The zero page is nobody's. */
static long scan(int fd, struct page_region *regions, uint64_t addr, uint64_t end,
		 uint64_t *next)
{
	struct pm_scan_arg request = {
		.size = sizeof(request),
		.start = addr,
		.end = end,
		.vec = (uintptr_t)regions,
		.vec_len = REGIONS_PER_CALL,
		.category_inverted = PAGE_IS_PFNZERO,
		.category_mask = PAGE_IS_PRESENT | PAGE_IS_PFNZERO,
		.return_mask = PAGE_IS_PRESENT,
	};
	long nr = ioctl(fd, PAGEMAP_SCAN, &request);

	*next = request.walk_end;
	return nr;
}

int present_walk(int fd, uint64_t addr, uint64_t length, present_fn fn, void *arg)
{
	struct page_region regions[REGIONS_PER_CALL];
	uint64_t end = addr + length, next;
	int ret = 0;
	long nr, i;

	for (; addr < end && !ret; addr = next) {
		nr = scan(fd, regions, addr, end, &next);
		/* The kernel does not tell, or does not get on. */
		if (nr < 0 || next <= addr)
			return fn(addr, end - addr, arg);
		for (i = 0; i < nr && !ret; i++)
			ret = fn(regions[i].start, regions[i].end - regions[i].start, arg);
	}
	return ret;
}

#else /* built with headers of a kernel before 6.7 */

int present_walk(int fd, uint64_t addr, uint64_t length, present_fn fn, void *arg)
{
	(void)fd;
	return fn(addr, length, arg);
}

#endif
