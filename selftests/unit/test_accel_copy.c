// SPDX-License-Identifier: GPL-2.0
/* The accelerator's rings and its copy engine: every target, wrap, bad descriptors, bad rings, errors of the bus. */
#include "accel/client.h"

#define RING_AT		0x10000		/* in the guest's memory */
#define DATA_AT		0x200000

static uint32_t targets(enum accel_target dst, enum accel_target src)
{
	return dst << DESC_DST_TARGET | src << DESC_SRC_TARGET;
}

static void copies(void **state, enum accel_target to, uint64_t dst, uint8_t *dst_at, enum accel_target from,
		   uint64_t src, uint8_t *src_at)
{
	/* Longer than a step, and no multiple of anything. */
	struct accel_desc desc = copy_desc(to, dst + 3, from, src + 5, 200001);
	struct client_ring ring;

	client_ring(*state, &ring, REG_COPY, RING_AT, 2);
	fill_random(src_at, 200010, 7);
	memset(dst_at, 0, 200010);
	assert_int_equal(ring_do(&ring, &desc), STATUS_DONE);
	assert_memory_equal(dst_at + 3, src_at + 5, 200001);
	assert_int_equal(dst_at[2] | dst_at[3 + 200001], 0);
	assert_int_equal(ring_desc(&ring, 0)->result, 200001);
	assert_int_equal(ring_desc(&ring, 0)->address, 0);
}

static void test_bus_to_local(void **state)
{
	struct client *client = *state;

	copies(state, TARGET_LOCAL, 0x1000, client->window + 0x1000, TARGET_BUS, RAM_BUS + DATA_AT,
	       client->ram + DATA_AT);
}

static void test_local_to_bus(void **state)
{
	struct client *client = *state;

	copies(state, TARGET_BUS, RAM_BUS + DATA_AT, client->ram + DATA_AT, TARGET_LOCAL, 0x100000,
	       client->window + 0x100000);
}

static void test_local_to_local(void **state)
{
	struct client *client = *state;

	copies(state, TARGET_LOCAL, 0, client->window, TARGET_LOCAL, 0x100000, client->window + 0x100000);
}

static void test_bus_to_bus(void **state)
{
	struct client *client = *state;

	copies(state, TARGET_BUS, RAM_BUS + DATA_AT, client->ram + DATA_AT, TARGET_BUS, RAM_BUS + 2 * DATA_AT,
	       client->ram + 2 * DATA_AT);
}

/* Upwards, in steps of 64 KiB: what a step has written, the next one reads. */
static void test_overlap(void **state)
{
	struct client *client = *state;
	struct accel_desc desc = copy_desc(TARGET_LOCAL, 0x8000, TARGET_LOCAL, 0, 0x28000);
	uint8_t *expected = malloc(0x30000);
	struct client_ring ring;
	size_t at;

	assert_non_null(expected);
	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	fill_random(client->window, 0x30000, 5);
	memcpy(expected, client->window, 0x30000);
	for (at = 0; at < 0x28000; at += 0x10000)
		memmove(expected + 0x8000 + at, expected + at, at == 0x20000 ? 0x8000 : 0x10000);
	assert_int_equal(ring_do(&ring, &desc), STATUS_DONE);
	assert_memory_equal(client->window, expected, 0x30000);
	free(expected);
}

static void test_messages_to_local(void **state)
{
	struct client *client = *state;

	copies(state, TARGET_LOCAL, 0, client->window, TARGET_BUS, FAR_BUS, client->far);
	assert_int_equal(client->nr_dma, 4);
}

static void test_local_to_messages(void **state)
{
	struct client *client = *state;

	copies(state, TARGET_BUS, FAR_BUS, client->far, TARGET_LOCAL, 0, client->window);
	assert_int_equal(client->nr_dma, 4);
}

static void test_fill(void **state)
{
	struct client *client = *state;
	struct accel_desc desc = {
		.op = COPY_FILL, .flags = targets(TARGET_LOCAL, 0), .dst = 0x10001, .length = 100003,
		.argument = 0x1122334455667788,
	};
	struct client_ring ring;
	unsigned int i;

	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	memset(client->window + 0x10000, 0xee, 100010);
	assert_int_equal(ring_do(&ring, &desc), STATUS_DONE);
	for (i = 0; i < 100003; i++)
		assert_int_equal(client->window[0x10001 + i], 0x88 - i % 8 * 0x11);
	assert_int_equal(client->window[0x10000] & client->window[0x10001 + i], 0xee);
}

