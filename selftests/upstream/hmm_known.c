// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel's device memory gets wrong, shown with the kernel's own test_hmm,
 * without a line of this project (7.2 and 7.3). Known, so each is a TODO in TAP: "not ok" as
 * long as the kernel has the bug, "ok" once it is gone. The native kernel has the patches,
 * and there they have to be gone.
 *
 * hmm_range_fault() from the middle of a huge device page gives the PFNs from its
 * beginning, so a device works on another page than it was asked for.
 *
 * migrate_vma_setup() takes pages that KSM has merged. The list by which ksmd finds them
 * then names a device page, which ksmd reads.
 *
 * hmm_range_fault() hands out memory of memfd_secret(), which get_user_pages() refuses.
 *
 * clear_refs leaves device pages writable, so that a write that brings one home is not
 * seen, and a huge one soft-dirty, as if somebody had written to it.
 *
 * A device page of a locked mapping counts as locked, and goes on to when munlock() has
 * not seen it.
 *
 * A kernel with DEBUG_VM and soft-dirty bits warns of a huge page that moves while two
 * processes share it, which no Debian kernel is: the line is "ok" there.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE		4096UL
#define HUGE_SIZE	(512 * PAGE)
#define MERGED_PAGES	16
#define KSM		"/sys/kernel/mm/ksm/"
#define KSM_SECONDS	60
#define TRACING		"/sys/kernel/tracing/"
#define SOFT_DIRTY	(1ULL << 55)
/* Below the flags and the order. */
#define PFN_BITS	((1ULL << 53) - 1)

/* As in the kernel's lib/test_hmm_uapi.h. */
struct mirror_cmd {
	uint64_t addr;
	uint64_t ptr;
	uint64_t npages;
	uint64_t cpages;
	uint64_t faults;
};

#define MIRROR_TO_DEV	_IOWR('H', 0x02, struct mirror_cmd)
#define MIRROR_SNAPSHOT	_IOWR('H', 0x04, struct mirror_cmd)
#define MIRROR_PMD	0x04
#define MIRROR_LOCAL	0x20
#define MIRROR_ERROR	0xff

static int mirror, number;
static bool good = true;

static void result(const char *name, bool right, bool known)
{
	const char *kernel = getenv("HMM_P2P_KERNEL");

	known &= !kernel || strcmp(kernel, "native") != 0;
	printf("%sok %d - %s%s\n", right ? "" : "not ", ++number, name,
	       known ? " # TODO known bug of the kernel" : "");
	good &= right || known;
}

static bool command(unsigned long request, const void *mem, size_t pages, void *buf)
{
	struct mirror_cmd cmd = {
		.addr = (uintptr_t)mem, .ptr = (uintptr_t)buf, .npages = pages,
	};

	return !ioctl(mirror, request, &cmd);
}

/* Return: how many of the pages are device memory, with all of these flags. */
static size_t on_device(const void *mem, size_t pages, uint8_t flags)
{
	uint8_t seen[HUGE_SIZE / PAGE];
	size_t i, nr = 0;

	if (!command(MIRROR_SNAPSHOT, mem, pages, seen))
		return 0;
	for (i = 0; i < pages; i++)
		nr += (seen[i] & (flags | MIRROR_LOCAL)) == (flags | MIRROR_LOCAL);
	return nr;
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND);
	bool done = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return done;
}

/* Return: the PFN that the last of the traced calls has put first; 0: there was none. */
static uint64_t traced_pfn(void)
{
	FILE *file = fopen(TRACING "trace", "r");
	uint64_t entry = 0;
	char line[512], *found;

	while (file && fgets(line, sizeof(line), file)) {
		found = strstr(line, "entry=0x");
		if (found)
			entry = strtoull(found + strlen("entry="), NULL, 16);
	}
	if (file)
		fclose(file);
	return entry & PFN_BITS;
}

/* What hmm_range_fault() says of this page alone. */
static uint64_t pfn_of(const uint8_t *mem, size_t page)
{
	return on_device(mem + page * PAGE, 1, MIRROR_PMD) ? traced_pfn() : 0;
}

/* hmm_range.hmm_pfns is the fifth word. */
static bool trace(bool on)
{
	if (!on)
		return write_file(TRACING "events/kprobes/hmm_known/enable", "0") &&
		       write_file(TRACING "kprobe_events", "-:hmm_known\n");
	return write_file(TRACING "kprobe_events",
			  "r:hmm_known hmm_range_fault entry=+0(+32($arg1)):x64\n") &&
	       write_file(TRACING "events/kprobes/hmm_known/enable", "1");
}

