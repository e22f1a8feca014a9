// SPDX-License-Identifier: GPL-2.0
/* hmmp2p list: the devices. */
#include <stdio.h>

#include "json.h"
#include "table.h"

static const struct {
	uint32_t bit;
	const char *name;
} caps[] = {
	{ HMM_P2P_CAP_EXPORTER, "exporter" },
	{ HMM_P2P_CAP_IMPORTER, "importer" },
	{ HMM_P2P_CAP_SYSTEM_ALIAS, "system_alias" },
	{ HMM_P2P_CAP_PCI, "pci" },
	{ HMM_P2P_CAP_SHARED, "shared" },
};

static const char *caps_text(uint32_t bits, char text[64])
{
	size_t i, used = 0;

	text[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(caps); i++)
		if (bits & caps[i].bit)
			used += snprintf(text + used, 64 - used, "%s%s",
					 used ? "," : "", caps[i].name);
	return text;
}

static void add_row(const struct tool *tool, struct libscols_table *table,
		    const struct hmm_p2p_device_info *info)
{
	bool memory = info->out_caps & HMM_P2P_CAP_EXPORTER;
	struct libscols_line *line = table_line(table);
	char text[64];

	table_set(line, 0, "%u", info->out_id);
	table_set(line, 1, "%s", device_name(info));
	table_set(line, 2, "%s", device_bus(info));
	if (memory)
		table_set(line, 3, "%u", info->out_owner);
	if (info->out_numa_node >= 0)
		table_set(line, 4, "%d", info->out_numa_node);
	if (memory) {
		table_set(line, 5, "%s", size_text(tool, info->out_memory_bytes, text));
		table_set(line, 6, "%s", size_text(tool, info->out_window_bytes, text));
		table_set(line, 7, "%s", size_text(tool, info->out_used_bytes, text));
	}
	table_set(line, 8, "%s", caps_text(info->out_caps, text));
}

void list_print(const struct tool *tool, const struct device_list *list)
{
	static const struct table_column columns[] = {
		{ "ID", true }, { "NAME", false }, { "BUS", false },
		{ "OWNER", true }, { "NODE", true }, { "MEMORY", true },
		{ "WINDOW", true }, { "USED", true }, { "CAPS", false },
	};
	struct libscols_table *table = table_new(columns, ARRAY_SIZE(columns));
	size_t i;

	for (i = 0; i < list->nr; i++)
		add_row(tool, table, &list->devices[i]);
	table_print(table);
	if (!list->nr)
		puts("No device is registered: load a device module such as hmm_p2p_pci or hmm_p2p_carveout.");
}

static void add_json(struct json_object *array,
		     const struct hmm_p2p_device_info *info)
{
	struct json_object *device = json_append_object(array);
	struct json_object *names;
	size_t i;

	json_put_device(device, info);
	json_put_int(device, "owner", info->out_owner);
	json_put_int(device, "numa_node", info->out_numa_node);
	json_put_u64(device, "memory_bytes", info->out_memory_bytes);
	json_put_u64(device, "window_bytes", info->out_window_bytes);
	json_put_u64(device, "used_bytes", info->out_used_bytes);
	names = json_put_array(device, "caps");
	for (i = 0; i < ARRAY_SIZE(caps); i++)
		if (info->out_caps & caps[i].bit)
			json_append_text(names, caps[i].name);
}

static int print_json(struct tool *tool, const struct device_list *list)
{
	struct json_object *top, *array;
	struct hmm_p2p_info info;
	int err = hmm_p2p_get_info(tool->ctx, &info);
	size_t i;

	if (err)
		return complain_call(err, HMM_P2P_CALL_INFO,
				     "cannot ask the driver what it is");
	top = json_top("hmmp2p.list.1");
	json_put_int(top, "abi_version", info.out_abi_version);
	json_put_int(top, "page_size", info.out_page_size);
	json_put_int(top, "huge_page_size", info.out_huge_page_size);
	array = json_put_array(top, "devices");
	for (i = 0; i < list->nr; i++)
		add_json(array, &list->devices[i]);
	json_print(top);
	return EXIT_OK;
}

static error_t parse_list(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is too much: list takes no argument", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int verb_list(struct tool *tool, int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, "", 0 }, { 0 } };
	static const struct argp argp = {
		.parser = parse_list,
		.doc = "List the devices: those with memory (exporters) and those that reach it (importers).",
		.children = children,
	};
	struct device_list list;
	int status = EXIT_OK;

	argp_parse(&argp, argc, argv, 0, NULL, tool);
	if (tool_open(tool) || device_list_load(tool, &list))
		return EXIT_FAILED;
	if (tool->json)
		status = print_json(tool, &list);
	else
		list_print(tool, &list);
	device_list_free(&list);
	return status;
}
