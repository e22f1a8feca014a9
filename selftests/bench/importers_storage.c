// SPDX-License-Identifier: GPL-2.0
/*
 * A disk's data on its way to the device: straight there, or into RAM and from
 * there by migration. In the second way the buffer is in RAM when the time
 * begins, as if the program took a new one each time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "importers.h"

#define DISK		BENCH_DISK
#define APPEAR_TRIES	200
#define LENGTH		(32 * MIB)
#define PAGES		(LENGTH / PAGE)
#define ROUNDS		3
#define TURNS		4
#define SEED		21

/**
 * struct load - how the data is read
 * @name: of that
 * @piece: bytes of one call
 * @huge: the memory has huge pages
 */
struct load {
	const char *name;
	uint64_t piece;
	bool huge;
};

/**
 * struct cost - of reading all of it
 * @ns: nanoseconds
 * @cpu_us: microseconds of the program's CPU time, its system calls included
 */
struct cost {
	uint64_t ns;
	uint64_t cpu_us;
};

typedef void (*load_fn)(int fd, char *buf, uint64_t length, uint64_t offset);

int bench_disk_open(void)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	int fd = -1, i;

	if (system("modprobe -q nvme; true"))
		bench_die("modprobe", EINVAL, HMM_P2P_CALL_ANY);
	for (i = 0; fd < 0 && i < APPEAR_TRIES; i++) {
		fd = open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
		if (fd < 0)
			nanosleep(&pause, NULL);
	}
	if (fd < 0)
		bench_die(DISK, errno, HMM_P2P_CALL_ANY);
	return fd;
}

static void disk_fill(int fd)
{
	char *buf = bench_map(LENGTH, false);

	importers_fill(buf, LENGTH, SEED);
	if (pwrite(fd, buf, LENGTH, 0) != (ssize_t)LENGTH)
		bench_die("write to " DISK, errno, HMM_P2P_CALL_ANY);
	bench_unmap(buf, LENGTH);
}

static void load_p2p(int fd, char *buf, uint64_t length, uint64_t offset)
{
	int64_t ret = hmm_p2p_pread(bench_ctx, fd, buf, length, offset, 0, NULL, NULL);

	if (ret != (int64_t)length)
		bench_die("hmm_p2p_pread", ret < 0 ? (int)ret : EIO, HMM_P2P_CALL_FILE_IO);
}

static void load_and_migrate(int fd, char *buf, uint64_t length, uint64_t offset)
{
	if (pread(fd, buf, length, (off_t)offset) != (ssize_t)length)
		bench_die("read of " DISK, errno, HMM_P2P_CALL_ANY);
	bench_to_device(buf, length);
}

static void load_all(int fd, char *buf, const struct load *load, load_fn fn, struct cost *best)
{
	uint64_t ns = bench_now(), cpu_us = bench_cpu_us(), at;

	for (at = 0; at < LENGTH; at += load->piece)
		fn(fd, buf + at, load->piece, at);
	best->cpu_us = importers_least(best->cpu_us, bench_cpu_us() - cpu_us);
	best->ns = importers_least(best->ns, bench_now() - ns);
}

static void measure_p2p(int fd, const struct load *load, struct cost *best)
{
	char *buf = bench_map(LENGTH, load->huge);
	struct hmm_p2p_stat before;
	int i;

	bench_to_device(buf, LENGTH);
	before = importers_stat();
	for (i = 0; i < ROUNDS; i++)
		load_all(fd, buf, load, load_p2p, best);
	importers_counted("p2p", &before, HMM_P2P_COUNTER_P2P, ROUNDS * PAGES);
	importers_counted("p2p", &before, HMM_P2P_COUNTER_TO_RAM, 0);
	importers_check("p2p", buf, LENGTH, SEED);
	bench_unmap(buf, LENGTH);
}

static void measure_migrated(int fd, const struct load *load, struct cost *best)
{
	char *buf = bench_map(LENGTH, load->huge);
	struct hmm_p2p_stat before = importers_stat();
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (i)
			bench_to_ram(buf, LENGTH);
		load_all(fd, buf, load, load_and_migrate, best);
	}
	importers_counted("migrated", &before, HMM_P2P_COUNTER_TO_DEVICE, ROUNDS * PAGES);
	importers_counted("migrated", &before, HMM_P2P_COUNTER_P2P, 0);
	importers_check("migrated", buf, LENGTH, SEED);
	bench_unmap(buf, LENGTH);
}

static void load_rows(int fd, const struct load *load)
{
	struct cost migrated = { 0 }, p2p = { 0 };
	double mib = (double)LENGTH / MIB;
	int i;

	for (i = 0; i < TURNS; i++) {
		measure_migrated(fd, load, &migrated);
		measure_p2p(fd, load, &p2p);
	}
	importers_row(&(struct row) {
		.what = load->name, .unit = "MB/s", .goal = 3,
		.migrated = LENGTH * 1e3 / (double)migrated.ns,
		.p2p = LENGTH * 1e3 / (double)p2p.ns,
	});
	importers_row(&(struct row) {
		.what = "", .unit = "CPU us/M", .goal = 5, .less_is_better = true,
		.migrated = (double)migrated.cpu_us / mib,
		.p2p = (double)p2p.cpu_us / mib,
	});
}

static const struct load loads[] = {
	{ "4 KiB pages, 64 KiB at once", 64UL << 10, false },
	{ "4 KiB pages, 4 MiB at once", 4 * MIB, false },
	{ "huge pages, 4 MiB at once", 4 * MIB, true },
};

void importers_storage(void)
{
	int fd = bench_disk_open();
	unsigned int i;

	importers_heading("NVMe to the device: read() with O_DIRECT and migration, or hmm_p2p_pread()");
	disk_fill(fd);
	for (i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		load_rows(fd, &loads[i]);
	close(fd);
}
