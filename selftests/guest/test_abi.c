// SPDX-License-Identifier: GPL-2.0
/*
 * The ABI table walk: every call with everything that can be wrong with its
 * structure, by raw ioctl, because the library would not let it through.
 */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "common.h"

#define RANGE_PAGES	4
#define NO_DEVICE	0x7fffffffU

/**
 * struct call - one ioctl
 * @name: for messages
 * @cmd: its number
 * @size: of its structure
 * @first: of its first version, 0 when there was no other
 * @changes: it wants the node open for writing
 * @flags: those that are known
 * @reserved: offset of the reserved u32, 0 when there is none
 * @addr: offset of @addr, followed by @length; 0 when it has no range
 * @fill: sets up a request that is right
 * @valid: what it gives; not 0 where no device here can serve it
 */
struct call {
	const char *name;
	unsigned long cmd;
	size_t size;
	size_t first;
	bool changes;
	uint32_t flags;
	size_t reserved;
	size_t addr;
	void (*fill)(void *arg);
	int valid;
};

static uint8_t *range;
static struct hmm_p2p_device_info exporter, importer;
static struct hmm_p2p_extent extents[RANGE_PAGES];
static int file;

static void fill_nothing(void *arg)
{
	(void)arg;
}

static void fill_path(void *arg)
{
	struct hmm_p2p_path *path = arg;

	path->exporter = exporter.out_id;
	path->importer = importer.out_id;
}

static void fill_migrate(void *arg)
{
	struct hmm_p2p_migrate *migrate = arg;

	migrate->flags = HMM_P2P_MIGRATE_TO_RAM;
	migrate->mem_fd = HMM_P2P_NO_FD;
	migrate->addr = (uintptr_t)range;
	migrate->length = RANGE_PAGES * page_size;
}

static void fill_access(void *arg)
{
	struct hmm_p2p_access *access = arg;

	access->importer = importer.out_id;
	access->mem_fd = HMM_P2P_NO_FD;
	access->addr = (uintptr_t)range;
	access->length = RANGE_PAGES * page_size;
}

static void fill_query(void *arg)
{
	struct hmm_p2p_query *query = arg;

	query->mem_fd = HMM_P2P_NO_FD;
	query->addr = (uintptr_t)range;
	query->length = RANGE_PAGES * page_size;
	query->extents = (uintptr_t)extents;
	query->nr_extents = ARRAY_SIZE(extents);
}

static void fill_stat(void *arg)
{
	struct hmm_p2p_stat *stat = arg;

	stat->device = exporter.out_id;
}

/* Joining its own interconnect changes nothing. */
static void fill_set_owner(void *arg)
{
	struct hmm_p2p_set_owner *set = arg;

	set->device = exporter.out_id;
	set->peer = exporter.out_id;
}

static void fill_drain(void *arg)
{
	struct hmm_p2p_drain *drain = arg;

	drain->device = exporter.out_id;
}

/* What it reads is what is there. */
static void fill_file_io(void *arg)
{
	struct hmm_p2p_file_io *io = arg;

	io->fd = file;
	io->addr = (uintptr_t)range;
	io->length = RANGE_PAGES * page_size;
}

static void fill_export(void *arg)
{
	struct hmm_p2p_export *export = arg;

	export->addr = (uintptr_t)range;
	export->length = RANGE_PAGES * page_size;
}

static void fill_import(void *arg)
{
	struct hmm_p2p_import *import = arg;

	import->importer = importer.out_id;
	import->fd = file;
	import->length = RANGE_PAGES * page_size;
	import->data = (uintptr_t)range;
}

#define RESERVED(s)	offsetof(struct s, __reserved)
#define ADDR(s)		offsetof(struct s, addr)

