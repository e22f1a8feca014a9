// SPDX-License-Identifier: LGPL-2.1-or-later
/* Device memory that stays where it is. */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "hmm_p2p_internal.h"

EXPORT int hmm_p2p_map(struct hmm_p2p *ctx, uint32_t device, uint64_t offset,
		       size_t length, void **mem)
{
	const uint64_t most = 1ULL << HMM_P2P_MAP_SHIFT;
	void *got;

	if (!mem)
		return -EINVAL;
	*mem = NULL;
	/* The kernel rounds, and would take too large an offset for a device. */
	if (!ctx || !length || (offset | length) % ctx->page_size ||
	    length > most || offset > most - length)
		return -EINVAL;
	got = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, ctx->fd,
		   (off_t)HMM_P2P_MAP_OFFSET(device, offset));
	if (got == MAP_FAILED)
		return -errno;
	*mem = got;
	return 0;
}

EXPORT int hmm_p2p_unmap(void *mem, size_t length)
{
	return munmap(mem, length) ? -errno : 0;
}
