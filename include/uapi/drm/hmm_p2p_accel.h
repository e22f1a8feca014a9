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
 * Any number of processes use a device, which works on a few jobs at a time. The others
 * wait, first come first, and as long as they do, jobs take turns: one that has run for a
 * while is stopped, and goes on behind them (the module's parameter slice_ms). So no job
 * waits for the end of another one, as long as that is.
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

/**
 * struct drm_hmm_p2p_accel_fence - what came of a job that was submitted
 * @out_error: 0, or the negative errno with which it would have ended as a call;
 *	-ECANCELED when the process has closed its last file of the device before
 * @out_result: as in struct drm_hmm_p2p_accel_run
 * @out_address: same
 * @out_faults: same
 * @out_moved: same
 * @value: what was given when the job was submitted
 *
 * In memory of the process, aligned to 8. The kernel writes it when the job is over, the
 * value last and at once: whoever has read the value (with acquire semantics) finds the
 * rest, and what the job wrote. Where it cannot be written, it is not.
 */
struct drm_hmm_p2p_accel_fence {
	__s64 out_error;
	__u64 out_result;
	__u64 out_address;
	__u64 out_faults;
	__u64 out_moved;
	__u64 value;
};

/**
 * struct drm_hmm_p2p_accel_submit - have a job run, and go on
 * @op: as in struct drm_hmm_p2p_accel_run
 * @flags: 0
 * @dst: same
 * @src: same
 * @length: same
 * @argument: same
 * @fence: address of a struct drm_hmm_p2p_accel_fence
 * @value: what the value of the fence is then, for example one more than before
 *
 * What a process submits to a device runs in the order in which it was submitted, one job
 * after the other. A job is over when the fence says so, also when it failed: that keeps
 * no other one from running.
 *
 * Errors: EINVAL for an unknown op or flag, or a fence that is not aligned; EBUSY when 256
 * jobs wait to begin; EPERM, ESRCH, ENODEV, EINTR and ENOMEM as for a job that is waited
 * for. All else is in the fence.
 */
struct drm_hmm_p2p_accel_submit {
	__u32 op;
	__u32 flags;
	__u64 dst;
	__u64 src;
	__u64 length;
	__u64 argument;
	__u64 fence;
	__u64 value;
};

/**
 * struct drm_hmm_p2p_accel_wait - wait for a fence
 * @flags: 0
 * @reserved: 0
 * @at: address of the value of a fence
 * @value: it is at least that, without a sign, when it is reached
 * @timeout: in ns; 0: only look; less than 0: none
 *
 * It looks at the value, and again whenever a job that the process has submitted is over.
 *
 * Errors: ETIME; EINVAL for an unknown flag, or an address that is not aligned; EFAULT when
 * it cannot be read; EPERM and ESRCH as for jobs; EINTR when the caller is killed.
 */
struct drm_hmm_p2p_accel_wait {
	__u32 flags;
	__u32 reserved;
	__u64 at;
	__u64 value;
	__s64 timeout;
};

/*
 * drm_hmm_p2p_accel_advise.advice. Without any, what a job reaches moves to the device,
 * unless it is on another device that this one can reach.
 */
enum drm_hmm_p2p_accel_advice {
	/** no preferred location: undoes the next two */
	HMM_P2P_ACCEL_PREFER_ANY = 1,
	/** this device: what a job reaches moves here, from another device, too */
	HMM_P2P_ACCEL_PREFER_DEVICE = 2,
	/** system memory: it stays there, and jobs reach it by DMA */
	HMM_P2P_ACCEL_PREFER_SYSTEM = 3,
	/** jobs reach it where it is, and nothing moves; unless it prefers this device */
	HMM_P2P_ACCEL_ACCESSED_BY = 4,
	/** undoes that */
	HMM_P2P_ACCEL_NOT_ACCESSED_BY = 5,
};

/**
 * struct drm_hmm_p2p_accel_advise - say how a range of memory is to be used
 * @advice: enum drm_hmm_p2p_accel_advice
 * @flags: 0
 * @start: first byte, page aligned
 * @length: bytes, a multiple of the page size
 *
 * Nothing moves by this call: jobs that reach the memory from now on go by it, those that
 * run as well. It says how this device is to use it; memory can still move for another
 * one, by a call to migrate, because the CPU touches it, or because a device is full. An
 * advice replaces what was said before about the same pages: location and accessed-by
 * each for itself.
 *
 * Advice is about a mapping of the calling process. It ends with munmap(), with mremap()
 * to elsewhere, and with a mapping that replaces it: what is mapped there next has none. It
 * outlives madvise() and mprotect(). A child of fork() has none. Where memory is so short
 * that a range cannot be cut in two, munmap() within it ends it for what is behind, too.
 * When the last file of the process on the device is closed, all of it ends.
 *
 * Errors: EINVAL for an unknown advice or flag, or a range that is empty, not aligned, or
 * wraps; EFAULT when a part of it is not mapped; ENOSPC when that would make more than
 * 1024 ranges; EPERM, ESRCH, ENODEV, EINTR and ENOMEM as for jobs.
 */
struct drm_hmm_p2p_accel_advise {
	__u32 advice;
	__u32 flags;
	__u64 start;
	__u64 length;
};

/*
 * drm_hmm_p2p_accel_explain.out_reason. Memory that the CPU and the device take from each
 * other three times, each time less than 10 s after the last, stays in RAM for 30 s, and
 * then, when that goes on, for 60 s, and so on to 480 s. The module's parameters
 * storm_soon_ms and storm_pause_ms are these times; with 0 for the latter nothing stays for
 * that. Ranges of 2 MiB are watched, up to 512 of them; only what the process itself takes
 * counts, and an advice about memory replaces what was seen of it.
 */
enum drm_hmm_p2p_accel_reason {
	/** a job that reaches it moves it here, unless it is on another device */
	HMM_P2P_ACCEL_MOVES = 0,
	/** it stays: HMM_P2P_ACCEL_PREFER_SYSTEM */
	HMM_P2P_ACCEL_STAYS_PREFERRED = 1,
	/** it stays: HMM_P2P_ACCEL_ACCESSED_BY */
	HMM_P2P_ACCEL_STAYS_ACCESSED = 2,
	/** it stays for a while: it has gone back and forth too often */
	HMM_P2P_ACCEL_STAYS_STORM = 3,
};

/**
 * struct drm_hmm_p2p_accel_explain - what would become of memory that a job reaches?
 * @addr: where; whether something is mapped there is not asked
 * @flags: 0
 * @out_reason: enum drm_hmm_p2p_accel_reason
 * @out_start: of a range around it for which this is the answer, and that may go on
 * @out_end: behind its last byte
 * @out_turns: how often the process has taken the 2 MiB around from the device, each time
 *	soon after it came there
 * @out_storms: how often 2 MiB of the process were made to stay for a while because of
 *	that, since it opened its first file of the device
 *
 * Errors: EINVAL for an unknown flag, EFAULT for no address of a process; EPERM, ESRCH and
 * EINTR as for jobs.
 */
struct drm_hmm_p2p_accel_explain {
	__u64 addr;
	__u32 flags;
	__u32 out_reason;
	__u64 out_start;
	__u64 out_end;
	__u64 out_turns;
	__u64 out_storms;
};

#define DRM_HMM_P2P_ACCEL_RUN		0x00
#define DRM_HMM_P2P_ACCEL_ADVISE	0x01
#define DRM_HMM_P2P_ACCEL_SUBMIT	0x02
#define DRM_HMM_P2P_ACCEL_WAIT		0x03
#define DRM_HMM_P2P_ACCEL_EXPLAIN	0x10

#define DRM_IOCTL_HMM_P2P_ACCEL_RUN \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_RUN, struct drm_hmm_p2p_accel_run)
#define DRM_IOCTL_HMM_P2P_ACCEL_ADVISE \
	DRM_IOW(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_ADVISE, struct drm_hmm_p2p_accel_advise)
#define DRM_IOCTL_HMM_P2P_ACCEL_SUBMIT \
	DRM_IOW(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_SUBMIT, struct drm_hmm_p2p_accel_submit)
#define DRM_IOCTL_HMM_P2P_ACCEL_WAIT \
	DRM_IOW(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_WAIT, struct drm_hmm_p2p_accel_wait)
#define DRM_IOCTL_HMM_P2P_ACCEL_EXPLAIN \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_EXPLAIN, struct drm_hmm_p2p_accel_explain)

#endif /* _UAPI_DRM_HMM_P2P_ACCEL_H */
