// SPDX-License-Identifier: GPL-2.0
/*
 * The same bytes of another device, by the two ways there are: a dma-buf that an accelerator
 * imports, for a job on buffers, and memory of malloc() that lives there, for a job that
 * faults and gets it as p2p. Both jobs copy it to the accelerator's own memory, and what
 * has arrived is compared.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel.h"

#define SIZE	(8 * MIB)
#define ROUNDS	9

/**
 * struct ways - nanoseconds
 * @import: to make a buffer of the dma-buf
 * @buffer: a job on buffers
 * @first: a job that faults at each page, or huge page
 * @again: the same without faults
 */
struct ways {
	uint64_t import;
	uint64_t buffer;
	uint64_t first;
	uint64_t again;
};

static void call(const char *what, unsigned long cmd, void *arg)
{
	if (ioctl(accel_node, cmd, arg))
		bench_die(what, errno, HMM_P2P_CALL_ANY);
}

static void fill(char *mem, uint64_t seed)
{
	uint64_t *word = (uint64_t *)mem, i;

	for (i = 0; i < SIZE / sizeof(*word); i++)
		word[i] = (i + 1) * (2 * seed + 1);
}

static void check(const char *way, const char *mem, uint64_t seed)
{
	const uint64_t *word = (const uint64_t *)mem;
	uint64_t i;

	for (i = 0; i < SIZE / sizeof(*word); i++) {
		if (word[i] == (i + 1) * (2 * seed + 1))
			continue;
		fprintf(stderr, "%s: wrong at byte %llu\n", way,
			(unsigned long long)(i * sizeof(*word)));
		exit(1);
	}
}

/* ------------------------------------------------------------------ by a dma-buf */

static uint32_t local_buffer(char **mem)
{
	struct drm_hmm_p2p_accel_gem_create create = {
		.size = SIZE,
		.flags = HMM_P2P_ACCEL_GEM_MAPPABLE,
	};
	struct drm_hmm_p2p_accel_gem_mmap map = {};

	call("a buffer", DRM_IOCTL_HMM_P2P_ACCEL_GEM_CREATE, &create);
	map.handle = create.out_handle;
	call("its offset", DRM_IOCTL_HMM_P2P_ACCEL_GEM_MMAP, &map);
	*mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, accel_node,
		    (off_t)map.out_offset);
	if (*mem == MAP_FAILED)
		bench_die("mmap", errno, HMM_P2P_CALL_ANY);
	return create.out_handle;
}

/* Return: nanoseconds until the fence has signaled. */
static uint64_t buffer_job(uint32_t from, uint32_t to, uint32_t syncobj)
{
	struct drm_hmm_p2p_accel_gem_buffer buffers[] = {
		{ .handle = from },
		{ .handle = to, .flags = HMM_P2P_ACCEL_BUFFER_WRITE },
	};
	struct drm_hmm_p2p_accel_gem_sync signal = { .handle = syncobj };
	struct drm_hmm_p2p_accel_gem_submit submit = {
		.op = HMM_P2P_ACCEL_COPY,
		.src = HMM_P2P_ACCEL_BUFFER_ADDRESS(0),
		.dst = HMM_P2P_ACCEL_BUFFER_ADDRESS(1),
		.length = SIZE,
		.buffers = (uintptr_t)buffers,
		.nr_buffers = 2,
		.signals = (uintptr_t)&signal,
		.nr_signals = 1,
	};
	struct drm_syncobj_wait wait = {
		.handles = (uintptr_t)&syncobj,
		.count_handles = 1,
		.timeout_nsec = INT64_MAX,
	};
	uint64_t start = bench_now();

	call("a job on buffers", DRM_IOCTL_HMM_P2P_ACCEL_GEM_SUBMIT, &submit);
	call("its fence", DRM_IOCTL_SYNCOBJ_WAIT, &wait);
	return bench_now() - start;
}

static void by_buffer(struct ways *best, uint64_t seed)
{
	struct drm_syncobj_create syncobj = {};
	struct drm_prime_handle import = {};
	struct drm_gem_close close_from = {}, close_to = {};
	char *there, *here;
	uint64_t start;
	int err;

	err = hmm_p2p_map(bench_ctx, accel_bar, 0, SIZE, (void **)&there);
	if (err)
		bench_die("shared memory", err, HMM_P2P_CALL_MAP);
	fill(there, seed);
	import.fd = hmm_p2p_export(bench_ctx, there, SIZE, NULL);
	if (import.fd < 0)
		bench_die("a dma-buf", import.fd, HMM_P2P_CALL_EXPORT);
	start = bench_now();
	call("importing it", DRM_IOCTL_PRIME_FD_TO_HANDLE, &import);
	accel_keep_least(&best->import, bench_now() - start);
	close_from.handle = import.handle;
	close_to.handle = local_buffer(&here);
	call("a syncobj", DRM_IOCTL_SYNCOBJ_CREATE, &syncobj);
	accel_keep_least(&best->buffer,
			 buffer_job(close_from.handle, close_to.handle, syncobj.handle));
	check("by the dma-buf", here, seed);
	munmap(here, SIZE);
	hmm_p2p_unmap(there, SIZE);
	close(import.fd);
	call("its end", DRM_IOCTL_GEM_CLOSE, &close_from);
	call("its end", DRM_IOCTL_GEM_CLOSE, &close_to);
}

/* --------------------------------------------------------------------- by faults */

static void by_faults(struct ways *best, bool huge, uint64_t seed)
{
	char *from = bench_map(SIZE, huge), *to = bench_map(SIZE, huge);
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_COPY,
		.src = (uintptr_t)from,
		.dst = (uintptr_t)to,
		.length = SIZE,
	}, again = job;

	fill(from, seed);
	memset(to, 0, SIZE);
	bench_to(accel_bar, from, SIZE);
	bench_to(accel_here, to, SIZE);
	accel_keep_least(&best->first, accel_run(&job));
	accel_keep_least(&best->again, accel_run(&again));
	if (again.out_moved || job.out_moved) {
		fprintf(stderr, "pages moved, so it was not p2p\n");
		exit(1);
	}
	check("by faults", to, seed);
	bench_unmap(from, SIZE);
	bench_unmap(to, SIZE);
}

static void row(const char *name, uint64_t ns, const struct ways *best)
{
	printf("%-44s %8.0f us %8.2f\n", name, ns / 1e3, (double)ns / best->buffer);
}

void accel_share(void)
{
	struct ways small = {}, huge = {};
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		by_buffer(&huge, 3 * i + 1);
		by_faults(&small, false, 3 * i + 2);
		by_faults(&huge, true, 3 * i + 3);
	}
	printf("\n%lu MiB of a BAR, copied by a job on the accelerator (times a job on buffers)\n",
	       SIZE / MIB);
	row("a dma-buf: importing it", huge.import, &huge);
	row("a dma-buf: a job on buffers", huge.buffer, &huge);
	row("malloc(): a job that faults, p2p, 4 KiB", small.first, &huge);
	row("malloc(): again, without faults, 4 KiB", small.again, &huge);
	row("malloc(): a job that faults, p2p, huge", huge.first, &huge);
	row("malloc(): again, without faults, huge", huge.again, &huge);
}
