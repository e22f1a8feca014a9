// SPDX-License-Identifier: GPL-2.0
/*
 * What KSM gets wrong with swap, without a device and without a line of this project
 * (7.2 and 7.3). Known, so each is a TODO in TAP, as in hmm_known.c.
 *
 * Two processes have merged pages, which are swapped out. One of them reads its own, and
 * ends: each folio stays in the swap cache, for the other one, and names an anon_vma that
 * is freed. Whether the other one needs a copy is asked of that anon_vma. A kernel with
 * KASAN says so, which fails a row. Any other one shows it here because the other process
 * has children first, whose anon_vmas get the memory of the freed ones: it then takes
 * folios as they are, which name a child of its own. By that name reclaim does not find
 * them in the parent.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE		4096UL
#define PAGES		256
/* A hole, or memory that nobody touches, comes after each page. */
#define STRIDE		(2 * PAGE)
#define LENGTH		(PAGES * STRIDE)
#define CHILDREN	8
#define SECONDS		120
#define ROUNDS		20
#define DISK_PAGES	16384
#define KSM		"/sys/kernel/mm/ksm/"
#define DISK		"/dev/loop6"
#define FOLDER		"/run/ksm_swap"
#define GROUPS		"/sys/fs/cgroup/"
#define GROUP		GROUPS "ksm_swap/"
#define SWAPPED		(1ULL << 62)

static uint8_t *mem;
static pid_t children[CHILDREN];
static int number;
static bool good = true;

static void result(const char *name, bool right, bool known)
{
	const char *kernel = getenv("HMM_P2P_KERNEL");

	known &= !kernel || strcmp(kernel, "native") != 0;
	printf("%sok %d - %s%s\n", right ? "" : "not ", ++number, name,
	       known ? " # TODO known bug of the kernel" : "");
	good &= right || known;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return done;
}

/* Return: the number behind @name, or the file's only one. */
static long read_number(const char *path, const char *name)
{
	FILE *file = fopen(path, "r");
	size_t length = strlen(name);
	char line[256];
	long value = -1;

	while (file && value < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, length))
			value = atol(line + length);
	if (file)
		fclose(file);
	return value;
}

/* No tmpfs, whose pages go to swap themselves. */
static bool swap_begin(void)
{
	uint32_t header[PAGE / 4] = { [256] = 1, [257] = DISK_PAGES - 1 };
	bool done = false;
	int fd;

	memcpy((char *)header + PAGE - 10, "SWAPSPACE2", 10);
	if ((access("/dev/loop-control", F_OK) && system("modprobe -q loop")) ||
	    system("mkdir " FOLDER " && mount -t ramfs none " FOLDER))
		return false;
	fd = open(FOLDER "/disk", O_RDWR | O_CREAT, 0600);
	if (fd >= 0) {
		done = !ftruncate(fd, DISK_PAGES * PAGE) &&
		       write(fd, header, PAGE) == (ssize_t)PAGE;
		close(fd);
	}
	return done && !system("losetup " DISK " " FOLDER "/disk") && !swapon(DISK, 0);
}

static bool swap_end(void)
{
	return !swapoff(DISK) &&
	       !system("losetup -d " DISK " && umount " FOLDER " && rmdir " FOLDER);
}

static bool group_begin(void)
{
	return write_file(GROUPS "cgroup.subtree_control", "+memory") &&
	       !mkdir(GROUP, 0700) && write_file(GROUP "cgroup.procs", "0");
}

static bool group_end(void)
{
	return write_file(GROUPS "cgroup.procs", "0") && !rmdir(GROUP);
}

static size_t swapped(pid_t pid)
{
	size_t nr = 0, i;
	uint64_t entry;
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY);
	for (i = 0; fd >= 0 && i < PAGES; i++)
		nr += pread(fd, &entry, 8, ((uintptr_t)mem + i * STRIDE) / PAGE * 8) == 8 &&
		      entry & SWAPPED;
	if (fd >= 0)
		close(fd);
	return nr;
}

/* Reclaim takes what it can, and may leave some of it for another round. */
static size_t swap_out(pid_t pid)
{
	unsigned int round;

	for (round = 0; round < ROUNDS && swapped(pid) < PAGES; round++)
		write_file(GROUP "memory.reclaim", "64M");
	return swapped(pid);
}

/* Each differently, and none with zeroes alone, which swap has no room for. */
static void fill(void)
{
	size_t i;

	for (i = 0; i < PAGES; i++) {
		memset(mem + i * STRIDE, (int)i, PAGE - 1);
		mem[i * STRIDE + PAGE - 1] = 1;
	}
}

