// SPDX-License-Identifier: GPL-2.0
/* The configuration of the running kernel, wherever its distribution has it. */
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"

extern char **environ;

static pid_t start_gzip(int from, int to)
{
	static char program[] = "gzip", option[] = "-dc";
	char *words[] = { program, option, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	if (posix_spawn_file_actions_init(&actions))
		return -1;
	if (posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO) ||
	    posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO) ||
	    posix_spawnp(&pid, program, &actions, NULL, words, environ))
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* What gzip(1) makes of it; NULL when there is no such file, or no gzip. */
static char *read_compressed(const char *path)
{
	int from = open(path, O_RDONLY | O_CLOEXEC), ends[2];
	char *text = NULL;
	pid_t pid;

	if (from < 0)
		return NULL;
	if (!pipe2(ends, O_CLOEXEC)) {
		pid = start_gzip(from, ends[1]);
		close(ends[1]);
		text = read_fd(ends[0]);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	close(from);
	return text;
}

/* What is no configuration is as good as none. */
static char *read_config(const char *name, char *(*read)(const char *path))
{
	char *path = root_path("%s", name), *text = read(path);

	free(path);
	if (text && strstr(text, "\nCONFIG_"))
		return text;
	free(text);
	return NULL;
}

char *config_read(const struct doctor *doctor, char **name)
{
	char *text;

	*name = xasprintf("proc/config.gz");
	text = read_config(*name, read_compressed);
	if (text)
		return text;
	free(*name);
	*name = xasprintf("boot/config-%s", doctor->release);
	text = read_config(*name, read_text);
	if (text)
		return text;
	free(*name);
	*name = xasprintf("usr/lib/modules/%s/config", doctor->release);
	return read_config(*name, read_text);
}
