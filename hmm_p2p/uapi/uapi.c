// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/hmm_p2p: one character device, one table of calls. The rules of the ABI
 * are in include/uapi/linux/hmm_p2p.h; the dispatcher applies those that are
 * the same for every call.
 */
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "../core/core.h"
#include "../move/move.h"
#include "access.h"
#include "export.h"
#include "file_io.h"
#include "import.h"
#include "process.h"
#include "query.h"
#include "shared.h"
#include "target.h"

union call_arg {
	struct hmm_p2p_info info;
	struct hmm_p2p_device_info device;
	struct hmm_p2p_path path;
	struct hmm_p2p_migrate migrate;
	struct hmm_p2p_access access;
	struct hmm_p2p_query query;
	struct hmm_p2p_stat stat;
	struct hmm_p2p_set_owner set_owner;
	struct hmm_p2p_file_io file_io;
	struct hmm_p2p_drain drain;
	struct hmm_p2p_export export;
	struct hmm_p2p_import import;
};

/**
 * struct request - a call under way
 * @arg: what was asked for, and receives what came of it
 * @file: what @arg gives a descriptor of, which the caller has when he knows its number
 * @fd: that number
 */
struct request {
	union call_arg arg;
	struct file *file;
	int fd;
};

static int check_range(u64 addr, u64 length)
{
	u64 end;

	if (!length || !IS_ALIGNED(addr | length, PAGE_SIZE) ||
	    check_add_overflow(addr, length, &end) || end > TASK_SIZE)
		return -EINVAL;
	return 0;
}

static u32 count_devices(void)
{
	struct hmm_p2p_device *hdev;
	u32 id = 1, nr = 0;

	while ((hdev = hmm_p2p_device_get_next(id))) {
		id = hdev->id + 1;
		nr++;
		hmm_p2p_device_put(hdev);
	}
	return nr;
}

static int call_info(union call_arg *u)
{
	struct hmm_p2p_info *arg = &u->info;

	if (arg->flags)
		return -EINVAL;
	arg->out_abi_version = HMM_P2P_ABI_VERSION;
	arg->out_page_size = PAGE_SIZE;
	arg->out_huge_page_size = HPAGE_PMD_SIZE;
	arg->out_devices = count_devices();
	return 0;
}

static u32 device_caps(const struct hmm_p2p_device *hdev)
{
	u32 caps = 0;

	if (hdev->config.memory)
		caps |= HMM_P2P_CAP_EXPORTER;
	if (hdev->config.importer_ops)
		caps |= HMM_P2P_CAP_IMPORTER;
	if (hdev->config.alias_is_system)
		caps |= HMM_P2P_CAP_SYSTEM_ALIAS;
	if (dev_is_pci(hdev->config.dev))
		caps |= HMM_P2P_CAP_PCI;
	if (hdev->config.shared)
		caps |= HMM_P2P_CAP_SHARED;
	return caps;
}

static int call_device(union call_arg *u)
{
	struct hmm_p2p_device_info *arg = &u->device;
	struct hmm_p2p_owner *owner;
	struct hmm_p2p_device *hdev;
	int idx;

	if (arg->flags || arg->__reserved)
		return -EINVAL;
	/* The struct device is the driver's: it must not go away meanwhile. */
	idx = srcu_read_lock(&hmm_p2p_srcu);
	hdev = hmm_p2p_device_get_next(arg->id);
	if (!hdev) {
		srcu_read_unlock(&hmm_p2p_srcu, idx);
		return -ENOENT;
	}
	arg->out_id = hdev->id;
	arg->out_caps = device_caps(hdev);
	owner = READ_ONCE(hdev->owner);
	arg->out_owner = owner ? owner->id : 0;
	arg->out_numa_node = dev_to_node(hdev->config.dev);
	arg->out_memory_bytes = hdev->config.memory;
	arg->out_window_bytes = hdev->config.window;
	arg->out_used_bytes = (u64)READ_ONCE(hdev->used) << PAGE_SHIFT;
	strscpy_pad(arg->out_name, hdev->name);
	strscpy_pad(arg->out_bus, dev_name(hdev->config.dev));
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	hmm_p2p_device_put(hdev);
	return 0;
}

