// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs that are submitted to an accelerator: they run in order, a fence in the memory of
 * the process says what came of each, and who waits for one can be killed.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "common_accel.h"

#define DRIVER		"hmm_p2p_accel"
#define LENGTH		(2 * MIB)

/* As the header says it. */
#define MOST_WAITING	256

#define FOREVER		(-1)

static int submit(int fd, const struct drm_hmm_p2p_accel_run *job,
		  struct drm_hmm_p2p_accel_fence *fence, uint64_t value)
{
	struct drm_hmm_p2p_accel_submit submit = {
		.op = job->op,
		.dst = job->dst,
		.src = job->src,
		.length = job->length,
		.argument = job->argument,
		.fence = address(fence),
		.value = value,
	};

	return ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_SUBMIT, &submit) ? -errno : 0;
}

static int wait_fence(int fd, const struct drm_hmm_p2p_accel_fence *fence, uint64_t value,
		      int64_t timeout)
{
	struct drm_hmm_p2p_accel_wait wait = {
		.at = address(&fence->value),
		.value = value,
		.timeout = timeout,
	};

	return ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_WAIT, &wait) ? -errno : 0;
}

static uint64_t value_of(const struct drm_hmm_p2p_accel_fence *fence)
{
	return __atomic_load_n(&fence->value, __ATOMIC_ACQUIRE);
}

static struct drm_hmm_p2p_accel_run sum_job(const void *mem)
{
	return (struct drm_hmm_p2p_accel_run) {
		.op = HMM_P2P_ACCEL_SUM,
		.src = address(mem),
		.length = LENGTH,
	};
}

static struct drm_hmm_p2p_accel_run fill_job(void *mem, uint64_t value)
{
	return (struct drm_hmm_p2p_accel_run) {
		.op = HMM_P2P_ACCEL_FILL,
		.dst = address(mem),
		.length = LENGTH,
		.argument = value,
	};
}

/* -------------------------------------------------------------- what a fence says */

/* Each finds what the one before has left, and the last one is over last. */
static void test_in_order(void **state)
{
	uint64_t *mem = (uint64_t *)map_pattern(LENGTH, SMALL_PAGES, 61);
	struct drm_hmm_p2p_accel_fence fences[4] = {};
	struct drm_hmm_p2p_accel_run jobs[] = {
		sum_job(mem), fill_job(mem, 5), sum_job(mem), fill_job(mem, 6),
	};
	uint64_t expected = sum_of(mem, LENGTH);
	int fd = accel_open(0);
	size_t i;

	(void)state;
	(void)accel_memory(0);
	for (i = 0; i < ARRAY_SIZE(jobs); i++)
		assert_int_equal(submit(fd, &jobs[i], &fences[i], i + 1), 0);
	assert_int_equal(wait_fence(fd, &fences[3], 4, FOREVER), 0);
	for (i = 0; i < ARRAY_SIZE(jobs); i++) {
		assert_int_equal(value_of(&fences[i]), i + 1);
		assert_int_equal(fences[i].out_error, 0);
	}
	assert_true(fences[0].out_result == expected);
	assert_int_equal(fences[0].out_moved, LENGTH / page_size);
	assert_int_equal(fences[0].out_faults, LENGTH / huge_size);
	assert_true(fences[2].out_result == 5 * (LENGTH / sizeof(*mem)));
	assert_int_equal(fences[2].out_faults, 0);
	assert_true(mem[0] == 6 && mem[LENGTH / sizeof(*mem) - 1] == 6);
	close(fd);
	unmap(mem, LENGTH);
}

/* One value for all of them, as a counter; and nobody calls. */
static void test_without_a_call(void **state)
{
	uint64_t *mem = (uint64_t *)map_memory(LENGTH, SMALL_PAGES);
	struct drm_hmm_p2p_accel_fence fence = {};
	struct drm_hmm_p2p_accel_run job;
	int fd = accel_open(0);
	uint64_t i;

	(void)state;
	(void)accel_memory(0);
	for (i = 1; i <= 3; i++) {
		job = fill_job(mem, 10 * i);
		assert_int_equal(submit(fd, &job, &fence, i), 0);
	}
	AWAIT(value_of(&fence) == 3);
	assert_true(mem[0] == 30 && mem[LENGTH / sizeof(*mem) - 1] == 30);
	/* More than what is waited for is enough. */
	assert_int_equal(wait_fence(fd, &fence, 2, 0), 0);
	close(fd);
	unmap(mem, LENGTH);
}

