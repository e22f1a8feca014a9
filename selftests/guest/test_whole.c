// SPDX-License-Identifier: GPL-2.0
/*
 * A huge device page comes home whole, whoever else there is: another thread, a child
 * that shares it, somebody who throws it away meanwhile. On a kernel that loses count of
 * a huge device page that is unmapped while it migrates, it comes in pieces then.
 */
#include <pthread.h>
#include <signal.h>

#include "common.h"

/* The native kernel has the patch. */
static bool is_mended(void)
{
	const char *kernel = getenv("HMM_P2P_KERNEL");

	return kernel && !strcmp(kernel, "native");
}

/* ------------------------------------------------------- somebody else, who waits */

struct company {
	pthread_t thread;
	pthread_mutex_t lock;
};

static void *company_main(void *arg)
{
	struct company *company = arg;

	pthread_mutex_lock(&company->lock);
	pthread_mutex_unlock(&company->lock);
	return NULL;
}

static void company_start(struct company *company)
{
	pthread_mutex_init(&company->lock, NULL);
	pthread_mutex_lock(&company->lock);
	assert_int_equal(pthread_create(&company->thread, NULL, company_main, company), 0);
}

static void company_end(struct company *company)
{
	pthread_mutex_unlock(&company->lock);
	pthread_join(company->thread, NULL);
	pthread_mutex_destroy(&company->lock);
}

/* --------------------------------------------------------------- who brings it home */

typedef void (*touch_fn)(uint8_t *mem);

static void cpu_reads(uint8_t *mem)
{
	assert_int_equal(pattern_diff(mem + 8 * page_size, 8 * page_size, page_size, 1), -1);
}

static void cpu_writes(uint8_t *mem)
{
	pattern_fill(mem + 8 * page_size, 8 * page_size, page_size, 1);
}

/* It is asked to come, for somebody who does not reach it. */
static void move_home(uint8_t *mem)
{
	move_to_ram(mem, huge_size, NULL);
}

/* Return: a huge page on the device, which has counted @before until now. */
static uint8_t *on_device(uint32_t *id, struct hmm_p2p_stat *before)
{
	uint8_t *mem;

	*id = largest_exporter(4 * huge_size).out_id;
	mem = map_pattern(huge_size, HUGE_PAGES, 1);
	*before = stat_now(*id);
	move_all_to(*id, mem, huge_size);
	assert_int_equal(stat_delta(*id, before, HMM_P2P_COUNTER_HUGE_TO_DEVICE), 1);
	return mem;
}

static void check_home(uint32_t id, const struct hmm_p2p_stat *before, uint8_t *mem,
		       bool whole)
{
	assert_int_equal(stat_delta(id, before, HMM_P2P_COUNTER_HUGE_TO_RAM), whole);
	if (whole)
		assert_int_equal(pages_on(0, mem, huge_size), 0);
	assert_pattern(mem, huge_size, 1);
	assert_int_equal(pages_on(0, mem, huge_size), 0);
	unmap(mem, huge_size);
}

static void with_thread(touch_fn touch, bool whole)
{
	struct hmm_p2p_stat before;
	struct company company;
	uint8_t *mem;
	uint32_t id;

	company_start(&company);
	mem = on_device(&id, &before);
	touch(mem);
	check_home(id, &before, mem, whole);
	company_end(&company);
}

static void test_alone(void **state)
{
	struct hmm_p2p_stat before;
	uint8_t *mem;
	uint32_t id;

	(void)state;
	mem = on_device(&id, &before);
	cpu_reads(mem);
	check_home(id, &before, mem, true);
}

static void test_thread_reads(void **state)
{
	(void)state;
	with_thread(cpu_reads, is_mended());
}

static void test_thread_writes(void **state)
{
	(void)state;
	with_thread(cpu_writes, is_mended());
}

static void test_thread_moves(void **state)
{
	(void)state;
	with_thread(move_home, true);
}

/* -------------------------------------------------------------- shared with a child */

static struct turns turns;

/* It looks when its parent has brought the page home, and written to it. */
static int sees_pattern(void *arg)
{
	turns_side(&turns, true);
	CHECK(turn_await(&turns) == 0);
	CHECK(pattern_diff(arg, 0, huge_size, 1) == -1);
	return 0;
}

