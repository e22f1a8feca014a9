// SPDX-License-Identifier: GPL-2.0
/*
 * Bringing memory home because the device goes away, because it is full and
 * somebody wants to move more there, or because somebody asks for it. In any
 * case it goes over device memory, chunk by chunk: single pages come through
 * whatever maps them, huge pages through the process that got them.
 *
 * No process is waited for that has its mmap_lock taken: it may be stuck for ever in
 * a fault that nobody serves. Who needs room passes it over. The end of a device looks
 * for another process that maps the page, and takes it by its PFN after a while.
 *
 * Without RAM for it there is no point in going on: who asked is told, and the
 * end of a device, which cannot fail, waits until there is some.
 */
#include <linux/export.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "../core/charge.h"
#include "../core/chunk.h"
#include "../core/device.h"
#include "../core/hold.h"
#include "../core/keep.h"
#include "../core/pagemap.h"
#include "anchor.h"
#include "batch.h"
#include "claim.h"
#include "evict.h"
#include "home.h"
#include "lists.h"
#include "mappers.h"
#include "ram.h"

/* A device is lost when so many passes, one after the other, got nothing but errors from it. */
#define EVICT_FAILURES	3

/* How often the end of a device says what it waits for. */
#define SAY_INTERVAL	(60 * HZ)

/*
 * So long processes are waited for whose mmap_lock is taken: by the end of a device,
 * which then goes by PFN, and by a newcomer, who then finds no room.
 */
#define LOCK_PATIENCE	(5 * HZ)
#define ROOM_PATIENCE	HZ

/**
 * struct eviction - one pass over a device
 * @hdev: device
 * @batch: pages on their way
 * @cause: counter for the pages
 * @victims: whose pages may go; NULL: anybody's
 * @sake: the move that it makes room for, whose own pages stay; NULL: none
 * @stuck: nothing else came: also huge pages whose process is not found, or cannot be
 *	locked, through others that map them, or by their PFN
 * @patient: by their PFN only if no process was locked out
 * @locked_out: there was one that could not be locked
 * @mappers: where others that map a page were found
 * @may_end: it ends when a signal comes, or when the device goes away
 * @no_ram: some pages found no RAM, which their memory policy may have wanted on
 *	a node that has none
 * @full: it ended because RAM has no room for more
 * @moved: pages that this pass brought home
 * @seen: chunks that had pages
 * @failed: of these, chunks that the device could not give
 */
struct eviction {
	struct hmm_p2p_device *hdev;
	struct hmm_p2p_batch *batch;
	enum hmm_p2p_counter cause;
	struct hmm_p2p_victims *victims;
	const struct hmm_p2p_move *sake;
	bool stuck;
	bool patient;
	bool locked_out;
	bool may_end;
	bool no_ram;
	bool full;
	struct hmm_p2p_mappers mappers;
	unsigned long moved;
	unsigned long seen;
	unsigned long failed;
};

/* Pages of others than the victims stay where they are, and the move's own. */
static bool is_kept(const struct eviction *ev, const struct page *page,
		    unsigned long index)
{
	if (ev->victims && !hmm_p2p_charge_is(ev->hdev, index, false, ev->victims))
		return true;
	return ev->sake && hmm_p2p_claim_has(page, ev->sake->claim);
}

static void evict_keep_others(struct eviction *ev, unsigned long index)
{
	unsigned long *src = ev->batch->args.src, i;

	if (ev->victims)
		ev->victims->asked = NULL;
	for (i = 0; i < HMM_P2P_CHUNK_PAGES; i++)
		if (migrate_pfn_to_page(src[i]) &&
		    is_kept(ev, migrate_pfn_to_page(src[i]), index + i))
			src[i] &= ~MIGRATE_PFN_MIGRATE;
}

/* What is in the move's own range goes by its pages, not by where it is. */
static bool is_wanted(const struct eviction *ev, const struct hmm_p2p_move *home)
{
	const struct hmm_p2p_move *sake = ev->sake;

	return sake && sake->mm == home->mm && home->start < sake->end &&
	       sake->start < home->end;
}

