// SPDX-License-Identifier: GPL-2.0
/* hmmp2p topo: what each importer gets from each exporter. */
#include <stdio.h>

#include "json.h"
#include "table.h"

#define CELL_MAX	24

static const char *cell_text(const struct hmm_p2p_device_info *exporter,
			     const struct hmm_p2p_path *path,
			     char text[CELL_MAX])
{
	switch (path->out_outcome) {
	case HMM_P2P_OUTCOME_PRIVATE:
		return "PRIVATE";
	case HMM_P2P_OUTCOME_P2P:
		if (exporter->out_caps & HMM_P2P_CAP_SYSTEM_ALIAS)
			return "P2P(sys)";
		snprintf(text, CELL_MAX, "P2P(%d)", path->out_distance);
		return text;
	case HMM_P2P_OUTCOME_MIGRATED:
		return "RAM";
	default:
		return "?";
	}
}

static bool is_exporter(const struct hmm_p2p_device_info *info)
{
	return info->out_caps & HMM_P2P_CAP_EXPORTER;
}

static bool is_importer(const struct hmm_p2p_device_info *info)
{
	return info->out_caps & HMM_P2P_CAP_IMPORTER;
}

/* The cells of an exporter's row; returns the next free column. */
static size_t add_cells(struct tool *tool, struct libscols_line *line,
			const struct device_list *list,
			const struct hmm_p2p_device_info *exporter)
{
	struct hmm_p2p_path path;
	char text[CELL_MAX];
	size_t i, column = 2;

	for (i = 0; i < list->nr; i++) {
		uint32_t importer = list->devices[i].out_id;

		if (!is_importer(&list->devices[i]))
			continue;
		if (importer == exporter->out_id)
			table_set(line, column, "X");
		else if (hmm_p2p_path(tool->ctx, exporter->out_id, importer, &path))
			table_set(line, column, "?");
		else
			table_set(line, column, "%s",
				  cell_text(exporter, &path, text));
		column++;
	}
	return column;
}

static void add_row(struct tool *tool, struct libscols_table *table,
		    const struct device_list *list,
		    const struct hmm_p2p_device_info *exporter)
{
	struct libscols_line *line = table_line(table);
	char cpus[CPUS_TEXT_MAX];
	size_t column;

	table_set(line, 0, "%s", device_name(exporter));
	table_set(line, 1, "%u", exporter->out_id);
	column = add_cells(tool, line, list, exporter);
	table_set(line, column++, "%u", exporter->out_owner);
	if (exporter->out_numa_node >= 0)
		table_set(line, column, "%d", exporter->out_numa_node);
	table_set(line, column + 1, "%s",
		  node_cpus_text(exporter->out_numa_node, cpus));
}

static void print_legend(const struct device_list *list)
{
	size_t i;

	puts("\nA row is an exporter, a column an importer by its id:\n");
	for (i = 0; i < list->nr; i++)
		if (is_importer(&list->devices[i]))
			printf("  %-8u  %s\n", list->devices[i].out_id,
			       device_name(&list->devices[i]));
	puts("\nLegend:\n"
	     "\n"
	     "  X         the device itself\n"
	     "  PRIVATE   same owner: over their interconnect, nothing moves\n"
	     "  P2P(n)    peer to peer over n hops, nothing moves\n"
	     "  P2P(sys)  the device's memory is system RAM that any device reaches\n"
	     "  RAM       no peer to peer: the data goes back to RAM first\n"
	     "  ?         not known, the device went away\n"
	     "\n"
	     "'hmmp2p topo --explain EXPORTER IMPORTER' says why.");
}

void topo_print(struct tool *tool, const struct device_list *list)
{
	struct libscols_table *table = table_new(NULL, 0);
	char id[16];
	size_t i;

	table_column(table, "EXPORTER", false);
	table_column(table, "ID", true);
	/* Names would be wider than what stands below them. */
	for (i = 0; i < list->nr; i++) {
		if (!is_importer(&list->devices[i]))
			continue;
		snprintf(id, sizeof(id), "%u", list->devices[i].out_id);
		table_column(table, id, false);
	}
	table_column(table, "OWNER", true);
	table_column(table, "NODE", true);
	table_column(table, "CPUS", false);
	for (i = 0; i < list->nr; i++)
		if (is_exporter(&list->devices[i]))
			add_row(tool, table, list, &list->devices[i]);
	table_print(table);
	print_legend(list);
}

