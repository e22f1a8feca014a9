/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hmm_p2p: device-private memory that other devices reach where it is.
 *
 * An exporter registers its memory with hmm_p2p_device_register() and gives a
 * translation, get_dma_pfn_for_device(). An importer faults a process's memory
 * with hmm_p2p_range_fault() and maps what it gets through the DMA API, as
 * after hmm_range_fault(). The core decides, page by page and once, between
 * the private page, a p2p PFN and a page migrated to system memory. A device
 * that is going to write asks for write: what was granted so is marked as
 * written, and nobody has to mark it again.
 *
 * It is the core that migrates, whenever the CPU touches a page, a device is full or
 * somebody asks. An importer learns of it by its MMU notifier, and has to let go of
 * what it has. Some drivers that migrate their own memory skip an MMU_NOTIFY_MIGRATE
 * whose owner is theirs, because they know already. That is right here, too, for the
 * owner token of private pages: the core tells everybody once more, with an
 * owner that is nobody's, before it copies a byte. But it saves nothing, because
 * no driver knows of the core's migrations otherwise.
 */
#ifndef _LINUX_HMM_P2P_H
#define _LINUX_HMM_P2P_H

#include <linux/dma-direction.h>
#include <linux/err.h>
#include <linux/hmm.h>
#include <linux/memremap.h>
#include <linux/types.h>
#include <uapi/linux/hmm_p2p.h>

/* Of the whole project: modules, library, tool and packages. */
#define HMM_P2P_VERSION "1.0.0"

struct device;
struct dma_buf;
struct dma_buf_attachment;
struct dma_fence;
struct hmm_dma_map;
struct hmm_p2p_apart;
struct hmm_p2p_device;
struct hmm_p2p_owner;
struct mm_struct;
struct page;
struct sg_table;
struct pci_dev;

/**
 * struct hmm_p2p_copy - one run of pages to copy
 * @offset: first byte in device memory, page aligned
 * @page: first of @nr_pages contiguous system pages, or, in a transfer by
 *	hmm_p2p_cpu_transfer(), an alias of another device's memory, which the
 *	kernel has mapped and dma_map_page() refuses; NULL (only towards the
 *	device): there is no source, clear the device memory
 * @nr_pages: length of the run in pages of PAGE_SIZE
 */
struct hmm_p2p_copy {
	u64 offset;
	struct page *page;
	unsigned int nr_pages;
};

/**
 * struct hmm_p2p_device_ops - what an exporter implements
 */
struct hmm_p2p_device_ops {
	/**
	 * @get_dma_pfn_for_device: The PFN of a DMA-able alias of the same
	 * bytes as @private_page, a device-private page of this exporter.
	 *
	 * Pure translation: no reference, no lock, no topology check; the core
	 * has decided that the importer may have it. The alias is valid until
	 * the importer's notifier is invalidated for the address, no longer.
	 *
	 * Optional; without it no page of the exporter is ever p2p.
	 * hmm_p2p_device_register() asks for the first page of the window, to
	 * see that the answer is what it should be.
	 *
	 * Context: any, also atomic.
	 * Return: 0, or -ENXIO when this page has no alias.
	 */
	int (*get_dma_pfn_for_device)(struct page *private_page,
				      unsigned long *dma_pfn);

	/**
	 * @get_dma_pfn_run: The same for @private_page and those behind it, at
	 * most @nr, which are all in the device's memory.
	 *
	 * Optional: without it each page is asked for by itself, which is what
	 * the faults of huge pages then spend their time with.
	 *
	 * Context: any, also atomic.
	 * Return: for how many pages from the first one on the aliases follow each
	 * other, and @dma_pfn is that of the first; 0 when it has no alias.
	 */
	unsigned long (*get_dma_pfn_run)(struct page *private_page, unsigned long nr,
					 unsigned long *dma_pfn);

