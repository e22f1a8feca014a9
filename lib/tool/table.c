// SPDX-License-Identifier: GPL-2.0
/* libsmartcols without its error returns: without memory the program ends. */
#include <stdarg.h>
#include <stdio.h>

#include "table.h"

struct libscols_table *table_new(const struct table_column *columns, size_t nr)
{
	struct libscols_table *table = scols_new_table();
	size_t i;

	if (!table)
		out_of_memory();
	for (i = 0; i < nr; i++)
		table_column(table, columns[i].title, columns[i].right);
	return table;
}

void table_column(struct libscols_table *table, const char *title, bool right)
{
	if (!scols_table_new_column(table, title, 0,
				    right ? SCOLS_FL_RIGHT : 0))
		out_of_memory();
}

struct libscols_line *table_line(struct libscols_table *table)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);

	if (!line)
		out_of_memory();
	return line;
}

void table_set(struct libscols_line *line, size_t column, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0 || scols_line_refer_data(line, column, text))
		out_of_memory();
}

void table_print(struct libscols_table *table)
{
	if (scols_print_table(table))
		out_of_memory();
	scols_unref_table(table);
}
