// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs that the CPU touches memory on the device, by how many pages
 * come home at once: page after page, where the neighbours are wanted, and one
 * in AROUND_MOST, where none is.
 */
#include <errno.h>
#include <stdio.h>

#include "bench.h"

#define PARAMETER	"/sys/module/hmm_p2p/parameters/fault_around"
#define SIZE		(32UL << 20)
#define PAGE		4096UL
#define AROUND_MOST	64
#define ROUNDS		3

static void set_around(unsigned int pages)
{
	FILE *f = fopen(PARAMETER, "w");

	if (!f || fprintf(f, "%u", pages) < 0 || fclose(f))
		bench_die(PARAMETER, errno, HMM_P2P_CALL_ANY);
}

static unsigned int get_around(void)
{
	FILE *f = fopen(PARAMETER, "r");
	unsigned int pages;

	if (!f || fscanf(f, "%u", &pages) != 1)
		bench_die(PARAMETER, errno, HMM_P2P_CALL_ANY);
	fclose(f);
	return pages;
}

static struct hmm_p2p_stat stat_now(void)
{
	struct hmm_p2p_stat stat;
	int ret = hmm_p2p_stat(bench_ctx, bench_exporter.out_id, &stat);

	if (ret)
		bench_die("stat", ret, HMM_P2P_CALL_ANY);
	return stat;
}

/* Return: nanoseconds for each page that is touched. */
static double touch(uint64_t stride)
{
	uint64_t best = 0, start, ns, at;
	char *buf;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		buf = bench_map(SIZE, false);
		bench_to_device(buf, SIZE);
		start = bench_now();
		for (at = 0; at < SIZE; at += stride)
			*(volatile char *)(buf + at);
		ns = bench_now() - start;
		bench_unmap(buf, SIZE);
		if (!best || ns < best)
			best = ns;
	}
	return (double)best / (double)(SIZE / stride);
}

/* Of all pages, those that @counter has counted. */
static double percent(const struct hmm_p2p_stat *before, const struct hmm_p2p_stat *after,
		      enum hmm_p2p_counter counter)
{
	return 100.0 * (double)(after->out_counters[counter] - before->out_counters[counter]) /
	       (double)(ROUNDS * SIZE / PAGE);
}

static void one_window(unsigned int pages)
{
	struct hmm_p2p_stat before, after;
	double each, one;

	set_around(pages);
	before = stat_now();
	each = touch(PAGE);
	after = stat_now();
	one = touch(AROUND_MOST * PAGE);
	printf("%-8u %12.0f %12.1f%% %8.1f%% %12.0f\n", pages, each,
	       percent(&before, &after, HMM_P2P_COUNTER_PREFETCHED),
	       percent(&before, &after, HMM_P2P_COUNTER_PREFETCH_USED), one);
}

void bench_touch(void)
{
	unsigned int was = get_around(), pages;

	printf("\nThe CPU touches 4 KiB pages of %lu MB on the device: nanoseconds per touch\n",
	       SIZE >> 20);
	printf("%-8s %12s %13s %9s %12s\n", "AT ONCE", "EACH PAGE", "PREFETCHED", "USED", "1 IN 64");
	for (pages = 1; pages <= AROUND_MOST; pages *= 4)
		one_window(pages);
	set_around(was);
}
