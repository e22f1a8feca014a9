// SPDX-License-Identifier: GPL-2.0
/*
 * One batch of pages on its way: find room at the destination, copy, count.
 *
 * The kernel's migrate_vma calls work on two arrays, source and destination,
 * with an entry per page. A huge page stands at its first entry, flagged
 * MIGRATE_PFN_COMPOUND, and the entries behind it are empty.
 *
 * If there is no huge page at the destination, the huge page stays for now and
 * @want_split is set: the caller goes over the range again without
 * MIGRATE_VMA_SELECT_COMPOUND, and the kernel splits the page before it unmaps
 * it. Single pages as the destination of a huge one would be allowed, but then
 * the kernel (7.2) splits an unmapped page in the one mapping it looks at, and
 * leaves the huge migration entry of a forked process to a single page. Nor does
 * it drop the reference that it takes for that when somebody else has split the
 * mapping first, by throwing a part of it away (MADV_DONTNEED).
 *
 * Rules:
 * - Whatever gets an entry in dst is locked and has one reference; finalize
 *   drops both, also for pages that did not move.
 * - Room is found for a whole entry before its copy is collected, so that no
 *   copy goes to a page that was given back.
 * - A copy that fails stops the batch. The sources are whole: everything stays
 *   where it was.
 */
#include <linux/dma-fence.h>
#include <linux/memcontrol.h>
#include <linux/slab.h>

#include "../core/charge.h"
#include "../core/device.h"
#include "../core/failure.h"
#include "../core/faulting.h"
#include "../core/fence.h"
#include "../core/pagemap.h"
#include "../core/profile.h"
#include "../core/stats.h"
#include "batch.h"
#include "claim.h"

/*
 * migrate_vma_setup() writes past the arrays (7.2): when it has to split a
 * folio it starts again, and if the page table was freed meanwhile it starts
 * at the first page without taking back what it has collected. That is less
 * than twice the range, as long as the range lies in one page table.
 */
#define COLLECT_ROOM	2

/*
 * @gfp: 0 for a page fault; __GFP_RETRY_MAYFAIL for all who can do without it, or
 * wait, rather than have a process killed
 */
struct hmm_p2p_batch *hmm_p2p_batch_alloc(unsigned int npages, gfp_t gfp)
{
	unsigned int entries = COLLECT_ROOM * npages;
	struct hmm_p2p_batch *batch;

	batch = kvmalloc(sizeof(*batch) + 2 * entries * sizeof(unsigned long) +
			 npages * sizeof(struct hmm_p2p_copy),
			 GFP_KERNEL | __GFP_NOWARN | gfp);
	if (!batch)
		return NULL;
	memset(&batch->args, 0, sizeof(batch->args));
	bitmap_zero(batch->done, HMM_P2P_BATCH_PAGES);
	batch->claim = 0;
	batch->touched = NULL;
	batch->no_room = 0;
	batch->limit = (struct hmm_p2p_payer){};
	batch->keep_huge = false;
	batch->want_split = false;
	batch->args.src = (unsigned long *)(batch + 1);
	batch->args.dst = batch->args.src + entries;
	batch->runs = (struct hmm_p2p_copy *)(batch->args.dst + entries);
	return batch;
}

void hmm_p2p_batch_free(struct hmm_p2p_batch *batch)
{
	if (batch)
		hmm_p2p_limit_drop(&batch->limit);
	kvfree(batch);
}

/* An owner that no importer has, for events that none of them is to skip. */
static char nobody;

/*
 * Collecting device pages is told to importers with the pages' owner: a driver that
 * migrates its own memory knows of it already, and skips the event. Here it knows
 * nothing. So there is a second one, with an owner that is nobody's, by collecting
 * nothing. The pages are out of the page table by now, and nothing is copied yet: when
 * it has been told, no importer has them, and none can get them.
 */
static void tell_owners(const struct migrate_vma *collected)
{
	unsigned long nr = collected->npages;
	struct migrate_vma nothing = {
		.vma = collected->vma,
		.start = collected->start,
		.end = collected->start + (nr << PAGE_SHIFT),
		.src = collected->src + nr,
		.dst = collected->dst + nr,
		.pgmap_owner = &nobody,
	};

	static_assert(COLLECT_ROOM >= 2);
	if (mm_has_notifiers(collected->vma->vm_mm))
		WARN_ON_ONCE(migrate_vma_setup(&nothing));
}

