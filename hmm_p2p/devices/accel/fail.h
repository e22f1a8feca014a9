/* SPDX-License-Identifier: GPL-2.0 */
/* The device does not do in bounded time what it has to do. */
#ifndef _ACCEL_FAIL_H
#define _ACCEL_FAIL_H

struct accel;
struct work_struct;

void accel_fail(struct accel *accel, const char *what);
void accel_watch_copies(struct work_struct *work);

#endif /* _ACCEL_FAIL_H */
