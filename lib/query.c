// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where memory is, without faulting.
 *
 * The driver fills as many extents as one call has room for and says where to
 * go on. Two calls may cut one stretch in two, so the last extent is held back
 * until it is known that the next one does not continue it.
 */
#include <errno.h>

#include "hmm_p2p_internal.h"

#define EXTENTS_PER_CALL	128

struct walk {
	hmm_p2p_extent_fn fn;
	void *arg;
	int64_t reported;
	bool holds;
	struct hmm_p2p_extent held;
};

static int walk_flush(struct walk *walk)
{
	if (!walk->holds)
		return 0;
	walk->holds = false;
	walk->reported++;
	return walk->fn ? walk->fn(&walk->held, walk->arg) : 0;
}

static bool continues(const struct hmm_p2p_extent *a,
		      const struct hmm_p2p_extent *b)
{
	return a->addr + a->length == b->addr && a->device == b->device &&
	       a->outcome == b->outcome && a->reason == b->reason &&
	       a->flags == b->flags;
}

static int walk_add(struct walk *walk, const struct hmm_p2p_extent *extent)
{
	int ret;

	if (walk->holds && continues(&walk->held, extent)) {
		walk->held.length += extent->length;
		return 0;
	}
	ret = walk_flush(walk);
	if (ret)
		return ret;
	walk->held = *extent;
	walk->holds = true;
	return 0;
}

/* One call; moves request->addr and request->length past what it covered. */
static int walk_step(struct hmm_p2p *ctx, struct hmm_p2p_query *request,
		     struct walk *walk)
{
	struct hmm_p2p_extent extents[EXTENTS_PER_CALL];
	uint64_t end = request->addr + request->length;
	uint32_t i;
	int ret;

	request->extents = (uintptr_t)extents;
	request->out_nr_extents = 0;
	request->out_next = 0;
	ret = hmm_p2p_ioctl(ctx, HMM_P2P_IOC_QUERY, request);
	if (ret)
		return ret;
	if (request->out_nr_extents > EXTENTS_PER_CALL ||
	    request->out_next <= request->addr || request->out_next > end)
		return -EPROTO;

	for (i = 0; i < request->out_nr_extents; i++) {
		ret = walk_add(walk, &extents[i]);
		if (ret)
			return ret;
	}
	request->addr = request->out_next;
	request->length = end - request->addr;
	return 0;
}

EXPORT int64_t hmm_p2p_query(struct hmm_p2p *ctx,
			     const struct hmm_p2p_process *process,
			     uint32_t importer, uint64_t addr, uint64_t length,
			     hmm_p2p_extent_fn fn, void *arg)
{
	struct hmm_p2p_process whose = hmm_p2p_process_or_self(process);
	struct walk walk = { .fn = fn, .arg = arg };
	struct hmm_p2p_query request = {
		.size = sizeof(request),
		.importer = importer,
		.pid = whose.pid,
		.mem_fd = whose.mem_fd,
		.nr_extents = EXTENTS_PER_CALL,
		.addr = addr,
		.length = length,
	};
	int ret, last;

	if (!length || addr + length < addr)
		return -EINVAL;
	do {
		ret = walk_step(ctx, &request, &walk);
	} while (!ret && request.length);

	/* What was found before an error is still true; a stop leaves none held. */
	last = walk_flush(&walk);
	if (!ret)
		ret = last;
	return ret < 0 ? ret : walk.reported;
}
