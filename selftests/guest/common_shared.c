// SPDX-License-Identifier: GPL-2.0
/* Device memory that processes map, and the pool that it comes from. */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "common_shared.h"

#define SYSFS		"/sys/bus/pci/devices"
#define BACK_SECONDS	20

static uint64_t pool_value(const struct pool *pool, const char *name)
{
	unsigned long long value;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), SYSFS "/%s/p2pmem/%s", pool->bus, name);
	file = fopen(path, "re");
	REQUIRE(file);
	REQUIRE(fscanf(file, "%llu", &value) == 1);
	fclose(file);
	return value;
}

uint64_t pool_available(const struct pool *pool)
{
	return pool_value(pool, "available");
}

void pools_find(struct pool *pools, size_t want)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), found = 0, i;

	for (i = 0; i < n && found < want; i++) {
		struct pool *pool = &pools[found];

		if (!(infos[i].out_caps & HMM_P2P_CAP_SHARED))
			continue;
		*pool = (struct pool) { .device = infos[i], .id = infos[i].out_id };
		pool->bus = (const char *)pool->device.out_bus;
		pool->before = pool_available(pool);
		found++;
	}
	if (found < want)
		SKIP("this topology has %zu devices with memory to map, not %zu", found,
		     want);
}

uint32_t bus_master_of(const struct pool *pool, bool path)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;
	struct hmm_p2p_path verdict;
	bool reaches;

	for (i = 0; i < n; i++) {
		if (!is_slow(&infos[i]))
			continue;
		REQUIRE(hmm_p2p_path(ctx, pool->id, infos[i].out_id, &verdict) == 0);
		reaches = verdict.out_outcome == HMM_P2P_OUTCOME_P2P;
		if (reaches == path)
			return infos[i].out_id;
	}
	SKIP("there is no bus master %s a path", path ? "with" : "without");
	return 0;
}

void pool_is_back(const struct pool *pool)
{
	double deadline = seconds_now() + BACK_SECONDS;
	const struct timespec pause = { .tv_nsec = 10000000 };

	while (pool_available(pool) != pool->before) {
		REQUIRE(seconds_now() < deadline);
		nanosleep(&pause, NULL);
	}
}

struct hmm_p2p *context_open(void)
{
	struct hmm_p2p *context;

	REQUIRE(hmm_p2p_open(&context) == 0);
	return context;
}

uint8_t *map_shared(struct hmm_p2p *context, uint32_t device, uint64_t offset,
		    size_t length)
{
	void *mem;
	int err = hmm_p2p_map(context, device, offset, length, &mem);

	if (err)
		fprintf(stderr, "# %s\n", hmm_p2p_errno_text(err, HMM_P2P_CALL_MAP));
	REQUIRE(!err);
	return mem;
}

void unmap_shared(void *mem, size_t length)
{
	REQUIRE(hmm_p2p_unmap(mem, length) == 0);
}

void *map_fd(int fd, uint32_t device, uint64_t offset, size_t length)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    (off_t)HMM_P2P_MAP_OFFSET(device, offset));
}

void allocate_path(const struct pool *pool, char *path, size_t size)
{
	snprintf(path, size, SYSFS "/%s/p2pmem/allocate", pool->bus);
}

uint8_t *allocate(const struct pool *pool, size_t length)
{
	char path[128];
	void *mem;
	int fd;

	allocate_path(pool, path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	REQUIRE(fd >= 0);
	mem = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(mem != MAP_FAILED);
	REQUIRE(close(fd) == 0);
	return mem;
}

int pool_unbind(const struct pool *pool)
{
	return driver_unbind("hmm_p2p_pci", &pool->device);
}

int pool_bind(const struct pool *pool)
{
	return driver_bind("hmm_p2p_pci", &pool->device);
}

void *pool_unbind_thread(void *arg)
{
	const struct pool *pool = arg;

	return (void *)(intptr_t)pool_unbind(pool);
}

__thread sigjmp_buf bus_error;
__thread volatile sig_atomic_t expects_bus_error;

void on_bus_error(int signal)
{
	(void)signal;
	if (!expects_bus_error)
		_exit(99);
	siglongjmp(bus_error, 1);
}

bool is_dead(volatile uint8_t *mem, bool write)
{
	struct sigaction action = { .sa_handler = on_bus_error }, before;
	bool dead = true;

	sigaction(SIGBUS, &action, &before);
	if (!sigsetjmp(bus_error, 1)) {
		expects_bus_error = true;
		if (write)
			*mem = 1;
		else
			(void)*mem;
		dead = false;
	}
	expects_bus_error = false;
	sigaction(SIGBUS, &before, NULL);
	return dead;
}

void send_fd(int to, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec byte = { .iov_base = "", .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &byte, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	REQUIRE(sendmsg(to, &message, 0) == 1);
}

int receive_fd(int from)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char data;
	struct iovec byte = { .iov_base = &data, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &byte, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd;

	REQUIRE(recvmsg(from, &message, MSG_CMSG_CLOEXEC) == 1);
	REQUIRE(control.header.cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}
