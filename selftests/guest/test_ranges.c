// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges that are not all of one kind: parts of huge pages, system pages
 * between device pages, two exporters, and what QUERY says of them.
 */
#include "common.h"

#define PAGES	32

static struct hmm_p2p_device_info exporter, importer;

/* An exporter, and an importer for which its pages stay where they are. */
static void find_pair(void)
{
	exporter = largest_exporter(8 * huge_size);
	if (find_importer(exporter.out_id, HMM_P2P_OUTCOME_P2P, &importer) &&
	    !is_slow(&importer) &&
	    exporter.out_window_bytes == exporter.out_memory_bytes)
		return;
	importer = exporter;
	if (!is_importer(&exporter))
		SKIP("nobody reaches the exporter without moving its pages");
}

static enum hmm_p2p_outcome outcome_of(uint32_t from, uint32_t by)
{
	struct hmm_p2p_path path;

	assert_int_equal(hmm_p2p_path(ctx, from, by, &path), 0);
	return path.out_outcome;
}

/* Every part of two huge pages, read and written where it is. */
static void test_parts_of_huge_pages(void **state)
{
	static const struct {
		size_t first, pages;
	} parts[] = {
		{ 1, 1 }, { 1, 3 }, { 511, 1 }, { 511, 2 }, { 256, 256 },
		{ 256, 512 }, { 300, 500 }, { 513, 3 }, { 0, 1024 }, { 1, 1022 },
		{ 700, 324 },
	};
	size_t length = 2 * huge_size, i;
	uint8_t *mem, *data;

	(void)state;
	find_pair();
	mem = map_pattern(length, HUGE_PAGES, 1);
	data = map_memory(length, SMALL_PAGES);
	move_all_to(exporter.out_id, mem, length);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		size_t at = parts[i].first * page_size;
		size_t n = parts[i].pages * page_size;
		struct reached reached;

		memset(data, 0, n);
		reached = reach(importer.out_id, mem + at, n, data, 0);
		assert_int_equal(reached.result.out_private +
				 reached.result.out_p2p, parts[i].pages);
		assert_int_equal(pattern_diff(data, at, n, 1), -1);
		reached_free(&reached);
		/* What it writes differs, and is written back right after. */
		pattern_fill(data, at, n, 2);
		reached = reach(importer.out_id, mem + at, n, data,
				HMM_P2P_ACCESS_WRITE);
		reached_free(&reached);
		memset(data, 0, n);
		reached = reach(importer.out_id, mem + at, n, data, 0);
		assert_int_equal(pattern_diff(data, at, n, 2), -1);
		reached_free(&reached);
		pattern_fill(data, at, n, 1);
		reached = reach(importer.out_id, mem + at, n, data,
				HMM_P2P_ACCESS_WRITE);
		reached_free(&reached);
	}
	assert_int_equal(pages_on(exporter.out_id, mem, length), length / page_size);
	assert_pattern(mem, length, 1);
	unmap(mem, length);
	unmap(data, length);
}

/* On the device, in RAM, and nowhere yet, in turns. */
static void test_system_pages_between(void **state)
{
	size_t length = PAGES * page_size, i;
	uint8_t *mem, *data;
	struct reached reached;

	(void)state;
	find_pair();
	mem = map_memory(length, SMALL_PAGES);
	data = map_memory(length, SMALL_PAGES);
	for (i = 0; i < PAGES; i++) {
		if (i % 3 < 2)
			pattern_fill(mem + i * page_size, i * page_size, page_size,
				     3);
		if (i % 3 == 0)
			move_all_to(exporter.out_id, mem + i * page_size, page_size);
	}
	reached = reach(importer.out_id, mem, length, data, 0);
	for (i = 0; i < PAGES; i++) {
		uint8_t *got = data + i * page_size;

		assert_int_equal(hmm_p2p_outcome_of(reached.outcomes[i]),
				 i % 3 ? HMM_P2P_OUTCOME_SYSTEM :
				 outcome_of(exporter.out_id, importer.out_id));
		assert_int_equal(hmm_p2p_reason_of(reached.outcomes[i]), 0);
		if (i % 3 < 2)
			assert_int_equal(pattern_diff(got, i * page_size, page_size,
						      3), -1);
		else
			assert_zero(got, page_size);
	}
	assert_int_equal(pages_on(exporter.out_id, mem, length), (PAGES + 2) / 3);
	reached_free(&reached);
	unmap(mem, length);
	unmap(data, length);
}

