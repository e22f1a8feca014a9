// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that nobody's lock protects: on the arena and around it, with ranges that
 * cross slots and holes, and with structures that are wrong. None of them writes
 * to memory whose content is known: moving, reading and faulting change nothing,
 * and what writes gets memory or a file that is nobody's business.
 */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "fuzz.h"

#define MAX_EXTENTS	64
#define ARG_BYTES	1024

/* Errors by call, as the header lists them; all can have the first three. */
static const int any_errors[] = { EINVAL, EFAULT, E2BIG };
static const int device_errors[] = { ENOENT };
static const int path_errors[] = { ENOENT, EOPNOTSUPP, EBADF };
static const int migrate_errors[] = {
	ENOENT, EOPNOTSUPP, ENOSPC, ENOMEM, ESRCH, EACCES,
};
static const int access_errors[] = {
	ENOENT, EOPNOTSUPP, EPERM, ENOMEM, ESRCH, EACCES,
};
static const int query_errors[] = {
	ENOENT, EOPNOTSUPP, ENOMEM, ESRCH, EACCES,
};
static const int stat_errors[] = { ENOENT, EOPNOTSUPP };
static const int owner_errors[] = { ENOENT, EOPNOTSUPP, EPERM, EBUSY };
static const int export_errors[] = { EOPNOTSUPP, EPERM, ENOMEM };
static const int file_io_errors[] = {
	EBADF, EOPNOTSUPP, EPERM, ENOMEM, ENOSPC, EFBIG,
};

union arg {
	struct hmm_p2p_info info;
	struct hmm_p2p_device_info device;
	struct hmm_p2p_path path;
	struct hmm_p2p_migrate migrate;
	struct hmm_p2p_access access;
	struct hmm_p2p_query query;
	struct hmm_p2p_stat stat;
	struct hmm_p2p_set_owner set_owner;
	struct hmm_p2p_file_io file_io;
	struct hmm_p2p_export export;
	uint32_t word[ARG_BYTES / 4];
};

struct range {
	uint64_t addr;
	uint64_t length;
};

/*
 * Of the arena, with a bit of what is around it; or of the thread's own stack. Often
 * short, for time is, too.
 */
static struct range some_range(struct fuzz_thread *t, size_t most)
{
	size_t around = FUZZ_SLOT_PAGES / 4, pages = FUZZ_SLOTS * FUZZ_SLOT_PAGES;
	uint64_t base = (uintptr_t)FUZZ_ARENA - around * page_size;
	struct range range;

	range.addr = base + fuzz_random(t, pages + around) * page_size;
	if (!fuzz_random(t, 64))
		range.addr = ((uintptr_t)&range & ~(page_size - 1)) - 4 * page_size;
	if (most > FUZZ_SLOT_PAGES && fuzz_random(t, 8))
		most = FUZZ_SLOT_PAGES;
	range.length = (1 + fuzz_random(t, most)) * page_size;
	return range;
}

static uint32_t some_id(struct fuzz_thread *t)
{
	return t->f->devices[fuzz_random(t, t->f->nr_devices)].out_id;
}

static uint8_t *junk(struct fuzz_thread *t, size_t length)
{
	return t->junk + fuzz_random(t, FUZZ_SLOT_BYTES - length);
}

/*
 * Now and then another process's memory: root's to look at and to move. Return: a
 * descriptor to close, or -1 for one's own.
 */
static int some_process(struct fuzz_thread *t, int32_t *pid, int32_t *mem_fd)
{
	char path[64];
	int fd;

	*pid = HMM_P2P_SELF_PID;
	*mem_fd = HMM_P2P_NO_FD;
	if (fuzz_random(t, 6))
		return -1;
	*pid = __atomic_load_n(&t->f->pids[fuzz_random(t, FUZZ_PROCESSES)], __ATOMIC_RELAXED);
	snprintf(path, sizeof(path), "/proc/%d/mem", *pid);
	fd = *pid > 0 ? open(path, O_RDWR | O_CLOEXEC) : -1;
	*mem_fd = fd;
	if (fd < 0)
		*pid = HMM_P2P_SELF_PID;
	return fd;
}

/* ---------------------------------------------------------- what a call must say */

static int info_right(const union arg *arg, bool ok)
{
	CHECK(!ok || arg->info.out_page_size == page_size);
	return 0;
}

