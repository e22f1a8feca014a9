// SPDX-License-Identifier: GPL-2.0
/*
 * What each importer gets from each exporter, and that it is what the path's
 * verdict promised: outcome, reason, counters, every byte of the data, and
 * whether the memory is still where it was.
 */
#include "common.h"

#define PAGES		64
#define SLOW_PAGES	2

static const char *name_of(const struct hmm_p2p_device_info *info)
{
	return (const char *)info->out_name;
}

/**
 * struct pair - an importer asks for memory of an exporter
 * @exporter: whose memory
 * @importer: who asks
 * @path: the verdict on them
 * @mem: memory with the pattern of @seed, all of it on the exporter
 * @length: of it
 * @asked: how much of it the importer asks for
 * @data: room for @asked bytes
 * @seed: what should be in the memory
 */
struct pair {
	struct hmm_p2p_device_info exporter;
	struct hmm_p2p_device_info importer;
	struct hmm_p2p_path path;
	uint8_t *mem;
	size_t length;
	size_t asked;
	uint8_t *data;
	uint64_t seed;
};

static bool stays(const struct pair *pair)
{
	return pair->path.out_outcome != HMM_P2P_OUTCOME_MIGRATED;
}

static void pair_map(struct pair *pair, enum paging paging)
{
	pair->length = paging == HUGE_PAGES ? 2 * huge_size : PAGES * page_size;
	pair->asked = is_slow(&pair->importer) ? SLOW_PAGES * page_size :
						 pair->length;
	pair->seed = 1;
	pair->mem = map_pattern(pair->length, paging, pair->seed);
	pair->data = map_memory(pair->asked, SMALL_PAGES);
	assert_int_equal(hmm_p2p_path(ctx, pair->exporter.out_id,
				      pair->importer.out_id, &pair->path), 0);
}

static void pair_start(struct pair *pair, enum paging paging)
{
	pair_map(pair, paging);
	move_all_to(pair->exporter.out_id, pair->mem, pair->length);
}

static void pair_end(struct pair *pair)
{
	assert_pattern(pair->mem, pair->asked, pair->seed);
	if (pair->asked < pair->length)
		assert_int_equal(pattern_diff(pair->mem + pair->asked, pair->asked,
					      pair->length - pair->asked, 1), -1);
	unmap(pair->data, pair->asked);
	unmap(pair->mem, pair->length);
}

/* Every page got what the path promised, and is or is not where it was. */
static void as_promised(const struct pair *pair, const struct reached *reached)
{
	size_t n = reached_count(reached, pair->path.out_outcome,
				 pair->path.out_reason);
	size_t left = pages_on(pair->exporter.out_id, pair->mem, pair->asked);

	if (n != reached->pages)
		fail_msg("%s from %s: %zu of %zu pages are %s (%s)",
			 name_of(&pair->importer), name_of(&pair->exporter), n,
			 reached->pages,
			 hmm_p2p_outcome_name(pair->path.out_outcome),
			 hmm_p2p_reason_name(pair->path.out_reason));
	assert_int_equal(left, stays(pair) ? pair->asked / page_size : 0);
}

static void counted(const struct pair *pair, const struct hmm_p2p_stat *before)
{
	uint32_t id = pair->exporter.out_id, outcome = pair->path.out_outcome;
	uint64_t pages = pair->asked / page_size;
	struct hmm_p2p_stat now = stat_now(id);
	unsigned int i;

	assert_int_equal(stat_delta(id, before, HMM_P2P_COUNTER_PRIVATE),
			 outcome == HMM_P2P_OUTCOME_PRIVATE ? pages : 0);
	assert_int_equal(stat_delta(id, before, HMM_P2P_COUNTER_P2P),
			 outcome == HMM_P2P_OUTCOME_P2P ? pages : 0);
	assert_int_equal(stat_delta(id, before, HMM_P2P_COUNTER_SENT_HOME),
			 stays(pair) ? 0 : pages);
	for (i = 0; i < HMM_P2P_REASON_SLOTS; i++)
		assert_int_equal(now.out_reasons[i] - before->out_reasons[i],
				 !stays(pair) && i == pair->path.out_reason ?
				 pages : 0);
}

