/* SPDX-License-Identifier: GPL-2.0 */
/* The compute engine: units that take jobs from the ring and work on virtual addresses. */
#ifndef ACCEL_COMPUTE_H
#define ACCEL_COMPUTE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "accel_hw.h"
#include "mmu.h"

struct accel;

struct unit {
	struct accel *accel;
	pthread_t thread;
	struct tlb tlb;			/* under mmu.use */
	struct accel_desc desc;		/* its own thread's */
	uint16_t fault_id;		/* under accel->lock: waits for the reply to it; 0: waits for none */
	uint8_t answer;			/* likewise */
};

int compute_open(struct accel *accel);
void compute_close(struct accel *accel);

/* Under accel->lock: why the unit's job is to end, an enum accel_status, or 0. */
int unit_stop(const struct unit *unit);

#endif /* ACCEL_COMPUTE_H */
