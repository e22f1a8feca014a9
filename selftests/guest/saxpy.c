// SPDX-License-Identifier: GPL-2.0
/*
 * y = a x + y on a device, with memory from malloc(): nobody copies anything to the
 * device, or calls migrate. The device faults, and the pages come.
 */
#include <drm/hmm_p2p_accel.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define N	(4UL << 20)

int main(int argc, char **argv)
{
	const char *node = argc > 1 ? argv[1] : "/dev/accel/accel0";
	float *x = malloc(N * sizeof(*x)), *y = malloc(N * sizeof(*y)), a = 2;
	struct drm_hmm_p2p_accel_run job = { .op = HMM_P2P_ACCEL_SAXPY };
	int fd = open(node, O_RDWR);
	unsigned long i, wrong = 0;

	if (fd < 0 || !x || !y) {
		perror(node);
		return 1;
	}
	for (i = 0; i < N; i++) {
		x[i] = (float)(i % 1000);
		y[i] = 1;
	}

	job.dst = (uintptr_t)y;
	job.src = (uintptr_t)x;
	job.length = N * sizeof(*x);
	memcpy(&job.argument, &a, sizeof(a));
	if (ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_RUN, &job)) {
		perror("the job");
		return 1;
	}

	printf("the device faulted %llu times, and %llu pages came to it\n",
	       (unsigned long long)job.out_faults, (unsigned long long)job.out_moved);
	for (i = 0; i < N; i++)
		wrong += y[i] != 2 * (float)(i % 1000) + 1;
	printf("%lu of %lu results are right\n", N - wrong, N);
	free(x);
	free(y);
	return wrong != 0;
}
