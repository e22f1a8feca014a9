// SPDX-License-Identifier: GPL-2.0
/* The registers: one table says what each of them is. */
#include <string.h>

#include "accel.h"
#include "regs.h"

struct reg {
	uint16_t at;
	uint16_t copies;		/* more of them, CONTEXT_STRIDE apart */
	bool quiet;			/* nobody waits for a write, or @write says so itself */
	bool wide;			/* 64 bits: the next one is like it, @mask is for the low half */
	uint32_t mask;			/* what a write changes, or what of it @write gets */
	uint64_t (*read)(struct accel *accel);
	void (*write)(struct accel *accel, uint32_t value);
};

static uint64_t read_magic(struct accel *accel)
{
	(void)accel;
	return ACCEL_MAGIC;
}

static uint64_t read_version(struct accel *accel)
{
	(void)accel;
	return ACCEL_VERSION;
}

static uint64_t read_limits(struct accel *accel)
{
	(void)accel;
	return NR_CONTEXTS | NR_UNITS << 8 | NR_VECTORS << 16 | INV_DEPTH << 24;
}

static uint64_t read_heartbeat(struct accel *accel)
{
	uint32_t beats = accel_reg(accel, REG_HEARTBEAT) + 1;

	if (beats == UINT32_MAX)	/* what a device reads that is gone */
		beats = 0;
	accel_set(accel, REG_HEARTBEAT, beats);
	return beats;
}

static uint64_t read_memory_size(struct accel *accel)
{
	return accel->memory_size;
}

static uint64_t read_window_size(struct accel *accel)
{
	return accel->window_size;
}

static uint64_t read_uid(struct accel *accel)
{
	return accel->uid;
}

static uint64_t read_move_size(struct accel *accel)
{
	(void)accel;
	return ACCEL_MOVE_SIZE;
}

static uint64_t read_link_status(struct accel *accel)
{
	uint64_t size, uid;

	return (link_state(&accel->link, &size, &uid) ? LINK_UP : 0) | (accel->link.present ? LINK_PRESENT : 0);
}

static uint64_t read_peer_size(struct accel *accel)
{
	uint64_t size, uid;

	link_state(&accel->link, &size, &uid);
	return size;
}

static uint64_t read_peer_uid(struct accel *accel)
{
	uint64_t size, uid;

	link_state(&accel->link, &size, &uid);
	return uid;
}

static uint64_t read_copy_status(struct accel *accel)
{
	return ring_status(accel, &accel->copy);
}

static uint64_t read_job_status(struct accel *accel)
{
	return ring_status(accel, &accel->jobs);
}

static uint64_t read_fault_status(struct accel *accel)
{
	return accel->faults.waiting ? FAULT_OVERFLOW : 0;
}

static void write_reset(struct accel *accel, uint32_t value)
{
	accel->reset_wanted = value;
}

static void write_int_status(struct accel *accel, uint32_t value)
{
	accel_set(accel, REG_INT_STATUS, accel_reg(accel, REG_INT_STATUS) & ~value);
}

static void write_int_test(struct accel *accel, uint32_t value)
{
	unsigned int vector;

	for (vector = 0; vector < NR_VECTORS; vector++)
		if (value & 1u << vector)
			accel_irq(accel, vector);
}

static void write_error(struct accel *accel, uint32_t value)
{
	accel_set(accel, REG_ERROR, accel_reg(accel, REG_ERROR) & ~value);
}

static void write_copy_ctrl(struct accel *accel, uint32_t value)
{
	ring_control(accel, &accel->copy, value);
}

static void write_copy_tail(struct accel *accel, uint32_t value)
{
	ring_doorbell(accel, &accel->copy, value);
}

static void write_job_ctrl(struct accel *accel, uint32_t value)
{
	ring_control(accel, &accel->jobs, value);
}

static void write_job_tail(struct accel *accel, uint32_t value)
{
	ring_doorbell(accel, &accel->jobs, value);
}

