// SPDX-License-Identifier: GPL-2.0
/*
 * A device reads or writes somebody's dma-buf, by DMA.
 *
 * All DMA is done with the buffer's reservation lock held, a piece at a time. An
 * exporter that takes the memory away holds that lock, too: no DMA is under way
 * then, the mapping goes there and then, and the next piece asks for another. The
 * lock is not held while others are waited for who use the buffer.
 *
 * The importer is at the buffer for a piece at a time, too: its driver waits for that,
 * but not for what the caller's own memory may wait for.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "../core/core.h"
#include "import.h"

#define PIECE_SIZE	((u64)HMM_P2P_BATCH_PAGES << PAGE_SHIFT)

/**
 * struct import - a call under way
 * @importer: who reaches
 * @arg: what was asked for
 * @attach: the importer at the buffer
 * @sgt: the buffer as the device sees it, or NULL; under the reservation lock
 * @buf: the bytes of one piece
 */
struct import {
	struct hmm_p2p_device *importer;
	struct hmm_p2p_import *arg;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	void *buf;
};

static bool is_write(const struct import *import)
{
	return import->arg->flags & HMM_P2P_IMPORT_WRITE;
}

static void import_unmap(struct import *import)
{
	dma_resv_assert_held(import->attach->dmabuf->resv);
	if (!import->sgt)
		return;
	dma_buf_unmap_attachment(import->attach, import->sgt, DMA_BIDIRECTIONAL);
	import->sgt = NULL;
}

static void import_invalidate(struct dma_buf_attachment *attach)
{
	import_unmap(attach->importer_priv);
}

static const struct dma_buf_attach_ops attach_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = import_invalidate,
};

static int import_map(struct import *import)
{
	struct sg_table *sgt;

	if (import->sgt)
		return 0;
	sgt = dma_buf_map_attachment(import->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	import->sgt = sgt;
	return 0;
}

/* Who writes the buffer, and for a write who reads it, comes first. */
static enum dma_resv_usage comes_first(const struct import *import)
{
	return dma_resv_usage_rw(is_write(import));
}

/*
 * Without the lock: who takes the memory away needs it, and ends what is waited for here.
 * And not for longer than the importer is there.
 */
static int import_wait(const struct import *import)
{
	struct dma_resv *resv = import->attach->dmabuf->resv;
	long left;

	while (!(left = dma_resv_wait_timeout(resv, comes_first(import), true, HZ)))
		if (READ_ONCE(import->importer->removed))
			return -ENODEV;
	return left < 0 ? -EINTR : 0;
}

/* It is this importer's turn as long as it has the lock. */
static int import_lock(const struct import *import)
{
	struct dma_resv *resv = import->attach->dmabuf->resv;
	int ret;

	for (;;) {
		ret = import_wait(import);
		if (ret)
			return ret;
		if (dma_resv_lock_interruptible(resv, NULL))
			return -EINTR;
		if (dma_resv_test_signaled(resv, comes_first(import)))
			return 0;
		dma_resv_unlock(resv);
	}
}

/* As much of @length bytes at @offset as lies together for the device. */
static size_t import_place(struct import *import, u64 offset, size_t length,
			   dma_addr_t *addr)
{
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(import->sgt, sg, i) {
		if (offset < sg_dma_len(sg)) {
			*addr = sg_dma_address(sg) + offset;
			return min_t(u64, length, sg_dma_len(sg) - offset);
		}
		offset -= sg_dma_len(sg);
	}
	return 0;
}

static size_t most_at_once(const struct import *import)
{
	unsigned int pages = import->importer->config.max_transfer;

	return pages ? (size_t)pages << PAGE_SHIFT : PIECE_SIZE;
}

/* With the lock held. Returns how many of @length bytes at @buf are done, or an error. */
static long import_dma(struct import *import, u64 offset, void *buf, size_t length)
{
	struct hmm_p2p_device *importer = import->importer;
	dma_addr_t addr;
	size_t some;
	int ret;

	ret = import_map(import);
	if (ret)
		return ret;
	some = import_place(import, offset, min(length, most_at_once(import)), &addr);
	if (!some)
		return -EIO;
	ret = importer->config.importer_ops->transfer_dma(importer, addr, buf, some,
							  is_write(import));
	return ret ?: some;
}

static long import_some(struct import *import, u64 offset, void *buf, size_t length)
{
	long done = import_lock(import);

	if (done)
		return done;
	done = import_dma(import, offset, buf, length);
	dma_resv_unlock(import->attach->dmabuf->resv);
	cond_resched();
	return done;
}

static int import_transfer(struct import *import, u64 offset, size_t length)
{
	size_t at = 0;
	long done;

	for (; at < length; at += done) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (READ_ONCE(import->importer->removed))
			return -ENODEV;
		done = import_some(import, offset + at, import->buf + at, length - at);
		if (done < 0)
			return done;
	}
	return 0;
}

