// SPDX-License-Identifier: GPL-2.0
/* Disks of the topology "storage", and file systems on them. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "common_storage.h"

#define NVME_CLASS	"/sys/class/nvme"
#define APPEAR_SECONDS	20

static bool has_serial(const char *controller, const char *serial)
{
	char path[300], text[64] = "";
	FILE *file;
	bool is;

	snprintf(path, sizeof(path), NVME_CLASS "/%s/serial", controller);
	file = fopen(path, "re");
	if (!file)
		return false;
	is = fscanf(file, "%63s", text) == 1 && !strcmp(text, serial);
	fclose(file);
	return is;
}

/* The node is made when the disk can be used. */
static bool find_node(const char *serial, char *path, size_t size)
{
	DIR *dir = opendir(NVME_CLASS);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		if (!has_serial(entry->d_name, serial))
			continue;
		snprintf(path, size, "/dev/%.32sn1", entry->d_name);
		found = access(path, R_OK | W_OK) == 0;
	}
	if (dir)
		closedir(dir);
	return found;
}

bool disk_exists(const char *serial)
{
	const char *disks = getenv("HMM_P2P_DISKS");
	char name[64];

	snprintf(name, sizeof(name), " %s ", serial);
	return disks && strstr(disks, name);
}

struct disk disk_find(const char *serial)
{
	double deadline = seconds_now() + APPEAR_SECONDS;
	const struct timespec pause = { .tv_nsec = 10000000 };
	struct disk disk = { .serial = serial, .fd = -1 };

	if (!disk_exists(serial))
		SKIP("this topology has no disk '%s'", serial);
	/* The driver may be built in. */
	REQUIRE(system("modprobe -q nvme; true") == 0);
	while (!find_node(serial, disk.path, sizeof(disk.path))) {
		REQUIRE(seconds_now() < deadline);
		nanosleep(&pause, NULL);
	}
	return disk;
}

struct disk disk_open(const char *serial)
{
	struct disk disk = disk_find(serial);

	disk.fd = open(disk.path, O_RDWR | O_DIRECT | O_CLOEXEC);
	REQUIRE(disk.fd >= 0);
	disk.size = (uint64_t)lseek(disk.fd, 0, SEEK_END);
	return disk;
}

void disk_close(struct disk *disk)
{
	REQUIRE(close(disk->fd) == 0);
	disk->fd = -1;
}

/* The bytes per second that QEMU lets through; 0: all. */
static void throttle(const struct disk *disk, unsigned int bytes)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "monitor block_set_io_throttle %s %u 0 0 0 0 0", disk->serial, bytes);
	REQUIRE(system(command) == 0);
}

/* One request always gets through: this one. */
void disk_freeze(const struct disk *disk)
{
	uint8_t *data = map_memory(page_size, SMALL_PAGES);

	throttle(disk, 1);
	REQUIRE(pread(disk->fd, data, page_size, 0) == (ssize_t)page_size);
	unmap(data, page_size);
}

void disk_thaw(const struct disk *disk)
{
	throttle(disk, 0);
}

void file_fill(int fd, uint64_t offset, size_t length, uint64_t seed)
{
	uint8_t *data = map_pattern(length, SMALL_PAGES, seed);

	REQUIRE(pwrite(fd, data, length, (off_t)offset) == (ssize_t)length);
	REQUIRE(fsync(fd) == 0);
	unmap(data, length);
}

/* Not through the page cache, and not through what is tested. */
ssize_t file_diff(int fd, uint64_t offset, size_t length, uint64_t seed)
{
	uint8_t *data = map_memory(length, SMALL_PAGES);
	ssize_t diff;

	REQUIRE(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_DIRECT) == 0);
	REQUIRE(pread(fd, data, length, (off_t)offset) == (ssize_t)length);
	diff = pattern_diff(data, 0, length, seed);
	unmap(data, length);
	return diff;
}

static bool can_make(const char *type)
{
	char command[128];

	snprintf(command, sizeof(command), "modprobe -q %s; grep -qw %s /proc/filesystems",
		 type, type);
	return system(command) == 0;
}

void fs_make(const struct disk *disk, const char *type)
{
	char command[128];

	if (!can_make(type))
		SKIP("this kernel has no %s", type);
	snprintf(command, sizeof(command), "mkfs.%s %s %s >/dev/null 2>&1", type,
		 !strcmp(type, "xfs") ? "-f" : "-F", disk->path);
	REQUIRE(system(command) == 0);
}

void fs_mount(const struct disk *disk, const char *type)
{
	REQUIRE(mkdir(FS_MOUNT, 0700) == 0 || errno == EEXIST);
	REQUIRE(mount(disk->path, FS_MOUNT, type, 0, NULL) == 0);
}

void fs_unmount(void)
{
	REQUIRE(umount(FS_MOUNT) == 0);
}

bool fs_is_mounted(void)
{
	struct stat here, above;

	return !stat(FS_MOUNT, &here) && !stat(FS_MOUNT "/..", &above) &&
	       here.st_dev != above.st_dev;
}

int fs_open(const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), FS_MOUNT "/%s", name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	return fd;
}
