/* SPDX-License-Identifier: GPL-2.0 */
/* What the measurements of importers that nobody wrote for us share. */
#ifndef HMM_P2P_BENCH_IMPORTERS_H
#define HMM_P2P_BENCH_IMPORTERS_H

#include "bench.h"

#define MIB		(1UL << 20)
#define PAGE		4096UL

/**
 * struct row - a line of the table
 * @what: the work
 * @unit: of the values
 * @migrated: the value when pages migrate
 * @p2p: the value when the importer reaches them where they are
 * @registered: the value for pinned memory in RAM, or 0
 * @less_is_better: the values are times
 * @goal: what the ratio has to reach, or 0
 */
struct row {
	const char *what;
	const char *unit;
	double migrated;
	double p2p;
	double registered;
	bool less_is_better;
	double goal;
};

void importers_heading(const char *title);
void importers_row(const struct row *row);

/* Other bytes at each place, and for each seed. */
void importers_fill(void *mem, uint64_t length, uint64_t seed);

/* Ends the program if they are not there. */
void importers_check(const char *what, const void *mem, uint64_t length, uint64_t seed);

/* The exporter's counters. */
struct hmm_p2p_stat importers_stat(void);

/* Ends the program if the exporter has not counted that many pages since. */
void importers_counted(const char *what, const struct hmm_p2p_stat *before,
		       enum hmm_p2p_counter counter, uint64_t pages);

uint64_t importers_least(uint64_t best, uint64_t value);

void importers_rdma(void);
void importers_storage(void);

#endif /* HMM_P2P_BENCH_IMPORTERS_H */
