// SPDX-License-Identifier: GPL-2.0
/*
 * An accelerator beside a NIC, a disk and another one: each of them takes what a job has
 * just written, and leaves what a job then reads, where it lies. Ordinary verbs, and the
 * library's calls; the device's counters say that nothing went home.
 */
#include <fcntl.h>

#include "common_accel.h"
#include "common_storage.h"
#include "verbs.h"

#define OFFSET		(3 * MIB)
#define PAGES		64

static struct nic nic;

static int peers_setup(void **state)
{
	if (suite_setup(state))
		return -1;
	return nic_open(&nic, IBV_MTU_4096) ? 0 : -1;
}

static int peers_teardown(void **state)
{
	nic_close(&nic);
	return suite_teardown(state);
}

/**
 * struct worked - memory that a job has written
 * @fd: the accelerator
 * @memory: the number of its memory
 * @mem: what it has written, and it lies there
 * @length: of it
 * @pages: of it
 * @before: the counters then
 */
struct worked {
	int fd;
	uint32_t memory;
	uint8_t *mem;
	size_t length;
	size_t pages;
	struct hmm_p2p_stat before;
};

/* A job writes the pattern there, wherever it is. */
static void job_writes(const struct worked *worked, uint64_t seed)
{
	uint8_t *from = map_pattern(worked->length, SMALL_PAGES, seed);
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_COPY,
		.dst = address(worked->mem),
		.src = address(from),
		.length = worked->length,
	};

	assert_int_equal(accel_run(worked->fd, &job), 0);
	unmap(from, worked->length);
}

/* A job finds what somebody else has written, and the memory does not move for it. */
static void job_finds(const struct worked *worked, uint64_t seed)
{
	uint8_t *same = map_pattern(worked->length, SMALL_PAGES, seed);
	struct drm_hmm_p2p_accel_run job = sum(worked->fd, worked->mem, worked->length);

	assert_true(job.out_result == sum_of(same, worked->length));
	assert_int_equal(job.out_moved, 0);
	unmap(same, worked->length);
}

/* The memory comes to the device because the job writes to it. */
static void worked_start(struct worked *worked, unsigned int nr, enum paging paging)
{
	worked->memory = accel_memory(nr);
	worked->fd = accel_open(nr);
	worked->length = paging == HUGE_PAGES ? huge_size : PAGES * page_size;
	worked->pages = worked->length / page_size;
	worked->mem = map_pattern(worked->length, paging, 1);
	job_writes(worked, 2);
	assert_int_equal(pages_on(worked->memory, worked->mem, worked->length),
			 worked->pages);
	worked->before = stat_now(worked->memory);
}

static uint64_t counted(const struct worked *worked, enum hmm_p2p_counter counter)
{
	return stat_delta(worked->memory, &worked->before, counter);
}

/* So often was each page given as p2p; none went home, and the device has them all. */
static void stayed(const struct worked *worked, unsigned int times)
{
	assert_int_equal(counted(worked, HMM_P2P_COUNTER_P2P), times * worked->pages);
	assert_int_equal(counted(worked, HMM_P2P_COUNTER_SENT_HOME), 0);
	assert_int_equal(counted(worked, HMM_P2P_COUNTER_TO_RAM), 0);
	assert_int_equal(pages_on(worked->memory, worked->mem, worked->length),
			 worked->pages);
}

/* The CPU has the last word about the data. */
static void worked_end(struct worked *worked, uint64_t seed)
{
	assert_pattern(worked->mem, worked->length, seed);
	unmap(worked->mem, worked->length);
	close(worked->fd);
}

/* ------------------------------------------------------------------------ the NIC */

/**
 * struct far - the two ends of RDMA
 * @worked: the remote side
 * @mr: its region, on demand
 * @near: as much memory in RAM
 * @near_mr: its region, pinned
 */
struct far {
	struct worked *worked;
	struct ibv_mr *mr;
	uint8_t *near;
	struct ibv_mr *near_mr;
};

static void far_start(struct far *far, struct worked *worked)
{
	far->worked = worked;
	far->near = map_memory(worked->length, SMALL_PAGES);
	assert_true(nic_connect_self(&nic));
	far->mr = nic_register(&nic, worked->mem, worked->length, true);
	far->near_mr = nic_register(&nic, far->near, worked->length, false);
	assert_non_null(far->mr);
	assert_non_null(far->near_mr);
}

static void far_end(struct far *far)
{
	assert_int_equal(ibv_dereg_mr(far->mr), 0);
	assert_int_equal(ibv_dereg_mr(far->near_mr), 0);
	unmap(far->near, far->worked->length);
}

