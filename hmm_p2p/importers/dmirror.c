// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of the kernel's test_hmm module on any exporter, so that the
 * kernel's hmm-tests, as it is, tests the core and the device:
 * /dev/hmm_dmirror0 and so on, one for each device.
 *
 * A thin front: a file is the process that opened it, as the device sees it, and
 * every call is one or two of hmm_p2p_svm.h. Where test_hmm makes a copy of a page to
 * RAM, a device here may get the page peer to peer instead.
 *
 * There are no nodes for coherent memory: a page that the CPU reaches through
 * the BAR is not cache coherent, and a carveout's pages are system memory, which
 * cannot be given a second kind of struct page.
 */
#include <linux/hmm_p2p_svm.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "dmirror.h"

#define DMIRROR_MAX	4

/* What hmm-tests expects: two devices without coherent memory. */
#define DMIRROR_DEFAULT	2

static char *devices[DMIRROR_MAX];
static int nr_devices;
module_param_array(devices, charp, &nr_devices, 0444);
MODULE_PARM_DESC(devices, "names of the devices (default: the first two that have memory)");

static bool mmu;
module_param(mmu, bool, 0444);
MODULE_PARM_DESC(mmu, "play a device with an MMU, whose page table is compared with what it should have after each access (default: off)");

/**
 * struct dmirror_node - one character device
 * @misc: the character device
 * @name: its name
 * @hdev: the device behind it, with a reference
 */
struct dmirror_node {
	struct miscdevice misc;
	char name[16];
	struct hmm_p2p_device *hdev;
};

static struct dmirror_node nodes[DMIRROR_MAX];
static unsigned int nr_nodes;

/**
 * struct dmirror - an open file
 * @hdev: the node's device
 * @mm: the process that opened it, with a reference to the structure
 * @svm: that process, as the device sees it
 * @table: with mmu=1, the device's page table, by page number: see make_entry()
 */
struct dmirror {
	struct hmm_p2p_device *hdev;
	struct mm_struct *mm;
	struct hmm_p2p_svm *svm;
	struct xarray table;
};

/* ------------------------------------------------------- a page table in software */

#define ENTRY_WRITE	BIT(0)
#define ENTRY_SHIFT	1

static void *make_entry(const struct hmm_p2p_svm_entry *entry)
{
	return xa_mk_value(page_to_pfn(entry->page) << ENTRY_SHIFT |
			   (entry->write ? ENTRY_WRITE : 0));
}

/* What is there may only be the same, without write access. */
static bool may_replace(struct xa_state *xas, const struct hmm_p2p_svm_entry *entry)
{
	void *old = xas_load(xas), *new = make_entry(entry);

	return !old || (xa_to_value(old) | ENTRY_WRITE) == xa_to_value(new);
}

static int table_enter(struct dmirror *dm, const struct hmm_p2p_svm_entry *entry)
{
	XA_STATE_ORDER(xas, &dm->table, entry->va >> PAGE_SHIFT, entry->order);

	do {
		xas_lock(&xas);
		WARN_ON_ONCE(!may_replace(&xas, entry));
		xas_reset(&xas);
		xas_store(&xas, make_entry(entry));
		xas_unlock(&xas);
	} while (xas_nomem(&xas, GFP_NOWAIT | __GFP_NOWARN));
	return xas_error(&xas);
}

static int table_map(struct hmm_p2p_svm *svm, const struct hmm_p2p_svm_entry *entries,
		     unsigned int nr)
{
	struct dmirror *dm = hmm_p2p_svm_drvdata(svm);
	int ret = 0;

	while (nr-- && !ret)
		ret = table_enter(dm, entries++);
	return ret;
}

static void table_unmap(struct hmm_p2p_svm *svm, unsigned long start, unsigned long end,
			const struct mmu_notifier_range *why)
{
	struct dmirror *dm = hmm_p2p_svm_drvdata(svm);
	XA_STATE(xas, &dm->table, start >> PAGE_SHIFT);
	void *entry;

	xas_lock(&xas);
	xas_for_each(&xas, entry, (end - 1) >> PAGE_SHIFT)
		xas_store(&xas, NULL);
	xas_unlock(&xas);
}

static const struct hmm_p2p_svm_ops table_ops = {
	.map = table_map,
	.unmap = table_unmap,
	.no_dma = true,
};

