/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * hmm_p2p: device memory behind ordinary pointers.
 *
 * All calls go through the character device /dev/hmm_p2p. Rules for every
 * structure below:
 *
 * - @size comes first and holds sizeof() as the caller was compiled. A kernel
 *   that knows less accepts a longer structure when the tail is zero (E2BIG
 *   otherwise); a kernel that knows more treats the missing tail as zero.
 * - Unknown flags and reserved fields that are not zero are refused: EINVAL.
 * - Fields named out_* are written by the kernel, also when a call fails half
 *   way: partial work is reported, not hidden.
 *
 * Errors, one meaning each:
 *
 *   ENOTTY      unknown call
 *   EINVAL      malformed: short @size, unaligned or wrapping range, reserved
 *               field or unknown flag set
 *   E2BIG       a newer structure whose tail asks for something
 *   EOPNOTSUPP  known, but not by this device or kernel: no device memory, no
 *               importer, not able to DMA to all memory, no /proc, a file
 *               that cannot do direct I/O
 *   ENOENT      no device with that id
 *   ENODEV      the device went away during the call
 *   ESRCH       no such process, or it has no memory: it has ended, or is a
 *               kernel thread
 *   EACCES      @mem_fd does not give access to that process
 *   EPERM       a capability is missing, or write asked of read-only memory, or of
 *               the caller's own that a protection key of his thread denies
 *   EFAULT      a pointer is bad, or the range has an address nothing is
 *               mapped at (only calls that must read or write all of it), or
 *               memory that is for the process's own CPU alone (memfd_secret()), or
 *               that a protection key denies the caller, whose own it is
 *   EBADF       @fd is not open, or not for this; or the device node itself is not
 *               open for writing, which INFO, DEVICE, PATH, QUERY and STAT do
 *               without
 *   EINTR       a fatal signal came while waiting; HMM_P2P_IOC_DRAIN and
 *               HMM_P2P_IOC_IMPORT end at any
 *   EMFILE      no file descriptor left for what HMM_P2P_IOC_EXPORT makes
 *   ENOSPC      no device memory left, or none that the caller may have
 *   ENOMEM      no system memory left
 *   EBUSY       the device holds pages, so its owner cannot change now; or some
 *               that it was to give could not be moved, or came meanwhile
 *   EIO         the device failed a transfer
 *   EREMOTEIO   the importer cannot have a page: the DMA API refused to map it, or
 *               it is device memory that processes share by mmap(), which does
 *               not go to RAM, and this importer may not have it peer to peer
 */
#ifndef _UAPI_LINUX_HMM_P2P_H
#define _UAPI_LINUX_HMM_P2P_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define HMM_P2P_TYPE		0xC8
#define HMM_P2P_ABI_VERSION	1

/* The process a call is about: pid 0 and mem_fd -1 name the caller itself. */
#define HMM_P2P_SELF_PID	0
#define HMM_P2P_NO_FD		(-1)

/**
 * enum hmm_p2p_outcome - what a range fault gives an importer for a page
 * @HMM_P2P_OUTCOME_NONE: nothing: the page was not asked for, or is not mapped;
 *	or, with a reason, it is shared device memory that the importer may not
 *	have, and the fault fails with EREMOTEIO
 * @HMM_P2P_OUTCOME_PRIVATE: the device-private page; importer and exporter
 *	share an interconnect owner and nothing moved
 * @HMM_P2P_OUTCOME_P2P: a PFN that the DMA API maps peer to peer; nothing moved
 * @HMM_P2P_OUTCOME_MIGRATED: a system page; the data came back to RAM for it
 * @HMM_P2P_OUTCOME_SYSTEM: a system page; the data was in RAM all along
 */
enum hmm_p2p_outcome {
	HMM_P2P_OUTCOME_NONE = 0,
	HMM_P2P_OUTCOME_PRIVATE = 1,
	HMM_P2P_OUTCOME_P2P = 2,
	HMM_P2P_OUTCOME_MIGRATED = 3,
	HMM_P2P_OUTCOME_SYSTEM = 4,
};

