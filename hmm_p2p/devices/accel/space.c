// SPDX-License-Identifier: GPL-2.0
/*
 * The address space of jobs on buffers. One of the device's is set aside for them, and has
 * what the job on the device has listed, at addresses that follow from the list: there is
 * nothing to bind before, and no job reaches what another one has. Making it takes a few
 * hundred writes, and an invalidation.
 *
 * Such a job never faults: an entry without a buffer is not invalid, but broken, which ends
 * the job where a hole would make the device ask for an answer. Nothing is allocated here:
 * whether the tables are enough was asked when the job was submitted.
 */
#include <linux/mm.h>
#include <linux/scatterlist.h>

#include "accel.h"
#include "gem.h"
#include "mmu.h"
#include "space.h"

#define NOTHING		(PTE_VALID | PTE_BROKEN)
#define ROOT_ENTRIES	8192UL
#define MIDDLE_UNITS	16

/**
 * struct walk - over the pieces of a buffer, upwards
 * @space: where they are mapped; NULL: tables are counted only
 * @flags: of the entries
 * @block: number of the 2 MiB that had the last leaf table
 * @leaves: how many leaf tables so far
 */
struct walk {
	struct accel_space *space;
	u64 flags;
	u64 block;
	unsigned int leaves;
};

static void table_fill(struct accel_space *space, u64 table, unsigned long nr, u64 entry)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		accel_table_set(&space->share, table, i, entry);
}

/* The device is there, and nothing is in the ring. Its memory keeps the tables. */
void accel_space_init(struct accel *accel)
{
	struct accel_space *space = &accel->sched.space;

	accel_share_take(&space->share, &accel->tables, SPACE_CONTEXT);
	/* Of a share that is empty. */
	space->root = accel_table_alloc(&space->share, MIDDLE_UNITS);
	space->middle = accel_table_alloc(&space->share, MIDDLE_UNITS);
	space->leaves = space->middle + ((u64)MIDDLE_UNITS << TABLE_SHIFT);
	table_fill(space, space->root, ROOT_ENTRIES, NOTHING);
	table_fill(space, space->middle, MIDDLE_ENTRIES, NOTHING);
	accel_table_set(&space->share, space->root, 0, space->middle | PTE_VALID);
	wmb(); /* before the device reads it */
}

/* A reset takes the address spaces away. Nothing is in the ring. */
void accel_space_start(struct accel *accel)
{
	accel_write64(accel, REG_CONTEXT_ROOT(SPACE_CONTEXT), accel->sched.space.root);
	accel_write(accel, REG_CONTEXT_CTRL(SPACE_CONTEXT), CTRL_ENABLE);
}

static u64 walk_leaf(const struct walk *walk)
{
	return walk->space->leaves + ((u64)(walk->leaves - 1) << TABLE_SHIFT);
}

static void walk_huge(struct walk *walk, u64 va, u64 addr)
{
	if (walk->space)
		accel_table_set(&walk->space->share, walk->space->middle, va >> MIDDLE_SHIFT,
				addr | walk->flags);
}

static void walk_next_leaf(struct walk *walk, u64 va)
{
	walk->block = va >> MIDDLE_SHIFT;
	walk->leaves++;
	if (!walk->space)
		return;
	table_fill(walk->space, walk_leaf(walk), LEAF_ENTRIES, NOTHING);
	accel_table_set(&walk->space->share, walk->space->middle, walk->block,
			walk_leaf(walk) | PTE_VALID);
}

static void walk_pages(struct walk *walk, u64 va, u64 addr, u64 length)
{
	u64 done;

	if (walk->block != va >> MIDDLE_SHIFT)
		walk_next_leaf(walk, va);
	for (done = 0; walk->space && done < length; done += PAGE_SIZE)
		accel_table_set(&walk->space->share, walk_leaf(walk),
				((va + done) >> PAGE_SHIFT) % LEAF_ENTRIES,
				(addr + done) | walk->flags);
}

/* Memory in one piece, at @addr for the device. */
static void walk_piece(struct walk *walk, u64 va, u64 addr, u64 length)
{
	u64 part;

	for (; length; va += part, addr += part, length -= part) {
		part = min(length, PMD_SIZE - va % PMD_SIZE);
		if (part == PMD_SIZE && IS_ALIGNED(addr, PMD_SIZE))
			walk_huge(walk, va, addr);
		else
			walk_pages(walk, va, addr, part);
	}
}

static void walk_import(struct walk *walk, const struct accel_bo *bo, u64 va)
{
	u64 left = bo->base.size, length;
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(bo->sgt, sg, i) {
		length = min(left, sg_dma_len(sg));
		walk_piece(walk, va, sg_dma_address(sg), length);
		va += length;
		left -= length;
	}
}

static void walk_bo(struct walk *walk, const struct accel_bo *bo, u64 va)
{
	walk->block = U64_MAX;
	walk->flags |= PTE_VALID | PTE_LEAF;
	if (bo->base.import_attach) {
		walk->flags |= PTE_TARGET(TARGET_BUS);
		walk_import(walk, bo, va);
	} else {
		walk->flags |= PTE_TARGET(TARGET_LOCAL);
		walk_piece(walk, va, bo->node.start, bo->base.size);
	}
}

/* How many leaf tables a buffer needs. Context: an import is mapped, and stays so. */
unsigned int accel_space_leaves(const struct accel_bo *bo)
{
	struct walk walk = {};

	walk_bo(&walk, bo, 0);
	return walk.leaves;
}

static void space_clear(struct accel_space *space, unsigned int nr)
{
	u64 first = HMM_P2P_ACCEL_BUFFER_ADDRESS(nr) >> MIDDLE_SHIFT;
	u64 last = (HMM_P2P_ACCEL_BUFFER_ADDRESS(nr) + space->lengths[nr] - 1) >> MIDDLE_SHIFT;

	if (!space->lengths[nr])
		return;
	space->lengths[nr] = 0;
	for (; first <= last; first++)
		accel_table_set(&space->share, space->middle, first, NOTHING);
}

/**
 * accel_space_load - make the address space of a job
 * @accel: the device; no other job on buffers is on it
 * @bos: what the job has; imports are mapped
 * @nr: how many
 * @writable: which of them it may write, by bits
 *
 * Context: may sleep, for bounded time; allocates nothing; in a section of drm_dev_enter().
 */
void accel_space_load(struct accel *accel, struct accel_bo *const *bos, unsigned int nr,
		      u32 writable)
{
	struct accel_space *space = &accel->sched.space;
	struct walk walk = { .space = space };
	unsigned int i;

	for (i = 0; i < HMM_P2P_ACCEL_BUFFERS; i++)
		space_clear(space, i);
	for (i = 0; i < nr; i++) {
		walk.flags = writable & BIT(i) ? PTE_WRITE : 0;
		walk_bo(&walk, bos[i], HMM_P2P_ACCEL_BUFFER_ADDRESS(i));
		space->lengths[i] = bos[i]->base.size;
	}
	accel_invalidate(accel, SPACE_CONTEXT, 0, VA_END);
}