/* For a batch whose sources were not collected from a mapping. */
void hmm_p2p_batch_begin(struct hmm_p2p_batch *batch, unsigned int npages)
{
	batch->args.vma = NULL;
	batch->args.start = 0;
	batch->args.npages = npages;
	batch->args.flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE;
	batch->mm = NULL;
	memset(batch->args.dst, 0, npages * sizeof(*batch->args.dst));
	batch->nr_runs = 0;
	batch->run_device = NULL;
	batch->copy = NULL;
	batch->copy_error = 0;
	batch->no_room = 0;
	batch->want_split = false;
}

/*
 * ksmd has a merged page in a tree, by its PFN, and reads what is there; nothing takes
 * it out when the page goes to a device (7.2, 7.3). Who collects leaves such pages
 * alone (see pass.c); here, where the page is locked and mapped nowhere, is the
 * last look.
 */
static void leave_merged(struct migrate_vma *args)
{
	struct page *page;
	unsigned long i;

	for (i = 0; i < args->npages; i++) {
		page = migrate_pfn_to_page(args->src[i]);
		if (page && folio_test_ksm(page_folio(page)))
			args->src[i] &= ~MIGRATE_PFN_MIGRATE;
	}
}

/*
 * The range lies in one page table; @owner is whose device pages to collect. Return:
 * what migrate_vma_setup() returns; args.cpages are ready to move, which may be none.
 */
int hmm_p2p_batch_setup(struct hmm_p2p_batch *batch, struct vm_area_struct *vma,
			unsigned long start, unsigned long end, void *owner,
			unsigned long flags)
{
	struct migrate_vma *args = &batch->args;
	u64 start_ns;
	int ret;

	hmm_p2p_batch_begin(batch, (end - start) >> PAGE_SHIFT);
	args->vma = vma;
	args->start = start;
	args->end = end;
	batch->mm = vma->vm_mm;
	/* To a device it selects nothing. */
	args->pgmap_owner = flags & MIGRATE_VMA_SELECT_SYSTEM ? &nobody : owner;
	args->flags = flags;
	start_ns = hmm_p2p_profile_now();
	ret = migrate_vma_setup(args);
	hmm_p2p_profile(flags & MIGRATE_VMA_SELECT_SYSTEM, HMM_P2P_PHASE_SETUP,
			start_ns);
	if (!ret && args->npages != (end - start) >> PAGE_SHIFT) {
		/* It started again: entries and addresses do not match. */
		migrate_vma_finalize(args);
		args->cpages = 0;
	}
	if (!ret && args->cpages && !(flags & MIGRATE_VMA_SELECT_SYSTEM))
		tell_owners(args);
	if (!ret && args->cpages)
		leave_merged(args);
	return ret;
}

/*
 * Who unmaps a huge device page that is being migrated (7.2, 7.3) drops a reference
 * and a mapping that it has not got. And where there was nothing, the kernel puts a
 * page into the mapping that it has at hand.
 */
static bool entry_needs_mapping(const struct hmm_p2p_batch *batch, unsigned long src)
{
	if (!(src & MIGRATE_PFN_MIGRATE))
		return false;
	if (batch->args.flags & MIGRATE_VMA_SELECT_SYSTEM)
		return !migrate_pfn_to_page(src);
	return src & MIGRATE_PFN_COMPOUND;
}

/**
 * hmm_p2p_batch_let_go - go on without the mmap_lock
 * @batch: collected; to RAM it has found room, by the mapping's memory policy
 *
 * From here on nothing is done to the mapping. But it has to stay: at the end the kernel
 * finds the entries that stand for a page by the page's anon_vma, which it takes for
 * granted. It is one of those of the mapping in which the page was found, so whoever
 * keeps that mapping locked, for reading, keeps it.
 *
 * Return: whether the lock of the mapping is enough.
 */
