// SPDX-License-Identifier: GPL-2.0
/*
 * A process in the page table of a device (hmm_p2p_svm.h), by the calls of the
 * kernel's test_hmm: a device with local memory, one that shares its interconnect,
 * and a bus master that reaches all by DMA. The module plays an MMU, and compares
 * the page table that it was given with what it should be after each access: a
 * difference is a warning in the kernel's log, which fails the test.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "../../hmm_p2p/importers/dmirror.h"
#include "common.h"

#define NAME	"hmm_p2p_dmirror"

enum { NEAR, FAR, MASTER, NODES };

static struct hmm_p2p_device_info devices[NODES];
static bool have_master;

/* A DMA takes the master 100 ms. */
#define MASTER_PAGES	4

static bool find_master(struct hmm_p2p_device_info *master)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;

	for (i = 0; i < n; i++) {
		if (strncmp((char *)infos[i].out_name, "edu-", 4))
			continue;
		*master = infos[i];
		return true;
	}
	return false;
}

static int svm_setup(void **state)
{
	char command[256];

	if (suite_setup(state))
		return -1;
	devices[NEAR] = largest_exporter(0);
	devices[FAR] = other_exporter(devices[NEAR].out_id);
	have_master = find_master(&devices[MASTER]);
	snprintf(command, sizeof(command), "load " NAME " mmu=1 devices=%s,%s%s%s",
		 devices[NEAR].out_name, devices[FAR].out_name,
		 have_master ? "," : "", have_master ? (char *)devices[MASTER].out_name : "");
	return system(command);
}

static int svm_teardown(void **state)
{
	int ret = suite_teardown(state);

	return system("rmmod " NAME) || ret ? -1 : 0;
}

/* --------------------------------------------------------------------- a device */

static int node_open(unsigned int node)
{
	char path[32];
	int fd;

	if (node == MASTER && !have_master)
		SKIP("there is no bus master");
	snprintf(path, sizeof(path), "/dev/hmm_dmirror%u", node);
	fd = open(path, O_RDWR | O_CLOEXEC);
	REQUIRE(fd >= 0);
	return fd;
}

/* Return: 0, or -errno; @faults, unless NULL, receives how many it took. */
static int node_call(int fd, unsigned long request, const void *mem, size_t length,
		     void *buf, uint64_t *faults)
{
	struct hmm_dmirror_cmd cmd = {
		.addr = (uintptr_t)mem,
		.ptr = (uintptr_t)buf,
		.npages = length / page_size,
	};

	if (ioctl(fd, request, &cmd))
		return -errno;
	if (faults)
		*faults = cmd.faults;
	return 0;
}

static void node_reads(int fd, const uint8_t *mem, size_t length, uint64_t seed)
{
	uint8_t *buf = map_memory(length, SMALL_PAGES);

	REQUIRE(node_call(fd, HMM_DMIRROR_READ, mem, length, buf, NULL) == 0);
	REQUIRE(pattern_diff(buf, 0, length, seed) == -1);
	unmap(buf, length);
}

static void node_writes(int fd, uint8_t *mem, size_t length, uint64_t seed)
{
	uint8_t *buf = map_pattern(length, SMALL_PAGES, seed);

	REQUIRE(node_call(fd, HMM_DMIRROR_WRITE, mem, length, buf, NULL) == 0);
	unmap(buf, length);
}

/* ---------------------------------------------------------------------- outcomes */

/* As it is, in RAM, on the device, on the other, and after each way back. */
static void everywhere(unsigned int node, size_t length, enum paging paging)
{
	uint8_t *mem = map_pattern(length, paging, 1);
	int fd = node_open(node);
	const uint32_t places[] = {
		0, devices[NEAR].out_id, 0, devices[FAR].out_id, devices[NEAR].out_id,
	};
	uint64_t seed = 1;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		if (places[i])
			move_all_to(places[i], mem, length);
		else
			move_to_ram(mem, length, NULL);
		node_reads(fd, mem, length, seed);
		node_writes(fd, mem, length, ++seed);
		node_reads(fd, mem, length, seed);
		assert_pattern(mem, length, seed);
		node_reads(fd, mem, length, seed);
	}
	close(fd);
	unmap(mem, length);
}

static void test_small(void **state)
{
	(void)state;
	everywhere(NEAR, huge_size + 16 * page_size, SMALL_PAGES);
}

