/* SPDX-License-Identifier: GPL-2.0 */
/* What the measurements of accelerators share. */
#ifndef HMM_P2P_BENCH_ACCEL_H
#define HMM_P2P_BENCH_ACCEL_H

#include <drm/hmm_p2p_accel.h>

#include "bench.h"

#define MIB		(1UL << 20)
#define PAGE		4096UL

/* Set by bench_accel(): numbers of the memory that each has. */
extern uint32_t accel_here;
extern uint32_t accel_neighbour;
extern uint32_t accel_bar;

/* The accelerator. */
extern int accel_node;

/* The job succeeds, or the program ends. Return: nanoseconds. */
uint64_t accel_run(struct drm_hmm_p2p_accel_run *job);
void accel_advise(void *mem, uint64_t length, uint32_t advice);

/* How often the driver began to keep 2 MiB of ours in RAM. */
uint64_t accel_kept(const void *mem);

void accel_keep_least(uint64_t *best, uint64_t ns);

#define ACCEL_MOST_ROUNDS	48

/**
 * struct accel_times - what the rounds of a measurement have taken
 * @nr: how many rounds
 * @ns: nanoseconds of each, the shortest first
 */
struct accel_times {
	unsigned int nr;
	uint64_t ns[ACCEL_MOST_ROUNDS];
};

void accel_time_add(struct accel_times *times, uint64_t ns);
uint64_t accel_median(const struct accel_times *times);

/* Half of the rounds, those in the middle, differ by less than a fourth of the median. */
bool accel_is_steady(const struct accel_times *times);

/* What a row of times that are not ends with. */
const char *accel_noise(bool steady);

/* A goal, and whether it is met. */
const char *accel_met(bool met);

void accel_moves(void);
void accel_faults(void);
void accel_share(void);
void accel_saxpy(void);

#endif /* HMM_P2P_BENCH_ACCEL_H */