/* Does the table have what the device should have at @va? */
static bool table_is_right(struct dmirror *dm, unsigned long va)
{
	XA_STATE(xas, &dm->table, va >> PAGE_SHIFT);
	unsigned long hmm_pfn = hmm_p2p_svm_pfn(dm->svm, va), value, order;
	void *entry;

	rcu_read_lock();
	entry = xas_load(&xas);
	order = entry ? xa_get_order(&dm->table, va >> PAGE_SHIFT) : 0;
	rcu_read_unlock();
	if (!entry || !hmm_pfn)
		return !entry && !hmm_pfn;
	value = xa_to_value(entry);
	return (value >> ENTRY_SHIFT) + ((va >> PAGE_SHIFT) & (BIT(order) - 1)) ==
	       (hmm_pfn & ~HMM_PFN_FLAGS) &&
	       !(value & ENTRY_WRITE) == !(hmm_pfn & HMM_PFN_WRITE);
}

static int table_check(struct dmirror *dm, const struct hmm_dmirror_cmd *cmd)
{
	bool right = true;
	unsigned long i;
	int ret;

	if (!mmu)
		return 0;
	ret = hmm_p2p_svm_lock(dm->svm);
	if (ret)
		return ret;
	for (i = 0; i < cmd->npages; i++)
		right &= table_is_right(dm, cmd->addr + (i << PAGE_SHIFT));
	hmm_p2p_svm_unlock(dm->svm);
	WARN_ONCE(!right, "hmm_p2p_dmirror: the page table is wrong\n");
	return right ? 0 : -EUCLEAN;
}

/* -------------------------------------------------------------------- the calls */

static int dmirror_io(struct dmirror *dm, struct hmm_dmirror_cmd *cmd, bool write)
{
	struct hmm_p2p_io io = {
		.addr = cmd->addr,
		.nr_pages = cmd->npages,
		.buf = u64_to_user_ptr(cmd->ptr),
		.write = write,
	};
	int ret;

	ret = hmm_p2p_svm_io(dm->svm, &io);
	cmd->cpages = io.done;
	cmd->faults = io.faults;
	return ret ?: table_check(dm, cmd);
}

static int dmirror_read(struct dmirror *dm, struct hmm_dmirror_cmd *cmd)
{
	return dmirror_io(dm, cmd, false);
}

static int dmirror_write(struct dmirror *dm, struct hmm_dmirror_cmd *cmd)
{
	return dmirror_io(dm, cmd, true);
}

/* test_hmm refuses what the core would report page by page. */
static int check_mappings(struct mm_struct *mm, unsigned long addr, unsigned long end)
{
	struct vm_area_struct *vma;
	int ret = 0;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for (; addr < end; addr = vma->vm_end) {
		vma = vma_lookup(mm, addr);
		if (vma && (vma->vm_flags & VM_READ))
			continue;
		ret = -EINVAL;
		break;
	}
	mmap_read_unlock(mm);
	return ret;
}

static int dmirror_move(struct dmirror *dm, struct hmm_dmirror_cmd *cmd,
			struct hmm_p2p_device *hdev)
{
	struct hmm_p2p_move move = {
		.mm = dm->mm,
		.hdev = hdev,
		.start = cmd->addr,
		.end = cmd->addr + (cmd->npages << PAGE_SHIFT),
		/* As test_hmm: a hole is memory that the device touches first. */
		.populate = true,
		.stay = true,
	};
	int ret;

	if (!mmget_not_zero(dm->mm))
		return -ESRCH;
	ret = check_mappings(dm->mm, move.start, move.end);
	if (!ret)
		ret = hmm_p2p_move(&move);
	mmput(dm->mm);
	cmd->cpages = move.moved;
	if (!ret && hdev && move.moved + move.already < cmd->npages)
		ret = -ENOENT;
	return ret;
}

/* The caller gets what the device reads there. */
static int dmirror_to_device(struct dmirror *dm, struct hmm_dmirror_cmd *cmd)
{
	return dmirror_move(dm, cmd, dm->hdev) ?: dmirror_read(dm, cmd);
}

static int dmirror_to_system(struct dmirror *dm, struct hmm_dmirror_cmd *cmd)
{
	return dmirror_move(dm, cmd, NULL);
}

static u8 seen_byte(const struct hmm_p2p_seen *seen)
{
	static const u8 kinds[] = {
		[HMM_P2P_SEEN_NONE] = HMM_DMIRROR_PROT_NONE,
		[HMM_P2P_SEEN_ERROR] = HMM_DMIRROR_PROT_ERROR,
		[HMM_P2P_SEEN_ZERO] = HMM_DMIRROR_PROT_ZERO,
		[HMM_P2P_SEEN_SYSTEM] = HMM_DMIRROR_PROT_NONE,
		[HMM_P2P_SEEN_LOCAL] = HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL,
		[HMM_P2P_SEEN_REMOTE] = HMM_DMIRROR_PROT_DEV_PRIVATE_REMOTE,
	};
	u8 byte = kinds[seen->kind];

	if (seen->kind == HMM_P2P_SEEN_NONE || seen->kind == HMM_P2P_SEEN_ERROR)
		return byte;
	byte |= seen->write ? HMM_DMIRROR_PROT_WRITE : HMM_DMIRROR_PROT_READ;
	if (seen->order == PMD_SHIFT - PAGE_SHIFT)
		byte |= HMM_DMIRROR_PROT_PMD;
	else if (seen->order == PUD_SHIFT - PAGE_SHIFT)
		byte |= HMM_DMIRROR_PROT_PUD;
	return byte;
}