static void test_huge(void **state)
{
	(void)state;
	everywhere(NEAR, 3 * huge_size, HUGE_PAGES);
}

static void test_master(void **state)
{
	(void)state;
	everywhere(MASTER, MASTER_PAGES * page_size, SMALL_PAGES);
}

/* What is over the interconnect goes with it. */
static void test_owner(void **state)
{
	uint32_t near = devices[NEAR].out_id, far = devices[FAR].out_id;
	uint8_t *mem = map_pattern(2 * huge_size, HUGE_PAGES, 1);
	int fd = node_open(NEAR), other = node_open(FAR);

	(void)state;
	assert_int_equal(hmm_p2p_set_owner(ctx, far, near, NULL), 0);
	move_all_to(far, mem, 2 * huge_size);
	node_reads(fd, mem, 2 * huge_size, 1);
	node_writes(fd, mem, huge_size, 2);
	assert_int_equal(pages_on(far, mem, 2 * huge_size), 2 * huge_size / page_size);
	assert_pattern(mem, huge_size, 2);
	move_to_ram(mem, 2 * huge_size, NULL);
	node_reads(fd, mem, huge_size, 2);
	node_reads(other, mem, huge_size, 2);
	assert_int_equal(hmm_p2p_set_owner(ctx, far, 0, NULL), 0);
	node_reads(fd, mem, huge_size, 2);
	move_all_to(far, mem, huge_size);
	node_reads(fd, mem, huge_size, 2);
	node_reads(other, mem, huge_size, 2);
	close(other);
	close(fd);
	unmap(mem, 2 * huge_size);
}

/* ------------------------------------------------------------------------ faults */

/* The device keeps what it has, and no longer than the process does. */
static void test_faults(void **state)
{
	uint8_t *mem = map_pattern(huge_size, SMALL_PAGES, 1);
	uint8_t *buf = map_memory(huge_size, SMALL_PAGES);
	int fd = node_open(NEAR);
	uint64_t faults;

	(void)state;
	assert_int_equal(node_call(fd, HMM_DMIRROR_READ, mem, huge_size, buf, &faults), 0);
	assert_int_not_equal(faults, 0);
	assert_int_equal(node_call(fd, HMM_DMIRROR_READ, mem, huge_size, buf, &faults), 0);
	assert_int_equal(faults, 0);
	/* What was only read is not writable. */
	assert_int_equal(node_call(fd, HMM_DMIRROR_WRITE, mem, page_size, buf, &faults), 0);
	assert_int_equal(faults, 1);
	assert_int_equal(madvise(mem + page_size, page_size, MADV_DONTNEED), 0);
	assert_int_equal(node_call(fd, HMM_DMIRROR_READ, mem, huge_size, buf, &faults), 0);
	assert_int_equal(faults, 1);
	assert_pattern(buf, page_size, 1);
	assert_zero(buf + page_size, page_size);
	assert_int_equal(pattern_diff(buf + 2 * page_size, 2 * page_size,
				      huge_size - 2 * page_size, 1), -1);
	close(fd);
	unmap(buf, huge_size);
	unmap(mem, huge_size);
}

static void test_master_faults(void **state)
{
	size_t length = MASTER_PAGES * page_size;
	uint8_t *mem = map_pattern(length, SMALL_PAGES, 1);
	uint8_t *buf = map_memory(length, SMALL_PAGES);
	int fd = node_open(MASTER);
	uint64_t faults;

	(void)state;
	move_all_to(devices[NEAR].out_id, mem, length);
	node_reads(fd, mem, length, 1);
	assert_int_equal(node_call(fd, HMM_DMIRROR_READ, mem, length, buf, &faults), 0);
	assert_int_equal(faults, 0);
	assert_pattern(buf, length, 1);
	move_to_ram(mem, length, NULL);
	assert_int_equal(node_call(fd, HMM_DMIRROR_READ, mem, length, buf, &faults), 0);
	assert_int_not_equal(faults, 0);
	assert_pattern(buf, length, 1);
	close(fd);
	unmap(buf, length);
	unmap(mem, length);
}

