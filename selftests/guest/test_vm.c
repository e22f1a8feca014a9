// SPDX-License-Identifier: GPL-2.0
/*
 * What a process does with its address space while its memory is on a device:
 * fork, protect, move, cut, throw away. Data right, nothing left behind.
 */
#include <linux/fs.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common.h"

#define SMALL_LENGTH	(64 * page_size)
#define BIG_LENGTH	(4 * huge_size)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

/* Each test runs with small pages and with huge ones. */
#define BOTH(name)				\
	static void name##_small(void **state)	\
	{					\
		(void)state;			\
		name(SMALL_PAGES);		\
	}					\
	static void name##_huge(void **state)	\
	{					\
		(void)state;			\
		name(HUGE_PAGES);		\
	}

#define TEST_BOTH(name)	TEST(name##_small), TEST(name##_huge)

static size_t length_of(enum paging paging)
{
	return paging == HUGE_PAGES ? BIG_LENGTH : SMALL_LENGTH;
}

static uint32_t device(void)
{
	return largest_exporter(32 * MIB).out_id;
}

/* Memory with pattern @seed, all on the device. */
static uint8_t *on_device(enum paging paging, uint64_t seed)
{
	uint8_t *mem = map_pattern(length_of(paging), paging, seed);

	move_all_to(device(), mem, length_of(paging));
	return mem;
}

/**
 * struct family - a parent and a child that share memory copy on write
 * @turns: between the two
 * @mem: shared
 * @length: of it
 */
struct family {
	struct turns turns;
	uint8_t *mem;
	size_t length;
};

static void family_start(struct family *family, enum paging paging)
{
	family->length = length_of(paging);
	family->mem = on_device(paging, 1);
	turns_init(&family->turns);
}

static void family_end(struct family *family)
{
	turns_fini(&family->turns);
	unmap(family->mem, family->length);
}

static int child_reads(void *arg)
{
	struct family *family = arg;

	turns_side(&family->turns, true);
	CHECK(turn_await(&family->turns) == 0);
	CHECK(pattern_diff(family->mem, 0, family->length, 1) == -1);
	return 0;
}

static int child_writes(void *arg)
{
	struct family *family = arg;

	turns_side(&family->turns, true);
	pattern_fill(family->mem, 0, family->length, 2);
	CHECK(pattern_diff(family->mem, 0, family->length, 2) == -1);
	CHECK(turn_give(&family->turns) == 0);
	CHECK(turn_await(&family->turns) == 0);
	CHECK(pattern_diff(family->mem, 0, family->length, 2) == -1);
	return 0;
}

static void fork_parent_writes(enum paging paging)
{
	struct family family;
	pid_t pid;

	family_start(&family, paging);
	pid = child_start(child_reads, &family);
	turns_side(&family.turns, false);
	pattern_fill(family.mem, 0, family.length, 3);
	assert_int_equal(turn_give(&family.turns), 0);
	assert_int_equal(child_wait(pid), 0);
	assert_pattern(family.mem, family.length, 3);
	family_end(&family);
}
BOTH(fork_parent_writes)

static void fork_child_writes(enum paging paging)
{
	struct family family;
	pid_t pid;

	family_start(&family, paging);
	pid = child_start(child_writes, &family);
	turns_side(&family.turns, false);
	assert_int_equal(turn_await(&family.turns), 0);
	assert_pattern(family.mem, family.length, 1);
	pattern_fill(family.mem, 0, family.length, 3);
	assert_int_equal(turn_give(&family.turns), 0);
	assert_int_equal(child_wait(pid), 0);
	assert_pattern(family.mem, family.length, 3);
	family_end(&family);
}
BOTH(fork_child_writes)

static int child_exits(void *arg)
{
	(void)arg;
	return 0;
}

/* The pages are the parent's alone again, and still on the device. */
static void fork_child_exits(enum paging paging)
{
	struct family family;

	family_start(&family, paging);
	assert_int_equal(in_child(child_exits, NULL), 0);
	assert_int_equal(pages_on(device(), family.mem, family.length),
			 family.length / page_size);
	pattern_fill(family.mem, 0, family.length / 2, 1);
	assert_pattern(family.mem, family.length, 1);
	family_end(&family);
}
BOTH(fork_child_exits)

/* Shared pages move too, whoever asks: both find their data. */
static int child_migrates(void *arg)
{
	struct family *family = arg;
	uint32_t id = device();

	turns_side(&family->turns, true);
	CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)family->mem,
				     family->length, NULL) == 0);
	CHECK(pattern_diff(family->mem, 0, family->length, 1) == -1);
	CHECK(hmm_p2p_migrate(ctx, NULL, id, (uintptr_t)family->mem,
			      family->length, NULL) == 0);
	CHECK(turn_give(&family->turns) == 0);
	CHECK(turn_await(&family->turns) == 0);
	CHECK(pattern_diff(family->mem, 0, family->length, 1) == -1);
	return 0;
}

