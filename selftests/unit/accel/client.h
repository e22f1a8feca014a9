/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What QEMU, a guest and its driver are to the accelerator: a client that starts the server of qemu/accel, has memory of
 * its own, and asserts that the server ends well.
 */
#ifndef HMM_P2P_UNIT_ACCEL_CLIENT_H
#define HMM_P2P_UNIT_ACCEL_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "accel_hw.h"
#include "message.h"

#define RAM_BUS		0x100000000ull	/* guest memory that comes with a descriptor */
#define RAM_BYTES	0x1000000ull
#define FAR_BUS		0x900000000ull	/* guest memory that is reached by messages only */
#define FAR_BYTES	0x100000ull
#define MEMORY_BYTES	0x4000000ull	/* of the device, all of it in the window */

#define BAR0		VFIO_PCI_BAR0_REGION_INDEX
#define BAR2		VFIO_PCI_BAR2_REGION_INDEX
#define BAR4		VFIO_PCI_BAR4_REGION_INDEX
#define CONFIG		VFIO_PCI_CONFIG_REGION_INDEX

struct client {
	pid_t pid;
	int sock;
	int ram_fd;
	int window_fd;
	int irq[NR_VECTORS];
	uint8_t *ram;
	uint8_t *far;
	uint8_t *window;
	uint64_t next_table;		/* where the next page table goes, local */
	uint64_t root[NR_CONTEXTS];
	struct message *in;
	struct message *dma;		/* the last message of the device */
	bool keep_dma;			/* leave it to the test to answer messages of the device */
	bool has_dma;
	unsigned int nr_dma;
	uint16_t id;
	char folder[32];
};

/* client_launch() is the process and the socket; client_start() all of a machine with a driver that has set up the function. */
void client_launch(struct client *client, const char *const *options);
void client_start(struct client *client, const char *const *options);
/* The server ends with @status when its client goes: 0, or what it says otherwise. */
void client_stop(struct client *client, int status);
void client_ended(struct client *client, int status);

/* A message with what was received for it in client->in: 0, or the error of the reply. */
int client_request(struct client *client, uint16_t command, const void *payload, size_t length, int fd);
void client_send(struct client *client, uint16_t command, const void *payload, size_t length, int fd);
/* Until the reply to the last that was sent; the device's own messages meanwhile are answered. */
int client_reply(struct client *client);
/* Waits for a message of the device that is not answered yet. */
void client_receive_dma(struct client *client);
void client_answer_dma(struct client *client);

int client_read(struct client *client, uint32_t region, uint64_t offset, void *data, uint32_t length);
int client_write(struct client *client, uint32_t region, uint64_t offset, const void *data, uint32_t length);
uint32_t r32(struct client *client, uint32_t at);
uint64_t r64(struct client *client, uint32_t at);
void w32(struct client *client, uint32_t at, uint32_t value);
void w64(struct client *client, uint32_t at, uint64_t value);
void client_master(struct client *client, bool on);
int client_map(struct client *client, uint64_t addr, uint64_t size, uint64_t offset, int fd, uint32_t flags);
int client_unmap(struct client *client, uint64_t addr, uint64_t size);
int client_set_irqs(struct client *client);

/* Waits until the vector has happened, and forgets that it has. */
void wait_irq(struct client *client, unsigned int vector);
bool had_irq(struct client *client, unsigned int vector);

/* A fixture: a machine. */
int machine_up(void **state);
int machine_down(void **state);
#define machine_test(f) cmocka_unit_test_setup_teardown(f, machine_up, machine_down)

struct client_ring {
	struct client *client;
	uint32_t at;
	unsigned int vector;
	struct accel_desc *desc;
	uint32_t order;
	uint32_t tail;
};

/* The ring is at @offset of the guest's memory. */
void client_ring(struct client *client, struct client_ring *ring, uint32_t at, uint64_t offset, uint32_t order);
uint32_t ring_push(struct client_ring *ring, const struct accel_desc *desc);
/* What came of it: the status. */
uint32_t ring_wait(struct client_ring *ring, uint32_t counter);
struct accel_desc *ring_desc(struct client_ring *ring, uint32_t counter);
uint32_t ring_do(struct client_ring *ring, const struct accel_desc *desc);
struct accel_desc copy_desc(enum accel_target to, uint64_t dst, enum accel_target from, uint64_t src, uint64_t length);

/* Page tables in the device's memory. @entry without its address's bits: they are @addr. */
void client_context(struct client *client, unsigned int context);
void map_va(struct client *client, unsigned int context, uint64_t va, uint64_t addr, uint64_t entry);
void map_huge(struct client *client, unsigned int context, uint64_t va, uint64_t addr, uint64_t entry);
uint64_t *leaf_of(struct client *client, unsigned int context, uint64_t va);
uint64_t *middle_of(struct client *client, unsigned int context, uint64_t va);
uint64_t *root_of(struct client *client, unsigned int context, uint64_t va);
uint32_t invalidate(struct client *client, unsigned int context, uint64_t start, uint64_t length);
void wait_invalidated(struct client *client, uint32_t number);

#define LEAF(target)		(PTE_VALID | PTE_LEAF | (uint64_t)(target) << PTE_TARGET)
#define LEAF_W(target)		(LEAF(target) | PTE_WRITE)

/* A queue of faults at @offset of the guest's memory. */
struct client_faults {
	struct client *client;
	struct accel_fault *entry;
	uint32_t order;
	uint32_t head;
};

void client_faults(struct client *client, struct client_faults *faults, uint64_t offset, uint32_t order);
/* Waits for the next one, and takes it out of the queue. */
struct accel_fault next_fault(struct client_faults *faults);
void answer_fault(struct client *client, const struct accel_fault *fault, enum accel_reply reply);

/* The answer, and that the job ends with it: done after a retry, failed after a fault that fails. */
void end_fault(struct client_ring *jobs, const struct accel_fault *fault, enum accel_reply reply);

/* A fixture: a machine with a ring for jobs, a queue for faults, and a context. */
struct job_machine {
	struct client client;
	struct client_ring jobs;
	struct client_faults faults;
};

struct job_machine *jobs_up(unsigned int context, uint32_t faults_order);
int jobs_down(void **state);

#define JOBS_AT		0x10000
#define FAULTS_AT	0x20000

/* One command on the control socket of a client started with control_options(); whether the answer was "ok". */
bool control(struct client *client, const char *command);

/* Numbers that differ at each place. */
void fill_random(void *to, size_t length, uint32_t seed);

#endif /* HMM_P2P_UNIT_ACCEL_CLIENT_H */
