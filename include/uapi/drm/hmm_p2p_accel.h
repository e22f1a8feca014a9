/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Jobs for the lab's accelerator: /dev/accel/accelN. There are two kinds, which have
 * nothing to do with each other:
 *
 * - jobs on any address of the calling process (RUN, SUBMIT), which are as long as they
 *   like, and whose end is in memory of the process;
 * - jobs on buffers (GEM_SUBMIT), which are over in bounded time, and whose end the kernel
 *   knows: a syncobj, and what waits for a buffer.
 *
 * First those on any address.
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
 *
 * Nor is a job on any address ever taken for one that hangs: it ends when its process wants
 * that, by a signal that kills it. A device that does not end a job within ten seconds after
 * that, or does not get on with copies, or cannot read its rings any more, is reset. Then the
 * jobs that it has fail with EIO and later ones with ENODEV, and memory that is on it stays
 * and is copied by the CPU, until root resets the function (reset in its sysfs folder) or
 * binds the driver anew.
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

/*
 * Buffers are GEM objects in the device's memory, which belong to the file, and to whoever
 * has it: what is said above of address spaces is nothing to them. They have memory of
 * their own there (the module's parameter gem_mib, and all that is behind the window), and
 * stay in it. DRM_IOCTL_GEM_CLOSE gives one back.
 *
 * DRM_IOCTL_PRIME_HANDLE_TO_FD makes a dma-buf of one that is mappable (otherwise EOPNOTSUPP).
 * Another device reaches it peer to peer; one that has no path gets EREMOTEIO when it
 * attaches, one that cannot let go of it EOPNOTSUPP, and any ENODEV when this one is gone.
 * DRM_IOCTL_PRIME_FD_TO_HANDLE makes a buffer of a dma-buf, of whatever memory, which jobs
 * reach by DMA, and the CPU by the dma-buf: up to HMM_P2P_ACCEL_BUFFER_MAX bytes (otherwise
 * EINVAL); what its exporter or the DMA API has against it is the error, then, and of
 * each job that has it. One that comes back to its own device is what it was.
 */

/** The buffers of a job, at most */
#define HMM_P2P_ACCEL_BUFFERS		15
/** Bytes of a buffer, at most */
#define HMM_P2P_ACCEL_BUFFER_MAX	(1ULL << 30)
/** Where a job finds the buffer that is number @nr in its list, from 0 on */
#define HMM_P2P_ACCEL_BUFFER_ADDRESS(nr)	(((nr) + 1ULL) << 30)
/** Syncobjs in each of a job's two lists, at most */
#define HMM_P2P_ACCEL_SYNCS		16

/* drm_hmm_p2p_accel_gem_create.flags */
enum drm_hmm_p2p_accel_gem_flags {
	/** in the window: the CPU can map it, and results can go there */
	HMM_P2P_ACCEL_GEM_MAPPABLE = 1,
};

/**
 * struct drm_hmm_p2p_accel_gem_create - a buffer, with zeros in it
 * @size: bytes; rounded up to pages
 * @flags: of enum drm_hmm_p2p_accel_gem_flags
 * @out_handle: the buffer
 *
 * Errors: EINVAL for no or too many bytes, or an unknown flag; ENOSPC when there is no room,
 * in the window for one that is to be mappable; EDQUOT when the caller may have no more of
 * the device's memory; EBUSY or EIO when it cannot be cleared: the copy engine has no room,
 * or failed; ENODEV when the device is gone; ENOMEM.
 */
struct drm_hmm_p2p_accel_gem_create {
	__u64 size;
	__u32 flags;
	__u32 out_handle;
};

/**
 * struct drm_hmm_p2p_accel_gem_mmap - where a buffer is to be mapped
 * @handle: the buffer
 * @reserved: 0
 * @out_offset: in the file, for mmap(): shared, all of it
 *
 * The mapping is write-combined. A process that has one when the device goes gets SIGBUS.
 *
 * Errors: ENOENT for no such buffer; EOPNOTSUPP for one that the CPU does not reach: it was
 * made without HMM_P2P_ACCEL_GEM_MAPPABLE; EINVAL when @reserved is not 0; ENOMEM.
 */
struct drm_hmm_p2p_accel_gem_mmap {
	__u32 handle;
	__u32 reserved;
	__u64 out_offset;
};

/* drm_hmm_p2p_accel_gem_buffer.flags */
enum drm_hmm_p2p_accel_buffer_flags {
	/** the job may write it, and is alone with it: otherwise others read it, too */
	HMM_P2P_ACCEL_BUFFER_WRITE = 1,
};

/**
 * struct drm_hmm_p2p_accel_gem_buffer - a buffer of a job
 * @handle: the buffer
 * @flags: of enum drm_hmm_p2p_accel_buffer_flags
 */
struct drm_hmm_p2p_accel_gem_buffer {
	__u32 handle;
	__u32 flags;
};

/**
 * struct drm_hmm_p2p_accel_gem_sync - a syncobj of a job
 * @handle: the syncobj
 * @reserved: 0
 * @point: of its timeline; 0: it has none
 */
struct drm_hmm_p2p_accel_gem_sync {
	__u32 handle;
	__u32 reserved;
	__u64 point;
};

