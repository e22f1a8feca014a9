// SPDX-License-Identifier: LGPL-2.1-or-later
/* Direct I/O between a file and memory. */
#include <errno.h>

#include "hmm_p2p_internal.h"

/* @write: 0 or HMM_P2P_FILE_IO_WRITE, which the caller may not choose. */
static int64_t file_io(struct hmm_p2p *ctx, struct hmm_p2p_file_io request,
		       uint32_t write, const uint8_t *outcomes,
		       struct hmm_p2p_file_io *result)
{
	int err = -EINVAL;

	request.size = sizeof(request);
	request.outcomes = (uintptr_t)outcomes;
	if (!(request.flags & HMM_P2P_FILE_IO_WRITE)) {
		request.flags |= write;
		err = hmm_p2p_ioctl(ctx, HMM_P2P_IOC_FILE_IO, &request);
	}
	if (result)
		*result = request;
	return err ? err : (int64_t)request.out_bytes;
}

EXPORT int64_t hmm_p2p_pread(struct hmm_p2p *ctx, int fd, void *buf,
			     uint64_t length, uint64_t offset, uint32_t flags,
			     uint8_t *outcomes, struct hmm_p2p_file_io *result)
{
	struct hmm_p2p_file_io request = {
		.flags = flags,
		.fd = fd,
		.addr = (uintptr_t)buf,
		.length = length,
		.offset = offset,
	};

	return file_io(ctx, request, 0, outcomes, result);
}

EXPORT int64_t hmm_p2p_pwrite(struct hmm_p2p *ctx, int fd, const void *buf,
			      uint64_t length, uint64_t offset, uint32_t flags,
			      uint8_t *outcomes, struct hmm_p2p_file_io *result)
{
	struct hmm_p2p_file_io request = {
		.flags = flags,
		.fd = fd,
		.addr = (uintptr_t)buf,
		.length = length,
		.offset = offset,
	};

	return file_io(ctx, request, HMM_P2P_FILE_IO_WRITE, outcomes, result);
}
