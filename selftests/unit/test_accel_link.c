// SPDX-License-Identifier: GPL-2.0
/* Two accelerators with an interconnect, and the faults that the control socket of one injects. */
#include <unistd.h>

#include "accel/client.h"

#define RING_AT		0x10000
#define VA		0x100000ull

struct pair {
	struct client left;
	struct client right;
	char folder[32];
	char path[64];
};

static void wait_link(struct client *client, uint32_t status)
{
	while (r32(client, REG_LINK_STATUS) != status)
		wait_irq(client, VECTOR_LINK);
}

static void start_right(struct pair *pair)
{
	char option[96];
	const char *options[] = { option, "--uid=0x1122334455667788", NULL };

	snprintf(option, sizeof(option), "--link-connect=%s", pair->path);
	client_start(&pair->right, options);
	wait_link(&pair->left, LINK_UP | LINK_PRESENT);
	wait_link(&pair->right, LINK_UP | LINK_PRESENT);
}

static int pair_up(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	char option[96];
	const char *options[] = { option, "--uid=42", NULL };

	strcpy(pair->folder, "/tmp/accel-link.XXXXXX");
	assert_non_null(mkdtemp(pair->folder));
	snprintf(pair->path, sizeof(pair->path), "%s/link", pair->folder);
	snprintf(option, sizeof(option), "--link-listen=%s", pair->path);
	client_start(&pair->left, options);
	assert_int_equal(r32(&pair->left, REG_LINK_STATUS), LINK_PRESENT);
	start_right(pair);
	*state = pair;
	return 0;
}

static int pair_down(void **state)
{
	struct pair *pair = *state;

	client_stop(&pair->right, 0);
	client_stop(&pair->left, 0);
	rmdir(pair->folder);
	free(pair);
	return 0;
}

static void test_who_is_there(void **state)
{
	struct pair *pair = *state;

	assert_int_equal(r64(&pair->left, REG_UID), 42);
	assert_int_equal(r64(&pair->left, REG_PEER_UID), 0x1122334455667788);
	assert_int_equal(r64(&pair->right, REG_PEER_UID), 42);
	assert_int_equal(r64(&pair->left, REG_PEER_SIZE), MEMORY_BYTES);
	assert_int_equal(r64(&pair->right, REG_PEER_SIZE), MEMORY_BYTES);
}

/* No bus takes part: neither of them is its master. */
static void test_copies_between_the_two(void **state)
{
	struct pair *pair = *state;
	struct accel_desc put = copy_desc(TARGET_PEER, 0x7000, TARGET_LOCAL, 0x1000, 100000);
	struct accel_desc get = copy_desc(TARGET_LOCAL, 0x100000, TARGET_PEER, 0x7000, 100000);
	struct client_ring ring;

	client_ring(&pair->left, &ring, REG_COPY, RING_AT, 2);
	client_master(&pair->right, false);
	fill_random(pair->left.window + 0x1000, 100000, 1);
	assert_int_equal(ring_do(&ring, &put), STATUS_DONE);
	assert_memory_equal(pair->right.window + 0x7000, pair->left.window + 0x1000, 100000);
	assert_int_equal(ring_do(&ring, &get), STATUS_DONE);
	assert_memory_equal(pair->left.window + 0x100000, pair->left.window + 0x1000, 100000);
	get.src = MEMORY_BYTES - 1;
	assert_int_equal(ring_do(&ring, &get), STATUS_BOUNDS);
}

static void test_job_in_the_neighbours_memory(void **state)
{
	struct pair *pair = *state;
	struct client *right = &pair->right;
	struct accel_desc desc = { .op = JOB_FILL, .dst = VA + 8, .length = 0x1800, .argument = 0x5a5a5a5a5a5a5a5a };
	struct client_ring jobs;

	client_context(right, 0);
	map_va(right, 0, VA, 0x9000, LEAF_W(TARGET_PEER));
	map_va(right, 0, VA + 0x1000, 0x3000, LEAF_W(TARGET_PEER));
	client_ring(right, &jobs, REG_JOB, RING_AT, 2);
	assert_int_equal(ring_do(&jobs, &desc), STATUS_DONE);
	assert_int_equal(pair->left.window[0x9007], 0);
	assert_int_equal(pair->left.window[0x9008], 0x5a);
	assert_int_equal(pair->left.window[0x9fff], 0x5a);
	assert_int_equal(pair->left.window[0x3807], 0x5a);
	assert_int_equal(pair->left.window[0x3808], 0);
	map_va(right, 0, VA + 0x2000, MEMORY_BYTES, LEAF_W(TARGET_PEER));
	desc.dst = VA + 0x2000;
	assert_int_equal(ring_do(&jobs, &desc), STATUS_BOUNDS);
}

static void expect_down(struct pair *pair, struct client *client)
{
	struct accel_desc put = copy_desc(TARGET_PEER, 0, TARGET_LOCAL, 0, 8);
	struct client_ring ring;

	(void)pair;
	wait_link(client, LINK_PRESENT);
	assert_int_equal(r64(client, REG_PEER_SIZE) | r64(client, REG_PEER_UID), 0);
	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	assert_int_equal(ring_do(&ring, &put), STATUS_LINK);
	w32(client, REG_COPY + RING_CTRL, 0);
}

static void test_link_goes_down_and_up(void **state)
{
	struct pair *pair = *state;

	assert_true(control(&pair->right, "link down\n"));
	expect_down(pair, &pair->left);
	expect_down(pair, &pair->right);
	assert_true(control(&pair->right, "link up\n"));
	wait_link(&pair->left, LINK_UP | LINK_PRESENT);
	wait_link(&pair->right, LINK_UP | LINK_PRESENT);
	test_copies_between_the_two(state);
}

