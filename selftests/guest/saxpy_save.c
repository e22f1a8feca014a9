// SPDX-License-Identifier: GPL-2.0
/*
 * y = a x + y on a device, and y goes to a disk from where it lies: nobody copies it to
 * RAM in between. What the disk has is then read as any program reads it.
 */
#include <drm/hmm_p2p_accel.h>
#include <fcntl.h>
#include <hmm_p2p.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define N	(4UL << 20)
#define BYTES	(N * sizeof(float))
#define PAGE	4096

static float *vector(void)
{
	float *v = aligned_alloc(PAGE, BYTES);

	if (!v) {
		perror("malloc");
		exit(1);
	}
	return v;
}

static int saxpy(int fd, float *y, const float *x, float a)
{
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_SAXPY,
		.dst = (uintptr_t)y,
		.src = (uintptr_t)x,
		.length = BYTES,
	};

	memcpy(&job.argument, &a, sizeof(a));
	return ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_RUN, &job);
}

static int save(int disk, const float *y)
{
	struct hmm_p2p_file_io got;
	struct hmm_p2p *ctx;
	int64_t bytes;

	if (hmm_p2p_open(&ctx))
		return -1;
	bytes = hmm_p2p_pwrite(ctx, disk, y, BYTES, 0, 0, NULL, &got);
	printf("the disk took %llu pages on the device and %llu in RAM\n",
	       (unsigned long long)got.out_p2p,
	       (unsigned long long)(got.out_system + got.out_migrated));
	hmm_p2p_close(ctx);
	return bytes == BYTES ? 0 : -1;
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "/dev/nvme0n1";
	int fd = open("/dev/accel/accel0", O_RDWR), disk = open(path, O_RDWR | O_DIRECT);
	float *x = vector(), *y = vector(), *back = vector();
	unsigned long i, wrong = 0;

	for (i = 0; i < N; i++) {
		x[i] = (float)(i % 1000);
		y[i] = 1;
	}
	if (fd < 0 || disk < 0 || saxpy(fd, y, x, 2) || save(disk, y) ||
	    pread(disk, back, BYTES, 0) != (ssize_t)BYTES) {
		perror(path);
		return 1;
	}
	for (i = 0; i < N; i++)
		wrong += back[i] != 2 * (float)(i % 1000) + 1;
	printf("%lu of %lu results are on %s\n", N - wrong, N, path);
	return wrong != 0;
}
