// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that nobody touched stays so: a move takes the pages that are there, and
 * populates nothing, neither in RAM nor on the device.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sys/stat.h>

#include "common.h"

/* More than the guest has RAM, and far more than the device has. */
#define SPARSE		(3UL << 30)
#define PIECES		5
#define PIECE		(2 * MIB)
#define TOUCHED		(PIECES * PIECE)

/* A line such as "RssAnon:   123 kB" of /proc/PID/status, in bytes. */
static uint64_t status_bytes(pid_t pid, const char *key)
{
	char path[64], line[256];
	uint64_t kib = UINT64_MAX / 1024;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	REQUIRE(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			kib = strtoull(line + strlen(key) + 1, NULL, 10);
	fclose(file);
	REQUIRE(kib < UINT64_MAX / 1024);
	return kib * 1024;
}

/* ------------------------------------------------------------ far too large */

static uint8_t *map_sparse(enum paging paging)
{
	uint8_t *mem = mmap(NULL, SPARSE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	assert_int_equal(madvise(mem, SPARSE, paging == HUGE_PAGES ?
				 MADV_HUGEPAGE : MADV_NOHUGEPAGE), 0);
	return mem;
}

/* Huge pages, from the start of the mapping to its end. */
static uint8_t *piece(uint8_t *mem, size_t i)
{
	uintptr_t at = (uintptr_t)mem + (SPARSE - 2 * PIECE) / (PIECES - 1) * i;

	return (uint8_t *)((at + huge_size - 1) & ~(huge_size - 1));
}

static void pieces_check(uint8_t *mem)
{
	size_t i;

	for (i = 0; i < PIECES; i++)
		assert_int_equal(pattern_diff(piece(mem, i), i * PIECE, PIECE, 81), -1);
}

static void sparse(enum paging paging)
{
	uint32_t id = largest_exporter(TOUCHED).out_id;
	uint8_t *mem = map_sparse(paging);
	struct hmm_p2p_stat before;
	struct hmm_p2p_migrate result;
	uint64_t used = used_bytes(id), anon, tables;
	size_t i, touched;
	double start;

	for (i = 0; i < PIECES; i++)
		pattern_fill(piece(mem, i), i * PIECE, PIECE, 81);
	touched = count_pages(mem, SPARSE, PAGE_IS_PRESENT);
	assert_int_equal(touched, TOUCHED / page_size);
	anon = status_bytes(getpid(), "RssAnon");
	tables = status_bytes(getpid(), "VmPTE");
	before = stat_now(id);

	start = seconds_now();
	move_to(id, mem, SPARSE, &result);
	fprintf(stderr, "# 3 GiB with 10 MiB in it, to the device: %.3f s\n",
		seconds_now() - start);
	assert_int_equal(result.out_moved, touched);
	assert_int_equal(result.out_populated, 0);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_UNTOUCHED],
			 SPARSE / page_size - touched);
	assert_int_equal(stat_delta(id, &before, HMM_P2P_COUNTER_TO_DEVICE), touched);
	assert_int_equal(stat_delta(id, &before, HMM_P2P_COUNTER_POPULATED), 0);
	assert_int_equal(used_bytes(id) - used, TOUCHED);
	assert_int_equal(count_pages(mem, SPARSE, PAGE_IS_PRESENT), 0);
	assert_int_equal(status_bytes(getpid(), "VmPTE"), tables);
	/* The buffers of what this test reads and prints. */
	assert_in_range(status_bytes(getpid(), "RssAnon"), 0, anon + 64 * page_size);

	move_to(id, mem, SPARSE, &result);
	assert_int_equal(result.out_already, touched);
	move_to_ram(mem, SPARSE, &result);
	assert_int_equal(result.out_moved, touched);
	assert_int_equal(count_pages(mem, SPARSE, PAGE_IS_PRESENT), touched);
	assert_int_equal(status_bytes(getpid(), "VmPTE"), tables);
	pieces_check(mem);
	assert_int_equal(munmap(mem, SPARSE), 0);
}

static void test_sparse_small(void **state)
{
	(void)state;
	sparse(SMALL_PAGES);
}

static void test_sparse_huge(void **state)
{
	(void)state;
	sparse(HUGE_PAGES);
}

