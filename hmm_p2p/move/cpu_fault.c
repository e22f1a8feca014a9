// SPDX-License-Identifier: GPL-2.0
/*
 * Bringing memory home because the CPU touched it.
 *
 * Who touches one page often touches the next: its neighbours come along,
 * because one fault for many pages costs less than a fault for each. Only for
 * the process's own touch: who faults for somebody else, as an importer or a
 * debugger does, names all that it wants.
 */
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>

#include "../core/decide.h"
#include "../core/device.h"
#include "../core/faulting.h"
#include "../core/keep.h"
#include "../core/owner.h"
#include "../core/registry.h"
#include "../core/stats.h"
#include "../core/trace.h"
#include "batch.h"
#include "cpu_fault.h"
#include "ram.h"

/* A scan costs 0.6 of what single pages cost, a touch here and there 2.4 times. */
#define FAULT_AROUND_DEFAULT	4

static unsigned int fault_around = FAULT_AROUND_DEFAULT;

static int fault_around_set(const char *text, const struct kernel_param *kp)
{
	unsigned int nr;
	int ret = kstrtouint(text, 0, &nr);

	if (!ret && is_power_of_2(nr) && nr <= HMM_P2P_BATCH_PAGES) {
		WRITE_ONCE(fault_around, nr);
		return 0;
	}
	pr_err("hmm_p2p: fault_around is a power of two, 1 to %u, not %s\n",
	       HMM_P2P_BATCH_PAGES, text);
	return ret ?: -EINVAL;
}

static const struct kernel_param_ops fault_around_ops = {
	.set = fault_around_set,
	.get = param_get_uint,
};

module_param_cb(fault_around, &fault_around_ops, &fault_around, 0644);
MODULE_PARM_DESC(fault_around, "pages that come home when the CPU touches one of them, a power of two; 1: no others (default: "
		 __stringify(FAULT_AROUND_DEFAULT) ")");

/**
 * struct fault_window - what to bring home for a fault
 * @start: address of the first page
 * @nr: pages; they lie in one mapping and one page table
 */
struct fault_window {
	unsigned long start;
	unsigned long nr;
};

/*
 * Neighbours come along only while no huge page lives on the owner's devices:
 * migrate_vma_setup() (7.2) splits one that it finds behind page table entries
 * without holding it, and the fault's own with the wrong lock. Who moves memory
 * keeps others out meanwhile; a fault cannot.
 */
static unsigned long around_size(const struct vm_fault *vmf)
{
	const struct hmm_p2p_owner *owner = page_pgmap(vmf->page)->owner;

	if (atomic_long_read(&owner->huge) ||
	    (vmf->flags & FAULT_FLAG_REMOTE) ||
	    (vmf->vma->vm_flags & VM_RAND_READ))
		return PAGE_SIZE;
	return (unsigned long)READ_ONCE(fault_around) << PAGE_SHIFT;
}

/*
 * May anybody else unmap the page meanwhile? Who unmaps a huge device page that
 * is being migrated (7.2, 7.3) drops a reference and a mapping that it has not
 * got. Then it is split first, and comes home page by page. The OOM reaper and
 * process_mrelease() do not count as users: what they take is put right, see keep.c.
 * Where that is mended nobody has to be alone.
 */
static bool has_company(const struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	/* The process's own importer call holds it once more. */
	int users = current->mm == mm && hmm_p2p_fault_is_ours(mm) ? 2 : 1;

	if (__is_defined(HMM_P2P_ZAP_FIXED))
		return false;
	return atomic_read(&mm->mm_users) > users ||
	       folio_mapcount(page_folio(vmf->page)) > 1;
}

static struct fault_window fault_window(const struct vm_fault *vmf, bool whole)
{
	struct fault_window window;
	unsigned long size = PAGE_SIZE, end;

	/* With a page table entry, only a part of the folio may be mapped. */
	if (vmf->pte)
		size = around_size(vmf);
	else if (whole)
		size = folio_size(page_folio(vmf->page));
	window.start = ALIGN_DOWN(vmf->address, size);
	end = min(window.start + size, vmf->vma->vm_end);
	window.start = max(window.start, vmf->vma->vm_start);
	window.nr = (end - window.start) >> PAGE_SHIFT;
	return window;
}

