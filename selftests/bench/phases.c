// SPDX-License-Identifier: GPL-2.0
/* Where the time of a migration goes, per page and per huge page. */
#include <stdio.h>

#include "bench.h"

#define SIZE	(64UL << 20)
#define ROUNDS	8

static const char * const names[PHASE_COUNT] = {
	[PHASE_SETUP]		= "setup",
	[PHASE_ALLOC]		= "alloc",
	[PHASE_COPY]		= "copy",
	[PHASE_PAGES]		= "pages",
	[PHASE_FINALIZE]	= "finalize",
};

static uint64_t sum(const uint64_t *ns)
{
	uint64_t total = 0;
	int i;

	for (i = 0; i < PHASE_COUNT; i++)
		total += ns[i];
	return total;
}

static void phases(bool huge)
{
	double units = (double)ROUNDS * SIZE / (huge ? HUGE_SIZE : 4096);
	void *buf = bench_map(SIZE, huge);
	struct bench_profile profile;
	int i;

	bench_profile_start();
	for (i = 0; i < ROUNDS; i++) {
		bench_to_device(buf, SIZE);
		bench_to_ram(buf, SIZE);
	}
	bench_profile_read(&profile);
	bench_unmap(buf, SIZE);

	printf("\nOne %s page, in nanoseconds\n", huge ? "huge" : "4 KiB");
	printf("%-10s %12s %6s %12s %6s\n", "PHASE", "TO DEVICE", "", "TO RAM", "");
	for (i = 0; i < PHASE_COUNT; i++)
		printf("%-10s %12.0f %5.1f%% %12.0f %5.1f%%\n", names[i],
		       (double)profile.to_device[i] / units,
		       100.0 * (double)profile.to_device[i] /
			       (double)sum(profile.to_device),
		       (double)profile.to_ram[i] / units,
		       100.0 * (double)profile.to_ram[i] / (double)sum(profile.to_ram));
}

void bench_phases(void)
{
	phases(false);
	phases(true);
}