static void path_verdict(struct hmm_p2p_path *arg, enum hmm_p2p_reason reason)
{
	arg->out_reason = reason;
	arg->out_outcome = reason ? HMM_P2P_OUTCOME_MIGRATED : HMM_P2P_OUTCOME_P2P;
}

static int path_to_device(struct hmm_p2p_path *arg, struct hmm_p2p_device *exporter)
{
	struct hmm_p2p_device *importer = hmm_p2p_device_get(arg->importer);
	struct hmm_p2p_importer who = {};

	if (!importer)
		return -ENOENT;
	who.dev = importer->config.dev;
	if (READ_ONCE(importer->owner) == READ_ONCE(exporter->owner))
		arg->out_outcome = HMM_P2P_OUTCOME_PRIVATE;
	else
		path_verdict(arg, hmm_p2p_path_check(exporter, &who, &arg->out_distance));
	hmm_p2p_device_put(importer);
	return 0;
}

static int path_to_file(struct hmm_p2p_path *arg)
{
	int ret = hmm_p2p_file_check(arg->exporter, arg->importer, &arg->out_distance);

	if (ret < 0)
		return ret;
	path_verdict(arg, ret);
	return 0;
}

static int call_path(union call_arg *u)
{
	struct hmm_p2p_path *arg = &u->path;
	struct hmm_p2p_device *exporter;
	int idx, ret = -ENOENT;

	if (arg->flags & ~HMM_P2P_PATH_FILE || arg->__reserved)
		return -EINVAL;
	arg->out_outcome = HMM_P2P_OUTCOME_NONE;
	arg->out_reason = HMM_P2P_REASON_NONE;
	arg->out_distance = -1;
	if (arg->flags & HMM_P2P_PATH_FILE)
		return path_to_file(arg);
	idx = srcu_read_lock(&hmm_p2p_srcu);
	exporter = hmm_p2p_device_get(arg->exporter);
	if (exporter && !exporter->config.memory)
		ret = -EOPNOTSUPP;
	else if (exporter)
		ret = path_to_device(arg, exporter);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	if (exporter)
		hmm_p2p_device_put(exporter);
	return ret;
}

static int migrate_process(struct hmm_p2p_migrate *arg,
			   struct hmm_p2p_device *hdev)
{
	struct hmm_p2p_move move = {
		.hdev = hdev,
		.no_evict = arg->flags & HMM_P2P_MIGRATE_NO_EVICT,
		.populate = arg->flags & HMM_P2P_MIGRATE_POPULATE,
		.claim = arg->move,
		.start = arg->addr,
		.end = arg->addr + arg->length,
	};
	int ret;

	move.mm = hmm_p2p_process_get(arg->pid, arg->mem_fd, false);
	if (IS_ERR(move.mm))
		return PTR_ERR(move.mm);
	ret = hmm_p2p_move(&move);
	mmput(move.mm);

	arg->out_moved = move.moved;
	arg->out_populated = move.populated;
	arg->out_already = move.already;
	arg->out_move = move.claim;
	memcpy(arg->out_reasons, move.reasons, sizeof(arg->out_reasons));
	return ret;
}

