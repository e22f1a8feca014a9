/* SPDX-License-Identifier: GPL-2.0 */
/* Buffers that other devices reach, and buffers of other devices: dma-buf. */
#ifndef _ACCEL_PRIME_H
#define _ACCEL_PRIME_H

struct accel;
struct accel_bo;
struct dma_buf;
struct drm_device;
struct drm_gem_object;

struct dma_buf *accel_prime_export(struct drm_gem_object *obj, int flags);
struct drm_gem_object *accel_prime_import(struct drm_device *drm, struct dma_buf *dmabuf);
int accel_prime_map(struct accel_bo *bo);
void accel_prime_free(struct accel_bo *bo);
void accel_prime_pause(struct accel *accel);
void accel_prime_resume(struct accel *accel);
void accel_prime_end(struct accel *accel);

#endif /* _ACCEL_PRIME_H */
