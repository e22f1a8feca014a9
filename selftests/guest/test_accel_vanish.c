// SPDX-License-Identifier: GPL-2.0
/*
 * The process that serves an accelerator dies, in the middle of jobs and with memory of
 * others on it: its registers read all ones from then on. What is on it is lost, and
 * whoever touches that learns it; nothing hangs, and all others go on. And one is taken away
 * in order: then the memory comes home before it goes.
 */
#include <fcntl.h>
#include <signal.h>

#include "common_gem.h"

#define DRIVER		"hmm_p2p_accel"
#define LENGTH		(4 * MIB)
#define CONTROL		"/dev/virtio-ports/accel2"

/* As kill -9 by somebody on the host: it has no time to answer. */
static void process_dies(void)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC);
	char answer;

	REQUIRE(fd >= 0);
	REQUIRE(write(fd, "exit\n", 5) == 5);
	/* The other end of the line is closed with it. */
	while (read(fd, &answer, 1) > 0)
		;
	close(fd);
}

/* Its job ends with an error, and it gets no other one. */
static int runs_jobs(void *arg)
{
	struct turns *turns = arg;
	uint64_t *self = (uint64_t *)map_pattern(LENGTH, SMALL_PAGES, 11);
	struct drm_hmm_p2p_accel_run job = endless_job(self);
	int fd = accel_open(accel_last());

	turns_side(turns, true);
	CHECK(turn_give(turns) == 0);
	CHECK(accel_run(fd, &job) == -EIO);
	CHECK(accel_run(fd, &job) == -ENODEV);
	CHECK(turn_give(turns) == 0);
	return 0;
}

/* Has memory there, and touches it. */
static int has_memory(void *arg)
{
	struct turns *turns = arg;
	uint32_t memory = accel_memory(accel_last());
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 12);

	move_all_to(memory, mem, LENGTH);
	turns_side(turns, true);
	CHECK(turn_give(turns) == 0);
	CHECK(turn_await(turns) == 0);
	CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, address(mem), LENGTH, NULL) == -EIO);
	return *(volatile uint8_t *)mem;
}

static pid_t start(child_fn fn, struct turns *turns)
{
	pid_t pid;

	turns_init(turns);
	pid = child_start(fn, turns);
	turns_side(turns, false);
	assert_int_equal(turn_await(turns), 0);
	return pid;
}

static void test_process_dies(void **state)
{
	uint32_t memory = accel_memory(accel_last());
	uint8_t *mem = map_pattern(LENGTH, HUGE_PAGES, 13);
	uint64_t expected = sum_of(mem, LENGTH), used;
	struct turns runner, holder, patient;
	struct hmm_p2p_device_info info;
	pid_t runs, holds, waits;
	int fd = accel_open(0), dies = accel_open(accel_last());
	struct gem_job endless;
	struct buffer buffer;
	uint32_t sync;

	(void)state;
	if (access(CONTROL, W_OK))
		SKIP("this machine's accelerators cannot be killed");
	assert_int_equal(hmm_p2p_device_next(ctx, memory, &info), 0);
	assert_true(sum(fd, mem, LENGTH).out_result == expected);
	holds = start(has_memory, &holder);
	waits = start(has_memory, &patient);
	used = used_bytes(memory);
	runs = start(runs_jobs, &runner);
	AWAIT(used_bytes(memory) != used);
	buffer = buffer_make(dies, page_size);
	sync = syncobj_create(dies);
	endless = gem_endless_job(&buffer);
	endless.signals[0].handle = sync;
	endless.submit.nr_signals = 1;
	assert_int_equal(gem_submit(dies, &endless), 0);
	/* With the one of @runs. What has not begun by then ends with another error. */
	AWAIT(accel_asked(PORT_LAST, "jobs 2"));
	process_dies();
	/* The one on a buffer is not waited for by anybody who would ask the device. */
	assert_int_equal(syncobj_status(dies, sync), -EIO);
	assert_int_equal(gem_submit(dies, &endless), -ENODEV);
	assert_int_equal(turn_await(&runner), 0);
	assert_int_equal(child_wait(runs), 0);
	assert_int_equal(turn_give(&holder), 0);
	assert_int_equal(child_wait(holds), -SIGBUS);
	/* The others are as they were. */
	assert_true(sum(fd, mem, LENGTH).out_result == expected);
	assert_pattern(mem, LENGTH, 13);
	/* It can go while somebody has what was lost. */
	assert_int_equal(driver_unbind(DRIVER, &info), 0);
	assert_int_equal(turn_give(&patient), 0);
	assert_int_equal(child_wait(waits), -SIGBUS);
	munmap(buffer.mem, page_size);
	close(dies);
	close(fd);
	turns_fini(&runner);
	turns_fini(&holder);
	turns_fini(&patient);
	unmap(mem, LENGTH);
}

