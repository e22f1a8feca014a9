// SPDX-License-Identifier: GPL-2.0
/*
 * The ABI table walk for the accelerator's calls: sizes, pointers, what has to be 0, what is out
 * of range; a number without a row fails.
 */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "common_gem.h"

#define RANGE_PAGES	4
#define MOST_ZEROS	2
#define MOST_BYTES	256

/**
 * struct call - one ioctl
 * @name: for messages
 * @cmd: its number, with its size
 * @fill: sets up a request that is right
 * @after: what such a request leaves behind goes, when it has succeeded
 * @zeros: offsets of u32 of which no bit but those in @known may be set; 0: none
 * @known: bits of the first of these that have a meaning
 * @outs: offset of what the call writes, which is the rest; 0: it writes nothing
 */
struct call {
	const char *name;
	unsigned long cmd;
	void (*fill)(void *arg);
	void (*after)(const void *arg);
	size_t zeros[MOST_ZEROS];
	uint32_t known;
	size_t outs;
};

static int fd;
static uint8_t *range;
static struct buffer buffer;
static struct drm_hmm_p2p_accel_fence fence;
static struct drm_hmm_p2p_accel_gem_buffer list;

static void fill_run(void *arg)
{
	struct drm_hmm_p2p_accel_run *run = arg;

	run->op = HMM_P2P_ACCEL_FILL;
	run->dst = address(range);
	run->length = page_size;
}

static void fill_advise(void *arg)
{
	struct drm_hmm_p2p_accel_advise *advise = arg;

	advise->advice = HMM_P2P_ACCEL_PREFER_ANY;
	advise->start = address(range);
	advise->length = RANGE_PAGES * page_size;
}

static void fill_submit(void *arg)
{
	struct drm_hmm_p2p_accel_submit *submit = arg;

	submit->op = HMM_P2P_ACCEL_FILL;
	submit->dst = address(range);
	submit->length = page_size;
	submit->fence = address(&fence);
	submit->value = fence.value + 1;
}

static void after_submit(const void *arg)
{
	const struct drm_hmm_p2p_accel_submit *submit = arg;
	struct drm_hmm_p2p_accel_wait wait = {
		.at = submit->fence + offsetof(struct drm_hmm_p2p_accel_fence, value),
		.value = submit->value,
		.timeout = -1,
	};

	REQUIRE(ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_WAIT, &wait) == 0);
}

static void fill_wait(void *arg)
{
	struct drm_hmm_p2p_accel_wait *wait = arg;

	wait->at = address(&fence.value);
	wait->value = fence.value;
}

static void fill_create(void *arg)
{
	struct drm_hmm_p2p_accel_gem_create *create = arg;

	create->size = page_size;
}

static void after_create(const void *arg)
{
	const struct drm_hmm_p2p_accel_gem_create *create = arg;

	REQUIRE(gem_close(fd, create->out_handle) == 0);
}

static void fill_mmap(void *arg)
{
	struct drm_hmm_p2p_accel_gem_mmap *map = arg;

	map->handle = buffer.handle;
}

static void fill_gem_submit(void *arg)
{
	struct drm_hmm_p2p_accel_gem_submit *submit = arg;

	list.handle = buffer.handle;
	list.flags = HMM_P2P_ACCEL_BUFFER_WRITE;
	submit->op = HMM_P2P_ACCEL_FILL;
	submit->dst = HMM_P2P_ACCEL_BUFFER_ADDRESS(0);
	submit->length = page_size;
	submit->buffers = address(&list);
	submit->nr_buffers = 1;
}

static void fill_explain(void *arg)
{
	struct drm_hmm_p2p_accel_explain *explain = arg;

	explain->addr = address(range);
}

#define OFFSET(type, member)	offsetof(struct drm_hmm_p2p_accel_ ## type, member)

