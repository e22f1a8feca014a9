// SPDX-License-Identifier: GPL-2.0
/*
 * From a camera to a disk: by way of RAM, and by way of a device's memory. The camera has
 * no DMA, so it fills each frame with the CPU, whichever way that goes; what is counted
 * is what the CPU copies after that. What is timed is from a frame that is there to one
 * that is on the disk. Every frame on the disk is compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../guest/camera.h"
#include "bench.h"

#define DISK		BENCH_DISK
#define WIDTH		1280
#define HEIGHT		720
#define BUFFERS		4
#define FRAMES		32
#define TURNS		4
#define MS		1e6

/**
 * struct way - of a frame to the disk
 * @name: of that
 * @memory: whose buffers the camera fills: its own in RAM, or dma-bufs of the device
 * @direct: the disk takes them by DMA; otherwise by way of the page cache
 * @copied: into memory of the program before
 */
struct way {
	const char *name;
	enum v4l2_memory memory;
	bool direct;
	bool copied;
};

static const struct way ways[] = {
	{ "RAM, write()", V4L2_MEMORY_MMAP, false, false },
	{ "RAM, copied for O_DIRECT", V4L2_MEMORY_MMAP, true, true },
	{ "RAM, the camera's buffer by O_DIRECT", V4L2_MEMORY_MMAP, true, false },
	{ "device memory, by O_DIRECT", V4L2_MEMORY_DMABUF, true, false },
};

#define WAYS	(sizeof(ways) / sizeof(ways[0]))

/**
 * struct cost - of FRAMES frames
 * @ns: nanoseconds from a frame to the disk
 * @cpu_us: microseconds of the program's CPU time in that, its system calls included
 * @copied: bytes that the CPU copied
 * @rate: frames a second, the camera's time included
 */
struct cost {
	uint64_t ns;
	uint64_t cpu_us;
	uint64_t copied;
	double rate;
};

/**
 * struct setting - what all ways have
 * @camera: makes the frames
 * @direct: the disk, with O_DIRECT
 * @cached: the disk, by the page cache
 * @copy: a huge page of the program in RAM, for a frame
 * @frames: where each buffer is for this process
 * @dmabufs: those of the device
 * @on_device: BUFFERS frames
 */
struct setting {
	struct camera camera;
	int direct;
	int cached;
	uint8_t *copy;
	uint8_t *frames[BUFFERS];
	int dmabufs[BUFFERS];
	uint8_t *on_device;
};

static void require(bool done, const char *what)
{
	if (!done)
		bench_die(what, errno, HMM_P2P_CALL_ANY);
}

static void store(const struct setting *it, const struct way *way, const uint8_t *frame,
		  unsigned int nr, struct cost *cost)
{
	size_t size = it->camera.size;

	if (way->copied) {
		memcpy(it->copy, frame, size);
		cost->copied += size;
		frame = it->copy;
	}
	if (!way->direct)
		cost->copied += size;
	require(pwrite(way->direct ? it->direct : it->cached, frame, size,
		       (off_t)(nr * size)) == (ssize_t)size, way->name);
}

static void capture_start(struct setting *it, const struct way *way)
{
	unsigned int i;

	require(ioctl(it->cached, BLKFLSBUF, 0) == 0, DISK);
	require(camera_request(&it->camera, way->memory, BUFFERS), way->name);
	for (i = 0; i < BUFFERS; i++) {
		it->frames[i] = way->memory == V4L2_MEMORY_MMAP ?
				camera_map(&it->camera, i) :
				it->on_device + i * it->camera.size;
		require(it->frames[i] && camera_give(&it->camera, way->memory, i, it->dmabufs[i]),
			way->name);
	}
	require(camera_stream(&it->camera, true), way->name);
}

static void capture_stop(struct setting *it, const struct way *way)
{
	unsigned int i;

	require(camera_stream(&it->camera, false), way->name);
	for (i = 0; i < BUFFERS && way->memory == V4L2_MEMORY_MMAP; i++)
		munmap(it->frames[i], it->camera.size);
	require(camera_request(&it->camera, way->memory, 0), way->name);
}

