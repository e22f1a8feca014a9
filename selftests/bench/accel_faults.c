// SPDX-License-Identifier: GPL-2.0
/*
 * From a device's fault to the next access of its job, and where that time goes: a job
 * follows pointers, one in each 2 MiB, faults at each of them, and does so again without
 * faults. What is in between belongs to the faults.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "accel.h"

#define FAULTS		32
#define SIZE		(FAULTS * HUGE_SIZE)
#define ROUNDS		9

enum place { RAM_MOVES, RAM_STAYS, PRIVATE, P2P };

static const char * const places[] = {
	[RAM_MOVES]	= "RAM, moves here",
	[RAM_STAYS]	= "RAM, stays",
	[PRIVATE]	= "neighbour: private",
	[P2P]		= "BAR: p2p",
};

/**
 * struct cost - nanoseconds of a round
 * @faults: of all its faults
 * @move: of these, moving memory
 * @copy: of these, the copy
 */
struct cost {
	uint64_t faults;
	uint64_t move;
	uint64_t copy;
};

/* One page of each huge page is mapped: that is all a fault can be about. */
static char *map_apart(void)
{
	char *mem = bench_map(SIZE, false);
	unsigned int i;

	for (i = 0; i < FAULTS; i++)
		if (munmap(mem + i * HUGE_SIZE + PAGE, HUGE_SIZE - PAGE))
			bench_die("munmap", errno, HMM_P2P_CALL_ANY);
	return mem;
}

/* The last one is NULL. */
static void link_up(char *mem)
{
	unsigned int i;

	for (i = 0; i < FAULTS; i++)
		*(char **)(mem + i * HUGE_SIZE) =
			i + 1 < FAULTS ? mem + (i + 1) * HUGE_SIZE : NULL;
}

static void put(enum place place, char *mem, uint64_t each)
{
	unsigned int i;

	for (i = 0; i < FAULTS; i++, mem += HUGE_SIZE) {
		if (place == RAM_STAYS)
			accel_advise(mem, each, HMM_P2P_ACCEL_PREFER_SYSTEM);
		else if (place != RAM_MOVES)
			bench_to(place == P2P ? accel_bar : accel_neighbour, mem, each);
	}
}

static uint64_t chase(char *mem, uint64_t faults, uint64_t moved)
{
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_CHASE,
		.src = (uintptr_t)mem,
		.argument = FAULTS,
	};
	uint64_t ns = accel_run(&job);

	if (job.out_faults == faults && job.out_moved == moved)
		return ns;
	fprintf(stderr, "%llu faults and %llu pages moved, and not %llu and %llu\n",
		(unsigned long long)job.out_faults, (unsigned long long)job.out_moved,
		(unsigned long long)faults, (unsigned long long)moved);
	exit(1);
}

static uint64_t sum_of(const uint64_t ns[PHASE_COUNT])
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < PHASE_COUNT; i++)
		sum += ns[i];
	return sum;
}

/* Return: nanoseconds of the job without faults. */
static uint64_t round_of(enum place place, bool huge, struct cost *best)
{
	uint64_t each = huge ? HUGE_SIZE : PAGE, with, without;
	char *mem = huge ? bench_map(SIZE, true) : map_apart();
	struct bench_profile profile;

	link_up(mem);
	put(place, mem, each);
	bench_profile_start();
	with = chase(mem, FAULTS, place == RAM_MOVES ? SIZE / HUGE_SIZE * each / PAGE : 0);
	bench_profile_read(&profile);
	without = chase(mem, 0, 0);
	bench_unmap(mem, SIZE);
	if (!best->faults || with - without < best->faults)
		*best = (struct cost) {
			.faults = with - without,
			.move = sum_of(profile.to_device),
			.copy = profile.to_device[PHASE_COPY],
		};
	return without;
}

static double each_us(uint64_t ns)
{
	return (double)ns / FAULTS / 1000;
}

static void row(enum place place, bool huge)
{
	struct cost best = { 0 };
	uint64_t without = 0;
	int i;

	for (i = 0; i < ROUNDS; i++)
		accel_keep_least(&without, round_of(place, huge, &best));
	printf("%-20s %-6s %10.1f %10.1f %10.1f %10.1f %16.1f\n", places[place],
	       huge ? "2 MiB" : "4 KiB", each_us(best.faults), each_us(best.copy),
	       each_us(best.move - best.copy), each_us(best.faults - best.move),
	       (double)without / 1000);
}

void accel_faults(void)
{
	enum place place;

	printf("\nFrom a device's fault to the next access of its job, in microseconds; of these copy, rest of the move,\nand what the fault itself takes (interrupt, worker, range fault, page table, reply)\n");
	printf("%-20s %-6s %10s %10s %10s %10s %16s\n", "WHERE IT IS", "RANGE", "IN ALL", "COPY",
	       "MOVE", "FAULT", "JOB, NO FAULTS");
	for (place = RAM_MOVES; place <= P2P; place++)
		row(place, false);
	for (place = RAM_MOVES; place <= P2P; place++)
		row(place, true);
}
