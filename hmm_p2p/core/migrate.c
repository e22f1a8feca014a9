// SPDX-License-Identifier: GPL-2.0
/* Bringing memory home because the CPU touched it. */
#include "batch.h"
#include "trace.h"

/* The range to bring home for a fault, and how many pages it has. */
static unsigned long fault_window(const struct vm_fault *vmf,
				  unsigned long *start)
{
	unsigned int order = 0;

	/* With a page table entry, only a part of the folio may be mapped. */
	if (!vmf->pte)
		order = folio_order(page_folio(vmf->page));
	*start = ALIGN_DOWN(vmf->address, PAGE_SIZE << order);
	return 1UL << order;
}

/**
 * hmm_p2p_migrate_to_ram - the CPU touched a device page
 * @vmf: the fault; its page is locked and referenced
 *
 * Brings back the whole folio, with the memory policy of the mapping.
 *
 * Return: 0, also when the page could not be moved this time (the CPU faults
 * again); VM_FAULT_OOM; VM_FAULT_SIGBUS when the device cannot give the data.
 */
vm_fault_t hmm_p2p_migrate_to_ram(struct vm_fault *vmf)
{
	struct dev_pagemap *pgmap = page_pgmap(vmf->page);
	struct hmm_p2p_device *hdev = hmm_p2p_page_device(vmf->page);
	unsigned long start, nr = fault_window(vmf, &start), moved = 0;
	struct hmm_p2p_batch *batch;
	vm_fault_t ret = 0;
	int idx;

	batch = hmm_p2p_batch_alloc(nr);
	if (!batch)
		return VM_FAULT_OOM;
	/* A driver that lost its device waits for copies that are under way. */
	idx = srcu_read_lock(&hmm_p2p_srcu);
	batch->args.fault_page = vmf->page;
	if (hmm_p2p_batch_setup(batch, vmf->vma, start, start + (nr << PAGE_SHIFT),
				pgmap->owner,
				MIGRATE_VMA_SELECT_DEVICE_PRIVATE |
				(nr > 1 ? MIGRATE_VMA_SELECT_COMPOUND : 0))) {
		ret = VM_FAULT_SIGBUS;
		goto out;
	}
	if (!batch->args.cpages)
		goto out;

	hmm_p2p_batch_fill_ram(batch);
	if (hmm_p2p_batch_copy(batch))
		ret = VM_FAULT_SIGBUS;
	hmm_p2p_batch_move(batch);
	moved = hmm_p2p_batch_count_ram(batch, HMM_P2P_COUNTER_CPU_FAULT);
	if (!ret && !moved && batch->no_room)
		ret = VM_FAULT_OOM;
	trace_hmm_p2p_migrate(hdev->name, false, start, nr, moved);
	hmm_p2p_batch_finalize(batch);
out:
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	hmm_p2p_batch_free(batch);
	return ret;
}