static void capture(const struct setting *it, const struct way *way, struct cost *cost)
{
	uint64_t begun = bench_now(), ns, cpu_us;
	unsigned int i;

	for (i = 0; i < FRAMES; i++) {
		int index = camera_next(&it->camera, way->memory);

		require(index >= 0, way->name);
		ns = bench_now();
		cpu_us = bench_cpu_us();
		store(it, way, it->frames[index], i, cost);
		/* What is in the page cache is not on the disk yet. */
		if (i == FRAMES - 1)
			require(fdatasync(it->cached) == 0, DISK);
		cost->cpu_us += bench_cpu_us() - cpu_us;
		cost->ns += bench_now() - ns;
		require(camera_give(&it->camera, way->memory, (unsigned int)index,
				    it->dmabufs[index]), way->name);
	}
	cost->rate = FRAMES * 1e9 / (double)(bench_now() - begun);
}

static void check_disk(const struct setting *it, const struct way *way)
{
	size_t size = it->camera.size;
	unsigned int i;

	for (i = 0; i < FRAMES; i++) {
		require(pread(it->direct, it->copy, size, (off_t)(i * size)) == (ssize_t)size,
			DISK);
		errno = EIO;
		require(!memcmp(it->copy, it->camera.reference, size), way->name);
	}
	memset(it->copy, 0, size);
	for (i = 0; i < FRAMES; i++)
		require(pwrite(it->direct, it->copy, size, (off_t)(i * size)) == (ssize_t)size,
			DISK);
}

static void measure(struct setting *it, const struct way *way, struct cost *best)
{
	struct cost cost = { 0 };

	capture_start(it, way);
	capture(it, way, &cost);
	capture_stop(it, way);
	check_disk(it, way);
	if (!best->ns || cost.ns < best->ns)
		*best = cost;
}

static void print_costs(const struct setting *it, const struct cost costs[WAYS])
{
	const struct cost *device = &costs[WAYS - 1];
	unsigned int i;

	printf("\n%u frames of %zu bytes from a camera to a disk\n", FRAMES, it->camera.size);
	printf("%-37s %14s %9s %5s %12s %5s %9s\n", "WAY OF A FRAME", "COPIED BY CPU",
	       "MS/FRAME", "TIMES", "CPU MS/FRAME", "TIMES", "FRAMES/S");
	for (i = 0; i < WAYS; i++)
		printf("%-37s %14llu %9.2f %5.2f %12.2f %5.2f %9.1f\n", ways[i].name,
		       (unsigned long long)costs[i].copied, (double)costs[i].ns / MS / FRAMES,
		       (double)costs[i].ns / (double)device->ns,
		       (double)costs[i].cpu_us / 1e3 / FRAMES,
		       (double)costs[i].cpu_us / (double)device->cpu_us, costs[i].rate);
	printf("The camera has no DMA: the CPU fills each frame, once, in all of them.\n");
}

static void frames_on_device(struct setting *it)
{
	size_t size = it->camera.size;
	void *mem;
	int i, ret = hmm_p2p_map(bench_ctx, bench_exporter.out_id, 0, BUFFERS * size, &mem);

	if (ret)
		bench_die("memory to map (p2pmem=)", ret, HMM_P2P_CALL_MAP);
	it->on_device = mem;
	for (i = 0; i < BUFFERS; i++) {
		it->dmabufs[i] = hmm_p2p_export(bench_ctx, it->on_device + (size_t)i * size,
						size, NULL);
		if (it->dmabufs[i] < 0)
			bench_die("export", it->dmabufs[i], HMM_P2P_CALL_EXPORT);
	}
}

void bench_capture(void)
{
	struct cost costs[WAYS] = { 0 };
	struct setting it = { .direct = bench_disk_open() };
	unsigned int turn, i;

	it.cached = open(DISK, O_RDWR | O_CLOEXEC);
	require(it.cached >= 0, DISK);
	require(camera_load() && camera_open(&it.camera, WIDTH, HEIGHT), "vivid");
	/* In one piece, as the device's memory is: the disk has as few requests for it. */
	it.copy = bench_map(HUGE_SIZE, true);
	frames_on_device(&it);
	for (turn = 0; turn < TURNS; turn++)
		for (i = 0; i < WAYS; i++)
			measure(&it, &ways[i], &costs[i]);
	print_costs(&it, costs);
	for (i = 0; i < BUFFERS; i++)
		close(it.dmabufs[i]);
	hmm_p2p_unmap(it.on_device, BUFFERS * it.camera.size);
	bench_unmap(it.copy, HUGE_SIZE);
	close(it.cached);
	close(it.direct);
	require(camera_close(&it.camera), "modprobe -r vivid");
}
