// SPDX-License-Identifier: GPL-2.0
/* The accelerator's MMU: walks of each kind, bad tables, faults and their replies, invalidation. */
#include "accel/client.h"

#define DATA_AT		0x200000
#define VA		0x123456789000ull
#define HUGE_VA		0x123456800000ull

static int set_up(void **state)
{
	*state = jobs_up(3, 2);
	return 0;
}

/* The smallest job that reads: 8 bytes, which are the result. And that writes them. */
static struct accel_desc load(uint64_t va)
{
	return (struct accel_desc) { .op = JOB_SUM, .context = 3, .src = va, .length = 8 };
}

static struct accel_desc store(uint64_t va, uint64_t value)
{
	return (struct accel_desc) { .op = JOB_FILL, .context = 3, .dst = va, .length = 8, .argument = value };
}

static uint32_t do_load(struct job_machine *machine, uint64_t va, uint64_t *value)
{
	struct accel_desc desc = load(va);
	uint32_t counter = ring_push(&machine->jobs, &desc);
	uint32_t status = ring_wait(&machine->jobs, counter);

	*value = ring_desc(&machine->jobs, counter)->result;
	return status;
}

static uint32_t do_store(struct job_machine *machine, uint64_t va, uint64_t value)
{
	struct accel_desc desc = store(va, value);

	return ring_do(&machine->jobs, &desc);
}

static void walk(struct job_machine *machine, uint64_t va, uint8_t *bytes)
{
	uint64_t value, found;

	fill_random(bytes, 8, 5);
	memcpy(&value, bytes, 8);
	assert_int_equal(do_load(machine, va, &found), STATUS_DONE);
	assert_int_equal(found, value);
	assert_int_equal(do_store(machine, va, ~value), STATUS_DONE);
	memcpy(&found, bytes, 8);
	assert_int_equal(found, ~value);
}

static void test_local_page(void **state)
{
	struct job_machine *machine = *state;

	map_va(&machine->client, 3, VA, 0x5000, LEAF_W(TARGET_LOCAL));
	walk(machine, VA + 0xff8, machine->client.window + 0x5ff8);
}

static void test_bus_page(void **state)
{
	struct job_machine *machine = *state;

	map_va(&machine->client, 3, VA, RAM_BUS + DATA_AT, LEAF_W(TARGET_BUS));
	walk(machine, VA + 0x10, machine->client.ram + DATA_AT + 0x10);
}

static void test_page_behind_messages(void **state)
{
	struct job_machine *machine = *state;

	map_va(&machine->client, 3, VA, FAR_BUS, LEAF_W(TARGET_BUS));
	walk(machine, VA, machine->client.far);
}

static void test_huge_pages(void **state)
{
	struct job_machine *machine = *state;

	map_huge(&machine->client, 3, HUGE_VA, 0x200000, LEAF_W(TARGET_LOCAL));
	walk(machine, HUGE_VA + 0x1ff8, machine->client.window + 0x201ff8);
	walk(machine, HUGE_VA + 0x1ffff8, machine->client.window + 0x3ffff8);
	map_huge(&machine->client, 3, HUGE_VA + HUGE_BYTES, RAM_BUS + 0x400000, LEAF_W(TARGET_BUS));
	walk(machine, HUGE_VA + HUGE_BYTES, machine->client.ram + 0x400000);
}

static void test_both_ends_of_the_address_space(void **state)
{
	struct job_machine *machine = *state;
	uint64_t last = (1ull << 47) - 0x1000, value;

	map_va(&machine->client, 3, 0, 0x6000, LEAF_W(TARGET_LOCAL));
	map_va(&machine->client, 3, last, 0x7000, LEAF_W(TARGET_LOCAL));
	walk(machine, 0, machine->client.window + 0x6000);
	walk(machine, last + 0xff8, machine->client.window + 0x7ff8);
	assert_int_equal(do_load(machine, 1ull << 47, &value), STATUS_BOUNDS);
	assert_int_equal(do_load(machine, UINT64_MAX - 7, &value), STATUS_BOUNDS);
}

static void test_driver_bits(void **state)
{
	struct job_machine *machine = *state;

	map_va(&machine->client, 3, VA, 0x5000, LEAF_W(TARGET_LOCAL) | 0xf00);
	*root_of(&machine->client, 3, VA) |= 0xf00;
	walk(machine, VA, machine->client.window + 0x5000);
}

