// SPDX-License-Identifier: GPL-2.0
/* hmmp2p map: what memory of a process lives on devices. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "maps.h"
#include "numa_nodes.h"
#include "present.h"
#include "table.h"

struct found {
	struct hmm_p2p_extent extent;
	const struct mapping *mapping;
};

struct map_run {
	struct tool *tool;
	pid_t pid;
	const char *importer_name;	/* NULL when not asked for */
	struct hmm_p2p_device_info importer;
	bool ram;

	struct device_list devices;
	struct maps maps;
	struct found *found;
	size_t nr_found;
	size_t at;			/* mapping that the next extent may be in */
	struct node_count *nodes;	/* with --ram */
};

/* -------------------------------------------------------------- collecting */

/* The part of @extent that lies in @mapping, if any. */
static void add_found(struct map_run *run, const struct hmm_p2p_extent *extent,
		      const struct mapping *mapping)
{
	uint64_t start = extent->addr, end = start + extent->length;
	struct found found = { *extent, mapping };

	if (start < mapping->start)
		start = mapping->start;
	if (end > mapping->end)
		end = mapping->end;
	if (start >= end)
		return;
	found.extent.addr = start;
	found.extent.length = end - start;
	run->found = xrealloc(run->found, run->nr_found + 1, sizeof(*run->found));
	run->found[run->nr_found++] = found;
}

/* Extents come in order, as mappings do, and one of them may span several mappings. */
static int add_extent(const struct hmm_p2p_extent *extent, void *arg)
{
	uint64_t end = extent->addr + extent->length;
	struct map_run *run = arg;

	for (; run->at < run->maps.nr; run->at++) {
		const struct mapping *mapping = &run->maps.mappings[run->at];

		add_found(run, extent, mapping);
		if (mapping->end >= end)
			break;
	}
	return 0;
}

/* The end of the last mapping but [vsyscall], which lies in the kernel's half. */
static uint64_t user_space_end(const struct maps *maps)
{
	size_t nr = maps->nr;

	while (nr && maps->mappings[nr - 1].start >> 63)
		nr--;
	return nr ? maps->mappings[nr - 1].end : 0;
}

/*
 * One walk through all of the address space: the driver passes over what is not mapped
 * or not touched, and a call for each mapping would cost more than what is in it.
 */
static int query_all(struct map_run *run, const struct hmm_p2p_process *process)
{
	uint64_t end = user_space_end(&run->maps), start;
	int64_t ret;

	if (!end)
		return EXIT_OK;
	start = run->maps.mappings[0].start;
	ret = hmm_p2p_query(run->tool->ctx, process, run->importer.out_id, start,
			    end - start, add_extent, run);
	if (ret < 0)
		return complain_process((int)ret, HMM_P2P_CALL_QUERY, run->pid);
	return EXIT_OK;
}

static int add_present(uint64_t addr, uint64_t length, void *arg)
{
	return nodes_add(arg, addr, length);
}

static int count_anonymous(struct map_run *run)
{
	int pagemap = present_open(run->pid), ret = 0;
	size_t i;

	for (i = 0; i < run->maps.nr && !ret; i++) {
		const struct mapping *mapping = &run->maps.mappings[i];

		if (mapping_is_anonymous(mapping))
			ret = present_walk(pagemap, mapping->start, mapping->end - mapping->start,
					   add_present, run->nodes);
	}
	if (!ret)
		ret = nodes_flush(run->nodes);
	if (pagemap >= 0)
		close(pagemap);
	return ret;
}

static int count_ram(struct map_run *run)
{
	if (!nodes_available())
		return complain("this kernel has no NUMA support, so --ram has nothing to tell: leave it out");
	run->nodes = xcalloc(1, sizeof(*run->nodes));
	run->nodes->pid = run->pid;
	run->nodes->page_size = hmm_p2p_page_size(run->tool->ctx);
	errno = 0;
	if (count_anonymous(run))
		return complain("process %d: its pages cannot be looked up: %s: it may have exited, else run as root",
				(int)run->pid, strerror(errno));
	return EXIT_OK;
}

static int collect(struct map_run *run)
{
	struct hmm_p2p_process process;
	int err, status;

	if (device_list_load(run->tool, &run->devices))
		return EXIT_FAILED;
	if (run->importer_name &&
	    tool_find(run->tool, run->importer_name, &run->importer))
		return EXIT_FAILED;
	if (tool_process(&process, run->pid))
		return EXIT_FAILED;
	err = maps_load(run->pid, &run->maps);
	if (err)
		status = complain_process(err, HMM_P2P_CALL_PROCESS, run->pid);
	else
		status = query_all(run, &process);
	hmm_p2p_process_close(&process);
	return status || !run->ram ? status : count_ram(run);
}

