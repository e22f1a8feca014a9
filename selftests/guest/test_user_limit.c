// SPDX-License-Identifier: GPL-2.0
/*
 * A limit for each user (parameter user_limit of hmm_p2p): who is at it gets no more and
 * evicts only what is his own, others lose nothing by it, and what he gives back is
 * his again.
 */
#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "common_shared.h"

#define PARAMETER	"/sys/module/hmm_p2p/parameters/user_limit"
#define LIMIT		(8 * MIB)
#define LENGTH		(32 * MIB)
#define NOBODY		65534
#define NEIGHBOUR	65533

static int limit_write(const char *text)
{
	return write_file(PARAMETER, text);
}

static void limit_is(const char *text)
{
	char line[64];
	FILE *file = fopen(PARAMETER, "re");

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	line[strcspn(line, "\n")] = 0;
	assert_string_equal(line, text);
}

static int limit_teardown(void **state)
{
	limit_write("0");
	return test_teardown(state);
}

static int become(uid_t uid)
{
	CHECK(setgroups(0, NULL) == 0);
	CHECK(setresgid(uid, uid, uid) == 0);
	CHECK(setresuid(uid, uid, uid) == 0);
	/* One's own /proc is not one's own after that. */
	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
	return 0;
}

/**
 * struct user - a process of a user, with memory of its own
 * @device: where its memory goes
 * @paging: of its memory
 * @uid: of the user
 * @length: how much it moves there; for a neighbour
 * @work: what it does
 * @turns: a neighbour waits here until it may look at its memory
 * @pid: of a neighbour
 */
struct user {
	uint32_t device;
	enum paging paging;
	uid_t uid;
	size_t length;
	int (*work)(const struct user *user);
	struct turns turns;
	pid_t pid;
};

static int user_main(void *arg)
{
	const struct user *user = arg;

	CHECK(become(user->uid) == 0);
	return user->work(user);
}

static int on_device(const struct user *user, const uint8_t *mem, size_t length)
{
	return (int)(pages_on(user->device, mem, length) * page_size / MIB);
}

static int move(const struct user *user, uint8_t *mem, size_t length, uint32_t flags,
		struct hmm_p2p_migrate *result)
{
	return hmm_p2p_migrate_flags(ctx, NULL, user->device, flags, (uintptr_t)mem, length,
				     result);
}

/* All of it is moved in turn, and never more than the limit is there. */
static int moves_more(const struct user *user)
{
	uint8_t *mem = map_pattern(LENGTH, user->paging, 91);
	struct hmm_p2p_migrate result;
	size_t at;

	for (at = 0; at < LENGTH; at += LIMIT / 2) {
		CHECK(move(user, mem + at, LIMIT / 2, 0, &result) == 0);
		CHECK(result.out_moved == LIMIT / 2 / page_size);
		CHECK(pages_on(user->device, mem, LENGTH) <= LIMIT / page_size);
	}
	CHECK(pattern_diff(mem, 0, LENGTH, 91) == -1);
	return 0;
}

/* One move gets what the limit allows, and the reason says that it is one of room. */
static int keeps_its_own(const struct user *user)
{
	uint8_t *mem = map_pattern(LENGTH, user->paging, 92);
	struct hmm_p2p_migrate result;

	CHECK(move(user, mem, LENGTH, 0, &result) == -ENOSPC);
	CHECK(result.out_moved == LIMIT / page_size);
	CHECK(result.out_reasons[HMM_P2P_REASON_NO_DEVICE_MEMORY] > 0);
	CHECK(pages_on(user->device, mem, LENGTH) == LIMIT / page_size);
	CHECK(pattern_diff(mem, 0, LENGTH, 92) == -1);
	return 0;
}