#define SNAPSHOT_PAGES	64

static int snapshot_part(struct dmirror *dm, struct hmm_dmirror_cmd *cmd,
			 unsigned long nr)
{
	struct hmm_p2p_seen seen[SNAPSHOT_PAGES];
	u8 bytes[SNAPSHOT_PAGES];
	unsigned long i;
	int ret;

	ret = hmm_p2p_svm_snapshot(dm->svm, cmd->addr + (cmd->cpages << PAGE_SHIFT),
				   nr, seen);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++)
		bytes[i] = seen_byte(&seen[i]);
	if (copy_to_user(u64_to_user_ptr(cmd->ptr + cmd->cpages), bytes, nr))
		return -EFAULT;
	cmd->cpages += nr;
	return 0;
}

static int dmirror_snapshot(struct dmirror *dm, struct hmm_dmirror_cmd *cmd)
{
	int ret = 0;

	while (!ret && cmd->cpages < cmd->npages)
		ret = snapshot_part(dm, cmd, min_t(u64, cmd->npages - cmd->cpages,
						   SNAPSHOT_PAGES));
	return ret;
}

static int dmirror_exclusive(struct dmirror *dm, struct hmm_dmirror_cmd *cmd)
{
	return hmm_p2p_svm_make_exclusive(dm->svm, cmd->addr, cmd->npages) ?:
	       dmirror_read(dm, cmd);
}

static int dmirror_check_exclusive(struct dmirror *dm, struct hmm_dmirror_cmd *cmd)
{
	if (hmm_p2p_svm_has_exclusive(dm->svm, cmd->addr, cmd->npages))
		return -EPERM;
	return 0;
}

static int dmirror_release_memory(struct dmirror *dm, struct hmm_dmirror_cmd *cmd)
{
	return hmm_p2p_device_evict(dm->hdev, NULL);
}

static int dmirror_flags(struct dmirror *dm, struct hmm_dmirror_cmd *cmd)
{
	bool fail = cmd->npages & HMM_DMIRROR_FLAG_FAIL_ALLOC;

	hmm_p2p_device_fail_allocs(dm->hdev, fail ? 1 : 0);
	return 0;
}

static int (*const calls[])(struct dmirror *dm, struct hmm_dmirror_cmd *cmd) = {
	[_IOC_NR(HMM_DMIRROR_READ)]		= dmirror_read,
	[_IOC_NR(HMM_DMIRROR_WRITE)]		= dmirror_write,
	[_IOC_NR(HMM_DMIRROR_MIGRATE_TO_DEV)]	= dmirror_to_device,
	[_IOC_NR(HMM_DMIRROR_MIGRATE_TO_SYS)]	= dmirror_to_system,
	[_IOC_NR(HMM_DMIRROR_SNAPSHOT)]		= dmirror_snapshot,
	[_IOC_NR(HMM_DMIRROR_EXCLUSIVE)]	= dmirror_exclusive,
	[_IOC_NR(HMM_DMIRROR_CHECK_EXCLUSIVE)]	= dmirror_check_exclusive,
	[_IOC_NR(HMM_DMIRROR_RELEASE)]		= dmirror_release_memory,
	[_IOC_NR(HMM_DMIRROR_FLAGS)]		= dmirror_flags,
	/* The core's faults always let userspace serve them. */
	[_IOC_NR(HMM_DMIRROR_READ_UNLOCKED)]	= dmirror_read,
};

static int check_range(const struct hmm_dmirror_cmd *cmd)
{
	u64 end;

	if (!cmd->npages || !IS_ALIGNED(cmd->addr, PAGE_SIZE) ||
	    cmd->npages > TASK_SIZE >> PAGE_SHIFT ||
	    check_add_overflow(cmd->addr, cmd->npages << PAGE_SHIFT, &end) ||
	    end > TASK_SIZE)
		return -EINVAL;
	return 0;
}

