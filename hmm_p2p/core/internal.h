/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of hmm_p2p.ko share, and nobody else sees. */
#ifndef _HMM_P2P_INTERNAL_H
#define _HMM_P2P_INTERNAL_H

#include <linux/device.h>
#include <linux/hmm_p2p.h>
#include <linux/huge_mm.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
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
 * What a call needs while it runs is charged to who calls. Where he may have no
 * more, the call fails: nobody is killed for it.
 */
#define HMM_P2P_GFP_USER	(GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

/* Pages in one migration batch: one huge page. */
#define HMM_P2P_BATCH_PAGES	HPAGE_PMD_NR

/**
 * struct hmm_p2p_owner - a private interconnect: the owner token of pagemaps
 * @ref: held by every device that has this owner
 * @id: number shown to users, never 0
 * @live: pages of this owner that are handed out
 * @huge: huge pages of this owner that are handed out and still whole
 * @node: in the list of all owners, under its lock and SRCU
 */
struct hmm_p2p_owner {
	struct kref ref;
	u32 id;
	atomic_long_t live;
	atomic_long_t huge;
	struct list_head node;
};

struct hmm_p2p_stats {
	u64 counters[HMM_P2P_COUNTER_COUNT];
	u64 reasons[HMM_P2P_REASON_COUNT];
};

struct hmm_p2p_charges;
struct dmem_cgroup_pool_state;
struct notifier_block;

/**
 * struct hmm_p2p_device - a registered device
 * @ref: the registry holds one, every user that looked it up one more
 * @id: its number, never 0
 * @config: as registered; @config.name points to @name
 * @name: copy of the name
 * @owner: its interconnect, NULL without memory. Written under
 *	hmm_p2p_registry_lock while no page is handed out
 * @stats: per-CPU counters
 * @lock: protects @chunks, @used, @held, @keeps, @hand, @removed; taken in folio_free,
 *	which runs under page table locks
 * @chunks: which of its pages are handed out, see chunk.c
 * @used: pages handed out
 * @hand: first page of the chunk that eviction looks at next
 * @charges: who is charged for the pages, under @lock; see charge.c
 * @removed: the device is going away: nothing is handed out any more
 * @lost: it went away with pages that could not be read: nothing of the driver
 *	may be used any more, and who touches such a page gets SIGBUS. Set
 *	before the driver's unregister call ends, under SRCU
 * @reap: it is lost, and its driver has let go: @lost_work may run
 * @lost_work: frees what is left of a lost device with its last page
 * @users: SRCU: who is in its importer operations, or evicts from it
 * @held: pages held by hmm_p2p_pages_hold(), under @lock
 * @keeps: pages of CPU faults that do not come back now, under @lock; see keep.c
 * @drained: woken when @used falls to 0 and @removed is set, and when @held does
 * @paths: cached verdicts by importer, see path.c
 * @staging_lock: protects the page at @staging and its content
 * @staging: offset of the one page that the device keeps for transfers
 * @staging_valid: @staging was allocated
 * @fail_allocs: that many allocations are still to fail, see failure.c
 * @pagemap: must be last, it ends in a flexible array
 */
struct hmm_p2p_device {
	struct kref ref;
	u32 id;
	struct hmm_p2p_device_config config;
	char name[HMM_P2P_NAME_SIZE];
	struct hmm_p2p_owner *owner;
	struct hmm_p2p_stats __percpu *stats;

	spinlock_t lock; /* memory, see above */
	struct hmm_p2p_chunks chunks;
	unsigned long used;
	unsigned long held;
	struct list_head keeps;
	unsigned long hand;
	struct hmm_p2p_charges *charges;
	bool removed;
	bool lost;
	bool reap;
	struct work_struct lost_work;
	struct srcu_struct users;
	wait_queue_head_t drained;

	struct xarray paths;

	struct mutex staging_lock; /* the staging page */
	u64 staging;
	bool staging_valid;
	atomic_t fail_allocs;

	struct dev_pagemap pagemap;
};

/* device.c: the registry */

/**
 * enum hmm_p2p_device_event - what subscribers of the registry are told
 * @HMM_P2P_DEVICE_GOES: the device is marked as removed: it hands out nothing any
 *	more, and its memory can still be read
 * @HMM_P2P_DEVICE_GONE: nobody is in a call or a fault that saw the device
 */
enum hmm_p2p_device_event {
	HMM_P2P_DEVICE_GOES,
	HMM_P2P_DEVICE_GONE,
};

extern struct srcu_struct hmm_p2p_srcu;
extern struct mutex hmm_p2p_registry_lock;
extern struct workqueue_struct *hmm_p2p_wq;
struct hmm_p2p_device *hmm_p2p_device_get(u32 id);
struct hmm_p2p_device *hmm_p2p_device_get_next(u32 id);
unsigned int hmm_p2p_device_count(void);
void hmm_p2p_device_for_each(void (*fn)(struct hmm_p2p_device *hdev));
void hmm_p2p_device_subscribe(struct notifier_block *nb);
void hmm_p2p_device_unsubscribe(struct notifier_block *nb);
int hmm_p2p_device_set_owner(struct hmm_p2p_device *hdev,
			     struct hmm_p2p_device *peer, u32 *id);

