// SPDX-License-Identifier: LGPL-2.1-or-later
/* An importer reaches memory. */
#include <errno.h>

#include "hmm_p2p_internal.h"

static int access_memory(struct hmm_p2p *ctx,
			 const struct hmm_p2p_process *process,
			 struct hmm_p2p_access request, const uint8_t *outcomes,
			 struct hmm_p2p_access *result)
{
	struct hmm_p2p_process whose = hmm_p2p_process_or_self(process);
	int err;

	request.size = sizeof(request);
	request.pid = whose.pid;
	request.mem_fd = whose.mem_fd;
	request.outcomes = (uintptr_t)outcomes;
	err = hmm_p2p_ioctl(ctx, HMM_P2P_IOC_ACCESS, &request);
	if (result)
		*result = request;
	return err;
}

/* @write: 0 or HMM_P2P_ACCESS_WRITE, which the caller may not choose. */
static int transfer(struct hmm_p2p *ctx, const struct hmm_p2p_process *process,
		    struct hmm_p2p_access request, uint32_t write,
		    const uint8_t *outcomes, struct hmm_p2p_access *result)
{
	if (!request.data || (request.flags & HMM_P2P_ACCESS_WRITE)) {
		if (result)
			*result = request;
		return -EINVAL;
	}
	request.flags |= write;
	request.data_length = request.length;
	return access_memory(ctx, process, request, outcomes, result);
}

EXPORT int hmm_p2p_read(struct hmm_p2p *ctx,
			const struct hmm_p2p_process *process,
			uint32_t importer, uint64_t addr, uint64_t length,
			void *data, uint32_t flags, uint8_t *outcomes,
			struct hmm_p2p_access *result)
{
	struct hmm_p2p_access request = {
		.flags = flags,
		.importer = importer,
		.addr = addr,
		.length = length,
		.data = (uintptr_t)data,
	};

	return transfer(ctx, process, request, 0, outcomes, result);
}

EXPORT int hmm_p2p_write(struct hmm_p2p *ctx,
			 const struct hmm_p2p_process *process,
			 uint32_t importer, uint64_t addr, uint64_t length,
			 const void *data, uint32_t flags, uint8_t *outcomes,
			 struct hmm_p2p_access *result)
{
	struct hmm_p2p_access request = {
		.flags = flags,
		.importer = importer,
		.addr = addr,
		.length = length,
		.data = (uintptr_t)data,
	};

	return transfer(ctx, process, request, HMM_P2P_ACCESS_WRITE, outcomes,
			result);
}

EXPORT int hmm_p2p_fault(struct hmm_p2p *ctx,
			 const struct hmm_p2p_process *process,
			 uint32_t importer, uint64_t addr, uint64_t length,
			 uint32_t flags, uint8_t *outcomes,
			 struct hmm_p2p_access *result)
{
	struct hmm_p2p_access request = {
		.flags = flags,
		.importer = importer,
		.addr = addr,
		.length = length,
	};

	return access_memory(ctx, process, request, outcomes, result);
}
