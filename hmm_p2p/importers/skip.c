// SPDX-License-Identifier: GPL-2.0
/*
 * An importer as nouveau and test_hmm are ones: it takes an MMU_NOTIFY_MIGRATE with
 * its own owner for a migration that it has begun itself, and skips it. Here it
 * begins none, so it has to be told of each by other events. debugfs
 * hmm_p2p_bench/skip takes
 *
 *	ADDRESS LENGTH DEVICE
 *
 * faults that memory of the process that writes it for that exporter, and maps it.
 * Reading it back gives how many private and other pages it still has.
 */
#include <linux/hmm_p2p.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "../core/device.h"
#include "line.h"
#include "skip.h"

#define SKIP_MAX_PAGES	BIT(12)

/**
 * struct skipper - an open file
 * @write_lock: one writer at a time, and none while it is read
 * @notifier: of the range, once there is one
 * @lock: protects @mapped
 * @owner: whose events it skips; a driver finds it in the pagemap of its pages
 * @mapped: what it has, by page; NULL: it has not faulted anything yet
 * @nr_pages: length of @mapped
 */
struct skipper {
	struct mutex write_lock; /* the whole of it */
	struct mmu_interval_notifier notifier;
	spinlock_t lock; /* what is mapped */
	const void *owner;
	unsigned long *mapped;
	unsigned long nr_pages;
};

static bool skip_invalidate(struct mmu_interval_notifier *notifier,
			    const struct mmu_notifier_range *range,
			    unsigned long cur_seq)
{
	struct skipper *skipper = container_of(notifier, struct skipper, notifier);
	unsigned long start = notifier->interval_tree.start, addr, i;

	if (range->event == MMU_NOTIFY_MIGRATE && range->owner == skipper->owner)
		return true;
	spin_lock(&skipper->lock);
	mmu_interval_set_seq(notifier, cur_seq);
	for (i = 0; i < skipper->nr_pages; i++) {
		addr = start + (i << PAGE_SHIFT);
		if (addr >= range->start && addr < range->end)
			skipper->mapped[i] = 0;
	}
	spin_unlock(&skipper->lock);
	return true;
}

static const struct mmu_interval_notifier_ops skip_ops = {
	.invalidate = skip_invalidate,
};

static int skip_fault(struct skipper *skipper, struct hmm_range *range,
		      struct device *dev)
{
	struct mm_struct *mm = skipper->notifier.mm;
	bool again = true;
	int ret;

	while (again) {
		if (fatal_signal_pending(current))
			return -EINTR;
		range->notifier_seq = mmu_interval_read_begin(range->notifier);
		mmap_read_lock(mm);
		ret = hmm_p2p_range_fault(range, dev);
		mmap_read_unlock(mm);
		if (ret && ret != -EBUSY)
			return ret;
		spin_lock(&skipper->lock);
		again = ret || mmu_interval_read_retry(range->notifier,
						       range->notifier_seq);
		if (!again)
			memcpy(skipper->mapped, range->hmm_pfns,
			       skipper->nr_pages * sizeof(*skipper->mapped));
		spin_unlock(&skipper->lock);
	}
	return 0;
}

static int skip_map(struct skipper *skipper, unsigned long start, unsigned long length,
		    struct hmm_p2p_device *hdev)
{
	struct hmm_range range = {
		.notifier = &skipper->notifier,
		.start = start,
		.end = start + length,
		.default_flags = HMM_PFN_REQ_FAULT,
		.dev_private_owner = READ_ONCE(hdev->owner),
	};
	int ret;

	range.hmm_pfns = kvcalloc(skipper->nr_pages, sizeof(*range.hmm_pfns), GFP_KERNEL);
	if (!range.hmm_pfns)
		return -ENOMEM;
	skipper->owner = range.dev_private_owner;
	ret = mmu_interval_notifier_insert(&skipper->notifier, current->mm, start, length,
					   &skip_ops);
	if (!ret) {
		ret = skip_fault(skipper, &range, hmm_p2p_device_dev(hdev));
		if (ret)
			mmu_interval_notifier_remove(&skipper->notifier);
	}
	kvfree(range.hmm_pfns);
	return ret;
}

static int skip_begin(struct skipper *skipper, const char *text)
{
	unsigned long start, length;
	struct hmm_p2p_device *hdev;
	char name[HMM_P2P_NAME_SIZE];
	int ret;

	if (skipper->mapped)
		return -EBUSY;
	if (sscanf(text, "%lx %lx %31s", &start, &length, name) != 3 || !length ||
	    !IS_ALIGNED(start | length, PAGE_SIZE) ||
	    length >> PAGE_SHIFT > SKIP_MAX_PAGES)
		return -EINVAL;
	hdev = hmm_p2p_device_find(name, NULL);
	if (!hdev)
		return -ENODEV;
	skipper->nr_pages = length >> PAGE_SHIFT;
	skipper->mapped = kvcalloc(skipper->nr_pages, sizeof(*skipper->mapped), GFP_KERNEL);
	ret = skipper->mapped ? skip_map(skipper, start, length, hdev) : -ENOMEM;
	if (ret) {
		kvfree(skipper->mapped);
		skipper->mapped = NULL;
	}
	hmm_p2p_device_put(hdev);
	return ret;
}

static ssize_t skip_write(struct file *file, const char __user *user, size_t len,
			  loff_t *pos)
{
	struct skipper *skipper = file->private_data;
	struct line line;
	int ret;

	ret = line_read(&line, user, len);
	if (ret)
		return ret;
	mutex_lock(&skipper->write_lock);
	ret = skip_begin(skipper, line.text);
	mutex_unlock(&skipper->write_lock);
	return ret ?: len;
}

static ssize_t skip_read(struct file *file, char __user *user, size_t len, loff_t *pos)
{
	struct skipper *skipper = file->private_data;
	unsigned long kinds[HMM_P2P_PFN_ALIAS + 1] = {}, i;
	char text[64];
	int n;

	mutex_lock(&skipper->write_lock);
	spin_lock(&skipper->lock);
	for (i = 0; skipper->mapped && i < skipper->nr_pages; i++)
		kinds[hmm_p2p_pfn_kind(skipper->mapped[i])]++;
	spin_unlock(&skipper->lock);
	mutex_unlock(&skipper->write_lock);
	n = scnprintf(text, sizeof(text), "%lu %lu\n", kinds[HMM_P2P_PFN_PRIVATE],
		      kinds[HMM_P2P_PFN_ALIAS] + kinds[HMM_P2P_PFN_SYSTEM]);
	return simple_read_from_buffer(user, len, pos, text, n);
}

static int skip_open(struct inode *inode, struct file *file)
{
	struct skipper *skipper = kzalloc_obj(*skipper, GFP_KERNEL);

	if (!skipper)
		return -ENOMEM;
	mutex_init(&skipper->write_lock);
	spin_lock_init(&skipper->lock);
	file->private_data = skipper;
	return 0;
}

static int skip_release(struct inode *inode, struct file *file)
{
	struct skipper *skipper = file->private_data;

	if (skipper->mapped)
		mmu_interval_notifier_remove(&skipper->notifier);
	kvfree(skipper->mapped);
	kfree(skipper);
	return 0;
}

const struct file_operations skip_fops = {
	.owner		= THIS_MODULE,
	.open		= skip_open,
	.release	= skip_release,
	.read		= skip_read,
	.write		= skip_write,
	.llseek		= default_llseek,
};
