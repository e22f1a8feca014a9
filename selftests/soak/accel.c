// SPDX-License-Identifier: GPL-2.0
/*
 * accel SECONDS: processes with jobs on an accelerator, on memory from malloc(). What is in
 * the memory follows from a number, and all of it is looked at after each job, by the CPU.
 */
#include <drm/hmm_p2p_accel.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NODE		"/dev/accel/accel0"
#define PROCESSES	3
#define WORDS		(1UL << 20)
#define BYTES		(WORDS * sizeof(uint64_t))

/* Of all processes. */
static uint64_t *checks;

/* A process's: the job, and what it works on. */
static int node;
static uint64_t *from, *to;

static void complain(const char *what, unsigned long at)
{
	printf("error %d: %s, at %lu\n", getpid(), what, at);
	fflush(stdout);
}

static void check(bool good, const char *what, unsigned long at)
{
	__atomic_fetch_add(checks, 1, __ATOMIC_RELAXED);
	if (!good)
		complain(what, at);
}

/* Small, so that floats of it are exact. */
static uint64_t word(uint64_t number, unsigned long i)
{
	return (number * 2654435761u + i * 40503u) >> 7 & 0xfff;
}

static void words_write(uint64_t *words, uint64_t number)
{
	unsigned long i;

	for (i = 0; i < WORDS; i++)
		words[i] = word(number, i);
}

static void words_check(const uint64_t *words, uint64_t number, const char *what)
{
	unsigned long i;

	for (i = 0; i < WORDS; i++)
		if (words[i] != word(number, i))
			break;
	check(i == WORDS, what, i);
}

static uint64_t run(uint32_t op, void *dst, void *src, uint64_t length, uint64_t argument)
{
	struct drm_hmm_p2p_accel_run job = {
		.op = op,
		.dst = (uintptr_t)dst,
		.src = (uintptr_t)src,
		.length = length,
		.argument = argument,
	};
	int ret = ioctl(node, DRM_IOCTL_HMM_P2P_ACCEL_RUN, &job);

	if (ret)
		perror("error a job");
	fflush(NULL);
	return job.out_result;
}

static void sums(uint64_t number)
{
	uint64_t sum = 0;
	unsigned long i;

	words_write(from, number);
	for (i = 0; i < WORDS; i++)
		sum += word(number, i);
	check(run(HMM_P2P_ACCEL_SUM, NULL, from, BYTES, 0) == sum, "the sum", number);
	words_check(from, number, "memory that was summed up");
}

static void copies(uint64_t number)
{
	words_write(from, number);
	run(HMM_P2P_ACCEL_COPY, to, from, BYTES, 0);
	words_check(to, number, "a copy");
	words_check(from, number, "memory that was copied");
}

/* Half of it: what is beside that stays. */
static void fills(uint64_t number)
{
	unsigned long i;

	words_write(to, number);
	run(HMM_P2P_ACCEL_FILL, to + WORDS / 4, NULL, BYTES / 2, number);
	for (i = 0; i < WORDS; i++) {
		uint64_t expected = i / (WORDS / 4) % 3 ? number : word(number, i);

		if (to[i] != expected)
			break;
	}
	check(i == WORDS, "memory that was filled", i);
}

static void adds(uint64_t number)
{
	float *x = (float *)from, *y = (float *)to, a = 3;
	uint32_t bits;
	unsigned long i;

	for (i = 0; i < WORDS; i++) {
		x[i] = (float)word(number, i);
		y[i] = (float)word(number + 1, i);
	}
	memcpy(&bits, &a, sizeof(bits));
	run(HMM_P2P_ACCEL_SAXPY, y, x, WORDS * sizeof(*x), bits);
	for (i = 0; i < WORDS; i++)
		if (y[i] != a * (float)word(number, i) + (float)word(number + 1, i))
			break;
	check(i == WORDS, "a x + y", i);
}

static int process_main(unsigned int nr, time_t end)
{
	void (*const steps[])(uint64_t number) = { sums, copies, fills, adds };
	uint64_t number;

	node = open(NODE, O_RDWR | O_CLOEXEC);
	from = malloc(BYTES);
	to = malloc(BYTES);
	if (node < 0 || !from || !to) {
		perror("error " NODE);
		fflush(NULL);
		return 1;
	}
	for (number = nr * 1000003UL; time(NULL) < end; number++) {
		steps[number % 4](number);
		printf("checks %llu\n",
		       (unsigned long long)__atomic_load_n(checks, __ATOMIC_RELAXED));
		fflush(stdout);
	}
	free(from);
	free(to);
	close(node);
	return 0;
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 10);
	int status, failed = 0;
	unsigned int i;

	checks = mmap(NULL, sizeof(*checks), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (checks == MAP_FAILED)
		return 1;
	for (i = 0; i < PROCESSES; i++)
		if (!fork())
			_exit(process_main(i, end));
	while (wait(&status) > 0)
		failed |= status;
	printf("checks %llu\n", (unsigned long long)*checks);
	return !!failed;
}
