// SPDX-License-Identifier: GPL-2.0
/*
 * RDMA on demand on memory that lives on a device: the kernel's own driver
 * (Soft-RoCE) and ordinary verbs reach it where it is. The exporters' counters
 * say that nothing moved, and every byte is checked.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common.h"
#include "common_swap.h"
#include "verbs.h"

#define PAGES		64

static struct nic nic;

static int rdma_setup(void **state)
{
	if (suite_setup(state))
		return -1;
	return nic_open(&nic, IBV_MTU_4096) ? 0 : -1;
}

static int rdma_teardown(void **state)
{
	nic_close(&nic);
	return suite_teardown(state);
}

/**
 * struct far - memory that the NIC reaches on demand
 * @exporter: where it lives
 * @mem: the memory
 * @length: of it
 * @pages: of it
 * @mr: its region, on demand
 * @near: as much memory in RAM
 * @near_mr: its region, pinned
 * @before: the exporter's counters when it had moved
 */
struct far {
	uint32_t exporter;
	uint8_t *mem;
	size_t length;
	size_t pages;
	struct ibv_mr *mr;
	uint8_t *near;
	struct ibv_mr *near_mr;
	struct hmm_p2p_stat before;
};

/* The program registers its memory; then somebody moves it. */
static void far_start(struct far *far, enum paging paging, uint64_t seed)
{
	far->exporter = largest_exporter(8 * MIB).out_id;
	far->length = paging == HUGE_PAGES ? huge_size : PAGES * page_size;
	far->pages = far->length / page_size;
	far->mem = map_pattern(far->length, paging, seed);
	far->near = map_memory(far->length, SMALL_PAGES);
	assert_true(nic_connect_self(&nic));
	far->mr = nic_register(&nic, far->mem, far->length, true);
	far->near_mr = nic_register(&nic, far->near, far->length, false);
	assert_non_null(far->mr);
	assert_non_null(far->near_mr);
	move_all_to(far->exporter, far->mem, far->length);
	far->before = stat_now(far->exporter);
}

static void far_end(struct far *far)
{
	assert_int_equal(ibv_dereg_mr(far->mr), 0);
	assert_int_equal(ibv_dereg_mr(far->near_mr), 0);
	unmap(far->near, far->length);
	unmap(far->mem, far->length);
}

static uint64_t counted(const struct far *far, enum hmm_p2p_counter counter)
{
	return stat_delta(far->exporter, &far->before, counter);
}

/* Every page went to the NIC as p2p, once, and none has moved. */
static void all_p2p(const struct far *far)
{
	assert_int_equal(counted(far, HMM_P2P_COUNTER_P2P), far->pages);
	assert_int_equal(counted(far, HMM_P2P_COUNTER_SENT_HOME), 0);
	assert_int_equal(counted(far, HMM_P2P_COUNTER_TO_RAM), 0);
	assert_int_equal(pages_on(far->exporter, far->mem, far->length),
			 far->pages);
}

/* The far memory is the remote side. */
static void remote(const struct far *far, enum ibv_wr_opcode opcode)
{
	const struct nic_op op = {
		.opcode = opcode, .length = far->length,
		.local = far->near_mr, .at = far->near,
		.remote = far->mr, .remote_at = far->mem,
	};

	assert_int_equal(nic_do(&nic, &op), IBV_WC_SUCCESS);
}

/* The far memory is the local side: the NIC's own buffer. */
static void local(const struct far *far, enum ibv_wr_opcode opcode)
{
	const struct nic_op op = {
		.opcode = opcode, .length = far->length,
		.local = far->mr, .at = far->mem,
		.remote = far->near_mr, .remote_at = far->near,
	};

	assert_int_equal(nic_do(&nic, &op), IBV_WC_SUCCESS);
}

typedef void (*side_fn)(const struct far *far, enum ibv_wr_opcode opcode);

