// SPDX-License-Identifier: GPL-2.0
/* hmmp2p stat: the counters of the exporters. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "counters.h"
#include "json.h"
#include "table.h"
#include "watch.h"

#define SECONDS_MIN	0.01
#define SECONDS_MAX	1e6

struct stat_run {
	struct tool *tool;
	const char *name;		/* NULL: all exporters */
	struct counters counters;
	double seconds;			/* 0: once */
	unsigned long times;
};

static void add_counter(const struct stat_run *run, struct libscols_table *table,
			unsigned int counter)
{
	struct libscols_line *line = table_line(table);
	size_t i;

	table_set(line, 0, "%s", hmm_p2p_counter_name(counter));
	for (i = 0; i < run->counters.nr; i++)
		table_set(line, i + 1, "%" PRIu64,
			  (uint64_t)run->counters.counted[i].stat.out_counters[counter]);
}

/* Reasons that never came up are left out. */
static void add_reason(const struct stat_run *run, struct libscols_table *table,
		       unsigned int reason)
{
	struct libscols_line *line;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < run->counters.nr; i++)
		sum += run->counters.counted[i].stat.out_reasons[reason];
	if (!sum)
		return;
	line = table_line(table);
	table_set(line, 0, "sent_home: %s", hmm_p2p_reason_name(reason));
	for (i = 0; i < run->counters.nr; i++)
		table_set(line, i + 1, "%" PRIu64,
			  (uint64_t)run->counters.counted[i].stat.out_reasons[reason]);
}

static void print_text(const struct stat_run *run)
{
	struct libscols_table *table = table_new(NULL, 0);
	unsigned int i;

	table_column(table, "PAGES", false);
	for (i = 0; i < run->counters.nr; i++)
		table_column(table, device_name(&run->counters.counted[i].info), true);
	for (i = 0; i < HMM_P2P_COUNTER_COUNT; i++)
		add_counter(run, table, i);
	for (i = 0; i < HMM_P2P_REASON_SLOTS; i++)
		add_reason(run, table, i);
	if (run->counters.nr)
		table_print(table);
	else
		scols_unref_table(table);
	if (!run->counters.nr)
		puts("No device has memory: load a device module such as hmm_p2p_pci or hmm_p2p_carveout.");
}

static void print_json(const struct stat_run *run)
{
	struct json_object *top = json_top("hmmp2p.stat.1");
	struct json_object *array = json_put_array(top, "devices");
	unsigned int c;
	size_t i;

	for (i = 0; i < run->counters.nr; i++) {
		const struct counted *counted = &run->counters.counted[i];
		struct json_object *device = json_append_object(array);
		struct json_object *counters;

		json_put_device(device, &counted->info);
		counters = json_put_object(device, "counters");
		for (c = 0; c < HMM_P2P_COUNTER_COUNT; c++)
			json_put_u64(counters, hmm_p2p_counter_name(c),
				     counted->stat.out_counters[c]);
		json_put_reasons(device, "sent_home_reasons",
				 counted->stat.out_reasons);
	}
	json_print(top);
}

static double parse_seconds(const char *text, struct argp_state *state)
{
	char *end;
	double seconds = strtod(text, &end);

	if (*end || end == text || !(seconds >= SECONDS_MIN && seconds <= SECONDS_MAX))
		argp_error(state, "'%s' are no seconds", text);
	return seconds;
}

static unsigned long parse_times(const char *text, struct argp_state *state)
{
	char *end;
	long times = strtol(text, &end, 10);

	if (*end || times <= 0)
		argp_error(state, "'%s' is no number of times", text);
	return (unsigned long)times;
}

static error_t parse_stat(int key, char *arg, struct argp_state *state)
{
	struct stat_run *run = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = run->tool;
		return 0;
	case 'w':
		run->seconds = arg ? parse_seconds(arg, state) : 1;
		return 0;
	case 'n':
		run->times = parse_times(arg, state);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "'%s' is too much: one device or none", arg);
		run->name = arg;
		return 0;
	case ARGP_KEY_END:
		if (run->times && !run->seconds)
			argp_error(state, "--times goes with --watch");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The counters as they are now. */
static int show(struct stat_run *run)
{
	int status = counters_load(run->tool, run->name, &run->counters);

	if (!status && run->tool->json)
		print_json(run);
	else if (!status)
		print_text(run);
	counters_free(&run->counters);
	return status;
}

int verb_stat(struct tool *tool, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "watch", 'w', "SECONDS", OPTION_ARG_OPTIONAL,
		  "Show what is counted every so many seconds (1), until ctrl-C", 0 },
		{ "times", 'n', "N", 0, "End after N times", 0 },
		{ 0 }
	};
	static const struct argp_child children[] = { { &common_argp, 0, "", 0 }, { 0 } };
	static const struct argp argp = {
		.options = options,
		.parser = parse_stat,
		.args_doc = "[DEV]",
		.doc = "Show the counters of one device or of all that have memory, in pages since the device was registered.",
		.children = children,
	};
	struct stat_run run = { .tool = tool };

	argp_parse(&argp, argc, argv, 0, NULL, &run);
	if (tool_open(tool))
		return EXIT_FAILED;
	if (run.seconds > 0)
		return watch(tool, run.name, run.seconds, run.times);
	return show(&run);
}
