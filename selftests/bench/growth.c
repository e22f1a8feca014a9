// SPDX-License-Identifier: GPL-2.0
/*
 * What a page costs as there is more of everything: memory on the device,
 * devices with memory, threads and processes that move memory at once, children
 * that move what they share since the fork. The numbers are the time of one
 * processor; the first row of a series is 1.00.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define MIB		(1UL << 20)
#define PAGE		4096UL

/* The guest has less memory than the device: it moves by steps of this size. */
#define STEP		(16 * MIB)
#define ROUNDS		3
#define MOST_WORKERS	8
#define MOST_DEVICES	4

/**
 * struct cost - nanoseconds of one processor
 * @to_device: on the way to the device
 * @to_ram: on the way back
 */
struct cost {
	uint64_t to_device;
	uint64_t to_ram;
};

static uint64_t least(uint64_t best, uint64_t ns)
{
	return best && best < ns ? best : ns;
}

static void keep_least(struct cost *best, const struct cost *cost)
{
	best->to_device = least(best->to_device, cost->to_device);
	best->to_ram = least(best->to_ram, cost->to_ram);
}

static void heading(void)
{
	printf("%-10s %8s %-6s %10s %6s %10s %6s\n", "SERIES", "OF", "PAGES",
	       "TO DEVICE", "", "TO RAM", "");
}

/* selftests/bench/plot.awk reads these lines. */
static void row(const char *series, const char *of, bool huge, const struct cost *cost,
		uint64_t bytes, const struct cost *first, uint64_t first_bytes)
{
	double pages = (double)bytes / PAGE, first_pages = (double)first_bytes / PAGE;
	double to_device = (double)cost->to_device / pages;
	double to_ram = (double)cost->to_ram / pages;

	printf("%-10s %8s %-6s %10.0f %6.2f %10.0f %6.2f\n", series, of,
	       huge ? "huge" : "4KiB", to_device,
	       to_device * first_pages / (double)first->to_device, to_ram,
	       to_ram * first_pages / (double)first->to_ram);
}

/* Goes there step by step, all of it is there at once, and comes back. */
static struct cost fill_device(uint64_t bytes, bool huge)
{
	uint64_t nr = (bytes + STEP - 1) / STEP, step = bytes < STEP ? bytes : STEP, i;
	struct cost cost = { 0 };
	void **part = calloc(nr, sizeof(*part));

	if (!part)
		bench_die("calloc", ENOMEM, HMM_P2P_CALL_ANY);
	for (i = 0; i < nr; i++) {
		part[i] = bench_map(step, huge);
		cost.to_device += bench_to_device(part[i], step);
	}
	for (i = 0; i < nr; i++) {
		cost.to_ram += bench_to_ram(part[i], step);
		bench_unmap(part[i], step);
	}
	free(part);
	return cost;
}

static void memory_row(uint64_t bytes, bool huge, struct cost *first,
		       uint64_t *first_bytes)
{
	int rounds = bytes <= 256 * MIB ? ROUNDS : 1;
	struct cost best = { 0 }, cost;
	char of[16];

	while (rounds--) {
		cost = fill_device(bytes, huge);
		keep_least(&best, &cost);
	}
	if (!first->to_device) {
		*first = best;
		*first_bytes = bytes;
	}
	snprintf(of, sizeof(of), "%luM", (unsigned long)(bytes / MIB));
	row("memory", of, huge, &best, bytes, first, *first_bytes);
}

/* Up to all that there is, but for what the device keeps for itself. */
static void memory_series(bool huge)
{
	uint64_t most = bench_exporter.out_memory_bytes - STEP, first_bytes = 0, bytes;
	struct cost first = { 0 };

	for (bytes = 4 * MIB; bytes < most; bytes *= 4)
		memory_row(bytes, huge, &first, &first_bytes);
	memory_row(most, huge, &first, &first_bytes);
}

/**
 * struct worker - who moves memory, at the same time as others
 * @barrier: all of them and the one who watches the clock
 * @device: where to
 * @length: how much
 * @huge: with huge pages
 * @shared: what all of them move; NULL: each has memory of its own
 */
