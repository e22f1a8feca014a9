// SPDX-License-Identifier: GPL-2.0
/* Ranges and mappings as text. */
#include <unistd.h>

#include "test.h"
#include "maps.h"
#include "range.h"

/* ----------------------------------------------------------------- ranges */

static void test_range(const char *text, uint64_t addr, uint64_t length)
{
	struct range range;
	const char *problem = range_parse(text, &range);

	if (problem)
		fail_msg("%s: %s", text, problem);
	assert_int_equal(range.addr, addr);
	assert_int_equal(range.length, length);
}

static void ranges_are_understood(void **state)
{
	(void)state;
	test_range("0x1000-0x3000", 0x1000, 0x2000);
	test_range("0X1000-0X3000", 0x1000, 0x2000);
	test_range("0x7f00ABCD0000-0x7f00abcd1000", 0x7f00abcd0000, 0x1000);
	test_range("4096-8192", 4096, 4096);
	test_range("4096+4096", 4096, 4096);
	test_range("0x1000+4K", 0x1000, 4096);
	test_range("0x1000+0x10k", 0x1000, 16 * 1024);
	test_range("1M+2m", 1 << 20, 2 << 20);
	test_range("1G-2G", 1 << 30, 1 << 30);
	test_range("0+1T", 0, 1ULL << 40);
	test_range("1g+1t", 1 << 30, 1ULL << 40);
	test_range("0-18446744073709551615", 0, UINT64_MAX);
	test_range("0x0+0xffffffffffffffff", 0, UINT64_MAX);
	test_range("010-12", 10, 2);
}

static void test_err_range(const char *text, const char *problem)
{
	struct range range;
	const char *found = range_parse(text, &range);

	if (!found)
		fail_msg("'%s' is accepted", text);
	assert_non_null(strstr(found, problem));
}

static void bad_ranges_are_named(void **state)
{
	(void)state;
	test_err_range("", "missing");
	test_err_range("-", "missing");
	test_err_range("0x-0x10", "missing");
	test_err_range("1-", "missing");
	test_err_range("1+", "missing");
	test_err_range(" 1-2", "missing");
	test_err_range("--1", "missing");
	test_err_range("1", "expected");
	test_err_range("1,2", "expected");
	test_err_range("1KB-2K", "expected");
	test_err_range("1B-2K", "0x in front");
	test_err_range("1KK-2K", "expected");
	test_err_range("1-2-3", "behind");
	test_err_range("1-2 ", "behind");
	test_err_range("1-2KK", "behind");
	test_err_range("7f0000000000-7f0000001000", "0x in front");
	test_err_range("0x10g0-0x2000", "expected");
	test_err_range("2-1", "before");
	test_err_range("2-2", "empty");
	test_err_range("2+0", "empty");
	test_err_range("18446744073709551616-1", "too large");
	test_err_range("0x10000000000000000-1", "too large");
	test_err_range("0+16777216T", "too large");
	test_err_range("0xffffffffffffffff+2", "past the last");
	test_err_range("16777215T+1T", "past the last");
}

/* --------------------------------------------------------------- mappings */

static void test_line(const char *text, struct mapping *mapping)
{
	char *line = strdup(text);

	assert_true(maps_parse_line(line, mapping));
	free(line);
}

static void lines_are_understood(void **state)
{
	struct mapping mapping;

	(void)state;
	test_line("7f0000000000-7f0000200000 rw-p 00000000 00:00 0                          [heap]\n",
		  &mapping);
	assert_int_equal(mapping.start, 0x7f0000000000);
	assert_int_equal(mapping.end, 0x7f0000200000);
	assert_true(mapping.accessible && mapping.is_private && !mapping.has_file);
	assert_string_equal(mapping.name, "[heap]");
	assert_true(mapping_is_anonymous(&mapping));
	free(mapping.name);

	test_line("55e0c7a00000-55e0c7a02000 r-xp 00001000 fe:01 1234567   /usr/bin/a file (deleted)\n",
		  &mapping);
	assert_true(mapping.has_file);
	assert_string_equal(mapping.name, "/usr/bin/a file (deleted)");
	assert_false(mapping_is_anonymous(&mapping));
	free(mapping.name);
}

static void test_anonymous(const char *line, bool anonymous)
{
	struct mapping mapping;

	test_line(line, &mapping);
	assert_int_equal(mapping_is_anonymous(&mapping), anonymous);
	free(mapping.name);
}

static void only_private_memory_is_anonymous(void **state)
{
	(void)state;
	test_anonymous("1000-2000 rw-p 00000000 00:00 0", true);
	test_anonymous("1000-2000 rw-p 00000000 00:00 0 \n", true);
	test_anonymous("1000-2000 rw-p 00000000 00:00 0 [stack]", true);
	test_anonymous("1000-2000 rw-p 00000000 00:00 0 [anon:arena]", true);
	test_anonymous("1000-2000 rw-s 00000000 00:01 77 /dev/zero (deleted)", false);
	test_anonymous("1000-2000 rw-s 00000000 00:01 77 [anon_shmem:x]", false);
	test_anonymous("1000-2000 r--p 00000000 00:00 0 [vvar]", false);
	test_anonymous("1000-2000 r-xp 00000000 00:00 0 [vdso]", false);
	test_anonymous("1000-2000 rw-p 00000000 08:01 99 /bin/true", false);
}

static void nameless_memory_gets_a_name(void **state)
{
	struct mapping mapping;

	(void)state;
	test_line("1000-2000 ---p 00000000 00:00 0 \n", &mapping);
	assert_string_equal(mapping.name, "[anon]");
	assert_false(mapping.accessible);
	free(mapping.name);
}

static void other_lines_are_refused(void **state)
{
	static const char *const lines[] = {
		"", "\n", "hello", "1000", "1000-2000", "1000-2000 rw-p",
		"1000-2000 rw 0 00:00 0", "1000-2000 rw-p 0 00:00 x",
	};
	struct mapping mapping;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char *line = strdup(lines[i]);

		assert_false(maps_parse_line(line, &mapping));
		free(line);
	}
}

/* The real thing: this very process has a stack and this very program. */
static void own_maps_are_read(void **state)
{
	struct maps maps;
	bool stack = false;
	size_t i;

	(void)state;
	assert_int_equal(maps_load(getpid(), &maps), 0);
	for (i = 0; i < maps.nr; i++)
		stack |= !strcmp(maps.mappings[i].name, "[stack]") &&
			 mapping_is_anonymous(&maps.mappings[i]);
	assert_true(stack);
	maps_free(&maps);
	assert_int_equal(maps.nr, 0);
	assert_int_equal(maps_load(0x7fffffff, &maps), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_understood),
		cmocka_unit_test(bad_ranges_are_named),
		cmocka_unit_test(lines_are_understood),
		cmocka_unit_test(only_private_memory_is_anonymous),
		cmocka_unit_test(nameless_memory_gets_a_name),
		cmocka_unit_test(other_lines_are_refused),
		cmocka_unit_test(own_maps_are_read),
	};

	return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
