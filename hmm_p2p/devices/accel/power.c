// SPDX-License-Identifier: GPL-2.0
/*
 * A device that is reset by the PCI core, or sleeps. Before, all jobs are stopped where
 * they are, and the memory comes home: the bytes would stay on the device, but for a while
 * nobody could reach them. After it the engines begin anew, the jobs go on, and their memory
 * comes again because they fault.
 *
 * A suspend for which there is no RAM fails, and all is as before. A reset cannot fail: what
 * has not come home stays, and whoever wants it waits until the reset is over.
 *
 * A device that had failed works again after either.
 */
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/sched/signal.h>

#include "accel.h"
#include "fail.h"
#include "fault.h"
#include "gem.h"
#include "power.h"
#include "prime.h"

/* So often a reset looks for RAM. */
#define ASK_RAM_INTERVAL	HZ

/* The vectors that have a handler. */
#define HANDLED			(VECTOR_FAULT + 1)

/* Of one that was reset. Nothing of the driver's is under way. */
void accel_power_start(struct accel *accel)
{
	accel_copies_resume(accel);
	accel_faults_start(accel);
	accel_space_start(accel);
	accel_jobs_resume(accel, true);
	accel_write(accel, REG_INT_ENABLE,
		    BIT(VECTOR_ERROR) | BIT(VECTOR_COPY) | BIT(VECTOR_JOB) |
		    BIT(VECTOR_FAULT));
}

/* Return: as accel_contexts_drain(): on failure a process may have its address space still. */
static int jobs_pause(struct accel *accel)
{
	int ret = accel_contexts_pause(accel);

	if (ret != -ETIME)
		return ret;
	accel_fail(accel, "jobs do not stop");
	return accel_contexts_drain(accel);
}

/* All that stays on the device is memory. */
static void engines_pause(struct accel *accel)
{
	unsigned int vector;

	if (accel_copies_pause(accel))
		accel_fail(accel, "copies do not end");
	for (vector = 0; vector < HANDLED; vector++)
		disable_irq(pci_irq_vector(accel->pdev, vector));
}

static void engines_resume(struct accel *accel)
{
	unsigned int vector;

	for (vector = 0; vector < HANDLED; vector++)
		enable_irq(pci_irq_vector(accel->pdev, vector));
	if (accel_read(accel, REG_MAGIC) != MAGIC) {
		accel_fail(accel, "it is not there after a reset");
		return;
	}
	/* It failed before the reset, when the caller was killed. */
	if (accel_contexts_drain(accel))
		return;
	pci_set_master(accel->pdev);
	clear_bit(0, &accel->failed);
	accel_power_start(accel);
}

static void use_resume(struct accel *accel)
{
	accel_contexts_resume(accel);
	hmm_p2p_device_resume(accel->hdev);
	accel_sched_resume(accel);
}

/* ------------------------------------------------------------------------- resets */

/* As the end of the device, it waits for RAM; but a signal ends that. */
static int memory_pause(struct accel *accel)
{
	int ret;

	while ((ret = hmm_p2p_device_pause(accel->hdev)) == -ENOMEM) {
		if (schedule_timeout_interruptible(ASK_RAM_INTERVAL))
			break;
	}
	return ret;
}

static void accel_reset_prepare(struct pci_dev *pdev)
{
	struct accel *accel = pci_get_drvdata(pdev);
	int ret;

	accel_prime_pause(accel);
	accel_sched_pause(accel);
	if (jobs_pause(accel))
		accel_fail(accel, "jobs are to end, for a reset");
	ret = memory_pause(accel);
	if (ret)
		dev_warn(&pdev->dev, "memory of processes stays there during a reset, which keeps it: error %d\n",
			 ret);
	engines_pause(accel);
	accel_gem_unmap(accel);
	accel_memory_falls_silent(accel);
}

static void accel_reset_done(struct pci_dev *pdev)
{
	struct accel *accel = pci_get_drvdata(pdev);

	accel_memory_answers(accel);
	accel_gem_map_again(accel);
	engines_resume(accel);
	use_resume(accel);
	accel_prime_resume(accel);
}

const struct pci_error_handlers accel_error_handlers = {
	.reset_prepare	= accel_reset_prepare,
	.reset_done	= accel_reset_done,
};

/* -------------------------------------------------------------------------- sleep */

static int __maybe_unused accel_suspend(struct device *dev)
{
	struct accel *accel = dev_get_drvdata(dev);
	int ret;

	accel_sched_pause(accel);
	ret = jobs_pause(accel) ?: hmm_p2p_device_pause(accel->hdev);
	if (ret) {
		dev_err(dev, "memory of processes does not come home, so it does not sleep: error %d; `hmmp2p drain` says more\n",
			ret);
		accel_jobs_resume(accel, false);
		use_resume(accel);
		return ret;
	}
	engines_pause(accel);
	accel_write(accel, REG_RESET, 1);
	pci_clear_master(accel->pdev);
	return 0;
}

static int __maybe_unused accel_resume(struct device *dev)
{
	struct accel *accel = dev_get_drvdata(dev);

	engines_resume(accel);
	use_resume(accel);
	return 0;
}

const struct dev_pm_ops accel_pm_ops = {
	SYSTEM_SLEEP_PM_OPS(accel_suspend, accel_resume)
};
