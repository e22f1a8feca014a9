// SPDX-License-Identifier: GPL-2.0
/*
 * hmm_p2p_pread() and hmm_p2p_pwrite() on files of a file system: growing and
 * overwriting, holes, ends, and the page cache. The same tests for every type.
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "common_storage.h"

#define LENGTH	(4 * MIB)

/**
 * struct fs - what a test works with
 * @type: of the file system
 * @disk: below it
 * @exporter: device that memory is moved to
 * @mem: LENGTH bytes
 */
struct fs {
	const char *type;
	struct disk disk;
	struct hmm_p2p_device_info exporter;
	uint8_t *mem;
};

static int fs_setup(void **state)
{
	static struct fs fs;

	fs.type = *state;
	*state = &fs;
	return test_setup(NULL);
}

static int fs_teardown(void **state)
{
	(void)state;
	/* A test that failed has left its files open. */
	if (fs_is_mounted())
		assert_int_equal(umount2(FS_MOUNT, MNT_DETACH), 0);
	return test_teardown(NULL);
}

static struct fs *begin(void **state, const char *serial)
{
	struct fs *fs = *state;

	fs->disk = disk_find(serial);
	fs_make(&fs->disk, fs->type);
	fs_mount(&fs->disk, fs->type);
	fs->exporter = largest_exporter(16 * MIB);
	fs->mem = map_memory(LENGTH, SMALL_PAGES);
	return fs;
}

static void on_device(struct fs *fs, uint64_t seed)
{
	pattern_fill(fs->mem, 0, LENGTH, seed);
	move_to(fs->exporter.out_id, fs->mem, LENGTH, NULL);
	assert_int_equal(pages_on(fs->exporter.out_id, fs->mem, LENGTH),
			 LENGTH / page_size);
}

static void end(struct fs *fs, int fd)
{
	assert_int_equal(close(fd), 0);
	unmap(fs->mem, LENGTH);
}

static void writes(struct fs *fs, int fd, size_t length, uint64_t offset)
{
	struct hmm_p2p_file_io got;

	assert_int_equal(hmm_p2p_pwrite(ctx, fd, fs->mem, length, offset, 0, NULL,
					&got), length);
	assert_int_equal(got.out_p2p, (length + page_size - 1) / page_size);
	assert_int_equal(got.out_migrated + got.out_system, 0);
	assert_int_equal(pages_on(fs->exporter.out_id, fs->mem, LENGTH),
			 LENGTH / page_size);
}

static void reads(struct fs *fs, int fd, size_t length, uint64_t offset, size_t there)
{
	struct hmm_p2p_file_io got;

	assert_int_equal(hmm_p2p_pread(ctx, fd, fs->mem, length, offset, 0, NULL,
				       &got), there);
	assert_int_equal(got.out_p2p, (there + page_size - 1) / page_size);
	assert_int_equal(got.out_migrated + got.out_system, 0);
	assert_int_equal(pages_on(fs->exporter.out_id, fs->mem, LENGTH),
			 LENGTH / page_size);
}

/* A new file grows, is written over, and grows at its end. */
static void test_write(void **state)
{
	struct fs *fs = begin(state, "near");
	int fd = fs_open("new", O_RDWR | O_CREAT);

	on_device(fs, 41);
	writes(fs, fd, LENGTH, 0);
	assert_file(fd, 0, LENGTH, 41);
	on_device(fs, 42);
	writes(fs, fd, LENGTH, 0);
	assert_file(fd, 0, LENGTH, 42);
	close(fd);

	fd = fs_open("new", O_RDWR | O_APPEND);
	on_device(fs, 43);
	writes(fs, fd, LENGTH, 0);
	assert_file(fd, 0, LENGTH, 42);
	assert_file(fd, LENGTH, LENGTH, 43);
	end(fs, fd);
}

