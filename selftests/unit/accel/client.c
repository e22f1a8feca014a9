// SPDX-License-Identifier: GPL-2.0
/* The client: messages, the process, guest memory. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"

/* Nothing takes so long unless it never comes: the program dies of it, and the test has failed. */
#define LIMIT_S		120

#define MAX_OPTIONS	16

static pthread_mutex_t send_lock = PTHREAD_MUTEX_INITIALIZER;

struct dma_io {
	uint64_t addr;
	uint64_t count;
};

struct region_io {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};

static void exec_server(int sock, const char *const *options, const char *control_path)
{
	const char *args[MAX_OPTIONS] = { "accel", NULL, "--memory=64M", control_path };
	unsigned int nr = 4;
	char fd[16];

	snprintf(fd, sizeof(fd), "--fd=%d", sock);
	args[1] = fd;
	while (options && *options && nr < MAX_OPTIONS - 1)
		args[nr++] = *options++;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execv(getenv("HMM_P2P_ACCEL"), (char **)args);
	perror("HMM_P2P_ACCEL");
	_exit(99);
}

void client_launch(struct client *client, const char *const *options)
{
	char control_path[64];
	int pair[2];

	alarm(LIMIT_S);
	assert_non_null(getenv("HMM_P2P_ACCEL"));
	*client = (struct client) { .window_fd = -1, .ram_fd = -1, .next_table = MEMORY_BYTES / 2 };
	client->in = calloc(1, sizeof(*client->in));
	client->dma = calloc(1, sizeof(*client->dma));
	strcpy(client->folder, "/tmp/accel.XXXXXX");
	assert_non_null(mkdtemp(client->folder));
	snprintf(control_path, sizeof(control_path), "--control=%s/control", client->folder);
	assert_false(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	client->pid = fork();
	if (!client->pid) {
		fcntl(pair[1], F_SETFD, 0);
		exec_server(pair[1], options, control_path);
	}
	assert_true(client->pid > 0);
	close(pair[1]);
	client->sock = pair[0];
}

void client_ended(struct client *client, int status)
{
	int how;

	assert_int_equal(waitpid(client->pid, &how, 0), client->pid);
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), status);
}

static void remove_folder(struct client *client)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/control", client->folder);
	unlink(path);
	rmdir(client->folder);
}

void client_stop(struct client *client, int status)
{
	unsigned int i;

	close(client->sock);
	client_ended(client, status);
	remove_folder(client);
	for (i = 0; client->ram && i < NR_VECTORS; i++)
		close(client->irq[i]);
	if (client->ram) {
		munmap(client->ram, RAM_BYTES);
		munmap(client->window, MEMORY_BYTES);
		free(client->far);
		close(client->ram_fd);
		close(client->window_fd);
	}
	free(client->in);
	free(client->dma);
	alarm(0);
}

void client_send(struct client *client, uint16_t command, const void *payload, size_t length, int fd)
{
	struct message_out out = {
		.header = { .id = ++client->id, .command = command },
		.part = { payload },
		.length = { length },
		.fd = fd,
	};

	assert_false(message_send(client->sock, &send_lock, &out));
}

/* Memory that is reached by messages; anything else is an error, as QEMU says it. */
static uint8_t *far_at(const struct client *client, const struct dma_io *io)
{
	if (!client->far || io->addr < FAR_BUS || io->count > FAR_BYTES || io->addr - FAR_BUS > FAR_BYTES - io->count)
		return NULL;
	return client->far + (io->addr - FAR_BUS);
}