/* owner.c */
struct hmm_p2p_owner *hmm_p2p_owner_create(void);
struct hmm_p2p_owner *hmm_p2p_owner_get(struct hmm_p2p_owner *owner);
void hmm_p2p_owner_put(struct hmm_p2p_owner *owner);
struct hmm_p2p_owner *hmm_p2p_owner_next_live(struct hmm_p2p_owner *prev);

/* pagemap.c */

/**
 * struct hmm_p2p_hold - memory of a device that hmm_p2p_pages_hold() keeps
 * @hdev: device, NULL: nothing is held
 * @index: number of the page in its memory
 */
struct hmm_p2p_hold {
	struct hmm_p2p_device *hdev;
	unsigned long index;
};

int hmm_p2p_pagemap_create(struct hmm_p2p_device *hdev);
void hmm_p2p_pagemap_clear(struct hmm_p2p_device *hdev);
void hmm_p2p_pagemap_destroy(struct hmm_p2p_device *hdev);
struct page *hmm_p2p_page_alloc(struct hmm_p2p_device *hdev, unsigned int order,
				struct dmem_cgroup_pool_state *pool);
void hmm_p2p_huge_note(struct page *page, struct mm_struct *mm,
		       unsigned long addr);
bool hmm_p2p_is_huge(struct hmm_p2p_device *hdev, unsigned long index);
struct mm_struct *hmm_p2p_huge_home(struct hmm_p2p_device *hdev,
				    unsigned long index, unsigned long *addr);
int hmm_p2p_raw_alloc(struct hmm_p2p_device *hdev, u64 *offset);
void hmm_p2p_raw_free(struct hmm_p2p_device *hdev, u64 offset);
unsigned long hmm_p2p_private_run(const unsigned long *hmm_pfns, unsigned long nr);
void hmm_p2p_page_touch(const struct page *page);
bool hmm_p2p_pages_hold(struct page *const *pages, unsigned long nr,
			struct hmm_p2p_hold *holds);
void hmm_p2p_pages_release(struct hmm_p2p_hold *holds, unsigned long nr);
void hmm_p2p_wait_held(struct hmm_p2p_device *hdev);
long hmm_p2p_next_old(struct hmm_p2p_device *hdev,
		      struct dmem_cgroup_pool_state *limit);
long hmm_p2p_next_used(struct hmm_p2p_device *hdev, unsigned long index);
bool hmm_p2p_page_is_ours(const struct page *page);
const void *hmm_p2p_page_owner(const struct page *page);
struct page *hmm_p2p_page_at(const struct hmm_p2p_device *hdev, unsigned long index);
unsigned long hmm_p2p_page_index(const struct page *page);
void hmm_p2p_fix_huge_offset(unsigned long *entries, unsigned long start,
			     unsigned long end);

/* Of the result of a fault. */
static inline unsigned long entry_pfn(unsigned long entry)
{
	return entry & ~HMM_PFN_FLAGS;
}

static inline bool entry_is_huge(unsigned long entry)
{
	return (entry & HMM_PFN_VALID) &&
	       hmm_pfn_to_map_order(entry) == HPAGE_PMD_ORDER;
}

/* cpu_fault.c: the CPU touched a device page; evict.c; move.c */
vm_fault_t hmm_p2p_cpu_fault(struct vm_fault *vmf);
bool hmm_p2p_evict_all(struct hmm_p2p_device *hdev);

/* path.c */
enum hmm_p2p_reason hmm_p2p_path_check(struct hmm_p2p_device *exporter,
				       struct device *importer, int *distance);
struct device *hmm_p2p_path_function(struct device *dev);
int hmm_p2p_path_init(void);
void hmm_p2p_path_exit(void);

/* grant.c: what an importer may have */
#define HMM_P2P_INOUT_FLAGS \
	(HMM_PFN_DMA_MAPPED | HMM_PFN_P2PDMA | HMM_PFN_P2PDMA_BUS)

int hmm_p2p_grant_check(const struct hmm_range *range, bool *restricted);
void hmm_p2p_grant_restrict(const struct hmm_range *range);
int hmm_p2p_grant_write(const struct hmm_range *range);

/* fault.c */

/**
 * struct hmm_p2p_fault - a fault for an importer, and what came of it
 * @importer: device that wants to reach the memory, NULL: plain
 *	hmm_range_fault()
 * @no_p2p: the importer opts out of p2p
 * @no_pci: the importer cannot map PCI peer-to-peer pages; an alias in system
 *	memory it can
 * @by_mapping: what is not p2p is reached through the process's own mapping, so
 *	shared device memory (see mapped.c) is refused to nobody
 * @pages: NULL, or an entry per page that receives the private page of each p2p
 *	outcome, else NULL
 * @report: NULL, or a byte per page: outcome | reason << 4. It must be zero
 *	before the first try and kept from one try to the next, because a page
 *	that one try sends home is an ordinary page in the next. When the fault
 *	fails with -EREMOTEIO, the pages that have a reason and no outcome are why
 */