static void pair_reads(struct pair *pair)
{
	struct hmm_p2p_stat before = stat_now(pair->exporter.out_id);
	struct reached reached = reach(pair->importer.out_id, pair->mem,
				       pair->asked, pair->data, 0);

	as_promised(pair, &reached);
	counted(pair, &before);
	assert_pattern(pair->data, pair->asked, pair->seed);
	reached_free(&reached);
}

static void pair_writes(struct pair *pair)
{
	struct hmm_p2p_stat before;
	struct reached reached;

	move_to(pair->exporter.out_id, pair->mem, pair->length, NULL);
	pair->seed = 2;
	pattern_fill(pair->data, 0, pair->asked, pair->seed);
	before = stat_now(pair->exporter.out_id);
	reached = reach(pair->importer.out_id, pair->mem, pair->asked, pair->data,
			HMM_P2P_ACCESS_WRITE);
	as_promised(pair, &reached);
	counted(pair, &before);
	reached_free(&reached);
}

/* A call that faults and transfers nothing, over the whole range. */
static void pair_faults(struct pair *pair)
{
	size_t asked = pair->asked;
	struct hmm_p2p_stat before = stat_now(pair->exporter.out_id);
	struct reached reached = reach(pair->importer.out_id, pair->mem,
				       pair->length, NULL, 0);

	pair->asked = pair->length;
	as_promised(pair, &reached);
	counted(pair, &before);
	pair->asked = asked;
	reached_free(&reached);
	move_to(pair->exporter.out_id, pair->mem, pair->length, NULL);
}

static void pair_run(const struct hmm_p2p_device_info *exporter,
		     const struct hmm_p2p_device_info *importer)
{
	struct pair pair = { .exporter = *exporter, .importer = *importer };
	unsigned int paging;

	for (paging = SMALL_PAGES; paging <= HUGE_PAGES; paging++) {
		pair_start(&pair, paging);
		pair_faults(&pair);
		pair_reads(&pair);
		pair_writes(&pair);
		pair_end(&pair);
	}
}

/* With a window, a page's outcome also depends on where it is; not if private. */
static bool same_everywhere(const struct hmm_p2p_device_info *exporter,
			    enum hmm_p2p_outcome outcome)
{
	return outcome == HMM_P2P_OUTCOME_PRIVATE || !exporter->out_window_bytes ||
	       exporter->out_window_bytes == exporter->out_memory_bytes;
}

/* Runs every pair with the outcome; says how many there were. */
static size_t pairs_with(enum hmm_p2p_outcome outcome)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), e, i, found = 0;
	struct hmm_p2p_path path;

	for (e = 0; e < n; e++) {
		for (i = 0; i < n; i++) {
			if (!is_exporter(&infos[e]) || !is_importer(&infos[i]) ||
			    !same_everywhere(&infos[e], outcome))
				continue;
			assert_int_equal(hmm_p2p_path(ctx, infos[e].out_id,
						      infos[i].out_id, &path), 0);
			if (path.out_outcome != outcome)
				continue;
			pair_run(&infos[e], &infos[i]);
			found++;
		}
	}
	return found;
}

static void test_p2p(void **state)
{
	(void)state;
	if (!pairs_with(HMM_P2P_OUTCOME_P2P))
		SKIP("no importer has a path to an exporter");
}

static void test_migrated(void **state)
{
	(void)state;
	if (!pairs_with(HMM_P2P_OUTCOME_MIGRATED))
		SKIP("every importer has a path to every exporter");
}

/* With a device's own memory, and with that of one that shares its owner. */
static void test_private(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(8 * MIB);
	struct hmm_p2p_device_info peer;

	(void)state;
	assert_int_not_equal(pairs_with(HMM_P2P_OUTCOME_PRIVATE), 0);
	peer = other_exporter(exporter.out_id);
	assert_int_equal(hmm_p2p_set_owner(ctx, peer.out_id, exporter.out_id, NULL),
			 0);
	pair_run(&exporter, &peer);
	pair_run(&peer, &exporter);
	assert_int_equal(hmm_p2p_set_owner(ctx, peer.out_id, 0, NULL), 0);
}

