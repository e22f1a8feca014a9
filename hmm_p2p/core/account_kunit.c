// SPDX-License-Identifier: GPL-2.0
/* KUnit: the parameter user_limit, and what it comes to. */
#include <kunit/test.h>
#include <linux/limits.h>
#include <linux/sizes.h>

#include "account.h"

static void good(struct kunit *test, const char *text, s64 expected)
{
	s64 limit = -1;

	KUNIT_EXPECT_EQ_MSG(test, hmm_p2p_limit_parse(text, &limit), 0, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, limit, expected, "%s", text);
}

/* What is refused leaves the limit as it was. */
static void bad(struct kunit *test, const char *text)
{
	s64 limit = 77;

	KUNIT_EXPECT_EQ_MSG(test, hmm_p2p_limit_parse(text, &limit), -EINVAL, "%s", text);
	KUNIT_EXPECT_EQ_MSG(test, limit, 77, "%s", text);
}

static void test_parse(struct kunit *test)
{
	good(test, "0", 0);
	good(test, "4096\n", 4096);
	good(test, "64M", SZ_64M);
	good(test, "2G\n", 2LL * SZ_1G);
	good(test, "25%", -25);
	good(test, "100%\n", -100);
	good(test, "0%", 0);
	good(test, "9223372036854775807", S64_MAX);
	bad(test, "");
	bad(test, "\n");
	bad(test, "all");
	bad(test, "101%");
	bad(test, "-1");
	bad(test, "64M 1");
	bad(test, "25%%");
	bad(test, "9223372036854775808");
}

static void test_bytes(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, hmm_p2p_limit_bytes(SZ_4K, SZ_1G), SZ_4K);
	/* More than there is limits nobody, and neither does none. */
	KUNIT_EXPECT_EQ(test, hmm_p2p_limit_bytes(S64_MAX, SZ_1G), S64_MAX);
	KUNIT_EXPECT_EQ(test, hmm_p2p_limit_bytes(0, SZ_1G), U64_MAX);
	KUNIT_EXPECT_EQ(test, hmm_p2p_limit_bytes(-25, 400 * SZ_1M), 100 * SZ_1M);
	KUNIT_EXPECT_EQ(test, hmm_p2p_limit_bytes(-100, 1ULL << 62), (1ULL << 62) / 100 * 100);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_parse),
	KUNIT_CASE(test_bytes),
	{ }
};

static struct kunit_suite suite = {
	.name = "hmm_p2p_account",
	.test_cases = cases,
};

kunit_test_suite(suite);
