// SPDX-License-Identifier: LGPL-2.1-or-later
/* Moving memory. */
#include <errno.h>

#include "hmm_p2p_internal.h"

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

static void add_counts(struct hmm_p2p_migrate *sum,
		       const struct hmm_p2p_migrate *result)
{
	unsigned int i;

	sum->out_moved += result->out_moved;
	sum->out_populated += result->out_populated;
	sum->out_already += result->out_already;
	for (i = 0; i < HMM_P2P_REASON_SLOTS; i++)
		sum->out_reasons[i] += result->out_reasons[i];
}

EXPORT int hmm_p2p_migrate_ranges(struct hmm_p2p *ctx,
				  const struct hmm_p2p_process *process,
				  uint32_t device, uint32_t flags,
				  const struct hmm_p2p_range *ranges, size_t nr,
				  struct hmm_p2p_migrate *result)
{
	struct hmm_p2p_migrate request = { .flags = flags, .device = device };
	struct hmm_p2p_migrate sum = request, got = request;
	int err = ranges && nr ? 0 : -EINVAL;
	size_t i;

	for (i = 0; !err && i < nr; i++) {
		request.addr = ranges[i].addr;
		request.length = ranges[i].length;
		request.move = got.out_move;
		err = migrate(ctx, process, request, &got);
		add_counts(&sum, &got);
	}
	sum.addr = request.addr;
	sum.length = request.length;
	sum.out_move = got.out_move;
	if (result)
		*result = sum;
	return err;
}
