/* SPDX-License-Identifier: GPL-2.0 */
/* What the compute engine can do to a page. */
#ifndef ACCEL_KERNELS_H
#define ACCEL_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel_hw.h"
#include "mmu.h"

struct accel;

struct operand {
	bool used;
	bool write;
	uint64_t va;
	struct place place;
};

struct job {
	const struct accel_desc *desc;
	uint64_t done;			/* bytes; chase: addresses that were read, times 8 */
	uint64_t value;			/* sum, crc, address */
	struct operand dst;
	struct operand src;
	struct operand *failed;		/* which one a step could not read or write */
};

struct kernel {
	bool dst;
	bool src;
	bool table;			/* dst is a table that all of src goes into */
	bool chase;
	bool returns;			/* the value is the result, not the bytes that are done */
	unsigned int granule;
	/* 0, or enum accel_status. */
	int (*step)(struct accel *accel, struct job *job, size_t length);
};

/* NULL: the descriptor is bad. */
const struct kernel *kernel_find(const struct accel_desc *desc);
/* From the start, or from what kernel_save() has put into the descriptor. */
void kernel_begin(struct job *job, const struct kernel *kernel);
bool kernel_is_done(const struct job *job, const struct kernel *kernel);
/* The next operands; how many bytes of them are within a page. */
size_t kernel_operands(struct job *job, const struct kernel *kernel);
uint64_t kernel_result(const struct job *job, const struct kernel *kernel);
/* Between two steps: all that is needed to go on. */
void kernel_save(const struct job *job, struct accel_desc *desc);

#endif /* ACCEL_KERNELS_H */
