// SPDX-License-Identifier: GPL-2.0
/*
 * Direct I/O between a file and memory that may live on a device.
 *
 * The importer is the device that does the block device's DMA. Where it has a
 * path, it reads and writes device memory through the aliases; every other page
 * is an ordinary user page, and its I/O an ordinary O_DIRECT read or write.
 *
 * How pages are handed over. The file system gets an ITER_KVEC of the aliases'
 * kernel addresses: no reference or pin is taken on what it names, at no level,
 * and dirtying is for user-backed iterators only. Not an ITER_BVEC: a bio that
 * is built from one does not get REQ_NOMERGE, so a scheduler may merge it with
 * a bio of system pages, and the block layer maps a request by the kind of its
 * first page. One call never mixes kinds or devices, for the same reason.
 *
 * Why invalidation does not wait for the I/O. An importer normally blocks
 * invalidation while it uses pages. Here the use takes the file's locks, and
 * others hold these when they fault: a thread that write()s the same buffer to
 * the same file holds the inode lock, touches a page that is on the device, and
 * invalidates to bring it home; and so does everybody who allocates memory in a
 * file system and is sent to reclaim. To block them there is a deadlock. To pin
 * the pages is one, too: the fault could not bring its page home.
 *
 * So pages may leave while the I/O goes on, and what is kept is the memory behind
 * them. hmm_p2p_pages_hold() says that these bytes are not handed out again and
 * that the device does not go, and nothing else:
 *
 * - Memory to file: the bytes stay what they were when their I/O began.
 * - File to memory: the data is in device memory, and for a page that has left
 *   meanwhile it is copied from there, and then to where the page is now.
 *
 * A device that goes waits for holds. So nothing is held while the call waits for the
 * caller's memory, whose faults others may serve when they like: not where the
 * kernel faults system pages, nor where data follows a page, and for a mmap_lock only
 * so long.
 *
 * As with O_DIRECT, a child that is forked during the call may see the memory
 * before or after it.
 */
#include <linux/fs.h>
#include <linux/file.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#include "../core/core.h"
#include "file_io.h"
#include "target.h"

/* So long a mmap_lock is waited for, to see which pages have left; then all have. */
#define LOOK_PATIENCE	HZ

/**
 * struct file_io - a call under way
 * @arg: what was asked for; its out_* fields grow
 * @target: the file
 * @length: bytes to go for
 * @ended: the file has no more to give or take
 * @mirror: covers the whole range
 * @seq: when the piece was faulted
 * @start: first page of the piece
 * @nr_pages: pages of the piece, which fit one batch
 * @entries: result of the fault
 * @pages: private page of each p2p outcome, else NULL; it may have left, and is
 *	only compared
 * @whose: the device of each of them, which is only compared, too
 * @holds: the memory behind @pages, of one run at a time
 * @seen: where the pages are after a read
 * @gone: of a run, those that have left
 * @vec: the aliases, for the file system
 * @report: outcome and reason of each page
 *
 * There is room for the pages of the largest piece.
 */
struct file_io {
	struct hmm_p2p_file_io *arg;
	struct hmm_p2p_target target;
	u64 length;
	bool ended;
	struct hmm_p2p_mirror mirror;
	unsigned long seq;
	u64 start;
	unsigned long nr_pages;
	unsigned long *entries;
	struct page **pages;
	struct hmm_p2p_device **whose;
	struct hmm_p2p_hold *holds;
	unsigned long *seen;
	DECLARE_BITMAP(gone, HMM_P2P_BATCH_PAGES);
	struct kvec *vec;
	u8 *report;
};

/**
 * struct run - pages of a piece that one call to the file system takes
 * @first: index of the first in the piece
 * @nr: how many
 * @addr: address of the first byte
 * @len: bytes
 */
struct run {
	unsigned long first;
	unsigned long nr;
	u64 addr;
	size_t len;
};

static bool is_write(const struct file_io *io)
{
	return io->arg->flags & HMM_P2P_FILE_IO_WRITE;
}

/*
 * What lies behind the end is not asked for: the pages would come home for
 * nothing, and file systems clear memory for it that is not counted.
 */
static u64 within_file(const struct file_io *io)
{
	u64 size = i_size_read(io->target.file->f_mapping->host);

	if (is_write(io))
		return io->arg->length;
	if (io->arg->offset >= size)
		return 0;
	return min(io->arg->length, ALIGN(size - io->arg->offset, io->target.align));
}

