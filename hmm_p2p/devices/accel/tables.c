// SPDX-License-Identifier: GPL-2.0
/* Device memory for page tables: the first of BAR 2, in units of 4 KiB. */
#include <linux/bitmap.h>
#include <linux/io.h>
#include <linux/pci.h>

#include "accel.h"

#define UNIT_SHIFT	12
#define UNITS		(ACCEL_TABLES_SIZE >> UNIT_SHIFT)

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

	spin_lock_init(&tables->lock);
	tables->used = devm_bitmap_zalloc(dev, UNITS, GFP_KERNEL);
	if (!tables->used)
		return -ENOMEM;
	if (!devm_request_mem_region(dev, start, ACCEL_TABLES_SIZE, "hmm_p2p_accel tables"))
		return -EBUSY;
	tables->mem = devm_ioremap_wc(dev, start, ACCEL_TABLES_SIZE);
	return tables->mem ? 0 : -ENOMEM;
}

/**
 * accel_table_alloc - a table
 * @tables: where from
 * @nr: of how many units, and aligned to as many: a power of two
 *
 * Return: its address in the device's memory, or -ENOMEM.
 */
long accel_table_alloc(struct accel_tables *tables, unsigned int nr)
{
	unsigned long at, flags;

	spin_lock_irqsave(&tables->lock, flags);
	at = bitmap_find_next_zero_area(tables->used, UNITS, 0, nr, nr - 1);
	if (at < UNITS)
		bitmap_set(tables->used, at, nr);
	spin_unlock_irqrestore(&tables->lock, flags);
	if (at >= UNITS)
		return -ENOMEM;
	memset_io(tables->mem + (at << UNIT_SHIFT), 0, (size_t)nr << UNIT_SHIFT);
	return at << UNIT_SHIFT;
}

/* The device has forgotten it. */
void accel_table_free(struct accel_tables *tables, u64 table, unsigned int nr)
{
	unsigned long flags;

	spin_lock_irqsave(&tables->lock, flags);
	bitmap_clear(tables->used, table >> UNIT_SHIFT, nr);
	spin_unlock_irqrestore(&tables->lock, flags);
}
