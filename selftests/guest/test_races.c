// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that do opposite things to the same memory at the same time. Which of
 * them wins is open; that the data is right, every page is accounted for and
 * every error is one that the ABI names, is not.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "common.h"

#define LENGTH		(4 * huge_size)
#define MAX_THREADS	6

/**
 * struct race - memory, and threads that fight over it
 * @mem: the memory
 * @exporter: where it goes
 * @importers: who asks for it; two, or twice the same
 * @stop: the time is over
 * @bad: number of threads that found something wrong
 * @rounds: what all threads together have done
 */
struct race {
	uint8_t *mem;
	uint32_t exporter;
	uint32_t importers[2];
	bool stop;
	unsigned int bad;
	unsigned long rounds;
};

typedef int (*race_fn)(struct race *race, uint64_t *seed);

struct racer {
	struct race *race;
	race_fn fn;
	uint64_t seed;
	pthread_t thread;
};

/* A part of the memory, whole pages. */
static size_t some_part(uint64_t *seed, size_t *at)
{
	size_t pages = LENGTH / page_size, first = random_next(seed) % pages;

	*at = first * page_size;
	return (1 + random_next(seed) % (pages - first)) * page_size;
}

static void *racer_main(void *arg)
{
	struct racer *racer = arg;
	struct race *race = racer->race;

	while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED)) {
		if (racer->fn(race, &racer->seed)) {
			__atomic_add_fetch(&race->bad, 1, __ATOMIC_RELAXED);
			break;
		}
		__atomic_add_fetch(&race->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void race_run(struct race *race, const race_fn *fns, size_t nr)
{
	unsigned int seconds = hammer_seconds("RACE_SECONDS", 4, 4);
	struct racer racers[MAX_THREADS];
	double until;
	size_t i;

	race->stop = false;
	race->bad = 0;
	race->rounds = 0;
	for (i = 0; i < nr; i++) {
		racers[i] = (struct racer) { .race = race, .fn = fns[i],
					     .seed = 1000 + i };
		assert_int_equal(pthread_create(&racers[i].thread, NULL, racer_main,
						&racers[i]), 0);
	}
	until = seconds_now() + seconds;
	while (seconds_now() < until &&
	       !__atomic_load_n(&race->bad, __ATOMIC_RELAXED))
		usleep(10000);
	__atomic_store_n(&race->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < nr; i++)
		pthread_join(racers[i].thread, NULL);
	fprintf(stderr, "# %lu rounds\n", race->rounds);
	assert_int_equal(race->bad, 0);
	assert_int_not_equal(race->rounds, 0);
}

static void race_start(struct race *race, enum paging paging)
{
	struct hmm_p2p_device_info importer;

	memset(race, 0, sizeof(*race));
	race->exporter = largest_exporter(2 * LENGTH).out_id;
	race->importers[0] = any_importer().out_id;
	race->importers[1] = race->importers[0];
	if (find_importer(race->exporter, HMM_P2P_OUTCOME_P2P, &importer) &&
	    !is_slow(&importer))
		race->importers[1] = importer.out_id;
	/* Huge pages may be refused now and then, and that is fine here. */
	race->mem = map_memory(LENGTH, paging);
	pattern_fill(race->mem, 0, LENGTH, 1);
}

static void race_end(struct race *race)
{
	unmap(race->mem, LENGTH);
}

/* ------------------------------------------------- what a thread does at once */

static int to_device(struct race *race, uint64_t *seed)
{
	struct hmm_p2p_migrate result;
	size_t at, length = some_part(seed, &at);
	uint32_t flags = random_next(seed) % 2 ? HMM_P2P_MIGRATE_POPULATE : 0;

	CHECK(hmm_p2p_migrate_flags(ctx, NULL, race->exporter, flags,
				    (uintptr_t)race->mem + at, length, &result) == 0);
	CHECK(migrate_sum(&result) == length / page_size);
	return 0;
}

static int to_ram(struct race *race, uint64_t *seed)
{
	struct hmm_p2p_migrate result;
	size_t at, length = some_part(seed, &at);

	CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)race->mem + at, length,
				     &result) == 0);
	CHECK(migrate_sum(&result) == length / page_size);
	return 0;
}

