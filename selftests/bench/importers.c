// SPDX-License-Identifier: GPL-2.0
/*
 * Importers that nobody wrote for us, on memory of a device: the same work with
 * pages that migrate and with pages that stay. Times are reported, not judged;
 * an outcome that is not the one whose time is reported ends the program, and so
 * does a wrong byte.
 */
#include <stdio.h>
#include <stdlib.h>

#include "importers.h"

void importers_heading(const char *title)
{
	printf("\n%s\n", title);
	printf("%-38s %-8s %10s %10s %10s   %s\n", "WORK", "UNIT", "MIGRATED", "P2P",
	       "REGISTERED", "P2P IS BETTER");
}

static double times_better(const struct row *row)
{
	return row->less_is_better ? row->migrated / row->p2p : row->p2p / row->migrated;
}

void importers_row(const struct row *row)
{
	double better = times_better(row);

	printf("%-38s %-8s %10.1f %10.1f ", row->what, row->unit, row->migrated, row->p2p);
	if (row->registered > 0)
		printf("%10.1f   %5.2f times", row->registered, better);
	else
		printf("%10s   %5.2f times", "-", better);
	if (row->goal > 0)
		printf(", goal %.0f: %s", row->goal, better >= row->goal ? "met" : "not met");
	printf("\n");
}

static uint64_t word_at(uint64_t i, uint64_t seed)
{
	return (i + 1) * 0x9e3779b97f4a7c15ULL + seed;
}

void importers_fill(void *mem, uint64_t length, uint64_t seed)
{
	uint64_t *word = mem, i;

	for (i = 0; i < length / sizeof(*word); i++)
		word[i] = word_at(i, seed);
}

void importers_check(const char *what, const void *mem, uint64_t length, uint64_t seed)
{
	const uint64_t *word = mem;
	uint64_t i;

	for (i = 0; i < length / sizeof(*word); i++) {
		if (word[i] == word_at(i, seed))
			continue;
		fprintf(stderr, "%s: wrong data at byte %llu of %llu\n", what,
			(unsigned long long)(i * sizeof(*word)),
			(unsigned long long)length);
		exit(1);
	}
}

struct hmm_p2p_stat importers_stat(void)
{
	struct hmm_p2p_stat stat;
	int ret = hmm_p2p_stat(bench_ctx, bench_exporter.out_id, &stat);

	if (ret)
		bench_die("stat", ret, HMM_P2P_CALL_STAT);
	return stat;
}

void importers_counted(const char *what, const struct hmm_p2p_stat *before,
		       enum hmm_p2p_counter counter, uint64_t pages)
{
	struct hmm_p2p_stat now = importers_stat();
	uint64_t got = now.out_counters[counter] - before->out_counters[counter];

	if (got == pages)
		return;
	fprintf(stderr, "%s: counter %s is %llu and not %llu pages\n", what,
		hmm_p2p_counter_name(counter), (unsigned long long)got,
		(unsigned long long)pages);
	exit(1);
}

uint64_t importers_least(uint64_t best, uint64_t value)
{
	return best && best < value ? best : value;
}

void bench_importers(void)
{
	importers_rdma();
	importers_storage();
}
