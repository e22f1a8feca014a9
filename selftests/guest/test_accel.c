// SPDX-License-Identifier: GPL-2.0
/*
 * The accelerator: jobs on memory of the process, which moves because they touch it.
 * Results are right, wrong addresses are named, and no job harms another.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common_accel.h"

#define DRIVER		"hmm_p2p_accel"
#define LENGTH		(4 * MIB)

/* --------------------------------------------------- memory that a job touches */

static void moves(enum paging paging)
{
	uint32_t memory = accel_memory(0);
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
	uint32_t memory = accel_memory(0);
	uint8_t *mem = map_memory(LENGTH, HUGE_PAGES);
	uint64_t *word = (uint64_t *)mem;
	int fd = accel_open(0);
	size_t i;

	(void)state;
	assert_int_equal(fill(fd, mem, MIB, 0x0123456789abcdef), 0);
	assert_int_equal(pages_on(memory, mem, LENGTH), huge_size / page_size);
	/* Such a page counts as moved, once. */
	assert_int_equal(sum(fd, mem + huge_size, huge_size).out_moved, huge_size / page_size);
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
	(void)accel_memory(0);
	memcpy(&job.argument, &a, sizeof(a));
	for (i = 0; i < n; i++) {
		x[i] = (float)(i % 1024);
		y[i] = (float)(i % 7);
	}
	assert_int_equal(accel_run(fd, &job), 0);
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

	assert_int_equal(accel_run(fd, &job), 0);
	assert_int_equal(pattern_diff(to + 24, 0, LENGTH - page_size, 5), -1);
	assert_pattern(from, LENGTH, 5);
	close(fd);
	unmap(from, LENGTH);
	unmap(to, LENGTH);
}

static void test_copies_small(void **state)
{
	(void)state;
	(void)accel_memory(0);
	copies(SMALL_PAGES);
}

