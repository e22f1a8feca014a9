/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hmm_p2p: a device that shares a process's address space.
 *
 * A device with an MMU of its own creates a struct hmm_p2p_svm for each process.
 * When the device faults, its driver calls hmm_p2p_svm_fault(), and gets entries
 * for its page table by @map: bytes in its own memory, over the interconnect, or
 * behind a bus address. When the CPU's page table changes, or the device goes, the
 * entries are taken back by @unmap. The driver walks no CPU page table, maps
 * nothing for DMA, and has no notifier of its own.
 *
 * A device without an MMU leaves out the operations: what it may reach is
 * remembered for it (see hmm_p2p_svm_io()).
 */
#ifndef _LINUX_HMM_P2P_SVM_H
#define _LINUX_HMM_P2P_SVM_H

#include <linux/hmm_p2p.h>

struct hmm_p2p_svm;
struct mmu_notifier_range;

/**
 * enum hmm_p2p_svm_target - what the address of an entry is
 * @HMM_P2P_SVM_BUS: an address that the device puts on its bus: system memory, or
 *	peer to peer. Mapped for DMA, as long as the device has the entry
 * @HMM_P2P_SVM_LOCAL: an offset in the device's own memory
 * @HMM_P2P_SVM_PEER: an address on the interconnect that the device shares with
 *	another one, see hmm_p2p_interconnect_addr()
 */
enum hmm_p2p_svm_target {
	HMM_P2P_SVM_BUS,
	HMM_P2P_SVM_LOCAL,
	HMM_P2P_SVM_PEER,
};

/**
 * struct hmm_p2p_svm_entry - an entry for the device's page table
 * @va: address in the process, aligned to the size of the entry
 * @addr: where the bytes are, contiguous and aligned likewise; see @target
 * @page: the first page, without a reference: as long as the entry
 * @target: enum hmm_p2p_svm_target
 * @order: log2 of its pages of PAGE_SIZE: 0, or HPAGE_PMD_ORDER
 * @write: the device may write
 */
struct hmm_p2p_svm_entry {
	unsigned long va;
	u64 addr;
	struct page *page;
	u8 target;
	u8 order;
	bool write;
};

/**
 * struct hmm_p2p_svm_ops - the page table of a device
 *
 * The operations are called one at a time for one svm, under its lock (see
 * hmm_p2p_svm_lock()), which reclaim waits for: they must not wait for memory to
 * become free, nor for anything that waits for a page fault. GFP_NOWAIT is right,
 * and so are page tables that were allocated before.
 */
struct hmm_p2p_svm_ops {
	/**
	 * @map: Make @nr entries, which are in ascending order.
	 *
	 * Each replaces an entry of the same address and size, which differs at
	 * most in that it could not be written; otherwise nothing is there. The
	 * device may use them at once.
	 *
	 * Context: process.
	 * Return: 0; or an error, which the fault returns, after @unmap for all of
	 * the entries: some may have been made.
	 */
	int (*map)(struct hmm_p2p_svm *svm, const struct hmm_p2p_svm_entry *entries,
		   unsigned int nr);

	/**
	 * @unmap: Remove what is in [@start, @end), and return when the device has
	 * stopped using it: no translation is cached, no write is on its way.
	 *
	 * The bounds are those of entries, or far beyond all of them. The pages
	 * go to somebody else as soon as this returns, so it cannot fail: an engine
	 * that does not stop in bounded time has to be reset. @why is NULL, or
	 * what the MMU notifier said; a migration has no owner there, for it is
	 * never one that the driver has begun. Nothing may be skipped.
	 *
	 * Context: process, also in reclaim, in a page fault and while the process
	 * exits. Nobody waits for a signal here.
	 */
	void (*unmap)(struct hmm_p2p_svm *svm, unsigned long start, unsigned long end,
		      const struct mmu_notifier_range *why);

