// SPDX-License-Identifier: GPL-2.0
/* hmmp2p migrate: move memory of a process to a device, or back to RAM. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "maps.h"
#include "move.h"
#include "range.h"
#include "signals.h"
#include "stretches.h"
#include "table.h"

struct migrate_run {
	struct tool *tool;
	pid_t pid;
	const char *range_text;
	const char *to;
	bool to_ram;
	uint32_t flags;
	struct hmm_p2p_device_info device;	/* zero for RAM */

	struct hmm_p2p_range *ranges;
	size_t nr_ranges;
	struct stretches stretches;	/* what the driver is asked for */

	struct hmm_p2p_migrate sum;
	int err;
};

/* ----------------------------------------------------------------- ranges */

static void add_range(struct migrate_run *run, uint64_t addr, uint64_t length, bool joins)
{
	append_range(&run->ranges, &run->nr_ranges, addr, length);
	stretches_add(&run->stretches, addr, length, joins);
}

/* PROT_NONE memory is address space only: "all" leaves it alone. */
static bool is_wanted(const struct migrate_run *run,
		      const struct mapping *mapping)
{
	if (run->range_text[0] == '[')
		return !strcmp(run->range_text, mapping->name);
	return mapping_is_anonymous(mapping) && mapping->accessible;
}

/* Guard pages, and what is only reserved. */
static bool is_nothing(const struct mapping *mapping)
{
	return mapping_is_anonymous(mapping) && !mapping->accessible;
}

static int ranges_from_maps(struct migrate_run *run)
{
	struct maps maps;
	int err = maps_load(run->pid, &maps);
	bool joins = false;
	size_t i;

	if (err)
		return complain_process(err, HMM_P2P_CALL_PROCESS, run->pid);
	for (i = 0; i < maps.nr; i++) {
		const struct mapping *mapping = &maps.mappings[i];

		if (is_wanted(run, mapping))
			add_range(run, mapping->start,
				  mapping->end - mapping->start, joins);
		joins = is_wanted(run, mapping) || (joins && is_nothing(mapping));
	}
	maps_free(&maps);
	if (!run->nr_ranges)
		return complain("process %d has no mapping that '%s' means: look at /proc/%d/maps",
				(int)run->pid, run->range_text, (int)run->pid);
	return EXIT_OK;
}

static int range_from_text(struct migrate_run *run)
{
	uint32_t page_size = hmm_p2p_page_size(run->tool->ctx);
	struct range range;
	const char *problem = range_parse(run->range_text, &range);

	/* The parser of the command line has seen it before. */
	if (problem)
		return complain("range '%s': %s", run->range_text, problem);
	if (range.addr % page_size || range.length % page_size)
		return complain("range '%s': start and end must be multiples of the page size, %u bytes: 0x%" PRIx64 "-0x%" PRIx64 " covers it",
				run->range_text, page_size,
				range.addr / page_size * page_size,
				(range.addr + range.length + page_size - 1) /
					page_size * page_size);
	add_range(run, range.addr, range.length, false);
	return EXIT_OK;
}

static bool is_symbolic(const char *text)
{
	return !strcmp(text, "all") || text[0] == '[';
}

/* ----------------------------------------------------------------- moving */

static void move_all(struct migrate_run *run,
		     const struct hmm_p2p_process *process)
{
	struct move move = {
		.tool = run->tool,
		.steps = {
			.process = process,
			.device = run->device.out_id,
			.flags = run->flags,
			.ranges = run->stretches.ranges,
			.nr = run->stretches.nr,
			.gaps = run->stretches.gaps,
			.nr_gaps = run->stretches.nr_gaps,
		},
	};

	signals_catch();
	run->err = move_run(&move);
	run->sum = move.steps.sum;
}

static uint64_t pages_asked(const struct migrate_run *run)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < run->nr_ranges; i++)
		bytes += run->ranges[i].length;
	return bytes / hmm_p2p_page_size(run->tool->ctx);
}

/* ----------------------------------------------------------------- output */

static void add_row(const struct migrate_run *run, struct libscols_table *table,
		    uint64_t pages, const char *what, const char *why)
{
	struct libscols_line *line = table_line(table);
	char size[SIZE_TEXT_MAX];
	uint64_t bytes = pages * hmm_p2p_page_size(run->tool->ctx);

	table_set(line, 0, "%s%s", what, why);
	table_set(line, 1, "%" PRIu64, pages);
	table_set(line, 2, "%s", size_text(run->tool, bytes, size));
}

/* Pages that the counts say something about. */
static uint64_t pages_told(const struct migrate_run *run)
{
	const struct hmm_p2p_migrate *sum = &run->sum;
	uint64_t pages = sum->out_moved + sum->out_already;
	unsigned int i;

	for (i = 0; i < HMM_P2P_REASON_SLOTS; i++)
		pages += sum->out_reasons[i];
	return pages;
}

static void print_text(const struct migrate_run *run)
{
	static const struct table_column columns[] = {
		{ "RESULT", false }, { "PAGES", true }, { "SIZE", true },
	};
	struct libscols_table *table = table_new(columns, ARRAY_SIZE(columns));
	const struct hmm_p2p_migrate *sum = &run->sum;
	unsigned int i;

	add_row(run, table, pages_asked(run), "asked", "");
	add_row(run, table, sum->out_moved - sum->out_populated, "moved", "");
	if (!run->to_ram)
		add_row(run, table, sum->out_populated, "first touched", "");
	add_row(run, table, sum->out_already, "already there", "");
	for (i = 0; i < HMM_P2P_REASON_SLOTS; i++)
		if (sum->out_reasons[i])
			add_row(run, table, sum->out_reasons[i], "stayed behind: ",
				hmm_p2p_reason_name(i));
	/* A move that failed ends where it is. */
	if (pages_asked(run) > pages_told(run))
		add_row(run, table, pages_asked(run) - pages_told(run), "not tried", "");
	table_print(table);

	for (i = 0; i < HMM_P2P_REASON_SLOTS; i++)
		if (sum->out_reasons[i])
			printf("%s: %s\n", hmm_p2p_reason_name(i),
			       hmm_p2p_reason_text(i));
}