static void remote(const struct far *far, enum ibv_wr_opcode opcode)
{
	const struct nic_op op = {
		.opcode = opcode, .length = far->worked->length,
		.local = far->near_mr, .at = far->near,
		.remote = far->mr, .remote_at = far->worked->mem,
	};

	assert_int_equal(nic_do(&nic, &op), IBV_WC_SUCCESS);
}

static void nic_case(unsigned int nr, enum paging paging)
{
	struct worked worked;
	struct far far;

	worked_start(&worked, nr, paging);
	far_start(&far, &worked);
	remote(&far, IBV_WR_RDMA_READ);
	assert_pattern(far.near, worked.length, 2);
	stayed(&worked, 1);
	/* The NIC knows the pages now. It sees what the next job writes, and asks nobody. */
	job_writes(&worked, 3);
	remote(&far, IBV_WR_RDMA_READ);
	assert_pattern(far.near, worked.length, 3);
	pattern_fill(far.near, 0, worked.length, 4);
	remote(&far, IBV_WR_RDMA_WRITE);
	job_finds(&worked, 4);
	far_end(&far);
	assert_int_equal(pages_on(worked.memory, worked.mem, worked.length), worked.pages);
	worked_end(&worked, 4);
}

/* One that has a neighbour, and the one that has none. */
static void test_nic(void **state)
{
	(void)state;
	nic_case(0, SMALL_PAGES);
	nic_case(0, HUGE_PAGES);
	nic_case(accel_last(), HUGE_PAGES);
}

/* ----------------------------------------------------------------------- the disk */

static void all_of(const struct worked *worked, const struct hmm_p2p_file_io *got,
		   int64_t bytes)
{
	assert_int_equal(bytes, worked->length);
	assert_int_equal(got->out_p2p, worked->pages);
	assert_int_equal(got->out_migrated, 0);
}

static void disk_case(const struct disk *disk, unsigned int nr, enum paging paging)
{
	struct hmm_p2p_file_io got;
	struct worked worked;
	int64_t bytes;

	file_fill(disk->fd, OFFSET, huge_size, 5);
	worked_start(&worked, nr, paging);
	bytes = hmm_p2p_pwrite(ctx, disk->fd, worked.mem, worked.length, OFFSET, 0, NULL,
			       &got);
	all_of(&worked, &got, bytes);
	stayed(&worked, 1);
	assert_file(disk->fd, OFFSET, worked.length, 2);
	file_fill(disk->fd, OFFSET, worked.length, 6);
	bytes = hmm_p2p_pread(ctx, disk->fd, worked.mem, worked.length, OFFSET, 0, NULL,
			      &got);
	all_of(&worked, &got, bytes);
	stayed(&worked, 2);
	job_finds(&worked, 6);
	worked_end(&worked, 6);
}

static void test_disk(void **state)
{
	struct disk disk = disk_open("near");

	(void)state;
	disk_case(&disk, 0, SMALL_PAGES);
	disk_case(&disk, 0, HUGE_PAGES);
	disk_case(&disk, accel_last(), HUGE_PAGES);
	disk_close(&disk);
}

/* ------------------------------------------------------------- another accelerator */

/* Not by a job: it is asked to, and its engine cannot map what is not system memory. */
static void test_transfer(void **state)
{
	struct worked worked;
	struct reached reached;
	uint32_t by = accel_memory(accel_last());
	uint8_t *data;

	(void)state;
	worked_start(&worked, 0, SMALL_PAGES);
	data = map_memory(worked.length, SMALL_PAGES);
	reached = reach(by, worked.mem, worked.length, data, 0);
	assert_int_equal(reached_count(&reached, HMM_P2P_OUTCOME_P2P, 0), worked.pages);
	reached_free(&reached);
	assert_pattern(data, worked.length, 2);
	pattern_fill(data, 0, worked.length, 7);
	reached = reach(by, worked.mem, worked.length, data, HMM_P2P_ACCESS_WRITE);
	reached_free(&reached);
	stayed(&worked, 2);
	job_finds(&worked, 7);
	unmap(data, worked.length);
	worked_end(&worked, 7);
}

/* The program in the README. */
static int example(void *arg)
{
	execl("./saxpy_save", "saxpy_save", arg, NULL);
	return 127;
}

static void test_example(void **state)
{
	struct disk disk = disk_find("near");

	(void)state;
	assert_int_equal(in_child(example, disk.path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nic),
		TEST(test_disk),
		TEST(test_transfer),
		TEST(test_example),
	};

	return cmocka_run_group_tests_name("accel_peers", tests, peers_setup,
					   peers_teardown);
}
