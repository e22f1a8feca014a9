// SPDX-License-Identifier: GPL-2.0
/*
 * Example importer: a device that reads a process's memory, wherever it lives.
 *
 * The protocol is that of hmm_range_fault() (Documentation/mm/hmm.rst), with one
 * other function and one more argument. Nothing is pinned. A notifier watches the
 * range; what a fault found holds until the notifier is invalidated; and who uses it
 * does so under a lock that the invalidation takes.
 *
 * This importer copies by the CPU, so it is hmm_p2p_cpu_importer(). A bus master
 * names its own struct device in the fault, maps each page with hmm_dma_map_pfn()
 * where this one copies, and has its invalidation wait until the DMA has stopped.
 */
#include <linux/highmem.h>
#include <linux/hmm_p2p.h>
#include <linux/miscdevice.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "importer.h"

/**
 * struct import - one call
 * @notifier: watches the range
 * @lock: what was found is used under it, and does not change meanwhile
 * @args: the caller's
 * @pfns: what the fault found, page by page
 * @data: the bytes
 * @kinds: enum example_kind, page by page
 */
struct import {
	struct mmu_interval_notifier notifier;
	struct mutex lock; /* against invalidation */
	struct example_read args;
	unsigned long *pfns;
	void *data;
	u8 *kinds;
};

/* Somebody takes the memory away: not before we have stopped using it. */
static bool import_invalidate(struct mmu_interval_notifier *notifier,
			      const struct mmu_notifier_range *range, unsigned long seq)
{
	struct import *import = container_of(notifier, struct import, notifier);

	if (mmu_notifier_range_blockable(range))
		mutex_lock(&import->lock);
	else if (!mutex_trylock(&import->lock))
		return false;
	mmu_interval_set_seq(notifier, seq);
	mutex_unlock(&import->lock);
	return true;
}

static const struct mmu_interval_notifier_ops import_notifier_ops = {
	.invalidate = import_invalidate,
};

/* Under the lock, so no allocation here may wait for memory. */
static int read_page(struct import *import, unsigned long i)
{
	unsigned long pfn = import->pfns[i];
	struct page *page = hmm_pfn_to_page(pfn);

	switch (hmm_p2p_pfn_kind(pfn)) {
	case HMM_P2P_PFN_SYSTEM:
		import->kinds[i] = EXAMPLE_SYSTEM;
		break;
	case HMM_P2P_PFN_ALIAS:
		import->kinds[i] = EXAMPLE_P2P;
		break;
	default:
		/* Private: only for whose owner we had named, in dev_private_owner. */
		return -EFAULT;
	}
	memcpy_from_page(import->data + (i << PAGE_SHIFT), page, 0, PAGE_SIZE);
	return 0;
}

static int read_pages(struct import *import)
{
	unsigned long i;
	int ret = 0;

	for (i = 0; i < import->args.nr_pages && !ret; i++)
		ret = read_page(import, i);
	return ret;
}

/* Return: 0, and it was read; -EBUSY when it changed and all begins again. */
static int import_try(struct import *import)
{
	struct hmm_range range = {
		.notifier = &import->notifier,
		.start = import->args.addr,
		.end = import->args.addr + (import->args.nr_pages << PAGE_SHIFT),
		.hmm_pfns = import->pfns,
		.default_flags = HMM_PFN_REQ_FAULT,
	};
	int ret;

	range.notifier_seq = mmu_interval_read_begin(range.notifier);
	if (mmap_read_lock_killable(import->notifier.mm))
		return -EINTR;
	ret = hmm_p2p_range_fault(&range, hmm_p2p_cpu_importer());
	mmap_read_unlock(import->notifier.mm);
	if (ret)
		return ret;

	mutex_lock(&import->lock);
	if (mmu_interval_read_retry(range.notifier, range.notifier_seq))
		ret = -EBUSY;
	else
		ret = read_pages(import);
	mutex_unlock(&import->lock);
	return ret;
}

static int import_range(struct import *import)
{
	int ret;

	ret = mmu_interval_notifier_insert(&import->notifier, current->mm, import->args.addr,
					   import->args.nr_pages << PAGE_SHIFT,
					   &import_notifier_ops);
	if (ret)
		return ret;
	while ((ret = import_try(import)) == -EBUSY) {
		import->args.out_retries++;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	}
	mmu_interval_notifier_remove(&import->notifier);
	return ret;
}

/* Not before the notifier is gone: what is written may be the range itself. */
static int give(const struct import *import, struct example_read __user *user)
{
	const struct example_read *args = &import->args;

	if (copy_to_user(u64_to_user_ptr(args->data), import->data,
			 args->nr_pages << PAGE_SHIFT) ||
	    copy_to_user(u64_to_user_ptr(args->kinds), import->kinds, args->nr_pages) ||
	    put_user(args->out_retries, &user->out_retries))
		return -EFAULT;
	return 0;
}

static int example_read(struct import *import, struct example_read __user *user)
{
	struct example_read *args = &import->args;

	if (copy_from_user(args, user, sizeof(*args)))
		return -EFAULT;
	if (!PAGE_ALIGNED(args->addr) || !args->nr_pages ||
	    args->nr_pages > EXAMPLE_MAX_PAGES)
		return -EINVAL;
	args->out_retries = 0;
	import->pfns = kvcalloc(args->nr_pages, sizeof(*import->pfns), GFP_KERNEL_ACCOUNT);
	import->data = kvcalloc(args->nr_pages, PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	import->kinds = kvcalloc(args->nr_pages, 1, GFP_KERNEL_ACCOUNT);
	if (!import->pfns || !import->data || !import->kinds)
		return -ENOMEM;
	return import_range(import) ?: give(import, user);
}

static long example_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct import *import;
	int ret;

	if (cmd != EXAMPLE_READ)
		return -ENOTTY;
	import = kzalloc_obj(*import, GFP_KERNEL_ACCOUNT);
	if (!import)
		return -ENOMEM;
	mutex_init(&import->lock);
	ret = example_read(import, (void __user *)arg);
	kvfree(import->pfns);
	kvfree(import->data);
	kvfree(import->kinds);
	kfree(import);
	return ret;
}

static const struct file_operations example_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= example_ioctl,
};

static struct miscdevice example_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "hmm_p2p_example",
	.fops	= &example_fops,
	.mode	= 0600,
};
module_misc_device(example_misc);

MODULE_DESCRIPTION("hmm_p2p example: an importer with a notifier of its own");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("HMM_P2P");