static int device_right(const union arg *arg, bool ok)
{
	CHECK(!ok || arg->device.out_id >= arg->device.id);
	CHECK(!ok || arg->device.out_used_bytes <= arg->device.out_memory_bytes);
	return 0;
}

static int migrate_right(const union arg *arg, bool ok)
{
	const struct hmm_p2p_migrate *r = &arg->migrate;
	uint64_t pages = r->length / page_size;

	CHECK(ok ? migrate_sum(r) == pages : migrate_sum(r) <= pages);
	CHECK(r->out_populated <= r->out_moved);
	CHECK(r->out_reasons[HMM_P2P_REASON_NONE] == 0);
	return 0;
}

static int access_right(const union arg *arg, bool ok)
{
	const struct hmm_p2p_access *r = &arg->access;
	uint64_t sum = r->out_private + r->out_p2p + r->out_migrated + r->out_system;
	uint64_t pages = r->length / page_size;

	CHECK(ok ? sum == pages : sum <= pages);
	CHECK(ok ? r->out_bytes == r->data_length : r->out_bytes <= r->data_length);
	CHECK(reasons_sum(r->out_reasons) <= pages);
	CHECK(!ok || reasons_sum(r->out_reasons) == r->out_migrated);
	return 0;
}

static int query_right(const union arg *arg, bool ok)
{
	const struct hmm_p2p_query *r = &arg->query;

	if (!ok)
		return 0;
	CHECK(r->out_nr_extents <= r->nr_extents);
	CHECK(r->out_next > r->addr && r->out_next <= r->addr + r->length);
	return 0;
}

static int file_io_right(const union arg *arg, bool ok)
{
	const struct hmm_p2p_file_io *r = &arg->file_io;
	uint64_t sum = r->out_p2p + r->out_migrated + r->out_system;

	(void)ok;
	CHECK(r->out_bytes <= r->length);
	CHECK(sum <= r->length / page_size + 2);
	return 0;
}

static int right(const union arg *arg, bool ok)
{
	(void)arg;
	(void)ok;
	return 0;
}

/* ------------------------------------------------------------- calls that are right */

static void fill_nothing(struct fuzz_thread *t, union arg *arg)
{
	(void)t;
	(void)arg;
}

static void fill_device(struct fuzz_thread *t, union arg *arg)
{
	arg->device.id = some_id(t) - fuzz_random(t, 2);
}

static void fill_path(struct fuzz_thread *t, union arg *arg)
{
	bool file = fuzz_random(t, 2);

	arg->path.flags = file ? HMM_P2P_PATH_FILE : 0;
	arg->path.exporter = some_id(t);
	arg->path.importer = file ? (uint32_t)t->f->scratch : some_id(t);
}

static void fill_migrate(struct fuzz_thread *t, union arg *arg)
{
	struct range range = some_range(t, FUZZ_SLOTS * FUZZ_SLOT_PAGES);
	struct hmm_p2p_migrate *migrate = &arg->migrate;

	migrate->flags = fuzz_random(t, 8) ? 0 : HMM_P2P_MIGRATE_NO_EVICT;
	migrate->mem_fd = HMM_P2P_NO_FD;
	migrate->addr = range.addr;
	migrate->length = range.length;
	if (fuzz_random(t, 3))
		migrate->device = some_id(t);
	else
		migrate->flags |= HMM_P2P_MIGRATE_TO_RAM;
}

/* Reads to junk, or only faults, perhaps to write. */
static void fill_access(struct fuzz_thread *t, union arg *arg)
{
	const struct hmm_p2p_device_info *by = fuzz_device(t, is_importer);
	struct range range = some_range(t, by && is_slow(by) ? 2 : FUZZ_SLOT_PAGES / 2);
	struct hmm_p2p_access *access = &arg->access;
	uint64_t pages = range.length / page_size;

	access->importer = by ? by->out_id : some_id(t);
	access->mem_fd = HMM_P2P_NO_FD;
	access->flags = fuzz_random(t, 4) ? 0 : HMM_P2P_ACCESS_NO_P2P;
	access->addr = range.addr;
	access->length = range.length;
	if (fuzz_random(t, 2))
		access->outcomes = (uintptr_t)junk(t, pages);
	if (fuzz_random(t, 2)) {
		access->data_length = (1 + fuzz_random(t, pages)) * page_size;
		access->data = (uintptr_t)junk(t, access->data_length);
	} else if (fuzz_random(t, 2)) {
		access->flags |= HMM_P2P_ACCESS_WRITE;
	}
}