static void test_refused(void **state)
{
	uint8_t *mem = map_pattern(4 * page_size, SMALL_PAGES, 1);
	uint8_t *buf = map_memory(4 * page_size, SMALL_PAGES);
	int fd = node_open(NEAR);

	(void)state;
	node_writes(fd, mem, 4 * page_size, 2);
	assert_int_equal(mprotect(mem, page_size, PROT_READ), 0);
	assert_int_equal(node_call(fd, HMM_DMIRROR_WRITE, mem, page_size, buf, NULL), -EPERM);
	node_reads(fd, mem, 4 * page_size, 2);
	assert_int_equal(mprotect(mem, page_size, PROT_NONE), 0);
	assert_int_equal(node_call(fd, HMM_DMIRROR_READ, mem, page_size, buf, NULL), -EFAULT);
	assert_int_equal(mprotect(mem, page_size, PROT_READ | PROT_WRITE), 0);
	assert_int_equal(munmap(mem + 3 * page_size, page_size), 0);
	assert_int_equal(node_call(fd, HMM_DMIRROR_READ, mem, 4 * page_size, buf, NULL),
			 -EFAULT);
	node_reads(fd, mem, 3 * page_size, 2);
	close(fd);
	forget(mem, 4 * page_size);
	munmap(mem, 3 * page_size);
	unmap(buf, 4 * page_size);
}

static int write_in_child(void *mem)
{
	pattern_fill(mem, 0, huge_size, 7);
	return 0;
}

/* A huge page that becomes copy on write, is copied, and is written in part. */
static void test_fork(void **state)
{
	uint8_t *mem = map_pattern(huge_size, HUGE_PAGES, 1);
	int fd = node_open(NEAR);

	(void)state;
	move_all_to(devices[NEAR].out_id, mem, huge_size);
	node_writes(fd, mem, huge_size, 2);
	assert_int_equal(in_child(write_in_child, mem), 0);
	node_reads(fd, mem, huge_size, 2);
	node_writes(fd, mem, huge_size, 3);
	assert_pattern(mem, huge_size, 3);
	node_reads(fd, mem, huge_size, 3);
	close(fd);
	unmap(mem, huge_size);
}

static void test_exclusive(void **state)
{
	uint8_t *mem = map_pattern(4 * page_size, SMALL_PAGES, 1);
	uint8_t *buf = map_memory(4 * page_size, SMALL_PAGES);
	int fd = node_open(NEAR);

	(void)state;
	assert_int_equal(node_call(fd, HMM_DMIRROR_EXCLUSIVE, mem, 4 * page_size, buf, NULL),
			 0);
	assert_pattern(buf, 4 * page_size, 1);
	assert_int_equal(node_call(fd, HMM_DMIRROR_CHECK_EXCLUSIVE, mem, 4 * page_size, NULL,
				   NULL), -EPERM);
	node_writes(fd, mem, 4 * page_size, 2);
	assert_pattern(mem, 4 * page_size, 2);
	assert_int_equal(node_call(fd, HMM_DMIRROR_CHECK_EXCLUSIVE, mem, 4 * page_size, NULL,
				   NULL), 0);
	close(fd);
	unmap(buf, 4 * page_size);
	unmap(mem, 4 * page_size);
}

/* -------------------------------------------------------------------------- storms */

/**
 * struct storm - a device accesses memory that others change all the time
 * @mem: two huge pages; each word is 0, or that of the pattern
 * @until: when it ends
 */
struct storm {
	uint8_t *mem;
	double until;
};

#define STORM_LENGTH	(2 * huge_size)

static int storm_once(struct storm *storm, uint64_t *seed)
{
	size_t pages = STORM_LENGTH / page_size, first = random_next(seed) % pages;
	size_t nr = 1 + random_next(seed) % (pages - first);
	uint8_t *mem = storm->mem + first * page_size;
	struct hmm_p2p_migrate result;

	switch (random_next(seed) % 6) {
	case 0:
		return madvise(mem, nr * page_size, MADV_DONTNEED);
	case 1:
		return hmm_p2p_migrate(ctx, NULL, devices[random_next(seed) % 2].out_id,
				       (uintptr_t)mem, nr * page_size, &result);
	case 2:
		return hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem, nr * page_size,
					      &result);
	case 3:
		return mprotect(mem, page_size, PROT_READ) ||
		       mprotect(mem, page_size, PROT_READ | PROT_WRITE);
	case 4:
		return mmap(mem, page_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != mem;
	default:
		pattern_fill(mem, first * page_size, page_size, 1);
		return 0;
	}
}