	/**
	 * @copy_to_device: Copy @nr runs to device memory, or clear it.
	 *
	 * @runs is valid until the call returns. The pages and the device
	 * memory that it names stay as long as the copy: until the call returns
	 * something else than a fence, or until the fence has signaled.
	 *
	 * An engine that works by itself returns a fence for this copy alone,
	 * whose reference becomes the core's. An error of the fence is this
	 * copy's error, and nobody else's. The fence has to signal in bounded
	 * time, whatever becomes of the engine, and with an error when the device
	 * is removed by surprise: the wait for it cannot be killed. What signals it must not
	 * wait for memory to become free, for a page fault, or for a lock that
	 * is held across one: a page fault waits for it.
	 *
	 * A device that returns fences gets several copies, of one process, too,
	 * before it has ended the first.
	 *
	 * Context: process; the source pages are locked and unmapped, the
	 * mmap_lock of the process is held, for reading or writing, or the lock
	 * of the mapping. Also the last thing that
	 * hmm_p2p_device_unregister() does: to clear what was handed out.
	 * Return: NULL when all is done; a fence when it goes on, with an error
	 * when any byte may be wrong; an error pointer, -EIO, when any byte may
	 * be wrong and nothing of this call goes on.
	 */
	struct dma_fence *(*copy_to_device)(struct hmm_p2p_device *hdev,
					    const struct hmm_p2p_copy *runs,
					    unsigned int nr);

	/**
	 * @copy_to_ram: Copy @nr runs from device memory to system pages.
	 *
	 * For @runs and the fence see @copy_to_device.
	 *
	 * Context: process, also in a page fault and while the device is being
	 * removed. It must not wait for memory to become free.
	 * Return: as @copy_to_device.
	 */
	struct dma_fence *(*copy_to_ram)(struct hmm_p2p_device *hdev,
					 const struct hmm_p2p_copy *runs,
					 unsigned int nr);

	/**
	 * @copy_bytes: Copy @len bytes, by the CPU, between device memory at
	 * @offset and kernel memory at @buf; to the device if @to_device. No
	 * alignment is promised, but as a rule @offset has that of a page and
	 * @buf that of malloc(). Optional; hmm_p2p_cpu_transfer() needs it.
	 *
	 * Context: process; the caller's mirror lock is held, so no allocation
	 * that waits for reclaim.
	 * Return: 0, or -EIO when any byte may be wrong.
	 */
	int (*copy_bytes)(struct hmm_p2p_device *hdev, u64 offset, void *buf,
			  size_t len, bool to_device);

	/**
	 * @copy_peer: Copy @len bytes between this device's memory at @offset
	 * and the interconnect address @addr of a device with the same owner
	 * (see hmm_p2p_interconnect_addr()); towards @addr if @write. Optional;
	 * without it the device cannot import private pages.
	 *
	 * Context: process; the caller's mirror lock is held, so no allocation
	 * that waits for reclaim.
	 * Return: 0, -ENXIO for an address that is nobody's, -EIO.
	 */
	int (*copy_peer)(struct hmm_p2p_device *hdev, u64 offset, u64 addr,
			 size_t len, bool write);

	/**
	 * @alloc_shared: A page that processes map, of memory that is not part
	 * of @memory: cleared, with one reference, fit for vm_insert_page().
	 * With the last reference, after it was cleared at page_address(), it
	 * goes back through the pagemap of the driver, which waits for that
	 * before it goes, as long as I/O has the page. Optional; goes
	 * with hmm_p2p_device_config.shared.
	 *
	 * Context: process; the mmap_lock of the caller is held.
	 * Return: the page, or an error pointer: -ENOSPC when none is left,
	 * -EIO when the device failed.
	 */
	struct page *(*alloc_shared)(struct hmm_p2p_device *hdev);
};

/**
 * struct hmm_p2p_transfer - what an importer is asked to transfer
 * @map: DMA map of the importer; @map->pfn_list holds the result of the fault
 *	for @nr_pages pages from @first on. Every one is HMM_PFN_VALID, and
 *	HMM_PFN_WRITE if @write
 * @first: index of the first page in @map
 * @nr_pages: number of pages, at most hmm_p2p_device_config.max_transfer
 * @buf: kernel memory for @nr_pages pages; it may begin anywhere in a page
 * @write: from @buf to the pages; else from the pages to @buf
 * @mapped: what is mapped for DMA in @map stays so
 */
struct hmm_p2p_transfer {
	struct hmm_dma_map *map;
	unsigned long first;
	unsigned long nr_pages;
	void *buf;
	bool write;
	bool mapped;
};

/**
 * struct hmm_p2p_importer_ops - what a device implements that reaches memory
 */
struct hmm_p2p_importer_ops {
	/**
	 * @transfer: Move the bytes, by the device. It maps the pages with
	 * hmm_dma_map_pfn(), which also gives the address of one that is mapped,
	 * and unmaps them before it returns, unless @xfer->mapped is set.
	 *
	 * Context: process; the mirror lock is held and keeps the pages in
	 * place, so no allocation that waits for reclaim.
	 * Return: 0, -EIO when the device failed, -EREMOTEIO when the DMA API
	 * refused a page, -EINTR when a fatal signal came before the device
	 * had its turn.
	 */
	int (*transfer)(struct hmm_p2p_device *hdev,
			const struct hmm_p2p_transfer *xfer);

