// SPDX-License-Identifier: GPL-2.0
/* The accelerator of qemu/accel as a PCI function: identification, BARs, every register, windows, interrupts, reset. */
#include "accel/client.h"

static void test_identification(void **state)
{
	static const uint8_t head[] = { 0x34, 0x12, 0xea, 0x11, 0x06, 0x00, 0x10, 0x00, 0x01, 0x00, 0x00, 0x12 };
	static const uint8_t subsystem[] = { 0x34, 0x12, 0x01, 0x00 };
	uint8_t config[4096];

	assert_false(client_read(*state, CONFIG, 0, config, sizeof(config)));
	assert_memory_equal(config, head, sizeof(head));
	assert_memory_equal(config + 0x2c, subsystem, sizeof(subsystem));
	assert_int_equal(config[0x3d], 0);
}

static void test_capabilities(void **state)
{
	uint8_t config[256];
	uint8_t *express, *msix;
	uint32_t word;

	assert_false(client_read(*state, CONFIG, 0, config, sizeof(config)));
	express = config + config[0x34];
	assert_int_equal(express[0], 0x10);
	memcpy(&word, express + 4, sizeof(word));
	assert_true(word & 1 << 28);
	msix = config + express[1];
	assert_int_equal(msix[0], 0x11);
	assert_int_equal(msix[1], 0);
	assert_int_equal(msix[2], 6 - 1);
	memcpy(&word, msix + 4, sizeof(word));
	assert_int_equal(word, 0x8000);
	memcpy(&word, msix + 8, sizeof(word));
	assert_int_equal(word, 0xc000);
}

/* As a BIOS does it: ones, and what of them stays. */
static void size_bar(void **state, unsigned int nr, uint64_t size, uint32_t type)
{
	uint64_t ones = UINT64_MAX, value = 0;
	size_t bytes = type & 4 ? 8 : 4;

	assert_false(client_write(*state, CONFIG, 0x10 + 4 * nr, &ones, bytes));
	assert_false(client_read(*state, CONFIG, 0x10 + 4 * nr, &value, bytes));
	if (bytes == 4)
		value |= 0xffffffff00000000;
	assert_int_equal(value, ~(size - 1) | type);
}

static void test_bar_sizes(void **state)
{
	size_bar(state, 0, 0x10000, 0);
	size_bar(state, 2, MEMORY_BYTES, 0xc);
	size_bar(state, 4, 0x200000, 0xc);
}

static void test_config_is_read_only_elsewhere(void **state)
{
	uint8_t before[256], after[256], ones[256];
	unsigned int i;

	memset(ones, 0xff, sizeof(ones));
	ones[0x40 + 9] = 0x7f;		/* no function level reset */
	assert_false(client_read(*state, CONFIG, 0, before, sizeof(before)));
	assert_false(client_write(*state, CONFIG, 0, ones, sizeof(ones)));
	assert_false(client_read(*state, CONFIG, 0, after, sizeof(after)));
	for (i = 0; i < 4; i++)
		assert_int_equal(before[i], after[i]);
	for (i = 0x2c; i < 0x38; i++)
		assert_int_equal(before[i], after[i]);
	assert_int_equal(after[4] | after[5] << 8, 0x406);
	assert_int_equal(after[0x82] | after[0x83] << 8, 0xc005);
	for (i = 0x84; i < 256; i++)
		assert_int_equal(before[i], after[i]);
}

static void test_regions(void **state)
{
	static const uint64_t size[] = { 0x10000, 0, MEMORY_BYTES, 0, 0x200000, 0, 0, 4096, 0 };
	struct client *client = *state;
	unsigned int i;

	for (i = 0; i < sizeof(size) / sizeof(*size); i++) {
		struct vfio_region_info info = { .argsz = sizeof(info), .index = i };

		assert_false(client_request(client, CMD_GET_REGION_INFO, &info, sizeof(info), -1));
		assert_int_equal(client->in->length, sizeof(info));
		memcpy(&info, client->in->payload, sizeof(info));
		assert_int_equal(info.index, i);
		assert_int_equal(info.size, size[i]);
		assert_int_equal(info.flags, size[i] ? (i == 2 ? 7 : 3) : 0);
		assert_int_equal(client->in->nr_fds, i == 2);
	}
}

