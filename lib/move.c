// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One move of several ranges, in steps when somebody wants to see or to end it.
 *
 * The driver is told at each step that it is still the same move, so it evicts
 * nothing of what the steps before have moved. What the later ones have on the
 * device already is claimed before the first: moved where it is, which counts
 * for nothing.
 */
#include <errno.h>

#include "hmm_p2p_internal.h"
#include "move.h"

/* So many bytes take a second at worst; where nothing moves, steps grow. */
#define STEP_MIN	(64ULL << 20)
#define STEP_MAX	(4ULL << 30)

static int call(struct hmm_p2p_move *move, uint64_t addr, uint64_t length,
		uint32_t flags, struct hmm_p2p_migrate *got)
{
	struct hmm_p2p_process whose = hmm_p2p_process_or_self(move->process);
	int err;

	*got = (struct hmm_p2p_migrate) {
		.size = sizeof(*got),
		.flags = flags,
		.device = move->device,
		.pid = whose.pid,
		.mem_fd = whose.mem_fd,
		.addr = addr,
		.length = length,
		.move = move->number,
	};
	err = hmm_p2p_ioctl(move->ctx, HMM_P2P_IOC_MIGRATE, got);
	if (got->out_move)
		move->number = got->out_move;
	return err;
}

/* Bytes of gaps before @end; each is asked for once, in order. */
static uint64_t gap_bytes(struct hmm_p2p_move *move, uint64_t addr, uint64_t end)
{
	uint64_t bytes = 0, from, to;

	for (; move->gap < move->nr_gaps; move->gap++) {
		const struct hmm_p2p_range *gap = &move->gaps[move->gap];

		from = gap->addr > addr ? gap->addr : addr;
		to = gap->addr + gap->length < end ? gap->addr + gap->length : end;
		if (from < to)
			bytes += to - from;
		if (gap->addr + gap->length > end)
			break;
	}
	return bytes;
}

static uint64_t uncount(__u64 *count, uint64_t pages)
{
	uint64_t nr = pages < *count ? pages : *count;

	*count -= nr;
	return pages - nr;
}

/* The driver has counted the pages of gaps, too, all that do not move. */
static void forget_gaps(struct hmm_p2p_move *move, uint64_t addr, uint64_t end,
			struct hmm_p2p_migrate *got)
{
	uint64_t pages = gap_bytes(move, addr, end) / hmm_p2p_page_size(move->ctx);

	pages = uncount(&got->out_reasons[HMM_P2P_REASON_HOLE], pages);
	uncount(move->device ? &got->out_reasons[HMM_P2P_REASON_NOT_ANON] :
			       &got->out_already, pages);
}

static void add_counts(struct hmm_p2p_migrate *sum, const struct hmm_p2p_migrate *got)
{
	unsigned int i;

	sum->out_moved += got->out_moved;
	sum->out_populated += got->out_populated;
	sum->out_already += got->out_already;
	for (i = 0; i < HMM_P2P_REASON_SLOTS; i++)
		sum->out_reasons[i] += got->out_reasons[i];
}

static int before_step(struct hmm_p2p_move *move, uint64_t addr)
{
	move->sum.addr = addr;
	return move->before_step ? move->before_step(move) : 0;
}

/* Steps end at multiples of the smallest one, so that none cuts a huge page. */
static uint64_t step_end(const struct hmm_p2p_move *move, uint64_t addr, uint64_t end,
			 uint64_t step)
{
	uint64_t length = step - addr % STEP_MIN;

	return move->before_step && end - addr > length ? addr + length : end;
}

/* An empty range, or one that wraps around, is for the driver to refuse. */
static int move_range(struct hmm_p2p_move *move, const struct hmm_p2p_range *range)
{
	uint64_t addr = range->addr, end = addr + range->length, stop, step = STEP_MIN;
	struct hmm_p2p_migrate got;
	int err;

	do {
		err = before_step(move, addr);
		if (err)
			return err;
		stop = step_end(move, addr, end, step);
		err = call(move, addr, stop - addr, move->flags, &got);
		forget_gaps(move, addr, stop, &got);
		add_counts(&move->sum, &got);
		if (got.out_moved)
			step = STEP_MIN;
		else if (step < STEP_MAX)
			step *= 2;
		move->passed += stop - addr;
		addr = stop;
	} while (!err && addr < end);
	return err;
}

/* ----------------------------------------------------------------- claims */

struct claim {
	struct hmm_p2p_move *move;
	int err;
};

static int claim_extent(const struct hmm_p2p_extent *extent, void *arg)
{
	uint64_t addr = extent->addr, end = addr + extent->length, stop;
	struct hmm_p2p_migrate ignored;
	struct claim *claim = arg;
	struct hmm_p2p_move *move = claim->move;

	if (extent->device != move->device || extent->flags & HMM_P2P_EXTENT_SHARED)
		return 0;
	for (; addr < end && !claim->err; addr = stop) {
		stop = step_end(move, addr, end, STEP_MIN);
		claim->err = before_step(move, addr);
		if (!claim->err)
			claim->err = call(move, addr, stop - addr, HMM_P2P_MIGRATE_NO_EVICT,
					  &ignored);
	}
	/* Some of it has left meanwhile: the move itself may make room for it. */
	if (claim->err == -ENOSPC)
		claim->err = 0;
	return claim->err ? -ECANCELED : 0;
}

static bool is_one_step(const struct hmm_p2p_move *move)
{
	const struct hmm_p2p_range *range = move->ranges;
	uint64_t end = range->addr + range->length;

	return move->nr == 1 && step_end(move, range->addr, end, STEP_MIN) == end;
}

/*
 * Only where somebody is evicted there is something to protect. A range that cannot
 * be asked about cannot be moved either, which is said when it has its turn.
 */
static int claim_all(struct hmm_p2p_move *move)
{
	struct claim claim = { .move = move };
	size_t i;

	if (!move->device || move->flags & HMM_P2P_MIGRATE_NO_EVICT || is_one_step(move))
		return 0;
	for (i = 0; i < move->nr && !claim.err; i++)
		hmm_p2p_query(move->ctx, move->process, 0, move->ranges[i].addr,
			      move->ranges[i].length, claim_extent, &claim);
	return claim.err;
}

int hmm_p2p_move_run(struct hmm_p2p_move *move)
{
	size_t i;
	int err;

	if (!move->ranges || !move->nr)
		return -EINVAL;
	err = claim_all(move);
	for (i = 0; !err && i < move->nr; i++) {
		move->at = i;
		err = move_range(move, &move->ranges[i]);
	}
	return err;
}
