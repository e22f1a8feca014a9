// SPDX-License-Identifier: GPL-2.0
/* The accelerator's jobs: each kernel against the CPU, in pages of every kind, and how jobs are refused, killed, stopped and resumed. */
#include "accel/client.h"

#define SRC_VA		0x7f0000000000ull
#define DST_VA		0x100000000ull
#define PAGES		5u
#define BYTES		(PAGES * 0x1000u)

/* Pages of one range, in places that are neither in order nor of one kind: local, bus, by message. */
static void map_range(struct client *client, uint64_t va, uint64_t seed)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		uint64_t at = seed + 0x3000 * (PAGES - i);

		if (i % 3 == 0)
			map_va(client, 1, va + 0x1000 * i, at, LEAF_W(TARGET_LOCAL));
		else if (i % 3 == 1)
			map_va(client, 1, va + 0x1000 * i, RAM_BUS + 0x100000 + at, LEAF_W(TARGET_BUS));
		else
			map_va(client, 1, va + 0x1000 * i, FAR_BUS + at, LEAF_W(TARGET_BUS));
	}
}

static uint8_t *page_at(struct client *client, uint64_t seed, unsigned int i)
{
	uint64_t at = seed + 0x3000 * (PAGES - i);

	return (i % 3 == 0 ? client->window : i % 3 == 1 ? client->ram + 0x100000 : client->far) + at;
}

#define SRC_SEED	0x1000
#define DST_SEED	0x40000

static void put_bytes(struct client *client, uint64_t seed, const void *bytes)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		memcpy(page_at(client, seed, i), (const uint8_t *)bytes + 0x1000 * i, 0x1000);
}

static void get_bytes(struct client *client, uint64_t seed, void *bytes)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		memcpy((uint8_t *)bytes + 0x1000 * i, page_at(client, seed, i), 0x1000);
}

static int set_up(void **state)
{
	struct job_machine *machine = jobs_up(1, 4);

	map_range(&machine->client, SRC_VA, SRC_SEED);
	map_range(&machine->client, DST_VA, DST_SEED);
	*state = machine;
	return 0;
}

static struct accel_desc job(uint16_t op, uint64_t dst, uint64_t src, uint64_t length, uint64_t argument)
{
	return (struct accel_desc) {
		.op = op, .context = 1, .dst = dst, .src = src, .length = length, .argument = argument,
	};
}

static uint64_t do_job(struct job_machine *machine, struct accel_desc desc)
{
	uint32_t counter = ring_push(&machine->jobs, &desc);

	assert_int_equal(ring_wait(&machine->jobs, counter), STATUS_DONE);
	assert_int_equal(ring_desc(&machine->jobs, counter)->address, 0);
	return ring_desc(&machine->jobs, counter)->result;
}

static void test_fill(void **state)
{
	struct job_machine *machine = *state;
	uint8_t bytes[BYTES], zero[BYTES] = { 0 };
	unsigned int i, length = BYTES - 0x801;

	put_bytes(&machine->client, DST_SEED, zero);
	assert_int_equal(do_job(machine, job(JOB_FILL, DST_VA + 0x401, 0, length, 0x8877665544332211)), length);
	get_bytes(&machine->client, DST_SEED, bytes);
	for (i = 0; i < length; i++)
		assert_int_equal(bytes[0x401 + i], (i % 8 + 1) * 0x11);
	assert_memory_equal(bytes, zero, 0x401);
	assert_memory_equal(bytes + 0x401 + length, zero, BYTES - 0x401 - length);
}

static void test_copy(void **state)
{
	struct job_machine *machine = *state;
	uint8_t src[BYTES], dst[BYTES], back[BYTES];

	fill_random(src, BYTES, 1);
	fill_random(dst, BYTES, 2);
	put_bytes(&machine->client, SRC_SEED, src);
	put_bytes(&machine->client, DST_SEED, dst);
	assert_int_equal(do_job(machine, job(JOB_COPY, DST_VA + 0x7ff, SRC_VA + 3, BYTES - 0x1000, 0)), BYTES - 0x1000);
	get_bytes(&machine->client, DST_SEED, back);
	memcpy(dst + 0x7ff, src + 3, BYTES - 0x1000);
	assert_memory_equal(back, dst, BYTES);
}