static void test_neighbour_dies_and_another_comes(void **state)
{
	struct pair *pair = *state;

	assert_false(control(&pair->right, "exit\n"));
	client_stop(&pair->right, 3);
	expect_down(pair, &pair->left);
	start_right(pair);
	test_copies_between_the_two(state);
}

static void test_reset_leaves_the_link(void **state)
{
	struct pair *pair = *state;

	w32(&pair->left, REG_RESET, 1);
	w32(&pair->left, REG_INT_ENABLE, 0x3f);
	assert_int_equal(r32(&pair->left, REG_LINK_STATUS), LINK_UP | LINK_PRESENT);
	test_copies_between_the_two(state);
}

static void test_commands_that_are_none(void **state)
{
	static const char *const bad[] = {
		"\n", "x\n", "link\n", "link sideways\n", "link down\n", "hang\n", "hang x\n", "dma-error\n",
		"dma-error x\n", "dma-error -1\n", "dma-error 1x\n", "dma-error 4294967296\n",
		"lose-interrupt 6\n", "fault-queue\n", "jobs\n", "jobs x\n", "jobs 1\n",
	};
	char line[200];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(control(*state, bad[i]));
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_false(control(*state, line));
	assert_true(control(*state, "dma-error 0\n"));
}

static void test_dma_error(void **state)
{
	struct client *client = *state;
	struct accel_desc desc = copy_desc(TARGET_BUS, RAM_BUS + 0x100000, TARGET_LOCAL, 0, 0x30000);
	struct client_ring ring;

	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	/* The descriptor is the first, and each 64 KiB one more. */
	assert_true(control(client, "dma-error 3\n"));
	assert_int_equal(ring_do(&ring, &desc), STATUS_BUS);
	assert_int_equal(ring_desc(&ring, 0)->result, 0x10000);
	assert_int_equal(ring_desc(&ring, 0)->address, RAM_BUS + 0x110000);
	assert_int_equal(r64(client, REG_ERROR_ADDR), RAM_BUS + 0x110000);
	assert_int_equal(ring_do(&ring, &desc), STATUS_DONE);
	assert_true(control(client, "dma-error 1\n"));
	ring_push(&ring, &desc);
	while (!(r32(client, REG_COPY + RING_STATUS) & RING_STATUS_ERROR))
		wait_irq(client, VECTOR_ERROR);
}

static void test_hang_ends_with_a_reset(void **state)
{
	struct client *client = *state;
	struct accel_desc nop = { .op = COPY_NOP };
	struct client_ring ring;

	assert_true(control(client, "hang copy\n"));
	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	ring_push(&ring, &nop);
	assert_int_equal(r32(client, REG_COPY + RING_HEAD), 0);
	w32(client, REG_RESET, 1);
	w32(client, REG_INT_ENABLE, 0x3f);
	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	assert_int_equal(ring_do(&ring, &nop), STATUS_DONE);
}

static void test_lost_interrupt(void **state)
{
	struct client *client = *state;

	assert_true(control(client, "lose-interrupt 2\n"));
	w32(client, REG_INT_TEST, 1 << VECTOR_JOB | 1 << VECTOR_COPY);
	assert_true(had_irq(client, VECTOR_COPY));
	assert_false(had_irq(client, VECTOR_JOB));
	assert_int_equal(r32(client, REG_INT_STATUS), 1 << VECTOR_JOB | 1 << VECTOR_COPY);
	w32(client, REG_INT_TEST, 1 << VECTOR_JOB);
	assert_true(had_irq(client, VECTOR_JOB));
}

static void test_small_fault_queue(void **state)
{
	struct client *client = *state;
	struct client_faults faults;
	struct client_ring jobs;
	unsigned int i;

	client_context(client, 0);
	client_ring(client, &jobs, REG_JOB, RING_AT, 3);
	client_faults(client, &faults, FAULTS_AT, 4);
	assert_true(control(client, "fault-queue 1\n"));
	for (i = 0; i < 2; i++) {
		struct accel_desc desc = { .op = JOB_FILL, .dst = VA * (i + 1), .length = 8 };

		ring_push(&jobs, &desc);
	}
	while (!(r32(client, REG_FAULT_STATUS) & FAULT_OVERFLOW))
		wait_irq(client, VECTOR_FAULT);
	assert_int_equal(r32(client, REG_FAULT_TAIL), 1);
	assert_true(control(client, "jobs 2\n"));
	assert_false(control(client, "jobs 3\n"));
	assert_true(control(client, "fault-queue 0\n"));
	for (i = 0; i < 2; i++) {
		struct accel_fault fault = next_fault(&faults);

		answer_fault(client, &fault, REPLY_FAIL);
		assert_int_equal(ring_wait(&jobs, fault.job), STATUS_FAULT);
	}
}

#define pair_test(f) cmocka_unit_test_setup_teardown(f, pair_up, pair_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pair_test(test_who_is_there),
		pair_test(test_copies_between_the_two),
		pair_test(test_job_in_the_neighbours_memory),
		pair_test(test_link_goes_down_and_up),
		pair_test(test_neighbour_dies_and_another_comes),
		pair_test(test_reset_leaves_the_link),
		machine_test(test_commands_that_are_none),
		machine_test(test_dma_error),
		machine_test(test_hang_ends_with_a_reset),
		machine_test(test_lost_interrupt),
		machine_test(test_small_fault_queue),
	};

	return cmocka_run_group_tests_name("accel_link", tests, NULL, NULL);
}
