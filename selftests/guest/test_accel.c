// SPDX-License-Identifier: GPL-2.0
/*
 * The accelerator: jobs on memory of the process, which moves because they touch it.
 * Results are right, wrong addresses are named, and no job harms another.
 */
#include <drm/hmm_p2p_accel.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "common.h"

#define DRIVER		"hmm_p2p_accel"
#define LENGTH		(4 * MIB)

/* A job has begun long before, or it never does. */
#define BEGIN_SECONDS	60

/* The processes that a device has room for. */
#define CONTEXTS	16

static int accel_open(unsigned int nr)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/accel/accel%u", nr);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int run(int fd, struct drm_hmm_p2p_accel_run *job)
{
	return ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_RUN, job) ? -errno : 0;
}

static uint64_t address(const void *mem)
{
	return (uintptr_t)mem;
}

/* The number of an accelerator's memory: it is called as the node. */
static uint32_t memory_of(unsigned int nr)
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

static uint64_t sum_of(const void *mem, size_t length)
{
	const uint64_t *word = mem;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++)
		sum += word[i];
	return sum;
}

static int fill(int fd, void *mem, size_t length, uint64_t value)
{
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_FILL,
		.dst = address(mem),
		.length = length,
		.argument = value,
	};

	return run(fd, &job);
}

static struct drm_hmm_p2p_accel_run sum(int fd, const void *mem, size_t length)
{
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_SUM,
		.src = address(mem),
		.length = length,
	};

	assert_int_equal(run(fd, &job), 0);
	return job;
}

/* --------------------------------------------------- memory that a job touches */

static void moves(enum paging paging)
{
	uint32_t memory = memory_of(0);
	uint8_t *mem = map_pattern(LENGTH, paging, 1);
	uint64_t expected = sum_of(mem, LENGTH);
	struct drm_hmm_p2p_accel_run job;
	int fd = accel_open(0);

	job = sum(fd, mem, LENGTH);
	assert_true(job.out_result == expected);
	assert_int_equal(job.out_faults, LENGTH / huge_size);
	assert_int_equal(job.out_moved, LENGTH / page_size);
	assert_int_equal(pages_on(memory, mem, LENGTH), LENGTH / page_size);
	job = sum(fd, mem, LENGTH);
	assert_true(job.out_result == expected);
	assert_int_equal(job.out_faults, 0);
	assert_pattern(mem, LENGTH, 1);
	/* The CPU has taken them back, and the device may have them again. */
	assert_int_equal(pages_on(memory, mem, LENGTH), 0);
	assert_true(sum(fd, mem, LENGTH).out_result == expected);
	assert_pattern(mem, LENGTH, 1);
	close(fd);
	unmap(mem, LENGTH);
}

static void test_moves_small(void **state)
{
	(void)state;
	moves(SMALL_PAGES);
}

static void test_moves_huge(void **state)
{
	(void)state;
	moves(HUGE_PAGES);
}

/* Memory that nobody has touched begins on the device, with zeros around. */
static void test_first_touch(void **state)
{
	uint32_t memory = memory_of(0);
	uint8_t *mem = map_memory(LENGTH, HUGE_PAGES);
	uint64_t *word = (uint64_t *)mem;
	int fd = accel_open(0);
	size_t i;

	(void)state;
	assert_int_equal(fill(fd, mem, MIB, 0x0123456789abcdef), 0);
	assert_int_equal(pages_on(memory, mem, LENGTH), huge_size / page_size);
	for (i = 0; i < MIB / sizeof(*word); i++)
		assert_true(word[i] == 0x0123456789abcdef);
	assert_zero(mem + MIB, LENGTH - MIB);
	close(fd);
	unmap(mem, LENGTH);
}