static void test_nop(void **state)
{
	struct accel_desc desc = { .op = COPY_NOP };
	struct client_ring ring;

	client_ring(*state, &ring, REG_COPY, RING_AT, 1);
	assert_int_equal(ring_do(&ring, &desc), STATUS_DONE);
}

/* The counters go through 2^32 never so soon, but slots are used again and again. */
static void test_ring_wraps(void **state)
{
	struct client *client = *state;
	struct client_ring ring;
	unsigned int i;

	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	for (i = 0; i < 43; i++) {
		struct accel_desc desc = copy_desc(TARGET_BUS, RAM_BUS + DATA_AT, TARGET_LOCAL, 0x1000 * i, 16);

		fill_random(client->window + 0x1000 * i, 16, i);
		assert_int_equal(ring_do(&ring, &desc), STATUS_DONE);
		assert_memory_equal(client->ram + DATA_AT, client->window + 0x1000 * i, 16);
	}
	assert_int_equal(ring_desc(&ring, 42)->sequence, 42);
}

static void wait_head(struct client_ring *ring, uint32_t head)
{
	while (r32(ring->client, ring->at + RING_HEAD) != head)
		wait_irq(ring->client, ring->vector);
}

/* With the engine held, so that all are in the ring when it begins. */
static void test_many_in_flight(void **state)
{
	struct client *client = *state;
	struct client_ring ring;
	unsigned int i;

	client_ring(client, &ring, REG_COPY, RING_AT, 4);
	assert_true(control(client, "hang copy\n"));
	for (i = 0; i < 16; i++) {
		struct accel_desc desc = copy_desc(TARGET_LOCAL, 0x1000 * (i + 1), TARGET_LOCAL, 0x1000 * i, 0x1000);

		ring_push(&ring, &desc);
	}
	fill_random(client->window, 0x1000, 9);
	assert_int_equal(r32(client, REG_COPY + RING_HEAD), 0);
	assert_true(control(client, "resume copy\n"));
	wait_head(&ring, 16);
	for (i = 0; i < 16; i++)
		assert_int_equal(ring_desc(&ring, i)->status, STATUS_DONE);
	assert_memory_equal(client->window + 0x10000, client->window, 0x1000);
	assert_int_equal(r32(client, REG_COPY + RING_STATUS), RING_STATUS_ENABLED);
}

/* With the engine held, so that all of them are there when it begins. Return: messages that it took. */
static unsigned int push_at_once(struct client_ring *ring, uint32_t from, uint32_t to)
{
	struct client *client = ring->client;
	unsigned int before = client->nr_dma;

	assert_true(control(client, "hang copy\n"));
	for (; from < to; from++) {
		*ring_desc(ring, from) = copy_desc(TARGET_LOCAL, 0x1000 * (from + 1), TARGET_LOCAL, 0x1000 * from, 8);
		ring_desc(ring, from)->flags |= DESC_INTERRUPT;
	}
	w32(client, REG_COPY + RING_TAIL, to);
	assert_true(control(client, "resume copy\n"));
	wait_head(ring, to);
	return client->nr_dma - before;
}

/* A ring that is reached by messages shows how it is read: in one piece, up to where it ends. */
static void test_descriptors_come_together(void **state)
{
	struct client *client = *state;
	struct client_ring ring;
	unsigned int i;

	client_ring(client, &ring, REG_COPY, RING_AT, 4);
	w32(client, REG_COPY + RING_CTRL, 0);
	w64(client, REG_COPY + RING_BASE, FAR_BUS);
	w32(client, REG_COPY + RING_CTRL, CTRL_ENABLE);
	ring.desc = (struct accel_desc *)client->far;
	assert_int_equal(push_at_once(&ring, 0, 12), 1 + 2 * 12);
	assert_int_equal(push_at_once(&ring, 12, 20), 2 + 2 * 8);
	for (i = 4; i < 20; i++) {
		assert_int_equal(ring_desc(&ring, i)->status, STATUS_DONE);
		assert_int_equal(ring_desc(&ring, i)->sequence, i);
	}
}

