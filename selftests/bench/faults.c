// SPDX-License-Identifier: GPL-2.0
/* What a range fault costs, timed by the module hmm_p2p_bench in the kernel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define FAULT_FILE	"/sys/kernel/debug/hmm_p2p_bench/fault"
#define SIZE		(64UL << 20)
#define ROUNDS		15

/**
 * struct fault_result - what the module says
 * @ns: the fastest fault of the range
 * @pages: in the range
 * @private_pages: entries that are device-private pages
 * @alias_pages: entries that are p2p pages
 * @system_pages: entries that are system pages
 */
struct fault_result {
	unsigned long long ns;
	unsigned long pages;
	unsigned long private_pages;
	unsigned long alias_pages;
	unsigned long system_pages;
};

static void fault(void *buf, const char *importer, struct fault_result *result)
{
	FILE *f = fopen(FAULT_FILE, "w");

	if (!f || fprintf(f, "%lx %lx 1 %s", (unsigned long)buf, SIZE, importer) < 0 ||
	    fclose(f))
		bench_die(FAULT_FILE, errno, HMM_P2P_CALL_ANY);
	f = fopen(FAULT_FILE, "r");
	if (!f || fscanf(f, "%llu %lu %lu %lu %lu", &result->ns, &result->pages,
			 &result->private_pages, &result->alias_pages,
			 &result->system_pages) != 5)
		bench_die(FAULT_FILE, EIO, HMM_P2P_CALL_ANY);
	fclose(f);
}

static void expect(const char *what, unsigned long got, unsigned long pages)
{
	if (got == pages)
		return;
	fprintf(stderr, "%s: %lu of %lu pages\n", what, got, pages);
	exit(1);
}

static void keep_min(unsigned long long *best, unsigned long long ns)
{
	if (!*best || ns < *best)
		*best = ns;
}

/* Turn and turn about, so that a slow moment of the machine hits both. */
static void in_system_memory(bool huge)
{
	unsigned long long plain = 0, ours = 0;
	struct fault_result r;
	void *buf = bench_map(SIZE, huge);
	int i;

	for (i = 0; i < ROUNDS; i++) {
		fault(buf, "none", &r);
		expect("system pages", r.system_pages, r.pages);
		keep_min(&plain, r.ns);
		fault(buf, (char *)bench_importer.out_bus, &r);
		expect("system pages", r.system_pages, r.pages);
		keep_min(&ours, r.ns);
	}
	printf("%-9s hmm_range_fault %7.1f ns/page   hmm_p2p_range_fault %7.1f ns/page   ratio %.3f\n",
	       huge ? "huge" : "4 KiB", (double)plain / (double)r.pages,
	       (double)ours / (double)r.pages, (double)ours / (double)plain);
	bench_unmap(buf, SIZE);
}

/* Has a page on each of the first devices, as many as it is told, until @fd is closed. */
static void hold_pages(unsigned int devices, int ready, int fd)
{
	long size = (long)hmm_p2p_page_size(bench_ctx);
	struct hmm_p2p_device_info info;
	uint32_t id;
	char byte;

	for (id = 0; devices && !hmm_p2p_device_next(bench_ctx, id, &info); id = info.out_id + 1) {
		bench_to(info.out_id, bench_map((uint64_t)size, false), (uint64_t)size);
		devices--;
	}
	byte = devices ? 'n' : 'y';
	if (write(ready, &byte, 1) != 1)
		_exit(1);
	_exit(read(fd, &byte, 1) < 0);
}

/* Another process has pages on so many devices, each of an owner of its own. */
static void others_have_pages(unsigned int devices)
{
	int ready[2], stop[2], status;
	char byte = 0;
	pid_t pid;

	if (pipe(ready) || pipe(stop))
		bench_die("pipe", errno, HMM_P2P_CALL_ANY);
	pid = fork();
	if (!pid) {
		close(stop[1]);
		hold_pages(devices, ready[1], stop[0]);
	}
	if (pid < 0 || read(ready[0], &byte, 1) != 1 || byte != 'y') {
		fprintf(stderr, "no pages on %u devices\n", devices);
		exit(1);
	}
	in_system_memory(false);
	in_system_memory(true);
	close(stop[1]);
	waitpid(pid, &status, 0);
	close(stop[0]);
	close(ready[0]);
	close(ready[1]);
}

static void p2p_or_migrated(bool huge)
{
	unsigned long long p2p = 0, migrated = 0, in_ram = 0;
	struct fault_result r;
	void *buf = bench_map(SIZE, huge);
	int i, j;

	for (i = 0; i < ROUNDS; i++) {
		bench_to_device(buf, SIZE);
		/* Twice, as what is in RAM is: the first one finds nothing in a TLB. */
		for (j = 0; j < 2; j++) {
			fault(buf, (char *)bench_importer.out_bus, &r);
			expect("p2p pages", r.alias_pages, r.pages);
			keep_min(&p2p, r.ns);
		}
		fault(buf, "none", &r);
		expect("migrated pages", r.system_pages, r.pages);
		keep_min(&migrated, r.ns);
		fault(buf, "none", &r);
		keep_min(&in_ram, r.ns);
	}
	printf("%-9s p2p %7.1f ns/page   migrated %9.1f ns/page   p2p is %.1f times cheaper, and %.1f times a page in RAM\n",
	       huge ? "huge" : "4 KiB", (double)p2p / (double)r.pages,
	       (double)migrated / (double)r.pages, (double)migrated / (double)p2p,
	       (double)p2p / (double)in_ram);
	bench_unmap(buf, SIZE);
}

void bench_faults(void)
{
	unsigned int devices;

	printf("\nA fault of 64 MB of system memory, no device page in the machine (goal: ratio at most 1.02)\n");
	in_system_memory(false);
	in_system_memory(true);
	for (devices = 1; devices <= 4; devices += 3) {
		printf("The same while another process has a page on each of %u devices (goal: ratio at most 1.1)\n",
		       devices);
		others_have_pages(devices);
	}
	printf("\nA fault of 64 MB of device memory for another device (goal: at least 10 times cheaper)\n");
	p2p_or_migrated(false);
	p2p_or_migrated(true);
}
