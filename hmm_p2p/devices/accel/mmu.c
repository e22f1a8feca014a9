// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables in the device's memory. They are written only, by a write-combined
 * mapping; what is in them is known here, too, by 2 MiB: a huge entry, or a leaf table,
 * which stays until the block as a whole goes or becomes a huge entry.
 *
 * A process has a page table while it has one of the device's address spaces. When its
 * tables are full, or another process is to have the address space, all of it goes, and
 * faults make it again.
 *
 * The device reads an entry when it needs it, and caches what is valid. So making one
 * needs no more than the write, and taking one needs an invalidation, which is over
 * when the device has stopped using it.
 */
#include <linux/iopoll.h>
#include <linux/mm.h>

#include "accel.h"
#include "fail.h"
#include "mmu.h"

#define MIDDLE_UNITS	16

/* In bounded time; an engine that hangs does not keep an invalidation from its end. */
#define INV_TIMEOUT_US	(10 * USEC_PER_SEC)

#define BLOCK_HUGE	BIT(0)

/* Tables are aligned to 4 KiB: room for a flag. */
static void *block_value(u64 table, bool huge)
{
	return xa_mk_value(table | (huge ? BLOCK_HUGE : 0));
}

static u64 block_table(void *block)
{
	return xa_to_value(block) & ~BLOCK_HUGE;
}

static bool block_is_huge(void *block)
{
	return xa_to_value(block) & BLOCK_HUGE;
}

static unsigned long middle_index(unsigned long block)
{
	return block % MIDDLE_ENTRIES;
}

static unsigned long root_index(unsigned long block)
{
	return block / MIDDLE_ENTRIES;
}

/**
 * accel_invalidate - have the device forget addresses
 * @accel: the device
 * @context: of this address space
 * @start: the first one
 * @length: so many
 *
 * A device that was reset uses nothing, nor one that does not answer any more.
 *
 * Context: may sleep, for bounded time; allocates nothing.
 */
void accel_invalidate(struct accel *accel, unsigned int context, u64 start, u64 length)
{
	u32 number, done;
	int ret = 0;

	wmb(); /* the tables before the registers */
	mutex_lock(&accel->inv_lock);
	if (!READ_ONCE(accel->gone) && !READ_ONCE(accel->failed)) {
		accel_write64(accel, REG_INV_START, start);
		accel_write64(accel, REG_INV_LENGTH, length);
		accel_write(accel, REG_INV_CONTEXT, context);
		accel_write(accel, REG_INV_GO, 1);
		number = accel_read(accel, REG_INV_ISSUED);
		ret = readl_poll_timeout(accel->regs + REG_INV_DONE, done,
					 (s32)(done - number) >= 0, 10, INV_TIMEOUT_US);
	}
	mutex_unlock(&accel->inv_lock);
	if (ret)
		accel_fail(accel, "an invalidation does not end");
}

static void invalidate(struct accel_mmu *mmu, u64 start, u64 length)
{
	accel_invalidate(mmu->accel, mmu->context, start, length);
}

/* -------------------------------------------------------------------------- map */

static long middle_make(struct accel_mmu *mmu, unsigned long root_at)
{
	void *old = xa_load(&mmu->middles, root_at);
	long table;
	int ret;

	if (old)
		return xa_to_value(old);
	table = accel_table_alloc(&mmu->share, MIDDLE_UNITS);
	if (table < 0)
		return table;
	/* A table at 0 is a value, too. */
	ret = xa_err(xa_store(&mmu->middles, root_at, xa_mk_value(table),
			      GFP_NOWAIT | __GFP_NOWARN));
	if (ret) {
		accel_table_free(&mmu->share, table, MIDDLE_UNITS);
		return ret;
	}
	accel_table_set(&mmu->share, mmu->root, root_at, table | PTE_VALID);
	return table;
}

static void leaf_drop(struct accel_mmu *mmu, void *block)
{
	if (block && !block_is_huge(block))
		accel_table_free(&mmu->share, block_table(block), 1);
}

static int huge_map(struct accel_mmu *mmu, unsigned long block, long middle, u64 entry)
{
	void *old;

	old = xa_store(&mmu->blocks, block, block_value(0, true), GFP_NOWAIT | __GFP_NOWARN);
	if (xa_is_err(old))
		return xa_err(old);
	accel_table_set(&mmu->share, middle, middle_index(block), entry);
	/* The device may know the table that was here, and nothing in it. */
	if (old && !block_is_huge(old))
		invalidate(mmu, (u64)block << MIDDLE_SHIFT, PMD_SIZE);
	leaf_drop(mmu, old);
	return 0;
}

