// SPDX-License-Identifier: GPL-2.0
/*
 * hmm_p2p_pread() and hmm_p2p_pwrite() on block devices: what the disk reaches
 * where it is, what has to come home, and what happens at the edges. The data
 * is compared on the disk and in memory, each by another way than the one under
 * test.
 */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "common_storage.h"
#include "common_swap.h"

#define PAGES	64

enum direction { TO_MEMORY, TO_FILE };

/**
 * struct io - one call and what came of it
 * @got: the totals
 * @outcomes: a byte per page
 * @pages: how many
 * @bytes: what it returned
 */
struct io {
	struct hmm_p2p_file_io got;
	uint8_t *outcomes;
	size_t pages;
	int64_t bytes;
};

static size_t count_outcome(const struct io *io, enum hmm_p2p_outcome outcome,
			    enum hmm_p2p_reason reason)
{
	size_t i, n = 0;

	for (i = 0; i < io->pages; i++)
		n += hmm_p2p_outcome_of(io->outcomes[i]) == outcome &&
		     (!reason || hmm_p2p_reason_of(io->outcomes[i]) == reason);
	return n;
}

/* The totals agree with the pages, and every page that came home has a reason. */
static void agree(const struct io *io)
{
	unsigned int i;

	assert_int_equal(io->got.out_p2p,
			 count_outcome(io, HMM_P2P_OUTCOME_P2P, 0));
	assert_int_equal(io->got.out_migrated,
			 count_outcome(io, HMM_P2P_OUTCOME_MIGRATED, 0));
	assert_int_equal(io->got.out_system,
			 count_outcome(io, HMM_P2P_OUTCOME_SYSTEM, 0));
	assert_int_equal(count_outcome(io, HMM_P2P_OUTCOME_PRIVATE, 0), 0);
	assert_int_equal(reasons_sum(io->got.out_reasons), io->got.out_migrated);
	assert_int_equal(io->got.out_reasons[HMM_P2P_REASON_NONE], 0);
	for (i = 1; i < HMM_P2P_REASON_SLOTS; i++)
		assert_int_equal(io->got.out_reasons[i],
				 count_outcome(io, HMM_P2P_OUTCOME_MIGRATED, i));
}

static struct io do_io(enum direction direction, int fd, uint8_t *mem, size_t length,
		       uint64_t offset, uint32_t flags)
{
	size_t skip = (uintptr_t)mem % page_size;
	struct io io = { .pages = (skip + length + page_size - 1) / page_size };

	io.outcomes = malloc(io.pages);
	assert_non_null(io.outcomes);
	memset(io.outcomes, 0xff, io.pages);
	io.bytes = direction == TO_FILE ?
		   hmm_p2p_pwrite(ctx, fd, mem, length, offset, flags, io.outcomes,
				  &io.got) :
		   hmm_p2p_pread(ctx, fd, mem, length, offset, flags, io.outcomes,
				 &io.got);
	if (io.bytes >= 0)
		assert_int_equal(io.bytes, io.got.out_bytes);
	agree(&io);
	return io;
}

static void io_free(struct io *io)
{
	free(io->outcomes);
	io->outcomes = NULL;
}

static void whole(const struct io *io, size_t length)
{
	if (io->bytes != (int64_t)length)
		fail_msg("%lld of %zu bytes: %s", (long long)io->bytes, length,
			 io->bytes < 0 ? hmm_p2p_errno_text((int)io->bytes,
							   HMM_P2P_CALL_FILE_IO) : "short");
}

/**
 * struct expect - what a call has to give for memory on a device
 * @outcome: of every page
 * @reason: of every page
 * @flags: of the call
 */
struct expect {
	enum hmm_p2p_outcome outcome;
	enum hmm_p2p_reason reason;
	uint32_t flags;
};

static const struct expect p2p = { HMM_P2P_OUTCOME_P2P, 0, 0 };
static const struct expect no_path = {
	HMM_P2P_OUTCOME_MIGRATED, HMM_P2P_REASON_NO_PATH, 0,
};
static const struct expect opted_out = {
	HMM_P2P_OUTCOME_MIGRATED, HMM_P2P_REASON_IMPORTER, HMM_P2P_FILE_IO_NO_P2P,
};