static int call_migrate(union call_arg *u)
{
	struct hmm_p2p_migrate *arg = &u->migrate;
	bool to_ram = arg->flags & HMM_P2P_MIGRATE_TO_RAM;
	struct hmm_p2p_device *hdev;
	int ret;

	if (arg->flags & ~(HMM_P2P_MIGRATE_TO_RAM | HMM_P2P_MIGRATE_NO_EVICT |
			   HMM_P2P_MIGRATE_POPULATE) || arg->__reserved)
		return -EINVAL;
	if (to_ram && (arg->device || arg->move ||
		       arg->flags & HMM_P2P_MIGRATE_POPULATE))
		return -EINVAL;
	if (!hmm_p2p_claim_known(arg->move))
		return -EINVAL;
	ret = check_range(arg->addr, arg->length);
	if (ret)
		return ret;
	arg->out_moved = 0;
	arg->out_populated = 0;
	arg->out_already = 0;
	arg->out_move = 0;
	memset(arg->out_reasons, 0, sizeof(arg->out_reasons));
	if (to_ram)
		return migrate_process(arg, NULL);

	hdev = hmm_p2p_device_get(arg->device);
	if (!hdev)
		return -ENOENT;
	ret = hdev->config.memory ? migrate_process(arg, hdev) : -EOPNOTSUPP;
	hmm_p2p_device_put(hdev);
	return ret;
}

static int access_check(const struct hmm_p2p_access *arg)
{
	if (arg->flags & ~(HMM_P2P_ACCESS_WRITE | HMM_P2P_ACCESS_NO_P2P) ||
	    arg->__reserved)
		return -EINVAL;
	if (!IS_ALIGNED(arg->data_length, PAGE_SIZE) ||
	    arg->data_length > arg->length || !arg->data != !arg->data_length)
		return -EINVAL;
	return check_range(arg->addr, arg->length);
}

static int access_process(struct hmm_p2p_access *arg,
			  struct hmm_p2p_device *importer)
{
	struct hmm_p2p_access_ctx ctx = { .importer = importer, .arg = arg };
	int ret;

	if (!importer->config.importer_ops)
		return -EOPNOTSUPP;
	ctx.mm = hmm_p2p_process_get(arg->pid, arg->mem_fd,
				     arg->flags & HMM_P2P_ACCESS_WRITE);
	if (IS_ERR(ctx.mm))
		return PTR_ERR(ctx.mm);
	ret = hmm_p2p_do_access(&ctx);
	mmput(ctx.mm);
	return ret;
}

static int call_access(union call_arg *u)
{
	struct hmm_p2p_access *arg = &u->access;
	struct hmm_p2p_device *importer;
	int ret;

	ret = access_check(arg);
	if (ret)
		return ret;
	arg->out_private = 0;
	arg->out_p2p = 0;
	arg->out_migrated = 0;
	arg->out_system = 0;
	arg->out_bytes = 0;
	memset(arg->out_reasons, 0, sizeof(arg->out_reasons));

	importer = hmm_p2p_device_get(arg->importer);
	if (!importer)
		return -ENOENT;
	ret = access_process(arg, importer);
	hmm_p2p_device_put(importer);
	return ret;
}

static int query_process(struct hmm_p2p_query *arg, struct hmm_p2p_device *importer)
{
	struct mm_struct *mm;
	int ret;

	mm = hmm_p2p_process_get(arg->pid, arg->mem_fd, false);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	ret = hmm_p2p_do_query(mm, importer, arg);
	mmput(mm);
	return ret;
}

static int call_query(union call_arg *u)
{
	struct hmm_p2p_query *arg = &u->query;
	struct hmm_p2p_device *importer = NULL;
	int ret;

	if (arg->flags || arg->__reserved || !arg->nr_extents)
		return -EINVAL;
	ret = check_range(arg->addr, arg->length);
	if (ret)
		return ret;
	if (arg->importer)
		importer = hmm_p2p_device_get(arg->importer);
	ret = arg->importer && !importer ? -ENOENT : query_process(arg, importer);
	if (importer)
		hmm_p2p_device_put(importer);
	return ret;
}

