/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The interconnect: each side hands its memory to the other as a descriptor, over a Unix socket, and sees by that socket
 * whether the other is there.
 */
#ifndef ACCEL_LINK_H
#define ACCEL_LINK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct accel;

struct link {
	bool present;
	const char *path;		/* of the listening side, to unlink it, or NULL */
	int listen_fd;			/* or -1; the side thread's, like sock */
	int sock;			/* or -1 */
	pthread_rwlock_t lock;		/* below */
	uint8_t *peer;			/* the other's memory, NULL before it said hello */
	uint64_t peer_size;
	uint64_t peer_uid;
	bool down_here;			/* injected, here or there */
	bool down_there;
};

/* 0, or -errno. @listen and @connect are paths, or NULL. */
int link_open(struct accel *accel, const char *listen, const char *connect);
void link_close(struct link *link);

/* The side thread's: what to poll (-1: nothing), and what to do when it is readable. */
int link_poll_fd(const struct link *link);
void link_event(struct accel *accel);
void link_inject(struct accel *accel, bool down);

/* While the link is down: zeros. */
bool link_state(struct link *link, uint64_t *size, uint64_t *uid);
/* 0, STATUS_LINK, or STATUS_BOUNDS. */
int link_access(struct link *link, uint64_t addr, void *buf, size_t length, bool write);

#endif /* ACCEL_LINK_H */
