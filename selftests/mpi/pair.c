// SPDX-License-Identifier: GPL-2.0
/* Two processes, one on each host: see pair.h. */
#include <sys/ioctl.h>

#include "pair.h"

int rank, other;
uint32_t exporter;
static int device;	/* descriptor of the accelerator */

int pair_setup(void **state)
{
	if (suite_setup(state))
		return -1;
	exporter = accel_memory(0);
	device = accel_open(0);
	return device < 0 ? -1 : 0;
}

int pair_run(int argc, char **argv, int (*run)(void))
{
	int failed;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	other = 1 - rank;
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	/* Of the second side only what goes wrong, which is on stderr. */
	if (rank && (setenv("CMOCKA_MESSAGE_OUTPUT", "STANDARD", 1) ||
		     !freopen("/dev/null", "w", stdout)))
		return 1;
	failed = run();
	if (failed)
		MPI_Abort(MPI_COMM_WORLD, failed);
	MPI_Finalize();
	return failed;
}

uint64_t seed_of(int number)
{
	return 100 * (uint64_t)(number + 1);
}

/* ------------------------------------------------------------------- memory */

void stay_begin(struct stay *stay, void *one, void *two)
{
	stay->mem[0] = one;
	stay->mem[1] = two;
	move_all_to(exporter, one, LENGTH);
	if (two)
		move_all_to(exporter, two, LENGTH);
	stay->before = stat_now(exporter);
}

uint64_t counted(const struct stay *stay, enum hmm_p2p_counter counter)
{
	return stat_delta(exporter, &stay->before, counter);
}

void stayed(const struct stay *stay)
{
	size_t pages = LENGTH / page_size, all = 0;
	int i;

	for (i = 0; i < 2; i++) {
		if (!stay->mem[i])
			continue;
		assert_int_equal(pages_on(exporter, stay->mem[i], LENGTH), pages);
		all += pages;
	}
	assert_true(counted(stay, HMM_P2P_COUNTER_P2P) >= all);
	assert_int_equal(counted(stay, HMM_P2P_COUNTER_SENT_HOME), 0);
	assert_int_equal(counted(stay, HMM_P2P_COUNTER_TO_RAM), 0);
}

/* ------------------------------------------------------------------- values */

/* Small enough for a float to be exact. */
static float value_of(size_t i, int number)
{
	return (float)(i % 1021 + 5 * (size_t)number);
}

float *make_values(void)
{
	float *values = (float *)map_memory(LENGTH, SMALL_PAGES);
	size_t i;

	for (i = 0; i < FLOATS; i++)
		values[i] = value_of(i, rank);
	return values;
}

void check_values(const float *values)
{
	size_t i;

	for (i = 0; i < FLOATS; i++) {
		float sum = value_of(i, 0) + value_of(i, 1);

		if (values[i] == sum * (1 << (REDUCTIONS - 1)))
			continue;
		fprintf(stderr, "# value %zu: %f\n", i, values[i]);
		fail();
	}
}

/* The device is to read it where it is. */
static void stay_in_ram(const void *mem, size_t length)
{
	struct drm_hmm_p2p_accel_advise advise = {
		.advice = HMM_P2P_ACCEL_PREFER_SYSTEM,
		.start = address(mem),
		.length = length,
	};

	REQUIRE(!ioctl(device, DRM_IOCTL_HMM_P2P_ACCEL_ADVISE, &advise));
}

void device_adds(const void *in, void *sum, size_t length)
{
	const float one = 1;
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_SAXPY,
		.dst = address(sum),
		.src = address(in),
		.length = length,
	};

	memcpy(&job.argument, &one, sizeof(one));
	stay_in_ram(in, length);
	REQUIRE(!accel_run(device, &job));
}

/* ------------------------------------------------------------------- report */

void tell_ping_pong(const char *where, double first, double all, double page)
{
	if (!rank)
		printf("# ping-pong, %s: 1 MiB %.1f MB/s, at first %.1f; 4 KiB %.2f ms\n",
		       where, LENGTH / all / 1e6, LENGTH / first / 1e6, page * 1e3);
}

void tell_reduction(const char *where, double seconds)
{
	if (!rank)
		printf("# allreduce of 1 MiB, %s: %.1f ms\n", where, seconds * 1e3);
}
