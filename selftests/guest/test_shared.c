// SPDX-License-Identifier: GPL-2.0
/*
 * mmap() of /dev/hmm_p2p: which memory it is, who shares it, when it goes back
 * to the pool, and what is refused.
 */
#include <fcntl.h>
#include <sys/socket.h>

#include "common_shared.h"

#define LENGTH	(64 * page_size)

static void test_same_memory(void **state)
{
	struct hmm_p2p *mine, *others;
	uint8_t *mem, *again, *other;
	struct pool pool;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	assert_int_equal(pool_available(&pool), pool.before - LENGTH);
	assert_zero(mem, LENGTH);
	pattern_fill(mem, 0, LENGTH, 21);

	/* Half of the same, and as much again. */
	again = map_shared(mine, pool.id, LENGTH / 2, LENGTH);
	assert_int_equal(pool_available(&pool), pool.before - LENGTH - LENGTH / 2);
	assert_int_equal(pattern_diff(again, LENGTH / 2, LENGTH / 2, 21), -1);
	assert_zero(again + LENGTH / 2, LENGTH / 2);
	pattern_fill(again, 0, LENGTH, 22);
	assert_int_equal(pattern_diff(mem, 0, LENGTH / 2, 21), -1);
	assert_int_equal(pattern_diff(mem + LENGTH / 2, 0, LENGTH / 2, 22), -1);

	/* Another open file has other memory. */
	others = context_open();
	other = map_shared(others, pool.id, 0, page_size);
	assert_zero(other, page_size);
	unmap_shared(other, page_size);
	assert_int_equal(pool_available(&pool),
			 pool.before - LENGTH - LENGTH / 2 - page_size);

	unmap_shared(mem, LENGTH);
	unmap_shared(again, LENGTH);
	hmm_p2p_close(mine);
	assert_int_equal(pool_available(&pool), pool.before - page_size);
	hmm_p2p_close(others);
	assert_int_equal(pool_available(&pool), pool.before);
}

static void test_content_stays(void **state)
{
	struct hmm_p2p *mine;
	struct pool pool;
	uint8_t *mem;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	pattern_fill(mem, 0, LENGTH, 23);
	/* What a page table forgets, a fault finds again. */
	assert_int_equal(madvise(mem, LENGTH, MADV_DONTNEED), 0);
	assert_pattern(mem, LENGTH, 23);
	assert_int_equal(mprotect(mem, LENGTH, PROT_READ), 0);
	assert_pattern(mem, LENGTH, 23);
	unmap_shared(mem, LENGTH);

	mem = map_shared(mine, pool.id, 0, LENGTH);
	assert_pattern(mem, LENGTH, 23);
	hmm_p2p_close(mine);
	/* The mapping alone holds it. */
	assert_int_equal(pool_available(&pool), pool.before - LENGTH);
	assert_pattern(mem, LENGTH, 23);
	unmap_shared(mem, LENGTH);
	assert_int_equal(pool_available(&pool), pool.before);

	/* The same pages, most likely, and nobody's bytes. */
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	assert_zero(mem, LENGTH);
	unmap_shared(mem, LENGTH);
	hmm_p2p_close(mine);
}

static void test_two_devices(void **state)
{
	uint8_t *first, *second;
	struct hmm_p2p *mine;
	struct pool pools[2];

	(void)state;
	pools_find(pools, 2);
	mine = context_open();
	first = map_shared(mine, pools[0].id, 0, LENGTH);
	second = map_shared(mine, pools[1].id, 0, LENGTH);
	pattern_fill(first, 0, LENGTH, 24);
	pattern_fill(second, 0, LENGTH, 25);
	assert_pattern(first, LENGTH, 24);
	assert_pattern(second, LENGTH, 25);
	assert_int_equal(pool_available(&pools[0]), pools[0].before - LENGTH);
	assert_int_equal(pool_available(&pools[1]), pools[1].before - LENGTH);
	unmap_shared(first, LENGTH);
	unmap_shared(second, LENGTH);
	hmm_p2p_close(mine);
	assert_int_equal(pool_available(&pools[0]), pools[0].before);
	assert_int_equal(pool_available(&pools[1]), pools[1].before);
}

/* --------------------------------------------------------- two processes */

struct family {
	struct hmm_p2p *mine;
	uint32_t id;
	uint8_t *mem;
};

