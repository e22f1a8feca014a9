// SPDX-License-Identifier: GPL-2.0
/*
 * A process in the page table of a device.
 *
 * A device that shares a process's address space has a page table of its own, which is
 * filled by faults and emptied by the MMU notifier. What it has, and the rules for that:
 * table.c. Here is how faults fill it, and how the sharing begins and ends.
 */
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "svm.h"
#include "table.h"

static DEFINE_MUTEX(svms_lock);
static LIST_HEAD(svms);

/* ------------------------------------------------------------------- faults */

/* Only where write was asked for, the page counts as written: see grant.c. */
static void make_read_only(unsigned long *hmm_pfns, unsigned long nr)
{
	while (nr--)
		hmm_pfns[nr] &= ~HMM_PFN_WRITE;
}

/* No section is held: the fault may wait for a filesystem, or for userspace. */
static int fault_try(struct hmm_p2p_svm *svm, unsigned long *hmm_pfns,
		     unsigned long addr, unsigned long end, bool write)
{
	const struct hmm_p2p_fault fault = {
		.importer.dev = svm->hdev->config.dev,
	};
	unsigned long nr = (end - addr) >> PAGE_SHIFT;
	struct hmm_range range = {
		.start = addr,
		.end = end,
		.hmm_pfns = hmm_pfns,
		.default_flags = HMM_PFN_REQ_FAULT |
				 (write ? HMM_PFN_REQ_WRITE : 0),
		.dev_private_owner = READ_ONCE(svm->hdev->owner),
	};
	int ret;

	ret = svm_block_ready(svm, addr >> PAGE_SHIFT);
	if (ret)
		return ret;
	memset(hmm_pfns, 0, nr * sizeof(*hmm_pfns));
	ret = hmm_p2p_mirror_fault(&svm->mirror, &range, &fault);
	if (ret)
		return ret;
	if (!write)
		make_read_only(hmm_pfns, nr);
	svm_check_owner(svm);
	ret = -EBUSY;
	if (svm->owner == range.dev_private_owner)
		ret = svm_enter(svm, addr >> PAGE_SHIFT, hmm_pfns, nr);
	/* It may change at any time, and then there is no way to what was private. */
	if (ret && READ_ONCE(svm->hdev->owner) != range.dev_private_owner)
		ret = -EBUSY;
	mutex_unlock(&svm->mirror.lock);
	return ret;
}

static int fault_all(struct hmm_p2p_svm *svm, unsigned long *hmm_pfns,
		     unsigned long addr, unsigned long end, bool write)
{
	unsigned long next;
	int ret = 0;

	for (; addr < end && !ret; addr = next) {
		next = min(end, ALIGN(addr + 1, HPAGE_PMD_SIZE));
		do {
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
			ret = fault_try(svm, hmm_pfns, addr, next, write);
		} while (ret == -EBUSY);
	}
	return ret;
}

/**
 * hmm_p2p_svm_fault - the device needs memory of the process
 * @svm: process, as the device sees it
 * @start: first byte, page aligned
 * @end: end of it, exclusive, page aligned; what the device gets may have gone
 *	again when this returns, and it faults again
 * @write: the device writes; else it gets no write access, so that what it only
 *	reads does not count as written
 *
 * Page by page one of the three outcomes, as hmm_p2p_range_fault() decides them.
 *
 * Context: may sleep, for a filesystem or a userfault too; no mmap_lock is held,
 * nor any lock that @unmap takes. Any process, or a worker.
 * Return: 0; -EINVAL for a range that is empty or not page aligned; -EFAULT for an
 * address that cannot be read, -EPERM for one that cannot be written; -ESRCH when
 * the process is gone, -ENODEV when the device is; -EOPNOTSUPP when it cannot DMA
 * to all memory, -EREMOTEIO when the DMA API refuses a page; -EIO; -EINTR after a
 * fatal signal; -ENOMEM; or what @map returned.
 */
int hmm_p2p_svm_fault(struct hmm_p2p_svm *svm, unsigned long start,
		      unsigned long end, bool write)
{
	unsigned long *hmm_pfns;
	int ret;

	if (start >= end || !IS_ALIGNED(start | end, PAGE_SIZE))
		return -EINVAL;
	if (!mmget_not_zero(svm->mirror.mm))
		return -ESRCH;
	hmm_pfns = kmalloc_array(HPAGE_PMD_NR, sizeof(*hmm_pfns), HMM_P2P_GFP_USER);
	ret = hmm_pfns ? fault_all(svm, hmm_pfns, start, end, write) : -ENOMEM;
	kfree(hmm_pfns);
	mmput(svm->mirror.mm);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_fault, HMM_P2P_NS);

