/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libhmm_p2p: device memory behind ordinary pointers, from an application.
 *
 * Conventions of every function below, unless it says otherwise:
 *
 * - It returns 0, or a count that is documented, or a negative errno value.
 *   The variable errno is neither read nor promised to be set.
 *   hmm_p2p_errno_text() turns the value into a sentence for people.
 * - Addresses and lengths are in bytes and must be multiples of
 *   hmm_p2p_page_size(), except where a file decides; page counts are in units of that size. Addresses are
 *   integers because they may belong to another process; (uintptr_t)pointer
 *   for the caller's own.
 * - A result structure belongs to the caller. It may be NULL where nobody wants
 *   it. It is written on success and on failure: its out_* fields then say how
 *   far the call came (all zero when it did not start).
 * - Thread safety: a struct hmm_p2p may be used by any number of threads at
 *   once, except for hmm_p2p_close(), which must be the last call with it.
 *   A struct hmm_p2p_process is only read, except by the functions that
 *   set it up and close it. Strings that are returned are constant and live
 *   for ever.
 * - Pages stay where they were moved after hmm_p2p_close() and exit; the
 *   device keeps them until they are touched by a CPU or unmapped.
 *
 * The meaning of each errno value is listed in <linux/hmm_p2p.h>. Every
 * function that takes a context can also return ENOTTY and E2BIG (the loaded
 * driver is older than this library), and EINVAL for a NULL context.
 */
#ifndef HMM_P2P_H
#define HMM_P2P_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/hmm_p2p.h>