static void fill_query(struct fuzz_thread *t, union arg *arg)
{
	struct range range = some_range(t, FUZZ_SLOTS * FUZZ_SLOT_PAGES);
	struct hmm_p2p_query *query = &arg->query;

	query->mem_fd = HMM_P2P_NO_FD;
	query->importer = fuzz_random(t, 2) ? some_id(t) : 0;
	query->addr = range.addr;
	query->length = range.length;
	query->nr_extents = 1 + fuzz_random(t, MAX_EXTENTS);
	query->extents = (uintptr_t)junk(t, MAX_EXTENTS * sizeof(struct hmm_p2p_extent));
}

static void fill_stat(struct fuzz_thread *t, union arg *arg)
{
	arg->stat.device = some_id(t);
}

static void fill_set_owner(struct fuzz_thread *t, union arg *arg)
{
	arg->set_owner.device = some_id(t);
	arg->set_owner.peer = fuzz_random(t, 2) ? some_id(t) : 0;
}

/* The arena is only written to the file; what is read goes to junk. */
static void fill_file_io(struct fuzz_thread *t, union arg *arg)
{
	struct range range = some_range(t, FUZZ_SLOT_PAGES / 2);
	struct hmm_p2p_file_io *io = &arg->file_io;

	io->fd = t->f->scratch;
	io->flags = fuzz_random(t, 4) ? 0 : HMM_P2P_FILE_IO_NO_P2P;
	io->addr = range.addr;
	io->length = range.length;
	io->offset = fuzz_random(t, FUZZ_SLOT_PAGES) * page_size;
	if (fuzz_random(t, 2)) {
		io->flags |= HMM_P2P_FILE_IO_WRITE;
	} else {
		io->addr = (uintptr_t)t->junk;
		io->length = page_size * (1 + fuzz_random(t, FUZZ_SLOT_PAGES));
	}
}

/* Nothing in the arena is memory that a dma-buf can be made of. */
static void fill_export(struct fuzz_thread *t, union arg *arg)
{
	struct range range = some_range(t, FUZZ_SLOT_PAGES);

	arg->export.addr = range.addr + fuzz_random(t, page_size);
	arg->export.length = 1 + fuzz_random(t, range.length);
}

static int export_right(const union arg *arg, bool ok)
{
	CHECK(!ok && arg->export.out_fd == HMM_P2P_NO_FD);
	return 0;
}

#define CALL(_nr, _struct, _errors, _fill, _right)		\
	{							\
		.name = #_nr,					\
		.cmd = HMM_P2P_IOC_##_nr,			\
		.size = sizeof(struct _struct),			\
		.errors = _errors,				\
		.nr_errors = ARRAY_SIZE(_errors),		\
		.fill = _fill,					\
		.right = _right,				\
	}

static const struct call {
	const char *name;
	unsigned long cmd;
	size_t size;
	const int *errors;
	size_t nr_errors;
	void (*fill)(struct fuzz_thread *t, union arg *arg);
	int (*right)(const union arg *arg, bool ok);
} calls[] = {
	CALL(MIGRATE, hmm_p2p_migrate, migrate_errors, fill_migrate, migrate_right),
	CALL(ACCESS, hmm_p2p_access, access_errors, fill_access, access_right),
	CALL(QUERY, hmm_p2p_query, query_errors, fill_query, query_right),
	CALL(FILE_IO, hmm_p2p_file_io, file_io_errors, fill_file_io, file_io_right),
	CALL(INFO, hmm_p2p_info, any_errors, fill_nothing, info_right),
	CALL(DEVICE, hmm_p2p_device_info, device_errors, fill_device, device_right),
	CALL(PATH, hmm_p2p_path, path_errors, fill_path, right),
	CALL(STAT, hmm_p2p_stat, stat_errors, fill_stat, right),
	CALL(SET_OWNER, hmm_p2p_set_owner, owner_errors, fill_set_owner, right),
	CALL(EXPORT, hmm_p2p_export, export_errors, fill_export, export_right),
};

