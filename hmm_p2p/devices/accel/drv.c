// SPDX-License-Identifier: GPL-2.0
/*
 * The lab's accelerator: a DRM accel device whose jobs work on any address of the
 * process. It is an exporter, by the memory behind its BAR 2, and an importer, by its
 * MMU; both by the public headers only. What the device is: qemu/accel/SPEC.md.
 *
 * There is another kind of jobs, on buffers only, for what the kernel knows as such: GEM,
 * syncobjs, dma_fences. The two never mix (Documentation/driver-api/dma-buf.rst, on
 * recoverable page faults): see sched.c.
 *
 * Removal: no job is taken any more and those in the ring are killed, so that nobody
 * is in a call; then the memory goes, which takes back what the device has of
 * processes; then the device is reset. Files that are still open find nothing.
 */
#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_managed.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <uapi/drm/hmm_p2p_accel.h>

#include "accel.h"
#include "context.h"
#include "fail.h"
#include "fault.h"
#include "power.h"
#include "prime.h"
#include "run.h"

/**
 * struct accel_file - an open file
 * @context: the process that has opened it
 * @entity: its jobs on buffers, which anybody may submit who has it
 */
struct accel_file {
	struct accel_context *context;
	struct accel_entity entity;
};

static struct accel_context *file_context(const struct drm_file *file)
{
	const struct accel_file *priv = file->driver_priv;

	return priv->context;
}

/* ------------------------------------------------------------------------ calls */

/* The addresses are those of the process that opened the file: it, and nobody else. */
static int check_caller(const struct accel_context *context)
{
	if (current->mm == context->mm)
		return 0;
	return atomic_read(&context->mm->mm_users) ? -EPERM : -ESRCH;
}

static int check_run(const struct drm_hmm_p2p_accel_run *run)
{
	if (run->flags || run->op < HMM_P2P_ACCEL_FILL || run->op > HMM_P2P_ACCEL_HISTOGRAM)
		return -EINVAL;
	return 0;
}

static struct accel_desc run_desc(const struct drm_hmm_p2p_accel_run *run)
{
	return (struct accel_desc) {
		.op = cpu_to_le16(run->op),
		.flags = cpu_to_le32(DESC_INTERRUPT),
		.dst = cpu_to_le64(run->dst),
		.src = cpu_to_le64(run->src),
		.length = cpu_to_le64(run->length),
		.argument = cpu_to_le64(run->argument),
	};
}

static int accel_run(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct accel_context *context = file_context(file);
	struct drm_hmm_p2p_accel_run *run = data;
	struct accel_desc desc = run_desc(run);
	int ret;

	ret = check_caller(context) ?: check_run(run);
	return ret ?: accel_run_job(context, &desc, run);
}

static int accel_submit(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct accel_context *context = file_context(file);
	struct drm_hmm_p2p_accel_submit *submit = data;
	const struct drm_hmm_p2p_accel_run run = {
		.op = submit->op,
		.flags = submit->flags,
		.dst = submit->dst,
		.src = submit->src,
		.length = submit->length,
		.argument = submit->argument,
	};
	struct accel_desc desc = run_desc(&run);
	int ret;

	ret = check_caller(context) ?: check_run(&run);
	if (ret)
		return ret;
	if (!IS_ALIGNED(submit->fence, sizeof(u64)))
		return -EINVAL;
	if (accel_jobs_closed(&context->accel->jobs))
		return -ENODEV;
	return accel_submit_job(context, &desc, u64_to_user_ptr(submit->fence), submit->value);
}

static int accel_wait(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct accel_context *context = file_context(file);
	const struct drm_hmm_p2p_accel_wait *wait = data;
	int ret;

	ret = check_caller(context);
	if (ret)
		return ret;
	if (wait->flags || wait->reserved || !IS_ALIGNED(wait->at, sizeof(u64)))
		return -EINVAL;
	return accel_wait_fence(context, u64_to_user_ptr(wait->at), wait->value, wait->timeout);
}

