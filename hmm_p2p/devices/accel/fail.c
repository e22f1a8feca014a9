// SPDX-License-Identifier: GPL-2.0
/*
 * A device that does not do in bounded time what it has to do. The engines below are
 * asked whether they get on, and told when it is over; they do not know what follows.
 */
#include <linux/pci.h>

#include "accel.h"
#include "fail.h"

/**
 * accel_fail - the device does not do what it has to do in bounded time
 * @accel: the device
 * @what: in words, for the kernel's log
 *
 * It is taken off the bus and reset, which it obeys also when an engine hangs: so it
 * uses nobody's memory any more. What was under way ends with an error, and what is in
 * its memory comes home by the CPU.
 *
 * Context: any that may write to registers; no lock of this driver's is held but an
 * svm's.
 */
void accel_fail(struct accel *accel, const char *what)
{
	if (test_and_set_bit(0, &accel->failed))
		return;
	pci_clear_master(accel->pdev);
	accel_write(accel, REG_RESET, 1);
	dev_err(&accel->pdev->dev, "%s: it was reset, jobs fail and the CPU copies from now on; to use it again reset the function, or unbind and bind the driver\n",
		what);
	accel_jobs_fail(accel);
	accel_copies_fail(accel);
}

/* For accel_copies_init(). */
void accel_watch_copies(struct work_struct *work)
{
	struct accel *accel = container_of(to_delayed_work(work), struct accel, copies.watch);

	if (!accel_copies_get_on(accel))
		accel_fail(accel, "the copy engine does not get on");
}