/* Moving and reaching are what it is about. */
static const struct call *some_call(struct fuzz_thread *t)
{
	return &calls[fuzz_random(t, fuzz_random(t, 4) ? 2 : ARRAY_SIZE(calls))];
}

static bool is_in(int err, const int *errors, size_t nr)
{
	while (nr && errors[nr - 1] != err)
		nr--;
	return nr;
}

static int listed(const struct call *call, int err)
{
	CHECK(!err || is_in(err, any_errors, ARRAY_SIZE(any_errors)) ||
	      is_in(err, call->errors, call->nr_errors));
	return 0;
}

static int issue(struct fuzz_thread *t, const struct call *call, void *arg)
{
	int ret;

	/* Direct I/O and fork() do not go together. */
	if (call->cmd == HMM_P2P_IOC_FILE_IO)
		pthread_rwlock_rdlock(&t->f->forking);
	ret = ioctl(hmm_p2p_fd(ctx), call->cmd, arg) ? errno : 0;
	if (call->cmd == HMM_P2P_IOC_FILE_IO)
		pthread_rwlock_unlock(&t->f->forking);
	errno = ret;
	return ret;
}

/* What it said, for whoever looks for the cause. */
static int complain(const struct call *call, const union arg *arg, int ret)
{
	size_t i;

	fprintf(stderr, "# errno %d:", ret);
	for (i = 0; i < call->size / 4; i++)
		fprintf(stderr, " %x", arg->word[i]);
	fputc('\n', stderr);
	return 1;
}

static int good_right(const struct fuzz *f, const struct call *call, const union arg *arg,
		      int ret)
{
	CHECK(listed(call, ret) == 0);
	CHECK(ret != EINVAL && ret != E2BIG && ret != EBADF && ret != EACCES);
	CHECK(ret != EFAULT || call->right == access_right || call->right == file_io_right ||
	      call->right == export_right);
	CHECK(call->cmd != HMM_P2P_IOC_SET_OWNER || !f->user || ret == EPERM);
	CHECK(call->right(arg, !ret) == 0);
	return 0;
}

static int good_call(struct fuzz_thread *t, const struct call *call)
{
	union arg arg = { .word[0] = (uint32_t)call->size };
	int fd = -1, ret;

	call->fill(t, &arg);
	if (call->cmd == HMM_P2P_IOC_MIGRATE)
		fd = some_process(t, &arg.migrate.pid, &arg.migrate.mem_fd);
	else if (call->cmd == HMM_P2P_IOC_ACCESS)
		fd = some_process(t, &arg.access.pid, &arg.access.mem_fd);
	else if (call->cmd == HMM_P2P_IOC_QUERY)
		fd = some_process(t, &arg.query.pid, &arg.query.mem_fd);
	ret = issue(t, call, &arg);
	if (fd >= 0)
		close(fd);
	return good_right(t->f, call, &arg, ret) ? complain(call, &arg, ret) : 0;
}

/* ------------------------------------------------------------- calls that are wrong */

static uint64_t some_word(struct fuzz_thread *t)
{
	const uint64_t words[] = {
		0, 1, 2, 3, -1ULL, -2ULL, page_size, page_size - 1, -page_size, 1ULL << 31,
		1ULL << 32, 1ULL << 47, 1ULL << 63, (1ULL << 47) - page_size,
		(uintptr_t)t->junk, (uintptr_t)t->junk + 1,
		(uintptr_t)t->junk + FUZZ_SLOT_BYTES, (uintptr_t)t->junk + FUZZ_SLOT_BYTES - 4,
		FUZZ_SLOT_BYTES, random_next(&t->random), random_next(&t->random) >> 32,
		1ULL << fuzz_random(t, 64),
	};

	return words[fuzz_random(t, ARRAY_SIZE(words))];
}

/* What might be written to by mistake is junk: whatever comes of the flags. */
static void harmless(struct fuzz_thread *t, const struct call *call, union arg *arg)
{
	if (call->cmd == HMM_P2P_IOC_ACCESS) {
		arg->access.addr = (uintptr_t)t->junk;
		arg->access.length = page_size;
		arg->access.data_length = arg->access.data ? page_size : 0;
	} else if (call->cmd == HMM_P2P_IOC_FILE_IO) {
		arg->file_io.addr = (uintptr_t)t->junk;
	}
}

