// SPDX-License-Identifier: GPL-2.0
/*
 * An importer that skips the events of its own migrations, as drivers do that migrate
 * for themselves, is told of those that it has not begun: it keeps no page of them
 */
#include <fcntl.h>

#include "common.h"

#define NAME	"hmm_p2p_bench"
#define SKIP_FILE	"/sys/kernel/debug/hmm_p2p_bench/skip"
#define PAGES	16

static int skip_setup(void **state)
{
	return suite_setup(state) || system("load " NAME) ? -1 : 0;
}

static int skip_teardown(void **state)
{
	int ret = suite_teardown(state);

	return system("rmmod " NAME) || ret ? -1 : 0;
}

/* What the importer has. */
struct has {
	unsigned long own;
	unsigned long others;
};

static struct has has_now(int fd)
{
	char text[64] = "";
	struct has has;

	REQUIRE(pread(fd, text, sizeof(text) - 1, 0) > 0);
	REQUIRE(sscanf(text, "%lu %lu", &has.own, &has.others) == 2);
	return has;
}

/* @device gets all of the range, as it is. */
static int gets(const struct hmm_p2p_device_info *device, const uint8_t *mem, size_t length)
{
	int fd = open(SKIP_FILE, O_RDWR | O_CLOEXEC);
	char text[128];

	REQUIRE(fd >= 0);
	snprintf(text, sizeof(text), "0x%lx 0x%zx %s", (uintptr_t)mem, length,
		 (const char *)device->out_name);
	REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

/* How pages leave. */
typedef void (*leave_fn)(uint32_t id, uint8_t *mem, size_t length);

static void go_home(uint32_t id, uint8_t *mem, size_t length)
{
	(void)id;
	move_to_ram(mem, length, NULL);
}

static void are_touched(uint32_t id, uint8_t *mem, size_t length)
{
	(void)id;
	assert_pattern(mem, length, 1);
}

static void are_drained(uint32_t id, uint8_t *mem, size_t length)
{
	(void)mem;
	(void)length;
	assert_int_equal(hmm_p2p_drain(ctx, id, NULL), 0);
}

static void go_elsewhere(uint32_t id, uint8_t *mem, size_t length)
{
	move_all_to(other_exporter(id).out_id, mem, length);
}

static void go_there(uint32_t id, uint8_t *mem, size_t length)
{
	move_all_to(id, mem, length);
}

static void are_populated(uint32_t id, uint8_t *mem, size_t length)
{
	populate_all_to(id, mem, length);
}

/* The importer gets @mem, its @own pages or others, and these leave, by @leave. */
static void gets_and_loses(const struct hmm_p2p_device_info *device, uint8_t *mem,
			   size_t length, bool own, leave_fn leave)
{
	int fd = gets(device, mem, length);
	struct has has = has_now(fd);

	assert_int_equal(own ? has.own : has.others, length / page_size);
	leave(device->out_id, mem, length);
	has = has_now(fd);
	assert_int_equal(has.own, 0);
	assert_int_equal(has.others, 0);
	close(fd);
}

/* Its own pages leave. */
static void own_pages(enum paging paging, size_t length, leave_fn leave)
{
	struct hmm_p2p_device_info device = largest_exporter(2 * length);
	uint8_t *mem = map_pattern(length, paging, 1);

	move_all_to(device.out_id, mem, length);
	gets_and_loses(&device, mem, length, true, leave);
	assert_pattern(mem, length, 1);
	unmap(mem, length);
}

static void own_pages_leave(enum paging paging, size_t length)
{
	own_pages(paging, length, go_home);
	own_pages(paging, length, are_touched);
	own_pages(paging, length, are_drained);
	own_pages(paging, length, go_elsewhere);
}

static void test_own_pages_small(void **state)
{
	(void)state;
	own_pages_leave(SMALL_PAGES, PAGES * page_size);
}

static void test_own_pages_huge(void **state)
{
	(void)state;
	own_pages_leave(HUGE_PAGES, 2 * huge_size);
}

/* System pages go to its device. */
static void system_pages(enum paging paging, size_t length)
{
	struct hmm_p2p_device_info device = largest_exporter(2 * length);
	uint8_t *mem = map_pattern(length, paging, 1);

	gets_and_loses(&device, mem, length, false, go_there);
	assert_pattern(mem, length, 1);
	unmap(mem, length);
}

static void test_system_pages(void **state)
{
	(void)state;
	system_pages(SMALL_PAGES, PAGES * page_size);
	system_pages(HUGE_PAGES, 2 * huge_size);
}

/* The zero page, in whose place the device gets memory. */
static void test_zero_pages(void **state)
{
	struct hmm_p2p_device_info device = largest_exporter(PAGES * page_size);
	uint8_t *mem = map_memory(PAGES * page_size, SMALL_PAGES);

	(void)state;
	assert_zero(mem, PAGES * page_size);
	gets_and_loses(&device, mem, PAGES * page_size, false, are_populated);
	unmap(mem, PAGES * page_size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_own_pages_small),
		TEST(test_own_pages_huge),
		TEST(test_system_pages),
		TEST(test_zero_pages),
	};

	return cmocka_run_group_tests_name("skip", tests, skip_setup, skip_teardown);
}