static long leaf_make(struct accel_mmu *mmu, unsigned long block, long middle)
{
	void *old = xa_load(&mmu->blocks, block);
	long table;
	int ret;

	if (old && !WARN_ON_ONCE(block_is_huge(old)))
		return block_table(old);
	table = accel_table_alloc(&mmu->share, 1);
	if (table < 0)
		return table;
	ret = xa_err(xa_store(&mmu->blocks, block, block_value(table, false),
			      GFP_NOWAIT | __GFP_NOWARN));
	if (ret) {
		accel_table_free(&mmu->share, table, 1);
		return ret;
	}
	accel_table_set(&mmu->share, middle, middle_index(block), table | PTE_VALID);
	return table;
}

/* The other end of the link, if that is whose memory it is. @uid: of that end; 0: not asked yet. */
static int peer_entry(struct accel *accel, u64 addr, u64 *uid, u64 *entry)
{
	struct hmm_p2p_device *peer;
	struct accel *other;
	u64 offset;

	peer = hmm_p2p_interconnect_device(accel->hdev, addr, &offset);
	if (!peer || !hmm_p2p_device_uses(peer, &accel_memory_ops))
		return -ENXIO;
	other = hmm_p2p_device_drvdata(peer);
	if (!*uid)
		*uid = accel_read64(accel, REG_PEER_UID);
	if (*uid != other->uid)
		return -ENXIO;
	*entry = PTE_TARGET(TARGET_PEER) | (offset + ACCEL_TABLES_SIZE);
	return 0;
}

static int make_entry(struct accel *accel, const struct hmm_p2p_svm_entry *from, u64 *uid,
		      u64 *entry)
{
	int ret = 0;

	switch (from->target) {
	case HMM_P2P_SVM_LOCAL:
		*entry = PTE_TARGET(TARGET_LOCAL) | (from->addr + ACCEL_TABLES_SIZE);
		break;
	case HMM_P2P_SVM_BUS:
		*entry = PTE_TARGET(TARGET_BUS) | from->addr;
		break;
	default:
		ret = peer_entry(accel, from->addr, uid, entry);
	}
	*entry |= PTE_VALID | PTE_LEAF | (from->write ? PTE_WRITE : 0);
	return ret;
}

static int map_one(struct accel_mmu *mmu, const struct hmm_p2p_svm_entry *from, u64 *uid)
{
	unsigned long block = from->va >> MIDDLE_SHIFT;
	long middle, leaf;
	u64 entry;
	int ret;

	ret = make_entry(mmu->accel, from, uid, &entry);
	if (ret)
		return ret;
	middle = middle_make(mmu, root_index(block));
	if (middle < 0)
		return middle;
	if (from->order)
		return huge_map(mmu, block, middle, entry);
	leaf = leaf_make(mmu, block, middle);
	if (leaf < 0)
		return leaf;
	accel_table_set(&mmu->share, leaf, (from->va >> PAGE_SHIFT) % LEAF_ENTRIES,
			entry);
	return 0;
}

int accel_mmu_map(struct hmm_p2p_svm *svm, const struct hmm_p2p_svm_entry *entries,
		  unsigned int nr)
{
	struct accel_mmu *mmu = hmm_p2p_svm_drvdata(svm);
	u64 uid = 0;
	int ret = 0;

	/* For a job that is over: see accel_mmu_detach(). */
	if (!accel_mmu_is_attached(mmu))
		return -ESTALE;
	while (nr-- && !ret)
		ret = map_one(mmu, entries++, &uid);
	wmb(); /* before the job is told to go on */
	return ret;
}

/* ------------------------------------------------------------------------ unmap */

/* The block is part of what goes: which of its small entries? */
static void leaf_clear(struct accel_mmu *mmu, void *block, unsigned long first,
		       unsigned long last)
{
	unsigned long i;

	for (i = first; i <= last; i++)
		accel_table_set(&mmu->share, block_table(block), i, 0);
}

/* The middle table's entry goes; what it named is dropped when the device forgot it. */
static void block_clear(struct accel_mmu *mmu, unsigned long index)
{
	u64 middle = xa_to_value(xa_load(&mmu->middles, root_index(index)));

	accel_table_set(&mmu->share, middle, middle_index(index), 0);
}

/* All of the 2^@shift bytes with that index? */
static bool is_whole(unsigned long index, unsigned int shift, unsigned long start,
		     unsigned long last)
{
	return start <= index << shift && last >= ((index + 1) << shift) - 1;
}

static void middles_clear(struct accel_mmu *mmu, unsigned long start, unsigned long last)
{
	unsigned long index;
	void *middle;

	xa_for_each_range(&mmu->middles, index, middle, start >> ROOT_SHIFT, last >> ROOT_SHIFT)
		if (is_whole(index, ROOT_SHIFT, start, last))
			accel_table_set(&mmu->share, mmu->root, index, 0);
}

