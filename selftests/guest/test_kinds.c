// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that does not move, or only in part: every page is accounted for, with
 * its reason, and no byte of it changes.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "common.h"

#define PAGES	16
#define LENGTH	(PAGES * page_size)

static uint32_t device(void)
{
	return largest_exporter(8 * MIB).out_id;
}

/* A file in tmpfs with the pattern of @seed in it. */
static int file_with_pattern(size_t length, uint64_t seed)
{
	uint8_t *mem = map_pattern(length, SMALL_PAGES, seed);
	int fd = memfd_create("pattern", MFD_CLOEXEC);

	assert_return_code(fd, errno);
	assert_int_equal(write(fd, mem, length), length);
	unmap(mem, length);
	return fd;
}

static uint8_t *map_file(int fd, size_t length, int prot, int flags)
{
	uint8_t *mem = mmap(NULL, length, prot, flags, fd, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	return mem;
}

/* All @length bytes stay, for @reason. */
static void stays(const void *mem, size_t length, enum hmm_p2p_reason reason)
{
	uint32_t id = device();
	uint64_t used = used_bytes(id);
	struct hmm_p2p_migrate result;

	move_to(id, mem, length, &result);
	assert_int_equal(result.out_moved, 0);
	assert_int_equal(result.out_already, 0);
	assert_int_equal(result.out_reasons[reason], length / page_size);
	assert_int_equal(used_bytes(id), used);
}

static void test_holes(void **state)
{
	uint8_t *mem = map_pattern(32 * page_size, SMALL_PAGES, 1);
	struct hmm_p2p_migrate result;
	uint32_t id = device();

	(void)state;
	/* 4 pages, hole of 4, 8 pages read-only, hole of 8, 8 pages */
	unmap(mem + 4 * page_size, 4 * page_size);
	unmap(mem + 16 * page_size, 8 * page_size);
	assert_int_equal(mprotect(mem + 8 * page_size, 8 * page_size, PROT_READ), 0);
	move_to(id, mem, 32 * page_size, &result);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_HOLE], 12);
	assert_int_equal(result.out_moved, 20);
	assert_int_equal(pages_on(id, mem, 32 * page_size), 20);
	assert_pattern(mem, 4 * page_size, 1);
	assert_int_equal(pattern_diff(mem + 8 * page_size, 8 * page_size,
				      8 * page_size, 1), -1);
	assert_int_equal(pattern_diff(mem + 24 * page_size, 24 * page_size,
				      8 * page_size, 1), -1);
	unmap(mem, 32 * page_size);
}

/* Far more hole than memory, with nothing mapped at either end. */
static void test_mostly_holes(void **state)
{
	size_t length = 1UL << 30;
	uint8_t *mem = map_memory(length, SMALL_PAGES);
	struct hmm_p2p_migrate result;
	uint32_t id = device();

	(void)state;
	unmap(mem, length / 2);
	unmap(mem + length / 2 + page_size, length / 2 - page_size);
	pattern_fill(mem + length / 2, 0, page_size, 2);
	move_to(id, mem, length, &result);
	assert_int_equal(result.out_moved, 1);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_HOLE],
			 length / page_size - 1);
	assert_pattern(mem + length / 2, page_size, 2);
	unmap(mem + length / 2, page_size);
}

static void test_private_file(void **state)
{
	int fd = file_with_pattern(LENGTH, 3);
	uint8_t *mem = map_file(fd, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE);

	(void)state;
	stays(mem, LENGTH, HMM_P2P_REASON_NOT_ANON);
	assert_pattern(mem, LENGTH, 3);
	stays(mem, LENGTH, HMM_P2P_REASON_NOT_ANON);
	assert_pattern(mem, LENGTH, 3);
	unmap(mem, LENGTH);
	close(fd);
}

/* The pages that were written to are the process's own, and move. */
static void test_private_file_copied(void **state)
{
	int fd = file_with_pattern(LENGTH, 3);
	uint8_t *mem = map_file(fd, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	struct hmm_p2p_migrate result;
	uint32_t id = device();
	size_t i;

	(void)state;
	for (i = 0; i < PAGES; i += 2)
		pattern_fill(mem + i * page_size, i * page_size, page_size, 4);
	move_to(id, mem, LENGTH, &result);
	assert_int_equal(result.out_moved, PAGES / 2);
	assert_int_equal(result.out_populated, 0);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_NOT_ANON], PAGES / 2);
	assert_int_equal(pages_on(id, mem, LENGTH), PAGES / 2);
	for (i = 0; i < PAGES; i++)
		assert_int_equal(pattern_diff(mem + i * page_size, i * page_size,
					      page_size, i % 2 ? 3 : 4), -1);
	unmap(mem, LENGTH);
	close(fd);
}

