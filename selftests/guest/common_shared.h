/* SPDX-License-Identifier: GPL-2.0 */
/* Device memory that processes map, and the pool that it comes from. */
#ifndef GUEST_COMMON_SHARED_H
#define GUEST_COMMON_SHARED_H

#include <setjmp.h>
#include <signal.h>

#include "common.h"

/**
 * struct pool - memory of a device that is not device-private
 * @device: whose
 * @id: its id
 * @bus: its bus address
 * @before: bytes that were free when the test began
 */
struct pool {
	struct hmm_p2p_device_info device;
	uint32_t id;
	const char *bus;
	uint64_t before;
};

/* Devices with such memory; skips when there are not @want. */
void pools_find(struct pool *pools, size_t want);
uint64_t pool_available(const struct pool *pool);

/* Waits for the last pages, which I/O may give back after it has ended. */
void pool_is_back(const struct pool *pool);

/* A device that does DMA, with a path to the pool or without; skips without one. */
uint32_t bus_master_of(const struct pool *pool, bool path);

/* A context of its own, and memory of it; both succeed. */
struct hmm_p2p *context_open(void);
uint8_t *map_shared(struct hmm_p2p *context, uint32_t device, uint64_t offset,
		    size_t length);
void unmap_shared(void *mem, size_t length);

/* As whoever has only the descriptor: MAP_FAILED and errno, or the memory. */
void *map_fd(int fd, uint32_t device, uint64_t offset, size_t length);

/* The kernel's own mapping of the pool; a file of sysfs, whose name is in @path. */
void allocate_path(const struct pool *pool, char *path, size_t size);
uint8_t *allocate(const struct pool *pool, size_t length);

/* By the kernel's PCI driver hmm_p2p_pci. */
int pool_unbind(const struct pool *pool);
int pool_bind(const struct pool *pool);

/* The same for pthread_create(): the result is an int. */
void *pool_unbind_thread(void *pool);

/* A SIGBUS where @expects_bus_error is not set ends the program. */
extern __thread sigjmp_buf bus_error;
extern __thread volatile sig_atomic_t expects_bus_error;
void on_bus_error(int signal);

/* Whether touching @mem gives SIGBUS. */
bool is_dead(volatile uint8_t *mem, bool write);

/* A descriptor on its way through a socket. */
void send_fd(int to, int fd);
int receive_fd(int from);

#endif /* GUEST_COMMON_SHARED_H */