static void spoil(struct fuzz_thread *t, const struct call *call, union arg *arg)
{
	unsigned int n = 1 + fuzz_random(t, 3), i;
	uint64_t word;

	for (i = 0; i < n; i++) {
		word = some_word(t);
		if (fuzz_random(t, 2))
			memcpy(&arg->word[2 * fuzz_random(t, call->size / 8)], &word, 8);
		else
			arg->word[fuzz_random(t, call->size / 4)] = (uint32_t)word;
	}
}

/*
 * Half of an address that is spoiled gives another one nearby, where the C library
 * may have its own memory: what the driver writes there by our order would be no
 * error of the driver. Such an address goes where nothing is ever mapped.
 */
static void tame(struct fuzz_thread *t, __u64 *addr, uint64_t before)
{
	uint64_t junk = (uintptr_t)t->junk;

	if (*addr == before || *addr >> 47 ||
	    (*addr >= junk && *addr < junk + FUZZ_SLOT_BYTES))
		return;
	*addr %= page_size;
}

/* Nor is what it writes by our order to a file that we have open for something else. */
static void tame_fd(__s32 *fd, int32_t before)
{
	if (*fd != before)
		*fd |= 1 << 20; /* no process has so many */
}

static void tame_all(struct fuzz_thread *t, const struct call *call, union arg *arg,
		     const union arg *before)
{
	switch (call->cmd) {
	case HMM_P2P_IOC_ACCESS:
		tame(t, &arg->access.addr, before->access.addr);
		tame(t, &arg->access.data, before->access.data);
		tame(t, &arg->access.outcomes, before->access.outcomes);
		break;
	case HMM_P2P_IOC_QUERY:
		tame(t, &arg->query.extents, before->query.extents);
		break;
	case HMM_P2P_IOC_FILE_IO:
		tame(t, &arg->file_io.addr, before->file_io.addr);
		tame(t, &arg->file_io.outcomes, before->file_io.outcomes);
		tame_fd(&arg->file_io.fd, before->file_io.fd);
		break;
	}
}

/* Not only the structure is wrong, but where it is. */
static void *somewhere(struct fuzz_thread *t, const struct call *call, const union arg *arg)
{
	uint8_t *end = t->junk + FUZZ_SLOT_BYTES;

	switch (fuzz_random(t, 8)) {
	case 0:
		return memcpy(end - 8, arg, 8);
	case 1:
		return (void *)some_word(t);
	case 2:
		return memcpy(t->junk + fuzz_random(t, page_size), arg, call->size);
	default:
		return memcpy(end - call->size, arg, call->size);
	}
}

static int bad_call(struct fuzz_thread *t, const struct call *call)
{
	union arg arg = { .word[0] = (uint32_t)call->size }, before;
	void *at;
	int ret;

	call->fill(t, &arg);
	harmless(t, call, &arg);
	before = arg;
	spoil(t, call, &arg);
	tame_all(t, call, &arg, &before);
	at = somewhere(t, call, &arg);
	ret = issue(t, call, at);
	if (listed(call, ret))
		return complain(call, &arg, ret);
	if (ret || arg.word[0] < call->size || (uint8_t *)at < t->junk ||
	    (uint8_t *)at + call->size > t->junk + FUZZ_SLOT_BYTES)
		return 0;
	memcpy(&arg, at, call->size);
	return call->right(&arg, true) ? complain(call, &arg, ret) : 0;
}

static int unknown_call(struct fuzz_thread *t)
{
	unsigned long cmd = _IOC(fuzz_random(t, 4), HMM_P2P_TYPE, fuzz_random(t, 256),
				 fuzz_random(t, 1 << 14));
	size_t i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		if (cmd == calls[i].cmd)
			return 0;
	CHECK(ioctl(hmm_p2p_fd(ctx), cmd, t->junk) == -1);
	CHECK(errno == ENOTTY);
	return 0;
}

int fuzz_call(struct fuzz_thread *t)
{
	const struct call *call = some_call(t);
	unsigned int kind = fuzz_random(t, 16);

	t->what = call->name;
	if (!kind)
		return unknown_call(t);
	return kind < 11 ? good_call(t, call) : bad_call(t, call);
}