static void as_expected(const struct io *io, const struct expect *expect,
			const struct hmm_p2p_device_info *exporter, const uint8_t *mem,
			const struct hmm_p2p_stat *before)
{
	size_t pages = io->pages, stay = expect->outcome == HMM_P2P_OUTCOME_P2P ? pages : 0;
	uint32_t id = exporter->out_id;

	assert_int_equal(count_outcome(io, expect->outcome, expect->reason), pages);
	assert_int_equal(pages_on(id, mem, pages * page_size), stay);
	assert_int_equal(stat_delta(id, before, HMM_P2P_COUNTER_P2P), stay);
	assert_int_equal(stat_delta(id, before, HMM_P2P_COUNTER_SENT_HOME), pages - stay);
	assert_int_equal(stat_delta(id, before, HMM_P2P_COUNTER_TO_RAM), pages - stay);
}

static void write_case(const struct disk *disk, enum paging paging, size_t length,
		       const struct expect *expect)
{
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	uint8_t *mem = map_pattern(length, paging, 11);
	struct hmm_p2p_stat before;
	uint64_t offset = 3 * MIB;
	struct io io;

	file_fill(disk->fd, offset - page_size, length + 2 * page_size, 12);
	move_all_to(exporter.out_id, mem, length);
	before = stat_now(exporter.out_id);
	io = do_io(TO_FILE, disk->fd, mem, length, offset, expect->flags);
	whole(&io, length);
	as_expected(&io, expect, &exporter, mem, &before);
	assert_file(disk->fd, offset, length, 11);
	assert_pattern(mem, length, 11);
	io_free(&io);
	unmap(mem, length);
}

static void read_case(const struct disk *disk, enum paging paging, size_t length,
		      const struct expect *expect)
{
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	uint8_t *mem = map_pattern(length, paging, 13);
	struct hmm_p2p_stat before;
	uint64_t offset = 5 * MIB;
	struct io io;

	file_fill(disk->fd, offset, length, 14);
	move_all_to(exporter.out_id, mem, length);
	before = stat_now(exporter.out_id);
	io = do_io(TO_MEMORY, disk->fd, mem, length, offset, expect->flags);
	whole(&io, length);
	as_expected(&io, expect, &exporter, mem, &before);
	assert_pattern(mem, length, 14);
	assert_file(disk->fd, offset, length, 14);
	io_free(&io);
	unmap(mem, length);
}

static void both_ways(const char *serial, const struct expect *expect)
{
	struct disk disk = disk_open(serial);

	write_case(&disk, SMALL_PAGES, PAGES * page_size, expect);
	read_case(&disk, SMALL_PAGES, PAGES * page_size, expect);
	write_case(&disk, HUGE_PAGES, 3 * huge_size, expect);
	read_case(&disk, HUGE_PAGES, 3 * huge_size, expect);
	disk_close(&disk);
}

static void test_p2p(void **state)
{
	(void)state;
	both_ways("near", &p2p);
}

static void test_p2p_4k_sectors(void **state)
{
	(void)state;
	both_ways("large", &p2p);
}

static void test_no_path(void **state)
{
	(void)state;
	both_ways("far", &no_path);
}

static void test_opted_out(void **state)
{
	(void)state;
	both_ways("near", &opted_out);
}

/* A disk of the kernel's own that cannot be a peer: its reason is its own. */
static void test_no_p2p_queue(void **state)
{
	static const struct expect no_queue = {
		HMM_P2P_OUTCOME_MIGRATED, HMM_P2P_REASON_IMPORTER, 0,
	};
	struct disk disk = { .path = "/dev/nullb0" };

	(void)state;
	if (system("modprobe -q null_blk nr_devices=1 memory_backed=1 gb=1"))
		SKIP("there is no null_blk");
	disk.fd = open(disk.path, O_RDWR | O_DIRECT | O_CLOEXEC);
	assert_true(disk.fd >= 0);
	write_case(&disk, SMALL_PAGES, PAGES * page_size, &no_queue);
	read_case(&disk, SMALL_PAGES, PAGES * page_size, &no_queue);
	disk_close(&disk);
	assert_int_equal(system("modprobe -r null_blk"), 0);
}

