// SPDX-License-Identifier: GPL-2.0
/* The queue of faults, and the driver's replies. */
#include "accel.h"

static bool enabled(const struct accel *accel)
{
	return accel_reg(accel, REG_FAULT_CTRL) & CTRL_ENABLE;
}

static void enable(struct accel *accel)
{
	struct fault_queue *faults = &accel->faults;
	uint32_t order = accel_reg(accel, REG_FAULT_ORDER);

	if (order > RING_MAX_ORDER) {
		accel_error(accel, ERROR_FAULT);
		return;
	}
	faults->base = accel_reg64(accel, REG_FAULT_BASE);
	faults->order = order;
	accel_set(accel, REG_FAULT_HEAD, 0);
	accel_set(accel, REG_FAULT_TAIL, 0);
	accel_set(accel, REG_FAULT_CTRL, CTRL_ENABLE);
}

void fault_control(struct accel *accel, uint32_t value)
{
	if (!(value & CTRL_ENABLE)) {
		accel_set(accel, REG_FAULT_CTRL, 0);
		accel->faults.generation++;
	} else if (!enabled(accel)) {
		enable(accel);
	}
}

void fault_reply(struct accel *accel, uint32_t value)
{
	uint32_t id = value >> 16, answer = value & 0xff;
	unsigned int i;

	if (!id || (answer != REPLY_RETRY && answer != REPLY_FAIL))
		return;
	for (i = 0; i < NR_UNITS; i++)
		if (accel->unit[i].fault_id == id)
			accel->unit[i].answer = answer;
	pthread_cond_broadcast(&accel->changed);
}

static bool has_room(const struct accel *accel)
{
	uint32_t used = accel_reg(accel, REG_FAULT_TAIL) - accel_reg(accel, REG_FAULT_HEAD);
	uint32_t size = 1u << accel->faults.order, limit = accel->faults.limit;

	return used < (limit && limit < size ? limit : size);
}

/* 0: @unit still waits for the queue of @generation. */
static int gives_up(const struct unit *unit, uint32_t generation)
{
	const struct accel *accel = unit->accel;
	int stop = unit_stop(unit);

	if (stop)
		return -stop;
	return enabled(accel) && generation == accel->faults.generation ? 0 : -STATUS_FAULT;
}

static int wait_for_room(struct unit *unit, uint32_t generation)
{
	struct accel *accel = unit->accel;
	struct fault_queue *faults = &accel->faults;
	bool overflow = false;
	int err;

	while (!(err = gives_up(unit, generation)) && (faults->busy || !has_room(accel))) {
		if (!overflow && !has_room(accel)) {
			overflow = true;
			if (!faults->waiting++)
				accel_irq(accel, VECTOR_FAULT);
		}
		pthread_cond_wait(&accel->changed, &accel->lock);
	}
	faults->waiting -= overflow;
	return err;
}

static uint16_t new_id(struct fault_queue *faults)
{
	if (!++faults->id)
		faults->id = 1;
	return faults->id;
}

static int write_entry(struct accel *accel, struct accel_fault *entry)
{
	struct fault_queue *faults = &accel->faults;
	uint64_t to = faults->base + (entry->sequence & ((1u << faults->order) - 1)) * sizeof(*entry);
	int err;

	faults->busy = true;
	pthread_mutex_unlock(&accel->lock);
	err = accel_dma(accel, to, entry, sizeof(*entry), true);
	pthread_mutex_lock(&accel->lock);
	faults->busy = false;
	pthread_cond_broadcast(&accel->changed);
	if (err)
		accel_error(accel, ERROR_FAULT);
	return err ? -STATUS_FAULT : 0;
}

static int post(struct unit *unit, struct accel_fault *entry, uint32_t generation)
{
	struct accel *accel = unit->accel;
	int err;

	entry->sequence = accel_reg(accel, REG_FAULT_TAIL);
	entry->id = new_id(&accel->faults);
	err = write_entry(accel, entry);
	if (!err)
		err = gives_up(unit, generation);
	if (err)
		return err;
	unit->answer = 0;
	unit->fault_id = entry->id;
	accel_set(accel, REG_FAULT_TAIL, entry->sequence + 1);
	accel_irq(accel, VECTOR_FAULT);
	return 0;
}

static int wait_for_reply(struct unit *unit, uint32_t generation)
{
	struct accel *accel = unit->accel;
	int err;

	while (!(err = gives_up(unit, generation)) && !unit->answer)
		pthread_cond_wait(&accel->changed, &accel->lock);
	unit->fault_id = 0;
	if (err)
		return err;
	return unit->answer == REPLY_RETRY ? 0 : -STATUS_FAULT;
}

int fault_ask(struct unit *unit, uint64_t address, bool write, int code)
{
	struct accel *accel = unit->accel;
	struct accel_fault entry = {
		.address = address,
		.job = unit->desc.sequence,
		.context = unit->desc.context,
		.write = write,
		.code = code,
	};
	uint32_t generation;
	int err;

	pthread_mutex_lock(&accel->lock);
	generation = accel->faults.generation;
	err = wait_for_room(unit, generation);
	if (!err)
		err = post(unit, &entry, generation);
	if (!err)
		err = wait_for_reply(unit, generation);
	pthread_mutex_unlock(&accel->lock);
	return err;
}
