// SPDX-License-Identifier: GPL-2.0
/* The bus. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "dma.h"

struct dma_io {
	uint64_t addr;
	uint64_t count;
};

/* A message under way, on its sender's stack. */
struct dma_wait {
	struct dma_wait *next;
	struct dma_io io;
	uint16_t id;
	uint16_t command;
	void *buf;
	bool done;
	int err;
};

void dma_connect(struct dma *dma, int sock, pthread_mutex_t *send_lock)
{
	dma->sock = sock;
	dma->send_lock = send_lock;
}

void dma_init(struct dma *dma, bool populate)
{
	pthread_rwlockattr_t attr;

	dma->populate = populate;
	pthread_mutex_init(&dma->wait_lock, NULL);
	pthread_cond_init(&dma->replied, NULL);
	pthread_rwlockattr_init(&attr);
	/* QEMU waits for a mapping to go, however busy the engines are. */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&dma->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
}

void dma_destroy(struct dma *dma)
{
	dma_unmap_all(dma);
	pthread_rwlock_destroy(&dma->lock);
	pthread_cond_destroy(&dma->replied);
	pthread_mutex_destroy(&dma->wait_lock);
}

/* A file that is shorter than it is said to be would be a SIGBUS later. */
static int map_file(struct dma_map *map, uint64_t offset, int fd, bool populate)
{
	int prot = PROT_READ | (map->write ? PROT_WRITE : 0), flags = MAP_SHARED | (populate ? MAP_POPULATE : 0);
	struct stat st;
	void *memory;

	if (fstat(fd, &st))
		return -EINVAL;
	if (S_ISREG(st.st_mode) && (offset > (uint64_t)st.st_size || map->size > st.st_size - offset))
		return -EINVAL;
	memory = mmap(NULL, map->size, prot, flags, fd, offset);
	if (memory == MAP_FAILED)
		return -EINVAL;
	map->memory = memory;
	return 0;
}

static void unmap_file(struct dma_map *map)
{
	if (map->memory)
		munmap(map->memory, map->size);
}

