// SPDX-License-Identifier: GPL-2.0
/* How a copy of an exporter ends: at once, or by its own fence. */
#include <linux/dma-fence.h>
#include <linux/err.h>
#include <linux/export.h>

#include "device.h"
#include "fence.h"

/**
 * hmm_p2p_copy_end - wait for the end of one copy
 * @fence: what copy_to_device or copy_to_ram of the exporter returned
 *
 * Context: may sleep, and cannot be killed: who was killed must not free pages
 * that an engine still writes to.
 * Return: 0, or -EIO when any byte may be wrong.
 */
int hmm_p2p_copy_end(struct dma_fence *fence)
{
	int status;

	if (IS_ERR_OR_NULL(fence))
		return fence ? -EIO : 0;
	dma_fence_wait(fence, false);
	status = dma_fence_get_status(fence);
	dma_fence_put(fence);
	return status < 0 ? -EIO : 0;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_copy_end, HMM_P2P_INTERNAL_NS);
