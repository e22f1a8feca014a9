// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs on buffers of an accelerator: the buffers and who sees them, fences and their order,
 * jobs that go wrong, and those of others, which go on.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

#include "common_gem.h"

#define LENGTH		(4 * MIB)
#define CONTROL		"/dev/virtio-ports/accel2"
#define USER_LIMIT	"/sys/module/hmm_p2p/parameters/user_limit"

/* What buffers have of the window, as the module is loaded. */
#define ROOM		(16 * MIB)

/* ------------------------------------------------------------------------ buffers */

/* What one has written nobody sees, when the buffer is gone. */
static void test_cleared(void **state)
{
	int fd = open_accel(0);
	struct buffer buffer;
	uint32_t handle;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		buffer = buffer_make(fd, ROOM);
		assert_zero(buffer.mem, ROOM);
		pattern_fill(buffer.mem, 0, ROOM, 1);
		assert_int_equal(gem_create(fd, page_size, HMM_P2P_ACCEL_GEM_MAPPABLE, &handle),
				 -ENOSPC);
		buffer_free(&buffer);
	}
	close(fd);
}

/* What the CPU does not reach: there are no ways around that. */
static void test_behind_window(void **state)
{
	int fd = open_accel(accel_last());
	struct buffer to = buffer_make(fd, LENGTH);
	struct gem_job job = {
		.submit.op = HMM_P2P_ACCEL_COPY,
		.submit.length = LENGTH,
	};
	uint64_t offset = 0;
	uint32_t handle;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(gem_create(fd, LENGTH, 0, &handle), 0);
		assert_int_equal(gem_offset(fd, handle, &offset), -EOPNOTSUPP);
		job.submit.nr_buffers = 0;
		job.submit.src = gem_add(&job, handle, 0);
		job.submit.dst = gem_add(&job, to.handle, HMM_P2P_ACCEL_BUFFER_WRITE);
		pattern_fill(to.mem, 0, LENGTH, 2);
		assert_int_equal(gem_run(fd, &job), 0);
		assert_zero(to.mem, LENGTH);
		/* There, and back. */
		pattern_fill(to.mem, 0, LENGTH, 3);
		job.submit.nr_buffers = 0;
		job.submit.src = gem_add(&job, to.handle, 0);
		job.submit.dst = gem_add(&job, handle, HMM_P2P_ACCEL_BUFFER_WRITE);
		assert_int_equal(gem_run(fd, &job), 0);
		memset(to.mem, 0, LENGTH);
		job.submit.nr_buffers = 0;
		job.submit.src = gem_add(&job, handle, 0);
		job.submit.dst = gem_add(&job, to.handle, HMM_P2P_ACCEL_BUFFER_WRITE);
		assert_int_equal(gem_run(fd, &job), 0);
		assert_pattern(to.mem, LENGTH, 3);
		assert_int_equal(gem_close(fd, handle), 0);
	}
	buffer_free(&to);
	close(fd);
}

static void test_mappings(void **state)
{
	int fd = open_accel(0);
	struct buffer buffer = buffer_make(fd, LENGTH);
	uint64_t offset = 0;

	(void)state;
	assert_int_equal(gem_offset(fd, buffer.handle, &offset), 0);
	assert_ptr_equal(mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, (off_t)offset),
			 MAP_FAILED);
	assert_int_equal(errno, EINVAL);
	assert_ptr_equal(mmap(NULL, LENGTH + page_size, PROT_READ, MAP_SHARED, fd, (off_t)offset),
			 MAP_FAILED);
	assert_int_equal(gem_offset(fd, buffer.handle + 1, &offset), -ENOENT);
	/* The mapping keeps it, also when part of it goes. */
	pattern_fill(buffer.mem, 0, LENGTH, 4);
	assert_int_equal(gem_close(fd, buffer.handle), 0);
	close(fd);
	assert_int_equal(munmap(buffer.mem, LENGTH / 2), 0);
	assert_int_equal(pattern_diff(buffer.mem + LENGTH / 2, LENGTH / 2, LENGTH / 2, 4), -1);
	munmap(buffer.mem + LENGTH / 2, LENGTH / 2);
}