/* y = a x + y, in place and beside it, then the CPU compares. */
static void test_saxpy(void **state)
{
	size_t n = LENGTH / sizeof(float), i;
	float *x = (float *)map_memory(LENGTH, HUGE_PAGES);
	float *y = (float *)map_memory(LENGTH, SMALL_PAGES), a = 3;
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_SAXPY,
		.dst = address(y),
		.src = address(x),
		.length = LENGTH,
	};
	int fd = accel_open(0);

	(void)state;
	(void)memory_of(0);
	memcpy(&job.argument, &a, sizeof(a));
	for (i = 0; i < n; i++) {
		x[i] = (float)(i % 1024);
		y[i] = (float)(i % 7);
	}
	assert_int_equal(run(fd, &job), 0);
	for (i = 0; i < n; i++)
		assert_true(y[i] == 3 * (float)(i % 1024) + (float)(i % 7));
	close(fd);
	unmap(x, LENGTH);
	unmap(y, LENGTH);
}

static void copies(enum paging paging)
{
	uint8_t *from = map_pattern(LENGTH, paging, 5), *to = map_memory(LENGTH, paging);
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_COPY,
		.dst = address(to) + 24,
		.src = address(from),
		.length = LENGTH - page_size,
	};
	int fd = accel_open(0);

	assert_int_equal(run(fd, &job), 0);
	assert_int_equal(pattern_diff(to + 24, 0, LENGTH - page_size, 5), -1);
	assert_pattern(from, LENGTH, 5);
	close(fd);
	unmap(from, LENGTH);
	unmap(to, LENGTH);
}

static void test_copies_small(void **state)
{
	(void)state;
	(void)memory_of(0);
	copies(SMALL_PAGES);
}

static void test_copies_huge(void **state)
{
	(void)state;
	(void)memory_of(0);
	copies(HUGE_PAGES);
}

/* A list through all pages, in an order of its own. */
static void test_chase(void **state)
{
	size_t pages = LENGTH / page_size, i, at = 0, next;
	uint8_t *mem = map_memory(LENGTH, SMALL_PAGES);
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_CHASE,
		.src = address(mem),
		.argument = pages,
	};
	int fd = accel_open(0);

	(void)state;
	(void)memory_of(0);
	/* 383 is prime to the number of pages, so it comes by all of them. */
	for (i = 0; i + 1 < pages; i++, at = next) {
		next = (at + 383) % pages;
		*(uint8_t **)(mem + at * page_size) = mem + next * page_size;
	}
	*(uint8_t **)(mem + at * page_size) = NULL;
	assert_int_equal(run(fd, &job), 0);
	assert_true(job.out_result == address(mem) + at * page_size || !job.out_result);
	assert_int_equal(job.out_faults, LENGTH / huge_size);
	close(fd);
	unmap(mem, LENGTH);
}

/* A mapping of a file cannot move: it is read where it is, in RAM. */
static void test_stays_in_ram(void **state)
{
	int fd = accel_open(0), file = memfd_create("accel", MFD_CLOEXEC);
	struct drm_hmm_p2p_accel_run job;
	uint8_t *mem;

	(void)state;
	(void)memory_of(0);
	assert_int_equal(ftruncate(file, LENGTH), 0);
	mem = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	pattern_fill(mem, 0, LENGTH, 9);
	job = sum(fd, mem, LENGTH);
	assert_true(job.out_result == sum_of(mem, LENGTH));
	assert_int_equal(job.out_moved, 0);
	assert_int_equal(fill(fd, mem, page_size, 77), 0);
	assert_true(*(uint64_t *)mem == 77);
	munmap(mem, LENGTH);
	close(file);
	close(fd);
}

/* ------------------------------------------------------------ other accelerators */

