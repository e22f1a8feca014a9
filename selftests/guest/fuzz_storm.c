// SPDX-License-Identifier: GPL-2.0
/* What the owner of a slot does to it, and what must be in it afterwards. */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fuzz.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif

#define READ_WRITE	(PROT_READ | PROT_WRITE)

static bool is_anon(const struct fuzz_slot *slot)
{
	return slot->kind == FUZZ_ANON;
}

static int map_anon(uint8_t *mem, size_t length, int prot)
{
	CHECK(mmap(mem, length, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == mem);
	return 0;
}

/* Return: whether the slot has memory of that descriptor now. */
static bool map_fd(uint8_t *mem, int fd)
{
	bool mapped = fd >= 0 && !ftruncate(fd, (off_t)FUZZ_SLOT_BYTES) &&
		      mmap(mem, FUZZ_SLOT_BYTES, READ_WRITE, MAP_SHARED | MAP_FIXED, fd,
			   0) == mem;

	if (fd >= 0)
		close(fd);
	return mapped;
}

/* Nobody gets at it before it is registered: what he found would be zeros. */
static int map_userfault(struct fuzz_thread *t, const struct fuzz_run *all)
{
	struct fuzz_slot *slot = all->slot;
	uint32_t version = fuzz_version(t->f);
	size_t i;

	__atomic_store_n(&slot->served, version, __ATOMIC_RELEASE);
	CHECK(map_anon(all->mem, all->length, PROT_NONE) == 0);
	if (fuzz_userfault_register(t->f, t->slot)) {
		slot->kind = FUZZ_USERFAULT;
		for (i = 0; i < FUZZ_SLOT_PAGES; i++) {
			slot->page[i].version = version;
			slot->page[i].origin = t->slot * FUZZ_SLOT_PAGES + i;
		}
	}
	CHECK(mprotect(all->mem, all->length, READ_WRITE) == 0);
	return 0;
}

/* A hole first, so that nobody takes the old memory for the new. */
static int op_map(struct fuzz_thread *t)
{
	struct fuzz_run all = fuzz_all(t);
	unsigned int kind = fuzz_random(t, 8);

	CHECK(munmap(all.mem, all.length) == 0);
	all.slot->kind = FUZZ_ANON;
	fuzz_forget(&all);
	if (kind == 0 && map_fd(all.mem, memfd_create("fuzz", MFD_CLOEXEC))) {
		all.slot->kind = FUZZ_SHARED;
		return 0;
	}
	if (kind == 1 && map_fd(all.mem, (int)syscall(SYS_memfd_secret, O_CLOEXEC))) {
		all.slot->kind = FUZZ_SECRET;
		return 0;
	}
	if (kind == 2)
		return map_userfault(t, &all);
	return map_anon(all.mem, all.length, READ_WRITE);
}

static int op_unmap(struct fuzz_thread *t)
{
	struct fuzz_run all = fuzz_all(t);

	CHECK(munmap(all.mem, all.length) == 0);
	all.slot->kind = FUZZ_NOTHING;
	return 0;
}

static int op_look(struct fuzz_thread *t)
{
	struct fuzz_run run = fuzz_some(t);

	CHECK(fuzz_look(&run) == 0);
	return 0;
}

static int op_write(struct fuzz_thread *t)
{
	struct fuzz_run run = fuzz_some(t);

	if (fuzz_allows(&run, READ_WRITE))
		fuzz_renew(t, &run, run.mem);
	return 0;
}

static int protect(const struct fuzz_run *run, int prot)
{
	size_t i;

	CHECK(mprotect(run->mem, run->length, prot) == 0);
	for (i = 0; i < run->nr; i++)
		run->slot->page[run->first + i].prot = (uint8_t)prot;
	return 0;
}

static int op_protect(struct fuzz_thread *t)
{
	static const int prots[] = { PROT_NONE, PROT_READ, READ_WRITE, READ_WRITE, READ_WRITE };
	struct fuzz_run run = fuzz_some(t);

	if (run.slot->kind == FUZZ_NOTHING)
		return 0;
	return protect(&run, prots[fuzz_random(t, ARRAY_SIZE(prots))]);
}

/* ----------------------------------------------------------------- importers */

static uint32_t some_flags(struct fuzz_thread *t)
{
	return fuzz_random(t, 8) ? 0 : HMM_P2P_ACCESS_NO_P2P;
}

/* A slow importer gets a page. */
static struct fuzz_run run_for(struct fuzz_thread *t, const struct hmm_p2p_device_info *by)
{
	struct fuzz_run run = fuzz_some(t);

	if (is_slow(by)) {
		run.nr = 1;
		run.length = page_size;
	}
	return run;
}

static int op_importer_reads(struct fuzz_thread *t)
{
	const struct hmm_p2p_device_info *by = fuzz_device(t, is_importer);
	struct hmm_p2p_access result;
	struct fuzz_run run;
	int ret;

	if (!by)
		return 0;
	run = run_for(t, by);
	ret = hmm_p2p_read(ctx, NULL, by->out_id, (uintptr_t)run.mem, run.length, t->buffer,
			   some_flags(t), NULL, &result);
	errno = -ret;
	if (!fuzz_for_importers(&run, PROT_READ)) {
		CHECK(ret == -EFAULT || ret == -EPERM);
		return 0;
	}
	CHECK(ret == 0);
	CHECK(result.out_bytes == run.length);
	CHECK(fuzz_right(&run, t->buffer) == 0);
	return 0;
}

/* Refused: the pages that it says it wrote are written, the others are not. */
static int op_importer_writes(struct fuzz_thread *t)
{
	const struct hmm_p2p_device_info *by = fuzz_device(t, is_importer);
	struct fuzz_page before[FUZZ_SLOT_PAGES];
	struct hmm_p2p_access result;
	struct fuzz_run run;
	bool allowed;
	int ret;

	if (!by)
		return 0;
	run = run_for(t, by);
	allowed = fuzz_for_importers(&run, READ_WRITE);
	memcpy(before, &run.slot->page[run.first], run.nr * sizeof(before[0]));
	fuzz_renew(t, &run, t->buffer);
	ret = hmm_p2p_write(ctx, NULL, by->out_id, (uintptr_t)run.mem, run.length, t->buffer,
			    some_flags(t), NULL, &result);
	errno = -ret;
	CHECK(result.out_bytes <= run.length);
	fuzz_partly_written(&run, before, result.out_bytes);
	CHECK(allowed ? ret == 0 : ret == -EFAULT || ret == -EPERM);
	CHECK(!allowed || result.out_bytes == run.length);
	return 0;
}

static int op_move(struct fuzz_thread *t)
{
	const struct hmm_p2p_device_info *to = fuzz_device(t, is_exporter);
	struct fuzz_run run = fuzz_some(t);
	struct hmm_p2p_migrate result;
	int ret;

	ret = hmm_p2p_migrate(ctx, NULL, to->out_id, (uintptr_t)run.mem, run.length, &result);
	errno = -ret;
	CHECK(ret == 0);
	CHECK(migrate_sum(&result) == run.nr);
	if (!is_anon(run.slot) && run.slot->kind != FUZZ_USERFAULT)
		CHECK(!result.out_moved);
	return 0;
}

/* -------------------------------------------------------------------- advice */

static int op_free(struct fuzz_thread *t)
{
	struct fuzz_run run = fuzz_some(t);
	size_t i;

	if (!is_anon(run.slot) || madvise(run.mem, run.length, MADV_FREE))
		return 0;
	for (i = 0; i < run.nr; i++)
		run.slot->page[run.first + i].freed = run.slot->page[run.first + i].version;
	return 0;
}

/* What it was protected for remains; locked memory refuses. */
static void now_zero(const struct fuzz_run *run, bool guard)
{
	size_t i;

	for (i = 0; i < run->nr; i++) {
		struct fuzz_page *page = &run->slot->page[run->first + i];

		page->version = 0;
		page->freed = false;
		page->guard |= guard;
	}
}

/*
 * Not where somebody serves userfaults: an importer's fault has them served, keeps
 * the mmap_lock, and then faults what there is. MADV_DONTNEED needs no more than
 * that lock for reading: hmm_range_fault() meets a missing page, fails as it
 * should, and a kernel with DEBUG_VM dumps the stack ("FAULT_FLAG_ALLOW_RETRY
 * missing").
 */
static int op_throw_away(struct fuzz_thread *t)
{
	struct fuzz_run run = fuzz_some(t);

	if (is_anon(run.slot) && !madvise(run.mem, run.length, MADV_DONTNEED))
		now_zero(&run, false);
	if (run.slot->kind == FUZZ_SHARED && fuzz_allows(&run, READ_WRITE) &&
	    !madvise(run.mem, run.length, MADV_REMOVE))
		now_zero(&run, false);
	return 0;
}

static int op_guard(struct fuzz_thread *t)
{
	struct fuzz_run run = fuzz_some(t);

	if (is_anon(run.slot) && !madvise(run.mem, run.length, MADV_GUARD_INSTALL))
		now_zero(&run, true);
	return 0;
}

static int op_unguard(struct fuzz_thread *t)
{
	struct fuzz_run run = fuzz_all(t);
	size_t i;

	if (!is_anon(run.slot) || madvise(run.mem, run.length, MADV_GUARD_REMOVE))
		return 0;
	for (i = 0; i < run.nr; i++)
		run.slot->page[run.first + i].guard = false;
	return 0;
}

/* None of it changes a byte, whether it works or not. */
static int op_advise(struct fuzz_thread *t)
{
	static const int whole[] = {
		MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_MERGEABLE, MADV_MERGEABLE,
		MADV_UNMERGEABLE,
	};
	static const int part[] = {
		MADV_PAGEOUT, MADV_PAGEOUT, MADV_COLD, MADV_COLLAPSE, MADV_WILLNEED,
		MADV_POPULATE_READ, MADV_POPULATE_WRITE,
	};
	struct fuzz_run all = fuzz_all(t), run = fuzz_some(t);

	if (fuzz_random(t, 2))
		madvise(all.mem, all.length, whole[fuzz_random(t, ARRAY_SIZE(whole))]);
	else
		madvise(run.mem, run.length, part[fuzz_random(t, ARRAY_SIZE(part))]);
	return 0;
}

static int op_lock(struct fuzz_thread *t)
{
	struct fuzz_run all = fuzz_all(t);

	if (fuzz_random(t, 3))
		munlock(all.mem, all.length);
	else
		mlock2(all.mem, all.length, fuzz_random(t, 2) ? MLOCK_ONFAULT : 0);
	return 0;
}

/* ---------------------------------------------------------------------- mremap */

/*
 * A user may have locked all that he may; parts that were protected apart may have
 * become mappings that do not merge any more. How far it came is not told.
 */
static bool mremap_may_fail(void)
{
	return errno == EAGAIN || errno == ENOMEM || errno == EFAULT;
}

/* Another slot's memory becomes what this slot's was. */
static int move_mapping(const struct fuzz_run *from, const struct fuzz_run *to, bool keep)
{
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0);

	if (mremap(from->mem, from->length, to->length, flags, to->mem) != to->mem) {
		CHECK(mremap_may_fail());
		CHECK(munmap(from->mem, from->length) == 0);
		CHECK(munmap(to->mem, to->length) == 0);
		from->slot->kind = FUZZ_NOTHING;
		to->slot->kind = FUZZ_NOTHING;
		return 0;
	}
	to->slot->kind = FUZZ_ANON;
	memcpy(to->slot->page, from->slot->page, sizeof(to->slot->page));
	from->slot->kind = keep ? FUZZ_ANON : FUZZ_NOTHING;
	fuzz_forget(from);
	return 0;
}