/* Not one page: there is nothing of it, and there comes nothing. */
static void test_empty(void **state)
{
	uint32_t id = largest_exporter(0).out_id;
	uint8_t *mem = map_sparse(HUGE_PAGES);
	uint64_t tables = status_bytes(getpid(), "VmPTE");
	struct hmm_p2p_migrate result;

	(void)state;
	move_to(id, mem, SPARSE, &result);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_UNTOUCHED],
			 SPARSE / page_size);
	assert_int_equal(status_bytes(getpid(), "VmPTE"), tables);
	assert_int_equal(munmap(mem, SPARSE), 0);
}

/* --------------------------------------------------------- to ask where it is */

#define TRACING		"/sys/kernel/tracing/"
#define QUERY_EVENT	TRACING "events/hmm_p2p/hmm_p2p_query/enable"
#define VAST		(1UL << 40)

static void trace_clear(void)
{
	FILE *trace = fopen(TRACING "trace", "we");

	REQUIRE(trace);
	fclose(trace);
}

/* Pages that queries looked at one by one, as the trace has it. */
static uint64_t trace_looked(void)
{
	uint64_t looked = 0, events = 0;
	FILE *trace = fopen(TRACING "trace", "re");
	char line[512], *at;

	REQUIRE(trace);
	while (fgets(line, sizeof(line), trace)) {
		at = strstr(line, "looked=");
		if (!at)
			continue;
		looked += strtoull(at + strlen("looked="), NULL, 10);
		events++;
	}
	fclose(trace);
	REQUIRE(events);
	return looked;
}

/* Pages on @id, and how many pages had to be looked at to know. */
static size_t looked_on(uint32_t id, const uint8_t *mem, size_t length, uint64_t *looked)
{
	size_t pages;

	assert_int_equal(write_file(QUERY_EVENT, "1"), 0);
	trace_clear();
	pages = pages_on(id, mem, length);
	assert_int_equal(write_file(QUERY_EVENT, "0"), 0);
	*looked = trace_looked();
	return pages;
}

static uint8_t *map_vast(int prot)
{
	uint8_t *mem = mmap(NULL, VAST, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			    -1, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	return mem;
}

/* Pages of a terabyte that are asked about; one page table of it is there. */
static void vast(int prot)
{
	uint32_t id = largest_exporter(8 * MIB).out_id;
	uint8_t *mem = map_vast(PROT_READ | PROT_WRITE), *at = mem + VAST / 2 + page_size;
	uint64_t looked;
	double start;

	pattern_fill(at, 0, page_size, 89);
	move_all_to(id, at, page_size);
	assert_int_equal(mprotect(mem, VAST / 2, prot), 0);
	start = seconds_now();
	assert_int_equal(looked_on(id, mem, VAST, &looked), 1);
	fprintf(stderr, "# where is 1 TiB with a page in it: %.3f s\n",
		seconds_now() - start);
	assert_in_range(looked, 1, huge_size / page_size);
	assert_pattern(at, page_size, 89);
	assert_int_equal(munmap(mem, VAST), 0);
}

static void test_vast(void **state)
{
	(void)state;
	vast(PROT_READ | PROT_WRITE);
	vast(PROT_NONE);
}

/* Nothing is there, and then not even a mapping. */
static void test_vast_empty(void **state)
{
	uint32_t id = largest_exporter(0).out_id;
	uint8_t *mem = map_vast(PROT_NONE);
	uint64_t looked;

	(void)state;
	assert_int_equal(looked_on(id, mem, VAST, &looked), 0);
	assert_int_equal(looked, 0);
	assert_int_equal(munmap(mem, VAST), 0);
	assert_int_equal(looked_on(id, mem, VAST, &looked), 0);
	assert_int_equal(looked, 0);
}

/* --------------------------------------------------------------- page by page */

/* Only read: the zero page is not data. */
static void zero_pages(enum paging paging)
{
	uint32_t id = largest_exporter(4 * huge_size).out_id;
	uint8_t *mem = map_memory(2 * huge_size, paging);
	uint64_t used = used_bytes(id);
	struct hmm_p2p_migrate result;

	assert_zero(mem, 2 * huge_size);
	move_to(id, mem, 2 * huge_size, &result);
	assert_int_equal(result.out_moved, 0);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_UNTOUCHED],
			 2 * huge_size / page_size);
	assert_int_equal(used_bytes(id), used);
	assert_zero(mem, 2 * huge_size);
	pattern_fill(mem, 0, 2 * huge_size, 82);
	move_all_to(id, mem, 2 * huge_size);
	assert_pattern(mem, 2 * huge_size, 82);
	unmap(mem, 2 * huge_size);
}

