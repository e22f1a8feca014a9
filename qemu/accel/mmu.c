// SPDX-License-Identifier: GPL-2.0
/* Translation and its end. */
#include <string.h>

#include "accel.h"

/* Reads an entry of the table at @table, which is checked: it comes out of memory that the driver writes. */
static int read_entry(const struct accel *accel, uint64_t table, uint64_t bytes, uint64_t index, uint64_t *entry)
{
	if (table % bytes)
		return -STATUS_TABLE;
	if (table > accel->memory_size || bytes > accel->memory_size - table)
		return -STATUS_BOUNDS;
	*entry = __atomic_load_n((uint64_t *)(accel->memory + table + index * sizeof(*entry)), __ATOMIC_ACQUIRE);
	if (!(*entry & PTE_VALID))
		return FAULT_NOT_VALID;
	return *entry & PTE_ZERO ? -STATUS_TABLE : 0;
}

static uint64_t entry_addr(uint64_t entry)
{
	return entry & PTE_ADDRESS;
}

static unsigned int entry_target(uint64_t entry)
{
	return entry >> PTE_TARGET & 3;
}

static int check_leaf(uint64_t entry, uint64_t bytes)
{
	return entry_target(entry) >= NR_TARGETS || entry_addr(entry) % bytes ? -STATUS_TABLE : 0;
}

static uint64_t bits(uint64_t va, unsigned int high, unsigned int low)
{
	return va >> low & ((1ull << (high - low)) - 1);
}

/* @entry becomes the leaf, @bytes how much it maps. */
static int walk(const struct accel *accel, uint64_t root, uint64_t va, uint64_t *entry, uint64_t *bytes)
{
	int err;

	err = read_entry(accel, root, BIG_TABLE_BYTES, bits(va, VA_BITS, ROOT_BITS), entry);
	if (err)
		return err;
	if (*entry & PTE_LEAF || entry_target(*entry))
		return -STATUS_TABLE;
	err = read_entry(accel, entry_addr(*entry), BIG_TABLE_BYTES, bits(va, ROOT_BITS, HUGE_BITS), entry);
	if (err)
		return err;
	*bytes = HUGE_BYTES;
	if (*entry & PTE_LEAF)
		return check_leaf(*entry, *bytes);
	if (entry_target(*entry))
		return -STATUS_TABLE;
	*bytes = PAGE_BYTES;
	err = read_entry(accel, entry_addr(*entry), LEAF_TABLE_BYTES, bits(va, HUGE_BITS, PAGE_BITS), entry);
	if (err)
		return err;
	return *entry & PTE_LEAF ? check_leaf(*entry, *bytes) : -STATUS_TABLE;
}

static struct tlb_entry *tlb_slot(struct tlb *tlb, unsigned int context, uint64_t va)
{
	return &tlb->entry[((va >> PAGE_BITS) + context) % TLB_ENTRIES];
}

static bool tlb_hit(const struct tlb_entry *slot, unsigned int context, uint64_t va, bool write)
{
	return slot->valid && slot->context == context && slot->page == (va & ~(PAGE_BYTES - 1)) &&
	       (slot->write || !write);
}

static int context_root(struct accel *accel, unsigned int context, uint64_t *root)
{
	uint32_t at = REG_CONTEXT + context * CONTEXT_STRIDE;
	bool enabled;

	pthread_mutex_lock(&accel->lock);
	enabled = accel_reg(accel, at + CONTEXT_CTRL) & CTRL_ENABLE;
	*root = accel_reg64(accel, at);
	pthread_mutex_unlock(&accel->lock);
	return enabled ? 0 : -STATUS_CONTEXT;
}

static int tlb_fill(struct accel *accel, struct tlb_entry *slot, unsigned int context, uint64_t va, bool write,
		    uint64_t root)
{
	uint64_t entry, bytes;
	int err = walk(accel, root, va, &entry, &bytes);

	if (err)
		return err;
	if (write && !(entry & PTE_WRITE))
		return FAULT_READ_ONLY;
	*slot = (struct tlb_entry) {
		.page = va & ~(PAGE_BYTES - 1),
		.addr = entry_addr(entry) + (va & (bytes - 1) & ~(PAGE_BYTES - 1)),
		.context = context,
		.target = entry_target(entry),
		.valid = true,
		.write = entry & PTE_WRITE,
	};
	return 0;
}