static void add_path(struct tool *tool, struct json_object *array,
		     uint32_t exporter, uint32_t importer)
{
	struct json_object *object = json_append_object(array);
	struct hmm_p2p_path path;
	int err = hmm_p2p_path(tool->ctx, exporter, importer, &path);

	json_put_int(object, "exporter", exporter);
	json_put_int(object, "importer", importer);
	if (!err) {
		json_put_word(object, "outcome",
			      hmm_p2p_outcome_name(path.out_outcome));
		json_put_word(object, "reason",
			      hmm_p2p_reason_name(path.out_reason));
		json_put_int(object, "distance", path.out_distance);
	}
	json_put_error(object, err, HMM_P2P_CALL_PATH);
}

static void add_exporter(struct json_object *array,
			 const struct hmm_p2p_device_info *info)
{
	struct json_object *object = json_append_object(array);
	char cpus[CPUS_TEXT_MAX];

	json_put_device(object, info);
	json_put_int(object, "owner", info->out_owner);
	json_put_int(object, "numa_node", info->out_numa_node);
	if (node_cpus_text(info->out_numa_node, cpus)[0] == '-')
		json_put_null(object, "numa_cpus");
	else
		json_put_text(object, "numa_cpus", cpus);
}

static void print_json(struct tool *tool, const struct device_list *list)
{
	struct json_object *top = json_top("hmmp2p.topo.1");
	struct json_object *exporters = json_put_array(top, "exporters");
	struct json_object *importers = json_put_array(top, "importers");
	struct json_object *paths = json_put_array(top, "paths");
	size_t e, i;

	for (i = 0; i < list->nr; i++)
		if (is_importer(&list->devices[i]))
			json_put_device(json_append_object(importers),
					&list->devices[i]);
	for (e = 0; e < list->nr; e++) {
		if (!is_exporter(&list->devices[e]))
			continue;
		add_exporter(exporters, &list->devices[e]);
		for (i = 0; i < list->nr; i++)
			if (is_importer(&list->devices[i]))
				add_path(tool, paths, list->devices[e].out_id,
					 list->devices[i].out_id);
	}
	json_print(top);
}

struct topo_args {
	struct tool *tool;
	bool explain;
	const char *names[2];
};

static error_t parse_topo(int key, char *arg, struct argp_state *state)
{
	struct topo_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = args->tool;
		return 0;
	case 'e':
		args->explain = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num >= ARRAY_SIZE(args->names))
			argp_error(state, "'%s' is too much", arg);
		args->names[state->arg_num] = arg;
		return 0;
	case ARGP_KEY_END:
		if (args->explain && state->arg_num != 2)
			argp_error(state, "--explain needs an exporter and an importer");
		if (!args->explain && state->arg_num)
			argp_error(state, "devices are named with --explain only");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int topo_all(struct tool *tool)
{
	struct device_list list;

	if (device_list_load(tool, &list))
		return EXIT_FAILED;
	if (tool->json)
		print_json(tool, &list);
	else
		topo_print(tool, &list);
	device_list_free(&list);
	return EXIT_OK;
}

int verb_topo(struct tool *tool, int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, "", 0 }, { 0 } };
	static const struct argp_option options[] = {
		{ "explain", 'e', NULL, 0,
		  "Say which bridge, ACS bit or IOMMU decides for this exporter and importer", 0 },
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse_topo,
		.args_doc = "\n--explain EXPORTER IMPORTER",
		.doc = "Show what each importer gets from each exporter. A device is named by id, name or bus address.",
		.children = children,
	};
	struct topo_args args = { .tool = tool };

	argp_parse(&argp, argc, argv, 0, NULL, &args);
	if (tool_open(tool))
		return EXIT_FAILED;
	if (args.explain)
		return explain(tool, args.names[0], args.names[1]);
	return topo_all(tool);
}
