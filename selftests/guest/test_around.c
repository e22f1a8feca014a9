// SPDX-License-Identifier: GPL-2.0
/*
 * Neighbours of a page that the CPU touches come home with it, and no others:
 * how many, up to which limits, and for whom not.
 */
#include <fcntl.h>

#include "common.h"

#define PARAMETER	"/sys/module/hmm_p2p/parameters/fault_around"
#define AROUND		16
#define PAGES		64
#define TOUCHED		21

static int set_around(const char *text)
{
	return write_file(PARAMETER, text);
}

static unsigned int around_now(void)
{
	FILE *f = fopen(PARAMETER, "r");
	unsigned int nr = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &nr), 1);
	fclose(f);
	return nr;
}

static char default_around[16];

static int around_setup(void **state)
{
	int ret = suite_setup(state);

	snprintf(default_around, sizeof(default_around), "%u", around_now());
	return ret ? ret : set_around("16");
}

static int around_teardown(void **state)
{
	int ret = set_around(default_around);

	return suite_teardown(state) || ret;
}

static uint8_t *on_device(uint32_t device, uint64_t seed)
{
	uint8_t *mem = map_pattern(PAGES * page_size, SMALL_PAGES, seed);

	move_all_to(device, mem, PAGES * page_size);
	return mem;
}

static void touch(const uint8_t *mem, size_t page)
{
	*(const volatile uint8_t *)(mem + page * page_size);
}

/* Pages [first, first + nr) are at home and all others are not. */
static void assert_home(const uint8_t *mem, size_t first, size_t nr)
{
	assert_int_equal(pages_on(0, mem, PAGES * page_size), PAGES - nr);
	assert_int_equal(pages_on(0, mem + first * page_size, nr * page_size), 0);
}

static void done(uint8_t *mem, uint64_t seed)
{
	assert_pattern(mem, PAGES * page_size, seed);
	unmap(mem, PAGES * page_size);
}

static void test_window(void **state)
{
	uint32_t id = largest_exporter(4 * MIB).out_id;
	uint8_t *mem = on_device(id, 71);
	struct hmm_p2p_stat before = stat_now(id);

	(void)state;
	touch(mem, TOUCHED);
	assert_home(mem, TOUCHED / AROUND * AROUND, AROUND);
	assert_int_equal(stat_delta(id, &before, HMM_P2P_COUNTER_CPU_FAULT), AROUND);
	assert_int_equal(stat_delta(id, &before, HMM_P2P_COUNTER_PREFETCHED), AROUND - 1);
	done(mem, 71);
}

/* Who goes through memory in order uses what came along, all but the last. */
static void test_used(void **state)
{
	uint32_t id = largest_exporter(4 * MIB).out_id;
	uint64_t most = (PAGES / AROUND - 1) * (AROUND - 1);
	uint8_t *mem = on_device(id, 79);
	struct hmm_p2p_stat before = stat_now(id);
	size_t i;

	(void)state;
	for (i = 0; i < PAGES; i++)
		touch(mem, i);
	assert_int_equal(stat_delta(id, &before, HMM_P2P_COUNTER_PREFETCH_USED), most);
	done(mem, 79);

	mem = on_device(id, 80);
	before = stat_now(id);
	for (i = PAGES; i--; )
		touch(mem, i);
	assert_int_equal(stat_delta(id, &before, HMM_P2P_COUNTER_PREFETCH_USED), most);
	done(mem, 80);
}

/* A touch here and there does not. */
static void test_not_used(void **state)
{
	uint32_t id = largest_exporter(4 * MIB).out_id;
	uint8_t *mem = on_device(id, 81);
	struct hmm_p2p_stat before = stat_now(id);

	(void)state;
	touch(mem, 0);
	touch(mem, 2 * AROUND);
	touch(mem, AROUND / 2);
	assert_int_equal(stat_delta(id, &before, HMM_P2P_COUNTER_PREFETCHED),
			 2 * (AROUND - 1));
	assert_int_equal(stat_delta(id, &before, HMM_P2P_COUNTER_PREFETCH_USED), 0);
	done(mem, 81);
}

static void test_off(void **state)
{
	uint32_t id = largest_exporter(4 * MIB).out_id;
	uint8_t *mem = on_device(id, 72);
	struct hmm_p2p_stat before = stat_now(id);

	(void)state;
	assert_int_equal(set_around("1"), 0);
	touch(mem, TOUCHED);
	assert_int_equal(set_around("16"), 0);
	assert_home(mem, TOUCHED, 1);
	assert_int_equal(stat_delta(id, &before, HMM_P2P_COUNTER_PREFETCHED), 0);
	done(mem, 72);
}

