/* SPDX-License-Identifier: GPL-2.0 */
/* The queue of faults, and the driver's replies. All of it under accel->lock. */
#ifndef ACCEL_FAULT_H
#define ACCEL_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct accel;
struct unit;

struct fault_queue {
	uint64_t base;			/* what the registers said when it was enabled */
	uint32_t order;
	uint32_t generation;		/* changes when it is disabled: who waits gives up */
	uint32_t limit;			/* injected: it takes no more than that; 0: what it has */
	unsigned int waiting;		/* for room */
	bool busy;			/* somebody writes an entry */
	uint16_t id;
};

void fault_control(struct accel *accel, uint32_t value);
void fault_reply(struct accel *accel, uint32_t value);

/* Takes and drops the lock. 0: try again; or -enum accel_status. */
int fault_ask(struct unit *unit, uint64_t address, bool write, int code);

#endif /* ACCEL_FAULT_H */