static void write_to(const struct hmm_p2p_device_info *info, const char *file, const char *text)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", info->out_bus, file);
	assert_int_equal(write_file(path, text), 0);
}

/* The function is found again, as a new device. */
static void comes_back(const struct hmm_p2p_device_info *info)
{
	struct hmm_p2p_device_info now;
	uint8_t *mem = map_pattern(LENGTH, HUGE_PAGES, 23);
	unsigned int nr;
	uint64_t expected;
	int fd;

	assert_int_equal(write_file("/sys/bus/pci/rescan", "1"), 0);
	assert_int_equal(hmm_p2p_device_find(ctx, (const char *)info->out_bus, &now), 0);
	REQUIRE(sscanf((const char *)now.out_name, "accel%u", &nr) == 1);
	fd = open_accel(nr);
	expected = sum_of(mem, LENGTH);
	assert_true(sum(fd, mem, LENGTH).out_result == expected);
	assert_int_equal(pages_on(now.out_id, mem, LENGTH), LENGTH / page_size);
	assert_pattern(mem, LENGTH, 23);
	close(fd);
	unmap(mem, LENGTH);
}

/*
 * The function is taken away, as by somebody who unplugs it: with a job of its own, and one of
 * its neighbour, which reads over the link what is on it, and which nobody has to wait for.
 */
static void test_removed(void **state)
{
	uint32_t here = accel_memory(0), there = accel_memory(1);
	uint64_t *shared = (uint64_t *)map_pattern(LENGTH, SMALL_PAGES, 21);
	uint64_t *own = (uint64_t *)map_pattern(LENGTH, HUGE_PAGES, 22);
	struct runner reads = { .fd = open_accel(0) }, goes = { .fd = open_accel(1) };
	struct hmm_p2p_stat before = stat_now(there);
	struct hmm_p2p_device_info info;

	(void)state;
	assert_int_equal(hmm_p2p_device_next(ctx, there, &info), 0);
	assert_int_equal(hmm_p2p_set_owner(ctx, there, here, NULL), 0);
	reads.job = endless_job(shared);
	goes.job = endless_job(own);
	move_all_to(there, shared, LENGTH);
	runner_start(&reads);
	runner_start(&goes);
	AWAIT(stat_delta(there, &before, HMM_P2P_COUNTER_PRIVATE));
	AWAIT(pages_on(there, own, LENGTH));
	write_to(&info, "remove", "1");
	assert_int_equal(runner_end(&goes), -ENODEV);
	assert_int_equal(accel_run(goes.fd, &goes.job), -ENODEV);
	own[0] = pattern_word(0, 22);
	assert_pattern(own, LENGTH, 22);
	/* The other one goes on with what has come home, in RAM or by moving it. */
	*(volatile uint64_t *)shared = 0;
	assert_int_equal(runner_end(&reads), 0);
	shared[0] = pattern_word(0, 21);
	assert_true(sum(reads.fd, shared, LENGTH).out_result == sum_of(shared, LENGTH));
	assert_pattern(shared, LENGTH, 21);
	close(goes.fd);
	close(reads.fd);
	unmap(shared, LENGTH);
	unmap(own, LENGTH);
	comes_back(&info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_process_dies),
		/* The device has another number after it. */
		TEST(test_removed),
	};

	return RUN("accel_vanish", tests);
}
