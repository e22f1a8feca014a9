// SPDX-License-Identifier: GPL-2.0
/* Buffers of the lab's accelerators, jobs on them, and syncobjs. */
#include <fcntl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "common_gem.h"

int gem_create(int fd, uint64_t size, uint32_t flags, uint32_t *handle)
{
	struct drm_hmm_p2p_accel_gem_create create = { .size = size, .flags = flags };

	if (ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_GEM_CREATE, &create))
		return -errno;
	*handle = create.out_handle;
	return 0;
}

int gem_close(int fd, uint32_t handle)
{
	struct drm_gem_close close = { .handle = handle };

	return ioctl(fd, DRM_IOCTL_GEM_CLOSE, &close) ? -errno : 0;
}

int gem_offset(int fd, uint32_t handle, uint64_t *offset)
{
	struct drm_hmm_p2p_accel_gem_mmap map = { .handle = handle };

	if (ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_GEM_MMAP, &map))
		return -errno;
	*offset = map.out_offset;
	return 0;
}

int gem_submit(int fd, struct gem_job *job)
{
	job->submit.buffers = address(job->buffers);
	job->submit.waits = address(job->waits);
	job->submit.signals = address(job->signals);
	return ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_GEM_SUBMIT, &job->submit) ? -errno : 0;
}

int gem_try_export(int fd, uint32_t handle)
{
	struct drm_prime_handle prime = {
		.handle = handle,
		.flags = DRM_CLOEXEC | DRM_RDWR,
	};

	return ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) ? -errno : prime.fd;
}

int gem_export(int fd, uint32_t handle)
{
	int dmabuf = gem_try_export(fd, handle);

	REQUIRE(dmabuf >= 0);
	return dmabuf;
}

int gem_try_import(int fd, int dmabuf, uint32_t *handle)
{
	struct drm_prime_handle prime = { .fd = dmabuf };

	if (ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime))
		return -errno;
	*handle = prime.handle;
	return 0;
}

uint32_t gem_import(int fd, int dmabuf)
{
	uint32_t handle = 0;

	REQUIRE(gem_try_import(fd, dmabuf, &handle) == 0);
	return handle;
}

void accel_rebind(unsigned int nr, bool bind)
{
	static struct hmm_p2p_device_info info;

	if (bind) {
		REQUIRE(driver_bind("hmm_p2p_accel", &info) == 0);
		return;
	}
	REQUIRE(hmm_p2p_device_next(ctx, accel_memory(nr), &info) == 0);
	REQUIRE(driver_unbind("hmm_p2p_accel", &info) == 0);
}

struct buffer buffer_make(int fd, size_t size)
{
	struct buffer buffer = { .fd = fd, .size = size };
	uint64_t offset = 0;

	REQUIRE(gem_create(fd, size, HMM_P2P_ACCEL_GEM_MAPPABLE, &buffer.handle) == 0);
	REQUIRE(gem_offset(fd, buffer.handle, &offset) == 0);
	buffer.mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
	REQUIRE(buffer.mem != MAP_FAILED);
	return buffer;
}

void buffer_free(struct buffer *buffer)
{
	munmap(buffer->mem, buffer->size);
	REQUIRE(gem_close(buffer->fd, buffer->handle) == 0);
}

uint32_t syncobj_create(int fd)
{
	struct drm_syncobj_create create = {};

	REQUIRE(ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &create) == 0);
	return create.handle;
}

void syncobj_destroy(int fd, uint32_t handle)
{
	struct drm_syncobj_destroy destroy = { .handle = handle };

	REQUIRE(ioctl(fd, DRM_IOCTL_SYNCOBJ_DESTROY, &destroy) == 0);
}

int syncobj_wait(int fd, uint32_t handle, uint64_t point)
{
	struct drm_syncobj_timeline_wait wait = {
		.handles = address(&handle),
		.points = address(&point),
		.count_handles = 1,
		.timeout_nsec = INT64_MAX,
		.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
	};

	return ioctl(fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &wait) ? -errno : 0;
}

int syncobj_fence(int fd, uint32_t handle)
{
	struct drm_syncobj_handle sync = {
		.handle = handle,
		.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE,
	};

	REQUIRE(ioctl(fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &sync) == 0);
	return sync.fd;
}

int fence_status(int fence)
{
	struct pollfd fds = { .fd = fence, .events = POLLIN };
	struct sync_file_info info = {};

	REQUIRE(poll(&fds, 1, -1) == 1);
	REQUIRE(ioctl(fence, SYNC_IOC_FILE_INFO, &info) == 0);
	close(fence);
	REQUIRE(info.status);
	return info.status < 0 ? info.status : 0;
}

int syncobj_status(int fd, uint32_t handle)
{
	return fence_status(syncobj_fence(fd, handle));
}

uint64_t gem_add(struct gem_job *job, uint32_t handle, uint32_t flags)
{
	unsigned int nr = job->submit.nr_buffers++;

	job->buffers[nr].handle = handle;
	job->buffers[nr].flags = flags;
	return HMM_P2P_ACCEL_BUFFER_ADDRESS(nr);
}

int gem_run(int fd, struct gem_job *job)
{
	unsigned int nr = job->submit.nr_signals++;
	uint32_t sync = syncobj_create(fd);
	int ret;

	job->signals[nr].handle = sync;
	ret = gem_submit(fd, job);
	if (!ret)
		ret = syncobj_status(fd, sync);
	job->submit.nr_signals--;
	syncobj_destroy(fd, sync);
	return ret;
}

struct gem_job gem_fill_job(uint32_t handle, size_t size, uint64_t value)
{
	struct gem_job job = {
		.submit.op = HMM_P2P_ACCEL_FILL,
		.submit.length = size,
		.submit.argument = value,
	};

	job.submit.dst = gem_add(&job, handle, HMM_P2P_ACCEL_BUFFER_WRITE);
	return job;
}

struct gem_job gem_sum_job(uint32_t handle, size_t size, const struct buffer *result)
{
	struct gem_job job = {
		.submit.op = HMM_P2P_ACCEL_SUM,
		.submit.length = size,
	};

	job.submit.src = gem_add(&job, handle, 0);
	job.submit.result = gem_add(&job, result->handle, HMM_P2P_ACCEL_BUFFER_WRITE);
	return job;
}

struct drm_hmm_p2p_accel_gem_result result_of(const struct buffer *buffer)
{
	return *(volatile struct drm_hmm_p2p_accel_gem_result *)buffer->mem;
}

struct gem_job gem_copy_job(uint32_t from, uint32_t to, size_t size)
{
	struct gem_job job = {
		.submit.op = HMM_P2P_ACCEL_COPY,
		.submit.length = size,
	};

	job.submit.src = gem_add(&job, from, 0);
	job.submit.dst = gem_add(&job, to, HMM_P2P_ACCEL_BUFFER_WRITE);
	return job;
}

struct gem_job gem_endless_job(const struct buffer *buffer)
{
	struct gem_job job = {
		.submit.op = HMM_P2P_ACCEL_CHASE,
		.submit.argument = UINT64_MAX,
	};

	job.submit.src = gem_add(&job, buffer->handle, 0);
	*(volatile uint64_t *)buffer->mem = job.submit.src;
	return job;
}
