// SPDX-License-Identifier: GPL-2.0
/*
 * The demonstration: 64 MB from malloc(), first for accelerators whose jobs work on
 * them, where the machine has some, then for four importers. The CPU has the last
 * look at every byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "demo.h"

struct hmm_p2p *demo_ctx;
uint64_t demo_page_size;

int demo_fail(const char *what, int err, enum hmm_p2p_call call)
{
	fprintf(stderr, "%s: %s\n", what, hmm_p2p_errno_text(err, call));
	return -1;
}

double demo_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint64_t pattern(uint64_t offset)
{
	uint64_t x = offset + 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

void demo_fill(void *buf)
{
	uint64_t *word = buf;
	uint64_t i;

	for (i = 0; i < DEMO_SIZE / sizeof(*word); i++)
		word[i] = pattern(i * sizeof(*word));
}

int demo_check(const void *data, uint64_t offset, uint64_t length, const char *who)
{
	const uint64_t *word = data;
	uint64_t i;

	for (i = 0; i < length; i += sizeof(*word)) {
		if (word[i / sizeof(*word)] == pattern(offset + i))
			continue;
		fprintf(stderr, "%s: wrong data at byte %llu of the buffer\n", who,
			(unsigned long long)(offset + i));
		return -1;
	}
	return 0;
}

struct libscols_table *demo_table(const char *const *columns, const char *left)
{
	struct libscols_table *table = scols_new_table();
	size_t i;

	for (i = 0; table && columns[i]; i++)
		scols_table_new_column(table, columns[i], 0,
				       i && !strstr(left, columns[i]) ? SCOLS_FL_RIGHT : 0);
	return table;
}

void demo_number(struct libscols_line *line, size_t column, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	scols_line_set_data(line, column, text);
}

void demo_seconds(struct libscols_line *line, size_t column, double seconds)
{
	char text[32];

	snprintf(text, sizeof(text), "%.2f s", seconds);
	scols_line_set_data(line, column, text);
}

void demo_print(struct libscols_table *table)
{
	scols_table_set_termwidth(table, 160);
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	scols_print_table(table);
	scols_unref_table(table);
}

static int run(void *buf, void *copy)
{
	if (demo_accelerators(buf) || demo_importers(buf, copy) ||
	    demo_check(buf, 0, DEMO_SIZE, "CPU"))
		return -1;
	printf("\nCPU: all %lu bytes are right\n", DEMO_SIZE);
	return 0;
}

int main(void)
{
	void *raw = malloc(DEMO_SIZE + DEMO_ALIGN), *copy = malloc(DEMO_SIZE);
	void *buf = (void *)(((uintptr_t)raw + DEMO_ALIGN - 1) & ~(DEMO_ALIGN - 1));
	int ret = hmm_p2p_open(&demo_ctx);

	if (ret) {
		demo_fail("open", ret, HMM_P2P_CALL_OPEN);
		return 1;
	}
	demo_page_size = hmm_p2p_page_size(demo_ctx);
	ret = raw && copy ? run(buf, copy) : -1;
	hmm_p2p_close(demo_ctx);
	free(copy);
	free(raw);
	return ret ? 1 : 0;
}
