// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: the copies between RAM and device memory, at any alignment and with
 * both kinds of loads. RAM stands for the device: a device of the lab uses one
 * kind only, and copies whole pages as a rule. What is tested is the bytes, not
 * by which instructions they came: a CPU that cannot stream passes, too.
 */
#include <kunit/test.h>
#include <linux/hmm_p2p.h>
#include <linux/io.h>
#include <linux/module.h>

#define MOST	(2 * PAGE_SIZE + 192)
#define ROOM	(MOST + 256)
#define UNTOUCHED	0xa5

static const size_t lengths[] = {
	0, 1, 7, 8, 63, 64, 127, 128, 129, 384, PAGE_SIZE - 1, PAGE_SIZE,
	PAGE_SIZE + 128, MOST,
};

static const size_t offsets[] = { 0, 1, 8, 16, 32, 63, 64 };

/**
 * struct buffers - both sides of the copies
 * @src: ROOM bytes, each different from those before and behind it
 * @dst: ROOM bytes
 */
struct buffers {
	u8 *src;
	u8 *dst;
};

/**
 * struct way - a function that is tested
 * @name: of the case
 * @step: it takes multiples of this, as lengths and as offsets
 * @copy: calls it
 */
struct way {
	const char *name;
	size_t step;
	void (*copy)(void *dst, const void *src, size_t len);
};

static void __iomem *as_io(const void *mem)
{
	return (void __iomem __force *)mem;
}

static void to_io(void *dst, const void *src, size_t len)
{
	hmm_p2p_copy_to_io(as_io(dst), src, len);
}

static void past_caches(void *dst, const void *src, size_t len)
{
	hmm_p2p_copy_past_caches(dst, src, len);
}

static void from_io_streaming(void *dst, const void *src, size_t len)
{
	hmm_p2p_copy_from_io(dst, as_io(src), len, HMM_P2P_LOADS_STREAMING);
}

static void from_io_ordinary(void *dst, const void *src, size_t len)
{
	hmm_p2p_copy_from_io(dst, as_io(src), len, HMM_P2P_LOADS_ORDINARY);
}

static void io_to_io_streaming(void *dst, const void *src, size_t len)
{
	hmm_p2p_copy_io_to_io(as_io(dst), as_io(src), len, HMM_P2P_LOADS_STREAMING);
}

static void io_to_io_ordinary(void *dst, const void *src, size_t len)
{
	hmm_p2p_copy_io_to_io(as_io(dst), as_io(src), len, HMM_P2P_LOADS_ORDINARY);
}

static const struct way ways[] = {
	{ "to_io", 1, to_io },
	{ "past_caches", 1, past_caches },
	{ "from_io, streaming", 1, from_io_streaming },
	{ "from_io, ordinary", 1, from_io_ordinary },
	{ "io_to_io, streaming", 64, io_to_io_streaming },
	{ "io_to_io, ordinary", 64, io_to_io_ordinary },
};

KUNIT_ARRAY_PARAM_DESC(way, ways, name);

/* All of it arrives, and nothing beside it changes. */
static void copy_once(struct kunit *test, const struct way *way,
		      const struct buffers *buf, size_t to, size_t from, size_t len)
{
	memset(buf->dst, UNTOUCHED, ROOM);
	way->copy(buf->dst + to, buf->src + from, len);
	KUNIT_EXPECT_MEMEQ_MSG(test, buf->dst + to, buf->src + from, len,
			       "%zu bytes from offset %zu to %zu", len, from, to);
	KUNIT_EXPECT_PTR_EQ_MSG(test, memchr_inv(buf->dst, UNTOUCHED, to), NULL,
				"before %zu bytes from offset %zu to %zu", len, from, to);
	KUNIT_EXPECT_PTR_EQ_MSG(test, memchr_inv(buf->dst + to + len, UNTOUCHED,
						 ROOM - to - len), NULL,
				"behind %zu bytes from offset %zu to %zu", len, from, to);
}

static void copy_alignments(struct kunit *test, const struct way *way,
			    const struct buffers *buf, size_t len)
{
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(offsets); i++)
		for (j = 0; j < ARRAY_SIZE(offsets); j++)
			if (IS_ALIGNED(offsets[i] | offsets[j] | len, way->step))
				copy_once(test, way, buf, offsets[i], offsets[j], len);
}

static void test_copies(struct kunit *test)
{
	const struct way *way = test->param_value;
	struct buffers buf;
	size_t i;

	/* A page's alignment, as device memory has. */
	buf.src = (u8 *)kunit_kmalloc(test, roundup_pow_of_two(ROOM), GFP_KERNEL);
	buf.dst = (u8 *)kunit_kmalloc(test, roundup_pow_of_two(ROOM), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buf.src);
	KUNIT_ASSERT_NOT_NULL(test, buf.dst);
	for (i = 0; i < ROOM; i++)
		buf.src[i] = i % 251;
	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		copy_alignments(test, way, &buf, lengths[i]);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(test_copies, way_gen_params),
	{ }
};

static struct kunit_suite suite = {
	.name = "hmm_p2p_copy",
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_DESCRIPTION("hmm_p2p: tests of the CPU's copies");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
MODULE_IMPORT_NS("HMM_P2P");