static const struct call calls[] = {
	{ "INFO", HMM_P2P_IOC_INFO, sizeof(struct hmm_p2p_info), 0, false, 0, 0, 0,
	  fill_nothing, 0 },
	{ "DEVICE", HMM_P2P_IOC_DEVICE, sizeof(struct hmm_p2p_device_info), 0, false, 0,
	  RESERVED(hmm_p2p_device_info), 0, fill_nothing, 0 },
	{ "PATH", HMM_P2P_IOC_PATH, sizeof(struct hmm_p2p_path), 0, false, HMM_P2P_PATH_FILE,
	  RESERVED(hmm_p2p_path), 0, fill_path, 0 },
	{ "MIGRATE", HMM_P2P_IOC_MIGRATE, sizeof(struct hmm_p2p_migrate),
	  offsetof(struct hmm_p2p_migrate, move), true,
	  HMM_P2P_MIGRATE_TO_RAM | HMM_P2P_MIGRATE_NO_EVICT | HMM_P2P_MIGRATE_POPULATE,
	  RESERVED(hmm_p2p_migrate), ADDR(hmm_p2p_migrate), fill_migrate, 0 },
	{ "ACCESS", HMM_P2P_IOC_ACCESS, sizeof(struct hmm_p2p_access), 0, true,
	  HMM_P2P_ACCESS_WRITE | HMM_P2P_ACCESS_NO_P2P, RESERVED(hmm_p2p_access),
	  ADDR(hmm_p2p_access), fill_access, 0 },
	{ "QUERY", HMM_P2P_IOC_QUERY, sizeof(struct hmm_p2p_query), 0, false, 0,
	  RESERVED(hmm_p2p_query), ADDR(hmm_p2p_query), fill_query, 0 },
	{ "STAT", HMM_P2P_IOC_STAT, sizeof(struct hmm_p2p_stat), 0, false, 0,
	  RESERVED(hmm_p2p_stat), 0, fill_stat, 0 },
	{ "SET_OWNER", HMM_P2P_IOC_SET_OWNER, sizeof(struct hmm_p2p_set_owner), 0, true, 0,
	  RESERVED(hmm_p2p_set_owner), 0, fill_set_owner, 0 },
	/* Its range need not be aligned to pages: see test_file_io. */
	{ "FILE_IO", HMM_P2P_IOC_FILE_IO, sizeof(struct hmm_p2p_file_io), 0, true,
	  HMM_P2P_FILE_IO_WRITE | HMM_P2P_FILE_IO_NO_P2P,
	  RESERVED(hmm_p2p_file_io), 0, fill_file_io, 0 },
	{ "DRAIN", HMM_P2P_IOC_DRAIN, sizeof(struct hmm_p2p_drain), 0, true, 0,
	  RESERVED(hmm_p2p_drain), 0, fill_drain, 0 },
	/* Where they can be served: see test_dmabuf. */
	{ "EXPORT", HMM_P2P_IOC_EXPORT, sizeof(struct hmm_p2p_export), 0, true, 0,
	  RESERVED(hmm_p2p_export), 0, fill_export, -EOPNOTSUPP },
	{ "IMPORT", HMM_P2P_IOC_IMPORT, sizeof(struct hmm_p2p_import), 0, true,
	  HMM_P2P_IMPORT_WRITE, RESERVED(hmm_p2p_import), 0, fill_import, -EOPNOTSUPP },
};

/*
 * A request that ends where the mapped memory ends, so that a kernel that reads
 * or writes behind it is caught.
 */
struct request {
	uint8_t *map;
	uint32_t *arg;
	size_t room;
};

static struct request request_new(const struct call *call, size_t room)
{
	struct request r = { .room = room };

