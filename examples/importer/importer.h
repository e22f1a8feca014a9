/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/* What the example importer's device is asked, /dev/hmm_p2p_example. */
#ifndef EXAMPLE_IMPORTER_H
#define EXAMPLE_IMPORTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Most pages in one call. */
#define EXAMPLE_MAX_PAGES	512

/**
 * struct example_read - read memory of the caller through the importer
 * @addr: first byte, page aligned
 * @nr_pages: how many pages, 1 to EXAMPLE_MAX_PAGES
 * @data: where their bytes go
 * @kinds: an array that receives enum example_kind of each page, as __u8
 * @out_retries: how often the memory had changed before it was read
 */
struct example_read {
	__aligned_u64 addr;
	__aligned_u64 nr_pages;
	__aligned_u64 data;
	__aligned_u64 kinds;
	__aligned_u64 out_retries;
};

enum example_kind {
	EXAMPLE_SYSTEM = 1,	/* an ordinary page */
	EXAMPLE_P2P,		/* memory of a PCI device, where it is */
};

#define EXAMPLE_READ	_IOWR('x', 0x40, struct example_read)

#endif /* EXAMPLE_IMPORTER_H */