static void test_zero_pages_small(void **state)
{
	(void)state;
	zero_pages(SMALL_PAGES);
}

static void test_zero_pages_huge(void **state)
{
	(void)state;
	zero_pages(HUGE_PAGES);
}

/* Written, read, not touched and on another device, in turn. */
static void test_in_turn(void **state)
{
	uint32_t id = largest_exporter(huge_size).out_id;
	uint32_t other = other_exporter(id).out_id;
	uint8_t *mem = map_memory(huge_size, SMALL_PAGES);
	size_t pages = huge_size / page_size, i;
	struct hmm_p2p_migrate result;

	(void)state;
	for (i = 0; i < pages; i++) {
		uint8_t *at = mem + i * page_size;

		if (i % 4 == 1)
			assert_zero(at, page_size);
		else if (i % 4 != 2)
			pattern_fill(at, i * page_size, page_size, 83);
		if (i % 4 == 3)
			move_all_to(other, at, page_size);
	}
	move_to(id, mem, huge_size, &result);
	assert_int_equal(result.out_moved, pages / 2);
	assert_int_equal(result.out_populated, 0);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_UNTOUCHED], pages / 2);
	assert_int_equal(pages_on(id, mem, huge_size), pages / 2);
	for (i = 0; i < pages; i++)
		assert_int_equal(pages_on(id, mem + i * page_size, page_size),
				 i % 4 == 0 || i % 4 == 3);
	/* Asked to, it takes the rest. */
	populate_to(id, mem, huge_size, &result);
	assert_int_equal(result.out_populated, pages / 2);
	assert_int_equal(result.out_already, pages / 2);
	for (i = 0; i < pages; i++)
		if (i % 4 == 0 || i % 4 == 3)
			assert_int_equal(pattern_diff(mem + i * page_size, i * page_size,
						      page_size, 83), -1);
		else
			assert_zero(mem + i * page_size, page_size);
	unmap(mem, huge_size);
}

/* -------------------------------------------------------------------- threads */

#define THREADS		50
#define STACK		(8 * MIB)

static void *idle(void *arg)
{
	pthread_barrier_wait(arg);
	return NULL;
}

static int idle_threads(void *arg)
{
	pthread_t threads[THREADS];
	pthread_barrier_t barrier;
	pthread_attr_t attr;
	size_t i;

	turns_side(arg, true);
	CHECK(!pthread_barrier_init(&barrier, NULL, THREADS + 1));
	CHECK(!pthread_attr_init(&attr));
	CHECK(!pthread_attr_setstacksize(&attr, STACK));
	for (i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], &attr, idle, &barrier));
	CHECK(turn_give(arg) == 0);
	CHECK(turn_await(arg) == 0);
	pthread_barrier_wait(&barrier);
	for (i = 0; i < THREADS; i++)
		CHECK(!pthread_join(threads[i], NULL));
	return 0;
}

static void move_mapping(uint32_t id, const struct hmm_p2p_process *process,
			 uint64_t start, uint64_t end, struct hmm_p2p_migrate *sum)
{
	struct hmm_p2p_migrate result;

	assert_int_equal(hmm_p2p_migrate(ctx, process, id, start, end - start, &result),
			 0);
	assert_int_equal(migrate_sum(&result), (end - start) / page_size);
	sum->out_moved += result.out_moved;
	sum->out_populated += result.out_populated;
	sum->out_reasons[HMM_P2P_REASON_UNTOUCHED] +=
		result.out_reasons[HMM_P2P_REASON_UNTOUCHED];
}

/* All private anonymous memory that can be read, as "hmmp2p migrate PID all". */
static struct hmm_p2p_migrate move_process(uint32_t id, pid_t pid)
{
	struct hmm_p2p_migrate sum = { 0 };
	struct hmm_p2p_process process;
	char path[64], line[512], perms[5];
	uint64_t start, end, inode;
	FILE *maps;
	int fields;

