// SPDX-License-Identifier: GPL-2.0
/*
 * The interposer itself: what it changes and what it does not, that it comes
 * and goes under load, and that it says why when it cannot come.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "common.h"
#include "verbs.h"

#define PAGES		64
#define LENGTH		(PAGES * page_size)
#define NAME		"hmm_p2p_interpose"
#define FAULT_FILE	"/sys/kernel/debug/hmm_p2p_bench/fault"
#define SYSCTL_FILE	"/proc/sys/kernel/ftrace_enabled"

static struct nic nic;

static int interpose_setup(void **state)
{
	if (suite_setup(state) || system("load hmm_p2p_bench"))
		return -1;
	return nic_open(&nic, IBV_MTU_4096) && nic_trace() ? 0 : -1;
}

static int interpose_teardown(void **state)
{
	nic_trace_end();
	nic_close(&nic);
	return suite_teardown(state) | system("rmmod hmm_p2p_bench");
}

/* ------------------------------------------------------------------ the module */

/**
 * struct image - a module's file
 * @data: its bytes
 * @size: how many
 */
struct image {
	char *data;
	size_t size;
};

static struct image image_read(void)
{
	const char *folder = getenv("HMM_P2P_MODULES");
	struct image image = { 0 };
	char path[256];
	FILE *file;

	assert_non_null(folder);
	snprintf(path, sizeof(path), "%s/" NAME ".ko", folder);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	image.size = ftell(file);
	rewind(file);
	image.data = malloc(image.size);
	assert_non_null(image.data);
	assert_int_equal(fread(image.data, 1, image.size, file), image.size);
	fclose(file);
	return image;
}

/* Return: 0 or -errno. */
static int insert(const struct image *image)
{
	return syscall(SYS_init_module, image->data, image->size, "") ? -errno : 0;
}

static int drop(void)
{
	return syscall(SYS_delete_module, NAME, O_NONBLOCK) ? -errno : 0;
}

static bool is_loaded(void)
{
	return !access("/sys/module/" NAME, F_OK);
}

/* Each test begins and ends with it loaded, and ftrace on. */
static int with_module(void **state)
{
	int ret = write_file(SYSCTL_FILE, "1");

	if (!ret && !is_loaded())
		ret = system("load " NAME);
	return ret ? -1 : test_setup(state);
}

static int again_with_module(void **state)
{
	return test_teardown(state) | with_module(state);
}

/* The same module under a name of the same length: somebody else, for the kernel. */
static void rename_image(struct image *image)
{
	static const char other[] = "hmm_p2p_interposf";
	char *at = image->data, *end = at + image->size;

	while ((at = memmem(at, end - at, NAME, strlen(NAME))))
		memcpy(at, other, strlen(other));
}

/* ----------------------------------------------------------- who gets what */

/* What a caller that no adapter knows gets: the kernel's own answer. */
static void unknown_caller(void)
{
	struct hmm_p2p_device_info exporter = largest_exporter(8 * MIB);
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 1);
	unsigned long pages, private, alias, system_pages;
	struct hmm_p2p_stat before;
	char text[128];
	FILE *file;

	move_all_to(exporter.out_id, mem, LENGTH);
	before = stat_now(exporter.out_id);
	snprintf(text, sizeof(text), "%lx %lx 1 none", (unsigned long)mem,
		 (unsigned long)LENGTH);
	assert_int_equal(write_file(FAULT_FILE, text), 0);
	file = fopen(FAULT_FILE, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*u %lu %lu %lu %lu", &pages, &private, &alias,
				&system_pages), 4);
	fclose(file);
	assert_int_equal(system_pages, PAGES);
	assert_int_equal(pages, PAGES);
	assert_int_equal(pages_on(0, mem, LENGTH), 0);
	assert_int_equal(stat_delta(exporter.out_id, &before, HMM_P2P_COUNTER_P2P), 0);
	assert_int_equal(stat_delta(exporter.out_id, &before,
				    HMM_P2P_COUNTER_SENT_HOME), 0);
	assert_int_equal(stat_delta(exporter.out_id, &before,
				    HMM_P2P_COUNTER_CPU_FAULT), PAGES);
	assert_pattern(mem, LENGTH, 1);
	unmap(mem, LENGTH);
}