static void fork_both_migrate(enum paging paging)
{
	struct family family;
	pid_t pid;

	family_start(&family, paging);
	pid = child_start(child_migrates, &family);
	turns_side(&family.turns, false);
	assert_int_equal(turn_await(&family.turns), 0);
	move_to(device(), family.mem, family.length, NULL);
	move_to_ram(family.mem, family.length, NULL);
	assert_pattern(family.mem, family.length, 1);
	pattern_fill(family.mem, 0, family.length, 3);
	move_to(device(), family.mem, family.length, NULL);
	assert_int_equal(turn_give(&family.turns), 0);
	assert_int_equal(child_wait(pid), 0);
	assert_pattern(family.mem, family.length, 3);
	family_end(&family);
}
BOTH(fork_both_migrate)

/* Memory in RAM that a child shares goes to the device, and stays shared. */
static void fork_then_migrate(enum paging paging)
{
	struct family family = { .length = length_of(paging) };
	pid_t pid;

	family.mem = map_pattern(family.length, paging, 1);
	turns_init(&family.turns);
	pid = child_start(child_reads, &family);
	turns_side(&family.turns, false);
	move_to(device(), family.mem, family.length, NULL);
	pattern_fill(family.mem, 0, family.length, 3);
	move_to(device(), family.mem, family.length, NULL);
	assert_int_equal(turn_give(&family.turns), 0);
	assert_int_equal(child_wait(pid), 0);
	assert_pattern(family.mem, family.length, 3);
	family_end(&family);
}
BOTH(fork_then_migrate)

static int write_first(void *arg)
{
	*(volatile uint8_t *)arg = 1;
	return 0;
}

static int read_first(void *arg)
{
	return *(volatile uint8_t *)arg & 0;
}

static void protect(enum paging paging)
{
	size_t length = length_of(paging), half = length / 2;
	uint8_t *mem = on_device(paging, 4);

	assert_int_equal(mprotect(mem, half, PROT_READ), 0);
	assert_int_equal(pages_on(0, mem, length), length / page_size);
	assert_int_equal(in_child(write_first, mem), -SIGSEGV);
	assert_int_equal(in_child(read_first, mem), 0);
	assert_int_equal(mprotect(mem, half, PROT_NONE), 0);
	assert_int_equal(in_child(read_first, mem), -SIGSEGV);
	assert_int_equal(mprotect(mem, half, PROT_READ | PROT_WRITE), 0);
	assert_pattern(mem, length, 4);
	pattern_fill(mem, 0, length, 5);
	assert_pattern(mem, length, 5);
	unmap(mem, length);
}
BOTH(protect)

/* One page in the middle, which splits a huge page. */
static void protect_one_page(enum paging paging)
{
	size_t length = length_of(paging), at = length / 2 + page_size;
	uint8_t *mem = on_device(paging, 6);

	assert_int_equal(mprotect(mem + at, page_size, PROT_READ), 0);
	assert_int_equal(pages_on(0, mem, length), length / page_size);
	assert_int_equal(in_child(write_first, mem + at), -SIGSEGV);
	assert_int_equal(in_child(write_first, mem + at + page_size), 0);
	assert_pattern(mem, length, 6);
	unmap(mem, length);
}
BOTH(protect_one_page)

