// SPDX-License-Identifier: GPL-2.0
/*
 * RDMA on-demand paging: a NIC's memory region without pinned pages. All
 * drivers fault it through one function of ib_core, whose range's notifier is
 * part of the region.
 *
 * A NIC that does DMA is the importer itself. A software NIC (Soft-RoCE)
 * copies with the CPU, through the kernel's mapping of the page.
 */
#include <linux/container_of.h>
#include <linux/hmm_p2p.h>
#include <rdma/ib_umem_odp.h>
#include <rdma/ib_verbs.h>

#include "interpose.h"
#include "interposed.h"

static struct device *odp_importer(struct hmm_range *range)
{
	struct ib_umem_odp *umem =
		container_of(range->notifier, struct ib_umem_odp, notifier);
	struct ib_device *ibdev = umem->umem.ibdev;

	if (ib_uses_virt_dma(ibdev))
		return hmm_p2p_cpu_importer();
	return ibdev->dma_device;
}

static int odp_range_fault(struct hmm_range *range)
{
	return hmm_p2p_interposed(range, odp_importer(range));
}

static int odp_range_fault_unlocked(struct hmm_range *range, unsigned long timeout)
{
	return hmm_p2p_interposed_unlocked(range, odp_importer(range), timeout);
}

const struct hmm_p2p_adapter hmm_p2p_odp_adapter = {
	.caller			= "ib_umem_odp_map_dma_and_lock",
	.range_fault		= odp_range_fault,
	.range_fault_unlocked	= odp_range_fault_unlocked,
};