/**
 * enum hmm_p2p_reason - why an outcome was not a better one
 * @HMM_P2P_REASON_NONE: there is no better outcome
 * @HMM_P2P_REASON_NO_PATH: the PCI topology does not let the two devices talk
 * @HMM_P2P_REASON_NO_ALIAS: the page lies outside the device's window
 * @HMM_P2P_REASON_READ_ONLY: write was asked for and the page is copy on write
 * @HMM_P2P_REASON_MIXED_HUGE: a part of the huge page has no alias
 * @HMM_P2P_REASON_EXPORTER: the exporter opted out
 * @HMM_P2P_REASON_IMPORTER: the importer opted out
 * @HMM_P2P_REASON_REMOVED: the exporter is going away
 * @HMM_P2P_REASON_NO_DEVICE_MEMORY: the device has no room, or the caller's
 *	control group (dmem.max) or the process's user (parameter user_limit) may have
 *	no more of it
 * @HMM_P2P_REASON_HOLE: nothing is mapped at the address
 * @HMM_P2P_REASON_NOT_ANON: a page of a file; or a shared, hugetlb, special,
 *	droppable or unreadable mapping
 * @HMM_P2P_REASON_BUSY: the page is pinned, locked or in motion
 * @HMM_P2P_REASON_NO_MEMORY: system memory could not be allocated
 * @HMM_P2P_REASON_DEVICE_ERROR: the device failed to copy the page
 * @HMM_P2P_REASON_KSM: ksmd has merged the page with others of the same content
 * @HMM_P2P_REASON_UNTOUCHED: nobody has touched it, or only to read: there is
 *	nothing to move, and HMM_P2P_MIGRATE_POPULATE was not set
 * @HMM_P2P_REASON_COUNT: number of reasons, not a reason
 */
enum hmm_p2p_reason {
	HMM_P2P_REASON_NONE = 0,
	HMM_P2P_REASON_NO_PATH = 1,
	HMM_P2P_REASON_NO_ALIAS = 2,
	HMM_P2P_REASON_READ_ONLY = 3,
	HMM_P2P_REASON_MIXED_HUGE = 4,
	HMM_P2P_REASON_EXPORTER = 5,
	HMM_P2P_REASON_IMPORTER = 6,
	HMM_P2P_REASON_REMOVED = 7,
	HMM_P2P_REASON_NO_DEVICE_MEMORY = 8,
	HMM_P2P_REASON_HOLE = 9,
	HMM_P2P_REASON_NOT_ANON = 10,
	HMM_P2P_REASON_BUSY = 11,
	HMM_P2P_REASON_NO_MEMORY = 12,
	HMM_P2P_REASON_DEVICE_ERROR = 13,
	HMM_P2P_REASON_KSM = 14,
	HMM_P2P_REASON_UNTOUCHED = 15,
	HMM_P2P_REASON_COUNT /* at most 16: outcomes bytes have four bits for it */
};

/* Room in every array that is indexed by enum hmm_p2p_reason. */
#define HMM_P2P_REASON_SLOTS	16

/**
 * struct hmm_p2p_info - HMM_P2P_IOC_INFO: what this driver is
 * @size: sizeof(struct hmm_p2p_info)
 * @flags: must be 0
 * @out_abi_version: HMM_P2P_ABI_VERSION of the driver
 * @out_page_size: bytes per page: the unit of every page count
 * @out_huge_page_size: bytes per huge page, 0 where there are none
 * @out_devices: number of devices registered, exporters and importers
 */
struct hmm_p2p_info {
	__u32 size;
	__u32 flags;
	__u32 out_abi_version;
	__u32 out_page_size;
	__u32 out_huge_page_size;
	__u32 out_devices;
};