	/**
	 * @transfer_dma: Move @len bytes between @buf and memory that is mapped for
	 * the device at @addr, such as a dma-buf's. @len is a multiple of PAGE_SIZE,
	 * and no more than @max_transfer pages. Optional.
	 *
	 * Context: process; a reservation lock (dma_resv) is held, so nothing that
	 * waits for another.
	 * Return: 0, -EIO, -EINTR.
	 */
	int (*transfer_dma)(struct hmm_p2p_device *hdev, dma_addr_t addr, void *buf,
			    size_t len, bool write);
};

/**
 * struct hmm_p2p_device_config - describes a device to the core
 * @dev: the struct device behind it: importers are measured against it
 * @name: short name, unique in the machine, at most 31 bytes; copied
 * @ops: exporter side, NULL for a device without memory
 * @importer_ops: importer side, NULL when it never imports
 * @memory: bytes of device memory, a multiple of PAGE_SIZE; 0 without @ops
 * @window: bytes of it, from the start, that have aliases; 0: none has
 * @shared: bytes that @ops->alloc_shared has, beside @memory
 * @apart: bytes that the driver hands out itself, beside both: charged by
 *	hmm_p2p_apart_charge()
 * @max_transfer: most pages in one @importer_ops->transfer call; 0: no limit
 * @alias_is_system: the aliases are ordinary system pages, which any importer
 *	may map; the topology is not asked
 * @no_p2p: the exporter opts out: no page is ever p2p
 * @drvdata: for hmm_p2p_device_drvdata()
 */
struct hmm_p2p_device_config {
	struct device *dev;
	const char *name;
	const struct hmm_p2p_device_ops *ops;
	const struct hmm_p2p_importer_ops *importer_ops;
	u64 memory;
	u64 window;
	u64 shared;
	u64 apart;
	unsigned int max_transfer;
	bool alias_is_system;
	bool no_p2p;
	void *drvdata;
};

/**
 * struct hmm_p2p_move - a request to move memory, and what came of it
 * @mm: whose memory; the caller holds a reference to its users
 * @hdev: where to, NULL for system memory
 * @start: first byte, page aligned
 * @end: end of it, exclusive, page aligned
 * @no_evict: when the device is full, evict nobody; else anybody but the move's
 *	own pages
 * @populate: anonymous memory that nobody has touched is touched first on @hdev
 * @stay: pages that are in swap or on another device stay there; otherwise
 *	they go to @hdev by way of system memory
 * @try_lock: where somebody else has the mmap_lock, end with -EBUSY and do not wait
 * @cause: enum hmm_p2p_counter that also counts what comes to RAM, or 0
 * @claim: number of the move, with which its pages on @hdev are marked: 0, or what
 *	an earlier call has left here, to go on with the same move. Receives it
 * @moved: see struct hmm_p2p_migrate for this and the following
 * @populated: pages zeroed on the device at first touch
 * @already: pages that were there before
 * @reasons: pages that stayed behind
 */
struct hmm_p2p_move {
	struct mm_struct *mm;
	struct hmm_p2p_device *hdev;
	unsigned long start;
	unsigned long end;
	bool no_evict;
	bool populate;
	bool stay;
	bool try_lock;
	u32 cause;
	unsigned long claim;
	u64 moved;
	u64 populated;
	u64 already;
	u64 reasons[HMM_P2P_REASON_SLOTS];
};

/**
 * struct hmm_p2p_evicted - what hmm_p2p_device_evict() did
 * @moved: pages that it brought to RAM
 * @left: pages that the device holds
 */
struct hmm_p2p_evicted {
	u64 moved;
	u64 left;
};

/* hmm_p2p_pfn_kind() */
enum hmm_p2p_pfn_kind {
	HMM_P2P_PFN_NONE,	/* not HMM_PFN_VALID */
	HMM_P2P_PFN_SYSTEM,	/* an ordinary page */
	HMM_P2P_PFN_PRIVATE,	/* a device-private page: a number, no address */
	HMM_P2P_PFN_ALIAS,	/* PCI peer-to-peer memory */
};

/* How the CPU reads device memory that it maps write-combined. */
enum hmm_p2p_loads {
	HMM_P2P_LOADS_AUTO,		/* a BAR: the faster of the two */
	HMM_P2P_LOADS_STREAMING,	/* right for every real device */
	HMM_P2P_LOADS_ORDINARY,		/* for what only looks like one */
};