/* Each CPU has counters of its own. */
static void stat_sum(const struct hmm_p2p_device *hdev, struct hmm_p2p_stat *arg)
{
	unsigned int i;
	int cpu;

	static_assert(HMM_P2P_COUNTER_COUNT <= HMM_P2P_COUNTER_SLOTS);
	static_assert(HMM_P2P_REASON_COUNT <= HMM_P2P_REASON_SLOTS);

	memset(arg->out_counters, 0, sizeof(arg->out_counters));
	memset(arg->out_reasons, 0, sizeof(arg->out_reasons));
	for_each_possible_cpu(cpu) {
		const struct hmm_p2p_stats *stats = per_cpu_ptr(hdev->stats, cpu);

		for (i = 0; i < HMM_P2P_COUNTER_COUNT; i++)
			arg->out_counters[i] += READ_ONCE(stats->counters[i]);
		for (i = 0; i < HMM_P2P_REASON_COUNT; i++)
			arg->out_reasons[i] += READ_ONCE(stats->reasons[i]);
	}
}

static int call_stat(union call_arg *u)
{
	struct hmm_p2p_stat *arg = &u->stat;
	struct hmm_p2p_device *hdev;
	int ret = 0;

	if (arg->flags || arg->__reserved)
		return -EINVAL;
	hdev = hmm_p2p_device_get(arg->device);
	if (!hdev)
		return -ENOENT;
	if (hdev->config.memory)
		stat_sum(hdev, arg);
	else
		ret = -EOPNOTSUPP;
	hmm_p2p_device_put(hdev);
	return ret;
}

/* The interconnect of @peer, for hmm_p2p_owner_put(), or an error pointer. */
static struct hmm_p2p_owner *owner_to_join(const struct hmm_p2p_device *hdev,
					   struct hmm_p2p_device *peer)
{
	const struct hmm_p2p_device_ops *ops = hdev->config.ops;

	/* As long as they are not removed, neither they nor their drivers go. */
	guard(srcu)(&hmm_p2p_srcu);
	if (READ_ONCE(hdev->removed) || READ_ONCE(peer->removed))
		return ERR_PTR(-ENODEV);
	/* Devices of different drivers have no interconnect. */
	if (!ops || ops != peer->config.ops || !ops->copy_peer)
		return ERR_PTR(-EOPNOTSUPP);
	return hmm_p2p_device_owner(peer);
}

/* @hdev joins @peer, or, when that is NULL, has an interconnect for itself. */
static int set_owner(struct hmm_p2p_device *hdev, struct hmm_p2p_device *peer, u32 *id)
{
	struct hmm_p2p_owner *owner;
	int ret;

	owner = peer ? owner_to_join(hdev, peer) : hmm_p2p_owner_create();
	if (IS_ERR_OR_NULL(owner))
		return owner ? PTR_ERR(owner) : -ENOMEM;
	ret = hmm_p2p_device_join(hdev, owner);
	if (!ret)
		*id = owner->id;
	hmm_p2p_owner_put(owner);
	return ret;
}

static int call_set_owner(union call_arg *u)
{
	struct hmm_p2p_set_owner *arg = &u->set_owner;
	struct hmm_p2p_device *hdev, *peer = NULL;
	int ret = -ENOENT;

	if (arg->flags || arg->__reserved)
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	hdev = hmm_p2p_device_get(arg->device);
	if (arg->peer)
		peer = hmm_p2p_device_get(arg->peer);
	if (hdev && (peer || !arg->peer))
		ret = set_owner(hdev, peer, &arg->out_owner);
	if (peer)
		hmm_p2p_device_put(peer);
	if (hdev)
		hmm_p2p_device_put(hdev);
	return ret;
}

/**
 * struct call - one call
 * @size: of its structure
 * @min_size: of the first version of it
 * @changes: it moves or changes memory or devices, so the node has to be open for
 *	writing
 * @fn: carries it out
 */
struct call {
	size_t size;
	size_t min_size;
	bool changes;
	int (*fn)(union call_arg *u);
};

