// SPDX-License-Identifier: GPL-2.0
/*
 * Advice for an accelerator: memory that is to be there, or to stay in RAM, or to be
 * reached where it is. Ranges are cut and joined, and end with their mapping.
 */
#include <sys/ioctl.h>

#include "common_accel.h"

#define LENGTH		(4 * MIB)

/* As the header says it. */
#define MOST_RANGES	1024

static int advise(int fd, const void *mem, size_t length, uint32_t advice)
{
	struct drm_hmm_p2p_accel_advise advise = {
		.advice = advice,
		.start = address(mem),
		.length = length,
	};

	return ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_ADVISE, &advise) ? -errno : 0;
}

/* ------------------------------------------------------------------ where it goes */

/* In RAM, by each advice that keeps it there, until that is undone. */
static void stays(uint32_t advice, uint32_t undo)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 1);
	uint64_t expected = sum_of(mem, LENGTH);
	struct drm_hmm_p2p_accel_run job;
	int fd = accel_open(0);

	assert_int_equal(advise(fd, mem, LENGTH, advice), 0);
	job = sum(fd, mem, LENGTH);
	assert_true(job.out_result == expected);
	assert_int_equal(job.out_moved, 0);
	assert_int_equal(fill(fd, mem, MIB, 2), 0);
	assert_true(*(uint64_t *)mem == 2);
	assert_int_equal(pages_on(0, mem, LENGTH), 0);
	/* What the device had it faults for again, and it moves. */
	assert_int_equal(advise(fd, mem, LENGTH, undo), 0);
	job = sum(fd, mem, LENGTH);
	assert_int_equal(job.out_moved, LENGTH / page_size);
	assert_int_equal(pages_on(accel_memory(0), mem, LENGTH), LENGTH / page_size);
	assert_int_equal(pattern_diff(mem + MIB, MIB, LENGTH - MIB, 1), -1);
	close(fd);
	unmap(mem, LENGTH);
}

static void test_prefer_system(void **state)
{
	(void)state;
	(void)accel_memory(0);
	stays(HMM_P2P_ACCEL_PREFER_SYSTEM, HMM_P2P_ACCEL_PREFER_ANY);
	stays(HMM_P2P_ACCEL_PREFER_SYSTEM, HMM_P2P_ACCEL_PREFER_DEVICE);
}

static void test_accessed_by(void **state)
{
	(void)state;
	(void)accel_memory(0);
	stays(HMM_P2P_ACCEL_ACCESSED_BY, HMM_P2P_ACCEL_NOT_ACCESSED_BY);
	/* It is to be here, and to be reached: both. */
	stays(HMM_P2P_ACCEL_ACCESSED_BY, HMM_P2P_ACCEL_PREFER_DEVICE);
}

/* The two are independent: what undoes one leaves the other. */
static void test_both(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 3);
	int fd = accel_open(0);

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_SYSTEM), 0);
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_ACCESSED_BY), 0);
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_ANY), 0);
	assert_int_equal(sum(fd, mem, LENGTH).out_moved, 0);
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_SYSTEM), 0);
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_NOT_ACCESSED_BY), 0);
	assert_int_equal(sum(fd, mem, LENGTH).out_moved, 0);
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_ANY), 0);
	assert_int_equal(sum(fd, mem, LENGTH).out_moved, LENGTH / page_size);
	assert_pattern(mem, LENGTH, 3);
	close(fd);
	unmap(mem, LENGTH);
}

/* What is on another device is reached there, or comes here. */
static void test_prefer_device(void **state)
{
	uint32_t here = accel_memory(0), there = accel_memory(1);
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 4);
	uint64_t expected = sum_of(mem, LENGTH);
	struct drm_hmm_p2p_accel_run job;
	int fd = accel_open(0);

	(void)state;
	move_all_to(there, mem, LENGTH);
	job = sum(fd, mem, LENGTH);
	assert_true(job.out_result == expected);
	assert_int_equal(job.out_moved, 0);
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_DEVICE), 0);
	job = sum(fd, mem, LENGTH);
	assert_true(job.out_result == expected);
	assert_int_equal(job.out_moved, LENGTH / page_size);
	assert_int_equal(pages_on(here, mem, LENGTH), LENGTH / page_size);
	assert_pattern(mem, LENGTH, 4);
	close(fd);
	unmap(mem, LENGTH);
}

/* It is the advice for one device: the next one does not know it. */
static void test_other_device(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 5);
	uint64_t expected = sum_of(mem, LENGTH);
	int fd = accel_open(0), other = accel_open(1);

	(void)state;
	(void)accel_memory(1);
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_SYSTEM), 0);
	assert_int_equal(sum(fd, mem, LENGTH).out_moved, 0);
	assert_int_equal(sum(other, mem, LENGTH).out_moved, LENGTH / page_size);
	assert_true(sum(fd, mem, LENGTH).out_result == expected);
	assert_pattern(mem, LENGTH, 5);
	close(fd);
	close(other);
	unmap(mem, LENGTH);
}

/* ------------------------------------------------------------------------- ranges */