static void test_irqs(void **state)
{
	struct client *client = *state;
	unsigned int i;

	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++) {
		struct vfio_irq_info info = { .argsz = sizeof(info), .index = i };

		assert_false(client_request(client, CMD_GET_IRQ_INFO, &info, sizeof(info), -1));
		memcpy(&info, client->in->payload, sizeof(info));
		assert_int_equal(info.count, i == VFIO_PCI_MSIX_IRQ_INDEX ? 6 : 0);
		assert_true(info.flags & VFIO_IRQ_INFO_EVENTFD);
	}
}

/* Offset, value after reset, bits that can be written. What acts when it is written is tested where it acts. */
static const struct {
	uint32_t at;
	uint32_t value;
	uint32_t writable;
} registers[] = {
	{ 0x000, 0x41325048, 0 },
	{ 0x004, 0x00010001, 0 },
	{ 0x008, 0x40060410, 0 },
	{ 0x010, MEMORY_BYTES, 0 },
	{ 0x014, 0, 0 },
	{ 0x018, MEMORY_BYTES, 0 },
	{ 0x01c, 0, 0 },
	{ 0x028, 0, 0xfffff000 },
	{ 0x02c, 0, 0xffffffff },
	{ 0x030, 0x200000, 0 },
	{ 0x034, 0, 0xffffffff },
	{ 0x03c, 0, 0 },
	{ 0x044, 0, 0x3f },
	{ 0x04c, 0, 0 },
	{ 0x050, 0, 0 },
	{ 0x054, 0, 0 },
	{ 0x080, 0, 0 },
	{ 0x088, 0, 0 },
	{ 0x08c, 0, 0 },
	{ 0x090, 0, 0 },
	{ 0x094, 0, 0 },
	{ 0x100, 0, 0xfffff000 },
	{ 0x104, 0, 0xffffffff },
	{ 0x108, 0, 0xf },
	{ 0x110, 0, 0xffffffff },
	{ 0x114, 0, 0 },
	{ 0x118, 0, 0 },
	{ 0x200, 0, 0xfffff000 },
	{ 0x204, 0, 0xffffffff },
	{ 0x208, 0, 0xf },
	{ 0x210, 0, 0xffffffff },
	{ 0x214, 0, 0 },
	{ 0x218, 0, 0 },
	{ 0x224, 0, 0 },
	{ 0x300, 0, 0xfffff000 },
	{ 0x304, 0, 0xffffffff },
	{ 0x308, 0, 0xf },
	{ 0x310, 0, 0xffffffff },
	{ 0x314, 0, 0 },
	{ 0x318, 0, 0 },
	{ 0x31c, 0, 0 },
	{ 0x400, 0, 0xffffffff },
	{ 0x404, 0, 0xffffffff },
	{ 0x408, 0, 0xffffffff },
	{ 0x40c, 0, 0xffffffff },
	{ 0x410, 0, 0x8000000f },
	{ 0x418, 0, 0 },
	{ 0x41c, 0, 0 },
	{ 0x1000, 0, 0xffff0000 },
	{ 0x1004, 0, 0xffffffff },
	{ 0x1008, 0, 1 },
	{ 0x100c, 0, 0 },
	{ 0x11e0, 0, 0xffff0000 },
	{ 0x11e4, 0, 0xffffffff },
	{ 0x11e8, 0, 1 },
	{ 0x1200, 0, 0 },
	{ 0x7ffc, 0, 0 },
	{ 0xc000, 0, 0 },
	{ 0xfffc, 0, 0 },
};

