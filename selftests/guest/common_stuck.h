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

/* A page that nobody serves: who touches it waits, and dies of a signal. */
uint8_t *map_unserved(void);

#endif /* GUEST_COMMON_STUCK_H */
