// SPDX-License-Identifier: GPL-2.0
/* The counters of the exporters, as they go. */
#include <stdio.h>
#include <time.h>

#include "counters.h"
#include "json.h"
#include "table.h"
#include "watch.h"

/* What was counted from @before to @now, in @seconds. */
struct interval {
	struct tool *tool;
	const struct counters *before, *now;
	double seconds;
};

static double seconds_between(const struct timespec *from, const struct timespec *to)
{
	return (double)(to->tv_sec - from->tv_sec) +
	       (double)(to->tv_nsec - from->tv_nsec) / 1e9;
}

/* A device that has come since begins at 0. */
static uint64_t counted_since(const struct interval *interval,
			      const struct counted *now, unsigned int counter)
{
	const struct counters *before = interval->before;
	size_t i;

	for (i = 0; i < before->nr; i++)
		if (before->counted[i].info.out_id == now->info.out_id)
			return now->stat.out_counters[counter] -
			       before->counted[i].stat.out_counters[counter];
	return now->stat.out_counters[counter];
}

static void add_device(const struct interval *interval, struct libscols_table *table,
		       const struct counted *now)
{
	static const enum hmm_p2p_counter shown[] = {
		HMM_P2P_COUNTER_PRIVATE, HMM_P2P_COUNTER_P2P, HMM_P2P_COUNTER_SENT_HOME,
		HMM_P2P_COUNTER_TO_DEVICE, HMM_P2P_COUNTER_TO_RAM,
	};
	const size_t nr = sizeof(shown) / sizeof(shown[0]);
	struct libscols_line *line = table_line(table);
	char used[SIZE_TEXT_MAX];
	size_t i;

	table_set(line, 0, "%s", device_name(&now->info));
	for (i = 0; i < nr; i++)
		table_set(line, i + 1, "%.0f",
			  (double)counted_since(interval, now, shown[i]) /
			  interval->seconds);
	table_set(line, nr + 1, "%s",
		  size_text(interval->tool, now->info.out_used_bytes, used));
}

static void print_text(const struct interval *interval)
{
	static const struct table_column columns[] = {
		{ "PAGES/s", false }, { "PRIVATE", true }, { "P2P", true },
		{ "SENT HOME", true }, { "TO DEVICE", true }, { "TO RAM", true },
		{ "USED", true },
	};
	struct libscols_table *table;
	size_t i;

	if (!interval->now->nr) {
		puts("no device has memory");
		return;
	}
	table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < interval->now->nr; i++)
		add_device(interval, table, &interval->now->counted[i]);
	table_print(table);
	putchar('\n');
}

static void print_json(const struct interval *interval)
{
	struct json_object *top = json_top("hmmp2p.watch.1");
	struct json_object *array, *device, *counters;
	unsigned int c;
	size_t i;

	json_put_double(top, "seconds", interval->seconds);
	array = json_put_array(top, "devices");
	for (i = 0; i < interval->now->nr; i++) {
		const struct counted *now = &interval->now->counted[i];

		device = json_append_object(array);
		json_put_device(device, &now->info);
		json_put_u64(device, "used_bytes", now->info.out_used_bytes);
		counters = json_put_object(device, "counters");
		for (c = 0; c < HMM_P2P_COUNTER_COUNT; c++)
			json_put_u64(counters, hmm_p2p_counter_name(c),
				     counted_since(interval, now, c));
	}
	json_print_line(top);
}

static void pause_for(double seconds)
{
	struct timespec rest = { .tv_sec = (time_t)seconds };

	rest.tv_nsec = (long)((seconds - (double)rest.tv_sec) * 1e9);
	while (nanosleep(&rest, &rest))
		;
}

/* Who reads it through a pipe has it at once. */
static void print(const struct interval *interval)
{
	if (interval->tool->json)
		print_json(interval);
	else
		print_text(interval);
	fflush(stdout);
}

int watch(struct tool *tool, const char *name, double seconds, unsigned long times)
{
	struct counters before, now;
	struct interval interval = { .tool = tool, .before = &before, .now = &now };
	int status = counters_load(tool, name, &before);
	unsigned long i;

	for (i = 0; !status && !ferror(stdout) && (!times || i < times); i++) {
		pause_for(seconds);
		status = counters_load(tool, name, &now);
		interval.seconds = seconds_between(&before.at, &now.at);
		if (!status)
			print(&interval);
		counters_free(&before);
		before = now;
	}
	counters_free(&before);
	return status;
}