static void test_shared_file(void **state)
{
	int fd = file_with_pattern(LENGTH, 5);
	uint8_t *mem = map_file(fd, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED);

	(void)state;
	stays(mem, LENGTH, HMM_P2P_REASON_NOT_ANON);
	assert_pattern(mem, LENGTH, 5);
	stays(mem, LENGTH, HMM_P2P_REASON_NOT_ANON);
	unmap(mem, LENGTH);
	close(fd);
}

static void test_shared_anonymous(void **state)
{
	uint8_t *mem = map_file(-1, LENGTH, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS);

	(void)state;
	pattern_fill(mem, 0, LENGTH, 6);
	stays(mem, LENGTH, HMM_P2P_REASON_NOT_ANON);
	assert_pattern(mem, LENGTH, 6);
	unmap(mem, LENGTH);
}

static void test_hugetlb(void **state)
{
	const char *knob = "/proc/sys/vm/nr_hugepages";
	uint8_t *mem;

	(void)state;
	if (write_file(knob, "2"))
		SKIP("this kernel has no hugetlb pages");
	mem = mmap(NULL, huge_size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (mem == MAP_FAILED) {
		write_file(knob, "0");
		SKIP("there are no hugetlb pages to get");
	}
	pattern_fill(mem, 0, huge_size, 7);
	stays(mem, huge_size, HMM_P2P_REASON_NOT_ANON);
	assert_pattern(mem, huge_size, 7);
	unmap(mem, huge_size);
	assert_int_equal(write_file(knob, "0"), 0);
}

/* A mapping of the kernel's own pages. */
static void test_special_mapping(void **state)
{
	uint8_t *vdso = (uint8_t *)getauxval(AT_SYSINFO_EHDR);

	(void)state;
	if (!vdso)
		SKIP("there is no vDSO");
	stays(vdso, page_size, HMM_P2P_REASON_NOT_ANON);
}

/* The stack and the heap are memory like any other. */
static void test_stack_and_heap(void **state)
{
	uint32_t id = device();
	struct hmm_p2p_migrate result;
	volatile uint64_t here = 0x123456789abcdefULL;
	uintptr_t stack = (uintptr_t)&here & ~(page_size - 1);
	uint8_t *heap = malloc(LENGTH);
	uintptr_t inner = ((uintptr_t)heap + page_size - 1) & ~(page_size - 1);

	(void)state;
	pattern_fill(heap, 0, LENGTH, 8);
	/* The process uses its stack all the time: it may be home at once. */
	assert_int_equal(hmm_p2p_migrate(ctx, NULL, id, stack, page_size, &result),
			 0);
	assert_int_equal(migrate_sum(&result), 1);
	assert_int_equal(here, 0x123456789abcdefULL);
	assert_int_equal(hmm_p2p_migrate(ctx, NULL, id, inner,
					 LENGTH - page_size, &result), 0);
	assert_int_equal(result.out_moved, PAGES - 1);
	assert_pattern(heap, LENGTH, 8);
	free(heap);
}

/* Not even the process may look at it: it stays, whatever the reason. */
static void test_no_access(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 9);
	uint32_t id = device();
	struct hmm_p2p_migrate result;

	(void)state;
	assert_int_equal(mprotect(mem, LENGTH, PROT_NONE), 0);
	move_to(id, mem, LENGTH, &result);
	assert_int_equal(result.out_moved + result.out_already, 0);
	assert_int_equal(mprotect(mem, LENGTH, PROT_READ), 0);
	assert_pattern(mem, LENGTH, 9);
	unmap(mem, LENGTH);
}

/* What is on the device already comes home, also when nobody may look at it now. */
static void no_access_any_more(enum paging paging, size_t length, int prot)
{
	uint8_t *mem = map_pattern(length, paging, 9);
	uint32_t id = device();
	struct hmm_p2p_migrate result;

	move_all_to(id, mem, length);
	assert_int_equal(mprotect(mem, length, prot), 0);
	move_to_ram(mem, length, &result);
	assert_int_equal(result.out_moved, length / page_size);
	assert_int_equal(mprotect(mem, length, PROT_READ), 0);
	assert_int_equal(pages_on(0, mem, length), 0);
	assert_pattern(mem, length, 9);
	unmap(mem, length);
}

static void test_no_access_any_more(void **state)
{
	(void)state;
	no_access_any_more(SMALL_PAGES, LENGTH, PROT_NONE);
	no_access_any_more(HUGE_PAGES, huge_size, PROT_NONE);
	no_access_any_more(SMALL_PAGES, LENGTH, PROT_WRITE);
}

