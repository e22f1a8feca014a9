// SPDX-License-Identifier: GPL-2.0
/*
 * MPI between two hosts, on buffers that live on a device. MPI is the distribution's,
 * and knows nothing of devices; it registers the buffers on demand, so that its NIC
 * reaches them where they are.
 *
 * What the CPU touches comes home. So it is the device that computes, here as in
 * any MPI for accelerators: MPI_Allreduce() with an operation of ours.
 */
#include <malloc.h>

#include "pair.h"

/* What is as large as this is sent by RDMA, what is smaller by copies. */
#define RDMA_SIZE	4096UL

/* What MPI allocates for itself has to begin on a page, too (see pair.h). */
void *__libc_malloc(size_t size);

void *malloc(size_t size)
{
	return size < RDMA_SIZE ? __libc_malloc(size) : memalign(RDMA_SIZE, size);
}

/* ---------------------------------------------------------------- ping-pong */

static void send(const void *mem, size_t length)
{
	assert_int_equal(MPI_Send(mem, (int)length, MPI_BYTE, other, 0, MPI_COMM_WORLD),
			 MPI_SUCCESS);
}

static void receive(void *mem, size_t length)
{
	assert_int_equal(MPI_Recv(mem, (int)length, MPI_BYTE, other, 0, MPI_COMM_WORLD,
				  MPI_STATUS_IGNORE), MPI_SUCCESS);
}

/* Return: seconds for a message. */
static double ping_pong(const void *mine, void *theirs, size_t length, int rounds)
{
	double start = MPI_Wtime();
	int i;

	for (i = 0; i < rounds; i++) {
		if (!rank)
			send(mine, length);
		receive(theirs, length);
		if (rank)
			send(mine, length);
	}
	return (MPI_Wtime() - start) / (2 * rounds);
}

/* The first message is the one that faults. */
static void play(const char *where, const void *mine, void *theirs)
{
	double first = ping_pong(mine, theirs, LENGTH, 1);
	double all = ping_pong(mine, theirs, LENGTH, ROUNDS);
	double page = ping_pong(mine, theirs, page_size, PAGE_ROUNDS);

	tell_ping_pong(where, first, all, page);
}

static void ping_pong_case(bool on_device)
{
	uint8_t *mine = map_pattern(LENGTH, SMALL_PAGES, seed_of(rank));
	uint8_t *theirs = map_memory(LENGTH, SMALL_PAGES);
	struct stay stay;

	memset(theirs, 0, LENGTH);
	if (on_device)
		stay_begin(&stay, mine, theirs);
	play(on_device ? "MPI, on the device" : "MPI, in RAM", mine, theirs);
	if (on_device)
		stayed(&stay);
	assert_pattern(theirs, LENGTH, seed_of(other));
	assert_pattern(mine, LENGTH, seed_of(rank));
	unmap(mine, LENGTH);
	unmap(theirs, LENGTH);
}

static void test_ping_pong(void **state)
{
	(void)state;
	ping_pong_case(true);
}

static void test_ping_pong_in_ram(void **state)
{
	(void)state;
	ping_pong_case(false);
}

/* ---------------------------------------------------------------- allreduce */

static void add(void *in, void *sum, int *count, MPI_Datatype *type)
{
	(void)type;
	device_adds(in, sum, (size_t)*count * sizeof(float));
}

static void reduce(const char *where, float *values, MPI_Op op)
{
	double start = MPI_Wtime();
	int i;

	for (i = 0; i < REDUCTIONS; i++)
		assert_int_equal(MPI_Allreduce(MPI_IN_PLACE, values, FLOATS, MPI_FLOAT, op,
					       MPI_COMM_WORLD), MPI_SUCCESS);
	tell_reduction(where, (MPI_Wtime() - start) / REDUCTIONS);
}

static void test_allreduce(void **state)
{
	float *values = make_values();
	struct stay stay;
	MPI_Op op;

	(void)state;
	assert_int_equal(MPI_Op_create(add, 1, &op), MPI_SUCCESS);
	stay_begin(&stay, values, NULL);
	reduce("MPI, on the device, which adds", values, op);
	stayed(&stay);
	check_values(values);
	MPI_Op_free(&op);
	unmap(values, LENGTH);
}

/* Right as well, but what the CPU adds comes home. */
static void test_allreduce_by_cpu(void **state)
{
	float *values = make_values();
	struct stay stay;

	(void)state;
	stay_begin(&stay, values, NULL);
	reduce("MPI, on the device, while the CPU adds", values, MPI_SUM);
	assert_int_equal(counted(&stay, HMM_P2P_COUNTER_SENT_HOME), 0);
	assert_true(pages_on(exporter, values, LENGTH) < LENGTH / page_size);
	check_values(values);
	unmap(values, LENGTH);
}

static void test_allreduce_in_ram(void **state)
{
	float *values = make_values();

	(void)state;
	reduce("MPI, in RAM, where the CPU adds", values, MPI_SUM);
	check_values(values);
	unmap(values, LENGTH);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ping_pong),
		TEST(test_ping_pong_in_ram),
		TEST(test_allreduce),
		TEST(test_allreduce_by_cpu),
		TEST(test_allreduce_in_ram),
	};

	return cmocka_run_group_tests_name("mpi", tests, pair_setup, suite_teardown);
}

int main(int argc, char **argv)
{
	return pair_run(argc, argv, run);
}