/* For hmm_p2p_pci_bar_config.bar and .window. */
#define HMM_P2P_BAR_LARGEST	(-1)
#define HMM_P2P_NO_WINDOW	(~0ULL)

/**
 * struct hmm_p2p_pci_bar_config - describes memory behind a BAR to the core
 * @bar: its number, or HMM_P2P_BAR_LARGEST for the largest one that is memory
 * @offset: where in the BAR the memory begins; a multiple of 2 MiB, unless there
 *	is neither a window nor @p2pmem
 * @size: bytes from there, a multiple of PAGE_SIZE; 0: the rest of the BAR
 * @window: bytes of it, from the start, that other devices reach, a multiple of
 *	PAGE_SIZE; 0: all, HMM_P2P_NO_WINDOW: none
 * @p2pmem: bytes at its end that processes map with mmap() and the kernel's
 *	p2pmem/allocate hands out, a multiple of 2 MiB; 0: none
 * @apart: as hmm_p2p_device_config.apart: no part of @size
 * @loads: how the CPU reads it, where the CPU copies
 * @name: as hmm_p2p_device_config.name; NULL: "pci-" and the function's address
 * @ops: the driver's own; NULL: the CPU copies, by a write-combined mapping. A
 *	driver with an engine has its own copy_to_device and copy_to_ram, and
 *	takes the hmm_p2p_bar_*() functions below for the rest
 * @importer_ops: as hmm_p2p_device_config.importer_ops
 * @max_transfer: as hmm_p2p_device_config.max_transfer
 * @no_p2p: as hmm_p2p_device_config.no_p2p
 * @drvdata: for hmm_p2p_device_drvdata()
 */
struct hmm_p2p_pci_bar_config {
	int bar;
	u64 offset;
	u64 size;
	u64 window;
	u64 p2pmem;
	u64 apart;
	enum hmm_p2p_loads loads;
	const char *name;
	const struct hmm_p2p_device_ops *ops;
	const struct hmm_p2p_importer_ops *importer_ops;
	unsigned int max_transfer;
	bool no_p2p;
	void *drvdata;
};

/*
 * A module outside of the kernel's tree is for a kernel that has hmm_p2p.ko: it
 * never gets the stubs. It links against hmm_p2p's Module.symvers
 * (KBUILD_EXTRA_SYMBOLS), and modpost says what is missing.
 */
#if IS_ENABLED(CONFIG_HMM_P2P) || !IS_ENABLED(CONFIG_HMM_P2P_IN_TREE)

/**
 * hmm_p2p_owner_token - what stands for an interconnect in hmm_range
 * @owner: the interconnect on which the importer is; the caller has a reference
 *
 * Never share it with a driver that does not know this framework's pages.
 *
 * Return: the value for hmm_range.dev_private_owner.
 */
static inline void *hmm_p2p_owner_token(struct hmm_p2p_owner *owner)
{
	return owner;
}

struct hmm_p2p_device *
hmm_p2p_device_register(const struct hmm_p2p_device_config *config);
void hmm_p2p_device_unregister(struct hmm_p2p_device *hdev);
void *hmm_p2p_device_drvdata(const struct hmm_p2p_device *hdev);
struct device *hmm_p2p_device_dev(const struct hmm_p2p_device *hdev);
bool hmm_p2p_device_uses(const struct hmm_p2p_device *hdev,
			 const struct hmm_p2p_device_ops *ops);

struct hmm_p2p_device *
hmm_p2p_pci_bar_register(struct pci_dev *pdev,
			 const struct hmm_p2p_pci_bar_config *config);
void hmm_p2p_pci_bar_unregister(struct hmm_p2p_device *hdev);
void __iomem *hmm_p2p_bar_memory(const struct hmm_p2p_device *hdev);
int hmm_p2p_bar_get_dma_pfn(struct page *private_page, unsigned long *dma_pfn);
unsigned long hmm_p2p_bar_get_dma_pfn_run(struct page *private_page, unsigned long nr,
					  unsigned long *dma_pfn);
struct dma_fence *hmm_p2p_bar_copy_to_device(struct hmm_p2p_device *hdev,
					     const struct hmm_p2p_copy *runs,
					     unsigned int nr);
struct dma_fence *hmm_p2p_bar_copy_to_ram(struct hmm_p2p_device *hdev,
					  const struct hmm_p2p_copy *runs,
					  unsigned int nr);
int hmm_p2p_bar_copy_bytes(struct hmm_p2p_device *hdev, u64 offset, void *buf,
			   size_t len, bool to_device);