/* hmm_p2p_device_info.out_caps */
#define HMM_P2P_CAP_EXPORTER		(1U << 0) /* has device memory */
#define HMM_P2P_CAP_IMPORTER		(1U << 1) /* HMM_P2P_IOC_ACCESS works */
#define HMM_P2P_CAP_SYSTEM_ALIAS	(1U << 2) /* its memory is stolen RAM */
#define HMM_P2P_CAP_PCI			(1U << 3) /* out_bus is a PCI address */
#define HMM_P2P_CAP_SHARED		(1U << 4) /* mmap(), see HMM_P2P_MAP_OFFSET */

#define HMM_P2P_NAME_SIZE	32

/**
 * struct hmm_p2p_device_info - HMM_P2P_IOC_DEVICE: one registered device
 * @size: sizeof(struct hmm_p2p_device_info)
 * @flags: must be 0
 * @id: the device with the smallest id that is not below this one is reported,
 *	so a walk starts at 0 and goes on at out_id + 1 until ENOENT
 * @out_id: its id, never 0
 * @out_caps: HMM_P2P_CAP_* bits
 * @out_owner: id of its interconnect owner, 0 for a device without memory
 * @out_numa_node: NUMA node it is attached to, -1 when unknown
 * @__reserved: must be 0
 * @out_memory_bytes: device memory
 * @out_window_bytes: how much of it has DMA-able aliases
 * @out_used_bytes: how much of it holds pages now
 * @out_name: name, NUL terminated
 * @out_bus: bus address of the struct device behind it, NUL terminated
 */
struct hmm_p2p_device_info {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 out_id;
	__u32 out_caps;
	__u32 out_owner;
	__s32 out_numa_node;
	__u32 __reserved;
	__aligned_u64 out_memory_bytes;
	__aligned_u64 out_window_bytes;
	__aligned_u64 out_used_bytes;
	__u8 out_name[HMM_P2P_NAME_SIZE];
	__u8 out_bus[HMM_P2P_NAME_SIZE];
};

/* hmm_p2p_path.flags */
#define HMM_P2P_PATH_FILE	(1U << 0) /* importer is a file descriptor */

/**
 * struct hmm_p2p_path - HMM_P2P_IOC_PATH: what importer gets from exporter
 * @size: sizeof(struct hmm_p2p_path)
 * @flags: HMM_P2P_PATH_*
 * @exporter: id of the device whose memory it is
 * @importer: id of the device that wants to reach it; any device, also one
 *	that cannot HMM_P2P_IOC_ACCESS. With HMM_P2P_PATH_FILE the descriptor of
 *	a file, for the device that does the DMA of HMM_P2P_IOC_FILE_IO with it
 * @out_outcome: enum hmm_p2p_outcome for a page inside the window
 * @out_reason: enum hmm_p2p_reason
 * @out_distance: hops as pci_p2pdma_distance() counts them; -1 without a path
 *	or where it was not asked (same owner, alias in system memory)
 * @__reserved: must be 0
 *
 * Nothing is faulted. The verdict is the one that faults use.
 */
struct hmm_p2p_path {
	__u32 size;
	__u32 flags;
	__u32 exporter;
	__u32 importer;
	__u32 out_outcome;
	__u32 out_reason;
	__s32 out_distance;
	__u32 __reserved;
};

/* hmm_p2p_migrate.flags */
#define HMM_P2P_MIGRATE_TO_RAM	(1U << 0) /* to system memory; device is 0 */
#define HMM_P2P_MIGRATE_NO_EVICT (1U << 1) /* device full: ENOSPC, evict nobody */
#define HMM_P2P_MIGRATE_POPULATE (1U << 2) /* touch first; not with TO_RAM */