/* What came of it? Returns whether to leave it at that. */
static bool evict_note(struct eviction *ev, const struct hmm_p2p_move *move, int ret)
{
	ev->failed += ret == -EIO;
	ev->no_ram |= ret == -ENOMEM;
	ev->locked_out |= ret == -EBUSY;
	ev->moved += move->moved;
	return move->moved || ret == -EIO || ret == -ENOMEM;
}

/*
 * A huge page comes home through the process that got it, which can lock
 * everybody out, and split the page when system memory has no huge one. Returns
 * false when the chunk has none, or when nothing came: the page is no victim's, or
 * the process may be gone, or have moved its mapping. What it has there now is no
 * business of this device.
 */
static bool evict_home(struct eviction *ev, unsigned long index)
{
	/* Whose process is stuck with it may be so for ever. */
	struct hmm_p2p_move move = { .cause = ev->cause, .try_lock = true };
	int ret = 0;

	if (ev->victims && !hmm_p2p_charge_is(ev->hdev, index, true, ev->victims))
		return false;
	move.mm = hmm_p2p_huge_home(ev->hdev, index, &move.start);
	if (!move.mm)
		return false;
	move.end = move.start + HPAGE_PMD_SIZE;
	if (!is_wanted(ev, &move))
		ret = hmm_p2p_move_chunk_home(&move, hmm_p2p_page_at(ev->hdev, index));
	mmput(move.mm);
	return evict_note(ev, &move, ret);
}

/**
 * struct evict_visit - a huge page that comes home through any process
 * @ev: eviction
 * @first: first page of the chunk
 */
struct evict_visit {
	struct eviction *ev;
	struct page *first;
};

static bool evict_visit(void *arg, struct mm_struct *mm, unsigned long start,
			unsigned long end)
{
	struct evict_visit *visit = arg;
	struct hmm_p2p_move move = {
		.mm = mm,
		.start = start,
		.end = end,
		.cause = visit->ev->cause,
		.try_lock = true,
	};

	return evict_note(visit->ev, &move,
			  hmm_p2p_move_chunk_blind(&move, visit->first));
}

/* As evict_home(), through whoever maps it: a child of fork(), or where it was moved. */
static bool evict_through_others(struct eviction *ev, unsigned long index)
{
	struct evict_visit visit = { ev, hmm_p2p_page_at(ev->hdev, index) };

	ev->mappers.visit = evict_visit;
	ev->mappers.arg = &visit;
	return hmm_p2p_mappers_visit(&ev->mappers, visit.first);
}

/* Returns whether what is left of a huge page's chunk stays for now. */
static bool evict_huge(struct eviction *ev, unsigned long index)
{
	if (evict_home(ev, index) || !ev->stuck || ev->no_ram)
		return true;
	return evict_through_others(ev, index) || ev->no_ram ||
	       (ev->locked_out && ev->patient);
}

/*
 * A huge page by its PFN: nobody keeps its process from unmapping it meanwhile, and
 * the kernel (7.2, 7.3) drops a reference too many then. Is there one?
 */
static bool huge_begin(struct eviction *ev, struct hmm_p2p_keep *keep)
{
	unsigned long src = ev->batch->args.src[0];
	struct page *page = migrate_pfn_to_page(src);

	if (!page || !folio_test_large(page_folio(page)))
		return false;
	hmm_p2p_keep_begin(keep, ev->hdev, page);
	return true;
}

/* What is collected goes to RAM. Returns whether the device gave it. */
static bool evict_collected(struct eviction *ev)
{
	struct hmm_p2p_batch *batch = ev->batch;
	struct hmm_p2p_keep keep;
	bool huge = huge_begin(ev, &keep), given;

	hmm_p2p_batch_fill_ram(batch);
	given = !hmm_p2p_batch_copy(batch);
	if (batch->no_room)
		ev->no_ram = true;
	hmm_p2p_batch_move(batch);
	if (huge)
		hmm_p2p_keep_hold(&keep);
	ev->moved += hmm_p2p_batch_count_ram(batch, ev->cause);
	hmm_p2p_batch_finalize(batch);
	if (huge)
		hmm_p2p_keep_drop(&keep);
	return given;
}