/* Two devices and RAM take turns, page by page, in every combination. */
static void spread(uint8_t *mem, uint32_t first, uint32_t second)
{
	size_t i;

	for (i = 0; i < PAGES; i++) {
		if (i % 8 < 2)
			move_all_to(first, mem + i * page_size, page_size);
		else if (i % 8 < 5)
			move_all_to(second, mem + i * page_size, page_size);
	}
}

static void mixed_case(enum direction direction)
{
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	struct hmm_p2p_device_info other = other_exporter(exporter.out_id);
	struct disk disk = disk_open("near");
	uint8_t *mem = map_pattern(PAGES * page_size, SMALL_PAGES, 15);
	struct io io;
	size_t i;

	file_fill(disk.fd, 0, PAGES * page_size, 16);
	spread(mem, exporter.out_id, other.out_id);
	io = do_io(direction, disk.fd, mem, PAGES * page_size, 0, 0);
	whole(&io, PAGES * page_size);
	for (i = 0; i < PAGES; i++)
		assert_int_equal(io.outcomes[i], i % 8 < 5 ? HMM_P2P_OUTCOME_P2P :
							     HMM_P2P_OUTCOME_SYSTEM);
	assert_int_equal(pages_on(0, mem, PAGES * page_size), PAGES / 8 * 5);
	assert_pattern(mem, PAGES * page_size, direction == TO_FILE ? 15 : 16);
	assert_file(disk.fd, 0, PAGES * page_size, direction == TO_FILE ? 15 : 16);
	io_free(&io);
	unmap(mem, PAGES * page_size);
	disk_close(&disk);
}

static void test_mixed(void **state)
{
	(void)state;
	mixed_case(TO_FILE);
	mixed_case(TO_MEMORY);
}

/* Sectors that begin and end inside pages; what is around them stays. */
static void test_sectors(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	struct disk disk = disk_open("near");
	size_t length = 4 * page_size, skip = 1536, part = length - skip - 1024;
	uint8_t *mem = map_pattern(length, SMALL_PAGES, 17);
	struct io io;

	(void)state;
	file_fill(disk.fd, 0, length, 18);
	move_all_to(exporter.out_id, mem, length);
	io = do_io(TO_MEMORY, disk.fd, mem + skip, part, 512, 0);
	whole(&io, part);
	assert_int_equal(io.got.out_p2p, 4);
	io_free(&io);
	assert_int_equal(pattern_diff(mem, 0, skip, 17), -1);
	assert_int_equal(pattern_diff(mem + skip, 512, part, 18), -1);
	assert_int_equal(pattern_diff(mem + skip + part, skip + part, 1024, 17), -1);

	pattern_fill(mem, 0, length, 19);
	move_all_to(exporter.out_id, mem, length);
	io = do_io(TO_FILE, disk.fd, mem + skip, part, skip, 0);
	whole(&io, part);
	assert_int_equal(io.got.out_p2p, 4);
	io_free(&io);
	unmap(mem, length);

	mem = map_memory(length, SMALL_PAGES);
	assert_int_equal(pread(disk.fd, mem, length, 0), length);
	assert_int_equal(pattern_diff(mem, 0, skip, 18), -1);
	assert_int_equal(pattern_diff(mem + skip, skip, part, 19), -1);
	assert_int_equal(pattern_diff(mem + skip + part, skip + part, 1024, 18), -1);
	unmap(mem, length);
	disk_close(&disk);
}