int hmm_p2p_bar_copy_peer(struct hmm_p2p_device *hdev, u64 offset, u64 addr,
			  size_t len, bool write);
struct page *hmm_p2p_bar_alloc_shared(struct hmm_p2p_device *hdev);

struct hmm_p2p_device *
hmm_p2p_device_find(const char *name, struct hmm_p2p_device *after);
void hmm_p2p_device_put(struct hmm_p2p_device *hdev);
const char *hmm_p2p_device_name(const struct hmm_p2p_device *hdev);
void hmm_p2p_device_fail_allocs(struct hmm_p2p_device *hdev, unsigned int nr);

struct hmm_p2p_apart *hmm_p2p_apart_charge(struct hmm_p2p_device *hdev, u64 bytes);
void hmm_p2p_apart_uncharge(struct hmm_p2p_apart *apart);

int hmm_p2p_move(struct hmm_p2p_move *move);
int hmm_p2p_device_evict(struct hmm_p2p_device *hdev,
			 struct hmm_p2p_evicted *result);
int hmm_p2p_device_pause(struct hmm_p2p_device *hdev);
void hmm_p2p_device_resume(struct hmm_p2p_device *hdev);

struct hmm_p2p_device *hmm_p2p_page_device(const struct page *page);
u64 hmm_p2p_page_offset(const struct page *page);
struct hmm_p2p_owner *hmm_p2p_owner_create(void);
struct hmm_p2p_owner *hmm_p2p_owner_get(struct hmm_p2p_owner *owner);
void hmm_p2p_owner_put(struct hmm_p2p_owner *owner);
int hmm_p2p_device_join(struct hmm_p2p_device *hdev, struct hmm_p2p_owner *owner);
int hmm_p2p_device_leave(struct hmm_p2p_device *hdev);
struct hmm_p2p_owner *hmm_p2p_device_owner(struct hmm_p2p_device *hdev);
u64 hmm_p2p_interconnect_addr(const struct page *page);
struct hmm_p2p_device *hmm_p2p_interconnect_device(struct hmm_p2p_device *hdev,
						   u64 addr, u64 *offset);

enum hmm_p2p_pfn_kind hmm_p2p_pfn_kind(unsigned long hmm_pfn);
int hmm_p2p_range_fault(struct hmm_range *range, struct device *importer);
int hmm_p2p_range_fault_unlocked_timeout(struct hmm_range *range,
					 struct device *importer,
					 unsigned long timeout);
struct device *hmm_p2p_cpu_importer(void);

int hmm_p2p_cpu_transfer(struct hmm_p2p_device *hdev,
			 const struct hmm_p2p_transfer *xfer);
void hmm_p2p_copy_to_io(void __iomem *dst, const void *src, size_t len);
void hmm_p2p_copy_from_io(void *dst, const void __iomem *src, size_t len,
			  enum hmm_p2p_loads loads);
void hmm_p2p_copy_io_to_io(void __iomem *dst, const void __iomem *src, size_t len,
			   enum hmm_p2p_loads loads);
enum hmm_p2p_loads hmm_p2p_fastest_loads(const void __iomem *src);
void hmm_p2p_copy_past_caches(void *dst, const void *src, size_t len);

void hmm_p2p_dmabuf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			  enum dma_data_direction dir);
void hmm_p2p_dmabuf_revoke(struct dma_buf *dmabuf, const char *name);
bool hmm_p2p_dmabuf_is_revoked(const struct dma_buf *dmabuf);

#else /* the kernel has it in its tree, and it is off */

static inline struct hmm_p2p_device *
hmm_p2p_device_register(const struct hmm_p2p_device_config *config)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void hmm_p2p_device_unregister(struct hmm_p2p_device *hdev)
{
}

static inline struct hmm_p2p_device *
hmm_p2p_pci_bar_register(struct pci_dev *pdev,
			 const struct hmm_p2p_pci_bar_config *config)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void hmm_p2p_pci_bar_unregister(struct hmm_p2p_device *hdev)
{
}

static inline enum hmm_p2p_pfn_kind hmm_p2p_pfn_kind(unsigned long hmm_pfn)
{
	return hmm_pfn & HMM_PFN_VALID ? HMM_P2P_PFN_SYSTEM : HMM_P2P_PFN_NONE;
}

static inline int hmm_p2p_range_fault(struct hmm_range *range,
				      struct device *importer)
{
	return hmm_range_fault(range);
}

#endif

#endif /* _LINUX_HMM_P2P_H */