static void test_contexts_are_apart(void **state)
{
	struct job_machine *machine = *state;
	struct accel_desc desc = load(VA);
	uint64_t value;

	client_context(&machine->client, 15);
	map_va(&machine->client, 3, VA, 0x5000, LEAF_W(TARGET_LOCAL));
	map_va(&machine->client, 15, VA, 0x6000, LEAF_W(TARGET_LOCAL));
	*(uint64_t *)(machine->client.window + 0x5000) = 3;
	*(uint64_t *)(machine->client.window + 0x6000) = 15;
	assert_int_equal(do_load(machine, VA, &value), STATUS_DONE);
	assert_int_equal(value, 3);
	desc.context = 15;
	assert_int_equal(ring_do(&machine->jobs, &desc), STATUS_DONE);
	assert_int_equal(ring_desc(&machine->jobs, 1)->result, 15);
	desc.context = 4;
	assert_int_equal(ring_do(&machine->jobs, &desc), STATUS_CONTEXT);
	desc.context = 16;
	assert_int_equal(ring_do(&machine->jobs, &desc), STATUS_BAD);
}

static void bad_entry(struct job_machine *machine, uint64_t *entry, uint64_t value, uint32_t status)
{
	uint64_t found, before = *entry;

	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
	assert_int_equal(do_load(machine, VA, &found), status);
	assert_int_equal(ring_desc(&machine->jobs, machine->jobs.tail - 1)->address, VA);
	__atomic_store_n(entry, before, __ATOMIC_RELEASE);
	wait_invalidated(&machine->client, invalidate(&machine->client, 3, VA, 1));
}

static void test_bad_leaves(void **state)
{
	struct job_machine *machine = *state;
	uint64_t *leaf = leaf_of(&machine->client, 3, VA), good = LEAF_W(TARGET_LOCAL) | 0x5000;

	bad_entry(machine, leaf, good & ~PTE_LEAF, STATUS_TABLE);
	bad_entry(machine, leaf, good | 8, STATUS_TABLE);
	bad_entry(machine, leaf, good | 0x40, STATUS_TABLE);
	bad_entry(machine, leaf, good | 0x80, STATUS_TABLE);
	bad_entry(machine, leaf, good | 1ull << 56, STATUS_TABLE);
	bad_entry(machine, leaf, good | 1ull << 63, STATUS_TABLE);
	bad_entry(machine, leaf, good | 3 << PTE_TARGET, STATUS_TABLE);
	bad_entry(machine, leaf, LEAF_W(TARGET_LOCAL) | MEMORY_BYTES, STATUS_BOUNDS);
	bad_entry(machine, leaf, LEAF_W(TARGET_LOCAL) | PTE_ADDRESS, STATUS_BOUNDS);
	bad_entry(machine, leaf, LEAF_W(TARGET_PEER), STATUS_LINK);
	bad_entry(machine, leaf, LEAF_W(TARGET_BUS) | 0x5000, STATUS_BUS);
}

static void test_bad_tables(void **state)
{
	struct job_machine *machine = *state;
	struct client *client = &machine->client;
	uint64_t *root, *middle;

	map_va(client, 3, VA, 0x5000, LEAF_W(TARGET_LOCAL));
	root = root_of(client, 3, VA);
	middle = middle_of(client, 3, VA);
	bad_entry(machine, root, *root | PTE_LEAF, STATUS_TABLE);
	bad_entry(machine, root, *root | 1 << PTE_TARGET, STATUS_TABLE);
	bad_entry(machine, root, *root | 0x1000, STATUS_TABLE);
	bad_entry(machine, root, MEMORY_BYTES | PTE_VALID, STATUS_BOUNDS);
	bad_entry(machine, root, (PTE_ADDRESS & ~0xffffull) | PTE_VALID, STATUS_BOUNDS);
	bad_entry(machine, middle, *middle | 1 << PTE_TARGET, STATUS_TABLE);
	bad_entry(machine, middle, MEMORY_BYTES | PTE_VALID, STATUS_BOUNDS);
	bad_entry(machine, middle, LEAF(TARGET_LOCAL) | 0x1000, STATUS_TABLE);
	bad_entry(machine, middle, LEAF(TARGET_LOCAL) | MEMORY_BYTES, STATUS_BOUNDS);
}

