// SPDX-License-Identifier: GPL-2.0
/*
 * Which physical addresses device-private pages have. Nothing answers to them, but
 * the node that they are added to ends behind them, and not every driver tells that
 * from the end of its RAM: where it is beyond the reach of their device's DMA, some
 * take RAM from below 4 GiB only, until there is none left.
 *
 * The kernel gives the highest addresses that are free. With page tables of five
 * levels these are beyond the 47 bits that large GPUs reach, with four they are not.
 * So they are taken from where a machine with four levels has them, if that is free.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/mmzone.h>

#include "region.h"

#define REGION_END	BIT_ULL(46)

/* Also no part of what somebody has reserved meanwhile: that could be RAM one day. */
static struct resource *request_at(u64 start, u64 size, const char *name)
{
	struct resource *res;

	if (region_intersects(start, size, 0, IORES_DESC_NONE) != REGION_DISJOINT)
		return NULL;
	res = request_mem_region(start, size, name);
	if (!res || res->parent == &iomem_resource)
		return res;
	release_mem_region(start, size);
	return NULL;
}

/* In the upper half: RAM, and what may be plugged in, has its place in the lower one. */
static struct resource *request_low(u64 size, const char *name)
{
	struct resource *res = NULL;
	u64 start;

	if (size > REGION_END / 2)
		return NULL;
	for (start = REGION_END - size; !res && start >= REGION_END / 2;
	     start -= 1UL << PA_SECTION_SHIFT)
		res = request_at(start, size, name);
	if (res)
		res->desc = IORES_DESC_DEVICE_PRIVATE_MEMORY;
	return res;
}

/**
 * hmm_p2p_region_request - reserve addresses that nothing answers to
 * @size: in bytes; what is reserved is rounded up to a section of memory
 * @name: whose it is, for /proc/iomem; it has to stay
 *
 * Context: may sleep.
 * Return: the region, for release_mem_region(), or an error pointer: -ENOMEM, or
 * -ERANGE when no free range is large enough.
 */
struct resource *hmm_p2p_region_request(u64 size, const char *name)
{
	struct resource *res, *low;

	res = request_free_mem_region(&iomem_resource, size, name);
	if (IS_ERR(res) || res->end < REGION_END)
		return res;
	low = request_low(resource_size(res), name);
	if (!low)
		return res;
	release_mem_region(res->start, resource_size(res));
	return low;
}
