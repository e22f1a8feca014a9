// SPDX-License-Identifier: GPL-2.0
/*
 * Example exporter: memory behind a BAR, and an engine that copies by itself.
 *
 * The function is QEMU's pci-testdev, whose BAR 2 is ordinary memory. It has no DMA
 * engine, so a workqueue plays one: a copy is a job, which ends some time later and
 * says so by a dma_fence. Where a real driver rings a doorbell, this one queues work;
 * where its interrupt handler signals the fence, the worker does.
 *
 * Everything else is hmm_p2p_pci_bar_register()'s.
 */
#include <linux/dma-fence.h>
#include <linux/hmm_p2p.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#define MEMORY_BAR	2

/**
 * struct example - one device
 * @hdev: as hmm_p2p knows it
 * @engine: works on jobs
 * @context: of the fences; each job has its own place in it
 * @seqno: of the last fence
 */
struct example {
	struct hmm_p2p_device *hdev;
	struct workqueue_struct *engine;
	u64 context;
	atomic64_t seqno;
};

/**
 * struct job - a copy under way
 * @fence: its end; holds the job
 * @work: carries it out
 * @hdev: the device
 * @to_device: its direction
 * @nr: length of @runs
 * @runs: what to copy: the caller's array does not outlive the call
 */
struct job {
	struct dma_fence fence;
	struct work_struct work;
	struct hmm_p2p_device *hdev;
	bool to_device;
	unsigned int nr;
	struct hmm_p2p_copy runs[] __counted_by(nr);
};

static const char *job_name(struct dma_fence *fence)
{
	return "hmm_p2p_example";
}

/* Without a release of its own the fence frees the job, whose first member it is. */
static const struct dma_fence_ops job_ops = {
	.get_driver_name	= job_name,
	.get_timeline_name	= job_name,
};

static struct dma_fence *copy_now(struct hmm_p2p_device *hdev, const struct hmm_p2p_copy *runs,
				  unsigned int nr, bool to_device)
{
	return to_device ? hmm_p2p_bar_copy_to_device(hdev, runs, nr) :
			   hmm_p2p_bar_copy_to_ram(hdev, runs, nr);
}

/*
 * The engine. A page fault may wait for this fence: from here to its end nothing
 * may allocate in a way that waits for memory, or take a lock that is held across
 * a fault; lockdep checks that between the two calls.
 */
static void job_run(struct work_struct *work)
{
	struct job *job = container_of(work, struct job, work);
	bool cookie = dma_fence_begin_signalling();
	struct dma_fence *failed;

	failed = copy_now(job->hdev, job->runs, job->nr, job->to_device);
	if (IS_ERR(failed))
		dma_fence_set_error(&job->fence, PTR_ERR(failed));
	dma_fence_signal(&job->fence);
	dma_fence_end_signalling(cookie);
	dma_fence_put(&job->fence);
}

/* Also called in a page fault: without memory for a job, the copy is done here. */
static struct dma_fence *copy(struct hmm_p2p_device *hdev, const struct hmm_p2p_copy *runs,
			      unsigned int nr, bool to_device)
{
	struct example *example = hmm_p2p_device_drvdata(hdev);
	struct job *job;

	job = kmalloc(struct_size(job, runs, nr), GFP_NOWAIT | __GFP_NOWARN);
	if (!job)
		return copy_now(hdev, runs, nr, to_device);
	INIT_WORK(&job->work, job_run);
	job->hdev = hdev;
	job->to_device = to_device;
	job->nr = nr;
	memcpy(job->runs, runs, flex_array_size(job, runs, nr));
	dma_fence_init(&job->fence, &job_ops, NULL, example->context,
		       atomic64_inc_return(&example->seqno));
	dma_fence_get(&job->fence); /* the engine's; the other one is the caller's */
	queue_work(example->engine, &job->work);
	return &job->fence;
}

static struct dma_fence *copy_to_device(struct hmm_p2p_device *hdev,
					const struct hmm_p2p_copy *runs, unsigned int nr)
{
	return copy(hdev, runs, nr, true);
}

static struct dma_fence *copy_to_ram(struct hmm_p2p_device *hdev,
				     const struct hmm_p2p_copy *runs, unsigned int nr)
{
	return copy(hdev, runs, nr, false);
}

/* The translation is the framework's, for the aliases are, too. */
static const struct hmm_p2p_device_ops example_ops = {
	.get_dma_pfn_for_device	= hmm_p2p_bar_get_dma_pfn,
	.get_dma_pfn_run	= hmm_p2p_bar_get_dma_pfn_run,
	.copy_to_device		= copy_to_device,
	.copy_to_ram		= copy_to_ram,
};

/* After unregistering: jobs may still be between their signal and their end. */
static void engine_stop(void *data)
{
	struct example *example = data;

	destroy_workqueue(example->engine);
	synchronize_rcu(); /* who reads a fence's name reads it from this module */
}

static int engine_start(struct device *dev, struct example *example)
{
	/* It brings pages home when memory is short. */
	example->engine = alloc_workqueue("hmm_p2p_example", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!example->engine)
		return -ENOMEM;
	example->context = dma_fence_context_alloc(1);
	return devm_add_action_or_reset(dev, engine_stop, example);
}

static int example_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct hmm_p2p_pci_bar_config config = {
		.bar = MEMORY_BAR,
		.ops = &example_ops,
	};
	struct example *example;
	int ret;

	example = devm_kzalloc(&pdev->dev, sizeof(*example), GFP_KERNEL);
	if (!example)
		return -ENOMEM;
	ret = pcim_enable_device(pdev) ?: engine_start(&pdev->dev, example);
	if (ret)
		return ret;
	config.drvdata = example;
	example->hdev = hmm_p2p_pci_bar_register(pdev, &config);
	if (IS_ERR(example->hdev))
		return PTR_ERR(example->hdev);
	pci_set_drvdata(pdev, example);
	return 0;
}

/* Every page is home after this; devres stops the engine then. */
static void example_remove(struct pci_dev *pdev)
{
	struct example *example = pci_get_drvdata(pdev);

	hmm_p2p_pci_bar_unregister(example->hdev);
}

static const struct pci_device_id example_ids[] = {
	{ PCI_DEVICE(0x1b36, 0x0005) },
	{ }
};
MODULE_DEVICE_TABLE(pci, example_ids);

static struct pci_driver example_driver = {
	.name		= "hmm_p2p_example",
	.id_table	= example_ids,
	.probe		= example_probe,
	.remove		= example_remove,
};
module_pci_driver(example_driver);

MODULE_DESCRIPTION("hmm_p2p example: an exporter with an engine");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("HMM_P2P");
