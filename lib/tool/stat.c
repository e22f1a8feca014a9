// SPDX-License-Identifier: GPL-2.0
/* hmmp2p stat: the counters of the exporters. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "table.h"

struct counted {
	const struct hmm_p2p_device_info *info;
	struct hmm_p2p_stat stat;
};

struct stat_run {
	struct tool *tool;
	const char *name;		/* NULL: all exporters */
	struct device_list devices;
	struct hmm_p2p_device_info one;
	struct counted *counted;
	size_t nr;
};

static int count(struct stat_run *run, const struct hmm_p2p_device_info *info)
{
	struct counted *counted = &run->counted[run->nr];
	int err = hmm_p2p_stat(run->tool->ctx, info->out_id, &counted->stat);

	/* Without a name, a device that just went away is nobody's problem. */
	if (!run->name && (err == -ENOENT || err == -ENODEV))
		return EXIT_OK;
	if (err)
		return complain_call(err, HMM_P2P_CALL_STAT, "device '%s'",
				     device_name(info));
	counted->info = info;
	run->nr++;
	return EXIT_OK;
}

static int count_one(struct stat_run *run)
{
	if (tool_find(run->tool, run->name, &run->one))
		return EXIT_FAILED;
	run->counted = xcalloc(1, sizeof(*run->counted));
	return count(run, &run->one);
}

static int count_all(struct stat_run *run)
{
	size_t i;

	if (device_list_load(run->tool, &run->devices))
		return EXIT_FAILED;
	run->counted = xcalloc(run->devices.nr, sizeof(*run->counted));
	for (i = 0; i < run->devices.nr; i++) {
		const struct hmm_p2p_device_info *info = &run->devices.devices[i];

		if ((info->out_caps & HMM_P2P_CAP_EXPORTER) && count(run, info))
			return EXIT_FAILED;
	}
	return EXIT_OK;
}

static void add_counter(const struct stat_run *run, struct libscols_table *table,
			unsigned int counter)
{
	struct libscols_line *line = table_line(table);
	size_t i;

	table_set(line, 0, "%s", hmm_p2p_counter_name(counter));
	for (i = 0; i < run->nr; i++)
		table_set(line, i + 1, "%" PRIu64,
			  (uint64_t)run->counted[i].stat.out_counters[counter]);
}

/* Reasons that never came up are left out. */
static void add_reason(const struct stat_run *run, struct libscols_table *table,
		       unsigned int reason)
{
	struct libscols_line *line;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < run->nr; i++)
		sum += run->counted[i].stat.out_reasons[reason];
	if (!sum)
		return;
	line = table_line(table);
	table_set(line, 0, "sent_home: %s", hmm_p2p_reason_name(reason));
	for (i = 0; i < run->nr; i++)
		table_set(line, i + 1, "%" PRIu64,
			  (uint64_t)run->counted[i].stat.out_reasons[reason]);
}

static void print_text(const struct stat_run *run)
{
	struct libscols_table *table = table_new(NULL, 0);
	unsigned int i;

	table_column(table, "PAGES", false);
	for (i = 0; i < run->nr; i++)
		table_column(table, device_name(run->counted[i].info), true);
	for (i = 0; i < HMM_P2P_COUNTER_COUNT; i++)
		add_counter(run, table, i);
	for (i = 0; i < HMM_P2P_REASON_SLOTS; i++)
		add_reason(run, table, i);
	if (run->nr)
		table_print(table);
	else
		scols_unref_table(table);
	if (!run->nr)
		puts("No device has memory: load a device module such as hmm_p2p_pci or hmm_p2p_carveout.");
}

static void print_json(const struct stat_run *run)
{
	struct json_object *top = json_top("hmmp2p.stat.1");
	struct json_object *array = json_put_array(top, "devices");
	unsigned int c;
	size_t i;

	for (i = 0; i < run->nr; i++) {
		const struct counted *counted = &run->counted[i];
		struct json_object *device = json_append_object(array);
		struct json_object *counters;

		json_put_device(device, counted->info);
		counters = json_put_object(device, "counters");
		for (c = 0; c < HMM_P2P_COUNTER_COUNT; c++)
			json_put_u64(counters, hmm_p2p_counter_name(c),
				     counted->stat.out_counters[c]);
		json_put_reasons(device, "sent_home_reasons",
				 counted->stat.out_reasons);
	}
	json_print(top);
}

static error_t parse_stat(int key, char *arg, struct argp_state *state)
{
	struct stat_run *run = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = run->tool;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "'%s' is too much: one device or none", arg);
		run->name = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int verb_stat(struct tool *tool, int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, "", 0 }, { 0 } };
	static const struct argp argp = {
		.parser = parse_stat,
		.args_doc = "[DEV]",
		.doc = "Show the counters of one device or of all that have memory, in pages since the device was registered.",
		.children = children,
	};
	struct stat_run run = { .tool = tool };
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &run);
	if (tool_open(tool))
		return EXIT_FAILED;
	status = run.name ? count_one(&run) : count_all(&run);
	if (!status && tool->json)
		print_json(&run);
	else if (!status)
		print_text(&run);
	free(run.counted);
	device_list_free(&run.devices);
	return status;
}