static void test_unknown_caller(void **state)
{
	(void)state;
	unknown_caller();
	/* Known to be unknown, then a new module at the same addresses, perhaps. */
	unknown_caller();
	assert_int_equal(system("rmmod hmm_p2p_bench && load hmm_p2p_bench"), 0);
	unknown_caller();
	assert_int_equal(drop(), 0);
	unknown_caller();
}

/* The NIC reads device memory. Return: pages that are still there. */
static size_t nic_reads(struct hmm_p2p_stat *before, uint32_t exporter)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 2);
	uint8_t *near = map_memory(LENGTH, SMALL_PAGES);
	struct ibv_mr *mr = nic_register(&nic, mem, LENGTH, true);
	struct ibv_mr *near_mr = nic_register(&nic, near, LENGTH, false);
	const struct nic_op op = {
		.opcode = IBV_WR_RDMA_READ, .length = LENGTH,
		.local = near_mr, .at = near, .remote = mr, .remote_at = mem,
	};
	size_t left;

	assert_non_null(mr);
	assert_non_null(near_mr);
	assert_true(nic_connect_self(&nic));
	move_all_to(exporter, mem, LENGTH);
	*before = stat_now(exporter);
	assert_int_equal(nic_do(&nic, &op), IBV_WC_SUCCESS);
	assert_pattern(near, LENGTH, 2);
	left = pages_on(exporter, mem, LENGTH);
	assert_int_equal(ibv_dereg_mr(mr), 0);
	assert_int_equal(ibv_dereg_mr(near_mr), 0);
	unmap(near, LENGTH);
	unmap(mem, LENGTH);
	return left;
}

/* It makes the difference: without it all comes home, with it nothing. */
static void test_difference(void **state)
{
	uint32_t exporter = largest_exporter(8 * MIB).out_id;
	struct hmm_p2p_stat before;

	(void)state;
	assert_int_equal(drop(), 0);
	assert_int_equal(nic_reads(&before, exporter), 0);
	assert_int_equal(stat_delta(exporter, &before, HMM_P2P_COUNTER_P2P), 0);
	assert_int_equal(system("load " NAME), 0);
	assert_int_equal(nic_reads(&before, exporter), PAGES);
	assert_int_equal(stat_delta(exporter, &before, HMM_P2P_COUNTER_P2P), PAGES);
}

#define TRACING	"/sys/kernel/tracing/"

/* The function graph tracer puts an address of its own in place of the caller's. */
static void test_traced(void **state)
{
	uint32_t exporter = largest_exporter(8 * MIB).out_id;
	struct hmm_p2p_stat before;
	size_t left;

	(void)state;
	if (write_file(TRACING "set_ftrace_filter", "hmm_range_fault*") ||
	    write_file(TRACING "current_tracer", "function_graph"))
		SKIP("this kernel has no function graph tracer");
	left = nic_reads(&before, exporter);
	assert_int_equal(write_file(TRACING "current_tracer", "nop"), 0);
	assert_int_equal(left, PAGES);
	assert_int_equal(stat_delta(exporter, &before, HMM_P2P_COUNTER_P2P), PAGES);
}

/* --------------------------------------------------------------- it says no */

/* Since 7.3 nobody can, whatever is @expected. */
static void switch_ftrace_off(int expected)
{
	int ret = write_file(SYSCTL_FILE, "0");

	if (ret == -EOPNOTSUPP)
		SKIP("this kernel does not switch ftrace off");
	assert_int_equal(ret, expected);
}

