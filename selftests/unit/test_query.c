// SPDX-License-Identifier: GPL-2.0
/* hmm_p2p_query(): the walk, and how it puts extents together. */
#include "test.h"

struct seen {
	struct hmm_p2p_extent extents[64];
	unsigned int nr;
	unsigned int stop_at;	/* 0: never */
	int stop_with;
};

static int note(const struct hmm_p2p_extent *extent, void *arg)
{
	struct seen *seen = arg;

	assert_true(seen->nr < 64);
	seen->extents[seen->nr++] = *extent;
	return seen->nr == seen->stop_at ? seen->stop_with : 0;
}

static int64_t query(struct hmm_p2p *ctx, uint32_t importer, struct seen *seen)
{
	return hmm_p2p_query(ctx, NULL, importer, MOCK_BASE,
			     MOCK_END - MOCK_BASE, note, seen);
}

static void assert_extent(const struct hmm_p2p_extent *extent,
			  unsigned int first, unsigned int nr, uint32_t device)
{
	assert_int_equal(extent->addr, mock_addr(first));
	assert_int_equal(extent->length, nr * MOCK_PAGE_SIZE);
	assert_int_equal(extent->device, device);
}

/* Three stretches, the last two touching on different devices. */
static void put_three(void)
{
	mock_put(10, 5, VRAM0);
	mock_put(300, 200, VRAM0);
	mock_put(500, 12, CARVE0);
}

static void assert_three(const struct seen *seen)
{
	assert_int_equal(seen->nr, 3);
	assert_extent(&seen->extents[0], 10, 5, VRAM0);
	assert_extent(&seen->extents[1], 300, 200, VRAM0);
	assert_extent(&seen->extents[2], 500, 12, CARVE0);
}

static void query_of_nothing(void **state)
{
	struct seen seen = { 0 };

	assert_int_equal(query(*state, 0, &seen), 0);
	assert_int_equal(seen.nr, 0);
}

static void query_puts_neighbours_together(void **state)
{
	struct seen seen = { 0 };

	put_three();
	assert_int_equal(query(*state, 0, &seen), 3);
	assert_three(&seen);
}

/* However the driver cuts the range, the answer is the same. */
static void query_does_not_depend_on_the_cut(void **state)
{
	unsigned int limit, stride;

	put_three();
	for (limit = 1; limit < 20; limit += 6) {
		struct seen seen = { 0 };

		mock.query_limit = limit;
		assert_int_equal(query(*state, 0, &seen), 3);
		assert_three(&seen);
	}
	mock.query_limit = UINT32_MAX;
	for (stride = 1; stride < 600; stride += 100) {
		struct seen seen = { 0 };

		mock.query_stride = stride * MOCK_PAGE_SIZE;
		assert_int_equal(query(*state, 0, &seen), 3);
		assert_three(&seen);
	}
}

static void query_keeps_unlike_apart(void **state)
{
	struct seen seen = { 0 };

	mock_put(0, 6, VRAM0);
	mock.pages[2].writable = false;
	mock.pages[4].huge = true;
	mock_device(VRAM0)->out_window_bytes = 5 * MOCK_PAGE_SIZE;
	assert_int_equal(query(*state, EDU0, &seen), 5);
	assert_int_equal(seen.extents[0].flags,
			 HMM_P2P_EXTENT_WRITABLE | HMM_P2P_EXTENT_WINDOW);
	assert_int_equal(seen.extents[0].outcome, HMM_P2P_OUTCOME_P2P);
	assert_int_equal(seen.extents[1].flags, HMM_P2P_EXTENT_WINDOW);
	assert_int_equal(seen.extents[3].flags,
			 HMM_P2P_EXTENT_WRITABLE | HMM_P2P_EXTENT_HUGE |
			 HMM_P2P_EXTENT_WINDOW);
	assert_int_equal(seen.extents[4].flags, HMM_P2P_EXTENT_WRITABLE);
	assert_int_equal(seen.extents[4].outcome, HMM_P2P_OUTCOME_MIGRATED);
	assert_int_equal(seen.extents[4].reason, HMM_P2P_REASON_NO_ALIAS);
}

