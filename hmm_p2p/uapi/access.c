// SPDX-License-Identifier: GPL-2.0
/*
 * An importer reaches a process's memory: fault for it, let it transfer, tell
 * what happened. Long ranges go piece by piece, so that no piece holds the
 * mirror lock, and with it somebody's munmap(), for long.
 *
 * The importer's driver waits for the users section before it goes away. A fault
 * may wait for a filesystem or a userfault, for as long as its server likes: it is
 * made outside of the section, for a device that is perhaps gone, and what it found
 * is used inside, if the importer is still there and it still holds.
 */
#include <linux/device.h>
#include <linux/hmm-dma.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "../core/core.h"
#include "access.h"

/**
 * struct access_state - an access under way
 * @ctx: what was asked for
 * @mirror: covers the whole range
 * @dev: the importer's, with a reference: a fault asks for its place on the bus
 * @entries: what a fault found for each page of a piece
 * @buf: kernel side of the caller's buffer for one piece, or NULL
 * @report: outcome and reason of each page of a piece
 */
struct access_state {
	struct hmm_p2p_access_ctx *ctx;
	struct hmm_p2p_mirror mirror;
	struct device *dev;
	unsigned long entries[HMM_P2P_BATCH_PAGES];
	void *buf;
	u8 report[HMM_P2P_BATCH_PAGES];
};

static bool is_write(const struct access_state *state)
{
	return state->ctx->arg->flags & HMM_P2P_ACCESS_WRITE;
}

/* Pages of the piece at @addr that are to be transferred; 0: only faulted. */
static unsigned long piece_data(const struct access_state *state, u64 addr)
{
	const struct hmm_p2p_access *arg = state->ctx->arg;
	u64 end = arg->addr + (arg->data ? arg->data_length : 0);

	return addr < end ? (end - addr) >> PAGE_SHIFT : 0;
}

/* A piece ends at a huge page boundary, or where the data ends. */
static unsigned long piece_pages(const struct access_state *state, u64 addr)
{
	const struct hmm_p2p_access *arg = state->ctx->arg;
	u64 end = min(arg->addr + arg->length, ALIGN(addr + 1, HPAGE_PMD_SIZE));
	unsigned long nr = (end - addr) >> PAGE_SHIFT;
	unsigned long data = piece_data(state, addr);

	if (data)
		nr = min(nr, data);
	return nr;
}

static void __user *piece_user(const struct access_state *state, u64 addr)
{
	const struct hmm_p2p_access *arg = state->ctx->arg;

	return u64_to_user_ptr(arg->data + (addr - arg->addr));
}

/* The fault sees to it; data is worth a second look. */
static bool is_permitted(const struct access_state *state,
			 const unsigned long *pfns, unsigned long nr)
{
	unsigned long need = HMM_PFN_VALID | (is_write(state) ? HMM_PFN_WRITE : 0);
	unsigned long i;

	for (i = 0; i < nr; i++)
		if ((pfns[i] & need) != need)
			return false;
	return true;
}

static int transfer_some(struct access_state *state, struct hmm_dma_map *map,
			 unsigned long first, unsigned long nr)
{
	struct hmm_p2p_device *importer = state->ctx->importer;
	const struct hmm_p2p_transfer xfer = {
		.map = map,
		.first = first,
		.nr_pages = nr,
		.buf = state->buf + (first << PAGE_SHIFT),
		.write = is_write(state),
	};

	if (WARN_ON_ONCE(!is_permitted(state, map->pfn_list + first, nr)))
		return -EPERM;
	return importer->config.importer_ops->transfer(importer, &xfer);
}

/* Under the mirror lock nothing that the fault found can change. */
static int transfer_locked(struct access_state *state, struct hmm_dma_map *map,
			   const struct hmm_range *range, unsigned long first,
			   unsigned long nr)
{
	if (READ_ONCE(state->ctx->importer->removed))
		return -ENODEV;
	if (mmu_interval_read_retry(range->notifier, range->notifier_seq))
		return -EBUSY;
	return transfer_some(state, map, first, nr);
}

/*
 * Transfers the pages from @done on, as many at a time as the importer takes,
 * and gives invalidation a chance in between. Returns how many pages are done
 * then, or an error.
 */
