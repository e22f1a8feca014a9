/* SPDX-License-Identifier: GPL-2.0 */
/* Buffers of the lab's accelerators, jobs on them, and syncobjs. */
#ifndef GUEST_COMMON_GEM_H
#define GUEST_COMMON_GEM_H

#include "common_accel.h"

/* How long a job on buffers has. */
#define LIMIT		"/sys/module/hmm_p2p_accel/parameters/limit_ms"

/**
 * struct buffer - a buffer that this process has mapped
 * @fd: the device
 * @handle: the buffer
 * @size: its bytes
 * @mem: where it is mapped
 */
struct buffer {
	int fd;
	uint32_t handle;
	size_t size;
	uint8_t *mem;
};

/**
 * struct gem_job - a job on buffers, with its lists
 * @submit: the job; gem_submit() sets what leads to the lists
 * @buffers: what it has
 * @waits: what it waits for
 * @signals: what it signals
 */
struct gem_job {
	struct drm_hmm_p2p_accel_gem_submit submit;
	struct drm_hmm_p2p_accel_gem_buffer buffers[HMM_P2P_ACCEL_BUFFERS + 1];
	struct drm_hmm_p2p_accel_gem_sync waits[HMM_P2P_ACCEL_SYNCS + 1];
	struct drm_hmm_p2p_accel_gem_sync signals[HMM_P2P_ACCEL_SYNCS + 1];
};

/* Return of all that follow, unless something else is said: 0 or -errno. */
int gem_create(int fd, uint64_t size, uint32_t flags, uint32_t *handle);
int gem_close(int fd, uint32_t handle);
int gem_offset(int fd, uint32_t handle, uint64_t *offset);
int gem_submit(int fd, struct gem_job *job);

/* As dma-bufs. gem_export() and gem_import() succeed; an export is a descriptor. */
int gem_try_export(int fd, uint32_t handle);
int gem_export(int fd, uint32_t handle);
int gem_try_import(int fd, int dmabuf, uint32_t *handle);
uint32_t gem_import(int fd, int dmabuf);

/* The accelerator is taken from its driver, or given to it: then it has another number. */
void accel_rebind(unsigned int nr, bool bind);

/* Mappable, mapped, with zeros. When the device is gone there is no buffer_free(). */
struct buffer buffer_make(int fd, size_t size);
void buffer_free(struct buffer *buffer);

uint32_t syncobj_create(int fd);
void syncobj_destroy(int fd, uint32_t handle);

/* Until it has a fence, and that has signaled; @point 0: it has no timeline. */
int syncobj_wait(int fd, uint32_t handle, uint64_t point);

/* Waits for the fence that it has, and says what came of it. */
int syncobj_status(int fd, uint32_t handle);

/*
 * The same, in two steps: a fence is there without the device, to which there are no calls
 * any more when it is gone. syncobj_fence() returns a descriptor, fence_status() closes it.
 */
int syncobj_fence(int fd, uint32_t handle);
int fence_status(int fence);

/* The list grows by a buffer. Return: its address for the job. */
uint64_t gem_add(struct gem_job *job, uint32_t handle, uint32_t flags);

/* Submits it, and waits: what came of it, or why it was refused. */
int gem_run(int fd, struct gem_job *job);

/* Jobs that fill or add up all of a buffer. */
struct gem_job gem_fill_job(uint32_t handle, size_t size, uint64_t value);
struct gem_job gem_sum_job(uint32_t handle, size_t size, const struct buffer *result);

/* What the last job has left at the begin of a buffer. */
struct drm_hmm_p2p_accel_gem_result result_of(const struct buffer *buffer);

/* The same for one that copies all of a buffer to another one. */
struct gem_job gem_copy_job(uint32_t from, uint32_t to, size_t size);

/* A job without an end on a buffer, whose first word it writes. */
struct gem_job gem_endless_job(const struct buffer *buffer);

#endif /* GUEST_COMMON_GEM_H */
