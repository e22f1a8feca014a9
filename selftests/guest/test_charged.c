// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel allocates for a call is charged to who calls: threads that wait
 * for a slow device cannot take the memory of others.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#include "common.h"

#define THREADS		20
#define LENGTH		(2 * MIB)
#define WAIT_SECONDS	60

static char group[64];

static void group_path(char path[128], const char *file)
{
	snprintf(path, 128, "%s/%s", group, file);
}

static bool group_make(void)
{
	char path[128];

	snprintf(group, sizeof(group), "/sys/fs/cgroup/hmm_p2p_%d", getpid());
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (mkdir(group, 0755))
		return false;
	group_path(path, "memory.current");
	return !access(path, R_OK);
}

static int group_join(void)
{
	char path[128];

	group_path(path, "cgroup.procs");
	return write_file(path, "0");
}

static unsigned long group_bytes(void)
{
	unsigned long bytes = 0;
	char path[128];
	FILE *file;

	group_path(path, "memory.current");
	file = fopen(path, "re");
	REQUIRE(file);
	REQUIRE(fscanf(file, "%lu", &bytes) == 1);
	fclose(file);
	return bytes;
}

struct caller {
	uint32_t importer;
	uint8_t *mem;
	uint8_t *data;
};

static void *call(void *arg)
{
	const struct caller *caller = arg;

	hmm_p2p_read(ctx, NULL, caller->importer, (uintptr_t)caller->mem, LENGTH,
		     caller->data, 0, NULL, NULL);
	return NULL;
}

/* All threads ask a device that takes minutes for what each of them wants. */
static int callers(void *arg)
{
	uint32_t importer = *(uint32_t *)arg;
	struct caller caller = { .importer = importer };
	pthread_t threads[THREADS];
	size_t i;

	CHECK(group_join() == 0);
	caller.mem = map_pattern(LENGTH, SMALL_PAGES, 1);
	caller.data = map_pattern(LENGTH, SMALL_PAGES, 2);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, call, &caller) == 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static bool find_slow(uint32_t *importer)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;

	for (i = 0; i < n; i++) {
		if (!is_slow(&infos[i]))
			continue;
		*importer = infos[i].out_id;
		return true;
	}
	return false;
}

/* Killed, they are gone at once, but for the one whose page is on its way. */
static void test_waiting_callers(void **state)
{
	double end = seconds_now() + WAIT_SECONDS;
	unsigned long bytes = 0;
	uint32_t importer;
	pid_t pid;

	(void)state;
	if (!find_slow(&importer))
		SKIP("there is no slow importer");
	if (!group_make()) {
		rmdir(group);
		SKIP("there is no memory cgroup");
	}
	pid = child_start(callers, &importer);
	while (bytes < THREADS * LENGTH && seconds_now() < end) {
		usleep(10000);
		bytes = group_bytes();
	}
	kill(pid, SIGKILL);
	assert_int_equal(child_wait(pid), -SIGKILL);
	assert_int_equal(rmdir(group), 0);
	assert_true(bytes >= THREADS * LENGTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_waiting_callers),
	};

	return RUN("charged", tests);
}
