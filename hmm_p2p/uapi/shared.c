// SPDX-License-Identifier: GPL-2.0
/*
 * mmap() of /dev/hmm_p2p: device memory that stays where it is.
 *
 * It is for what device-private pages cannot do: the CPU reads and writes it in
 * place, processes share it, and O_DIRECT takes it from programs that know
 * nothing of this driver. So its pages are of a kind that the CPU may map, and
 * never device-private at the same time: a pinned page keeps its bytes.
 *
 * An open file holds memory of any number of devices, a heap for each. The
 * upper bits of the mmap offset name the device, the others an offset in the
 * heap. The first mapping of an offset allocates its page; every later one, by
 * whoever has the file, finds the same page. A mapping holds the file, and the
 * file holds the pages until its last descriptor and its last mapping are gone.
 *
 * Page tables are filled by faults only, and a fault holds the heap's lock from
 * its look at the heap until the entry is there. So when a heap that has been
 * revoked is unmapped, no entry comes after that.
 *
 * I/O keeps a page by a reference of its own, also when nobody maps the page any
 * more. The last reference is the heap's all the same, for only the heap clears:
 * a heap that is given up while I/O has pages of it is in limbo, which is gone
 * over until these are free. The driver's pagemap waits for that.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kref.h>
#include <linux/notifier.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../core/core.h"
#include "shared.h"

#define HEAP_SIZE	BIT_ULL(HMM_P2P_MAP_SHIFT)
#define HEAP_PAGES	(HEAP_SIZE >> PAGE_SHIFT)

/* Pages of the call that is under way: they go again when it fails. */
#define FRESH		XA_MARK_0

/* How often limbo is gone over, and when it says that a removal waits for it. */
#define LIMBO_INTERVAL	(HZ / 20 ?: 1)
#define SAY_FIRST	HZ
#define SAY_INTERVAL	(60 * HZ)

/* Which heaps there are, in each file and in all. Taken before a heap's lock. */
static DEFINE_MUTEX(heaps_lock);
static LIST_HEAD(heaps);

/* Innermost of these locks: the list of heaps in limbo, and who empties a heap. */
static DEFINE_MUTEX(limbo_lock);
static LIST_HEAD(limbo);
static DECLARE_WAIT_QUEUE_HEAD(limbo_empty);
static bool limbo_ends;

static void limbo_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(limbo_work, limbo_fn);

/**
 * struct heap - memory of one device, in one open file
 * @ref: the file holds one, limbo another
 * @lock: protects @mapped and @pages, as long as the heap is in use
 * @mapped: whose memory; written under heaps_lock, too. None: it was revoked
 * @hdev: the same, with a reference, for good
 * @mapping: where mappings of the file are found
 * @pages: the places, by page offset
 * @of_file: in the file's list, under heaps_lock
 * @of_all: in the list of all heaps, under heaps_lock
 * @of_limbo: in the list of limbo, under limbo_lock
 * @say_when: when limbo next says that it waits, under limbo_lock
 */
struct heap {
	struct kref ref;
	struct mutex lock; /* see above */
	struct hmm_p2p_mapped mapped;
	struct hmm_p2p_device *hdev;
	struct address_space *mapping;
	struct xarray pages;
	struct list_head of_file;
	struct list_head of_all;
	struct list_head of_limbo;
	unsigned long say_when;
};

/**
 * struct place - a page of a heap
 * @page: with a reference
 * @charge: who pays for it
 */
struct place {
	struct page *page;
	struct hmm_p2p_charge charge;
};

struct open_file {
	struct list_head heaps;
};

static void heap_release(struct kref *ref)
{
	struct heap *heap = container_of(ref, struct heap, ref);

	xa_destroy(&heap->pages);
	hmm_p2p_device_put(heap->hdev);
	kfree(heap);
}

static void place_free(struct place *place)
{
	put_page(place->page);
	hmm_p2p_charge_end(place->charge);
	kfree(place);
}

/*
 * With the last reference the page goes back to a pool that also serves the
 * kernel's own p2pmem/allocate, which does not clear what it hands out. So it is
 * cleared when that reference is the heap's. None can be added to it: the page is
 * in no page table, and importers, who take none, were told. GUP-fast may take
 * one for an entry that it read before; it sees that the entry has gone, and drops
 * the page without looking at it.
 */
static void heap_drop_page(struct heap *heap, unsigned long index,
			   struct place *place)
{
	struct page *page = place->page;

	if (page_ref_count(page) != 1)
		return;
	memset_io((void __iomem __force *)page_address(page), 0, PAGE_SIZE);
	wmb(); /* cleared before anybody else can have it */
	xa_erase(&heap->pages, index);
	place_free(place);
}

