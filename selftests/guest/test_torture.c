// SPDX-License-Identifier: GPL-2.0
/*
 * Torture: processes with threads that write, migrate, fault through importers, run jobs
 * on accelerators, fork, throw away and swap the same memory at random. Each page has a
 * version; whoever holds the page's lock knows what must be in it, and looks.
 *
 * TORTURE_SECONDS (10, on the debug kernel 15) and TORTURE_SEED (1) are taken
 * from the environment. The order of threads is not repeatable; what each of
 * them does is.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "common_accel.h"

#define PAGES		(3 * 512)
#define PROCESSES	2
#define THREADS		3
#define RUN_PAGES	16

/**
 * struct torture - one process's memory and what is known of it
 * @mem: two huge pages' worth of huge pages and one of small ones
 * @lock: one per page
 * @version: of each page under its lock: 0: zeros, else the pattern's seed
 * @devices: all of them
 * @nr_devices: how many
 * @accels: accelerators, opened by the process
 * @nr_accels: how many
 * @until: when to stop
 * @bad: somebody found something wrong
 * @done: operations
 */
struct torture {
	uint8_t *mem;
	pthread_mutex_t lock[PAGES];
	uint32_t version[PAGES];
	struct hmm_p2p_device_info devices[MAX_DEVICES];
	size_t nr_devices;
	int accels[MAX_DEVICES];
	size_t nr_accels;
	double until;
	int bad;
	unsigned long done;
};

struct tormentor {
	struct torture *t;
	uint64_t seed;
	pthread_t thread;
};

struct run {
	size_t first;
	size_t nr;
};

static struct run some_pages(uint64_t *seed, size_t most)
{
	struct run run = { .first = random_next(seed) % PAGES };

	run.nr = 1 + random_next(seed) % most;
	if (run.nr > PAGES - run.first)
		run.nr = PAGES - run.first;
	return run;
}

static uint8_t *run_mem(const struct torture *t, struct run run)
{
	return t->mem + run.first * page_size;
}

/* Always in order of address, so nobody waits in a circle. */
static void run_lock(struct torture *t, struct run run)
{
	size_t i;

	for (i = 0; i < run.nr; i++)
		pthread_mutex_lock(&t->lock[run.first + i]);
}

static void run_unlock(struct torture *t, struct run run)
{
	size_t i;

	for (i = 0; i < run.nr; i++)
		pthread_mutex_unlock(&t->lock[run.first + i]);
}

/* Is @data what must be in page @i? */
static int page_right(const struct torture *t, const uint8_t *data, size_t i)
{
	if (!t->version[i])
		CHECK(zero_diff(data, page_size) == -1);
	else
		CHECK(pattern_diff(data, i * page_size, page_size,
				   t->version[i]) == -1);
	return 0;
}

static int run_right(const struct torture *t, const uint8_t *data, struct run run)
{
	size_t i;

	for (i = 0; i < run.nr; i++)
		CHECK(page_right(t, data + i * page_size, run.first + i) == 0);
	return 0;
}

static void new_pattern(struct torture *t, uint8_t *data, struct run run)
{
	size_t i;

	for (i = 0; i < run.nr; i++) {
		size_t page = run.first + i;

		t->version[page] = (t->version[page] + 1) & 0xffffff;
		t->version[page] += !t->version[page];
		pattern_fill(data + i * page_size, page * page_size, page_size,
			     t->version[page]);
	}
}

static const struct hmm_p2p_device_info *
some_device(struct torture *t, uint64_t *seed,
	    bool (*fits)(const struct hmm_p2p_device_info *info))
{
	size_t first = random_next(seed) % t->nr_devices, i;

	for (i = 0; i < t->nr_devices; i++) {
		const struct hmm_p2p_device_info *info =
			&t->devices[(first + i) % t->nr_devices];

		/* Now and then is enough for who takes 200 ms a page. */
		if (fits(info) && (!is_slow(info) || random_next(seed) % 50 == 0))
			return info;
	}
	return NULL;
}