	/**
	 * @forget: The process has unmapped [@start, @end), or moved it to elsewhere: what
	 * is mapped there later is something else, and what the driver knows about these
	 * addresses means nothing any more. After @unmap, if there was something. NULL: it
	 * knows nothing.
	 *
	 * Context: as @unmap.
	 */
	void (*forget)(struct hmm_p2p_svm *svm, unsigned long start, unsigned long end);

	/**
	 * @migrates: Somebody has begun to move memory in [@start, @end), some of which
	 * may stay where it is. After @unmap, if the device had something. For a driver
	 * that wants to know how often that happens; NULL: it does not.
	 *
	 * Context: as @unmap, by who moves it: in the process itself when that touches it.
	 */
	void (*migrates)(struct hmm_p2p_svm *svm, unsigned long start, unsigned long end);

	/** @no_dma: The driver uses the pages: it need not have a bus address. */
	bool no_dma;
};

/**
 * struct hmm_p2p_io - a device reads or writes a process's memory
 * @addr: first byte, page aligned
 * @nr_pages: how many pages
 * @buf: buffer of the calling process for the data
 * @write: the device writes what is in @buf; else @buf gets what it reads
 * @done: pages that it has read or written, also on failure
 * @faults: how often the device could not reach a page without a fault
 */
struct hmm_p2p_io {
	unsigned long addr;
	unsigned long nr_pages;
	void __user *buf;
	bool write;
	unsigned long done;
	unsigned long faults;
};

/* hmm_p2p_seen.kind */
enum hmm_p2p_seen_kind {
	HMM_P2P_SEEN_NONE,	/* nothing that the device could reach unfaulted */
	HMM_P2P_SEEN_ERROR,	/* no mapping, or one that cannot be accessed */
	HMM_P2P_SEEN_ZERO,	/* the zero page */
	HMM_P2P_SEEN_SYSTEM,	/* any other system page */
	HMM_P2P_SEEN_LOCAL,	/* in the device's own memory */
	HMM_P2P_SEEN_REMOTE,	/* on another device of its interconnect */
};

/**
 * struct hmm_p2p_seen - what a device sees at one page of a process
 * @kind: enum hmm_p2p_seen_kind
 * @order: log2 of the pages that the CPU maps together
 * @write: it may be written
 */
struct hmm_p2p_seen {
	u8 kind;
	u8 order;
	bool write;
};

struct hmm_p2p_svm *hmm_p2p_svm_create(struct hmm_p2p_device *hdev,
				       struct mm_struct *mm,
				       const struct hmm_p2p_svm_ops *ops,
				       void *drvdata);
void hmm_p2p_svm_destroy(struct hmm_p2p_svm *svm);
void *hmm_p2p_svm_drvdata(const struct hmm_p2p_svm *svm);

int hmm_p2p_svm_fault(struct hmm_p2p_svm *svm, unsigned long start,
		      unsigned long end, bool write);
int hmm_p2p_svm_lock(struct hmm_p2p_svm *svm);
void hmm_p2p_svm_unlock(struct hmm_p2p_svm *svm);
void hmm_p2p_svm_take_back(struct hmm_p2p_svm *svm, unsigned long start,
			   unsigned long end);
unsigned long hmm_p2p_svm_pfn(struct hmm_p2p_svm *svm, unsigned long va);

int hmm_p2p_svm_io(struct hmm_p2p_svm *svm, struct hmm_p2p_io *io);
int hmm_p2p_svm_snapshot(struct hmm_p2p_svm *svm, unsigned long addr,
			 unsigned long nr_pages, struct hmm_p2p_seen *seen);
int hmm_p2p_svm_make_exclusive(struct hmm_p2p_svm *svm, unsigned long addr,
			       unsigned long nr_pages);
bool hmm_p2p_svm_has_exclusive(struct hmm_p2p_svm *svm, unsigned long addr,
			       unsigned long nr_pages);

#endif /* _LINUX_HMM_P2P_SVM_H */