/* A user with a limit: what he gives back he may have again. */
static int has_limit(void *arg)
{
	uint32_t handle = 0, other = 0;
	int fd = *(int *)arg, i;

	CHECK(setgid(65534) == 0 && setuid(65534) == 0);
	for (i = 0; i < 2; i++) {
		CHECK(gem_create(fd, 2 * MIB, 0, &handle) == -EDQUOT);
		CHECK(gem_create(fd, MIB, 0, &handle) == 0);
		CHECK(gem_create(fd, page_size, 0, &other) == -EDQUOT);
		CHECK(gem_close(fd, handle) == 0);
	}
	return 0;
}

static void test_charged(void **state)
{
	int fd = open_accel(0), ret;

	(void)state;
	assert_int_equal(write_file(USER_LIMIT, "1M"), 0);
	ret = in_child(has_limit, &fd);
	assert_int_equal(write_file(USER_LIMIT, "0"), 0);
	assert_int_equal(ret, 0);
	close(fd);
}

/* --------------------------------------------------------------------------- jobs */

/* Nobody waits between them: the buffers say who comes before whom. */
static void test_in_order(void **state)
{
	int fd = open_accel(0), other = open_accel(0);
	struct buffer from = buffer_make(fd, LENGTH), to = buffer_make(fd, LENGTH),
		      result = buffer_make(fd, page_size);
	struct gem_job fill = gem_fill_job(from.handle, LENGTH, 5), sum, copy = {
		.submit.op = HMM_P2P_ACCEL_COPY,
		.submit.length = LENGTH - 24,
	};
	uint64_t i;

	(void)state;
	copy.submit.src = gem_add(&copy, from.handle, 0);
	copy.submit.dst = gem_add(&copy, to.handle, HMM_P2P_ACCEL_BUFFER_WRITE) + 24;
	sum = gem_sum_job(to.handle, LENGTH, &result);
	for (i = 1; i < 20; i++) {
		fill.submit.argument = i;
		assert_int_equal(gem_submit(fd, &fill), 0);
		assert_int_equal(gem_submit(fd, &copy), 0);
	}
	assert_int_equal(gem_run(fd, &sum), 0);
	assert_int_equal(result_of(&result).out_error, 0);
	assert_true(result_of(&result).out_result == 19 * (LENGTH / 8 - 3));
	assert_zero(to.mem, 24);
	buffer_free(&from);
	buffer_free(&to);
	buffer_free(&result);
	close(other);
	close(fd);
}

/* Of files that have nothing in common but two syncobjs, one with a timeline. */
static void test_syncobjs(void **state)
{
	int fd = open_accel(0);
	struct buffer first = buffer_make(fd, LENGTH), second = buffer_make(fd, LENGTH),
		      result = buffer_make(fd, page_size);
	uint32_t binary = syncobj_create(fd), timeline = syncobj_create(fd);
	struct gem_job fill = gem_fill_job(first.handle, LENGTH, 6), sum;

	(void)state;
	fill.signals[0].handle = binary;
	fill.signals[1].handle = timeline;
	fill.signals[1].point = 1;
	fill.submit.nr_signals = 2;
	assert_int_equal(gem_submit(fd, &fill), 0);
	fill = gem_fill_job(second.handle, LENGTH, 7);
	fill.waits[0].handle = binary;
	fill.waits[1].handle = timeline;
	fill.waits[1].point = 1;
	fill.submit.nr_waits = 2;
	fill.signals[0].handle = timeline;
	fill.signals[0].point = 2;
	fill.submit.nr_signals = 1;
	assert_int_equal(gem_submit(fd, &fill), 0);
	assert_int_equal(syncobj_wait(fd, timeline, 2), 0);
	assert_true(*(uint64_t *)(first.mem + LENGTH - 8) == 6);
	assert_true(*(uint64_t *)(second.mem + LENGTH - 8) == 7);
	assert_int_equal(syncobj_wait(fd, timeline, 1), 0);
	assert_int_equal(syncobj_status(fd, binary), 0);
	sum = gem_sum_job(second.handle, LENGTH, &result);
	assert_int_equal(gem_run(fd, &sum), 0);
	assert_true(result_of(&result).out_result == 7 * LENGTH / 8);
	syncobj_destroy(fd, binary);
	syncobj_destroy(fd, timeline);
	buffer_free(&first);
	buffer_free(&second);
	buffer_free(&result);
	close(fd);
}