/* What a query says: bytes that are on a device, and bytes of which nobody knows. */
struct told {
	uint64_t known;
	uint64_t unknown;
};

static int add_told(const struct hmm_p2p_extent *extent, void *arg)
{
	struct told *told = arg;

	if (!(extent->flags & HMM_P2P_EXTENT_UNREADABLE)) {
		told->known += extent->length;
		return 0;
	}
	assert_int_equal(extent->flags, HMM_P2P_EXTENT_UNREADABLE);
	assert_int_equal(extent->device, 0);
	assert_int_equal(extent->outcome, HMM_P2P_OUTCOME_NONE);
	assert_int_equal(extent->reason, HMM_P2P_REASON_NONE);
	told->unknown += extent->length;
	return 0;
}

static void assert_told(const void *mem, size_t length, uint64_t known, uint64_t unknown)
{
	uint32_t importers[] = { 0, any_importer().out_id };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(importers); i++) {
		struct told told = { 0 };

		assert_true(hmm_p2p_query(ctx, NULL, importers[i], (uintptr_t)mem, length,
					  add_told, &told) >= 0);
		assert_int_equal(told.known, known);
		assert_int_equal(told.unknown, unknown);
	}
}

/* Nobody can see whether it is there; but that it may be is said. */
static void unreadable(enum paging paging, size_t length, int prot)
{
	uint8_t *mem = map_pattern(length, paging, 16);

	move_all_to(device(), mem, length);
	assert_told(mem, length, length, 0);
	assert_int_equal(mprotect(mem, length / 2, prot), 0);
	assert_told(mem, length, length / 2, length / 2);
	assert_int_equal(mprotect(mem, length, PROT_READ), 0);
	assert_told(mem, length, length, 0);
	/* With nothing on any device there is nothing to know. */
	assert_int_equal(mprotect(mem, length, prot), 0);
	move_to_ram(mem, length, NULL);
	assert_told(mem, length, 0, 0);
	assert_int_equal(mprotect(mem, length, PROT_READ), 0);
	assert_pattern(mem, length, 16);
	unmap(mem, length);
}

static void test_unreadable(void **state)
{
	(void)state;
	unreadable(SMALL_PAGES, LENGTH, PROT_NONE);
	unreadable(HUGE_PAGES, 2 * huge_size, PROT_NONE);
	unreadable(SMALL_PAGES, LENGTH, PROT_WRITE);
}

/* Nothing was ever there: a guard, an address that is kept free. */
static void test_unreadable_untouched(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 17);
	uint8_t *guard = map_memory(LENGTH, SMALL_PAGES);

	(void)state;
	move_all_to(device(), mem, LENGTH);
	assert_int_equal(mprotect(guard, LENGTH, PROT_NONE), 0);
	assert_told(guard, LENGTH, 0, 0);
	unmap(guard, LENGTH);
	unmap(mem, LENGTH);
}

static int write_to(void *arg)
{
	*(volatile uint64_t *)arg = 1;
	return 0;
}

/* It moves, and comes back as read-only as it went. */
static void read_only(enum paging paging, size_t length)
{
	uint8_t *mem = map_pattern(length, paging, 10);
	struct hmm_p2p_migrate result;
	uint32_t id = device();

	assert_int_equal(mprotect(mem, length, PROT_READ), 0);
	move_all_to(id, mem, length);
	assert_int_equal(in_child(write_to, mem), -SIGSEGV);
	assert_pattern(mem, length, 10);
	assert_int_equal(in_child(write_to, mem), -SIGSEGV);
	move_all_to(id, mem, length);
	move_to_ram(mem, length, &result);
	assert_int_equal(result.out_moved, length / page_size);
	assert_int_equal(in_child(write_to, mem), -SIGSEGV);
	assert_int_equal(mprotect(mem, length, PROT_READ | PROT_WRITE), 0);
	pattern_fill(mem, 0, length, 11);
	assert_pattern(mem, length, 11);
	unmap(mem, length);
}

static void test_read_only_small(void **state)
{
	(void)state;
	read_only(SMALL_PAGES, LENGTH);
}

static void test_read_only_huge(void **state)
{
	(void)state;
	read_only(HUGE_PAGES, 2 * huge_size);
}

/* First touch of memory that can only be read: zeros, still read-only. */
static void test_read_only_untouched(void **state)
{
	uint8_t *mem = map_memory(LENGTH, SMALL_PAGES);

	(void)state;
	assert_int_equal(mprotect(mem, LENGTH, PROT_READ), 0);
	populate_all_to(device(), mem, LENGTH);
	assert_int_equal(in_child(write_to, mem), -SIGSEGV);
	assert_zero(mem, LENGTH);
	assert_int_equal(in_child(write_to, mem), -SIGSEGV);
	unmap(mem, LENGTH);
}

