// SPDX-License-Identifier: GPL-2.0
/*
 * Accelerators that fault by themselves and have a copy engine, beside an exporter whose
 * memory the CPU copies. What is not as it should be (faults, pages, results) ends the
 * program; times are reported, not judged.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "accel.h"

#define NODE	"/dev/accel/accel0"

uint32_t accel_here;
uint32_t accel_neighbour;
uint32_t accel_bar;

int accel_node = -1;

void accel_keep_least(uint64_t *best, uint64_t ns)
{
	if (!*best || ns < *best)
		*best = ns;
}

void accel_time_add(struct accel_times *times, uint64_t ns)
{
	unsigned int at = times->nr;

	if (at == ACCEL_MOST_ROUNDS)
		return;
	for (; at && times->ns[at - 1] > ns; at--)
		times->ns[at] = times->ns[at - 1];
	times->ns[at] = ns;
	times->nr++;
}

uint64_t accel_median(const struct accel_times *times)
{
	return (times->ns[(times->nr - 1) / 2] + times->ns[times->nr / 2]) / 2;
}

bool accel_is_steady(const struct accel_times *times)
{
	return 4 * (times->ns[times->nr - 1 - times->nr / 4] - times->ns[times->nr / 4]) <
	       accel_median(times);
}

const char *accel_noise(bool steady)
{
	return steady ? "" : "   (noisy)";
}

const char *accel_met(bool met)
{
	return met ? "met" : "not met";
}

uint64_t accel_run(struct drm_hmm_p2p_accel_run *job)
{
	uint64_t start = bench_now();

	if (ioctl(accel_node, DRM_IOCTL_HMM_P2P_ACCEL_RUN, job))
		bench_die("a job", errno, HMM_P2P_CALL_ANY);
	return bench_now() - start;
}

void accel_advise(void *mem, uint64_t length, uint32_t advice)
{
	struct drm_hmm_p2p_accel_advise advise = {
		.advice = advice,
		.start = (uintptr_t)mem,
		.length = length,
	};

	if (ioctl(accel_node, DRM_IOCTL_HMM_P2P_ACCEL_ADVISE, &advise))
		bench_die("advice", errno, HMM_P2P_CALL_ANY);
}

uint64_t accel_kept(const void *mem)
{
	struct drm_hmm_p2p_accel_explain explain = { .addr = (uintptr_t)mem };

	if (ioctl(accel_node, DRM_IOCTL_HMM_P2P_ACCEL_EXPLAIN, &explain))
		bench_die("what is said of memory", errno, HMM_P2P_CALL_ANY);
	return explain.out_storms;
}

/* An accelerator's memory is called as its node. */
static void find_devices(void)
{
	struct hmm_p2p_device_info info;
	uint32_t id;

	for (id = 0; !hmm_p2p_device_next(bench_ctx, id, &info); id = info.out_id + 1) {
		if (!strcmp((char *)info.out_name, "accel0"))
			accel_here = info.out_id;
		else if (!strcmp((char *)info.out_name, "accel1"))
			accel_neighbour = info.out_id;
		else if (info.out_memory_bytes)
			accel_bar = info.out_id;
	}
	if (accel_here && accel_neighbour && accel_bar)
		return;
	fprintf(stderr, "not the devices of the topology accel-bench\n");
	exit(1);
}

void bench_accel(void)
{
	int ret;

	find_devices();
	ret = hmm_p2p_set_owner(bench_ctx, accel_neighbour, accel_here, NULL);
	if (ret)
		bench_die("joining the neighbour", ret, HMM_P2P_CALL_ANY);
	accel_node = open(NODE, O_RDWR | O_CLOEXEC);
	if (accel_node < 0)
		bench_die(NODE, errno, HMM_P2P_CALL_ANY);
	accel_moves();
	accel_faults();
	accel_share();
	accel_saxpy();
}
