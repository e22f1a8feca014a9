// SPDX-License-Identifier: GPL-2.0
/* Rings of descriptors. */
#include <string.h>

#include "accel.h"

static uint32_t slots(const struct ring *ring)
{
	return 1u << ring->order;
}

static bool enabled(const struct accel *accel, const struct ring *ring)
{
	return accel_reg(accel, ring->at + RING_CTRL) & CTRL_ENABLE;
}

static bool test(const uint64_t *bits, uint32_t counter)
{
	uint32_t slot = counter % RING_SLOTS;

	return bits[slot / 64] >> (slot % 64) & 1;
}

static void change(uint64_t *bits, uint32_t counter, bool value)
{
	uint32_t slot = counter % RING_SLOTS;
	uint64_t bit = 1ull << (slot % 64);

	bits[slot / 64] = value ? bits[slot / 64] | bit : bits[slot / 64] & ~bit;
}

void ring_init(struct ring *ring, uint32_t at, uint32_t error, enum accel_vector vector)
{
	pthread_cond_init(&ring->work, NULL);
	ring->at = at;
	ring->error = error;
	ring->vector = vector;
}

void ring_wake(struct ring *ring)
{
	pthread_cond_broadcast(&ring->work);
}

void ring_reset(struct ring *ring)
{
	ring->next = 0;
	ring->ahead_from = 0;
	ring->ahead_end = 0;
	ring->hung = false;
	memset(ring->done, 0, sizeof(ring->done));
	memset(ring->killed, 0, sizeof(ring->killed));
	memset(ring->stopped, 0, sizeof(ring->stopped));
}

static void fail(struct accel *accel, struct ring *ring)
{
	accel_set(accel, ring->at + RING_CTRL, 0);
	accel_set(accel, ring->at + RING_STATUS, RING_STATUS_ERROR);
	accel_error(accel, ring->error);
}

static void enable(struct accel *accel, struct ring *ring)
{
	bool hung = ring->hung;

	if (ring->working)
		return;
	ring_reset(ring);
	ring->hung = hung;
	ring->base = accel_reg64(accel, ring->at + RING_BASE);
	ring->order = accel_reg(accel, ring->at + RING_ORDER);
	accel_set(accel, ring->at + RING_TAIL, 0);
	accel_set(accel, ring->at + RING_HEAD, 0);
	accel_set(accel, ring->at + RING_STATUS, 0);
	if (!ring->order || ring->order > RING_MAX_ORDER)
		fail(accel, ring);
	else
		accel_set(accel, ring->at + RING_CTRL, CTRL_ENABLE);
}

void ring_control(struct accel *accel, struct ring *ring, uint32_t value)
{
	if (!(value & CTRL_ENABLE))
		accel_set(accel, ring->at + RING_CTRL, 0);
	else if (!enabled(accel, ring))
		enable(accel, ring);
}

void ring_doorbell(struct accel *accel, struct ring *ring, uint32_t tail)
{
	bool one = tail - accel_reg(accel, ring->at + RING_TAIL) == 1;

	accel_set(accel, ring->at + RING_TAIL, tail);
	if (enabled(accel, ring) && tail - accel_reg(accel, ring->at + RING_HEAD) > slots(ring))
		fail(accel, ring);
	else if (one)
		pthread_cond_signal(&ring->work);
	else
		ring_wake(ring);
}

uint32_t ring_status(const struct accel *accel, const struct ring *ring)
{
	return (enabled(accel, ring) ? RING_STATUS_ENABLED : 0) | accel_reg(accel, ring->at + RING_STATUS) |
	       ring->working << RING_STATUS_WORK;
}

static void mark(struct accel *accel, struct ring *ring, uint64_t *bits, uint32_t counter)
{
	uint32_t head = accel_reg(accel, ring->at + RING_HEAD);

	if (counter - head < accel_reg(accel, ring->at + RING_TAIL) - head && !test(ring->done, counter))
		change(bits, counter, true);
}

void ring_kill(struct accel *accel, struct ring *ring, uint32_t counter)
{
	mark(accel, ring, ring->killed, counter);
}

void ring_stop(struct accel *accel, struct ring *ring, uint32_t counter)
{
	mark(accel, ring, ring->stopped, counter);
}

bool ring_is_killed(const struct ring *ring, uint32_t counter)
{
	return test(ring->killed, counter);
}

bool ring_is_stopped(const struct ring *ring, uint32_t counter)
{
	return test(ring->stopped, counter);
}

