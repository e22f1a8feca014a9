// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that ksmd merges: merged pages stay in RAM, with their reason, and ksmd
 * never meets a page that has gone to a device.
 */
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <signal.h>
#include <unistd.h>

#include "common.h"

#define KSM		"/sys/kernel/mm/ksm/"
#define LENGTH		(2 * MIB)
#define CONTENTS	4
#define WAIT_SECONDS	120
/* of an entry of /proc/PID/pagemap */
#define PAGEMAP_PRESENT	(1ULL << 63)
#define PAGEMAP_PFN	((1ULL << 55) - 1)

static bool have_ksm;

static int ksm_setup(void **state)
{
	have_ksm = !write_file(KSM "sleep_millisecs", "1") &&
		   !write_file(KSM "pages_to_scan", "2000") &&
		   !write_file(KSM "run", "1");
	return suite_setup(state);
}

/* 2: everything is taken apart again. */
static int ksm_teardown(void **state)
{
	int bad = have_ksm && (write_file(KSM "run", "2") || write_file(KSM "run", "0"));

	return suite_teardown(state) || bad ? -1 : 0;
}

static void need_ksm(void)
{
	if (!have_ksm)
		SKIP("this kernel has no KSM");
	/* A test that failed may have left it resting. */
	assert_int_equal(write_file(KSM "run", "1"), 0);
}

/* Pages of which there are CONTENTS different ones. */
static void fill_alike(uint8_t *mem, size_t length, uint64_t seed)
{
	size_t at;

	for (at = 0; at < length; at += page_size)
		pattern_fill(mem + at, at % (CONTENTS * page_size), page_size, seed);
}

static int alike_is_right(const uint8_t *mem, size_t length, uint64_t seed)
{
	size_t at;

	for (at = 0; at < length; at += page_size)
		CHECK(pattern_diff(mem + at, at % (CONTENTS * page_size), page_size,
				   seed) == -1);
	return 0;
}

static uint64_t read_entry(int fd, uint64_t index)
{
	uint64_t entry;

	REQUIRE(pread(fd, &entry, 8, (off_t)(index * 8)) == 8);
	return entry;
}

/*
 * Page by page: ksm_merging_pages of the process also counts what it has unmapped and
 * ksmd has not looked at again, and a child may inherit that count (seen on 7.2.12).
 */
static bool all_merged(const uint8_t *mem, size_t length)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	bool merged = true;
	uint64_t entry;
	size_t at;

	REQUIRE(pagemap >= 0 && flags >= 0);
	for (at = 0; at < length && merged; at += page_size) {
		entry = read_entry(pagemap, (uintptr_t)(mem + at) / page_size);
		merged = entry & PAGEMAP_PRESENT &&
			 read_entry(flags, entry & PAGEMAP_PFN) & 1ULL << KPF_KSM;
	}
	close(flags);
	close(pagemap);
	return merged;
}

static int wait_merged(const uint8_t *mem, size_t length)
{
	double end = seconds_now() + WAIT_SECONDS;

	while (!all_merged(mem, length)) {
		CHECK(seconds_now() < end);
		usleep(10000);
	}
	return 0;
}

static uint8_t *map_merged(uint64_t seed)
{
	uint8_t *mem = map_memory(LENGTH, SMALL_PAGES);

	need_ksm();
	fill_alike(mem, LENGTH, seed);
	assert_int_equal(madvise(mem, LENGTH, MADV_MERGEABLE), 0);
	assert_int_equal(wait_merged(mem, LENGTH), 0);
	return mem;
}

static void test_merged_stay(void **state)
{
	uint8_t *mem = map_merged(1);
	uint32_t id = largest_exporter(LENGTH).out_id;
	struct hmm_p2p_migrate result;

	(void)state;
	move_to(id, mem, LENGTH, &result);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_KSM], LENGTH / page_size);
	assert_int_equal(alike_is_right(mem, LENGTH, 1), 0);
	unmap(mem, LENGTH);
}

/*
 * Merged pages and others in turn, of which some are on the device before: each is
 * accounted for once (move_to() adds up).
 */
static void test_in_turn(void **state)
{
	uint8_t *mem = map_merged(5);
	uint32_t id = largest_exporter(LENGTH).out_id;
	struct hmm_p2p_migrate result;
	size_t at, pages = LENGTH / page_size;

	(void)state;
	/* What is merged stays so, and nobody holds a page to look at it. */
	assert_int_equal(write_file(KSM "run", "0"), 0);
	for (at = 0; at < LENGTH; at += 2 * page_size)
		pattern_fill(mem + at, at, page_size, 6);
	for (at = 2 * page_size; at < LENGTH; at += 4 * page_size)
		move_all_to(id, mem + at, page_size);
	move_to(id, mem, LENGTH, &result);
	assert_int_equal(result.out_already, pages / 4);
	assert_int_equal(result.out_moved, pages / 4);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_KSM], pages / 2);
	for (at = 0; at < LENGTH; at += 2 * page_size)
		assert_int_equal(pattern_diff(mem + at, at, page_size, 6), -1);
	unmap(mem, LENGTH);
}