#ifdef __cplusplus
extern "C" {
/* As with stat(2), some functions have the name of the structure they fill. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

/* The device node, unless the environment variable names another one. */
#define HMM_P2P_DEVICE_PATH	"/dev/hmm_p2p"
#define HMM_P2P_DEVICE_ENV	"HMM_P2P_DEVICE"

/* ---------------------------------------------------------------- context */

/** struct hmm_p2p - a connection to the driver; opaque */
struct hmm_p2p;

/**
 * hmm_p2p_open() - connect to the driver
 * @ctx: receives the context, to be given back with hmm_p2p_close();
 *	NULL on failure
 *
 * Opens the node that the environment variable HMM_P2P_DEVICE names (ignored
 * in set-user-ID programs), else /dev/hmm_p2p, with close-on-exec, and checks
 * that the driver answers.
 *
 * Return: 0; -ENOENT: no such node, the module is not loaded; -ENXIO or
 * -ENODEV: the node is left over and no driver is behind it; -EACCES: the node
 * is not for this user; -ENOTTY: the node belongs to another driver; -ENOMEM;
 * -EINVAL: @ctx is NULL; or what else open(2) says.
 */
int hmm_p2p_open(struct hmm_p2p **ctx);

/**
 * hmm_p2p_close() - give a context back
 * @ctx: context, or NULL
 *
 * Memory that was moved to a device stays there.
 */
void hmm_p2p_close(struct hmm_p2p *ctx);

/**
 * hmm_p2p_fd() - the file descriptor behind a context
 * @ctx: context
 *
 * Return: the descriptor, which the context keeps owning; -EINVAL.
 */
int hmm_p2p_fd(const struct hmm_p2p *ctx);

/**
 * hmm_p2p_page_size() - the unit of every page count
 * @ctx: context
 *
 * Return: bytes per page; 0 when @ctx is NULL.
 */
uint32_t hmm_p2p_page_size(const struct hmm_p2p *ctx);

/**
 * hmm_p2p_get_info() - what this driver is
 * @ctx: context
 * @info: receives version, page sizes and the number of devices
 *
 * Return: 0; -EINVAL: @info is NULL.
 */
int hmm_p2p_get_info(struct hmm_p2p *ctx, struct hmm_p2p_info *info);

/* ---------------------------------------------------------------- devices */

/**
 * hmm_p2p_device_next() - walk the devices
 * @ctx: context
 * @id: report the device with the smallest id that is not below this one
 * @info: receives the device
 *
 * Start at 0, go on at info.out_id + 1:
 *
 *	struct hmm_p2p_device_info info;
 *
 *	for (uint32_t id = 0; !hmm_p2p_device_next(ctx, id, &info);
 *	     id = info.out_id + 1)
 *		puts((const char *)info.out_name);
 *
 * Return: 0; -ENOENT: no device from @id on; -EINVAL: @info is NULL.
 */
int hmm_p2p_device_next(struct hmm_p2p *ctx, uint32_t id,
			struct hmm_p2p_device_info *info);

/**
 * hmm_p2p_device_find() - find a device as a person would name it
 * @ctx: context
 * @which: its id in decimal, its name, or its bus address (a PCI address may
 *	leave out the domain when that is 0000), tried in this order
 * @info: receives the device; may be NULL
 *
 * Return: 0; -ENOENT: no such device; -ENOTUNIQ: the name or bus address fits
 * several devices, so the id has to say which; -EINVAL: @which is NULL or
 * empty.
 */
int hmm_p2p_device_find(struct hmm_p2p *ctx, const char *which,
			struct hmm_p2p_device_info *info);

/**
 * hmm_p2p_path() - what an importer gets from an exporter
 * @ctx: context
 * @exporter: id of the device whose memory it is
 * @importer: id of the device that wants to reach it
 * @path: receives the verdict, which is the one that faults use
 *
 * Return: 0; -ENOENT: no device with one of these ids; -EOPNOTSUPP: @exporter
 * has no memory; -EINVAL: @path is NULL.
 */
int hmm_p2p_path(struct hmm_p2p *ctx, uint32_t exporter, uint32_t importer,
		 struct hmm_p2p_path *path);

/**
 * hmm_p2p_path_file() - what hmm_p2p_pread() and hmm_p2p_pwrite() of a file get
 * @ctx: context
 * @exporter: id of the device whose memory it is
 * @fd: the file; the importer is the device that does the DMA of the disk below
 * @path: receives the verdict, which is the one that the I/O uses
 *
 * Return: 0; -EBADF: @fd is not open; -EOPNOTSUPP: @exporter has no memory, or
 * there is no direct I/O on the file; -ENOENT: no such exporter; -EINVAL: @path
 * is NULL.
 */
int hmm_p2p_path_file(struct hmm_p2p *ctx, uint32_t exporter, int fd,
		      struct hmm_p2p_path *path);

/* -------------------------------------------------------------- processes */

/**
 * struct hmm_p2p_process - whose memory a call is about
 * @pid: process id, HMM_P2P_SELF_PID for the caller
 * @mem_fd: its /proc/PID/mem, HMM_P2P_NO_FD for the caller; owned by this
 *	structure
 *
 * Every function below takes NULL for the calling process.
 */
struct hmm_p2p_process {
	pid_t pid;
	int mem_fd;
};

/**
 * hmm_p2p_process_self() - name the calling process
 * @process: set up; needs no hmm_p2p_process_close(), which does no harm either
 */
void hmm_p2p_process_self(struct hmm_p2p_process *process);

/**
 * hmm_p2p_process_open() - name another process
 * @process: set up on success, to be closed with hmm_p2p_process_close();
 *	names the caller on failure
 * @pid: process id
 * @writable: whether an importer is to write its memory; reading, querying
 *	and migrating do not need it
 *
 * Opens /proc/PID/mem, so the caller needs what ptrace(2) needs.
 *
 * Return: 0; -ESRCH: no such process, or one without memory (a zombie, a
 * kernel thread); -EACCES: no permission for it;
 * -ENOENT: /proc is not mounted; -EINVAL: @process is NULL or @pid not
 * positive; or what else open(2) says.
 */
int hmm_p2p_process_open(struct hmm_p2p_process *process, pid_t pid,
			 bool writable);

/**
 * hmm_p2p_process_close() - let go of a process
 * @process: what hmm_p2p_process_open() set up, or NULL; it then names the
 *	caller, so that a second close does nothing
 */
void hmm_p2p_process_close(struct hmm_p2p_process *process);

/* -------------------------------------------------------------- migration */

/**
 * hmm_p2p_migrate() - move memory to a device
 * @ctx: context
 * @process: whose memory, NULL for the caller
 * @device: id of an exporter
 * @addr: first byte, page aligned
 * @length: bytes, a multiple of the page size; may span mappings and holes
 * @result: receives how many pages moved, were there already, or stayed
 *	behind for which reason; may be NULL
 *
 * What moves is what is there: pages in RAM, in swap or on another device.
 * Memory that nobody has touched, or only to read, stays untouched. A page that
 * does not move is not an error: it is counted in result.out_reasons. A device
 * that is full evicts, see hmm_p2p_migrate_flags().
 *
 * Return: 0; -ENOSPC: the device is full, or the caller at his limit, and nothing
 * can be evicted, because it is busy, protected by another group's dmem.min, or there
 * is no RAM for it; -ENOMEM: no system memory; -EINTR;
 * -ENODEV: the device went away; -EIO: it failed to copy; -ESRCH: the process is gone
 * (all six: part of the work may be done, see @result); -ENOENT: no such device;
 * -EOPNOTSUPP: it has no memory; -EACCES: @process; -EINVAL: unaligned or wrapping range.
 */
int hmm_p2p_migrate(struct hmm_p2p *ctx, const struct hmm_p2p_process *process,
		    uint32_t device, uint64_t addr, uint64_t length,
		    struct hmm_p2p_migrate *result);

/**
 * hmm_p2p_migrate_flags() - as hmm_p2p_migrate(), with flags
 * @ctx: context
 * @process: whose memory, NULL for the caller
 * @device: id of an exporter
 * @flags: HMM_P2P_MIGRATE_NO_EVICT, HMM_P2P_MIGRATE_POPULATE, or 0
 * @addr: first byte, page aligned
 * @length: bytes, a multiple of the page size
 * @result: see hmm_p2p_migrate()
 *
 * A device that is full makes room: the pages that no device has reached for the
 * longest time go back to RAM, whosever they are, but for what a control group's
 * dmem.min protects, and dmem.low as long as there is anything else. Who has reached a
 * limit (his group's dmem.max, or the parameter user_limit) evicts his own. Pages of the range itself are
 * not evicted for it: when it does not fit, the call ends with -ENOSPC, and what
 * has moved is there. With HMM_P2P_MIGRATE_NO_EVICT nothing is evicted.
 *
 * With HMM_P2P_MIGRATE_POPULATE anonymous memory that nobody has touched is
 * touched first on the device: zeroed there, with no system page in between.
 *
 * Return: as hmm_p2p_migrate(); -EINVAL for other flags.
 */
int hmm_p2p_migrate_flags(struct hmm_p2p *ctx,
			  const struct hmm_p2p_process *process,
			  uint32_t device, uint32_t flags, uint64_t addr,
			  uint64_t length, struct hmm_p2p_migrate *result);

/**
 * struct hmm_p2p_range - memory of a process
 * @addr: first byte, page aligned
 * @length: bytes, a multiple of the page size
 */
struct hmm_p2p_range {
	uint64_t addr;
	uint64_t length;
};

/**
 * hmm_p2p_migrate_ranges() - move several ranges as one move
 * @ctx: context
 * @process: whose memory, NULL for the caller
 * @device: id of an exporter; 0 with HMM_P2P_MIGRATE_TO_RAM
 * @flags: as for hmm_p2p_migrate_flags(), or HMM_P2P_MIGRATE_TO_RAM
 * @ranges: one after the other
 * @nr: how many
 * @result: receives the sum of what became of the pages; in its @addr and
 *	@length the range that was the last to be tried; may be NULL
 *
 * Ends with the first range that fails. What some of the ranges have on the device is
 * not evicted for the others, as if all were a single range.
 *
 * Return: as hmm_p2p_migrate_flags(); -EINVAL when there is no range.
 */
int hmm_p2p_migrate_ranges(struct hmm_p2p *ctx,
			   const struct hmm_p2p_process *process,
			   uint32_t device, uint32_t flags,
			   const struct hmm_p2p_range *ranges, size_t nr,
			   struct hmm_p2p_migrate *result);

/**
 * hmm_p2p_migrate_to_ram() - bring memory back from whatever devices hold it
 * @ctx: context
 * @process: whose memory, NULL for the caller
 * @addr: first byte, page aligned
 * @length: bytes, a multiple of the page size; may span mappings and holes
 * @result: as for hmm_p2p_migrate(); may be NULL
 *
 * Nobody is killed for memory: some RAM is left to the others, as by
 * hmm_p2p_drain(), and without more the call ends with -ENOMEM. Then
 * result.out_moved pages are home, and the others are still on their devices.
 *
 * Return: as hmm_p2p_migrate(), without -ENOSPC and -ENOENT.
 */
int hmm_p2p_migrate_to_ram(struct hmm_p2p *ctx,
			   const struct hmm_p2p_process *process,
			   uint64_t addr, uint64_t length,
			   struct hmm_p2p_migrate *result);

/**
 * hmm_p2p_drain() - bring home what a device holds, before it is removed
 * @ctx: context
 * @device: id of an exporter
 * @result: receives how many pages came to RAM, and how many are left; may be
 *	NULL
 *
 * Everybody's memory goes to RAM, and the device goes on taking more. To remove a
 * device that holds memory needs no drain, but waits for as long as there is
 * not enough RAM. This fails then, and leaves a part of RAM to the others: a 32nd,
 * or 512 MiB. What has come home stays there.
 *
 * Return: 0: nothing is left; -ENOMEM: there is no RAM for the rest; -EINTR: a
 * signal came, and was handled; -EBUSY: some pages could not be moved, or came
 * meanwhile; -EIO: the device failed to give some; -ENODEV: it went away (all
 * five: part of the work may be done, see @result); -ENOENT: no such device;
 * -EOPNOTSUPP: it has no memory; -EPERM: not CAP_SYS_ADMIN.
 */
int hmm_p2p_drain(struct hmm_p2p *ctx, uint32_t device,
		  struct hmm_p2p_drain *result);

/* ----------------------------------------------------------------- access */

/**
 * hmm_p2p_read() - let an importer read memory
 * @ctx: context
 * @process: whose memory, NULL for the caller
 * @importer: id of the device that reads
 * @addr: first byte to read, page aligned
 * @length: bytes, a multiple of the page size
 * @data: receives @length bytes as the importer read them
 * @flags: 0 or HMM_P2P_ACCESS_NO_P2P
 * @outcomes: NULL, or one byte for each page, for
 *	hmm_p2p_outcome_of() and hmm_p2p_reason_of()
 * @result: receives pages by outcome, and bytes; may be NULL
 *
 * The data travels as the outcome says: over the interconnect, peer to peer,
 * or from RAM; never through the CPU mapping of @process.
 *
 * Return: 0; -EFAULT: @data is bad or a part of the range is not mapped;
 * -EPERM: write asked of read-only memory; -EINTR, -ENOMEM, -ENODEV, -EIO,
 * -EREMOTEIO (the importer cannot have a page: the DMA API refused it, or it is
 * memory of hmm_p2p_map(), which does not go to RAM, and result.out_reasons says
 * why the importer may not have it): part of the work may be done, see @result;
 * -ENOENT: no such device; -EOPNOTSUPP: it is
 * not an importer, or cannot address all memory; -ESRCH, -EACCES: @process;
 * -EINVAL: unaligned or wrapping range, unknown flag, @data is NULL.
 */
int hmm_p2p_read(struct hmm_p2p *ctx, const struct hmm_p2p_process *process,
		 uint32_t importer, uint64_t addr, uint64_t length, void *data,
		 uint32_t flags, uint8_t *outcomes,
		 struct hmm_p2p_access *result);

/**
 * hmm_p2p_write() - let an importer write memory
 * @ctx: context
 * @process: whose memory, opened as writable; NULL for the caller
 * @importer: id of the device that writes
 * @addr: first byte to write, page aligned
 * @length: bytes, a multiple of the page size
 * @data: @length bytes for the importer to write
 * @flags: 0 or HMM_P2P_ACCESS_NO_P2P
 * @outcomes: as for hmm_p2p_read()
 * @result: as for hmm_p2p_read()
 *
 * Return: as hmm_p2p_read().
 */
int hmm_p2p_write(struct hmm_p2p *ctx, const struct hmm_p2p_process *process,
		  uint32_t importer, uint64_t addr, uint64_t length,
		  const void *data, uint32_t flags, uint8_t *outcomes,
		  struct hmm_p2p_access *result);

/**
 * hmm_p2p_fault() - fault memory for an importer, transfer nothing
 * @ctx: context
 * @process: whose memory, NULL for the caller
 * @importer: id of the device
 * @addr: first byte, page aligned
 * @length: bytes, a multiple of the page size
 * @flags: HMM_P2P_ACCESS_WRITE and HMM_P2P_ACCESS_NO_P2P, or 0
 * @outcomes: as for hmm_p2p_read()
 * @result: as for hmm_p2p_read()
 *
 * Return: as hmm_p2p_read().
 */
int hmm_p2p_fault(struct hmm_p2p *ctx, const struct hmm_p2p_process *process,
		  uint32_t importer, uint64_t addr, uint64_t length,
		  uint32_t flags, uint8_t *outcomes,
		  struct hmm_p2p_access *result);

/**
 * hmm_p2p_outcome_of() - outcome in a byte of an outcomes array
 * @byte: the byte
 *
 * The library exports it as well, for other languages.
 *
 * Return: enum hmm_p2p_outcome.
 */
static inline unsigned int hmm_p2p_outcome_of(uint8_t byte)
{
	return byte & 0xfU;
}

/**
 * hmm_p2p_reason_of() - reason in a byte of an outcomes array
 * @byte: the byte
 *
 * The library exports it as well, for other languages.
 *
 * Return: enum hmm_p2p_reason.
 */
static inline unsigned int hmm_p2p_reason_of(uint8_t byte)
{
	return byte >> 4;
}

/* --------------------------------------------------------------- file I/O */

/**
 * hmm_p2p_pread() - read from a file to memory that may live on a device
 * @ctx: context
 * @fd: regular file or block device, open for reading; direct I/O is done
 *	whether it is open with O_DIRECT or not
 * @buf: the caller's memory
 * @length: bytes
 * @offset: first byte in the file
 * @flags: 0 or HMM_P2P_FILE_IO_NO_P2P
 * @outcomes: NULL, or one byte for each page that the memory touches, for
 *	hmm_p2p_outcome_of() and hmm_p2p_reason_of()
 * @result: receives pages by outcome, and bytes; may be NULL
 *
 * The disk writes to the device's memory where the two can talk. Every other
 * page comes back to RAM and is read to as with O_DIRECT, and result.out_reasons
 * says why. @buf, @length and @offset must be multiples of what direct I/O on
 * the file wants: the logical block size of a block device, stx_dio_offset_align
 * of statx(2) for a file, the page size for a file system that does not say.
 *
 * Like a read(2) with O_DIRECT, it must not run while the process forks.
 *
 * Return: bytes read: fewer than @length at the end of the file, 0 behind it;
 * -EBADF: @fd is not open for reading; -EOPNOTSUPP: no direct I/O on it;
 * -EINVAL: alignment, a range that wraps, unknown flag; -EFAULT: a part of the
 * memory is not mapped; -EPERM: it is read-only; -EREMOTEIO: it is memory of
 * hmm_p2p_map(), and HMM_P2P_FILE_IO_NO_P2P is set; -EINTR, -ENOMEM; -EIO and all
 * else that pread(2) gives. After an error result.out_bytes says how many bytes
 * were read before it.
 */
int64_t hmm_p2p_pread(struct hmm_p2p *ctx, int fd, void *buf, uint64_t length,
		      uint64_t offset, uint32_t flags, uint8_t *outcomes,
		      struct hmm_p2p_file_io *result);

/**
 * hmm_p2p_pwrite() - write memory that may live on a device to a file
 * @ctx: context
 * @fd: regular file or block device, open for writing
 * @buf: the caller's memory
 * @length: bytes
 * @offset: first byte in the file; with O_APPEND the data goes to its end
 * @flags: as for hmm_p2p_pread()
 * @outcomes: as for hmm_p2p_pread()
 * @result: as for hmm_p2p_pread()
 *
 * Return: bytes written: fewer than @length when no more fit; otherwise as
 * hmm_p2p_pread(), with the errors of pwrite(2).
 */
int64_t hmm_p2p_pwrite(struct hmm_p2p *ctx, int fd, const void *buf,
		       uint64_t length, uint64_t offset, uint32_t flags,
		       uint8_t *outcomes, struct hmm_p2p_file_io *result);

/* ---------------------------------------------------------- shared memory */

/**
 * hmm_p2p_map() - map device memory that stays where it is
 * @ctx: context
 * @device: id of a device with the capability shared
 * @offset: in the memory that this context has of the device; a multiple of the
 *	page size
 * @length: bytes, a multiple of the page size
 * @mem: receives the address; NULL on failure
 *
 * The CPU reads and writes it in place, unmodified programs do O_DIRECT I/O
 * with it, and it never moves. What no mapping has covered before is allocated
 * and zero; the same offset is the same memory, also in another process that
 * got hmm_p2p_fd() by fork() or over a socket and maps it by mmap() at
 * HMM_P2P_MAP_OFFSET(). It is given back after hmm_p2p_close(), in every process,
 * and the last hmm_p2p_unmap(). When the device goes, so does the memory: who
 * touches it gets SIGBUS.
 *
 * The CPU may keep writes back for a moment: an atomic operation or a system
 * call lets others see them.
 *
 * Return: 0; -EINVAL: alignment, or a range above 1 << HMM_P2P_MAP_SHIFT;
 * -ENOENT: no such device; -ENODEV: it has gone; -EOPNOTSUPP: it has no memory
 * of this kind; -ENOSPC: not enough is left; -EDQUOT: the caller's control group
 * (dmem.max) or user (parameter user_limit) may have no more; -EIO: it failed; -EINTR,
 * -ENOMEM.
 */
int hmm_p2p_map(struct hmm_p2p *ctx, uint32_t device, uint64_t offset,
		size_t length, void **mem);

/**
 * hmm_p2p_unmap() - undo hmm_p2p_map()
 * @mem: address that it gave
 * @length: bytes
 *
 * The context keeps the memory and its content.
 *
 * Return: 0; -EINVAL: nothing that could be mapped there.
 */
int hmm_p2p_unmap(void *mem, size_t length);

/* ---------------------------------------------------------------- dma-buf */

/**
 * hmm_p2p_export() - make a dma-buf of device memory that was mapped
 * @ctx: context
 * @addr: first byte, in memory of hmm_p2p_map(), whichever context's
 * @length: bytes, all in one such mapping, which is to be read and written
 * @result: receives out_device, out_offset (where @addr is in the dma-buf) and
 *	out_length (of the dma-buf, whole pages); may be NULL
 *
 * The dma-buf is the same memory. It keeps it when the mapping, the context or the
 * process has gone; close() gives it up. Pass out_offset and out_length on with it:
 * a dma-buf does not know which part of it is meant. Devices reach it peer to peer
 * or not at all.
 *
 * Return: the descriptor, close-on-exec; -EFAULT: one mapping does not cover the
 * range; -EOPNOTSUPP: it is other memory; -EPERM: the mapping is read-only; -ENODEV:
 * its device has gone; -EINVAL: empty or wrapping range; -EMFILE, -EINTR, -ENOMEM.
 */
int hmm_p2p_export(struct hmm_p2p *ctx, void *addr, size_t length,
		   struct hmm_p2p_export *result);

/**
 * hmm_p2p_import_read() - let a device read a dma-buf, by DMA
 * @ctx: context
 * @importer: id of the device
 * @fd: the dma-buf, of any exporter
 * @offset: first byte in it; a multiple of the page size
 * @data: receives @length bytes as the device read them
 * @length: bytes, a multiple of the page size
 *
 * What others still do to the dma-buf (its fences) comes first.
 *
 * Return: bytes read, which is @length; -EFAULT: the range is not in the dma-buf, or
 * @data is bad; -EBADF: @fd is no dma-buf; -EREMOTEIO: the device may not have this
 * memory; -EOPNOTSUPP: the device does no such DMA, or the exporter of the dma-buf
 * serves no importer of its kind; -ENODEV: a device went away; -ENOENT: no such
 * device; -EINVAL: alignment; -EIO; -EINTR: a signal; -ENOMEM. Part of @data may be
 * there after an error.
 */
int64_t hmm_p2p_import_read(struct hmm_p2p *ctx, uint32_t importer, int fd,
			    uint64_t offset, void *data, size_t length);

/**
 * hmm_p2p_import_write() - let a device write a dma-buf, by DMA
 * @ctx: context
 * @importer: id of the device
 * @fd: the dma-buf, of any exporter
 * @offset: first byte in it; a multiple of the page size
 * @data: @length bytes for the device to write
 * @length: bytes, a multiple of the page size
 *
 * Return: as hmm_p2p_import_read().
 */
int64_t hmm_p2p_import_write(struct hmm_p2p *ctx, uint32_t importer, int fd,
			     uint64_t offset, const void *data, size_t length);

/* ------------------------------------------------------------------ query */

/**
 * typedef hmm_p2p_extent_fn - told of each stretch of device memory
 * @extent: the stretch; valid during the call only
 * @arg: what hmm_p2p_query() was given
 *
 * Return: 0 to go on; above 0 to stop with success; below 0 to stop and have
 * hmm_p2p_query() return that value.
 */
typedef int (*hmm_p2p_extent_fn)(const struct hmm_p2p_extent *extent,
				 void *arg);

/**
 * hmm_p2p_query() - find out what memory is on devices, without faulting
 * @ctx: context
 * @process: whose memory, NULL for the caller
 * @importer: 0, or the device whose outcomes are asked for
 * @addr: first byte, page aligned
 * @length: bytes, a multiple of the page size; may span mappings and holes
 * @fn: called for each extent in order of address; neighbours that are alike
 *	come as one; may be NULL to only count
 * @arg: handed to @fn
 *
 * Memory that cannot be read comes with HMM_P2P_EXTENT_UNREADABLE and without a
 * device, if it may be on one. Memory of hmm_p2p_map() is there
 * whether it was touched or not, with HMM_P2P_EXTENT_SHARED; where the importer
 * may not have it, its outcome is none and there is a reason. The device's bus
 * address, owner and so on are hmm_p2p_device_next()'s.
 *
 * The picture is not atomic: pages may move while the walk goes on.
 *
 * Return: number of extents reported, the last one included when @fn stopped
 * there; what @fn returned below 0; -ENOENT: no such importer; -EOPNOTSUPP: it
 * is not one; -ESRCH, -EACCES: @process; -EINTR; -ENOMEM; -EINVAL: unaligned
 * or wrapping range; -EPROTO: the driver broke its contract (no progress).
 */
int64_t hmm_p2p_query(struct hmm_p2p *ctx,
		      const struct hmm_p2p_process *process, uint32_t importer,
		      uint64_t addr, uint64_t length, hmm_p2p_extent_fn fn,
		      void *arg);

/* --------------------------------------------------------- counters, owner */

/**
 * hmm_p2p_stat() - counters of an exporter
 * @ctx: context
 * @device: id of the exporter
 * @stat: receives the counters, in pages, since the device was registered
 *
 * Return: 0; -ENOENT: no such device; -EOPNOTSUPP: it has no memory; -EINVAL:
 * @stat is NULL.
 */
int hmm_p2p_stat(struct hmm_p2p *ctx, uint32_t device,
		 struct hmm_p2p_stat *stat);

/**
 * hmm_p2p_set_owner() - let an exporter join an interconnect, or leave it
 * @ctx: context
 * @device: id of an exporter that holds no pages
 * @peer: id of the exporter whose owner it joins; 0: an owner of its own
 * @owner: receives the id of the owner it has now; may be NULL
 *
 * Return: 0; -EPERM: not CAP_SYS_ADMIN; -EBUSY: the device holds pages;
 * -ENOENT: no such device; -EOPNOTSUPP: one of them has no memory.
 */
int hmm_p2p_set_owner(struct hmm_p2p *ctx, uint32_t device, uint32_t peer,
		      uint32_t *owner);

/* ------------------------------------------------------------------ names */

/**
 * hmm_p2p_outcome_name() - one word for an outcome
 * @outcome: enum hmm_p2p_outcome
 *
 * Return: such as "private"; "unknown" for a value this library lacks.
 */
const char *hmm_p2p_outcome_name(unsigned int outcome);

/**
 * hmm_p2p_reason_name() - a few words for a reason
 * @reason: enum hmm_p2p_reason
 *
 * Return: such as "no path"; "unknown" for a value this library lacks.
 */
const char *hmm_p2p_reason_name(unsigned int reason);

/**
 * hmm_p2p_reason_text() - what a reason means and what can be done
 * @reason: enum hmm_p2p_reason
 *
 * Return: a full sentence.
 */
const char *hmm_p2p_reason_text(unsigned int reason);

/**
 * hmm_p2p_counter_name() - one word for a counter
 * @counter: enum hmm_p2p_counter
 *
 * Return: such as "to_device": letters, digits and underscores, fit for a key;
 * "unknown" for a value this library lacks.
 */
const char *hmm_p2p_counter_name(unsigned int counter);

/**
 * enum hmm_p2p_call - which function an error came from
 * @HMM_P2P_CALL_ANY: not said
 * @HMM_P2P_CALL_OPEN: hmm_p2p_open()
 * @HMM_P2P_CALL_INFO: hmm_p2p_get_info()
 * @HMM_P2P_CALL_DEVICE: hmm_p2p_device_next(), hmm_p2p_device_find()
 * @HMM_P2P_CALL_PATH: hmm_p2p_path()
 * @HMM_P2P_CALL_PROCESS: hmm_p2p_process_open()
 * @HMM_P2P_CALL_MIGRATE: hmm_p2p_migrate(), hmm_p2p_migrate_to_ram()
 * @HMM_P2P_CALL_ACCESS: hmm_p2p_read(), hmm_p2p_write(), hmm_p2p_fault()
 * @HMM_P2P_CALL_QUERY: hmm_p2p_query()
 * @HMM_P2P_CALL_STAT: hmm_p2p_stat()
 * @HMM_P2P_CALL_SET_OWNER: hmm_p2p_set_owner()
 * @HMM_P2P_CALL_FILE_IO: hmm_p2p_pread(), hmm_p2p_pwrite()
 * @HMM_P2P_CALL_MAP: hmm_p2p_map()
 * @HMM_P2P_CALL_DRAIN: hmm_p2p_drain()
 * @HMM_P2P_CALL_EXPORT: hmm_p2p_export()
 * @HMM_P2P_CALL_IMPORT: hmm_p2p_import_read(), hmm_p2p_import_write()
 * @HMM_P2P_CALL_COUNT: number of calls, not a call
 */
enum hmm_p2p_call {
	HMM_P2P_CALL_ANY = 0,
	HMM_P2P_CALL_OPEN = 1,
	HMM_P2P_CALL_INFO = 2,
	HMM_P2P_CALL_DEVICE = 3,
	HMM_P2P_CALL_PATH = 4,
	HMM_P2P_CALL_PROCESS = 5,
	HMM_P2P_CALL_MIGRATE = 6,
	HMM_P2P_CALL_ACCESS = 7,
	HMM_P2P_CALL_QUERY = 8,
	HMM_P2P_CALL_STAT = 9,
	HMM_P2P_CALL_SET_OWNER = 10,
	HMM_P2P_CALL_FILE_IO = 11,
	HMM_P2P_CALL_MAP = 12,
	HMM_P2P_CALL_DRAIN = 13,
	HMM_P2P_CALL_EXPORT = 14,
	HMM_P2P_CALL_IMPORT = 15,
	HMM_P2P_CALL_COUNT
};

/**
 * hmm_p2p_errno_text() - what went wrong and what to do about it
 * @err: what a function returned, of either sign
 * @call: which function it was
 *
 * Return: one or two full sentences, never empty, also for values that no
 * function returns.
 */
const char *hmm_p2p_errno_text(int err, enum hmm_p2p_call call);

#ifdef __cplusplus
#pragma GCC diagnostic pop
}
#endif

#endif /* HMM_P2P_H */