/* @importer->users is held: its struct device stays. */
static int import_attached(struct import *import, struct dma_buf *dmabuf, u64 offset,
			   size_t length)
{
	int ret;

	import->attach = dma_buf_dynamic_attach(dmabuf, import->importer->config.dev,
						&attach_ops, import);
	if (IS_ERR(import->attach))
		return PTR_ERR(import->attach);
	ret = import_transfer(import, offset, length);
	dma_resv_lock(dmabuf->resv, NULL);
	import_unmap(import);
	dma_resv_unlock(dmabuf->resv);
	dma_buf_detach(dmabuf, import->attach);
	return ret;
}

static int import_reach(struct import *import, struct dma_buf *dmabuf, u64 offset,
			size_t length)
{
	guard(srcu)(&import->importer->users);
	if (READ_ONCE(import->importer->removed))
		return -ENODEV;
	return import_attached(import, dmabuf, offset, length);
}

static int import_piece(struct import *import, struct dma_buf *dmabuf, u64 done,
			size_t length)
{
	struct hmm_p2p_import *arg = import->arg;
	void __user *data = u64_to_user_ptr(arg->data + done);
	int ret;

	if (is_write(import) && copy_from_user(import->buf, data, length))
		return -EFAULT;
	ret = import_reach(import, dmabuf, arg->offset + done, length);
	if (ret)
		return ret;
	if (!is_write(import) && copy_to_user(data, import->buf, length))
		return -EFAULT;
	arg->out_bytes += length;
	return 0;
}

static int import_pieces(struct import *import, struct dma_buf *dmabuf)
{
	u64 done, length = import->arg->length;
	int ret = 0;

	for (done = 0; done < length && !ret; done += PIECE_SIZE)
		ret = import_piece(import, dmabuf, done, min(length - done, PIECE_SIZE));
	return ret;
}

static int import_buffer(struct import *import, struct dma_buf *dmabuf)
{
	int ret;

	if (import->arg->offset > dmabuf->size ||
	    import->arg->length > dmabuf->size - import->arg->offset)
		return -EFAULT;
	import->buf = __vmalloc(min(import->arg->length, PIECE_SIZE), HMM_P2P_GFP_USER);
	if (!import->buf)
		return -ENOMEM;
	ret = import_pieces(import, dmabuf);
	vfree(import->buf);
	return ret;
}

/**
 * hmm_p2p_do_import - let a device reach a dma-buf
 * @importer: the device
 * @arg: what it does there, which was checked; receives the count
 *
 * Context: may sleep; takes the reservation lock of the buffer.
 * Return: 0; -EBADF: no dma-buf; -EFAULT: outside of it, or the caller's memory is bad;
 * -EOPNOTSUPP: this device does no DMA of this kind; -ENODEV: a device went away; what
 * the exporter says when the device may not have the buffer, -EREMOTEIO for ours; -EIO,
 * -EINTR, -ENOMEM.
 */
int hmm_p2p_do_import(struct hmm_p2p_device *importer, struct hmm_p2p_import *arg)
{
	struct import import = { .importer = importer, .arg = arg };
	struct dma_buf *dmabuf;
	int ret;

	if (!importer->config.importer_ops || !importer->config.importer_ops->transfer_dma)
		return -EOPNOTSUPP;
	dmabuf = dma_buf_get(arg->fd);
	if (IS_ERR(dmabuf))
		return -EBADF;
	ret = import_buffer(&import, dmabuf);
	dma_buf_put(dmabuf);
	return ret;
}