void client_answer_dma(struct client *client)
{
	const struct message *dma = client->dma;
	struct dma_io io;
	struct message_out out = {
		.header = { .id = dma->header.id, .command = dma->header.command, .flags = MESSAGE_REPLY },
		.part = { &io },
		.length = { sizeof(io) },
		.fd = -1,
	};
	uint8_t *at;

	memcpy(&io, dma->payload, sizeof(io));
	at = far_at(client, &io);
	if (!at) {
		out.header.flags |= MESSAGE_ERROR;
		out.header.error = EINVAL;
		out.length[0] = 0;
	} else if (dma->header.command == CMD_DMA_READ) {
		out.part[1] = at;
		out.length[1] = io.count;
	} else {
		memcpy(at, dma->payload + sizeof(io), io.count);
	}
	client->has_dma = false;
	assert_false(message_send(client->sock, &send_lock, &out));
}

/* True: it was the device's message. */
static bool receive(struct client *client)
{
	struct message *swap;

	message_close(client->in);
	assert_false(message_receive(client->sock, client->in));
	if ((client->in->header.flags & MESSAGE_TYPE) == MESSAGE_REPLY)
		return false;
	assert_true(client->in->header.command == CMD_DMA_READ || client->in->header.command == CMD_DMA_WRITE);
	swap = client->in;
	client->in = client->dma;
	client->dma = swap;
	client->nr_dma++;
	client->has_dma = true;
	if (!client->keep_dma)
		client_answer_dma(client);
	return true;
}

/* It may have come before the reply to what caused it. */
void client_receive_dma(struct client *client)
{
	if (!client->has_dma)
		assert_true(receive(client));
}

int client_reply(struct client *client)
{
	while (receive(client))
		;
	assert_int_equal(client->in->header.id, client->id);
	if (client->in->header.flags & MESSAGE_ERROR) {
		assert_int_equal(client->in->length, 0);
		assert_int_not_equal(client->in->header.error, 0);
		return client->in->header.error;
	}
	return 0;
}

int client_request(struct client *client, uint16_t command, const void *payload, size_t length, int fd)
{
	client_send(client, command, payload, length, fd);
	return client_reply(client);
}

int client_read(struct client *client, uint32_t region, uint64_t offset, void *data, uint32_t length)
{
	struct region_io io = { offset, region, length };
	int err = client_request(client, CMD_REGION_READ, &io, sizeof(io), -1);

	if (err)
		return err;
	assert_int_equal(client->in->length, sizeof(io) + length);
	assert_memory_equal(client->in->payload, &io, sizeof(io));
	memcpy(data, client->in->payload + sizeof(io), length);
	return 0;
}

int client_write(struct client *client, uint32_t region, uint64_t offset, const void *data, uint32_t length)
{
	uint8_t *payload = malloc(sizeof(struct region_io) + length);
	struct region_io io = { offset, region, length };
	int err;

	memcpy(payload, &io, sizeof(io));
	memcpy(payload + sizeof(io), data, length);
	err = client_request(client, CMD_REGION_WRITE, payload, sizeof(io) + length, -1);
	free(payload);
	return err;
}

uint32_t r32(struct client *client, uint32_t at)
{
	uint32_t value;

	assert_false(client_read(client, BAR0, at, &value, sizeof(value)));
	return value;
}

uint64_t r64(struct client *client, uint32_t at)
{
	uint64_t value;

	assert_false(client_read(client, BAR0, at, &value, sizeof(value)));
	return value;
}

void w32(struct client *client, uint32_t at, uint32_t value)
{
	assert_false(client_write(client, BAR0, at, &value, sizeof(value)));
}

void w64(struct client *client, uint32_t at, uint64_t value)
{
	assert_false(client_write(client, BAR0, at, &value, sizeof(value)));
}

void client_master(struct client *client, bool on)
{
	uint16_t command = on ? 6 : 2;

	assert_false(client_write(client, CONFIG, 4, &command, sizeof(command)));
}

int client_map(struct client *client, uint64_t addr, uint64_t size, uint64_t offset, int fd, uint32_t flags)
{
	struct {
		uint32_t argsz;
		uint32_t flags;
		uint64_t offset;
		uint64_t addr;
		uint64_t size;
	} map = { sizeof(map), flags, offset, addr, size };

	return client_request(client, CMD_DMA_MAP, &map, sizeof(map), fd);
}