/* The pages follow each other on the device, too, but the other way round. */
static void test_reversed(void **state)
{
	struct pair pair = { .exporter = largest_exporter(8 * MIB) };
	size_t end;

	(void)state;
	if (!find_importer(pair.exporter.out_id, HMM_P2P_OUTCOME_P2P, &pair.importer) ||
	    is_slow(&pair.importer))
		SKIP("no quick importer has a path");
	pair_map(&pair, SMALL_PAGES);
	for (end = pair.length; end; end -= page_size)
		move_all_to(pair.exporter.out_id, pair.mem + end - page_size, page_size);
	pair_faults(&pair);
	pair_reads(&pair);
	pair_writes(&pair);
	pair_end(&pair);
}

/* The importer opts out: what would be p2p comes home, private stays. */
static void test_importer_opts_out(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(8 * MIB), importer;
	uint8_t *mem, *data = map_memory(PAGES * page_size, SMALL_PAGES);
	struct reached reached;

	(void)state;
	if (!find_importer(exporter.out_id, HMM_P2P_OUTCOME_P2P, &importer))
		SKIP("no importer has a path");
	mem = map_pattern(PAGES * page_size, SMALL_PAGES, 3);
	move_all_to(exporter.out_id, mem, PAGES * page_size);
	reached = reach(exporter.out_id, mem, PAGES * page_size, data,
			HMM_P2P_ACCESS_NO_P2P);
	assert_int_equal(reached.result.out_private, PAGES);
	reached_free(&reached);

	memset(data, 0, PAGES * page_size);
	reached = reach(importer.out_id, mem, PAGES * page_size, data,
			HMM_P2P_ACCESS_NO_P2P);
	assert_int_equal(reached_count(&reached, HMM_P2P_OUTCOME_MIGRATED,
				       HMM_P2P_REASON_IMPORTER), PAGES);
	assert_pattern(data, PAGES * page_size, 3);
	assert_int_equal(pages_on(0, mem, PAGES * page_size), 0);
	assert_pattern(mem, PAGES * page_size, 3);
	reached_free(&reached);
	unmap(mem, PAGES * page_size);
	unmap(data, PAGES * page_size);
}

/**
 * struct shared - memory that a child shares, copy on write
 * @turns: the child waits until the importer has written
 * @mem: the memory, with pattern 4 as the child must find it
 * @length: of it
 */
struct shared {
	struct turns turns;
	uint8_t *mem;
	size_t length;
};

static int shared_child(void *arg)
{
	struct shared *shared = arg;

	turns_side(&shared->turns, true);
	CHECK(turn_await(&shared->turns) == 0);
	CHECK(pattern_diff(shared->mem, 0, shared->length, 4) == -1);
	return 0;
}

/* The importer writes to memory that a child shares: never to the shared page. */
static void write_shared(uint32_t exporter, uint32_t importer, enum paging paging)
{
	struct shared shared = {
		.length = paging == HUGE_PAGES ? huge_size : PAGES * page_size,
	};
	size_t pages = shared.length / page_size;
	uint8_t *data = map_pattern(shared.length, SMALL_PAGES, 5);
	struct reached reached;
	pid_t pid;

	shared.mem = map_pattern(shared.length, paging, 4);
	turns_init(&shared.turns);
	move_all_to(exporter, shared.mem, shared.length);
	pid = child_start(shared_child, &shared);
	turns_side(&shared.turns, false);

	/* Reading is no reason to separate the two. */
	reached = reach(importer, shared.mem, shared.length, NULL, 0);
	assert_int_equal(reached.result.out_private + reached.result.out_p2p, pages);
	reached_free(&reached);
	reached = reach(importer, shared.mem, shared.length, data,
			HMM_P2P_ACCESS_WRITE);
	assert_int_equal(reached_count(&reached, HMM_P2P_OUTCOME_MIGRATED,
				       HMM_P2P_REASON_READ_ONLY), pages);
	reached_free(&reached);

	assert_int_equal(turn_give(&shared.turns), 0);
	assert_int_equal(child_wait(pid), 0);
	assert_pattern(shared.mem, shared.length, 5);
	turns_fini(&shared.turns);
	unmap(shared.mem, shared.length);
	unmap(data, shared.length);
}