/* Somebody pins the page: it cannot move, which is said and does no harm. */
static void test_pinned(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 12);
	struct iovec iov = { .iov_base = mem, .iov_len = LENGTH };
	uint32_t id = device();
	struct hmm_p2p_migrate result;
	int pipes[2];

	(void)state;
	assert_return_code(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), errno);
	/* The pipe keeps references to the pages. */
	assert_int_equal(vmsplice(pipes[1], &iov, 1, 0), LENGTH);
	move_to(id, mem, LENGTH, &result);
	assert_int_equal(result.out_moved, 0);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_BUSY], PAGES);
	assert_pattern(mem, LENGTH, 12);
	close(pipes[0]);
	close(pipes[1]);
	move_all_to(id, mem, LENGTH);
	assert_pattern(mem, LENGTH, 12);
	unmap(mem, LENGTH);
}

static int userfault_open(uint8_t *mem, size_t length, uint64_t mode)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = length },
		.mode = mode,
	};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		SKIP("this kernel has no userfaultfd");
	assert_return_code(ioctl(fd, UFFDIO_API, &api), errno);
	assert_return_code(ioctl(fd, UFFDIO_REGISTER, &reg), errno);
	return fd;
}

/* Missing pages belong to whoever waits for the faults: none is made up. */
static void userfault_missing(enum paging paging, size_t length,
			      void (*move)(uint32_t device, const void *mem, size_t length,
					   struct hmm_p2p_migrate *result))
{
	uint8_t *mem = map_memory(length, paging);
	int fd = userfault_open(mem, length, UFFDIO_REGISTER_MODE_MISSING);
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)mem, .len = page_size },
	};
	struct hmm_p2p_migrate result;
	uint32_t id = device();

	assert_return_code(ioctl(fd, UFFDIO_ZEROPAGE, &zero), errno);
	mem[0] = 0x77;
	move(id, mem, length, &result);
	assert_in_range(result.out_moved, 0, 1);
	assert_int_equal(result.out_populated, 0);
	if (move == move_to)
		assert_int_equal(result.out_reasons[HMM_P2P_REASON_UNTOUCHED],
				 length / page_size - 1);
	assert_int_equal(mem[0], 0x77);
	close(fd);
	assert_int_equal(zero_diff(mem + 8, length - 8), -1);
	unmap(mem, length);
}

static void test_userfault_missing_small(void **state)
{
	(void)state;
	userfault_missing(SMALL_PAGES, LENGTH, move_to);
	userfault_missing(SMALL_PAGES, LENGTH, populate_to);
}

static void test_userfault_missing_huge(void **state)
{
	(void)state;
	userfault_missing(HUGE_PAGES, 2 * huge_size, move_to);
	userfault_missing(HUGE_PAGES, 2 * huge_size, populate_to);
}

/* Somebody who serves the faults of memory that is to have the pattern. */
struct server {
	int fd;
	uint8_t *mem;
	uint8_t *page;
	int stop[2];
	unsigned int served;
};

static bool serve(struct server *server, uint64_t addr)
{
	struct uffdio_copy copy = {
		.dst = addr & ~((uint64_t)page_size - 1),
		.src = (uintptr_t)server->page,
		.len = page_size,
	};

	pattern_fill(server->page, copy.dst - (uintptr_t)server->mem, page_size, 15);
	server->served++;
	return !ioctl(server->fd, UFFDIO_COPY, &copy);
}

/* Returns NULL, or not when something failed. */
static void *serve_all(void *arg)
{
	struct server *server = arg;
	struct pollfd fds[] = {
		{ .fd = server->fd, .events = POLLIN },
		{ .fd = server->stop[0], .events = POLLIN },
	};
	struct uffd_msg msg;

	while (poll(fds, ARRAY_SIZE(fds), -1) > 0) {
		if (!(fds[0].revents & POLLIN))
			return NULL;
		if (read(server->fd, &msg, sizeof(msg)) != sizeof(msg) ||
		    !serve(server, msg.arg.pagefault.address))
			break;
	}
	return arg;
}

/*
 * An importer gets missing pages from whoever serves the faults, and those that
 * are on the device as ever.
 */