/* All 15 of them, and every size of a piece that the page table has. */
static void test_many_buffers(void **state)
{
	static const size_t sizes[] = { 4096, 8192, 2 * MIB - 4096, 2 * MIB, 2 * MIB + 4096 };
	int fd = open_accel(0);
	struct buffer buffers[HMM_P2P_ACCEL_BUFFERS];
	struct gem_job job = { .submit.op = HMM_P2P_ACCEL_COPY };
	size_t i, size = sizes[ARRAY_SIZE(sizes) - 1];

	(void)state;
	for (i = 0; i < HMM_P2P_ACCEL_BUFFERS; i++) {
		buffers[i] = buffer_make(fd, i < ARRAY_SIZE(sizes) ? sizes[i] : page_size);
		pattern_fill(buffers[i].mem, 0, buffers[i].size, i + 1);
		gem_add(&job, buffers[i].handle, i == 4 ? HMM_P2P_ACCEL_BUFFER_WRITE : 0);
	}
	job.submit.dst = HMM_P2P_ACCEL_BUFFER_ADDRESS(4);
	for (i = 0; i < HMM_P2P_ACCEL_BUFFERS; i++) {
		job.submit.src = HMM_P2P_ACCEL_BUFFER_ADDRESS(i);
		job.submit.length = buffers[i].size;
		if (i == 4)
			continue;
		assert_int_equal(gem_run(fd, &job), 0);
		assert_pattern(buffers[4].mem, buffers[i].size, i + 1);
		assert_int_equal(pattern_diff(buffers[4].mem + 2 * MIB, 2 * MIB, size - 2 * MIB, 5),
				 -1);
	}
	for (i = 0; i < HMM_P2P_ACCEL_BUFFERS; i++)
		buffer_free(&buffers[i]);
	close(fd);
}

/* ----------------------------------------------------------------- what goes wrong */

/* A chase that reads one address, and what became of it. */
static void reads(int fd, const struct buffer *buffer, uint64_t at, int64_t error)
{
	struct gem_job job = {
		.submit.op = HMM_P2P_ACCEL_CHASE,
		.submit.src = at,
		.submit.argument = 1,
	};

	job.submit.result = gem_add(&job, buffer->handle, HMM_P2P_ACCEL_BUFFER_WRITE);
	assert_int_equal(gem_run(fd, &job), error);
	assert_int_equal(result_of(buffer).out_error, error);
	assert_true(result_of(buffer).out_address == (error ? at : 0));
}

/* It ends there, and nobody is asked. */
static void test_bad_addresses(void **state)
{
	int fd = open_accel(0);
	struct buffer buffer = buffer_make(fd, LENGTH), next = buffer_make(fd, LENGTH);
	uint64_t start = HMM_P2P_ACCEL_BUFFER_ADDRESS(0);
	struct gem_job job = gem_fill_job(buffer.handle, LENGTH + page_size, 8);

	(void)state;
	reads(fd, &buffer, start + LENGTH - 8, 0);
	reads(fd, &buffer, 0, -EFAULT);
	reads(fd, &buffer, start - 8, -EFAULT);
	reads(fd, &buffer, start + LENGTH, -EFAULT);
	reads(fd, &buffer, HMM_P2P_ACCEL_BUFFER_ADDRESS(1), -EFAULT);
	reads(fd, &buffer, HMM_P2P_ACCEL_BUFFER_ADDRESS(HMM_P2P_ACCEL_BUFFERS), -EFAULT);
	reads(fd, &buffer, 1ull << 46, -EFAULT);
	reads(fd, &buffer, 1ull << 47, -EFAULT);
	reads(fd, &buffer, address(buffer.mem), -EFAULT);
	/* Over its end, whatever lies behind it in the device's memory. */
	assert_int_equal(gem_run(fd, &job), -EFAULT);
	assert_true(*(uint64_t *)(buffer.mem + LENGTH - 8) == 8);
	assert_zero(next.mem, LENGTH);
	/* What the last job had the next one has not. */
	job = gem_fill_job(buffer.handle, page_size, 9);
	gem_add(&job, next.handle, 0);
	assert_int_equal(gem_run(fd, &job), 0);
	reads(fd, &buffer, HMM_P2P_ACCEL_BUFFER_ADDRESS(1), -EFAULT);
	/* What the device does not do. */
	reads(fd, &buffer, start + LENGTH - 8, 0);
	job.submit.dst += 4;
	job.submit.op = HMM_P2P_ACCEL_HISTOGRAM;
	assert_int_equal(gem_run(fd, &job), -EINVAL);
	buffer_free(&buffer);
	buffer_free(&next);
	close(fd);
}