/* They share an interconnect: the neighbour reads the private pages over the link. */
static void test_neighbour(void **state)
{
	uint32_t here = memory_of(0), there = memory_of(1), owner;
	uint8_t *mem = map_pattern(LENGTH, HUGE_PAGES, 3);
	uint64_t expected = sum_of(mem, LENGTH);
	struct drm_hmm_p2p_accel_run job;
	int near = accel_open(0), far = accel_open(1);

	(void)state;
	assert_int_equal(hmm_p2p_set_owner(ctx, there, here, &owner), 0);
	sum(near, mem, LENGTH);
	job = sum(far, mem, LENGTH);
	assert_true(job.out_result == expected);
	assert_int_equal(job.out_moved, 0);
	assert_int_equal(fill(far, mem + MIB, MIB, 0), 0);
	assert_int_equal(pages_on(here, mem, LENGTH), LENGTH / page_size);
	assert_pattern(mem, MIB, 3);
	assert_zero(mem + MIB, MIB);
	close(near);
	close(far);
	unmap(mem, LENGTH);
	assert_int_equal(hmm_p2p_set_owner(ctx, there, 0, NULL), 0);
}

/* Somebody says that they share an interconnect, and there is no link. */
static void test_no_link(void **state)
{
	uint32_t here = memory_of(0), there = memory_of(2);
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 6);
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_SUM,
		.src = address(mem),
		.length = LENGTH,
	};
	int near = accel_open(0), far = accel_open(2);

	(void)state;
	assert_int_equal(hmm_p2p_set_owner(ctx, there, here, NULL), 0);
	sum(near, mem, LENGTH);
	assert_int_equal(run(far, &job), -EIO);
	assert_int_equal(pages_on(here, mem, LENGTH), LENGTH / page_size);
	assert_pattern(mem, LENGTH, 6);
	/* From RAM it comes to the second one as to any other. */
	assert_int_equal(run(far, &job), 0);
	assert_int_equal(pages_on(there, mem, LENGTH), LENGTH / page_size);
	close(near);
	close(far);
	unmap(mem, LENGTH);
	assert_int_equal(hmm_p2p_set_owner(ctx, there, 0, NULL), 0);
}

/* No interconnect: it reads the memory behind the other one's BAR. */
static void test_peer_to_peer(void **state)
{
	uint32_t here = memory_of(0);
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 4);
	uint64_t expected = sum_of(mem, LENGTH);
	struct drm_hmm_p2p_accel_run job;
	int near = accel_open(0), far = accel_open(2);

	(void)state;
	(void)memory_of(2);
	sum(near, mem, LENGTH);
	job = sum(far, mem, LENGTH);
	assert_true(job.out_result == expected);
	assert_int_equal(job.out_moved, 0);
	assert_int_equal(pages_on(here, mem, LENGTH), LENGTH / page_size);
	close(near);
	close(far);
	unmap(mem, LENGTH);
}

/* ----------------------------------------------------------------- what is refused */

static void test_wrong_addresses(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 1);
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_SUM,
		.src = address(mem),
		.length = LENGTH,
	};
	int fd = accel_open(0);

	(void)state;
	(void)memory_of(0);
	unmap(mem + MIB, MIB);
	assert_int_equal(run(fd, &job), -EFAULT);
	assert_int_equal(job.out_address, address(mem) + MIB);
	assert_int_equal(mprotect(mem, MIB, PROT_READ), 0);
	job.op = HMM_P2P_ACCEL_FILL;
	job.dst = address(mem);
	job.length = page_size;
	assert_int_equal(run(fd, &job), -EFAULT);
	assert_int_equal(job.out_address, address(mem));
	job.dst = 1ULL << 50;
	assert_int_equal(run(fd, &job), -EFAULT);
	assert_pattern(mem, MIB, 1);
	close(fd);
	unmap(mem, MIB);
	unmap(mem + 2 * MIB, LENGTH - 2 * MIB);
}