static void test_middle(void)
{
	const int prot = PROT_READ | PROT_WRITE;
	uint8_t *all = mmap(NULL, 2 * HUGE_SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *mem = all + (-(uintptr_t)all & (HUGE_SIZE - 1));
	uint64_t first = 0, second = 0, last = 0;
	uint8_t *copy = malloc(HUGE_SIZE);
	bool ready;

	ready = all != MAP_FAILED && copy && !madvise(mem, HUGE_SIZE, MADV_HUGEPAGE);
	if (ready) {
		memset(mem, 1, HUGE_SIZE);
		ready = command(MIRROR_TO_DEV, mem, HUGE_SIZE / PAGE, copy) && trace(true);
	}
	if (ready) {
		first = pfn_of(mem, 0);
		second = pfn_of(mem, 1);
		last = pfn_of(mem, HUGE_SIZE / PAGE - 1);
		ready = first && second && last;
	}
	result("a huge page on the device", ready && trace(false), false);
	result("the PFN of its second page", second == first + 1, ready);
	result("the PFN of its last page", last == first + HUGE_SIZE / PAGE - 1, ready);
	munmap(all, 2 * HUGE_SIZE);
	free(copy);
}

static long merged_pages(void)
{
	FILE *file = fopen("/proc/self/ksm_merging_pages", "r");
	long nr = -1;

	if (file && fscanf(file, "%ld", &nr) != 1)
		nr = -1;
	if (file)
		fclose(file);
	return nr;
}

/* ksmd merges, and then stands still. */
static bool merge(void *mem, size_t pages)
{
	time_t end = time(NULL) + KSM_SECONDS;
	bool done = !madvise(mem, pages * PAGE, MADV_MERGEABLE) &&
		    write_file(KSM "sleep_millisecs", "1") && write_file(KSM "run", "1");

	while (done && merged_pages() < (long)pages && time(NULL) < end)
		usleep(1000);
	return write_file(KSM "run", "0") && done && merged_pages() >= (long)pages;
}

static void test_merged(void)
{
	size_t pages = MERGED_PAGES, size = pages * PAGE, i;
	uint8_t *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool ready, same = true;
	uint8_t *copy = malloc(size);

	ready = mem != MAP_FAILED && copy;
	if (ready) {
		memset(mem, 0x5a, size);
		ready = merge(mem, pages);
	}
	result("pages that ksmd has merged", ready, false);
	if (!ready)
		return;
	/* It fails when nothing has moved. */
	command(MIRROR_TO_DEV, mem, pages, copy);
	result("they do not move to a device", !on_device(mem, pages, 0), true);
	/* Those that have moved come home before ksmd runs again. */
	for (i = 0; i < size; i++)
		same &= ((volatile uint8_t *)mem)[i] == 0x5a;
	result("their content", same, false);
	munmap(mem, size);
	free(copy);
}

/* Only looked at: a device that reads it makes a kernel with the bug die. */
static void test_secret(void)
{
	int fd = (int)syscall(SYS_memfd_secret, 0);
	uint8_t *mem = MAP_FAILED, seen = 0;
	bool ready;

	if (fd >= 0 && !ftruncate(fd, PAGE))
		mem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ready = mem != MAP_FAILED;
	if (ready) {
		*(volatile uint8_t *)mem = 1;
		ready = command(MIRROR_SNAPSHOT, mem, 1, &seen);
	}
	result("a page of memfd_secret()", ready, false);
	result("it is not for a device", seen == MIRROR_ERROR, ready);
	if (mem != MAP_FAILED)
		munmap(mem, PAGE);
	if (fd >= 0)
		close(fd);
}

/* Aligned, with or without huge pages; nobody has to unmap it. */
static uint8_t *map_huge_size(int advice)
{
	uint8_t *all = mmap(NULL, 2 * HUGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *mem = all + (-(uintptr_t)all & (HUGE_SIZE - 1));

	if (all == MAP_FAILED || madvise(mem, HUGE_SIZE, advice))
		return NULL;
	memset(mem, 1, HUGE_SIZE);
	return mem;
}

/* Return: how many of the pages have been written to since clear_refs. */
static size_t soft_dirty(const uint8_t *mem)
{
	uint64_t entries[HUGE_SIZE / PAGE] = { 0 };
	int fd = open("/proc/self/pagemap", O_RDONLY);
	size_t i, nr = 0;

	if (fd < 0 || pread(fd, entries, sizeof(entries), (uintptr_t)mem / PAGE * 8) < 0)
		perror("pagemap");
	for (i = 0; i < HUGE_SIZE / PAGE; i++)
		nr += !!(entries[i] & SOFT_DIRTY);
	if (fd >= 0)
		close(fd);
	return nr;
}

static void write_each(uint8_t *mem)
{
	size_t i;

	for (i = 0; i < HUGE_SIZE; i += PAGE)
		((volatile uint8_t *)mem)[i] = 2;
}

/* A kernel without CONFIG_MEM_SOFT_DIRTY says nothing about writes. */
static bool sees_writes(void)
{
	uint8_t *mem = map_huge_size(MADV_NOHUGEPAGE);

	return mem && write_file("/proc/self/clear_refs", "4") && !soft_dirty(mem) &&
	       (write_each(mem), soft_dirty(mem) == HUGE_SIZE / PAGE);
}

static void test_soft_dirty(int advice)
{
	const char *kind = advice == MADV_HUGEPAGE ? "huge" : "small";
	uint8_t *mem = map_huge_size(advice), *copy = malloc(HUGE_SIZE);
	size_t pages = HUGE_SIZE / PAGE, dirty;
	char name[64];
	bool ready;

	ready = mem && copy && command(MIRROR_TO_DEV, mem, pages, copy) &&
		on_device(mem, pages, advice == MADV_HUGEPAGE ? MIRROR_PMD : 0) == pages &&
		write_file("/proc/self/clear_refs", "4");
	snprintf(name, sizeof(name), "%s pages on the device, and clear_refs", kind);
	result(name, ready, false);
	if (!ready)
		return;
	dirty = soft_dirty(mem);
	snprintf(name, sizeof(name), "nobody has written to the %s pages", kind);
	result(name, !dirty, advice == MADV_HUGEPAGE);
	write_each(mem);
	dirty = soft_dirty(mem);
	printf("# %zu of %zu pages are soft-dirty\n", dirty, pages);
	snprintf(name, sizeof(name), "who writes to the %s pages is seen", kind);
	result(name, dirty == pages, advice != MADV_HUGEPAGE);
	free(copy);
}

/* What the kernel counts as locked, in pages; CPUs keep a few for themselves. */
static long mlocked(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	long kilobytes = -1;
	char line[128];

	write_file("/proc/sys/vm/stat_refresh", "1");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Mlocked: %ld", &kilobytes) == 1)
			break;
	if (file)
		fclose(file);
	return kilobytes / (long)(PAGE / 1024);
}

static void test_mlocked(void)
{
	uint8_t *mem = map_huge_size(MADV_NOHUGEPAGE), *copy = malloc(HUGE_SIZE);
	long before = mlocked(), after, pages = HUGE_SIZE / PAGE;
	bool ready;

	ready = mem && copy && before >= 0 && !mlock(mem, HUGE_SIZE) &&
		command(MIRROR_TO_DEV, mem, HUGE_SIZE / PAGE, copy) &&
		on_device(mem, HUGE_SIZE / PAGE, 0) > HUGE_SIZE / PAGE / 2 &&
		!munlock(mem, HUGE_SIZE) && !munmap(mem, HUGE_SIZE);
	result("locked memory on the device, unlocked and unmapped", ready, false);
	after = mlocked();
	printf("# %ld pages were locked before, and %ld are now\n", before, after);
	result("it does not count as locked", after < before + pages / 4, ready);
	free(copy);
}

/* Return: where the kernel's log ends now, for warned(). */
static int log_end(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* A record for each read(). */
static bool warned(int fd)
{
	char record[8192];
	bool found = false;
	ssize_t length;

	while ((length = read(fd, record, sizeof(record) - 1)) > 0) {
		record[length] = 0;
		found |= !!strstr(record, "WARNING:");
	}
	return found;
}

static void test_two_processes(void)
{
	uint8_t *mem = map_huge_size(MADV_HUGEPAGE), *copy = malloc(HUGE_SIZE);
	size_t pages = HUGE_SIZE / PAGE, i;
	bool ready, same = true;
	int log = log_end();
	pid_t child = -1;

	if (mem && copy && log >= 0)
		child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (true)
			pause();
	}
	ready = child > 0 && command(MIRROR_TO_DEV, mem, pages, copy) &&
		on_device(mem, pages, MIRROR_PMD) == pages;
	result("a huge page of two processes on the device", ready, false);
	result("the kernel does not warn of it", ready && !warned(log), false);
	for (i = 0; ready && i < HUGE_SIZE; i++)
		same &= ((volatile uint8_t *)mem)[i] == 1;
	result("what they share", ready && same, false);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	if (log >= 0)
		close(log);
	free(copy);
}

int main(void)
{
	if (system("load test_hmm")) {
		printf("Bail out! no test_hmm\n");
		return 1;
	}
	mirror = open("/dev/hmm_dmirror0", O_RDWR);
	if (mirror < 0) {
		printf("Bail out! no /dev/hmm_dmirror0\n");
		return 1;
	}
	test_middle();
	test_merged();
	test_secret();
	if (sees_writes()) {
		test_soft_dirty(MADV_NOHUGEPAGE);
		test_soft_dirty(MADV_HUGEPAGE);
	} else {
		result("clear_refs and pagemap # SKIP no soft-dirty bits", true, false);
	}
	test_mlocked();
	test_two_processes();
	close(mirror);
	good &= !system("rmmod test_hmm");
	printf("1..%d\n", number);
	return !good;
}
