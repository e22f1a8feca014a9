// SPDX-License-Identifier: LGPL-2.1-or-later
/* What went wrong and what to do about it. */
#include <errno.h>

#include "hmm_p2p_internal.h"

struct error_text {
	int err;
	enum hmm_p2p_call call;
	const char *text;
};

/* The first row that fits is taken: special rows stand before general ones. */
static const struct error_text error_texts[] = {
	{ ENOENT, HMM_P2P_CALL_OPEN,
	  "There is no device node, so the kernel module is not loaded: run 'modprobe hmm_p2p' and a device module such as hmm_p2p_pci or hmm_p2p_carveout, or correct HMM_P2P_DEVICE if it is set." },
	{ EACCES, HMM_P2P_CALL_OPEN,
	  "This user may not open the device node: run as root, or join the group hmm_p2p ('usermod -aG hmm_p2p USER', then log in again), to which 'make install' gives the node." },
	{ EPERM, HMM_P2P_CALL_OPEN,
	  "Opening the device node is not allowed here: a container or security policy forbids it, so allow the device there." },
	{ ENXIO, HMM_P2P_CALL_OPEN,
	  "The device node exists but no driver is behind it: load the module ('modprobe hmm_p2p') and let udev make the node anew." },
	{ ENODEV, HMM_P2P_CALL_OPEN,
	  "The device node exists but no driver is behind it: load the module ('modprobe hmm_p2p') and let udev make the node anew." },
	{ ENOTTY, HMM_P2P_CALL_OPEN,
	  "The device node belongs to another driver: unset HMM_P2P_DEVICE or set it to the node of hmm_p2p, usually /dev/hmm_p2p." },
	{ EMFILE, HMM_P2P_CALL_OPEN,
	  "This process has too many open files: close some or raise 'ulimit -n'." },

	{ ENOENT, HMM_P2P_CALL_DEVICE,
	  "There is no such device: 'hmmp2p list' shows the ids, names and bus addresses that exist." },
	{ ENOTUNIQ, HMM_P2P_CALL_DEVICE,
	  "Several devices have this name or bus address: use the id that 'hmmp2p list' shows." },
	{ EINVAL, HMM_P2P_CALL_DEVICE,
	  "The device was not named: give its id, name or bus address." },

	{ EOPNOTSUPP, HMM_P2P_CALL_PATH,
	  "There is no path to ask about: the first device must have memory (capability exporter), and a file must be one that can do direct I/O." },

	{ ESRCH, HMM_P2P_CALL_PROCESS,
	  "There is no such process, or none with memory of its own: check the pid; it may have exited, or be a kernel thread." },
	{ EACCES, HMM_P2P_CALL_PROCESS,
	  "The memory of that process may not be opened: run as its user or as root; what ptrace() needs is needed here, including what kernel.yama.ptrace_scope allows." },
	{ EPERM, HMM_P2P_CALL_PROCESS,
	  "The memory of that process may not be opened: run as its user or as root; what ptrace() needs is needed here, including what kernel.yama.ptrace_scope allows." },
	{ ENOENT, HMM_P2P_CALL_PROCESS,
	  "There is no /proc: mount it ('mount -t proc proc /proc')." },
	{ EINVAL, HMM_P2P_CALL_PROCESS,
	  "A process id must be above 0." },
	{ EMFILE, HMM_P2P_CALL_PROCESS,
	  "This process has too many open files: close some or raise 'ulimit -n'." },

	{ ENOSPC, HMM_P2P_CALL_MIGRATE,
	  "The device memory is full, and the counts say how many pages moved before: bring other memory back to RAM, move less, or use a device with more memory; or make room in RAM, without which nothing can be evicted." },
	{ ENOMEM, HMM_P2P_CALL_MIGRATE,
	  "No system memory is left for more, and the counts say how many pages moved before: free memory, add swap, or bring home less. Some is always left to others." },
	{ EOPNOTSUPP, HMM_P2P_CALL_MIGRATE,
	  "The device has no memory to move pages to: choose one with the capability exporter." },
	{ EFAULT, HMM_P2P_CALL_MIGRATE,
	  "An address could not be used: keep the range inside the process's address space." },
	{ EPERM, HMM_P2P_CALL_MIGRATE,
	  "Moving this memory is not permitted: run with the privileges that process_madvise() needs for the process." },

	{ EOPNOTSUPP, HMM_P2P_CALL_ACCESS,
	  "The device cannot reach this memory: choose one with the capability importer, whose DMA can address all memory of the machine." },
	{ EFAULT, HMM_P2P_CALL_ACCESS,
	  "A part of the range is not mapped, is for no device (memfd_secret), or is denied to this thread by a protection key, or the data buffer is bad: an importer must be able to reach every page, so keep the range inside one mapping." },
	{ EPERM, HMM_P2P_CALL_ACCESS,
	  "The importer was to write memory that is read-only for the process: map it writable, or read instead." },
	{ EACCES, HMM_P2P_CALL_ACCESS,
	  "The process was not opened for this: open it as writable before an importer writes to it." },

	{ EOPNOTSUPP, HMM_P2P_CALL_QUERY,
	  "The device cannot reach memory, so it has no outcomes: choose an importer, or leave it out." },

	{ EOPNOTSUPP, HMM_P2P_CALL_STAT,
	  "The device has no memory and so no counters: choose one with the capability exporter." },

	{ EBUSY, HMM_P2P_CALL_SET_OWNER,
	  "The device holds pages, so its owner cannot change now: bring them back first ('hmmp2p drain DEV') or end the processes that use it." },
	{ EPERM, HMM_P2P_CALL_SET_OWNER,
	  "Changing an owner needs CAP_SYS_ADMIN, because devices of one owner read each other's memory: run as root." },
	{ EOPNOTSUPP, HMM_P2P_CALL_SET_OWNER,
	  "Only a device with memory has an owner: choose devices with the capability exporter." },

	{ EINVAL, HMM_P2P_CALL_FILE_IO,
	  "The request is malformed: address, length and offset must be multiples of what direct I/O on the file wants (stx_dio_offset_align of statx(2), or the logical block size), and only known flags may be set." },
	{ EBADF, HMM_P2P_CALL_FILE_IO,
	  "The file is not open, or not open for this direction: open it for reading or writing." },
	{ EOPNOTSUPP, HMM_P2P_CALL_FILE_IO,
	  "There is no direct I/O on this file: use a regular file of a file system on a disk, or a block device." },
	{ EFAULT, HMM_P2P_CALL_FILE_IO,
	  "A part of the memory is not mapped, or is denied to this thread by a protection key, or the array of outcomes is bad: keep the range inside one mapping." },
	{ EPERM, HMM_P2P_CALL_FILE_IO,
	  "Either the memory or the block device is read-only: map or open what is to be written as writable." },
	{ ENOSPC, HMM_P2P_CALL_FILE_IO,
	  "The file system or block device has no room for the data: free some, or write less." },
	{ ENODATA, HMM_P2P_CALL_FILE_IO,
	  "The disk could not read or write a sector: the count says how many bytes came before that, and the kernel log (dmesg) which sector it is." },
	{ EIO, HMM_P2P_CALL_FILE_IO,
	  "The disk failed to read or write: the count says how many bytes came before that, and the kernel log (dmesg) what it reported." },

	{ EINVAL, HMM_P2P_CALL_MAP,
	  "The mapping is malformed: offset and length must be multiples of the page size, and the mapping must be shared (MAP_SHARED)." },
	{ EOPNOTSUPP, HMM_P2P_CALL_MAP,
	  "The device has no memory to map: choose one with the capability shared, or load its driver with such memory (hmm_p2p_pci: parameter p2pmem)." },
	{ ENOSPC, HMM_P2P_CALL_MAP,
	  "The device has not enough memory left to map: close what holds it, or load its driver with more (hmm_p2p_pci: parameter p2pmem)." },
	{ EDQUOT, HMM_P2P_CALL_MAP,
	  "Your control group (dmem.max) or user (parameter user_limit of hmm_p2p) may have no more of the device's memory, moved or mapped: give some back, or have the limit raised." },
	{ ENODEV, HMM_P2P_CALL_MAP,
	  "The device has gone, and what was mapped of it: open the context anew and map another device." },

	{ EINVAL, HMM_P2P_CALL_EXPORT,
	  "The range is empty or leaves the address space: name memory that hmm_p2p_map() gave." },
	{ EOPNOTSUPP, HMM_P2P_CALL_EXPORT,
	  "Only device memory of hmm_p2p_map() becomes a dma-buf: what malloc() gave moves, and whoever shares it faults for it instead." },
	{ EFAULT, HMM_P2P_CALL_EXPORT,
	  "One mapping does not cover the range: map the memory as a whole, or export its parts." },
	{ EPERM, HMM_P2P_CALL_EXPORT,
	  "The mapping is read-only, and who has a dma-buf may write to it: map the memory for reading and writing." },
	{ ENODEV, HMM_P2P_CALL_EXPORT,
	  "The device has gone, and what was mapped of it: open the context anew and map another device." },

	{ EOPNOTSUPP, HMM_P2P_CALL_IMPORT,
	  "The device does no DMA on a dma-buf, or the exporter of this one serves no device of its kind: choose another importer ('hmmp2p list')." },
	{ EFAULT, HMM_P2P_CALL_IMPORT,
	  "The range leaves the dma-buf, or the data buffer is bad: keep to the offset and the length that came with the dma-buf." },
	{ EBADF, HMM_P2P_CALL_IMPORT,
	  "The descriptor is closed, or no dma-buf." },
	{ EREMOTEIO, HMM_P2P_CALL_IMPORT,
	  "The device may not have this memory, and there is no copy of it in RAM: 'hmmp2p topo' shows the paths between devices." },
	{ ENODEV, HMM_P2P_CALL_IMPORT,
	  "A device went away: the importer, or the one whose memory it was, and the memory with it." },
	{ EINTR, HMM_P2P_CALL_IMPORT,
	  "A signal ended it: part of the bytes may have been transferred, so do it again." },

	{ ENOMEM, HMM_P2P_CALL_DRAIN,
	  "RAM has no room for what the device still holds: free memory, add swap, or end processes that use the device, and drain it again. Some RAM is always left to others." },
	{ EBUSY, HMM_P2P_CALL_DRAIN,
	  "Some pages could not be moved because they are pinned or in use, or new ones came: stop who uses the device, and drain it again." },
	{ EINTR, HMM_P2P_CALL_DRAIN,
	  "A signal ended it: what has come home stays there, so drain it again to go on." },
	{ EINTR, HMM_P2P_CALL_MIGRATE,
	  "A signal ended it: what has moved stays there, so move the same memory again to go on." },
	{ EPERM, HMM_P2P_CALL_DRAIN,
	  "Draining a device needs CAP_SYS_ADMIN, because it moves everybody's memory: run as root." },
	{ EOPNOTSUPP, HMM_P2P_CALL_DRAIN,
	  "The device has no memory that could be drained: choose one with the capability exporter." },

	{ 0, HMM_P2P_CALL_ANY,
	  "Nothing went wrong." },
	{ ENOTTY, HMM_P2P_CALL_ANY,
	  "The driver does not know this call: it is older than this library, so load the modules of the same version." },
	{ E2BIG, HMM_P2P_CALL_ANY,
	  "The driver is older than this library and lacks what was asked for: load the modules of the same version." },
	{ EINVAL, HMM_P2P_CALL_ANY,
	  "The request is malformed: address and length must be multiples of the page size, the range must not be empty, wrap around or leave the address space of a process, and only known flags may be set." },
	{ EOPNOTSUPP, HMM_P2P_CALL_ANY,
	  "This device or kernel does not support the request: 'hmmp2p list' shows what each device can do." },
	{ ENOENT, HMM_P2P_CALL_ANY,
	  "There is no device with that id: 'hmmp2p list' shows the devices that exist." },
	{ ENODEV, HMM_P2P_CALL_ANY,
	  "The device went away during the call; its memory came back to RAM, so go on without it or try another device." },
	{ ESRCH, HMM_P2P_CALL_ANY,
	  "The process is gone or has given up its memory: nothing is left to do for it." },
	{ EACCES, HMM_P2P_CALL_ANY,
	  "The caller did not prove access to that process: open its memory again with hmm_p2p_process_open() as its user or as root." },
	{ EPERM, HMM_P2P_CALL_ANY,
	  "A capability is missing for this: run as root." },
	{ EFAULT, HMM_P2P_CALL_ANY,
	  "A pointer or address is not mapped: check the range against /proc/PID/maps and the buffers of the caller." },
	{ EINTR, HMM_P2P_CALL_ANY,
	  "A fatal signal came while waiting; what was done before is kept." },
	{ ENOSPC, HMM_P2P_CALL_ANY,
	  "No device memory is left: bring other memory back to RAM first." },
	{ ENOMEM, HMM_P2P_CALL_ANY,
	  "No system memory is left: free some, or raise the memory limit of the process or its control group." },
	{ EBUSY, HMM_P2P_CALL_ANY,
	  "The device is in use: try again when it holds no pages." },
	{ EIO, HMM_P2P_CALL_ANY,
	  "The device failed a transfer: the kernel log (dmesg) says what it reported, and a reset of the device may be needed." },
	{ EREMOTEIO, HMM_P2P_CALL_ANY,
	  "The importer cannot have a page: the reasons of the call say why it may not reach device memory that was mapped to share it, which never goes to RAM; without a reason the DMA API refused, because a DMA mask or an IOMMU keeps the importer from that address." },
	{ ENOTUNIQ, HMM_P2P_CALL_ANY,
	  "The name fits several devices: use the id that 'hmmp2p list' shows." },
	{ EPROTO, HMM_P2P_CALL_ANY,
	  "The driver gave an answer that breaks its contract: load modules and library of the same version, and report it if they are." },
	{ EBADF, HMM_P2P_CALL_ANY,
	  "A file descriptor is closed or of the wrong kind: open the context or the process again." },
	{ EMFILE, HMM_P2P_CALL_ANY,
	  "This process has too many open files: close some or raise 'ulimit -n'." },
	{ ENFILE, HMM_P2P_CALL_ANY,
	  "The system has too many open files: end some processes or raise fs.file-max." },
	{ ENXIO, HMM_P2P_CALL_ANY,
	  "No driver is behind the device node any more: load the module again and open it anew." },
};

EXPORT const char *hmm_p2p_errno_text(int err, enum hmm_p2p_call call)
{
	/* Unsigned, because the negative of the smallest int is none. */
	unsigned int value = err < 0 ? 0U - (unsigned int)err : (unsigned int)err;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(error_texts); i++) {
		const struct error_text *row = &error_texts[i];

		if ((unsigned int)row->err == value &&
		    (row->call == call || row->call == HMM_P2P_CALL_ANY))
			return row->text;
	}
	return "The call failed in a way that this library has no words for: look up the number in errno(3) and the kernel log (dmesg).";
}