static void test_no_interrupt_unless_asked(void **state)
{
	struct client *client = *state;
	struct accel_desc nop = { .op = COPY_NOP };
	struct client_ring ring;

	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	ring.desc[0] = nop;
	w32(client, REG_COPY + RING_TAIL, 1);
	while (!__atomic_load_n(&ring.desc[0].status, __ATOMIC_ACQUIRE))
		;
	while (r32(client, REG_COPY + RING_HEAD) != 1)
		;
	assert_false(had_irq(client, VECTOR_COPY));
}

static void test_bad_descriptors(void **state)
{
	static const struct accel_desc bad[] = {
		{ .op = NR_COPY_OPS, .length = 1 },
		{ .op = UINT16_MAX, .length = 1 },
		{ .op = COPY_COPY, .length = 0 },
		{ .op = COPY_COPY, .length = (1ull << 40) + 1 },
		{ .op = COPY_COPY, .length = UINT64_MAX },
		{ .op = COPY_COPY, .length = 2, .dst = UINT64_MAX },
		{ .op = COPY_COPY, .length = 2, .src = UINT64_MAX },
		{ .op = COPY_COPY, .length = 1, .context = 1 },
		{ .op = COPY_COPY, .length = 1, .flags = 3 << DESC_DST_TARGET },
		{ .op = COPY_COPY, .length = 1, .flags = 3 << DESC_SRC_TARGET },
		{ .op = COPY_COPY, .length = 1, .flags = 2 },
		{ .op = COPY_NOP, .flags = 1u << 31 },
	};
	struct client_ring ring;
	unsigned int i;

	client_ring(*state, &ring, REG_COPY, RING_AT, 2);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(ring_do(&ring, &bad[i]), STATUS_BAD);
	assert_int_equal(r32(*state, REG_ERROR), 0);
}

static void test_out_of_bounds(void **state)
{
	struct accel_desc desc = copy_desc(TARGET_LOCAL, MEMORY_BYTES - 0x1000, TARGET_LOCAL, 0, 0x1001);
	struct client_ring ring;

	client_ring(*state, &ring, REG_COPY, RING_AT, 2);
	assert_int_equal(ring_do(&ring, &desc), STATUS_BOUNDS);
	assert_int_equal(ring_desc(&ring, 0)->address, MEMORY_BYTES - 0x1000);
	desc = copy_desc(TARGET_LOCAL, 0, TARGET_LOCAL, 1ull << 60, 1);
	assert_int_equal(ring_do(&ring, &desc), STATUS_BOUNDS);
	desc = copy_desc(TARGET_LOCAL, 0, TARGET_LOCAL, UINT64_MAX - 1, 1);
	assert_int_equal(ring_do(&ring, &desc), STATUS_BOUNDS);
	desc = copy_desc(TARGET_LOCAL, 0, TARGET_PEER, 0, 1);
	assert_int_equal(ring_do(&ring, &desc), STATUS_LINK);
	/* With the bus at the other end, too, and by filling. */
	desc = copy_desc(TARGET_LOCAL, MEMORY_BYTES - 8, TARGET_BUS, RAM_BUS + DATA_AT, 9);
	assert_int_equal(ring_do(&ring, &desc), STATUS_BOUNDS);
	assert_int_equal(ring_desc(&ring, 4)->address, MEMORY_BYTES - 8);
	desc = copy_desc(TARGET_BUS, RAM_BUS + DATA_AT, TARGET_LOCAL, MEMORY_BYTES - 0x10000, 0x10001);
	assert_int_equal(ring_do(&ring, &desc), STATUS_BOUNDS);
	assert_int_equal(ring_desc(&ring, 5)->address, MEMORY_BYTES);
	assert_int_equal(ring_desc(&ring, 5)->result, 0x10000);
	desc = (struct accel_desc) { .op = COPY_FILL, .dst = MEMORY_BYTES - 1, .length = 2 };
	assert_int_equal(ring_do(&ring, &desc), STATUS_BOUNDS);
	assert_int_equal(ring_desc(&ring, 6)->address, MEMORY_BYTES - 1);
}

