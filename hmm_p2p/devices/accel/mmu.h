/* SPDX-License-Identifier: GPL-2.0 */
/* A process in the device's page table. May sleep, but waits for no memory. */
#ifndef _ACCEL_MMU_H
#define _ACCEL_MMU_H

#include <linux/types.h>
#include <linux/xarray.h>

struct accel;

/**
 * struct accel_mmu - the page table of a process
 * @accel: the device
 * @context: number of the process
 * @root: its root table, in the device's memory
 * @middles: middle tables, by the index of their root entry, as values
 * @blocks: what each 2 MiB have, by their number: see mmu.c. These two are the svm's,
 *	under its lock
 */
struct accel_mmu {
	struct accel *accel;
	unsigned int context;
	u64 root;
	struct xarray middles;
	struct xarray blocks;
};

/* Of an svm whose drvdata is the accel_mmu. */
extern const struct hmm_p2p_svm_ops accel_mmu_ops;

int accel_mmu_init(struct accel_mmu *mmu, struct accel *accel, unsigned int context);
void accel_mmu_fini(struct accel_mmu *mmu);
void accel_mmu_forget(struct accel_mmu *mmu);

#endif /* _ACCEL_MMU_H */