/**
 * hmm_p2p_svm_lock - keep what the device has
 * @svm: process, as the device sees it
 *
 * Until hmm_p2p_svm_unlock() nothing is unmapped, and reclaim may wait for that:
 * the caller must not wait for memory to become free, nor for a page fault.
 *
 * Context: may sleep.
 * Return: 0, or -EINTR after a fatal signal.
 */
int hmm_p2p_svm_lock(struct hmm_p2p_svm *svm)
{
	return mutex_lock_killable(&svm->mirror.lock);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_lock, HMM_P2P_NS);

/**
 * hmm_p2p_svm_unlock - the end of hmm_p2p_svm_lock()
 * @svm: process, as the device sees it
 *
 * Context: by the task that has it locked.
 */
void hmm_p2p_svm_unlock(struct hmm_p2p_svm *svm)
{
	mutex_unlock(&svm->mirror.lock);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_unlock, HMM_P2P_NS);

/**
 * hmm_p2p_svm_take_back - take from the device what it has
 * @svm: process, as the device sees it
 * @start: first byte, page aligned
 * @end: end of it, exclusive; ULONG_MAX: all that there is
 *
 * For a driver that has no more room for page tables, that gives the device's address
 * space to another process, or decides anew where memory is to be. What the device still
 * needs it faults for.
 *
 * Context: may sleep; under hmm_p2p_svm_lock(). Calls @unmap, unless there is nothing.
 */
void hmm_p2p_svm_take_back(struct hmm_p2p_svm *svm, unsigned long start,
			   unsigned long end)
{
	svm_take_back(svm, start >> PAGE_SHIFT, (end - 1) >> PAGE_SHIFT, NULL);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_take_back, HMM_P2P_NS);

/* -------------------------------------------------------------- their lives */

/* What is mapped there later is something else. */
static void svm_forget(struct hmm_p2p_svm *svm, unsigned long first, unsigned long last,
		       const struct mmu_notifier_range *range)
{
	svm_drop_blocks(svm, first, last);
	if (svm->ops && svm->ops->forget)
		svm->ops->forget(svm, range->start, range->end);
}

static void svm_unmap(struct hmm_p2p_mirror *mirror,
		      const struct mmu_notifier_range *range)
{
	struct hmm_p2p_svm *svm = container_of(mirror, struct hmm_p2p_svm, mirror);
	unsigned long first = range->start >> PAGE_SHIFT;
	unsigned long last = (range->end - 1) >> PAGE_SHIFT;
	struct mmu_notifier_range why = *range;

	if (why.event == MMU_NOTIFY_MIGRATE)
		why.owner = NULL;
	svm_take_back(svm, first, last, &why);
	if (range->event == MMU_NOTIFY_MIGRATE && svm->ops && svm->ops->migrates)
		svm->ops->migrates(svm, range->start, range->end);
	if (range->event == MMU_NOTIFY_UNMAP || range->event == MMU_NOTIFY_RELEASE)
		svm_forget(svm, first, last, range);
	if (range->event == MMU_NOTIFY_EXCLUSIVE && range->owner == svm)
		return;
	if (svm->watched >= first && svm->watched <= last)
		svm->revoked = true;
}

static bool needs_dma(const struct hmm_p2p_device *hdev,
		      const struct hmm_p2p_svm_ops *ops)
{
	return hdev->config.importer_ops || !ops->no_dma;
}

/**
 * hmm_p2p_svm_create - let a device share a process's address space
 * @hdev: the device
 * @mm: the process
 * @ops: the device's page table; NULL: it has none. Until hmm_p2p_svm_destroy(), or
 *	until hmm_p2p_device_unregister() has returned
 * @drvdata: for hmm_p2p_svm_drvdata()
 *
 * The device has nothing at first. When the process ends it loses what it has got;
 * when the device is unregistered, too, and both end all faults, later ones as well.
 * The driver calls hmm_p2p_svm_destroy() in any case.
 *
 * Context: may sleep; the caller holds a reference to the users of @mm, and not its
 * mmap_lock.
 * Return: what to name it by, or an error pointer: -EOPNOTSUPP for a device that has
 * neither @ops nor importer operations, -ENOMEM, -EINTR.
 */
