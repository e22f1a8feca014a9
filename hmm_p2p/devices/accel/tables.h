/* SPDX-License-Identifier: GPL-2.0 */
/* Device memory for page tables. Any context; what is given is clear. */
#ifndef _ACCEL_TABLES_H
#define _ACCEL_TABLES_H

#include <linux/spinlock.h>
#include <linux/types.h>

struct pci_dev;

/**
 * struct accel_tables - memory for page tables
 * @mem: write-combined mapping of it
 * @lock: protects @used
 * @used: a bit for each 4 KiB
 */
struct accel_tables {
	void __iomem *mem;
	spinlock_t lock; /* see above */
	unsigned long *used;
};

int accel_tables_init(struct accel_tables *tables, struct pci_dev *pdev);
long accel_table_alloc(struct accel_tables *tables, unsigned int nr);
void accel_table_free(struct accel_tables *tables, u64 table, unsigned int nr);

static inline void accel_table_set(struct accel_tables *tables, u64 table,
				   unsigned long index, u64 entry)
{
	writeq(entry, tables->mem + table + index * sizeof(entry));
}

#endif /* _ACCEL_TABLES_H */
