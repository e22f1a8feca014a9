// SPDX-License-Identifier: GPL-2.0
/*
 * Times the fault path from the inside, for qemu/lab bench: what an importer's
 * driver would see, without the cost of a system call. debugfs
 * hmm_p2p_bench/fault takes
 *
 *	ADDRESS LENGTH TRIES IMPORTER
 *
 * with IMPORTER a PCI address, or "none" for hmm_range_fault(), and works on
 * the memory of the process that writes it. Reading it back gives
 *
 *	NANOSECONDS PAGES PRIVATE ALIAS SYSTEM
 *
 * for the fastest of TRIES faults of the whole range.
 */
#include <linux/debugfs.h>
#include <linux/hmm_p2p.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "line.h"
#include "skip.h"

#define BENCH_MAX_PAGES		BIT(18)

/**
 * struct bench - one measurement
 * @start: first byte of the range
 * @length: bytes
 * @tries: how often to fault it
 * @importer: for whom, NULL: plain hmm_range_fault()
 * @ns: time of the fastest try
 * @kinds: pages of each kind that the last try gave
 */
struct bench {
	unsigned long start;
	unsigned long length;
	unsigned int tries;
	struct pci_dev *importer;
	u64 ns;
	unsigned long kinds[HMM_P2P_PFN_ALIAS + 1];
};

/* The result of the last measurement, for whoever reads. */
static struct bench last;
static DEFINE_MUTEX(last_lock);
static struct dentry *bench_dir;

static bool bench_invalidate(struct mmu_interval_notifier *notifier,
			     const struct mmu_notifier_range *range,
			     unsigned long cur_seq)
{
	mmu_interval_set_seq(notifier, cur_seq);
	return true;
}

static const struct mmu_interval_notifier_ops bench_ops = {
	.invalidate = bench_invalidate,
};

/* Time of one fault with all its retries: those are part of the price. */
static int bench_try(const struct bench *bench, struct hmm_range *range, u64 *ns)
{
	struct device *importer = bench->importer ? &bench->importer->dev : NULL;
	struct mm_struct *mm = range->notifier->mm;
	u64 start = ktime_get_ns();
	int ret;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		range->notifier_seq = mmu_interval_read_begin(range->notifier);
		mmap_read_lock(mm);
		ret = importer ? hmm_p2p_range_fault(range, importer) :
				 hmm_range_fault(range);
		mmap_read_unlock(mm);
	} while (ret == -EBUSY);
	*ns = ktime_get_ns() - start;
	return ret;
}

static void bench_count(struct bench *bench, const struct hmm_range *range)
{
	unsigned long i;

	memset(bench->kinds, 0, sizeof(bench->kinds));
	for (i = 0; i < bench->length >> PAGE_SHIFT; i++)
		bench->kinds[hmm_p2p_pfn_kind(range->hmm_pfns[i])]++;
}

static int bench_tries(struct bench *bench, struct hmm_range *range)
{
	unsigned int i;
	int ret = 0;
	u64 ns;

	bench->ns = U64_MAX;
	for (i = 0; i < bench->tries && !ret; i++) {
		ret = bench_try(bench, range, &ns);
		bench->ns = min(bench->ns, ns);
	}
	if (!ret)
		bench_count(bench, range);
	return ret;
}

static int bench_run(struct bench *bench)
{
	struct mmu_interval_notifier notifier;
	struct hmm_range range = {
		.notifier = &notifier,
		.start = bench->start,
		.end = bench->start + bench->length,
		.default_flags = HMM_PFN_REQ_FAULT,
	};
	int ret;

	range.hmm_pfns = kvcalloc(bench->length >> PAGE_SHIFT,
				  sizeof(*range.hmm_pfns), GFP_KERNEL);
	if (!range.hmm_pfns)
		return -ENOMEM;
	ret = mmu_interval_notifier_insert(&notifier, current->mm, bench->start,
					   bench->length, &bench_ops);
	if (!ret) {
		ret = bench_tries(bench, &range);
		mmu_interval_notifier_remove(&notifier);
	}
	kvfree(range.hmm_pfns);
	return ret;
}

static int bench_importer(struct bench *bench, const char *name)
{
	unsigned int domain, bus, slot, func;

	if (!strcmp(name, "none"))
		return 0;
	if (sscanf(name, "%x:%x:%x.%x", &domain, &bus, &slot, &func) != 4)
		return -EINVAL;
	bench->importer = pci_get_domain_bus_and_slot(domain, bus,
						      PCI_DEVFN(slot, func));
	return bench->importer ? 0 : -ENODEV;
}

static int bench_parse(struct bench *bench, const char *text)
{
	char name[32];

	if (sscanf(text, "%lx %lx %u %31s", &bench->start, &bench->length,
		   &bench->tries, name) != 4)
		return -EINVAL;
	if (!bench->length || !bench->tries ||
	    !IS_ALIGNED(bench->start | bench->length, PAGE_SIZE) ||
	    bench->length >> PAGE_SHIFT > BENCH_MAX_PAGES)
		return -EINVAL;
	return bench_importer(bench, name);
}

static ssize_t bench_write(struct file *file, const char __user *user,
			   size_t len, loff_t *pos)
{
	struct bench bench = {};
	struct line line;
	int ret;

	ret = line_read(&line, user, len);
	if (ret)
		return ret;
	ret = bench_parse(&bench, line.text);
	if (!ret)
		ret = bench_run(&bench);
	pci_dev_put(bench.importer);
	if (ret)
		return ret;
	bench.importer = NULL;
	mutex_lock(&last_lock);
	last = bench;
	mutex_unlock(&last_lock);
	return len;
}

static ssize_t bench_read(struct file *file, char __user *user, size_t len,
			  loff_t *pos)
{
	char text[128];
	int n;

	mutex_lock(&last_lock);
	n = scnprintf(text, sizeof(text), "%llu %lu %lu %lu %lu\n", last.ns,
		      last.length >> PAGE_SHIFT, last.kinds[HMM_P2P_PFN_PRIVATE],
		      last.kinds[HMM_P2P_PFN_ALIAS], last.kinds[HMM_P2P_PFN_SYSTEM]);
	mutex_unlock(&last_lock);
	return simple_read_from_buffer(user, len, pos, text, n);
}

static const struct file_operations bench_fops = {
	.owner	= THIS_MODULE,
	.read	= bench_read,
	.write	= bench_write,
	.llseek	= default_llseek,
};

static int __init bench_init(void)
{
	bench_dir = debugfs_create_dir("hmm_p2p_bench", NULL);
	debugfs_create_file("fault", 0600, bench_dir, NULL, &bench_fops);
	debugfs_create_file("skip", 0600, bench_dir, NULL, &skip_fops);
	return 0;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	debugfs_remove_recursive(bench_dir);
}
module_exit(bench_exit);

MODULE_DESCRIPTION("hmm_p2p: times the fault path");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
MODULE_IMPORT_NS("HMM_P2P");