static int op_remap(struct fuzz_thread *t)
{
	struct fuzz_run from = fuzz_all(t), to;
	struct fuzz_thread other = { .f = t->f, .slot = fuzz_random(t, FUZZ_SLOTS) };
	int ret;

	if (!is_anon(from.slot) || other.slot == t->slot ||
	    pthread_mutex_trylock(&t->f->slots[other.slot].lock))
		return 0;
	to = fuzz_all(&other);
	ret = protect(&from, READ_WRITE) || move_mapping(&from, &to, fuzz_random(t, 3) == 0);
	pthread_mutex_unlock(&to.slot->lock);
	CHECK(ret == 0);
	return 0;
}

/* The second half goes, and comes again with nothing in it. */
static int op_shrink(struct fuzz_thread *t)
{
	struct fuzz_run all = fuzz_all(t), half = all;

	if (!is_anon(all.slot))
		return 0;
	CHECK(protect(&all, READ_WRITE) == 0);
	half.first = FUZZ_SLOT_PAGES / 2;
	half.nr = FUZZ_SLOT_PAGES / 2;
	CHECK(mremap(all.mem, all.length, all.length / 2, 0) == all.mem);
	if (mremap(all.mem, all.length / 2, all.length, 0) != all.mem) {
		CHECK(mremap_may_fail());
		return op_unmap(t);
	}
	fuzz_forget(&half);
	return 0;
}