/* Without eviction there is room again when memory comes home, however it does. */
static int gives_back(const struct user *user)
{
	uint8_t *mem = map_pattern(LENGTH, user->paging, 93);
	struct hmm_p2p_migrate result;
	size_t i;

	CHECK(move(user, mem, LENGTH, HMM_P2P_MIGRATE_NO_EVICT, &result) == -ENOSPC);
	CHECK(result.out_moved == LIMIT / page_size);
	/* Page by page: of a huge page that was charged as one, the last counts. */
	for (i = 0; i < LIMIT; i += 2 * page_size)
		CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem + i, page_size,
					     NULL) == 0);
	for (i = page_size; i < LIMIT; i += 2 * page_size)
		CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem + i, page_size,
					     NULL) == 0);
	CHECK(move(user, mem + LIMIT, LIMIT, HMM_P2P_MIGRATE_NO_EVICT, &result) == 0);
	CHECK(on_device(user, mem, LENGTH) == LIMIT / MIB);
	CHECK(munmap(mem + LIMIT, LIMIT) == 0);
	CHECK(move(user, mem, LIMIT, HMM_P2P_MIGRATE_NO_EVICT, &result) == 0);
	CHECK(pattern_diff(mem, 0, LIMIT, 93) == -1);
	return 0;
}

static int waits(void *arg)
{
	struct turns *turns = arg;

	turns_side(turns, true);
	CHECK(turn_give(turns) == 0);
	CHECK(turn_await(turns) == 0);
	return 0;
}

/* A page that only a child still has is paid by who moved it. */
static int forks(const struct user *user)
{
	uint8_t *mem = map_pattern(2 * LIMIT, user->paging, 94);
	struct hmm_p2p_migrate result;
	struct turns turns;
	pid_t pid;

	CHECK(move(user, mem, LIMIT, 0, &result) == 0);
	turns_init(&turns);
	pid = child_start(waits, &turns);
	turns_side(&turns, false);
	CHECK(turn_await(&turns) == 0);
	CHECK(munmap(mem, LIMIT) == 0);
	CHECK(move(user, mem + LIMIT, LIMIT, HMM_P2P_MIGRATE_NO_EVICT, &result) == -ENOSPC);
	CHECK(result.out_moved == 0);
	CHECK(turn_give(&turns) == 0);
	CHECK(child_wait(pid) == 0);
	turns_fini(&turns);
	CHECK(move(user, mem + LIMIT, LIMIT, HMM_P2P_MIGRATE_NO_EVICT, &result) == 0);
	return 0;
}

static int neighbour(const struct user *user)
{
	struct turns turns = user->turns;
	uint8_t *mem;

	turns_side(&turns, true);
	mem = map_pattern(user->length, user->paging, 95);
	CHECK(move(user, mem, user->length, 0, NULL) == 0);
	CHECK(turn_give(&turns) == 0);
	CHECK(turn_await(&turns) == 0);
	CHECK(pages_on(user->device, mem, user->length) == user->length / page_size);
	CHECK(pattern_diff(mem, 0, user->length, 95) == -1);
	return 0;
}

static void neighbour_start(struct user *user)
{
	turns_init(&user->turns);
	user->pid = child_start(user_main, user);
	turns_side(&user->turns, false);
	assert_int_equal(turn_await(&user->turns), 0);
}

static void neighbour_end(struct user *user)
{
	assert_int_equal(turn_give(&user->turns), 0);
	assert_int_equal(child_wait(user->pid), 0);
	turns_fini(&user->turns);
}

/* What another user has there stays, and what root has, who is not limited. */
static void with_others(int (*work)(const struct user *user), enum paging paging)
{
	struct hmm_p2p_device_info device = largest_exporter(2 * LENGTH + LIMIT);
	struct user user = {
		.device = device.out_id, .paging = paging, .uid = NOBODY, .work = work,
	};
	struct user other = {
		.device = device.out_id, .paging = paging, .uid = NEIGHBOUR,
		.length = LIMIT, .work = neighbour,
	};
	uint8_t *mem;

	assert_int_equal(limit_write("8M"), 0);
	neighbour_start(&other);
	mem = map_pattern(LENGTH, paging, 96);
	move_all_to(device.out_id, mem, LENGTH);
	assert_int_equal(in_child(user_main, &user), 0);
	assert_int_equal(pages_on(device.out_id, mem, LENGTH), LENGTH / page_size);
	assert_pattern(mem, LENGTH, 96);
	unmap(mem, LENGTH);
	neighbour_end(&other);
}