	r.map = mmap(NULL, 3 * page_size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(r.map, MAP_FAILED);
	assert_int_equal(mprotect(r.map + 2 * page_size, page_size, PROT_NONE), 0);
	r.arg = (uint32_t *)(r.map + 2 * page_size - room);
	call->fill(r.arg);
	r.arg[0] = (uint32_t)call->size;
	return r;
}

static void request_free(struct request *r)
{
	unmap(r->map, 3 * page_size);
}

static int raw(const struct call *call, void *arg)
{
	return ioctl(hmm_p2p_fd(ctx), call->cmd, arg) ? -errno : 0;
}

/* Names the call that did not do as it should. */
#define expect(call, what, is, should)					\
	do {								\
		int _is = (is), _should = (should);			\
									\
		if (_is != _should)					\
			fail_msg("%s, %s: %d instead of %d", (call)->name, \
				 what, _is, _should);			\
	} while (0)

static int each_setup(void **state)
{
	exporter = largest_exporter(0);
	importer = any_importer();
	range = map_pattern(RANGE_PAGES * page_size, SMALL_PAGES, 1);
	file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	REQUIRE(file >= 0);
	REQUIRE(write(file, range, RANGE_PAGES * page_size) ==
		(ssize_t)(RANGE_PAGES * page_size));
	return test_setup(state);
}

static int each_teardown(void **state)
{
	int bad = pattern_diff(range, 0, RANGE_PAGES * page_size, 1) != -1;

	unmap(range, RANGE_PAGES * page_size);
	close(file);
	return test_teardown(state) || bad ? -1 : 0;
}

#define ABI(fn) cmocka_unit_test_setup_teardown(fn, each_setup, each_teardown)

#define for_each_call(call) \
	for (call = calls; call < calls + ARRAY_SIZE(calls); call++)

static void test_valid(void **state)
{
	const struct call *call;

	(void)state;
	for_each_call(call) {
		struct request r = request_new(call, call->size);

		expect(call, "valid", raw(call, r.arg), call->valid);
		expect(call, "size", (int)r.arg[0], (int)call->size);
		request_free(&r);
	}
}

/* Who may only read the node looks, and changes nothing. */
static void test_read_only_node(void **state)
{
	int node = open(HMM_P2P_DEVICE_PATH, O_RDONLY | O_CLOEXEC);
	const struct call *call;

	(void)state;
	assert_return_code(node, errno);
	for_each_call(call) {
		struct request r = request_new(call, call->size);

		expect(call, "read only", ioctl(node, call->cmd, r.arg) ? -errno : 0,
		       call->changes ? -EBADF : call->valid);
		request_free(&r);
	}
	close(node);
}

static void test_short(void **state)
{
	const struct call *call;

	(void)state;
	for_each_call(call) {
		const size_t first = call->first ?: call->size;
		const size_t sizes[] = { 0, 1, 4, 8, first - 8, first - 4, first - 1 };
		size_t i;

		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			struct request r = request_new(call, call->size);

			r.arg[0] = (uint32_t)sizes[i];
			expect(call, "short", raw(call, r.arg), -EINVAL);
			request_free(&r);
		}
	}
}

/* Who was compiled with less gets what he knows, and no more is written. */
static void test_first_version(void **state)
{
	const struct call *call;

	(void)state;
	for_each_call(call) {
		struct request r = request_new(call, call->size);

		if (call->first) {
			r.arg[0] = (uint32_t)call->first;
			memset((uint8_t *)r.arg + call->first, 0x5a,
			       call->size - call->first);
			expect(call, "first", raw(call, r.arg), 0);
			expect(call, "size", (int)r.arg[0], (int)call->first);
			expect(call, "behind", ((uint8_t *)r.arg)[call->first], 0x5a);
		}
		request_free(&r);
	}
}

static bool zero_tail(const uint8_t *tail, size_t length)
{
	while (length && !tail[length - 1])
		length--;
	return !length;
}

static void test_longer_with_zero_tail(void **state)
{
	static const size_t tails[] = { 1, 4, 8, 64, 1024 };
	const struct call *call;
	size_t i;

	(void)state;
	for_each_call(call) {
		for (i = 0; i < ARRAY_SIZE(tails); i++) {
			size_t size = call->size + tails[i];
			struct request r = request_new(call, (size + 7) & ~7UL);

			r.arg[0] = (uint32_t)size;
			expect(call, "zero tail", raw(call, r.arg), call->valid);
			expect(call, "size", (int)r.arg[0], (int)size);
			expect(call, "tail",
			       zero_tail((uint8_t *)r.arg + call->size, tails[i]), 1);
			request_free(&r);
		}
	}
}

static void test_longer_with_other_tail(void **state)
{
	static const size_t at[] = { 0, 1, 7, 8, 63 };
	const struct call *call;
	size_t i;

	(void)state;
	for_each_call(call) {
		for (i = 0; i < ARRAY_SIZE(at); i++) {
			struct request r = request_new(call, call->size + 64);

			r.arg[0] = (uint32_t)call->size + 64;
			((uint8_t *)r.arg)[call->size + at[i]] = 1;
			expect(call, "tail", raw(call, r.arg), -E2BIG);
			request_free(&r);
		}
	}
}

static void test_huge_size(void **state)
{
	const struct call *call;
	int ret;

	(void)state;
	for_each_call(call) {
		struct request r = request_new(call, call->size);

		r.arg[0] = UINT32_MAX;
		ret = raw(call, r.arg);
		if (ret != -E2BIG && ret != -EFAULT)
			fail_msg("%s, size 2^32 - 1: %d", call->name, ret);
		request_free(&r);
	}
}

