// SPDX-License-Identifier: GPL-2.0
/* A file as an importer: which device does its DMA, and what it demands of I/O. */
#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "../core/core.h"
#include "target.h"

/* How the file system is asked: what it does not tell is not assumed. */
static int target_regular(struct hmm_p2p_target *target, struct block_device **bdev)
{
	struct kstat stat;
	int ret;

	ret = vfs_getattr(&target->file->f_path, &stat, STATX_DIOALIGN,
			  AT_STATX_SYNC_AS_STAT);
	if (ret)
		return ret;
	target->align = PAGE_SIZE;
	if (!(stat.result_mask & STATX_DIOALIGN) || !stat.dio_offset_align)
		return 0;
	target->align = stat.dio_offset_align;
	*bdev = file_inode(target->file)->i_sb->s_bdev;
	return 0;
}

/* A disk that is torn out leaves its parents. */
static int target_importer(struct hmm_p2p_target *target, struct gendisk *disk)
{
	struct device *dev = NULL;

	/* Who opens the disk may wait for it. */
	if (mutex_lock_killable(&disk->open_mutex))
		return -EINTR;
	if (disk_live(disk))
		dev = get_device(hmm_p2p_path_function(disk_to_dev(disk)->parent));
	mutex_unlock(&disk->open_mutex);
	target->importer.dev = dev;
	return 0;
}

/**
 * hmm_p2p_target_inspect - who does the I/O of a file, and how it has to be asked
 * @target: its file is set, with a reference; the rest is zero
 *
 * Context: process; may sleep, and wait for a file system or for who opens the disk.
 * Return: 0, -EOPNOTSUPP, -EINTR, or what the file system says; in any case
 * hmm_p2p_target_put() ends it.
 */
int hmm_p2p_target_inspect(struct hmm_p2p_target *target)
{
	umode_t mode = file_inode(target->file)->i_mode;
	struct block_device *bdev = NULL;
	int ret = 0;

	if (!(target->file->f_mode & FMODE_CAN_ODIRECT))
		return -EOPNOTSUPP;
	if (S_ISBLK(mode)) {
		bdev = file_bdev(target->file);
		target->align = bdev_logical_block_size(bdev);
	} else if (S_ISREG(mode)) {
		ret = target_regular(target, &bdev);
	} else {
		ret = -EOPNOTSUPP;
	}
	/* I/O is cut where the outcome changes, which is between two pages. */
	target->importer.no_p2p = !bdev || target->align > PAGE_SIZE;
	if (bdev && !ret) {
		ret = target_importer(target, bdev->bd_disk);
		target->importer.no_pci = !blk_queue_pci_p2pdma(bdev_get_queue(bdev));
	}
	return ret;
}

/**
 * hmm_p2p_target_put - end of hmm_p2p_target_inspect()
 * @target: file
 *
 * Context: may sleep.
 */
void hmm_p2p_target_put(struct hmm_p2p_target *target)
{
	put_device(target->importer.dev);
	fput(target->file);
}

static int target_check(const struct hmm_p2p_target *target, u32 id, int *distance)
{
	struct hmm_p2p_device *exporter = hmm_p2p_device_get(id);
	int ret;

	if (!exporter)
		return -ENOENT;
	if (exporter->config.memory)
		ret = hmm_p2p_path_check(exporter, &target->importer, distance);
	else
		ret = -EOPNOTSUPP;
	hmm_p2p_device_put(exporter);
	return ret;
}

/**
 * hmm_p2p_file_check - may the disk below a file have aliases of an exporter?
 * @exporter: id of the device whose memory it is
 * @fd: the file
 * @distance: as for hmm_p2p_path_check()
 *
 * Context: process; may sleep.
 * Return: enum hmm_p2p_reason, -EBADF, -ENOENT when there is no such device,
 * -EOPNOTSUPP when it has no memory, or for a file that cannot do direct I/O, -EINTR.
 */
int hmm_p2p_file_check(u32 exporter, int fd, int *distance)
{
	struct hmm_p2p_target target = { .file = fget(fd) };
	int idx, ret;

	*distance = -1;
	if (!target.file)
		return -EBADF;
	/* This may ask a file server: outside the section. */
	ret = hmm_p2p_target_inspect(&target);
	if (!ret) {
		idx = srcu_read_lock(&hmm_p2p_srcu);
		ret = target_check(&target, exporter, distance);
		srcu_read_unlock(&hmm_p2p_srcu, idx);
	}
	hmm_p2p_target_put(&target);
	return ret;
}
