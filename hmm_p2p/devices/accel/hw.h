/* SPDX-License-Identifier: GPL-2.0 */
/* The device, as its specification (qemu/accel/SPEC.md) describes it. */
#ifndef _ACCEL_HW_H
#define _ACCEL_HW_H

#include <linux/bits.h>
#include <linux/types.h>

#define ACCEL_VENDOR		0x1234
#define ACCEL_DEVICE		0x11ea

#define BAR_REGISTERS		0
#define BAR_MEMORY		2

/* Vectors; also the bits of INT_STATUS and INT_ENABLE. */
enum {
	VECTOR_ERROR, VECTOR_COPY, VECTOR_JOB, VECTOR_FAULT, VECTOR_INVALIDATION, VECTOR_LINK,
	VECTORS
};

#define REG_MAGIC		0x000
#define MAGIC			0x41325048
#define REG_VERSION		0x004
#define VERSION			0x00010001	/* this minor one, or a later one */
#define REG_LIMITS		0x008
#define LIMITS_UNITS(limits)	((limits) >> 8 & 0xff)
#define REG_HEARTBEAT		0x00c
#define REG_MEMORY_SIZE		0x010
#define REG_UID			0x020
#define REG_RESET		0x038
#define REG_INT_ENABLE		0x044
#define REG_ERROR		0x04c
#define ERROR_COPIES		BIT(0)
#define ERROR_JOBS		BIT(1)
#define REG_ERROR_ADDR		0x050
#define REG_PEER_UID		0x090

#define REG_COPY_BASE		0x100
#define REG_COPY_ORDER		0x108
#define REG_COPY_CTRL		0x10c
#define REG_COPY_TAIL		0x110
#define REG_COPY_HEAD		0x114

#define REG_JOB_BASE		0x200
#define REG_JOB_ORDER		0x208
#define REG_JOB_CTRL		0x20c
#define REG_JOB_TAIL		0x210
#define REG_JOB_KILL		0x224
#define REG_JOB_STOP		0x228

#define REG_FAULT_BASE		0x300
#define REG_FAULT_ORDER		0x308
#define REG_FAULT_CTRL		0x30c
#define REG_FAULT_HEAD		0x310
#define REG_FAULT_TAIL		0x314
#define REG_FAULT_REPLY		0x318
#define REPLY_RETRY		1
#define REPLY_FAIL		2

#define REG_INV_START		0x400
#define REG_INV_LENGTH		0x408
#define REG_INV_CONTEXT		0x410
#define REG_INV_GO		0x414
#define REG_INV_ISSUED		0x418
#define REG_INV_DONE		0x41c

#define REG_CONTEXT_ROOT(n)	(0x1000 + 0x20 * (n))
#define REG_CONTEXT_CTRL(n)	(0x1008 + 0x20 * (n))
#define NR_CONTEXTS		16
#define SPACE_CONTEXT		(NR_CONTEXTS - 1)	/* of jobs on buffers: space.c */

#define CTRL_ENABLE		BIT(0)

/* A job, or a copy. */
struct accel_desc {
	__le16 op;
	__le16 context;
	__le32 flags;
	__le64 dst;
	__le64 src;
	__le64 length;
	__le64 argument;
	__le64 result;
	__le64 address;
	__le32 status;
	__le32 sequence;
};

#define DESC_INTERRUPT		BIT(0)
#define DESC_RESUME		BIT(1)
#define COPY_DST(target)	((u32)(target) << 4)
#define COPY_SRC(target)	((u32)(target) << 8)

enum { COPY_OP_COPY = 1, COPY_OP_FILL };

enum {
	STATUS_DONE = 1, STATUS_BAD, STATUS_FAULT, STATUS_KILLED, STATUS_BUS, STATUS_LINK,
	STATUS_TABLE, STATUS_CONTEXT, STATUS_BOUNDS, STATUS_STOPPED
};

struct accel_fault_entry {
	__le64 address;
	__le32 job;
	__le16 context;
	__le16 id;
	__le32 write;
	__le32 reason;
	__le64 tail;
};

/* Page tables: root and middle ones of 64 KiB, leaf tables of 4 KiB. */
#define VA_END			BIT(47)
#define ROOT_SHIFT		34
#define MIDDLE_SHIFT		21
#define MIDDLE_ENTRIES		8192UL
#define LEAF_ENTRIES		512UL

#define PTE_VALID		BIT_ULL(0)
#define PTE_WRITE		BIT_ULL(1)
#define PTE_LEAF		BIT_ULL(2)
#define PTE_BROKEN		BIT_ULL(3)	/* must be 0: ends who reads it */
#define PTE_TARGET(t)		((u64)(t) << 4)
enum { TARGET_LOCAL, TARGET_BUS, TARGET_PEER };

#endif /* _ACCEL_HW_H */