static int forked(void *arg)
{
	struct family *family = arg;
	uint8_t *more;

	CHECK(pattern_diff(family->mem, 0, LENGTH, 26) == -1);
	pattern_fill(family->mem, 0, LENGTH, 27);
	more = map_fd(hmm_p2p_fd(family->mine), family->id, LENGTH, LENGTH);
	CHECK(more != MAP_FAILED);
	CHECK(zero_diff(more, LENGTH) == -1);
	pattern_fill(more, 0, LENGTH, 28);
	return 0;
}

static void test_fork(void **state)
{
	struct family family;
	struct pool pool;
	uint8_t *more;

	(void)state;
	pools_find(&pool, 1);
	family.mine = context_open();
	family.id = pool.id;
	family.mem = map_shared(family.mine, pool.id, 0, LENGTH);
	pattern_fill(family.mem, 0, LENGTH, 26);
	assert_int_equal(in_child(forked, &family), 0);
	assert_pattern(family.mem, LENGTH, 27);
	more = map_shared(family.mine, pool.id, LENGTH, LENGTH);
	assert_pattern(more, LENGTH, 28);
	unmap_shared(more, LENGTH);
	unmap_shared(family.mem, LENGTH);
	hmm_p2p_close(family.mine);
	assert_int_equal(pool_available(&pool), pool.before);
}

struct receiver {
	struct turns turns;
	int sockets[2];
	uint32_t id;
};

/* It never had the parent's context, only what came over the socket. */
static int receiver(void *arg)
{
	struct receiver *it = arg;
	uint8_t *mem;
	int fd;

	turns_side(&it->turns, true);
	fd = receive_fd(it->sockets[1]);
	mem = map_fd(fd, it->id, 0, LENGTH);
	CHECK(mem != MAP_FAILED);
	CHECK(pattern_diff(mem, 0, LENGTH, 29) == -1);
	pattern_fill(mem, 0, LENGTH, 30);
	CHECK(turn_give(&it->turns) == 0);

	/* Now nobody else has it. */
	CHECK(turn_await(&it->turns) == 0);
	CHECK(close(fd) == 0);
	CHECK(pattern_diff(mem, 0, LENGTH, 31) == -1);
	return 0;
}

static void test_descriptor(void **state)
{
	struct receiver it = { 0 };
	struct hmm_p2p *mine;
	struct pool pool;
	uint8_t *mem;
	pid_t child;

	(void)state;
	pools_find(&pool, 1);
	it.id = pool.id;
	turns_init(&it.turns);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, it.sockets), 0);
	child = child_start(receiver, &it);
	turns_side(&it.turns, false);

	mine = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	pattern_fill(mem, 0, LENGTH, 29);
	send_fd(it.sockets[0], hmm_p2p_fd(mine));
	assert_int_equal(turn_await(&it.turns), 0);
	assert_pattern(mem, LENGTH, 30);
	pattern_fill(mem, 0, LENGTH, 31);
	unmap_shared(mem, LENGTH);
	hmm_p2p_close(mine);
	assert_int_equal(pool_available(&pool), pool.before - LENGTH);
	assert_int_equal(turn_give(&it.turns), 0);
	assert_int_equal(child_wait(child), 0);
	assert_int_equal(pool_available(&pool), pool.before);
	turns_fini(&it.turns);
	close(it.sockets[0]);
	close(it.sockets[1]);
}

/* Two processes count to the same number: atomics work on this memory. */

#define COUNT	20000

static int counter(void *arg)
{
	uint64_t *word = arg;
	unsigned int i;

	for (i = 0; i < COUNT; i++)
		__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static void test_atomics(void **state)
{
	struct hmm_p2p *mine;
	struct pool pool;
	uint8_t *mem;
	pid_t child;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, page_size);
	child = child_start(counter, mem);
	counter(mem);
	assert_int_equal(child_wait(child), 0);
	assert_int_equal(*(uint64_t *)mem, 2 * COUNT);
	unmap_shared(mem, page_size);
	hmm_p2p_close(mine);
}

/* ----------------------------------------------------------------- refused */