	assert_int_equal(hmm_p2p_process_open(&process, pid, false), 0);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	REQUIRE(maps);
	while (fgets(line, sizeof(line), maps)) {
		fields = sscanf(line, "%lx-%lx %4s %*s %*s %lu", &start, &end, perms,
				&inode);
		assert_int_equal(fields, 4);
		if (!inode && perms[0] == 'r' && perms[3] == 'p' && !strstr(line, "[v"))
			move_mapping(id, &process, start, end, &sum);
	}
	fclose(maps);
	hmm_p2p_process_close(&process);
	return sum;
}

/* Since the fork, the child and its parent share pages. */
static void all_home(void)
{
	uint64_t end = (1UL << 47) - page_size;

	move_to_ram((void *)page_size, end - page_size, NULL);
}

static void test_idle_threads(void **state)
{
	uint32_t id = largest_exporter(64 * MIB).out_id;
	struct hmm_p2p_migrate sum;
	struct turns turns;
	uint64_t anon;
	pid_t pid;

	(void)state;
	turns_init(&turns);
	pid = child_start(idle_threads, &turns);
	turns_side(&turns, false);
	assert_int_equal(turn_await(&turns), 0);
	anon = status_bytes(pid, "RssAnon");
	sum = move_process(id, pid);
	assert_in_range(sum.out_moved, THREADS, 64 * MIB / page_size);
	assert_int_equal(sum.out_populated, 0);
	assert_in_range(sum.out_reasons[HMM_P2P_REASON_UNTOUCHED],
			THREADS * (STACK / 2) / page_size, SIZE_MAX);
	/* It may not have come to where it waits before. */
	assert_in_range(status_bytes(pid, "RssAnon"), 0, anon + 16 * page_size);
	assert_int_equal(turn_give(&turns), 0);
	assert_int_equal(child_wait(pid), 0);
	turns_fini(&turns);
	all_home();
}

/* ---------------------------------------------------------------------- files */

#define FILE_LENGTH	(64 * MIB)
#define WRITTEN		3

/* Pages that the file has: tmpfs makes one for whoever reads it. */
static uint64_t file_pages(int fd)
{
	struct stat st;

	assert_return_code(fstat(fd, &st), errno);
	return (uint64_t)st.st_blocks * 512 / page_size;
}

/* At the start, in the middle of page tables, and at the end. */
static size_t written_at(size_t i)
{
	return (FILE_LENGTH - page_size) / (WRITTEN - 1) * i & ~(page_size - 1);
}

/* A private mapping of a file, with some pages written: the rest is not read. */
static void test_private_file(void **state)
{
	uint32_t id = largest_exporter(FILE_LENGTH).out_id, other = other_exporter(id).out_id;
	int fd = memfd_create("sparse", MFD_CLOEXEC);
	struct hmm_p2p_migrate result;
	uint64_t pages;
	uint8_t *mem;
	size_t i;

	(void)state;
	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, FILE_LENGTH), errno);
	mem = mmap(NULL, FILE_LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	/* Nothing of it is the process's own yet. */
	move_to(id, mem, FILE_LENGTH, &result);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_NOT_ANON],
			 FILE_LENGTH / page_size);
	assert_int_equal(file_pages(fd), 0);
	for (i = 0; i < WRITTEN; i++)
		pattern_fill(mem + written_at(i), 0, page_size, 84 + i);
	pages = file_pages(fd);
	/* From RAM, and then from the other device. */
	move_to(other, mem, FILE_LENGTH, &result);
	assert_int_equal(result.out_moved, WRITTEN);
	move_to(id, mem, FILE_LENGTH, &result);
	assert_int_equal(result.out_moved, WRITTEN);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_NOT_ANON],
			 FILE_LENGTH / page_size - WRITTEN);
	assert_int_equal(pages_on(id, mem, FILE_LENGTH), WRITTEN);
	populate_to(id, mem, FILE_LENGTH, &result);
	assert_int_equal(result.out_already, WRITTEN);
	assert_int_equal(result.out_moved, 0);
	assert_int_equal(file_pages(fd), pages);
	for (i = 0; i < WRITTEN; i++)
		assert_pattern(mem + written_at(i), page_size, 84 + i);
	assert_int_equal(munmap(mem, FILE_LENGTH), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sparse_small),
		TEST(test_sparse_huge),
		TEST(test_empty),
		TEST(test_vast),
		TEST(test_vast_empty),
		TEST(test_zero_pages_small),
		TEST(test_zero_pages_huge),
		TEST(test_in_turn),
		TEST(test_idle_threads),
		TEST(test_private_file),
	};

	return RUN("untouched", tests);
}