bool hmm_p2p_batch_let_go(struct hmm_p2p_batch *batch)
{
	unsigned long i;

	for (i = 0; i < batch->args.npages; i++)
		if (entry_needs_mapping(batch, batch->args.src[i]))
			return false;
	batch->args.vma = NULL;
	return true;
}

/* Moves the pages that have a destination; count them, then finalize. */
void hmm_p2p_batch_move(struct hmm_p2p_batch *batch)
{
	struct migrate_vma *args = &batch->args;
	u64 start = hmm_p2p_profile_now();

	if (args->vma)
		migrate_vma_pages(args);
	else
		migrate_device_pages(args->src, args->dst, args->npages);
	hmm_p2p_profile(batch->args.flags & MIGRATE_VMA_SELECT_SYSTEM,
			HMM_P2P_PHASE_PAGES, start);
}

void hmm_p2p_batch_finalize(struct hmm_p2p_batch *batch)
{
	u64 start = hmm_p2p_profile_now();

	migrate_vma_finalize(&batch->args);
	hmm_p2p_profile(batch->args.flags & MIGRATE_VMA_SELECT_SYSTEM,
			HMM_P2P_PHASE_FINALIZE, start);
}

static void copy_note(struct hmm_p2p_batch *batch, int error)
{
	if (error && !batch->copy_error)
		batch->copy_error = error;
}

/* One copy at a time: a batch has as a rule but one. */
static void runs_wait(struct hmm_p2p_batch *batch)
{
	copy_note(batch, hmm_p2p_copy_end(batch->copy));
	batch->copy = NULL;
}

static struct dma_fence *runs_copy(struct hmm_p2p_batch *batch, bool to_device)
{
	struct hmm_p2p_device *hdev = batch->run_device;
	const struct hmm_p2p_device_ops *ops = hdev->config.ops;

	if (READ_ONCE(hdev->lost) || hmm_p2p_fail_copy())
		return ERR_PTR(-EIO);
	if (to_device)
		return ops->copy_to_device(hdev, batch->runs, batch->nr_runs);
	return ops->copy_to_ram(hdev, batch->runs, batch->nr_runs);
}

/* Rarely is it any news. */
static void note_async(struct hmm_p2p_device *hdev, const struct dma_fence *copy)
{
	if (!IS_ERR(copy) && READ_ONCE(hdev->async) != !!copy)
		WRITE_ONCE(hdev->async, !!copy);
}

static void runs_start(struct hmm_p2p_batch *batch, bool to_device)
{
	u64 start = hmm_p2p_profile_now();

	if (!batch->nr_runs)
		return;
	runs_wait(batch);
	batch->copy = runs_copy(batch, to_device);
	batch->nr_runs = 0;
	note_async(batch->run_device, batch->copy);
	hmm_p2p_profile(to_device, HMM_P2P_PHASE_COPY, start);
}

static bool run_extends(const struct hmm_p2p_copy *run, u64 offset,
			const struct page *page)
{
	if (offset != run->offset + ((u64)run->nr_pages << PAGE_SHIFT))
		return false;
	if (!page || !run->page)
		return !page && !run->page;
	return page_to_pfn(page) == page_to_pfn(run->page) + run->nr_pages;
}

static void run_add(struct hmm_p2p_batch *batch, struct hmm_p2p_device *hdev,
		    u64 offset, struct page *page, unsigned int nr)
{
	struct hmm_p2p_copy *run = batch->runs + batch->nr_runs;

	if (batch->nr_runs && run_extends(run - 1, offset, page)) {
		run[-1].nr_pages += nr;
		return;
	}
	batch->run_device = hdev;
	run->offset = offset;
	run->page = page;
	run->nr_pages = nr;
	batch->nr_runs++;
}

static void dst_drop(unsigned long *dst)
{
	struct page *page = migrate_pfn_to_page(*dst);

	if (!page)
		return;
	folio_unlock(page_folio(page));
	folio_put(page_folio(page));
	*dst = 0;
}

static void dst_drop_all(struct hmm_p2p_batch *batch)
{
	unsigned long i;

	for (i = 0; i < batch->args.npages; i++)
		dst_drop(&batch->args.dst[i]);
}

