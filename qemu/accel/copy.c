// SPDX-License-Identifier: GPL-2.0
/* The copy engine: descriptors one after the other, 64 KiB at a time. */
#include "accel.h"
#include "copy.h"

#define STEP	DMA_CHUNK

struct copy {
	struct accel_desc desc;
	uint8_t buffer[STEP];
};

static enum accel_target target(const struct accel_desc *desc, unsigned int shift)
{
	return desc->flags >> shift & 3;
}

static bool is_good(const struct accel_desc *desc)
{
	uint32_t known = DESC_INTERRUPT | 3 << DESC_DST_TARGET | 3 << DESC_SRC_TARGET;

	if (desc->op >= NR_COPY_OPS || desc->context || desc->flags & ~known)
		return false;
	if (desc->op == COPY_NOP)
		return true;
	return target(desc, DESC_DST_TARGET) < NR_TARGETS && target(desc, DESC_SRC_TARGET) < NR_TARGETS &&
	       desc->length && desc->length <= DESC_MAX_LENGTH && desc->dst + desc->length > desc->dst &&
	       (desc->op != COPY_COPY || desc->src + desc->length > desc->src);
}

static int may_go_on(struct accel *accel)
{
	bool stop;

	pthread_mutex_lock(&accel->lock);
	while (accel->copy.hung && !accel->resetting && !accel->leaving)
		pthread_cond_wait(&accel->changed, &accel->lock);
	stop = accel->resetting || accel->leaving;
	pthread_mutex_unlock(&accel->lock);
	return stop ? STATUS_KILLED : 0;
}

static int read_step(struct accel *accel, struct copy *copy, size_t length)
{
	struct accel_desc *desc = &copy->desc;
	size_t i;

	if (desc->op == COPY_COPY)
		return accel_access(accel, target(desc, DESC_SRC_TARGET), desc->src + desc->result, copy->buffer,
				    length, false);
	/* Steps are a multiple of eight bytes. */
	for (i = 0; i < length; i++)
		copy->buffer[i] = desc->argument >> 8 * (i % 8);
	return 0;
}

static int step(struct accel *accel, struct copy *copy)
{
	struct accel_desc *desc = &copy->desc;
	uint64_t left = desc->length - desc->result;
	size_t length = left < STEP ? left : STEP;
	int err = may_go_on(accel);

	if (err)
		return err;
	err = read_step(accel, copy, length);
	if (err) {
		desc->address = desc->src + desc->result;
		return err;
	}
	err = accel_access(accel, target(desc, DESC_DST_TARGET), desc->dst + desc->result, copy->buffer, length,
			   true);
	if (err)
		desc->address = desc->dst + desc->result;
	else
		desc->result += length;
	return err;
}

static int run(struct accel *accel, struct copy *copy)
{
	struct accel_desc *desc = &copy->desc;
	int err = 0;

	desc->result = 0;
	desc->address = 0;
	if (!is_good(desc))
		return STATUS_BAD;
	while (!err && desc->op != COPY_NOP && desc->result < desc->length)
		err = step(accel, copy);
	return err ? err : STATUS_DONE;
}

static void *copy_main(void *arg)
{
	struct accel *accel = arg;
	struct copy copy;

	while (ring_take(accel, &accel->copy, &copy.desc)) {
		copy.desc.status = run(accel, &copy);
		ring_finish(accel, &accel->copy, &copy.desc);
	}
	return NULL;
}

int copy_open(struct accel *accel)
{
	return -pthread_create(&accel->copy_thread, NULL, copy_main, accel);
}

void copy_close(struct accel *accel)
{
	pthread_join(accel->copy_thread, NULL);
}
