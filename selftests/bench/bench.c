// SPDX-License-Identifier: GPL-2.0
/*
 * The measurements of qemu/lab bench. All are ratios of two things done in the
 * same boot, one right after the other; the absolute numbers are those of an
 * emulated machine. Each number is the best of several tries.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.h"

#define PROFILE	"/sys/kernel/debug/hmm_p2p/profile"

struct hmm_p2p *bench_ctx;
struct hmm_p2p_device_info bench_exporter;
struct hmm_p2p_device_info bench_importer;

void bench_die(const char *what, int err, enum hmm_p2p_call call)
{
	fprintf(stderr, "%s: %s\n", what, hmm_p2p_errno_text(err, call));
	exit(1);
}

uint64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

uint64_t bench_cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Huge-page aligned and touched; length need not be a multiple of a huge page. */
void *bench_map(uint64_t length, bool huge)
{
	char *raw = mmap(NULL, length + HUGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t skip = -(uintptr_t)raw & (HUGE_SIZE - 1);
	char *buf = raw + skip;

	if (raw == MAP_FAILED)
		bench_die("mmap", errno, HMM_P2P_CALL_ANY);
	if (skip)
		munmap(raw, skip);
	if (HUGE_SIZE - skip)
		munmap(buf + length, HUGE_SIZE - skip);
	if (madvise(buf, length, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		bench_die("madvise", errno, HMM_P2P_CALL_ANY);
	memset(buf, 0x5a, length);
	return buf;
}

void bench_unmap(void *buf, uint64_t length)
{
	munmap(buf, length);
}

/*
 * A page that somebody holds for a moment, as reclaim does, stays, and is there
 * already on the way back; not many do.
 */
static void expect_all(const char *what, const struct hmm_p2p_migrate *moved,
		       uint64_t length)
{
	uint64_t pages = length / hmm_p2p_page_size(bench_ctx);
	uint64_t stayed = moved->out_reasons[HMM_P2P_REASON_BUSY] + moved->out_already;
	unsigned int i;

	if (moved->out_moved + stayed == pages && stayed <= pages / 1000)
		return;
	fprintf(stderr, "%s: only %llu of %llu pages moved, %llu were there\n", what,
		(unsigned long long)moved->out_moved, (unsigned long long)pages,
		(unsigned long long)moved->out_already);
	for (i = 0; i < HMM_P2P_REASON_COUNT; i++)
		if (moved->out_reasons[i])
			fprintf(stderr, "%llu: %s\n", (unsigned long long)moved->out_reasons[i],
				hmm_p2p_reason_name(i));
	exit(1);
}

/* Return: nanoseconds. */
uint64_t bench_to(uint32_t device, void *buf, uint64_t length)
{
	struct hmm_p2p_migrate moved;
	uint64_t start = bench_now(), end;
	int ret;

	ret = hmm_p2p_migrate(bench_ctx, NULL, device, (uintptr_t)buf, length,
			      &moved);
	end = bench_now();
	if (ret)
		bench_die("to device", ret, HMM_P2P_CALL_MIGRATE);
	expect_all("to device", &moved, length);
	return end - start;
}

uint64_t bench_to_device(void *buf, uint64_t length)
{
	return bench_to(bench_exporter.out_id, buf, length);
}

uint64_t bench_to_ram(void *buf, uint64_t length)
{
	struct hmm_p2p_migrate moved;
	uint64_t start = bench_now(), end;
	int ret;

	ret = hmm_p2p_migrate_to_ram(bench_ctx, NULL, (uintptr_t)buf, length,
				     &moved);
	end = bench_now();
	if (ret)
		bench_die("to RAM", ret, HMM_P2P_CALL_MIGRATE);
	expect_all("to RAM", &moved, length);
	return end - start;
}

void bench_profile_start(void)
{
	FILE *f = fopen(PROFILE, "w");

	if (!f || fputs("1", f) < 0 || fclose(f))
		bench_die(PROFILE, errno, HMM_P2P_CALL_ANY);
}

/* Also stops it. */
void bench_profile_read(struct bench_profile *profile)
{
	FILE *f = fopen(PROFILE, "r");
	unsigned long long to_device, to_ram;
	int i;

	if (!f)
		bench_die(PROFILE, errno, HMM_P2P_CALL_ANY);
	for (i = 0; i < PHASE_COUNT; i++) {
		if (fscanf(f, "%*s %llu %llu", &to_device, &to_ram) != 2)
			bench_die(PROFILE, EIO, HMM_P2P_CALL_ANY);
		profile->to_device[i] = to_device;
		profile->to_ram[i] = to_ram;
	}
	fclose(f);
	f = fopen(PROFILE, "w");
	if (!f || fputs("0", f) < 0 || fclose(f))
		bench_die(PROFILE, errno, HMM_P2P_CALL_ANY);
}

/* The largest one. */
static void find_exporter(void)
{
	struct hmm_p2p_device_info info;
	uint32_t id;

	for (id = 0; !hmm_p2p_device_next(bench_ctx, id, &info); id = info.out_id + 1)
		if (info.out_memory_bytes > bench_exporter.out_memory_bytes)
			bench_exporter = info;
	if (bench_exporter.out_id)
		return;
	fprintf(stderr, "no device with memory\n");
	exit(1);
}

/* A PCI device that gets the exporter's pages as p2p. */
static void find_importer(void)
{
	struct hmm_p2p_device_info info;
	struct hmm_p2p_path path;
	uint32_t id;

	for (id = 0; !hmm_p2p_device_next(bench_ctx, id, &info); id = info.out_id + 1)
		if ((info.out_caps & HMM_P2P_CAP_PCI) &&
		    !hmm_p2p_path(bench_ctx, bench_exporter.out_id, info.out_id, &path) &&
		    path.out_outcome == HMM_P2P_OUTCOME_P2P)
			bench_importer = info;
	if (bench_importer.out_id)
		return;
	fprintf(stderr, "no pair of devices that reach each other peer to peer\n");
	exit(1);
}

/* What finds for itself who reaches the device, or needs nobody. */
static const struct {
	const char *option;
	void (*run)(void);
} alone[] = {
	{ "--importers", bench_importers },
	{ "--accelerators", bench_accel },
	{ "--capture", bench_capture },
	{ "--mappings", bench_mappings },
};

int main(int argc, char **argv)
{
	int ret = hmm_p2p_open(&bench_ctx);
	size_t i;

	if (ret)
		bench_die("open", ret, HMM_P2P_CALL_OPEN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	find_exporter();
	printf("device memory on %s\n", (char *)bench_exporter.out_bus);
	for (i = 0; argc > 1 && i < sizeof(alone) / sizeof(alone[0]); i++) {
		if (strcmp(argv[1], alone[i].option))
			continue;
		alone[i].run();
		hmm_p2p_close(bench_ctx);
		return 0;
	}
	find_importer();
	printf("importer %s\n", (char *)bench_importer.out_bus);
	if (argc > 1 && !strcmp(argv[1], "--profile")) {
		bench_phases();
	} else if (argc > 1 && !strcmp(argv[1], "--touch")) {
		bench_touch();
	} else if (argc > 1 && !strcmp(argv[1], "--growth")) {
		bench_growth(argc > 2 ? argv[2] : NULL);
	} else {
		bench_faults();
		bench_touch();
		bench_throughput();
	}
	hmm_p2p_close(bench_ctx);
	return 0;
}
