// SPDX-License-Identifier: GPL-2.0
/*
 * The buffer is moved to a device, then asked for by four importers. One table
 * says what each of them got, and every byte is checked: by the importer, which
 * hands over what it read, and in the end by the CPU.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo.h"

#define SIZE		DEMO_SIZE
#define HUGE_SIZE	DEMO_ALIGN

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

static struct hmm_p2p_device_info exporter;

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

	while (!hmm_p2p_device_next(demo_ctx, id, &info)) {
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

	while (!hmm_p2p_device_next(demo_ctx, id, &info)) {
		id = info.out_id + 1;
		if (info.out_id == exporter.out_id)
			continue;
		ret = hmm_p2p_path(demo_ctx, exporter.out_id, info.out_id, &path);
		if (ret)
			return demo_fail("path", ret, HMM_P2P_CALL_PATH);
		take(path.out_outcome, &info);
	}
	for (i = 0; i < NR_IMPORTERS; i++) {
		if (importers[i].found)
			continue;
		fprintf(stderr, "this machine has no importer for \"%s\"\n",
			importers[i].what);
		return -1;
	}
	ret = hmm_p2p_set_owner(demo_ctx, importers[SAME_OWNER].info.out_id,
				exporter.out_id, NULL);
	return ret ? demo_fail("owner", ret, HMM_P2P_CALL_SET_OWNER) : 0;
}

static int move_out(void *buf)
{
	struct hmm_p2p_migrate moved;
	double start = demo_now();
	int ret;

	ret = hmm_p2p_migrate(demo_ctx, NULL, exporter.out_id, (uintptr_t)buf, SIZE,
			      &moved);
	if (ret)
		return demo_fail("migrate", ret, HMM_P2P_CALL_MIGRATE);
	printf("%llu of %llu pages moved to %s in %.2f s\n\n",
	       (unsigned long long)moved.out_moved,
	       (unsigned long long)(SIZE / demo_page_size), (char *)exporter.out_name,
	       demo_now() - start);
	if (moved.out_moved == SIZE / demo_page_size)
		return 0;
	fprintf(stderr, "some pages stayed behind\n");
	return -1;
}

static int read_all(struct importer *imp, void *buf, void *copy)
{
	int ret;

	memset(copy, 0, SIZE);
	ret = hmm_p2p_read(demo_ctx, NULL, imp->info.out_id, (uintptr_t)buf, SIZE, copy,
			   0, NULL, &imp->result);
	if (ret)
		return demo_fail(imp->what, ret, HMM_P2P_CALL_ACCESS);
	imp->checked = imp->result.out_bytes;
	return demo_check(copy, 0, SIZE, imp->what);
}

static int read_sample(struct importer *imp, char *buf, void *copy)
{
	uint64_t step = SIZE / SLOW_PAGES, offset;
	struct hmm_p2p_access one;
	int ret;

	ret = hmm_p2p_fault(demo_ctx, NULL, imp->info.out_id, (uintptr_t)buf, SIZE, 0,
			    NULL, &imp->result);
	if (ret)
		return demo_fail(imp->what, ret, HMM_P2P_CALL_ACCESS);
	for (offset = 0; offset < SIZE; offset += step + demo_page_size) {
		memset(copy, 0, demo_page_size);
		ret = hmm_p2p_read(demo_ctx, NULL, imp->info.out_id,
				   (uintptr_t)buf + offset, demo_page_size, copy, 0, NULL,
				   &one);
		if (ret)
			return demo_fail(imp->what, ret, HMM_P2P_CALL_ACCESS);
		if (demo_check(copy, offset, demo_page_size, imp->what))
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

	ret = hmm_p2p_stat(demo_ctx, exporter.out_id, &after);
	if (ret)
		return demo_fail("stat", ret, HMM_P2P_CALL_STAT);
	delta = after.out_counters[counter] - before->out_counters[counter];
	if (imp->slow)
		pages += imp->checked / demo_page_size;
	if (pages == delta && outcome_pages(&imp->result, imp->expect) ==
			      SIZE / demo_page_size)
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

	ret = hmm_p2p_stat(demo_ctx, exporter.out_id, &before);
	if (ret)
		return demo_fail("stat", ret, HMM_P2P_CALL_STAT);
	start = demo_now();
	ret = imp->slow ? read_sample(imp, buf, copy) : read_all(imp, buf, copy);
	imp->seconds = demo_now() - start;
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

static void add_row(struct libscols_table *table, const struct importer *imp)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	const struct hmm_p2p_access *r = &imp->result;

	scols_line_set_data(line, 0, imp->what);
	scols_line_set_data(line, 1, (char *)imp->info.out_bus);
	demo_number(line, 2, r->out_private + r->out_p2p + r->out_migrated + r->out_system);
	demo_number(line, 3, r->out_private);
	demo_number(line, 4, r->out_p2p);
	demo_number(line, 5, r->out_migrated);
	scols_line_set_data(line, 6, reason_of(r));
	demo_number(line, 7, imp->checked);
	demo_seconds(line, 8, imp->seconds);
}

static int print_table(void)
{
	static const char * const columns[] = {
		"IMPORTER", "DEVICE", "PAGES", "PRIVATE", "P2P", "MIGRATED",
		"REASON", "BYTES CHECKED", "TIME", NULL,
	};
	struct libscols_table *table = demo_table(columns, "DEVICE,REASON");
	size_t i;

	if (!table)
		return -1;
	for (i = 0; i < NR_IMPORTERS; i++)
		add_row(table, &importers[i]);
	demo_print(table);
	return 0;
}

int demo_importers(void *buf, void *copy)
{
	int i;

	if (find_exporter() || find_importers())
		return -1;
	printf("64 MB from malloc(), on %s (%s)\n", (char *)exporter.out_name,
	       (char *)exporter.out_bus);
	demo_fill(buf);
	if (move_out(buf))
		return -1;
	for (i = 0; i < NR_IMPORTERS; i++)
		if (reach(&importers[i], buf, copy))
			return -1;
	return print_table();
}
