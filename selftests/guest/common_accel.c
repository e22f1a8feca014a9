// SPDX-License-Identifier: GPL-2.0
/* Jobs on the lab's accelerators. */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "common_accel.h"

int accel_open(unsigned int nr)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/accel/accel%u", nr);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int accel_run(int fd, struct drm_hmm_p2p_accel_run *job)
{
	return ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_RUN, job) ? -errno : 0;
}

uint64_t address(const void *mem)
{
	return (uintptr_t)mem;
}

/* It is called as the node. */
uint32_t accel_memory(unsigned int nr)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;
	char name[32];

	snprintf(name, sizeof(name), "accel%u", nr);
	for (i = 0; i < n; i++)
		if (!strcmp((char *)infos[i].out_name, name))
			return infos[i].out_id;
	SKIP("there is no %s", name);
	return 0;
}

unsigned int accel_last(void)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;
	unsigned int nr, last = 0;

	for (i = 0; i < n; i++)
		if (sscanf((char *)infos[i].out_name, "accel%u", &nr) == 1 && nr > last)
			last = nr;
	if (last < 2)
		SKIP("there are no three accelerators");
	return last;
}

uint64_t sum_of(const void *mem, size_t length)
{
	const uint64_t *word = mem;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++)
		sum += word[i];
	return sum;
}

int fill(int fd, void *mem, size_t length, uint64_t value)
{
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_FILL,
		.dst = address(mem),
		.length = length,
		.argument = value,
	};

	return accel_run(fd, &job);
}

int try_sum(int fd, const void *mem, size_t length, struct drm_hmm_p2p_accel_run *job)
{
	*job = (struct drm_hmm_p2p_accel_run) {
		.op = HMM_P2P_ACCEL_SUM,
		.src = address(mem),
		.length = length,
	};
	return accel_run(fd, job);
}

struct drm_hmm_p2p_accel_run sum(int fd, const void *mem, size_t length)
{
	struct drm_hmm_p2p_accel_run job;

	assert_int_equal(try_sum(fd, mem, length, &job), 0);
	return job;
}

struct drm_hmm_p2p_accel_run endless_job(uint64_t *self)
{
	*self = address(self);
	return (struct drm_hmm_p2p_accel_run) {
		.op = HMM_P2P_ACCEL_CHASE,
		.src = address(self),
		.argument = UINT64_MAX,
	};
}

void await_more(double begun, const char *file, int line, const char *what)
{
	if (seconds_now() >= begun + BEGIN_SECONDS)
		require_failed(file, line, what);
	usleep(1000);
}

int accel_reset(unsigned int nr)
{
	struct hmm_p2p_device_info info;
	char path[96];

	REQUIRE(hmm_p2p_device_next(ctx, accel_memory(nr), &info) == 0);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset_method", info.out_bus);
	REQUIRE(write_file(path, "flr") == 0);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", info.out_bus);
	return write_file(path, "1");
}

bool accel_asked(const char *port, const char *words)
{
	char path[64], answer[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/dev/virtio-ports/%s", port);
	file = fopen(path, "r+e");
	if (!file)
		SKIP("this machine's accelerators take no commands");
	setbuf(file, NULL);
	REQUIRE(fprintf(file, "%s\n", words) > 0);
	REQUIRE(fgets(answer, sizeof(answer), file));
	fclose(file);
	return !strcmp(answer, "ok\n");
}

void accel_command(const char *port, const char *words)
{
	REQUIRE(accel_asked(port, words));
}

int open_accel(unsigned int nr)
{
	int fd;

	(void)accel_memory(nr);
	fd = accel_open(nr);
	REQUIRE(fd >= 0);
	return fd;
}

static void *runner_main(void *arg)
{
	struct runner *runner = arg;

	runner->tid = gettid();
	runner->ret = accel_run(runner->fd, &runner->job);
	return NULL;
}

void runner_start(struct runner *runner)
{
	runner->tid = 0;
	runner->ret = 1;
	REQUIRE(pthread_create(&runner->thread, NULL, runner_main, runner) == 0);
}

void runner_await(struct runner *runner)
{
	AWAIT(runner->tid);
	AWAIT(strstr(stack_of(getpid(), runner->tid), "accel_job_run"));
}

int runner_end(struct runner *runner)
{
	AWAIT(pthread_tryjoin_np(runner->thread, NULL) == 0);
	return runner->ret;
}