static void test_wrong_jobs(void **state)
{
	uint8_t *mem = map_pattern(MIB, SMALL_PAGES, 1);
	const struct drm_hmm_p2p_accel_run good = {
		.op = HMM_P2P_ACCEL_FILL,
		.dst = address(mem),
		.length = page_size,
	};
	struct drm_hmm_p2p_accel_run bad[] = { good, good, good, good, good, good };
	int fd = accel_open(0);
	size_t i;

	(void)state;
	(void)memory_of(0);
	bad[0].op = 0;
	bad[1].op = HMM_P2P_ACCEL_HISTOGRAM + 1;
	bad[2].flags = 1;
	bad[3].length = 0;
	bad[4].op = HMM_P2P_ACCEL_SUM;
	bad[4].src = good.dst;
	bad[4].length = page_size - 1;
	bad[5].op = HMM_P2P_ACCEL_HISTOGRAM;
	bad[5].src = good.dst;
	bad[5].dst += 8;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(run(fd, &bad[i]), -EINVAL);
	assert_pattern(mem, MIB, 1);
	close(fd);
	unmap(mem, MIB);
}

static int uses_parents_file(void *arg)
{
	CHECK(fill(*(int *)arg, &(uint64_t){ 0 }, sizeof(uint64_t), 1) == -EPERM);
	return 0;
}

static void test_other_process(void **state)
{
	int fd = accel_open(0);

	(void)state;
	(void)memory_of(0);
	assert_int_equal(in_child(uses_parents_file, &fd), 0);
	close(fd);
}

static void test_all_contexts(void **state)
{
	int fds[CONTEXTS], i;

	(void)state;
	(void)memory_of(0);
	for (i = 0; i < CONTEXTS; i++)
		assert_true((fds[i] = accel_open(0)) >= 0);
	assert_int_equal(accel_open(0), -EBUSY);
	close(fds[3]);
	fds[3] = accel_open(0);
	assert_true(fds[3] >= 0);
	for (i = 0; i < CONTEXTS; i++)
		close(fds[i]);
}

/* ----------------------------------------------------------------- what ends a job */

/* A job without an end: a pointer to itself, followed for ever. */
static int endless(void *arg)
{
	struct turns *turns = arg;
	uint64_t *self = (uint64_t *)map_memory(huge_size, SMALL_PAGES);
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_CHASE,
		.src = address(self),
		.argument = UINT64_MAX,
	};
	int fd = accel_open(0);

	turns_side(turns, true);
	*self = address(self);
	CHECK(fd >= 0);
	CHECK(turn_give(turns) == 0);
	run(fd, &job);
	return 1;
}

/* Until a job has moved memory there, of which @used was in use before. */
static void await_use(uint32_t memory, uint64_t used)
{
	double deadline = seconds_now() + BEGIN_SECONDS;

	while (used_bytes(memory) == used) {
		REQUIRE(seconds_now() < deadline);
		usleep(1000);
	}
}

static void test_killed(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, HUGE_PAGES, 8);
	uint64_t expected = sum_of(mem, LENGTH), used;
	uint32_t memory = memory_of(0);
	struct turns turns;
	int fd = accel_open(0);
	pid_t pid;

	(void)state;
	used = used_bytes(memory);
	turns_init(&turns);
	pid = child_start(endless, &turns);
	turns_side(&turns, false);
	assert_int_equal(turn_await(&turns), 0);
	await_use(memory, used);
	/* Its job runs, and so does another process's. */
	assert_true(sum(fd, mem, LENGTH).out_result == expected);
	kill(pid, SIGKILL);
	assert_int_equal(child_wait(pid), -SIGKILL);
	assert_true(sum(fd, mem, LENGTH).out_result == expected);
	turns_fini(&turns);
	close(fd);
	unmap(mem, LENGTH);
}

/* -------------------------------------------------------------- the device goes */

/**
 * struct leaver - a process whose device goes
 * @turns: its first is that its memory is there to be used
 * @ret: shared with the parent: how its job ended
 */
struct leaver {
	struct turns turns;
	int *ret;
};

