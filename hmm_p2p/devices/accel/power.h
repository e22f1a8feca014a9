/* SPDX-License-Identifier: GPL-2.0 */
/* A device that is reset, or sleeps. */
#ifndef _ACCEL_POWER_H
#define _ACCEL_POWER_H

struct accel;
struct dev_pm_ops;
struct pci_error_handlers;

extern const struct dev_pm_ops accel_pm_ops;
extern const struct pci_error_handlers accel_error_handlers;

void accel_power_start(struct accel *accel);

#endif /* _ACCEL_POWER_H */
