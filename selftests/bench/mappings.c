// SPDX-License-Identifier: GPL-2.0
/* How long "hmmp2p map" takes for a process with many mappings, beside the kernel's own list. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define MAPPINGS	10000UL
#define PAGE		4096UL
#define ROUNDS		3

/* A hole behind each, so that none of them merge; every second page goes to the device. */
static void make_mappings(void)
{
	const uint64_t length = 2 * PAGE * MAPPINGS;
	char *mem = mmap(NULL, length, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned long i;

	if (mem == MAP_FAILED || madvise(mem, length, MADV_NOHUGEPAGE))
		bench_die("mmap", errno, HMM_P2P_CALL_ANY);
	for (i = 0; i < MAPPINGS; i++) {
		char *page = mem + 2 * i * PAGE;

		*page = 1;
		if (munmap(page + PAGE, PAGE))
			bench_die("munmap", errno, HMM_P2P_CALL_ANY);
		if (i % 2)
			bench_to_device(page, PAGE);
	}
}

/* Return: nanoseconds of the fastest run. */
static uint64_t time_command(const char *format)
{
	uint64_t best = UINT64_MAX, start, ns;
	char command[128];
	int i;

	snprintf(command, sizeof(command), format, (int)getpid());
	for (i = 0; i < ROUNDS; i++) {
		start = bench_now();
		if (system(command)) {
			fprintf(stderr, "\"%s\" failed\n", command);
			exit(1);
		}
		ns = bench_now() - start;
		if (ns < best)
			best = ns;
	}
	return best;
}

void bench_mappings(void)
{
	uint64_t map, smaps;

	make_mappings();
	map = time_command("hmmp2p map %d >/dev/null");
	smaps = time_command("cat /proc/%d/smaps >/dev/null");
	printf("\n%lu mappings: hmmp2p map %.2f s, reading smaps %.2f s: %.2f times\n", MAPPINGS,
	       (double)map / 1e9, (double)smaps / 1e9, (double)map / (double)smaps);
}
