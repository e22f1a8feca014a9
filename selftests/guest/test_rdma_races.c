// SPDX-License-Identifier: GPL-2.0
/*
 * A NIC works on demand on memory that others move, unmap, protect and share
 * meanwhile. A page that it transfers is always whole: what was last written
 * there, or nothing where the memory was thrown away; never bytes of another
 * page, another time or another process.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "common.h"
#include "verbs.h"

#define LENGTH		(2 * huge_size)
#define PAGES		(LENGTH / page_size)
#define MOST_PAGES	16	/* of one transfer */
#define LEAST_TRANSFERS	10	/* a slow machine gets more time for them */
#define MOST_SECONDS	60
#define MAX_PAGES	1024
#define MAX_THREADS	3

static struct nic nic;

static int races_setup(void **state)
{
	if (suite_setup(state))
		return -1;
	return nic_open(&nic, IBV_MTU_4096) && nic_trace() ? 0 : -1;
}

static int races_teardown(void **state)
{
	nic_trace_end();
	nic_close(&nic);
	return suite_teardown(state);
}

/**
 * struct race - the NIC's memory, and who disturbs it
 * @exporters: where it goes
 * @mem: the memory
 * @mr: its region, on demand
 * @near: the NIC's buffer in RAM
 * @near_mr: its region, pinned
 * @is: what a page has: the seed of its pattern, 0 for zeroes
 * @wanted: what a page has instead if a write that failed got that far
 * @may_vanish: memory is thrown away: zeroes are right too
 * @may_fail: memory cannot be accessed at times: an access error is right too
 * @stop: the time is over
 * @bad: somebody found something wrong
 * @transfers: the NIC's rounds
 * @late: transfers that the machine was too busy for
 * @refused: transfers that ended with an access error
 * @rounds: what the others have done
 */
struct race {
	uint32_t exporters[2];
	uint8_t *mem;
	struct ibv_mr *mr;
	uint8_t *near;
	struct ibv_mr *near_mr;
	uint64_t is[MAX_PAGES];
	uint64_t wanted[MAX_PAGES];
	bool may_vanish;
	bool may_fail;
	bool stop;
	bool bad;
	unsigned long transfers;
	unsigned long late;
	unsigned long refused;
	unsigned long rounds;
};

typedef int (*race_fn)(struct race *race, uint64_t *random);

static bool goes_on(struct race *race)
{
	return !__atomic_load_n(&race->stop, __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&race->bad, __ATOMIC_RELAXED);
}

/* --------------------------------------------------------------------- the NIC */

/* Return: 0, -EACCES when it was refused and that is right, 1 when it is not. */
static int transfer(struct race *race, enum ibv_wr_opcode opcode, size_t first,
		    size_t nr)
{
	const struct nic_op op = {
		.opcode = opcode, .length = nr * page_size,
		.local = race->near_mr, .at = race->near + first * page_size,
		.remote = race->mr, .remote_at = race->mem + first * page_size,
	};
	enum ibv_wc_status status = nic_do_busy(&nic, &op, &race->late);

	if (status == IBV_WC_SUCCESS)
		return 0;
	if (!race->may_fail || status != IBV_WC_REM_ACCESS_ERR) {
		fprintf(stderr, "# a transfer ended with: %s\n",
			ibv_wc_status_str(status));
		return 1;
	}
	CHECK(nic_connect_self(&nic));
	race->refused++;
	return -EACCES;
}

/* What is in one page of the buffer becomes what the page is. */
static int page_is(struct race *race, size_t page)
{
	uint64_t at = page * page_size, word = *(uint64_t *)(race->near + at);

	if (!race->is[page] || (race->may_vanish && !word)) {
		race->is[page] = 0;
		if (!word && zero_diff(race->near + at, page_size) == -1)
			return 0;
	}
	if (race->wanted[page] && word == pattern_word(at, race->wanted[page]))
		race->is[page] = race->wanted[page];
	CHECK(race->is[page]);
	CHECK(pattern_diff(race->near + at, at, page_size, race->is[page]) == -1);
	return 0;
}

static int reads(struct race *race, size_t first, size_t nr)
{
	size_t i;
	int ret;

	memset(race->near + first * page_size, 0xee, nr * page_size);
	ret = transfer(race, IBV_WR_RDMA_READ, first, nr);
	if (ret)
		return ret == 1;
	for (i = first; i < first + nr; i++) {
		CHECK(page_is(race, i) == 0);
		race->wanted[i] = 0;
	}
	return 0;
}

