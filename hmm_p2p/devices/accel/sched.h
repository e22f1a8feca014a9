/* SPDX-License-Identifier: GPL-2.0 */
/* Jobs on buffers: scheduled, with dma_fences, and never in need of an answer. */
#ifndef _ACCEL_SCHED_H
#define _ACCEL_SCHED_H

#include <drm/gpu_scheduler.h>
#include <linux/mutex.h>

#include "space.h"

struct accel;
struct drm_device;
struct drm_file;

/**
 * struct accel_sched - the queue of a device: one job is on it at a time
 * @base: the scheduler
 * @space: the address space of that job
 * @context: of the fences that the device's end of a job signals
 * @seqno: of the last one; by the scheduler's thread alone
 */
struct accel_sched {
	struct drm_gpu_scheduler base;
	struct accel_space space;
	u64 context;
	u64 seqno;
};

/**
 * struct accel_entity - the queue of a file
 * @base: what the scheduler takes jobs from
 * @lock: jobs come one after the other
 */
struct accel_entity {
	struct drm_sched_entity base;
	struct mutex lock; /* see above */
};

int accel_sched_init(struct accel *accel);
int accel_entity_init(struct accel_entity *entity, struct accel *accel);
void accel_entity_fini(struct accel_entity *entity);
int accel_sched_submit(struct drm_device *drm, struct drm_file *file,
		       struct accel_entity *entity,
		       const struct drm_hmm_p2p_accel_gem_submit *submit);
void accel_sched_pause(struct accel *accel);
void accel_sched_resume(struct accel *accel);
int accel_sched_module_init(void);
void accel_sched_module_exit(void);

#endif /* _ACCEL_SCHED_H */
