/* SPDX-License-Identifier: GPL-2.0 */
/* The demonstration: 64 MB from malloc(), and devices that want them. */
#ifndef DEMO_H
#define DEMO_H

#include <stdint.h>

#include <hmm_p2p.h>
#include <libsmartcols/libsmartcols.h>

#define DEMO_SIZE	(64UL << 20)
#define DEMO_ALIGN	(2UL << 20)

extern struct hmm_p2p *demo_ctx;
extern uint64_t demo_page_size;

/* Its two parts. Return: 0, or -1, and why was printed. */
int demo_accelerators(void *buf);
int demo_importers(void *buf, void *copy);

/* Says what failed. Return: -1. */
int demo_fail(const char *what, int err, enum hmm_p2p_call call);

double demo_now(void);

/* A word that differs at every offset of the buffer, not only of the page. */
void demo_fill(void *buf);

/* Checks what should stand from @offset of the buffer on. Return: 0 or -1. */
int demo_check(const void *data, uint64_t offset, uint64_t length, const char *who);

/* @columns: ends with NULL. To the right, but for the first and those in @left. */
struct libscols_table *demo_table(const char *const *columns, const char *left);
void demo_number(struct libscols_line *line, size_t column, uint64_t value);
void demo_seconds(struct libscols_line *line, size_t column, double seconds);
void demo_print(struct libscols_table *table);

#endif /* DEMO_H */
