// SPDX-License-Identifier: GPL-2.0
/*
 * Everybody else who reaches a process's memory while it is on a device:
 * debuggers, other processes, files, block devices, pipes, core dumps, /proc.
 * None of them knows of device memory, and all must see the right bytes.
 */
#include <elf.h>
#include <fcntl.h>
#include <numaif.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "common.h"

#define LENGTH	(2 * huge_size)
#define DISK	"/dev/zram0"
#define MOUNT	"/tmp/hmm_p2p_mount"

static uint32_t device(void)
{
	return largest_exporter(32 * MIB).out_id;
}

/* Half of it in a huge page, half in small ones, all on the device. */
static uint8_t *on_device(uint64_t seed)
{
	uint8_t *mem = map_memory(LENGTH, HUGE_PAGES);

	REQUIRE(madvise(mem + huge_size, huge_size, MADV_NOHUGEPAGE) == 0);
	pattern_fill(mem, 0, LENGTH, seed);
	move_all_to(device(), mem, LENGTH);
	return mem;
}

/**
 * struct victim - a child whose memory is on the device
 * @turns: it waits here, and then checks what it has
 * @mem: its memory, at an address that the parent knows
 * @seed: the pattern that it finds at the end
 * @pid: of it
 */
struct victim {
	struct turns turns;
	uint8_t *mem;
	uint64_t seed;
	pid_t pid;
};

static int victim_main(void *arg)
{
	struct victim *victim = arg;

	turns_side(&victim->turns, true);
	pattern_fill(victim->mem, 0, LENGTH, 1);
	CHECK(hmm_p2p_migrate(ctx, NULL, device(), (uintptr_t)victim->mem, LENGTH,
			      NULL) == 0);
	CHECK(turn_give(&victim->turns) == 0);
	CHECK(turn_await(&victim->turns) == 0);
	CHECK(pattern_diff(victim->mem, 0, LENGTH, victim->seed) == -1);
	return 0;
}

static void victim_start(struct victim *victim, uint64_t seed)
{
	victim->seed = seed;
	victim->mem = map_memory(LENGTH, HUGE_PAGES);
	turns_init(&victim->turns);
	victim->pid = child_start(victim_main, victim);
	turns_side(&victim->turns, false);
	assert_int_equal(turn_await(&victim->turns), 0);
}

static void victim_end(struct victim *victim)
{
	assert_int_equal(turn_give(&victim->turns), 0);
	assert_int_equal(child_wait(victim->pid), 0);
	turns_fini(&victim->turns);
	unmap(victim->mem, LENGTH);
}

static void test_process_vm(void **state)
{
	struct victim victim;
	uint8_t *copy = map_memory(LENGTH, SMALL_PAGES);
	struct iovec mine = { .iov_base = copy, .iov_len = LENGTH }, theirs;

	(void)state;
	victim_start(&victim, 2);
	theirs = (struct iovec) { .iov_base = victim.mem, .iov_len = LENGTH };
	assert_int_equal(process_vm_readv(victim.pid, &mine, 1, &theirs, 1, 0),
			 LENGTH);
	assert_pattern(copy, LENGTH, 1);
	pattern_fill(copy, 0, LENGTH, 2);
	assert_int_equal(process_vm_writev(victim.pid, &mine, 1, &theirs, 1, 0),
			 LENGTH);
	victim_end(&victim);
	unmap(copy, LENGTH);
}