/* Tables that point at themselves are walked three steps, like all others. */
static void test_loops(void **state)
{
	struct job_machine *machine = *state;
	struct client *client = &machine->client;
	uint64_t root = client->root[3], i, value;

	for (i = 0; i < 8192; i++)
		((uint64_t *)(client->window + root))[i] = root | PTE_VALID;
	assert_int_equal(do_load(machine, VA, &value), STATUS_TABLE);
	w64(client, REG_CONTEXT + 3 * CONTEXT_STRIDE, MEMORY_BYTES);
	assert_int_equal(do_load(machine, VA, &value), STATUS_BOUNDS);
	w64(client, REG_CONTEXT + 3 * CONTEXT_STRIDE, 0xffffffffffff0000);
	assert_int_equal(do_load(machine, VA, &value), STATUS_BOUNDS);
}

static struct accel_fault expect_fault(struct job_machine *machine, uint64_t va, uint32_t write, uint32_t code,
				       uint32_t job)
{
	struct accel_fault fault = next_fault(&machine->faults);

	assert_int_equal(fault.address, va);
	assert_int_equal(fault.write, write);
	assert_int_equal(fault.code, code);
	assert_int_equal(fault.context, 3);
	assert_int_equal(fault.job, job);
	assert_int_not_equal(fault.id, 0);
	return fault;
}

static void test_fault_and_retry(void **state)
{
	struct job_machine *machine = *state;
	struct accel_desc desc = load(VA + 8);
	struct accel_fault fault;
	uint32_t job = ring_push(&machine->jobs, &desc);

	fault = expect_fault(machine, VA + 8, 0, FAULT_NOT_VALID, job);
	assert_int_equal(r32(&machine->client, REG_JOB + RING_STATUS),
			 RING_STATUS_ENABLED | 1 << RING_STATUS_WORK);
	map_va(&machine->client, 3, VA, 0x5000, LEAF(TARGET_LOCAL));
	*(uint64_t *)(machine->client.window + 0x5008) = 77;
	end_fault(&machine->jobs, &fault, REPLY_RETRY);
	assert_int_equal(ring_desc(&machine->jobs, job)->result, 77);
}

static void test_retry_in_vain(void **state)
{
	struct job_machine *machine = *state;
	struct accel_desc desc = load(VA);
	struct accel_fault first, second;
	uint32_t job = ring_push(&machine->jobs, &desc);

	first = expect_fault(machine, VA, 0, FAULT_NOT_VALID, job);
	answer_fault(&machine->client, &first, REPLY_RETRY);
	second = expect_fault(machine, VA, 0, FAULT_NOT_VALID, job);
	assert_int_not_equal(first.id, second.id);
	/* The first one's id answers nothing any more. */
	answer_fault(&machine->client, &first, REPLY_FAIL);
	w32(&machine->client, REG_FAULT_REPLY, (uint32_t)second.id << 16 | 3);
	w32(&machine->client, REG_FAULT_REPLY, REPLY_FAIL);
	map_va(&machine->client, 3, VA, 0x5000, LEAF(TARGET_LOCAL));
	end_fault(&machine->jobs, &second, REPLY_RETRY);
}

static void test_fault_that_fails(void **state)
{
	struct job_machine *machine = *state;
	struct accel_desc desc = store(VA, 1);
	struct accel_fault fault;
	uint32_t job = ring_push(&machine->jobs, &desc);

	fault = expect_fault(machine, VA, 1, FAULT_NOT_VALID, job);
	end_fault(&machine->jobs, &fault, REPLY_FAIL);
	assert_int_equal(ring_desc(&machine->jobs, job)->address, VA);
}

/* All units have VA in their TLBs, from reading where to go next, which is where each of them waits for all others. */
static void fill_tlbs(struct job_machine *machine)
{
	struct accel_desc desc = { .op = JOB_CHASE, .context = 3, .src = VA + 0x100, .argument = 2 };
	struct accel_fault fault[NR_UNITS];
	unsigned int i;

	*(uint64_t *)(machine->client.window + 0x5100) = VA + 0x100000;
	for (i = 0; i < NR_UNITS; i++)
		ring_push(&machine->jobs, &desc);
	for (i = 0; i < NR_UNITS; i++)
		fault[i] = next_fault(&machine->faults);
	for (i = 0; i < NR_UNITS; i++)
		end_fault(&machine->jobs, &fault[i], REPLY_FAIL);
}

