// SPDX-License-Identifier: GPL-2.0
/*
 * y = a x + y: the memory moves before the job, or because the job faults, or not at all;
 * and CPU and device in turn, for which there is a guard. Every result is compared.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel.h"

/* Of each vector; small pages take their time. */
#define HUGE_VECTOR	(128 * MIB)
#define SMALL_VECTOR	(16 * MIB)
#define BLOCK		(64UL << 10)
#define FLOATS		(BLOCK / sizeof(float))
#define ROUNDS		3
#define MORE_ROUNDS	9
#define TURNS		2

/* A storm is one after the third turn. */
#define HUGE_TURNS	48
#define SMALL_TURNS	12
#define STORM_ROUNDS	3
#define PAUSE		"/sys/module/hmm_p2p_accel/parameters/storm_pause_ms"

enum how { MOVED_FIRST, ON_DEMAND, IN_RAM, HOWS };

static const char * const hows[HOWS] = {
	[MOVED_FIRST]	= "moved before it",
	[ON_DEMAND]	= "faulted on demand",
	[IN_RAM]	= "left in RAM",
};

/**
 * struct vectors - what the job works on
 * @x: the one that it reads
 * @y: the one that it reads and writes
 * @size: bytes of each
 */
struct vectors {
	char *x;
	char *y;
	uint64_t size;
};

/* The vectors are this, again and again. */
static float x_block[FLOATS], y_block[FLOATS], result_block[FLOATS];

static void blocks_make(void)
{
	unsigned int i;

	for (i = 0; i < FLOATS; i++) {
		x_block[i] = (float)(i % 1000);
		y_block[i] = (float)(i % 7);
		result_block[i] = 2 * x_block[i] + y_block[i];
	}
}

static void vector_fill(char *vector, uint64_t size, const float *block)
{
	uint64_t at;

	for (at = 0; at < size; at += BLOCK)
		memcpy(vector + at, block, BLOCK);
}

static void result_check(const struct vectors *v)
{
	uint64_t at;

	for (at = 0; at < v->size; at += BLOCK) {
		if (!memcmp(v->y + at, result_block, BLOCK))
			continue;
		fprintf(stderr, "wrong results at byte %llu\n", (unsigned long long)at);
		exit(1);
	}
}

static struct vectors vectors_make(bool huge)
{
	struct vectors v = { .size = huge ? HUGE_VECTOR : SMALL_VECTOR };

	v.x = bench_map(v.size, huge);
	v.y = bench_map(v.size, huge);
	vector_fill(v.x, v.size, x_block);
	vector_fill(v.y, v.size, y_block);
	return v;
}

static void vectors_end(struct vectors *v)
{
	bench_unmap(v->x, v->size);
	bench_unmap(v->y, v->size);
}

static uint64_t saxpy(const struct vectors *v)
{
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_SAXPY,
		.dst = (uintptr_t)v->y,
		.src = (uintptr_t)v->x,
		.length = v->size,
	};
	float a = 2;

	memcpy(&job.argument, &a, sizeof(a));
	return accel_run(&job);
}

/* Return: nanoseconds until the result is there, what moves before the job included. */
static uint64_t once(enum how how, bool huge)
{
	struct vectors v = vectors_make(huge);
	uint64_t start, ns;

	if (how == IN_RAM) {
		accel_advise(v.x, v.size, HMM_P2P_ACCEL_PREFER_SYSTEM);
		accel_advise(v.y, v.size, HMM_P2P_ACCEL_PREFER_SYSTEM);
	}
	start = bench_now();
	if (how == MOVED_FIRST) {
		bench_to(accel_here, v.x, v.size);
		bench_to(accel_here, v.y, v.size);
	}
	saxpy(&v);
	ns = bench_now() - start;
	result_check(&v);
	vectors_end(&v);
	return ns;
}

/* The CPU writes y, a job adds to it, the CPU reads it. Return: nanoseconds of a turn. */
static uint64_t in_turn(enum how how, bool huge)
{
	struct vectors v = vectors_make(huge);
	uint64_t start, i;

	if (how == IN_RAM)
		accel_advise(v.y, v.size, HMM_P2P_ACCEL_PREFER_SYSTEM);
	start = bench_now();
	for (i = 0; i < TURNS; i++) {
		vector_fill(v.y, v.size, y_block);
		if (how == MOVED_FIRST)
			bench_to(accel_here, v.y, v.size);
		saxpy(&v);
		if (how == MOVED_FIRST)
			bench_to_ram(v.y, v.size);
		result_check(&v);
	}
	start = bench_now() - start;
	vectors_end(&v);
	return start / TURNS;
}

typedef uint64_t (*measure_fn)(enum how how, bool huge);

