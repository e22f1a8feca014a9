// SPDX-License-Identifier: GPL-2.0
/* The copy engine: descriptors one after the other, 64 KiB at a time. */
#include <string.h>

#include "accel.h"
#include "copy.h"

#define STEP	DMA_CHUNK

/* The buffer is for steps of which no end is local. */
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

/* Steps are a multiple of eight bytes. */
static void fill(uint8_t *to, uint64_t argument, size_t length)
{
	size_t at;

	for (at = 0; at + sizeof(argument) <= length; at += sizeof(argument))
		memcpy(to + at, &argument, sizeof(argument));
	memcpy(to + at, &argument, length - at);
}

static int read_to(struct accel *accel, const struct accel_desc *desc, uint8_t *to, size_t length)
{
	uint64_t src = desc->src + desc->result;
	const uint8_t *from;

	if (desc->op == COPY_FILL) {
		fill(to, desc->argument, length);
		return 0;
	}
	if (target(desc, DESC_SRC_TARGET) != TARGET_LOCAL)
		return accel_access(accel, target(desc, DESC_SRC_TARGET), src, to, length, false);
	from = accel_local(accel, src, length);
	if (!from)
		return STATUS_BOUNDS;
	memmove(to, from, length);
	return 0;
}

static int write_from(struct accel *accel, struct accel_desc *desc, uint8_t *from, size_t length)
{
	uint64_t dst = desc->dst + desc->result;
	int err = accel_access(accel, target(desc, DESC_DST_TARGET), dst, from, length, true);

	if (err)
		desc->address = dst;
	return err;
}

/* Straight to local memory, or from there, or by the buffer. */
static int transfer(struct accel *accel, struct copy *copy, size_t length)
{
	struct accel_desc *desc = &copy->desc;
	uint64_t src = desc->src + desc->result, dst = desc->dst + desc->result;
	bool to_local = target(desc, DESC_DST_TARGET) == TARGET_LOCAL;
	bool from_local = desc->op == COPY_COPY && target(desc, DESC_SRC_TARGET) == TARGET_LOCAL;
	uint8_t *data = copy->buffer;
	int err = 0;

	if (to_local)
		data = accel_local(accel, dst, length);
	else if (from_local)
		data = accel_local(accel, src, length);
	if (!data) {
		desc->address = to_local ? dst : src;
		return STATUS_BOUNDS;
	}
	if (to_local || !from_local)
		err = read_to(accel, desc, data, length);
	if (err) {
		desc->address = src;
		return err;
	}
	return to_local ? 0 : write_from(accel, desc, data, length);
}

static int step(struct accel *accel, struct copy *copy)
{
	struct accel_desc *desc = &copy->desc;
	uint64_t left = desc->length - desc->result;
	size_t length = left < STEP ? left : STEP;
	int err = may_go_on(accel);

	if (!err)
		err = transfer(accel, copy, length);
	if (!err)
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