/* The NIC takes data out of the far memory. */
static void takes(side_fn side, enum ibv_wr_opcode opcode, enum paging paging)
{
	struct far far;

	far_start(&far, paging, 1);
	side(&far, opcode);
	assert_pattern(far.near, far.length, 1);
	all_p2p(&far);
	/* The NIC knows the pages now: it asks nobody. */
	memset(far.near, 0, far.length);
	side(&far, opcode);
	assert_pattern(far.near, far.length, 1);
	all_p2p(&far);
	far_end(&far);
}

/* The NIC puts data there. */
static void puts_there(side_fn side, enum ibv_wr_opcode opcode, enum paging paging)
{
	struct far far;

	far_start(&far, paging, 2);
	pattern_fill(far.near, 0, far.length, 3);
	side(&far, opcode);
	all_p2p(&far);
	assert_pattern(far.mem, far.length, 3);
	far_end(&far);
}

#define BOTH(name, what, side, opcode)			\
	static void name(void **state)			\
	{						\
		(void)state;				\
		what(side, opcode, SMALL_PAGES);	\
		what(side, opcode, HUGE_PAGES);		\
	}

BOTH(test_read, takes, remote, IBV_WR_RDMA_READ)
BOTH(test_write, puts_there, remote, IBV_WR_RDMA_WRITE)
BOTH(test_receive, puts_there, remote, IBV_WR_SEND)
BOTH(test_send, takes, local, IBV_WR_SEND)
BOTH(test_read_into, puts_there, local, IBV_WR_RDMA_READ)
BOTH(test_write_from, takes, local, IBV_WR_RDMA_WRITE)

/* A word of each page, at another place in each. */
static size_t word_of(size_t page)
{
	return page * page_size + (page * 40) % page_size;
}

static uint64_t word_at(const uint8_t *mem, size_t at)
{
	return *(const volatile uint64_t *)(mem + at);
}

static void atomic(const struct far *far, size_t at, enum ibv_wr_opcode opcode,
		   uint64_t add, uint64_t swap)
{
	const struct nic_op op = {
		.opcode = opcode, .length = 8, .add = add, .swap = swap,
		.local = far->near_mr, .at = far->near,
		.remote = far->mr, .remote_at = far->mem + at,
	};

	assert_int_equal(nic_do(&nic, &op), IBV_WC_SUCCESS);
}

/* Each word: add, a compare that fails, one that succeeds; the old value comes back. */
static void atomics_on(struct far *far, size_t page)
{
	size_t at = word_of(page);
	uint64_t value = pattern_word(at, 4);

	atomic(far, at, IBV_WR_ATOMIC_FETCH_AND_ADD, page + 7, 0);
	assert_true(word_at(far->near, 0) == value);
	atomic(far, at, IBV_WR_ATOMIC_CMP_AND_SWP, value, 1);
	assert_true(word_at(far->near, 0) == value + page + 7);
	atomic(far, at, IBV_WR_ATOMIC_CMP_AND_SWP, value + page + 7, ~value);
	assert_true(word_at(far->near, 0) == value + page + 7);
}

static void atomics(enum paging paging)
{
	struct far far;
	size_t i;

	far_start(&far, paging, 4);
	for (i = 0; i < far.pages; i++)
		atomics_on(&far, i);
	all_p2p(&far);
	/* Only those words have changed. */
	for (i = 0; i < far.pages; i++) {
		uint64_t *word = (uint64_t *)(far.mem + word_of(i));

		assert_true(*word == ~pattern_word(word_of(i), 4));
		*word = ~*word;
	}
	assert_pattern(far.mem, far.length, 4);
	far_end(&far);
}

static void test_atomics(void **state)
{
	(void)state;
	atomics(SMALL_PAGES);
	atomics(HUGE_PAGES);
}

/* Memory that is on the device when the program registers it. */
static void test_registered_there(void **state)
{
	struct far far;

	(void)state;
	far_start(&far, SMALL_PAGES, 5);
	assert_int_equal(ibv_dereg_mr(far.mr), 0);
	far.mr = nic_register(&nic, far.mem, far.length, true);
	assert_non_null(far.mr);
	remote(&far, IBV_WR_RDMA_READ);
	assert_pattern(far.near, far.length, 5);
	all_p2p(&far);
	far_end(&far);
}

