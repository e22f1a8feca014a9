// SPDX-License-Identifier: GPL-2.0
/* hmmp2p: look at device memory behind ordinary pointers, and move it. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hmmp2p.h"
#include "signals.h"

const char *argp_program_version = "hmmp2p " HMMP2P_VERSION;

static const struct verb {
	const char *name;
	int (*run)(struct tool *tool, int argc, char **argv);
} verbs[] = {
	{ "list", verb_list },
	{ "topo", verb_topo },
	{ "map", verb_map },
	{ "migrate", verb_migrate },
	{ "stat", verb_stat },
	{ "owner", verb_owner },
	{ "drain", verb_drain },
	{ "doctor", verb_doctor },
};

static const char doc[] =
	"Look at device memory behind ordinary pointers, and move it.\v"
	"Verbs:\n"
	"  list                 devices: memory, window, owner, abilities\n"
	"  topo                 what each importer gets from each exporter\n"
	"  topo --explain A B   which bridge, ACS bit or IOMMU decides that\n"
	"  map PID              what memory of a process lives on devices\n"
	"  migrate PID RANGE --to DEV|ram\n"
	"                       move memory of a process\n"
	"  stat [DEV]           counters\n"
	"  owner DEV [--join PEER]\n"
	"                       let a device share an interconnect, or leave it\n"
	"  drain DEV            bring home what a device holds, before its removal\n"
	"  doctor               what is missing for this machine to work\n"
	"  help [VERB]          this text, or what a verb does\n"
	"\n"
	"hmmp2p(1) tells all.";

struct main_args {
	struct tool tool;
	const struct verb *verb;
	int verb_index;
};

static const struct verb *find_verb(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static const struct verb *need_verb(const char *name, struct argp_state *state)
{
	const struct verb *verb = find_verb(name);

	if (!verb)
		argp_error(state, "there is no verb '%s'", name);
	return verb;
}

/* "help VERB" is "VERB --help"; neither returns. */
static void help(struct main_args *args, struct argp_state *state)
{
	static char option[] = "--help";
	const char *name = state->argv[state->next];
	char *argv[] = { NULL, option, NULL };

	if (!name)
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
	if (state->next + 1 < state->argc)
		argp_error(state, "'%s' is too much: one verb at a time",
			   state->argv[state->next + 1]);
	argv[0] = xasprintf("hmmp2p %s", name);
	need_verb(name, state)->run(&args->tool, 2, argv);
}

static error_t parse_main(int key, char *arg, struct argp_state *state)
{
	struct main_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &args->tool;
		return 0;
	case ARGP_KEY_ARG:
		if (!strcmp(arg, "help"))
			help(args, state);
		args->verb = need_verb(arg, state);
		args->verb_index = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Output that did not reach its file is a failure, whatever the verb did. */
static int flush_output(int status)
{
	if (fflush(stdout) || ferror(stdout))
		return complain("the output could not be written: look for a full disk or a closed pipe");
	return status;
}

int main(int argc, char **argv)
{
	static const struct argp_child children[] = { { &common_argp, 0, "", 0 }, { 0 } };
	static const struct argp argp = {
		.parser = parse_main,
		.args_doc = "VERB [ARGUMENTS]",
		.doc = doc,
		.children = children,
	};
	struct main_args args = { 0 };
	char *name;
	int status;

	setlocale(LC_ALL, "");
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &args);

	name = xasprintf("hmmp2p %s", args.verb->name);
	argv[args.verb_index] = name;
	status = args.verb->run(&args.tool, argc - args.verb_index,
				argv + args.verb_index);
	hmm_p2p_close(args.tool.ctx);
	free(name);
	status = flush_output(status);
	if (args.tool.dies_of_signal)
		signals_die();
	return status;
}
