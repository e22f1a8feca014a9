// SPDX-License-Identifier: GPL-2.0
/* Patterns, memory, children: what the guest's tests share and needs no driver. */
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "common.h"

/* Of the cases, those that match HMM_P2P_CASES. cmocka counts them before any set-up. */
static void __attribute__((constructor)) choose_cases(void)
{
	const char *pattern = getenv("HMM_P2P_CASES");

	if (pattern)
		cmocka_set_test_filter(pattern);
}

/* Only the test's own thread can leave it by cmocka's long jump. */
static bool is_child;

static bool can_jump(void)
{
	return !is_child && gettid() == getpid();
}

void require_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "# %s:%d: not true: %s (errno %d)\n", file, line, what, errno);
	if (!can_jump())
		_exit(1);
	fail();
}

void skip_here(void)
{
	if (!can_jump())
		_exit(1);
	skip();
}

/*
 * Each step can be undone, so no two words of one seed are alike, nor of two
 * seeds; the shift carries the difference to the low bytes.
 */
uint64_t pattern_word(uint64_t offset, uint64_t seed)
{
	uint64_t x = offset / sizeof(x) + (seed << 40);

	x *= 0x9e3779b97f4a7c15ULL;
	x ^= x >> 29;
	return x * 0xbf58476d1ce4e5b9ULL;
}

void pattern_fill(void *mem, uint64_t offset, size_t length, uint64_t seed)
{
	uint64_t *word = mem;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++)
		word[i] = pattern_word(offset + i * sizeof(*word), seed);
}

static ssize_t complain(size_t at, uint64_t is, uint64_t should)
{
	fprintf(stderr, "# byte %zu: %016llx instead of %016llx\n", at,
		(unsigned long long)is, (unsigned long long)should);
	return (ssize_t)at;
}

ssize_t pattern_diff(const void *mem, uint64_t offset, size_t length,
		     uint64_t seed)
{
	const volatile uint64_t *word = mem;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++) {
		uint64_t is = word[i];
		uint64_t should = pattern_word(offset + i * sizeof(is), seed);

		if (is != should)
			return complain(i * sizeof(is), is, should);
	}
	return -1;
}

ssize_t zero_diff(const void *mem, size_t length)
{
	const volatile uint64_t *word = mem;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++) {
		uint64_t is = word[i];

		if (is)
			return complain(i * sizeof(is), is, 0);
	}
	return -1;
}

/* What the running test has mapped, for unmap_leftovers(). */
static struct {
	uintptr_t start, end;
} areas[64];

static void remember(uintptr_t start, uintptr_t end)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(areas) && areas[i].end; i++)
		;
	if (start == end || i == ARRAY_SIZE(areas))
		return;
	areas[i].start = start;
	areas[i].end = end;
}

void forget(void *mem, size_t length)
{
	uintptr_t start = (uintptr_t)mem, end = start + length;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(areas); i++) {
		uintptr_t first = areas[i].start, last = areas[i].end;

		if (last <= start || first >= end)
			continue;
		areas[i].end = 0;
		if (first < start)
			remember(first, start);
		if (end < last)
			remember(end, last);
	}
}

void unmap_leftovers(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(areas); i++) {
		if (areas[i].end)
			munmap((void *)areas[i].start,
			       areas[i].end - areas[i].start);
		areas[i].end = 0;
	}
}

/* More is mapped than asked for, and what is not aligned is cut off. */
uint8_t *map_memory(size_t length, enum paging paging)
{
	size_t whole = length + 2 * huge_size;
	uint8_t *raw, *mem;

	raw = mmap(NULL, whole, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(raw != MAP_FAILED);
	mem = (uint8_t *)(((uintptr_t)raw + huge_size) & ~(huge_size - 1));
	REQUIRE(munmap(raw, mem - raw) == 0);
	REQUIRE(munmap(mem + length, raw + whole - mem - length) == 0);
	REQUIRE(madvise(mem, length, paging == HUGE_PAGES ?
			MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0);
	remember((uintptr_t)mem, (uintptr_t)mem + length);
	return mem;
}

uint8_t *map_pattern(size_t length, enum paging paging, uint64_t seed)
{
	uint8_t *mem = map_memory(length, paging);
	size_t huge = length & ~(huge_size - 1);

	pattern_fill(mem, 0, length, seed);
	if (paging == HUGE_PAGES &&
	    count_pages(mem, huge, PAGE_IS_HUGE) != huge / page_size) {
		unmap(mem, length);
		SKIP("the kernel has no %zu huge pages to give", huge / huge_size);
	}
	return mem;
}

void unmap(void *mem, size_t length)
{
	forget(mem, length);
	REQUIRE(munmap(mem, length) == 0);
}

size_t count_pages(const void *mem, size_t length, uint64_t category)
{
	struct page_region regions[64];
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.start = (uintptr_t)mem,
		.end = (uintptr_t)mem + length,
		.vec = (uintptr_t)regions,
		.vec_len = ARRAY_SIZE(regions),
		.category_mask = category,
		.return_mask = category,
	};
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t bytes = 0;
	int n, i;

	REQUIRE(fd >= 0);
	while (arg.start < arg.end) {
		n = ioctl(fd, PAGEMAP_SCAN, &arg);
		REQUIRE(n >= 0);
		for (i = 0; i < n; i++)
			bytes += regions[i].end - regions[i].start;
		arg.start = arg.walk_end;
	}
	close(fd);
	return bytes / page_size;
}

/* cmocka catches these for its own tests; a child dies of them. */
static void default_signals(void)
{
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	signal(SIGILL, SIG_DFL);
	signal(SIGFPE, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
}

pid_t child_start(child_fn fn, void *arg)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid)
		return pid;
	is_child = true;
	default_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(fn(arg));
}

