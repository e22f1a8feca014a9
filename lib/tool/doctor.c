// SPDX-License-Identifier: GPL-2.0
/* hmmp2p doctor: what is missing for this machine to work, and the cure. */
#include <stdlib.h>

#include "doctor.h"

struct doctor_args {
	struct tool *tool;
	bool report;
};

static int examine(struct doctor *doctor)
{
	char *path = root_path("proc/sys/kernel/osrelease");

	read_line(path, doctor->release, sizeof(doctor->release));
	free(path);
	examine_kernel(doctor);
	examine_modules(doctor);
	examine_node(doctor);
	if (!doctor->tool->ctx)
		return EXIT_OK;
	if (device_list_load(doctor->tool, &doctor->devices))
		return EXIT_FAILED;
	examine_devices(doctor);
	examine_paths(doctor);
	examine_memory(doctor);
	return EXIT_OK;
}

static error_t parse_doctor(int key, char *arg, struct argp_state *state)
{
	struct doctor_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = args->tool;
		return 0;
	case 'r':
		args->report = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is too much: doctor takes no argument", arg);
		return 0;
	case ARGP_KEY_END:
		if (args->report && args->tool->json)
			argp_error(state, "a report is text: leave out --json");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int verb_doctor(struct tool *tool, int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, "", 0 }, { 0 } };
	static const struct argp_option options[] = {
		{ "report", 'r', NULL, 0, "Print what to attach to a report of a problem", 0 },
		{ 0 },
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse_doctor,
		.doc = "Say what is missing for this machine to work, and what to do about it.",
		.children = children,
	};
	struct doctor_args args = { .tool = tool };
	struct doctor doctor = { .tool = tool };
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &args);
	status = examine(&doctor);
	if (!status && tool->json)
		findings_print_json(&doctor);
	else if (!status)
		findings_print(&doctor);
	if (!status && args.report)
		report_print(&doctor);
	if (!status && findings_count(&doctor, FINDING_MISSING))
		status = EXIT_FAILED;
	findings_free(&doctor);
	device_list_free(&doctor.devices);
	return status;
}
