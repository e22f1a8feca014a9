/* SPDX-License-Identifier: GPL-2.0 */
/* A job of a process from its begin to its end: the caller waits, or a fence says it. */
#ifndef _ACCEL_RUN_H
#define _ACCEL_RUN_H

#include <linux/types.h>

struct accel_context;
struct accel_desc;
struct drm_hmm_p2p_accel_fence;
struct drm_hmm_p2p_accel_run;

/* Jobs of a process that have been submitted, and have not begun. */
#define ACCEL_SUBMITTED_MAX	256

int accel_run_job(struct accel_context *context, const struct accel_desc *desc,
		  struct drm_hmm_p2p_accel_run *out);
int accel_submit_job(struct accel_context *context, const struct accel_desc *desc,
		     struct drm_hmm_p2p_accel_fence __user *fence, u64 value);
int accel_wait_fence(struct accel_context *context, const u64 __user *at, u64 value,
		     s64 timeout);

#endif /* _ACCEL_RUN_H */