static long transfer_valid(struct access_state *state, struct hmm_dma_map *map,
			   const struct hmm_range *range, unsigned long done,
			   unsigned long nr)
{
	unsigned int limit = state->ctx->importer->config.max_transfer;
	unsigned long some;
	int ret = 0;

	for (; !ret && done < nr; done += ret ? 0 : some) {
		some = limit ? min_t(unsigned long, limit, nr - done) : nr - done;
		if (fatal_signal_pending(current) ||
		    mutex_lock_killable(&state->mirror.lock))
			return -EINTR;
		ret = transfer_locked(state, map, range, done, some);
		mutex_unlock(&state->mirror.lock);
	}
	return ret && ret != -EBUSY ? ret : done;
}

static long transfer_mapped(struct access_state *state, const struct hmm_range *range,
			    unsigned long done, unsigned long nr)
{
	struct hmm_dma_map map = {};
	int ret;

	ret = hmm_dma_map_alloc(state->dev, &map, nr, PAGE_SIZE);
	if (ret)
		return ret;
	memcpy(map.pfn_list + done, state->entries + done,
	       (nr - done) * sizeof(*state->entries));
	done = transfer_valid(state, &map, range, done, nr);
	hmm_dma_map_free(state->dev, &map);
	return done;
}

/* What needs the importer, and waits for nobody's fault. */
static long piece_transfer(struct access_state *state, const struct hmm_range *range,
			   unsigned long done, unsigned long nr)
{
	struct hmm_p2p_device *importer = state->ctx->importer;

	guard(srcu)(&importer->users);
	return READ_ONCE(importer->removed) ? -ENODEV : transfer_mapped(state, range, done, nr);
}

/*
 * Faults the pages from @done on and transfers what it can. Returns how many
 * pages are done then, or an error.
 */
static long piece_fault(struct access_state *state, u64 addr, unsigned long done,
			unsigned long nr)
{
	struct hmm_p2p_device *importer = state->ctx->importer;
	const struct hmm_p2p_fault fault = {
		.importer.dev = state->dev,
		.importer.no_p2p = state->ctx->arg->flags & HMM_P2P_ACCESS_NO_P2P,
		.by_keys = true,
		.report = state->report + done,
	};
	struct hmm_range range = {
		.start = addr + (done << PAGE_SHIFT),
		.end = addr + (nr << PAGE_SHIFT),
		.hmm_pfns = state->entries + done,
		.default_flags = HMM_PFN_REQ_FAULT |
				 (is_write(state) ? HMM_PFN_REQ_WRITE : 0),
		.dev_private_owner = READ_ONCE(importer->owner),
	};
	int ret;

	ret = hmm_p2p_mirror_fault(&state->mirror, &range, &fault);
	if (ret)
		return ret;
	mutex_unlock(&state->mirror.lock);
	if (piece_data(state, addr))
		return piece_transfer(state, &range, done, nr);
	return READ_ONCE(importer->removed) ? -ENODEV : nr;
}

static int piece_reach(struct access_state *state, u64 addr, unsigned long nr)
{
	long done;

	memset(state->report, 0, nr);
	memset(state->entries, 0, nr * sizeof(*state->entries));
	for (done = 0; done >= 0 && done < nr; )
		done = piece_fault(state, addr, done, nr);
	return min(done, 0L);
}

static void piece_tally(struct access_state *state, unsigned long nr)
{
	struct hmm_p2p_access *arg = state->ctx->arg;
	struct hmm_p2p_tally tally;

	tally = hmm_p2p_report_tally(state->report, nr, arg->out_reasons);
	arg->out_private += tally.outcomes[HMM_P2P_OUTCOME_PRIVATE];
	arg->out_p2p += tally.outcomes[HMM_P2P_OUTCOME_P2P];
	arg->out_migrated += tally.outcomes[HMM_P2P_OUTCOME_MIGRATED];
	arg->out_system += tally.outcomes[HMM_P2P_OUTCOME_SYSTEM];
}

static int piece_report(struct access_state *state, u64 addr, unsigned long nr)
{
	struct hmm_p2p_access *arg = state->ctx->arg;
	u64 at = arg->outcomes + ((addr - arg->addr) >> PAGE_SHIFT);

	if (!arg->outcomes)
		return 0;
	return copy_to_user(u64_to_user_ptr(at), state->report, nr) ? -EFAULT : 0;
}