/* ------------------------------------------------------------------- text */

static const char *flags_text(uint32_t flags)
{
	bool writable = flags & HMM_P2P_EXTENT_WRITABLE;

	if (flags & HMM_P2P_EXTENT_UNREADABLE)
		return "unreadable";
	/* Shared memory is never mapped by huge pages. */
	if (flags & HMM_P2P_EXTENT_SHARED)
		return writable ? "rw,shared" : "r-,shared";
	if (flags & HMM_P2P_EXTENT_HUGE)
		return writable ? "rw,huge" : "r-,huge";
	return writable ? "rw" : "r-";
}

static const char *window_text(uint32_t flags)
{
	if (flags & HMM_P2P_EXTENT_UNREADABLE)
		return "-";
	return flags & HMM_P2P_EXTENT_WINDOW ? "in" : "out";
}

static void add_row(const struct map_run *run, struct libscols_table *table,
		    const struct found *found)
{
	const struct hmm_p2p_extent *extent = &found->extent;
	const struct hmm_p2p_device_info *info =
		device_list_find(&run->devices, extent->device);
	struct libscols_line *line = table_line(table);
	bool unreadable = extent->flags & HMM_P2P_EXTENT_UNREADABLE;
	const char *unknown = unreadable ? "-" : "?";
	char size[SIZE_TEXT_MAX];
	size_t column = 9;

	table_set(line, 0, "0x%" PRIx64, (uint64_t)extent->addr);
	table_set(line, 1, "0x%" PRIx64, (uint64_t)(extent->addr + extent->length));
	table_set(line, 2, "%s", size_text(run->tool, extent->length, size));
	table_set(line, 3, "%s", info ? device_name(info) : unknown);
	table_set(line, 4, "%s", info ? device_bus(info) : unknown);
	if (info)
		table_set(line, 5, "%u", info->out_owner);
	if (info && info->out_numa_node >= 0)
		table_set(line, 6, "%d", info->out_numa_node);
	table_set(line, 7, "%s", flags_text(extent->flags));
	table_set(line, 8, "%s", window_text(extent->flags));
	if (run->importer_name) {
		table_set(line, column++, "%s", hmm_p2p_outcome_name(extent->outcome));
		table_set(line, column++, "%s", hmm_p2p_reason_name(extent->reason));
	}
	table_set(line, column, "%s", found->mapping->name);
}

/* 0: nobody knows the device. */
static uint64_t bytes_on(const struct map_run *run, uint32_t device)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < run->nr_found; i++)
		if (run->found[i].extent.device == device)
			bytes += run->found[i].extent.length;
	return bytes;
}

static void print_totals(const struct map_run *run)
{
	char size[SIZE_TEXT_MAX];
	uint64_t bytes;
	size_t i;

	for (i = 0; i < run->devices.nr; i++) {
		const struct hmm_p2p_device_info *info = &run->devices.devices[i];

		bytes = bytes_on(run, info->out_id);
		if (bytes)
			printf("%s on %s\n", size_text(run->tool, bytes, size),
			       device_name(info));
	}
	bytes = bytes_on(run, 0);
	if (bytes)
		printf("%s that the process cannot read may be on a device\n",
		       size_text(run->tool, bytes, size));
	if (!run->nr_found)
		printf("process %d has no memory on a device\n", (int)run->pid);
	for (i = 0; run->nodes && i < NODES_MAX; i++)
		if (run->nodes->bytes[i])
			printf("%s in RAM of NUMA node %zu\n",
			       size_text(run->tool, run->nodes->bytes[i], size), i);
}

static void print_text(const struct map_run *run)
{
	static const struct table_column columns[] = {
		{ "START", false }, { "END", false }, { "SIZE", true },
		{ "DEVICE", false }, { "BUS", false }, { "OWNER", true },
		{ "NODE", true }, { "FLAGS", false }, { "WINDOW", false },
	};
	struct libscols_table *table = table_new(columns, ARRAY_SIZE(columns));
	size_t i;

	if (run->importer_name) {
		table_column(table, "OUTCOME", false);
		table_column(table, "REASON", false);
	}
	table_column(table, "MAPPING", false);
	for (i = 0; i < run->nr_found; i++)
		add_row(run, table, &run->found[i]);
	table_print(table);
	print_totals(run);
}

/* ------------------------------------------------------------------- JSON */