static void test_unknown_flags(void **state)
{
	const struct call *call;
	unsigned int bit;
	int ret;

	(void)state;
	for_each_call(call) {
		for (bit = 0; bit < 32; bit++) {
			struct request r = request_new(call, call->size);

			r.arg[1] |= 1U << bit;
			ret = call->flags & 1U << bit ? 0 : raw(call, r.arg);
			if (!(call->flags & 1U << bit) && ret != -EINVAL &&
			    (call->valid || ret != -EOPNOTSUPP))
				fail_msg("%s, flag %u: %d", call->name, bit, ret);
			request_free(&r);
		}
	}
}

static void test_reserved(void **state)
{
	const struct call *call;

	(void)state;
	for_each_call(call) {
		struct request r = request_new(call, call->size);

		if (call->reserved) {
			r.arg[call->reserved / 4] = 1;
			expect(call, "reserved", raw(call, r.arg), -EINVAL);
			r.arg[call->reserved / 4] = 1U << 31;
			expect(call, "reserved", raw(call, r.arg), -EINVAL);
		}
		request_free(&r);
	}
}

static void test_bad_pointer(void **state)
{
	const struct call *call;

	(void)state;
	for_each_call(call) {
		struct request r = request_new(call, call->size);

		expect(call, "null", raw(call, NULL), -EFAULT);
		expect(call, "hole", raw(call, r.map + 2 * page_size), -EFAULT);
		expect(call, "kernel", raw(call, (void *)(1UL << 63)), -EFAULT);
		/* Its size can be read, the rest cannot. */
		memmove(r.map + 2 * page_size - 8, r.arg, 8);
		expect(call, "cut", raw(call, r.map + 2 * page_size - 8), -EFAULT);
		request_free(&r);
	}
}

static void test_read_only_argument(void **state)
{
	const struct call *call;

	(void)state;
	for_each_call(call) {
		struct request r = request_new(call, call->size);

		assert_int_equal(mprotect(r.map, 2 * page_size, PROT_READ), 0);
		expect(call, "read-only", raw(call, r.arg), call->valid ?: -EFAULT);
		request_free(&r);
	}
}

static void test_bad_range(void **state)
{
	static const struct {
		const char *what;
		uint64_t addr, length;
	} cases[] = {
		{ "unaligned address", 0x10001, 0x1000 },
		{ "address at the last byte of a page", 0x10fff, 0x1000 },
		{ "unaligned length", 0x10000, 0x1001 },
		{ "a byte", 0x10000, 1 },
		{ "zero length", 0x10000, 0 },
		{ "wraps to zero", -0x1000ULL, 0x1000 },
		{ "wraps", -0x1000ULL, 0x2000 },
		{ "wraps far", 0x10000, -0x1000ULL },
		{ "kernel half", 1ULL << 63, 0x1000 },
		{ "no canonical address", 1ULL << 60, 0x1000 },
		{ "ends in the kernel half", 0x10000, 1ULL << 63 },
		{ "ends behind the user half", 0x10000, 1ULL << 60 },
	};
	const struct call *call;
	size_t i;

	(void)state;
	for_each_call(call) {
		for (i = 0; call->addr && i < ARRAY_SIZE(cases); i++) {
			struct request r = request_new(call, call->size);
			uint64_t *at = (uint64_t *)((uint8_t *)r.arg + call->addr);

			at[0] = cases[i].addr;
			at[1] = cases[i].length;
			expect(call, cases[i].what, raw(call, r.arg), -EINVAL);
			request_free(&r);
		}
	}
}