static void test_write_to_read_only(void **state)
{
	struct job_machine *machine = *state;
	struct accel_desc desc = store(VA, 0x4242424242424242);
	struct accel_fault fault;
	uint32_t job;

	map_va(&machine->client, 3, VA, 0x5000, LEAF(TARGET_LOCAL));
	/* Now it is in all TLBs, read-only. */
	fill_tlbs(machine);
	job = ring_push(&machine->jobs, &desc);
	fault = expect_fault(machine, VA, 1, FAULT_READ_ONLY, job);
	assert_int_equal(*(uint64_t *)(machine->client.window + 0x5000), 0);
	map_va(&machine->client, 3, VA, 0x5000, LEAF_W(TARGET_LOCAL));
	end_fault(&machine->jobs, &fault, REPLY_RETRY);
	assert_int_equal(*(uint64_t *)(machine->client.window + 0x5000), 0x4242424242424242);
}

/* Every page of a job faults by itself, in the order in which it needs them. */
static void test_each_page_faults(void **state)
{
	struct job_machine *machine = *state;
	struct accel_desc desc = store(VA + 0xf00, 5);
	uint32_t job;
	unsigned int i;

	desc.length = 0x4200;
	job = ring_push(&machine->jobs, &desc);
	for (i = 0; i < 6; i++) {
		struct accel_fault fault = expect_fault(machine, i ? VA + i * 0x1000 : VA + 0xf00, 1, FAULT_NOT_VALID,
							job);

		map_va(&machine->client, 3, VA + i * 0x1000, 0x5000 + i * 0x1000, LEAF_W(TARGET_LOCAL));
		answer_fault(&machine->client, &fault, REPLY_RETRY);
	}
	assert_int_equal(ring_wait(&machine->jobs, job), STATUS_DONE);
	assert_int_equal(ring_desc(&machine->jobs, job)->result, 0x4200);
	assert_int_equal(machine->client.window[0x5f00], 5);
	assert_int_equal(machine->client.window[0xa0f8], 5);
	assert_int_equal(machine->client.window[0xa100], 0);
}

/* Four units wait, other jobs cannot run; the replies come in another order, and HEAD counts in order. */
static void test_four_faults_at_once(void **state)
{
	struct job_machine *machine = *state;
	struct client *client = &machine->client;
	struct accel_fault fault[4];
	unsigned int i;

	for (i = 0; i < 5; i++) {
		struct accel_desc desc = load(VA + i * 0x1000);

		ring_push(&machine->jobs, &desc);
	}
	for (i = 0; i < 4; i++)
		fault[i] = next_fault(&machine->faults);
	assert_int_equal(r32(client, REG_JOB + RING_STATUS) >> RING_STATUS_WORK, 4);
	for (i = 0; i < 5; i++)
		map_va(client, 3, VA + i * 0x1000, 0x5000, LEAF(TARGET_LOCAL));
	for (i = 4; i-- > 0; ) {
		assert_int_equal(r32(client, REG_JOB + RING_HEAD) <= fault[i].job, 1);
		end_fault(&machine->jobs, &fault[i], REPLY_RETRY);
	}
	assert_int_equal(ring_wait(&machine->jobs, 4), STATUS_DONE);
	while (r32(client, REG_JOB + RING_HEAD) != 5)
		wait_irq(client, VECTOR_JOB);
}

/* A queue for one: three wait for room, and each is told in the end. */
static void test_overflow(void **state)
{
	struct job_machine *machine = *state;
	struct client *client = &machine->client;
	unsigned int i;

	w32(client, REG_FAULT_CTRL, 0);
	client_faults(client, &machine->faults, FAULTS_AT, 0);
	for (i = 0; i < 4; i++) {
		struct accel_desc desc = load(VA + i * 0x1000);

		ring_push(&machine->jobs, &desc);
		map_va(client, 3, VA + i * 0x1000, 0x5000, PTE_LEAF);
	}
	while (!(r32(client, REG_FAULT_STATUS) & FAULT_OVERFLOW))
		wait_irq(client, VECTOR_FAULT);
	assert_int_equal(r32(client, REG_FAULT_TAIL), 1);
	for (i = 0; i < 4; i++) {
		struct accel_fault fault = next_fault(&machine->faults);

		map_va(client, 3, fault.address, 0x5000, LEAF(TARGET_LOCAL));
		end_fault(&machine->jobs, &fault, REPLY_RETRY);
	}
	assert_int_equal(r32(client, REG_FAULT_STATUS), 0);
}

static void test_queue_wraps(void **state)
{
	struct job_machine *machine = *state;
	unsigned int i;

	for (i = 0; i < 11; i++) {
		struct accel_desc desc = load(VA + i * 0x1000);
		uint32_t job = ring_push(&machine->jobs, &desc);
		struct accel_fault fault = expect_fault(machine, VA + i * 0x1000, 0, FAULT_NOT_VALID, job);

		end_fault(&machine->jobs, &fault, REPLY_FAIL);
	}
}