static void middles_drop(struct accel_mmu *mmu, unsigned long start, unsigned long last)
{
	unsigned long index;
	void *middle;

	xa_for_each_range(&mmu->middles, index, middle, start >> ROOT_SHIFT,
			  last >> ROOT_SHIFT) {
		if (!is_whole(index, ROOT_SHIFT, start, last))
			continue;
		accel_table_free(&mmu->share, xa_to_value(middle), MIDDLE_UNITS);
		xa_erase(&mmu->middles, index);
	}
}

static void mmu_clear(struct accel_mmu *mmu, unsigned long start, unsigned long last)
{
	unsigned long index, base;
	void *block;

	xa_for_each_range(&mmu->blocks, index, block, start >> MIDDLE_SHIFT,
			  last >> MIDDLE_SHIFT) {
		base = index << MIDDLE_SHIFT;
		if (block_is_huge(block) || is_whole(index, MIDDLE_SHIFT, start, last))
			block_clear(mmu, index);
		else
			leaf_clear(mmu, block,
				   (max(start, base) - base) >> PAGE_SHIFT,
				   (min(last, base + PMD_SIZE - 1) - base) >> PAGE_SHIFT);
	}
	middles_clear(mmu, start, last);
}

/* The device knows nothing of them any more. */
static void mmu_drop(struct accel_mmu *mmu, unsigned long start, unsigned long last)
{
	unsigned long index;
	void *block;

	xa_for_each_range(&mmu->blocks, index, block, start >> MIDDLE_SHIFT,
			  last >> MIDDLE_SHIFT) {
		if (!block_is_huge(block) && !is_whole(index, MIDDLE_SHIFT, start, last))
			continue;
		leaf_drop(mmu, block);
		xa_erase(&mmu->blocks, index);
	}
	middles_drop(mmu, start, last);
}

static void mmu_take(struct accel_mmu *mmu, unsigned long start, unsigned long last)
{
	/* A huge entry goes as a whole, whatever part of it is named. */
	unsigned long from = ALIGN_DOWN(start, PMD_SIZE);

	mmu_clear(mmu, start, last);
	invalidate(mmu, from, (last | (PMD_SIZE - 1)) - from + 1);
	mmu_drop(mmu, start, last);
}

void accel_mmu_unmap(struct hmm_p2p_svm *svm, unsigned long start, unsigned long end,
		     const struct mmu_notifier_range *why)
{
	struct accel_mmu *mmu = hmm_p2p_svm_drvdata(svm);

	/* It has nothing then, and need not even be awake. */
	if (!accel_mmu_is_attached(mmu))
		return;
	/* The end may be far beyond all entries: the length that follows must not wrap. */
	mmu_take(mmu, start, min(end, VA_END) - 1);
}

/* ------------------------------------------------------------------------- life */

void accel_mmu_init(struct accel_mmu *mmu, struct accel *accel)
{
	mmu->accel = accel;
	mmu->context = NO_CONTEXT;
	xa_init_flags(&mmu->middles, XA_FLAGS_ACCOUNT);
	xa_init_flags(&mmu->blocks, XA_FLAGS_ACCOUNT);
}

/* The device is there, and nobody has that address space. Context: the svm's lock. */
void accel_mmu_attach(struct accel_mmu *mmu, unsigned int context)
{
	accel_share_take(&mmu->share, &mmu->accel->tables, context);
	/* The first of a share that is empty. */
	mmu->root = accel_table_alloc(&mmu->share, MIDDLE_UNITS);
	mmu->context = context;
	wmb(); /* clear before the device reads it */
	accel_write64(mmu->accel, REG_CONTEXT_ROOT(context), mmu->root);
	accel_write(mmu->accel, REG_CONTEXT_CTRL(context), CTRL_ENABLE);
}

/*
 * The device is there. Nothing is mapped any more, no job of the process runs, and a fault
 * of one that has ended gets no further than accel_mmu_map(). Tables may be left whose pages
 * went one by one. Context: the svm's lock, or the svm is gone.
 */
void accel_mmu_detach(struct accel_mmu *mmu)
{
	accel_write(mmu->accel, REG_CONTEXT_CTRL(mmu->context), 0);
	invalidate(mmu, 0, VA_END);
	accel_mmu_forget(mmu);
	mmu->context = NO_CONTEXT;
}

/* Tables without entries, too. Context: the svm's lock, and it has taken everything back. */
void accel_mmu_empty(struct accel_mmu *mmu)
{
	if (accel_mmu_is_attached(mmu))
		mmu_take(mmu, 0, VA_END - 1);
}

/* What is known of tables, which may be gone with the device. */
void accel_mmu_forget(struct accel_mmu *mmu)
{
	xa_destroy(&mmu->middles);
	xa_destroy(&mmu->blocks);
}
