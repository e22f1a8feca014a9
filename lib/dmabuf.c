// SPDX-License-Identifier: LGPL-2.1-or-later
/* Device memory as a dma-buf, and devices that reach one. */
#include "hmm_p2p_internal.h"

EXPORT int hmm_p2p_export(struct hmm_p2p *ctx, void *addr, size_t length,
			  struct hmm_p2p_export *result)
{
	struct hmm_p2p_export request = {
		.size = sizeof(request),
		.addr = (uintptr_t)addr,
		.length = length,
		.out_fd = HMM_P2P_NO_FD,
	};
	int err = hmm_p2p_ioctl(ctx, HMM_P2P_IOC_EXPORT, &request);

	if (result)
		*result = request;
	return err ? err : request.out_fd;
}

static int64_t transfer(struct hmm_p2p *ctx, struct hmm_p2p_import request)
{
	int err;

	request.size = sizeof(request);
	err = hmm_p2p_ioctl(ctx, HMM_P2P_IOC_IMPORT, &request);
	return err ? err : (int64_t)request.out_bytes;
}

EXPORT int64_t hmm_p2p_import_read(struct hmm_p2p *ctx, uint32_t importer, int fd,
				   uint64_t offset, void *data, size_t length)
{
	const struct hmm_p2p_import request = {
		.importer = importer,
		.fd = fd,
		.offset = offset,
		.length = length,
		.data = (uintptr_t)data,
	};

	return transfer(ctx, request);
}

EXPORT int64_t hmm_p2p_import_write(struct hmm_p2p *ctx, uint32_t importer, int fd,
				    uint64_t offset, const void *data, size_t length)
{
	const struct hmm_p2p_import request = {
		.flags = HMM_P2P_IMPORT_WRITE,
		.importer = importer,
		.fd = fd,
		.offset = offset,
		.length = length,
		.data = (uintptr_t)data,
	};

	return transfer(ctx, request);
}
