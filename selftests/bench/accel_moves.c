// SPDX-License-Identifier: GPL-2.0
/*
 * A copy engine against the CPU: the same memory moves to an accelerator and to a BAR, turn
 * and turn about; the median of the rounds. CPU time is that of this process, in the kernel,
 * too, and of the threads that serve the accelerator's interrupts.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "accel.h"

#define SIZE		(64 * MIB)
#define ROUNDS		24
#define MOST_THREADS	64

/**
 * struct way - what moving in one direction has taken
 * @ns: each round
 * @cpu_ns: its CPU time
 */
struct way {
	struct accel_times ns;
	struct accel_times cpu_ns;
};

/**
 * struct moved - to a device and back
 * @device: the number of its memory
 * @there: on the way there
 * @back: on the way back
 */
struct moved {
	uint32_t device;
	struct way there;
	struct way back;
};

/* The threads' /proc/PID/schedstat. */
static FILE *irq_threads[MOST_THREADS];
static unsigned int nr_irq_threads;

static bool is_irq_thread(const char *pid)
{
	char path[300], name[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (!fgets(name, sizeof(name), f))
		name[0] = 0;
	fclose(f);
	return !strncmp(name, "irq/", 4) && strstr(name, "accel");
}

static void find_irq_threads(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	char path[300];

	while (dir && (entry = readdir(dir)) && nr_irq_threads < MOST_THREADS) {
		if (!is_irq_thread(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/schedstat", entry->d_name);
		irq_threads[nr_irq_threads] = fopen(path, "r");
		if (!irq_threads[nr_irq_threads++])
			bench_die(path, errno, HMM_P2P_CALL_ANY);
	}
	if (dir)
		closedir(dir);
	if (!nr_irq_threads)
		bench_die("threads of interrupts", ENOENT, HMM_P2P_CALL_ANY);
}

/* Return: nanoseconds of CPU time. */
static uint64_t busy_now(void)
{
	unsigned long long busy;
	struct timespec ts;
	uint64_t sum;
	unsigned int i;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	sum = (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
	for (i = 0; i < nr_irq_threads; i++) {
		rewind(irq_threads[i]);
		if (fscanf(irq_threads[i], "%llu", &busy) != 1)
			bench_die("schedstat", EIO, HMM_P2P_CALL_ANY);
		sum += busy;
	}
	return sum;
}

static void move_there(struct moved *moved, void *buf)
{
	uint64_t busy = busy_now();

	accel_time_add(&moved->there.ns, bench_to(moved->device, buf, SIZE));
	accel_time_add(&moved->there.cpu_ns, busy_now() - busy);
}

static void move_back(struct moved *moved, void *buf)
{
	uint64_t busy = busy_now();

	accel_time_add(&moved->back.ns, bench_to_ram(buf, SIZE));
	accel_time_add(&moved->back.cpu_ns, busy_now() - busy);
}

static void cpu_row(const char *what, const struct way *engine, const struct way *cpu)
{
	double units = (double)SIZE / HUGE_SIZE;
	double mine = (double)accel_median(&engine->cpu_ns);
	double theirs = (double)accel_median(&cpu->cpu_ns), ratio = mine / theirs;

	printf("%-10s %-6s %10.1f %10.1f %7.2f   goal 0.5: %s%s\n", what, "huge",
	       mine / units / 1000, theirs / units / 1000, ratio, accel_met(ratio <= 0.5),
	       accel_noise(accel_is_steady(&engine->cpu_ns) && accel_is_steady(&cpu->cpu_ns)));
}

static void speed_row(const char *what, bool huge, const struct way *engine,
		      const struct way *cpu)
{
	double mine = (double)accel_median(&engine->ns), theirs = (double)accel_median(&cpu->ns);
	double ratio = theirs / mine, goal = huge ? 1.5 : 1.2;

	printf("%-10s %-6s %10.3f %10.3f %7.2f   goal %.1f: %s%s\n", what,
	       huge ? "huge" : "4 KiB", (double)SIZE / mine, (double)SIZE / theirs, ratio, goal,
	       accel_met(ratio >= goal),
	       accel_noise(accel_is_steady(&engine->ns) && accel_is_steady(&cpu->ns)));
}

static bool is_steady(const struct moved *moved)
{
	return accel_is_steady(&moved->there.ns) && accel_is_steady(&moved->back.ns);
}

/* Where rounds differ much, there are more of them. */
static void measure(bool huge, struct moved *engine, struct moved *cpu)
{
	void *buf = bench_map(SIZE, huge);
	int i;

	engine->device = accel_here;
	cpu->device = accel_bar;
	for (i = 0; i < ROUNDS ||
	     (i < ACCEL_MOST_ROUNDS && !(is_steady(engine) && is_steady(cpu))); i++) {
		move_there(engine, buf);
		move_back(engine, buf);
		move_there(cpu, buf);
		move_back(cpu, buf);
	}
	bench_unmap(buf, SIZE);
}

static void heading(const char *title)
{
	printf("\n%s\n%-10s %-6s %10s %10s %7s\n", title, "", "PAGES", "ENGINE", "CPU",
	       "RATIO");
}

void accel_moves(void)
{
	static struct moved huge[2], small[2];

	find_irq_threads();
	measure(true, &huge[0], &huge[1]);
	measure(false, &small[0], &small[1]);
	heading("CPU time for a huge page: microseconds, copied by the engine or by the CPU");
	cpu_row("to device", &huge[0].there, &huge[1].there);
	cpu_row("to RAM", &huge[0].back, &huge[1].back);
	heading("Migration of 64 MB in GB/s, copied by the engine or by the CPU");
	speed_row("to device", true, &huge[0].there, &huge[1].there);
	speed_row("to RAM", true, &huge[0].back, &huge[1].back);
	speed_row("to device", false, &small[0].there, &small[1].there);
	speed_row("to RAM", false, &small[0].back, &small[1].back);
}