#define PAGES		64
#define CHANGES		30

/* What was said about each page, and what it comes to. */
struct page_advice {
	uint32_t prefer;
	uint32_t accessed;
};

static bool is_to_move(const struct page_advice *page)
{
	return page->prefer == HMM_P2P_ACCEL_PREFER_DEVICE ||
	       (page->prefer != HMM_P2P_ACCEL_PREFER_SYSTEM &&
		page->accessed != HMM_P2P_ACCEL_ACCESSED_BY);
}

static void advise_at_random(int fd, uint8_t *mem, struct page_advice *pages, uint64_t *seed)
{
	uint32_t advice = 1 + random_next(seed) % HMM_P2P_ACCEL_NOT_ACCESSED_BY;
	size_t first = random_next(seed) % PAGES, i;
	size_t nr = 1 + random_next(seed) % (PAGES - first);

	assert_int_equal(advise(fd, mem + first * page_size, nr * page_size, advice), 0);
	for (i = first; i < first + nr; i++) {
		if (advice >= HMM_P2P_ACCEL_ACCESSED_BY)
			pages[i].accessed = advice;
		else
			pages[i].prefer = advice;
	}
}

/* Ranges that overlap in every way: each page goes by what was said last about it. */
static void test_overlaps(void **state)
{
	uint8_t *mem = map_pattern(PAGES * page_size, SMALL_PAGES, 6);
	uint64_t expected = sum_of(mem, PAGES * page_size), seed = 1;
	struct page_advice pages[PAGES] = {};
	uint32_t memory = accel_memory(0);
	int fd = accel_open(0);
	size_t i, change;

	(void)state;
	for (change = 0; change < CHANGES; change++) {
		advise_at_random(fd, mem, pages, &seed);
		assert_true(sum(fd, mem, PAGES * page_size).out_result == expected);
		for (i = 0; i < PAGES; i++)
			assert_int_equal(pages_on(memory, mem + i * page_size, page_size),
					 is_to_move(&pages[i]));
		move_to_ram(mem, PAGES * page_size, NULL);
	}
	assert_pattern(mem, PAGES * page_size, 6);
	close(fd);
	unmap(mem, PAGES * page_size);
}

/* Every other page has a range of its own, as long as there may be more. */
static void test_bounded(void **state)
{
	size_t length = 3 * MOST_RANGES * page_size, nr = 0;
	uint8_t *mem = map_memory(length, SMALL_PAGES);
	int fd = accel_open(0), ret;

	(void)state;
	(void)accel_memory(0);
	do {
		ret = advise(fd, mem + 2 * nr * page_size, page_size,
			     HMM_P2P_ACCEL_PREFER_SYSTEM);
	} while (!ret && ++nr);
	assert_int_equal(ret, -ENOSPC);
	assert_int_equal(nr, MOST_RANGES);
	/* Half of it becomes one range, and stays one when parts of it are said again. */
	assert_int_equal(advise(fd, mem, length / 2, HMM_P2P_ACCEL_PREFER_ANY), 0);
	assert_int_equal(advise(fd, mem, length / 2, HMM_P2P_ACCEL_PREFER_SYSTEM), 0);
	for (nr = 0; nr < length / 2 / page_size; nr++)
		assert_int_equal(advise(fd, mem + nr * page_size, page_size,
					HMM_P2P_ACCEL_PREFER_SYSTEM), 0);
	close(fd);
	unmap(mem, length);
}

/* ------------------------------------------------------------- where advice ends */

static void map_again(void *mem, size_t length)
{
	assert_ptr_equal(mmap(mem, length, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), mem);
	memset(mem, 1, length);
}

static void replace(void *mem, size_t length)
{
	assert_int_equal(munmap(mem, length), 0);
	map_again(mem, length);
}

/* What is mapped there again has none; before it and behind it all is as it was. */
static void test_unmapped(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 7);
	uint32_t memory = accel_memory(0);
	int fd = accel_open(0);

	(void)state;
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_SYSTEM), 0);
	assert_int_equal(sum(fd, mem, LENGTH).out_moved, 0);
	replace(mem + MIB, MIB);
	sum(fd, mem, LENGTH);
	assert_int_equal(pages_on(memory, mem, MIB), 0);
	assert_int_equal(pages_on(memory, mem + MIB, MIB), MIB / page_size);
	assert_int_equal(pages_on(memory, mem + 2 * MIB, LENGTH - 2 * MIB), 0);
	close(fd);
	unmap(mem, LENGTH);
}

/* Also where no job has been, so that the device has nothing to lose there. */
static void test_unmapped_untouched(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 8);
	int fd = accel_open(0);

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_SYSTEM), 0);
	replace(mem, LENGTH);
	assert_int_equal(sum(fd, mem, LENGTH).out_moved, LENGTH / page_size);
	close(fd);
	unmap(mem, LENGTH);
}

