/* SPDX-License-Identifier: GPL-2.0 */
/* Processes that wait for something that does not come. */
#ifndef GUEST_COMMON_STUCK_H
#define GUEST_COMMON_STUCK_H

#include <sys/types.h>

#include "common.h"

/* What depends on nobody takes a second or two on the debug kernel. */
#define REMOVAL_SECONDS	60
#define STUCK_SECONDS	30

/* Whether a thread comes to wait in @function, for the driver. */
bool await_stuck(pid_t pid, pid_t tid, const char *function);

/**
 * struct frozen - a page of a file in a file system that is frozen
 * @fd: the file
 * @mem: the page, which can be read; who writes waits
 */
struct frozen {
	int fd;
	uint8_t *mem;
};

/* Skips where there is no ext4. */
struct frozen frozen_open(void);

/* Whoever waits goes on. */
void frozen_thaw(const struct frozen *frozen);
void frozen_close(const struct frozen *frozen);

/**
 * struct captive - a child with memory on a device, which gets stuck in a fault
 * @importer: whose fault it is, which holds the mmap_lock
 * @device: where its memory is
 * @length: of that, in huge pages
 * @goes: the device goes meanwhile, so that the child finds nothing there
 * @turns: of the child and the test
 * @frozen: the page of the fault
 * @pid: the child
 * @held: it was seen in the fault
 */
struct captive {
	uint32_t importer;
	uint32_t device;
	size_t length;
	bool goes;
	struct turns turns;
	struct frozen frozen;
	pid_t pid;
	bool held;
};

/* The caller has set what is above @turns. When this returns it is stuck. */
void captive_start(struct captive *captive);

/* It goes on, has its memory as it was, and ends. */
void captive_end(struct captive *captive);

/* A page that nobody serves: who touches it waits, and dies of a signal. */
uint8_t *map_unserved(void);

#endif /* GUEST_COMMON_STUCK_H */
