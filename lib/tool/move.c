// SPDX-License-Identifier: GPL-2.0
/*
 * One move, in steps: there is something to show, and ctrl-C ends it.
 *
 * The driver is told at each step that it is still the same move, so it evicts
 * nothing of what the steps before have moved. What the later ones have on the
 * device already is claimed before the first: moved where it is, which counts
 * for nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "move.h"
#include "signals.h"

/* So many bytes take a second at worst; where nothing moves, steps grow. */
#define STEP_MIN	(64ULL << 20)
#define STEP_MAX	(4ULL << 30)

#define SHOW_SECONDS	0.2

/* --------------------------------------------------------------- progress */

static double seconds_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - then->tv_sec) + (now.tv_nsec - then->tv_nsec) / 1e9;
}

static uint64_t bytes(const struct move *move, uint64_t pages)
{
	return pages * hmm_p2p_page_size(move->tool->ctx);
}

static uint64_t stayed(const struct hmm_p2p_migrate *sum)
{
	uint64_t pages = 0;
	unsigned int i;

	for (i = 0; i < HMM_P2P_REASON_SLOTS; i++)
		pages += sum->out_reasons[i];
	return pages;
}

static void show(struct move *move)
{
	char moved[SIZE_TEXT_MAX], already[SIZE_TEXT_MAX], stay[SIZE_TEXT_MAX];
	uint64_t moved_bytes = bytes(move, move->sum.out_moved);
	double seconds = seconds_since(&move->begun);

	fprintf(stderr, "\r%3.0f%%  %s moved, %s already there, %s stayed behind, %.2f GB/s\033[K",
		100.0 * (double)move->passed / (double)move->asked,
		size_text(move->tool, moved_bytes, moved),
		size_text(move->tool, bytes(move, move->sum.out_already), already),
		size_text(move->tool, bytes(move, stayed(&move->sum)), stay),
		seconds > 0 ? (double)moved_bytes / seconds / 1e9 : 0);
	clock_gettime(CLOCK_MONOTONIC, &move->last);
	move->shown = true;
}

/* After the first step in any case, then a few times a second. */
static void show_some(struct move *move)
{
	bool done = move->passed == move->asked;

	if (move->shows && !done &&
	    (!move->shown || seconds_since(&move->last) >= SHOW_SECONDS))
		show(move);
}

static void show_no_more(const struct move *move)
{
	if (move->shown)
		fputs("\r\033[K", stderr);
}

/* ------------------------------------------------------------------ steps */

static int call(struct move *move, uint64_t addr, uint64_t length, uint32_t flags,
		struct hmm_p2p_migrate *got)
{
	int err;

	*got = (struct hmm_p2p_migrate) {
		.size = sizeof(*got),
		.flags = flags,
		.device = move->device,
		.pid = move->process->pid,
		.mem_fd = move->process->mem_fd,
		.addr = addr,
		.length = length,
		.move = move->number,
	};
	err = ioctl(hmm_p2p_fd(move->tool->ctx), HMM_P2P_IOC_MIGRATE, got) ? -errno : 0;
	if (got->out_move)
		move->number = got->out_move;
	return err;
}

static void add_counts(struct hmm_p2p_migrate *sum, const struct hmm_p2p_migrate *got)
{
	unsigned int i;

	sum->addr = got->addr;
	sum->out_moved += got->out_moved;
	sum->out_populated += got->out_populated;
	sum->out_already += got->out_already;
	for (i = 0; i < HMM_P2P_REASON_SLOTS; i++)
		sum->out_reasons[i] += got->out_reasons[i];
}

/* Steps end at multiples of the smallest one, so that none cuts a huge page. */
static uint64_t step_end(uint64_t addr, uint64_t end, uint64_t step)
{
	uint64_t length = step - addr % STEP_MIN;

	return end - addr > length ? addr + length : end;
}

static int move_range(struct move *move, uint64_t addr, uint64_t length)
{
	uint64_t end = addr + length, stop, step = STEP_MIN;
	struct hmm_p2p_migrate got;
	int err = 0;

	for (; addr < end && !err; addr = stop) {
		if (signals_caught()) {
			move->sum.addr = addr;
			return -EINTR;
		}
		stop = step_end(addr, end, step);
		err = call(move, addr, stop - addr, move->flags, &got);
		add_counts(&move->sum, &got);
		if (got.out_moved)
			step = STEP_MIN;
		else if (step < STEP_MAX)
			step *= 2;
		move->passed += stop - addr;
		show_some(move);
	}
	return err;
}

/* ----------------------------------------------------------------- claims */

static int claim_extent(const struct hmm_p2p_extent *extent, void *arg)
{
	uint64_t addr = extent->addr, end = addr + extent->length, stop;
	struct hmm_p2p_migrate ignored;
	struct move *move = arg;
	int err = 0;

	if (extent->device != move->device || extent->flags & HMM_P2P_EXTENT_SHARED)
		return 0;
	for (; addr < end && !err; addr = stop) {
		if (signals_caught())
			return -EINTR;
		stop = step_end(addr, end, STEP_MIN);
		err = call(move, addr, stop - addr, HMM_P2P_MIGRATE_NO_EVICT, &ignored);
	}
	/* Some of it has left meanwhile: the move itself may make room for it. */
	return err == -ENOSPC ? 0 : err;
}

static bool is_one_step(const struct move *move)
{
	const struct hmm_p2p_range *range = move->ranges;
	uint64_t end = range->addr + range->length;

	return move->nr_ranges == 1 && step_end(range->addr, end, STEP_MIN) == end;
}

/* Only where somebody is evicted there is something to protect. */
static int claim_all(struct move *move)
{
	int64_t ret = 0;
	size_t i;

	if (!move->device || move->flags & HMM_P2P_MIGRATE_NO_EVICT)
		return 0;
	for (i = 0; i < move->nr_ranges && ret >= 0; i++) {
		move->sum.addr = move->ranges[i].addr;
		ret = hmm_p2p_query(move->tool->ctx, move->process, 0,
				    move->ranges[i].addr, move->ranges[i].length,
				    claim_extent, move);
	}
	return ret < 0 ? (int)ret : 0;
}

int move_run(struct move *move)
{
	size_t i;
	int err = 0;

	for (i = 0; i < move->nr_ranges; i++)
		move->asked += move->ranges[i].length;
	move->shows = !move->tool->json && isatty(STDERR_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &move->begun);
	if (!is_one_step(move))
		err = claim_all(move);
	for (i = 0; i < move->nr_ranges && !err; i++)
		err = move_range(move, move->ranges[i].addr, move->ranges[i].length);
	show_no_more(move);
	return err;
}
