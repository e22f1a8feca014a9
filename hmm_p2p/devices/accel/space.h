/* SPDX-License-Identifier: GPL-2.0 */
/* The address space of jobs on buffers: one job's at a time. */
#ifndef _ACCEL_SPACE_H
#define _ACCEL_SPACE_H

#include <linux/types.h>
#include <uapi/drm/hmm_p2p_accel.h>

#include "tables.h"

struct accel;
struct accel_bo;

/* Leaf tables that there are beside a root and a middle table. */
#define SPACE_LEAVES	(TABLES_UNITS - 2 * 16)

/**
 * struct accel_space - a page table for one job after the other, which the scheduler owns
 * @share: memory for the tables
 * @root: the root table
 * @middle: the only middle table
 * @leaves: where leaf tables begin
 * @lengths: how much each buffer of the last job has mapped
 */
struct accel_space {
	struct accel_share share;
	u64 root;
	u64 middle;
	u64 leaves;
	u64 lengths[HMM_P2P_ACCEL_BUFFERS];
};

void accel_space_init(struct accel *accel);
void accel_space_start(struct accel *accel);
unsigned int accel_space_leaves(const struct accel_bo *bo);
void accel_space_load(struct accel *accel, struct accel_bo *const *bos, unsigned int nr,
		      u32 writable);

#endif /* _ACCEL_SPACE_H */