static bool is_right(void)
{
	size_t i, at;

	for (i = 0; i < PAGES; i++)
		for (at = 0; at < PAGE - 1; at++)
			if (((volatile uint8_t *)mem)[i * STRIDE + at] != (uint8_t)i)
				return false;
	return true;
}

static bool await_merged(pid_t pid)
{
	time_t end = time(NULL) + SECONDS;
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/ksm_merging_pages", pid);
	while (read_number(path, "") < PAGES && time(NULL) < end)
		usleep(1000);
	return read_number(path, "") >= PAGES;
}

/* ksmd comes by once for what has ended, and has surely been everywhere when it has again. */
static bool scan(void)
{
	long before = read_number(KSM "full_scans", "");
	time_t end = time(NULL) + SECONDS;
	bool done = write_file(KSM "run", "1");

	while (done && read_number(KSM "full_scans", "") < before + 4 && time(NULL) < end)
		usleep(1000);
	return write_file(KSM "run", "0") && done && time(NULL) < end;
}

static pid_t start(void)
{
	pid_t pid = fork();

	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* With holes: a mapping, and an anon_vma, for each page. Return: the exit status. */
static int first_reader(int told)
{
	size_t i;
	char byte;

	for (i = 0; i < PAGES; i++)
		if (munmap(mem + i * STRIDE + PAGE, PAGE))
			return 1;
	fill();
	for (i = 0; i < PAGES; i++)
		if (madvise(mem + i * STRIDE, PAGE, MADV_MERGEABLE))
			return 1;
	return read(told, &byte, 1) != 1 || !is_right();
}

static bool ended_well(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && !status;
}

/* All mappings are of one anon_vma, and have one each in a child. */
static bool cut(void)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (madvise(mem + i * STRIDE + PAGE, PAGE, MADV_DONTDUMP))
			return false;
	return true;
}

static void have_children(void)
{
	size_t i;

	for (i = 0; i < CHILDREN; i++) {
		children[i] = start();
		while (!children[i])
			pause();
	}
}

static void lose_children(void)
{
	size_t i;

	for (i = 0; i < CHILDREN; i++)
		if (children[i] > 0 && !kill(children[i], SIGKILL))
			waitpid(children[i], NULL, 0);
}

/* What the second reader meets: pages that the first one has left in the swap cache. */
static bool leave_pages(void)
{
	int tell[2];
	bool ready;
	pid_t pid;

	mem = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED || madvise(mem, LENGTH, MADV_NOHUGEPAGE) || pipe(tell))
		return false;
	pid = start();
	if (!pid)
		_exit(first_reader(tell[0]));
	fill();
	ready = !madvise(mem, LENGTH, MADV_MERGEABLE) && write_file(KSM "sleep_millisecs", "1") &&
		write_file(KSM "pages_to_scan", "2000") && write_file(KSM "run", "1") &&
		await_merged(pid) && await_merged(getpid()) && write_file(KSM "run", "0");
	result("pages that ksmd has merged", ready, false);
	ready = ready && swap_out(pid) == PAGES && swap_out(getpid()) == PAGES;
	result("they are swapped out", ready, false);
	ready = write(tell[1], "", 1) == 1 && ended_well(pid) && ready;
	result("their content, for the first one", ready, false);
	return ready && swapped(getpid()) == PAGES && scan();
}

static void test_second_reader(void)
{
	bool ready = leave_pages() && cut();
	long copied, cached;
	size_t out;

	have_children();
	/* What each CPU has counted for itself is added up. */
	ready = write_file("/proc/sys/vm/stat_refresh", "1") && ready;
	cached = read_number("/proc/meminfo", "SwapCached:") / (long)(PAGE / 1024);
	result("they are in the swap cache", ready && cached >= PAGES, false);
	copied = read_number("/proc/vmstat", "ksm_swpin_copy ");
	result("their content, for the second one", ready && is_right(), false);
	copied = read_number("/proc/vmstat", "ksm_swpin_copy ") - copied;
	printf("# %ld of %d pages were copied\n", copied, PAGES);
	result("it has copies of its own", copied == PAGES, ready);
	out = swap_out(getpid());
	printf("# %zu of %d pages were swapped out\n", out, PAGES);
	result("which can be swapped out", out == PAGES, ready);
	result("their content after that", ready && is_right(), false);
	/* Before the children, whose anon_vmas its pages may name. */
	munmap(mem, LENGTH);
	lose_children();
}

int main(void)
{
	setbuf(stdout, NULL);
	if (access(KSM, F_OK) || !swap_begin() || !group_begin()) {
		printf("Bail out! no KSM, no swap, or no cgroup\n");
		return 1;
	}
	test_second_reader();
	result("swap and cgroup are gone", group_end() && swap_end(), false);
	printf("1..%d\n", number);
	return !good;
}
