// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers of an accelerator that another one reads and writes, as dma-bufs: peer to peer, in
 * the order of their fences, and no longer than both devices are there.
 */
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "common_gem.h"

#define LENGTH		(4 * MIB)

/* ------------------------------------------------------------------- peer to peer */

/*
 * One device writes a buffer of its own, the other one reads it, and writes another one of
 * the first device: nobody waits before the end.
 */
static void reaches_peer(unsigned int a, unsigned int b, size_t size)
{
	int near = open_accel(a), far = open_accel(b), there, back;
	struct buffer from = buffer_make(near, size), made = buffer_make(near, size),
		      to = buffer_make(near, size), copy = buffer_make(far, size);
	uint32_t made_far, to_far;
	struct gem_job job;

	pattern_fill(from.mem, 0, size, a + 16 * b + 1);
	there = gem_export(near, made.handle);
	back = gem_export(near, to.handle);
	made_far = gem_import(far, there);
	to_far = gem_import(far, back);
	job = gem_copy_job(from.handle, made.handle, size);
	assert_int_equal(gem_submit(near, &job), 0);
	job = gem_copy_job(made_far, copy.handle, size);
	assert_int_equal(gem_submit(far, &job), 0);
	job = gem_copy_job(copy.handle, to_far, size);
	assert_int_equal(gem_run(far, &job), 0);
	assert_pattern(made.mem, size, a + 16 * b + 1);
	assert_pattern(copy.mem, size, a + 16 * b + 1);
	assert_pattern(to.mem, size, a + 16 * b + 1);
	/* The import is enough to keep it. */
	close(there);
	buffer_free(&made);
	memset(copy.mem, 0, size);
	job = gem_copy_job(made_far, copy.handle, size);
	assert_int_equal(gem_run(far, &job), 0);
	assert_pattern(copy.mem, size, a + 16 * b + 1);
	assert_int_equal(gem_close(far, made_far), 0);
	close(back);
	buffer_free(&from);
	buffer_free(&to);
	buffer_free(&copy);
	close(near);
	close(far);
}

static void test_peer_to_peer(void **state)
{
	(void)state;
	reaches_peer(0, accel_last(), 3 * MIB);
	reaches_peer(accel_last(), 0, page_size);
	reaches_peer(1, 0, MIB);
}

/* A fence of one device is what a job of another one waits for, also without a buffer. */
static void test_fence_of_peer(void **state)
{
	int near = open_accel(0), far = open_accel(accel_last());
	struct buffer slow = buffer_make(near, page_size), fast = buffer_make(far, page_size);
	struct gem_job endless = gem_endless_job(&slow), fill;
	struct drm_syncobj_handle sync = {}, there = {};
	uint32_t first = syncobj_create(near);

	(void)state;
	sync.handle = first;
	assert_int_equal(ioctl(near, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &sync), 0);
	there.fd = sync.fd;
	assert_int_equal(ioctl(far, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &there), 0);
	endless.signals[0].handle = first;
	endless.submit.nr_signals = 1;
	assert_int_equal(gem_submit(near, &endless), 0);
	fill = gem_fill_job(fast.handle, page_size, 21);
	fill.waits[0].handle = there.handle;
	fill.submit.nr_waits = 1;
	assert_int_equal(gem_submit(far, &fill), 0);
	fill.submit.nr_waits = 0;
	assert_true(*(volatile uint64_t *)fast.mem == 0);
	*(volatile uint64_t *)slow.mem = 0;
	/* In the order of the file. */
	assert_int_equal(gem_run(far, &fill), 0);
	assert_int_equal(syncobj_status(near, first), 0);
	assert_true(*(volatile uint64_t *)fast.mem == 21);
	close(sync.fd);
	buffer_free(&slow);
	buffer_free(&fast);
	close(near);
	close(far);
}

static void test_same_device(void **state)
{
	int fd = open_accel(0), other = open_accel(0), dmabuf;
	struct buffer buffer = buffer_make(fd, LENGTH);
	uint64_t offset = 0, again = 0;
	struct gem_job fill;
	uint32_t handle;
	uint8_t *mem;

	(void)state;
	dmabuf = gem_export(fd, buffer.handle);
	assert_int_equal(gem_import(fd, dmabuf), buffer.handle);
	handle = gem_import(other, dmabuf);
	fill = gem_fill_job(handle, LENGTH, 22);
	assert_int_equal(gem_run(other, &fill), 0);
	assert_int_equal(gem_offset(fd, buffer.handle, &offset), 0);
	assert_int_equal(gem_offset(other, handle, &again), 0);
	assert_true(offset == again);
	mem = mmap(NULL, MIB, PROT_READ, MAP_SHARED, dmabuf, MIB);
	assert_ptr_not_equal(mem, MAP_FAILED);
	pattern_fill(buffer.mem, 0, LENGTH, 23);
	assert_int_equal(pattern_diff(mem, MIB, MIB, 23), -1);
	munmap(mem, MIB);
	close(dmabuf);
	close(other);
	buffer_free(&buffer);
	close(fd);
}

