/* SPDX-License-Identifier: GPL-2.0 */
/* Buffers as processes have them: GEM objects. */
#ifndef _ACCEL_GEM_H
#define _ACCEL_GEM_H

#include "bo.h"

struct accel;
struct drm_device;
struct drm_file;

int accel_gem_init(struct accel *accel);
void accel_gem_unmap(struct accel *accel);
void accel_gem_map_again(struct accel *accel);
int accel_gem_create(struct drm_device *drm, void *data, struct drm_file *file);
int accel_gem_mmap(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* _ACCEL_GEM_H */