#define NR_REGISTERS	(sizeof(registers) / sizeof(*registers))

static void test_registers(void **state)
{
	unsigned int i;

	w32(*state, REG_RESET, 1);
	for (i = 0; i < NR_REGISTERS; i++) {
		uint32_t at = registers[i].at, fixed = registers[i].value & ~registers[i].writable;

		assert_int_equal(r32(*state, at), registers[i].value);
		w32(*state, at, 0xffffffff);
		assert_int_equal(r32(*state, at), fixed | registers[i].writable);
		w32(*state, at, 0);
		assert_int_equal(r32(*state, at), fixed);
	}
}

static void test_reset_sets_registers(void **state)
{
	struct client *client = *state;
	unsigned int i;

	for (i = 0; i < NR_REGISTERS; i++)
		w32(client, registers[i].at, 0xffffffff & registers[i].writable);
	client->window[4711] = 42;
	w32(client, REG_RESET, 0);
	assert_int_equal(r32(client, REG_SCRATCH), 0xffffffff);
	w32(client, REG_RESET, 1);
	for (i = 0; i < NR_REGISTERS; i++)
		assert_int_equal(r32(client, registers[i].at), registers[i].value);
	assert_int_equal(client->window[4711], 42);
}

static void test_resets_of_the_function(void **state)
{
	struct client *client = *state;
	uint16_t control = 0x8000, command;

	w32(client, REG_SCRATCH, 1);
	assert_false(client_write(client, CONFIG, 0x48, &control, sizeof(control)));
	assert_int_equal(r32(client, REG_SCRATCH), 0);
	assert_false(client_read(client, CONFIG, 4, &command, sizeof(command)));
	assert_int_equal(command, 0);
	client_master(client, true);
	w32(client, REG_SCRATCH, 1);
	assert_false(client_request(client, CMD_RESET, NULL, 0, -1));
	assert_int_equal(r32(client, REG_SCRATCH), 0);
	assert_false(client_read(client, CONFIG, 4, &command, sizeof(command)));
	assert_int_equal(command, 0);
}

static void test_heartbeat_and_uid(void **state)
{
	uint32_t before = r32(*state, REG_HEARTBEAT);

	assert_int_not_equal(r32(*state, REG_HEARTBEAT), before);
	assert_int_not_equal(r64(*state, REG_UID), 0);
}

static void test_accesses_of_other_sizes(void **state)
{
	uint8_t bytes[16] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	assert_false(client_write(*state, BAR0, REG_SCRATCH, bytes, 2));
	assert_false(client_write(*state, BAR0, REG_SCRATCH - 2, bytes, 8));
	assert_false(client_write(*state, BAR0, REG_SCRATCH, bytes, 16));
	assert_int_equal(r32(*state, REG_SCRATCH), 0);
	assert_false(client_read(*state, BAR0, REG_MAGIC, bytes, 2));
	assert_int_equal(bytes[0] & bytes[1], 0xff);
	w64(*state, REG_INV_START, 0x0123456789abcdef);
	assert_int_equal(r64(*state, REG_INV_START), 0x0123456789abcdef);
	assert_int_equal(r32(*state, REG_INV_START + 4), 0x01234567);
}

static void test_window(void **state)
{
	struct client *client = *state;
	uint8_t data[64], back[64];

	fill_random(data, sizeof(data), 1);
	memcpy(client->window + MEMORY_BYTES - 64, data, 64);
	assert_false(client_read(client, BAR2, MEMORY_BYTES - 64, back, 64));
	assert_memory_equal(back, data, 64);
	fill_random(data, sizeof(data), 2);
	assert_false(client_write(client, BAR2, 0x123, data, 64));
	assert_memory_equal(client->window + 0x123, data, 64);
	assert_int_equal(client_read(client, BAR2, MEMORY_BYTES - 63, back, 64), EINVAL);
	assert_int_equal(client_read(client, BAR2, UINT64_MAX, back, 64), EINVAL);
}