/* All that nobody uses any more. */
static void heap_drop_all(struct heap *heap)
{
	unsigned long index;
	struct place *place;

	lockdep_assert_held(&limbo_lock);
	xa_for_each(&heap->pages, index, place) {
		heap_drop_page(heap, index, place);
		cond_resched();
	}
}

static unsigned long heap_count(struct heap *heap)
{
	unsigned long index, nr = 0;
	struct place *place;

	xa_for_each(&heap->pages, index, place)
		nr++;
	return nr;
}

/* A removal and the end of this module wait, and neither can say so. */
static void limbo_say(struct heap *heap)
{
	if (time_before(jiffies, heap->say_when) ||
	    !(READ_ONCE(heap->hdev->removed) || READ_ONCE(limbo_ends)))
		return;
	heap->say_when = jiffies + SAY_INTERVAL;
	pr_warn("hmm_p2p: %s: removal waits for I/O that still has %lu of its pages, which nobody maps any more\n",
		heap->hdev->name, heap_count(heap));
}

static void limbo_pass(void)
{
	struct heap *heap, *next;

	lockdep_assert_held(&limbo_lock);
	list_for_each_entry_safe(heap, next, &limbo, of_limbo) {
		heap_drop_all(heap);
		if (!xa_empty(&heap->pages)) {
			limbo_say(heap);
			continue;
		}
		list_del_init(&heap->of_limbo);
		kref_put(&heap->ref, heap_release);
	}
	if (list_empty(&limbo))
		wake_up_all(&limbo_empty);
}

static void limbo_fn(struct work_struct *work)
{
	guard(mutex)(&limbo_lock);
	limbo_pass();
	if (!list_empty(&limbo))
		schedule_delayed_work(&limbo_work, LIMBO_INTERVAL);
}

/*
 * The pool is empty, or who maps is at his limit. Returns whether something may have
 * come back.
 */
static bool limbo_hurry(void)
{
	if (list_empty_careful(&limbo))
		return false;
	guard(mutex)(&limbo_lock);
	limbo_pass();
	return true;
}

/* Nobody can reach the memory of the heap any more, but for I/O under way. */
static void heap_give_up(struct heap *heap)
{
	guard(mutex)(&limbo_lock);
	heap_drop_all(heap);
	if (xa_empty(&heap->pages) || !list_empty(&heap->of_limbo))
		return;
	kref_get(&heap->ref);
	heap->say_when = jiffies + SAY_FIRST;
	list_add_tail(&heap->of_limbo, &limbo);
	schedule_delayed_work(&limbo_work, LIMBO_INTERVAL);
}

static void heap_settle(struct heap *heap, bool keep)
{
	unsigned long index;
	struct place *place;

	xa_for_each_marked(&heap->pages, index, place, FRESH) {
		if (keep)
			xa_clear_mark(&heap->pages, index, FRESH);
		else
			heap_drop_page(heap, index, place);
	}
}

/* Charged to the caller. */
static int place_fill(struct place *place, struct hmm_p2p_device *hdev)
{
	struct hmm_p2p_payer limit = {};
	int ret;

	place->charge.bytes = PAGE_SIZE;
	ret = hmm_p2p_charge_try(hdev, current->mm, 0, &place->charge.payer, &limit);
	hmm_p2p_limit_drop(&limit);
	if (ret)
		return ret == -EAGAIN ? -EDQUOT : ret;
	place->page = hdev->config.ops->alloc_shared(hdev);
	ret = PTR_ERR_OR_ZERO(place->page);
	if (ret)
		hmm_p2p_charge_end(place->charge);
	return ret;
}

static int heap_add_page(struct heap *heap, unsigned long index)
{
	struct hmm_p2p_device *hdev = heap->mapped.hdev;
	struct place *place;
	int ret;

	/* Removal waits for the heap's lock. */
	if (READ_ONCE(hdev->removed))
		return -ENODEV;
	place = kzalloc_obj(*place, GFP_KERNEL_ACCOUNT);
	if (!place)
		return -ENOMEM;
	ret = place_fill(place, hdev);
	if ((ret == -ENOSPC || ret == -EDQUOT) && limbo_hurry())
		ret = place_fill(place, hdev);
	if (ret) {
		kfree(place);
		return ret;
	}
	ret = xa_err(xa_store(&heap->pages, index, place, GFP_KERNEL_ACCOUNT));
	if (ret)
		place_free(place);
	else
		xa_set_mark(&heap->pages, index, FRESH);
	return ret;
}