static int writes(struct race *race, size_t first, size_t nr, uint64_t seed)
{
	uint64_t at = first * page_size;
	size_t i;
	int ret;

	/* What a refused write may have left has to be known before the next. */
	for (i = first; i < first + nr; i++)
		if (race->wanted[i])
			return reads(race, i, 1);
	pattern_fill(race->near + at, at, nr * page_size, seed);
	ret = transfer(race, IBV_WR_RDMA_WRITE, first, nr);
	if (ret == 1)
		return 1;
	for (i = first; i < first + nr; i++) {
		if (ret)
			race->wanted[i] = seed;
		else
			race->is[i] = seed;
	}
	return 0;
}

static void *nic_main(void *arg)
{
	struct race *race = arg;
	uint64_t random = 77, seed = 2;
	size_t first, nr;

	while (goes_on(race)) {
		nr = 1 + random_next(&random) % MOST_PAGES;
		first = random_next(&random) % (PAGES - nr);
		if (random_next(&random) % 2 ? reads(race, first, nr) :
					       writes(race, first, nr, seed++))
			__atomic_store_n(&race->bad, true, __ATOMIC_RELAXED);
		__atomic_add_fetch(&race->transfers, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* ------------------------------------------------------------------ the others */

/* A part of the memory, whole pages. */
static size_t some_part(uint64_t *random, size_t *at)
{
	size_t first = random_next(random) % PAGES;

	*at = first * page_size;
	return (1 + random_next(random) % (PAGES - first)) * page_size;
}

static int migrates(struct race *race, uint64_t *random)
{
	struct hmm_p2p_migrate result;
	size_t at, length = some_part(random, &at);
	uint64_t addr = (uintptr_t)race->mem + at, where = random_next(random) % 4;

	if (where == 3)
		CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, addr, length, &result) == 0);
	else
		CHECK(hmm_p2p_migrate_flags(ctx, NULL, race->exporters[where == 2],
					    HMM_P2P_MIGRATE_POPULATE, addr, length,
					    &result) == 0);
	CHECK(migrate_sum(&result) == length / page_size);
	return 0;
}

static int protects(struct race *race, uint64_t *random)
{
	size_t at, length = some_part(random, &at);

	CHECK(mprotect(race->mem + at, length, PROT_READ) == 0);
	CHECK(mprotect(race->mem + at, length, PROT_READ | PROT_WRITE) == 0);
	return 0;
}

/* Never a hole: another thread's malloc() might get it. */
static int maps_anew(struct race *race, uint64_t *random)
{
	size_t at, length = some_part(random, &at);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	uint8_t *mem = race->mem + at;

	CHECK(mmap(mem, length, PROT_NONE, flags, -1, 0) == mem);
	CHECK(mmap(mem, length, PROT_READ | PROT_WRITE, flags, -1, 0) == mem);
	return 0;
}

/* A child's memory is its own: what the NIC writes later is not in it. */
static int child_looks(const struct race *race, size_t at, size_t length)
{
	static uint8_t copy[1 << 20];

	if (length > sizeof(copy))
		length = sizeof(copy);
	memcpy(copy, race->mem + at, length);
	usleep(20000);
	return memcmp(copy, race->mem + at, length) != 0;
}

static int forks(struct race *race, uint64_t *random)
{
	size_t at, length = some_part(random, &at);
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (!pid) {
		alarm(30);
		signal(SIGSEGV, SIG_DFL);
		_exit(child_looks(race, at, length));
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	return 0;
}

struct racer {
	struct race *race;
	race_fn fn;
	uint64_t random;
	pthread_t thread;
};

static void *racer_main(void *arg)
{
	struct racer *racer = arg;

	while (goes_on(racer->race)) {
		if (racer->fn(racer->race, &racer->random))
			__atomic_store_n(&racer->race->bad, true, __ATOMIC_RELAXED);
		__atomic_add_fetch(&racer->race->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* ----------------------------------------------------------------------- races */

static void race_start(struct race *race, enum paging paging)
{
	size_t i;

	race->exporters[0] = largest_exporter(2 * LENGTH).out_id;
	race->exporters[1] = other_exporter(race->exporters[0]).out_id;
	race->mem = map_memory(LENGTH, paging);
	race->near = map_memory(LENGTH, SMALL_PAGES);
	pattern_fill(race->mem, 0, LENGTH, 1);
	assert_true(PAGES <= MAX_PAGES);
	for (i = 0; i < PAGES; i++)
		race->is[i] = 1;
	/* A child does not share the pages that the NIC has pinned. */
	assert_int_equal(madvise(race->near, LENGTH, MADV_DONTFORK), 0);
	race->mr = nic_register(&nic, race->mem, LENGTH, true);
	race->near_mr = nic_register(&nic, race->near, LENGTH, false);
	assert_non_null(race->mr);
	assert_non_null(race->near_mr);
	assert_true(nic_connect_self(&nic));
}

static void race_end(struct race *race)
{
	assert_int_equal(ibv_dereg_mr(race->mr), 0);
	assert_int_equal(ibv_dereg_mr(race->near_mr), 0);
	unmap(race->near, LENGTH);
	unmap(race->mem, LENGTH);
}

/* Time is over, and enough transfers have had an end that is no refusal. */
static bool is_enough(struct race *race, double seconds)
{
	unsigned long done = __atomic_load_n(&race->transfers, __ATOMIC_RELAXED) -
			     __atomic_load_n(&race->refused, __ATOMIC_RELAXED);

	return (seconds > hammer_seconds("RDMA_SECONDS", 5, 8) &&
		done >= LEAST_TRANSFERS) || seconds > MOST_SECONDS;
}

static void race_run(struct race *race, const race_fn *fns, size_t nr)
{
	double start = seconds_now();
	struct racer racers[MAX_THREADS];
	pthread_t thread;
	size_t i;

	assert_int_equal(pthread_create(&thread, NULL, nic_main, race), 0);
	for (i = 0; i < nr; i++) {
		racers[i] = (struct racer) { race, fns[i], 1000 + i, 0 };
		assert_int_equal(pthread_create(&racers[i].thread, NULL, racer_main,
						&racers[i]), 0);
	}
	while (!is_enough(race, seconds_now() - start) && goes_on(race))
		usleep(10000);
	__atomic_store_n(&race->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	for (i = 0; i < nr; i++)
		pthread_join(racers[i].thread, NULL);
}

/* In the end the NIC, all alone, and the CPU find the same. */
static void race_check(struct race *race)
{
	size_t i, at;

	assert_false(race->bad);
	for (i = 0; i < PAGES; i += MOST_PAGES)
		assert_int_equal(reads(race, i, MOST_PAGES), 0);
	for (i = 0; i < PAGES; i++) {
		at = i * page_size;
		assert_int_equal(race->is[i] ?
				 pattern_diff(race->mem + at, at, page_size,
					      race->is[i]) :
				 zero_diff(race->mem + at, page_size), -1);
	}
}

static void race_all(struct race *race, enum paging paging, const race_fn *fns,
		     size_t nr)
{
	struct hmm_p2p_stat before;

	race_start(race, paging);
	before = stat_now(race->exporters[0]);
	race_run(race, fns, nr);
	fprintf(stderr, "# %lu transfers, %lu refused, %lu late, %lu rounds of the others, %lu p2p pages\n",
		race->transfers, race->refused, race->late, race->rounds,
		stat_delta(race->exporters[0], &before, HMM_P2P_COUNTER_P2P));
	race_check(race);
	assert_true(race->transfers - race->refused >= LEAST_TRANSFERS);
	assert_int_not_equal(race->rounds, 0);
	assert_int_not_equal(stat_delta(race->exporters[0], &before,
					HMM_P2P_COUNTER_P2P), 0);
	race_end(race);
}

#define RACE(name, paging, fail, vanish, ...)				\
	static void name(void **state)					\
	{								\
		static struct race race;				\
		const race_fn fns[] = { __VA_ARGS__ };			\
									\
		(void)state;						\
		race = (struct race) { .may_fail = fail, .may_vanish = vanish }; \
		race_all(&race, paging, fns, ARRAY_SIZE(fns));		\
	}

RACE(test_migrate_small, SMALL_PAGES, false, false, migrates)
RACE(test_migrate_huge, HUGE_PAGES, false, false, migrates)
RACE(test_mprotect, HUGE_PAGES, true, false, migrates, protects)
RACE(test_munmap, HUGE_PAGES, true, true, migrates, maps_anew)
RACE(test_fork, HUGE_PAGES, false, false, migrates, forks)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_migrate_small),
		TEST(test_migrate_huge),
		TEST(test_mprotect),
		TEST(test_munmap),
		TEST(test_fork),
	};

	return cmocka_run_group_tests_name("rdma races", tests, races_setup,
					   races_teardown);
}