static int cpu_reads(struct race *race, uint64_t *seed)
{
	size_t at, length = some_part(seed, &at);

	CHECK(pattern_diff(race->mem + at, at, length, 1) == -1);
	return 0;
}

/* Writes what is there already, so that readers find nothing else. */
static int cpu_writes(struct race *race, uint64_t *seed)
{
	size_t at;

	some_part(seed, &at);
	pattern_fill(race->mem + at, at, page_size, 1);
	return 0;
}

static int importer_reads_by(struct race *race, uint64_t *seed, uint32_t importer)
{
	size_t at, length = some_part(seed, &at);
	struct hmm_p2p_access result;
	uint8_t *data;
	int bad;

	if (length > MIB)
		length = MIB;
	data = malloc(length);
	CHECK(data);
	CHECK(hmm_p2p_read(ctx, NULL, importer, (uintptr_t)race->mem + at, length,
			   data, 0, NULL, &result) == 0);
	CHECK(result.out_private + result.out_p2p + result.out_migrated +
	      result.out_system == length / page_size);
	bad = pattern_diff(data, at, length, 1) != -1;
	free(data);
	CHECK(!bad);
	return 0;
}

static int importer_reads(struct race *race, uint64_t *seed)
{
	return importer_reads_by(race, seed, race->importers[0]);
}

static int other_importer_reads(struct race *race, uint64_t *seed)
{
	return importer_reads_by(race, seed, race->importers[1]);
}

static int importer_writes(struct race *race, uint64_t *seed)
{
	size_t at;
	uint8_t *data = malloc(page_size);
	int ret;

	some_part(seed, &at);
	CHECK(data);
	pattern_fill(data, at, page_size, 1);
	ret = hmm_p2p_write(ctx, NULL, race->importers[1],
			    (uintptr_t)race->mem + at, page_size, data, 0, NULL,
			    NULL);
	free(data);
	CHECK(ret == 0);
	return 0;
}

static int queries(struct race *race, uint64_t *seed)
{
	size_t at, length = some_part(seed, &at);

	CHECK(hmm_p2p_query(ctx, NULL, race->importers[1],
			    (uintptr_t)race->mem + at, length, NULL, NULL) >= 0);
	return 0;
}