static bool all_steady(const struct accel_times *times, unsigned int nr)
{
	while (nr--)
		if (!accel_is_steady(times++))
			return false;
	return true;
}

/*
 * Turn and turn about, so that a slow moment of the machine hits all. The median; where the
 * rounds differ much, there are more of them.
 */
static void rows(measure_fn measure, bool huge)
{
	struct accel_times times[HOWS] = { 0 };
	enum how how;
	int i;

	for (i = 0; i < ROUNDS || (i < MORE_ROUNDS && !all_steady(times, HOWS)); i++)
		for (how = 0; how < HOWS; how++)
			accel_time_add(&times[how], measure(how, huge));
	for (how = 0; how < HOWS; how++) {
		double ns = (double)accel_median(&times[how]);
		double ratio = ns / (double)accel_median(&times[MOVED_FIRST]);

		printf("%-20s %-6s %10.1f %7.2f", hows[how], huge ? "huge" : "4 KiB",
		       ns / 1e6, ratio);
		if (how == ON_DEMAND && measure == once)
			printf("   goal 1.3: %s", accel_met(ratio <= 1.3));
		printf("%s\n", accel_noise(accel_is_steady(&times[how])));
	}
}

/* ----------------------------------------------------------------------- storms */

enum guard { UNGUARDED, GUARDED, ADVISED, GUARDS };

static const char * const guards[GUARDS] = {
	[UNGUARDED]	= "on demand, no guard",
	[GUARDED]	= "on demand, guarded",
	[ADVISED]	= "left in RAM",
};

static void pause_set(const char *ms)
{
	FILE *file = fopen(PAUSE, "w");

	if (file && fputs(ms, file) >= 0 && !fclose(file))
		return;
	perror(PAUSE);
	exit(1);
}

/*
 * The CPU writes y, a job adds to it, the CPU reads it, many times. Return: nanoseconds
 * of a turn, of all of them, those before the guard notices included.
 */
static uint64_t storm(enum guard guard, bool huge, uint64_t *kept)
{
	struct vectors v = vectors_make(huge);
	unsigned int turns = huge ? HUGE_TURNS : SMALL_TURNS, i;
	uint64_t start, before;

	pause_set(guard == UNGUARDED ? "0" : "30000");
	if (guard == ADVISED)
		accel_advise(v.y, v.size, HMM_P2P_ACCEL_PREFER_SYSTEM);
	before = accel_kept(v.y);
	start = bench_now();
	for (i = 0; i < turns; i++) {
		vector_fill(v.y, v.size, y_block);
		saxpy(&v);
		result_check(&v);
	}
	start = bench_now() - start;
	*kept = accel_kept(v.y) - before;
	vectors_end(&v);
	return start / turns;
}

/* What the guard can reach at best is memory that stays in RAM from the start. */
static void storm_rows(bool huge)
{
	struct accel_times times[GUARDS] = { 0 };
	uint64_t kept[GUARDS];
	enum guard guard;
	int i;

	for (i = 0; i < STORM_ROUNDS; i++)
		for (guard = 0; guard < GUARDS; guard++)
			accel_time_add(&times[guard], storm(guard, huge, &kept[guard]));
	for (guard = 0; guard < GUARDS; guard++) {
		double ns = (double)accel_median(&times[guard]);
		double unguarded = (double)accel_median(&times[UNGUARDED]);

		printf("%-20s %-6s %10.1f %7.2f %6llu", guards[guard], huge ? "huge" : "4 KiB",
		       ns / 1e6, unguarded / ns, (unsigned long long)kept[guard]);
		if (guard == GUARDED)
			printf("   goal 3: %s; %.0f %% of what can be reached",
			       accel_met(unguarded / ns >= 3),
			       100 * (double)accel_median(&times[ADVISED]) / ns);
		printf("%s\n", accel_noise(accel_is_steady(&times[guard])));
	}
}

static void storm_table(void)
{
	printf("\nthe same, a turn of %d (4 KiB pages: %d)\n%-20s %-6s %10s %7s %6s\n",
	       HUGE_TURNS, SMALL_TURNS, "THE MEMORY MOVES", "PAGES", "MS", "FASTER", "KEPT");
	storm_rows(true);
	storm_rows(false);
}

static void table(const char *title, measure_fn measure)
{
	printf("\n%s\n%-20s %-6s %10s %7s\n", title, "THE MEMORY IS", "PAGES", "MS", "RATIO");
	rows(measure, true);
	rows(measure, false);
}

void accel_saxpy(void)
{
	blocks_make();
	table("saxpy over 256 MB (4 KiB pages: 32 MB), until the results are there", once);
	table("CPU and device in turn: the CPU writes y, saxpy, the CPU reads y; a turn", in_turn);
	storm_table();
}