static void test_proc_mem(void **state)
{
	struct victim victim;
	uint8_t *copy = map_memory(LENGTH, SMALL_PAGES);
	char path[64];
	int fd;

	(void)state;
	victim_start(&victim, 2);
	snprintf(path, sizeof(path), "/proc/%d/mem", victim.pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(pread(fd, copy, LENGTH, (off_t)(uintptr_t)victim.mem),
			 LENGTH);
	assert_pattern(copy, LENGTH, 1);
	pattern_fill(copy, 0, LENGTH, 2);
	assert_int_equal(pwrite(fd, copy, LENGTH, (off_t)(uintptr_t)victim.mem),
			 LENGTH);
	close(fd);
	victim_end(&victim);
	unmap(copy, LENGTH);
}

/* A debugger reads a word of each page and replaces it. */
static void test_debugger(void **state)
{
	struct victim victim;
	uint8_t *copy = map_memory(LENGTH, SMALL_PAGES);
	struct iovec mine = { .iov_base = copy, .iov_len = LENGTH }, theirs;
	size_t at;

	(void)state;
	victim_start(&victim, 1);
	theirs = (struct iovec) { .iov_base = victim.mem, .iov_len = LENGTH };
	assert_return_code(ptrace(PTRACE_ATTACH, victim.pid, 0, 0), errno);
	assert_int_equal(waitpid(victim.pid, NULL, __WALL), victim.pid);
	for (at = 0; at < LENGTH; at += page_size) {
		assert_int_equal(ptrace(PTRACE_PEEKDATA, victim.pid,
					victim.mem + at, 0), pattern_word(at, 1));
		assert_return_code(ptrace(PTRACE_POKEDATA, victim.pid,
					  victim.mem + at, at), errno);
	}
	assert_int_equal(process_vm_readv(victim.pid, &mine, 1, &theirs, 1, 0),
			 LENGTH);
	for (at = 0; at < LENGTH; at += page_size) {
		assert_int_equal(*(uint64_t *)(copy + at), at);
		assert_return_code(ptrace(PTRACE_POKEDATA, victim.pid,
					  victim.mem + at, pattern_word(at, 1)),
				   errno);
	}
	assert_return_code(ptrace(PTRACE_DETACH, victim.pid, 0, 0), errno);
	victim_end(&victim);
	unmap(copy, LENGTH);
}

/* From device memory to the file, and from the file to device memory. */
static void through_file(int fd)
{
	uint8_t *from = on_device(3), *to = on_device(4);
	size_t at;
	ssize_t n;

	for (at = 0; at < LENGTH; at += (size_t)n) {
		n = pwrite(fd, from + at, LENGTH - at, (off_t)at);
		assert_true(n > 0);
	}
	assert_int_equal(fsync(fd), 0);
	for (at = 0; at < LENGTH; at += (size_t)n) {
		n = pread(fd, to + at, LENGTH - at, (off_t)at);
		assert_true(n > 0);
	}
	assert_pattern(to, LENGTH, 3);
	assert_pattern(from, LENGTH, 3);
	unmap(from, LENGTH);
	unmap(to, LENGTH);
}

static void test_tmpfs_file(void **state)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	(void)state;
	assert_return_code(fd, errno);
	through_file(fd);
	close(fd);
}

static bool disk_open(void)
{
	return !(access(DISK, F_OK) && system("modprobe zram num_devices=1")) &&
	       !write_file("/sys/block/zram0/disksize", "32M");
}

static void disk_close(void)
{
	assert_int_equal(write_file("/sys/block/zram0/reset", "1"), 0);
}

static void test_block_device_direct(void **state)
{
	int fd;

	(void)state;
	if (!disk_open())
		SKIP("there is no zram");
	fd = open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
	assert_return_code(fd, errno);
	through_file(fd);
	close(fd);
	disk_close();
}

static bool filesystem_open(void)
{
	mkdir(MOUNT, 0700);
	return disk_open() && !system("busybox mke2fs -b 4096 " DISK " >/dev/null") &&
	       !mount(DISK, MOUNT, "ext4", 0, NULL);
}

static void filesystem(int flags)
{
	int fd;

	if (!filesystem_open()) {
		write_file("/sys/block/zram0/reset", "1");
		SKIP("there is no ext4");
	}
	fd = open(MOUNT "/file", O_RDWR | O_CREAT | O_CLOEXEC | flags, 0600);
	assert_return_code(fd, errno);
	through_file(fd);
	close(fd);
	assert_int_equal(umount(MOUNT), 0);
	disk_close();
}

static void test_ext4_file(void **state)
{
	(void)state;
	filesystem(0);
}

static void test_ext4_file_direct(void **state)
{
	(void)state;
	filesystem(O_DIRECT);
}