static int heap_add_pages(struct heap *heap, unsigned long first, unsigned long nr)
{
	unsigned long index;
	int ret = 0;

	lockdep_assert_held(&heap->lock);
	for (index = first; !ret && index < first + nr; index++) {
		if (!xa_load(&heap->pages, index))
			ret = heap_add_page(heap, index);
		if (fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	heap_settle(heap, !ret);
	return ret;
}

static int heap_populate(struct heap *heap, unsigned long first, unsigned long nr)
{
	int ret;

	if (mutex_lock_killable(&heap->lock))
		return -EINTR;
	ret = heap->mapped.hdev ? heap_add_pages(heap, first, nr) : -ENODEV;
	mutex_unlock(&heap->lock);
	return ret;
}

static struct heap *heap_create(struct file *file, struct hmm_p2p_device *hdev)
{
	struct open_file *open = file->private_data;
	struct heap *heap;

	lockdep_assert_held(&heaps_lock);
	/* With heaps_lock held this stays so: removal takes it afterwards. */
	if (READ_ONCE(hdev->removed))
		return ERR_PTR(-ENODEV);
	if (!hdev->config.shared)
		return ERR_PTR(-EOPNOTSUPP);
	heap = kzalloc_obj(*heap, GFP_KERNEL_ACCOUNT);
	if (!heap)
		return ERR_PTR(-ENOMEM);
	kref_init(&heap->ref);
	mutex_init(&heap->lock);
	heap->mapped.hdev = hdev;
	kref_get(&hdev->ref);
	heap->hdev = hdev;
	heap->mapping = file->f_mapping;
	xa_init(&heap->pages);
	list_add(&heap->of_file, &open->heaps);
	list_add(&heap->of_all, &heaps);
	INIT_LIST_HEAD(&heap->of_limbo);
	hmm_p2p_mapped_add();
	return heap;
}

static struct heap *heap_find(struct open_file *open, u32 id)
{
	struct heap *heap;

	lockdep_assert_held(&heaps_lock);
	list_for_each_entry(heap, &open->heaps, of_file)
		if (heap->hdev->id == id)
			return heap;
	return NULL;
}

/* The heap stays as long as the file. */
static struct heap *heap_get(struct file *file, u32 id)
{
	struct hmm_p2p_device *hdev;
	struct heap *heap;

	hdev = hmm_p2p_device_get(id);
	/* Removal has the lock for as long as it unmaps. */
	if (mutex_lock_killable(&heaps_lock)) {
		heap = ERR_PTR(-EINTR);
		goto out;
	}
	heap = heap_find(file->private_data, id);
	if (!heap)
		heap = hdev ? heap_create(file, hdev) : ERR_PTR(-ENOENT);
	mutex_unlock(&heaps_lock);
out:
	if (hdev)
		hmm_p2p_device_put(hdev);
	return heap;
}

static vm_fault_t shared_fault(struct vm_fault *vmf)
{
	struct heap *heap =
		container_of(vmf->vma->vm_private_data, struct heap, mapped);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	struct place *place;

	/* Whoever is about to be killed need not get the page. */
	if (mutex_lock_killable(&heap->lock))
		return VM_FAULT_NOPAGE;
	place = xa_load(&heap->pages, vmf->pgoff & (HEAP_PAGES - 1));
	if (heap->mapped.hdev && place)
		ret = vmf_insert_page(vmf->vma, vmf->address & PAGE_MASK, place->page);
	mutex_unlock(&heap->lock);
	return ret;
}

static const struct vm_operations_struct shared_vm_ops = {
	.fault = shared_fault,
};

int hmm_p2p_shared_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long first = vma->vm_pgoff & (HEAP_PAGES - 1);
	unsigned long nr = vma_pages(vma);
	struct heap *heap;
	int ret;

	/* A private copy of a page would be system memory. */
	if (!(vma->vm_flags & VM_MAYSHARE) || nr > HEAP_PAGES - first)
		return -EINVAL;
	heap = heap_get(file, vma->vm_pgoff / HEAP_PAGES);
	if (IS_ERR(heap))
		return PTR_ERR(heap);
	ret = heap_populate(heap, first, nr);
	if (ret)
		return ret;
	/* VM_MIXEDMAP here, because a fault may not set it. */
	vm_flags_set(vma, VM_MIXEDMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	vma->vm_private_data = &heap->mapped;
	vma->vm_ops = &shared_vm_ops;
	return 0;
}

/* A place stays as long as the heap is in use, and the caller has the file. */
static int heap_hold(struct heap *heap, unsigned long first, unsigned long nr,
		     struct page **pages)
{
	unsigned long i;

	if (mutex_lock_killable(&heap->lock))
		return -EINTR;
	if (!heap->mapped.hdev) {
		mutex_unlock(&heap->lock);
		return -ENODEV;
	}
	for (i = 0; i < nr; i++) {
		const struct place *place = xa_load(&heap->pages, first + i);

		get_page(place->page);
		pages[i] = place->page;
	}
	mutex_unlock(&heap->lock);
	return 0;
}

static int find_range(struct hmm_p2p_shared_range *range, u64 addr, struct heap **heap)
{
	const struct vm_area_struct *vma = vma_lookup(current->mm, addr);

	mmap_assert_locked(current->mm);
	if (!vma)
		return -EFAULT;
	if (vma->vm_ops != &shared_vm_ops)
		return -EOPNOTSUPP;
	/* Who has the pages may write to them. */
	if ((vma->vm_flags & (VM_READ | VM_WRITE)) != (VM_READ | VM_WRITE))
		return -EPERM;
	if (range->nr > (vma->vm_end - addr) >> PAGE_SHIFT)
		return -EFAULT;
	*heap = container_of(vma->vm_private_data, struct heap, mapped);
	range->pgoff = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
	range->file = get_file(vma->vm_file);
	return 0;
}

/**
 * hmm_p2p_shared_hold - have the pages of shared memory stay
 * @addr: first byte, page aligned, in a mapping of the caller's
 * @range: with room for @range->nr pages; receives the rest
 *
 * Each page has one reference more, for the caller to drop, and so has the file.
 *
 * Context: takes the mmap_lock and the heap's lock.
 * Return: 0; -EFAULT: one mapping does not cover it; -EOPNOTSUPP: it is other memory;
 * -EPERM: the mapping is not to be read and written; -ENODEV: its device is gone;
 * -EINTR.
 */
int hmm_p2p_shared_hold(u64 addr, struct hmm_p2p_shared_range *range)
{
	struct heap *heap;
	int ret;

	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	ret = find_range(range, addr, &heap);
	mmap_read_unlock(current->mm);
	if (ret)
		return ret;
	ret = heap_hold(heap, range->pgoff & (HEAP_PAGES - 1), range->nr, range->pages);
	if (ret) {
		fput(range->file);
		return ret;
	}
	range->hdev = heap->hdev;
	return 0;
}

int hmm_p2p_shared_open(struct inode *inode, struct file *file)
{
	struct open_file *open = kzalloc_obj(*open, GFP_KERNEL_ACCOUNT);

	if (!open)
		return -ENOMEM;
	INIT_LIST_HEAD(&open->heaps);
	file->private_data = open;
	return 0;
}

int hmm_p2p_shared_release(struct inode *inode, struct file *file)
{
	struct open_file *open = file->private_data;
	struct heap *heap, *next;

	/* Removal may be in one of them: it holds the lock as long. */
	mutex_lock(&heaps_lock);
	list_for_each_entry(heap, &open->heaps, of_file) {
		list_del(&heap->of_all);
		hmm_p2p_mapped_del();
	}
	mutex_unlock(&heaps_lock);

	list_for_each_entry_safe(heap, next, &open->heaps, of_file) {
		heap_give_up(heap);
		kref_put(&heap->ref, heap_release);
	}
	kfree(open);
	return 0;
}

static void heap_revoke(struct heap *heap)
{
	mutex_lock(&heap->lock);
	WRITE_ONCE(heap->mapped.hdev, NULL);
	mutex_unlock(&heap->lock);
	unmap_mapping_range(heap->mapping, (loff_t)heap->hdev->id << HMM_P2P_MAP_SHIFT,
			    HEAP_SIZE, true);
	heap_give_up(heap);
}

/* @hdev is marked as removed. Nobody can reach its shared memory afterwards. */
static void shared_revoke(struct hmm_p2p_device *hdev)
{
	struct heap *heap;

	mutex_lock(&heaps_lock);
	list_for_each_entry(heap, &heaps, of_all)
		if (heap->mapped.hdev == hdev)
			heap_revoke(heap);
	mutex_unlock(&heaps_lock);
}

static int device_event(struct notifier_block *nb, unsigned long event, void *data)
{
	if (event == HMM_P2P_DEVICE_GOES)
		shared_revoke(data);
	return NOTIFY_DONE;
}

static struct notifier_block device_notifier = {
	.notifier_call = device_event,
};

void hmm_p2p_shared_init(void)
{
	hmm_p2p_mapped_begin(&shared_vm_ops);
	hmm_p2p_device_subscribe(&device_notifier);
}

void hmm_p2p_shared_exit(void)
{
	hmm_p2p_device_unsubscribe(&device_notifier);
	hmm_p2p_mapped_end();
	WRITE_ONCE(limbo_ends, true);
	wait_event(limbo_empty, list_empty_careful(&limbo));
	cancel_delayed_work_sync(&limbo_work);
}
