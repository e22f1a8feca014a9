/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The device, and who runs in it:
 *
 * - main receives messages. It changes registers, and waits for engines only in a reset.
 * - copy, and a thread for each compute unit: the engines. They wait for the bus, and for the driver's replies.
 * - inv ends invalidations.
 * - side serves the control socket and the link.
 *
 * Locks, in this order: mmu.use (what is read through a translation is used), accel.lock (registers and all state that no
 * other lock has), link.lock, and those of dma.h. Nobody waits for the bus under accel.lock.
 */
#ifndef ACCEL_H
#define ACCEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel_hw.h"
#include "compute.h"
#include "config.h"
#include "dma.h"
#include "fault.h"
#include "link.h"
#include "mmu.h"
#include "ring.h"

struct accel_options {
	uint64_t memory;
	uint64_t window;
	uint64_t uid;
	const char *link_listen;
	const char *link_connect;
	const char *control;
	bool populate;			/* memory is there before it is touched */
};

struct accel {
	pthread_mutex_t lock;
	pthread_cond_t changed;		/* anything under the lock that somebody waits for, but work: struct ring */
	bool resetting;
	bool leaving;
	bool reset_wanted;		/* by a register write that is under way */
	uint32_t reg[REG_END / 4];
	uint8_t msix_table[NR_VECTORS * 16];
	int irq[NR_VECTORS];		/* eventfds, or -1 */
	uint32_t irq_lost[NR_VECTORS];	/* so many will be lost */
	uint32_t dma_error;		/* injected: the DMA that fails, counted from now; 0: none */
	struct config config;		/* main's own */
	uint8_t *memory;
	uint64_t memory_size;
	uint64_t window_size;
	uint64_t uid;
	int memory_fd;
	struct dma dma;
	struct link link;
	struct mmu mmu;
	struct fault_queue faults;
	struct ring copy;
	struct ring jobs;
	struct unit unit[NR_UNITS];
	pthread_t copy_thread;
	int quit_fd;			/* readable when the side thread is to end */
	int control_fd;			/* listens, or -1 */
	const char *control_path;
	pthread_t side_thread;
};

/* 0, or -errno. @accel is zeroed. QEMU may come later, see dma_connect(). */
int accel_open(struct accel *accel, const struct accel_options *options);
void accel_close(struct accel *accel);

/* main only, without the lock: engines have stopped, and registers are as at the start. */
void accel_reset(struct accel *accel);

/* All under accel->lock. */
static inline uint32_t accel_reg(const struct accel *accel, uint32_t at)
{
	return accel->reg[at / 4];
}

static inline uint64_t accel_reg64(const struct accel *accel, uint32_t at)
{
	return accel->reg[at / 4] | (uint64_t)accel->reg[at / 4 + 1] << 32;
}

static inline void accel_set(struct accel *accel, uint32_t at, uint32_t value)
{
	accel->reg[at / 4] = value;
}

static inline void accel_set64(struct accel *accel, uint32_t at, uint64_t value)
{
	accel_set(accel, at, value);
	accel_set(accel, at + 4, value >> 32);
}

void accel_irq(struct accel *accel, enum accel_vector vector);
void accel_irq_enable(struct accel *accel, uint32_t vectors);
void accel_error(struct accel *accel, uint32_t bits);

/* Without the lock. */
int accel_dma(struct accel *accel, uint64_t addr, void *buf, size_t length, bool write);
/* Local memory; NULL: so much is not there. */
void *accel_local(struct accel *accel, uint64_t addr, size_t length);
/* Bytes of @target: 0, or enum accel_status. */
int accel_access(struct accel *accel, enum accel_target target, uint64_t addr, void *buf, size_t length,
		 bool write);

#endif /* ACCEL_H */
