// SPDX-License-Identifier: GPL-2.0
/*
 * Runs hmmp2p with the mock preloaded, and compares what it prints.
 *
 * HMM_P2P_TOOL and HMM_P2P_PRELOAD name program and mock, HMM_P2P_GOLDEN the
 * folder. With HMM_P2P_UPDATE_GOLDEN=1 the files are written, not compared.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_tool.h"

#define WORDS_MAX	16

extern char **environ;

struct output output;
bool starts_deaf;

/* ---------------------------------------------------------------- running */

const char *need_env(const char *name)
{
	const char *value = getenv(name);

	if (!value) {
		fprintf(stderr, "%s is not set: run 'make check'\n", name);
		exit(99);
	}
	return value;
}

static unsigned int split(char *text, char **words)
{
	unsigned int nr = 0;
	char *word;

	if (!*text)
		text = NULL;
	while ((word = strsep(&text, " "))) {
		assert_true(nr < WORDS_MAX - 1);
		words[nr++] = word;
	}
	words[nr] = NULL;
	return nr;
}

void read_back(FILE *file, char text[OUTPUT_MAX])
{
	size_t len;

	rewind(file);
	len = fread(text, 1, OUTPUT_MAX - 1, file);
	text[len] = '\0';
	fclose(file);
}

/* A test in the background of a script has been told to ignore SIGINT. */
static void set_signals(posix_spawnattr_t *attributes)
{
	sigset_t defaults;

	if (starts_deaf)
		signal(SIGINT, SIG_IGN);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGTERM);
	if (!starts_deaf)
		sigaddset(&defaults, SIGINT);
	posix_spawnattr_init(attributes);
	posix_spawnattr_setsigdefault(attributes, &defaults);
	posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF);
}

pid_t spawn(char **words, FILE *out, FILE *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	pid_t pid;

	set_signals(&attributes);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fileno(err), STDERR_FILENO);
	setenv("LD_PRELOAD", need_env("HMM_P2P_PRELOAD"), 1);
	assert_int_equal(posix_spawn(&pid, words[0], &actions, &attributes, words,
				     environ), 0);
	unsetenv("LD_PRELOAD");
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return pid;
}

static void run_with(const char *mock_text, const char *args, FILE *out, FILE *err)
{
	char *words[WORDS_MAX + 1];
	char *copy = strdup(args);
	int status;
	pid_t pid;

	words[0] = (char *)need_env("HMM_P2P_TOOL");
	split(copy, words + 1);
	setenv(MOCK_ENV, mock_text, 1);
	pid = spawn(words, out, err);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	output.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	read_back(out, output.out);
	free(copy);
}

void run(const char *mock_text, const char *args)
{
	FILE *err = tmpfile();

	run_with(mock_text, args, tmpfile(), err);
	read_back(err, output.err);
}

void run_on_terminal(const char *mock_text, const char *args)
{
	int ends = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	FILE *err;
	ssize_t len;

	assert_true(ends >= 0 && !grantpt(ends) && !unlockpt(ends));
	err = fopen(ptsname(ends), "r+e");
	assert_non_null(err);
	run_with(mock_text, args, tmpfile(), err);
	len = read(ends, output.err, OUTPUT_MAX - 1);
	output.err[len < 0 ? 0 : len] = '\0';
	fclose(err);
	close(ends);
}

void assert_status(const char *args, int status)
{
	if (output.status != status)
		fail_msg("hmmp2p %s: exit %d, not %d\n%s%s", args,
			 output.status, status, output.out, output.err);
}

/* ----------------------------------------------------------- golden files */

static void golden_path(const char *name, char path[4096])
{
	snprintf(path, 4096, "%s/%s", need_env("HMM_P2P_GOLDEN"), name);
}

static bool updating(void)
{
	const char *value = getenv("HMM_P2P_UPDATE_GOLDEN");

	return value && !strcmp(value, "1");
}

static void write_golden(const char *name)
{
	char path[4096];
	FILE *file;

	golden_path(name, path);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "# SPDX-License-Identifier: GPL-2.0\n%s", output.out);
	assert_int_equal(fclose(file), 0);
}

/* The first line is the licence. */
static char *read_golden(const char *name)
{
	static char text[OUTPUT_MAX];
	char path[4096], *body;
	FILE *file;

	golden_path(name, path);
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s is missing", path);
	read_back(file, text);
	body = strchr(text, '\n');
	assert_non_null(body);
	return body + 1;
}

void test_text(const char *mock_text, const char *args, int status, const char *name)
{
	run(mock_text, args);
	assert_status(args, status);
	if (updating())
		write_golden(name);
	else
		assert_string_equal(output.out, read_golden(name));
}

struct json_object *parse(const char *what, const char *text)
{
	enum json_tokener_error error;
	struct json_object *object = json_tokener_parse_verbose(text, &error);

	if (!object)
		fail_msg("%s: %s", what, json_tokener_error_desc(error));
	return object;
}

void test_json(const char *mock_text, const char *args, int status, const char *name)
{
	struct json_object *found, *expected, *schema;

	run(mock_text, args);
	assert_status(args, status);
	found = parse(args, output.out);
	assert_true(json_object_object_get_ex(found, "schema", &schema));
	if (updating())
		write_golden(name);
	expected = parse(name, read_golden(name));
	if (!json_object_equal(found, expected))
		fail_msg("%s differs:\n%s", name, output.out);
	json_object_put(found);
	json_object_put(expected);
}

/* ------------------------------------------------------------------ words */

void test_err(const char *mock_text, const char *args, int status, const char *words)
{
	run(mock_text, args);
	assert_status(args, status);
	if (!strstr(output.err, words))
		fail_msg("hmmp2p %s: no '%s' in: %s", args, words, output.err);
	assert_string_equal(output.out, "");
}

void test_help(const char *args, const char *words)
{
	run("open=2", args);
	assert_status(args, 0);
	if (!strstr(output.out, words))
		fail_msg("hmmp2p %s: no '%s' in: %s", args, words, output.out);
}
