// SPDX-License-Identifier: GPL-2.0
/* The compute engine: what is the same for all kernels. A page of each operand at a time, so that it can be stopped. */
#include "accel.h"
#include "kernels.h"

int unit_stop(const struct unit *unit)
{
	const struct accel *accel = unit->accel;
	uint32_t context = REG_CONTEXT + unit->desc.context * CONTEXT_STRIDE;

	if (accel->resetting || accel->leaving || ring_is_killed(&accel->jobs, unit->desc.sequence))
		return STATUS_KILLED;
	if (!(accel_reg(accel, context + CONTEXT_CTRL) & CTRL_ENABLE))
		return STATUS_CONTEXT;
	return ring_is_stopped(&accel->jobs, unit->desc.sequence) ? STATUS_STOPPED : 0;
}

/* Between two pages: 0, or -enum accel_status. */
static int may_go_on(struct unit *unit)
{
	struct accel *accel = unit->accel;
	int stop;

	pthread_mutex_lock(&accel->lock);
	while (!(stop = unit_stop(unit)) && accel->jobs.hung)
		pthread_cond_wait(&accel->changed, &accel->lock);
	pthread_mutex_unlock(&accel->lock);
	return -stop;
}

static int translate(struct unit *unit, struct operand *operand)
{
	if (!operand->used)
		return 0;
	return mmu_translate(unit->accel, &unit->tlb, unit->desc.context, operand->va, operand->write,
			     &operand->place);
}

/* All operands are translated before the first byte changes. */
static int step(struct unit *unit, struct job *job, const struct kernel *kernel)
{
	struct operand *failed = &job->dst;
	size_t length;
	int err;

	length = kernel_operands(job, kernel);
	pthread_rwlock_rdlock(&unit->accel->mmu.use);
	err = translate(unit, &job->dst);
	if (!err) {
		failed = &job->src;
		err = translate(unit, &job->src);
	}
	if (!err) {
		err = -kernel->step(unit->accel, job, length);
		failed = job->failed ? job->failed : failed;
	}
	pthread_rwlock_unlock(&unit->accel->mmu.use);
	if (!err)
		job->done += length;
	if (err > 0)
		err = fault_ask(unit, failed->va, failed->write, err);
	if (err)
		unit->desc.address = failed->va;
	return err;
}

/* @desc says what it has to do, and what comes of it goes to the unit's. */
static int run(struct unit *unit, const struct accel_desc *desc)
{
	const struct kernel *kernel = kernel_find(desc);
	struct job job = { .desc = desc };
	int err;

	if (!kernel || desc->context >= NR_CONTEXTS)
		return STATUS_BAD;
	kernel_begin(&job, kernel);
	err = may_go_on(unit);
	while (!err && !kernel_is_done(&job, kernel)) {
		err = step(unit, &job, kernel);
		if (!err && !kernel_is_done(&job, kernel))
			err = may_go_on(unit);
	}
	unit->desc.result = kernel_result(&job, kernel);
	if (err == -STATUS_STOPPED)
		kernel_save(&job, &unit->desc);
	return err ? -err : STATUS_DONE;
}

static void *unit_main(void *arg)
{
	struct unit *unit = arg;

	while (ring_take(unit->accel, &unit->accel->jobs, &unit->desc)) {
		struct accel_desc desc = unit->desc;

		unit->desc.result = 0;
		unit->desc.address = 0;
		unit->desc.status = run(unit, &desc);
		ring_finish(unit->accel, &unit->accel->jobs, &unit->desc);
	}
	return NULL;
}

int compute_open(struct accel *accel)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < NR_UNITS && !err; i++) {
		accel->unit[i].accel = accel;
		err = -pthread_create(&accel->unit[i].thread, NULL, unit_main, &accel->unit[i]);
	}
	return err;
}

void compute_close(struct accel *accel)
{
	unsigned int i;

	for (i = 0; i < NR_UNITS; i++)
		pthread_join(accel->unit[i].thread, NULL);
}