/* Between private pages of the same device, and without RAM to go to. */
static void query_tells_shared_memory(void **state)
{
	const uint32_t flags = HMM_P2P_EXTENT_WRITABLE | HMM_P2P_EXTENT_WINDOW;
	struct seen seen = { 0 };

	mock_put(0, 2, VRAM0);
	mock_share(2, 3, VRAM0);
	mock_put(5, 2, VRAM0);
	assert_int_equal(query(*state, EDU0, &seen), 3);
	assert_extent(&seen.extents[0], 0, 2, VRAM0);
	assert_extent(&seen.extents[1], 2, 3, VRAM0);
	assert_int_equal(seen.extents[0].flags, flags);
	assert_int_equal(seen.extents[1].flags, flags | HMM_P2P_EXTENT_SHARED);
	assert_int_equal(seen.extents[1].outcome, HMM_P2P_OUTCOME_P2P);

	seen.nr = 0;
	assert_int_equal(query(*state, EDU1, &seen), 3);
	assert_int_equal(seen.extents[0].outcome, HMM_P2P_OUTCOME_MIGRATED);
	assert_int_equal(seen.extents[1].outcome, HMM_P2P_OUTCOME_NONE);
	assert_int_equal(seen.extents[1].reason, HMM_P2P_REASON_NO_PATH);
}

static void query_without_callback_counts(void **state)
{
	put_three();
	assert_int_equal(hmm_p2p_query(*state, NULL, 0, MOCK_BASE,
				       MOCK_END - MOCK_BASE, NULL, NULL), 3);
}

static void query_stops_when_told(void **state)
{
	struct seen seen = { .stop_at = 2, .stop_with = 1 };

	put_three();
	assert_int_equal(query(*state, 0, &seen), 2);
	assert_int_equal(seen.nr, 2);

	seen = (struct seen) { .stop_at = 1, .stop_with = -EDOM };
	assert_int_equal(query(*state, 0, &seen), -EDOM);
	assert_int_equal(seen.nr, 1);

	/* The last extent is reported after the last call. */
	seen = (struct seen) { .stop_at = 3, .stop_with = 1 };
	assert_int_equal(query(*state, 0, &seen), 3);
	seen = (struct seen) { .stop_at = 3, .stop_with = -EDOM };
	assert_int_equal(query(*state, 0, &seen), -EDOM);
}

/* What was found before an error is reported, and then the error. */
static void query_reports_what_it_had(void **state)
{
	struct seen seen = { 0 };

	mock_put(0, 2, VRAM0);
	mock.query_stride = 16 * MOCK_PAGE_SIZE;
	mock.fail_cmd = HMM_P2P_IOC_QUERY;
	mock.fail_errno = ESRCH;
	mock.fail_after = 2;
	assert_int_equal(query(*state, 0, &seen), -ESRCH);
	assert_int_equal(seen.nr, 1);
	assert_extent(&seen.extents[0], 0, 2, VRAM0);
}

static void query_does_not_hang_on_a_bad_driver(void **state)
{
	struct seen seen = { 0 };

	mock.query_stuck = true;
	assert_int_equal(query(*state, 0, &seen), -EPROTO);
	mock.query_stuck = false;
	mock.query_beyond = true;
	assert_int_equal(query(*state, 0, &seen), -EPROTO);
}

static void test_err_query(struct hmm_p2p *ctx, uint32_t importer, uint64_t addr,
			   uint64_t length, int err)
{
	struct seen seen = { 0 };

	assert_int_equal(hmm_p2p_query(ctx, NULL, importer, addr, length, note,
				       &seen), -err);
}

static void query_reports_errors(void **state)
{
	const uint64_t page = MOCK_PAGE_SIZE;

	test_err_query(*state, 0, MOCK_BASE, 0, EINVAL);
	test_err_query(*state, 0, MOCK_BASE + 1, page, EINVAL);
	test_err_query(*state, 0, -page, 2 * page, EINVAL);
	test_err_query(*state, 77, MOCK_BASE, page, ENOENT);
	test_err_query(*state, CARVE0, MOCK_BASE, page, EOPNOTSUPP);
	test_err_query(NULL, 0, MOCK_BASE, page, EINVAL);
}

static void query_names_the_process(void **state)
{
	struct hmm_p2p_process process = { MOCK_PID, -1 };

	assert_int_equal(hmm_p2p_query(*state, &process, 0, MOCK_BASE,
				       MOCK_PAGE_SIZE, NULL, NULL), -EACCES);
	assert_int_equal(hmm_p2p_process_open(&process, MOCK_PID, false), 0);
	assert_int_equal(hmm_p2p_query(*state, &process, 0, MOCK_BASE,
				       MOCK_PAGE_SIZE, NULL, NULL), 0);
	assert_int_equal(mock.pid, MOCK_PID);
	hmm_p2p_process_close(&process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		mock_test(query_of_nothing),
		mock_test(query_puts_neighbours_together),
		mock_test(query_does_not_depend_on_the_cut),
		mock_test(query_keeps_unlike_apart),
		mock_test(query_tells_shared_memory),
		mock_test(query_without_callback_counts),
		mock_test(query_stops_when_told),
		mock_test(query_reports_what_it_had),
		mock_test(query_does_not_hang_on_a_bad_driver),
		mock_test(query_reports_errors),
		mock_test(query_names_the_process),
	};

	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
