/* SPDX-License-Identifier: GPL-2.0 */
/* A job of a process from its begin to its end. */
#ifndef _ACCEL_RUN_H
#define _ACCEL_RUN_H

struct accel_context;
struct accel_desc;
struct drm_hmm_p2p_accel_run;

int accel_run_job(struct accel_context *context, const struct accel_desc *desc,
		  struct drm_hmm_p2p_accel_run *out);

#endif /* _ACCEL_RUN_H */