static void with_child(touch_fn touch, bool whole)
{
	struct hmm_p2p_stat before;
	uint8_t *mem;
	uint32_t id;
	pid_t pid;

	mem = on_device(&id, &before);
	turns_init(&turns);
	pid = child_start(sees_pattern, mem);
	turns_side(&turns, false);
	touch(mem);
	assert_int_equal(stat_delta(id, &before, HMM_P2P_COUNTER_HUGE_TO_RAM), whole);
	assert_pattern(mem, huge_size, 1);
	/* Its own copy from now on: the child has what was there. */
	pattern_fill(mem, 0, huge_size, 2);
	assert_int_equal(turn_give(&turns), 0);
	assert_int_equal(child_wait(pid), 0);
	turns_fini(&turns);
	assert_pattern(mem, huge_size, 2);
	unmap(mem, huge_size);
}

static void test_child_reads(void **state)
{
	(void)state;
	with_child(cpu_reads, is_mended());
}

static void test_child_moves(void **state)
{
	(void)state;
	with_child(move_home, is_mended());
}

/* -------------------------------------------- thrown away while it is on its way */

#define PAGES	4

struct storm {
	uint8_t *mem;
	uint32_t device;
	bool stop;
	unsigned int bad;
	unsigned long rounds[3];
};

/* Each word is zero, or has the pattern. */
static int sees_either(const uint8_t *mem, size_t at)
{
	const volatile uint64_t *word = (const uint64_t *)(mem + at);
	uint64_t seen = *word;

	CHECK(!seen || seen == pattern_word(at, 1));
	return 0;
}

/* A whole huge page, or from its middle to that of the next one. */
static int throw_away(struct storm *storm, uint64_t *seed)
{
	size_t at = random_next(seed) % (2 * PAGES - 1) * (huge_size / 2);

	CHECK(madvise(storm->mem + at, huge_size, MADV_DONTNEED) == 0);
	return 0;
}

static int touch(struct storm *storm, uint64_t *seed)
{
	size_t page = random_next(seed) % (PAGES * huge_size / page_size);

	return sees_either(storm->mem, page * page_size);
}

/* With the pattern, where it has been thrown away; one of the huge pages at a time. */
static int move(struct storm *storm, uint64_t *seed)
{
	size_t at = random_next(seed) % PAGES * huge_size;
	struct hmm_p2p_migrate result;

	pattern_fill(storm->mem + at, at, huge_size, 1);
	CHECK(hmm_p2p_migrate(ctx, NULL, storm->device, (uintptr_t)storm->mem + at,
			      huge_size, &result) == 0);
	CHECK(migrate_sum(&result) == huge_size / page_size);
	CHECK(random_next(seed) % 2 ||
	      hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)storm->mem + at, huge_size,
				     &result) == 0);
	return 0;
}

struct storming {
	struct storm *storm;
	int (*fn)(struct storm *storm, uint64_t *seed);
	unsigned int number;
	pthread_t thread;
};

static void *storming_main(void *arg)
{
	struct storming *storming = arg;
	struct storm *storm = storming->storm;
	uint64_t seed = 100 + storming->number;

	while (!__atomic_load_n(&storm->stop, __ATOMIC_RELAXED)) {
		if (storming->fn(storm, &seed)) {
			__atomic_add_fetch(&storm->bad, 1, __ATOMIC_RELAXED);
			break;
		}
		storm->rounds[storming->number]++;
	}
	return NULL;
}

static void test_thrown_away(void **state)
{
	struct storm storm = { .device = largest_exporter(2 * PAGES * huge_size).out_id };
	struct storming all[] = { { .fn = throw_away }, { .fn = touch }, { .fn = move } };
	double until = seconds_now() + hammer_seconds("RACE_SECONDS", 6, 20);
	unsigned int i;

	(void)state;
	storm.mem = map_pattern(PAGES * huge_size, HUGE_PAGES, 1);
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		all[i].storm = &storm;
		all[i].number = i;
		assert_int_equal(pthread_create(&all[i].thread, NULL, storming_main,
						&all[i]), 0);
	}
	while (seconds_now() < until && !__atomic_load_n(&storm.bad, __ATOMIC_RELAXED))
		usleep(10000);
	__atomic_store_n(&storm.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		pthread_join(all[i].thread, NULL);
		fprintf(stderr, "# %lu rounds\n", storm.rounds[i]);
		assert_int_not_equal(storm.rounds[i], 0);
	}
	assert_int_equal(storm.bad, 0);
	unmap(storm.mem, PAGES * huge_size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_alone),
		TEST(test_thread_reads),
		TEST(test_thread_writes),
		TEST(test_thread_moves),
		TEST(test_child_reads),
		TEST(test_child_moves),
		TEST(test_thrown_away),
	};

	return RUN("whole", tests);
}