static uint8_t *remap(uint8_t *mem, size_t length, uint8_t *to)
{
	uint8_t *now;

	forget(to, length);
	now = mremap(mem, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	assert_ptr_equal(now, to);
	forget(mem, length);
	return now;
}

static void move_mapping(enum paging paging)
{
	size_t length = length_of(paging);
	uint8_t *mem = on_device(paging, 7);
	uint8_t *to = map_memory(length, paging);

	remap(mem, length, to);
	assert_int_equal(pages_on(device(), to, length), length / page_size);
	assert_pattern(to, length, 7);
	move_all_to(device(), to, length);
	assert_pattern(to, length, 7);
	assert_int_equal(munmap(to, length), 0);
}
BOTH(move_mapping)

/* A part that begins and ends in the middle of huge pages, to anywhere. */
static void move_part_of_mapping(enum paging paging)
{
	size_t length = length_of(paging), at = length / 8 + page_size;
	size_t part = length / 2;
	uint8_t *mem = on_device(paging, 8);
	uint8_t *to = map_memory(length, paging);

	assert_int_equal(munmap(to, length), 0);
	forget(to, length);
	to += 3 * page_size;
	assert_ptr_equal(mremap(mem + at, part, part,
				MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
	assert_int_equal(pages_on(0, to, part), part / page_size);
	assert_int_equal(pages_on(0, mem, at), at / page_size);
	assert_int_equal(pattern_diff(to, at, part, 8), -1);
	assert_pattern(mem, at, 8);
	assert_int_equal(pattern_diff(mem + at + part, at + part,
				      length - at - part, 8), -1);
	assert_int_equal(munmap(to, part), 0);
	unmap(mem, length);
}
BOTH(move_part_of_mapping)

/* A page out of the middle, then the rest, piece by piece. */
static void unmap_part(enum paging paging)
{
	size_t length = length_of(paging), at = length / 2 + 5 * page_size;
	uint32_t id = device();
	uint64_t used = used_bytes(id);
	uint8_t *mem = on_device(paging, 9);

	unmap(mem + at, page_size);
	assert_int_equal(pages_on(id, mem, length), length / page_size - 1);
	/* A huge page gives the memory back as a whole or page by page. */
	assert_in_range(used_bytes(id) - used, length - page_size, length);
	unmap(mem, length / 4);
	assert_int_equal(pattern_diff(mem + length / 4, length / 4,
				      at - length / 4, 9), -1);
	assert_int_equal(pattern_diff(mem + at + page_size, at + page_size,
				      length - at - page_size, 9), -1);
	unmap(mem + length / 4, length - length / 4);
	assert_int_equal(used_bytes(id), used);
}
BOTH(unmap_part)

static void dont_need(enum paging paging)
{
	size_t length = length_of(paging);
	uint32_t id = device();
	uint64_t used = used_bytes(id);
	uint8_t *mem = on_device(paging, 10);

	assert_int_equal(madvise(mem, length / 2 + page_size, MADV_DONTNEED), 0);
	assert_int_equal(pages_on(id, mem, length / 2 + page_size), 0);
	assert_zero(mem, length / 2 + page_size);
	assert_int_equal(pattern_diff(mem + length / 2 + page_size,
				      length / 2 + page_size,
				      length / 2 - page_size, 10), -1);
	assert_int_equal(used_bytes(id), used);
	unmap(mem, length);
}
BOTH(dont_need)

/* Free when short of memory: each page has its bytes, or is zero. */
static void lazy_free(enum paging paging)
{
	size_t length = length_of(paging), at;
	uint8_t *mem = on_device(paging, 11);

	assert_int_equal(madvise(mem, length / 2, MADV_FREE), 0);
	for (at = 0; at < length / 2; at += page_size)
		if (*(volatile uint64_t *)(mem + at))
			assert_int_equal(pattern_diff(mem + at, at, page_size, 11),
					 -1);
		else
			assert_zero(mem + at, page_size);
	assert_int_equal(pattern_diff(mem + length / 2, length / 2, length / 2, 11),
			 -1);
	unmap(mem, length);
}
BOTH(lazy_free)

/* Small pages on the device are asked to become a huge page. */
static void collapse(enum paging paging)
{
	size_t length = BIG_LENGTH;
	uint8_t *mem = map_pattern(length, paging, 12);

	assert_int_equal(madvise(mem, length, MADV_HUGEPAGE), 0);
	move_all_to(device(), mem, length);
	/* Whether it works is the kernel's business; the data is ours. */
	madvise(mem, length, MADV_COLLAPSE);
	assert_pattern(mem, length, 12);
	move_all_to(device(), mem, length / 2);
	madvise(mem, length, MADV_COLLAPSE);
	assert_pattern(mem, length, 12);
	unmap(mem, length);
}
BOTH(collapse)

/* Locked memory goes to the device when asked, and stays locked. */
static void lock(enum paging paging)
{
	size_t length = length_of(paging);
	uint8_t *mem = on_device(paging, 13);

	assert_int_equal(mlock(mem, length), 0);
	assert_pattern(mem, length, 13);
	move_to(device(), mem, length, NULL);
	assert_pattern(mem, length, 13);
	assert_int_equal(munlock(mem, length), 0);
	move_all_to(device(), mem, length);
	assert_pattern(mem, length, 13);
	unmap(mem, length);
}
BOTH(lock)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(fork_parent_writes),
		TEST_BOTH(fork_child_writes),
		TEST_BOTH(fork_child_exits),
		TEST_BOTH(fork_both_migrate),
		TEST_BOTH(fork_then_migrate),
		TEST_BOTH(protect),
		TEST_BOTH(protect_one_page),
		TEST_BOTH(move_mapping),
		TEST_BOTH(move_part_of_mapping),
		TEST_BOTH(unmap_part),
		TEST_BOTH(dont_need),
		TEST_BOTH(lazy_free),
		TEST_BOTH(collapse),
		TEST_BOTH(lock),
	};

	return RUN("vm", tests);
}