/* The CPU writes a page, which comes home; the NIC goes on with the right bytes. */
static void cpu_touches(enum paging paging)
{
	struct far far;
	size_t touched, left;

	far_start(&far, paging, 6);
	remote(&far, IBV_WR_RDMA_READ);
	touched = far.pages / 2 * page_size;
	pattern_fill(far.mem + touched, touched, page_size, 7);
	left = pages_on(far.exporter, far.mem, far.length);
	/* Neighbours may come with it, but not all. */
	assert_int_equal(pages_on(far.exporter, far.mem + touched, page_size), 0);
	if (paging == SMALL_PAGES)
		assert_in_range(left, far.pages / 2, far.pages - 1);

	memset(far.near, 0, far.length);
	remote(&far, IBV_WR_RDMA_READ);
	assert_int_equal(pattern_diff(far.near, 0, touched, 6), -1);
	assert_int_equal(pattern_diff(far.near + touched, touched, page_size, 7), -1);
	assert_int_equal(pattern_diff(far.near + touched + page_size,
				      touched + page_size,
				      far.length - touched - page_size, 6), -1);
	/* Nobody but the CPU has brought anything home. */
	assert_int_equal(counted(&far, HMM_P2P_COUNTER_SENT_HOME), 0);
	assert_int_equal(pages_on(far.exporter, far.mem, far.length), left);

	/* And back to the device, where the NIC writes. */
	move_to(far.exporter, far.mem, far.length, NULL);
	pattern_fill(far.near, 0, far.length, 8);
	remote(&far, IBV_WR_RDMA_WRITE);
	assert_int_equal(pages_on(far.exporter, far.mem, far.length), far.pages);
	assert_int_equal(counted(&far, HMM_P2P_COUNTER_SENT_HOME), 0);
	assert_pattern(far.mem, far.length, 8);
	far_end(&far);
}

static void test_cpu_touches(void **state)
{
	(void)state;
	cpu_touches(SMALL_PAGES);
	cpu_touches(HUGE_PAGES);
}

/* Memory that is moved to where it is: the NIC need not ask again. */
static void moved_again(enum paging paging)
{
	struct hmm_p2p_migrate moved;
	struct far far;

	far_start(&far, paging, 17);
	remote(&far, IBV_WR_RDMA_READ);
	all_p2p(&far);
	move_to(far.exporter, far.mem, far.length, &moved);
	assert_int_equal(moved.out_already, far.pages);
	memset(far.near, 0, far.length);
	remote(&far, IBV_WR_RDMA_READ);
	assert_pattern(far.near, far.length, 17);
	all_p2p(&far);
	far_end(&far);
}

static void test_moved_again(void **state)
{
	(void)state;
	moved_again(SMALL_PAGES);
	moved_again(HUGE_PAGES);
}

/* Every third page in RAM, on one device, on another; some had no page at all. */
static void test_mixed(void **state)
{
	struct hmm_p2p_stat before;
	struct far far;
	uint32_t other;
	size_t i;

	(void)state;
	far_start(&far, SMALL_PAGES, 9);
	other = other_exporter(far.exporter).out_id;
	for (i = 0; i < far.pages; i++) {
		uint8_t *page = far.mem + i * page_size;

		if (i % 3)
			move_to_ram(page, page_size, NULL);
		if (i % 3 == 2)
			move_all_to(other, page, page_size);
	}
	far.before = stat_now(far.exporter);
	before = stat_now(other);
	remote(&far, IBV_WR_RDMA_READ);
	assert_pattern(far.near, far.length, 9);
	assert_int_equal(counted(&far, HMM_P2P_COUNTER_P2P), (far.pages + 2) / 3);
	assert_int_equal(stat_delta(other, &before, HMM_P2P_COUNTER_P2P),
			 far.pages / 3);
	assert_int_equal(pages_on(0, far.mem, far.length),
			 (far.pages + 2) / 3 + far.pages / 3);
	far_end(&far);
}

static int sees_pattern(void *arg)
{
	struct far *far = arg;

	CHECK(pattern_diff(far->mem, 0, far->length, 10) == -1);
	return 0;
}

