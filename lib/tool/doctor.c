// SPDX-License-Identifier: GPL-2.0
/* hmmp2p doctor: what is missing for this machine to work, and the cure. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "doctor.h"
#include "json.h"

struct doctor_args {
	struct tool *tool;
	bool report;
};

static const char *const state_names[FINDING_STATES] = {
	[FINDING_OK] = "ok",
	[FINDING_WARNING] = "warning",
	[FINDING_MISSING] = "missing",
};

void find(struct doctor *doctor, enum finding_state state, const char *cure,
	  const char *fmt, ...)
{
	struct finding *finding;
	va_list args;

	doctor->findings = xrealloc(doctor->findings, doctor->nr + 1,
				    sizeof(*doctor->findings));
	finding = &doctor->findings[doctor->nr++];
	finding->state = state;
	finding->cure = cure ? xasprintf("%s", cure) : NULL;
	va_start(args, fmt);
	if (vasprintf(&finding->what, fmt, args) < 0)
		out_of_memory();
	va_end(args);
}

static size_t count(const struct doctor *doctor, enum finding_state state)
{
	size_t i, nr = 0;

	for (i = 0; i < doctor->nr; i++)
		nr += doctor->findings[i].state == state;
	return nr;
}

void findings_print(const struct doctor *doctor)
{
	size_t i, missing = count(doctor, FINDING_MISSING);

	for (i = 0; i < doctor->nr; i++) {
		const struct finding *finding = &doctor->findings[i];

		printf("%-8s %s%s%s\n", state_names[finding->state], finding->what,
		       finding->cure ? ": " : "", finding->cure ? finding->cure : "");
	}
	if (missing)
		printf("\n%zu missing\n", missing);
	else
		puts("\nnothing is missing");
}

static void print_json(const struct doctor *doctor)
{
	struct json_object *top = json_top("hmmp2p.doctor.1");
	struct json_object *array = json_put_array(top, "findings"), *object;
	size_t i;

	for (i = 0; i < doctor->nr; i++) {
		const struct finding *finding = &doctor->findings[i];

		object = json_append_object(array);
		json_put_text(object, "state", state_names[finding->state]);
		json_put_text(object, "what", finding->what);
		if (finding->cure)
			json_put_text(object, "cure", finding->cure);
		else
			json_put_null(object, "cure");
	}
	json_put_u64(top, "missing", count(doctor, FINDING_MISSING));
	json_put_u64(top, "warnings", count(doctor, FINDING_WARNING));
	json_print(top);
}

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

static void doctor_free(struct doctor *doctor)
{
	while (doctor->nr) {
		free(doctor->findings[--doctor->nr].what);
		free(doctor->findings[doctor->nr].cure);
	}
	free(doctor->findings);
	device_list_free(&doctor->devices);
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
		print_json(&doctor);
	else if (!status)
		findings_print(&doctor);
	if (!status && args.report)
		report_print(&doctor);
	if (!status && count(&doctor, FINDING_MISSING))
		status = EXIT_FAILED;
	doctor_free(&doctor);
	return status;
}