static void test_movable_window(void **state)
{
	struct client *client = *state;
	uint64_t base = MEMORY_BYTES - 0x1000;
	uint8_t data[64], back[64], ones[64];

	memset(ones, 0xff, sizeof(ones));
	fill_random(data, sizeof(data), 3);
	w64(client, REG_MOVE_BASE, base + 0x123);
	assert_int_equal(r64(client, REG_MOVE_BASE), base);
	assert_false(client_write(client, BAR4, 0x40, data, 64));
	assert_memory_equal(client->window + base + 0x40, data, 64);
	assert_false(client_read(client, BAR4, 0x40, back, 64));
	assert_memory_equal(back, data, 64);
	assert_false(client_write(client, BAR4, 0x1000, data, 64));
	assert_false(client_read(client, BAR4, 0x1000, back, 64));
	assert_memory_equal(back, ones, 64);
	w64(client, REG_MOVE_BASE, UINT64_MAX);
	assert_false(client_read(client, BAR4, 0x1fffc0, back, 64));
	assert_memory_equal(back, ones, 64);
}

/* Memory that is larger than the window is reached through the other one. */
static void test_small_window(void **state)
{
	static const char *const options[] = { "--window=4M", "--populate", NULL };
	struct vfio_region_info info = { .argsz = sizeof(info), .index = BAR2 };
	struct client client;
	uint32_t word = 4711;

	(void)state;
	client_start(&client, options);
	assert_int_equal(r64(&client, REG_WINDOW_SIZE), 0x400000);
	assert_int_equal(r64(&client, REG_MEMORY_SIZE), MEMORY_BYTES);
	assert_false(client_request(&client, CMD_GET_REGION_INFO, &info, sizeof(info), -1));
	memcpy(&info, client.in->payload, sizeof(info));
	assert_int_equal(info.size, 0x400000);
	assert_int_equal(client_read(&client, BAR2, 0x400000, &word, 4), EINVAL);
	w64(&client, REG_MOVE_BASE, 0x400000);
	assert_false(client_write(&client, BAR4, 0, &word, 4));
	assert_memory_equal(client.window + 0x400000, &word, 4);
	client_stop(&client, 0);
}

static void test_bad_options(void **state)
{
	static const char *const bad[] = {
		"--window=3M", "--window=128M", "--window=1K", "--memory=1M", "--memory=3M", "--memory=x", "--memory=",
		"--memory=-2M", "--memory=2MM", "--memory=2T", "--memory=17179869185G", "--uid=x", "--fd=x",
		"--socket-path=/nowhere", "--nonsense", "argument",
	};
	const char *link[] = { "--link-listen=/nowhere/a", "--link-connect=/nowhere/a", NULL };
	struct client client;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *options[] = { bad[i], NULL };

		client_launch(&client, options);
		client_stop(&client, 2);
	}
	client_launch(&client, link);
	client_stop(&client, 2);
	client_launch(&client, link + 1);
	client_stop(&client, 1);
	link[1] = NULL;
	client_launch(&client, link);
	client_stop(&client, 1);
}

static void test_msix_table(void **state)
{
	w32(*state, 0x8000 + 4 * 23, 0xfee00000);
	assert_int_equal(r32(*state, 0x8000 + 4 * 23), 0xfee00000);
	w32(*state, 0x8000 + 4 * 24, 1);
	assert_int_equal(r32(*state, 0x8000 + 4 * 24), 0);
}

static void test_interrupts(void **state)
{
	struct client *client = *state;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		w32(client, REG_INT_TEST, 1 << i);
		wait_irq(client, i);
		assert_int_equal(r32(client, REG_INT_STATUS), 1 << i);
		w32(client, REG_INT_STATUS, 1 << i);
		assert_int_equal(r32(client, REG_INT_STATUS), 0);
	}
	for (i = 0; i < 6; i++)
		assert_false(had_irq(client, i));
}