static struct page *device_page(struct hmm_p2p_batch *batch,
				struct hmm_p2p_device *hdev, unsigned int order)
{
	struct hmm_p2p_charge charge = { .bytes = PAGE_SIZE << order };
	struct page *page;

	if (hmm_p2p_fail_alloc(hdev)) {
		/* There is room: evicting others makes no more. */
		batch->keep_huge = false;
		return NULL;
	}
	if (hmm_p2p_charge_try(hdev, batch->mm, order, &charge.payer,
			       &batch->limit))
		return NULL;
	page = hmm_p2p_page_alloc(hdev, order, &charge.payer);
	if (page)
		hmm_p2p_claim_page(page, batch->claim);
	else
		hmm_p2p_charge_end(charge);
	return page;
}

/*
 * Single device pages for the @nr entries of a hole: all or none, because the
 * kernel fills a hole of the size of a huge page as a whole.
 */
static bool device_singles(struct hmm_p2p_batch *batch,
			   struct hmm_p2p_device *hdev, unsigned long i,
			   unsigned long nr)
{
	unsigned long *dst = batch->args.dst + i;
	unsigned long j;

	for (j = 0; j < nr; j++) {
		struct page *page = device_page(batch, hdev, 0);

		if (!page)
			break;
		dst[j] = hmm_p2p_page_mpfn(page);
	}
	if (j == nr)
		return true;
	hmm_p2p_count(hdev, HMM_P2P_COUNTER_ALLOC_FAILED, 1);
	while (j)
		dst_drop(&dst[--j]);
	batch->no_room += nr;
	return false;
}

static void device_entry(struct hmm_p2p_batch *batch,
			 struct hmm_p2p_device *hdev, unsigned long i)
{
	unsigned long src = batch->args.src[i], nr = hmm_p2p_entry_nr(src), j;
	struct page *from = migrate_pfn_to_page(src);
	unsigned long *dst = batch->args.dst + i;
	struct page *to = NULL;

	if (nr > 1)
		to = device_page(batch, hdev, HPAGE_PMD_ORDER);
	if (to) {
		hmm_p2p_huge_note(to, batch->mm,
				  batch->args.start + (i << PAGE_SHIFT));
		dst[0] = hmm_p2p_page_mpfn(to) | MIGRATE_PFN_COMPOUND;
		run_add(batch, hdev, hmm_p2p_page_offset(to), from, nr);
		return;
	}
	if (nr > 1 && batch->keep_huge) {
		batch->no_room += nr;
		return;
	}
	if (nr > 1 && from) {
		batch->want_split = true;
		return;
	}
	if (!device_singles(batch, hdev, i, nr))
		return;
	for (j = 0; j < nr; j++)
		run_add(batch, hdev,
			hmm_p2p_page_offset(migrate_pfn_to_page(dst[j])), from, 1);
}

/* Finds room on the device. */
void hmm_p2p_batch_fill_device(struct hmm_p2p_batch *batch,
			       struct hmm_p2p_device *hdev)
{
	u64 start = hmm_p2p_profile_now();
	unsigned long i, nr;

	for (i = 0; i < batch->args.npages; i += nr) {
		nr = 1;
		if (!(batch->args.src[i] & MIGRATE_PFN_MIGRATE))
			continue;
		nr = hmm_p2p_entry_nr(batch->args.src[i]);
		device_entry(batch, hdev, i);
	}
	hmm_p2p_profile(true, HMM_P2P_PHASE_ALLOC, start);
}

/*
 * Only the page of a CPU's fault is worth an OOM kill. What comes along with it is not,
 * and who asked for a move, evicts, or faults for an importer is told that there is no
 * memory. What comes
 * alone is the page that was touched, whichever of its huge page the fault holds.
 */
static gfp_t single_gfp(const struct hmm_p2p_batch *batch, const struct page *page)
{
	const struct page *touched = batch->touched;

	if (!touched || hmm_p2p_faulting_current())
		return GFP_HIGHUSER_MOVABLE | __GFP_RETRY_MAYFAIL | __GFP_NOWARN;
	if (batch->args.npages > 1 && page_folio(page) != page_folio(touched))
		return GFP_HIGHUSER_MOVABLE | __GFP_NORETRY | __GFP_NOWARN;
	return GFP_HIGHUSER_MOVABLE;
}

