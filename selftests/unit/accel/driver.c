// SPDX-License-Identifier: GPL-2.0
/* The client as a driver: rings, page tables, faults. */
#include "client.h"

void client_ring(struct client *client, struct client_ring *ring, uint32_t at, uint64_t offset, uint32_t order)
{
	*ring = (struct client_ring) {
		.client = client,
		.at = at,
		.vector = at == REG_COPY ? VECTOR_COPY : VECTOR_JOB,
		.desc = (struct accel_desc *)(client->ram + offset),
		.order = order,
	};
	memset(ring->desc, 0, sizeof(*ring->desc) << order);
	/* A write-back is seen before its descriptor is counted. */
	while (r32(client, at + RING_STATUS) >> RING_STATUS_WORK)
		;
	w64(client, at + RING_BASE, RAM_BUS + offset);
	w32(client, at + RING_ORDER, order);
	w32(client, at + RING_CTRL, CTRL_ENABLE);
}

struct accel_desc *ring_desc(struct client_ring *ring, uint32_t counter)
{
	return &ring->desc[counter & ((1u << ring->order) - 1)];
}

uint32_t ring_push(struct client_ring *ring, const struct accel_desc *desc)
{
	uint32_t counter = ring->tail++;
	struct accel_desc *slot = ring_desc(ring, counter);

	*slot = *desc;
	slot->flags |= DESC_INTERRUPT;
	w32(ring->client, ring->at + RING_TAIL, ring->tail);
	return counter;
}

uint32_t ring_wait(struct client_ring *ring, uint32_t counter)
{
	struct accel_desc *desc = ring_desc(ring, counter);
	uint32_t status;

	while (!(status = __atomic_load_n(&desc->status, __ATOMIC_ACQUIRE)))
		wait_irq(ring->client, ring->vector);
	assert_int_equal(desc->sequence, counter);
	return status;
}

uint32_t ring_do(struct client_ring *ring, const struct accel_desc *desc)
{
	return ring_wait(ring, ring_push(ring, desc));
}

struct accel_desc copy_desc(enum accel_target to, uint64_t dst, enum accel_target from, uint64_t src, uint64_t length)
{
	return (struct accel_desc) {
		.op = COPY_COPY, .flags = to << DESC_DST_TARGET | from << DESC_SRC_TARGET,
		.dst = dst, .src = src, .length = length,
	};
}

static uint64_t new_table(struct client *client, uint64_t bytes)
{
	uint64_t table = (client->next_table + bytes - 1) / bytes * bytes;

	client->next_table = table + bytes;
	assert_true(client->next_table <= MEMORY_BYTES);
	memset(client->window + table, 0, bytes);
	return table;
}

static uint64_t *entry_of(struct client *client, uint64_t table, uint64_t index)
{
	return (uint64_t *)(client->window + table) + index;
}

/* The table that @entry points to, made where there is none. */
static uint64_t below(struct client *client, uint64_t *entry, uint64_t bytes)
{
	if (!(*entry & PTE_VALID))
		*entry = new_table(client, bytes) | PTE_VALID;
	return *entry & PTE_ADDRESS;
}

void client_context(struct client *client, unsigned int context)
{
	uint32_t at = REG_CONTEXT + context * CONTEXT_STRIDE;

	client->root[context] = new_table(client, BIG_TABLE_BYTES);
	w64(client, at, client->root[context]);
	w32(client, at + CONTEXT_CTRL, CTRL_ENABLE);
}

uint64_t *root_of(struct client *client, unsigned int context, uint64_t va)
{
	return entry_of(client, client->root[context], va >> ROOT_BITS & 8191);
}

uint64_t *middle_of(struct client *client, unsigned int context, uint64_t va)
{
	uint64_t table = below(client, root_of(client, context, va), BIG_TABLE_BYTES);

	return entry_of(client, table, va >> HUGE_BITS & 8191);
}

uint64_t *leaf_of(struct client *client, unsigned int context, uint64_t va)
{
	uint64_t table = below(client, middle_of(client, context, va), LEAF_TABLE_BYTES);

	return entry_of(client, table, va >> PAGE_BITS & 511);
}

void map_va(struct client *client, unsigned int context, uint64_t va, uint64_t addr, uint64_t entry)
{
	__atomic_store_n(leaf_of(client, context, va), addr | entry, __ATOMIC_RELEASE);
}

void map_huge(struct client *client, unsigned int context, uint64_t va, uint64_t addr, uint64_t entry)
{
	__atomic_store_n(middle_of(client, context, va), addr | entry, __ATOMIC_RELEASE);
}

uint32_t invalidate(struct client *client, unsigned int context, uint64_t start, uint64_t length)
{
	w64(client, REG_INV_START, start);
	w64(client, REG_INV_LENGTH, length);
	w32(client, REG_INV_CONTEXT, context);
	w32(client, REG_INV_GO, 1);
	return r32(client, REG_INV_ISSUED);
}

void wait_invalidated(struct client *client, uint32_t number)
{
	while ((int32_t)(r32(client, REG_INV_DONE) - number) < 0)
		wait_irq(client, VECTOR_INV);
}

void client_faults(struct client *client, struct client_faults *faults, uint64_t offset, uint32_t order)
{
	*faults = (struct client_faults) {
		.client = client,
		.entry = (struct accel_fault *)(client->ram + offset),
		.order = order,
	};
	w64(client, REG_FAULT_BASE, RAM_BUS + offset);
	w32(client, REG_FAULT_ORDER, order);
	w32(client, REG_FAULT_CTRL, CTRL_ENABLE);
}

struct accel_fault next_fault(struct client_faults *faults)
{
	struct accel_fault fault;

	while (r32(faults->client, REG_FAULT_TAIL) == faults->head)
		wait_irq(faults->client, VECTOR_FAULT);
	fault = faults->entry[faults->head & ((1u << faults->order) - 1)];
	assert_int_equal(fault.sequence, faults->head);
	w32(faults->client, REG_FAULT_HEAD, ++faults->head);
	return fault;
}

void answer_fault(struct client *client, const struct accel_fault *fault, enum accel_reply reply)
{
	w32(client, REG_FAULT_REPLY, (uint32_t)fault->id << 16 | reply);
}

void end_fault(struct client_ring *jobs, const struct accel_fault *fault, enum accel_reply reply)
{
	answer_fault(jobs->client, fault, reply);
	assert_int_equal(ring_wait(jobs, fault->job), reply == REPLY_RETRY ? STATUS_DONE : STATUS_FAULT);
}

struct job_machine *jobs_up(unsigned int context, uint32_t faults_order)
{
	struct job_machine *machine = calloc(1, sizeof(*machine));

	client_start(&machine->client, NULL);
	client_ring(&machine->client, &machine->jobs, REG_JOB, JOBS_AT, 4);
	client_faults(&machine->client, &machine->faults, FAULTS_AT, faults_order);
	client_context(&machine->client, context);
	return machine;
}

int jobs_down(void **state)
{
	struct job_machine *machine = *state;

	client_stop(&machine->client, 0);
	free(machine);
	return 0;
}