static const struct {
	enum accel_topic topic;
	u32 value;
} advices[] = {
	[HMM_P2P_ACCEL_PREFER_ANY]		= { ADVICE_PREFER, 0 },
	[HMM_P2P_ACCEL_PREFER_DEVICE]		= { ADVICE_PREFER, HMM_P2P_ACCEL_PREFER_DEVICE },
	[HMM_P2P_ACCEL_PREFER_SYSTEM]		= { ADVICE_PREFER, HMM_P2P_ACCEL_PREFER_SYSTEM },
	[HMM_P2P_ACCEL_ACCESSED_BY]		= { ADVICE_ACCESSED, HMM_P2P_ACCEL_ACCESSED_BY },
	[HMM_P2P_ACCEL_NOT_ACCESSED_BY]		= { ADVICE_ACCESSED, 0 },
};

static int check_advise(const struct drm_hmm_p2p_accel_advise *advise)
{
	if (!advise->advice || advise->advice >= ARRAY_SIZE(advices) || advise->flags)
		return -EINVAL;
	if (!advise->length || !IS_ALIGNED(advise->start | advise->length, PAGE_SIZE) ||
	    advise->start + advise->length < advise->start)
		return -EINVAL;
	return 0;
}

static int accel_advise(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct accel_context *context = file_context(file);
	struct drm_hmm_p2p_accel_advise *advise = data;
	int idx, ret;

	ret = check_caller(context) ?: check_advise(advise);
	if (ret)
		return ret;
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	ret = accel_context_advise(context, advices[advise->advice].topic, advise->start,
				   advise->start + advise->length,
				   advices[advise->advice].value);
	drm_dev_exit(idx);
	return ret;
}

static u32 accel_reason(const struct accel_wanted *wanted)
{
	if (wanted->advice[ADVICE_PREFER] == HMM_P2P_ACCEL_PREFER_DEVICE)
		return HMM_P2P_ACCEL_MOVES;
	if (wanted->advice[ADVICE_PREFER])
		return HMM_P2P_ACCEL_STAYS_PREFERRED;
	if (wanted->advice[ADVICE_ACCESSED])
		return HMM_P2P_ACCEL_STAYS_ACCESSED;
	return wanted->storm ? HMM_P2P_ACCEL_STAYS_STORM : HMM_P2P_ACCEL_MOVES;
}

static int accel_explain(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct accel_context *context = file_context(file);
	struct drm_hmm_p2p_accel_explain *explain = data;
	struct accel_explained what;
	int ret;

	ret = check_caller(context);
	if (ret)
		return ret;
	if (explain->flags)
		return -EINVAL;
	if (explain->addr >= TASK_SIZE_MAX)
		return -EFAULT;
	ret = accel_context_explain(context, explain->addr, &what);
	if (ret)
		return ret;
	explain->out_reason = accel_reason(&what.wanted);
	explain->out_start = what.start;
	explain->out_end = what.end;
	explain->out_turns = what.turns;
	explain->out_storms = what.storms;
	return 0;
}

static int accel_gem_submit(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct accel_file *priv = file->driver_priv;

	return accel_sched_submit(drm, file, &priv->entity, data);
}

static const struct drm_ioctl_desc accel_ioctls[] = {
	DRM_IOCTL_DEF_DRV(HMM_P2P_ACCEL_RUN, accel_run, 0),
	DRM_IOCTL_DEF_DRV(HMM_P2P_ACCEL_ADVISE, accel_advise, 0),
	DRM_IOCTL_DEF_DRV(HMM_P2P_ACCEL_SUBMIT, accel_submit, 0),
	DRM_IOCTL_DEF_DRV(HMM_P2P_ACCEL_WAIT, accel_wait, 0),
	DRM_IOCTL_DEF_DRV(HMM_P2P_ACCEL_GEM_CREATE, accel_gem_create, 0),
	DRM_IOCTL_DEF_DRV(HMM_P2P_ACCEL_GEM_MMAP, accel_gem_mmap, 0),
	DRM_IOCTL_DEF_DRV(HMM_P2P_ACCEL_GEM_SUBMIT, accel_gem_submit, 0),
	DRM_IOCTL_DEF_DRV(HMM_P2P_ACCEL_EXPLAIN, accel_explain, 0),
};