static void test_interrupt_that_waits(void **state)
{
	struct client *client = *state;

	w32(client, REG_INT_ENABLE, 0);
	w32(client, REG_INT_TEST, 0x3f);
	assert_int_equal(r32(client, REG_INT_STATUS), 0x3f);
	assert_false(had_irq(client, VECTOR_JOB));
	w32(client, REG_INT_STATUS, 1 << VECTOR_COPY);
	w32(client, REG_INT_ENABLE, 1 << VECTOR_COPY | 1 << VECTOR_JOB);
	assert_true(had_irq(client, VECTOR_JOB));
	assert_false(had_irq(client, VECTOR_COPY));
	assert_false(had_irq(client, VECTOR_FAULT));
}

#define IRQ_SET(what, first, nr) {						\
	.argsz = sizeof(struct vfio_irq_set), .flags = (what), .index = VFIO_PCI_MSIX_IRQ_INDEX, \
	.start = (first), .count = (nr)							\
}

static void test_eventfds_come_and_go(void **state)
{
	struct client *client = *state;
	struct vfio_irq_set none = IRQ_SET(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 2, 1);
	struct vfio_irq_set off = IRQ_SET(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 2, 1);
	struct vfio_irq_set all = IRQ_SET(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0);

	assert_false(client_request(client, CMD_SET_IRQS, &none, sizeof(none), -1));
	assert_true(had_irq(client, 2));
	assert_false(client_request(client, CMD_SET_IRQS, &off, sizeof(off), -1));
	w32(client, REG_INT_TEST, 0x3f);
	assert_false(had_irq(client, 2));
	assert_true(had_irq(client, 3));
	assert_false(client_request(client, CMD_SET_IRQS, &all, sizeof(all), -1));
	w32(client, REG_INT_TEST, 0x3f);
	assert_false(had_irq(client, 3));
}

static void test_bad_irq_sets(void **state)
{
	struct client *client = *state;
	uint32_t trigger = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	struct vfio_irq_set set = IRQ_SET(trigger, 0, 1);
	struct vfio_irq_set bad[] = {
		IRQ_SET(trigger, 6, 1),
		IRQ_SET(trigger, 0, 7),
		IRQ_SET(trigger, UINT32_MAX, 2),
		IRQ_SET(trigger, 0, 2),		/* one descriptor for two */
		IRQ_SET(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_MASK, 0, 1),
		IRQ_SET(VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 6),
		IRQ_SET(0, 0, 1),
	};
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(client_request(client, CMD_SET_IRQS, &bad[i], sizeof(bad[i]), client->irq[0]), EINVAL);
	set.index = VFIO_PCI_INTX_IRQ_INDEX;
	assert_int_equal(client_request(client, CMD_SET_IRQS, &set, sizeof(set), client->irq[0]), EINVAL);
	set.index = VFIO_PCI_MSIX_IRQ_INDEX;
	assert_false(client_request(client, CMD_SET_IRQS, &set, sizeof(set), client->irq[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		machine_test(test_identification),
		machine_test(test_capabilities),
		machine_test(test_bar_sizes),
		machine_test(test_config_is_read_only_elsewhere),
		machine_test(test_regions),
		machine_test(test_irqs),
		machine_test(test_registers),
		machine_test(test_reset_sets_registers),
		machine_test(test_resets_of_the_function),
		machine_test(test_heartbeat_and_uid),
		machine_test(test_accesses_of_other_sizes),
		machine_test(test_window),
		machine_test(test_movable_window),
		cmocka_unit_test(test_small_window),
		cmocka_unit_test(test_bad_options),
		machine_test(test_msix_table),
		machine_test(test_interrupts),
		machine_test(test_interrupt_that_waits),
		machine_test(test_eventfds_come_and_go),
		machine_test(test_bad_irq_sets),
	};

	return cmocka_run_group_tests_name("accel_function", tests, NULL, NULL);
}