/*
 * All of a chunk, whatever it is. Where no mapping of it can be locked nothing keeps what
 * the kernel needs of them until the pages are back: that is the last resort.
 */
static void evict_range(struct eviction *ev, unsigned long index)
{
	struct page *first = hmm_p2p_page_at(ev->hdev, index);
	struct hmm_p2p_anchor anchor;
	bool anchored = hmm_p2p_anchor_begin(&anchor, first);

	hmm_p2p_batch_begin(ev->batch, HMM_P2P_CHUNK_PAGES);
	migrate_device_range(ev->batch->args.src, hmm_p2p_page_pfn(first), HMM_P2P_CHUNK_PAGES);
	evict_keep_others(ev, index);
	ev->failed += !evict_collected(ev);
	if (anchored)
		hmm_p2p_anchor_end(&anchor);
}

/* Returns how many pages of the chunk @anchor is good for, of those from @i on. */
static unsigned int evict_gather(struct eviction *ev, unsigned long index, unsigned long i,
				 const struct hmm_p2p_anchor *anchor, unsigned long *tried)
{
	unsigned int nr = 0;
	struct page *page;

	for (; i < HMM_P2P_CHUNK_PAGES; i++) {
		page = hmm_p2p_page_at(ev->hdev, index + i);
		if (folio_test_large(page_folio(page)) || !hmm_p2p_anchor_holds(anchor, page))
			continue;
		__set_bit(i, tried);
		if (!is_kept(ev, page, index + i))
			ev->batch->args.src[nr++] = hmm_p2p_page_pfn(page);
	}
	return nr;
}

/*
 * The small pages of a chunk, those together that one mapping stands for. None of them is
 * handed out again meanwhile, with another mapping.
 */
static bool evict_small(struct eviction *ev, unsigned long index)
{
	DECLARE_BITMAP(tried, HMM_P2P_CHUNK_PAGES) = {};
	bool given = true, all = true;
	struct hmm_p2p_anchor anchor;
	struct page *page;
	unsigned long i;
	unsigned int nr;

	if (ev->victims)
		ev->victims->asked = NULL;
	for (i = 0; i < HMM_P2P_CHUNK_PAGES; i++) {
		page = hmm_p2p_page_at(ev->hdev, index + i);
		if (test_bit(i, tried) || !folio_mapped(page_folio(page)))
			continue;
		if (!hmm_p2p_anchor_begin(&anchor, page)) {
			all = false;
			continue;
		}
		nr = evict_gather(ev, index, i, &anchor, tried);
		if (nr) {
			hmm_p2p_batch_begin(ev->batch, nr);
			migrate_device_pfns(ev->batch->args.src, nr);
			given &= evict_collected(ev);
		}
		hmm_p2p_anchor_end(&anchor);
	}
	ev->failed += !given;
	return all;
}

/* Returns whether all that may go by now was tried. */
static bool evict_held(struct eviction *ev, unsigned long index)
{
	struct page *first = hmm_p2p_page_at(ev->hdev, index);
	struct hmm_p2p_hold hold = {};
	bool all;

	/* A device that goes away, or pauses, is not held, and hands out nothing. */
	hmm_p2p_pages_hold(&first, 1, &hold);
	all = evict_small(ev, index);
	hmm_p2p_pages_release(&hold, 1);
	ev->locked_out |= !all;
	return all || !ev->stuck || ev->patient;
}

