/* SPDX-License-Identifier: GPL-2.0 */
/* libsmartcols without its error returns: without memory the program ends. */
#ifndef HMMP2P_TABLE_H
#define HMMP2P_TABLE_H

#include <libsmartcols.h>

#include "hmmp2p.h"

struct table_column {
	const char *title;
	bool right;		/* a number: aligned to the right */
};

struct libscols_table *table_new(const struct table_column *columns, size_t nr);
void table_column(struct libscols_table *table, const char *title, bool right);
struct libscols_line *table_line(struct libscols_table *table);
void table_set(struct libscols_line *line, size_t column, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Print and free. */
void table_print(struct libscols_table *table);

#endif /* HMMP2P_TABLE_H */