/* Says which pages it was that the importer may not have. */
static int piece_refused(struct access_state *state, u64 addr, unsigned long nr)
{
	hmm_p2p_report_refused(state->report, nr, state->ctx->arg->out_reasons);
	return piece_report(state, addr, nr) ?: -EREMOTEIO;
}

static int piece_deliver(struct access_state *state, u64 addr, unsigned long nr)
{
	struct hmm_p2p_access *arg = state->ctx->arg;

	if (piece_data(state, addr)) {
		if (!is_write(state) &&
		    copy_to_user(piece_user(state, addr), state->buf, nr << PAGE_SHIFT))
			return -EFAULT;
		arg->out_bytes += nr << PAGE_SHIFT;
	}
	return piece_report(state, addr, nr);
}

static int access_piece(struct access_state *state, u64 addr, unsigned long nr)
{
	int ret;

	if (is_write(state) && piece_data(state, addr) &&
	    copy_from_user(state->buf, piece_user(state, addr), nr << PAGE_SHIFT))
		return -EFAULT;

	ret = piece_reach(state, addr, nr);
	if (ret == -EREMOTEIO)
		return piece_refused(state, addr, nr);
	if (ret)
		return ret;
	piece_tally(state, nr);
	return piece_deliver(state, addr, nr);
}

static int access_all(struct access_state *state)
{
	const struct hmm_p2p_access *arg = state->ctx->arg;
	u64 addr = arg->addr, end = arg->addr + arg->length;
	unsigned long nr;
	int ret;

	for (; addr < end; addr += (u64)nr << PAGE_SHIFT) {
		if (fatal_signal_pending(current))
			return -EINTR;
		nr = piece_pages(state, addr);
		ret = access_piece(state, addr, nr);
		if (ret)
			return ret;
	}
	return 0;
}

static int access_buf(struct access_state *state)
{
	u64 size = state->ctx->arg->data ? state->ctx->arg->data_length : 0;

	if (!size)
		return 0;
	state->buf = __vmalloc(min_t(u64, size, HMM_P2P_BATCH_PAGES << PAGE_SHIFT),
			       HMM_P2P_GFP_USER);
	return state->buf ? 0 : -ENOMEM;
}

/* Can it DMA to all memory? Who cannot moves none. */
static int importer_check(struct device *dev)
{
	struct hmm_dma_map map = {};
	int ret;

	ret = hmm_dma_map_alloc(dev, &map, 1, PAGE_SIZE);
	if (!ret)
		hmm_dma_map_free(dev, &map);
	return ret;
}

/* Its device, with a reference, or an error pointer. */
static struct device *importer_get(struct hmm_p2p_device *importer)
{
	int ret;

	guard(srcu)(&importer->users);
	if (READ_ONCE(importer->removed))
		return ERR_PTR(-ENODEV);
	ret = importer_check(importer->config.dev);
	return ret ? ERR_PTR(ret) : get_device(importer->config.dev);
}

static int access_mirrored(struct access_state *state)
{
	const struct hmm_p2p_access_ctx *ctx = state->ctx;
	int ret;

	state->dev = importer_get(ctx->importer);
	if (IS_ERR(state->dev))
		return PTR_ERR(state->dev);
	ret = hmm_p2p_mirror_init(&state->mirror, ctx->mm, ctx->arg->addr,
				  ctx->arg->length);
	if (!ret) {
		ret = access_all(state);
		hmm_p2p_mirror_fini(&state->mirror);
	}
	put_device(state->dev);
	return ret;
}

/**
 * hmm_p2p_do_access - let an importer reach a range
 * @ctx: who reaches what; its argument was checked and receives the counts
 *
 * Context: may sleep.
 * Return: 0, -ENODEV when the importer went away, -EOPNOTSUPP when it cannot
 * DMA to all memory, -EIO, -EREMOTEIO, -EFAULT, -EPERM, -EINTR, -ENOMEM.
 */
int hmm_p2p_do_access(struct hmm_p2p_access_ctx *ctx)
{
	struct access_state *state;
	int ret;

	state = kzalloc_obj(*state, HMM_P2P_GFP_USER);
	if (!state)
		return -ENOMEM;
	state->ctx = ctx;
	ret = access_buf(state);
	if (!ret)
		ret = access_mirrored(state);
	vfree(state->buf);
	kfree(state);
	return ret;
}
