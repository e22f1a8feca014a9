// SPDX-License-Identifier: GPL-2.0
/* One move, in steps: there is something to show, and ctrl-C ends it. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "move.h"
#include "signals.h"

#define SHOW_SECONDS	0.2

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
	const struct hmm_p2p_migrate *sum = &move->steps.sum;
	uint64_t moved_bytes = bytes(move, sum->out_moved);
	double seconds = seconds_since(&move->begun);

	fprintf(stderr, "\r%3.0f%%  %s moved, %s already there, %s stayed behind, %.2f GB/s\033[K",
		100.0 * (double)move->steps.passed / (double)move->asked,
		size_text(move->tool, moved_bytes, moved),
		size_text(move->tool, bytes(move, sum->out_already), already),
		size_text(move->tool, bytes(move, stayed(sum)), stay),
		seconds > 0 ? (double)moved_bytes / seconds / 1e9 : 0);
	clock_gettime(CLOCK_MONOTONIC, &move->last);
	move->shown = true;
}

/* After the first step in any case, then a few times a second. */
static void show_some(struct move *move)
{
	uint64_t passed = move->steps.passed;

	if (move->shows && passed && passed != move->asked &&
	    (!move->shown || seconds_since(&move->last) >= SHOW_SECONDS))
		show(move);
}

static void show_no_more(const struct move *move)
{
	if (move->shown)
		fputs("\r\033[K", stderr);
}

static int before_step(struct hmm_p2p_move *steps)
{
	show_some(steps->arg);
	return signals_caught() ? -EINTR : 0;
}

int move_run(struct move *move)
{
	size_t i;
	int err;

	for (i = 0; i < move->steps.nr; i++)
		move->asked += move->steps.ranges[i].length;
	move->shows = !move->tool->json && isatty(STDERR_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &move->begun);
	move->steps.ctx = move->tool->ctx;
	move->steps.before_step = before_step;
	move->steps.arg = move;
	err = hmm_p2p_move_run(&move->steps);
	show_no_more(move);
	return err;
}