int client_unmap(struct client *client, uint64_t addr, uint64_t size)
{
	struct {
		uint32_t argsz;
		uint32_t flags;
		uint64_t addr;
		uint64_t size;
	} unmap = { sizeof(unmap), 0, addr, size };

	return client_request(client, CMD_DMA_UNMAP, &unmap, sizeof(unmap), -1);
}

/* One message with a descriptor for each vector would need more code than six with one. */
int client_set_irqs(struct client *client)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
		.count = 1,
	};
	int err = 0;

	for (; set.start < NR_VECTORS && !err; set.start++)
		err = client_request(client, CMD_SET_IRQS, &set, sizeof(set), client->irq[set.start]);
	return err;
}

static void wait_readable(struct client *client, int fd)
{
	struct pollfd fds[] = { { fd, POLLIN, 0 }, { client->sock, POLLIN, 0 } };

	do {
		assert_true(poll(fds, 2, -1) > 0);
		if (fds[1].revents)
			client_receive_dma(client);
	} while (!fds[0].revents);
}

void wait_irq(struct client *client, unsigned int vector)
{
	eventfd_t events;

	wait_readable(client, client->irq[vector]);
	assert_false(eventfd_read(client->irq[vector], &events));
}

bool had_irq(struct client *client, unsigned int vector)
{
	eventfd_t events;

	return !eventfd_read(client->irq[vector], &events);
}

static void map_window(struct client *client)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = BAR2 };

	assert_false(client_request(client, CMD_GET_REGION_INFO, &info, sizeof(info), -1));
	assert_int_equal(client->in->nr_fds, 1);
	client->window_fd = dup(client->in->fd[0]);
	client->window = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, client->window_fd, 0);
	assert_true(client->window != MAP_FAILED);
}

static void make_memory(struct client *client)
{
	client->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	assert_false(ftruncate(client->ram_fd, RAM_BYTES));
	client->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, client->ram_fd, 0);
	assert_true(client->ram != MAP_FAILED);
	client->far = calloc(1, FAR_BYTES);
	assert_non_null(client->far);
}

void client_start(struct client *client, const char *const *options)
{
	static const uint8_t version[] = { 0, 0, 1, 0, '{', '}', 0 };
	unsigned int i;

	client_launch(client, options);
	make_memory(client);
	assert_false(client_request(client, CMD_VERSION, version, sizeof(version), -1));
	assert_false(client_map(client, RAM_BUS, RAM_BYTES, 0, client->ram_fd, 3));
	assert_false(client_map(client, FAR_BUS, FAR_BYTES, 0, -1, 3));
	map_window(client);
	for (i = 0; i < NR_VECTORS; i++)
		client->irq[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_false(client_set_irqs(client));
	client_master(client, true);
	w32(client, REG_INT_ENABLE, (1 << NR_VECTORS) - 1);
}

int machine_up(void **state)
{
	struct client *client = calloc(1, sizeof(*client));

	client_start(client, NULL);
	*state = client;
	return 0;
}

int machine_down(void **state)
{
	client_stop(*state, 0);
	free(*state);
	return 0;
}

bool control(struct client *client, const char *command)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char answer[16] = "";
	size_t got = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/control", client->folder);
	assert_false(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)));
	assert_int_equal(send(fd, command, strlen(command), MSG_NOSIGNAL), strlen(command));
	while (got < sizeof(answer) - 1 && !strchr(answer, '\n')) {
		ssize_t more = recv(fd, answer + got, sizeof(answer) - 1 - got, 0);

		if (more <= 0)
			break;
		got += more;
	}
	close(fd);
	return !strcmp(answer, "ok\n");
}

void fill_random(void *to, size_t length, uint32_t seed)
{
	uint8_t *byte = to;

	while (length--) {
		seed = seed * 1664525 + 1013904223;
		*byte++ = seed >> 24;
	}
}