static void test_saxpy(void **state)
{
	struct job_machine *machine = *state;
	float x[BYTES / 4], y[BYTES / 4], back[BYTES / 4], a = 2.5f;
	unsigned int i, nr = BYTES / 4 - 300;
	uint32_t bits;

	memcpy(&bits, &a, sizeof(bits));
	for (i = 0; i < BYTES / 4; i++) {
		x[i] = i * 0.75f - 100;
		y[i] = 3.0f / (i + 1);
	}
	put_bytes(&machine->client, SRC_SEED, x);
	put_bytes(&machine->client, DST_SEED, y);
	assert_int_equal(do_job(machine, job(JOB_SAXPY, DST_VA + 400, SRC_VA + 20, 4 * nr, bits)), 4 * nr);
	get_bytes(&machine->client, DST_SEED, back);
	for (i = 0; i < nr; i++)
		y[100 + i] = a * x[5 + i] + y[100 + i];
	assert_memory_equal(back, y, BYTES);
}

static void test_sum(void **state)
{
	struct job_machine *machine = *state;
	uint64_t words[BYTES / 8], sum = 0;
	unsigned int i;

	fill_random(words, BYTES, 3);
	put_bytes(&machine->client, SRC_SEED, words);
	for (i = 3; i < BYTES / 8 - 7; i++)
		sum += words[i];
	assert_int_equal(do_job(machine, job(JOB_SUM, 0, SRC_VA + 24, BYTES - 80, 0)), sum);
}

