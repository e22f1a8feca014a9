// SPDX-License-Identifier: GPL-2.0
/*
 * Device memory that processes map to share it. Who makes such mappings is a
 * front end, and no business of this module. But a fault has to know one when it
 * sees it, because that memory cannot go to RAM, and an importer has it as p2p or
 * does not get it.
 *
 * So the front end says what its mappings look like: their vm_ops, which are only
 * ever compared, with a struct hmm_p2p_mapped in vm_private_data.
 */
#include <linux/export.h>
#include <linux/mm.h>

#include "device.h"
#include "mapped.h"

/* NULL: there is no front end, and no mapping of one. */
static const struct vm_operations_struct *mapped_ops;
static atomic_t nr_mapped;

/**
 * hmm_p2p_mapped_begin - there is a front end that maps device memory
 * @ops: of its mappings. There is one front end
 *
 * Context: any; before its first mapping.
 */
void hmm_p2p_mapped_begin(const struct vm_operations_struct *ops)
{
	WARN_ON_ONCE(mapped_ops);
	WRITE_ONCE(mapped_ops, ops);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_mapped_begin, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_mapped_end - end of hmm_p2p_mapped_begin()
 *
 * Context: any; after its last mapping.
 */
void hmm_p2p_mapped_end(void)
{
	WRITE_ONCE(mapped_ops, NULL);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_mapped_end, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_mapped_add - there is one more struct hmm_p2p_mapped
 *
 * Context: any; before it is used.
 */
void hmm_p2p_mapped_add(void)
{
	atomic_inc(&nr_mapped);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_mapped_add, HMM_P2P_INTERNAL_NS);

/**
 * hmm_p2p_mapped_del - the end of hmm_p2p_mapped_add()
 *
 * Context: any; no mapping refers to it any more.
 */
void hmm_p2p_mapped_del(void)
{
	atomic_dec(&nr_mapped);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_mapped_del, HMM_P2P_INTERNAL_NS);

/*
 * Is there any of this memory? Who holds the mmap_lock of a process that has it
 * mapped sees true.
 */
bool hmm_p2p_mapped_any(void)
{
	return atomic_read(&nr_mapped);
}

/**
 * hmm_p2p_mapped_device - whose memory does a mapping show?
 * @vma: any mapping
 *
 * All of the mapping is memory of that device, also where no page table has it.
 *
 * Context: the mmap_lock is held; under hmm_p2p_srcu, which keeps the device.
 * Return: the device; NULL when it is not memory of this kind, cannot be read,
 * or its device is gone.
 */
struct hmm_p2p_device *hmm_p2p_mapped_device(const struct vm_area_struct *vma)
{
	const struct hmm_p2p_mapped *mapped = vma->vm_private_data;

	if (!vma->vm_ops || vma->vm_ops != READ_ONCE(mapped_ops) ||
	    !(vma->vm_flags & VM_READ))
		return NULL;
	return READ_ONCE(mapped->hdev);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_mapped_device, HMM_P2P_INTERNAL_NS);
