/* SPDX-License-Identifier: GPL-2.0 */
/* The registers, and the other BARs where they are accessed by messages. */
#ifndef ACCEL_REGS_H
#define ACCEL_REGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct accel;

/* main only, without the lock. The range is within the BAR. */
void regs_access(struct accel *accel, uint64_t offset, uint8_t *data, size_t length, bool write);
void window_access(struct accel *accel, uint64_t offset, uint8_t *data, size_t length, bool write);
void move_access(struct accel *accel, uint64_t offset, uint8_t *data, size_t length, bool write);

#endif /* ACCEL_REGS_H */
