// SPDX-License-Identifier: GPL-2.0
/* A process on the device: its number there, its page table, and who it is. */
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "accel.h"
#include "context.h"

static int context_number(struct accel *accel, struct accel_context *context)
{
	unsigned int nr;

	guard(mutex)(&accel->contexts_lock);
	for (nr = 0; nr < NR_CONTEXTS; nr++) {
		if (accel->contexts[nr])
			continue;
		accel->contexts[nr] = context;
		return nr;
	}
	return -EBUSY;
}

/* From here on no fault finds it. */
static void context_forget(struct accel *accel, struct accel_context *context)
{
	unsigned int nr;

	guard(mutex)(&accel->contexts_lock);
	for (nr = 0; nr < NR_CONTEXTS; nr++)
		if (accel->contexts[nr] == context)
			accel->contexts[nr] = NULL;
}

static int context_init(struct accel_context *context, struct accel *accel)
{
	int nr, ret;

	nr = context_number(accel, context);
	if (nr < 0)
		return nr;
	ret = accel_mmu_init(&context->mmu, accel, nr);
	if (ret)
		goto err_forget;
	context->svm = hmm_p2p_svm_create(accel->hdev, current->mm, &accel_mmu_ops,
					  &context->mmu);
	ret = PTR_ERR_OR_ZERO(context->svm);
	if (ret)
		goto err_mmu;
	return 0;

err_mmu:
	accel_mmu_fini(&context->mmu);
	accel_mmu_forget(&context->mmu);
err_forget:
	context_forget(accel, context);
	return ret;
}

int accel_context_open(struct drm_device *drm, struct drm_file *file)
{
	struct accel_context *context;
	int idx, ret;

	context = kzalloc_obj(*context, GFP_KERNEL_ACCOUNT);
	if (!context)
		return -ENOMEM;
	kref_init(&context->ref);
	context->accel = to_accel(drm);
	ret = -ENODEV;
	if (drm_dev_enter(drm, &idx)) {
		ret = context_init(context, context->accel);
		drm_dev_exit(idx);
	}
	if (ret) {
		kfree(context);
		return ret;
	}
	drm_dev_get(drm);
	mmgrab(current->mm);
	context->mm = current->mm;
	file->driver_priv = context;
	return 0;
}

/*
 * No job of the process runs any more. The number is free when the device has
 * forgotten whose it was; of one that is gone, the tables went with it.
 */
static void context_free(struct kref *ref)
{
	struct accel_context *context = container_of(ref, struct accel_context, ref);
	struct drm_device *drm = &context->accel->drm;
	int idx;

	hmm_p2p_svm_destroy(context->svm);
	if (drm_dev_enter(drm, &idx)) {
		accel_mmu_fini(&context->mmu);
		drm_dev_exit(idx);
	}
	accel_mmu_forget(&context->mmu);
	context_forget(context->accel, context);
	mmdrop(context->mm);
	drm_dev_put(drm);
	kfree(context);
}

void accel_context_put(struct accel_context *context)
{
	kref_put(&context->ref, context_free);
}

void accel_context_close(struct drm_device *drm, struct drm_file *file)
{
	accel_context_put(file->driver_priv);
}

/* Return: the process with that number, with a reference; NULL: there is none. */
struct accel_context *accel_context_get(struct accel *accel, unsigned int nr)
{
	struct accel_context *context = NULL;

	guard(mutex)(&accel->contexts_lock);
	if (nr < NR_CONTEXTS)
		context = accel->contexts[nr];
	return context && kref_get_unless_zero(&context->ref) ? context : NULL;
}