/* Without the interposer the kernel's own fault is nobody's that would be told why. */
static bool has_hook(void)
{
	const char *kernel = getenv("HMM_P2P_KERNEL");

	return kernel && !strcmp(kernel, "native");
}

/* The NIC writes what a child shares copy on write: to a page of its own. */
static void test_fork(void **state)
{
	struct hmm_p2p_stat now;
	struct far far;
	pid_t pid;

	(void)state;
	far_start(&far, SMALL_PAGES, 10);
	remote(&far, IBV_WR_RDMA_READ);
	all_p2p(&far);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		/* Looks when it is woken, which is after the NIC has written. */
		raise(SIGSTOP);
		_exit(sees_pattern(&far));
	}
	assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
	pattern_fill(far.near, 0, far.length, 11);
	remote(&far, IBV_WR_RDMA_WRITE);
	now = stat_now(far.exporter);
	if (has_hook())
		assert_int_equal(pages_on(0, far.mem, far.length), 0);
	else
		assert_int_equal(now.out_reasons[HMM_P2P_REASON_READ_ONLY] -
				 far.before.out_reasons[HMM_P2P_REASON_READ_ONLY],
				 far.pages);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(child_wait(pid), 0);
	assert_pattern(far.mem, far.length, 11);
	far_end(&far);
}

/* What the NIC may not write it does not write, wherever it is. */
static void test_read_only(void **state)
{
	struct far far;
	struct nic_op op;

	(void)state;
	far_start(&far, SMALL_PAGES, 12);
	pattern_fill(far.near, 0, far.length, 13);
	remote(&far, IBV_WR_RDMA_WRITE);
	assert_int_equal(mprotect(far.mem, far.length, PROT_READ), 0);
	op = (struct nic_op) {
		.opcode = IBV_WR_RDMA_WRITE, .length = far.length,
		.local = far.near_mr, .at = far.near,
		.remote = far.mr, .remote_at = far.mem,
	};
	pattern_fill(far.near, 0, far.length, 14);
	assert_int_equal(nic_do(&nic, &op), IBV_WC_REM_ACCESS_ERR);
	assert_true(nic_connect_self(&nic));
	remote(&far, IBV_WR_RDMA_READ);
	assert_pattern(far.near, far.length, 13);
	assert_int_equal(pages_on(far.exporter, far.mem, far.length), far.pages);
	assert_int_equal(counted(&far, HMM_P2P_COUNTER_TO_RAM), 0);
	assert_pattern(far.mem, far.length, 13);
	far_end(&far);
}

