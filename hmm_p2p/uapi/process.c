// SPDX-License-Identifier: GPL-2.0
/*
 * The process that a call is about.
 *
 * A pidfd would be the natural name, and ptrace_may_access() the natural
 * check, but the kernel exports neither to modules. So the caller proves its
 * right with a file: /proc/PID/mem, which only opens for who may ptrace the
 * process. The file remembers the mm it was opened for; that pointer is only
 * ever compared with the mm of the process that the caller names.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <uapi/linux/hmm_p2p.h>

#include "process.h"

/* How a /proc/PID/mem file is recognised. NULL: this machine has no /proc. */
static const struct file_operations *proc_mem_fops;

static struct mm_struct *mm_of_pid(s32 nr)
{
	struct task_struct *task;
	struct mm_struct *mm;
	struct pid *pid;

	pid = find_get_pid(nr);
	task = get_pid_task(pid, PIDTYPE_PID);
	put_pid(pid);
	if (!task)
		return NULL;
	mm = get_task_mm(task);
	put_task_struct(task);
	return mm;
}

static bool file_proves(const struct file *file, const struct mm_struct *mm,
			bool write)
{
	if (file->f_op != proc_mem_fops || file->private_data != mm)
		return false;
	return file->f_mode & (write ? FMODE_WRITE : FMODE_READ);
}

static struct mm_struct *mm_of_other(s32 pid, struct file *file, bool write)
{
	struct mm_struct *mm = mm_of_pid(pid);

	if (!mm)
		return ERR_PTR(-ESRCH);
	if (file_proves(file, mm, write))
		return mm;
	mmput(mm);
	return ERR_PTR(-EACCES);
}

/**
 * hmm_p2p_process_get - the memory of the process that a call names
 * @pid: process in the caller's pid namespace, or HMM_P2P_SELF_PID
 * @mem_fd: its /proc/PID/mem, or HMM_P2P_NO_FD for the caller itself
 * @write: the file must be open for writing
 *
 * Return: the mm with a reference to its users, for mmput(); -EINVAL for a
 * name that is neither, -ESRCH, -EACCES, -EOPNOTSUPP without /proc.
 */
struct mm_struct *hmm_p2p_process_get(s32 pid, s32 mem_fd, bool write)
{
	struct mm_struct *mm;
	struct file *file;

	if (pid == HMM_P2P_SELF_PID) {
		if (mem_fd != HMM_P2P_NO_FD)
			return ERR_PTR(-EINVAL);
		mm = get_task_mm(current);
		return mm ?: ERR_PTR(-ESRCH);
	}
	if (pid < 0 || mem_fd < 0)
		return ERR_PTR(-EINVAL);
	if (!proc_mem_fops)
		return ERR_PTR(-EOPNOTSUPP);

	file = fget(mem_fd);
	if (!file)
		return ERR_PTR(-EACCES);
	mm = mm_of_other(pid, file, write);
	fput(file);
	return mm;
}

void hmm_p2p_process_init(void)
{
	struct file *file = filp_open("/proc/self/mem", O_RDONLY, 0);

	if (IS_ERR(file)) {
		pr_warn("hmm_p2p: no /proc: calls work on the caller's own memory only\n");
		return;
	}
	proc_mem_fops = file->f_op;
	fput(file);
}
