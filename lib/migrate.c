// SPDX-License-Identifier: LGPL-2.1-or-later
/* Moving memory. */
#include "hmm_p2p_internal.h"
#include "move.h"

static int migrate(struct hmm_p2p *ctx, const struct hmm_p2p_process *process,
		   struct hmm_p2p_migrate request,
		   struct hmm_p2p_migrate *result)
{
	struct hmm_p2p_process whose = hmm_p2p_process_or_self(process);
	int err;

	request.size = sizeof(request);
	request.pid = whose.pid;
	request.mem_fd = whose.mem_fd;
	err = hmm_p2p_ioctl(ctx, HMM_P2P_IOC_MIGRATE, &request);
	if (result)
		*result = request;
	return err;
}

EXPORT int hmm_p2p_migrate(struct hmm_p2p *ctx,
			   const struct hmm_p2p_process *process,
			   uint32_t device, uint64_t addr, uint64_t length,
			   struct hmm_p2p_migrate *result)
{
	return hmm_p2p_migrate_flags(ctx, process, device, 0, addr, length,
				     result);
}

EXPORT int hmm_p2p_migrate_flags(struct hmm_p2p *ctx,
				 const struct hmm_p2p_process *process,
				 uint32_t device, uint32_t flags, uint64_t addr,
				 uint64_t length, struct hmm_p2p_migrate *result)
{
	struct hmm_p2p_migrate request = {
		.flags = flags,
		.device = device,
		.addr = addr,
		.length = length,
	};

	return migrate(ctx, process, request, result);
}

EXPORT int hmm_p2p_migrate_to_ram(struct hmm_p2p *ctx,
				  const struct hmm_p2p_process *process,
				  uint64_t addr, uint64_t length,
				  struct hmm_p2p_migrate *result)
{
	struct hmm_p2p_migrate request = {
		.flags = HMM_P2P_MIGRATE_TO_RAM,
		.addr = addr,
		.length = length,
	};

	return migrate(ctx, process, request, result);
}

EXPORT int hmm_p2p_migrate_ranges(struct hmm_p2p *ctx,
				  const struct hmm_p2p_process *process,
				  uint32_t device, uint32_t flags,
				  const struct hmm_p2p_range *ranges, size_t nr,
				  struct hmm_p2p_migrate *result)
{
	struct hmm_p2p_move move = {
		.ctx = ctx,
		.process = process,
		.device = device,
		.flags = flags,
		.ranges = ranges,
		.nr = nr,
		.sum = { .flags = flags, .device = device },
	};
	int err = hmm_p2p_move_run(&move);

	if (ranges && nr) {
		move.sum.addr = ranges[move.at].addr;
		move.sum.length = ranges[move.at].length;
	}
	move.sum.out_move = move.number;
	if (result)
		*result = move.sum;
	return err;
}