/* Unmapped memory is gone for the NIC too; what is mapped there next is new. */
static void test_munmap(void **state)
{
	struct nic_op op;
	struct far far;

	(void)state;
	far_start(&far, SMALL_PAGES, 15);
	remote(&far, IBV_WR_RDMA_READ);
	assert_int_equal(munmap(far.mem, far.length), 0);
	assert_int_equal(used_bytes(far.exporter), 0);
	op = (struct nic_op) {
		.opcode = IBV_WR_RDMA_READ, .length = far.length,
		.local = far.near_mr, .at = far.near,
		.remote = far.mr, .remote_at = far.mem,
	};
	assert_int_equal(nic_do(&nic, &op), IBV_WC_REM_ACCESS_ERR);
	assert_true(mmap(far.mem, far.length, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == far.mem);
	assert_true(nic_connect_self(&nic));
	remote(&far, IBV_WR_RDMA_READ);
	assert_zero(far.near, far.length);
	far_end(&far);
}

/* The exporter goes away under the NIC: its pages come home and it goes on. */
static void test_exporter_leaves(void **state)
{
	struct hmm_p2p_device_info info;
	struct far far;

	(void)state;
	far_start(&far, SMALL_PAGES, 16);
	remote(&far, IBV_WR_RDMA_READ);
	all_p2p(&far);
	assert_int_equal(hmm_p2p_device_next(ctx, far.exporter, &info), 0);
	assert_int_equal(driver_unbind("hmm_p2p_pci", &info), 0);
	memset(far.near, 0, far.length);
	remote(&far, IBV_WR_RDMA_READ);
	assert_pattern(far.near, far.length, 16);
	pattern_fill(far.near, 0, far.length, 17);
	remote(&far, IBV_WR_RDMA_WRITE);
	assert_int_equal(driver_bind("hmm_p2p_pci", &info), 0);
	assert_int_equal(hmm_p2p_device_find(ctx, (const char *)info.out_bus, &info),
			 0);
	far.exporter = info.out_id;
	move_all_to(far.exporter, far.mem, far.length);
	far.before = stat_now(far.exporter);
	remote(&far, IBV_WR_RDMA_READ);
	assert_pattern(far.near, far.length, 17);
	all_p2p(&far);
	far_end(&far);
}

/* Memory that is for the process's own CPU: the NIC gets none, and says so. */
static void test_secret(void **state)
{
	size_t length = PAGES * page_size;
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	uint8_t *near = map_pattern(length, SMALL_PAGES, 20), *secret;
	struct nic_op op = { .opcode = IBV_WR_RDMA_READ, .length = page_size };

	(void)state;
	if (fd < 0)
		SKIP("this kernel has no memfd_secret()");
	assert_return_code(ftruncate(fd, length), errno);
	secret = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(secret, MAP_FAILED);
	close(fd);
	pattern_fill(secret, 0, length, 21);
	assert_true(nic_connect_self(&nic));
	op.local = nic_register(&nic, near, length, false);
	op.remote = nic_register(&nic, secret, length, true);
	assert_non_null(op.local);
	assert_non_null(op.remote);
	op.at = near;
	op.remote_at = secret;
	assert_int_equal(nic_do(&nic, &op), IBV_WC_REM_ACCESS_ERR);
	assert_pattern(near, length, 20);
	assert_int_equal(ibv_dereg_mr((struct ibv_mr *)op.remote), 0);
	assert_int_equal(ibv_dereg_mr((struct ibv_mr *)op.local), 0);
	munmap(secret, length);
	unmap(near, length);
}

#define SWAP_BYTES	(64 * MIB)

/* What the NIC has written to memory that was given up stays written. */
static void given_up(enum paging paging)
{
	struct far far = { .exporter = largest_exporter(8 * MIB).out_id };

	far.length = paging == HUGE_PAGES ? huge_size : PAGES * page_size;
	far.pages = far.length / page_size;
	far.mem = map_pattern(far.length, paging, 21);
	far.near = map_pattern(far.length, SMALL_PAGES, 22);
	assert_true(nic_connect_self(&nic));
	far.mr = nic_register(&nic, far.mem, far.length, true);
	far.near_mr = nic_register(&nic, far.near, far.length, false);
	assert_non_null(far.mr);
	assert_non_null(far.near_mr);
	give_up(far.mem, far.length);
	move_all_to(far.exporter, far.mem, far.length);
	far.before = stat_now(far.exporter);
	remote(&far, IBV_WR_RDMA_WRITE);
	all_p2p(&far);
	move_to_ram(far.mem, far.length, NULL);
	reclaim(far.mem, far.length);
	assert_pattern(far.mem, far.length, 22);
	far_end(&far);
}

static void test_given_up(void **state)
{
	(void)state;
	if (!swap_begin(SWAP_DISK, SWAP_BYTES))
		SKIP("there is no loop device to swap to");
	given_up(SMALL_PAGES);
	given_up(HUGE_PAGES);
	assert_int_equal(swap_end(SWAP_DISK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read),
		TEST(test_write),
		TEST(test_send),
		TEST(test_receive),
		TEST(test_read_into),
		TEST(test_write_from),
		TEST(test_atomics),
		TEST(test_registered_there),
		TEST(test_cpu_touches),
		TEST(test_moved_again),
		TEST(test_mixed),
		TEST(test_fork),
		TEST(test_read_only),
		TEST(test_munmap),
		TEST(test_exporter_leaves),
		TEST(test_secret),
		TEST(test_given_up),
	};

	return cmocka_run_group_tests_name("rdma", tests, rdma_setup, rdma_teardown);
}
