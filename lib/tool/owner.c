// SPDX-License-Identifier: GPL-2.0
/* hmmp2p owner: let a device share an interconnect, or leave it. */
#include <stdio.h>

#include "json.h"

struct owner_run {
	struct tool *tool;
	const char *name;
	const char *peer_name;		/* NULL: an owner of its own */
	struct hmm_p2p_device_info device, peer;
	uint32_t owner;
};

static int set_owner(struct owner_run *run)
{
	int err;

	if (tool_find(run->tool, run->name, &run->device))
		return EXIT_FAILED;
	if (run->peer_name && tool_find(run->tool, run->peer_name, &run->peer))
		return EXIT_FAILED;
	err = hmm_p2p_set_owner(run->tool->ctx, run->device.out_id,
				run->peer.out_id, &run->owner);
	if (err)
		return complain_call(err, HMM_P2P_CALL_SET_OWNER, "owner of '%s'",
				     run->name);
	return EXIT_OK;
}

static void print_text(const struct owner_run *run)
{
	if (run->peer_name)
		printf("%s has owner %u, as %s\n", device_name(&run->device),
		       run->owner, device_name(&run->peer));
	else
		printf("%s has owner %u, its own\n", device_name(&run->device),
		       run->owner);
}

static void print_json(const struct owner_run *run)
{
	struct json_object *top = json_top("hmmp2p.owner.1");

	json_put_device(json_put_object(top, "device"), &run->device);
	if (run->peer_name)
		json_put_device(json_put_object(top, "peer"), &run->peer);
	else
		json_put_null(top, "peer");
	json_put_int(top, "owner_before", run->device.out_owner);
	json_put_int(top, "owner", run->owner);
	json_print(top);
}

static error_t parse_owner(int key, char *arg, struct argp_state *state)
{
	struct owner_run *run = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = run->tool;
		return 0;
	case 'J':
		run->peer_name = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "'%s' is too much: one device at a time", arg);
		run->name = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which device? DEV is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option owner_options[] = {
	{ "join", 'J', "PEER", 0, "Share the owner of this device", 0 },
	{ 0 },
};

int verb_owner(struct tool *tool, int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, "", 0 }, { 0 } };
	static const struct argp argp = {
		.options = owner_options,
		.parser = parse_owner,
		.args_doc = "DEV",
		.doc = "Give a device that holds no pages the owner of PEER, or without --join an owner of its own. "
		       "Devices of one owner read each other's memory, so this needs CAP_SYS_ADMIN.",
		.children = children,
	};
	struct owner_run run = { .tool = tool };
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &run);
	if (tool_open(tool))
		return EXIT_FAILED;
	status = set_owner(&run);
	if (!status && tool->json)
		print_json(&run);
	else if (!status)
		print_text(&run);
	return status;
}