/* The second of four pages is not mapped. */
static void test_hole(void **state)
{
	uint8_t *mem = map_pattern(RANGE_PAGES * page_size, SMALL_PAGES, 2);
	struct hmm_p2p_migrate migrate = { .size = sizeof(migrate) };
	struct hmm_p2p_access access = { .size = sizeof(access) };
	struct hmm_p2p_query query = { .size = sizeof(query) };

	(void)state;
	unmap(mem + page_size, page_size);
	fill_migrate(&migrate);
	fill_access(&access);
	fill_query(&query);
	migrate.addr = (uintptr_t)mem;
	access.addr = (uintptr_t)mem;
	query.addr = (uintptr_t)mem;

	assert_int_equal(ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_MIGRATE, &migrate), 0);
	assert_int_equal(migrate.out_reasons[HMM_P2P_REASON_HOLE], 1);
	assert_int_equal(migrate.out_already, RANGE_PAGES - 1);
	assert_int_equal(migrate_sum(&migrate), RANGE_PAGES);

	assert_int_equal(ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_ACCESS, &access), -1);
	assert_int_equal(errno, EFAULT);

	assert_int_equal(ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_QUERY, &query), 0);
	assert_int_equal(query.out_nr_extents, 0);
	assert_int_equal(query.out_next, query.addr + query.length);
	unmap(mem, page_size);
	unmap(mem + 2 * page_size, 2 * page_size);
}

static void test_unknown_call(void **state)
{
	static const unsigned long cmds[] = {
		_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE - 1),
		_IO(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + ARRAY_SIZE(calls)),
		_IO(HMM_P2P_TYPE, 0xff),
		_IO(HMM_P2P_TYPE, 0x10),
		_IO(HMM_P2P_TYPE + 1, HMM_P2P_CMD_BASE),
		_IO(0, HMM_P2P_CMD_BASE),
		_IOWR(HMM_P2P_TYPE, HMM_P2P_CMD_BASE, struct hmm_p2p_info),
		_IOR(HMM_P2P_TYPE, HMM_P2P_CMD_BASE + 3, struct hmm_p2p_migrate),
	};
	struct hmm_p2p_info info = { .size = sizeof(info) };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		assert_int_equal(ioctl(hmm_p2p_fd(ctx), cmds[i], &info), -1);
		assert_int_equal(errno, ENOTTY);
	}
}

/* The offset of every field that is the id of a device. */
static void test_unknown_device(void **state)
{
	static const struct {
		unsigned int call;
		size_t id;
		bool zero_is_none;
	} cases[] = {
		{ 2, offsetof(struct hmm_p2p_path, exporter), false },
		{ 2, offsetof(struct hmm_p2p_path, importer), false },
		{ 3, offsetof(struct hmm_p2p_migrate, device), false },
		{ 4, offsetof(struct hmm_p2p_access, importer), false },
		{ 5, offsetof(struct hmm_p2p_query, importer), true },
		{ 6, offsetof(struct hmm_p2p_stat, device), false },
		{ 7, offsetof(struct hmm_p2p_set_owner, device), false },
		{ 7, offsetof(struct hmm_p2p_set_owner, peer), true },
	};
	static const uint32_t ids[] = { 0, NO_DEVICE, UINT32_MAX };
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		for (j = cases[i].zero_is_none; j < ARRAY_SIZE(ids); j++) {
			const struct call *call = &calls[cases[i].call];
			struct request r = request_new(call, call->size);

			if (call->cmd == HMM_P2P_IOC_MIGRATE)
				r.arg[1] = 0;
			r.arg[cases[i].id / 4] = ids[j];
			expect(call, "no such device", raw(call, r.arg), -ENOENT);
			request_free(&r);
		}
	}
}

/* A device that only imports has no memory to ask about. */
static void test_device_without_memory(void **state)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;
	struct hmm_p2p_path path;
	struct hmm_p2p_stat stat;
	uint32_t id;

	(void)state;
	for (i = 0; i < n && is_exporter(&infos[i]); i++)
		;
	if (i == n)
		SKIP("every device has memory");
	id = infos[i].out_id;
	assert_int_equal(infos[i].out_memory_bytes, 0);
	assert_int_equal(infos[i].out_owner, 0);
	assert_int_equal(hmm_p2p_stat(ctx, id, &stat), -EOPNOTSUPP);
	assert_int_equal(hmm_p2p_path(ctx, id, exporter.out_id, &path), -EOPNOTSUPP);
	assert_int_equal(hmm_p2p_migrate(ctx, NULL, id, (uintptr_t)range,
					 page_size, NULL), -EOPNOTSUPP);
	assert_int_equal(hmm_p2p_set_owner(ctx, id, 0, NULL), -EOPNOTSUPP);
	assert_int_equal(hmm_p2p_set_owner(ctx, exporter.out_id, id, NULL),
			 -EOPNOTSUPP);
}