static void test_refuses_without_ftrace(void **state)
{
	struct image image;
	int fd;

	(void)state;
	assert_int_equal(drop(), 0);
	switch_ftrace_off(0);
	image = image_read();
	fd = log_open();
	assert_int_equal(insert(&image), -EBUSY);
	assert_true(log_says(fd, "set kernel.ftrace_enabled=1"));
	close(fd);
	assert_int_equal(write_file(SYSCTL_FILE, "1"), 0);
	assert_int_equal(insert(&image), 0);
	free(image.data);
}

/* Nobody switches ftrace off under it. */
static void test_keeps_ftrace(void **state)
{
	(void)state;
	switch_ftrace_off(-EBUSY);
	assert_int_equal(drop(), 0);
	switch_ftrace_off(0);
	assert_int_equal(write_file(SYSCTL_FILE, "1"), 0);
}

static void test_refuses_a_second(void **state)
{
	struct image image = image_read();
	int fd = log_open();

	(void)state;
	rename_image(&image);
	assert_int_equal(insert(&image), -EBUSY);
	assert_true(log_says(fd, "another module holds hmm_range_fault"));
	close(fd);
	free(image.data);
}

/* ---------------------------------------------------------------- under load */

#define LOAD_LENGTH	(4 * MIB)

/**
 * struct load - what goes on while the module comes and goes
 * @exporter: where memory moves to
 * @mem: the memory
 * @near: the NIC's buffer
 * @mr: region of @mem, on demand
 * @near_mr: region of @near
 * @stop: it is over
 * @bad: threads that found something wrong
 * @transfers: the NIC's rounds
 * @late: transfers that the machine was too busy for
 * @moves: the mover's rounds
 */
struct load {
	uint32_t exporter;
	uint8_t *mem;
	uint8_t *near;
	struct ibv_mr *mr;
	struct ibv_mr *near_mr;
	bool stop;
	unsigned int bad;
	unsigned long transfers;
	unsigned long late;
	unsigned long moves;
};

static bool goes_on(struct load *load)
{
	return !__atomic_load_n(&load->stop, __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&load->bad, __ATOMIC_RELAXED);
}

static int load_transfer(struct load *load, enum ibv_wr_opcode opcode, uint64_t at,
			 size_t length)
{
	const struct nic_op op = {
		.opcode = opcode, .length = length,
		.local = load->near_mr, .at = load->near,
		.remote = load->mr, .remote_at = load->mem + at,
	};

	enum ibv_wc_status status = nic_do_busy(&nic, &op, &load->late);

	if (status != IBV_WC_SUCCESS)
		fprintf(stderr, "# a transfer ended with: %s\n",
			ibv_wc_status_str(status));
	return status != IBV_WC_SUCCESS;
}

/* The NIC writes a part with a pattern of its own, and reads it back. */
static int load_round(struct load *load, uint64_t *random, uint64_t seed)
{
	size_t length = 32 * page_size;
	uint64_t at = random_next(random) % (LOAD_LENGTH / length) * length;

	pattern_fill(load->near, at, length, seed);
	if (load_transfer(load, IBV_WR_RDMA_WRITE, at, length))
		return 1;
	memset(load->near, 0, length);
	if (load_transfer(load, IBV_WR_RDMA_READ, at, length))
		return 1;
	CHECK(pattern_diff(load->near, at, length, seed) == -1);
	return 0;
}

