// SPDX-License-Identifier: GPL-2.0
/*
 * Test exporter: device memory behind a copy engine that works by itself.
 *
 * A copy is a job with a fence. Jobs of all callers are under way at once and
 * end in any order. One that fails leaves bytes at its destination that nobody
 * ever wrote, and says so by its fence, and by nothing else.
 */
#include <linux/dma-fence.h>
#include <linux/highmem.h>
#include <linux/hmm_p2p.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#define ASYNC_NAME	"hmm_p2p_async"

/* What a copy that fails leaves behind. */
#define ASYNC_JUNK	0xb5

static char *size = "64M";
module_param(size, charp, 0444);
MODULE_PARM_DESC(size, "bytes of device memory; K, M, G suffix (default: 64M)");

static unsigned int fail;
module_param(fail, uint, 0644);
MODULE_PARM_DESC(fail, "copies that fail, in percent (default: 0)");

static unsigned int delay_us = 2000;
module_param(delay_us, uint, 0644);
MODULE_PARM_DESC(delay_us, "most microseconds that a copy takes (default: 2000)");

static atomic_t stalled;
static DECLARE_WAIT_QUEUE_HEAD(stall_wait);
static bool stall;

static int stall_set(const char *value, const struct kernel_param *kp)
{
	int ret = param_set_bool(value, kp);

	wake_up_all(&stall_wait);
	return ret;
}

static const struct kernel_param_ops stall_ops = {
	.set	= stall_set,
	.get	= param_get_bool,
};
module_param_cb(stall, &stall_ops, &stall, 0644);
MODULE_PARM_DESC(stall, "copies begin when this is off again (default: off)");

static int stalled_get(char *text, const struct kernel_param *kp)
{
	return sysfs_emit(text, "%d\n", atomic_read(&stalled));
}

static const struct kernel_param_ops stalled_ops = {
	.get	= stalled_get,
};
module_param_cb(stalled, &stalled_ops, NULL, 0444);
MODULE_PARM_DESC(stalled, "copies that wait for that");

/**
 * struct async - the device
 * @pdev: stands for it in the device tree
 * @hdev: as the core knows it
 * @memory: its memory
 * @engine: works on jobs
 * @context: of the fences
 * @seqno: of the last fence
 */
struct async {
	struct platform_device *pdev;
	struct hmm_p2p_device *hdev;
	void *memory;
	struct workqueue_struct *engine;
	u64 context;
	atomic64_t seqno;
};

static struct async the_async;

/**
 * struct job - a copy under way
 * @fence: its end; holds the job
 * @work: carries it out
 * @memory: of the device
 * @to_device: its direction
 * @nr: length of @runs
 * @runs: what to copy
 */
struct job {
	struct dma_fence fence;
	struct delayed_work work;
	void *memory;
	bool to_device;
	unsigned int nr;
	struct hmm_p2p_copy runs[] __counted_by(nr);
};

static const char *job_driver_name(struct dma_fence *fence)
{
	return ASYNC_NAME;
}

static const char *job_timeline_name(struct dma_fence *fence)
{
	return "copies";
}

/* Jobs end in any order, and each has a fence of its own: no order is claimed. */
static const struct dma_fence_ops job_ops = {
	.get_driver_name	= job_driver_name,
	.get_timeline_name	= job_timeline_name,
};

static void copy_page_of(void *memory, struct page *page, bool to_device, bool junk)
{
	void *ram = page ? kmap_local_page(page) : NULL;
	void *to = to_device ? memory : ram, *from = to_device ? ram : memory;

	if (junk)
		memset(to, ASYNC_JUNK, PAGE_SIZE);
	else if (from)
		memcpy(to, from, PAGE_SIZE);
	else
		memset(to, 0, PAGE_SIZE);
	if (ram)
		kunmap_local(ram);
}

static void copy_run(void *memory, const struct hmm_p2p_copy *run, bool to_device,
		     bool junk)
{
	unsigned int i;

	memory += run->offset;
	for (i = 0; i < run->nr_pages; i++, memory += PAGE_SIZE)
		copy_page_of(memory, run->page ? run->page + i : NULL, to_device, junk);
}

static void copy_runs(void *memory, const struct hmm_p2p_copy *runs, unsigned int nr,
		      bool to_device, bool junk)
{
	for (; nr; nr--, runs++)
		copy_run(memory, runs, to_device, junk);
}