static int endless_until_gone(void *arg)
{
	struct leaver *leaver = arg;
	uint64_t *self = (uint64_t *)map_pattern(LENGTH, SMALL_PAGES, 11);
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_CHASE,
		.src = address(self),
		.argument = UINT64_MAX,
	};
	int fd = accel_open(2);

	turns_side(&leaver->turns, true);
	self[0] = address(self);
	CHECK(turn_give(&leaver->turns) == 0);
	*leaver->ret = run(fd, &job);
	CHECK(run(fd, &job) == -ENODEV);
	self[0] = pattern_word(0, 11);
	CHECK(pattern_diff(self, 0, LENGTH, 11) == -1);
	CHECK(turn_give(&leaver->turns) == 0);
	/* The file stays open until the device is back. */
	CHECK(turn_await(&leaver->turns) == 0);
	CHECK(run(fd, &job) == -ENODEV);
	return 0;
}

/* The job ends, the memory comes home, and the next driver finds the device as new. */
static void test_unbind(void **state)
{
	uint32_t memory = memory_of(2);
	struct hmm_p2p_device_info info;
	struct leaver leaver;
	pid_t pid;

	(void)state;
	assert_int_equal(hmm_p2p_device_next(ctx, memory, &info), 0);
	leaver.ret = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	turns_init(&leaver.turns);
	pid = child_start(endless_until_gone, &leaver);
	turns_side(&leaver.turns, false);
	assert_int_equal(turn_await(&leaver.turns), 0);
	await_use(memory, 0);
	assert_int_equal(driver_unbind(DRIVER, &info), 0);
	assert_int_equal(turn_await(&leaver.turns), 0);
	assert_int_equal(*leaver.ret, -ENODEV);
	assert_int_equal(driver_bind(DRIVER, &info), 0);
	assert_int_equal(turn_give(&leaver.turns), 0);
	assert_int_equal(child_wait(pid), 0);
	turns_fini(&leaver.turns);
	munmap(leaver.ret, page_size);
}

/* ----------------------------------------------------------- a device that fails */

/* The third accelerator's process takes commands that break things. */
static void command(const char *what)
{
	FILE *port = fopen("/dev/virtio-ports/accel2", "r+e");
	char answer[64] = "";

	if (!port)
		SKIP("this machine's accelerators cannot be broken");
	setbuf(port, NULL);
	assert_true(fprintf(port, "%s\n", what) > 0);
	assert_non_null(fgets(answer, sizeof(answer), port));
	assert_string_equal(answer, "ok\n");
	fclose(port);
}

/* Unbinds and binds it: what it is then has another number. */
static void as_new(const struct hmm_p2p_device_info *info)
{
	assert_int_equal(driver_unbind(DRIVER, info), 0);
	assert_int_equal(driver_bind(DRIVER, info), 0);
}

/* One copy that the bus fails: what it was about stays where it is, and whole. */
static void test_dma_error(void **state)
{
	uint32_t memory = memory_of(2);
	uint8_t *mem = map_pattern(LENGTH, HUGE_PAGES, 21);
	struct hmm_p2p_migrate result;

	(void)state;
	command("dma-error 2");
	assert_int_equal(hmm_p2p_migrate(ctx, NULL, memory, address(mem), LENGTH, &result),
			 -EIO);
	assert_true(result.out_reasons[HMM_P2P_REASON_DEVICE_ERROR] > 0);
	assert_int_equal(pages_on(memory, mem, LENGTH), result.out_moved);
	move_to(memory, mem, LENGTH, NULL);
	assert_int_equal(pages_on(memory, mem, LENGTH), LENGTH / page_size);
	assert_pattern(mem, LENGTH, 21);
	unmap(mem, LENGTH);
}