static void test_moves_more(void **state)
{
	(void)state;
	with_others(moves_more, SMALL_PAGES);
	with_others(moves_more, HUGE_PAGES);
}

static void test_keeps_its_own(void **state)
{
	(void)state;
	with_others(keeps_its_own, SMALL_PAGES);
	with_others(keeps_its_own, HUGE_PAGES);
}

static void test_gives_back(void **state)
{
	(void)state;
	with_others(gives_back, SMALL_PAGES);
	with_others(gives_back, HUGE_PAGES);
}

static void test_fork(void **state)
{
	(void)state;
	with_others(forks, SMALL_PAGES);
	with_others(forks, HUGE_PAGES);
}

/* Each device counts for itself, and the limit may be a part of it. */
static int percent(const struct user *user)
{
	uint8_t *mem = map_pattern(user->length, user->paging, 97);
	struct hmm_p2p_migrate result;

	CHECK(move(user, mem, user->length, 0, &result) == -ENOSPC);
	CHECK(result.out_moved == user->length / 2 / page_size);
	return 0;
}

static void test_percent(void **state)
{
	struct hmm_p2p_device_info device = smallest_exporter();
	struct user user = {
		.device = device.out_id, .uid = NOBODY, .work = percent,
		.paging = SMALL_PAGES,
	};

	(void)state;
	if (device.out_caps & HMM_P2P_CAP_SHARED)
		SKIP("a part of the device is for mmap()");
	/* 25 percent, in whole hundredths, of a power of two. */
	user.length = 2 * (device.out_memory_bytes / 100 * 25 / page_size) * page_size;
	assert_int_equal(limit_write("25%"), 0);
	assert_int_equal(in_child(user_main, &user), 0);
}

/* -------------------------------------------------------- while it is switched */

/**
 * struct switching - what two processes do in turns
 * @user: who moves
 * @turns: the other one switches the limit in its turns
 */
struct switching {
	struct user user;
	struct turns turns;
};

static int switching_main(void *arg)
{
	struct switching *all = arg;
	const struct user *user = &all->user;
	struct hmm_p2p_migrate result;
	uint8_t *mem;

	turns_side(&all->turns, true);
	CHECK(become(NOBODY) == 0);
	mem = map_pattern(LENGTH, user->paging, 98);
	CHECK(move(user, mem, 2 * LIMIT, 0, &result) == 0);
	CHECK(turn_give(&all->turns) == 0);
	CHECK(turn_await(&all->turns) == 0);

	/* On: what was handed out before does not count, nor does its end. */
	CHECK(move(user, mem + 2 * LIMIT, 2 * LIMIT, HMM_P2P_MIGRATE_NO_EVICT,
		   &result) == -ENOSPC);
	CHECK(result.out_moved == LIMIT / page_size);
	CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem, 2 * LIMIT, NULL) == 0);
	CHECK(move(user, mem, LIMIT, HMM_P2P_MIGRATE_NO_EVICT, &result) == -ENOSPC);
	CHECK(result.out_moved == 0);
	CHECK(turn_give(&all->turns) == 0);
	CHECK(turn_await(&all->turns) == 0);

	/* Off. */
	CHECK(move(user, mem, LENGTH, HMM_P2P_MIGRATE_NO_EVICT, &result) == 0);
	CHECK(turn_give(&all->turns) == 0);
	CHECK(turn_await(&all->turns) == 0);

	/* On again: the first of them count still, and go with the others. */
	CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem, LENGTH, NULL) == 0);
	CHECK(move(user, mem, LENGTH, HMM_P2P_MIGRATE_NO_EVICT, &result) == -ENOSPC);
	CHECK(result.out_moved == LIMIT / page_size);
	CHECK(pattern_diff(mem, 0, LENGTH, 98) == -1);
	return 0;
}

