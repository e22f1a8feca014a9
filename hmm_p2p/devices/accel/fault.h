/* SPDX-License-Identifier: GPL-2.0 */
/* What jobs do not reach. */
#ifndef _ACCEL_FAULT_H
#define _ACCEL_FAULT_H

struct accel;

int accel_faults_init(struct accel *accel);
void accel_faults_start(struct accel *accel);
void accel_faults_take(struct accel *accel);

#endif /* _ACCEL_FAULT_H */