static int io_prepare(struct file_io *io)
{
	const struct hmm_p2p_file_io *arg = io->arg;
	int ret;

	if (!(io->target.file->f_mode & (is_write(io) ? FMODE_WRITE : FMODE_READ)))
		return -EBADF;
	ret = hmm_p2p_target_inspect(&io->target);
	if (ret)
		return ret;
	if (arg->flags & HMM_P2P_FILE_IO_NO_P2P)
		io->target.importer.no_p2p = true;
	if (!IS_ALIGNED(arg->addr | arg->length | arg->offset, io->target.align))
		return -EINVAL;
	io->length = within_file(io);
	return 0;
}

static ssize_t call_file(struct file_io *io, struct iov_iter *iter)
{
	struct kiocb kiocb;

	init_sync_kiocb(&kiocb, io->target.file);
	kiocb.ki_flags |= IOCB_DIRECT;
	kiocb.ki_pos = io->arg->offset + io->arg->out_bytes;
	if (is_write(io))
		return vfs_iocb_iter_write(io->target.file, &kiocb, iter);
	return vfs_iocb_iter_read(io->target.file, &kiocb, iter);
}

static unsigned int io_direction(const struct file_io *io)
{
	return is_write(io) ? ITER_SOURCE : ITER_DEST;
}

static ssize_t user_io(struct file_io *io, const struct run *run)
{
	struct iov_iter iter;
	int ret;

	ret = import_ubuf(io_direction(io), u64_to_user_ptr(run->addr), run->len, &iter);
	return ret ?: call_file(io, &iter);
}

static void *alias_addr(const struct file_io *io, unsigned long i)
{
	return page_address(hmm_pfn_to_page(io->entries[i]));
}

/* Returns the number of vectors: one for neighbours in device memory. */
static unsigned long alias_vecs(struct file_io *io, const struct run *run)
{
	size_t skip = offset_in_page(run->addr), left = run->len, part;
	struct kvec *vec = io->vec - 1;
	unsigned long i;

	for (i = run->first; left; i++, left -= part, skip = 0) {
		void *addr = alias_addr(io, i) + skip;

		part = min(left, PAGE_SIZE - skip);
		if (vec >= io->vec && vec->iov_base + vec->iov_len == addr) {
			vec->iov_len += part;
			continue;
		}
		vec++;
		vec->iov_base = addr;
		vec->iov_len = part;
	}
	return vec + 1 - io->vec;
}

/* The address of a page's first byte in the run, and with @len bytes of that how many. */
static u64 page_addr(const struct run *run, unsigned long i)
{
	return i == run->first ? run->addr :
	       ALIGN_DOWN(run->addr, PAGE_SIZE) + ((u64)(i - run->first) << PAGE_SHIFT);
}

static size_t page_len(const struct run *run, unsigned long i, size_t len)
{
	u64 addr = page_addr(run, i);

	return min_t(u64, run->addr + len - addr, PAGE_SIZE - offset_in_page(addr));
}

/* What was read for a page that has left. */
static int page_save(struct file_io *io, unsigned long i, u64 addr, size_t len,
		     void *bounce)
{
	const void *from = alias_addr(io, i) + offset_in_page(addr);
	const struct hmm_p2p_hold *hold = &io->holds[i];
	const struct hmm_p2p_device_ops *ops = hold->hdev->config.ops;

	/* The device says when it was torn out, and gives nothing but ones. */
	if (ops->copy_bytes)
		return ops->copy_bytes(hold->hdev,
				       ((u64)hold->index << PAGE_SHIFT) + offset_in_page(addr),
				       bounce, len, false);
	hmm_p2p_copy_from_io(bounce, (const void __iomem __force *)from, len,
			     HMM_P2P_LOADS_STREAMING);
	return 0;
}

static int run_save(struct file_io *io, const struct run *run, size_t len, void *bounce)
{
	unsigned long i;
	int ret = 0;

	for_each_set_bit(i, io->gone, run->first + run->nr) {
		ret = page_save(io, i, page_addr(run, i), page_len(run, i, len), bounce);
		if (ret)
			break;
		bounce += PAGE_SIZE;
	}
	return ret;
}

/* It goes after them. */
static int run_follow(struct file_io *io, const struct run *run, size_t len,
		      const void *bounce)
{
	unsigned long i;

	for_each_set_bit(i, io->gone, run->first + run->nr) {
		if (copy_to_user(u64_to_user_ptr(page_addr(run, i)), bounce,
				 page_len(run, i, len)))
			return -EFAULT;
		bounce += PAGE_SIZE;
	}
	return 0;
}

