// SPDX-License-Identifier: GPL-2.0
/* Ctrl-C ends a long call, and what it has done is printed. */
#include <signal.h>
#include <stddef.h>

#include "signals.h"

static volatile sig_atomic_t caught;

static void note(int signal)
{
	caught = signal;
}

/* What was to be ignored, as by nohup(1) or in the background of a script, stays ignored. */
static void catch_once(int signal)
{
	const struct sigaction action = { .sa_handler = note, .sa_flags = SA_RESETHAND };
	struct sigaction before;

	if (!sigaction(signal, NULL, &before) && before.sa_handler != SIG_IGN)
		sigaction(signal, &action, NULL);
}

void signals_catch(void)
{
	catch_once(SIGINT);
	catch_once(SIGTERM);
}

int signals_caught(void)
{
	return caught;
}

void signals_die(void)
{
	if (caught)
		raise(caught);
}