/* A page that is written to is the process's own again, and moves. */
static void test_unmerged_move(void **state)
{
	uint8_t *mem = map_merged(2);
	uint32_t id = largest_exporter(LENGTH).out_id;
	struct hmm_p2p_migrate result;

	(void)state;
	assert_int_equal(madvise(mem, LENGTH, MADV_UNMERGEABLE), 0);
	move_to(id, mem, LENGTH, &result);
	assert_int_equal(result.out_moved, LENGTH / page_size);
	assert_int_equal(alike_is_right(mem, LENGTH, 2), 0);
	unmap(mem, LENGTH);
}

/* An importer reads what is merged, and writes to pages of the process's own. */
static void test_importer(void **state)
{
	uint8_t *mem = map_merged(3), *data = map_memory(LENGTH, SMALL_PAGES);
	struct hmm_p2p_device_info importer = any_importer();
	struct reached reached;

	(void)state;
	reached = reach(importer.out_id, mem, LENGTH, data, 0);
	assert_int_equal(alike_is_right(data, LENGTH, 3), 0);
	reached_free(&reached);
	pattern_fill(data, 0, LENGTH / 2, 4);
	reached = reach(importer.out_id, mem, LENGTH / 2, data, HMM_P2P_ACCESS_WRITE);
	reached_free(&reached);
	assert_pattern(mem, LENGTH / 2, 4);
	assert_int_equal(alike_is_right(mem + LENGTH / 2, LENGTH / 2, 3), 0);
	unmap(data, LENGTH);
	unmap(mem, LENGTH);
}

struct storm {
	uint32_t id;
	unsigned int seconds;
	bool forks;
};

static int forked(void *arg)
{
	const uint8_t *mem = arg;

	return alike_is_right(mem, LENGTH / 2, 9);
}

/* ksmd goes on: what is merged and what is not changes all the time. */
static int storm(void *arg)
{
	const struct storm *storm = arg;
	double end = seconds_now() + storm->seconds;
	uint8_t *mem = map_memory(LENGTH, SMALL_PAGES);
	uint64_t random = 88172645463325252ULL;
	unsigned long moved = 0, merged = 0;
	struct hmm_p2p_migrate result;
	size_t at;

	fill_alike(mem, LENGTH, 9);
	CHECK(madvise(mem, LENGTH, MADV_MERGEABLE) == 0);
	while (seconds_now() < end || !moved || !merged) {
		at = random_next(&random) % (LENGTH / page_size) * page_size;
		/* a page of its own, with the content that it had */
		fill_alike(mem + at / (CONTENTS * page_size) * (CONTENTS * page_size),
			   CONTENTS * page_size, 9);
		CHECK(hmm_p2p_migrate(ctx, NULL, storm->id, (uintptr_t)mem, LENGTH,
				      &result) == 0);
		moved += result.out_moved;
		merged += result.out_reasons[HMM_P2P_REASON_KSM];
		if (storm->forks)
			CHECK(in_child(forked, mem) == 0);
		CHECK(alike_is_right(mem, LENGTH, 9) == 0);
	}
	fprintf(stderr, "# %lu pages moved, %lu were merged\n", moved, merged);
	return 0;
}

static void run_storm(bool forks)
{
	struct storm arg = {
		.id = largest_exporter(2 * LENGTH).out_id,
		.seconds = hammer_seconds("HMM_P2P_KSM_SECONDS", 6, 8),
		.forks = forks,
	};
	pid_t other;

	need_ksm();
	other = child_start(storm, &arg);
	assert_int_equal(in_child(storm, &arg), 0);
	assert_int_equal(child_wait(other), 0);
}

static void test_storm(void **state)
{
	(void)state;
	run_storm(false);
}

static void test_storm_and_fork(void **state)
{
	(void)state;
	run_storm(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_merged_stay),
		TEST(test_in_turn),
		TEST(test_unmerged_move),
		TEST(test_importer),
		TEST(test_storm),
		TEST(test_storm_and_fork),
	};

	return cmocka_run_group_tests_name("ksm", tests, ksm_setup, ksm_teardown);
}
