/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest's tests share.
 *
 * Two kinds of checks: cmocka's assertions, which leave the test by a long jump
 * and are for the test's own thread only; and CHECK(), for threads and children,
 * which says what was wrong and makes the function return 1.
 *
 * Each TEST() is wrapped: when it has ended, every device holds as many bytes
 * as before it. A page that leaks fails the test that leaked it.
 */
#ifndef GUEST_COMMON_H
#define GUEST_COMMON_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <hmm_p2p.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MIB		(1UL << 20)
#define MAX_DEVICES	16

/* Set by suite_setup(). */
extern struct hmm_p2p *ctx;
extern size_t page_size;
extern size_t huge_size;

int suite_setup(void **state);
int suite_teardown(void **state);
int test_setup(void **state);
int test_teardown(void **state);

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, test_setup, test_teardown)
#define RUN(name, tests) \
	cmocka_run_group_tests_name(name, tests, suite_setup, suite_teardown)

/* Leaves the test: this machine lacks what it needs. */
#define SKIP(...)						\
	do {							\
		fprintf(stderr, "# skipped: " __VA_ARGS__);	\
		fputc('\n', stderr);				\
		skip_here();					\
	} while (0)

void skip_here(void);

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "# %s:%d: not true: %s (errno %d)\n", \
				__FILE__, __LINE__, #cond, errno);	\
			return 1;					\
		}							\
	} while (0)

