// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation fails once while a device's memory is opened, mapped, touched, made
 * a dma-buf of and reached by a device: it works or says why, and every page goes back
 * to the pool.
 */
#include "common_failnth.h"
#include "common_shared.h"

#define PAGES		8

typedef int (*use_fn)(struct hmm_p2p *mine, void *mem, size_t length);

static int touch(struct hmm_p2p *mine, void *mem, size_t length)
{
	size_t at;

	(void)mine;
	for (at = 0; at < length; at += page_size)
		((volatile uint8_t *)mem)[at]++;
	return 0;
}

static uint32_t bus_master;

/* The descriptor, its mapping, and DMA on it. */
static int share(struct hmm_p2p *mine, void *mem, size_t length)
{
	int fd = hmm_p2p_export(mine, mem, length, NULL);
	static uint64_t data[4096 / 8];
	int64_t got;
	void *again;

	if (fd < 0)
		return fd;
	again = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	got = again == MAP_FAILED ? -errno : touch(mine, again, length);
	if (again != MAP_FAILED)
		while (munmap(again, length))
			;
	if (!got)
		got = hmm_p2p_import_read(mine, bus_master, fd, 0, data, page_size);
	close(fd);
	return got < 0 ? (int)got : 0;
}

static int map_and_use(struct hmm_p2p *mine, uint32_t id, use_fn use)
{
	size_t length = PAGES * page_size;
	void *mem;
	int err = hmm_p2p_map(mine, id, 0, length, &mem);

	if (err)
		return err;
	err = use(mine, mem, length);
	while (hmm_p2p_unmap(mem, length) == -ENOMEM)
		;
	return err;
}

/* Return: whether a failure was injected. */
static bool pass(const struct pool *pool, unsigned int n, use_fn use)
{
	struct hmm_p2p *mine;
	bool injected;
	uint8_t *mem;
	int err;

	failure_arm(n);
	err = hmm_p2p_open(&mine);
	if (!err)
		err = map_and_use(mine, pool->id, use);
	injected = failure_disarm();
	if (err && (!injected || (err != -ENOMEM && err != -EFAULT)))
		fail_msg("failure %u: %s", n, strerror(-err));
	if (mine) {
		/* It can still be used. */
		mem = map_shared(mine, pool->id, 0, 2 * PAGES * page_size);
		assert_true(err ? mem[0] <= (use == share) : mem[0] == 1);
		assert_zero(mem + PAGES * page_size, PAGES * page_size);
		unmap_shared(mem, 2 * PAGES * page_size);
		hmm_p2p_close(mine);
	}
	pool_is_back(pool);
	return injected;
}

static void fail_each(const struct pool *pool, use_fn use)
{
	unsigned int n = 1;

	if (!failnth_open())
		SKIP("this kernel injects no failures");
	while (n < MOST_PASSES && pass(pool, n, use))
		n++;
	fprintf(stderr, "# %u failures\n", n - 1);
	assert_in_range(n, 2, MOST_PASSES - 1);
	failnth_close();
}

static void test_failures(void **state)
{
	struct pool pool;

	(void)state;
	pools_find(&pool, 1);
	fail_each(&pool, touch);
}

static void test_buffer_failures(void **state)
{
	struct pool pool;

	(void)state;
	pools_find(&pool, 1);
	bus_master = bus_master_of(&pool, true);
	fail_each(&pool, share);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_failures),
		TEST(test_buffer_failures),
	};

	return RUN("shared_failnth", tests);
}