static void test_moved_mapping(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 9), *to = map_memory(LENGTH, SMALL_PAGES);
	int fd = accel_open(0);

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_SYSTEM), 0);
	assert_ptr_equal(mremap(mem, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
	assert_int_equal(sum(fd, to, LENGTH).out_moved, LENGTH / page_size);
	assert_pattern(to, LENGTH, 9);
	map_again(mem, LENGTH);
	assert_int_equal(sum(fd, mem, LENGTH).out_moved, LENGTH / page_size);
	close(fd);
	unmap(mem, LENGTH);
	unmap(to, LENGTH);
}

/* madvise() and mprotect() leave the mapping, and its advice. */
static void test_outlives(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 10);
	int fd = accel_open(0);

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_SYSTEM), 0);
	assert_int_equal(madvise(mem, LENGTH, MADV_DONTNEED), 0);
	assert_int_equal(mprotect(mem, LENGTH, PROT_READ), 0);
	assert_int_equal(mprotect(mem, LENGTH, PROT_READ | PROT_WRITE), 0);
	pattern_fill(mem, 0, LENGTH, 11);
	assert_int_equal(sum(fd, mem, LENGTH).out_moved, 0);
	assert_pattern(mem, LENGTH, 11);
	close(fd);
	unmap(mem, LENGTH);
}

/* With the last file of the process all of it ends, and not before. */
static void test_closed(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 12);
	int fd = accel_open(0), other = accel_open(0);

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_SYSTEM), 0);
	close(fd);
	assert_int_equal(sum(other, mem, LENGTH).out_moved, 0);
	close(other);
	fd = accel_open(0);
	assert_int_equal(sum(fd, mem, LENGTH).out_moved, LENGTH / page_size);
	close(fd);
	unmap(mem, LENGTH);
}

struct from {
	int fd;
	uint8_t *mem;
};

static int child_has_none(void *arg)
{
	struct from *from = arg;
	struct drm_hmm_p2p_accel_run job;
	int fd = accel_open(0);

	CHECK(advise(from->fd, from->mem, LENGTH, HMM_P2P_ACCEL_PREFER_ANY) == -EPERM);
	/* Its own pages, and no copy-on-write. */
	pattern_fill(from->mem, 0, LENGTH, 13);
	CHECK(try_sum(fd, from->mem, LENGTH, &job) == 0);
	CHECK(job.out_moved == LENGTH / page_size);
	CHECK(pattern_diff(from->mem, 0, LENGTH, 13) == -1);
	return 0;
}

static void test_forked(void **state)
{
	struct from from = {
		.fd = accel_open(0),
		.mem = map_pattern(LENGTH, SMALL_PAGES, 14),
	};

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(advise(from.fd, from.mem, LENGTH, HMM_P2P_ACCEL_PREFER_SYSTEM), 0);
	assert_int_equal(in_child(child_has_none, &from), 0);
	assert_int_equal(sum(from.fd, from.mem, LENGTH).out_moved, 0);
	assert_pattern(from.mem, LENGTH, 14);
	close(from.fd);
	unmap(from.mem, LENGTH);
}

/* ----------------------------------------------------------------- what is refused */

static void test_wrong_advice(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 15);
	const struct drm_hmm_p2p_accel_advise good = {
		.advice = HMM_P2P_ACCEL_PREFER_SYSTEM,
		.start = address(mem),
		.length = LENGTH,
	};
	struct drm_hmm_p2p_accel_advise bad[] = { good, good, good, good, good, good, good };
	int fd = accel_open(0);
	size_t i;

	(void)state;
	(void)accel_memory(0);
	bad[0].advice = 0;
	bad[1].advice = HMM_P2P_ACCEL_NOT_ACCESSED_BY + 1;
	bad[2].flags = 1;
	bad[3].start += 8;
	bad[4].length -= 8;
	bad[5].length = 0;
	bad[6].length = -page_size;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_ADVISE, &bad[i]), -1);
		assert_int_equal(errno, EINVAL);
	}
	unmap(mem + MIB, MIB);
	assert_int_equal(advise(fd, mem, LENGTH, HMM_P2P_ACCEL_PREFER_SYSTEM), -EFAULT);
	assert_int_equal(advise(fd, mem + MIB, MIB, HMM_P2P_ACCEL_PREFER_SYSTEM), -EFAULT);
	assert_int_equal(advise(fd, (void *)(1UL << 50), MIB, HMM_P2P_ACCEL_PREFER_SYSTEM),
			 -EFAULT);
	/* Nothing of that was taken for said. */
	assert_int_equal(sum(fd, mem, MIB).out_moved, MIB / page_size);
	assert_pattern(mem, MIB, 15);
	close(fd);
	unmap(mem, MIB);
	unmap(mem + 2 * MIB, LENGTH - 2 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_prefer_system),
		TEST(test_accessed_by),
		TEST(test_both),
		TEST(test_prefer_device),
		TEST(test_other_device),
		TEST(test_overlaps),
		TEST(test_bounded),
		TEST(test_unmapped),
		TEST(test_unmapped_untouched),
		TEST(test_moved_mapping),
		TEST(test_outlives),
		TEST(test_closed),
		TEST(test_forked),
		TEST(test_wrong_advice),
	};

	return RUN("accel_advice", tests);
}