static void pipe_check(int fd, size_t length)
{
	uint8_t *copy = map_memory(length, SMALL_PAGES);
	size_t at;
	ssize_t n;

	for (at = 0; at < length; at += (size_t)n) {
		n = read(fd, copy + at, length - at);
		assert_true(n > 0);
	}
	assert_pattern(copy, length, 5);
	unmap(copy, length);
}

static void test_pipe(void **state)
{
	size_t length = 16 * page_size;
	uint8_t *mem = on_device(5);
	struct iovec iov = { .iov_base = mem, .iov_len = length };
	int pipes[2];

	(void)state;
	assert_return_code(pipe2(pipes, O_CLOEXEC), errno);
	assert_int_equal(write(pipes[1], mem, length), length);
	pipe_check(pipes[0], length);
	/* The pipe gets the pages themselves: RAM, never device memory. */
	move_to(device(), mem, LENGTH, NULL);
	assert_int_equal(vmsplice(pipes[1], &iov, 1, 0), length);
	assert_int_equal(pages_on(0, mem, length), 0);
	move_to(device(), mem, LENGTH, NULL);
	pipe_check(pipes[0], length);
	assert_pattern(mem, LENGTH, 5);
	close(pipes[0]);
	close(pipes[1]);
	unmap(mem, LENGTH);
}

static int read_all(const char *path)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	do
		n = read(fd, buf, sizeof(buf));
	while (n > 0);
	close(fd);
	return (int)n;
}

/* Looking at where memory is neither moves it nor trips over it. */
static void test_proc_files(void **state)
{
	static const char * const files[] = {
		"/proc/self/smaps", "/proc/self/smaps_rollup",
		"/proc/self/numa_maps", "/proc/self/maps",
	};
	uint8_t *mem = on_device(6);
	unsigned char *core = malloc(LENGTH / page_size);
	uint64_t entry;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(read_all(files[i]), 0);
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	for (i = 0; i < LENGTH / page_size; i += 7)
		assert_int_equal(pread(fd, &entry, 8, (off_t)
				       (((uintptr_t)mem / page_size + i) * 8)), 8);
	close(fd);
	assert_int_equal(mincore(mem, LENGTH, core), 0);
	assert_int_equal(write_file("/proc/self/clear_refs", "1"), 0);
	assert_int_equal(write_file("/proc/self/clear_refs", "4"), 0);
	assert_int_equal(pages_on(device(), mem, LENGTH), LENGTH / page_size);
	assert_pattern(mem, LENGTH, 6);
	free(core);
	unmap(mem, LENGTH);
}

/* Advice and moves that mean RAM leave device memory whole. */
static void test_advice(void **state)
{
	static const int advices[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_COLD,
		MADV_PAGEOUT, MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HUGEPAGE,
		MADV_NOHUGEPAGE, MADV_DONTFORK, MADV_DOFORK, 22 /* POPULATE_READ */,
		23 /* POPULATE_WRITE */,
	};
	uint8_t *mem = on_device(7);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		madvise(mem, LENGTH, advices[i]);
		assert_int_equal(pattern_diff(mem + (i * page_size), i * page_size,
					      page_size, 7), -1);
		move_to(device(), mem, LENGTH, NULL);
	}
	assert_pattern(mem, LENGTH, 7);
	unmap(mem, LENGTH);
}

static void test_numa_moves(void **state)
{
	uint8_t *mem = on_device(8);
	size_t n = LENGTH / page_size, i;
	void **pages = calloc(n, sizeof(*pages));
	int *nodes = calloc(n, sizeof(*nodes)), *status = calloc(n, sizeof(*status));
	unsigned long mask = 1;

	(void)state;
	for (i = 0; i < n; i++)
		pages[i] = mem + i * page_size;
	if (move_pages(0, n, pages, NULL, status, 0) < 0 && errno == ENOSYS)
		SKIP("this kernel moves no pages between nodes");
	/* An answer for each page; which, is the kernel's business. */
	assert_true(move_pages(0, n, pages, NULL, status, 0) >= 0);
	assert_true(move_pages(0, n, pages, nodes, status, MPOL_MF_MOVE) >= 0);
	mbind(mem, LENGTH, MPOL_BIND, &mask, 8, MPOL_MF_MOVE);
	mbind(mem, LENGTH, MPOL_BIND, &mask, 8, MPOL_MF_STRICT);
	assert_pattern(mem, LENGTH, 8);
	free(pages);
	free(nodes);
	free(status);
	unmap(mem, LENGTH);
}

