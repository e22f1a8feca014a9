/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that the CPU and the device take from each other again and again. All of it under
 * the lock of the svm; nothing waits for memory, but to begin with.
 */
#ifndef _ACCEL_STORM_H
#define _ACCEL_STORM_H

#include <linux/types.h>

/* Ranges of 2 MiB that are watched: of a process and a device. */
#define ACCEL_STORMS_BITS	9
#define ACCEL_STORMS		BIT(ACCEL_STORMS_BITS)

struct accel_storm;

/**
 * struct accel_storms - what is watched of a process
 * @table: ACCEL_STORMS of them, some of which are in use
 * @nr: how many these are
 * @begun: how often the guard has begun to keep a range in RAM
 */
struct accel_storms {
	struct accel_storm *table;
	unsigned int nr;
	u64 begun;
};

int accel_storms_init(struct accel_storms *storms);
void accel_storms_fini(struct accel_storms *storms);
bool accel_storm_stays(struct accel_storms *storms, unsigned long addr, bool *begun);
void accel_storm_came(struct accel_storms *storms, unsigned long addr);
void accel_storms_taken(struct accel_storms *storms, unsigned long start, unsigned long last);
void accel_storms_forget(struct accel_storms *storms, unsigned long start, unsigned long last);
bool accel_storms_over(struct accel_storms *storms, unsigned int *at, unsigned long *addr);
bool accel_storms_next(const struct accel_storms *storms, unsigned long *delay);
bool accel_storm_at(const struct accel_storms *storms, unsigned long addr,
		    unsigned int *turns);

#endif /* _ACCEL_STORM_H */