/* A copy home that hangs is an error; the device is reset, and the CPU copies. */
static void test_copy_hangs(void **state)
{
	uint32_t memory = memory_of(2);
	struct hmm_p2p_device_info info;
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 22);
	int fd = accel_open(2);

	(void)state;
	assert_int_equal(hmm_p2p_device_next(ctx, memory, &info), 0);
	move_all_to(memory, mem, LENGTH);
	command("hang copy");
	assert_int_equal(hmm_p2p_migrate_to_ram(ctx, NULL, address(mem), LENGTH, NULL),
			 -EIO);
	assert_int_equal(pages_on(memory, mem, LENGTH), LENGTH / page_size);
	assert_int_equal(hmm_p2p_migrate_to_ram(ctx, NULL, address(mem), LENGTH, NULL), 0);
	assert_pattern(mem, LENGTH, 22);
	assert_int_equal(fill(fd, mem, LENGTH, 0), -ENODEV);
	close(fd);
	as_new(&info);
	unmap(mem, LENGTH);
}

/* -------------------------------------------------------------------- at once */

#define THREADS		4
#define ROUNDS		8
#define SHARE		(2 * MIB)

struct user {
	uint64_t seed;
	int fd;
	int failed;
};

static int use(struct user *user)
{
	uint64_t *mem = (uint64_t *)map_memory(SHARE, user->seed & 1 ? SMALL_PAGES : HUGE_PAGES);
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_SUM,
		.src = address(mem),
		.length = SHARE,
	};
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		pattern_fill(mem, 0, SHARE, user->seed + i);
		CHECK(run(user->fd, &job) == 0);
		CHECK(job.out_result == sum_of(mem, SHARE));
		CHECK(fill(user->fd, mem, SHARE, user->seed) == 0);
		CHECK(mem[i] == user->seed && mem[SHARE / 8 - 1] == user->seed);
		CHECK(madvise(mem, SHARE, MADV_DONTNEED) == 0);
	}
	unmap(mem, SHARE);
	return 0;
}

static void *use_thread(void *arg)
{
	struct user *user = arg;

	user->failed = use(user);
	return NULL;
}

/* Threads of one process and of others, all on one device. */
static int use_together(void *arg)
{
	struct user users[THREADS];
	pthread_t threads[THREADS];
	int fd = accel_open(0);
	size_t i;

	CHECK(fd >= 0);
	for (i = 0; i < THREADS; i++) {
		users[i] = (struct user){ .seed = *(uint64_t *)arg + 1000 * i, .fd = fd };
		CHECK(pthread_create(&threads[i], NULL, use_thread, &users[i]) == 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < THREADS; i++)
		CHECK(!users[i].failed);
	return 0;
}

static void test_at_once(void **state)
{
	uint64_t seeds[] = { 100000, 200001, 300000 };
	pid_t pids[ARRAY_SIZE(seeds)];
	size_t i;

	(void)state;
	(void)memory_of(0);
	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		pids[i] = child_start(use_together, &seeds[i]);
	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		assert_int_equal(child_wait(pids[i]), 0);
}

/* The program in the README, on any of them. */
static int example(void *arg)
{
	execl("./saxpy", "saxpy", arg, NULL);
	return 127;
}

static void test_example(void **state)
{
	(void)state;
	(void)memory_of(2);
	assert_int_equal(in_child(example, NULL), 0);
	assert_int_equal(in_child(example, "/dev/accel/accel2"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_moves_small),
		TEST(test_moves_huge),
		TEST(test_first_touch),
		TEST(test_saxpy),
		TEST(test_copies_small),
		TEST(test_copies_huge),
		TEST(test_chase),
		TEST(test_stays_in_ram),
		TEST(test_neighbour),
		TEST(test_no_link),
		TEST(test_peer_to_peer),
		TEST(test_wrong_addresses),
		TEST(test_wrong_jobs),
		TEST(test_other_process),
		TEST(test_all_contexts),
		TEST(test_killed),
		TEST(test_at_once),
		TEST(test_example),
		TEST(test_dma_error),
		/* The third device has another number after each of these. */
		TEST(test_copy_hangs),
		TEST(test_unbind),
	};

	return RUN("accel", tests);
}
