/* SPDX-License-Identifier: GPL-2.0 */
/* Messages of vfio-user: a header, a payload, descriptors. */
#ifndef ACCEL_MESSAGE_H
#define ACCEL_MESSAGE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_FDS	8
#define MESSAGE_XFER	(1u << 20)	/* max_data_xfer_size */
#define MESSAGE_PAYLOAD	(MESSAGE_XFER + 64)

enum message_command {
	CMD_VERSION = 1,
	CMD_DMA_MAP,
	CMD_DMA_UNMAP,
	CMD_GET_INFO,
	CMD_GET_REGION_INFO,
	CMD_GET_REGION_IO_FDS,
	CMD_GET_IRQ_INFO,
	CMD_SET_IRQS,
	CMD_REGION_READ,
	CMD_REGION_WRITE,
	CMD_DMA_READ,
	CMD_DMA_WRITE,
	CMD_RESET,
	NR_CMDS
};

#define MESSAGE_TYPE		0xf
#define MESSAGE_REPLY		0x1
#define MESSAGE_NO_REPLY	0x10
#define MESSAGE_ERROR		0x20

struct message_header {
	uint16_t id;
	uint16_t command;
	uint32_t size;			/* with the header */
	uint32_t flags;
	uint32_t error;
};

struct message {
	struct message_header header;
	size_t length;			/* of the payload */
	int fd[MESSAGE_FDS];		/* closed by message_close(), unless -1 was put there */
	unsigned int nr_fds;
	int error;			/* descriptors were lost on the way */
	uint8_t payload[MESSAGE_PAYLOAD] __attribute__((aligned(8)));
};

/* Two parts of a payload, and at most one descriptor. */
struct message_out {
	struct message_header header;
	const void *part[2];
	size_t length[2];
	int fd;				/* or -1 */
};

/* Both: 0, -EPIPE when the other side is gone, or an error after which the stream means nothing any more. */
int message_receive(int sock, struct message *message);
int message_send(int sock, pthread_mutex_t *lock, struct message_out *out);

void message_close(struct message *message);

#endif /* ACCEL_MESSAGE_H */
