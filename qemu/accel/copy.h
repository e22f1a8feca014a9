/* SPDX-License-Identifier: GPL-2.0 */
/* The copy engine, a thread of its own. */
#ifndef ACCEL_COPY_H
#define ACCEL_COPY_H

struct accel;

int copy_open(struct accel *accel);
void copy_close(struct accel *accel);

#endif /* ACCEL_COPY_H */
