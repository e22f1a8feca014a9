// SPDX-License-Identifier: GPL-2.0
/* The device as vfio-user shows it: QEMU's docs/interop/vfio-user has the messages. */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel.h"
#include "regs.h"
#include "vfio_user.h"

struct server {
	struct accel *accel;
	int sock;
	pthread_mutex_t *send_lock;
	bool greeted;
	struct message in;
	uint8_t data[MESSAGE_XFER];	/* of a read */
};

/* What goes back when all is well. */
struct answer {
	const void *part[2];
	size_t length[2];
	int fd;
};

struct version {
	uint16_t major;
	uint16_t minor;
};

struct dma_map_request {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t addr;
	uint64_t size;
};

struct dma_unmap_request {
	uint32_t argsz;
	uint32_t flags;
	uint64_t addr;
	uint64_t size;
};

struct region_io {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};

#define OUR_MAJOR	0
#define OUR_MINOR	1
#define MAP_READ	1
#define MAP_WRITE	2
#define MAP_MMAP	4
#define UNMAP_ALL	2

static int reply(struct server *server, int err, const struct answer *answer)
{
	struct message_out out = {
		.header = {
			.id = server->in.header.id,
			.command = server->in.header.command,
			.flags = MESSAGE_REPLY | (err ? MESSAGE_ERROR : 0),
			.error = -err,
		},
		.fd = -1,
	};

	if (server->in.header.flags & MESSAGE_NO_REPLY)
		return 0;
	if (!err) {
		memcpy(out.part, answer->part, sizeof(out.part));
		memcpy(out.length, answer->length, sizeof(out.length));
		out.fd = answer->fd;
	}
	return message_send(server->sock, server->send_lock, &out);
}

static void answer_with(struct answer *answer, const void *part, size_t length)
{
	answer->part[0] = part;
	answer->length[0] = length;
}

static int do_version(struct server *server, struct answer *answer)
{
	static const char capabilities[] =
		"{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576,\"max_dma_maps\":4096,"
		"\"pgsizes\":4096}}";
	struct version *version = (struct version *)server->in.payload;

	if (version->major != OUR_MAJOR)
		return -EINVAL;
	server->greeted = true;
	if (version->minor > OUR_MINOR)
		version->minor = OUR_MINOR;
	answer_with(answer, version, sizeof(*version));
	answer->part[1] = capabilities;
	answer->length[1] = sizeof(capabilities);
	return 0;
}

static int do_dma_map(struct server *server, struct answer *answer)
{
	struct dma_map_request request;
	struct dma_map map = { 0 };
	int fd = server->in.nr_fds ? server->in.fd[0] : -1;

	(void)answer;
	memcpy(&request, server->in.payload, sizeof(request));
	if (server->in.nr_fds > 1 || !(request.flags & MAP_READ) || request.flags & ~(MAP_READ | MAP_WRITE | MAP_MMAP))
		return -EINVAL;
	if (request.flags & MAP_MMAP && fd < 0)
		return -EINVAL;
	map.addr = request.addr;
	map.size = request.size;
	map.write = request.flags & MAP_WRITE;
	return dma_map(&server->accel->dma, &map, request.offset, fd);
}

static int do_dma_unmap(struct server *server, struct answer *answer)
{
	struct dma *dma = &server->accel->dma;
	struct dma_unmap_request request;
	int err = 0;

	memcpy(&request, server->in.payload, sizeof(request));
	if (request.flags & ~UNMAP_ALL)
		return -EINVAL;
	if (request.flags & UNMAP_ALL)
		dma_unmap_all(dma);
	else
		err = dma_unmap(dma, request.addr, request.size);
	answer_with(answer, server->in.payload, sizeof(request));
	return err;
}

static int do_get_info(struct server *server, struct answer *answer)
{
	static const struct {
		uint32_t argsz;
		uint32_t flags;
		uint32_t regions;
		uint32_t irqs;
	} info = {
		sizeof(info), VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI, VFIO_PCI_NUM_REGIONS,
		VFIO_PCI_NUM_IRQS,
	};

	(void)server;
	answer_with(answer, &info, sizeof(info));
	return 0;
}