static int accel_file_fill(struct accel_file *priv, struct accel *accel)
{
	int ret;

	priv->context = accel_context_open(accel);
	if (IS_ERR(priv->context))
		return PTR_ERR(priv->context);
	ret = accel_entity_init(&priv->entity, accel);
	if (ret)
		accel_context_close(priv->context);
	return ret;
}

static int accel_file_open(struct drm_device *drm, struct drm_file *file)
{
	struct accel_file *priv = kzalloc_obj(*priv, GFP_KERNEL_ACCOUNT);
	int ret;

	if (!priv)
		return -ENOMEM;
	ret = accel_file_fill(priv, to_accel(drm));
	if (ret)
		kfree(priv);
	else
		file->driver_priv = priv;
	return ret;
}

static void accel_file_close(struct drm_device *drm, struct drm_file *file)
{
	struct accel_file *priv = file->driver_priv;

	accel_entity_fini(&priv->entity);
	accel_context_close(priv->context);
	kfree(priv);
}

static const struct file_operations accel_fops = {
	.owner		= THIS_MODULE,
	.open		= accel_open,
	.release	= drm_release,
	.unlocked_ioctl	= drm_ioctl,
	.compat_ioctl	= drm_compat_ioctl,
	.poll		= drm_poll,
	.read		= drm_read,
	.llseek		= noop_llseek,
	.mmap		= drm_gem_mmap,
	.fop_flags	= FOP_UNSIGNED_OFFSET,
};

static const struct drm_driver accel_driver = {
	.driver_features	= DRIVER_COMPUTE_ACCEL | DRIVER_GEM | DRIVER_SYNCOBJ |
				  DRIVER_SYNCOBJ_TIMELINE,
	.open			= accel_file_open,
	.postclose		= accel_file_close,
	.gem_prime_import	= accel_prime_import,
	.ioctls			= accel_ioctls,
	.num_ioctls		= ARRAY_SIZE(accel_ioctls),
	.fops			= &accel_fops,
	.name			= "hmm_p2p_accel",
	.desc			= "hmm_p2p's accelerator in the QEMU lab",
	.major			= 1,
};

/* ------------------------------------------------------------------- interrupts */

/* A ring that fails is at its end, and so is what was in it. All ones: nobody is there. */
static void look_for_errors(struct accel *accel)
{
	u32 error = accel_read(accel, REG_ERROR);

	if (!error || error == ~0U)
		return;
	accel_write(accel, REG_ERROR, error);
	dev_err_ratelimited(&accel->pdev->dev, "errors %#x, the last DMA that failed was at %#llx\n",
			    error, accel_read64(accel, REG_ERROR_ADDR));
	if (error & (ERROR_COPIES | ERROR_JOBS))
		accel_fail(accel, "it cannot read or write a ring");
}

/* For accel_jobs_init(): what the interrupts below do, in case one was lost. */
static void look_after(struct accel *accel)
{
	look_for_errors(accel);
	accel_faults_take(accel);
}

/* Each event sends its message, whatever the status says: nobody needs that. */

static irqreturn_t accel_error(int irq, void *data)
{
	struct accel *accel = data;

	look_for_errors(accel);
	accel_copies_harvest(accel);
	accel_jobs_harvest(accel);
	return IRQ_HANDLED;
}

static irqreturn_t accel_copy_irq(int irq, void *data)
{
	accel_copies_harvest(data);
	return IRQ_HANDLED;
}