/*
 * A system folio for what is in @from. With a mapping its memory policy decides
 * where; without one (the device is going away) any memory will do.
 */
static struct page *ram_page(struct hmm_p2p_batch *batch, unsigned long i,
			     struct page *from, unsigned int order)
{
	unsigned long addr = batch->args.start + (i << PAGE_SHIFT);
	struct vm_area_struct *vma = batch->args.vma;
	struct folio *folio;
	gfp_t gfp;

	if (hmm_p2p_fail_alloc(hmm_p2p_page_device(from)))
		return NULL;
	/* Without a mapping, the page cannot be split instead. */
	if (order)
		gfp = GFP_TRANSHUGE | __GFP_NOWARN |
		      (vma ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL);
	else
		gfp = single_gfp(batch, from);
	if (vma)
		folio = vma_alloc_folio(gfp, order, vma, addr);
	else
		folio = folio_alloc(gfp, order);
	if (!folio)
		return NULL;
	folio_lock(folio);
	return folio_page(folio, 0);
}

static void ram_run(struct hmm_p2p_batch *batch, struct page *from,
		    struct page *to, unsigned int nr)
{
	struct hmm_p2p_device *hdev = hmm_p2p_page_device(from);

	/* One owner can have several devices. */
	if (batch->nr_runs && hdev != batch->run_device)
		runs_start(batch, false);
	run_add(batch, hdev, hmm_p2p_page_offset(from), to, nr);
}

/*
 * Devices may have written to it, and there is no copy in swap: it is no page that
 * reclaim may drop. The kernel carries this over to the page at the destination.
 */
static void mark_written(struct page *from)
{
	struct folio *folio = page_folio(from);

	folio_set_swapbacked(folio);
	folio_mark_dirty(folio);
}

static void ram_entry(struct hmm_p2p_batch *batch, unsigned long i)
{
	unsigned long src = batch->args.src[i], nr = hmm_p2p_entry_nr(src);
	struct page *from = migrate_pfn_to_page(src), *to;
	unsigned long *dst = batch->args.dst + i;

	/* Reclaim has just given up, and would again for each of the others. */
	if (batch->no_room && !batch->touched) {
		batch->no_room += nr;
		return;
	}
	to = ram_page(batch, i, from, nr > 1 ? HPAGE_PMD_ORDER : 0);
	if (!to && nr > 1) {
		batch->want_split = true;
		return;
	}
	if (!to) {
		batch->no_room++;
		return;
	}
	dst[0] = migrate_pfn(page_to_pfn(to)) | (nr > 1 ? MIGRATE_PFN_COMPOUND : 0);
	mark_written(from);
	ram_run(batch, from, to, nr);
}

/*
 * Eviction goes by device memory, and may find a page that was handed out but not
 * mapped yet, that is on its way back after a move that failed, or that has just moved
 * away: its data and its charge are elsewhere. It has no data and no memory group, and
 * the group's lists do not take such a page. Whatever is mapped is charged.
 */
static bool is_unused(unsigned long src)
{
	struct folio *folio = page_folio(migrate_pfn_to_page(src));

	return !folio_test_anon(folio) ||
	       (!mem_cgroup_disabled() && !folio_memcg_charged(folio));
}

/* Finds room in system memory; starts copies when pages of several devices are there. */
void hmm_p2p_batch_fill_ram(struct hmm_p2p_batch *batch)
{
	u64 start = hmm_p2p_profile_now();
	unsigned long i, nr;

	for (i = 0; i < batch->args.npages; i += nr) {
		unsigned long src = batch->args.src[i];

		nr = 1;
		if (!(src & MIGRATE_PFN_MIGRATE) || !migrate_pfn_to_page(src))
			continue;
		nr = hmm_p2p_entry_nr(src);
		if (!is_unused(src))
			ram_entry(batch, i);
	}
	hmm_p2p_profile(false, HMM_P2P_PHASE_ALLOC, start);
}

/**
 * hmm_p2p_batch_start - begin to copy what has found room
 * @batch: batch; hmm_p2p_batch_copy() is to follow, whatever came of this
 *
 * Return: whether a copy is under way now.
 */