static void evict_chunk(struct eviction *ev, unsigned long index)
{
	if (ev->sake && hmm_p2p_claim_has_chunk(ev->hdev, index, ev->sake->claim))
		return;
	if (!hmm_p2p_ram_room(HMM_P2P_CHUNK_PAGES)) {
		ev->no_ram = true;
		ev->full = true;
		return;
	}
	if (hmm_p2p_is_huge(ev->hdev, index) && evict_huge(ev, index))
		return;
	if (folio_test_large(page_folio(hmm_p2p_page_at(ev->hdev, index))) ||
	    !evict_held(ev, index))
		evict_range(ev, index);
}

static bool evict_ends(const struct eviction *ev)
{
	return ev->full || (ev->may_end && (signal_pending(current) ||
					    READ_ONCE(ev->hdev->removed)));
}

static void evict_pass(struct eviction *ev)
{
	long index = 0;

	ev->no_ram = false;
	ev->full = false;
	ev->locked_out = false;
	ev->moved = 0;
	ev->seen = 0;
	ev->failed = 0;
	while (!evict_ends(ev) &&
	       (index = hmm_p2p_next_used(ev->hdev, index)) >= 0) {
		ev->seen++;
		evict_chunk(ev, index);
		index += HMM_P2P_CHUNK_PAGES;
		cond_resched();
	}
}

static bool is_drained(struct hmm_p2p_device *hdev)
{
	guard(spinlock_irq)(&hdev->lock);
	return !hdev->used;
}

static void evict_wait(struct hmm_p2p_device *hdev, long timeout)
{
	wait_event_timeout(hdev->drained, is_drained(hdev), timeout);
}

/* Nobody is told by the return value of a removal, which has none. */
static void say_stuck(struct hmm_p2p_device *hdev, unsigned long *when)
{
	if (time_before(jiffies, *when))
		return;
	*when = jiffies + SAY_INTERVAL;
	dev_warn(hdev->config.dev,
		 "hmm_p2p: %s goes away and waits: %lu pages are still on it, in huge pages whose processes are all stuck in a fault or a call, or on their way to end. It goes on when one of them goes on or has ended, or when RAM has 2 MiB in one piece for each\n",
		 hdev->name, READ_ONCE(hdev->used));
}

static void say_no_ram(struct hmm_p2p_device *hdev, unsigned long *when)
{
	unsigned long used = READ_ONCE(hdev->used);

	if (time_before(jiffies, *when))
		return;
	*when = jiffies + SAY_INTERVAL;
	dev_warn(hdev->config.dev,
		 "hmm_p2p: %s goes away and waits for memory: %lu pages (%lu MiB) of processes are still on it, %ld MiB of RAM are available, of which it leaves %lu to others. Free some, add swap, or end processes that use the device\n",
		 hdev->name, used, used >> (20 - PAGE_SHIFT),
		 si_mem_available() >> (20 - PAGE_SHIFT),
		 hmm_p2p_ram_reserve() >> (20 - PAGE_SHIFT));
}

/*
 * Only then go by PFN, and not because RAM was short: who frees memory, so that
 * there is some again, unmaps it, and the kernel (7.2, 7.3) cannot unmap a huge page
 * that somebody migrates without locking its process out.
 */
static bool is_stuck(const struct eviction *ev)
{
	return !ev->moved && !ev->no_ram;
}

/* Did the device fail to give anything? Without RAM nothing was asked of it. */
static bool has_failed(const struct eviction *ev)
{
	if (ev->moved)
		return false;
	if (ev->no_ram)
		return hmm_p2p_batch_probe(ev->batch, ev->hdev);
	return ev->failed >= ev->seen;
}

/**
 * hmm_p2p_evict_all - bring every page of a device to RAM
 * @hdev: device that hands out no more pages
 *
 * Goes on until the last page is back. Somebody who holds a page for a moment,
 * or has the system short of memory, delays it; a page may also be freed by
 * its process. It says what it waits for, and kills nobody to get it.
 *
 * Return: true; false when the device fails to give what is left.
 */