/*
 * A held page's memory is not handed out again, so a page that is mapped now
 * never left, and the data is in it.
 */
static bool is_in_place(const struct file_io *io, unsigned long i)
{
	return (io->seen[i] & HMM_PFN_VALID) &&
	       hmm_pfn_to_page(io->seen[i]) == io->pages[i];
}

/* Somebody may have the lock for as long as he waits for a fault. */
static int look_lock(struct mm_struct *mm)
{
	unsigned long until = jiffies + LOOK_PATIENCE;

	while (!mmap_read_trylock(mm)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (time_after(jiffies, until))
			return -EAGAIN;
		schedule_timeout_killable(1);
	}
	return 0;
}

/* Which of @nr pages have left? */
static int run_look(struct file_io *io, const struct run *run, unsigned long nr)
{
	struct hmm_range range = {
		.start = io->start + (run->first << PAGE_SHIFT),
		.end = io->start + ((run->first + nr) << PAGE_SHIFT),
		.hmm_pfns = io->seen + run->first,
		.dev_private_owner = READ_ONCE(io->holds[run->first].hdev->owner),
	};
	unsigned long i;
	int ret;

	bitmap_zero(io->gone, HMM_P2P_BATCH_PAGES);
	ret = look_lock(io->mirror.mm);
	if (ret == -EAGAIN)
		bitmap_set(io->gone, run->first, nr);
	if (ret)
		return ret == -EAGAIN ? 0 : ret;
	ret = hmm_p2p_mirror_snapshot(&io->mirror, &range);
	mmap_read_unlock(io->mirror.mm);
	if (ret)
		return ret;
	hmm_p2p_fix_huge_offset(range.hmm_pfns, range.start, range.end);
	for (i = run->first; i < run->first + nr; i++)
		__assign_bit(i, io->gone, !is_in_place(io, i));
	return 0;
}

static int run_settle(struct file_io *io, const struct run *run, size_t len)
{
	unsigned long nr = DIV_ROUND_UP(offset_in_page(run->addr) + len, PAGE_SIZE);
	void *bounce;
	int ret;

	/* What leaves from now on takes along what was read. */
	if (!mmu_interval_check_retry(&io->mirror.notifier, io->seq))
		return 0;
	ret = run_look(io, run, nr);
	nr = bitmap_weight(io->gone, HMM_P2P_BATCH_PAGES);
	if (ret || !nr)
		return ret;
	bounce = __vmalloc(nr << PAGE_SHIFT, HMM_P2P_GFP_USER);
	if (!bounce)
		return -ENOMEM;
	ret = run_save(io, run, len, bounce);
	hmm_p2p_pages_release(io->holds + run->first, run->nr);
	ret = ret ?: run_follow(io, run, len, bounce);
	vfree(bounce);
	return ret;
}

static ssize_t alias_io(struct file_io *io, const struct run *run)
{
	struct iov_iter iter;
	ssize_t done;
	int ret;

	iov_iter_kvec(&iter, io_direction(io), io->vec, alias_vecs(io, run), run->len);
	done = call_file(io, &iter);
	if (done <= 0 || is_write(io))
		return done;
	ret = run_settle(io, run, done);
	return ret ?: done;
}

/*
 * The file may lie on another device than the one that was asked about, as with
 * a file system on several. The DMA API refuses then, and the rest of the call
 * goes by way of system memory.
 */
static bool is_refused(const struct file_io *io, const struct run *run, ssize_t ret)
{
	return io->whose[run->first] && (ret == -EREMOTEIO || ret == -EINVAL);
}

/* Only pages that bytes went to or came from are told of. */
static void run_tally(struct file_io *io, const struct run *run, size_t done)
{
	struct hmm_p2p_file_io *arg = io->arg;
	struct hmm_p2p_tally tally;
	unsigned long nr = 0;

	if (done)
		nr = DIV_ROUND_UP(offset_in_page(run->addr) + done, PAGE_SIZE);
	tally = hmm_p2p_report_tally(io->report + run->first, nr, arg->out_reasons);
	arg->out_p2p += tally.outcomes[HMM_P2P_OUTCOME_P2P];
	arg->out_migrated += tally.outcomes[HMM_P2P_OUTCOME_MIGRATED];
	arg->out_system += tally.outcomes[HMM_P2P_OUTCOME_SYSTEM];
	memset(io->report + run->first + nr, 0, run->nr - nr);
	arg->out_bytes += done;
}