static int op_write(struct torture *t, uint64_t *seed)
{
	struct run run = some_pages(seed, RUN_PAGES);

	run_lock(t, run);
	new_pattern(t, run_mem(t, run), run);
	run_unlock(t, run);
	return 0;
}

static int op_read(struct torture *t, uint64_t *seed)
{
	struct run run = some_pages(seed, RUN_PAGES);
	int ret;

	run_lock(t, run);
	ret = run_right(t, run_mem(t, run), run);
	run_unlock(t, run);
	return ret;
}

/* Nobody's lock: pages move under whoever uses them. */
static int op_to_device(struct torture *t, uint64_t *seed)
{
	struct run run = some_pages(seed, PAGES);
	const struct hmm_p2p_device_info *to = some_device(t, seed, is_exporter);

	uint32_t flags = random_next(seed) % 2 ? HMM_P2P_MIGRATE_POPULATE : 0;

	CHECK(hmm_p2p_migrate_flags(ctx, NULL, to->out_id, flags,
				    (uintptr_t)run_mem(t, run), run.nr * page_size,
				    NULL) == 0);
	return 0;
}

static int op_to_ram(struct torture *t, uint64_t *seed)
{
	struct run run = some_pages(seed, PAGES);

	CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)run_mem(t, run),
				     run.nr * page_size, NULL) == 0);
	return 0;
}

static uint32_t some_flags(uint64_t *seed)
{
	return random_next(seed) % 8 ? 0 : HMM_P2P_ACCESS_NO_P2P;
}

static int op_importer_reads(struct torture *t, uint64_t *seed)
{
	const struct hmm_p2p_device_info *by = some_device(t, seed, is_importer);
	struct run run;
	uint8_t *data;
	int ret;

	if (!by)
		return 0;
	run = some_pages(seed, is_slow(by) ? 1 : RUN_PAGES);
	data = malloc(run.nr * page_size);
	CHECK(data);
	run_lock(t, run);
	ret = hmm_p2p_read(ctx, NULL, by->out_id, (uintptr_t)run_mem(t, run),
			   run.nr * page_size, data, some_flags(seed), NULL, NULL);
	if (!ret)
		ret = run_right(t, data, run);
	run_unlock(t, run);
	free(data);
	CHECK(ret == 0);
	return 0;
}

static int op_importer_writes(struct torture *t, uint64_t *seed)
{
	const struct hmm_p2p_device_info *by = some_device(t, seed, is_importer);
	struct run run;
	uint8_t *data;
	int ret;

	if (!by)
		return 0;
	run = some_pages(seed, is_slow(by) ? 1 : RUN_PAGES);
	data = malloc(run.nr * page_size);
	CHECK(data);
	run_lock(t, run);
	new_pattern(t, data, run);
	ret = hmm_p2p_write(ctx, NULL, by->out_id, (uintptr_t)run_mem(t, run),
			    run.nr * page_size, data, some_flags(seed), NULL, NULL);
	run_unlock(t, run);
	free(data);
	CHECK(ret == 0);
	return 0;
}

/* Faults without a lock: somebody may be writing, so only the call is checked. */
static int op_importer_faults(struct torture *t, uint64_t *seed)
{
	const struct hmm_p2p_device_info *by = some_device(t, seed, is_importer);
	struct run run = some_pages(seed, PAGES);
	int ret;

	if (!by)
		return 0;
	ret = hmm_p2p_fault(ctx, NULL, by->out_id, (uintptr_t)run_mem(t, run),
			    run.nr * page_size,
			    random_next(seed) % 2 ? HMM_P2P_ACCESS_WRITE : 0, NULL,
			    NULL);
	/* op_map_anew() may be at work there. */
	CHECK(ret == 0 || ret == -EFAULT);
	return 0;
}

static int copy_by_job(struct torture *t, uint64_t *seed, void *to, const void *from,
		       size_t length)
{
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_COPY,
		.dst = address(to),
		.src = address(from),
		.length = length,
	};

	return accel_run(t->accels[random_next(seed) % t->nr_accels], &job);
}