int child_wait(pid_t pid)
{
	int status;

	REQUIRE(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool child_ends(pid_t pid, unsigned int seconds)
{
	struct pollfd child = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int nr;

	REQUIRE(child.fd >= 0);
	nr = poll(&child, 1, (int)seconds * 1000);
	REQUIRE(nr >= 0);
	close(child.fd);
	return nr;
}

int in_child(child_fn fn, void *arg)
{
	return child_wait(child_start(fn, arg));
}

const char *stack_of(pid_t pid, pid_t tid)
{
	static char stack[4096];
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stack", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, stack, sizeof(stack) - 1);
	close(fd);
	stack[n > 0 ? n : 0] = '\0';
	return stack;
}

void turns_init(struct turns *turns)
{
	signal(SIGPIPE, SIG_IGN);
	REQUIRE(pipe2(turns->to_child, O_CLOEXEC) == 0);
	REQUIRE(pipe2(turns->to_parent, O_CLOEXEC) == 0);
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void turns_side(struct turns *turns, bool child)
{
	turns->child = child;
	close_end(&turns->to_child[child ? 1 : 0]);
	close_end(&turns->to_parent[child ? 0 : 1]);
}

void turns_fini(struct turns *turns)
{
	close_end(&turns->to_child[0]);
	close_end(&turns->to_child[1]);
	close_end(&turns->to_parent[0]);
	close_end(&turns->to_parent[1]);
}

int turn_give(struct turns *turns)
{
	int fd = turns->child ? turns->to_parent[1] : turns->to_child[1];

	CHECK(write(fd, "", 1) == 1);
	return 0;
}

int turn_await(struct turns *turns)
{
	int fd = turns->child ? turns->to_child[0] : turns->to_parent[0];
	char byte;

	CHECK(read(fd, &byte, 1) == 1);
	return 0;
}

/* xorshift64*: the same numbers on every machine for the same seed. */
uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

unsigned int hammer_seconds(const char *variable, unsigned int normal,
			    unsigned int debug)
{
	const char *text = getenv(variable), *kernel = getenv("HMM_P2P_KERNEL");

	if (text && atoi(text) > 0)
		return (unsigned int)atoi(text);
	return kernel && !strcmp(kernel, "debug") ? debug : normal;
}

double seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	if (n < 0)
		ret = -errno;
	else if ((size_t)n != strlen(text))
		ret = -EIO;
	close(fd);
	return ret;
}

void lru_drain(void)
{
	REQUIRE(write_file("/proc/sys/vm/drop_caches", "1") == 0);
}

/* What stands in the file during a shortage, and what otherwise; the first is that. */
static const char * const shortage[][3] = {
	{ "/sys/kernel/debug/fail_page_alloc/probability", NULL, "0" },
	{ "/sys/kernel/debug/fail_page_alloc/verbose", "0", "0" },
	{ "/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N", "Y" },
	{ "/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N", "Y" },
	{ "/sys/kernel/debug/fail_page_alloc/min-order", "9", "1" },
	{ "/sys/kernel/debug/fail_page_alloc/times", "-1", "1" },
};

bool shortage_begin(const char *percent)
{
	size_t i;

	for (i = 1; i < ARRAY_SIZE(shortage); i++)
		if (write_file(shortage[i][0], shortage[i][1]))
			return false;
	return !write_file(shortage[0][0], percent);
}

void shortage_end(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shortage); i++)
		write_file(shortage[i][0], shortage[i][2]);
}

int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	REQUIRE(fd >= 0);
	REQUIRE(lseek(fd, 0, SEEK_END) != -1);
	return fd;
}

bool log_says(int fd, const char *text)
{
	char record[8192];
	ssize_t n;

	/* What was overwritten is no end (EPIPE). */
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		record[n > 0 ? n : 0] = 0;
		if (strstr(record, text))
			return true;
	}
	return false;
}

void log_await(int fd, const char *text)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	while (!log_says(fd, text))
		poll(&ready, 1, -1);
}
