// SPDX-License-Identifier: GPL-2.0
/* Errors, options and text that every verb needs. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "hmmp2p.h"

static const struct argp_option common_options[] = {
	{ "json", 'j', NULL, 0, "Print one JSON object, see hmmp2p(1)", 0 },
	{ "bytes", 'b', NULL, 0, "Print sizes in bytes, not as 256M", 0 },
	{ 0 },
};

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	struct tool *tool = state->input;

	(void)arg;
	switch (key) {
	case 'j':
		tool->json = true;
		return 0;
	case 'b':
		tool->bytes = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp common_argp = {
	.options = common_options,
	.parser = parse_common,
};

int complain(const char *fmt, ...)
{
	va_list args;

	fputs("hmmp2p: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_FAILED;
}

int complain_call(int err, enum hmm_p2p_call call, const char *fmt, ...)
{
	va_list args;

	fputs("hmmp2p: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, ": %s\n", hmm_p2p_errno_text(err, call));
	return EXIT_FAILED;
}

void out_of_memory(void)
{
	complain("no memory left for this program: free some and try again");
	exit(EXIT_FAILED);
}

void *xcalloc(size_t nr, size_t size)
{
	void *ptr = calloc(nr ? nr : 1, size);

	if (!ptr)
		out_of_memory();
	return ptr;
}

void *xrealloc(void *ptr, size_t nr, size_t size)
{
	ptr = reallocarray(ptr, nr ? nr : 1, size);
	if (!ptr)
		out_of_memory();
	return ptr;
}

char *xvasprintf(const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		out_of_memory();
	return text;
}

char *xasprintf(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = xvasprintf(fmt, args);
	va_end(args);
	return text;
}

int tool_open(struct tool *tool)
{
	int err = hmm_p2p_open(&tool->ctx);

	if (err)
		return complain_call(err, HMM_P2P_CALL_OPEN,
				     "cannot open the hmm_p2p device ('hmmp2p doctor' says what is missing)");
	return EXIT_OK;
}

int tool_find(struct tool *tool, const char *which,
	      struct hmm_p2p_device_info *info)
{
	int err = hmm_p2p_device_find(tool->ctx, which, info);

	if (err)
		return complain_call(err, HMM_P2P_CALL_DEVICE, "device '%s'", which);
	return EXIT_OK;
}

pid_t parse_pid(const char *text, struct argp_state *state)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno || *end || end == text || pid <= 0 || pid > INT32_MAX)
		argp_error(state, "'%s' is not a process id", text);
	return pid;
}

const char *size_text(const struct tool *tool, uint64_t bytes,
		      char text[SIZE_TEXT_MAX])
{
	static const char units[] = "BKMGTPE";
	unsigned int unit = 0;
	uint64_t whole = bytes, rest = 0;

	while (!tool->bytes && whole >= 1024) {
		rest = whole % 1024;
		whole /= 1024;
		unit++;
	}
	if (tool->bytes || !unit)
		snprintf(text, SIZE_TEXT_MAX, "%llu", (unsigned long long)bytes);
	else if (rest * 10 / 1024)
		snprintf(text, SIZE_TEXT_MAX, "%llu.%llu%c",
			 (unsigned long long)whole,
			 (unsigned long long)(rest * 10 / 1024), units[unit]);
	else
		snprintf(text, SIZE_TEXT_MAX, "%llu%c",
			 (unsigned long long)whole, units[unit]);
	return text;
}