/* Pages of every exporter in one range, for every importer that is quick. */
static void test_all_exporters_in_one_range(void **state)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), length = PAGES * page_size, i, j;
	uint8_t *data = map_memory(length, SMALL_PAGES);
	uint8_t *mem = map_pattern(length, SMALL_PAGES, 4);
	uint32_t on[PAGES];
	struct reached reached;

	(void)state;
	for (i = 0; i < n; i++) {
		if (!is_importer(&infos[i]) || is_slow(&infos[i]))
			continue;
		for (j = 0; j < PAGES; j++) {
			const struct hmm_p2p_device_info *to = &infos[j % n];

			on[j] = is_exporter(to) &&
				to->out_window_bytes == to->out_memory_bytes ?
				to->out_id : 0;
			if (on[j])
				move_to(on[j], mem + j * page_size, page_size, NULL);
			else
				move_to_ram(mem + j * page_size, page_size, NULL);
		}
		memset(data, 0, length);
		reached = reach(infos[i].out_id, mem, length, data, 0);
		for (j = 0; j < PAGES; j++)
			assert_int_equal(hmm_p2p_outcome_of(reached.outcomes[j]),
					 on[j] ? outcome_of(on[j], infos[i].out_id) :
					 HMM_P2P_OUTCOME_SYSTEM);
		assert_pattern(data, length, 4);
		reached_free(&reached);
	}
	assert_pattern(mem, length, 4);
	unmap(mem, length);
	unmap(data, length);
}

/*
 * Whether a fault looks for device pages first depends on what the last one has met
 * there: either way, none moves.
 */
static void test_comes_and_goes(void **state)
{
	size_t length = PAGES * page_size, first, i;
	uint8_t *mem, *data;

	(void)state;
	find_pair();
	mem = map_pattern(length, SMALL_PAGES, 8);
	data = map_memory(length, SMALL_PAGES);
	for (i = 0; i < 12; i++) {
		struct reached reached;

		/* All of it, the end of it, and nothing, twice each. */
		first = i / 2 % 3 * PAGES / 2;
		move_to_ram(mem, length, NULL);
		if (first < PAGES)
			move_all_to(exporter.out_id, mem + first * page_size,
				    length - first * page_size);
		memset(data, 0, length);
		reached = reach(importer.out_id, mem, length, data, 0);
		assert_int_equal(reached.result.out_private + reached.result.out_p2p,
				 PAGES - first);
		assert_int_equal(reached.result.out_system, first);
		assert_int_equal(pages_on(exporter.out_id, mem, length), PAGES - first);
		assert_pattern(data, length, 8);
		reached_free(&reached);
		reached = reach(importer.out_id, mem, length, data, HMM_P2P_ACCESS_WRITE);
		assert_int_equal(reached.result.out_system, first);
		reached_free(&reached);
	}
	assert_pattern(mem, length, 8);
	unmap(mem, length);
	unmap(data, length);
}

/* A range over several mappings; one of them may not be written to. */
static void test_several_mappings(void **state)
{
	size_t length = PAGES * page_size;
	uint8_t *mem, *data;
	struct reached reached;

	(void)state;
	find_pair();
	mem = map_pattern(length, SMALL_PAGES, 5);
	data = map_memory(length, SMALL_PAGES);
	move_all_to(exporter.out_id, mem, length);
	assert_int_equal(mprotect(mem + 8 * page_size, 8 * page_size, PROT_READ), 0);
	reached = reach(importer.out_id, mem, length, data, 0);
	assert_int_equal(reached.result.out_private + reached.result.out_p2p, PAGES);
	assert_pattern(data, length, 5);
	reached_free(&reached);
	assert_int_equal(hmm_p2p_fault(ctx, NULL, importer.out_id, (uintptr_t)mem,
				       length, HMM_P2P_ACCESS_WRITE, NULL, NULL),
			 -EPERM);
	assert_pattern(mem, length, 5);
	unmap(mem, length);
	unmap(data, length);
}

struct extents {
	struct hmm_p2p_extent extent[16];
	size_t nr;
};

static int note_extent(const struct hmm_p2p_extent *extent, void *arg)
{
	struct extents *extents = arg;

	if (extents->nr == ARRAY_SIZE(extents->extent))
		return -E2BIG;
	extents->extent[extents->nr++] = *extent;
	return 0;
}

static struct extents query(uint32_t by, const void *mem, size_t length)
{
	struct extents extents = { .nr = 0 };
	int64_t n = hmm_p2p_query(ctx, NULL, by, (uintptr_t)mem, length,
				  note_extent, &extents);