bool hmm_p2p_evict_all(struct hmm_p2p_device *hdev)
{
	struct eviction ev = { .hdev = hdev, .cause = HMM_P2P_COUNTER_EVICTED };
	unsigned long say_when = jiffies, since = jiffies;
	unsigned int failures = 0;

	while (!(ev.batch = hmm_p2p_batch_alloc(HMM_P2P_BATCH_PAGES,
						__GFP_RETRY_MAYFAIL)))
		evict_wait(hdev, HZ / 10);
	while (!is_drained(hdev)) {
		evict_pass(&ev);
		if (!is_stuck(&ev))
			since = jiffies;
		ev.stuck = is_stuck(&ev);
		ev.patient = time_before(jiffies, since + LOCK_PATIENCE);
		failures = has_failed(&ev) ? failures + 1 : 0;
		if (failures == EVICT_FAILURES)
			break;
		if (ev.no_ram)
			say_no_ram(hdev, &say_when);
		else if (ev.stuck && !ev.patient)
			say_stuck(hdev, &say_when);
		if (ev.stuck)
			hmm_p2p_drain_lists();
		if (!ev.moved)
			evict_wait(hdev, ev.no_ram ? HZ : HZ / 10);
	}
	hmm_p2p_batch_free(ev.batch);
	return is_drained(hdev);
}

/* Once round the device, and again for what was young. */
static void evict_round(struct eviction *ev, unsigned long wanted)
{
	unsigned long nr = DIV_ROUND_UP(ev->hdev->config.memory, HMM_P2P_CHUNK_SIZE);
	unsigned long tries;
	long index;

	ev->locked_out = false;
	for (tries = 0; tries < 2 * nr && ev->moved < wanted; tries++) {
		if (fatal_signal_pending(current))
			break;
		index = hmm_p2p_next_old(ev->hdev, ev->victims);
		if (index < 0)
			break;
		evict_chunk(ev, index);
		if (ev->full)
			break;
		cond_resched();
	}
}

/**
 * hmm_p2p_evict_some - make room on a device, or for who is at his limit
 * @hdev: device
 * @batch: not in use
 * @wanted: pages to free
 * @limit: only what he pays, or a group below; nobody: what no group's dmem.min protects
 * @sake: the move that needs it, to this device
 *
 * Takes whole chunks, those first that no device has reached since the hand
 * last passed. A chunk whose pages are busy is passed over, and one that has only
 * pages of the move itself; so is a huge page whose process is not found, or whose
 * mmap_lock is not free: by PFN it could be unmapped meanwhile, which the kernel
 * (7.2, 7.3) gets wrong, and no newcomer is worth that. It ends when there is no RAM to
 * take them.
 *
 * Context: may sleep; under the users section of @hdev; no page is locked.
 * Return: how many pages came home.
 */
unsigned long hmm_p2p_evict_some(struct hmm_p2p_device *hdev,
				 struct hmm_p2p_batch *batch, unsigned long wanted,
				 const struct hmm_p2p_payer *limit,
				 const struct hmm_p2p_move *sake)
{
	struct hmm_p2p_victims victims = { .limit = *limit };
	unsigned long until = jiffies + ROOM_PATIENCE;
	struct eviction ev = {
		.hdev = hdev,
		.batch = batch,
		.cause = HMM_P2P_COUNTER_EVICTED_FULL,
		.victims = &victims,
		.sake = sake,
	};

	for (;;) {
		evict_round(&ev, wanted);
		/* What dmem.low protects goes when there is nothing else. */
		if (!ev.moved && victims.hit_low && !victims.ignore_low) {
			victims.ignore_low = true;
			continue;
		}
		/* Who has one of these locks may be done in a moment. */
		if (ev.moved || !ev.locked_out || time_after(jiffies, until) ||
		    fatal_signal_pending(current))
			return ev.moved;
		schedule_timeout_killable(HZ / 100 ?: 1);
	}
}

/* How often a device that stays is asked for the pages that were busy. */
#define EVICT_TRIES	3

