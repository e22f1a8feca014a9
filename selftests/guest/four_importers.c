// SPDX-License-Identifier: GPL-2.0
/*
 * 64 MB from malloc(), moved to a device, then asked for by four importers.
 * One table says what each of them got, and every byte is checked: by the
 * importer, which hands over what it read, and in the end by the CPU.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hmm_p2p.h>
#include <libsmartcols/libsmartcols.h>

#define SIZE		(64UL << 20)
#define HUGE_SIZE	(2UL << 20)

/* QEMU's edu moves a page in 200 ms, so it checks a few; it faults them all. */
#define SLOW_PAGES	4

/**
 * struct importer - one row of the table
 * @what: how the row is called
 * @found: there is such a device
 * @slow: it transfers a few pages only
 * @expect: the outcome that the lab's topology is made to show
 * @info: the device
 * @result: what the kernel says the fault gave
 * @checked: bytes that the importer read and that were right
 * @seconds: for fault and transfer
 */
struct importer {
	const char *what;
	bool found;
	bool slow;
	unsigned int expect;
	struct hmm_p2p_device_info info;
	struct hmm_p2p_access result;
	uint64_t checked;
	double seconds;
};

enum { SAME_OWNER, BUS_MASTER, OTHER_OWNER, FAR_AWAY, NR_IMPORTERS };

static struct importer importers[NR_IMPORTERS] = {
	[SAME_OWNER] = {
		.what = "second device, same owner",
		.expect = HMM_P2P_OUTCOME_PRIVATE,
	},
	[BUS_MASTER] = {
		.what = "edu, a bus master",
		.expect = HMM_P2P_OUTCOME_P2P,
		.slow = true,
	},
	[OTHER_OWNER] = {
		.what = "third device, other owner",
		.expect = HMM_P2P_OUTCOME_P2P,
	},
	[FAR_AWAY] = {
		.what = "device behind another root port",
		.expect = HMM_P2P_OUTCOME_MIGRATED,
	},
};

static struct hmm_p2p *ctx;
static struct hmm_p2p_device_info exporter;
static uint64_t page_size;

