/* SPDX-License-Identifier: GPL-2.0 */
/* Runs hmmp2p with the mock preloaded, and compares what it prints. */
#ifndef HMM_P2P_RUN_TOOL_H
#define HMM_P2P_RUN_TOOL_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <json-c/json.h>

#include "test.h"

#define OUTPUT_MAX	65536

struct output {
	char out[OUTPUT_MAX];
	char err[OUTPUT_MAX];
	int status;		/* of the exit, or minus a signal */
};

/* Whether the program starts with SIGINT ignored; else whatever the test inherited is undone. */
extern bool starts_deaf;

/* Of the last run. */
extern struct output output;

/* @mock_text is for mock_configure(); @args are separated by single spaces. */
void run(const char *mock_text, const char *args);

/* With a terminal for stderr; it has room for what is printed. */
void run_on_terminal(const char *mock_text, const char *args);

/* The parts of it, for files of other kinds. The strings of @words are not changed. */
const char *need_env(const char *name);
pid_t spawn(char **words, FILE *out, FILE *err);

/* What was written to the file, which is closed. */
void read_back(FILE *file, char text[OUTPUT_MAX]);

/* @text as JSON, which @what has printed. */
struct json_object *parse(const char *what, const char *text);

void assert_status(const char *args, int status);

/* Runs, and compares stdout with golden/NAME: byte by byte, or as JSON values. */
void test_text(const char *mock_text, const char *args, int status, const char *name);
void test_json(const char *mock_text, const char *args, int status, const char *name);

/* Nothing on stdout, the words on stderr, the exit code. */
void test_err(const char *mock_text, const char *args, int status, const char *words);

/* The words on stdout, without a driver. */
void test_help(const char *args, const char *words);

#endif /* HMM_P2P_RUN_TOOL_H */