/* Memory of the system, in pieces: by its pages to the device, and back. */
static void test_system_memory(void **state)
{
	int fd = open_accel(0), udmabuf = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), dmabuf;
	int file = memfd_create("prime", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	struct buffer buffer = buffer_make(fd, MIB);
	struct udmabuf_create create = { .memfd = file, .size = MIB };
	uint64_t offset = 0;
	struct gem_job job;
	uint32_t handle;
	uint8_t *mem;

	(void)state;
	if (udmabuf < 0)
		SKIP("this kernel has no udmabuf");
	assert_int_equal(ftruncate(file, MIB), 0);
	assert_int_equal(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	mem = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	pattern_fill(mem, 0, MIB, 24);
	dmabuf = ioctl(udmabuf, UDMABUF_CREATE, &create);
	assert_true(dmabuf >= 0);
	handle = gem_import(fd, dmabuf);
	assert_int_equal(gem_offset(fd, handle, &offset), -EOPNOTSUPP);
	job = gem_copy_job(handle, buffer.handle, MIB);
	assert_int_equal(gem_run(fd, &job), 0);
	assert_pattern(buffer.mem, MIB, 24);
	pattern_fill(buffer.mem, 0, MIB, 25);
	job = gem_copy_job(buffer.handle, handle, MIB);
	assert_int_equal(gem_run(fd, &job), 0);
	assert_pattern(mem, MIB, 25);
	assert_int_equal(gem_close(fd, handle), 0);
	munmap(mem, MIB);
	buffer_free(&buffer);
	close(dmabuf);
	close(udmabuf);
	close(file);
	close(fd);
}

/* What no other device reaches cannot be exported. */
static void test_behind_window(void **state)
{
	int fd = open_accel(accel_last());
	uint32_t handle = 0;

	(void)state;
	assert_int_equal(gem_create(fd, LENGTH, 0, &handle), 0);
	assert_int_equal(gem_try_export(fd, handle), -EOPNOTSUPP);
	assert_int_equal(gem_try_export(fd, handle + 1), -ENOENT);
	close(fd);
}

/* ------------------------------------------------------------------------ removal */

static int touches(void *arg)
{
	return *(volatile uint8_t *)arg;
}

/* Its memory goes: a job of another device that has it ends before, the others fail. */
static void test_exporter_goes(void **state)
{
	unsigned int last = accel_last();
	int near = open_accel(0), far = open_accel(last), dmabuf;
	struct buffer theirs = buffer_make(far, LENGTH), mine = buffer_make(near, LENGTH);
	uint32_t handle, again;
	struct gem_job job, fill, endless;
	int i;

	(void)state;
	dmabuf = gem_export(far, theirs.handle);
	handle = gem_import(near, dmabuf);
	pattern_fill(theirs.mem, 0, LENGTH, 26);
	job = gem_copy_job(handle, mine.handle, LENGTH);
	assert_int_equal(gem_run(near, &job), 0);
	assert_pattern(mine.mem, LENGTH, 26);
	/* Whatever they would do: in all, they would keep the device for minutes. */
	assert_int_equal(write_file(LIMIT, "1000"), 0);
	endless = gem_endless_job(&mine);
	gem_add(&endless, handle, 0);
	for (i = 0; i < 500; i++)
		assert_int_equal(gem_submit(near, &endless), 0);
	accel_rebind(last, false);
	assert_int_equal(write_file(LIMIT, "10000"), 0);
	fill = gem_fill_job(theirs.handle, LENGTH, 27);
	assert_int_equal(gem_submit(far, &fill), -ENODEV);
	assert_int_equal(gem_create(far, LENGTH, 0, &again), -ENODEV);
	assert_int_equal(in_child(touches, theirs.mem), -SIGBUS);
	assert_int_equal(gem_run(near, &job), -ENODEV);
	fill = gem_fill_job(mine.handle, LENGTH, 28);
	assert_int_equal(gem_run(near, &fill), 0);
	assert_int_equal(gem_close(near, handle), 0);
	assert_int_equal(gem_try_import(near, dmabuf, &again), -ENODEV);
	accel_rebind(last, true);
	munmap(theirs.mem, LENGTH);
	buffer_free(&mine);
	close(dmabuf);
	close(near);
	close(far);
}

/*
 * A reset by the PCI core, for which all that reaches the memory has to pause: buffers of
 * one device alone are as they were, and others lose those that they could reach.
 */
static void test_exporter_is_reset(void **state)
{
	unsigned int last = accel_last();
	int near = open_accel(0), far = open_accel(last), dmabuf;
	struct buffer kept = buffer_make(far, LENGTH), theirs = buffer_make(far, LENGTH),
		      mine = buffer_make(near, LENGTH);
	struct gem_job job, endless;
	uint32_t handle;

	(void)state;
	dmabuf = gem_export(far, theirs.handle);
	handle = gem_import(near, dmabuf);
	pattern_fill(kept.mem, 0, LENGTH, 29);
	pattern_fill(theirs.mem, 0, LENGTH, 30);
	job = gem_copy_job(handle, mine.handle, LENGTH);
	assert_int_equal(gem_run(near, &job), 0);
	assert_pattern(mine.mem, LENGTH, 30);
	/* One that is under way has its time. */
	assert_int_equal(write_file(LIMIT, "1000"), 0);
	endless = gem_endless_job(&kept);
	assert_int_equal(gem_submit(far, &endless), 0);
	assert_int_equal(accel_reset(last), 0);
	assert_int_equal(write_file(LIMIT, "10000"), 0);

	assert_int_equal(gem_run(near, &job), -ENODEV);
	assert_int_equal(gem_close(near, handle), 0);
	assert_int_equal(gem_try_import(near, dmabuf, &handle), -ENODEV);
	close(dmabuf);
	/* The job had a buffer for its result only. */
	pattern_fill(kept.mem, 0, LENGTH, 29);
	job = gem_copy_job(kept.handle, theirs.handle, LENGTH);
	assert_int_equal(gem_run(far, &job), -ENODEV);
	assert_pattern(theirs.mem, LENGTH, 30);
	buffer_free(&theirs);
	theirs = buffer_make(far, LENGTH);
	job = gem_copy_job(kept.handle, theirs.handle, LENGTH);
	assert_int_equal(gem_run(far, &job), 0);
	assert_pattern(theirs.mem, LENGTH, 29);
	reaches_peer(0, last, MIB);
	buffer_free(&kept);
	buffer_free(&theirs);
	buffer_free(&mine);
	close(near);
	close(far);
}

/* What nobody else reaches survives a reset as it is. */
static void test_reset_keeps(void **state)
{
	unsigned int last = accel_last();
	int fd = open_accel(last);
	struct buffer from = buffer_make(fd, LENGTH), to = buffer_make(fd, LENGTH);
	struct gem_job job = gem_copy_job(from.handle, to.handle, LENGTH);

	(void)state;
	pattern_fill(from.mem, 0, LENGTH, 31);
	assert_int_equal(accel_reset(last), 0);
	assert_pattern(from.mem, LENGTH, 31);
	assert_int_equal(gem_run(fd, &job), 0);
	assert_pattern(to.mem, LENGTH, 31);
	buffer_free(&from);
	buffer_free(&to);
	close(fd);
}

/* The device that has imported goes, with jobs: what it had is as it was for its owner. */
static void test_importer_goes(void **state)
{
	unsigned int last = accel_last();
	int near = open_accel(0), far = open_accel(last), dmabuf;
	struct buffer mine = buffer_make(near, LENGTH), theirs = buffer_make(far, LENGTH);
	struct gem_job job, endless = gem_endless_job(&theirs);
	uint32_t handle, sync = syncobj_create(far);
	int fence;

	(void)state;
	dmabuf = gem_export(near, mine.handle);
	handle = gem_import(far, dmabuf);
	assert_int_equal(gem_submit(far, &endless), 0);
	job = gem_copy_job(handle, theirs.handle, LENGTH);
	job.signals[0].handle = sync;
	job.submit.nr_signals = 1;
	assert_int_equal(gem_submit(far, &job), 0);
	fence = syncobj_fence(far, sync);
	pattern_fill(mine.mem, 0, LENGTH, 29);
	accel_rebind(last, false);
	assert_int_equal(fence_status(fence), -ENODEV);
	assert_int_equal(gem_submit(far, &job), -ENODEV);
	assert_pattern(mine.mem, LENGTH, 29);
	job = gem_fill_job(mine.handle, LENGTH, 30);
	assert_int_equal(gem_run(near, &job), 0);
	assert_true(*(uint64_t *)(mine.mem + LENGTH - 8) == 30);
	accel_rebind(last, true);
	close(dmabuf);
	munmap(theirs.mem, LENGTH);
	close(far);
	buffer_free(&mine);
	close(near);
	reaches_peer(0, accel_last(), MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_peer_to_peer),
		TEST(test_fence_of_peer),
		TEST(test_same_device),
		TEST(test_system_memory),
		TEST(test_behind_window),
		TEST(test_exporter_goes),
		TEST(test_exporter_is_reset),
		TEST(test_reset_keeps),
		TEST(test_importer_goes),
	};

	return RUN("accel_prime", tests);
}