static void job_work(struct work_struct *work)
{
	struct job *job = container_of(to_delayed_work(work), struct job, work);
	bool failed = get_random_u32_below(100) < READ_ONCE(fail);
	bool cookie;

	atomic_inc(&stalled);
	wait_event(stall_wait, !READ_ONCE(stall));
	atomic_dec(&stalled);
	cookie = dma_fence_begin_signalling();
	copy_runs(job->memory, job->runs, job->nr, job->to_device, failed);
	if (failed)
		dma_fence_set_error(&job->fence, -EIO);
	dma_fence_signal(&job->fence);
	dma_fence_end_signalling(cookie);
	dma_fence_put(&job->fence);
}

/* NULL: the system is short of memory. */
static struct job *job_alloc(unsigned int nr)
{
	struct job *job;

	job = kmalloc(struct_size(job, runs, nr), GFP_NOWAIT | __GFP_NOWARN);
	if (!job)
		return NULL;
	job->nr = nr;
	INIT_DELAYED_WORK(&job->work, job_work);
	return job;
}

static struct dma_fence *copy_start(struct async *async, const struct hmm_p2p_copy *runs,
				    unsigned int nr, bool to_device)
{
	unsigned int most = READ_ONCE(delay_us);
	struct job *job = job_alloc(nr);

	if (!job) {
		copy_runs(async->memory, runs, nr, to_device, false);
		return NULL;
	}
	job->memory = async->memory;
	job->to_device = to_device;
	memcpy(job->runs, runs, flex_array_size(job, runs, nr));
	dma_fence_init(&job->fence, &job_ops, NULL, async->context,
		       atomic64_inc_return(&async->seqno));
	dma_fence_get(&job->fence); /* the engine's */
	queue_delayed_work(async->engine, &job->work,
			   most ? usecs_to_jiffies(get_random_u32_below(most)) : 0);
	return &job->fence;
}

static struct dma_fence *async_copy_to_device(struct hmm_p2p_device *hdev,
					      const struct hmm_p2p_copy *runs,
					      unsigned int nr)
{
	return copy_start(hmm_p2p_device_drvdata(hdev), runs, nr, true);
}

static struct dma_fence *async_copy_to_ram(struct hmm_p2p_device *hdev,
					   const struct hmm_p2p_copy *runs,
					   unsigned int nr)
{
	return copy_start(hmm_p2p_device_drvdata(hdev), runs, nr, false);
}

static const struct hmm_p2p_device_ops async_ops = {
	.copy_to_device	= async_copy_to_device,
	.copy_to_ram	= async_copy_to_ram,
};

static int async_register(struct async *async, u64 bytes)
{
	struct hmm_p2p_device_config config = {
		.dev = &async->pdev->dev,
		.name = ASYNC_NAME,
		.ops = &async_ops,
		.memory = bytes,
		.drvdata = async,
	};

	async->hdev = hmm_p2p_device_register(&config);
	return PTR_ERR_OR_ZERO(async->hdev);
}

static int async_create(struct async *async, u64 bytes)
{
	int ret = -ENOMEM;

	async->context = dma_fence_context_alloc(1);
	async->memory = vmalloc(bytes);
	if (!async->memory)
		return -ENOMEM;
	async->engine = alloc_workqueue(ASYNC_NAME, WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!async->engine)
		goto err_memory;
	async->pdev = platform_device_register_simple(ASYNC_NAME, -1, NULL, 0);
	ret = PTR_ERR_OR_ZERO(async->pdev);
	if (ret)
		goto err_engine;
	ret = async_register(async, bytes);
	if (ret)
		goto err_device;
	return 0;

err_device:
	platform_device_unregister(async->pdev);
err_engine:
	destroy_workqueue(async->engine);
err_memory:
	vfree(async->memory);
	return ret;
}

static int __init async_init(void)
{
	char *end;
	u64 bytes = memparse(size, &end);

	if (end == size || *end || !bytes || !IS_ALIGNED(bytes, PAGE_SIZE)) {
		pr_err(ASYNC_NAME ": size=%s is no page-aligned number of bytes\n", size);
		return -EINVAL;
	}
	return async_create(&the_async, bytes);
}
module_init(async_init);

static void __exit async_exit(void)
{
	stall = false;
	wake_up_all(&stall_wait);
	hmm_p2p_device_unregister(the_async.hdev);
	platform_device_unregister(the_async.pdev);
	/* Who waited for a fence need not wait for the end of its job. */
	destroy_workqueue(the_async.engine);
	synchronize_rcu(); /* readers of the fences' names */
	vfree(the_async.memory);
}
module_exit(async_exit);

MODULE_DESCRIPTION("hmm_p2p test exporter: an engine that copies later, and may fail");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
MODULE_IMPORT_NS("HMM_P2P");