/* Returns whether the piece goes on, or an error. */
static int run_io(struct file_io *io, const struct run *run)
{
	ssize_t ret;

	ret = io->whose[run->first] ? alias_io(io, run) : user_io(io, run);
	run_tally(io, run, max(ret, 0L));
	if (is_refused(io, run, ret)) {
		io->target.importer.no_p2p = true;
		return 0;
	}
	if (ret < 0)
		return ret;
	io->ended = ret < run->len;
	return !io->ended;
}

static struct run next_run(const struct file_io *io, unsigned long first)
{
	const struct hmm_p2p_file_io *arg = io->arg;
	struct run run = { .first = first, .nr = 1 };
	u64 end;

	while (first + run.nr < io->nr_pages &&
	       io->whose[first + run.nr] == io->whose[first])
		run.nr++;
	end = io->start + ((u64)(first + run.nr) << PAGE_SHIFT);
	run.addr = max(io->start + ((u64)first << PAGE_SHIFT), arg->addr);
	run.len = min(end, arg->addr + io->length) - run.addr;
	return run;
}

static bool hold_locked(struct file_io *io, const struct run *run)
{
	lockdep_assert_held(&io->mirror.lock);
	return hmm_p2p_pages_hold(io->pages + run->first, run->nr, io->holds + run->first);
}

/*
 * The first run was held when it was faulted. Returns 1, or 0 when the pages may have
 * left since, or their device goes: then the piece ends before them.
 */
static int run_hold(struct file_io *io, const struct run *run)
{
	int held = 0;

	if (!run->first || !io->whose[run->first])
		return 1;
	if (mutex_lock_killable(&io->mirror.lock))
		return -EINTR;
	if (!mmu_interval_read_retry(&io->mirror.notifier, io->seq))
		held = hold_locked(io, run);
	mutex_unlock(&io->mirror.lock);
	return held;
}

static int piece_runs(struct file_io *io)
{
	unsigned long first = 0;
	struct run run;
	int ret = 1;

	while (ret > 0 && first < io->nr_pages) {
		run = next_run(io, first);
		ret = fatal_signal_pending(current) ? -EINTR : run_hold(io, &run);
		if (ret <= 0)
			break;
		ret = run_io(io, &run);
		hmm_p2p_pages_release(io->holds + run.first, run.nr);
		first += run.nr;
	}
	/* The fault of a system page may wait long, and removal waits for holds. */
	hmm_p2p_pages_release(io->holds, io->nr_pages);
	memset(io->report + first, 0, io->nr_pages - first);
	return min(ret, 0);
}

/* With the mirror lock, which keeps the pages and so their devices. */
static void piece_note(struct file_io *io)
{
	unsigned long i;

	for (i = 0; i < io->nr_pages; i++)
		io->whose[i] = io->pages[i] ? hmm_p2p_page_device(io->pages[i]) : NULL;
}

/* Returns with the p2p pages of the first run held, or an error. */
static int piece_fault(struct file_io *io)
{
	const struct hmm_p2p_fault fault = {
		.importer = io->target.importer,
		.by_mapping = !(io->arg->flags & HMM_P2P_FILE_IO_NO_P2P),
		.by_keys = true,
		.pages = io->pages,
		.report = io->report,
	};
	struct hmm_range range = {
		.start = io->start,
		.end = io->start + (io->nr_pages << PAGE_SHIFT),
		.hmm_pfns = io->entries,
		.default_flags = HMM_PFN_REQ_FAULT |
				 (is_write(io) ? 0 : HMM_PFN_REQ_WRITE),
	};
	struct run run;
	bool held;
	int ret;

	memset(io->report, 0, io->nr_pages);
	do {
		ret = hmm_p2p_mirror_fault(&io->mirror, &range, &fault);
		if (ret)
			return ret;
		io->seq = range.notifier_seq;
		piece_note(io);
		run = next_run(io, 0);
		/* A device that goes away is left alone by the next fault. */
		held = hold_locked(io, &run);
		mutex_unlock(&io->mirror.lock);
	} while (!held);
	return 0;
}

static int piece_report(struct file_io *io)
{
	const struct hmm_p2p_file_io *arg = io->arg;
	u64 at = arg->outcomes + ((io->start - ALIGN_DOWN(arg->addr, PAGE_SIZE)) >> PAGE_SHIFT);

	if (!arg->outcomes)
		return 0;
	return copy_to_user(u64_to_user_ptr(at), io->report, io->nr_pages) ? -EFAULT : 0;
}