/* A neighbour on another device of the same owner stays where it is. */
static void keep_others(struct hmm_p2p_batch *batch, struct hmm_p2p_device *hdev)
{
	struct page *page;
	unsigned long i;

	for (i = 0; i < batch->args.npages; i++) {
		page = migrate_pfn_to_page(batch->args.src[i]);
		if (page && hmm_p2p_page_device(page) != hdev)
			batch->args.src[i] &= ~MIGRATE_PFN_MIGRATE;
	}
}

/*
 * The window that a thread's last fault has brought home: its start, and in the
 * low bits the number of pages. Threads may share a slot; then they miss some.
 */
#define LAST_BITS	7

static unsigned long last_windows[BIT(LAST_BITS)];

/*
 * Whether the CPU has touched what was prefetched cannot be seen: no fault says
 * so. A thread that faults beside it next has gone through it, most likely.
 */
static void count_used(struct hmm_p2p_device *hdev, const struct fault_window *window,
		       unsigned long moved)
{
	unsigned long *slot = &last_windows[hash_ptr(current, LAST_BITS)];
	unsigned long last = READ_ONCE(*slot);
	unsigned long nr = last & ~PAGE_MASK;

	last &= PAGE_MASK;
	if (nr > 1 && (window->start == last + (nr << PAGE_SHIFT) ||
		       window->start + (window->nr << PAGE_SHIFT) == last))
		hmm_p2p_count(hdev, HMM_P2P_COUNTER_PREFETCH_USED, nr - 1);
	WRITE_ONCE(*slot, moved == window->nr ? window->start | moved : 0);
}

static void count_prefetched(struct hmm_p2p_batch *batch, const struct vm_fault *vmf,
			     struct hmm_p2p_device *hdev,
			     const struct fault_window *window, unsigned long moved)
{
	unsigned long touched = (vmf->address - batch->args.start) >> PAGE_SHIFT;

	if (!vmf->pte)
		return;
	hmm_p2p_count(hdev, HMM_P2P_COUNTER_PREFETCHED,
		      moved - test_bit(touched, batch->done));
	count_used(hdev, window, moved);
}

/*
 * A page of a huge page whose mapping was split: migrate_vma_setup() splits the
 * page, too. The lock and the reference that the fault has on it stay with its
 * first page then. If that is not the fault's, the kernel (7.2, 7.3) hands them
 * on to the one that is by taking a reference on it. But nothing holds that one
 * by then: another thread may have thrown it away (MADV_DONTNEED) while it was
 * split, or eviction may have taken it home. It was freed, and is freed again
 * when the reference is dropped, although somebody else may have got it since.
 *
 * So the fault's page is the first one to begin with. do_swap_page() unlocks and
 * drops what it finds in @vmf afterwards, and the page that was touched gets a
 * lock and a reference under the page table lock, as any that is collected.
 */
static void fault_holds_first(struct vm_fault *vmf)
{
	vmf->page = folio_page(page_folio(vmf->page), 0);
}

/* One way home of @window, in whose pages the fault has @held one, if it has. */
static vm_fault_t bring_home(struct vm_fault *vmf, struct hmm_p2p_batch *batch,
			     const struct fault_window *window,
			     unsigned long compound, struct page *held)
{
	struct dev_pagemap *pgmap = page_pgmap(vmf->page);
	struct hmm_p2p_device *hdev = hmm_p2p_page_device(vmf->page);
	unsigned long moved;
	vm_fault_t ret = 0;

	batch->touched = vmf->page;
	batch->args.fault_page = held;
	if (hmm_p2p_batch_setup(batch, vmf->vma, window->start,
				window->start + (window->nr << PAGE_SHIFT),
				pgmap->owner,
				MIGRATE_VMA_SELECT_DEVICE_PRIVATE | compound))
		return VM_FAULT_SIGBUS;
	if (!batch->args.cpages)
		return 0;

	keep_others(batch, hdev);
	hmm_p2p_batch_fill_ram(batch);
	if (hmm_p2p_batch_copy(batch))
		ret = VM_FAULT_SIGBUS;
	hmm_p2p_batch_move(batch);
	moved = hmm_p2p_batch_count_ram(batch, HMM_P2P_COUNTER_CPU_FAULT);
	if (!ret && !moved && batch->no_room)
		ret = VM_FAULT_OOM;
	count_prefetched(batch, vmf, hdev, window, moved);
	trace_hmm_p2p_migrate(hdev->name, false, window->start, window->nr, moved);
	hmm_p2p_batch_finalize(batch);
	return ret;
}