/* It is on the disk, not only in a cache. */
static void test_write_survives(void **state)
{
	struct fs *fs = begin(state, "near");
	int fd = fs_open("new", O_RDWR | O_CREAT);

	on_device(fs, 44);
	writes(fs, fd, LENGTH, 0);
	assert_int_equal(fsync(fd), 0);
	assert_int_equal(close(fd), 0);
	fs_unmount();
	fs_mount(&fs->disk, fs->type);
	fd = fs_open("new", O_RDWR);
	assert_file(fd, 0, LENGTH, 44);
	end(fs, fd);
}

static void test_allocated(void **state)
{
	struct fs *fs = begin(state, "near");
	int fd = fs_open("allocated", O_RDWR | O_CREAT);

	assert_int_equal(fallocate(fd, 0, 0, LENGTH), 0);
	on_device(fs, 45);
	reads(fs, fd, LENGTH, 0, LENGTH);
	assert_zero(fs->mem, LENGTH);
	on_device(fs, 46);
	writes(fs, fd, LENGTH / 2, LENGTH / 4);
	on_device(fs, 47);
	reads(fs, fd, LENGTH, 0, LENGTH);
	assert_zero(fs->mem, LENGTH / 4);
	assert_pattern(fs->mem + LENGTH / 4, LENGTH / 2, 46);
	assert_zero(fs->mem + LENGTH / 4 * 3, LENGTH / 4);
	end(fs, fd);
}

/* Every other 64 KiB of the file is a hole. */
static void test_holes(void **state)
{
	struct fs *fs = begin(state, "near");
	int fd = fs_open("holes", O_RDWR | O_CREAT);
	size_t step = 64 * 1024, at;

	assert_int_equal(ftruncate(fd, LENGTH), 0);
	for (at = 0; at < LENGTH; at += 2 * step)
		file_fill(fd, at, step, 48 + at / step);
	on_device(fs, 47);
	reads(fs, fd, LENGTH, 0, LENGTH);
	for (at = 0; at < LENGTH; at += 2 * step) {
		assert_pattern(fs->mem + at, step, 48 + at / step);
		assert_zero(fs->mem + at + step, step);
	}
	on_device(fs, 49);
	writes(fs, fd, LENGTH, 0);
	assert_file(fd, 0, LENGTH, 49);
	end(fs, fd);
}

/* A file whose end is no multiple of anything: short, then nothing. */
static void test_end_of_file(void **state)
{
	struct fs *fs = begin(state, "near");
	int fd = fs_open("end", O_RDWR | O_CREAT);
	size_t size = 5 * page_size + 1000;

	file_fill(fd, 0, 6 * page_size, 50);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(fsync(fd), 0);
	on_device(fs, 51);
	reads(fs, fd, LENGTH, 0, size);
	assert_pattern(fs->mem, size, 50);
	assert_int_equal(pattern_diff(fs->mem + 6 * page_size, 6 * page_size,
				      LENGTH - 6 * page_size, 51), -1);
	on_device(fs, 51);
	reads(fs, fd, LENGTH, 5 * page_size, 1000);
	reads(fs, fd, LENGTH, 6 * page_size, 0);
	reads(fs, fd, LENGTH, 1ULL << 40, 0);
	end(fs, fd);
}

/* Direct I/O sees what was written through the cache, and the other way round. */
static void test_page_cache(void **state)
{
	struct fs *fs = begin(state, "near");
	int fd = fs_open("cache", O_RDWR | O_CREAT);
	uint8_t *data = map_pattern(LENGTH, SMALL_PAGES, 52);

	assert_int_equal(pwrite(fd, data, LENGTH, 0), LENGTH);
	on_device(fs, 53);
	reads(fs, fd, LENGTH, 0, LENGTH);
	assert_pattern(fs->mem, LENGTH, 52);

	assert_int_equal(pread(fd, data, LENGTH, 0), LENGTH);
	on_device(fs, 54);
	writes(fs, fd, LENGTH, 0);
	assert_int_equal(pread(fd, data, LENGTH, 0), LENGTH);
	assert_pattern(data, LENGTH, 54);
	unmap(data, LENGTH);
	end(fs, fd);
}