struct hmm_p2p_fault {
	struct device *importer;
	bool no_p2p;
	bool no_pci;
	bool by_mapping;
	struct page **pages;
	u8 *report;
};

#define HMM_P2P_REPORT(outcome, reason)	((outcome) | (reason) << 4)
#define HMM_P2P_REPORT_OUTCOME(r)	((r) & 0xf)
#define HMM_P2P_REPORT_REASON(r)	((r) >> 4)

/**
 * struct hmm_p2p_tally - pages of a report
 * @outcomes: by enum hmm_p2p_outcome
 */
struct hmm_p2p_tally {
	u64 outcomes[HMM_P2P_OUTCOME_SYSTEM + 1];
};

int hmm_p2p_fault_for(struct hmm_range *range,
		      const struct hmm_p2p_fault *fault, bool may_unlock);
bool hmm_p2p_fault_is_ours(const struct mm_struct *mm);
bool hmm_p2p_fault_arrived(const struct vm_fault *vmf);

/* report.c */
void hmm_p2p_report_begin(u8 *report, unsigned long npages);
void hmm_p2p_report_end(const struct hmm_range *range, u8 *report,
			unsigned long npages);
int hmm_p2p_refuse_p2p(const struct hmm_range *range, u8 *report,
		       unsigned long npages);
struct hmm_p2p_tally hmm_p2p_report_tally(const u8 *report, unsigned long npages,
					  u64 *reasons);
void hmm_p2p_report_refused(u8 *report, unsigned long npages, u64 *reasons);

/* mirror.c */

/**
 * struct hmm_p2p_mirror - a range of a process as a device sees it
 * @notifier: invalidated whenever the CPU page table changes
 * @lock: held while a transfer uses pages, and by invalidation: it returns
 *	only when the transfer has stopped
 * @mm: whose memory
 * @unmap: NULL, or called by invalidation under @lock, to forget results
 */
struct hmm_p2p_mirror {
	struct mmu_interval_notifier notifier;
	struct mutex lock; /* use of a result, see above */
	struct mm_struct *mm;
	void (*unmap)(struct hmm_p2p_mirror *mirror,
		      const struct mmu_notifier_range *range);
};

int hmm_p2p_mirror_init(struct hmm_p2p_mirror *mirror, struct mm_struct *mm,
			unsigned long start, unsigned long length);
void hmm_p2p_mirror_fini(struct hmm_p2p_mirror *mirror);
int hmm_p2p_mirror_snapshot(struct hmm_p2p_mirror *mirror,
			    struct hmm_range *range);
int hmm_p2p_mirror_freeze(struct hmm_p2p_mirror *mirror, struct hmm_range *range);
int hmm_p2p_mirror_fetch(struct hmm_p2p_mirror *mirror, struct hmm_range *range);
int hmm_p2p_mirror_fault(struct hmm_p2p_mirror *mirror, struct hmm_range *range,
			 const struct hmm_p2p_fault *fault);

/* access.c */
struct hmm_p2p_access_ctx {
	struct mm_struct *mm;
	struct hmm_p2p_device *importer;
	struct hmm_p2p_access *arg;
};

int hmm_p2p_do_access(struct hmm_p2p_access_ctx *ctx);

/* file_io.c */
int hmm_p2p_do_file_io(struct mm_struct *mm, struct hmm_p2p_file_io *arg);
int hmm_p2p_file_check(u32 exporter, int fd, int *distance);

/* query.c */
int hmm_p2p_do_query(struct mm_struct *mm, struct hmm_p2p_device *importer,
		     struct hmm_p2p_query *arg);

/* stats.c */
void hmm_p2p_stats_read(struct hmm_p2p_device *hdev, struct hmm_p2p_stat *out);

static inline void hmm_p2p_count(struct hmm_p2p_device *hdev,
				 enum hmm_p2p_counter counter, u64 nr)
{
	this_cpu_add(hdev->stats->counters[counter], nr);
}

static inline void hmm_p2p_count_home(struct hmm_p2p_device *hdev,
				      enum hmm_p2p_reason reason, u64 nr)
{
	this_cpu_add(hdev->stats->counters[HMM_P2P_COUNTER_SENT_HOME], nr);
	this_cpu_add(hdev->stats->reasons[reason], nr);
}

/* failure.c: injected failures, for tests */
bool hmm_p2p_fail_copy(void);
bool hmm_p2p_fail_alloc(struct hmm_p2p_device *hdev);
void hmm_p2p_failure_init(struct dentry *dir);

/* process.c: the process that a call is about */
struct mm_struct *hmm_p2p_process_get(s32 pid, s32 mem_fd, bool write);
void hmm_p2p_process_init(void);

/* shared.c: mmap() of the character device */
int hmm_p2p_shared_open(struct inode *inode, struct file *file);
int hmm_p2p_shared_release(struct inode *inode, struct file *file);
int hmm_p2p_shared_mmap(struct file *file, struct vm_area_struct *vma);
void hmm_p2p_shared_init(void);
void hmm_p2p_shared_exit(void);

#endif /* _HMM_P2P_INTERNAL_H */