static void refused(int fd, const uint8_t *mem, size_t length, uint64_t offset, int err)
{
	struct hmm_p2p_file_io got;

	assert_int_equal(hmm_p2p_pread(ctx, fd, (void *)mem, length, offset, 0, NULL,
				       &got), -err);
	assert_int_equal(got.out_bytes, 0);
	assert_int_equal(got.out_p2p + got.out_migrated + got.out_system, 0);
	assert_int_equal(hmm_p2p_pwrite(ctx, fd, mem, length, offset, 0, NULL, &got),
			 -err);
	assert_int_equal(got.out_bytes, 0);
}

/* As with O_DIRECT; and nothing moved because of it. */
static void test_alignment(void **state)
{
	static const struct {
		const char *serial;
		size_t sector;
	} disks[] = { { "near", 512 }, { "large", 4096 } };
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	uint8_t *mem = map_pattern(2 * page_size, SMALL_PAGES, 20);
	size_t i, off;

	(void)state;
	move_all_to(exporter.out_id, mem, 2 * page_size);
	for (i = 0; i < ARRAY_SIZE(disks); i++) {
		struct disk disk = disk_open(disks[i].serial);

		for (off = 1; off < disks[i].sector; off *= 2) {
			refused(disk.fd, mem + off, disks[i].sector, 0, EINVAL);
			refused(disk.fd, mem, disks[i].sector + off, 0, EINVAL);
			refused(disk.fd, mem, disks[i].sector, off, EINVAL);
		}
		disk_close(&disk);
	}
	assert_int_equal(pages_on(exporter.out_id, mem, 2 * page_size), 2);
	assert_pattern(mem, 2 * page_size, 20);
	unmap(mem, 2 * page_size);
}

static void test_bad_ranges(void **state)
{
	struct disk disk = disk_open("near");
	uint8_t *mem = map_pattern(page_size, SMALL_PAGES, 21);

	(void)state;
	refused(disk.fd, (uint8_t *)(1UL << 63), page_size, 0, EINVAL);
	refused(disk.fd, (uint8_t *)-page_size, page_size, 0, EINVAL);
	refused(disk.fd, mem, -page_size, 0, EINVAL);
	refused(disk.fd, mem, 1UL << 60, 0, EINVAL);
	refused(disk.fd, mem, page_size, 1ULL << 63, EINVAL);
	refused(disk.fd, mem, page_size, (1ULL << 63) - page_size, EINVAL);
	refused(disk.fd, mem, page_size, -page_size, EINVAL);
	assert_int_equal(hmm_p2p_pread(ctx, disk.fd, mem, 0, 0, 0, NULL, NULL), 0);
	assert_int_equal(hmm_p2p_pwrite(ctx, disk.fd, mem, 0, 0, 0, NULL, NULL), 0);
	assert_pattern(mem, page_size, 21);
	unmap(mem, page_size);
	disk_close(&disk);
}