static int file_io_check(const struct hmm_p2p_file_io *arg)
{
	u64 end;

	if (arg->flags & ~(HMM_P2P_FILE_IO_WRITE | HMM_P2P_FILE_IO_NO_P2P) ||
	    arg->__reserved)
		return -EINVAL;
	if (check_add_overflow(arg->addr, arg->length, &end) || end > TASK_SIZE)
		return -EINVAL;
	if (check_add_overflow(arg->offset, arg->length, &end) || end > LLONG_MAX)
		return -EINVAL;
	return 0;
}

static int call_file_io(union call_arg *u)
{
	struct hmm_p2p_file_io *arg = &u->file_io;
	struct mm_struct *mm;
	int ret;

	ret = file_io_check(arg);
	if (ret)
		return ret;
	arg->out_bytes = 0;
	arg->out_p2p = 0;
	arg->out_migrated = 0;
	arg->out_system = 0;
	memset(arg->out_reasons, 0, sizeof(arg->out_reasons));

	mm = hmm_p2p_process_get(HMM_P2P_SELF_PID, HMM_P2P_NO_FD, false);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	ret = hmm_p2p_do_file_io(mm, arg);
	mmput(mm);
	return ret;
}

static int drain_device(struct hmm_p2p_drain *arg, struct hmm_p2p_device *hdev)
{
	struct hmm_p2p_evicted evicted;
	int ret;

	if (!hdev->config.memory)
		return -EOPNOTSUPP;
	ret = hmm_p2p_device_evict(hdev, &evicted);
	arg->out_moved = evicted.moved;
	arg->out_left = evicted.left;
	return ret;
}

static int call_drain(union call_arg *u)
{
	struct hmm_p2p_drain *arg = &u->drain;
	struct hmm_p2p_device *hdev;
	int ret;

	if (arg->flags || arg->__reserved)
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	arg->out_moved = 0;
	arg->out_left = 0;
	hdev = hmm_p2p_device_get(arg->device);
	if (!hdev)
		return -ENOENT;
	ret = drain_device(arg, hdev);
	hmm_p2p_device_put(hdev);
	return ret;
}

static int export_request(struct request *request)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct file *file;

	if (fd < 0)
		return fd;
	file = hmm_p2p_do_export(&request->arg.export);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	request->file = file;
	request->fd = fd;
	request->arg.export.out_fd = fd;
	return 0;
}

static int call_export(union call_arg *u)
{
	struct hmm_p2p_export *arg = &u->export;
	u64 end;

	if (arg->flags || arg->__reserved || !arg->length)
		return -EINVAL;
	if (check_add_overflow(arg->addr, arg->length, &end) || end > TASK_SIZE)
		return -EINVAL;
	arg->out_fd = HMM_P2P_NO_FD;
	arg->out_device = 0;
	arg->out_offset = 0;
	arg->out_length = 0;
	return export_request(container_of(u, struct request, arg));
}

static int call_import(union call_arg *u)
{
	struct hmm_p2p_import *arg = &u->import;
	struct hmm_p2p_device *importer;
	int ret;

	if (arg->flags & ~HMM_P2P_IMPORT_WRITE || arg->__reserved || !arg->data ||
	    !arg->length || !IS_ALIGNED(arg->offset | arg->length, PAGE_SIZE))
		return -EINVAL;
	arg->out_bytes = 0;
	importer = hmm_p2p_device_get(arg->importer);
	if (!importer)
		return -ENOENT;
	ret = hmm_p2p_do_import(importer, arg);
	hmm_p2p_device_put(importer);
	return ret;
}

#define ENTRY(_nr, _fn, _struct, _last, _changes)			\
	[(_nr) - HMM_P2P_IOC_INFO] = {					\
		.size = sizeof(_struct),				\
		.min_size = offsetofend(_struct, _last),		\
		.changes = (_changes),					\
		.fn = (_fn),						\
	}