static void *storm_main(void *arg)
{
	struct storm *storm = arg;
	uint64_t seed = 5;

	while (seconds_now() < storm->until)
		if (storm_once(storm, &seed))
			return "a call failed";
	return NULL;
}

static bool words_are_known(const uint8_t *buf, size_t offset, size_t length)
{
	size_t at;

	for (at = 0; at < length; at += 8) {
		uint64_t word = *(const uint64_t *)(buf + at);

		if (word && word != pattern_word(offset + at, 1))
			return false;
	}
	return true;
}

static void test_storm(void **state)
{
	struct storm storm = {
		.mem = map_pattern(STORM_LENGTH, HUGE_PAGES, 1),
		.until = seconds_now() + hammer_seconds("RACE_SECONDS", 5, 10),
	};
	uint8_t *buf = map_memory(STORM_LENGTH, SMALL_PAGES);
	size_t pages = STORM_LENGTH / page_size;
	int fd = node_open(NEAR), ret;
	unsigned long rounds = 0;
	uint64_t seed = 9;
	pthread_t thread;
	void *failed;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, storm_main, &storm), 0);
	for (; seconds_now() < storm.until; rounds++) {
		size_t first = random_next(&seed) % pages;
		size_t length = (1 + random_next(&seed) % (pages - first)) * page_size;

		ret = node_call(fd, HMM_DMIRROR_READ, storm.mem + first * page_size, length,
				buf, NULL);
		assert_int_equal(ret, 0);
		assert_true(words_are_known(buf, first * page_size, length));
		if (random_next(&seed) % 2)
			continue;
		pattern_fill(buf, first * page_size, page_size, 1);
		ret = node_call(fd, HMM_DMIRROR_WRITE, storm.mem + first * page_size,
				page_size, buf, NULL);
		assert_true(!ret || ret == -EPERM);
	}
	pthread_join(thread, &failed);
	assert_null(failed);
	fprintf(stderr, "# %lu rounds\n", rounds);
	close(fd);
	unmap(buf, STORM_LENGTH);
	unmap(storm.mem, STORM_LENGTH);
}

/* -------------------------------------------------------------------------- the end */

/* A device that goes while it has memory of a process, with the node still open. */
static void test_device_goes(void **state)
{
	size_t length = MASTER_PAGES * page_size;
	uint8_t *mem = map_pattern(length, SMALL_PAGES, 1);
	uint8_t *buf = map_memory(length, SMALL_PAGES);
	int fd = node_open(MASTER), late = node_open(MASTER), i;

	(void)state;
	node_reads(fd, mem, length, 1);
	assert_int_equal(driver_unbind("hmm_p2p_edu", &devices[MASTER]), 0);
	for (i = 0; i < 2; i++)
		assert_int_equal(node_call(i ? late : fd, HMM_DMIRROR_READ, mem, length, buf,
					   NULL), -ENODEV);
	assert_pattern(mem, length, 1);
	assert_int_equal(munmap(mem, length), 0);
	forget(mem, length);
	close(fd);
	close(late);
	assert_int_equal(driver_bind("hmm_p2p_edu", &devices[MASTER]), 0);
	unmap(buf, length);
}

static int reads_and_dies(void *arg)
{
	uint8_t *mem = map_pattern(huge_size, HUGE_PAGES, 1);
	uint8_t *buf = map_memory(huge_size, SMALL_PAGES);
	int fd = node_open(NEAR);

	(void)arg;
	move_all_to(devices[NEAR].out_id, mem, huge_size);
	CHECK(node_call(fd, HMM_DMIRROR_READ, mem, huge_size, buf, NULL) == 0);
	kill(getpid(), SIGKILL);
	return 1;
}

static void test_process_dies(void **state)
{
	(void)state;
	assert_int_equal(in_child(reads_and_dies, NULL), -SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_small),
		TEST(test_huge),
		TEST(test_master),
		TEST(test_owner),
		TEST(test_faults),
		TEST(test_master_faults),
		TEST(test_refused),
		TEST(test_fork),
		TEST(test_exclusive),
		TEST(test_storm),
		TEST(test_process_dies),
		TEST(test_device_goes),
	};

	return cmocka_run_group_tests_name("svm", tests, svm_setup, svm_teardown);
}
