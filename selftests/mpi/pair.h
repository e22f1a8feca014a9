/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two processes, one on each host, as mpirun starts them, each with an accelerator and
 * buffers that are to stay there.
 *
 * Soft-RoCE's on-demand paging has bugs (see upstream_rxe_odp): only what begins on
 * a page is copied right. So all that is sent, or received into, begins on one.
 */
#ifndef MPI_PAIR_H
#define MPI_PAIR_H

#include <mpi.h>

#include "common_accel.h"

#define LENGTH		MIB
#define FLOATS		(LENGTH / sizeof(float))
#define ROUNDS		8
#define PAGE_ROUNDS	16
#define REDUCTIONS	3

/* Set by pair_setup(). */
extern int rank, other;
extern uint32_t exporter;

/* For a group of tests. */
int pair_setup(void **state);

/*
 * MPI_Init(), the tests on both sides, with the report of one, and MPI_Finalize(). Who
 * fails aborts, and MPI ends the other, which would wait for it.
 */
int pair_run(int argc, char **argv, int (*run)(void));

/* Different bytes on each side. */
uint64_t seed_of(int number);

/**
 * struct stay - what has to stay on the device
 * @mem: LENGTH each, or NULL
 * @before: the exporter's counters
 */
struct stay {
	const void *mem[2];
	struct hmm_p2p_stat before;
};

/* Moves both there. */
void stay_begin(struct stay *stay, void *one, void *two);
uint64_t counted(const struct stay *stay, enum hmm_p2p_counter counter);

/* The NIC has had all of it as p2p, and nothing has come home. */
void stayed(const struct stay *stay);

/* LENGTH of floats, whose sums are exact. */
float *make_values(void);

/* Both sides' values were added, then REDUCTIONS - 1 times what had come of that. */
void check_values(const float *values);

/* The device adds @in, which is in RAM and stays there, to @sum. */
void device_adds(const void *in, void *sum, size_t length);

/* Of the first side: what a message took, in seconds. */
void tell_ping_pong(const char *where, double first, double all, double page);
void tell_reduction(const char *where, double seconds);

#endif /* MPI_PAIR_H */
