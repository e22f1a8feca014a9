// SPDX-License-Identifier: GPL-2.0
/* Device memory for page tables: the first of BAR 2, in units of 4 KiB. */
#include <linux/bitmap.h>
#include <linux/pci.h>

#include "accel.h"

/**
 * accel_tables_init - take the memory
 * @tables: receives it
 * @pdev: the device; what is mapped goes with its driver
 *
 * Return: 0, -EBUSY when somebody has that part of the BAR, -ENOMEM.
 */
int accel_tables_init(struct accel_tables *tables, struct pci_dev *pdev)
{
	resource_size_t start = pci_resource_start(pdev, BAR_MEMORY);
	struct device *dev = &pdev->dev;

	if (!devm_request_mem_region(dev, start, ACCEL_TABLES_SIZE, "hmm_p2p_accel tables"))
		return -EBUSY;
	tables->mem = devm_ioremap_wc(dev, start, ACCEL_TABLES_SIZE);
	return tables->mem ? 0 : -ENOMEM;
}

/* The share of address space @nr, of which nothing is in use. */
void accel_share_take(struct accel_share *share, struct accel_tables *tables, unsigned int nr)
{
	share->tables = tables;
	share->base = (u64)nr * TABLES_SHARE;
	bitmap_zero(share->used, TABLES_UNITS);
}

/**
 * accel_table_alloc - a table
 * @share: where from
 * @nr: of how many units, and aligned to as many: a power of two
 *
 * Return: its address in the device's memory, which is clear; or -ENOSPC.
 */
long accel_table_alloc(struct accel_share *share, unsigned int nr)
{
	unsigned long at;
	u64 table;

	at = bitmap_find_next_zero_area(share->used, TABLES_UNITS, 0, nr, nr - 1);
	if (at >= TABLES_UNITS)
		return -ENOSPC;
	bitmap_set(share->used, at, nr);
	table = share->base + (at << TABLE_SHIFT);
	memset_io(share->tables->mem + table, 0, (size_t)nr << TABLE_SHIFT);
	return table;
}

/* The device has forgotten it. */
void accel_table_free(struct accel_share *share, u64 table, unsigned int nr)
{
	bitmap_clear(share->used, (table - share->base) >> TABLE_SHIFT, nr);
}