static const struct call calls[] = {
	{ "RUN", DRM_IOCTL_HMM_P2P_ACCEL_RUN, fill_run, NULL,
	  { OFFSET(run, flags) }, 0, OFFSET(run, out_result) },
	{ "ADVISE", DRM_IOCTL_HMM_P2P_ACCEL_ADVISE, fill_advise, NULL,
	  { OFFSET(advise, flags) }, 0, 0 },
	{ "SUBMIT", DRM_IOCTL_HMM_P2P_ACCEL_SUBMIT, fill_submit, after_submit,
	  { OFFSET(submit, flags) }, 0, 0 },
	/* Its flags are at 0, where no field of the others has to be 0: see test_values(). */
	{ "WAIT", DRM_IOCTL_HMM_P2P_ACCEL_WAIT, fill_wait, NULL,
	  { OFFSET(wait, reserved) }, 0, 0 },
	{ "GEM_CREATE", DRM_IOCTL_HMM_P2P_ACCEL_GEM_CREATE, fill_create, after_create,
	  { OFFSET(gem_create, flags) }, HMM_P2P_ACCEL_GEM_MAPPABLE,
	  OFFSET(gem_create, out_handle) },
	{ "GEM_MMAP", DRM_IOCTL_HMM_P2P_ACCEL_GEM_MMAP, fill_mmap, NULL,
	  { OFFSET(gem_mmap, reserved) }, 0, OFFSET(gem_mmap, out_offset) },
	{ "GEM_SUBMIT", DRM_IOCTL_HMM_P2P_ACCEL_GEM_SUBMIT, fill_gem_submit, NULL,
	  { OFFSET(gem_submit, flags), OFFSET(gem_submit, reserved) }, 0, 0 },
	{ "EXPLAIN", DRM_IOCTL_HMM_P2P_ACCEL_EXPLAIN, fill_explain, NULL,
	  { OFFSET(explain, flags) }, 0, OFFSET(explain, out_reason) },
};

#define for_each_call(call) \
	for ((call) = calls; (call) < calls + ARRAY_SIZE(calls); (call)++)

static int each_setup(void **state)
{
	fd = open_accel(0);
	range = map_pattern(RANGE_PAGES * page_size, SMALL_PAGES, 1);
	memset(&fence, 0, sizeof(fence));
	if (test_setup(state))
		return -1;
	buffer = buffer_make(fd, page_size);
	return 0;
}

static int each_teardown(void **state)
{
	buffer_free(&buffer);
	unmap(range, RANGE_PAGES * page_size);
	close(fd);
	return test_teardown(state);
}

#define WALK(fn) cmocka_unit_test_setup_teardown(fn, each_setup, each_teardown)

static int call_sized(const struct call *call, void *arg, size_t size)
{
	unsigned long cmd = call->cmd & ~((unsigned long)_IOC_SIZEMASK << _IOC_SIZESHIFT);

	return ioctl(fd, cmd | size << _IOC_SIZESHIFT, arg) ? -errno : 0;
}

static int call_it(const struct call *call, void *arg)
{
	return ioctl(fd, call->cmd, arg) ? -errno : 0;
}

static size_t size_of(const struct call *call)
{
	return _IOC_SIZE(call->cmd);
}

/* Of the request that is right, with outputs that nobody would write. */
static void request(const struct call *call, uint8_t *arg)
{
	memset(arg, 0, MOST_BYTES);
	call->fill(arg);
	if (call->outs)
		memset(arg + call->outs, 0xa5, size_of(call) - call->outs);
}

static void succeeds(const struct call *call, uint8_t *arg)
{
	int ret = call_it(call, arg);

	if (ret)
		fail_msg("%s: %d", call->name, ret);
	if (call->after)
		call->after(arg);
}

/* It fails, and what was given is as it was. */
static void fails(const struct call *call, uint8_t *arg, int expected)
{
	uint8_t before[MOST_BYTES];
	int ret;

	memcpy(before, arg, size_of(call));
	ret = call_it(call, arg);
	if (ret != expected)
		fail_msg("%s: %d and not %d", call->name, ret, expected);
	assert_memory_equal(before, arg, size_of(call));
}