static bool has_work(const struct accel *accel, const struct ring *ring)
{
	return enabled(accel, ring) && !ring->hung && !ring->reading && !accel->resetting &&
	       ring->next != accel_reg(accel, ring->at + RING_TAIL);
}

static uint64_t address(const struct ring *ring, uint32_t counter)
{
	return ring->base + (counter & (slots(ring) - 1)) * (uint64_t)sizeof(struct accel_desc);
}

/* A reset waits for it. */
static void end_work(struct accel *accel, struct ring *ring)
{
	ring->working--;
	if (accel->resetting)
		pthread_cond_broadcast(&accel->changed);
}

/* What is there to read, in one piece. */
static uint32_t count_ahead(const struct accel *accel, const struct ring *ring)
{
	uint32_t nr = accel_reg(accel, ring->at + RING_TAIL) - ring->next;
	uint32_t to_wrap = slots(ring) - (ring->next & (slots(ring) - 1));

	nr = nr < to_wrap ? nr : to_wrap;
	return nr < RING_AHEAD ? nr : RING_AHEAD;
}

/* Drops the lock: the ring is in work meanwhile, and nobody else takes from it. */
static int read_ahead(struct accel *accel, struct ring *ring)
{
	uint32_t nr = count_ahead(accel, ring);
	uint64_t from = address(ring, ring->next);
	struct accel_desc read[RING_AHEAD];
	uint32_t i;
	int err;

	ring->reading = true;
	pthread_mutex_unlock(&accel->lock);
	err = accel_dma(accel, from, read, nr * sizeof(*read), false);
	pthread_mutex_lock(&accel->lock);
	ring->reading = false;
	ring_wake(ring);
	if (err)
		return err;
	ring->ahead_from = ring->next;
	ring->ahead_end = ring->next + nr;
	for (i = 0; i < nr; i++)
		ring->ahead[(ring->next + i) % RING_AHEAD] = read[i];
	return 0;
}

static bool fetch(struct accel *accel, struct ring *ring, struct accel_desc *desc)
{
	ring->working++;
	if (ring->ahead_from == ring->ahead_end && read_ahead(accel, ring)) {
		if (!accel->resetting)
			fail(accel, ring);
		end_work(accel, ring);
		return false;
	}
	*desc = ring->ahead[ring->next % RING_AHEAD];
	desc->sequence = ring->next++;
	desc->status = 0;
	ring->ahead_from = ring->next;
	return true;
}

bool ring_take(struct accel *accel, struct ring *ring, struct accel_desc *desc)
{
	bool taken = false;

	pthread_mutex_lock(&accel->lock);
	while (!taken && !accel->leaving) {
		if (has_work(accel, ring))
			taken = fetch(accel, ring, desc);
		else
			pthread_cond_wait(&ring->work, &accel->lock);
	}
	pthread_mutex_unlock(&accel->lock);
	return taken;
}

static int write_back(struct accel *accel, uint64_t at, const struct accel_desc *desc)
{
	size_t result = offsetof(struct accel_desc, result), status = offsetof(struct accel_desc, status);
	uint8_t bytes[sizeof(*desc)] __attribute__((aligned(8)));
	int err;

	memcpy(bytes, desc, sizeof(bytes));
	err = accel_dma(accel, at + result, bytes + result, status - result, true);
	return err ? err : accel_dma(accel, at + status, bytes + status, sizeof(bytes) - status, true);
}

static void count(struct accel *accel, struct ring *ring, const struct accel_desc *desc)
{
	uint32_t head = accel_reg(accel, ring->at + RING_HEAD);

	change(ring->done, desc->sequence, true);
	for (; test(ring->done, head); head++) {
		change(ring->done, head, false);
		change(ring->killed, head, false);
		change(ring->stopped, head, false);
	}
	accel_set(accel, ring->at + RING_HEAD, head);
	if (desc->status != STATUS_DONE || desc->flags & DESC_INTERRUPT)
		accel_irq(accel, ring->vector);
}

void ring_finish(struct accel *accel, struct ring *ring, struct accel_desc *desc)
{
	/* The base stays as long as something is in work. In a reset, the device is no bus master any more. */
	int err = write_back(accel, address(ring, desc->sequence), desc);

	pthread_mutex_lock(&accel->lock);
	if (!accel->resetting && err)
		fail(accel, ring);
	else if (!accel->resetting)
		count(accel, ring, desc);
	end_work(accel, ring);
	pthread_mutex_unlock(&accel->lock);
}