/* Its time is over, for it alone. */
static void test_time_limit(void **state)
{
	int fd = open_accel(0), other = open_accel(0);
	struct buffer buffer = buffer_make(fd, page_size), mine = buffer_make(other, page_size);
	struct gem_job endless = gem_endless_job(&buffer), fill;
	struct drm_hmm_p2p_accel_run job;
	uint64_t *mem = (uint64_t *)map_pattern(MIB, SMALL_PAGES, 10), expected;

	(void)state;
	expected = sum_of(mem, MIB);
	fill = gem_fill_job(mine.handle, page_size, 11);
	endless.buffers[0].flags = HMM_P2P_ACCEL_BUFFER_WRITE;
	endless.submit.result = HMM_P2P_ACCEL_BUFFER_ADDRESS(0) + 64;
	assert_int_equal(write_file(LIMIT, "400"), 0);
	assert_int_equal(gem_run(fd, &endless), -ETIMEDOUT);
	assert_int_equal(*(volatile int64_t *)(buffer.mem + 64), -ETIMEDOUT);
	/* One that waits behind it has its own time. */
	assert_int_equal(gem_submit(fd, &endless), 0);
	assert_int_equal(gem_run(other, &fill), 0);
	assert_int_equal(write_file(LIMIT, "10000"), 0);
	assert_true(*(uint64_t *)mine.mem == 11);
	/* The device goes on, for those on any address, too. */
	assert_int_equal(try_sum(fd, mem, MIB, &job), 0);
	assert_true(job.out_result == expected);
	fill = gem_fill_job(buffer.handle, page_size, 12);
	assert_int_equal(gem_run(fd, &fill), 0);
	buffer_free(&buffer);
	buffer_free(&mine);
	unmap(mem, MIB);
	close(other);
	close(fd);
}

/* To the process that serves the last accelerator. */
static void command(const char *line)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	char answer[3];
	size_t got = 0;
	ssize_t n;

	REQUIRE(fd >= 0);
	REQUIRE(write(fd, line, strlen(line)) == (ssize_t)strlen(line));
	while (got < sizeof(answer)) {
		n = read(fd, answer + got, sizeof(answer) - got);
		REQUIRE(n > 0);
		got += (size_t)n;
	}
	REQUIRE(!memcmp(answer, "ok\n", sizeof(answer)));
	close(fd);
}

/* The device is through, and nobody is told: the clock asks. */
static void test_lost_interrupt(void **state)
{
	int fd = open_accel(accel_last());
	struct buffer buffer = buffer_make(fd, LENGTH);
	struct gem_job fill = gem_fill_job(buffer.handle, LENGTH, 18);

	(void)state;
	if (access(CONTROL, W_OK))
		SKIP("this machine's accelerators take no commands");
	command("lose-interrupt 2\n");
	assert_int_equal(gem_run(fd, &fill), 0);
	assert_true(*(uint64_t *)(buffer.mem + LENGTH - 8) == 18);
	fill.submit.argument = 19;
	assert_int_equal(gem_run(fd, &fill), 0);
	assert_true(*(uint64_t *)(buffer.mem + LENGTH - 8) == 19);
	buffer_free(&buffer);
	close(fd);
}

static int submits_many(void *arg)
{
	int fd = accel_open(0), i;
	struct buffer buffer = buffer_make(fd, page_size);
	struct gem_job endless = gem_endless_job(&buffer);
	struct turns *turns = arg;

	turns_side(turns, true);
	for (i = 0; i < 500; i++)
		CHECK(gem_submit(fd, &endless) == 0);
	CHECK(turn_give(turns) == 0);
	pause();
	return 0;
}

/* What it had submitted would take the device minutes. */
static void test_killed(void **state)
{
	int fd = open_accel(0);
	struct buffer buffer = buffer_make(fd, page_size);
	struct gem_job fill = gem_fill_job(buffer.handle, page_size, 13);
	struct turns turns;
	pid_t pid;

	(void)state;
	assert_int_equal(write_file(LIMIT, "1000"), 0);
	turns_init(&turns);
	pid = child_start(submits_many, &turns);
	turns_side(&turns, false);
	assert_int_equal(turn_await(&turns), 0);
	kill(pid, SIGKILL);
	assert_int_equal(child_wait(pid), -SIGKILL);
	assert_int_equal(gem_run(fd, &fill), 0);
	assert_true(*(uint64_t *)buffer.mem == 13);
	assert_int_equal(write_file(LIMIT, "10000"), 0);
	turns_fini(&turns);
	buffer_free(&buffer);
	close(fd);
}