/**
 * struct drm_hmm_p2p_accel_gem_result - what came of a job on buffers
 * @out_error: 0, or a negative errno: -EFAULT for an address outside of its buffers,
 *	-ETIMEDOUT when its time was over, -EINVAL for what the device does not do, -EIO when
 *	the device failed, -ENODEV when it went
 * @out_result: as in struct drm_hmm_p2p_accel_run
 * @out_address: with -EFAULT, the address
 *
 * It is in a buffer, before the job's fence signals. Of a job that never began, because its
 * file was closed before or the device had gone, there is none.
 */
struct drm_hmm_p2p_accel_gem_result {
	__s64 out_error;
	__u64 out_result;
	__u64 out_address;
};

/**
 * struct drm_hmm_p2p_accel_gem_submit - have a job on buffers run, and go on
 * @op: enum drm_hmm_p2p_accel_op
 * @flags: 0
 * @dst: as in struct drm_hmm_p2p_accel_run, but for the address: it is in a buffer, by
 *	HMM_P2P_ACCEL_BUFFER_ADDRESS(). So are addresses that a chase follows
 * @src: same
 * @length: same
 * @argument: same
 * @buffers: address of @nr_buffers struct drm_hmm_p2p_accel_gem_buffer: all that the job
 *	reaches, each once
 * @waits: address of @nr_waits struct drm_hmm_p2p_accel_gem_sync, whose fences come before
 * @signals: address of @nr_signals of these, which get the fence of the job
 * @result: where a struct drm_hmm_p2p_accel_gem_result goes, an address as @dst, aligned to
 *	8; 0: nowhere
 * @nr_buffers: 1 to HMM_P2P_ACCEL_BUFFERS
 * @nr_waits: 0 to HMM_P2P_ACCEL_SYNCS
 * @nr_signals: same
 * @reserved: 0
 *
 * The jobs of a file run in the order in which they were submitted; those of several files
 * take turns; and of jobs on the same buffer, who reads it comes after who was to write it
 * before, and the other way round. A job that is not over when its time is (the module's
 * parameter limit_ms, from when the device has it) is killed. Its fence has the error then,
 * and no other job is concerned.
 *
 * A job reaches what is listed, and nothing else: it does not fault. It waits for no job on
 * any address: such a one is stopped when the device has no unit free.
 *
 * Errors: EINVAL for an unknown op or flag, a wrong number, a buffer that is listed twice,
 * what is reserved and not 0, a result that is not aligned, or a syncobj without a fence;
 * ENOENT for no such buffer or syncobj; EFAULT for lists that cannot be read, for @dst in a
 * buffer that is not listed for writing, or a result that is not in one; EOPNOTSUPP for a
 * result in a buffer that is not mappable; ENOSPC when the buffers are in too many pieces;
 * ENODEV when the device is gone; EINTR; ENOMEM. All else is an error of the job.
 */
struct drm_hmm_p2p_accel_gem_submit {
	__u32 op;
	__u32 flags;
	__u64 dst;
	__u64 src;
	__u64 length;
	__u64 argument;
	__u64 buffers;
	__u64 waits;
	__u64 signals;
	__u64 result;
	__u32 nr_buffers;
	__u32 nr_waits;
	__u32 nr_signals;
	__u32 reserved;
};

#define DRM_HMM_P2P_ACCEL_RUN		0x00
#define DRM_HMM_P2P_ACCEL_ADVISE	0x01
#define DRM_HMM_P2P_ACCEL_SUBMIT	0x02
#define DRM_HMM_P2P_ACCEL_WAIT		0x03
#define DRM_HMM_P2P_ACCEL_GEM_CREATE	0x04
#define DRM_HMM_P2P_ACCEL_GEM_MMAP	0x05
#define DRM_HMM_P2P_ACCEL_GEM_SUBMIT	0x06
#define DRM_HMM_P2P_ACCEL_EXPLAIN	0x07

#define DRM_IOCTL_HMM_P2P_ACCEL_RUN \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_RUN, struct drm_hmm_p2p_accel_run)
#define DRM_IOCTL_HMM_P2P_ACCEL_ADVISE \
	DRM_IOW(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_ADVISE, struct drm_hmm_p2p_accel_advise)
#define DRM_IOCTL_HMM_P2P_ACCEL_SUBMIT \
	DRM_IOW(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_SUBMIT, struct drm_hmm_p2p_accel_submit)
#define DRM_IOCTL_HMM_P2P_ACCEL_WAIT \
	DRM_IOW(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_WAIT, struct drm_hmm_p2p_accel_wait)
#define DRM_IOCTL_HMM_P2P_ACCEL_GEM_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_GEM_CREATE, \
		 struct drm_hmm_p2p_accel_gem_create)
#define DRM_IOCTL_HMM_P2P_ACCEL_GEM_MMAP \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_GEM_MMAP, \
		 struct drm_hmm_p2p_accel_gem_mmap)
#define DRM_IOCTL_HMM_P2P_ACCEL_GEM_SUBMIT \
	DRM_IOW(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_GEM_SUBMIT, \
		struct drm_hmm_p2p_accel_gem_submit)
#define DRM_IOCTL_HMM_P2P_ACCEL_EXPLAIN \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_HMM_P2P_ACCEL_EXPLAIN, struct drm_hmm_p2p_accel_explain)

#endif /* _UAPI_DRM_HMM_P2P_ACCEL_H */