int mmu_translate(struct accel *accel, struct tlb *tlb, unsigned int context, uint64_t va, bool write,
		  struct place *place)
{
	struct tlb_entry *slot = tlb_slot(tlb, context, va);
	uint64_t root;
	int err;

	if (va >> VA_BITS)
		return -STATUS_BOUNDS;
	err = context_root(accel, context, &root);
	if (!err && !tlb_hit(slot, context, va, write))
		err = tlb_fill(accel, slot, context, va, write, root);
	if (err)
		return err;
	place->target = slot->target;
	place->addr = slot->addr + va % PAGE_BYTES;
	return 0;
}

static bool in_range(const struct inv_range *range, const struct tlb_entry *slot)
{
	return range->all || (slot->context == range->context && slot->page <= range->last &&
			      slot->page + (PAGE_BYTES - 1) >= range->start);
}

static void tlb_drop(struct tlb *tlb, const struct inv_range *range)
{
	unsigned int i;

	for (i = 0; i < TLB_ENTRIES; i++)
		if (in_range(range, &tlb->entry[i]))
			tlb->entry[i].valid = false;
}

static void drop(struct accel *accel, const struct inv_range *range)
{
	unsigned int i;

	pthread_rwlock_wrlock(&accel->mmu.use);
	for (i = 0; i < NR_UNITS; i++)
		tlb_drop(&accel->unit[i].tlb, range);
	pthread_rwlock_unlock(&accel->mmu.use);
}

static void take_one(struct accel *accel)
{
	struct mmu *mmu = &accel->mmu;
	struct inv_range range = mmu->queue[mmu->first];

	mmu->first = (mmu->first + 1) % INV_DEPTH;
	mmu->nr--;
	mmu->working = true;
	pthread_mutex_unlock(&accel->lock);
	drop(accel, &range);
	pthread_mutex_lock(&accel->lock);
	mmu->working = false;
	pthread_cond_broadcast(&accel->changed);
	if (accel->resetting)
		return;
	accel_set(accel, REG_INV_DONE, range.number);
	accel_irq(accel, VECTOR_INV);
}

static void *inv_main(void *arg)
{
	struct accel *accel = arg;

	pthread_mutex_lock(&accel->lock);
	while (!accel->leaving) {
		if (accel->mmu.nr && !accel->resetting)
			take_one(accel);
		else
			pthread_cond_wait(&accel->changed, &accel->lock);
	}
	pthread_mutex_unlock(&accel->lock);
	return NULL;
}

static struct inv_range asked_for(const struct accel *accel)
{
	uint64_t length = accel_reg64(accel, REG_INV_LENGTH);
	uint32_t context = accel_reg(accel, REG_INV_CONTEXT);
	struct inv_range range = {
		.start = accel_reg64(accel, REG_INV_START),
		.context = context % NR_CONTEXTS,
		.all = context & INV_ALL,
	};

	range.last = range.start + (length - 1);
	if (!length)
		range.context = UINT16_MAX;	/* nobody's */
	else if (range.last < range.start)
		range.last = UINT64_MAX;
	return range;
}

void mmu_invalidate(struct accel *accel)
{
	struct mmu *mmu = &accel->mmu;
	struct inv_range range = asked_for(accel);

	range.number = accel_reg(accel, REG_INV_ISSUED) + 1;
	accel_set(accel, REG_INV_ISSUED, range.number);
	if (mmu->nr == INV_DEPTH) {
		mmu->nr--;
		range.all = true;
	}
	mmu->queue[(mmu->first + mmu->nr++) % INV_DEPTH] = range;
	pthread_cond_broadcast(&accel->changed);
}

void mmu_flush(struct accel *accel)
{
	struct inv_range all = { .all = true };
	unsigned int i;

	accel->mmu.nr = 0;
	for (i = 0; i < NR_UNITS; i++)
		tlb_drop(&accel->unit[i].tlb, &all);
}

int mmu_open(struct accel *accel)
{
	pthread_rwlockattr_t attr;
	int err;

	pthread_rwlockattr_init(&attr);
	/* An invalidation waits for what is under way, and not for what comes after it. */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	err = pthread_rwlock_init(&accel->mmu.use, &attr);
	pthread_rwlockattr_destroy(&attr);
	return err ? -err : -pthread_create(&accel->mmu.thread, NULL, inv_main, accel);
}

void mmu_close(struct accel *accel)
{
	pthread_join(accel->mmu.thread, NULL);
	pthread_rwlock_destroy(&accel->mmu.use);
}
