// SPDX-License-Identifier: GPL-2.0
/* Which pages of the process are in RAM, as /proc/PID/pagemap tells. */
#include <errno.h>
#include <sys/ioctl.h>
#include <linux/fs.h>

#include "mock.h"

bool mock_is_in_ram(uint64_t addr)
{
	const struct mock_page *page = &mock.pages[(addr - MOCK_BASE) / MOCK_PAGE_SIZE];

	return addr >= MOCK_BASE && addr < MOCK_END && page->mapped && page->touched &&
	       !page->device;
}

#ifdef PAGEMAP_SCAN

/* A region for each page, as many as there is room for; moves walk_end on. */
static int scan(struct pm_scan_arg *request)
{
	struct page_region *regions = (struct page_region *)(uintptr_t)request->vec;
	uint64_t addr = request->start < MOCK_BASE ? MOCK_BASE : request->start;
	unsigned int nr = 0;

	for (; addr < request->end && addr < MOCK_END && nr < request->vec_len;
	     addr += MOCK_PAGE_SIZE)
		if (mock_is_in_ram(addr))
			regions[nr++] = (struct page_region) {
				addr, addr + MOCK_PAGE_SIZE, PAGE_IS_PRESENT,
			};
	request->walk_end = addr >= MOCK_END || addr > request->end ? request->end : addr;
	return (int)nr;
}

int mock_pagemap(unsigned long cmd, void *arg)
{
	if (cmd == PAGEMAP_SCAN && !mock.no_scan)
		return scan(arg);
	errno = ENOTTY;
	return -1;
}

#else

int mock_pagemap(unsigned long cmd, void *arg)
{
	(void)cmd;
	(void)arg;
	errno = ENOTTY;
	return -1;
}

#endif
