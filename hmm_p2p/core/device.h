/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a registered device is. Whoever is under hmm_p2p_srcu and has seen that it
 * is not removed keeps it from going away.
 */
#ifndef _HMM_P2P_DEVICE_H
#define _HMM_P2P_DEVICE_H

#include <linux/device.h>
#include <linux/gfp.h>
#include <linux/hmm_p2p.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "chunk.h"

#define HMM_P2P_NS	"HMM_P2P"

/* What only this project's own modules may use. */
#define HMM_P2P_INTERNAL_NS	"HMM_P2P_INTERNAL"

/*
 * What a call needs until it returns is charged to who calls. Where he may have no
 * more, the call fails: nobody is killed for it.
 */
#define HMM_P2P_GFP_USER	(GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

/* Pages that are dealt with in one go: one huge page. */
#define HMM_P2P_BATCH_PAGES	HPAGE_PMD_NR

struct hmm_p2p_bar;
struct hmm_p2p_charges;
struct hmm_p2p_owner;
struct hmm_p2p_stats;

/**
 * struct hmm_p2p_device - a registered device
 * @ref: the registry holds one, every user that looked it up one more
 * @id: its number, never 0
 * @config: as registered; @config.name points to @name
 * @name: copy of the name
 * @bar: its memory, when hmm_p2p_pci_bar_register() made it; the driver's devres
 * @owner: its interconnect, NULL without memory. Written under
 *	hmm_p2p_registry_lock and @lock while no page is handed out; read without
 * @stats: per-CPU counters
 * @lock: protects @chunks, @used, @held, @keeps, @hand, @removed, @paused; taken in folio_free,
 *	which is called under page table locks
 * @chunks: which of its pages are handed out, see chunk.c
 * @used: pages handed out; also read without @lock
 * @hand: first page of the chunk that eviction looks at next
 * @charges: who pays for the pages, under @lock; see charge.c
 * @accounts: of users, by user id, see account.c
 * @removed: the device is going away: nothing is handed out any more. Never
 *	taken back; also read without @lock
 * @paused: nothing is handed out for now; also read without @lock
 * @lost: it went away with pages that could not be read: nothing of the driver
 *	may be used any more, and who touches such a page gets SIGBUS. Set
 *	before the driver's unregister call ends, under SRCU
 * @reap: it is lost, and its driver has let go: @lost_work may begin
 * @lost_work: frees what is left of a lost device with its last page
 * @users: SRCU: who is in its importer operations, or evicts from it
 * @held: pages held by hmm_p2p_pages_hold(), under @lock
 * @keeps: pages of CPU faults that do not come back now, under @lock; see keep.c
 * @drained: woken when @used falls to 0 and @removed is set, and when @held does
 * @paths: cached verdicts by importer, see path.c
 * @staging_lock: protects the page at @staging and its content
 * @staging: offset of the one page that the device keeps for transfers
 * @staging_valid: @staging was allocated
 * @async: its last copy went on behind the call, so that others are worth starting
 *	meanwhile; a hint, without a lock
 * @fail_allocs: that many allocations are still to fail, see failure.c
 * @pagemap: must be last, it ends in a flexible array
 */
struct hmm_p2p_device {
	struct kref ref;
	u32 id;
	struct hmm_p2p_device_config config;
	char name[HMM_P2P_NAME_SIZE];
	struct hmm_p2p_bar *bar;
	struct hmm_p2p_owner *owner;
	struct hmm_p2p_stats __percpu *stats;

	spinlock_t lock; /* memory, see above */
	struct hmm_p2p_chunks chunks;
	unsigned long used;
	unsigned long held;
	struct list_head keeps;
	unsigned long hand;
	struct hmm_p2p_charges *charges;
	struct xarray accounts;
	bool removed;
	bool paused;
	bool lost;
	bool reap;
	struct work_struct lost_work;
	struct srcu_struct users;
	wait_queue_head_t drained;

	struct xarray paths;

	struct mutex staging_lock; /* the staging page */
	u64 staging;
	bool staging_valid;
	bool async;
	atomic_t fail_allocs;

	struct dev_pagemap pagemap;
};

int hmm_p2p_config_check(const struct hmm_p2p_device_config *config);
int hmm_p2p_alias_check(struct hmm_p2p_device *hdev);

#endif /* _HMM_P2P_DEVICE_H */