static irqreturn_t accel_job_irq(int irq, void *data)
{
	accel_jobs_harvest(data);
	return IRQ_HANDLED;
}

static irqreturn_t accel_fault_irq(int irq, void *data)
{
	accel_faults_take(data);
	return IRQ_HANDLED;
}

static int request_vector(struct accel *accel, unsigned int vector, irq_handler_t handler,
			  const char *name)
{
	struct device *dev = &accel->pdev->dev;

	return devm_request_threaded_irq(dev, pci_irq_vector(accel->pdev, vector), NULL, handler,
					 IRQF_ONESHOT, name, accel);
}

static int init_interrupts(struct accel *accel)
{
	int ret;

	ret = pci_alloc_irq_vectors(accel->pdev, VECTORS, VECTORS, PCI_IRQ_MSIX);
	if (ret < 0)
		return dev_err_probe(&accel->pdev->dev, ret, "no %d MSI-X vectors\n", VECTORS);
	ret = request_vector(accel, VECTOR_ERROR, accel_error, "accel-error") ?:
	      request_vector(accel, VECTOR_COPY, accel_copy_irq, "accel-copy") ?:
	      request_vector(accel, VECTOR_JOB, accel_job_irq, "accel-job") ?:
	      request_vector(accel, VECTOR_FAULT, accel_fault_irq, "accel-fault");
	if (ret)
		return dev_err_probe(&accel->pdev->dev, ret, "no interrupts\n");
	return 0;
}

/* ----------------------------------------------------------------------- memory */

static const struct hmm_p2p_importer_ops accel_importer_ops = {
	.transfer = hmm_p2p_cpu_transfer,
};

static int init_memory(struct accel *accel)
{
	const struct hmm_p2p_pci_bar_config config = {
		.bar = BAR_MEMORY,
		.offset = ACCEL_TABLES_SIZE,
		.size = accel->gem.start - ACCEL_TABLES_SIZE,
		.apart = accel_gem_bytes(accel),
		.name = dev_name(accel->drm.accel->kdev),
		.ops = &accel_memory_ops,
		.importer_ops = &accel_importer_ops,
		.drvdata = accel,
	};
	int ret;

	accel->hdev = hmm_p2p_pci_bar_register(accel->pdev, &config);
	ret = PTR_ERR_OR_ZERO(accel->hdev);
	if (ret)
		dev_err_probe(&accel->pdev->dev, ret, "cannot register with hmm_p2p\n");
	return ret;
}

/* ------------------------------------------------------------------- the device */

static int check_device(struct accel *accel)
{
	struct device *dev = &accel->pdev->dev;
	u32 magic = accel_read(accel, REG_MAGIC), version = accel_read(accel, REG_VERSION);

	if (magic != MAGIC || version < VERSION || version >> 16 != VERSION >> 16)
		return dev_err_probe(dev, -ENODEV,
				     "magic %#x, version %#x: this driver is for version %#x\n",
				     magic, version, VERSION);
	if (pci_resource_len(accel->pdev, BAR_MEMORY) < 2 * ACCEL_TABLES_SIZE)
		return dev_err_probe(dev, -EINVAL, "a window of less than %lu MiB is too small\n",
				     2 * ACCEL_TABLES_SIZE >> 20);
	accel->uid = accel_read64(accel, REG_UID);
	return 0;
}

static int init_pci(struct accel *accel)
{
	struct pci_dev *pdev = accel->pdev;
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "cannot enable the device\n");
	accel->regs = pcim_iomap_region(pdev, BAR_REGISTERS, "hmm_p2p_accel");
	if (IS_ERR(accel->regs))
		return dev_err_probe(&pdev->dev, PTR_ERR(accel->regs),
				     "cannot map the registers\n");
	ret = check_device(accel);
	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(56));
	if (ret)
		return dev_err_probe(&pdev->dev, ret, "no 56-bit DMA\n");
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
	accel_write(accel, REG_RESET, 1);
	pci_set_master(pdev);
	return 0;
}

