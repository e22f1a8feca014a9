/* SPDX-License-Identifier: GPL-2.0 */
/* A process on the device. It stays as long as its file is open, or a fault of it runs. */
#ifndef _ACCEL_CONTEXT_H
#define _ACCEL_CONTEXT_H

#include <linux/kref.h>

#include "mmu.h"

struct drm_device;
struct drm_file;
struct hmm_p2p_svm;
struct mm_struct;

/**
 * struct accel_context - a process on the device
 * @ref: the file, and each fault that is handled
 * @accel: the device, with a reference to its node
 * @mm: the process that opened the file, with a reference to the structure
 * @svm: that process, as the device sees it
 * @mmu: its page table
 */
struct accel_context {
	struct kref ref;
	struct accel *accel;
	struct mm_struct *mm;
	struct hmm_p2p_svm *svm;
	struct accel_mmu mmu;
};

int accel_context_open(struct drm_device *drm, struct drm_file *file);
void accel_context_close(struct drm_device *drm, struct drm_file *file);
struct accel_context *accel_context_get(struct accel *accel, unsigned int nr);
void accel_context_put(struct accel_context *context);

#endif /* _ACCEL_CONTEXT_H */