/* Two pages, of which the second one is not there. Return: where @size bytes end with the first. */
static uint8_t *cliff(size_t size)
{
	uint8_t *two = map_memory(2 * page_size, SMALL_PAGES);

	memset(two, 0, page_size);
	unmap(two + page_size, page_size);
	return two + page_size - size;
}

static void cliff_end(uint8_t *arg)
{
	unmap((void *)((uintptr_t)arg & ~(page_size - 1)), page_size);
}

/* ---------------------------------------------------------------------------- walks */

static void test_every_number_has_a_row(void **state)
{
	const struct call *call;
	unsigned int nr;
	bool has_row;
	int ret;

	(void)state;
	for (nr = 0; nr < DRM_COMMAND_END - DRM_COMMAND_BASE; nr++) {
		has_row = false;
		for_each_call(call)
			has_row |= _IOC_NR(call->cmd) == DRM_COMMAND_BASE + nr;
		/* One that is there reads what it is given. */
		ret = ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + nr, uint64_t), NULL) ? -errno : 0;
		if (ret != (has_row ? -EFAULT : -EINVAL))
			fail_msg("number %#x: %d, and it has %s row", nr, ret,
				 has_row ? "a" : "no");
	}
}

/* No byte behind the structure is looked at, nor written. */
static void test_valid(void **state)
{
	uint8_t arg[MOST_BYTES], *edge;
	const struct call *call;

	(void)state;
	for_each_call(call) {
		request(call, arg);
		succeeds(call, arg);
		request(call, arg);
		edge = cliff(size_of(call));
		memcpy(edge, arg, size_of(call));
		succeeds(call, edge);
		if (call->outs)
			assert_memory_not_equal(edge + call->outs, arg + call->outs,
						size_of(call) - call->outs);
		cliff_end(edge);
	}
}

/* A program that was built with fewer fields: the others are 0, and are not written. */
static void test_shorter(void **state)
{
	uint8_t full[MOST_BYTES], part[MOST_BYTES], behind[MOST_BYTES];
	const struct call *call;
	size_t size;
	int ret;

	(void)state;
	memset(behind, 0x5a, sizeof(behind));
	for_each_call(call) {
		for (size = 4; size < size_of(call); size += 4) {
			request(call, full);
			memcpy(part, full, size);
			memset(full + size, 0, sizeof(full) - size);
			memset(part + size, 0x5a, sizeof(part) - size);
			ret = call_it(call, full);
			/* Its handle cannot be given back: the file's end does that. */
			if (call_sized(call, part, size) != ret)
				fail_msg("%s of %zu bytes: not %d", call->name, size, ret);
			assert_memory_equal(part + size, behind, sizeof(part) - size);
			if (!ret && call->after && call->cmd != DRM_IOCTL_HMM_P2P_ACCEL_SUBMIT)
				call->after(full);
		}
	}
}

/* One that was built with more: DRM takes it, and what nobody knows stays. */
static void test_longer(void **state)
{
	uint8_t arg[MOST_BYTES], behind[MOST_BYTES];
	const struct call *call;
	size_t size;

	(void)state;
	memset(behind, 0x5a, sizeof(behind));
	for_each_call(call) {
		size = size_of(call);
		request(call, arg);
		memset(arg + size, 0x5a, sizeof(arg) - size);
		assert_int_equal(call_sized(call, arg, sizeof(arg)), 0);
		assert_memory_equal(arg + size, behind, sizeof(arg) - size);
		if (call->after)
			call->after(arg);
	}
}

static void test_bad_pointers(void **state)
{
	const struct call *call;
	uint8_t *edge;
	size_t size;

	(void)state;
	for_each_call(call) {
		size = size_of(call);
		edge = cliff(size);
		assert_int_equal(call_it(call, NULL), -EFAULT);
		assert_int_equal(call_it(call, (void *)(1ULL << 63)), -EFAULT);
		assert_int_equal(call_it(call, (void *)-8ULL), -EFAULT);
		assert_int_equal(call_it(call, edge + size), -EFAULT);
		assert_int_equal(call_it(call, edge + 4), -EFAULT);
		cliff_end(edge);
	}
}

