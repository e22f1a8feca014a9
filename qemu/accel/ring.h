/* SPDX-License-Identifier: GPL-2.0 */
/* Rings of descriptors: taken in order, completed in any order, counted in order. */
#ifndef ACCEL_RING_H
#define ACCEL_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "accel_hw.h"

struct accel;

#define RING_SLOTS	(1u << RING_MAX_ORDER)
#define RING_AHEAD	64		/* descriptors that are read at once, at most */

/* All of it under accel->lock. */
struct ring {
	pthread_cond_t work;		/* there may be a descriptor to take */
	uint32_t at;			/* its registers */
	uint32_t error;			/* its bit in REG_ERROR */
	enum accel_vector vector;
	uint64_t base;			/* what the registers said when it was enabled */
	uint32_t order;
	uint32_t next;			/* the next to take */
	uint32_t working;
	bool reading;			/* somebody reads @ahead, without the lock */
	uint32_t ahead_from;		/* the first of @ahead that was not taken */
	uint32_t ahead_end;		/* behind the last one */
	struct accel_desc ahead[RING_AHEAD];	/* by counter */
	bool hung;			/* injected */
	uint64_t done[RING_SLOTS / 64];
	uint64_t killed[RING_SLOTS / 64];
	uint64_t stopped[RING_SLOTS / 64];
};

/* Once, of zeros. */
void ring_init(struct ring *ring, uint32_t at, uint32_t error, enum accel_vector vector);

/* Under accel->lock. */
void ring_reset(struct ring *ring);
/* Whoever waits for a descriptor looks again. */
void ring_wake(struct ring *ring);
void ring_control(struct accel *accel, struct ring *ring, uint32_t value);
void ring_doorbell(struct accel *accel, struct ring *ring, uint32_t tail);
uint32_t ring_status(const struct accel *accel, const struct ring *ring);
/* Of a descriptor that is in the ring; others are left alone. */
void ring_kill(struct accel *accel, struct ring *ring, uint32_t counter);
void ring_stop(struct accel *accel, struct ring *ring, uint32_t counter);
bool ring_is_killed(const struct ring *ring, uint32_t counter);
bool ring_is_stopped(const struct ring *ring, uint32_t counter);

/* Waits for a descriptor and reads it. False: the device is closed. */
bool ring_take(struct accel *accel, struct ring *ring, struct accel_desc *desc);
/* Writes @desc's results back, and counts it. */
void ring_finish(struct accel *accel, struct ring *ring, struct accel_desc *desc);

#endif /* ACCEL_RING_H */