static void test_userfault_served(void **state)
{
	struct hmm_p2p_device_info importer = any_importer();
	uint8_t *mem = map_memory(LENGTH, SMALL_PAGES);
	struct server server = {
		.fd = userfault_open(mem, LENGTH, UFFDIO_REGISTER_MODE_MISSING),
		.mem = mem,
		.page = malloc(page_size),
	};
	uint8_t *data = malloc(LENGTH);
	struct hmm_p2p_migrate moved;
	struct reached reached;
	pthread_t thread;
	void *failed;

	(void)state;
	REQUIRE(data && server.page);
	assert_return_code(pipe2(server.stop, O_CLOEXEC), errno);
	assert_true(serve(&server, (uintptr_t)mem));
	assert_true(serve(&server, (uintptr_t)mem + 5 * page_size));
	move_to(device(), mem, LENGTH, &moved);
	assert_int_equal(moved.out_moved, 2);
	assert_int_equal(pthread_create(&thread, NULL, serve_all, &server), 0);
	reached = reach(importer.out_id, mem, LENGTH, data, 0);
	close(server.stop[1]);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	assert_pattern(data, LENGTH, 15);
	assert_int_equal(server.served, PAGES);
	assert_int_equal(reached_count(&reached, HMM_P2P_OUTCOME_SYSTEM, 0), PAGES - 2);
	reached_free(&reached);
	close(server.fd);
	close(server.stop[0]);
	assert_pattern(mem, LENGTH, 15);
	free(data);
	free(server.page);
	unmap(mem, LENGTH);
}

static void *kill_when_asked(void *arg)
{
	struct pollfd fd = { .fd = *(int *)arg, .events = POLLIN };

	if (poll(&fd, 1, -1) == 1)
		kill(getpid(), SIGKILL);
	return NULL;
}

static int wait_for_nobody(void *arg)
{
	uint32_t importer = *(uint32_t *)arg;
	uint8_t *mem = map_memory(LENGTH, SMALL_PAGES);
	int fd = userfault_open(mem, LENGTH, UFFDIO_REGISTER_MODE_MISSING);
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, kill_when_asked, &fd));
	hmm_p2p_fault(ctx, NULL, importer, (uintptr_t)mem, LENGTH, 0, NULL, NULL);
	return 1;
}

/* Who waits for a fault that nobody serves can be killed. */
static void test_userfault_killed(void **state)
{
	struct hmm_p2p_device_info importer = any_importer();

	(void)state;
	assert_int_equal(in_child(wait_for_nobody, &importer.out_id), -SIGKILL);
}

static void *write_word(void *arg)
{
	*(volatile uint64_t *)arg = 0x55;
	return NULL;
}

/* Write protection by userfaultfd survives the way there and back. */
static void test_userfault_write_protect(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 13);
	int fd = userfault_open(mem, LENGTH, UFFDIO_REGISTER_MODE_WP);
	struct uffdio_writeprotect wp = {
		.range = { .start = (uintptr_t)mem, .len = LENGTH },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct uffd_msg msg;
	pthread_t writer;

	(void)state;
	assert_return_code(ioctl(fd, UFFDIO_WRITEPROTECT, &wp), errno);
	move_to(device(), mem, LENGTH, NULL);
	assert_pattern(mem, LENGTH, 13);
	assert_int_equal(pthread_create(&writer, NULL, write_word, mem), 0);
	/* The writer hangs until it is let go, and nothing was written. */
	assert_int_equal(poll(&poll_fd, 1, 10000), 1);
	assert_int_equal(read(fd, &msg, sizeof(msg)), sizeof(msg));
	assert_true(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP);
	assert_pattern(mem, LENGTH, 13);
	wp.mode = 0;
	assert_return_code(ioctl(fd, UFFDIO_WRITEPROTECT, &wp), errno);
	assert_int_equal(pthread_join(writer, NULL), 0);
	assert_int_equal(*(uint64_t *)mem, 0x55);
	close(fd);
	unmap(mem, LENGTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_holes),
		TEST(test_mostly_holes),
		TEST(test_private_file),
		TEST(test_private_file_copied),
		TEST(test_shared_file),
		TEST(test_shared_anonymous),
		TEST(test_hugetlb),
		TEST(test_special_mapping),
		TEST(test_stack_and_heap),
		TEST(test_no_access),
		TEST(test_no_access_any_more),
		TEST(test_unreadable),
		TEST(test_unreadable_untouched),
		TEST(test_read_only_small),
		TEST(test_read_only_huge),
		TEST(test_read_only_untouched),
		TEST(test_pinned),
		TEST(test_userfault_missing_small),
		TEST(test_userfault_missing_huge),
		TEST(test_userfault_served),
		TEST(test_userfault_killed),
		TEST(test_userfault_write_protect),
	};

	return RUN("kinds", tests);
}