/**
 * struct hmm_p2p_migrate - HMM_P2P_IOC_MIGRATE: move a process's memory
 * @size: sizeof(struct hmm_p2p_migrate)
 * @flags: HMM_P2P_MIGRATE_*
 * @device: id of the device to move to; when it is full, the pages that no
 *	device has reached for the longest time go back to RAM, but none of the
 *	range itself, unless HMM_P2P_MIGRATE_NO_EVICT is set
 * @pid: process, HMM_P2P_SELF_PID for the caller
 * @mem_fd: for another process: its /proc/PID/mem, opened by the caller, which
 *	is what proves that the caller may touch that memory
 * @__reserved: must be 0
 * @addr: first byte, page aligned
 * @length: bytes, a multiple of the page size; may span mappings and holes
 * @out_moved: pages that this call moved
 * @out_populated: of these, pages first touched by it, as
 *	HMM_P2P_MIGRATE_POPULATE asks: zeroed on the device, with no system page
 *	in between
 * @out_already: pages that were there before
 * @out_reasons: pages that stayed behind, by enum hmm_p2p_reason
 * @move: 0, or @out_move of an earlier call, to go on with the same move: what
 *	that has on the device is not evicted for this call either; 0 with
 *	HMM_P2P_MIGRATE_TO_RAM
 * @out_move: number of the move to the device
 *
 * What moves is pages: in RAM, in swap or on another device. Memory that nobody
 * has touched, or only to read, moves to a device only if
 * HMM_P2P_MIGRATE_POPULATE is set; to RAM it was there before.
 *
 * out_moved + out_already + the sum of out_reasons is the number of pages
 * asked for, unless the call failed half way.
 */
struct hmm_p2p_migrate {
	__u32 size;
	__u32 flags;
	__u32 device;
	__s32 pid;
	__s32 mem_fd;
	__u32 __reserved;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 out_moved;
	__aligned_u64 out_populated;
	__aligned_u64 out_already;
	__aligned_u64 out_reasons[HMM_P2P_REASON_SLOTS];
	__aligned_u64 move;
	__aligned_u64 out_move;
};

/* hmm_p2p_access.flags */
#define HMM_P2P_ACCESS_WRITE	(1U << 0) /* the importer writes; else it reads */
#define HMM_P2P_ACCESS_NO_P2P	(1U << 1) /* the importer opts out of p2p */

/**
 * struct hmm_p2p_access - HMM_P2P_IOC_ACCESS: an importer reaches memory
 * @size: sizeof(struct hmm_p2p_access)
 * @flags: HMM_P2P_ACCESS_*
 * @importer: id of the device that reaches
 * @pid: process, HMM_P2P_SELF_PID for the caller
 * @mem_fd: for another process: its /proc/PID/mem, opened by the caller (for
 *	writing when HMM_P2P_ACCESS_WRITE is set)
 * @__reserved: must be 0
 * @addr: first byte, page aligned
 * @length: bytes to fault for the importer, a multiple of the page size
 * @data: buffer of the caller that receives what the importer read, or holds
 *	what it is to write; 0: fault only, transfer nothing
 * @data_length: bytes at @data, a multiple of the page size, at most @length;
 *	the transfer covers the range from @addr on. @data need not be aligned
 * @outcomes: 0, or an array of one byte per page of the range that receives
 *	enum hmm_p2p_outcome in bits 0-3 and enum hmm_p2p_reason in bits 4-7
 * @out_private: pages with each outcome
 * @out_p2p: see @out_private
 * @out_migrated: see @out_private
 * @out_system: see @out_private
 * @out_bytes: bytes that the importer transferred
 * @out_reasons: pages by enum hmm_p2p_reason; private and p2p pages are not
 *	counted, nor are system pages that were in RAM before. After EREMOTEIO
 *	also the pages that made the call fail; the DMA API's refusal has no
 *	reason
 *
 * The data travels the way the outcome says: over the interconnect, peer to
 * peer, or from RAM. It never goes through the CPU mapping of the process.
 */