static void test_read_only_outputs(void **state)
{
	const struct call *call;
	uint8_t arg[MOST_BYTES], *page;

	(void)state;
	for_each_call(call) {
		page = cliff(page_size);
		request(call, arg);
		memcpy(page, arg, sizeof(arg));
		assert_int_equal(mprotect(page, page_size, PROT_READ), 0);
		assert_int_equal(call_it(call, page), call->outs ? -EFAULT : 0);
		assert_memory_equal(page, arg, sizeof(arg));
		if (!call->outs && call->after)
			call->after(arg);
		cliff_end(page);
	}
}

static void test_reserved(void **state)
{
	const struct call *call;
	uint8_t arg[MOST_BYTES];
	unsigned int bit, i;
	uint32_t value;

	(void)state;
	for_each_call(call) {
		for (i = 0; i < MOST_ZEROS && call->zeros[i]; i++) {
			for (bit = 0; bit < 32; bit++) {
				value = 1U << bit;
				if (!i && value & call->known)
					continue;
				request(call, arg);
				memcpy(arg + call->zeros[i], &value, sizeof(value));
				fails(call, arg, -EINVAL);
			}
		}
	}
}

/* --------------------------------------------------------------------------- values */

/**
 * struct value - a field that is wrong, where the rest is right
 * @cmd: the call
 * @at: offset of the field
 * @bytes: of it
 * @value: what it has
 * @ret: what comes of it
 */
struct value {
	unsigned long cmd;
	size_t at;
	size_t bytes;
	uint64_t value;
	int ret;
};

