/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Jobs for the lab's accelerator, on any address of the calling process:
 * /dev/accel/accelN.
 *
 * The device faults on what it does not reach, and the driver moves such memory to the
 * device: nobody has to call migrate.
 *
 * A file stands for the address space in which it was opened, and for no other: an address
 * in a job means what it means there, as with a KFD process or an address space of xe.
 * Files that were opened in the same one share what the device has of it, so that a
 * process may open as many as it likes. The file may be inherited or passed on, but
 *
 * - after fork() the child opens its own: with the parent's its jobs fail with EPERM;
 * - so do those of a process that got the descriptor over a socket;
 * - threads, and a child of vfork() before it calls exec, use the same address space;
 * - exec ends an address space, as exit does: with a file that outlives it jobs fail with
 *   ESRCH, and the program that was executed opens its own.
 *
 * Any number of processes use a device, which serves a few of them at a time. A job waits
 * until one of these has no job, behind those that wait already.
 */
#ifndef _UAPI_DRM_HMM_P2P_ACCEL_H
#define _UAPI_DRM_HMM_P2P_ACCEL_H

#include <drm/drm.h>

/* drm_hmm_p2p_accel_run.op; bytes, unless something else is said */
enum drm_hmm_p2p_accel_op {
	/** fills @dst with the 8 bytes of @argument, again and again */
	HMM_P2P_ACCEL_FILL = 1,
	/** copies @src to @dst, upwards */
	HMM_P2P_ACCEL_COPY = 2,
	/** floats: adds a times @src to @dst; a is in the low 32 bits of @argument */
	HMM_P2P_ACCEL_SAXPY = 3,
	/** the sum of the 64-bit words at @src, modulo 2^64 */
	HMM_P2P_ACCEL_SUM = 4,
	/** CRC-32C of @src */
	HMM_P2P_ACCEL_CRC32C = 5,
	/** follows @argument pointers from @src, or until NULL: the last one */
	HMM_P2P_ACCEL_CHASE = 6,
	/** adds to 256 64-bit counters at @dst how often each byte occurs in @src */
	HMM_P2P_ACCEL_HISTOGRAM = 7,
};

/**
 * struct drm_hmm_p2p_accel_run - run a job, and wait for it
 * @op: enum drm_hmm_p2p_accel_op
 * @flags: 0
 * @dst: address, aligned to what @op works on (histogram: 2048)
 * @src: same
 * @length: bytes; 0 for a chase
 * @argument: see @op
 * @out_result: what @op returns, else 0
 * @out_address: with EFAULT, the address that the process does not let the device reach
 * @out_faults: faults that the job took
 * @out_moved: pages that these moved to the device
 *
 * Errors: EINVAL for what the device does not do (unknown op or flag, length or
 * alignment); EFAULT for an address that is not mapped, or not for that access;
 * EPERM when the file was opened in another address space, ESRCH when that has ended; EIO
 * when the device failed, or has no way to the memory; ENODEV when it is gone; EINTR when
 * the caller is killed; ENOMEM.
 */
struct drm_hmm_p2p_accel_run {
	__u32 op;
	__u32 flags;
	__u64 dst;
	__u64 src;
	__u64 length;
	__u64 argument;
	__u64 out_result;
	__u64 out_address;
	__u64 out_faults;
	__u64 out_moved;
};

#define DRM_HMM_P2P_ACCEL_RUN		0x00

#define DRM_IOCTL_HMM_P2P_ACCEL_RUN \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_RUN, struct drm_hmm_p2p_accel_run)

#endif /* _UAPI_DRM_HMM_P2P_ACCEL_H */
