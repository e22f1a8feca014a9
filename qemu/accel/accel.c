// SPDX-License-Identifier: GPL-2.0
/* The device as a whole: its memory, its interrupts, its beginning, reset and end. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel.h"
#include "control.h"
#include "copy.h"

static void send_msix(struct accel *accel, unsigned int vector)
{
	uint64_t one = 1;

	if (accel->irq_lost[vector])
		accel->irq_lost[vector]--;
	else if (accel->irq[vector] >= 0 && write(accel->irq[vector], &one, sizeof(one)) < 0)
		perror("accel: interrupt");
}

void accel_irq(struct accel *accel, enum accel_vector vector)
{
	if (accel->resetting)
		return;
	accel_set(accel, REG_INT_STATUS, accel_reg(accel, REG_INT_STATUS) | 1u << vector);
	if (accel_reg(accel, REG_INT_ENABLE) & 1u << vector)
		send_msix(accel, vector);
}

void accel_irq_enable(struct accel *accel, uint32_t vectors)
{
	uint32_t more = vectors & ~accel_reg(accel, REG_INT_ENABLE) & accel_reg(accel, REG_INT_STATUS);
	unsigned int vector;

	accel_set(accel, REG_INT_ENABLE, vectors);
	for (vector = 0; vector < NR_VECTORS; vector++)
		if (more & 1u << vector)
			send_msix(accel, vector);
}

void accel_error(struct accel *accel, uint32_t bits)
{
	accel_set(accel, REG_ERROR, accel_reg(accel, REG_ERROR) | bits);
	accel_irq(accel, VECTOR_ERROR);
}

static bool dma_is_to_fail(struct accel *accel)
{
	bool fail;

	pthread_mutex_lock(&accel->lock);
	fail = accel->dma_error == 1;
	if (accel->dma_error)
		accel->dma_error--;
	pthread_mutex_unlock(&accel->lock);
	return fail;
}

int accel_dma(struct accel *accel, uint64_t addr, void *buf, size_t length, bool write)
{
	int err = dma_is_to_fail(accel) ? -EIO : dma_access(&accel->dma, addr, buf, length, write);

	if (!err)
		return 0;
	pthread_mutex_lock(&accel->lock);
	accel_set64(accel, REG_ERROR_ADDR, addr);
	accel_error(accel, ERROR_DMA);
	pthread_mutex_unlock(&accel->lock);
	return err;
}

void *accel_local(struct accel *accel, uint64_t addr, size_t length)
{
	if (addr > accel->memory_size || length > accel->memory_size - addr)
		return NULL;
	return accel->memory + addr;
}

static int local_access(struct accel *accel, uint64_t addr, void *buf, size_t length, bool write)
{
	uint8_t *at = accel_local(accel, addr, length);

	if (!at)
		return STATUS_BOUNDS;
	memcpy(write ? at : buf, write ? buf : at, length);
	return 0;
}

int accel_access(struct accel *accel, enum accel_target target, uint64_t addr, void *buf, size_t length,
		 bool write)
{
	switch (target) {
	case TARGET_LOCAL:
		return local_access(accel, addr, buf, length, write);
	case TARGET_BUS:
		return accel_dma(accel, addr, buf, length, write) ? STATUS_BUS : 0;
	case TARGET_PEER:
		return link_access(&accel->link, addr, buf, length, write);
	default:
		return STATUS_BAD;
	}
}

static bool is_busy(const struct accel *accel)
{
	return accel->copy.working || accel->jobs.working || accel->mmu.working;
}

static void set_defaults(struct accel *accel)
{
	memset(accel->reg, 0, sizeof(accel->reg));
	memset(accel->msix_table, 0, sizeof(accel->msix_table));
	memset(&accel->faults, 0, sizeof(accel->faults));
	memset(accel->irq_lost, 0, sizeof(accel->irq_lost));
	accel->dma_error = 0;
	ring_reset(&accel->copy);
	ring_reset(&accel->jobs);
	mmu_flush(accel);
}

void accel_reset(struct accel *accel)
{
	__atomic_store_n(&accel->dma.master, false, __ATOMIC_RELEASE);
	pthread_mutex_lock(&accel->lock);
	accel->resetting = true;
	accel->reset_wanted = false;
	dma_cancel(&accel->dma, true);
	pthread_cond_broadcast(&accel->changed);
	while (is_busy(accel))
		pthread_cond_wait(&accel->changed, &accel->lock);
	set_defaults(accel);
	dma_cancel(&accel->dma, false);
	accel->resetting = false;
	pthread_mutex_unlock(&accel->lock);
	__atomic_store_n(&accel->dma.master, config_is_master(&accel->config), __ATOMIC_RELEASE);
}

/* Sealed, so that a neighbour that maps it never meets its end. */
static int open_memory(struct accel *accel, bool populate)
{
	int flags = MAP_SHARED | (populate ? MAP_POPULATE : 0);

	accel->memory_fd = memfd_create("accel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (accel->memory_fd < 0)
		return -errno;
	if (ftruncate(accel->memory_fd, accel->memory_size) ||
	    fcntl(accel->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	accel->memory = mmap(NULL, accel->memory_size, PROT_READ | PROT_WRITE, flags, accel->memory_fd, 0);
	return accel->memory == MAP_FAILED ? -errno : 0;
}

static void init(struct accel *accel, const struct accel_options *options)
{
	unsigned int i;

	pthread_mutex_init(&accel->lock, NULL);
	pthread_cond_init(&accel->changed, NULL);
	for (i = 0; i < NR_VECTORS; i++)
		accel->irq[i] = -1;
	accel->memory_size = options->memory;
	accel->window_size = options->window;
	accel->uid = options->uid;
	config_init(&accel->config, options->window);
	ring_init(&accel->copy, REG_COPY, ERROR_COPY, VECTOR_COPY);
	ring_init(&accel->jobs, REG_JOB, ERROR_JOB, VECTOR_JOB);
	set_defaults(accel);
}

int accel_open(struct accel *accel, const struct accel_options *options)
{
	int err;

	init(accel, options);
	dma_init(&accel->dma, options->populate);
	err = open_memory(accel, options->populate);
	if (!err)
		err = link_open(accel, options->link_listen, options->link_connect);
	if (!err)
		err = mmu_open(accel);
	if (!err)
		err = copy_open(accel);
	if (!err)
		err = compute_open(accel);
	return err ? err : control_open(accel, options->control);
}

void accel_close(struct accel *accel)
{
	unsigned int i;

	pthread_mutex_lock(&accel->lock);
	accel->leaving = true;
	dma_cancel(&accel->dma, true);
	pthread_cond_broadcast(&accel->changed);
	ring_wake(&accel->copy);
	ring_wake(&accel->jobs);
	pthread_mutex_unlock(&accel->lock);
	control_close(accel);
	compute_close(accel);
	copy_close(accel);
	mmu_close(accel);
	link_close(&accel->link);
	dma_destroy(&accel->dma);
	for (i = 0; i < NR_VECTORS; i++)
		if (accel->irq[i] >= 0)
			close(accel->irq[i]);
	munmap(accel->memory, accel->memory_size);
	close(accel->memory_fd);
}