/* Nobody knows the device of unreadable memory. */
static void add_json_nowhere(struct json_object *object)
{
	static const char *const keys[] = { "device", "device_name", "bus", "owner" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		json_put_null(object, keys[i]);
	json_put_int(object, "numa_node", -1);
}

/* A device that went away meanwhile has a number only. */
static void add_json_where(const struct map_run *run, struct json_object *object,
			   uint32_t device)
{
	const struct hmm_p2p_device_info *info =
		device_list_find(&run->devices, device);

	json_put_int(object, "device", device);
	json_put_text(object, "device_name", info ? device_name(info) : "?");
	if (info) {
		json_put_text(object, "bus", device_bus(info));
		json_put_int(object, "owner", info->out_owner);
	} else {
		json_put_null(object, "bus");
		json_put_null(object, "owner");
	}
	json_put_int(object, "numa_node", info ? info->out_numa_node : -1);
}

static void add_json_extent(const struct map_run *run, struct json_object *array,
			    const struct found *found)
{
	const struct hmm_p2p_extent *extent = &found->extent;
	struct json_object *object = json_append_object(array);

	json_put_u64(object, "addr", extent->addr);
	json_put_u64(object, "length", extent->length);
	if (extent->flags & HMM_P2P_EXTENT_UNREADABLE)
		add_json_nowhere(object);
	else
		add_json_where(run, object, extent->device);
	json_put_bool(object, "writable", extent->flags & HMM_P2P_EXTENT_WRITABLE);
	json_put_bool(object, "huge", extent->flags & HMM_P2P_EXTENT_HUGE);
	json_put_bool(object, "window", extent->flags & HMM_P2P_EXTENT_WINDOW);
	json_put_bool(object, "shared", extent->flags & HMM_P2P_EXTENT_SHARED);
	json_put_bool(object, "unreadable", extent->flags & HMM_P2P_EXTENT_UNREADABLE);
	if (run->importer_name) {
		json_put_word(object, "outcome", hmm_p2p_outcome_name(extent->outcome));
		json_put_word(object, "reason", hmm_p2p_reason_name(extent->reason));
	}
	json_put_text(object, "mapping", found->mapping->name);
}

static void add_json_totals(const struct map_run *run, struct json_object *top)
{
	struct json_object *array = json_put_array(top, "devices");
	struct json_object *object;
	size_t i;

	for (i = 0; i < run->devices.nr; i++) {
		const struct hmm_p2p_device_info *info = &run->devices.devices[i];

		if (!bytes_on(run, info->out_id))
			continue;
		object = json_append_object(array);
		json_put_device(object, info);
		json_put_u64(object, "bytes", bytes_on(run, info->out_id));
	}
	if (!run->nodes)
		return;
	array = json_put_array(top, "ram");
	for (i = 0; i < NODES_MAX; i++) {
		if (!run->nodes->bytes[i])
			continue;
		object = json_append_object(array);
		json_put_int(object, "numa_node", i);
		json_put_u64(object, "bytes", run->nodes->bytes[i]);
	}
}

static void print_json(const struct map_run *run)
{
	struct json_object *top = json_top("hmmp2p.map.1");
	struct json_object *array;
	size_t i;

	json_put_int(top, "pid", run->pid);
	json_put_int(top, "page_size", hmm_p2p_page_size(run->tool->ctx));
	if (run->importer_name)
		json_put_device(json_put_object(top, "importer"), &run->importer);
	else
		json_put_null(top, "importer");
	array = json_put_array(top, "extents");
	for (i = 0; i < run->nr_found; i++)
		add_json_extent(run, array, &run->found[i]);
	add_json_totals(run, top);
	json_print(top);
}

/* ------------------------------------------------------------------- verb */

static error_t parse_map(int key, char *arg, struct argp_state *state)
{
	struct map_run *run = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = run->tool;
		return 0;
	case 'i':
		run->importer_name = arg;
		return 0;
	case 'r':
		run->ram = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "'%s' is too much: one process at a time", arg);
		run->pid = parse_pid(arg, state);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which process? A PID is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option map_options[] = {
	{ "importer", 'i', "DEV", 0, "Show what this importer would get", 0 },
	{ "ram", 'r', NULL, 0,
	  "Also count the anonymous memory in RAM, by NUMA node", 0 },
	{ 0 },
};

int verb_map(struct tool *tool, int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, "", 0 }, { 0 } };
	static const struct argp argp = {
		.options = map_options,
		.parser = parse_map,
		.args_doc = "PID",
		.doc = "Show what memory of a process lives on devices. Nothing is faulted or moved.",
		.children = children,
	};
	struct map_run run = { .tool = tool };
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &run);
	if (tool_open(tool))
		return EXIT_FAILED;
	status = collect(&run);
	if (!status && tool->json)
		print_json(&run);
	else if (!status)
		print_text(&run);
	free(run.nodes);
	free(run.found);
	maps_free(&run.maps);
	device_list_free(&run.devices);
	return status;
}