static int forks(struct race *race, uint64_t *seed)
{
	size_t at, length = some_part(seed, &at);
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (!pid) {
		/* Should it have to complain: stdio may be somebody's. */
		alarm(30);
		signal(SIGSEGV, SIG_DFL);
		_exit(pattern_diff(race->mem + at, at, length, 1) != -1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	return 0;
}

static int protects(struct race *race, uint64_t *seed)
{
	size_t at, length = some_part(seed, &at);

	CHECK(mprotect(race->mem + at, length, PROT_READ) == 0);
	CHECK(mprotect(race->mem + at, length, PROT_READ | PROT_WRITE) == 0);
	return 0;
}

static int advises(struct race *race, uint64_t *seed)
{
	static const int advice[] = {
		MADV_COLD, MADV_PAGEOUT, MADV_HUGEPAGE, MADV_NOHUGEPAGE, 25,
	};
	size_t at, length = some_part(seed, &at);

	madvise(race->mem + at, length,
		advice[random_next(seed) % ARRAY_SIZE(advice)]);
	return 0;
}

/* ---------------------------------------------------------------------- races */

#define RACE(name, paging, ...)					\
	static void name(void **state)				\
	{							\
		const race_fn fns[] = { __VA_ARGS__ };		\
		struct race race;				\
								\
		(void)state;					\
		race_start(&race, paging);			\
		race_run(&race, fns, ARRAY_SIZE(fns));		\
		assert_pattern(race.mem, LENGTH, 1);		\
		race_end(&race);				\
	}

RACE(test_migrate_against_cpu_small, SMALL_PAGES, to_device, cpu_reads, cpu_writes)
RACE(test_migrate_against_cpu_huge, HUGE_PAGES, to_device, cpu_reads, cpu_writes)
RACE(test_migrate_both_ways, HUGE_PAGES, to_device, to_device, to_ram, to_ram)
RACE(test_importers_against_cpu, HUGE_PAGES, to_device, importer_reads,
     other_importer_reads, importer_writes, cpu_reads)
RACE(test_fork_small, SMALL_PAGES, to_device, forks, cpu_reads, importer_reads)
RACE(test_fork_huge, HUGE_PAGES, to_device, forks, cpu_writes, other_importer_reads)
RACE(test_advice, HUGE_PAGES, to_device, advises, cpu_reads, queries, to_ram)

/* Memory that is sometimes read-only: only who reads takes part. */
RACE(test_protect, HUGE_PAGES, to_device, protects, cpu_reads,
     other_importer_reads, queries)

/*
 * Memory that comes and goes. Each word is zero, or has the pattern: while one
 * importer writes a page another may read it, and a page is not one access. A
 * reader may find nothing mapped, and then must be told so.
 */
static int thrown_away(const uint8_t *mem, size_t at, size_t length)
{
	const volatile uint64_t *word = (const uint64_t *)mem;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++) {
		uint64_t seen = word[i];

		CHECK(!seen || seen == pattern_word(at + i * sizeof(*word), 1));
	}
	return 0;
}

static int throws_away(struct race *race, uint64_t *seed)
{
	size_t at, length = some_part(seed, &at);

	CHECK(madvise(race->mem + at, length, MADV_DONTNEED) == 0);
	return 0;
}

static int map_over(uint8_t *mem, size_t length, int prot)
{
	CHECK(mmap(mem, length, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == mem);
	return 0;
}

static int maps_anew(struct race *race, uint64_t *seed)
{
	size_t at, length = some_part(seed, &at);

	/* Never a hole: another thread's malloc() might get it. */
	CHECK(map_over(race->mem + at, length, PROT_NONE) == 0);
	CHECK(map_over(race->mem + at, length, PROT_READ | PROT_WRITE) == 0);
	return 0;
}

/* An importer puts the pattern back, page by page; the CPU might hit a hole. */
static int importer_fills(struct race *race, uint64_t *seed)
{
	uint8_t *data = malloc(page_size);
	size_t at;
	int ret;

	some_part(seed, &at);
	CHECK(data);
	pattern_fill(data, at, page_size, 1);
	ret = hmm_p2p_write(ctx, NULL, race->importers[0],
			    (uintptr_t)race->mem + at, page_size, data, 0, NULL,
			    NULL);
	free(data);
	CHECK(ret == 0 || ret == -EFAULT);
	return 0;
}

static int importer_finds(struct race *race, uint64_t *seed)
{
	size_t at, length = some_part(seed, &at);
	uint8_t *data;
	int ret, bad;

	if (length > MIB)
		length = MIB;
	data = malloc(length);
	CHECK(data);
	ret = hmm_p2p_read(ctx, NULL, race->importers[1], (uintptr_t)race->mem + at,
			   length, data, 0, NULL, NULL);
	bad = !ret && thrown_away(data, at, length);
	free(data);
	CHECK(ret == 0 || ret == -EFAULT);
	CHECK(!bad);
	return 0;
}

#define LOOSE_RACE(name, paging, ...)				\
	static void name(void **state)				\
	{							\
		const race_fn fns[] = { __VA_ARGS__ };		\
		struct race race;				\
								\
		(void)state;					\
		race_start(&race, paging);			\
		race_run(&race, fns, ARRAY_SIZE(fns));		\
		assert_int_equal(thrown_away(race.mem, 0, LENGTH), 0); \
		race_end(&race);				\
	}

LOOSE_RACE(test_dontneed, HUGE_PAGES, to_device, throws_away, importer_fills,
	   importer_finds, to_ram)
LOOSE_RACE(test_unmap_and_map, HUGE_PAGES, to_device, maps_anew, importer_fills,
	   importer_finds, to_ram, queries)

/*
 * Pages that arrive while an importer faults: it can reach all of them, so none
 * may be sent home. Other memory keeps the device from being empty.
 */
static void test_arriving(void **state)
{
	const race_fn fns[] = { to_device, to_ram, other_importer_reads,
				other_importer_reads };
	struct hmm_p2p_stat before;
	struct race race;
	uint8_t *other;

	(void)state;
	race_start(&race, SMALL_PAGES);
	if (race.importers[0] == race.importers[1])
		SKIP("no importer that reaches the device peer to peer");
	other = map_pattern(page_size, SMALL_PAGES, 2);
	move_all_to(race.exporter, other, page_size);
	before = stat_now(race.exporter);
	race_run(&race, fns, ARRAY_SIZE(fns));
	assert_int_equal(stat_delta(race.exporter, &before,
				    HMM_P2P_COUNTER_CPU_FAULT), 0);
	assert_int_equal(stat_delta(race.exporter, &before,
				    HMM_P2P_COUNTER_SENT_HOME), 0);
	assert_pattern(race.mem, LENGTH, 1);
	race_end(&race);
	unmap(other, page_size);
}

/*
 * Parent and child move what they share to the device, and neither takes home what the
 * other has just brought there.
 */
#define FAMILY_ROUNDS	8

struct family {
	uint8_t *mem;
	uint32_t exporter;
	struct turns turns;
};

static int family_goes(const struct family *family)
{
	struct hmm_p2p_migrate result;

	CHECK(!hmm_p2p_migrate(ctx, NULL, family->exporter, (uintptr_t)family->mem, LENGTH,
			       &result));
	CHECK(result.out_moved + result.out_already == LENGTH / page_size);
	return 0;
}

static int relative(void *arg)
{
	struct family *family = arg;
	int i;

	turns_side(&family->turns, true);
	for (i = 0; i < FAMILY_ROUNDS; i++) {
		CHECK(!turn_await(&family->turns));
		CHECK(!family_goes(family));
		CHECK(!turn_give(&family->turns));
	}
	return 0;
}

static void family_moves(unsigned int paging)
{
	struct family family = { .exporter = largest_exporter(2 * LENGTH).out_id };
	struct hmm_p2p_stat before;
	pid_t pid;
	int i;

	family.mem = map_pattern(LENGTH, paging, 1);
	turns_init(&family.turns);
	pid = child_start(relative, &family);
	turns_side(&family.turns, false);
	before = stat_now(family.exporter);
	for (i = 0; i < FAMILY_ROUNDS; i++) {
		assert_int_equal(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)family.mem,
							LENGTH, NULL), 0);
		assert_int_equal(turn_give(&family.turns), 0);
		assert_int_equal(family_goes(&family), 0);
		assert_int_equal(turn_await(&family.turns), 0);
	}
	assert_int_equal(stat_delta(family.exporter, &before, HMM_P2P_COUNTER_CPU_FAULT), 0);
	assert_int_equal(child_wait(pid), 0);
	turns_fini(&family.turns);
	assert_pattern(family.mem, LENGTH, 1);
	unmap(family.mem, LENGTH);
}