static void switched(enum paging paging)
{
	struct hmm_p2p_device_info device = largest_exporter(2 * LENGTH);
	struct switching all = { .user = { .device = device.out_id, .paging = paging } };
	static const char * const values[] = { "8M", "0", "8M" };
	pid_t pid;
	size_t i;

	assert_int_equal(limit_write("0"), 0);
	turns_init(&all.turns);
	pid = child_start(switching_main, &all);
	turns_side(&all.turns, false);
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		assert_int_equal(turn_await(&all.turns), 0);
		assert_int_equal(limit_write(values[i]), 0);
		assert_int_equal(turn_give(&all.turns), 0);
	}
	assert_int_equal(child_wait(pid), 0);
	turns_fini(&all.turns);
}

static void test_switched(void **state)
{
	(void)state;
	switched(SMALL_PAGES);
	switched(HUGE_PAGES);
}

static void test_parameter(void **state)
{
	static const char * const wrong[] = {
		"all", "-1", "101%", "1G%", "5%%", "8M 8M", "0x8000000000000000",
	};
	size_t i;

	(void)state;
	limit_is("0");
	assert_int_equal(limit_write("1G\n"), 0);
	limit_is("1073741824");
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(limit_write(wrong[i]), -EINVAL);
	limit_is("1073741824");
	assert_int_equal(limit_write("100%"), 0);
	limit_is("100%");
	assert_int_equal(limit_write("0%"), 0);
	limit_is("0");
}

/* ------------------------------------------------------ memory that is mapped */

/* It counts as memory that was moved does, and comes back with the file. */
static int maps(const struct user *user)
{
	uint8_t *mem = map_pattern(LIMIT, SMALL_PAGES, 99);
	struct hmm_p2p_migrate result;
	void *shared, *more;

	CHECK(hmm_p2p_map(ctx, user->device, 0, LIMIT / 2, &shared) == 0);
	CHECK(hmm_p2p_map(ctx, user->device, LIMIT / 2, LIMIT, &more) == -EDQUOT);
	CHECK(move(user, mem, LIMIT, 0, &result) == -ENOSPC);
	CHECK(result.out_moved == LIMIT / 2 / page_size);
	CHECK(hmm_p2p_map(ctx, user->device, LIMIT / 2, page_size, &more) == -EDQUOT);
	CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem, LIMIT, NULL) == 0);
	CHECK(hmm_p2p_map(ctx, user->device, LIMIT / 2, LIMIT / 2, &more) == 0);
	CHECK(move(user, mem, LIMIT, 0, &result) == -ENOSPC);
	CHECK(result.out_moved == 0);
	return 0;
}

static int moves_all(const struct user *user)
{
	uint8_t *mem = map_pattern(LIMIT, SMALL_PAGES, 99);

	return move(user, mem, LIMIT, HMM_P2P_MIGRATE_NO_EVICT, NULL);
}

static void test_mapped(void **state)
{
	struct user user = { .uid = NOBODY, .work = maps };
	struct hmm_p2p *mine = ctx;
	struct pool pool;

	(void)state;
	pools_find(&pool, 1);
	user.device = pool.id;
	assert_int_equal(limit_write("8M"), 0);
	/* A file of its own, which a user who is nobody cannot open. */
	ctx = context_open();
	assert_int_equal(in_child(user_main, &user), 0);
	/* The file lives on here, and with it what the user has mapped. */
	user.work = moves_all;
	assert_int_equal(in_child(user_main, &user), 256 - ENOSPC);
	hmm_p2p_close(ctx);
	ctx = mine;
	assert_int_equal(in_child(user_main, &user), 0);
	pool_is_back(&pool);
}

#define LIMIT_TEST(fn) cmocka_unit_test_setup_teardown(fn, test_setup, limit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIMIT_TEST(test_parameter),
		LIMIT_TEST(test_moves_more),
		LIMIT_TEST(test_keeps_its_own),
		LIMIT_TEST(test_gives_back),
		LIMIT_TEST(test_fork),
		LIMIT_TEST(test_percent),
		LIMIT_TEST(test_switched),
		LIMIT_TEST(test_mapped),
	};

	return RUN("user_limit", tests);
}