/* Adds what it brings home to @moved. */
static int evict_now(struct eviction *ev, u64 *moved)
{
	evict_pass(ev);
	*moved += ev->moved;
	if (READ_ONCE(ev->hdev->removed))
		return -ENODEV;
	if (is_drained(ev->hdev))
		return 0;
	if (signal_pending(current))
		return -EINTR;
	if (ev->no_ram)
		return -ENOMEM;
	return ev->failed ? -EIO : -EBUSY;
}

/**
 * hmm_p2p_device_evict - bring the pages that a device holds now to RAM
 * @hdev: exporter
 * @result: receives what was done, also on failure; may be NULL
 *
 * It goes on handing out pages. What came home stays there when the rest fails.
 * Nobody is killed for memory: some is left to the others, and without more it
 * fails.
 *
 * Context: may sleep; no mmap_lock is held. Any signal ends it.
 * Return: 0 when there were none left; -EBUSY when some could not be moved, or
 * came meanwhile; -ENOMEM when there is no RAM for the rest; -EIO when the device
 * failed to give some; -ENODEV, -EINTR.
 */
int hmm_p2p_device_evict(struct hmm_p2p_device *hdev,
			 struct hmm_p2p_evicted *result)
{
	struct eviction ev = {
		.hdev = hdev,
		.cause = HMM_P2P_COUNTER_EVICTED,
		.patient = true,
		.may_end = true,
	};
	int idx, tries = EVICT_TRIES, ret = -ENOMEM;
	u64 moved = 0;

	ev.batch = hmm_p2p_batch_alloc(HMM_P2P_BATCH_PAGES, __GFP_RETRY_MAYFAIL);
	if (ev.batch) {
		idx = srcu_read_lock(&hdev->users);
		do {
			ret = evict_now(&ev, &moved);
			ev.stuck = is_stuck(&ev);
			if (ret == -EBUSY && ev.stuck)
				hmm_p2p_drain_lists();
			if (ev.locked_out)
				schedule_timeout_interruptible(HZ / 10);
		} while (ret == -EBUSY && --tries);
		srcu_read_unlock(&hdev->users, idx);
		hmm_p2p_batch_free(ev.batch);
	}
	if (result) {
		result->moved = moved;
		result->left = READ_ONCE(hdev->used);
	}
	return ret;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_evict, HMM_P2P_NS);

/* So long a device that pauses is asked for pages that somebody has for a moment. */
#define PAUSE_PATIENCE	(10 * HZ)

static void set_paused(struct hmm_p2p_device *hdev, bool paused)
{
	guard(spinlock_irq)(&hdev->lock);
	WRITE_ONCE(hdev->paused, paused);
}

/**
 * hmm_p2p_device_pause - a device is not to be used for a while
 * @hdev: exporter, with no memory that is shared
 *
 * For a driver whose device is about to be reset, or to sleep. Nothing is handed out any
 * more: to who wants to move there it is full, and no importer gets an alias. What it
 * holds comes home, as by hmm_p2p_device_evict(), and so importers lose what they have.
 *
 * Context: may sleep; no mmap_lock is held. Any signal ends it.
 * Return: 0: nobody uses its memory, until hmm_p2p_device_resume(); else as
 * hmm_p2p_device_evict(): then it holds some pages, and that call is due all the same.
 */
int hmm_p2p_device_pause(struct hmm_p2p_device *hdev)
{
	unsigned long until = jiffies + PAUSE_PATIENCE;
	int ret;

	set_paused(hdev, true);
	do
		ret = hmm_p2p_device_evict(hdev, NULL);
	while (ret == -EBUSY && time_before(jiffies, until));
	return ret ?: hmm_p2p_wait_held(hdev, true);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_pause, HMM_P2P_NS);

/**
 * hmm_p2p_device_resume - the end of hmm_p2p_device_pause()
 * @hdev: exporter
 *
 * Context: any.
 */
void hmm_p2p_device_resume(struct hmm_p2p_device *hdev)
{
	set_paused(hdev, false);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_device_resume, HMM_P2P_NS);