bool hmm_p2p_batch_start(struct hmm_p2p_batch *batch)
{
	runs_start(batch, batch->args.flags & MIGRATE_VMA_SELECT_SYSTEM);
	return !IS_ERR_OR_NULL(batch->copy);
}

/**
 * hmm_p2p_batch_copy - copy what has found room
 * @batch: batch
 *
 * Return: 0; or -EIO, and then no entry has a destination any more.
 */
int hmm_p2p_batch_copy(struct hmm_p2p_batch *batch)
{
	u64 start;

	runs_start(batch, batch->args.flags & MIGRATE_VMA_SELECT_SYSTEM);
	start = hmm_p2p_profile_now();
	runs_wait(batch);
	hmm_p2p_profile(batch->args.flags & MIGRATE_VMA_SELECT_SYSTEM, HMM_P2P_PHASE_COPY, start);
	if (batch->copy_error)
		dst_drop_all(batch);
	return batch->copy_error;
}

/**
 * hmm_p2p_batch_probe - does a device still give what it holds?
 * @batch: not in use
 * @hdev: exporter
 *
 * For who cannot bring pages home, because there is no RAM, and has to know
 * whether to wait for some: a page of the device is copied to nobody.
 *
 * Return: 0, also when not even a page was to be had for it; or -EIO.
 */
int hmm_p2p_batch_probe(struct hmm_p2p_batch *batch, struct hmm_p2p_device *hdev)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);

	if (!page)
		return 0;
	hmm_p2p_batch_begin(batch, 0);
	run_add(batch, hdev, 0, page, 1);
	runs_start(batch, false);
	runs_wait(batch);
	__free_page(page);
	return batch->copy_error;
}

static bool entry_moved(const struct hmm_p2p_batch *batch, unsigned long i)
{
	return (batch->args.src[i] & MIGRATE_PFN_MIGRATE) && batch->args.dst[i];
}

/* After migrate_vma_pages(): which pages have moved to @hdev? */
void hmm_p2p_batch_count_device(struct hmm_p2p_batch *batch,
				struct hmm_p2p_device *hdev)
{
	unsigned long i, nr, moved = 0, zeroed = 0, huge = 0;

	for (i = 0; i < batch->args.npages; i += nr) {
		nr = 1;
		if (!entry_moved(batch, i))
			continue;
		nr = hmm_p2p_entry_nr(batch->args.dst[i]);
		huge += nr > 1;
		moved += nr;
		bitmap_set(batch->done, i, nr);
		if (batch->args.src[i] & MIGRATE_PFN_VALID)
			continue;
		zeroed += nr;
		bitmap_set(batch->zeroed, i, nr);
	}
	hmm_p2p_count(hdev, HMM_P2P_COUNTER_TO_DEVICE, moved);
	hmm_p2p_count(hdev, HMM_P2P_COUNTER_POPULATED, zeroed);
	hmm_p2p_count(hdev, HMM_P2P_COUNTER_HUGE_TO_DEVICE, huge);
}

/* After migrate_vma_pages(): how many pages are back in RAM, and why? */
unsigned long hmm_p2p_batch_count_ram(struct hmm_p2p_batch *batch,
				      enum hmm_p2p_counter cause)
{
	unsigned long i, nr, moved = 0;

	for (i = 0; i < batch->args.npages; i += nr) {
		struct hmm_p2p_device *hdev;

		nr = 1;
		if (!entry_moved(batch, i))
			continue;
		nr = hmm_p2p_entry_nr(batch->args.dst[i]);
		hdev = hmm_p2p_page_device(migrate_pfn_to_page(batch->args.src[i]));
		hmm_p2p_count(hdev, HMM_P2P_COUNTER_TO_RAM, nr);
		if (cause != HMM_P2P_COUNTER_TO_RAM)
			hmm_p2p_count(hdev, cause, nr);
		hmm_p2p_count(hdev, HMM_P2P_COUNTER_HUGE_TO_RAM, nr > 1);
		bitmap_set(batch->done, i, nr);
		moved += nr;
	}
	return moved;
}
