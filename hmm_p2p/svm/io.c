// SPDX-License-Identifier: GPL-2.0
/*
 * A device reads and writes what it has of a process: piece by piece, with a fault for
 * all of the rest where it lacks something.
 */
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "svm.h"
#include "table.h"

/**
 * struct io_state - an access under way
 * @svm: process, as the device sees it
 * @io: what was asked for
 * @buf: kernel address of the part of the caller's buffer for one piece
 * @mapping: NULL, or what vmap() made for it
 * @pages: the pages of that part; it need not be aligned, so one more
 * @nr_pages: how many
 */
struct io_state {
	struct hmm_p2p_svm *svm;
	struct hmm_p2p_io *io;
	void *buf;
	void *mapping;
	struct page *pages[HPAGE_PMD_NR + 1];
	unsigned long nr_pages;
};

static unsigned long piece_user(const struct io_state *state)
{
	return (unsigned long)state->io->buf + (state->io->done << PAGE_SHIFT);
}

/*
 * A piece ends where a huge page would, that of the caller's buffer, because one
 * that is contiguous needs no mapping, or that of the process; and where the
 * device's limit is.
 */
static unsigned long piece_pages(const struct io_state *state)
{
	unsigned int limit = state->svm->hdev->config.max_transfer;
	unsigned long addr = state->io->addr + (state->io->done << PAGE_SHIFT);
	unsigned long user = piece_user(state), nr;

	nr = (ALIGN(user + 1, HPAGE_PMD_SIZE) - user) >> PAGE_SHIFT;
	if (!nr)
		nr = 1;
	nr = min(nr, (ALIGN(addr + 1, HPAGE_PMD_SIZE) - addr) >> PAGE_SHIFT);
	if (limit)
		nr = min_t(unsigned long, nr, limit);
	return min(nr, state->io->nr_pages - state->io->done);
}

static void piece_unpin(struct io_state *state)
{
	unpin_user_pages_dirty_lock(state->pages, state->nr_pages, !state->io->write);
}

static void piece_unmap(struct io_state *state)
{
	vunmap(state->mapping);
	state->mapping = NULL;
}

static bool is_contiguous(struct page *const *pages, unsigned long nr)
{
	unsigned long pfn = page_to_pfn(pages[0]), i;

	for (i = 1; i < nr; i++)
		if (page_to_pfn(pages[i]) != pfn + i)
			return false;
	return !IS_ENABLED(CONFIG_HIGHMEM);
}

static int piece_map(struct io_state *state, unsigned long user)
{
	if (is_contiguous(state->pages, state->nr_pages)) {
		state->buf = page_address(state->pages[0]) + offset_in_page(user);
		return 0;
	}
	state->mapping = vmap(state->pages, state->nr_pages, VM_MAP, PAGE_KERNEL);
	state->buf = state->mapping + offset_in_page(user);
	return state->mapping ? 0 : -ENOMEM;
}

/* The device reads and writes the caller's buffer itself, without a copy. */
static int piece_pin(struct io_state *state, unsigned long nr)
{
	unsigned long user = piece_user(state);
	unsigned long want = DIV_ROUND_UP(offset_in_page(user) + (nr << PAGE_SHIFT),
					  PAGE_SIZE);
	int got, ret = -EFAULT;

	got = pin_user_pages_fast(user & PAGE_MASK, want,
				  state->io->write ? 0 : FOLL_WRITE, state->pages);
	if (got < 0)
		return got;
	state->nr_pages = got;
	if (got == want)
		ret = piece_map(state, user);
	if (ret)
		piece_unpin(state);
	return ret;
}

static int piece_locked(struct io_state *state, unsigned long index,
			unsigned long nr)
{
	struct hmm_p2p_svm *svm = state->svm;
	struct svm_block *block = svm_lookup(svm, index, nr, state->io->write);
	struct hmm_p2p_transfer xfer = {
		.first = index % HPAGE_PMD_NR,
		.nr_pages = nr,
		.buf = state->buf,
		.write = state->io->write,
		.mapped = true,
	};

	if (!block)
		return -ENOENT;
	xfer.map = &block->map;
	return svm->hdev->config.importer_ops->transfer(svm->hdev, &xfer);
}

/* Return: 0, -ENOENT when the device has to fault first, or an error. */
static int piece_transfer(struct io_state *state, unsigned long index,
			  unsigned long nr)
{
	struct hmm_p2p_svm *svm = state->svm;

	/* The device's driver waits for this before it goes away. */
	guard(srcu)(&svm->hdev->users);
	if (READ_ONCE(svm->hdev->removed))
		return -ENODEV;
	scoped_cond_guard(mutex_kill, return -EINTR, &svm->mirror.lock)
		return piece_locked(state, index, nr);
}

/* As piece_transfer(), with as many faults as it takes. */
static int piece_fault(struct io_state *state, unsigned long index,
		       unsigned long nr)
{
	struct hmm_p2p_io *io = state->io;
	unsigned long end = io->addr + (io->nr_pages << PAGE_SHIFT);
	int ret;

	while ((ret = piece_transfer(state, index, nr)) == -ENOENT) {
		if (fatal_signal_pending(current))
			return -EINTR;
		io->faults++;
		ret = hmm_p2p_svm_fault(state->svm, index << PAGE_SHIFT, end,
					io->write);
		if (ret)
			break;
	}
	return ret;
}

static int io_piece(struct io_state *state, unsigned long index, unsigned long nr)
{
	int ret;

	ret = piece_pin(state, nr);
	if (ret)
		return ret;
	ret = piece_fault(state, index, nr);
	piece_unmap(state);
	piece_unpin(state);
	return ret;
}

static int io_all(struct io_state *state)
{
	struct hmm_p2p_io *io = state->io;
	unsigned long index, nr;
	int ret = 0;

	while (!ret && io->done < io->nr_pages) {
		cond_resched();
		index = (io->addr >> PAGE_SHIFT) + io->done;
		nr = piece_pages(state);
		ret = io_piece(state, index, nr);
		if (!ret)
			io->done += nr;
	}
	return ret;
}

/**
 * hmm_p2p_svm_io - the device reads or writes memory of the process
 * @svm: process, as the device sees it
 * @io: what to do; receives what was done
 *
 * The data travels as the three outcomes of a fault say: over the interconnect,
 * peer to peer, or from RAM.
 *
 * Context: may sleep; the caller's memory is accessible.
 * Return: 0; -EFAULT for an address that cannot be read, -EPERM for one that
 * cannot be written; -ESRCH when the process is gone, -ENODEV when the device
 * is; -EOPNOTSUPP when it has no importer operations, or cannot DMA to all memory;
 * -EIO, -EREMOTEIO, -EINTR, -ENOMEM.
 */
int hmm_p2p_svm_io(struct hmm_p2p_svm *svm, struct hmm_p2p_io *io)
{
	struct io_state *state;
	int ret;

	io->done = 0;
	io->faults = 0;
	if (!svm->hdev->config.importer_ops)
		return -EOPNOTSUPP;
	state = kmalloc_obj(*state, HMM_P2P_GFP_USER);
	if (!state)
		return -ENOMEM;
	state->svm = svm;
	state->io = io;
	state->mapping = NULL;
	ret = -ESRCH;
	if (mmget_not_zero(svm->mirror.mm)) {
		ret = io_all(state);
		mmput(svm->mirror.mm);
	}
	kfree(state);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_svm_io, HMM_P2P_NS);