/* For helpers that a test and its children call: fails the test, or the child. */
#define REQUIRE(cond)							\
	do {								\
		if (!(cond))						\
			require_failed(__FILE__, __LINE__, #cond);	\
	} while (0)

void require_failed(const char *file, int line, const char *what);

/* ------------------------------------------------------------------ pattern */

/* A different 64-bit word at every offset and for every seed below 2^24. */
uint64_t pattern_word(uint64_t offset, uint64_t seed);

/* @offset: of @mem in the whole that has the pattern; a multiple of 8 */
void pattern_fill(void *mem, uint64_t offset, size_t length, uint64_t seed);

/* Return: -1 when all is right, else the offset in @mem of the first bad byte. */
ssize_t pattern_diff(const void *mem, uint64_t offset, size_t length,
		     uint64_t seed);

/* As pattern_diff(), for memory that has to be all zero. */
ssize_t zero_diff(const void *mem, size_t length);

#define assert_pattern(mem, length, seed) \
	assert_int_equal(pattern_diff(mem, 0, length, seed), -1)
#define assert_zero(mem, length) assert_int_equal(zero_diff(mem, length), -1)

/* ------------------------------------------------------------------- memory */

enum paging { SMALL_PAGES, HUGE_PAGES };

/*
 * Private anonymous memory, not touched, aligned to a huge page. What a test
 * leaves behind of it, because it failed, is unmapped for it.
 */
uint8_t *map_memory(size_t length, enum paging paging);

/* The same with the pattern in it; huge pages are there, or the test skips. */
uint8_t *map_pattern(size_t length, enum paging paging, uint64_t seed);

/* All of what map_memory() gave, or a part of it. */
void unmap(void *mem, size_t length);

/* The test has unmapped or moved it by other means. */
void forget(void *mem, size_t length);
void unmap_leftovers(void);

/* How many pages of the range the page table has in category PAGE_IS_*. */
size_t count_pages(const void *mem, size_t length, uint64_t category);

/* ------------------------------------------------------------------ devices */

size_t device_list(struct hmm_p2p_device_info infos[MAX_DEVICES]);
bool is_exporter(const struct hmm_p2p_device_info *info);
bool is_importer(const struct hmm_p2p_device_info *info);

/* edu takes 200 ms for a page. */
bool is_slow(const struct hmm_p2p_device_info *info);

/* The exporter with the most memory; skips when there is none with @room. */
struct hmm_p2p_device_info largest_exporter(uint64_t room);

/* The exporter with the least memory. */
struct hmm_p2p_device_info smallest_exporter(void);

/* Another exporter than @not, or skip. */
struct hmm_p2p_device_info other_exporter(uint32_t not);

/*
 * An importer, not slow unless nothing else fits, that gets @outcome from
 * exporter @id. Return: false when there is none.
 */
bool find_importer(uint32_t id, enum hmm_p2p_outcome outcome,
		   struct hmm_p2p_device_info *importer);

/* An importer of any kind that is quick, or skip. */
struct hmm_p2p_device_info any_importer(void);

uint64_t used_bytes(uint32_t id);

/* @driver: of PCI devices. Return: 0 or -errno. A device that is bound again has another number. */
int driver_unbind(const char *driver, const struct hmm_p2p_device_info *info);
int driver_bind(const char *driver, const struct hmm_p2p_device_info *info);

/* QEMU's name for a PCI function. Return: false when its monitor cannot be asked. */
bool qemu_id(const char *bdf, char *id, size_t size);

struct hmm_p2p_stat stat_now(uint32_t id);
uint64_t stat_delta(uint32_t id, const struct hmm_p2p_stat *before,
		    enum hmm_p2p_counter counter);

/* ---------------------------------------------------------------- migration */

/* What was moved, was there, and stayed behind. */
uint64_t migrate_sum(const struct hmm_p2p_migrate *result);
uint64_t reasons_sum(const __u64 reasons[HMM_P2P_REASON_SLOTS]);

/* Both succeed, and account for every page. @result may be NULL. */
void move_to(uint32_t device, const void *mem, size_t length,
	     struct hmm_p2p_migrate *result);
void move_to_ram(const void *mem, size_t length, struct hmm_p2p_migrate *result);

/* move_to() with HMM_P2P_MIGRATE_POPULATE. */
void populate_to(uint32_t device, const void *mem, size_t length,
		 struct hmm_p2p_migrate *result);

/* move_to() and populate_to() where every page has to move. */
void move_all_to(uint32_t device, const void *mem, size_t length);
void populate_all_to(uint32_t device, const void *mem, size_t length);

/* Pages of the range that are on @device; on any device when that is 0. */
size_t pages_on(uint32_t device, const void *mem, size_t length);

/* ------------------------------------------------------------------- access */

/**
 * struct reached - what an importer got, page by page
 * @result: the totals
 * @outcomes: a byte per page
 * @pages: how many
 */
struct reached {
	struct hmm_p2p_access result;
	uint8_t *outcomes;
	size_t pages;
};

/*
 * The importer faults the range and, unless @data is NULL, reads it to @data or
 * writes @data to it. Succeeds, and the totals agree with the pages.
 */
struct reached reach(uint32_t importer, const void *mem, size_t length, void *data,
		     uint32_t flags);
void reached_free(struct reached *reached);

/* Pages with @outcome and, if it is not none, @reason. */
size_t reached_count(const struct reached *reached, enum hmm_p2p_outcome outcome,
		     enum hmm_p2p_reason reason);

/* ------------------------------------------------------------ other processes */

typedef int (*child_fn)(void *arg);

/*
 * Runs fn(arg) in a child. Return: what it returned, or -signal. The child must
 * use CHECK() and no assertion.
 */
int in_child(child_fn fn, void *arg);

/* The two halves of in_child(). */
pid_t child_start(child_fn fn, void *arg);
int child_wait(pid_t pid);

/* Whether the child ends within that time; child_wait() has to follow. */
bool child_ends(pid_t pid, unsigned int seconds);

/* Where a thread waits in the kernel, if it does; until the next call. */
const char *stack_of(pid_t pid, pid_t tid);

/* Two processes take turns: a pipe each way, a byte is a turn. */
struct turns {
	int to_child[2];
	int to_parent[2];
	bool child;
};

void turns_init(struct turns *turns);
void turns_fini(struct turns *turns);

/* Once on each side, after the fork: a side that dies does not hang the other. */
void turns_side(struct turns *turns, bool child);
int turn_give(struct turns *turns);
int turn_await(struct turns *turns);

/* -------------------------------------------------------------------- others */

uint64_t random_next(uint64_t *state);

/* Seconds that a test may hammer: from the environment, longer on debug. */
unsigned int hammer_seconds(const char *variable, unsigned int normal,
			    unsigned int debug);
double seconds_now(void);

/* Return: 0 or -errno; the whole text must be written. */
int write_file(const char *path, const char *text);

/* The kernel's log from now on. */
int log_open(void);

/* Whether it has said @text since log_open(), or since this was asked last. */
bool log_says(int fd, const char *text);

/* Returns when it says @text. */
void log_await(int fd, const char *text);

/*
 * So many percent of the huge pages that the system is asked for are refused from now
 * on: what comes home then comes in pieces. Return: false when this kernel injects no
 * failures.
 */
bool shortage_begin(const char *percent);
void shortage_end(void);

/*
 * Each CPU has pages in lists, on their way to the LRU or within it, with a reference.
 * Such a page neither moves nor goes to swap, until the list is full or this is called.
 */
void lru_drain(void);

#endif /* GUEST_COMMON_H */
