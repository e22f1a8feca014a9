// SPDX-License-Identifier: GPL-2.0
/*
 * The exporter's parameters: a window that ends in the middle of a huge page,
 * no window, and an exporter that opts out. The PCI exporter is loaded again
 * for each, and in the end as it was.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "common.h"

#define DRIVER	"hmm_p2p_pci"
#define PARAMS	"/sys/module/" DRIVER "/parameters/"
#define ALIGNED	(34 * MIB)
#define UNALIGNED	(33 * MIB + 4096)

static char original[256];

static void read_param(const char *name, char *value, size_t size)
{
	char path[128];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), PARAMS "%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, value, size - 1);
		close(fd);
	}
	value[n > 0 ? n : 0] = '\0';
	value[strcspn(value, "\n")] = '\0';
}

static int window_setup(void **state)
{
	char window[64], no_p2p[16], bar[16], loads[16];

	if (suite_setup(state))
		return -1;
	if (access(PARAMS, F_OK))
		return 0;
	read_param("window", window, sizeof(window));
	read_param("no_p2p", no_p2p, sizeof(no_p2p));
	read_param("bar", bar, sizeof(bar));
	read_param("loads", loads, sizeof(loads));
	snprintf(original, sizeof(original), "window=%s no_p2p=%s bar=%s loads=%s",
		 window, no_p2p, bar, loads);
	return 0;
}

/* rmmod and the lab's load, so that a dependency is found as everywhere. */
static int load(const char *params)
{
	char command[512];

	snprintf(command, sizeof(command), "rmmod " DRIVER " && load " DRIVER " %s",
		 params);
	return system(command);
}

static int window_teardown(void **state)
{
	int bad = original[0] && load(original);

	return suite_teardown(state) || bad ? -1 : 0;
}

static void with(const char *params)
{
	if (!original[0])
		SKIP("no PCI exporter is loaded");
	assert_int_equal(load(params), 0);
}

/* A PCI exporter and a quick importer with a path to it, if all were in reach. */
static void find_two(struct hmm_p2p_device_info *exporter,
		     struct hmm_p2p_device_info *importer)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n, e, i;
	struct hmm_p2p_path path;

	with("window=all");
	n = device_list(infos);
	for (e = 0; e < n; e++) {
		for (i = 0; i < n; i++) {
			if (e == i || !is_exporter(&infos[e]) ||
			    !(infos[e].out_caps & HMM_P2P_CAP_PCI) ||
			    !is_importer(&infos[i]) || is_slow(&infos[i]) ||
			    infos[e].out_memory_bytes <= ALIGNED + 4 * huge_size)
				continue;
			assert_int_equal(hmm_p2p_path(ctx, infos[e].out_id,
						      infos[i].out_id, &path), 0);
			if (path.out_outcome != HMM_P2P_OUTCOME_P2P)
				continue;
			*exporter = infos[e];
			*importer = infos[i];
			return;
		}
	}
	SKIP("no importer has a path to a PCI exporter of this size");
}

/* The same device after the driver was loaded again has another id. */
static void find_again(struct hmm_p2p_device_info *info)
{
	char bus[HMM_P2P_NAME_SIZE];

	memcpy(bus, info->out_bus, sizeof(bus));
	assert_int_equal(hmm_p2p_device_find(ctx, bus, info), 0);
}

struct bytes {
	uint8_t *byte;
	uintptr_t start;
};

static int note_bytes(const struct hmm_p2p_extent *extent, void *arg)
{
	struct bytes *bytes = arg;
	size_t first = (extent->addr - bytes->start) / page_size, i;

	REQUIRE(!(extent->flags & HMM_P2P_EXTENT_WINDOW) ==
		(extent->reason == HMM_P2P_REASON_NO_ALIAS));
	for (i = 0; i < extent->length / page_size; i++)
		bytes->byte[first + i] =
			(uint8_t)(extent->outcome | extent->reason << 4);
	return 0;
}

/* What QUERY says an importer would get, as bytes like those of ACCESS. */
static uint8_t *forecast(uint32_t importer, const uint8_t *mem, size_t length)
{
	struct bytes bytes = { .start = (uintptr_t)mem };

	bytes.byte = calloc(length / page_size, 1);
	assert_non_null(bytes.byte);
	assert_true(hmm_p2p_query(ctx, NULL, importer, (uintptr_t)mem, length,
				  note_bytes, &bytes) > 0);
	return bytes.byte;
}