static void test_refused(void **state)
{
	struct hmm_p2p *mine;
	struct pool pool;
	void *mem;
	off_t offset;
	int fd;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	fd = hmm_p2p_fd(mine);
	offset = (off_t)HMM_P2P_MAP_OFFSET(pool.id, 0);
	mem = mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, fd, offset);
	assert_true(mem == MAP_FAILED && errno == EINVAL);
	mem = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, offset);
	assert_true(mem == MAP_FAILED && errno == EINVAL);
	/* From the last page of one device's offsets on to another's. */
	mem = map_fd(fd, pool.id, (1ULL << HMM_P2P_MAP_SHIFT) - page_size, 2 * page_size);
	assert_true(mem == MAP_FAILED && errno == EINVAL);
	mem = map_fd(fd, 0, 0, page_size);
	assert_true(mem == MAP_FAILED && errno == ENOENT);
	assert_int_equal(hmm_p2p_map(mine, 0xfffff, 0, page_size, &mem), -ENOENT);
	assert_null(mem);
	assert_int_equal(hmm_p2p_map(mine, pool.id, 1, page_size, &mem), -EINVAL);
	assert_int_equal(hmm_p2p_map(mine, pool.id, 0, page_size + 1, &mem), -EINVAL);
	assert_int_equal(hmm_p2p_map(mine, pool.id, 0, 0, &mem), -EINVAL);
	assert_int_equal(hmm_p2p_map(mine, pool.id, 1ULL << HMM_P2P_MAP_SHIFT, page_size,
				     &mem), -EINVAL);
	assert_int_equal(hmm_p2p_map(mine, pool.id, 0, page_size, NULL), -EINVAL);
	assert_int_equal(pool_available(&pool), pool.before);
	hmm_p2p_close(mine);
}

static void test_read_only(void **state)
{
	struct hmm_p2p *mine;
	struct pool pool;
	uint8_t *mem, *look;
	char path[32];
	int fd;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	pattern_fill(mem, 0, LENGTH, 32);
	look = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, hmm_p2p_fd(mine),
		    (off_t)HMM_P2P_MAP_OFFSET(pool.id, 0));
	assert_true(look != MAP_FAILED);
	assert_pattern(look, LENGTH, 32);
	unmap_shared(look, LENGTH);
	unmap_shared(mem, LENGTH);

	/* Another open file, so other memory; no way to write it. */
	snprintf(path, sizeof(path), "%s", HMM_P2P_DEVICE_PATH);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(map_fd(fd, pool.id, 0, page_size) == MAP_FAILED && errno == EACCES);
	look = mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd,
		    (off_t)HMM_P2P_MAP_OFFSET(pool.id, 0));
	assert_true(look != MAP_FAILED);
	assert_zero(look, page_size);
	assert_int_equal(mprotect(look, page_size, PROT_READ | PROT_WRITE), -1);
	assert_int_equal(errno, EACCES);
	unmap_shared(look, page_size);
	close(fd);
	hmm_p2p_close(mine);
	assert_int_equal(pool_available(&pool), pool.before);
}

static void test_no_such_memory(void **state)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i, tried = 0;
	void *mem;

	(void)state;
	for (i = 0; i < n; i++) {
		if (infos[i].out_caps & HMM_P2P_CAP_SHARED)
			continue;
		assert_int_equal(hmm_p2p_map(ctx, infos[i].out_id, 0, page_size, &mem),
				 -EOPNOTSUPP);
		tried++;
	}
	if (!tried)
		SKIP("every device has memory to map");
}

static void test_full(void **state)
{
	struct hmm_p2p *mine, *other;
	struct pool pool;
	uint8_t *mem;
	void *none;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	other = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	pattern_fill(mem, 0, LENGTH, 33);

	/* All or nothing, and what was there stays. */
	assert_int_equal(hmm_p2p_map(mine, pool.id, 0, pool.before + page_size, &none),
			 -ENOSPC);
	assert_int_equal(pool_available(&pool), pool.before - LENGTH);
	assert_pattern(mem, LENGTH, 33);
	unmap_shared(mem, LENGTH);

	mem = map_shared(mine, pool.id, 0, pool.before);
	assert_int_equal(pool_available(&pool), 0);
	assert_pattern(mem, LENGTH, 33);
	assert_zero(mem + LENGTH, pool.before - LENGTH);
	pattern_fill(mem, 0, pool.before, 34);
	assert_int_equal(hmm_p2p_map(other, pool.id, 0, page_size, &none), -ENOSPC);
	assert_pattern(mem, pool.before, 34);
	unmap_shared(mem, pool.before);
	hmm_p2p_close(mine);

	mem = map_shared(other, pool.id, 0, page_size);
	unmap_shared(mem, page_size);
	hmm_p2p_close(other);
	assert_int_equal(pool_available(&pool), pool.before);
}

