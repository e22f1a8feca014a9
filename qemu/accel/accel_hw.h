/* SPDX-License-Identifier: GPL-2.0 */
/* What SPEC.md says, as numbers. */
#ifndef ACCEL_HW_H
#define ACCEL_HW_H

#include <stdint.h>

#define ACCEL_VENDOR		0x1234
#define ACCEL_DEVICE		0x11ea
#define ACCEL_REVISION		1
#define ACCEL_CLASS		0x120000
#define ACCEL_SUBSYSTEM		1

#define ACCEL_REGS_SIZE		0x10000
#define ACCEL_MSIX_TABLE	0x8000
#define ACCEL_MSIX_PBA		0xc000
#define ACCEL_MOVE_SIZE		0x200000

enum accel_vector {
	VECTOR_ERROR,
	VECTOR_COPY,
	VECTOR_JOB,
	VECTOR_FAULT,
	VECTOR_INV,
	VECTOR_LINK,
	NR_VECTORS
};

#define NR_CONTEXTS		16
#define NR_UNITS		4
#define INV_DEPTH		64

#define ACCEL_MAGIC		0x41325048
#define ACCEL_VERSION		0x00010001

enum accel_register {
	REG_MAGIC		= 0x000,
	REG_VERSION		= 0x004,
	REG_LIMITS		= 0x008,
	REG_HEARTBEAT		= 0x00c,
	REG_MEMORY_SIZE		= 0x010,
	REG_WINDOW_SIZE		= 0x018,
	REG_UID			= 0x020,
	REG_MOVE_BASE		= 0x028,
	REG_MOVE_SIZE		= 0x030,
	REG_SCRATCH		= 0x034,
	REG_RESET		= 0x038,
	REG_INT_STATUS		= 0x040,
	REG_INT_ENABLE		= 0x044,
	REG_INT_TEST		= 0x048,
	REG_ERROR		= 0x04c,
	REG_ERROR_ADDR		= 0x050,
	REG_LINK_STATUS		= 0x080,
	REG_PEER_SIZE		= 0x088,
	REG_PEER_UID		= 0x090,
	REG_COPY		= 0x100,
	REG_JOB			= 0x200,
	REG_JOB_KILL		= 0x224,
	REG_JOB_STOP		= 0x228,
	REG_FAULT_BASE		= 0x300,
	REG_FAULT_ORDER		= 0x308,
	REG_FAULT_CTRL		= 0x30c,
	REG_FAULT_HEAD		= 0x310,
	REG_FAULT_TAIL		= 0x314,
	REG_FAULT_REPLY		= 0x318,
	REG_FAULT_STATUS	= 0x31c,
	REG_INV_START		= 0x400,
	REG_INV_LENGTH		= 0x408,
	REG_INV_CONTEXT		= 0x410,
	REG_INV_GO		= 0x414,
	REG_INV_ISSUED		= 0x418,
	REG_INV_DONE		= 0x41c,
	REG_CONTEXT		= 0x1000,
	REG_END			= 0x1200,
};

/* In REG_COPY and REG_JOB. */
enum accel_ring_register {
	RING_BASE		= 0x00,
	RING_ORDER		= 0x08,
	RING_CTRL		= 0x0c,
	RING_TAIL		= 0x10,
	RING_HEAD		= 0x14,
	RING_STATUS		= 0x18,
};

#define CONTEXT_STRIDE		0x20
#define CONTEXT_CTRL		0x08

#define CTRL_ENABLE		1
#define RING_STATUS_ENABLED	1
#define RING_STATUS_ERROR	2
#define RING_STATUS_WORK	8	/* shift */
#define RING_MAX_ORDER		12
#define FAULT_OVERFLOW		1
#define INV_ALL			0x80000000u
#define LINK_UP			1
#define LINK_PRESENT		2

#define ERROR_COPY		1
#define ERROR_JOB		2
#define ERROR_FAULT		4
#define ERROR_DMA		8

enum accel_target { TARGET_LOCAL, TARGET_BUS, TARGET_PEER, NR_TARGETS };

enum accel_status {
	STATUS_DONE = 1,
	STATUS_BAD,
	STATUS_FAULT,
	STATUS_KILLED,
	STATUS_BUS,
	STATUS_LINK,
	STATUS_TABLE,
	STATUS_CONTEXT,
	STATUS_BOUNDS,
	STATUS_STOPPED,
};

enum accel_copy_op { COPY_NOP, COPY_COPY, COPY_FILL, NR_COPY_OPS };

enum accel_job_op {
	JOB_NOP,
	JOB_FILL,
	JOB_COPY,
	JOB_SAXPY,
	JOB_SUM,
	JOB_CRC32C,
	JOB_CHASE,
	JOB_HISTOGRAM,
	NR_JOB_OPS
};

#define DESC_INTERRUPT		1
#define DESC_RESUME		2
#define DESC_DST_TARGET		4	/* shift */
#define DESC_SRC_TARGET		8	/* shift */
#define DESC_MAX_LENGTH		(1ull << 40)

struct accel_desc {
	uint16_t op;
	uint16_t context;
	uint32_t flags;
	uint64_t dst;
	uint64_t src;
	uint64_t length;
	uint64_t argument;
	uint64_t result;
	uint64_t address;
	uint32_t status;
	uint32_t sequence;
};

struct accel_fault {
	uint64_t address;
	uint32_t job;
	uint16_t context;
	uint16_t id;
	uint32_t write;
	uint32_t code;
	uint64_t sequence;
};

enum accel_fault_code { FAULT_NOT_VALID = 1, FAULT_READ_ONLY };
enum accel_reply { REPLY_RETRY = 1, REPLY_FAIL };

#define VA_BITS			47
#define PAGE_BITS		12
#define HUGE_BITS		21
#define ROOT_BITS		34
#define PAGE_BYTES		(1ull << PAGE_BITS)
#define HUGE_BYTES		(1ull << HUGE_BITS)
#define BIG_TABLE_BYTES		0x10000
#define LEAF_TABLE_BYTES	0x1000

#define PTE_VALID		1ull
#define PTE_WRITE		2ull
#define PTE_LEAF		4ull
#define PTE_TARGET		4	/* shift */
#define PTE_ZERO		0xff000000000000c8ull
#define PTE_ADDRESS		0x00fffffffffff000ull

#endif /* ACCEL_HW_H */
