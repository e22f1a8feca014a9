/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Translation and its end.
 *
 * A unit holds mmu.use, shared, from when it translates until it has used what came of it; whoever invalidates takes it
 * alone, throws TLB entries away, and then nobody uses what they said.
 */
#ifndef ACCEL_MMU_H
#define ACCEL_MMU_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "accel_hw.h"

struct accel;

#define TLB_ENTRIES	64

struct tlb_entry {
	uint64_t page;			/* virtual address of a 4 KiB page */
	uint64_t addr;
	uint16_t context;
	uint8_t target;
	bool valid;
	bool write;
};

struct tlb {
	struct tlb_entry entry[TLB_ENTRIES];
};

struct inv_range {
	uint64_t start;
	uint64_t last;
	uint32_t number;
	uint16_t context;
	bool all;
};

struct mmu {
	pthread_rwlock_t use;
	pthread_t thread;
	struct inv_range queue[INV_DEPTH];	/* below: under accel->lock */
	unsigned int first;
	unsigned int nr;
	bool working;
};

/* Where bytes are. */
struct place {
	enum accel_target target;
	uint64_t addr;
};

int mmu_open(struct accel *accel);
void mmu_close(struct accel *accel);

/*
 * Under mmu.use. 0; enum accel_fault_code, for which the driver is asked; or -enum accel_status, with which the job
 * ends.
 */
int mmu_translate(struct accel *accel, struct tlb *tlb, unsigned int context, uint64_t va, bool write,
		  struct place *place);

/* Under accel->lock: INV_GO. */
void mmu_invalidate(struct accel *accel);
/* Engines have stopped. */
void mmu_flush(struct accel *accel);

#endif /* ACCEL_MMU_H */