struct hmm_p2p_access {
	__u32 size;
	__u32 flags;
	__u32 importer;
	__s32 pid;
	__s32 mem_fd;
	__u32 __reserved;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 data;
	__aligned_u64 data_length;
	__aligned_u64 outcomes;
	__aligned_u64 out_private;
	__aligned_u64 out_p2p;
	__aligned_u64 out_migrated;
	__aligned_u64 out_system;
	__aligned_u64 out_bytes;
	__aligned_u64 out_reasons[HMM_P2P_REASON_SLOTS];
};

/* hmm_p2p_extent.flags */
#define HMM_P2P_EXTENT_WRITABLE	(1U << 0)
#define HMM_P2P_EXTENT_HUGE	(1U << 1)
#define HMM_P2P_EXTENT_WINDOW	(1U << 2) /* has an alias: lies in the window */
#define HMM_P2P_EXTENT_SHARED	(1U << 3) /* mapped by mmap(), see below */
#define HMM_P2P_EXTENT_UNREADABLE (1U << 4) /* perhaps on a device, see below */

/**
 * struct hmm_p2p_extent - device-resident memory that is alike
 * @addr: first byte
 * @length: bytes
 * @device: id of the device that holds it; 0 with HMM_P2P_EXTENT_UNREADABLE
 * @outcome: enum hmm_p2p_outcome that the asked importer would get
 * @reason: enum hmm_p2p_reason for it
 * @flags: HMM_P2P_EXTENT_* bits
 *
 * HMM_P2P_EXTENT_SHARED: memory that mmap() of the character device gave, and
 * its own alias. The device has it from mmap() on, so all of the mapping is
 * reported, also what no page table knows yet. It does not move: an importer
 * gets it p2p, or with HMM_P2P_OUTCOME_NONE and a reason not at all.
 *
 * HMM_P2P_EXTENT_UNREADABLE: memory of a mapping that the process cannot read
 * (PROT_NONE, or write-only), where it may have pages, while any device holds
 * pages. What is there cannot be told without taking it from whoever uses it. An
 * importer gets nothing there; a move to RAM brings home what is on a device.
 * No other flag is set.
 */
struct hmm_p2p_extent {
	__aligned_u64 addr;
	__aligned_u64 length;
	__u32 device;
	__u32 outcome;
	__u32 reason;
	__u32 flags;
};

/**
 * struct hmm_p2p_query - HMM_P2P_IOC_QUERY: where memory is, without faulting
 * @size: sizeof(struct hmm_p2p_query)
 * @flags: must be 0
 * @importer: 0, or the device whose outcomes are asked for
 * @pid: process, HMM_P2P_SELF_PID for the caller
 * @mem_fd: for another process: its /proc/PID/mem, opened by the caller
 * @nr_extents: room in @extents
 * @addr: first byte, page aligned
 * @length: bytes, a multiple of the page size
 * @extents: array of struct hmm_p2p_extent, in order of address; only memory on
 *	a device is reported, and memory that may be, but cannot be read
 * @out_nr_extents: how many were written
 * @__reserved: must be 0
 * @out_next: address to go on from; @addr + @length when all was reported
 */
struct hmm_p2p_query {
	__u32 size;
	__u32 flags;
	__u32 importer;
	__s32 pid;
	__s32 mem_fd;
	__u32 nr_extents;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 extents;
	__u32 out_nr_extents;
	__u32 __reserved;
	__aligned_u64 out_next;
};

