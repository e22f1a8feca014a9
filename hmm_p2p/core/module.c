// SPDX-License-Identifier: GPL-2.0
/* hmm_p2p.ko: begin and end. */
#define CREATE_TRACE_POINTS
#include "trace.h"

#include <linux/debugfs.h>
#include <linux/hmm_p2p.h>
#include <linux/module.h>

#include "failure.h"
#include "path.h"
#include "profile.h"
#include "registry.h"

#if !IS_ENABLED(CONFIG_DEVICE_PRIVATE) || !IS_ENABLED(CONFIG_HMM_MIRROR)
#error "hmm_p2p needs a kernel with CONFIG_DEVICE_PRIVATE=y and CONFIG_HMM_MIRROR=y"
#endif
#if !IS_ENABLED(CONFIG_PCI_P2PDMA)
#error "hmm_p2p needs a kernel with CONFIG_PCI_P2PDMA=y"
#endif

static struct dentry *debugfs;

static int __init hmm_p2p_init(void)
{
	int ret;

	hmm_p2p_wq = alloc_workqueue("hmm_p2p", WQ_UNBOUND, 0);
	if (!hmm_p2p_wq)
		return -ENOMEM;
	ret = hmm_p2p_path_init();
	if (ret) {
		destroy_workqueue(hmm_p2p_wq);
		return ret;
	}
	debugfs = debugfs_create_dir("hmm_p2p", NULL);
	hmm_p2p_profile_init(debugfs);
	hmm_p2p_failure_init(debugfs);
	return 0;
}
module_init(hmm_p2p_init);

static void __exit hmm_p2p_exit(void)
{
	debugfs_remove_recursive(debugfs);
	hmm_p2p_path_exit();
	/* A lost device may just have let this module go. */
	destroy_workqueue(hmm_p2p_wq);
}
module_exit(hmm_p2p_exit);

MODULE_DESCRIPTION("Device-private memory that other devices reach where it is");
/* Who loads a driver wants /dev/hmm_p2p, too. */
MODULE_SOFTDEP("post: hmm_p2p_uapi");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
