// SPDX-License-Identifier: GPL-2.0
/* hmmp2p drain: bring home what a device holds, before it is removed. */
#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "signals.h"

struct drain_run {
	struct tool *tool;
	const char *name;
	struct hmm_p2p_device_info device;
	struct hmm_p2p_drain result;
	int err;
};

static uint64_t bytes(const struct drain_run *run, uint64_t pages)
{
	return pages * hmm_p2p_page_size(run->tool->ctx);
}

static void print_text(const struct drain_run *run)
{
	char moved[SIZE_TEXT_MAX], left[SIZE_TEXT_MAX];
	const struct hmm_p2p_drain *result = &run->result;

	printf("%s: %" PRIu64 " pages (%s) came to RAM, %" PRIu64 " (%s) are left\n",
	       device_name(&run->device), (uint64_t)result->out_moved,
	       size_text(run->tool, bytes(run, result->out_moved), moved),
	       (uint64_t)result->out_left,
	       size_text(run->tool, bytes(run, result->out_left), left));
}

static void print_json(const struct drain_run *run)
{
	struct json_object *top = json_top("hmmp2p.drain.1");

	json_put_device(json_put_object(top, "device"), &run->device);
	json_put_int(top, "page_size", hmm_p2p_page_size(run->tool->ctx));
	json_put_u64(top, "moved_pages", run->result.out_moved);
	json_put_u64(top, "left_pages", run->result.out_left);
	json_put_error(top, run->err, HMM_P2P_CALL_DRAIN);
	json_print(top);
}

/* A call that was refused says nothing about the device. */
static bool did_something(const struct drain_run *run)
{
	return !run->err || run->result.out_moved || run->result.out_left;
}

static int report(const struct drain_run *run)
{
	if (run->tool->json)
		print_json(run);
	else if (did_something(run))
		print_text(run);
	if (!run->err)
		return EXIT_OK;
	fflush(stdout);
	return complain_call(run->err, HMM_P2P_CALL_DRAIN, "device '%s'", run->name);
}

static error_t parse_drain(int key, char *arg, struct argp_state *state)
{
	struct drain_run *run = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = run->tool;
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

int verb_drain(struct tool *tool, int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, "", 0 }, { 0 } };
	static const struct argp argp = {
		.parser = parse_drain,
		.args_doc = "DEV",
		.doc = "Bring all that a device holds to RAM, whosever it is, before the device is removed. "
		       "Without room in RAM it fails, where the removal would wait. Ctrl-C ends it, and what has come home stays there. "
		       "Needs CAP_SYS_ADMIN.",
		.children = children,
	};
	struct drain_run run = { .tool = tool };

	argp_parse(&argp, argc, argv, 0, NULL, &run);
	if (tool_open(tool) || tool_find(tool, run.name, &run.device))
		return EXIT_FAILED;
	signals_catch();
	run.err = hmm_p2p_drain(tool->ctx, run.device.out_id, &run.result);
	return report(&run);
}