/* The first mapping that ends behind @addr: where it is, or where it would be. */
static unsigned int find(const struct dma *dma, uint64_t addr)
{
	unsigned int low = 0, high = dma->nr;

	while (low < high) {
		unsigned int middle = (low + high) / 2;

		if (dma->map[middle].addr + (dma->map[middle].size - 1) < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int insert(struct dma *dma, const struct dma_map *map)
{
	unsigned int at = find(dma, map->addr);

	if (at < dma->nr && dma->map[at].addr <= map->addr + (map->size - 1))
		return -EEXIST;
	if (dma->nr == DMA_MAPS)
		return -ENOSPC;
	memmove(dma->map + at + 1, dma->map + at, (dma->nr - at) * sizeof(*map));
	dma->map[at] = *map;
	dma->nr++;
	return 0;
}

int dma_map(struct dma *dma, const struct dma_map *map, uint64_t offset, int fd)
{
	struct dma_map new = *map;
	int err;

	if (!new.size || new.addr + (new.size - 1) < new.addr)
		return -EINVAL;
	err = fd >= 0 ? map_file(&new, offset, fd, dma->populate) : 0;
	if (err)
		return err;
	pthread_rwlock_wrlock(&dma->lock);
	err = insert(dma, &new);
	pthread_rwlock_unlock(&dma->lock);
	if (err)
		unmap_file(&new);
	return err;
}

static int remove_map(struct dma *dma, uint64_t addr, uint64_t size)
{
	unsigned int at = find(dma, addr);

	if (at == dma->nr || dma->map[at].addr != addr || dma->map[at].size != size)
		return -ENOENT;
	unmap_file(&dma->map[at]);
	dma->nr--;
	memmove(dma->map + at, dma->map + at + 1, (dma->nr - at) * sizeof(*dma->map));
	return 0;
}

int dma_unmap(struct dma *dma, uint64_t addr, uint64_t size)
{
	int err;

	pthread_rwlock_wrlock(&dma->lock);
	err = remove_map(dma, addr, size);
	pthread_rwlock_unlock(&dma->lock);
	return err;
}

void dma_unmap_all(struct dma *dma)
{
	pthread_rwlock_wrlock(&dma->lock);
	while (dma->nr)
		unmap_file(&dma->map[--dma->nr]);
	pthread_rwlock_unlock(&dma->lock);
}

/* What the other side says is as untrusted as what it asks. */
static int take_reply(struct dma_wait *wait, const struct message *message)
{
	struct dma_io io;
	size_t data = wait->command == CMD_DMA_READ ? wait->io.count : 0;

	if (message->header.flags & MESSAGE_ERROR)
		return -EIO;
	if (message->length != sizeof(io) + data)
		return -EPROTO;
	memcpy(&io, message->payload, sizeof(io));
	if (io.addr != wait->io.addr || io.count != wait->io.count)
		return -EPROTO;
	memcpy(wait->buf, message->payload + sizeof(io), data);
	return 0;
}

void dma_reply(struct dma *dma, const struct message *message)
{
	struct dma_wait *wait;

	pthread_mutex_lock(&dma->wait_lock);
	for (wait = dma->waits; wait; wait = wait->next)
		if (wait->id == message->header.id && !wait->done)
			break;
	if (wait && wait->command == message->header.command) {
		wait->err = take_reply(wait, message);
		wait->done = true;
		pthread_cond_broadcast(&dma->replied);
	}
	pthread_mutex_unlock(&dma->wait_lock);
}

void dma_cancel(struct dma *dma, bool cancel)
{
	pthread_mutex_lock(&dma->wait_lock);
	dma->cancelled = cancel;
	pthread_cond_broadcast(&dma->replied);
	pthread_mutex_unlock(&dma->wait_lock);
}

static int send_wait(struct dma *dma, struct dma_wait *wait)
{
	struct message_out out = {
		.header = { .id = wait->id, .command = wait->command },
		.part = { &wait->io, wait->buf },
		.length = { sizeof(wait->io), wait->command == CMD_DMA_WRITE ? wait->io.count : 0 },
		.fd = -1,
	};

	return message_send(dma->sock, dma->send_lock, &out);
}

static void add_wait(struct dma *dma, struct dma_wait *wait)
{
	pthread_mutex_lock(&dma->wait_lock);
	wait->id = ++dma->next_id | 0x8000;
	wait->next = dma->waits;
	dma->waits = wait;
	pthread_mutex_unlock(&dma->wait_lock);
}

static void remove_wait(struct dma *dma, struct dma_wait *wait)
{
	struct dma_wait **at;

	for (at = &dma->waits; *at != wait; at = &(*at)->next)
		;
	*at = wait->next;
}

static int by_message(struct dma *dma, uint64_t addr, void *buf, size_t length, bool write)
{
	struct dma_wait wait = {
		.io = { addr, length },
		.command = write ? CMD_DMA_WRITE : CMD_DMA_READ,
		.buf = buf,
	};
	int err;

	add_wait(dma, &wait);
	err = send_wait(dma, &wait);
	pthread_mutex_lock(&dma->wait_lock);
	while (!err && !wait.done && !dma->cancelled)
		pthread_cond_wait(&dma->replied, &dma->wait_lock);
	if (!err)
		err = wait.done ? wait.err : -ECANCELED;
	remove_wait(dma, &wait);
	pthread_mutex_unlock(&dma->wait_lock);
	return err;
}

/* Eight aligned bytes arrive at once, and after all that was written before. */
static void copy_bytes(void *to, const void *from, size_t length)
{
	uint64_t word;

	if (length != sizeof(word) || (uintptr_t)to % sizeof(word)) {
		memcpy(to, from, length);
		return;
	}
	memcpy(&word, from, sizeof(word));
	__atomic_store_n((uint64_t *)to, word, __ATOMIC_RELEASE);
}

/* @length becomes what of it is in the mapping. 1: it has to go by message. */
static int by_map(struct dma *dma, uint64_t addr, void *buf, size_t *length, bool write)
{
	unsigned int at = find(dma, addr);
	const struct dma_map *map = dma->map + at;
	uint64_t offset;

	if (at == dma->nr || map->addr > addr)
		return -EFAULT;
	if (write && !map->write)
		return -EPERM;
	offset = addr - map->addr;
	if (*length > map->size - offset)
		*length = map->size - offset;
	if (!map->memory)
		return 1;
	copy_bytes(write ? map->memory + offset : buf, write ? buf : map->memory + offset, *length);
	return 0;
}

int dma_access(struct dma *dma, uint64_t addr, void *buf, size_t length, bool write)
{
	int err = 0;

	if (!__atomic_load_n(&dma->master, __ATOMIC_ACQUIRE))
		return -EPERM;
	while (length && !err) {
		size_t part = length < DMA_CHUNK ? length : DMA_CHUNK;

		pthread_rwlock_rdlock(&dma->lock);
		err = by_map(dma, addr, buf, &part, write);
		pthread_rwlock_unlock(&dma->lock);
		if (err > 0)
			err = by_message(dma, addr, buf, part, write);
		addr += part;
		buf = (char *)buf + part;
		length -= part;
	}
	return err;
}