static int fail(const char *what, int err, enum hmm_p2p_call call)
{
	fprintf(stderr, "%s: %s\n", what, hmm_p2p_errno_text(err, call));
	return -1;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Differs at every byte offset of the buffer, not only of the page. */
static uint64_t pattern(uint64_t offset)
{
	uint64_t x = offset + 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static void fill(void *buf, uint64_t length)
{
	uint64_t *word = buf;
	uint64_t i;

	for (i = 0; i < length / sizeof(*word); i++)
		word[i] = pattern(i * sizeof(*word));
}

/* Checks what should stand from @offset of the buffer on. */
static int check(const void *data, uint64_t offset, uint64_t length,
		 const char *who)
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

static void take(enum hmm_p2p_outcome outcome, const struct hmm_p2p_device_info *info)
{
	struct importer *imp;

	if (!(info->out_caps & HMM_P2P_CAP_EXPORTER))
		imp = &importers[BUS_MASTER];
	else if (outcome == HMM_P2P_OUTCOME_MIGRATED)
		imp = &importers[FAR_AWAY];
	else if (!importers[SAME_OWNER].found)
		imp = &importers[SAME_OWNER];
	else
		imp = &importers[OTHER_OWNER];
	if (imp->found)
		return;
	imp->found = true;
	imp->info = *info;
}

/* The largest exporter holds the buffer; the kernel's verdicts find the rest. */
static int find_exporter(void)
{
	struct hmm_p2p_device_info info;
	uint32_t id = 0;

	while (!hmm_p2p_device_next(ctx, id, &info)) {
		if (info.out_memory_bytes > exporter.out_memory_bytes)
			exporter = info;
		id = info.out_id + 1;
	}
	if (exporter.out_memory_bytes >= SIZE + HUGE_SIZE)
		return 0;
	fprintf(stderr, "no exporter with more than 64 MB of memory\n");
	return -1;
}

static int find_importers(void)
{
	struct hmm_p2p_device_info info;
	struct hmm_p2p_path path;
	uint32_t id = 0;
	int i, ret;

	while (!hmm_p2p_device_next(ctx, id, &info)) {
		id = info.out_id + 1;
		if (info.out_id == exporter.out_id)
			continue;
		ret = hmm_p2p_path(ctx, exporter.out_id, info.out_id, &path);
		if (ret)
			return fail("path", ret, HMM_P2P_CALL_PATH);
		take(path.out_outcome, &info);
	}
	for (i = 0; i < NR_IMPORTERS; i++) {
		if (importers[i].found)
			continue;
		fprintf(stderr, "this machine has no importer for \"%s\"\n",
			importers[i].what);
		return -1;
	}
	ret = hmm_p2p_set_owner(ctx, importers[SAME_OWNER].info.out_id,
				exporter.out_id, NULL);
	return ret ? fail("owner", ret, HMM_P2P_CALL_SET_OWNER) : 0;
}

static int move_out(void *buf)
{
	struct hmm_p2p_migrate moved;
	double start = now();
	int ret;

	ret = hmm_p2p_migrate(ctx, NULL, exporter.out_id, (uintptr_t)buf, SIZE,
			      &moved);
	if (ret)
		return fail("migrate", ret, HMM_P2P_CALL_MIGRATE);
	printf("%llu of %llu pages moved to %s in %.2f s\n\n",
	       (unsigned long long)moved.out_moved,
	       (unsigned long long)(SIZE / page_size), (char *)exporter.out_name,
	       now() - start);
	if (moved.out_moved == SIZE / page_size)
		return 0;
	fprintf(stderr, "some pages stayed behind\n");
	return -1;
}

static int read_all(struct importer *imp, void *buf, void *copy)
{
	int ret;

	memset(copy, 0, SIZE);
	ret = hmm_p2p_read(ctx, NULL, imp->info.out_id, (uintptr_t)buf, SIZE, copy,
			   0, NULL, &imp->result);
	if (ret)
		return fail(imp->what, ret, HMM_P2P_CALL_ACCESS);
	imp->checked = imp->result.out_bytes;
	return check(copy, 0, SIZE, imp->what);
}

static int read_sample(struct importer *imp, char *buf, void *copy)
{
	uint64_t step = SIZE / SLOW_PAGES, offset;
	struct hmm_p2p_access one;
	int ret;

	ret = hmm_p2p_fault(ctx, NULL, imp->info.out_id, (uintptr_t)buf, SIZE, 0,
			    NULL, &imp->result);
	if (ret)
		return fail(imp->what, ret, HMM_P2P_CALL_ACCESS);
	for (offset = 0; offset < SIZE; offset += step + page_size) {
		memset(copy, 0, page_size);
		ret = hmm_p2p_read(ctx, NULL, imp->info.out_id,
				   (uintptr_t)buf + offset, page_size, copy, 0, NULL,
				   &one);
		if (ret)
			return fail(imp->what, ret, HMM_P2P_CALL_ACCESS);
		if (check(copy, offset, page_size, imp->what))
			return -1;
		imp->checked += one.out_bytes;
	}
	return 0;
}

static uint64_t outcome_pages(const struct hmm_p2p_access *result,
			      unsigned int outcome)
{
	switch (outcome) {
	case HMM_P2P_OUTCOME_PRIVATE:
		return result->out_private;
	case HMM_P2P_OUTCOME_P2P:
		return result->out_p2p;
	case HMM_P2P_OUTCOME_MIGRATED:
		return result->out_migrated;
	default:
		return 0;
	}
}

/* The exporter counts on its own; both must tell the same. */
static int compare_counters(const struct importer *imp,
			    const struct hmm_p2p_stat *before)
{
	static const unsigned int counters[] = {
		[HMM_P2P_OUTCOME_PRIVATE] = HMM_P2P_COUNTER_PRIVATE,
		[HMM_P2P_OUTCOME_P2P] = HMM_P2P_COUNTER_P2P,
		[HMM_P2P_OUTCOME_MIGRATED] = HMM_P2P_COUNTER_SENT_HOME,
	};
	unsigned int counter = counters[imp->expect];
	uint64_t pages = outcome_pages(&imp->result, imp->expect), delta;
	struct hmm_p2p_stat after;
	int ret;

	ret = hmm_p2p_stat(ctx, exporter.out_id, &after);
	if (ret)
		return fail("stat", ret, HMM_P2P_CALL_STAT);
	delta = after.out_counters[counter] - before->out_counters[counter];
	if (imp->slow)
		pages += imp->checked / page_size;
	if (pages == delta && outcome_pages(&imp->result, imp->expect) ==
			      SIZE / page_size)
		return 0;
	fprintf(stderr, "%s: expected %s for all pages; the fault says %llu, the exporter's counter %llu\n",
		imp->what, hmm_p2p_outcome_name(imp->expect),
		(unsigned long long)pages, (unsigned long long)delta);
	return -1;
}

static int reach(struct importer *imp, void *buf, void *copy)
{
	struct hmm_p2p_stat before;
	double start;
	int ret;

	ret = hmm_p2p_stat(ctx, exporter.out_id, &before);
	if (ret)
		return fail("stat", ret, HMM_P2P_CALL_STAT);
	start = now();
	ret = imp->slow ? read_sample(imp, buf, copy) : read_all(imp, buf, copy);
	imp->seconds = now() - start;
	return ret ? ret : compare_counters(imp, &before);
}

static const char *reason_of(const struct hmm_p2p_access *result)
{
	unsigned int i;

	for (i = 1; i < HMM_P2P_REASON_COUNT; i++)
		if (result->out_reasons[i])
			return hmm_p2p_reason_name(i);
	return "-";
}

static void number(struct libscols_line *line, size_t column, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	scols_line_set_data(line, column, text);
}

static void add_row(struct libscols_table *table, const struct importer *imp)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	const struct hmm_p2p_access *r = &imp->result;
	char text[32];

	scols_line_set_data(line, 0, imp->what);
	scols_line_set_data(line, 1, (char *)imp->info.out_bus);
	number(line, 2, r->out_private + r->out_p2p + r->out_migrated + r->out_system);
	number(line, 3, r->out_private);
	number(line, 4, r->out_p2p);
	number(line, 5, r->out_migrated);
	scols_line_set_data(line, 6, reason_of(r));
	number(line, 7, imp->checked);
	snprintf(text, sizeof(text), "%.2f s", imp->seconds);
	scols_line_set_data(line, 8, text);
}

static int print_table(void)
{
	static const char * const columns[] = {
		"IMPORTER", "DEVICE", "PAGES", "PRIVATE", "P2P", "MIGRATED",
		"REASON", "BYTES CHECKED", "TIME",
	};
	struct libscols_table *table = scols_new_table();
	size_t i;

	if (!table)
		return -1;
	for (i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		scols_table_new_column(table, columns[i], 0,
				       i >= 2 && i != 6 ? SCOLS_FL_RIGHT : 0);
	for (i = 0; i < NR_IMPORTERS; i++)
		add_row(table, &importers[i]);
	scols_table_set_termwidth(table, 160);
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	scols_print_table(table);
	scols_unref_table(table);
	return 0;
}

static int run(void *buf, void *copy)
{
	int i;

	if (find_exporter() || find_importers())
		return -1;
	printf("64 MB from malloc(), on %s (%s)\n", (char *)exporter.out_name,
	       (char *)exporter.out_bus);
	fill(buf, SIZE);
	if (move_out(buf))
		return -1;
	for (i = 0; i < NR_IMPORTERS; i++)
		if (reach(&importers[i], buf, copy))
			return -1;
	if (print_table() || check(buf, 0, SIZE, "CPU"))
		return -1;
	printf("\nCPU: all %lu bytes are right\n", SIZE);
	return 0;
}

int main(void)
{
	void *raw = malloc(SIZE + HUGE_SIZE), *copy = malloc(SIZE);
	void *buf = (void *)(((uintptr_t)raw + HUGE_SIZE - 1) & ~(HUGE_SIZE - 1));
	int ret = hmm_p2p_open(&ctx);

	if (ret) {
		fail("open", ret, HMM_P2P_CALL_OPEN);
		return 1;
	}
	page_size = hmm_p2p_page_size(ctx);
	ret = raw && copy ? run(buf, copy) : -1;
	hmm_p2p_close(ctx);
	free(copy);
	free(raw);
	return ret ? 1 : 0;
}
