// SPDX-License-Identifier: GPL-2.0
/* Processes, and why there is no memory to be had of one: not each is missing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hmmp2p.h"

/* PF_KTHREAD of the kernel, which proc_pid_stat(5) shows in the field "flags". */
#define FLAG_KERNEL_THREAD	0x00200000

struct process_stat {
	char state;
	unsigned int flags;
	long threads;
};

static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, text, size - 1);
	close(fd);
	if (len <= 0)
		return false;
	text[len] = '\0';
	return true;
}

/* Its name, in parentheses, may have any character in it. */
static bool stat_read(pid_t pid, struct process_stat *stat)
{
	char path[64], text[1024], *rest;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!read_text(path, text, sizeof(text)))
		return false;
	rest = strrchr(text, ')');
	return rest && sscanf(rest + 1,
			      " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld",
			      &stat->state, &stat->flags, &stat->threads) == 3;
}

static const char *why_gone(pid_t pid)
{
	struct process_stat stat;

	if (!stat_read(pid, &stat))
		return NULL;
	if (stat.flags & FLAG_KERNEL_THREAD)
		return "is a kernel thread: it has no memory of its own";
	if (stat.state != 'Z')
		return NULL;
	if (stat.threads > 1)
		return "has a first thread that has ended: name another one, see /proc/PID/task";
	return "has ended (zombie): its memory is gone, and its parent has not asked for its exit status";
}

int complain_process(int err, enum hmm_p2p_call call, pid_t pid)
{
	const char *why = err == -ESRCH ? why_gone(pid) : NULL;

	/* Its memory could be opened, and is not what it has now. */
	if (err == -EACCES && call != HMM_P2P_CALL_PROCESS)
		why = "runs another program meanwhile, with other memory: run the command again";
	if (why)
		return complain("process %d %s", (int)pid, why);
	return complain_call(err, call, "process %d", (int)pid);
}

int tool_process(struct hmm_p2p_process *process, pid_t pid)
{
	int err = hmm_p2p_process_open(process, pid, false);

	if (err)
		return complain_process(err, HMM_P2P_CALL_PROCESS, pid);
	return EXIT_OK;
}
