// SPDX-License-Identifier: GPL-2.0
/* The accelerator's end of vfio-user: malformed messages, lost descriptors, requests during a DMA message, bad replies. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accel/client.h"

static void send_raw(struct client *client, const void *data, size_t length)
{
	assert_int_equal(send(client->sock, data, length, MSG_NOSIGNAL), length);
}

static struct message_header header(struct client *client, uint16_t command, uint32_t payload)
{
	return (struct message_header) {
		.id = ++client->id, .command = command, .size = sizeof(struct message_header) + payload,
	};
}

static int greet(struct client *client, uint16_t major, uint16_t minor)
{
	uint16_t version[] = { major, minor };

	return client_request(client, CMD_VERSION, version, sizeof(version), -1);
}

static void test_version(void **state)
{
	uint32_t info[4] = { sizeof(info) };
	struct client client;
	uint16_t minor;

	(void)state;
	client_launch(&client, NULL);
	assert_int_equal(client_request(&client, CMD_GET_INFO, info, sizeof(info), -1), EINVAL);
	assert_int_equal(greet(&client, 1, 0), EINVAL);
	assert_int_equal(client_request(&client, CMD_GET_INFO, info, sizeof(info), -1), EINVAL);
	assert_false(greet(&client, 0, 0));
	memcpy(&minor, client.in->payload + 2, sizeof(minor));
	assert_int_equal(minor, 0);
	assert_false(greet(&client, 0, 9));
	memcpy(&minor, client.in->payload + 2, sizeof(minor));
	assert_int_equal(minor, 1);
	assert_non_null(strstr((char *)client.in->payload + 4, "\"max_msg_fds\":8"));
	assert_int_equal(client.in->payload[client.in->length - 1], 0);
	assert_false(client_request(&client, CMD_GET_INFO, info, sizeof(info), -1));
	memcpy(info, client.in->payload, sizeof(info));
	assert_int_equal(info[1], 3);
	assert_int_equal(info[2], VFIO_PCI_NUM_REGIONS);
	assert_int_equal(info[3], VFIO_PCI_NUM_IRQS);
	client_stop(&client, 0);
}

static void test_short_payloads(void **state)
{
	static const struct { uint16_t command; size_t least; } commands[] = {
		{ CMD_VERSION, 4 }, { CMD_DMA_MAP, 32 }, { CMD_DMA_UNMAP, 24 }, { CMD_GET_INFO, 16 },
		{ CMD_GET_REGION_INFO, 32 }, { CMD_GET_IRQ_INFO, 16 }, { CMD_SET_IRQS, 20 },
		{ CMD_REGION_READ, 16 }, { CMD_REGION_WRITE, 16 },
	};
	uint8_t payload[32] = { 0 };
	size_t i, length;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		for (length = 0; length < commands[i].least; length++)
			assert_int_equal(client_request(*state, commands[i].command, payload, length, -1), EINVAL);
}

static void test_unknown_commands(void **state)
{
	static const uint16_t commands[] = { 0, 6, 11, 12, 14, 15, 16, 17, 18, 100, UINT16_MAX };
	uint8_t payload[64] = { 0 };
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		assert_int_equal(client_request(*state, commands[i], payload, sizeof(payload), -1), ENOTSUP);
}

static void ends_the_stream(uint32_t size)
{
	struct client client;
	struct message_header bad;

	client_launch(&client, NULL);
	assert_false(greet(&client, 0, 1));
	bad = header(&client, CMD_GET_INFO, 0);
	bad.size = size;
	send_raw(&client, &bad, sizeof(bad));
	client_stop(&client, 1);
}

static void test_impossible_sizes(void **state)
{
	(void)state;
	ends_the_stream(0);
	ends_the_stream(15);
	ends_the_stream(sizeof(struct message_header) + MESSAGE_PAYLOAD + 1);
	ends_the_stream(UINT32_MAX);
}

/* Gone in the middle of a header, or of a payload. */
static void test_client_goes(void **state)
{
	struct message_header head;
	struct client client;

	(void)state;
	client_launch(&client, NULL);
	head = header(&client, CMD_VERSION, 100);
	send_raw(&client, &head, 7);
	client_stop(&client, 0);
	client_launch(&client, NULL);
	send_raw(&client, &head, sizeof(head));
	send_raw(&client, &head, 3);
	client_stop(&client, 0);
}