static int crash(void *arg)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
	uint8_t *mem = arg;

	CHECK(setrlimit(RLIMIT_CORE, &limit) == 0);
	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
	pattern_fill(mem, 0, LENGTH, 9);
	CHECK(hmm_p2p_migrate(ctx, NULL, device(), (uintptr_t)mem, LENGTH,
			      NULL) == 0);
	abort();
}

/* Where the core file has the memory at @addr, or -1. */
static off_t core_offset(int fd, uintptr_t addr)
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	unsigned int i;

	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	assert_memory_equal(header.e_ident, ELFMAG, SELFMAG);
	for (i = 0; i < header.e_phnum; i++) {
		assert_int_equal(pread(fd, &segment, sizeof(segment),
				       (off_t)(header.e_phoff + i * sizeof(segment))),
				 sizeof(segment));
		if (segment.p_type == PT_LOAD && addr >= segment.p_vaddr &&
		    addr < segment.p_vaddr + segment.p_filesz)
			return (off_t)(segment.p_offset + addr - segment.p_vaddr);
	}
	return -1;
}

/* A copy of what the core dump of a crashed child has of its memory. */
static uint8_t *dumped(void)
{
	uint8_t *mem = map_memory(LENGTH, HUGE_PAGES);
	uint8_t *copy = map_memory(LENGTH, SMALL_PAGES);
	size_t at;
	int fd;

	assert_int_equal(madvise(mem + huge_size, huge_size, MADV_NOHUGEPAGE), 0);
	if (write_file("/proc/sys/kernel/core_pattern", "/tmp/hmm_p2p_core"))
		SKIP("this kernel dumps no cores");
	assert_int_equal(in_child(crash, mem), -SIGABRT);
	fd = open("/tmp/hmm_p2p_core", O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	for (at = 0; at < LENGTH; at += page_size) {
		off_t where = core_offset(fd, (uintptr_t)mem + at);

		assert_int_not_equal(where, -1);
		assert_int_equal(pread(fd, copy + at, page_size, where), page_size);
	}
	close(fd);
	unlink("/tmp/hmm_p2p_core");
	unmap(mem, LENGTH);
	return copy;
}

/* What a process had on the device is in its core dump. */
static void test_core_dump_small(void **state)
{
	uint8_t *copy = dumped();

	(void)state;
	assert_int_equal(pattern_diff(copy + huge_size, huge_size, huge_size, 9), -1);
	unmap(copy, LENGTH);
}

/*
 * Kernels up to 7.2 take a huge page that is not present for one that was never
 * touched (mm/gup.c, follow_pmd_mask()): the dump has a hole. It must be that
 * whole page and nothing else.
 */
static void test_core_dump_huge(void **state)
{
	uint8_t *copy = dumped();
	bool hole = !copy[0] && !memcmp(copy, copy + 1, huge_size - 1);

	(void)state;
	if (!hole)
		assert_pattern(copy, huge_size, 9);
	unmap(copy, LENGTH);
	if (hole)
		SKIP("this kernel leaves huge device pages out of core dumps");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_process_vm),
		TEST(test_proc_mem),
		TEST(test_debugger),
		TEST(test_tmpfs_file),
		TEST(test_block_device_direct),
		TEST(test_ext4_file),
		TEST(test_ext4_file_direct),
		TEST(test_pipe),
		TEST(test_proc_files),
		TEST(test_advice),
		TEST(test_numa_moves),
		TEST(test_core_dump_small),
		TEST(test_core_dump_huge),
	};

	return RUN("reach", tests);
}