#define NOWHERE	(1ULL << 63)
#define VALUE(type, call, member, what, errno_)						\
	{ DRM_IOCTL_HMM_P2P_ACCEL_ ## call, OFFSET(type, member),			\
	  sizeof(((struct drm_hmm_p2p_accel_ ## type *)NULL)->member), what, errno_ }

static const struct value values[] = {
	VALUE(run, RUN, op, 0, -EINVAL),
	VALUE(run, RUN, op, HMM_P2P_ACCEL_HISTOGRAM + 1, -EINVAL),
	VALUE(run, RUN, op, UINT32_MAX, -EINVAL),
	VALUE(advise, ADVISE, advice, 0, -EINVAL),
	VALUE(advise, ADVISE, advice, HMM_P2P_ACCEL_NOT_ACCESSED_BY + 1, -EINVAL),
	VALUE(advise, ADVISE, advice, UINT32_MAX, -EINVAL),
	VALUE(advise, ADVISE, length, 0, -EINVAL),
	VALUE(advise, ADVISE, length, 1, -EINVAL),
	VALUE(advise, ADVISE, length, -4096ULL, -EINVAL),
	VALUE(advise, ADVISE, start, 1, -EINVAL),
	VALUE(advise, ADVISE, start, 1ULL << 46, -EFAULT),
	VALUE(submit, SUBMIT, op, 0, -EINVAL),
	VALUE(submit, SUBMIT, op, HMM_P2P_ACCEL_HISTOGRAM + 1, -EINVAL),
	VALUE(submit, SUBMIT, fence, 4, -EINVAL),
	VALUE(wait, WAIT, flags, 1, -EINVAL),
	VALUE(wait, WAIT, flags, 1U << 31, -EINVAL),
	VALUE(wait, WAIT, at, 4, -EINVAL),
	VALUE(wait, WAIT, at, 0, -EFAULT),
	VALUE(wait, WAIT, at, NOWHERE, -EFAULT),
	VALUE(wait, WAIT, value, UINT64_MAX, -ETIME),
	VALUE(gem_create, GEM_CREATE, size, 0, -EINVAL),
	VALUE(gem_create, GEM_CREATE, size, UINT64_MAX, -EINVAL),
	VALUE(gem_create, GEM_CREATE, size, HMM_P2P_ACCEL_BUFFER_MAX + 1, -EINVAL),
	VALUE(gem_mmap, GEM_MMAP, handle, 0, -ENOENT),
	VALUE(gem_mmap, GEM_MMAP, handle, UINT32_MAX, -ENOENT),
	VALUE(gem_submit, GEM_SUBMIT, op, 0, -EINVAL),
	VALUE(gem_submit, GEM_SUBMIT, op, HMM_P2P_ACCEL_HISTOGRAM + 1, -EINVAL),
	VALUE(gem_submit, GEM_SUBMIT, nr_buffers, 0, -EINVAL),
	VALUE(gem_submit, GEM_SUBMIT, nr_buffers, HMM_P2P_ACCEL_BUFFERS + 1, -EINVAL),
	VALUE(gem_submit, GEM_SUBMIT, nr_buffers, UINT32_MAX, -EINVAL),
	VALUE(gem_submit, GEM_SUBMIT, nr_waits, HMM_P2P_ACCEL_SYNCS + 1, -EINVAL),
	VALUE(gem_submit, GEM_SUBMIT, nr_signals, HMM_P2P_ACCEL_SYNCS + 1, -EINVAL),
	/* Nowhere, and there is something to read or to write. */
	VALUE(gem_submit, GEM_SUBMIT, buffers, NOWHERE, -EFAULT),
	VALUE(gem_submit, GEM_SUBMIT, buffers, 0, -EFAULT),
	VALUE(gem_submit, GEM_SUBMIT, nr_waits, 1, -EFAULT),
	VALUE(gem_submit, GEM_SUBMIT, nr_signals, 1, -EFAULT),
	VALUE(gem_submit, GEM_SUBMIT, dst, 0, 0),
	VALUE(gem_submit, GEM_SUBMIT, dst, UINT64_MAX, -EFAULT),
	VALUE(gem_submit, GEM_SUBMIT, result, 4, -EINVAL),
	VALUE(gem_submit, GEM_SUBMIT, result, 8, -EFAULT),
	VALUE(gem_submit, GEM_SUBMIT, result, HMM_P2P_ACCEL_BUFFER_ADDRESS(1), -EFAULT),
	VALUE(explain, EXPLAIN, addr, NOWHERE, -EFAULT),
	VALUE(explain, EXPLAIN, addr, UINT64_MAX, -EFAULT),
};

static const struct call *find_call(unsigned long cmd)
{
	const struct call *call;

	for_each_call(call)
		if (call->cmd == cmd)
			return call;
	fail_msg("no call %#lx", cmd);
	return NULL;
}

static void test_values(void **state)
{
	uint8_t arg[MOST_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		const struct call *call = find_call(values[i].cmd);

		request(call, arg);
		memcpy(arg + values[i].at, &values[i].value, values[i].bytes);
		fails(call, arg, values[i].ret);
	}
}

/* The fence of a job may be nowhere: the job is over all the same, and the next one runs. */
static void test_fence_nowhere(void **state)
{
	uint8_t arg[MOST_BYTES];
	struct drm_hmm_p2p_accel_submit *submit = (void *)arg;
	const struct call *call = find_call(DRM_IOCTL_HMM_P2P_ACCEL_SUBMIT);

	(void)state;
	request(call, arg);
	submit->argument = 7;
	submit->fence = NOWHERE;
	assert_int_equal(call_it(call, arg), 0);
	request(call, arg);
	submit->dst += page_size;
	succeeds(call, arg);
	assert_int_equal(fence.out_error, 0);
	assert_true(*(uint64_t *)range == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WALK(test_every_number_has_a_row),
		WALK(test_valid),
		WALK(test_shorter),
		WALK(test_longer),
		WALK(test_bad_pointers),
		WALK(test_read_only_outputs),
		WALK(test_reserved),
		WALK(test_values),
		WALK(test_fence_nowhere),
	};

	return RUN("accel_abi", tests);
}