/* The other end of the copy is on the heap, so that moves, too. */
static int op_job_reads(struct torture *t, uint64_t *seed)
{
	struct run run = some_pages(seed, RUN_PAGES);
	uint8_t *data;
	int ret;

	if (!t->nr_accels)
		return 0;
	data = malloc(run.nr * page_size);
	CHECK(data);
	run_lock(t, run);
	ret = copy_by_job(t, seed, data, run_mem(t, run), run.nr * page_size);
	if (!ret)
		ret = run_right(t, data, run);
	run_unlock(t, run);
	free(data);
	CHECK(ret == 0);
	return 0;
}

static int op_job_writes(struct torture *t, uint64_t *seed)
{
	struct run run = some_pages(seed, RUN_PAGES);
	uint8_t *data;
	int ret;

	if (!t->nr_accels)
		return 0;
	data = malloc(run.nr * page_size);
	CHECK(data);
	run_lock(t, run);
	new_pattern(t, data, run);
	ret = copy_by_job(t, seed, run_mem(t, run), data, run.nr * page_size);
	run_unlock(t, run);
	free(data);
	CHECK(ret == 0);
	return 0;
}

/* As op_importer_faults(): what it reads somebody may be writing. */
static int op_job_faults(struct torture *t, uint64_t *seed)
{
	struct run run = some_pages(seed, PAGES);
	struct drm_hmm_p2p_accel_run job;
	int ret;

	if (!t->nr_accels)
		return 0;
	ret = try_sum(t->accels[random_next(seed) % t->nr_accels], run_mem(t, run),
		      run.nr * page_size, &job);
	CHECK(ret == 0 || ret == -EFAULT);
	return 0;
}

static int op_fork(struct torture *t, uint64_t *seed)
{
	struct run run = some_pages(seed, RUN_PAGES);
	int status;
	pid_t pid;

	run_lock(t, run);
	pid = fork();
	if (!pid) {
		int bad;

		/* Should it have to complain: stdio may be somebody's. */
		alarm(30);
		bad = run_right(t, run_mem(t, run), run);

		/* What the child writes is nobody else's business. */
		memset(run_mem(t, run), 0xee, run.nr * page_size);
		_exit(bad);
	}
	run_unlock(t, run);
	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	return 0;
}

static int op_throw_away(struct torture *t, uint64_t *seed)
{
	struct run run = some_pages(seed, RUN_PAGES * 32);

	run_lock(t, run);
	CHECK(madvise(run_mem(t, run), run.nr * page_size, MADV_DONTNEED) == 0);
	memset(&t->version[run.first], 0, run.nr * sizeof(t->version[0]));
	run_unlock(t, run);
	return 0;
}

