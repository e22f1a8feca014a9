/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bus: what QEMU lets the device reach, by a mapping of guest memory or by messages.
 *
 * Engines call dma_access(); the thread that receives messages changes the map, and hands replies over. It never waits for
 * an engine's message, so requests that arrive while one is under way are answered at once.
 */
#ifndef ACCEL_DMA_H
#define ACCEL_DMA_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message.h"

#define DMA_MAPS	4096
#define DMA_CHUNK	0x10000		/* the longest message */

struct dma_map {
	uint64_t addr;
	uint64_t size;
	uint8_t *memory;		/* or NULL: by message */
	bool write;
};

struct dma_wait;

struct dma {
	int sock;
	pthread_mutex_t *send_lock;
	bool master;			/* atomic: bus master enable */
	bool populate;			/* mapped memory is there before it is touched */
	pthread_rwlock_t lock;		/* map; held while its memory is used, never during a message */
	struct dma_map map[DMA_MAPS];	/* sorted by address */
	unsigned int nr;
	pthread_mutex_t wait_lock;	/* below */
	pthread_cond_t replied;
	struct dma_wait *waits;
	uint16_t next_id;
	bool cancelled;
};

void dma_init(struct dma *dma, bool populate);
/* Before the first message is received: where messages go. */
void dma_connect(struct dma *dma, int sock, pthread_mutex_t *send_lock);
void dma_destroy(struct dma *dma);

/* 0, -EINVAL, -EEXIST, -ENOSPC; @fd stays the caller's, -1 is none. */
int dma_map(struct dma *dma, const struct dma_map *map, uint64_t offset, int fd);
/* 0, or -ENOENT; when it returns, no engine uses the memory. */
int dma_unmap(struct dma *dma, uint64_t addr, uint64_t size);
void dma_unmap_all(struct dma *dma);

/* A reply to a message of ours; one that nobody waits for is dropped. */
void dma_reply(struct dma *dma, const struct message *message);
/* While cancelled, messages fail at once, those under way too. */
void dma_cancel(struct dma *dma, bool cancel);

/* 0, -EPERM not bus master or read-only, -EFAULT nothing there, or what the other side said. */
int dma_access(struct dma *dma, uint64_t addr, void *buf, size_t length, bool write);

#endif /* ACCEL_DMA_H */