static void test_errors(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 62);
	struct drm_hmm_p2p_accel_fence fences[3] = {};
	struct drm_hmm_p2p_accel_run jobs[] = { sum_job(mem), sum_job(mem), sum_job(mem) };
	int fd = accel_open(0);
	size_t i;

	(void)state;
	(void)accel_memory(0);
	jobs[0].length = LENGTH - 1;
	jobs[1].src = address(mem) + MIB;
	jobs[2].length = MIB;
	unmap(mem + MIB, MIB);
	for (i = 0; i < ARRAY_SIZE(jobs); i++)
		assert_int_equal(submit(fd, &jobs[i], &fences[i], 1), 0);
	assert_int_equal(wait_fence(fd, &fences[2], 1, FOREVER), 0);
	assert_int_equal(fences[0].out_error, -EINVAL);
	assert_int_equal(fences[1].out_error, -EFAULT);
	assert_true(fences[1].out_address == address(mem) + MIB);
	assert_int_equal(fences[2].out_error, 0);
	assert_true(fences[2].out_result == sum_of(mem, MIB));
	close(fd);
	unmap(mem, MIB);
}

/* A fence that has gone is written nowhere, and the next job runs. */
static void test_fence_is_unmapped(void **state)
{
	struct drm_hmm_p2p_accel_fence *gone, fence = {};
	uint64_t *mem = (uint64_t *)map_memory(LENGTH, SMALL_PAGES);
	struct drm_hmm_p2p_accel_run job = fill_job(mem, 8);
	int fd = accel_open(0);

	(void)state;
	(void)accel_memory(0);
	gone = (void *)map_memory(page_size, SMALL_PAGES);
	unmap(gone, page_size);
	assert_int_equal(submit(fd, &job, gone, 1), 0);
	assert_int_equal(submit(fd, &job, &fence, 1), 0);
	assert_int_equal(wait_fence(fd, gone, 1, FOREVER), -EFAULT);
	assert_int_equal(wait_fence(fd, &fence, 1, FOREVER), 0);
	assert_int_equal(fence.out_error, 0);
	assert_true(mem[LENGTH / sizeof(*mem) - 1] == 8);
	close(fd);
	unmap(mem, LENGTH);
}

/* ----------------------------------------------------------------- who waits, how long */

static void test_timeout(void **state)
{
	uint64_t *self = (uint64_t *)map_memory(page_size, SMALL_PAGES);
	struct drm_hmm_p2p_accel_run job = endless_job(self);
	struct drm_hmm_p2p_accel_fence fence = {};
	int fd = accel_open(0);

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(submit(fd, &job, &fence, 1), 0);
	assert_int_equal(wait_fence(fd, &fence, 1, 0), -ETIME);
	assert_int_equal(wait_fence(fd, &fence, 1, 1000), -ETIME);
	*(volatile uint64_t *)self = 0;
	assert_int_equal(wait_fence(fd, &fence, 1, FOREVER), 0);
	assert_int_equal(fence.out_error, 0);
	assert_true(fence.out_result == address(self));
	close(fd);
	unmap(self, page_size);
}

static int waits_for_ever(void *arg)
{
	uint64_t *self = (uint64_t *)map_memory(page_size, SMALL_PAGES);
	struct drm_hmm_p2p_accel_run job = endless_job(self);
	struct drm_hmm_p2p_accel_fence fence = {};
	int fd = accel_open(0);

	(void)arg;
	CHECK(submit(fd, &job, &fence, 1) == 0);
	CHECK(submit(fd, &job, &fence, 2) == 0);
	wait_fence(fd, &fence, 2, FOREVER);
	return 1;
}

/* What it has submitted ends with it. */
static void test_killed(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 63);
	uint64_t expected = sum_of(mem, LENGTH), used;
	uint32_t memory = accel_memory(0);
	int fd = accel_open(0);
	pid_t pid;

	(void)state;
	used = used_bytes(memory);
	pid = child_start(waits_for_ever, NULL);
	AWAIT(strstr(stack_of(pid, pid), "accel_wait_fence"));
	kill(pid, SIGKILL);
	assert_int_equal(child_wait(pid), -SIGKILL);
	AWAIT(used_bytes(memory) == used);
	assert_true(sum(fd, mem, LENGTH).out_result == expected);
	close(fd);
	unmap(mem, LENGTH);
}

/* -------------------------------------------------------------------- what ends them */