static void test_bus_errors(void **state)
{
	struct client *client = *state;
	struct accel_desc nowhere = copy_desc(TARGET_LOCAL, 0, TARGET_BUS, 0x5000, 0x100);
	struct accel_desc end = copy_desc(TARGET_BUS, RAM_BUS + RAM_BYTES - 0x10000, TARGET_LOCAL, 0, 0x20000);
	struct client_ring ring;

	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	assert_int_equal(ring_do(&ring, &nowhere), STATUS_BUS);
	assert_int_equal(ring_desc(&ring, 0)->address, 0x5000);
	assert_int_equal(r64(client, REG_ERROR_ADDR), 0x5000);
	assert_int_equal(r32(client, REG_ERROR), ERROR_DMA);
	wait_irq(client, VECTOR_ERROR);
	w32(client, REG_ERROR, ERROR_DMA);
	assert_int_equal(r32(client, REG_ERROR), 0);
	/* What came before the error is there, and said to be. */
	assert_int_equal(ring_do(&ring, &end), STATUS_BUS);
	assert_int_equal(ring_desc(&ring, 1)->result, 0x10000);
	assert_int_equal(ring_desc(&ring, 1)->address, RAM_BUS + RAM_BYTES);
}

static void test_read_only_mapping(void **state)
{
	struct client *client = *state;
	struct accel_desc read = copy_desc(TARGET_LOCAL, 0, TARGET_BUS, 0x10000, 0x1000);
	struct accel_desc write = copy_desc(TARGET_BUS, 0x10000, TARGET_LOCAL, 0, 0x1000);
	struct client_ring ring;

	assert_false(client_map(client, 0x10000, 0x1000, 0x300000, client->ram_fd, 1));
	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	assert_int_equal(ring_do(&ring, &read), STATUS_DONE);
	assert_int_equal(ring_do(&ring, &write), STATUS_BUS);
}

static void test_unmapped_is_gone(void **state)
{
	struct client *client = *state;
	struct accel_desc read = copy_desc(TARGET_LOCAL, 0, TARGET_BUS, 0x10000, 0x1000);
	struct client_ring ring;

	assert_false(client_map(client, 0x10000, 0x1000, 0x300000, client->ram_fd, 3));
	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	assert_int_equal(ring_do(&ring, &read), STATUS_DONE);
	assert_int_equal(client_unmap(client, 0x10000, 0x2000), ENOENT);
	assert_int_equal(ring_do(&ring, &read), STATUS_DONE);
	assert_false(client_unmap(client, 0x10000, 0x1000));
	assert_int_equal(ring_do(&ring, &read), STATUS_BUS);
}

static void test_no_bus_master(void **state)
{
	struct client *client = *state;
	struct accel_desc nop = { .op = COPY_NOP };
	struct client_ring ring;

	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	client_master(client, false);
	ring_push(&ring, &nop);
	wait_irq(client, VECTOR_ERROR);
	while (!(r32(client, REG_COPY + RING_STATUS) & RING_STATUS_ERROR))
		wait_irq(client, VECTOR_ERROR);
	assert_int_equal(r32(client, REG_ERROR), ERROR_DMA | ERROR_COPY);
	client_master(client, true);
	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	assert_int_equal(r32(client, REG_COPY + RING_STATUS), RING_STATUS_ENABLED);
	assert_int_equal(ring_do(&ring, &nop), STATUS_DONE);
}

static void assert_ring_failed(struct client *client, uint32_t at, uint32_t error)
{
	while (!(r32(client, at + RING_STATUS) & RING_STATUS_ERROR))
		wait_irq(client, VECTOR_ERROR);
	assert_int_equal(r32(client, at + RING_STATUS), RING_STATUS_ERROR);
	assert_int_equal(r32(client, at + RING_CTRL), 0);
	assert_true(r32(client, REG_ERROR) & error);
}

static void bad_ring(struct client *client, uint32_t at, uint32_t error)
{
	struct client_ring ring;

	w32(client, at + RING_ORDER, 0);
	w32(client, at + RING_CTRL, CTRL_ENABLE);
	assert_ring_failed(client, at, error);
	w32(client, at + RING_ORDER, 13);
	w32(client, at + RING_CTRL, CTRL_ENABLE);
	assert_ring_failed(client, at, error);
	client_ring(client, &ring, at, RING_AT, 2);
	w32(client, at + RING_TAIL, 5);
	assert_ring_failed(client, at, error);
	client_ring(client, &ring, at, RING_AT, 2);
	w32(client, at + RING_TAIL, UINT32_MAX);
	assert_ring_failed(client, at, error);
	client_ring(client, &ring, at, RAM_BYTES - 0x1000, 2);
	w32(client, at + RING_CTRL, 0);
	w64(client, at + RING_BASE, 0xfffffffffffff000);
	w32(client, at + RING_CTRL, CTRL_ENABLE);
	w32(client, at + RING_TAIL, 1);
	assert_ring_failed(client, at, error);
}

