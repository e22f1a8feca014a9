/* SPDX-License-Identifier: GPL-2.0 */
/* The device as vfio-user shows it. */
#ifndef ACCEL_VFIO_USER_H
#define ACCEL_VFIO_USER_H

#include <pthread.h>

struct accel;

/*
 * Answers messages until the other side goes: 0. -EPROTO: the stream is broken. Each request is answered before the next
 * is read, and none waits for an engine except a reset.
 */
int vfio_user_serve(struct accel *accel, int sock, pthread_mutex_t *send_lock);

#endif /* ACCEL_VFIO_USER_H */
