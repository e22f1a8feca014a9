/* SPDX-License-Identifier: GPL-2.0 */
/* What jobs do not reach. */
#ifndef _ACCEL_FAULT_H
#define _ACCEL_FAULT_H

struct accel;
struct workqueue_struct;

/* Handles faults, which may wait for userspace: the end of the module does, too. */
extern struct workqueue_struct *accel_wq;

int accel_faults_init(struct accel *accel);
void accel_faults_start(struct accel *accel);
void accel_faults_take(struct accel *accel);

#endif /* _ACCEL_FAULT_H */