static void test_copies_huge(void **state)
{
	(void)state;
	(void)accel_memory(0);
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
	(void)accel_memory(0);
	/* 383 is prime to the number of pages, so it comes by all of them. */
	for (i = 0; i + 1 < pages; i++, at = next) {
		next = (at + 383) % pages;
		*(uint8_t **)(mem + at * page_size) = mem + next * page_size;
	}
	*(uint8_t **)(mem + at * page_size) = NULL;
	assert_int_equal(accel_run(fd, &job), 0);
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
	(void)accel_memory(0);
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
	uint32_t here = accel_memory(0), there = accel_memory(1), owner;
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

/**
 * struct reader - a job on a device whose interconnect is changed
 * @fd: the device
 * @job: it has no end, as long as the first word of the memory stays what it is
 * @ret: how it ended
 * @done: it has
 */
struct reader {
	int fd;
	struct drm_hmm_p2p_accel_run job;
	int ret;
	atomic_bool done;
};

static void *reader_main(void *arg)
{
	struct reader *reader = arg;

	reader->ret = accel_run(reader->fd, &reader->job);
	reader->done = true;
	return NULL;
}

/* A child, because a job that does not notice ends with its process only. */
static int loses_interconnect(void *arg)
{
	uint32_t here = accel_memory(0), there = accel_memory(1);
	uint64_t *mem = (uint64_t *)map_pattern(LENGTH, SMALL_PAGES, 7), expected;
	struct hmm_p2p_stat before = stat_now(here);
	struct reader reader = { .fd = accel_open(1), .job = endless_job(mem) };
	struct drm_hmm_p2p_accel_run job;
	pthread_t thread;

	(void)arg;
	expected = sum_of(mem, LENGTH);
	move_all_to(here, mem, LENGTH);
	CHECK(pthread_create(&thread, NULL, reader_main, &reader) == 0);
	AWAIT(stat_delta(here, &before, HMM_P2P_COUNTER_PRIVATE));
	/* It came after that one, and is through. */
	CHECK(try_sum(reader.fd, mem, LENGTH, &job) == 0 && job.out_result == expected);
	CHECK(hmm_p2p_set_owner(ctx, there, 0, NULL) == 0);
	*(volatile uint64_t *)mem = 0;
	AWAIT(reader.done);
	CHECK(reader.ret == 0 && reader.job.out_result == address(mem));
	CHECK(pthread_join(thread, NULL) == 0);
	unmap(mem, LENGTH);
	return 0;
}

/* What a job reads over the link it reads elsewhere when there is none any more. */
static void test_loses_interconnect(void **state)
{
	uint32_t here = accel_memory(0), there = accel_memory(1);

	(void)state;
	assert_int_equal(hmm_p2p_set_owner(ctx, there, here, NULL), 0);
	assert_int_equal(in_child(loses_interconnect, NULL), 0);
	assert_int_equal(hmm_p2p_set_owner(ctx, there, 0, NULL), 0);
}

/* Somebody says that they share an interconnect, and there is no link. */
static void test_no_link(void **state)
{
	uint32_t here = accel_memory(0), there = accel_memory(2);
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
	assert_int_equal(accel_run(far, &job), -EIO);
	assert_int_equal(pages_on(here, mem, LENGTH), LENGTH / page_size);
	assert_pattern(mem, LENGTH, 6);
	/* From RAM it comes to the second one as to any other. */
	assert_int_equal(accel_run(far, &job), 0);
	assert_int_equal(pages_on(there, mem, LENGTH), LENGTH / page_size);
	close(near);
	close(far);
	unmap(mem, LENGTH);
	assert_int_equal(hmm_p2p_set_owner(ctx, there, 0, NULL), 0);
}

/* No interconnect: it reads the memory behind the other one's BAR. */
static void test_peer_to_peer(void **state)
{
	uint32_t here = accel_memory(0);
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 4);
	uint64_t expected = sum_of(mem, LENGTH);
	struct drm_hmm_p2p_accel_run job;
	int near = accel_open(0), far = accel_open(2);

	(void)state;
	(void)accel_memory(2);
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
	(void)accel_memory(0);
	unmap(mem + MIB, MIB);
	assert_int_equal(accel_run(fd, &job), -EFAULT);
	assert_int_equal(job.out_address, address(mem) + MIB);
	assert_int_equal(mprotect(mem, MIB, PROT_READ), 0);
	job.op = HMM_P2P_ACCEL_FILL;
	job.dst = address(mem);
	job.length = page_size;
	assert_int_equal(accel_run(fd, &job), -EFAULT);
	assert_int_equal(job.out_address, address(mem));
	job.dst = 1ULL << 50;
	assert_int_equal(accel_run(fd, &job), -EFAULT);
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
	(void)accel_memory(0);
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
		assert_int_equal(accel_run(fd, &bad[i]), -EINVAL);
	assert_pattern(mem, MIB, 1);
	close(fd);
	unmap(mem, MIB);
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
	struct drm_hmm_p2p_accel_run job = endless_job(self);
	int fd = accel_open(2);

	turns_side(&leaver->turns, true);
	CHECK(turn_give(&leaver->turns) == 0);
	*leaver->ret = accel_run(fd, &job);
	CHECK(accel_run(fd, &job) == -ENODEV);
	self[0] = pattern_word(0, 11);
	CHECK(pattern_diff(self, 0, LENGTH, 11) == -1);
	CHECK(turn_give(&leaver->turns) == 0);
	/* The file stays open until the device is back. */
	CHECK(turn_await(&leaver->turns) == 0);
	CHECK(accel_run(fd, &job) == -ENODEV);
	return 0;
}

/* The job ends, the memory comes home, and the next driver finds the device as new. */
static void test_unbind(void **state)
{
	uint32_t memory = accel_memory(2);
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
	AWAIT(used_bytes(memory));
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

/* Unbinds and binds it: what it is then has another number. */
static void as_new(const struct hmm_p2p_device_info *info)
{
	assert_int_equal(driver_unbind(DRIVER, info), 0);
	assert_int_equal(driver_bind(DRIVER, info), 0);
}

/* One copy that the bus fails: what it was about stays where it is, and whole. */
static void test_dma_error(void **state)
{
	uint32_t memory = accel_memory(2);
	uint8_t *mem = map_pattern(LENGTH, HUGE_PAGES, 21);
	struct hmm_p2p_migrate result;

	(void)state;
	accel_command(PORT_LAST, "dma-error 2");
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
	uint32_t memory = accel_memory(2);
	struct hmm_p2p_device_info info;
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 22);
	int fd = accel_open(2);

	(void)state;
	assert_int_equal(hmm_p2p_device_next(ctx, memory, &info), 0);
	move_all_to(memory, mem, LENGTH);
	accel_command(PORT_LAST, "hang copy");
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

/* The program in the README, on any of them. */
static int example(void *arg)
{
	execl("./saxpy", "saxpy", arg, NULL);
	return 127;
}

static void test_example(void **state)
{
	(void)state;
	(void)accel_memory(2);
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
		TEST(test_loses_interconnect),
		TEST(test_no_link),
		TEST(test_peer_to_peer),
		TEST(test_wrong_addresses),
		TEST(test_wrong_jobs),
		TEST(test_example),
		TEST(test_dma_error),
		/* The third device has another number after each of these. */
		TEST(test_copy_hangs),
		TEST(test_unbind),
	};

	return RUN("accel", tests);
}