/**
 * enum hmm_p2p_counter - what HMM_P2P_IOC_STAT counts, in pages
 * @HMM_P2P_COUNTER_PRIVATE: given to importers as private pages
 * @HMM_P2P_COUNTER_P2P: given to importers as p2p pages
 * @HMM_P2P_COUNTER_SENT_HOME: wanted by an importer and sent back to RAM
 * @HMM_P2P_COUNTER_TO_DEVICE: moved to the device
 * @HMM_P2P_COUNTER_POPULATED: of these, first touched on the device
 * @HMM_P2P_COUNTER_TO_RAM: moved back to RAM, for whatever cause
 * @HMM_P2P_COUNTER_CPU_FAULT: of these, because the CPU or an importer faulted
 * @HMM_P2P_COUNTER_EVICTED: of these, because the device went away or let go
 * @HMM_P2P_COUNTER_HUGE_TO_DEVICE: huge pages moved to the device as such
 * @HMM_P2P_COUNTER_HUGE_TO_RAM: huge pages moved back to RAM as such
 * @HMM_P2P_COUNTER_SPLIT: huge pages split while on the device
 * @HMM_P2P_COUNTER_ALLOC_FAILED: allocations that found no device memory
 * @HMM_P2P_COUNTER_EVICTED_FULL: moved back to RAM because the device was full
 * @HMM_P2P_COUNTER_PREFETCHED: of the pages that the CPU faulted, neighbours of
 *	the one it touched
 * @HMM_P2P_COUNTER_PREFETCH_USED: of these, those that were of use, as it seems:
 *	the thread's next fault came right beside them, so it went on through them
 *	(or over them, with strides of just their length)
 * @HMM_P2P_COUNTER_REFUSED: shared pages that an importer wanted and may not have
 * @HMM_P2P_COUNTER_COUNT: number of counters, not a counter
 */
enum hmm_p2p_counter {
	HMM_P2P_COUNTER_PRIVATE = 0,
	HMM_P2P_COUNTER_P2P = 1,
	HMM_P2P_COUNTER_SENT_HOME = 2,
	HMM_P2P_COUNTER_TO_DEVICE = 3,
	HMM_P2P_COUNTER_POPULATED = 4,
	HMM_P2P_COUNTER_TO_RAM = 5,
	HMM_P2P_COUNTER_CPU_FAULT = 6,
	HMM_P2P_COUNTER_EVICTED = 7,
	HMM_P2P_COUNTER_HUGE_TO_DEVICE = 8,
	HMM_P2P_COUNTER_HUGE_TO_RAM = 9,
	HMM_P2P_COUNTER_SPLIT = 10,
	HMM_P2P_COUNTER_ALLOC_FAILED = 11,
	HMM_P2P_COUNTER_EVICTED_FULL = 12,
	HMM_P2P_COUNTER_PREFETCHED = 13,
	HMM_P2P_COUNTER_PREFETCH_USED = 14,
	HMM_P2P_COUNTER_REFUSED = 15,
	HMM_P2P_COUNTER_COUNT
};

#define HMM_P2P_COUNTER_SLOTS	32

/**
 * struct hmm_p2p_stat - HMM_P2P_IOC_STAT: the counters of an exporter
 * @size: sizeof(struct hmm_p2p_stat)
 * @flags: must be 0
 * @device: id of the exporter
 * @__reserved: must be 0
 * @out_counters: by enum hmm_p2p_counter, since the device was registered
 * @out_reasons: pages sent home, by enum hmm_p2p_reason
 */
struct hmm_p2p_stat {
	__u32 size;
	__u32 flags;
	__u32 device;
	__u32 __reserved;
	__aligned_u64 out_counters[HMM_P2P_COUNTER_SLOTS];
	__aligned_u64 out_reasons[HMM_P2P_REASON_SLOTS];
};

/**
 * struct hmm_p2p_set_owner - HMM_P2P_IOC_SET_OWNER: join an interconnect
 * @size: sizeof(struct hmm_p2p_set_owner)
 * @flags: must be 0
 * @device: id of an exporter that holds no pages
 * @peer: id of the exporter whose owner it joins; 0: an owner of its own
 * @out_owner: id of the owner it has now
 * @__reserved: must be 0
 *
 * The two must be of one driver, and it must have an interconnect (EOPNOTSUPP).
 * Needs CAP_SYS_ADMIN: whoever shares an owner reads the other's memory.
 */
struct hmm_p2p_set_owner {
	__u32 size;
	__u32 flags;
	__u32 device;
	__u32 peer;
	__u32 out_owner;
	__u32 __reserved;
};