static void test_bad_files(void **state)
{
	struct disk disk = disk_open("near");
	uint8_t *mem = map_pattern(page_size, SMALL_PAGES, 22);
	int fds[2], fd;

	(void)state;
	refused(-1, mem, page_size, 0, EBADF);
	refused(9999, mem, page_size, 0, EBADF);
	fd = open(disk.path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(hmm_p2p_pwrite(ctx, fd, mem, page_size, 0, 0, NULL, NULL), -EBADF);
	close(fd);
	fd = open(disk.path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(hmm_p2p_pread(ctx, fd, mem, page_size, 0, 0, NULL, NULL), -EBADF);
	close(fd);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	refused(fd, mem, page_size, 0, EOPNOTSUPP);
	close(fd);
	fd = open("/tmp", O_RDONLY | O_CLOEXEC);
	assert_int_equal(hmm_p2p_pread(ctx, fd, mem, page_size, 0, 0, NULL, NULL),
			 -EOPNOTSUPP);
	close(fd);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(hmm_p2p_pread(ctx, fds[0], mem, page_size, 0, 0, NULL, NULL),
			 -EOPNOTSUPP);
	close(fds[0]);
	close(fds[1]);
	refused(hmm_p2p_fd(ctx), mem, page_size, 0, EOPNOTSUPP);
	assert_pattern(mem, page_size, 22);
	unmap(mem, page_size);
	disk_close(&disk);
}

static void test_bad_memory(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	struct disk disk = disk_open("near");
	uint8_t *mem = map_pattern(4 * page_size, SMALL_PAGES, 23);
	struct io io;

	(void)state;
	file_fill(disk.fd, 0, 4 * page_size, 24);
	move_all_to(exporter.out_id, mem, 4 * page_size);
	assert_int_equal(mprotect(mem, 4 * page_size, PROT_READ), 0);
	io = do_io(TO_MEMORY, disk.fd, mem, 4 * page_size, 0, 0);
	assert_int_equal(io.bytes, -EPERM);
	io_free(&io);
	io = do_io(TO_FILE, disk.fd, mem, 4 * page_size, 0, 0);
	whole(&io, 4 * page_size);
	io_free(&io);
	assert_int_equal(mprotect(mem, 4 * page_size, PROT_READ | PROT_WRITE), 0);
	assert_pattern(mem, 4 * page_size, 23);

	unmap(mem + 2 * page_size, page_size);
	io = do_io(TO_MEMORY, disk.fd, mem, 4 * page_size, 0, 0);
	assert_int_equal(io.bytes, -EFAULT);
	io_free(&io);
	unmap(mem, 2 * page_size);
	unmap(mem + 3 * page_size, page_size);
	disk_close(&disk);
}

/* The array of outcomes is bad: nothing is done. */
static void test_bad_outcomes(void **state)
{
	struct disk disk = disk_open("near");
	uint8_t *mem = map_pattern(page_size, SMALL_PAGES, 25);
	struct hmm_p2p_file_io got;

	(void)state;
	file_fill(disk.fd, 0, page_size, 36);
	assert_int_equal(hmm_p2p_pwrite(ctx, disk.fd, mem, page_size, 0, 0,
					(uint8_t *)(1UL << 63), &got), -EFAULT);
	assert_int_equal(got.out_bytes, 0);
	assert_file(disk.fd, 0, page_size, 36);
	unmap(mem, page_size);
	disk_close(&disk);
}

static void test_end_of_disk(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	struct disk disk = disk_open("near");
	size_t length = 8 * page_size, there = 3 * page_size - 512;
	uint64_t offset = disk.size - there;
	uint8_t *mem = map_pattern(length, SMALL_PAGES, 26);
	struct io io;

	(void)state;
	move_all_to(exporter.out_id, mem, length);
	io = do_io(TO_FILE, disk.fd, mem, length, offset, 0);
	whole(&io, there);
	assert_int_equal(io.got.out_p2p, 3);
	io_free(&io);
	io = do_io(TO_FILE, disk.fd, mem, length, disk.size, 0);
	assert_int_equal(io.bytes, -ENOSPC);
	io_free(&io);

	pattern_fill(mem, 0, length, 27);
	move_all_to(exporter.out_id, mem, length);
	io = do_io(TO_MEMORY, disk.fd, mem, length, offset, 0);
	whole(&io, there);
	assert_int_equal(io.got.out_p2p, 3);
	assert_int_equal(count_outcome(&io, HMM_P2P_OUTCOME_NONE, 0), 5);
	io_free(&io);
	io = do_io(TO_MEMORY, disk.fd, mem, length, disk.size, 0);
	whole(&io, 0);
	assert_int_equal(count_outcome(&io, HMM_P2P_OUTCOME_NONE, 0), 8);
	io_free(&io);
	assert_int_equal(pattern_diff(mem, 0, there, 26), -1);
	assert_int_equal(pattern_diff(mem + there, there, length - there, 27), -1);
	unmap(mem, length);
	disk_close(&disk);
}

/* Each word is of the one or of the other pattern. */
static void old_or_new(const uint8_t *mem, size_t length, uint64_t old, uint64_t new)
{
	const uint64_t *word = (const uint64_t *)mem;
	size_t i;

	for (i = 0; i < length / 8; i++)
		if (word[i] != pattern_word(i * 8, old) &&
		    word[i] != pattern_word(i * 8, new))
			fail_msg("byte %zu is neither old nor new", i * 8);
}

#define BROKEN_AT	(1 * MIB)

/* What the same I/O gives from ordinary memory, past this project. */
static int plain_error(enum direction direction, int fd)
{
	uint8_t *data = map_pattern(page_size, SMALL_PAGES, 35);
	ssize_t ret = direction == TO_FILE ? pwrite(fd, data, page_size, BROKEN_AT) :
					     pread(fd, data, page_size, BROKEN_AT);
	int err = errno;

	assert_int_equal(ret, -1);
	unmap(data, page_size);
	return -err;
}

/*
 * The disk fails in the second piece of the call: the first is done, and told.
 * A piece ends where a huge page would.
 */
static void broken_case(enum direction direction)
{
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	struct disk disk = disk_open("broken");
	size_t first = MIB / 2, length = 2 * MIB;
	uint64_t offset = BROKEN_AT - MIB / 2 - 16 * page_size;
	uint8_t *mem = map_pattern(2 * huge_size, SMALL_PAGES, 28);
	uint8_t *part = mem + huge_size - first;
	struct io io;

	if (direction == TO_MEMORY)
		file_fill(disk.fd, offset, first, 29);
	pattern_fill(part, 0, length, 28);
	move_all_to(exporter.out_id, part, length);
	io = do_io(direction, disk.fd, part, length, offset, 0);
	assert_int_equal(io.bytes, plain_error(direction, disk.fd));
	assert_int_equal(io.got.out_bytes, first);
	assert_int_equal(io.got.out_p2p, first / page_size);
	assert_int_equal(count_outcome(&io, HMM_P2P_OUTCOME_NONE, 0),
			 (length - first) / page_size);
	io_free(&io);
	assert_pattern(part, first, direction == TO_MEMORY ? 29 : 28);
	if (direction == TO_FILE) {
		assert_int_equal(pattern_diff(part, 0, length, 28), -1);
		assert_file(disk.fd, offset, first, 28);
	}
	unmap(mem, 2 * huge_size);
	disk_close(&disk);
}

static void test_disk_fails(void **state)
{
	(void)state;
	broken_case(TO_FILE);
	broken_case(TO_MEMORY);
}

/* In one piece, all of it below and above the broken sector is readable. */
static void test_disk_fails_in_piece(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	struct disk disk = disk_open("broken");
	uint8_t *mem = map_pattern(huge_size, HUGE_PAGES, 30);
	uint64_t offset = BROKEN_AT - huge_size / 4;
	struct io io;

	(void)state;
	file_fill(disk.fd, offset, huge_size / 4, 31);
	move_all_to(exporter.out_id, mem, huge_size);
	io = do_io(TO_MEMORY, disk.fd, mem, huge_size, offset, 0);
	assert_int_equal(io.bytes, plain_error(TO_MEMORY, disk.fd));
	assert_int_equal(io.got.out_bytes, 0);
	assert_int_equal(io.got.out_p2p, 0);
	io_free(&io);
	old_or_new(mem, huge_size / 4, 30, 31);
	unmap(mem, huge_size);
	disk_close(&disk);
}

static int shared_child(void *arg)
{
	uint8_t *mem = arg;

	CHECK(pattern_diff(mem, 0, PAGES * page_size, 32) == -1);
	return 0;
}

/**
 * struct waiting - a child that looks when told
 * @turns: the parent reads meanwhile
 * @mem: what it looks at
 */
struct waiting {
	struct turns turns;
	uint8_t *mem;
};

static int waiting_child(void *arg)
{
	struct waiting *waiting = arg;

	turns_side(&waiting->turns, true);
	CHECK(turn_await(&waiting->turns) == 0);
	return shared_child(waiting->mem);
}

/* Memory shared with a child since before the call is not read to in place. */
static void test_copy_on_write(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	struct disk disk = disk_open("near");
	struct waiting waiting = {};
	size_t length = PAGES * page_size;
	struct io io;
	pid_t pid;

	(void)state;
	waiting.mem = map_pattern(length, SMALL_PAGES, 32);
	file_fill(disk.fd, 0, length, 33);
	turns_init(&waiting.turns);
	move_all_to(exporter.out_id, waiting.mem, length);
	pid = child_start(waiting_child, &waiting);
	turns_side(&waiting.turns, false);
	io = do_io(TO_MEMORY, disk.fd, waiting.mem, length, 0, 0);
	whole(&io, length);
	assert_int_equal(count_outcome(&io, HMM_P2P_OUTCOME_MIGRATED,
				       HMM_P2P_REASON_READ_ONLY), PAGES);
	io_free(&io);
	assert_pattern(waiting.mem, length, 33);
	assert_int_equal(turn_give(&waiting.turns), 0);
	assert_int_equal(child_wait(pid), 0);
	turns_fini(&waiting.turns);
	unmap(waiting.mem, length);
	disk_close(&disk);
}

/* Never touched: the pages come into being in RAM. */
static void test_untouched(void **state)
{
	struct disk disk = disk_open("near");
	uint8_t *mem = map_memory(PAGES * page_size, SMALL_PAGES);
	struct io io;

	(void)state;
	file_fill(disk.fd, 0, PAGES * page_size, 34);
	io = do_io(TO_MEMORY, disk.fd, mem, PAGES * page_size, 0, 0);
	whole(&io, PAGES * page_size);
	assert_int_equal(io.got.out_system, PAGES);
	assert_pattern(mem, PAGES * page_size, 34);
	io_free(&io);
	unmap(mem, PAGES * page_size);

	mem = map_memory(PAGES * page_size, SMALL_PAGES);
	io = do_io(TO_FILE, disk.fd, mem, PAGES * page_size, 0, 0);
	whole(&io, PAGES * page_size);
	assert_int_equal(io.got.out_system, PAGES);
	io_free(&io);
	memset(mem, 1, PAGES * page_size);
	assert_int_equal(pread(disk.fd, mem, PAGES * page_size, 0), PAGES * page_size);
	assert_zero(mem, PAGES * page_size);
	unmap(mem, PAGES * page_size);
	disk_close(&disk);
}

/* What the disk has written to memory that was given up stays written. */
static void given_up(enum paging paging)
{
	uint8_t *mem = map_pattern(huge_size, paging, 35);
	struct disk disk = disk_open("near");
	struct io io;

	file_fill(disk.fd, 0, huge_size, 36);
	give_up(mem, huge_size);
	move_to(largest_exporter(4 * MIB).out_id, mem, huge_size, NULL);
	io = do_io(TO_MEMORY, disk.fd, mem, huge_size, 0, 0);
	assert_int_equal(io.got.out_p2p, huge_size / page_size);
	io_free(&io);
	move_to_ram(mem, huge_size, NULL);
	reclaim(mem, huge_size);
	assert_pattern(mem, huge_size, 36);
	unmap(mem, huge_size);
	disk_close(&disk);
}

static void test_given_up(void **state)
{
	(void)state;
	if (!swap_begin(SWAP_DISK, 64 * MIB))
		SKIP("there is no loop device to swap to");
	given_up(SMALL_PAGES);
	given_up(HUGE_PAGES);
	assert_int_equal(swap_end(SWAP_DISK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_p2p),
		TEST(test_p2p_4k_sectors),
		TEST(test_no_path),
		TEST(test_opted_out),
		TEST(test_no_p2p_queue),
		TEST(test_mixed),
		TEST(test_sectors),
		TEST(test_alignment),
		TEST(test_bad_ranges),
		TEST(test_bad_files),
		TEST(test_bad_memory),
		TEST(test_bad_outcomes),
		TEST(test_end_of_disk),
		TEST(test_disk_fails),
		TEST(test_disk_fails_in_piece),
		TEST(test_copy_on_write),
		TEST(test_untouched),
		TEST(test_given_up),
	};

	return RUN("file_io", tests);
}