/* ------------------------------------------------------------------------ fork */

/* What the child writes, and where it moves it, is nobody else's business. */
static int child(struct fuzz_thread *t)
{
	const struct hmm_p2p_device_info *to = fuzz_device(t, is_exporter);
	struct fuzz_run all = fuzz_all(t), run = fuzz_some(t);

	CHECK(fuzz_look(&all) == 0);
	if (!is_anon(all.slot))
		return 0;
	if (fuzz_random(t, 2))
		CHECK(hmm_p2p_migrate(ctx, NULL, to->out_id, (uintptr_t)all.mem, all.length,
				      NULL) == 0);
	if (fuzz_allows(&run, READ_WRITE))
		fuzz_renew(t, &run, run.mem);
	CHECK(fuzz_look(&all) == 0);
	return 0;
}

static pid_t fork_child(struct fuzz_thread *t)
{
	pid_t pid;

	/* Direct I/O and fork() do not go together. */
	pthread_rwlock_wrlock(&t->f->forking);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Should it have to complain: stdio may be somebody's. */
		alarm(60);
		_exit(child(t));
	}
	pthread_rwlock_unlock(&t->f->forking);
	return pid;
}

/* The child does not hear of userfaults: what was missing is zero. */
static int op_fork(struct fuzz_thread *t)
{
	struct fuzz_run all = fuzz_all(t);
	int status;
	pid_t pid;

	if (all.slot->kind == FUZZ_USERFAULT)
		return 0;
	pid = fork_child(t);
	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	return 0;
}