struct hmm_p2p_svm *hmm_p2p_svm_create(struct hmm_p2p_device *hdev,
				       struct mm_struct *mm,
				       const struct hmm_p2p_svm_ops *ops,
				       void *drvdata)
{
	struct hmm_p2p_svm *svm;
	int ret = -ENOMEM;

	if (!ops && !hdev->config.importer_ops)
		return ERR_PTR(-EOPNOTSUPP);
	svm = kzalloc_obj(*svm, HMM_P2P_GFP_USER);
	if (!svm)
		return ERR_PTR(-ENOMEM);
	svm->hdev = hdev;
	svm->ops = ops;
	svm->drvdata = drvdata;
	svm->dma = needs_dma(hdev, ops);
	svm->owner = READ_ONCE(hdev->owner);
	svm->watched = ULONG_MAX;
	xa_init_flags(&svm->blocks, XA_FLAGS_ACCOUNT);
	mutex_init(&svm->exclusive_lock);
	svm->entries = kvmalloc_array(HPAGE_PMD_NR, sizeof(*svm->entries),
				      HMM_P2P_GFP_USER);
	if (!svm->entries)
		goto err_free;
	ret = hmm_p2p_mirror_init(&svm->mirror, mm, 0, PAGE_MASK);
	if (ret)
		goto err_free;
	/* There is nothing to unmap before the first fault. */
	svm->mirror.unmap = svm_unmap;
	kref_get(&hdev->ref);
	get_device(hdev->config.dev);
	mutex_lock(&svms_lock);
	svm->gone = READ_ONCE(hdev->removed);
	list_add(&svm->all, &svms);
	mutex_unlock(&svms_lock);
	return svm;

err_free:
	mutex_destroy(&svm->exclusive_lock);
	kvfree(svm->entries);
	kfree(svm);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_create, HMM_P2P_NS);

static void svm_empty(struct hmm_p2p_svm *svm)
{
	mutex_lock(&svm->mirror.lock);
	svm->gone = true;
	svm_take_back(svm, 0, SVM_LAST_PAGE, NULL);
	mutex_unlock(&svm->mirror.lock);
}

static void svm_free_blocks(struct hmm_p2p_svm *svm)
{
	mutex_lock(&svm->mirror.lock);
	svm_drop_blocks(svm, 0, SVM_LAST_PAGE);
	mutex_unlock(&svm->mirror.lock);
}

/**
 * hmm_p2p_svm_destroy - end the sharing
 * @svm: process, as the device sees it; nobody is in a call with it
 *
 * The device loses what it has.
 *
 * Context: may sleep; the mmap_lock is not held, nor a lock that @unmap takes.
 */
void hmm_p2p_svm_destroy(struct hmm_p2p_svm *svm)
{
	struct device *dev = svm->hdev->config.dev;

	svm_empty(svm);
	mutex_lock(&svms_lock);
	list_del(&svm->all);
	svm_free_blocks(svm);
	mutex_unlock(&svms_lock);
	hmm_p2p_mirror_fini(&svm->mirror);
	xa_destroy(&svm->blocks);
	mutex_destroy(&svm->exclusive_lock);
	hmm_p2p_device_put(svm->hdev);
	put_device(dev);
	kvfree(svm->entries);
	kfree(svm);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_destroy, HMM_P2P_NS);

/**
 * hmm_p2p_svm_drvdata - what the driver gave hmm_p2p_svm_create()
 * @svm: process, as the device sees it
 *
 * Context: any.
 * Return: that.
 */
void *hmm_p2p_svm_drvdata(const struct hmm_p2p_svm *svm)
{
	return svm->drvdata;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_drvdata, HMM_P2P_NS);

/* ------------------------------------------------------------- the registry */

static void owner_changed(struct hmm_p2p_svm *svm)
{
	mutex_lock(&svm->mirror.lock);
	svm_check_owner(svm);
	mutex_unlock(&svm->mirror.lock);
}

static void tell(struct hmm_p2p_svm *svm, unsigned long event)
{
	switch (event) {
	case HMM_P2P_DEVICE_OWNER:
		owner_changed(svm);
		break;
	case HMM_P2P_DEVICE_GOES:
		svm_empty(svm);
		break;
	case HMM_P2P_DEVICE_GONE:
		/* They may refer to it, and it is not to be used any more. */
		svm_free_blocks(svm);
		break;
	}
}

static int device_event(struct notifier_block *nb, unsigned long event, void *data)
{
	struct hmm_p2p_svm *svm;

	mutex_lock(&svms_lock);
	list_for_each_entry(svm, &svms, all)
		if (svm->hdev == data)
			tell(svm, event);
	mutex_unlock(&svms_lock);
	return NOTIFY_DONE;
}

static struct notifier_block device_notifier = {
	.notifier_call = device_event,
};

static int __init svm_init(void)
{
	hmm_p2p_device_subscribe(&device_notifier);
	return 0;
}
module_init(svm_init);

static void __exit svm_exit(void)
{
	hmm_p2p_device_unsubscribe(&device_notifier);
}
module_exit(svm_exit);

MODULE_DESCRIPTION("hmm_p2p: a process in a device's own page table");
MODULE_IMPORT_NS("HMM_P2P");
MODULE_IMPORT_NS("HMM_P2P_INTERNAL");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