static void print_json(const struct migrate_run *run)
{
	struct json_object *top = json_top("hmmp2p.migrate.1");
	const struct hmm_p2p_migrate *sum = &run->sum;
	struct json_object *array, *object;
	size_t i;

	json_put_int(top, "pid", run->pid);
	json_put_int(top, "page_size", hmm_p2p_page_size(run->tool->ctx));
	if (run->to_ram)
		json_put_null(top, "to");
	else
		json_put_device(json_put_object(top, "to"), &run->device);
	array = json_put_array(top, "ranges");
	for (i = 0; i < run->nr_ranges; i++) {
		object = json_append_object(array);
		json_put_u64(object, "addr", run->ranges[i].addr);
		json_put_u64(object, "length", run->ranges[i].length);
	}
	json_put_u64(top, "asked_pages", pages_asked(run));
	json_put_u64(top, "moved_pages", sum->out_moved);
	json_put_u64(top, "populated_pages", sum->out_populated);
	json_put_u64(top, "already_pages", sum->out_already);
	json_put_reasons(top, "stayed_pages", sum->out_reasons);
	json_put_error(top, run->err, HMM_P2P_CALL_MIGRATE);
	json_print(top);
}

static int report(const struct migrate_run *run)
{
	if (run->tool->json)
		print_json(run);
	else if (!run->err || pages_told(run))
		print_text(run);
	run->tool->dies_of_signal = signals_caught();
	if (!run->err)
		return EXIT_OK;
	fflush(stdout);
	if (run->err == -EACCES)
		return complain_process(run->err, HMM_P2P_CALL_MIGRATE, run->pid);
	return complain_call(run->err, HMM_P2P_CALL_MIGRATE,
			     "process %d, range at 0x%" PRIx64, (int)run->pid,
			     (uint64_t)run->sum.addr);
}

/* ------------------------------------------------------------------- verb */

static int migrate_process(struct migrate_run *run)
{
	struct hmm_p2p_process process;
	int status;

	if (!run->to_ram && tool_find(run->tool, run->to, &run->device))
		return EXIT_FAILED;
	if (tool_process(&process, run->pid))
		return EXIT_FAILED;
	if (is_symbolic(run->range_text))
		status = ranges_from_maps(run);
	else
		status = range_from_text(run);
	if (!status) {
		move_all(run, &process);
		status = report(run);
	}
	hmm_p2p_process_close(&process);
	return status;
}

static void parse_range(const char *text, struct argp_state *state)
{
	struct range range;
	const char *problem = NULL;

	if (!is_symbolic(text))
		problem = range_parse(text, &range);
	if (problem)
		argp_error(state, "range '%s': %s", text, problem);
}

/* Options that have no letter. */
enum { OPT_NO_EVICT = 256, OPT_POPULATE };

static error_t parse_migrate(int key, char *arg, struct argp_state *state)
{
	struct migrate_run *run = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = run->tool;
		return 0;
	case 't':
		run->to = arg;
		run->to_ram = !strcmp(arg, "ram");
		return 0;
	case OPT_NO_EVICT:
		run->flags |= HMM_P2P_MIGRATE_NO_EVICT;
		return 0;
	case OPT_POPULATE:
		run->flags |= HMM_P2P_MIGRATE_POPULATE;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			argp_error(state, "'%s' is too much", arg);
		if (state->arg_num) {
			parse_range(arg, state);
			run->range_text = arg;
		} else {
			run->pid = parse_pid(arg, state);
		}
		return 0;
	case ARGP_KEY_END:
		if (state->arg_num < 2)
			argp_error(state, "a PID and a RANGE are needed");
		if (!run->to)
			argp_error(state, "where to? --to DEV or --to ram is missing");
		if (run->to_ram && run->flags & HMM_P2P_MIGRATE_POPULATE)
			argp_error(state, "--populate touches memory first on a device, and --to ram names none");
		if (run->to_ram)
			run->flags |= HMM_P2P_MIGRATE_TO_RAM;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option migrate_options[] = {
	{ "to", 't', "DEV|ram", 0, "Where to: a device, or RAM", 0 },
	{ "no-evict", OPT_NO_EVICT, NULL, 0, "When the device is full, stop: evict nobody", 0 },
	{ "populate", OPT_POPULATE, NULL, 0, "What nobody has touched is touched first on the device", 0 },
	{ 0 },
};

int verb_migrate(struct tool *tool, int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, "", 0 }, { 0 } };
	static const struct argp argp = {
		.options = migrate_options,
		.parser = parse_migrate,
		.args_doc = "PID RANGE",
		.doc = "Move memory of a process to a device, or back to RAM.\v"
		       "RANGE is START-END or START+LENGTH, in decimal or 0x and hexadecimal, with K, M, G or T behind; "
		       "or 'all' for every private anonymous mapping; or the name of a mapping, such as '[heap]'.",
		.children = children,
	};
	struct migrate_run run = { .tool = tool };
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &run);
	if (tool_open(tool))
		return EXIT_FAILED;
	status = migrate_process(&run);
	free(run.ranges);
	stretches_free(&run.stretches);
	return status;
}