static void *load_nic(void *arg)
{
	struct load *load = arg;
	uint64_t random = 1, seed = 10;

	while (goes_on(load)) {
		if (load_round(load, &random, seed++))
			__atomic_store_n(&load->bad, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&load->transfers, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int load_move(struct load *load, uint64_t *random)
{
	uint64_t at = random_next(random) % (LOAD_LENGTH / MIB) * MIB;
	uint64_t addr = (uintptr_t)load->mem + at;

	if (random_next(random) % 2)
		CHECK(hmm_p2p_migrate(ctx, NULL, load->exporter, addr, MIB, NULL) == 0);
	else
		CHECK(hmm_p2p_migrate_to_ram(ctx, NULL, addr, MIB, NULL) == 0);
	return 0;
}

static void *load_mover(void *arg)
{
	struct load *load = arg;
	uint64_t random = 2;

	while (goes_on(load)) {
		if (load_move(load, &random))
			__atomic_store_n(&load->bad, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&load->moves, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void load_start(struct load *load)
{
	memset(load, 0, sizeof(*load));
	load->exporter = largest_exporter(2 * LOAD_LENGTH).out_id;
	load->mem = map_memory(LOAD_LENGTH, SMALL_PAGES);
	pattern_fill(load->mem, 0, LOAD_LENGTH, 3);
	load->near = map_memory(LOAD_LENGTH, SMALL_PAGES);
	load->mr = nic_register(&nic, load->mem, LOAD_LENGTH, true);
	load->near_mr = nic_register(&nic, load->near, LOAD_LENGTH, false);
	assert_non_null(load->mr);
	assert_non_null(load->near_mr);
	assert_true(nic_connect_self(&nic));
}

static void load_end(struct load *load)
{
	assert_int_equal(ibv_dereg_mr(load->mr), 0);
	assert_int_equal(ibv_dereg_mr(load->near_mr), 0);
	unmap(load->near, LOAD_LENGTH);
	unmap(load->mem, LOAD_LENGTH);
}

/* It takes a transfer or two, of memory that is just on the device. */
#define P2P_SECONDS	60

/* A debug kernel takes several times as long for each. */
static unsigned int rounds(void)
{
	return hammer_seconds("INTERPOSE_ROUNDS", 100, 30);
}

/* The last time it stays until it has been of use. */
static void await_p2p(struct load *load, const struct hmm_p2p_stat *before)
{
	double until = seconds_now() + P2P_SECONDS;

	while (goes_on(load) && seconds_now() < until &&
	       !stat_delta(load->exporter, before, HMM_P2P_COUNTER_P2P))
		usleep(10000);
}

static void test_comes_and_goes(void **state)
{
	unsigned int i, nr = rounds();
	struct image image = image_read();
	struct hmm_p2p_stat before;
	pthread_t threads[2];
	struct load load;

	(void)state;
	load_start(&load);
	before = stat_now(load.exporter);
	assert_int_equal(pthread_create(&threads[0], NULL, load_nic, &load), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, load_mover, &load), 0);
	for (i = 0; i < nr && goes_on(&load); i++) {
		if (drop() || insert(&image))
			__atomic_store_n(&load.bad, 1, __ATOMIC_RELAXED);
	}
	await_p2p(&load, &before);
	__atomic_store_n(&load.stop, true, __ATOMIC_RELAXED);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	fprintf(stderr, "# %u times, %lu transfers, %lu late, %lu moves\n", i,
		load.transfers, load.late, load.moves);
	assert_int_equal(load.bad, 0);
	assert_int_equal(i, nr);
	assert_true(load.transfers > nr / 4);
	assert_true(load.moves > nr / 4);
	assert_int_not_equal(stat_delta(load.exporter, &before, HMM_P2P_COUNTER_P2P), 0);
	load_end(&load);
	free(image.data);
}

#define MODULE_TEST(fn) \
	cmocka_unit_test_setup_teardown(fn, with_module, again_with_module)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MODULE_TEST(test_unknown_caller),
		MODULE_TEST(test_difference),
		MODULE_TEST(test_traced),
		MODULE_TEST(test_refuses_without_ftrace),
		MODULE_TEST(test_keeps_ftrace),
		MODULE_TEST(test_refuses_a_second),
		MODULE_TEST(test_comes_and_goes),
	};

	return cmocka_run_group_tests_name("interpose", tests, interpose_setup,
					   interpose_teardown);
}