/* A mapping of its own: another protection at both ends. */
static void test_mapping_ends(void **state)
{
	uint32_t id = largest_exporter(4 * MIB).out_id;
	uint8_t *mem = on_device(id, 73);

	(void)state;
	assert_int_equal(mprotect(mem + 18 * page_size, 6 * page_size, PROT_READ), 0);
	touch(mem, TOUCHED);
	assert_home(mem, 18, 6);
	done(mem, 73);
}

static void test_random(void **state)
{
	uint32_t id = largest_exporter(4 * MIB).out_id;
	uint8_t *mem = on_device(id, 74);

	(void)state;
	assert_int_equal(madvise(mem, PAGES * page_size, MADV_RANDOM), 0);
	touch(mem, TOUCHED);
	assert_home(mem, TOUCHED, 1);
	done(mem, 74);
}

static void others_stay(uint32_t id, uint32_t other, uint64_t seed)
{
	uint8_t *mem = on_device(id, seed);

	move_all_to(other, mem + 20 * page_size, page_size);
	move_all_to(other, mem + 22 * page_size, page_size);
	touch(mem, TOUCHED);
	assert_int_equal(pages_on(other, mem, PAGES * page_size), 2);
	assert_int_equal(pages_on(id, mem, PAGES * page_size), PAGES - AROUND);
	done(mem, seed);
}

static void test_other_device(void **state)
{
	uint32_t id = largest_exporter(4 * MIB).out_id;

	(void)state;
	others_stay(id, other_exporter(id).out_id, 75);
}

static void test_other_device_same_owner(void **state)
{
	uint32_t id = largest_exporter(4 * MIB).out_id;
	uint32_t other = other_exporter(id).out_id;

	(void)state;
	assert_int_equal(hmm_p2p_set_owner(ctx, other, id, NULL), 0);
	others_stay(id, other, 76);
	assert_int_equal(hmm_p2p_set_owner(ctx, other, 0, NULL), 0);
}

/* Who faults for an importer gets what was asked for. */
static void test_importer(void **state)
{
	uint32_t id = largest_exporter(4 * MIB).out_id;
	uint8_t *mem = on_device(id, 77), page[page_size];
	struct hmm_p2p_stat before = stat_now(id);
	struct reached reached;

	(void)state;
	reached = reach(other_exporter(id).out_id, mem + TOUCHED * page_size, page_size,
			page, HMM_P2P_ACCESS_NO_P2P);
	assert_int_equal(reached.result.out_migrated, 1);
	reached_free(&reached);
	assert_home(mem, TOUCHED, 1);
	assert_int_equal(stat_delta(id, &before, HMM_P2P_COUNTER_CPU_FAULT), 1);
	assert_int_equal(stat_delta(id, &before, HMM_P2P_COUNTER_PREFETCHED), 0);
	done(mem, 77);
}

/* As a debugger would read it. */
static void test_remote(void **state)
{
	uint32_t id = largest_exporter(4 * MIB).out_id;
	uint8_t *mem = on_device(id, 78);
	int fd = open("/proc/self/mem", O_RDONLY);
	uint8_t byte;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)(uintptr_t)(mem + TOUCHED * page_size)),
			 1);
	close(fd);
	assert_home(mem, TOUCHED, 1);
	assert_int_equal(byte, mem[TOUCHED * page_size]);
	done(mem, 78);
}

/* The copy of a page that a fork shares is the toucher's own. */
static int touch_in_child(void *arg)
{
	uint8_t *mem = arg;
	size_t i;

	for (i = 0; i < PAGES; i++)
		mem[i * page_size]++;
	for (i = 0; i < PAGES; i++)
		mem[i * page_size]--;
	CHECK(pattern_diff(mem, 0, PAGES * page_size, 79) == -1);
	return 0;
}

static void test_forked(void **state)
{
	uint8_t *mem = on_device(largest_exporter(4 * MIB).out_id, 79);

	(void)state;
	assert_int_equal(in_child(touch_in_child, mem), 0);
	done(mem, 79);
}

static void test_bad_values(void **state)
{
	static const char *const bad[] = { "0", "3", "1024", "-1", "many" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(set_around(bad[i]), -EINVAL);
	assert_int_equal(around_now(), AROUND);
	assert_int_equal(set_around("512"), 0);
	assert_int_equal(around_now(), 512);
	assert_int_equal(set_around("16"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_window),
		TEST(test_used),
		TEST(test_not_used),
		TEST(test_off),
		TEST(test_mapping_ends),
		TEST(test_random),
		TEST(test_other_device),
		TEST(test_other_device_same_owner),
		TEST(test_importer),
		TEST(test_remote),
		TEST(test_forked),
		TEST(test_bad_values),
	};

	return cmocka_run_group_tests_name("around", tests, around_setup, around_teardown);
}