/* ---------------------------------------------------- the rest of the device */

static uint64_t bar_bytes(const struct pool *pool)
{
	unsigned long long start, end, flags;
	uint64_t most = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", pool->bus);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fscanf(file, "%llx %llx %llx", &start, &end, &flags) == 3)
		if (end && end - start + 1 > most)
			most = end - start + 1;
	fclose(file);
	return most;
}

/* Every byte of the BAR is one or the other, and none is both. */
static void test_apart(void **state)
{
	struct hmm_p2p *mine;
	struct pool pool;
	uint64_t private, half;
	uint8_t *mem, *moved, *kernels;

	(void)state;
	pools_find(&pool, 1);
	half = pool.before / page_size / 2 * page_size;
	assert_int_equal(pool.device.out_memory_bytes + pool.before, bar_bytes(&pool));
	private = pool.device.out_memory_bytes - pool.device.out_used_bytes;
	/* A page may be the device's own, by way of which it reaches others. */
	private -= huge_size;
	private = (private < 64 * MIB ? private : 64 * MIB) / huge_size * huge_size;
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, pool.before - half);
	kernels = allocate(&pool, half);
	assert_int_equal(pool_available(&pool), 0);
	moved = map_pattern(private, SMALL_PAGES, 35);
	pattern_fill(mem, 0, pool.before - half, 36);
	pattern_fill(kernels, 0, half, 37);
	move_to(pool.id, moved, private, NULL);
	assert_true(pages_on(pool.id, moved, private) > private / page_size / 2);
	assert_pattern(mem, pool.before - half, 36);
	assert_pattern(kernels, half, 37);
	pattern_fill(mem, 0, pool.before - half, 38);
	pattern_fill(kernels, 0, half, 39);
	assert_pattern(moved, private, 35);
	assert_pattern(mem, pool.before - half, 38);
	assert_pattern(kernels, half, 39);
	unmap(moved, private);
	unmap_shared(kernels, half);
	unmap_shared(mem, pool.before - half);
	hmm_p2p_close(mine);
	assert_int_equal(pool_available(&pool), pool.before);
}

/* Nothing to move, and an importer reaches it where it is. */
static void test_importers(void **state)
{
	struct hmm_p2p_device_info importer;
	struct hmm_p2p_migrate result;
	uint8_t *mem, *data;
	struct reached reached;
	struct hmm_p2p *mine;
	struct pool pool;

	(void)state;
	pools_find(&pool, 1);
	if (!find_importer(pool.id, HMM_P2P_OUTCOME_P2P, &importer))
		SKIP("no importer has a path to the device");
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	pattern_fill(mem, 0, LENGTH, 61);
	move_to(pool.id, mem, LENGTH, &result);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_NOT_ANON], LENGTH / page_size);
	assert_int_equal(pages_on(pool.id, mem, LENGTH), LENGTH / page_size);

	data = map_memory(LENGTH, SMALL_PAGES);
	reached = reach(importer.out_id, mem, 4 * page_size, data, 0);
	assert_int_equal(reached_count(&reached, HMM_P2P_OUTCOME_P2P, 0), 4);
	reached_free(&reached);
	assert_pattern(data, 4 * page_size, 61);
	pattern_fill(data, 0, LENGTH, 62);
	reached = reach(importer.out_id, mem, 4 * page_size, data, HMM_P2P_ACCESS_WRITE);
	assert_int_equal(reached_count(&reached, HMM_P2P_OUTCOME_P2P, 0), 4);
	reached_free(&reached);
	assert_int_equal(pattern_diff(mem, 0, 4 * page_size, 62), -1);
	assert_int_equal(pattern_diff(mem + 4 * page_size, 4 * page_size,
				      LENGTH - 4 * page_size, 61), -1);
	unmap(data, LENGTH);
	unmap_shared(mem, LENGTH);
	hmm_p2p_close(mine);
	pool_is_back(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_same_memory),
		TEST(test_content_stays),
		TEST(test_two_devices),
		TEST(test_fork),
		TEST(test_descriptor),
		TEST(test_atomics),
		TEST(test_refused),
		TEST(test_read_only),
		TEST(test_no_such_memory),
		TEST(test_full),
		TEST(test_apart),
		TEST(test_importers),
	};

	return RUN("shared", tests);
}
