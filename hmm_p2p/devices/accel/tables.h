/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Device memory for page tables. Each of the device's address spaces has a share of its
 * own, so that no process can use up what another one needs.
 */
#ifndef _ACCEL_TABLES_H
#define _ACCEL_TABLES_H

#include <linux/io.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "hw.h"

struct pci_dev;

/*
 * Room for a root table, and 14 times a middle table and a leaf table: more than what the
 * device's units need at once, two addresses each.
 */
#define TABLES_SHARE		SZ_1M
#define ACCEL_TABLES_SIZE	((unsigned long)NR_CONTEXTS * TABLES_SHARE)
#define TABLE_SHIFT		12
#define TABLES_UNITS		(TABLES_SHARE >> TABLE_SHIFT)

/**
 * struct accel_tables - memory for page tables, at the start of BAR 2
 * @mem: write-combined mapping of it
 */
struct accel_tables {
	void __iomem *mem;
};

/**
 * struct accel_share - what an address space has of it; one user at a time
 * @tables: all of it
 * @base: where it begins
 * @used: a bit for each 4 KiB
 */
struct accel_share {
	struct accel_tables *tables;
	u64 base;
	DECLARE_BITMAP(used, TABLES_UNITS);
};

int accel_tables_init(struct accel_tables *tables, struct pci_dev *pdev);
void accel_share_take(struct accel_share *share, struct accel_tables *tables, unsigned int nr);
long accel_table_alloc(struct accel_share *share, unsigned int nr);
void accel_table_free(struct accel_share *share, u64 table, unsigned int nr);

static inline void accel_table_set(struct accel_share *share, u64 table,
				   unsigned long index, u64 entry)
{
	writeq(entry, share->tables->mem + table + index * sizeof(entry));
}

#endif /* _ACCEL_TABLES_H */