static long dmirror_ioctl(struct file *file, unsigned int request, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	struct dmirror *dm = file->private_data;
	unsigned int nr = _IOC_NR(request);
	struct hmm_dmirror_cmd cmd;
	int ret;

	if (nr >= ARRAY_SIZE(calls) ||
	    request != _IOWR('H', nr, struct hmm_dmirror_cmd))
		return -ENOTTY;
	if (copy_from_user(&cmd, user, sizeof(cmd)))
		return -EFAULT;
	ret = check_range(&cmd);
	if (ret)
		return ret;
	cmd.cpages = 0;
	cmd.faults = 0;
	ret = calls[nr](dm, &cmd);
	if (!ret && copy_to_user(user, &cmd, sizeof(cmd)))
		ret = -EFAULT;
	return ret;
}

static int insert_page(struct vm_area_struct *vma, unsigned long addr)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	int ret;

	if (!page)
		return -ENOMEM;
	ret = vm_insert_page(vma, addr, page);
	put_page(page);
	return ret;
}

/* Pages of a driver, for the device to look at. */
static int dmirror_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long addr;
	int ret = 0;

	for (addr = vma->vm_start; addr < vma->vm_end && !ret; addr += PAGE_SIZE)
		ret = insert_page(vma, addr);
	return ret;
}

static int dmirror_open(struct inode *inode, struct file *file)
{
	struct dmirror_node *node =
		container_of(file->private_data, struct dmirror_node, misc);
	struct dmirror *dm;

	dm = kzalloc_obj(*dm, GFP_KERNEL);
	if (!dm)
		return -ENOMEM;
	dm->hdev = node->hdev;
	xa_init(&dm->table);
	dm->svm = hmm_p2p_svm_create(dm->hdev, current->mm, mmu ? &table_ops : NULL, dm);
	if (IS_ERR(dm->svm)) {
		int ret = PTR_ERR(dm->svm);

		kfree(dm);
		return ret;
	}
	dm->mm = current->mm;
	mmgrab(dm->mm);
	file->private_data = dm;
	return 0;
}

static int dmirror_close(struct inode *inode, struct file *file)
{
	struct dmirror *dm = file->private_data;

	hmm_p2p_device_fail_allocs(dm->hdev, 0);
	hmm_p2p_svm_destroy(dm->svm);
	WARN_ON_ONCE(!xa_empty(&dm->table));
	mmdrop(dm->mm);
	kfree(dm);
	return 0;
}

static const struct file_operations dmirror_fops = {
	.owner		= THIS_MODULE,
	.open		= dmirror_open,
	.release	= dmirror_close,
	.mmap		= dmirror_mmap,
	.unlocked_ioctl	= dmirror_ioctl,
	.llseek		= noop_llseek,
};

static int node_add(struct hmm_p2p_device *hdev)
{
	struct dmirror_node *node = &nodes[nr_nodes];
	int ret;

	snprintf(node->name, sizeof(node->name), "hmm_dmirror%u", nr_nodes);
	node->misc.minor = MISC_DYNAMIC_MINOR;
	node->misc.name = node->name;
	node->misc.fops = &dmirror_fops;
	node->misc.mode = 0600;
	node->hdev = hdev;
	ret = misc_register(&node->misc);
	if (ret) {
		hmm_p2p_device_put(hdev);
		return ret;
	}
	nr_nodes++;
	pr_info("hmm_p2p_dmirror: /dev/%s is %s\n", node->name,
		hmm_p2p_device_name(hdev));
	return 0;
}

static void nodes_remove(void)
{
	while (nr_nodes) {
		struct dmirror_node *node = &nodes[--nr_nodes];

		misc_deregister(&node->misc);
		hmm_p2p_device_put(node->hdev);
	}
}

static int add_named(void)
{
	struct hmm_p2p_device *hdev;
	int i, ret = 0;

	for (i = 0; i < nr_devices && !ret; i++) {
		hdev = hmm_p2p_device_find(devices[i], NULL);
		if (!hdev)
			pr_err("hmm_p2p_dmirror: there is no device %s\n", devices[i]);
		ret = hdev ? node_add(hdev) : -ENODEV;
	}
	return ret;
}

static int add_first(void)
{
	struct hmm_p2p_device *hdev = NULL;
	int ret = 0;

	while (!ret && nr_nodes < DMIRROR_DEFAULT &&
	       (hdev = hmm_p2p_device_find(NULL, hdev)))
		ret = node_add(hdev);
	if (nr_nodes || ret)
		return ret;
	pr_err("hmm_p2p_dmirror: there is no exporter\n");
	return -ENODEV;
}

static int __init dmirror_init(void)
{
	int ret = nr_devices ? add_named() : add_first();

	if (ret)
		nodes_remove();
	return ret;
}
module_init(dmirror_init);

static void __exit dmirror_exit(void)
{
	nodes_remove();
}
module_exit(dmirror_exit);

MODULE_DESCRIPTION("hmm_p2p: the calls of the kernel's HMM tests on any exporter");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
MODULE_IMPORT_NS("HMM_P2P");