static void test_nobody_answers(void **state)
{
	struct job_machine *machine = *state;
	struct accel_desc desc = load(VA);
	uint64_t value;
	uint32_t job = ring_push(&machine->jobs, &desc);

	expect_fault(machine, VA, 0, FAULT_NOT_VALID, job);
	w32(&machine->client, REG_FAULT_CTRL, 0);
	assert_int_equal(ring_wait(&machine->jobs, job), STATUS_FAULT);
	assert_int_equal(do_load(machine, VA, &value), STATUS_FAULT);
	w32(&machine->client, REG_FAULT_ORDER, 13);
	w32(&machine->client, REG_FAULT_CTRL, CTRL_ENABLE);
	assert_int_equal(r32(&machine->client, REG_FAULT_CTRL), 0);
	assert_int_equal(r32(&machine->client, REG_ERROR), ERROR_FAULT);
}

static void test_queue_that_cannot_be_written(void **state)
{
	struct job_machine *machine = *state;
	uint64_t value;

	w32(&machine->client, REG_FAULT_CTRL, 0);
	w64(&machine->client, REG_FAULT_BASE, 0x5000);
	w32(&machine->client, REG_FAULT_CTRL, CTRL_ENABLE);
	assert_int_equal(do_load(machine, VA, &value), STATUS_FAULT);
	assert_int_equal(r32(&machine->client, REG_ERROR), ERROR_FAULT | ERROR_DMA);
	assert_int_equal(r64(&machine->client, REG_ERROR_ADDR), 0x5000);
}

/* A head that says more was taken than written is a full queue, not a crash. */
static void test_head_beyond_tail(void **state)
{
	struct job_machine *machine = *state;
	struct client *client = &machine->client;
	struct accel_desc desc = load(VA);
	struct accel_fault fault;
	uint32_t job;

	w32(client, REG_FAULT_HEAD, 9);
	job = ring_push(&machine->jobs, &desc);
	while (!(r32(client, REG_FAULT_STATUS) & FAULT_OVERFLOW))
		wait_irq(client, VECTOR_FAULT);
	w32(client, REG_FAULT_HEAD, 0);
	fault = expect_fault(machine, VA, 0, FAULT_NOT_VALID, job);
	end_fault(&machine->jobs, &fault, REPLY_FAIL);
}

static void invalidation(struct job_machine *machine, unsigned int context, uint64_t start, uint64_t length, bool hits)
{
	struct client *client = &machine->client;
	uint64_t value, before;
	uint32_t number;
	unsigned int i;

	map_va(client, 3, VA, 0x5000, LEAF(TARGET_LOCAL));
	wait_invalidated(client, invalidate(client, INV_ALL, 0, 0));
	*(uint64_t *)(client->window + 0x5000) = 5;
	*(uint64_t *)(client->window + 0x6000) = 6;
	fill_tlbs(machine);
	map_va(client, 3, VA, 0x6000, LEAF(TARGET_LOCAL));
	number = r32(client, REG_INV_ISSUED);
	assert_int_equal(invalidate(client, context, start, length), number + 1);
	wait_invalidated(client, number + 1);
	before = 0;
	for (i = 0; i < 4 * NR_UNITS; i++) {
		assert_int_equal(do_load(machine, VA, &value), STATUS_DONE);
		before += value == 5;
	}
	assert_int_equal(!before, hits);
}

static void test_invalidation(void **state)
{
	struct job_machine *machine = *state;

	invalidation(machine, 3, VA, 0x1000, true);
	invalidation(machine, 3, VA + 0x800, 1, true);
	invalidation(machine, 3, 0, UINT64_MAX, true);
	invalidation(machine, 3, VA - 0x1000, 0x1001, true);
	invalidation(machine, 3, VA, UINT64_MAX, true);
	invalidation(machine, INV_ALL | 7, 0, 0, true);
}

/* That these keep what they do not name shows that the test above sees a TLB at all. */
static void test_invalidation_of_something_else(void **state)
{
	struct job_machine *machine = *state;

	invalidation(machine, 4, VA, 0x1000, false);
	invalidation(machine, 3, VA + 0x1000, 0x1000, false);
	invalidation(machine, 3, VA - 0x1000, 0x1000, false);
	invalidation(machine, 3, VA, 0, false);
}