static void write_job_kill(struct accel *accel, uint32_t value)
{
	ring_kill(accel, &accel->jobs, value);
}

static void write_job_stop(struct accel *accel, uint32_t value)
{
	ring_stop(accel, &accel->jobs, value);
}

static void write_inv_go(struct accel *accel, uint32_t value)
{
	(void)value;
	mmu_invalidate(accel);
}

#define ALL		UINT32_MAX
#define PAGES		0xfffff000u
#define VECTORS		((1u << NR_VECTORS) - 1)
#define RING(block, ctrl, tail, status)								\
	{ .at = (block) + RING_BASE, .wide = true, .mask = PAGES },				\
	{ .at = (block) + RING_ORDER, .mask = 0xf },						\
	{ .at = (block) + RING_CTRL, .mask = CTRL_ENABLE, .write = (ctrl) },			\
	{ .at = (block) + RING_TAIL, .quiet = true, .mask = ALL, .write = (tail) },		\
	{ .at = (block) + RING_HEAD },								\
	{ .at = (block) + RING_STATUS, .read = (status) }

/* No @read: what is stored. No @write: the bits of @mask are stored. */
static const struct reg table[] = {
	{ .at = REG_MAGIC, .read = read_magic },
	{ .at = REG_VERSION, .read = read_version },
	{ .at = REG_LIMITS, .read = read_limits },
	{ .at = REG_HEARTBEAT, .read = read_heartbeat },
	{ .at = REG_MEMORY_SIZE, .wide = true, .read = read_memory_size },
	{ .at = REG_WINDOW_SIZE, .wide = true, .read = read_window_size },
	{ .at = REG_UID, .wide = true, .read = read_uid },
	{ .at = REG_MOVE_BASE, .wide = true, .mask = PAGES },
	{ .at = REG_MOVE_SIZE, .read = read_move_size },
	{ .at = REG_SCRATCH, .mask = ALL },
	{ .at = REG_RESET, .mask = 1, .write = write_reset },
	{ .at = REG_INT_STATUS, .quiet = true, .mask = VECTORS, .write = write_int_status },
	{ .at = REG_INT_ENABLE, .mask = VECTORS, .write = accel_irq_enable },
	{ .at = REG_INT_TEST, .mask = VECTORS, .write = write_int_test },
	{ .at = REG_ERROR, .mask = ALL, .write = write_error },
	{ .at = REG_ERROR_ADDR, .wide = true },
	{ .at = REG_LINK_STATUS, .read = read_link_status },
	{ .at = REG_PEER_SIZE, .wide = true, .read = read_peer_size },
	{ .at = REG_PEER_UID, .wide = true, .read = read_peer_uid },
	RING(REG_COPY, write_copy_ctrl, write_copy_tail, read_copy_status),
	RING(REG_JOB, write_job_ctrl, write_job_tail, read_job_status),
	{ .at = REG_JOB_KILL, .mask = ALL, .write = write_job_kill },
	{ .at = REG_JOB_STOP, .mask = ALL, .write = write_job_stop },
	{ .at = REG_FAULT_BASE, .wide = true, .mask = PAGES },
	{ .at = REG_FAULT_ORDER, .mask = 0xf },
	{ .at = REG_FAULT_CTRL, .mask = CTRL_ENABLE, .write = fault_control },
	{ .at = REG_FAULT_HEAD, .mask = ALL },
	{ .at = REG_FAULT_TAIL },
	{ .at = REG_FAULT_REPLY, .mask = ALL, .write = fault_reply },
	{ .at = REG_FAULT_STATUS, .read = read_fault_status },
	{ .at = REG_INV_START, .quiet = true, .wide = true, .mask = ALL },
	{ .at = REG_INV_LENGTH, .quiet = true, .wide = true, .mask = ALL },
	{ .at = REG_INV_CONTEXT, .quiet = true, .mask = INV_ALL | (NR_CONTEXTS - 1) },
	{ .at = REG_INV_GO, .quiet = true, .mask = ALL, .write = write_inv_go },
	{ .at = REG_INV_ISSUED },
	{ .at = REG_INV_DONE },
	{ .at = REG_CONTEXT, .copies = NR_CONTEXTS - 1, .wide = true, .mask = ~(BIG_TABLE_BYTES - 1u) },
	{ .at = REG_CONTEXT + CONTEXT_CTRL, .copies = NR_CONTEXTS - 1, .mask = CTRL_ENABLE },
};

