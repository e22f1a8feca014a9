/* SPDX-License-Identifier: GPL-2.0 */
/* A process in the device's page table. May sleep, but waits for no memory. */
#ifndef _ACCEL_MMU_H
#define _ACCEL_MMU_H

#include <linux/types.h>
#include <linux/xarray.h>

#include "tables.h"

struct accel;
struct hmm_p2p_svm;
struct hmm_p2p_svm_entry;
struct mmu_notifier_range;

/* No address space of the device. */
#define NO_CONTEXT	UINT_MAX

/**
 * struct accel_mmu - the page table of a process; all but @accel under the svm's lock
 * @accel: the device
 * @context: number of the address space that it has on the device, or NO_CONTEXT; changes
 *	under accel_contexts.lock, too
 * @share: memory for the tables of that
 * @root: its root table, in the device's memory
 * @middles: middle tables, by the index of their root entry, as values
 * @blocks: what each 2 MiB have, by their number: see mmu.c
 */
struct accel_mmu {
	struct accel *accel;
	unsigned int context;
	struct accel_share share;
	u64 root;
	struct xarray middles;
	struct xarray blocks;
};

/* Context: the svm's lock, or accel_contexts.lock. */
static inline bool accel_mmu_is_attached(const struct accel_mmu *mmu)
{
	return mmu->context != NO_CONTEXT;
}

void accel_invalidate(struct accel *accel, unsigned int context, u64 start, u64 length);

/* Operations of an svm whose drvdata is the accel_mmu. */
int accel_mmu_map(struct hmm_p2p_svm *svm, const struct hmm_p2p_svm_entry *entries,
		  unsigned int nr);
void accel_mmu_unmap(struct hmm_p2p_svm *svm, unsigned long start, unsigned long end,
		     const struct mmu_notifier_range *why);

void accel_mmu_init(struct accel_mmu *mmu, struct accel *accel);
void accel_mmu_attach(struct accel_mmu *mmu, unsigned int context);
void accel_mmu_detach(struct accel_mmu *mmu);
void accel_mmu_empty(struct accel_mmu *mmu);
void accel_mmu_forget(struct accel_mmu *mmu);

#endif /* _ACCEL_MMU_H */
