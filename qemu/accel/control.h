/* SPDX-License-Identifier: GPL-2.0 */
/* The control socket, and the thread that serves it and the link. */
#ifndef ACCEL_CONTROL_H
#define ACCEL_CONTROL_H

struct accel;

/* @path: of the socket, or NULL. 0, or -errno. */
int control_open(struct accel *accel, const char *path);
void control_close(struct accel *accel);

#endif /* ACCEL_CONTROL_H */