static void test_bad_copy_ring(void **state)
{
	bad_ring(*state, REG_COPY, ERROR_COPY);
}

static void test_bad_job_ring(void **state)
{
	bad_ring(*state, REG_JOB, ERROR_JOB);
}

/* A ring in read-only memory: it can be read, and its results cannot be written. */
static void test_write_back_fails(void **state)
{
	struct client *client = *state;
	struct accel_desc nop = { .op = COPY_NOP };

	assert_false(client_map(client, 0x10000, 0x1000, RING_AT, client->ram_fd, 1));
	memcpy(client->ram + RING_AT, &nop, sizeof(nop));
	w64(client, REG_COPY + RING_BASE, 0x10000);
	w32(client, REG_COPY + RING_ORDER, 2);
	w32(client, REG_COPY + RING_CTRL, CTRL_ENABLE);
	w32(client, REG_COPY + RING_TAIL, 1);
	assert_ring_failed(client, REG_COPY, ERROR_COPY);
	assert_int_equal(r32(client, REG_COPY + RING_HEAD), 0);
}

static void test_disabled_ring_takes_nothing(void **state)
{
	struct client *client = *state;
	struct accel_desc nop = { .op = COPY_NOP };
	struct client_ring ring;

	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	assert_int_equal(ring_do(&ring, &nop), STATUS_DONE);
	assert_true(control(client, "hang copy\n"));
	ring_push(&ring, &nop);
	w32(client, REG_COPY + RING_CTRL, 0);
	assert_true(control(client, "resume copy\n"));
	assert_int_equal(r32(client, REG_COPY + RING_STATUS), 0);
	client_ring(client, &ring, REG_COPY, 2 * RING_AT, 3);
	assert_int_equal(r32(client, REG_COPY + RING_TAIL), 0);
	assert_int_equal(ring_do(&ring, &nop), STATUS_DONE);
	assert_int_equal(((struct accel_desc *)(client->ram + RING_AT))[1].status, 0);
}

static void test_reset_ends_a_copy(void **state)
{
	struct client *client = *state;
	struct accel_desc desc = copy_desc(TARGET_BUS, FAR_BUS, TARGET_LOCAL, 0, 0x1000);
	struct client_ring ring;

	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	client->keep_dma = true;
	ring_push(&ring, &desc);
	client_receive_dma(client);
	assert_int_equal(r32(client, REG_COPY + RING_STATUS), RING_STATUS_ENABLED | 1 << RING_STATUS_WORK);
	w32(client, REG_RESET, 1);
	assert_int_equal(r32(client, REG_COPY + RING_STATUS), 0);
	client_answer_dma(client);	/* too late */
	client->keep_dma = false;
	assert_int_equal(ring.desc[0].status, 0);
	client_ring(client, &ring, REG_COPY, RING_AT, 2);
	w32(client, REG_INT_ENABLE, 0x3f);
	assert_int_equal(ring_do(&ring, &desc), STATUS_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		machine_test(test_bus_to_local),
		machine_test(test_local_to_bus),
		machine_test(test_local_to_local),
		machine_test(test_bus_to_bus),
		machine_test(test_overlap),
		machine_test(test_messages_to_local),
		machine_test(test_local_to_messages),
		machine_test(test_fill),
		machine_test(test_nop),
		machine_test(test_ring_wraps),
		machine_test(test_many_in_flight),
		machine_test(test_descriptors_come_together),
		machine_test(test_no_interrupt_unless_asked),
		machine_test(test_bad_descriptors),
		machine_test(test_out_of_bounds),
		machine_test(test_bus_errors),
		machine_test(test_read_only_mapping),
		machine_test(test_unmapped_is_gone),
		machine_test(test_no_bus_master),
		machine_test(test_bad_copy_ring),
		machine_test(test_bad_job_ring),
		machine_test(test_write_back_fails),
		machine_test(test_disabled_ring_takes_nothing),
		machine_test(test_reset_ends_a_copy),
	};

	return cmocka_run_group_tests_name("accel_copy", tests, NULL, NULL);
}
