// SPDX-License-Identifier: GPL-2.0
/*
 * Where the time of a migration goes: nanoseconds per phase and direction, in
 * debugfs hmm_p2p/profile. Writing 1 clears and starts, 0 stops.
 */
#include <linux/debugfs.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "profile.h"

DEFINE_STATIC_KEY_FALSE(hmm_p2p_profile_key);

static const char * const phase_names[HMM_P2P_PHASE_COUNT] = {
	[HMM_P2P_PHASE_SETUP]		= "setup",
	[HMM_P2P_PHASE_ALLOC]		= "alloc",
	[HMM_P2P_PHASE_COPY]		= "copy",
	[HMM_P2P_PHASE_PAGES]		= "pages",
	[HMM_P2P_PHASE_FINALIZE]	= "finalize",
};

struct profile {
	u64 ns[2][HMM_P2P_PHASE_COUNT];
};

static DEFINE_PER_CPU(struct profile, profiles);

void __hmm_p2p_profile(bool to_device, enum hmm_p2p_phase phase, u64 ns)
{
	this_cpu_add(profiles.ns[to_device][phase], ns);
}

static u64 profile_sum(bool to_device, enum hmm_p2p_phase phase)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(profiles, cpu).ns[to_device][phase]);
	return sum;
}

static int profile_show(struct seq_file *m, void *unused)
{
	int phase;

	for (phase = 0; phase < HMM_P2P_PHASE_COUNT; phase++)
		seq_printf(m, "%s %llu %llu\n", phase_names[phase],
			   profile_sum(true, phase), profile_sum(false, phase));
	return 0;
}

static int profile_open(struct inode *inode, struct file *file)
{
	return single_open(file, profile_show, NULL);
}

static ssize_t profile_write(struct file *file, const char __user *user,
			     size_t len, loff_t *pos)
{
	bool on;
	int cpu, ret;

	ret = kstrtobool_from_user(user, len, &on);
	if (ret)
		return ret;
	if (!on) {
		static_branch_disable(&hmm_p2p_profile_key);
		return len;
	}
	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(&profiles, cpu), 0, sizeof(struct profile));
	static_branch_enable(&hmm_p2p_profile_key);
	return len;
}

static const struct file_operations profile_fops = {
	.owner		= THIS_MODULE,
	.open		= profile_open,
	.read		= seq_read,
	.write		= profile_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

void hmm_p2p_profile_init(struct dentry *dir)
{
	debugfs_create_file("profile", 0600, dir, NULL, &profile_fops);
}