static void test_byte_by_byte(void **state)
{
	struct client *client = *state;
	uint32_t info[4] = { sizeof(info) };
	struct message_header head = header(client, CMD_GET_INFO, sizeof(info));
	size_t i;

	for (i = 0; i < sizeof(head); i++)
		send_raw(client, (uint8_t *)&head + i, 1);
	for (i = 0; i < sizeof(info); i++)
		send_raw(client, (uint8_t *)info + i, 1);
	assert_false(client_reply(client));
	assert_int_equal(client->in->length, sizeof(info));
}

/* What wants no reply gets none, and is done before what comes next. */
static void test_no_reply(void **state)
{
	struct client *client = *state;
	struct { uint64_t offset; uint32_t region, count, value; } io = { REG_SCRATCH, BAR0, 4, 4711 };
	struct message_header head = header(client, CMD_REGION_WRITE, 20);

	head.flags = MESSAGE_NO_REPLY;
	send_raw(client, &head, sizeof(head));
	send_raw(client, &io, 20);
	assert_int_equal(r32(client, REG_SCRATCH), 4711);
}

static unsigned int open_fds(const struct client *client)
{
	char path[64];
	unsigned int nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", client->pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

/* sendmsg() with as many descriptors as there are; message_send() has one at most. */
static void send_fds(struct client *client, const void *data, size_t length, int fd, unsigned int nr)
{
	char control[CMSG_SPACE(64 * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)data, length };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = CMSG_SPACE(nr * sizeof(int)),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	unsigned int i;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(nr * sizeof(int));
	for (i = 0; i < nr; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(fd));
	assert_int_equal(sendmsg(client->sock, &msg, MSG_NOSIGNAL), length);
}

static int request_with_fds(struct client *client, uint16_t command, const void *payload, size_t length,
			    unsigned int nr)
{
	struct { struct message_header head; uint8_t payload[64]; } out;

	out.head = header(client, command, length);
	memcpy(out.payload, payload, length);
	send_fds(client, &out, sizeof(out.head) + length, client->ram_fd, nr);
	return client_reply(client);
}

static void test_descriptors_are_not_kept(void **state)
{
	struct client *client = *state;
	uint32_t info[4] = { sizeof(info) };
	uint64_t map[] = { 32 | 3ull << 32, 0, 0x10000, 0x1000 };
	unsigned int before = open_fds(client);

	assert_false(request_with_fds(client, CMD_GET_INFO, info, sizeof(info), 1));
	assert_false(request_with_fds(client, CMD_GET_INFO, info, sizeof(info), 8));
	assert_int_equal(request_with_fds(client, CMD_GET_INFO, info, sizeof(info), 9), EINVAL);
	assert_int_equal(request_with_fds(client, CMD_GET_INFO, info, sizeof(info), 64), EINVAL);
	assert_int_equal(request_with_fds(client, 99, info, sizeof(info), 3), ENOTSUP);
	assert_int_equal(request_with_fds(client, CMD_DMA_MAP, map, sizeof(map), 2), EINVAL);
	assert_int_equal(request_with_fds(client, CMD_DMA_MAP, map, sizeof(map), 9), EINVAL);
	assert_false(request_with_fds(client, CMD_DMA_MAP, map, sizeof(map), 1));
	assert_int_equal(open_fds(client), before);
}

static void test_all_vectors_in_one_message(void **state)
{
	struct client *client = *state;
	struct vfio_irq_set set = {
		.argsz = sizeof(set), .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSIX_IRQ_INDEX, .count = NR_VECTORS,
	};
	unsigned int before = open_fds(client);

	assert_int_equal(request_with_fds(client, CMD_SET_IRQS, &set, sizeof(set), NR_VECTORS - 1), EINVAL);
	assert_false(request_with_fds(client, CMD_SET_IRQS, &set, sizeof(set), NR_VECTORS));
	assert_int_equal(open_fds(client), before);
}

static void test_bad_mappings(void **state)
{
	struct client *client = *state;
	unsigned int before = open_fds(client);

	assert_int_equal(client_map(client, RAM_BUS, 0x1000, 0, client->ram_fd, 3), EEXIST);
	assert_int_equal(client_map(client, RAM_BUS - 0x1000, 0x2000, 0, client->ram_fd, 3), EEXIST);
	assert_int_equal(client_map(client, RAM_BUS - 0x1000, 2 * RAM_BYTES, 0, -1, 3), EEXIST);
	assert_int_equal(client_map(client, RAM_BUS + RAM_BYTES - 1, 0x1000, 0, -1, 3), EEXIST);
	assert_int_equal(client_map(client, 0x10000, 0, 0, client->ram_fd, 3), EINVAL);
	assert_int_equal(client_map(client, UINT64_MAX - 0xfff, 0x1001, 0, -1, 3), EINVAL);
	assert_int_equal(client_map(client, 0x10000, UINT64_MAX, 0x1000, client->ram_fd, 3), EINVAL);
	assert_int_equal(client_map(client, 0x10000, 0x1000, RAM_BYTES, client->ram_fd, 3), EINVAL);
	assert_int_equal(client_map(client, 0x10000, 0x1001, RAM_BYTES - 0x1000, client->ram_fd, 3), EINVAL);
	assert_int_equal(client_map(client, 0x10000, 0x1000, UINT64_MAX, client->ram_fd, 3), EINVAL);
	assert_int_equal(client_map(client, 0x10000, 0x1000, 0x123, client->ram_fd, 3), EINVAL);
	assert_int_equal(client_map(client, 0x10000, 0x1000, 0, -1, 7), EINVAL);
	assert_int_equal(client_map(client, 0x10000, 0x1000, 0, client->ram_fd, 2), EINVAL);
	assert_int_equal(client_map(client, 0x10000, 0x1000, 0, client->ram_fd, 0xb), EINVAL);
	assert_int_equal(client_map(client, 0x10000, 0x1000, 0, client->sock, 3), EINVAL);
	assert_false(client_map(client, UINT64_MAX - 0xfff, 0x1000, 0, -1, 3));
	assert_int_equal(client_unmap(client, 0x10000, 0x1000), ENOENT);
	assert_int_equal(open_fds(client), before);
}

static void test_many_mappings(void **state)
{
	struct client *client = *state;
	unsigned int i;

	for (i = 0; i < 4094; i++)
		assert_false(client_map(client, 0x2000 * i, 0x1000, 0, -1, 3));
	assert_int_equal(client_map(client, 0x2000 * i, 0x1000, 0, -1, 3), ENOSPC);
	assert_false(client_unmap(client, 0x2000 * 77, 0x1000));
	assert_int_equal(client_unmap(client, 0x2000 * 77, 0x1000), ENOENT);
	assert_false(client_map(client, 0x2000 * 77 + 0x1000, 0x1000, 0, -1, 3));
}

static int access_region(struct client *client, uint16_t command, uint32_t region, uint64_t offset, uint32_t count,
			 size_t data)
{
	struct { uint64_t offset; uint32_t region, count; uint8_t data[64]; } io = { offset, region, count, { 0 } };

	return client_request(client, command, &io, 16 + data, -1);
}

static void test_bad_accesses(void **state)
{
	static const uint16_t commands[] = { CMD_REGION_READ, CMD_REGION_WRITE };
	unsigned int i, region;

	for (i = 0; i < 2; i++) {
		for (region = 0; region < 20; region++) {
			uint32_t has = region == 0 || region == 2 || region == 4 || region == 7;

			assert_int_equal(access_region(*state, commands[i], region, 0, 4, 4), has ? 0 : EINVAL);
			assert_int_equal(access_region(*state, commands[i], region, 0, 0, 4), EINVAL);
			assert_int_equal(access_region(*state, commands[i], region, 0, UINT32_MAX, 4), EINVAL);
			assert_int_equal(access_region(*state, commands[i], region, 0, 0x100001, 4), EINVAL);
			assert_int_equal(access_region(*state, commands[i], region, UINT64_MAX, 4, 4), EINVAL);
			assert_int_equal(access_region(*state, commands[i], region, 1ull << 40, 4, 4), EINVAL);
		}
		assert_int_equal(access_region(*state, commands[i], CONFIG, 4093, 4, 4), EINVAL);
		assert_int_equal(access_region(*state, commands[i], CONFIG, 4092, 4, 4), 0);
	}
	assert_int_equal(access_region(*state, CMD_REGION_WRITE, BAR0, REG_SCRATCH, 4, 3), EINVAL);
	assert_int_equal(access_region(*state, CMD_REGION_WRITE, BAR0, REG_SCRATCH, 8, 4), EINVAL);
}

static struct client_ring start_copy(struct client *client, enum accel_target to, uint64_t dst,
				     enum accel_target from, uint64_t src)
{
	struct accel_desc desc = {
		.op = COPY_COPY, .flags = to << DESC_DST_TARGET | from << DESC_SRC_TARGET,
		.dst = dst, .src = src, .length = 0x1000,
	};
	struct client_ring ring;

	client_ring(client, &ring, REG_COPY, 0x10000, 2);
	ring_push(&ring, &desc);
	return ring;
}

/* The device waits for memory, and QEMU for registers, mappings and descriptors: both get on. */
static void test_requests_during_a_message(void **state)
{
	struct client *client = *state;
	struct client_ring ring;

	client->keep_dma = true;
	fill_random(client->far, 0x1000, 1);
	ring = start_copy(client, TARGET_LOCAL, 0, TARGET_BUS, FAR_BUS);
	client_receive_dma(client);
	assert_int_equal(r32(client, REG_MAGIC), ACCEL_MAGIC);
	assert_false(client_map(client, 0x10000, 0x1000, 0, client->ram_fd, 3));
	assert_false(client_unmap(client, 0x10000, 0x1000));
	assert_false(client_unmap(client, FAR_BUS, FAR_BYTES));
	assert_false(client_set_irqs(client));
	assert_int_equal(ring.desc[0].status, 0);
	client_answer_dma(client);
	assert_int_equal(ring_wait(&ring, 0), STATUS_DONE);
	assert_memory_equal(client->window, client->far, 0x1000);
}

static void bad_reply(void **state, uint16_t id_change, uint16_t command, uint32_t flags, uint64_t addr_change,
		      size_t length)
{
	struct client *client = *state;
	uint8_t payload[0x1010] = { 0 };
	struct message_out out = { .part = { payload }, .length = { length }, .fd = -1 };
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct client_ring ring;
	uint64_t addr;

	client->keep_dma = true;
	fill_random(client->far, 0x1000, length);
	ring = start_copy(client, TARGET_LOCAL, 0, TARGET_BUS, FAR_BUS);
	client_receive_dma(client);
	memcpy(payload, client->dma->payload, 16);
	memcpy(&addr, payload, sizeof(addr));
	addr += addr_change;
	memcpy(payload, &addr, sizeof(addr));
	out.header = (struct message_header) {
		.id = client->dma->header.id + id_change, .command = command, .flags = flags,
	};
	assert_false(message_send(client->sock, &lock, &out));
	/* What is not the answer is dropped, what is a wrong one is an error. */
	if (id_change || command != CMD_DMA_READ) {
		assert_int_equal(r32(client, REG_COPY + RING_HEAD), 0);
		client_answer_dma(client);
		assert_int_equal(ring_wait(&ring, 0), STATUS_DONE);
		assert_memory_equal(client->window, client->far, 0x1000);
	} else {
		client->has_dma = false;
		assert_int_equal(ring_wait(&ring, 0), STATUS_BUS);
	}
	client->keep_dma = false;
	w32(client, REG_COPY + RING_CTRL, 0);
}

static void test_bad_replies(void **state)
{
	bad_reply(state, 1, CMD_DMA_READ, MESSAGE_REPLY, 0, 0x1010);
	bad_reply(state, 0, CMD_DMA_WRITE, MESSAGE_REPLY, 0, 16);
	bad_reply(state, 0, CMD_DMA_READ, MESSAGE_REPLY | MESSAGE_ERROR, 0, 0);
	bad_reply(state, 0, CMD_DMA_READ, MESSAGE_REPLY, 0, 0);
	bad_reply(state, 0, CMD_DMA_READ, MESSAGE_REPLY, 0, 16);
	bad_reply(state, 0, CMD_DMA_READ, MESSAGE_REPLY, 0, 0x100f);
	bad_reply(state, 0, CMD_DMA_READ, MESSAGE_REPLY, 1, 0x1010);
}

/* QEMU goes while the device waits for it. */
static void test_client_goes_during_a_message(void **state)
{
	struct client client;

	(void)state;
	client_start(&client, NULL);
	client.keep_dma = true;
	start_copy(&client, TARGET_BUS, FAR_BUS, TARGET_LOCAL, 0);
	client_receive_dma(&client);
	client_stop(&client, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version),
		machine_test(test_short_payloads),
		machine_test(test_unknown_commands),
		cmocka_unit_test(test_impossible_sizes),
		cmocka_unit_test(test_client_goes),
		machine_test(test_byte_by_byte),
		machine_test(test_no_reply),
		machine_test(test_descriptors_are_not_kept),
		machine_test(test_all_vectors_in_one_message),
		machine_test(test_bad_mappings),
		machine_test(test_many_mappings),
		machine_test(test_bad_accesses),
		machine_test(test_requests_during_a_message),
		machine_test(test_bad_replies),
		cmocka_unit_test(test_client_goes_during_a_message),
	};

	return cmocka_run_group_tests_name("accel_protocol", tests, NULL, NULL);
}