/* Never a hole: another thread's malloc() might get it. */
static int map_over(uint8_t *mem, size_t length, int prot)
{
	CHECK(mmap(mem, length, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == mem);
	return 0;
}

static int op_map_anew(struct torture *t, uint64_t *seed)
{
	struct run run = some_pages(seed, RUN_PAGES);
	uint8_t *mem = run_mem(t, run);

	run_lock(t, run);
	CHECK(map_over(mem, run.nr * page_size, PROT_NONE) == 0);
	CHECK(map_over(mem, run.nr * page_size, PROT_READ | PROT_WRITE) == 0);
	memset(&t->version[run.first], 0, run.nr * sizeof(t->version[0]));
	run_unlock(t, run);
	return 0;
}

static int op_advise(struct torture *t, uint64_t *seed)
{
	static const int advices[] = {
		MADV_PAGEOUT, MADV_COLD, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
		25 /* MADV_COLLAPSE */, MADV_WILLNEED,
	};
	struct run run = some_pages(seed, PAGES);

	madvise(run_mem(t, run), run.nr * page_size,
		advices[random_next(seed) % ARRAY_SIZE(advices)]);
	return 0;
}

static int op_query(struct torture *t, uint64_t *seed)
{
	const struct hmm_p2p_device_info *by = some_device(t, seed, is_importer);
	struct run run = some_pages(seed, PAGES);

	CHECK(hmm_p2p_query(ctx, NULL, by ? by->out_id : 0,
			    (uintptr_t)run_mem(t, run), run.nr * page_size, NULL,
			    NULL) >= 0);
	return 0;
}

typedef int (*op_fn)(struct torture *t, uint64_t *seed);

/* As often as they stand here. */
static const op_fn ops[] = {
	op_write, op_write, op_read, op_read, op_to_device, op_to_device,
	op_importer_reads, op_importer_reads, op_importer_writes,
	op_importer_faults, op_to_ram, op_fork, op_throw_away, op_map_anew,
	op_advise, op_query, op_job_reads, op_job_reads, op_job_writes, op_job_writes,
	op_job_faults,
};


static void *torment(void *arg)
{
	struct tormentor *tormentor = arg;
	struct torture *t = tormentor->t;

	while (seconds_now() < t->until &&
	       !__atomic_load_n(&t->bad, __ATOMIC_RELAXED)) {
		size_t op = random_next(&tormentor->seed) % ARRAY_SIZE(ops);

		if (ops[op](t, &tormentor->seed)) {
			fprintf(stderr, "# operation %zu\n", op);
			__atomic_store_n(&t->bad, 1, __ATOMIC_RELAXED);
		}
		__atomic_add_fetch(&t->done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* The child of op_fork() has them, too, and runs no job. */
static void open_accels(struct torture *t)
{
	int fd;

	while (t->nr_accels < MAX_DEVICES && (fd = accel_open(t->nr_accels)) >= 0)
		t->accels[t->nr_accels++] = fd;
}

static struct torture *torture_new(unsigned int seconds)
{
	struct torture *t = calloc(1, sizeof(*t));
	size_t i;

	REQUIRE(t);
	t->mem = map_memory(PAGES * page_size, HUGE_PAGES);
	REQUIRE(madvise(t->mem + 2 * huge_size, huge_size, MADV_NOHUGEPAGE) == 0);
	for (i = 0; i < PAGES; i++)
		pthread_mutex_init(&t->lock[i], NULL);
	t->nr_devices = device_list(t->devices);
	open_accels(t);
	t->until = seconds_now() + seconds;
	return t;
}

struct job {
	uint64_t seed;
	unsigned int seconds;
};

static int torture_process(void *arg)
{
	const struct job *job = arg;
	struct tormentor tormentors[THREADS];
	struct torture *t = torture_new(job->seconds);
	struct run all = { .nr = PAGES };
	size_t i;

	for (i = 0; i < THREADS; i++) {
		tormentors[i].t = t;
		tormentors[i].seed = job->seed * 1000 + i + 1;
		CHECK(pthread_create(&tormentors[i].thread, NULL, torment,
				     &tormentors[i]) == 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(tormentors[i].thread, NULL);
	fprintf(stderr, "# seed %llu: %lu operations\n",
		(unsigned long long)job->seed, t->done);
	CHECK(t->done > 0);
	CHECK(t->bad == 0);
	CHECK(run_right(t, t->mem, all) == 0);
	return 0;
}

static void test_torture(void **state)
{
	unsigned int seconds = hammer_seconds("TORTURE_SECONDS", 10, 15);
	const char *text = getenv("TORTURE_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 1;
	struct job jobs[PROCESSES];
	pid_t pids[PROCESSES];
	size_t i;

	(void)state;
	(void)largest_exporter(32 * MIB);
	fprintf(stderr, "# TORTURE_SEED=%llu TORTURE_SECONDS=%u\n",
		(unsigned long long)seed, seconds);
	for (i = 0; i < PROCESSES; i++) {
		jobs[i] = (struct job) { .seed = seed + i, .seconds = seconds };
		pids[i] = child_start(torture_process, &jobs[i]);
	}
	for (i = 0; i < PROCESSES; i++)
		assert_int_equal(child_wait(pids[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_torture),
	};

	return RUN("torture", tests);
}