/* ------------------------------------------------------ beside jobs on any address */

#define FAULTING	8

/* All units have jobs without an end, which are to keep them, and more of them wait. */
static int all_units_are_busy(void *arg)
{
	uint8_t *mem = map_memory(FAULTING * page_size, SMALL_PAGES);
	struct runner runners[FAULTING] = {};
	int fd = accel_open(0);
	struct buffer buffer = buffer_make(fd, LENGTH);
	struct gem_job fill = gem_fill_job(buffer.handle, MIB, 14);
	uint64_t i;

	CHECK(write_file(SLICE, arg) == 0);
	for (i = 0; i < FAULTING; i++) {
		runners[i].fd = fd;
		runners[i].job = endless_job((uint64_t *)(mem + i * page_size));
		runner_start(&runners[i]);
	}
	for (i = 0; i < FAULTING; i++)
		runner_await(&runners[i]);
	/* More than the ring has room for. */
	for (i = 1; i < 70; i++) {
		fill.submit.argument = i;
		CHECK(gem_run(fd, &fill) == 0);
		CHECK(*(uint64_t *)(buffer.mem + MIB - 8) == i);
	}
	CHECK(write_file(SLICE, "20") == 0);
	for (i = 0; i < FAULTING; i++)
		*(volatile uint64_t *)(mem + i * page_size) = 0;
	for (i = 0; i < FAULTING; i++) {
		CHECK(pthread_join(runners[i].thread, NULL) == 0);
		CHECK(runners[i].ret == 0);
		CHECK(runners[i].job.out_result == address(mem + i * page_size));
	}
	buffer_free(&buffer);
	close(fd);
	return 0;
}

static void test_beside_faulting_jobs(void **state)
{
	(void)state;
	close(open_accel(0));
	assert_int_equal(in_child(all_units_are_busy, "0"), 0);
	assert_int_equal(in_child(all_units_are_busy, "20"), 0);
}

/* ----------------------------------------------------------------- what is refused */

static int other_file(void *arg)
{
	const struct buffer *buffer = arg;
	struct gem_job fill = gem_fill_job(buffer->handle, page_size, 15);
	int fd = accel_open(0);
	uint64_t offset = 0;

	CHECK(gem_run(fd, &fill) == -ENOENT);
	CHECK(gem_offset(fd, buffer->handle, &offset) == -ENOENT);
	/* The file itself is as good as the parent's: it is not about addresses. */
	CHECK(gem_run(buffer->fd, &fill) == 0);
	CHECK(gem_offset(buffer->fd, buffer->handle, &offset) == 0);
	CHECK(mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd, (off_t)offset) == MAP_FAILED);
	close(fd);
	return 0;
}

static void test_two_processes(void **state)
{
	int fd = open_accel(0);
	struct buffer buffer = buffer_make(fd, page_size);

	(void)state;
	assert_int_equal(in_child(other_file, &buffer), 0);
	assert_true(*(uint64_t *)buffer.mem == 15);
	buffer_free(&buffer);
	close(fd);
}