static uint64_t region_size(const struct accel *accel, uint32_t region)
{
	switch (region) {
	case VFIO_PCI_BAR0_REGION_INDEX:
		return ACCEL_REGS_SIZE;
	case VFIO_PCI_BAR2_REGION_INDEX:
		return accel->window_size;
	case VFIO_PCI_BAR4_REGION_INDEX:
		return ACCEL_MOVE_SIZE;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return CONFIG_SIZE;
	default:
		return 0;
	}
}

static int do_get_region_info(struct server *server, struct answer *answer)
{
	struct vfio_region_info *info = (struct vfio_region_info *)server->in.payload;
	uint32_t region = info->index;

	if (info->argsz < sizeof(*info) || region >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	*info = (struct vfio_region_info) {
		.argsz = sizeof(*info),
		.index = region,
		.size = region_size(server->accel, region),
	};
	if (info->size)
		info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (region == VFIO_PCI_BAR2_REGION_INDEX) {
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
		answer->fd = server->accel->memory_fd;
	}
	answer_with(answer, info, sizeof(*info));
	return 0;
}

static int do_get_irq_info(struct server *server, struct answer *answer)
{
	struct vfio_irq_info *info = (struct vfio_irq_info *)server->in.payload;
	uint32_t index = info->index;

	if (info->argsz < sizeof(*info) || index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	*info = (struct vfio_irq_info) {
		.argsz = sizeof(*info),
		.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE,
		.index = index,
		.count = index == VFIO_PCI_MSIX_IRQ_INDEX ? NR_VECTORS : 0,
	};
	answer_with(answer, info, sizeof(*info));
	return 0;
}

/* The message's descriptor, which is the device's from now on, or -1. */
static void assign_irq(struct server *server, unsigned int vector, unsigned int nr)
{
	struct accel *accel = server->accel;
	int fd = -1;

	if (nr < server->in.nr_fds) {
		fd = server->in.fd[nr];
		server->in.fd[nr] = -1;
	}
	pthread_mutex_lock(&accel->lock);
	if (accel->irq[vector] >= 0)
		close(accel->irq[vector]);
	accel->irq[vector] = fd;
	pthread_mutex_unlock(&accel->lock);
}

static void trigger(struct accel *accel, unsigned int vector)
{
	pthread_mutex_lock(&accel->lock);
	if (accel->irq[vector] >= 0 && write(accel->irq[vector], &(uint64_t) { 1 }, 8) < 0)
		perror("eventfd");
	pthread_mutex_unlock(&accel->lock);
}

static int irq_range(const struct server *server, const struct vfio_irq_set *set)
{
	uint32_t data = set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;

	if (set->index != VFIO_PCI_MSIX_IRQ_INDEX || set->start > NR_VECTORS ||
	    set->count > NR_VECTORS - set->start)
		return -EINVAL;
	if ((set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -EINVAL;
	if (data == VFIO_IRQ_SET_DATA_EVENTFD)
		return !server->in.nr_fds || server->in.nr_fds == set->count ? 0 : -EINVAL;
	if (data == VFIO_IRQ_SET_DATA_BOOL)
		return server->in.length >= sizeof(*set) + set->count ? 0 : -EINVAL;
	return data == VFIO_IRQ_SET_DATA_NONE ? 0 : -EINVAL;
}

static int do_set_irqs(struct server *server, struct answer *answer)
{
	const struct vfio_irq_set *set = (const struct vfio_irq_set *)server->in.payload;
	bool all = !set->start && !set->count && set->flags & VFIO_IRQ_SET_DATA_NONE;
	uint32_t i, count = all ? NR_VECTORS : set->count;
	int err = irq_range(server, set);

	(void)answer;
	if (err)
		return err;
	for (i = 0; i < count; i++) {
		if (all || set->flags & VFIO_IRQ_SET_DATA_EVENTFD)
			assign_irq(server, set->start + i, i);
		else if (set->flags & VFIO_IRQ_SET_DATA_NONE || set->data[i])
			trigger(server->accel, set->start + i);
	}
	return 0;
}

/* Function level reset and the bus's. */
static void reset_function(struct accel *accel)
{
	config_init(&accel->config, accel->window_size);
	accel_reset(accel);
}

static void config_access(struct accel *accel, uint64_t offset, uint8_t *data, size_t length, bool write)
{
	if (!write) {
		memcpy(data, accel->config.space + offset, length);
		return;
	}
	if (config_write(&accel->config, offset, data, length))
		reset_function(accel);
	__atomic_store_n(&accel->dma.master, config_is_master(&accel->config), __ATOMIC_RELEASE);
}

static int region_access(struct accel *accel, const struct region_io *io, uint8_t *data, bool write)
{
	uint64_t size = region_size(accel, io->region);

	if (!io->count || io->count > MESSAGE_XFER || io->offset > size || io->count > size - io->offset)
		return -EINVAL;
	if (io->region == VFIO_PCI_BAR0_REGION_INDEX)
		regs_access(accel, io->offset, data, io->count, write);
	else if (io->region == VFIO_PCI_BAR2_REGION_INDEX)
		window_access(accel, io->offset, data, io->count, write);
	else if (io->region == VFIO_PCI_BAR4_REGION_INDEX)
		move_access(accel, io->offset, data, io->count, write);
	else
		config_access(accel, io->offset, data, io->count, write);
	return 0;
}

static int do_region_read(struct server *server, struct answer *answer)
{
	const struct region_io *io = (const struct region_io *)server->in.payload;
	int err = region_access(server->accel, io, server->data, false);

	answer_with(answer, io, sizeof(*io));
	answer->part[1] = server->data;
	answer->length[1] = io->count;
	return err;
}

static int do_region_write(struct server *server, struct answer *answer)
{
	const struct region_io *io = (const struct region_io *)server->in.payload;

	answer_with(answer, io, sizeof(*io));
	if (server->in.length - sizeof(*io) < io->count)
		return -EINVAL;
	return region_access(server->accel, io, server->in.payload + sizeof(*io), true);
}

static int do_reset(struct server *server, struct answer *answer)
{
	(void)answer;
	reset_function(server->accel);
	return 0;
}

static const struct {
	size_t least;			/* bytes of payload */
	int (*run)(struct server *server, struct answer *answer);
} commands[NR_CMDS] = {
	[CMD_VERSION] = { sizeof(struct version), do_version },
	[CMD_DMA_MAP] = { sizeof(struct dma_map_request), do_dma_map },
	[CMD_DMA_UNMAP] = { sizeof(struct dma_unmap_request), do_dma_unmap },
	[CMD_GET_INFO] = { 16, do_get_info },
	[CMD_GET_REGION_INFO] = { sizeof(struct vfio_region_info), do_get_region_info },
	[CMD_GET_IRQ_INFO] = { sizeof(struct vfio_irq_info), do_get_irq_info },
	[CMD_SET_IRQS] = { sizeof(struct vfio_irq_set), do_set_irqs },
	[CMD_REGION_READ] = { sizeof(struct region_io), do_region_read },
	[CMD_REGION_WRITE] = { sizeof(struct region_io), do_region_write },
	[CMD_RESET] = { 0, do_reset },
};

static int dispatch(struct server *server, struct answer *answer)
{
	uint16_t command = server->in.header.command;

	if (server->in.error)
		return server->in.error;
	if (command >= NR_CMDS || !commands[command].run)
		return -ENOTSUP;
	if (server->in.length < commands[command].least || (!server->greeted && command != CMD_VERSION))
		return -EINVAL;
	return commands[command].run(server, answer);
}

static int serve_one(struct server *server)
{
	struct answer answer = { .fd = -1 };
	int result = 0, err = message_receive(server->sock, &server->in);
	bool is_reply = (server->in.header.flags & MESSAGE_TYPE) == MESSAGE_REPLY;

	if (!err && is_reply)
		dma_reply(&server->accel->dma, &server->in);
	else if (!err)
		result = dispatch(server, &answer);
	/* Who has the answer may count on it that descriptors are closed. */
	message_close(&server->in);
	return err || is_reply ? err : reply(server, result, &answer);
}

int vfio_user_serve(struct accel *accel, int sock, pthread_mutex_t *send_lock)
{
	struct server *server = calloc(1, sizeof(*server));
	int err = 0;

	if (!server)
		return -ENOMEM;
	server->accel = accel;
	server->sock = sock;
	server->send_lock = send_lock;
	while (!err)
		err = serve_one(server);
	free(server);
	return err == -EPIPE ? 0 : err;
}
