// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whose memory a call is about. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "hmm_p2p_internal.h"

struct hmm_p2p_process hmm_p2p_process_or_self(const struct hmm_p2p_process *process)
{
	struct hmm_p2p_process self;

	if (process)
		return *process;
	hmm_p2p_process_self(&self);
	return self;
}

EXPORT void hmm_p2p_process_self(struct hmm_p2p_process *process)
{
	if (!process)
		return;
	process->pid = HMM_P2P_SELF_PID;
	process->mem_fd = HMM_P2P_NO_FD;
}

/* A missing /proc/PID is a missing process, unless all of /proc is missing. */
static int missing_mem_error(void)
{
	return access("/proc/self/mem", F_OK) ? -ENOENT : -ESRCH;
}

EXPORT int hmm_p2p_process_open(struct hmm_p2p_process *process, pid_t pid,
				bool writable)
{
	char path[sizeof("/proc//mem") + 3 * sizeof(pid)];
	int fd;

	if (!process)
		return -EINVAL;
	hmm_p2p_process_self(process);
	if (pid <= 0)
		return -EINVAL;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? missing_mem_error() : -errno;
	process->pid = pid;
	process->mem_fd = fd;
	return 0;
}

EXPORT void hmm_p2p_process_close(struct hmm_p2p_process *process)
{
	if (!process)
		return;
	if (process->mem_fd >= 0)
		close(process->mem_fd);
	hmm_p2p_process_self(process);
}
