// SPDX-License-Identifier: GPL-2.0
/* What the compute engine can do to a page. */
#include <string.h>

#include "accel.h"
#include "kernels.h"

#define PAGE	((size_t)PAGE_BYTES)
#define COUNTERS	256

static int get(struct accel *accel, struct job *job, struct operand *from, void *buf, size_t length)
{
	int err = accel_access(accel, from->place.target, from->place.addr, buf, length, false);

	if (err)
		job->failed = from;
	return err;
}

static int put(struct accel *accel, struct job *job, void *buf, size_t length)
{
	int err = accel_access(accel, job->dst.place.target, job->dst.place.addr, buf, length, true);

	if (err)
		job->failed = &job->dst;
	return err;
}

static int fill(struct accel *accel, struct job *job, size_t length)
{
	uint8_t page[PAGE];
	size_t i;

	for (i = 0; i < length; i++)
		page[i] = job->desc->argument >> 8 * ((job->done + i) % 8);
	return put(accel, job, page, length);
}

static int copy(struct accel *accel, struct job *job, size_t length)
{
	uint8_t page[PAGE];
	int err = get(accel, job, &job->src, page, length);

	return err ? err : put(accel, job, page, length);
}

static int saxpy(struct accel *accel, struct job *job, size_t length)
{
	uint32_t argument = job->desc->argument;
	float a, x[PAGE / sizeof(float)], y[PAGE / sizeof(float)];
	size_t i;
	int err;

	memcpy(&a, &argument, sizeof(a));
	err = get(accel, job, &job->src, x, length);
	if (!err)
		err = get(accel, job, &job->dst, y, length);
	if (err)
		return err;
	for (i = 0; i < length / sizeof(float); i++)
		y[i] = a * x[i] + y[i];
	return put(accel, job, y, length);
}

static int sum(struct accel *accel, struct job *job, size_t length)
{
	uint64_t words[PAGE / sizeof(uint64_t)];
	size_t i;
	int err = get(accel, job, &job->src, words, length);

	for (i = 0; !err && i < length / sizeof(*words); i++)
		job->value += words[i];
	return err;
}

/* Four bits at a time. */
static const uint32_t crc_table[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
	0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t crc32c(uint32_t crc, const uint8_t *bytes, size_t length)
{
	while (length--) {
		crc ^= *bytes++;
		crc = crc_table[crc & 15] ^ crc >> 4;
		crc = crc_table[crc & 15] ^ crc >> 4;
	}
	return crc;
}

static int crc(struct accel *accel, struct job *job, size_t length)
{
	uint8_t page[PAGE];
	int err = get(accel, job, &job->src, page, length);

	if (!err)
		job->value = ~crc32c(~job->value, page, length);
	return err;
}

static int chase(struct accel *accel, struct job *job, size_t length)
{
	uint64_t next;
	int err = get(accel, job, &job->src, &next, length);

	if (err)
		return err;
	job->src.used = next;		/* 0 ends it */
	if (next)
		job->value = next;
	return next % sizeof(next) ? STATUS_BAD : 0;
}

static int histogram(struct accel *accel, struct job *job, size_t length)
{
	uint64_t counter[COUNTERS];
	uint8_t page[PAGE];
	size_t i;
	int err;

	err = get(accel, job, &job->src, page, length);
	if (!err)
		err = get(accel, job, &job->dst, counter, sizeof(counter));
	if (err)
		return err;
	for (i = 0; i < length; i++)
		counter[page[i]]++;
	return put(accel, job, counter, sizeof(counter));
}

static const struct kernel kernels[NR_JOB_OPS] = {
	[JOB_NOP] = { .granule = 1 },
	[JOB_FILL] = { .step = fill, .dst = true, .granule = 1 },
	[JOB_COPY] = { .step = copy, .dst = true, .src = true, .granule = 1 },
	[JOB_SAXPY] = { .step = saxpy, .dst = true, .src = true, .granule = sizeof(float) },
	[JOB_SUM] = { .step = sum, .src = true, .returns = true, .granule = sizeof(uint64_t) },
	[JOB_CRC32C] = { .step = crc, .src = true, .returns = true, .granule = 1 },
	[JOB_CHASE] = { .step = chase, .src = true, .returns = true, .chase = true,
			.granule = sizeof(uint64_t) },
	[JOB_HISTOGRAM] = { .step = histogram, .dst = true, .src = true, .table = true, .granule = 1 },
};

static bool length_is_good(const struct accel_desc *desc, const struct kernel *kernel)
{
	if (kernel->chase)
		return !desc->length;
	return !kernel->step ||
	       (desc->length && desc->length <= DESC_MAX_LENGTH && !(desc->length % kernel->granule));
}

static bool addresses_are_good(const struct accel_desc *desc, const struct kernel *kernel)
{
	uint64_t dst = kernel->table ? COUNTERS * sizeof(uint64_t) : kernel->granule;

	return (!kernel->dst || !(desc->dst % dst)) && (!kernel->src || !(desc->src % kernel->granule));
}

/* What a driver says that it was stopped with may be anything. */
static bool saved_is_good(const struct accel_desc *desc, const struct kernel *kernel)
{
	uint64_t done = desc->address;

	if (!(desc->flags & DESC_RESUME))
		return true;
	if (kernel->chase)
		return !((done | desc->result) % kernel->granule);
	return done <= desc->length && !(done % kernel->granule);
}

const struct kernel *kernel_find(const struct accel_desc *desc)
{
	const struct kernel *kernel = kernels + desc->op;

	if (desc->op >= NR_JOB_OPS || desc->flags & ~(DESC_INTERRUPT | DESC_RESUME))
		return NULL;
	if (!length_is_good(desc, kernel) || !addresses_are_good(desc, kernel) || !saved_is_good(desc, kernel))
		return NULL;
	return kernel;
}

void kernel_begin(struct job *job, const struct kernel *kernel)
{
	job->dst.used = kernel->dst;
	job->dst.write = kernel->dst;
	job->src.used = kernel->src;
	if (job->desc->flags & DESC_RESUME) {
		job->done = job->desc->address;
		job->value = job->desc->result;
	} else if (kernel->chase) {
		job->value = job->desc->src;
	}
}

bool kernel_is_done(const struct job *job, const struct kernel *kernel)
{
	if (!kernel->step)
		return true;
	if (kernel->chase)
		return !job->src.used || job->done / sizeof(uint64_t) >= job->desc->argument;
	return job->done >= job->desc->length;
}

static size_t within_page(uint64_t va, size_t length)
{
	size_t left = PAGE - va % PAGE;

	return length < left ? length : left;
}

size_t kernel_operands(struct job *job, const struct kernel *kernel)
{
	const struct accel_desc *desc = job->desc;
	uint64_t left = desc->length - job->done;
	size_t length = left < PAGE ? left : PAGE;

	job->failed = NULL;
	job->dst.va = desc->dst + (kernel->table ? 0 : job->done);
	job->src.va = kernel->chase ? job->value : desc->src + job->done;
	if (kernel->chase)
		return sizeof(uint64_t);
	if (kernel->dst && !kernel->table)
		length = within_page(job->dst.va, length);
	return kernel->src ? within_page(job->src.va, length) : length;
}

uint64_t kernel_result(const struct job *job, const struct kernel *kernel)
{
	return kernel->returns ? job->value : job->done;
}

void kernel_save(const struct job *job, struct accel_desc *desc)
{
	desc->result = job->value;
	desc->address = job->done;
}