struct worker {
	pthread_barrier_t *barrier;
	uint32_t device;
	uint64_t length;
	bool huge;
	void *shared;
};

/* Threads have the context in common, as an application would. */
static void *work(void *data)
{
	const struct worker *worker = data;
	void *buf = bench_map(worker->length, worker->huge);

	pthread_barrier_wait(worker->barrier);
	bench_to(worker->device, buf, worker->length);
	pthread_barrier_wait(worker->barrier);
	bench_to_ram(buf, worker->length);
	pthread_barrier_wait(worker->barrier);
	bench_unmap(buf, worker->length);
	return NULL;
}

/* Who comes second finds what another has moved, or has on its way. */
static void work_shared(const struct worker *worker)
{
	uintptr_t addr = (uintptr_t)worker->shared;
	int ret;

	pthread_barrier_wait(worker->barrier);
	ret = hmm_p2p_migrate(bench_ctx, NULL, worker->device, addr, worker->length, NULL);
	if (ret)
		bench_die("what is shared, to device", ret, HMM_P2P_CALL_MIGRATE);
	pthread_barrier_wait(worker->barrier);
	ret = hmm_p2p_migrate_to_ram(bench_ctx, NULL, addr, worker->length, NULL);
	if (ret)
		bench_die("what is shared, to RAM", ret, HMM_P2P_CALL_MIGRATE);
	pthread_barrier_wait(worker->barrier);
}

static void watch(pthread_barrier_t *barrier, unsigned int nr, struct cost *cost)
{
	unsigned int cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t start, middle;

	pthread_barrier_wait(barrier);
	start = bench_now();
	pthread_barrier_wait(barrier);
	middle = bench_now();
	pthread_barrier_wait(barrier);
	cost->to_ram = (bench_now() - middle) * (nr < cpus ? nr : cpus);
	cost->to_device = (middle - start) * (nr < cpus ? nr : cpus);
}

static void start_threads(struct worker *worker, unsigned int nr, struct cost *cost)
{
	pthread_t threads[MOST_WORKERS];
	unsigned int i;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = pthread_create(&threads[i], NULL, work, worker);
		if (ret)
			bench_die("pthread_create", ret, HMM_P2P_CALL_ANY);
	}
	watch(worker->barrier, nr, cost);
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
}

/* The others would wait for it for ever. */
static void fail_together(void)
{
	kill(getppid(), SIGTERM);
}

static void child(struct worker *worker)
{
	int ret;

	atexit(fail_together);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ret = hmm_p2p_open(&bench_ctx);
	if (ret)
		bench_die("open", ret, HMM_P2P_CALL_OPEN);
	if (worker->shared)
		work_shared(worker);
	else
		work(worker);
	_exit(0);
}

static void start_processes(struct worker *worker, unsigned int nr, struct cost *cost)
{
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < nr; i++) {
		pid = fork();
		if (pid < 0)
			bench_die("fork", errno, HMM_P2P_CALL_ANY);
		if (!pid)
			child(worker);
	}
	watch(worker->barrier, nr, cost);
	for (i = 0; i < nr; i++)
		if (wait(&status) < 0 || status)
			bench_die("a process that moves memory", ECHILD, HMM_P2P_CALL_ANY);
}

/*
 * A page costs more the more have it mapped, whoever moves it. So there is always the
 * same number of relatives; some of them do nothing.
 */