/* A page that is mapped as a huge one; in pieces unless it can be @whole. */
static vm_fault_t bring_huge_home(struct vm_fault *vmf, struct hmm_p2p_batch *batch,
				  struct fault_window window, bool whole)
{
	struct hmm_p2p_device *hdev = hmm_p2p_page_device(vmf->page);
	struct hmm_p2p_keep keep;
	vm_fault_t ret = 0;

	/* Another thread brings it home, and may need this CPU. */
	if (hmm_p2p_keep_has(hdev, vmf->page)) {
		cond_resched();
		return 0;
	}
	hmm_p2p_keep_begin(&keep, hdev, vmf->page);
	if (whole) {
		ret = bring_home(vmf, batch, &window, MIGRATE_VMA_SELECT_COMPOUND,
				 vmf->page);
		hmm_p2p_keep_mend(&keep);
	}
	/* There may be no huge page in RAM for it. */
	if (!whole || batch->want_split) {
		window = fault_window(vmf, false);
		hmm_p2p_keep_let_go(&keep);
		ret = bring_home(vmf, batch, &window, 0, NULL);
		hmm_p2p_keep_take_back(&keep);
	}
	hmm_p2p_keep_end(&keep);
	return ret;
}

static vm_fault_t window_home(struct vm_fault *vmf, const struct fault_window *window,
			      bool whole, gfp_t gfp)
{
	struct hmm_p2p_batch *batch = hmm_p2p_batch_alloc(window->nr, gfp);
	vm_fault_t ret;
	int idx;

	if (!batch)
		return VM_FAULT_OOM;
	/* A driver that lost its device waits for copies that are under way. */
	idx = srcu_read_lock(&hmm_p2p_srcu);
	if (vmf->pte)
		ret = bring_home(vmf, batch, window, 0, vmf->page);
	else
		ret = bring_huge_home(vmf, batch, *window, whole);
	srcu_read_unlock(&hmm_p2p_srcu, idx);
	hmm_p2p_batch_free(batch);
	return ret;
}

/*
 * An importer may want much more than RAM has. It is told, as who moves memory is, and
 * leaves as much to others.
 */
static vm_fault_t importer_home(struct vm_fault *vmf, struct hmm_p2p_faulting *fault,
				const struct fault_window *window, bool whole)
{
	vm_fault_t ret = VM_FAULT_OOM;

	if (hmm_p2p_ram_room(window->nr))
		ret = window_home(vmf, window, whole, __GFP_RETRY_MAYFAIL);
	fault->no_ram |= ret == VM_FAULT_OOM;
	return ret;
}

/**
 * hmm_p2p_cpu_fault - the CPU touched a device page
 * @vmf: the fault; its page is locked and referenced
 *
 * Brings back the whole folio, or the pages around it, with the memory policy
 * of the mapping.
 *
 * Return: 0, also when the page could not be moved this time (the CPU faults
 * again); VM_FAULT_OOM; VM_FAULT_SIGBUS when the device cannot give the data,
 * or when an importer's fault is to begin again.
 */
vm_fault_t hmm_p2p_cpu_fault(struct vm_fault *vmf)
{
	bool whole = !vmf->pte && !has_company(vmf);
	struct fault_window window = fault_window(vmf, whole);
	struct hmm_p2p_faulting *fault;

	if (hmm_p2p_fault_arrived(vmf))
		return VM_FAULT_SIGBUS;
	fault_holds_first(vmf);
	fault = hmm_p2p_faulting_current();
	if (fault)
		return importer_home(vmf, fault, &window, whole);
	return window_home(vmf, &window, whole, 0);
}