/* hmm_p2p_file_io.flags */
#define HMM_P2P_FILE_IO_WRITE	(1U << 0) /* memory to file; else file to memory */
#define HMM_P2P_FILE_IO_NO_P2P	(1U << 1) /* by way of system memory, or not at all */

/**
 * struct hmm_p2p_file_io - HMM_P2P_IOC_FILE_IO: direct I/O with a file
 * @size: sizeof(struct hmm_p2p_file_io)
 * @flags: HMM_P2P_FILE_IO_*
 * @fd: a regular file or block device that can do direct I/O, open for it; it
 *	need not be open with O_DIRECT
 * @__reserved: must be 0
 * @addr: first byte of the caller's memory
 * @length: bytes
 * @offset: first byte in the file
 * @outcomes: 0, or an array of one byte for each page that the memory touches,
 *	see struct hmm_p2p_access; 0 for a page that the call did not come to
 * @out_bytes: bytes that were read or written: fewer than @length at the end of
 *	the file, and when the call failed
 * @out_p2p: pages that the disk reached on the device
 * @out_migrated: pages that came back to RAM for it
 * @out_system: pages that were in RAM
 * @out_reasons: the migrated pages by enum hmm_p2p_reason; the importer is the
 *	PCI function that does the DMA of the block device below @fd. After
 *	EREMOTEIO, which HMM_P2P_FILE_IO_NO_P2P gives for shared device memory,
 *	also the pages that made the call fail
 *
 * @addr, @length and @offset must be multiples of what the file wants for direct
 * I/O: the logical block size for a block device, what statx() calls
 * stx_dio_offset_align for a file, the page size for a file that does not say.
 *
 * Data that the page cache holds is written back or dropped first, as with
 * O_DIRECT. An error of the I/O itself is what pread() or pwrite() of the file
 * gives.
 */
struct hmm_p2p_file_io {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 __reserved;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 offset;
	__aligned_u64 outcomes;
	__aligned_u64 out_bytes;
	__aligned_u64 out_p2p;
	__aligned_u64 out_migrated;
	__aligned_u64 out_system;
	__aligned_u64 out_reasons[HMM_P2P_REASON_SLOTS];
};

/**
 * struct hmm_p2p_drain - HMM_P2P_IOC_DRAIN: bring home what a device holds
 * @size: sizeof(struct hmm_p2p_drain)
 * @flags: must be 0
 * @device: id of the exporter
 * @__reserved: must be 0
 * @out_moved: pages that this call brought to RAM, whosever they are
 * @out_left: pages that the device held when it ended
 *
 * For a device that is to be removed: its removal cannot fail, and without RAM
 * for the pages it waits. This fails instead (ENOMEM), with some RAM left to the
 * others, and any signal ends it (EINTR). What has come home stays there.
 *
 * The device goes on taking pages; EBUSY says that some came meanwhile, or are
 * pinned. Needs CAP_SYS_ADMIN, because it moves everybody's memory.
 */
struct hmm_p2p_drain {
	__u32 size;
	__u32 flags;
	__u32 device;
	__u32 __reserved;
	__aligned_u64 out_moved;
	__aligned_u64 out_left;
};

/**
 * struct hmm_p2p_export - HMM_P2P_IOC_EXPORT: shared device memory as a dma-buf
 * @size: sizeof(struct hmm_p2p_export)
 * @flags: must be 0
 * @addr: first byte of the caller's memory, in a mapping of the character device
 *	that can be read and written
 * @length: bytes; all in that mapping
 * @out_fd: descriptor of the dma-buf, close-on-exec; HMM_P2P_NO_FD without one
 * @out_device: id of the device whose memory it is
 * @out_offset: where in the dma-buf @addr is: less than a page
 * @out_length: bytes of the dma-buf: the pages that the range touches, all of them
 * @__reserved: must be 0
 *
 * The dma-buf keeps the memory, as a mapping does, whoever has it and whatever
 * becomes of the process that made it. A device may attach that reaches the memory
 * peer to peer (EREMOTEIO otherwise: there is no copy in RAM) and whose driver can be
 * told that the device goes (allow_peer2peer and invalidate_mappings; EOPNOTSUPP
 * otherwise). After that, mapping it gives ENODEV. mmap() and the kernel's vmap are
 * write-combined, as all mappings of it: bracket the CPU's accesses with
 * DMA_BUF_IOCTL_SYNC.
 */
