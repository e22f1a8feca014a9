// SPDX-License-Identifier: GPL-2.0
/* Swap that a test switches on, and off again. */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>

#include "common.h"
#include "common_swap.h"

#define ZRAM		"/dev/zram0"
#define LOOP		"/dev/loop7"

/* Not tmpfs, whose pages go to swap themselves. */
#define FOLDER		"/run/hmm_p2p_swap"

/* mkswap: version, last page, signature at the end of the first page. */
static int make_swap(const char *path, uint64_t bytes)
{
	uint32_t *header = calloc(1, page_size);
	int fd = open(path, O_RDWR | O_CLOEXEC), ret = -1;

	if (fd < 0 || !header)
		goto out;
	header[256] = 1;
	header[257] = (uint32_t)(bytes / page_size) - 1;
	memcpy((char *)header + page_size - 10, "SWAPSPACE2", 10);
	if (pwrite(fd, header, page_size, 0) == (ssize_t)page_size)
		ret = fsync(fd);
out:
	if (fd >= 0)
		close(fd);
	free(header);
	return ret;
}

bool swap_on(const char *path, uint64_t bytes)
{
	return !make_swap(path, bytes) && !swapon(path, 0);
}

static bool zram_begin(uint64_t bytes)
{
	char size[32];

	if (access(ZRAM, F_OK) && system("modprobe -q zram num_devices=1"))
		return false;
	snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
	return !write_file("/sys/block/zram0/disksize", size) && swap_on(ZRAM, bytes);
}

static bool disk_begin(uint64_t bytes)
{
	char command[256];

	if (access("/dev/loop-control", F_OK) && system("modprobe -q loop"))
		return false;
	if (mkdir(FOLDER, 0700) || mount("ramfs", FOLDER, "ramfs", 0, NULL))
		return false;
	snprintf(command, sizeof(command),
		 "truncate -s %llu " FOLDER "/disk && losetup " LOOP " " FOLDER "/disk",
		 (unsigned long long)bytes);
	return !system(command) && swap_on(LOOP, bytes);
}

bool swap_begin(enum swap_kind kind, uint64_t bytes)
{
	return kind == SWAP_ZRAM ? zram_begin(bytes) : disk_begin(bytes);
}

int swap_end(enum swap_kind kind)
{
	if (kind == SWAP_ZRAM)
		return swapoff(ZRAM) || write_file("/sys/block/zram0/reset", "1") ? -1 : 0;
	return swapoff(LOOP) || system("losetup -d " LOOP) || umount(FOLDER) ||
	       rmdir(FOLDER) ? -1 : 0;
}

void swap_out(uint8_t *mem, size_t length)
{
	unsigned int tries;

	for (tries = 0; tries < 20; tries++) {
		lru_drain();
		REQUIRE(madvise(mem, length, MADV_PAGEOUT) == 0);
		if (count_pages(mem, length, PAGE_IS_SWAPPED) == length / page_size)
			return;
	}
	fprintf(stderr, "# %zu of %zu pages are swapped out\n",
		count_pages(mem, length, PAGE_IS_SWAPPED), length / page_size);
	REQUIRE(!"all pages are swapped out");
}

void give_up(uint8_t *mem, size_t length)
{
	REQUIRE(madvise(mem, length, MADV_FREE) == 0);
	/* The kernel notes it in batches, which this ends. */
	lru_drain();
}

void reclaim(uint8_t *mem, size_t length)
{
	REQUIRE(madvise(mem, length, MADV_PAGEOUT) == 0);
	lru_drain();
	REQUIRE(madvise(mem, length, MADV_PAGEOUT) == 0);
}