static void test_refused(void **state)
{
	int fd = open_accel(0);
	struct buffer buffer = buffer_make(fd, page_size), other = buffer_make(fd, page_size);
	const struct gem_job good = gem_fill_job(buffer.handle, page_size, 16);
	struct drm_hmm_p2p_accel_gem_create create = { .size = page_size };
	struct drm_hmm_p2p_accel_gem_mmap map = { .handle = buffer.handle, .reserved = 1 };
	uint32_t sync = syncobj_create(fd), handle;
	struct gem_job bad;

	(void)state;
#define REFUSED(error, ...)						\
	do {								\
		bad = good;						\
		__VA_ARGS__;						\
		assert_int_equal(gem_submit(fd, &bad), error);		\
	} while (0)
	REFUSED(-EINVAL, bad.submit.op = 0);
	REFUSED(-EINVAL, bad.submit.op = HMM_P2P_ACCEL_HISTOGRAM + 1);
	REFUSED(-EINVAL, bad.submit.flags = 1);
	REFUSED(-EINVAL, bad.submit.reserved = 1);
	REFUSED(-EINVAL, bad.submit.nr_buffers = 0);
	REFUSED(-EINVAL, bad.submit.nr_buffers = HMM_P2P_ACCEL_BUFFERS + 1);
	REFUSED(-EINVAL, bad.submit.nr_waits = HMM_P2P_ACCEL_SYNCS + 1);
	REFUSED(-EINVAL, bad.submit.nr_signals = HMM_P2P_ACCEL_SYNCS + 1);
	REFUSED(-EINVAL, bad.submit.nr_signals = UINT32_MAX);
	REFUSED(-EINVAL, bad.buffers[0].flags = 2);
	REFUSED(-EINVAL, gem_add(&bad, buffer.handle, 0));
	REFUSED(-ENOENT, bad.buffers[0].handle = 0);
	REFUSED(-ENOENT, bad.buffers[0].handle = UINT32_MAX);
	REFUSED(-EFAULT, bad.buffers[0].flags = 0);
	REFUSED(-EFAULT, bad.submit.length = UINT64_MAX);
	REFUSED(-EFAULT, gem_add(&bad, other.handle, 0),
		bad.submit.length = HMM_P2P_ACCEL_BUFFER_ADDRESS(1));
	REFUSED(-EINVAL, bad.submit.result = HMM_P2P_ACCEL_BUFFER_ADDRESS(0) + 4);
	REFUSED(-EFAULT, bad.submit.result = 8);
	REFUSED(-EFAULT, bad.submit.result = HMM_P2P_ACCEL_BUFFER_ADDRESS(1));
	REFUSED(-EFAULT, bad.submit.result = HMM_P2P_ACCEL_BUFFER_ADDRESS(0) + page_size - 16);
	REFUSED(-EFAULT, bad.submit.result = UINT64_MAX - 7);
	REFUSED(-EFAULT, bad.submit.result = gem_add(&bad, other.handle, 0));
	REFUSED(-ENOENT, bad.submit.nr_waits = 1, bad.waits[0].handle = sync + 1);
	REFUSED(-EINVAL, bad.submit.nr_waits = 1, bad.waits[0].handle = sync);
	REFUSED(-EINVAL, bad.submit.nr_waits = 1, bad.waits[0].handle = sync,
		bad.waits[0].reserved = 1);
	REFUSED(-ENOENT, bad.submit.nr_signals = 1, bad.signals[0].handle = sync + 1);
	REFUSED(-ENOENT, bad.submit.nr_signals = 2, bad.signals[0].handle = sync,
		bad.signals[0].point = 1, bad.signals[1].handle = sync + 1,
		bad.signals[1].point = 1);
	REFUSED(-EINVAL, bad.submit.nr_signals = 1, bad.signals[0].handle = sync,
		bad.signals[0].reserved = 1);
#undef REFUSED
	bad = good;
	bad.submit.buffers = 8;
	assert_int_equal(ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_GEM_SUBMIT, &bad.submit), -1);
	assert_int_equal(errno, EFAULT);
	bad.submit.buffers = address(bad.buffers);
	bad.submit.signals = 8;
	bad.submit.nr_signals = 1;
	assert_int_equal(ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_GEM_SUBMIT, &bad.submit), -1);
	assert_int_equal(errno, EFAULT);
	assert_int_equal(gem_create(fd, 0, 0, &handle), -EINVAL);
	assert_int_equal(gem_create(fd, HMM_P2P_ACCEL_BUFFER_MAX + 1, 0, &handle), -EINVAL);
	assert_int_equal(gem_create(fd, UINT64_MAX, 0, &handle), -EINVAL);
	assert_int_equal(gem_create(fd, HMM_P2P_ACCEL_BUFFER_MAX, 0, &handle), -ENOSPC);
	create.flags = 2;
	assert_int_equal(ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_GEM_CREATE, &create), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_GEM_MMAP, &map), -1);
	assert_int_equal(errno, EINVAL);
	/* None of them has run. */
	bad = gem_fill_job(other.handle, page_size, 17);
	assert_int_equal(gem_run(fd, &bad), 0);
	assert_zero(buffer.mem, page_size);
	syncobj_destroy(fd, sync);
	buffer_free(&buffer);
	buffer_free(&other);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cleared),
		TEST(test_behind_window),
		TEST(test_mappings),
		TEST(test_charged),
		TEST(test_in_order),
		TEST(test_syncobjs),
		TEST(test_many_buffers),
		TEST(test_bad_addresses),
		TEST(test_time_limit),
		TEST(test_lost_interrupt),
		TEST(test_killed),
		TEST(test_beside_faulting_jobs),
		TEST(test_two_processes),
		TEST(test_refused),
	};

	return RUN("accel_gem", tests);
}