	assert_int_equal(n, extents.nr);
	return extents;
}

/* No window is smaller than the memory here. */
static void assert_extent(const struct hmm_p2p_extent *extent, const uint8_t *addr,
			  size_t length, uint32_t device, uint32_t flags)
{
	assert_int_equal(extent->addr, (uintptr_t)addr);
	assert_int_equal(extent->length, length);
	assert_int_equal(extent->device, device);
	assert_int_equal(extent->flags, flags | HMM_P2P_EXTENT_WINDOW);
}

/* Extents begin and end exactly where something changes. */
static void test_query_extents(void **state)
{
	uint32_t id = largest_exporter(8 * huge_size).out_id;
	uint32_t other = other_exporter(id).out_id;
	uint8_t *mem = map_memory(4 * huge_size, HUGE_PAGES);
	size_t page = page_size;
	struct extents e;

	(void)state;
	pattern_fill(mem, 0, 2 * huge_size, 6);
	/* A huge page; then in a region of small ones: 8, hole of 8, 4 + 4, 4 */
	assert_int_equal(madvise(mem + huge_size, 3 * huge_size, MADV_NOHUGEPAGE), 0);
	move_all_to(id, mem, huge_size);
	move_all_to(id, mem + huge_size, 8 * page);
	move_all_to(id, mem + huge_size + 16 * page, 8 * page);
	move_all_to(other, mem + huge_size + 24 * page, 4 * page);
	assert_int_equal(mprotect(mem + huge_size + 20 * page, 4 * page, PROT_READ),
			 0);
	e = query(0, mem, 4 * huge_size);
	assert_int_equal(e.nr, 5);
	assert_extent(&e.extent[0], mem, huge_size, id,
		      HMM_P2P_EXTENT_WRITABLE | HMM_P2P_EXTENT_HUGE);
	assert_extent(&e.extent[1], mem + huge_size, 8 * page, id,
		      HMM_P2P_EXTENT_WRITABLE);
	assert_extent(&e.extent[2], mem + huge_size + 16 * page, 4 * page, id,
		      HMM_P2P_EXTENT_WRITABLE);
	assert_extent(&e.extent[3], mem + huge_size + 20 * page, 4 * page, id, 0);
	assert_extent(&e.extent[4], mem + huge_size + 24 * page, 4 * page, other,
		      HMM_P2P_EXTENT_WRITABLE);
	/* From the middle of the huge page on. */
	e = query(0, mem + huge_size / 2, huge_size / 2 + page);
	assert_int_equal(e.nr, 2);
	assert_extent(&e.extent[0], mem + huge_size / 2, huge_size / 2, id,
		      HMM_P2P_EXTENT_WRITABLE | HMM_P2P_EXTENT_HUGE);
	unmap(mem, 4 * huge_size);
}

/* What QUERY says an importer would get is what it gets, for every importer. */
static void test_query_outcomes(void **state)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	uint32_t id = largest_exporter(8 * huge_size).out_id;
	uint8_t *mem = map_pattern(2 * huge_size, HUGE_PAGES, 7);
	size_t n = device_list(infos), i;
	struct reached reached;
	struct extents e;

	(void)state;
	for (i = 0; i < n; i++) {
		if (!is_importer(&infos[i]))
			continue;
		move_to(id, mem, 2 * huge_size, NULL);
		e = query(infos[i].out_id, mem, 2 * huge_size);
		assert_in_range(e.nr, 1, ARRAY_SIZE(e.extent));
		reached = reach(infos[i].out_id, mem, 2 * huge_size, NULL, 0);
		while (e.nr--) {
			const struct hmm_p2p_extent *x = &e.extent[e.nr];
			size_t at = (x->addr - (uintptr_t)mem) / page_size, j;

			for (j = 0; j < x->length / page_size; j++)
				assert_int_equal(reached.outcomes[at + j],
						 x->outcome | x->reason << 4);
		}
		reached_free(&reached);
	}
	assert_pattern(mem, 2 * huge_size, 7);
	unmap(mem, 2 * huge_size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_parts_of_huge_pages),
		TEST(test_system_pages_between),
		TEST(test_all_exporters_in_one_range),
		TEST(test_comes_and_goes),
		TEST(test_several_mappings),
		TEST(test_query_extents),
		TEST(test_query_outcomes),
	};

	return RUN("ranges", tests);
}
