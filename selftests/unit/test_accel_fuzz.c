// SPDX-License-Identifier: GPL-2.0
/* Whatever a guest or a client writes, the accelerator answers, resets, and ends without a memory error. */
#include <sys/random.h>

#include "accel/client.h"

#define ROUNDS	20
#define STEPS	400

static uint64_t seed;

/* xorshift64: the same numbers for the same seed, everywhere. */
static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t below(uint64_t limit)
{
	return draw() % limit;
}

/* Zeros, edges, addresses that mean something, and anything. */
static uint64_t value(void)
{
	switch (below(8)) {
	case 0:
		return below(16);
	case 1:
		return RAM_BUS + below(RAM_BYTES);
	case 2:
		return FAR_BUS + below(FAR_BYTES);
	case 3:
		return below(MEMORY_BYTES);
	case 4:
		return 1ull << below(64);
	case 5:
		return UINT64_MAX - below(0x10000);
	case 6:
		return below(0x20) * 0x10000;
	default:
		return draw();
	}
}

static void fuzz_desc(struct accel_desc *desc)
{
	*desc = (struct accel_desc) {
		.op = below(9), .context = below(4) ? below(3) : draw(),
		.flags = below(4) ? below(4) | below(3) << DESC_DST_TARGET | below(3) << DESC_SRC_TARGET : draw(),
		.dst = value(), .src = value(), .length = below(2) ? below(0x40000) : value(), .argument = value(),
		.result = value(), .address = below(2) ? below(0x40000) : value(),
	};
	if (below(2))
		desc->flags &= DESC_INTERRUPT | DESC_RESUME;
}

static void fuzz_memory(struct client *client)
{
	struct accel_desc *ring = (struct accel_desc *)client->ram;
	uint64_t *tables = (uint64_t *)client->window;
	unsigned int i;

	for (i = 0; i < 0x40000 / sizeof(*ring); i++)
		fuzz_desc(&ring[i]);
	/* Root tables are at 0 to 0x1f0000: entries into themselves, leaves, and nonsense. */
	for (i = 0; i < 0x200000 / sizeof(*tables); i++) {
		uint64_t entry = below(0x20) * 0x10000 | PTE_VALID | (below(2) ? PTE_LEAF | PTE_WRITE : 0);

		tables[i] = below(8) ? entry : draw();
	}
}

static void enable_all(struct client *client)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		w64(client, REG_CONTEXT + i * CONTEXT_STRIDE, below(0x20) * 0x10000);
		w32(client, REG_CONTEXT + i * CONTEXT_STRIDE + CONTEXT_CTRL, 1);
	}
	w64(client, REG_FAULT_BASE, RAM_BUS + 0x80000);
	w32(client, REG_FAULT_ORDER, below(4));
	w32(client, REG_FAULT_CTRL, 1);
	for (i = 1; i <= 2; i++) {
		w64(client, 0x100 * i + RING_BASE, RAM_BUS + below(0x40) * 0x1000);
		w32(client, 0x100 * i + RING_ORDER, 1 + below(12));
		w32(client, 0x100 * i + RING_CTRL, 1);
		w32(client, 0x100 * i + RING_TAIL, below(20));
	}
}

static void fuzz_register(struct client *client)
{
	static const uint16_t at[] = { 0, 0x40, 0x100, 0x108, 0x10c, 0x110, 0x208, 0x20c, 0x210, 0x224, 0x228,
				       0x300, 0x308, 0x30c, 0x310, 0x318, 0x400, 0x408, 0x410, 0x414, 0x1000, 0x1008 };
	uint32_t offset = at[below(sizeof(at) / sizeof(*at))];
	uint64_t data = value();

	if (!below(8))
		offset = below(0x10000 - 8);
	/* A reset in each step would leave nothing to reset. */
	if (offset / 8 == REG_RESET / 8 && below(16))
		return;
	client_write(client, BAR0, offset, &data, below(8) ? 4 : 1 + below(8));
}

static void fuzz_reply(struct client *client)
{
	uint32_t tail = r32(client, REG_FAULT_TAIL);
	struct accel_fault *fault = (struct accel_fault *)(client->ram + 0x80000);

	w32(client, REG_FAULT_HEAD, tail);
	w32(client, REG_FAULT_REPLY, (uint32_t)fault[below(8)].id << 16 | (1 + below(2)));
}

static void still_lives(struct client *client)
{
	struct client_ring ring;
	struct accel_desc nop = { .op = COPY_NOP };

	w32(client, REG_RESET, 1);
	client_master(client, true);
	w32(client, REG_INT_ENABLE, 0x3f);
	client_ring(client, &ring, REG_COPY, 0, 2);
	assert_int_equal(ring_do(&ring, &nop), STATUS_DONE);
}

static void test_driver(void **state)
{
	struct client *client = *state;
	unsigned int round, step;

	for (round = 0; round < ROUNDS; round++) {
		fuzz_memory(client);
		enable_all(client);
		for (step = 0; step < STEPS; step++) {
			if (below(4))
				fuzz_register(client);
			else
				fuzz_reply(client);
		}
		still_lives(client);
	}
}

/* Everything but VERSION's major number and an impossible size, which end the conversation. */
static void fuzz_message(struct client *client)
{
	uint64_t payload[32];
	size_t i, length = below(4) ? 16 + below(32) : below(sizeof(payload));

	for (i = 0; i < sizeof(payload) / sizeof(*payload); i++)
		payload[i] = below(2) ? value() : below(10) | below(64) << 32;
	/* Some would map or unmap what the next step needs. */
	payload[below(2)] = below(sizeof(payload)) | below(64) << 32;
	client_request(client, 1 + below(20), payload, length, below(4) ? -1 : client->ram_fd);
}

static void test_client(void **state)
{
	struct client *client = *state;
	unsigned int step;

	for (step = 0; step < ROUNDS * STEPS / 2; step++)
		fuzz_message(client);
	assert_int_equal(r32(client, REG_MAGIC), ACCEL_MAGIC);
	assert_false(client_request(client, CMD_RESET, NULL, 0, -1));
	assert_int_equal(r32(client, REG_SCRATCH), 0);
}

static void choose_seed(void)
{
	const char *given = getenv("ACCEL_SEED");

	if (given)
		seed = strtoull(given, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) < 0)
		seed = 1;
	seed |= 1;
	printf("# ACCEL_SEED=%#llx\n", (unsigned long long)seed);
	fflush(stdout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		machine_test(test_driver),
		machine_test(test_client),
	};

	choose_seed();
	return cmocka_run_group_tests_name("accel_fuzz", tests, NULL, NULL);
}
