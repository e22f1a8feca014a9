/* SPDX-License-Identifier: GPL-2.0 */
/* Disks and file systems for the tests of file I/O. */
#ifndef GUEST_COMMON_STORAGE_H
#define GUEST_COMMON_STORAGE_H

#include "common.h"

/**
 * struct disk - an NVMe disk of the topology
 * @serial: its serial number, and its name in QEMU
 * @path: its block device
 * @fd: open for direct I/O, or -1
 * @size: bytes, when it is open
 */
struct disk {
	const char *serial;
	char path[64];
	int fd;
	uint64_t size;
};

bool disk_exists(const char *serial);

/* Waits for the disk; skips where the topology has none. */
struct disk disk_find(const char *serial);

/* The same and opens it, which a disk that is to be mounted may not be. */
struct disk disk_open(const char *serial);
void disk_close(struct disk *disk);

/*
 * Requests that reach a frozen disk wait there. It must not last: after 30 s the
 * kernel takes a disk for dead.
 */
void disk_freeze(const struct disk *disk);
void disk_thaw(const struct disk *disk);

/* By pwrite() from ordinary memory, and by an O_DIRECT read to it. */
void file_fill(int fd, uint64_t offset, size_t length, uint64_t seed);
ssize_t file_diff(int fd, uint64_t offset, size_t length, uint64_t seed);

#define assert_file(fd, offset, length, seed) \
	assert_int_equal(file_diff(fd, offset, length, seed), -1)

#define FS_MOUNT	"/run/hmm_p2p_fs"

/* A new file system of that type; skips where the kernel has none. */
void fs_make(const struct disk *disk, const char *type);
void fs_mount(const struct disk *disk, const char *type);
void fs_unmount(void);
bool fs_is_mounted(void);
int fs_open(const char *name, int flags);

#endif /* GUEST_COMMON_STORAGE_H */