/* More than may wait, behind one without an end; then nobody has a file any more. */
static void test_closed(void **state)
{
	struct drm_hmm_p2p_accel_fence *fences = calloc(MOST_WAITING + 2, sizeof(*fences));
	uint64_t *self = (uint64_t *)map_memory(page_size, SMALL_PAGES);
	struct drm_hmm_p2p_accel_run job = endless_job(self);
	int fd = accel_open(0), ret;
	size_t nr, i;

	(void)state;
	(void)accel_memory(0);
	assert_non_null(fences);
	for (nr = 0; nr < MOST_WAITING + 2; nr++) {
		ret = submit(fd, &job, &fences[nr], 1);
		if (ret)
			break;
	}
	assert_int_equal(ret, -EBUSY);
	assert_true(nr == MOST_WAITING || nr == MOST_WAITING + 1);
	close(fd);
	AWAIT(value_of(&fences[nr - 1]) == 1);
	for (i = 0; i < nr; i++) {
		assert_int_equal(value_of(&fences[i]), 1);
		assert_int_equal(fences[i].out_error, -ECANCELED);
	}
	assert_true(*self == address(self));
	free(fences);
	unmap(self, page_size);
}

/* The last one, which has another number than at first when it has been bound again. */
static unsigned int third(struct hmm_p2p_device_info *third)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;
	unsigned int nr, last = 0;

	for (i = 0; i < n; i++) {
		if (sscanf((char *)infos[i].out_name, "accel%u", &nr) != 1 || nr < last)
			continue;
		last = nr;
		*third = infos[i];
	}
	if (last < 2)
		SKIP("there are less than three accelerators");
	return last;
}

static void test_unbind(void **state)
{
	uint64_t *self = (uint64_t *)map_memory(page_size, SMALL_PAGES);
	struct drm_hmm_p2p_accel_run job = endless_job(self);
	struct drm_hmm_p2p_accel_fence fences[3] = {};
	struct hmm_p2p_device_info info;
	int fd = accel_open(third(&info));
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(fences); i++)
		assert_int_equal(submit(fd, &job, &fences[i], 1), 0);
	assert_int_equal(driver_unbind(DRIVER, &info), 0);
	AWAIT(value_of(&fences[2]));
	for (i = 0; i < ARRAY_SIZE(fences); i++)
		assert_int_equal(fences[i].out_error, -ENODEV);
	assert_int_equal(submit(fd, &job, &fences[0], 2), -ENODEV);
	assert_int_equal(driver_bind(DRIVER, &info), 0);
	close(fd);
	assert_true(*self == address(self));
	unmap(self, page_size);
}

/* ------------------------------------------------------------------- what is refused */

static void test_refused(void **state)
{
	uint64_t *mem = (uint64_t *)map_memory(LENGTH, SMALL_PAGES);
	struct drm_hmm_p2p_accel_fence fence = {};
	const struct drm_hmm_p2p_accel_submit good = {
		.op = HMM_P2P_ACCEL_FILL,
		.dst = address(mem),
		.length = page_size,
		.fence = address(&fence),
		.value = 1,
	};
	struct drm_hmm_p2p_accel_submit bad[] = { good, good, good, good };
	struct drm_hmm_p2p_accel_wait waits[] = {
		{ .at = address(&fence.value), .flags = 1 },
		{ .at = address(&fence.value), .reserved = 1 },
		{ .at = address(&fence.value) + 4 },
	};
	int fd = accel_open(0);
	size_t i;

	(void)state;
	(void)accel_memory(0);
	bad[0].op = 0;
	bad[1].op = HMM_P2P_ACCEL_HISTOGRAM + 1;
	bad[2].flags = 1;
	bad[3].fence += 4;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		errno = 0;
		assert_int_equal(ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_SUBMIT, &bad[i]), -1);
		assert_int_equal(errno, EINVAL);
	}
	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		errno = 0;
		assert_int_equal(ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_WAIT, &waits[i]), -1);
		assert_int_equal(errno, EINVAL);
	}
	assert_int_equal(wait_fence(fd, NULL, 1, 0), -EFAULT);
	assert_int_equal(value_of(&fence), 0);
	assert_zero((uint8_t *)mem, LENGTH);
	close(fd);
	unmap(mem, LENGTH);
}

static int submits_by_parents_file(void *arg)
{
	uint64_t *mem = (uint64_t *)map_memory(LENGTH, SMALL_PAGES);
	struct drm_hmm_p2p_accel_run job = fill_job(mem, 1);
	struct drm_hmm_p2p_accel_fence fence = {};
	int fd = *(int *)arg;

	CHECK(submit(fd, &job, &fence, 1) == -EPERM);
	CHECK(wait_fence(fd, &fence, 1, FOREVER) == -EPERM);
	return 0;
}

static void test_fork(void **state)
{
	int fd = accel_open(0);

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(in_child(submits_by_parents_file, &fd), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_in_order),
		TEST(test_without_a_call),
		TEST(test_errors),
		TEST(test_fence_is_unmapped),
		TEST(test_timeout),
		TEST(test_killed),
		TEST(test_closed),
		TEST(test_refused),
		TEST(test_fork),
		TEST(test_unbind),
	};

	return RUN("accel_fences", tests);
}