/* To RAM there is no device, and nothing to touch first on it. */
static void test_to_ram_with_device(void **state)
{
	struct hmm_p2p_migrate migrate = { .size = sizeof(migrate) };

	(void)state;
	fill_migrate(&migrate);
	migrate.device = exporter.out_id;
	assert_int_equal(ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_MIGRATE, &migrate), -1);
	assert_int_equal(errno, EINVAL);
	migrate.device = 0;
	migrate.flags |= HMM_P2P_MIGRATE_POPULATE;
	assert_int_equal(ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_MIGRATE, &migrate), -1);
	assert_int_equal(errno, EINVAL);
	migrate.flags &= ~HMM_P2P_MIGRATE_POPULATE;
	assert_int_equal(ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_MIGRATE, &migrate), 0);
}

/* To go on with a move there has to be one, and it goes to a device. */
static void test_move_number(void **state)
{
	struct hmm_p2p_migrate migrate = { .size = sizeof(migrate) };
	uint64_t number;

	(void)state;
	fill_migrate(&migrate);
	migrate.flags &= ~HMM_P2P_MIGRATE_TO_RAM;
	migrate.device = exporter.out_id;
	assert_int_equal(ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_MIGRATE, &migrate), 0);
	number = migrate.out_move;
	assert_int_not_equal(number, 0);
	assert_int_equal(ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_MIGRATE, &migrate), 0);
	assert_int_equal(migrate.out_move, number + 1);
	migrate.move = number;
	assert_int_equal(ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_MIGRATE, &migrate), 0);
	assert_int_equal(migrate.out_move, number);
	migrate.move = number + 2;
	assert_int_equal(ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_MIGRATE, &migrate), -1);
	assert_int_equal(errno, EINVAL);
	migrate.move = UINT64_MAX;
	assert_int_equal(ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_MIGRATE, &migrate), -1);
	assert_int_equal(errno, EINVAL);
	fill_migrate(&migrate);
	migrate.device = 0;
	migrate.move = number;
	assert_int_equal(ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_MIGRATE, &migrate), -1);
	assert_int_equal(errno, EINVAL);
	migrate.move = 0;
	assert_int_equal(ioctl(hmm_p2p_fd(ctx), HMM_P2P_IOC_MIGRATE, &migrate), 0);
	assert_int_equal(migrate.out_move, 0);
}

static void test_device_walk(void **state)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES], info;
	size_t n = device_list(infos), i, j;
	struct hmm_p2p_info about;

	(void)state;
	assert_int_equal(hmm_p2p_get_info(ctx, &about), 0);
	assert_int_equal(about.out_devices, n);
	assert_int_equal(about.out_abi_version, HMM_P2P_ABI_VERSION);
	assert_int_equal(about.out_page_size, sysconf(_SC_PAGESIZE));
	for (i = 0; i < n; i++) {
		assert_int_not_equal(infos[i].out_id, 0);
		assert_true(infos[i].out_caps);
		assert_true(infos[i].out_window_bytes <= infos[i].out_memory_bytes);
		assert_true(infos[i].out_used_bytes <= infos[i].out_memory_bytes);
		assert_int_equal(!is_exporter(&infos[i]), !infos[i].out_owner);
		assert_true(strlen((char *)infos[i].out_name));
		assert_true(strlen((char *)infos[i].out_bus));
		for (j = 0; j < i; j++) {
			assert_true(infos[j].out_id < infos[i].out_id);
			assert_string_not_equal((char *)infos[j].out_name,
						(char *)infos[i].out_name);
		}
	}
	assert_int_equal(hmm_p2p_device_next(ctx, infos[n - 1].out_id + 1, &info),
			 -ENOENT);
	assert_int_equal(hmm_p2p_device_next(ctx, UINT32_MAX, &info), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ABI(test_valid),
		ABI(test_read_only_node),
		ABI(test_short),
		ABI(test_first_version),
		ABI(test_longer_with_zero_tail),
		ABI(test_longer_with_other_tail),
		ABI(test_huge_size),
		ABI(test_unknown_flags),
		ABI(test_reserved),
		ABI(test_bad_pointer),
		ABI(test_read_only_argument),
		ABI(test_bad_range),
		ABI(test_hole),
		ABI(test_unknown_call),
		ABI(test_unknown_device),
		ABI(test_device_without_memory),
		ABI(test_to_ram_with_device),
		ABI(test_move_number),
		ABI(test_device_walk),
	};

	return RUN("abi", tests);
}