static void test_relatives_small(void **state)
{
	(void)state;
	family_moves(SMALL_PAGES);
}

static void test_relatives_huge(void **state)
{
	(void)state;
	family_moves(HUGE_PAGES);
}

/*
 * The same where every second huge page that the system is asked for is refused:
 * what comes home then comes in pieces.
 */
static void short_of_huge_pages(void)
{
	if (!shortage_begin("50"))
		SKIP("this kernel injects no failures");
}

static int shortage_ends(void **state)
{
	shortage_end();
	return test_teardown(state);
}

#define SHORT_RACE(name, race)			\
	static void name(void **state)		\
	{					\
		short_of_huge_pages();		\
		race(state);			\
	}

#define SHORT_TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, test_setup, shortage_ends)

SHORT_RACE(test_short_against_cpu, test_migrate_against_cpu_huge)
SHORT_RACE(test_short_both_ways, test_migrate_both_ways)
SHORT_RACE(test_short_importers, test_importers_against_cpu)
SHORT_RACE(test_short_fork, test_fork_huge)
SHORT_RACE(test_short_dontneed, test_dontneed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_migrate_against_cpu_small),
		TEST(test_migrate_against_cpu_huge),
		TEST(test_migrate_both_ways),
		TEST(test_importers_against_cpu),
		TEST(test_fork_small),
		TEST(test_fork_huge),
		TEST(test_advice),
		TEST(test_protect),
		TEST(test_dontneed),
		TEST(test_unmap_and_map),
		TEST(test_arriving),
		TEST(test_relatives_small),
		TEST(test_relatives_huge),
		SHORT_TEST(test_short_against_cpu),
		SHORT_TEST(test_short_both_ways),
		SHORT_TEST(test_short_importers),
		SHORT_TEST(test_short_fork),
		SHORT_TEST(test_short_dontneed),
	};

	return RUN("races", tests);
}