/* All of the device's memory is asked for; the window's part is p2p. */
static void window_ends(size_t window, enum paging paging)
{
	struct hmm_p2p_device_info exporter, importer;
	size_t length, pages, p2p, outside, mixed;
	struct reached reached;
	char params[64];
	uint8_t *mem, *data, *expected;

	find_two(&exporter, &importer);
	snprintf(params, sizeof(params), "window=%zu", window);
	with(params);
	find_again(&exporter);
	find_again(&importer);
	assert_int_equal(exporter.out_window_bytes, window);

	length = exporter.out_memory_bytes - huge_size;
	pages = length / page_size;
	mem = map_pattern(length, paging, 1);
	data = map_memory(length, SMALL_PAGES);
	move_all_to(exporter.out_id, mem, length);
	expected = forecast(importer.out_id, mem, length);
	reached = reach(importer.out_id, mem, length, data, 0);
	assert_memory_equal(reached.outcomes, expected, pages);

	p2p = reached_count(&reached, HMM_P2P_OUTCOME_P2P, 0);
	outside = reached_count(&reached, HMM_P2P_OUTCOME_MIGRATED,
				HMM_P2P_REASON_NO_ALIAS);
	mixed = reached_count(&reached, HMM_P2P_OUTCOME_MIGRATED,
			      HMM_P2P_REASON_MIXED_HUGE);
	assert_int_equal(p2p + outside + mixed, pages);
	/* The device keeps a page to itself; no huge page is reached in part. */
	assert_in_range((p2p + mixed) * page_size, window - huge_size, window);
	assert_in_range(mixed, 0, paging == HUGE_PAGES && window % huge_size ?
			huge_size / page_size : 0);
	assert_int_equal(pages_on(exporter.out_id, mem, length), p2p);
	assert_pattern(data, length, 1);
	assert_pattern(mem, length, 1);
	free(expected);
	reached_free(&reached);
	unmap(mem, length);
	unmap(data, length);
}

static void test_window_small(void **state)
{
	(void)state;
	window_ends(ALIGNED, SMALL_PAGES);
}

static void test_window_huge(void **state)
{
	(void)state;
	window_ends(ALIGNED, HUGE_PAGES);
}

static void test_window_cuts_small(void **state)
{
	(void)state;
	window_ends(UNALIGNED, SMALL_PAGES);
}

/* The window ends inside of a huge page, which is then not reached at all. */
static void test_window_cuts_huge(void **state)
{
	(void)state;
	window_ends(UNALIGNED, HUGE_PAGES);
}

/* Nothing is in reach, and the path says why. */
static void nothing_in_reach(const char *params, enum hmm_p2p_reason reason)
{
	struct hmm_p2p_device_info exporter, importer;
	struct hmm_p2p_path path;
	struct reached reached;
	uint8_t *mem, *data, *expected;

	find_two(&exporter, &importer);
	with(params);
	find_again(&exporter);
	find_again(&importer);
	assert_int_equal(hmm_p2p_path(ctx, exporter.out_id, importer.out_id, &path),
			 0);
	assert_int_equal(path.out_outcome, HMM_P2P_OUTCOME_MIGRATED);
	assert_int_equal(path.out_reason, reason);

	mem = map_pattern(huge_size, HUGE_PAGES, 2);
	data = map_memory(huge_size, SMALL_PAGES);
	move_all_to(exporter.out_id, mem, huge_size);
	expected = forecast(importer.out_id, mem, huge_size);
	reached = reach(importer.out_id, mem, huge_size, data, 0);
	assert_memory_equal(reached.outcomes, expected, huge_size / page_size);
	assert_int_equal(reached_count(&reached, HMM_P2P_OUTCOME_MIGRATED, reason),
			 huge_size / page_size);
	assert_pattern(data, huge_size, 2);
	assert_pattern(mem, huge_size, 2);
	free(expected);
	reached_free(&reached);

	/* Its own memory needs no alias. */
	move_all_to(exporter.out_id, mem, huge_size);
	reached = reach(exporter.out_id, mem, huge_size, data, 0);
	assert_int_equal(reached.result.out_private, huge_size / page_size);
	assert_pattern(data, huge_size, 2);
	reached_free(&reached);
	unmap(mem, huge_size);
	unmap(data, huge_size);
}

static void test_no_window(void **state)
{
	(void)state;
	nothing_in_reach("window=0", HMM_P2P_REASON_NO_ALIAS);
}

static void test_exporter_opts_out(void **state)
{
	(void)state;
	nothing_in_reach("no_p2p=1", HMM_P2P_REASON_EXPORTER);
}

/* The driver refuses what it does not understand: no device, no crash. */
static void test_bad_parameters(void **state)
{
	static const char * const bad[] = {
		"window=1", "window=4097", "window=4x", "window=-1", "bar=6",
		"bar=5", "window=''",
	};
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n, i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		with(bad[i]);
		n = device_list(infos);
		for (j = 0; j < n; j++)
			assert_false(is_exporter(&infos[j]) &&
				     infos[j].out_caps & HMM_P2P_CAP_PCI);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_window_small),
		TEST(test_window_huge),
		TEST(test_window_cuts_small),
		TEST(test_window_cuts_huge),
		TEST(test_no_window),
		TEST(test_exporter_opts_out),
		TEST(test_bad_parameters),
	};

	return cmocka_run_group_tests_name("window", tests, window_setup,
					   window_teardown);
}