/* An access is under way, by message: the invalidation is done after it, and not before. */
static void test_invalidation_waits_for_accesses(void **state)
{
	struct job_machine *machine = *state;
	struct client *client = &machine->client;
	struct accel_desc desc = store(VA, 0x1111111111111111);
	uint32_t job, number;

	map_va(client, 3, VA, FAR_BUS, LEAF_W(TARGET_BUS));
	client->keep_dma = true;
	job = ring_push(&machine->jobs, &desc);
	client_receive_dma(client);
	map_va(client, 3, VA, 0, 0);
	number = invalidate(client, 3, VA, 0x1000);
	assert_int_equal(r32(client, REG_INV_DONE), number - 1);
	client->keep_dma = false;
	client_answer_dma(client);
	wait_invalidated(client, number);
	assert_int_equal(*(uint64_t *)client->far, 0x1111111111111111);
	assert_int_equal(ring_wait(&machine->jobs, job), STATUS_DONE);
}

/* Neither a fault that waits nor an engine that hangs is in its way. */
static void test_invalidation_waits_for_no_fault(void **state)
{
	struct job_machine *machine = *state;
	struct client *client = &machine->client;
	struct accel_desc desc = load(VA);
	struct accel_fault fault;
	uint32_t job = ring_push(&machine->jobs, &desc);

	fault = expect_fault(machine, VA, 0, FAULT_NOT_VALID, job);
	assert_true(control(client, "hang compute\n"));
	wait_invalidated(client, invalidate(client, 3, VA, 0x1000));
	assert_true(control(client, "resume compute\n"));
	end_fault(&machine->jobs, &fault, REPLY_FAIL);
}

/* More than the queue takes, while none can be done: the last one stands for all of them. */
static void test_many_invalidations(void **state)
{
	struct job_machine *machine = *state;
	struct client *client = &machine->client;
	struct accel_desc desc = store(VA + 0x1000, 1);
	uint64_t value;
	uint32_t job;
	unsigned int i;

	map_va(client, 3, VA, 0x5000, LEAF(TARGET_LOCAL));
	map_va(client, 3, VA + 0x1000, FAR_BUS, LEAF_W(TARGET_BUS));
	fill_tlbs(machine);
	client->keep_dma = true;
	job = ring_push(&machine->jobs, &desc);
	client_receive_dma(client);
	for (i = 0; i < 2 * INV_DEPTH; i++)
		invalidate(client, 9, 0, 0x1000);
	map_va(client, 3, VA, 0x6000, LEAF(TARGET_LOCAL));
	*(uint64_t *)(client->window + 0x6000) = 6;
	assert_int_equal(invalidate(client, 3, VA, 0x1000), 2 * INV_DEPTH + 1);
	/* It is not the last one, so nothing but "everything" remembers it. */
	assert_int_equal(invalidate(client, 9, 0, 0x1000), 2 * INV_DEPTH + 2);
	client->keep_dma = false;
	client_answer_dma(client);
	wait_invalidated(client, 2 * INV_DEPTH + 2);
	assert_int_equal(ring_wait(&machine->jobs, job), STATUS_DONE);
	for (i = 0; i < 2 * NR_UNITS; i++) {
		assert_int_equal(do_load(machine, VA, &value), STATUS_DONE);
		assert_int_equal(value, 6);
	}
}

#define mmu_test(f) cmocka_unit_test_setup_teardown(f, set_up, jobs_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		mmu_test(test_local_page),
		mmu_test(test_bus_page),
		mmu_test(test_page_behind_messages),
		mmu_test(test_huge_pages),
		mmu_test(test_both_ends_of_the_address_space),
		mmu_test(test_driver_bits),
		mmu_test(test_contexts_are_apart),
		mmu_test(test_bad_leaves),
		mmu_test(test_bad_tables),
		mmu_test(test_loops),
		mmu_test(test_fault_and_retry),
		mmu_test(test_retry_in_vain),
		mmu_test(test_fault_that_fails),
		mmu_test(test_write_to_read_only),
		mmu_test(test_each_page_faults),
		mmu_test(test_four_faults_at_once),
		mmu_test(test_overflow),
		mmu_test(test_queue_wraps),
		mmu_test(test_nobody_answers),
		mmu_test(test_queue_that_cannot_be_written),
		mmu_test(test_head_beyond_tail),
		mmu_test(test_invalidation),
		mmu_test(test_invalidation_of_something_else),
		mmu_test(test_invalidation_waits_for_accesses),
		mmu_test(test_invalidation_waits_for_no_fault),
		mmu_test(test_many_invalidations),
	};

	return cmocka_run_group_tests_name("accel_mmu", tests, NULL, NULL);
}