#define LOOK(_nr, _fn, _struct, _last)	 ENTRY(_nr, _fn, _struct, _last, false)
#define CHANGE(_nr, _fn, _struct, _last) ENTRY(_nr, _fn, _struct, _last, true)

/* @_last is the last field of the first version, and never changes. */
static const struct call calls[] = {
	LOOK(HMM_P2P_IOC_INFO, call_info, struct hmm_p2p_info, out_devices),
	LOOK(HMM_P2P_IOC_DEVICE, call_device, struct hmm_p2p_device_info, out_bus),
	LOOK(HMM_P2P_IOC_PATH, call_path, struct hmm_p2p_path, __reserved),
	CHANGE(HMM_P2P_IOC_MIGRATE, call_migrate, struct hmm_p2p_migrate, out_reasons),
	CHANGE(HMM_P2P_IOC_ACCESS, call_access, struct hmm_p2p_access, out_reasons),
	LOOK(HMM_P2P_IOC_QUERY, call_query, struct hmm_p2p_query, out_next),
	LOOK(HMM_P2P_IOC_STAT, call_stat, struct hmm_p2p_stat, out_reasons),
	CHANGE(HMM_P2P_IOC_SET_OWNER, call_set_owner, struct hmm_p2p_set_owner, __reserved),
	CHANGE(HMM_P2P_IOC_FILE_IO, call_file_io, struct hmm_p2p_file_io, out_reasons),
	CHANGE(HMM_P2P_IOC_DRAIN, call_drain, struct hmm_p2p_drain, out_left),
	CHANGE(HMM_P2P_IOC_EXPORT, call_export, struct hmm_p2p_export, out_length),
	CHANGE(HMM_P2P_IOC_IMPORT, call_import, struct hmm_p2p_import, out_bytes),
};

static int deliver(void __user *user, struct request *request, size_t size)
{
	int ret = copy_to_user(user, &request->arg, size) ? -EFAULT : 0;

	if (request->file && !ret) {
		fd_install(request->fd, request->file);
	} else if (request->file) {
		fput(request->file);
		put_unused_fd(request->fd);
	}
	return ret;
}

static long uapi_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	const struct call *call;
	struct request request = {};
	u32 size;
	int ret, err;

	if (cmd < HMM_P2P_IOC_INFO || cmd - HMM_P2P_IOC_INFO >= ARRAY_SIZE(calls))
		return -ENOTTY;
	call = &calls[cmd - HMM_P2P_IOC_INFO];
	if (call->changes && !(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < call->min_size)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&request.arg, call->size, user, size);
	if (ret)
		return ret;

	ret = call->fn(&request.arg);
	/* Report what was done even if the call failed. */
	err = deliver(user, &request, min_t(size_t, size, call->size));
	return ret ?: err;
}

static const struct file_operations uapi_fops = {
	.owner		= THIS_MODULE,
	.open		= hmm_p2p_shared_open,
	.release	= hmm_p2p_shared_release,
	.mmap		= hmm_p2p_shared_mmap,
	.unlocked_ioctl	= uapi_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

static struct miscdevice uapi_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "hmm_p2p",
	.fops	= &uapi_fops,
	.mode	= 0660,
};

static int __init uapi_init(void)
{
	int ret;

	hmm_p2p_process_init();
	hmm_p2p_shared_init();
	hmm_p2p_export_init();
	ret = misc_register(&uapi_misc);
	if (ret) {
		hmm_p2p_export_exit();
		hmm_p2p_shared_exit();
	}
	return ret;
}
module_init(uapi_init);

static void __exit uapi_exit(void)
{
	misc_deregister(&uapi_misc);
	hmm_p2p_export_exit();
	hmm_p2p_shared_exit();
}
module_exit(uapi_exit);

MODULE_DESCRIPTION("/dev/hmm_p2p: device memory for programs");
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("HMM_P2P");
MODULE_IMPORT_NS("HMM_P2P_INTERNAL");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