static int init_engines(struct accel *accel)
{
	int ret;

	ret = accel_tables_init(&accel->tables, accel->pdev) ?:
	      accel_copies_init(accel, accel_watch_copies) ?:
	      accel_jobs_init(accel, look_after) ?: accel_faults_init(accel) ?:
	      accel_gem_init(accel) ?: accel_sched_init(accel);
	if (ret)
		return dev_err_probe(&accel->pdev->dev, ret, "no memory for rings and tables\n");
	ret = init_interrupts(accel);
	if (ret)
		return ret;
	accel_space_init(accel);
	accel_power_start(accel);
	return 0;
}

/* It uses nothing of anybody any more. */
static void accel_stop(struct accel *accel)
{
	accel_write(accel, REG_RESET, 1);
	pci_clear_master(accel->pdev);
}

static int accel_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct accel *accel;
	int ret;

	accel = devm_drm_dev_alloc(&pdev->dev, &accel_driver, struct accel, drm);
	if (IS_ERR(accel))
		return PTR_ERR(accel);
	accel->pdev = pdev;
	pci_set_drvdata(pdev, accel);
	ret = accel_contexts_init(accel) ?:
	      drmm_mutex_init(&accel->drm, &accel->inv_lock) ?:
	      init_pci(accel) ?: init_engines(accel) ?: init_memory(accel);
	if (ret)
		goto err_stop;
	ret = drm_dev_register(&accel->drm, 0);
	if (!ret)
		return 0;
	hmm_p2p_pci_bar_unregister(accel->hdev);
	accel_copies_end(accel);
err_stop:
	if (!IS_ERR_OR_NULL(accel->regs))
		accel_stop(accel);
	return ret;
}

static void accel_remove(struct pci_dev *pdev)
{
	struct accel *accel = pci_get_drvdata(pdev);

	if (accel_jobs_end(accel))
		accel_fail(accel, "jobs do not end when they are killed");
	accel_jobs_await_callers(&accel->jobs);
	drm_dev_unplug(&accel->drm);
	accel_prime_end(accel);
	accel_gem_end(accel);
	hmm_p2p_pci_bar_unregister(accel->hdev);
	accel_copies_end(accel);
	mutex_lock(&accel->inv_lock);
	WRITE_ONCE(accel->gone, true);
	mutex_unlock(&accel->inv_lock);
	accel_stop(accel);
}

static const struct pci_device_id accel_ids[] = {
	{ PCI_DEVICE(ACCEL_VENDOR, ACCEL_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, accel_ids);

static struct pci_driver accel_pci_driver = {
	.name		= "hmm_p2p_accel",
	.id_table	= accel_ids,
	.probe		= accel_probe,
	.remove		= accel_remove,
	.err_handler	= &accel_error_handlers,
	.driver.pm	= pm_sleep_ptr(&accel_pm_ops),
};

static int __init accel_init(void)
{
	int ret;

	accel_wq = alloc_workqueue("hmm_p2p_accel", WQ_UNBOUND, 0);
	if (!accel_wq)
		return -ENOMEM;
	ret = accel_sched_module_init();
	if (ret)
		goto err_wq;
	ret = pci_register_driver(&accel_pci_driver);
	if (ret)
		goto err_sched;
	return 0;

err_sched:
	accel_sched_module_exit();
err_wq:
	destroy_workqueue(accel_wq);
	return ret;
}
module_init(accel_init);

static void __exit accel_exit(void)
{
	pci_unregister_driver(&accel_pci_driver);
	accel_sched_module_exit();
	destroy_workqueue(accel_wq);
}
module_exit(accel_exit);

MODULE_DESCRIPTION("hmm_p2p: the lab's accelerator, whose memory moves because it faults");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
MODULE_IMPORT_NS("DMA_BUF");
MODULE_IMPORT_NS("HMM_P2P");