struct hmm_p2p_export {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__s32 out_fd;
	__u32 out_device;
	__u32 out_offset;
	__u32 __reserved;
	__aligned_u64 out_length;
};

/* hmm_p2p_import.flags */
#define HMM_P2P_IMPORT_WRITE	(1U << 0) /* the device writes; else it reads */

/**
 * struct hmm_p2p_import - HMM_P2P_IOC_IMPORT: a device reaches a dma-buf by DMA
 * @size: sizeof(struct hmm_p2p_import)
 * @flags: HMM_P2P_IMPORT_*
 * @importer: id of the device
 * @fd: the dma-buf, of any exporter
 * @offset: first byte in the dma-buf; page aligned
 * @length: bytes, a multiple of the page size; EFAULT beyond the end of the dma-buf
 * @data: what the device read or is to write, @length bytes
 * @out_bytes: bytes that were transferred, also when the call failed
 * @__reserved: must be 0
 *
 * The fences in the dma-buf come first. EOPNOTSUPP: the importer does no DMA, or the
 * exporter serves no importer of this kind; EREMOTEIO: it may not have this memory;
 * EBADF: @fd is no dma-buf. Any signal ends it (EINTR).
 */
struct hmm_p2p_import {
	__u32 size;
	__u32 flags;
	__u32 importer;
	__s32 fd;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 data;
	__aligned_u64 __reserved;
	__aligned_u64 out_bytes;
};

/*
 * mmap() of the character device maps device memory that stays where it is: the
 * CPU reads and writes it in place, O_DIRECT takes it, and it is shared with
 * whoever has the open file (from fork() or over a socket). Only MAP_SHARED.
 *
 * The offset names a device and a place in the file's memory of that device;
 * what is there is allocated, and zero, when it is first mapped, and is given
 * back with the last descriptor and the last mapping of the file. Errors:
 *
 *   EINVAL      MAP_PRIVATE, or more than 1 << HMM_P2P_MAP_SHIFT bytes
 *   ENOENT      no device with that id
 *   ENODEV      the device has gone, and the file's memory of it. Who touches an
 *               old mapping gets SIGBUS
 *   EOPNOTSUPP  the device has no memory of this kind
 *   ENOSPC      it has, and not enough is left
 *   EDQUOT      the caller's control group (dmem.max) or user (parameter user_limit)
 *               may have no more of the device's memory, of either kind
 */
#define HMM_P2P_MAP_SHIFT	40
#define HMM_P2P_MAP_OFFSET(device, offset) \
	(((__u64)(device) << HMM_P2P_MAP_SHIFT) + (offset))

#define HMM_P2P_CMD_BASE	0x80
#define HMM_P2P_IOC_INFO	_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + 0)
#define HMM_P2P_IOC_DEVICE	_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + 1)
#define HMM_P2P_IOC_PATH	_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + 2)
#define HMM_P2P_IOC_MIGRATE	_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + 3)
#define HMM_P2P_IOC_ACCESS	_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + 4)
#define HMM_P2P_IOC_QUERY	_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + 5)
#define HMM_P2P_IOC_STAT	_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + 6)
#define HMM_P2P_IOC_SET_OWNER	_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + 7)
#define HMM_P2P_IOC_FILE_IO	_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + 8)
#define HMM_P2P_IOC_DRAIN	_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + 9)
#define HMM_P2P_IOC_EXPORT	_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + 10)
#define HMM_P2P_IOC_IMPORT	_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + 11)

#endif /* _UAPI_LINUX_HMM_P2P_H */
