// SPDX-License-Identifier: GPL-2.0
/*
 * Failures on demand, for tests on kernels with fault injection: debugfs
 * hmm_p2p/fail_copy makes copies fail as if the device did not answer. See
 * Documentation/fault-injection/fault-injection.rst for the files in it.
 */
#include <linux/export.h>
#include <linux/fault-inject.h>

#include "device.h"
#include "failure.h"

/**
 * hmm_p2p_device_fail_allocs - let allocations fail, to test what then happens
 * @hdev: exporter
 * @nr: so many of the next allocations fail: of its memory, or of system
 *	memory for one of its pages; 0 ends it
 *
 * Unlike the kernel's fault injection it is there on every kernel, and exact. It is
 * not there when this framework was built without CONFIG_HMM_P2P_FAILURES.
 *
 * Context: any.
 */
void hmm_p2p_device_fail_allocs(struct hmm_p2p_device *hdev, unsigned int nr)
{
	atomic_set(&hdev->fail_allocs, nr);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_fail_allocs, HMM_P2P_NS);

/* Is this allocation one that is to fail? */
bool hmm_p2p_fail_alloc(struct hmm_p2p_device *hdev)
{
	return atomic_read(&hdev->fail_allocs) > 0 &&
	       atomic_dec_if_positive(&hdev->fail_allocs) >= 0;
}

#ifdef CONFIG_FAULT_INJECTION_DEBUG_FS

static DECLARE_FAULT_ATTR(fail_copy);

bool hmm_p2p_fail_copy(void)
{
	return should_fail(&fail_copy, 1);
}

void hmm_p2p_failure_init(struct dentry *dir)
{
	fault_create_debugfs_attr("fail_copy", dir, &fail_copy);
}

#else

bool hmm_p2p_fail_copy(void)
{
	return false;
}

void hmm_p2p_failure_init(struct dentry *dir)
{
}

#endif