static void start_forked(struct worker *worker, unsigned int nr, struct cost *cost)
{
	struct worker child = *worker;
	pid_t idle[MOST_WORKERS];
	unsigned int i;

	child.length *= nr;
	child.shared = bench_map(child.length, worker->huge);
	for (i = nr; i < MOST_WORKERS; i++) {
		idle[i] = fork();
		if (idle[i] < 0)
			bench_die("fork", errno, HMM_P2P_CALL_ANY);
		if (!idle[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
	}
	start_processes(&child, nr, cost);
	for (i = nr; i < MOST_WORKERS; i++) {
		kill(idle[i], SIGKILL);
		waitpid(idle[i], NULL, 0);
	}
	bench_unmap(child.shared, child.length);
}

typedef void (*start_fn)(struct worker *worker, unsigned int nr, struct cost *cost);

static struct cost at_once(start_fn start, unsigned int nr, uint64_t bytes, bool huge)
{
	pthread_barrier_t *barrier = mmap(NULL, sizeof(*barrier), PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct worker worker = { barrier, bench_exporter.out_id, bytes / nr, huge, NULL };
	struct cost best = { 0 }, cost;
	pthread_barrierattr_t attr;
	int i;

	if (barrier == MAP_FAILED)
		bench_die("mmap", errno, HMM_P2P_CALL_ANY);
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	for (i = 0; i < ROUNDS; i++) {
		pthread_barrier_init(barrier, &attr, nr + 1);
		start(&worker, nr, &cost);
		pthread_barrier_destroy(barrier);
		keep_least(&best, &cost);
	}
	munmap(barrier, sizeof(*barrier));
	return best;
}

static void workers_series(const char *series, start_fn start, bool huge)
{
	const uint64_t bytes = 128 * MIB;
	struct cost first = { 0 }, cost;
	unsigned int nr;
	char of[16];

	for (nr = 1; nr <= MOST_WORKERS; nr *= 2) {
		cost = at_once(start, nr, bytes, huge);
		if (nr == 1)
			first = cost;
		snprintf(of, sizeof(of), "%u", nr);
		row(series, of, huge, &cost, bytes, &first, bytes);
	}
}

static unsigned int exporters(uint32_t *ids)
{
	struct hmm_p2p_device_info info;
	unsigned int nr = 0;
	uint32_t id;

	for (id = 0; nr < MOST_DEVICES && !hmm_p2p_device_next(bench_ctx, id, &info);
	     id = info.out_id + 1)
		if (info.out_caps & HMM_P2P_CAP_EXPORTER)
			ids[nr++] = info.out_id;
	return nr;
}

/* The same memory, spread over more devices. */
static struct cost spread(const uint32_t *ids, unsigned int nr, uint64_t bytes, bool huge)
{
	char *buf = bench_map(bytes, huge);
	struct cost cost = { 0 };
	uint64_t at;

	for (at = 0; at < bytes; at += STEP)
		cost.to_device += bench_to(ids[at / STEP % nr], buf + at, STEP);
	cost.to_ram = bench_to_ram(buf, bytes);
	bench_unmap(buf, bytes);
	return cost;
}

static void devices_series(bool huge)
{
	const uint64_t bytes = 4 * STEP;
	struct cost first = { 0 }, best, cost;
	uint32_t ids[MOST_DEVICES];
	unsigned int all = exporters(ids), nr;
	char of[16];
	int i;

	for (nr = 1; nr <= all; nr++) {
		best = (struct cost){ 0 };
		for (i = 0; i < ROUNDS; i++) {
			cost = spread(ids, nr, bytes, huge);
			keep_least(&best, &cost);
		}
		if (nr == 1)
			first = best;
		snprintf(of, sizeof(of), "%u", nr);
		row("devices", of, huge, &best, bytes, &first, bytes);
	}
}

static void threads_series(bool huge)
{
	workers_series("threads", start_threads, huge);
}

static void processes_series(bool huge)
{
	workers_series("processes", start_processes, huge);
}

static void forked_series(bool huge)
{
	workers_series("forked", start_forked, huge);
}

static const struct {
	const char *name;
	void (*run)(bool huge);
} all_series[] = {
	{ "memory", memory_series },
	{ "devices", devices_series },
	{ "threads", threads_series },
	{ "processes", processes_series },
	{ "forked", forked_series },
};

/* @only: the name of one series, or NULL. */
void bench_growth(const char *only)
{
	bool found = false;
	unsigned int i;

	printf("\nNanoseconds of one processor for each page of 4 KiB; beside them, times the first of the series\n");
	heading();
	for (i = 0; i < sizeof(all_series) / sizeof(all_series[0]); i++) {
		if (only && strcmp(only, all_series[i].name))
			continue;
		found = true;
		all_series[i].run(false);
		all_series[i].run(true);
	}
	if (found)
		return;
	fprintf(stderr, "--growth %s: there are memory, devices, threads, processes and forked\n",
		only);
	exit(2);
}