/* -------------------------------------------------------------------- file I/O */

static int to_file(struct fuzz_thread *t, const struct fuzz_run *run, off_t at)
{
	struct fuzz *f = t->f;
	int64_t n;

	pthread_rwlock_rdlock(&f->forking);
	n = hmm_p2p_pwrite(ctx, f->file, run->mem, run->length, (uint64_t)at, 0, NULL, NULL);
	pthread_rwlock_unlock(&f->forking);
	errno = n < 0 ? (int)-n : 0;
	CHECK(n == (int64_t)run->length);
	CHECK(pread(f->file, t->buffer, run->length, at) == (ssize_t)run->length);
	CHECK(fuzz_right(run, t->buffer) == 0);
	return 0;
}

static int from_file(struct fuzz_thread *t, const struct fuzz_run *run, off_t at)
{
	struct fuzz *f = t->f;
	int64_t n;

	fuzz_renew(t, run, t->buffer);
	CHECK(pwrite(f->file, t->buffer, run->length, at) == (ssize_t)run->length);
	pthread_rwlock_rdlock(&f->forking);
	n = hmm_p2p_pread(ctx, f->file, run->mem, run->length, (uint64_t)at, 0, NULL, NULL);
	pthread_rwlock_unlock(&f->forking);
	errno = n < 0 ? (int)-n : 0;
	CHECK(n == (int64_t)run->length);
	CHECK(fuzz_look(run) == 0);
	return 0;
}

static int op_file_io(struct fuzz_thread *t)
{
	struct fuzz_run run = fuzz_some(t);
	off_t at = run.mem - FUZZ_ARENA;

	if (!fuzz_for_importers(&run, READ_WRITE))
		return 0;
	return fuzz_random(t, 2) ? to_file(t, &run, at) : from_file(t, &run, at);
}

/* ------------------------------------------------------------------ huge pages */

static int fill_block(struct fuzz_thread *t, unsigned int first, unsigned int nr)
{
	uint8_t *mem = fuzz_slot_mem(first);
	unsigned int i;

	CHECK(map_anon(mem, nr * FUZZ_SLOT_BYTES, READ_WRITE) == 0);
	madvise(mem, nr * FUZZ_SLOT_BYTES, MADV_HUGEPAGE);
	for (i = 0; i < nr; i++) {
		struct fuzz_thread one = { .f = t->f, .slot = first + i, .random = t->random };
		struct fuzz_run all = fuzz_all(&one);

		all.slot->kind = FUZZ_ANON;
		fuzz_forget(&all);
		fuzz_renew(&one, &all, all.mem);
	}
	return 0;
}

/* All slots of a huge page are mapped anew, if nobody has one of the others. */
static int op_huge(struct fuzz_thread *t)
{
	unsigned int nr = huge_size / FUZZ_SLOT_BYTES, first = t->slot / nr * nr, i;
	int ret = 0;

	for (i = 0; i < nr; i++)
		if (first + i != t->slot &&
		    pthread_mutex_trylock(&t->f->slots[first + i].lock))
			break;
	if (i == nr)
		ret = fill_block(t, first, nr);
	while (i--)
		if (first + i != t->slot)
			pthread_mutex_unlock(&t->f->slots[first + i].lock);
	CHECK(ret == 0);
	return 0;
}

#define OP(_fn, _often)	{ .name = #_fn, .fn = _fn, .often = _often }

static const struct {
	const char *name;
	int (*fn)(struct fuzz_thread *t);
	unsigned int often;
} ops[] = {
	OP(op_map, 6), OP(op_unmap, 2), OP(op_look, 12), OP(op_write, 14), OP(op_protect, 6),
	OP(op_importer_reads, 14), OP(op_importer_writes, 14), OP(op_move, 10), OP(op_free, 4),
	OP(op_throw_away, 3), OP(op_guard, 2), OP(op_unguard, 3), OP(op_advise, 10),
	OP(op_lock, 3), OP(op_remap, 4), OP(op_shrink, 2), OP(op_fork, 3), OP(op_file_io, 5),
	OP(op_huge, 2), OP(fuzz_job_reads, 8), OP(fuzz_job_writes, 8), OP(fuzz_job_faults, 4),
};

int fuzz_storm(struct fuzz_thread *t)
{
	unsigned int sum = 0, pick;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		sum += ops[i].often;
	pick = fuzz_random(t, sum);
	for (i = 0; pick >= ops[i].often; i++)
		pick -= ops[i].often;
	t->what = ops[i].name;
	return ops[i].fn(t);
}