static const struct reg *find(uint32_t at, bool *high)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const struct reg *reg = table + i;
		uint32_t from = at - reg->at;

		if (at < reg->at || from / CONTEXT_STRIDE > reg->copies)
			continue;
		from %= CONTEXT_STRIDE;
		*high = from == 4;
		if (!from || (reg->wide && from == 4))
			return reg;
	}
	return NULL;
}

static uint32_t read_reg(struct accel *accel, uint32_t at)
{
	bool high;
	const struct reg *reg = find(at, &high);
	uint64_t value;

	if (!reg)
		return 0;
	if (!reg->read)
		return accel_reg(accel, at);
	value = reg->read(accel);
	return high ? value >> 32 : value;
}

static void write_reg(struct accel *accel, uint32_t at, uint32_t value)
{
	bool high;
	const struct reg *reg = find(at, &high);
	uint32_t mask;

	if (!reg || !reg->mask)
		return;
	mask = high ? ALL : reg->mask;
	if (reg->write)
		reg->write(accel, value & mask);
	else
		accel_set(accel, at, value & mask);
	/* Whoever waits for room in the queue, for a reply, or because of a context looks again. */
	if (!reg->quiet)
		pthread_cond_broadcast(&accel->changed);
}

static void access_msix(struct accel *accel, uint32_t at, uint8_t *data, bool write)
{
	uint8_t *entry = accel->msix_table + (at - ACCEL_MSIX_TABLE);

	memcpy(write ? entry : data, write ? data : entry, sizeof(uint32_t));
}

static void access_one(struct accel *accel, uint32_t at, uint8_t *data, bool write)
{
	uint32_t value = 0;

	if (at >= ACCEL_MSIX_TABLE && at < ACCEL_MSIX_TABLE + sizeof(accel->msix_table)) {
		access_msix(accel, at, data, write);
		return;
	}
	if (write) {
		memcpy(&value, data, sizeof(value));
		write_reg(accel, at, value);
	} else {
		value = at < REG_END ? read_reg(accel, at) : 0;
		memcpy(data, &value, sizeof(value));
	}
}

void regs_access(struct accel *accel, uint64_t offset, uint8_t *data, size_t length, bool write)
{
	if (offset % 4 || (length != 4 && length != 8)) {
		if (!write)
			memset(data, 0xff, length);
		return;
	}
	pthread_mutex_lock(&accel->lock);
	access_one(accel, offset, data, write);
	if (length == 8)
		access_one(accel, offset + 4, data + 4, write);
	pthread_mutex_unlock(&accel->lock);
	if (accel->reset_wanted)
		accel_reset(accel);
}

void window_access(struct accel *accel, uint64_t offset, uint8_t *data, size_t length, bool write)
{
	uint8_t *at = accel->memory + offset;

	memcpy(write ? at : data, write ? data : at, length);
}

void move_access(struct accel *accel, uint64_t offset, uint8_t *data, size_t length, bool write)
{
	uint64_t base;

	pthread_mutex_lock(&accel->lock);
	base = accel_reg64(accel, REG_MOVE_BASE);
	pthread_mutex_unlock(&accel->lock);
	if (base + offset >= base &&
	    !accel_access(accel, TARGET_LOCAL, base + offset, data, length, write))
		return;
	if (!write)
		memset(data, 0xff, length);
}