/* The file system is full in the middle: a short count, then ENOSPC. */
static void test_full(void **state)
{
	struct fs *fs = begin(state, "near");
	int fd = fs_open("filler", O_RDWR | O_CREAT), fd2;
	struct hmm_p2p_file_io got;
	int64_t ret;

	fd2 = fs_open("full", O_RDWR | O_CREAT);
	/* As root gets the reserve, too, what is left is found by asking. */
	while (fallocate(fd, 0, lseek(fd, 0, SEEK_END), 32 * MIB) == 0)
		;
	while (fallocate(fd, 0, lseek(fd, 0, SEEK_END), MIB) == 0)
		;
	assert_int_equal(errno, ENOSPC);
	on_device(fs, 55);
	ret = hmm_p2p_pwrite(ctx, fd2, fs->mem, LENGTH, 0, 0, NULL, &got);
	assert_true(ret == -ENOSPC || (ret >= 0 && ret < (int64_t)LENGTH));
	if (got.out_bytes)
		assert_file(fd2, 0, got.out_bytes, 55);
	assert_int_equal(hmm_p2p_pwrite(ctx, fd2, fs->mem, LENGTH, LENGTH, 0, NULL,
					NULL), -ENOSPC);
	assert_pattern(fs->mem, LENGTH, 55);
	close(fd);
	end(fs, fd2);
}

/* No path: everything comes home, and the file is right. */
static void test_no_path(void **state)
{
	struct fs *fs = begin(state, "far");
	int fd = fs_open("far", O_RDWR | O_CREAT);
	struct hmm_p2p_file_io got;

	on_device(fs, 56);
	assert_int_equal(hmm_p2p_pwrite(ctx, fd, fs->mem, LENGTH, 0, 0, NULL, &got),
			 LENGTH);
	assert_int_equal(got.out_reasons[HMM_P2P_REASON_NO_PATH], LENGTH / page_size);
	assert_int_equal(pages_on(0, fs->mem, LENGTH), 0);
	assert_file(fd, 0, LENGTH, 56);
	on_device(fs, 57);
	assert_int_equal(hmm_p2p_pread(ctx, fd, fs->mem, LENGTH, 0, 0, NULL, &got),
			 LENGTH);
	assert_int_equal(got.out_reasons[HMM_P2P_REASON_NO_PATH], LENGTH / page_size);
	assert_pattern(fs->mem, LENGTH, 56);
	end(fs, fd);
}

/* A file system in RAM: no device below it does DMA. */
static void test_tmpfs(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 58);
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct hmm_p2p_file_io got;

	(void)state;
	assert_true(fd >= 0);
	move_all_to(exporter.out_id, mem, LENGTH);
	assert_int_equal(hmm_p2p_pwrite(ctx, fd, mem, LENGTH, 0, 0, NULL, &got), LENGTH);
	assert_int_equal(got.out_reasons[HMM_P2P_REASON_IMPORTER], LENGTH / page_size);
	memset(mem, 0, LENGTH);
	move_all_to(exporter.out_id, mem, LENGTH);
	assert_int_equal(hmm_p2p_pread(ctx, fd, mem, LENGTH, 0, 0, NULL, &got), LENGTH);
	assert_pattern(mem, LENGTH, 58);
	close(fd);
	unmap(mem, LENGTH);
}

#define FS(fn, type) \
	{ #fn " on " type, fn, fs_setup, fs_teardown, type }
#define ALL(fn)	FS(fn, "ext4"), FS(fn, "xfs")

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL(test_write),
		ALL(test_write_survives),
		ALL(test_allocated),
		ALL(test_holes),
		ALL(test_end_of_file),
		ALL(test_page_cache),
		ALL(test_full),
		ALL(test_no_path),
		TEST(test_tmpfs),
	};

	return RUN("file_io_fs", tests);
}
