// SPDX-License-Identifier: GPL-2.0
/*
 * How fast memory moves, against the copy alone. The copy is timed inside the
 * same migrations: it is the exporter's own primitive on the same bytes.
 */
#include <stdio.h>

#include "bench.h"

#define MOST_BYTES	(256UL << 20)

static const struct {
	const char *name;
	uint64_t bytes;
} sizes[] = {
	{ "4 KiB", 4UL << 10 },
	{ "64 KiB", 64UL << 10 },
	{ "1 MiB", 1UL << 20 },
	{ "2 MiB", 2UL << 20 },
	{ "16 MiB", 16UL << 20 },
	{ "64 MiB", 64UL << 20 },
	{ "256 MiB", MOST_BYTES },
};

/**
 * struct moved - the best round trip of several
 * @to_device: nanoseconds of the whole call
 * @to_device_copy: of these, in the copy
 * @to_ram: nanoseconds of the whole call
 * @to_ram_copy: of these, in the copy
 */
struct moved {
	uint64_t to_device;
	uint64_t to_device_copy;
	uint64_t to_ram;
	uint64_t to_ram_copy;
};

static void round_trip(void *buf, uint64_t bytes, struct moved *best)
{
	struct bench_profile profile;
	uint64_t to_device, to_ram;

	bench_profile_start();
	to_device = bench_to_device(buf, bytes);
	to_ram = bench_to_ram(buf, bytes);
	bench_profile_read(&profile);
	if (!best->to_device || to_device < best->to_device) {
		best->to_device = to_device;
		best->to_device_copy = profile.to_device[PHASE_COPY];
	}
	if (!best->to_ram || to_ram < best->to_ram) {
		best->to_ram = to_ram;
		best->to_ram_copy = profile.to_ram[PHASE_COPY];
	}
}

static double gb_per_s(uint64_t bytes, uint64_t ns)
{
	return (double)bytes / (double)ns;
}

static void one_size(unsigned int i, bool huge)
{
	uint64_t bytes = sizes[i].bytes;
	int rounds = bytes < HUGE_SIZE ? 30 : bytes < MOST_BYTES ? 8 : 3;
	struct moved best = { 0 };
	void *buf = bench_map(bytes, huge);

	while (rounds--)
		round_trip(buf, bytes, &best);
	bench_unmap(buf, bytes);
	printf("%-8s %-5s %9.3f %9.3f %7.2f %12.3f %9.3f %7.2f\n", sizes[i].name,
	       huge ? "huge" : "4 KiB", gb_per_s(bytes, best.to_device),
	       gb_per_s(bytes, best.to_device_copy),
	       (double)best.to_device_copy / (double)best.to_device,
	       gb_per_s(bytes, best.to_ram), gb_per_s(bytes, best.to_ram_copy),
	       (double)best.to_ram_copy / (double)best.to_ram);
}

void bench_throughput(void)
{
	unsigned int i;

	printf("\nMigration in GB/s, against the copy alone (goal: 0.8 with huge pages)\n");
	printf("%-8s %-5s %9s %9s %7s %12s %9s %7s\n", "SIZE", "PAGES", "TO DEVICE",
	       "COPY", "RATIO", "TO RAM", "COPY", "RATIO");
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		one_size(i, false);
		if (sizes[i].bytes >= HUGE_SIZE)
			one_size(i, true);
	}
}