/* A piece ends at a huge page boundary. */
static int do_piece(struct file_io *io)
{
	const struct hmm_p2p_file_io *arg = io->arg;
	u64 addr = arg->addr + arg->out_bytes;
	u64 end = min(arg->addr + io->length, ALIGN(addr + 1, HPAGE_PMD_SIZE));
	int ret;

	io->start = ALIGN_DOWN(addr, PAGE_SIZE);
	io->nr_pages = (ALIGN(end, PAGE_SIZE) - io->start) >> PAGE_SHIFT;
	ret = piece_fault(io);
	if (ret == -EREMOTEIO) {
		hmm_p2p_report_refused(io->report, io->nr_pages, io->arg->out_reasons);
		return piece_report(io) ?: ret;
	}
	if (ret)
		return ret;
	ret = piece_runs(io);
	return piece_report(io) ?: ret;
}

static int do_all(struct file_io *io)
{
	int ret = 0;

	while (!ret && !io->ended && io->arg->out_bytes < io->length)
		ret = fatal_signal_pending(current) ? -EINTR : do_piece(io);
	return ret;
}

/* From the page of the first byte to behind that of the last of @length. */
static u64 page_span(const struct hmm_p2p_file_io *arg, u64 length)
{
	return ALIGN(arg->addr + length, PAGE_SIZE) - ALIGN_DOWN(arg->addr, PAGE_SIZE);
}

/* Pages that the call does not come to have no outcome. */
static int clear_outcomes(const struct file_io *io)
{
	u64 nr = page_span(io->arg, io->arg->length) >> PAGE_SHIFT;

	if (io->arg->length && io->arg->outcomes &&
	    clear_user(u64_to_user_ptr(io->arg->outcomes), nr))
		return -EFAULT;
	return 0;
}

static int do_file(struct mm_struct *mm, struct file_io *io)
{
	int ret;

	ret = io_prepare(io);
	if (!ret)
		ret = clear_outcomes(io);
	if (ret || !io->length)
		return ret;
	ret = hmm_p2p_mirror_init(&io->mirror, mm, ALIGN_DOWN(io->arg->addr, PAGE_SIZE),
				  page_span(io->arg, io->length));
	if (ret)
		return ret;
	ret = do_all(io);
	hmm_p2p_mirror_fini(&io->mirror);
	return ret;
}

/* A small call needs little: to clear room that it does not use would cost more. */
static struct file_io *file_io_alloc(struct hmm_p2p_file_io *arg)
{
	unsigned long nr = min(page_span(arg, arg->length) >> PAGE_SHIFT,
			       (u64)HMM_P2P_BATCH_PAGES);
	struct file_io *io;

	io = kvzalloc(sizeof(*io) + nr * (sizeof(*io->holds) + sizeof(*io->vec) +
					  sizeof(*io->entries) + sizeof(*io->seen) +
					  sizeof(*io->pages) + sizeof(*io->whose) +
					  sizeof(*io->report)),
		      HMM_P2P_GFP_USER);
	if (!io)
		return NULL;
	io->arg = arg;
	io->holds = (struct hmm_p2p_hold *)(io + 1);
	io->vec = (struct kvec *)(io->holds + nr);
	io->entries = (unsigned long *)(io->vec + nr);
	io->seen = io->entries + nr;
	io->pages = (struct page **)(io->seen + nr);
	io->whose = (struct hmm_p2p_device **)(io->pages + nr);
	io->report = (u8 *)(io->whose + nr);
	return io;
}

/**
 * hmm_p2p_do_file_io - direct I/O between a file and the caller's memory
 * @mm: the caller's memory
 * @arg: what was asked for; it was checked, and receives the counts
 *
 * Context: the caller's process; may sleep.
 * Return: 0, also at the end of the file; -EBADF, -EOPNOTSUPP for a file that
 * cannot do direct I/O, -EINVAL for one that wants another alignment, -EFAULT,
 * -EPERM, -EREMOTEIO for shared device memory that is not to be p2p, -EINTR,
 * -ENOMEM, or what the file system says.
 */
int hmm_p2p_do_file_io(struct mm_struct *mm, struct hmm_p2p_file_io *arg)
{
	struct file_io *io;
	int ret = -EBADF;

	io = file_io_alloc(arg);
	if (!io)
		return -ENOMEM;
	io->target.file = fget(arg->fd);
	if (io->target.file) {
		ret = do_file(mm, io);
		hmm_p2p_target_put(&io->target);
	}
	kvfree(io);
	return ret;
}
