// SPDX-License-Identifier: GPL-2.0
/*
 * What drivers have to do alike that export memory behind a BAR as dma-bufs, and take it
 * back when their device goes.
 */
#include <linux/dma-buf-mapping.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "../core/core.h"

/* How often a removal says that it waits for somebody's fence. */
#define SAY_INTERVAL	(60 * HZ)

/**
 * struct revocation - a dma-buf that is being taken back
 * @dmabuf: the buffer
 * @of_all: in revocations, under revocations_lock
 */
struct revocation {
	const struct dma_buf *dmabuf;
	struct list_head of_all;
};

static DEFINE_SPINLOCK(revocations_lock);
static LIST_HEAD(revocations);

/**
 * hmm_p2p_dmabuf_unmap - undo dma_buf_phys_vec_to_sgt()
 * @attach: who had mapped the buffer
 * @sgt: what that function returned
 * @dir: what it was given
 *
 * As dma_buf_free_sgt(), which up to 7.3 leaks the list of @sgt: it frees as many entries
 * as @sgt has for the CPU, and there are none.
 *
 * Context: may sleep; the buffer's reservation lock is held.
 */
void hmm_p2p_dmabuf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			  enum dma_data_direction dir)
{
	sgt->orig_nents = sgt->nents;
	dma_buf_free_sgt(attach, sgt, dir);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_dmabuf_unmap, HMM_P2P_NS);

static void revocation_begin(struct revocation *revocation)
{
	guard(spinlock)(&revocations_lock);
	list_add(&revocation->of_all, &revocations);
}

static void revocation_end(struct revocation *revocation)
{
	guard(spinlock)(&revocations_lock);
	list_del(&revocation->of_all);
}

/**
 * hmm_p2p_dmabuf_revoke - take a dma-buf back from all devices, for good
 * @dmabuf: the buffer, to which only importers are attached that can be told
 *	(dma_buf_attach_revocable()), and which the caller maps for nobody any more
 * @name: of the device whose memory it is, for the kernel's log
 *
 * After that no device does DMA on it. An importer may unmap it a little later.
 *
 * It returns when the jobs have ended that have the buffer: it is their drivers who
 * bound that time. It cannot fail, and says once a minute that it waits.
 *
 * Context: may sleep; the buffer's reservation lock is held.
 */
void hmm_p2p_dmabuf_revoke(struct dma_buf *dmabuf, const char *name)
{
	struct revocation revocation = { .dmabuf = dmabuf };

	dma_resv_assert_held(dmabuf->resv);
	revocation_begin(&revocation);
	dma_buf_invalidate_mappings(dmabuf);
	revocation_end(&revocation);
	while (!dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false,
				      SAY_INTERVAL))
		pr_warn("hmm_p2p: %s: removal waits for a fence of who uses a dma-buf of its memory\n",
			name);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_dmabuf_revoke, HMM_P2P_NS);

/**
 * hmm_p2p_dmabuf_is_revoked - has a dma-buf gone for good that is to be unmapped?
 * @dmabuf: the buffer
 *
 * An importer's invalidate_mappings() is called for a buffer that moves, too. Then its
 * jobs go on later; of one that is gone they fail, and those that have not begun need not
 * begin: the device whose memory it is waits for them.
 *
 * Context: any; the buffer's reservation lock is held, in invalidate_mappings().
 * Return: true if it is one of this framework's exporters', and revoked.
 */
bool hmm_p2p_dmabuf_is_revoked(const struct dma_buf *dmabuf)
{
	const struct revocation *revocation;

	guard(spinlock)(&revocations_lock);
	list_for_each_entry(revocation, &revocations, of_all)
		if (revocation->dmabuf == dmabuf)
			return true;
	return false;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_dmabuf_is_revoked, HMM_P2P_NS);