static void test_copy_on_write_p2p(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(8 * MIB), importer;

	(void)state;
	if (!find_importer(exporter.out_id, HMM_P2P_OUTCOME_P2P, &importer) ||
	    is_slow(&importer))
		SKIP("no quick importer has a path");
	write_shared(exporter.out_id, importer.out_id, SMALL_PAGES);
	write_shared(exporter.out_id, importer.out_id, HUGE_PAGES);
}

static void test_copy_on_write_private(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(8 * MIB);

	(void)state;
	if (!is_importer(&exporter))
		SKIP("the exporter does not import");
	write_shared(exporter.out_id, exporter.out_id, SMALL_PAGES);
	write_shared(exporter.out_id, exporter.out_id, HUGE_PAGES);
}

static void set_verdict(uint32_t exporter, uint32_t importer, uint32_t peer,
			uint32_t *owner, uint32_t *outcome)
{
	struct hmm_p2p_path path;

	assert_int_equal(hmm_p2p_set_owner(ctx, importer, peer, owner), 0);
	assert_int_equal(hmm_p2p_path(ctx, exporter, importer, &path), 0);
	*outcome = path.out_outcome;
}

/* A device joins an interconnect and leaves it: the verdict follows. */
static void test_owner_changes(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(8 * MIB);
	struct hmm_p2p_device_info peer = other_exporter(exporter.out_id), now;
	uint32_t owner, before, outcome;
	struct hmm_p2p_path path;

	(void)state;
	assert_int_equal(hmm_p2p_path(ctx, exporter.out_id, peer.out_id, &path), 0);
	before = path.out_outcome;
	assert_int_not_equal(before, HMM_P2P_OUTCOME_PRIVATE);

	set_verdict(exporter.out_id, peer.out_id, exporter.out_id, &owner, &outcome);
	assert_int_equal(outcome, HMM_P2P_OUTCOME_PRIVATE);
	assert_int_equal(owner, exporter.out_owner);
	assert_int_equal(hmm_p2p_device_next(ctx, peer.out_id, &now), 0);
	assert_int_equal(now.out_owner, exporter.out_owner);

	set_verdict(exporter.out_id, peer.out_id, 0, &owner, &outcome);
	assert_int_equal(outcome, before);
	assert_int_not_equal(owner, exporter.out_owner);
	assert_int_not_equal(owner, 0);
}

/* Pages carry their owner: a device that holds some cannot change it. */
static void test_owner_busy(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(8 * MIB);
	struct hmm_p2p_device_info peer = other_exporter(exporter.out_id);
	uint8_t *mem = map_pattern(page_size, SMALL_PAGES, 6);
	uint32_t owner;

	(void)state;
	move_all_to(peer.out_id, mem, page_size);
	assert_int_equal(hmm_p2p_set_owner(ctx, peer.out_id, exporter.out_id, NULL),
			 -EBUSY);
	assert_int_equal(hmm_p2p_set_owner(ctx, peer.out_id, 0, NULL), -EBUSY);
	/* Whom it would join may hold as much as it likes. */
	assert_int_equal(hmm_p2p_set_owner(ctx, exporter.out_id, peer.out_id,
					   &owner), 0);
	assert_int_equal(owner, peer.out_owner);
	assert_int_equal(hmm_p2p_set_owner(ctx, exporter.out_id, 0, NULL), 0);
	assert_pattern(mem, page_size, 6);
	assert_int_equal(hmm_p2p_set_owner(ctx, peer.out_id, 0, &owner), 0);
	unmap(mem, page_size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_p2p),
		TEST(test_migrated),
		TEST(test_private),
		TEST(test_reversed),
		TEST(test_importer_opts_out),
		TEST(test_copy_on_write_p2p),
		TEST(test_copy_on_write_private),
		TEST(test_owner_changes),
		TEST(test_owner_busy),
	};

	return RUN("outcomes", tests);
}