static uint32_t crc32c(const uint8_t *bytes, size_t length)
{
	uint32_t crc = UINT32_MAX;
	unsigned int i;

	while (length--) {
		crc ^= *bytes++;
		for (i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void test_crc32c(void **state)
{
	struct job_machine *machine = *state;
	uint8_t bytes[BYTES] = "123456789";

	put_bytes(&machine->client, SRC_SEED, bytes);
	assert_int_equal(do_job(machine, job(JOB_CRC32C, 0, SRC_VA, 9, 0)), 0xe3069283);
	fill_random(bytes, BYTES, 4);
	put_bytes(&machine->client, SRC_SEED, bytes);
	assert_int_equal(do_job(machine, job(JOB_CRC32C, 0, SRC_VA + 1, BYTES - 2, 0)), crc32c(bytes + 1, BYTES - 2));
}

/* A list that goes through the pages back and forth. */
static void test_chase(void **state)
{
	struct job_machine *machine = *state;
	uint64_t words[BYTES / 8] = { 0 };
	uint64_t at = 0, nodes = 100;
	unsigned int i;

	for (i = 1; i < nodes; i++) {
		uint64_t next = (at * 7 + 523) % (BYTES / 8);

		words[at] = SRC_VA + 8 * next;
		at = next;
	}
	words[at] = 0;
	put_bytes(&machine->client, SRC_SEED, words);
	assert_int_equal(do_job(machine, job(JOB_CHASE, 0, SRC_VA, 0, UINT64_MAX)), SRC_VA + 8 * at);
	assert_int_equal(do_job(machine, job(JOB_CHASE, 0, SRC_VA, 0, nodes)), SRC_VA + 8 * at);
	assert_int_equal(do_job(machine, job(JOB_CHASE, 0, SRC_VA, 0, 1)), words[0]);
	assert_int_equal(do_job(machine, job(JOB_CHASE, 0, SRC_VA, 0, 0)), SRC_VA);
}

static void test_histogram(void **state)
{
	struct job_machine *machine = *state;
	uint64_t counter[BYTES / 8] = { 0 }, back[BYTES / 8];
	uint8_t bytes[BYTES];
	unsigned int i;

	for (i = 0; i < 256; i++)
		counter[256 + i] = i;
	fill_random(bytes, BYTES, 6);
	put_bytes(&machine->client, SRC_SEED, bytes);
	put_bytes(&machine->client, DST_SEED, counter);
	do_job(machine, job(JOB_HISTOGRAM, DST_VA + 2048, SRC_VA + 5, BYTES - 5, 0));
	for (i = 5; i < BYTES; i++)
		counter[256 + bytes[i]]++;
	get_bytes(&machine->client, DST_SEED, back);
	assert_memory_equal(back, counter, BYTES);
}

static void test_nop(void **state)
{
	assert_int_equal(do_job(*state, job(JOB_NOP, 1, 2, 3, 4)), 0);
}

static void test_bad_descriptors(void **state)
{
	struct job_machine *machine = *state;
	struct accel_desc flags = job(JOB_NOP, 0, 0, 0, 0), bad[] = {
		job(NR_JOB_OPS, 0, 0, 8, 0),
		job(UINT16_MAX, 0, 0, 8, 0),
		job(JOB_FILL, DST_VA, 0, 0, 0),
		job(JOB_FILL, DST_VA, 0, (1ull << 40) + 1, 0),
		job(JOB_FILL, DST_VA, 0, UINT64_MAX, 0),
		job(JOB_COPY, DST_VA, SRC_VA, 0, 0),
		job(JOB_SAXPY, DST_VA + 2, SRC_VA, 8, 0),
		job(JOB_SAXPY, DST_VA, SRC_VA + 2, 8, 0),
		job(JOB_SAXPY, DST_VA, SRC_VA, 6, 0),
		job(JOB_SUM, 0, SRC_VA + 4, 8, 0),
		job(JOB_SUM, 0, SRC_VA, 12, 0),
		job(JOB_CHASE, 0, SRC_VA + 4, 0, 1),
		job(JOB_CHASE, 0, SRC_VA, 8, 1),
		job(JOB_HISTOGRAM, DST_VA + 1024, SRC_VA, 8, 0),
	};
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(ring_do(&machine->jobs, &bad[i]), STATUS_BAD);
	flags.flags = 4;
	assert_int_equal(ring_do(&machine->jobs, &flags), STATUS_BAD);
}

static void test_bad_pointer(void **state)
{
	struct job_machine *machine = *state;
	uint64_t words[BYTES / 8] = { SRC_VA + 8, SRC_VA + 12 };
	struct accel_desc desc = job(JOB_CHASE, 0, SRC_VA, 0, 10);

	put_bytes(&machine->client, SRC_SEED, words);
	assert_int_equal(ring_do(&machine->jobs, &desc), STATUS_BAD);
	assert_int_equal(ring_desc(&machine->jobs, 0)->address, SRC_VA + 8);
	words[1] = 1ull << 47;
	put_bytes(&machine->client, SRC_SEED, words);
	assert_int_equal(ring_do(&machine->jobs, &desc), STATUS_BOUNDS);
	assert_int_equal(ring_desc(&machine->jobs, 1)->address, 1ull << 47);
}

/* A fault in the middle: what the kernel had is not lost, and nothing is done twice. */
static void faulting(struct job_machine *machine, struct accel_desc desc, unsigned int page)
{
	uint64_t *leaf = leaf_of(&machine->client, 1, SRC_VA + 0x1000 * page), before = *leaf;
	struct accel_fault fault;
	uint32_t counter;

	*leaf = 0;
	wait_invalidated(&machine->client, invalidate(&machine->client, 1, SRC_VA, BYTES));
	counter = ring_push(&machine->jobs, &desc);
	fault = next_fault(&machine->faults);
	assert_int_equal(fault.job, counter);
	assert_int_equal(fault.address, SRC_VA + 0x1000 * page);
	*leaf = before;
	end_fault(&machine->jobs, &fault, REPLY_RETRY);
}

static void test_kernels_go_on_after_faults(void **state)
{
	struct job_machine *machine = *state;
	uint64_t counter[BYTES / 8] = { 0 }, back[BYTES / 8];
	uint8_t bytes[BYTES];
	unsigned int i;

	fill_random(bytes, BYTES, 8);
	put_bytes(&machine->client, SRC_SEED, bytes);
	put_bytes(&machine->client, DST_SEED, counter);
	faulting(machine, job(JOB_HISTOGRAM, DST_VA, SRC_VA, BYTES, 0), 3);
	for (i = 0; i < BYTES; i++)
		counter[bytes[i]]++;
	get_bytes(&machine->client, DST_SEED, back);
	assert_memory_equal(back, counter, BYTES);
	faulting(machine, job(JOB_CRC32C, 0, SRC_VA, BYTES, 0), 2);
	assert_int_equal(ring_desc(&machine->jobs, 1)->result, crc32c(bytes, BYTES));
}

static void test_kill_a_job_that_waits(void **state)
{
	struct job_machine *machine = *state;
	struct accel_desc desc = job(JOB_FILL, 0x5000, 0, 8, 0);
	uint32_t counter = ring_push(&machine->jobs, &desc);
	struct accel_fault fault = next_fault(&machine->faults);

	w32(&machine->client, REG_JOB_KILL, counter + 1);
	w32(&machine->client, REG_JOB_KILL, counter - 1);
	w32(&machine->client, REG_JOB_KILL, counter);
	assert_int_equal(ring_wait(&machine->jobs, counter), STATUS_KILLED);
	answer_fault(&machine->client, &fault, REPLY_RETRY);
	/* Nothing of it is left for those that come. */
	assert_int_equal(do_job(machine, job(JOB_NOP, 0, 0, 0, 0)), 0);
	assert_int_equal(do_job(machine, job(JOB_FILL, DST_VA, 0, 8, 0)), 8);
}

/* Counters come again in the device's books: no job is killed for one that was. */
static void is_forgotten(struct job_machine *machine, uint32_t how, uint32_t status)
{
	struct accel_desc desc = job(JOB_NOP, 0, 0, 0, 0);
	unsigned int i;

	assert_true(control(&machine->client, "hang compute\n"));
	ring_push(&machine->jobs, &desc);
	w32(&machine->client, how, 0);
	assert_true(control(&machine->client, "resume compute\n"));
	assert_int_equal(ring_wait(&machine->jobs, 0), status);
	for (i = 0; i < 1u << RING_MAX_ORDER; i++)
		assert_int_equal(ring_do(&machine->jobs, &desc), STATUS_DONE);
}

static void test_stop_is_forgotten(void **state)
{
	is_forgotten(*state, REG_JOB_STOP, STATUS_STOPPED);
}

static void test_kill_is_forgotten(void **state)
{
	is_forgotten(*state, REG_JOB_KILL, STATUS_KILLED);
}

/* ---------------------------------------------------------------------- stopped jobs */

/* Stops @counter, and lets it go on. Returns the counter with which it does. */
static uint32_t stop_and_resume(struct job_machine *machine, uint32_t counter)
{
	struct accel_desc desc;

	w32(&machine->client, REG_JOB_STOP, counter);
	assert_int_equal(ring_wait(&machine->jobs, counter), STATUS_STOPPED);
	desc = *ring_desc(&machine->jobs, counter);
	desc.flags |= DESC_RESUME;
	desc.status = 0;
	return ring_push(&machine->jobs, &desc);
}

/* In each page of src, while it waits for the answer to a fault there, which comes too late. */
static uint64_t stopped_in_each_page(struct job_machine *machine, struct accel_desc desc)
{
	struct client *client = &machine->client;
	struct accel_fault fault;
	unsigned int i, pages = (desc.src % 0x1000 + desc.length + 0xfff) / 0x1000;
	uint64_t entry[PAGES], done;
	uint32_t counter;

	for (i = 0; i < pages; i++) {
		entry[i] = *leaf_of(client, 1, SRC_VA + 0x1000 * i);
		*leaf_of(client, 1, SRC_VA + 0x1000 * i) = 0;
	}
	wait_invalidated(client, invalidate(client, 1, SRC_VA, BYTES));
	counter = ring_push(&machine->jobs, &desc);
	for (i = 0; i < pages; i++) {
		fault = next_fault(&machine->faults);
		assert_int_equal(fault.job, counter);
		assert_int_equal(fault.address & ~0xfffull, SRC_VA + 0x1000 * i);
		*leaf_of(client, 1, SRC_VA + 0x1000 * i) = entry[i];
		done = i ? 0x1000 * i - desc.src % 0x1000 : 0;
		counter = stop_and_resume(machine, counter);
		assert_int_equal(ring_desc(&machine->jobs, counter - 1)->address, done);
		answer_fault(client, &fault, REPLY_FAIL);
	}
	assert_int_equal(ring_wait(&machine->jobs, counter), STATUS_DONE);
	assert_int_equal(ring_desc(&machine->jobs, counter)->address, 0);
	return ring_desc(&machine->jobs, counter)->result;
}

static void test_stopped_sum(void **state)
{
	struct job_machine *machine = *state;
	uint64_t words[BYTES / 8], sum = 0;
	unsigned int i;

	fill_random(words, BYTES, 11);
	put_bytes(&machine->client, SRC_SEED, words);
	for (i = 1; i < BYTES / 8; i++)
		sum += words[i];
	assert_int_equal(stopped_in_each_page(machine, job(JOB_SUM, 0, SRC_VA + 8, BYTES - 8, 0)), sum);
}

static void test_stopped_crc32c(void **state)
{
	struct job_machine *machine = *state;
	uint8_t bytes[BYTES];

	fill_random(bytes, BYTES, 12);
	put_bytes(&machine->client, SRC_SEED, bytes);
	assert_int_equal(stopped_in_each_page(machine, job(JOB_CRC32C, 0, SRC_VA + 3, BYTES - 7, 0)),
			 crc32c(bytes + 3, BYTES - 7));
}

/* What is counted or added twice is wrong. */
static void test_stopped_histogram(void **state)
{
	struct job_machine *machine = *state;
	uint64_t counter[BYTES / 8] = { 0 }, back[BYTES / 8];
	uint8_t bytes[BYTES];
	unsigned int i;

	fill_random(bytes, BYTES, 13);
	put_bytes(&machine->client, SRC_SEED, bytes);
	put_bytes(&machine->client, DST_SEED, counter);
	assert_int_equal(stopped_in_each_page(machine, job(JOB_HISTOGRAM, DST_VA, SRC_VA, BYTES, 0)), BYTES);
	for (i = 0; i < BYTES; i++)
		counter[bytes[i]]++;
	get_bytes(&machine->client, DST_SEED, back);
	assert_memory_equal(back, counter, BYTES);
}

static void test_stopped_saxpy(void **state)
{
	struct job_machine *machine = *state;
	float x[BYTES / 4], y[BYTES / 4], back[BYTES / 4], a = 2;
	unsigned int i;
	uint32_t bits;

	memcpy(&bits, &a, sizeof(bits));
	for (i = 0; i < BYTES / 4; i++) {
		x[i] = i;
		y[i] = 2.0f * (i % 100);
	}
	put_bytes(&machine->client, SRC_SEED, x);
	put_bytes(&machine->client, DST_SEED, y);
	assert_int_equal(stopped_in_each_page(machine, job(JOB_SAXPY, DST_VA, SRC_VA, BYTES, bits)), BYTES);
	get_bytes(&machine->client, DST_SEED, back);
	for (i = 0; i < BYTES / 4; i++)
		y[i] = a * x[i] + y[i];
	assert_memory_equal(back, y, BYTES);
}

static void test_stopped_copy(void **state)
{
	struct job_machine *machine = *state;
	uint8_t src[BYTES], back[BYTES];

	fill_random(src, BYTES, 14);
	put_bytes(&machine->client, SRC_SEED, src);
	assert_int_equal(stopped_in_each_page(machine, job(JOB_COPY, DST_VA, SRC_VA, BYTES, 0)), BYTES);
	get_bytes(&machine->client, DST_SEED, back);
	assert_memory_equal(back, src, BYTES);
}

/* It goes on in another slot, and what is not in the ring is not stopped. */
static void test_stopped_before_it_runs(void **state)
{
	struct job_machine *machine = *state;
	struct accel_desc desc = job(JOB_SUM, 0, SRC_VA, 16, 0);
	uint64_t words[BYTES / 8] = { 3, 4 };
	uint32_t counter;

	put_bytes(&machine->client, SRC_SEED, words);
	assert_true(control(&machine->client, "hang compute\n"));
	counter = ring_push(&machine->jobs, &desc);
	w32(&machine->client, REG_JOB_STOP, counter);
	w32(&machine->client, REG_JOB_STOP, counter + 1);
	assert_true(control(&machine->client, "resume compute\n"));
	assert_int_equal(ring_wait(&machine->jobs, counter), STATUS_STOPPED);
	assert_int_equal(ring_desc(&machine->jobs, counter)->address, 0);
	desc = *ring_desc(&machine->jobs, counter);
	assert_int_equal(do_job(machine, job(JOB_FILL, DST_VA, 0, 8, 0)), 8);
	desc.flags |= DESC_RESUME;
	desc.status = 0;
	assert_int_equal(do_job(machine, desc), 7);
}

static void test_bad_resumes(void **state)
{
	struct job_machine *machine = *state;
	struct accel_desc bad[] = {
		job(JOB_FILL, DST_VA, 0, 8, 0), job(JOB_SUM, 0, SRC_VA, 16, 0), job(JOB_CHASE, 0, SRC_VA, 0, 2),
		job(JOB_CHASE, 0, SRC_VA, 0, 2),
	};
	unsigned int i;

	bad[0].address = 9;
	bad[1].address = 4;
	bad[2].address = 4;
	bad[3].result = SRC_VA + 4;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		bad[i].flags = DESC_RESUME;
		assert_int_equal(ring_do(&machine->jobs, &bad[i]), STATUS_BAD);
	}
}

/* A list that is a ring. */
static uint32_t push_endless(struct job_machine *machine)
{
	uint64_t words[BYTES / 8] = { SRC_VA + 8, SRC_VA };
	struct accel_desc desc = job(JOB_CHASE, 0, SRC_VA, 0, UINT64_MAX);

	put_bytes(&machine->client, SRC_SEED, words);
	return ring_push(&machine->jobs, &desc);
}

/* It is in work for ever, off and on, until its list has an end. */
static void test_stop_a_job_that_runs(void **state)
{
	struct job_machine *machine = *state;
	uint64_t *words = (uint64_t *)page_at(&machine->client, SRC_SEED, 0);
	uint32_t counter = push_endless(machine);
	uint64_t before = 0;
	unsigned int i;

	for (i = 0; i < 10; i++) {
		counter = stop_and_resume(machine, counter);
		assert_true(ring_desc(&machine->jobs, counter - 1)->address >= before);
		before = ring_desc(&machine->jobs, counter - 1)->address;
	}
	__atomic_store_n(words, 0, __ATOMIC_RELAXED);
	assert_int_equal(ring_wait(&machine->jobs, counter), STATUS_DONE);
	assert_int_equal(ring_desc(&machine->jobs, counter)->result, SRC_VA);
}

/* The first waits for the answer to its fault, the second runs. */
static void two_that_do_not_end(struct job_machine *machine)
{
	struct accel_desc waits = job(JOB_FILL, 0x5000, 0, 8, 0);

	ring_push(&machine->jobs, &waits);
	push_endless(machine);
	next_fault(&machine->faults);
}

static void test_kill_a_job_that_runs(void **state)
{
	struct job_machine *machine = *state;
	uint32_t counter = push_endless(machine);

	while (!(r32(&machine->client, REG_JOB + RING_STATUS) >> RING_STATUS_WORK))
		;
	w32(&machine->client, REG_JOB_KILL, counter);
	assert_int_equal(ring_wait(&machine->jobs, counter), STATUS_KILLED);
}

static void test_kill_a_job_in_the_ring(void **state)
{
	struct job_machine *machine = *state;
	struct accel_desc desc = job(JOB_NOP, 0, 0, 0, 0);
	uint32_t first, second;

	assert_true(control(&machine->client, "hang compute\n"));
	first = ring_push(&machine->jobs, &desc);
	second = ring_push(&machine->jobs, &desc);
	w32(&machine->client, REG_JOB_KILL, second);
	assert_true(control(&machine->client, "resume compute\n"));
	assert_int_equal(ring_wait(&machine->jobs, first), STATUS_DONE);
	assert_int_equal(ring_wait(&machine->jobs, second), STATUS_KILLED);
}

static void test_context_that_goes(void **state)
{
	struct job_machine *machine = *state;

	two_that_do_not_end(machine);
	w32(&machine->client, REG_CONTEXT + CONTEXT_STRIDE + CONTEXT_CTRL, 0);
	assert_int_equal(ring_wait(&machine->jobs, 0), STATUS_CONTEXT);
	assert_int_equal(ring_wait(&machine->jobs, 1), STATUS_CONTEXT);
}

static void test_reset_ends_jobs(void **state)
{
	struct job_machine *machine = *state;
	struct client *client = &machine->client;

	two_that_do_not_end(machine);
	assert_true(control(client, "hang compute\n"));
	w32(client, REG_RESET, 1);
	assert_int_equal(r32(client, REG_JOB + RING_STATUS), 0);
	assert_int_equal(ring_desc(&machine->jobs, 0)->status | ring_desc(&machine->jobs, 1)->status, 0);
	w32(client, REG_INT_ENABLE, 0x3f);
	client_ring(client, &machine->jobs, REG_JOB, JOBS_AT, 4);
	client_context(client, 1);
	assert_int_equal(do_job(machine, job(JOB_NOP, 0, 0, 0, 0)), 0);
}

#define compute_test(f) cmocka_unit_test_setup_teardown(f, set_up, jobs_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		compute_test(test_fill),
		compute_test(test_copy),
		compute_test(test_saxpy),
		compute_test(test_sum),
		compute_test(test_crc32c),
		compute_test(test_chase),
		compute_test(test_histogram),
		compute_test(test_nop),
		compute_test(test_bad_descriptors),
		compute_test(test_bad_pointer),
		compute_test(test_kernels_go_on_after_faults),
		compute_test(test_kill_a_job_that_waits),
		compute_test(test_kill_is_forgotten),
		compute_test(test_kill_a_job_that_runs),
		compute_test(test_kill_a_job_in_the_ring),
		compute_test(test_stop_is_forgotten),
		compute_test(test_stopped_sum),
		compute_test(test_stopped_crc32c),
		compute_test(test_stopped_histogram),
		compute_test(test_stopped_saxpy),
		compute_test(test_stopped_copy),
		compute_test(test_stopped_before_it_runs),
		compute_test(test_stop_a_job_that_runs),
		compute_test(test_bad_resumes),
		compute_test(test_context_that_goes),
		compute_test(test_reset_ends_jobs),
	};

	return cmocka_run_group_tests_name("accel_compute", tests, NULL, NULL);
}
