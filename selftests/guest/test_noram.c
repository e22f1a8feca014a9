// SPDX-License-Identifier: GPL-2.0
/*
 * More memory on a device than RAM could take, and somebody wants it home: who
 * asked gets an error and counts, nothing is lost, and nobody is killed for it.
 *
 * The tests share one large piece of memory, and each begins with all of it on
 * the device. A bystander uses memory all the time, and has to live.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/swap.h>
#include <sys/wait.h>

#include "common_storage.h"
#include "common_swap.h"

/* More than three times what the guest has. */
#define LENGTH		(3584 * MIB)
#define PAGES		(LENGTH / page_size)
#define SEED		91

/* Fits into RAM. */
#define STEP		(64 * MIB)

/* What the bystander keeps, and what it takes and gives back again and again. */
#define KEPT		(96 * MIB)
#define TAKEN		(4 * MIB)

#define SWAP_BYTES	(192 * MIB)

/* More than there is RAM, too. */
#define LOST		(2048 * MIB)

/* Of what is home, and of what is on the device, when memory is freed at last. */
#define KEPT_HUGE	16

static struct hmm_p2p_device_info device;
static uint8_t *mem;
static pid_t bystander;
static struct turns turns;
static uint64_t kills;

/* ---------------------------------------------------------------- bystander */

/* Until the other end of the pipe is closed. */
static int stand_by(void *arg)
{
	uint8_t *kept = map_memory(KEPT, SMALL_PAGES), *taken;
	struct pollfd end = { .events = POLLIN };

	(void)arg;
	turns_side(&turns, true);
	end.fd = turns.to_child[0];
	pattern_fill(kept, 0, KEPT, 1);
	CHECK(turn_give(&turns) == 0);
	while (poll(&end, 1, 20) == 0) {
		taken = map_memory(TAKEN, SMALL_PAGES);
		pattern_fill(taken, 0, TAKEN, 2);
		CHECK(pattern_diff(taken, 0, TAKEN, 2) == -1);
		unmap(taken, TAKEN);
	}
	CHECK(pattern_diff(kept, 0, KEPT, 1) == -1);
	return 0;
}

static void bystander_start(void)
{
	turns_init(&turns);
	bystander = child_start(stand_by, NULL);
	turns_side(&turns, false);
	REQUIRE(turn_await(&turns) == 0);
}

static bool lives(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

static uint64_t oom_kills(void)
{
	FILE *file = fopen("/proc/vmstat", "re");
	unsigned long long value = 0;
	char name[64];

	REQUIRE(file);
	while (fscanf(file, "%63s %llu", name, &value) == 2 && strcmp(name, "oom_kill"))
		;
	fclose(file);
	return value;
}

/* -------------------------------------------------------------- the memory */

/* Sets up memory on the device that was never touched. */
static int populate(void *at, size_t length, struct hmm_p2p_migrate *result)
{
	return hmm_p2p_migrate_flags(ctx, NULL, device.out_id, HMM_P2P_MIGRATE_POPULATE,
				     (uintptr_t)at, length, result);
}

static size_t on_device(void)
{
	return pages_on(0, mem, LENGTH);
}

/* All of it goes to the device. */
static void bring(uint8_t *at, size_t length)
{
	unsigned int tries;

	for (tries = 0; tries < 5; tries++) {
		lru_drain();
		move_to(device.out_id, at, length, NULL);
		if (pages_on(device.out_id, at, length) == length / page_size)
			return;
	}
	fail_msg("%zu of %zu pages are on the device",
		 pages_on(device.out_id, at, length), length / page_size);
}

/* By way of RAM, a bit at a time. Children do not get it. */
static uint8_t *map_on_device(size_t length)
{
	uint8_t *all = map_memory(length, HUGE_PAGES);
	size_t at;

	REQUIRE(madvise(all, length, MADV_DONTFORK) == 0);
	for (at = 0; at < length; at += STEP) {
		pattern_fill(all + at, at, STEP, SEED);
		move_to(device.out_id, all + at, STEP, NULL);
	}
	bring(all, length);
	return all;
}

/* Reads @sample bytes: what is in RAM the CPU, what is not the device. */
static void check_step(size_t at, size_t sample)
{
	static uint8_t data[2 * MIB];
	size_t from = at;

	if (sample < huge_size)
		from += at / huge_size * page_size % huge_size;
	if (!pages_on(0, mem + at, huge_size)) {
		assert_int_equal(pattern_diff(mem + from, from, sample, SEED), -1);
		return;
	}
	assert_int_equal(hmm_p2p_read(ctx, NULL, device.out_id, (uintptr_t)mem + from,
				      sample, data, 0, NULL, NULL), 0);
	assert_int_equal(pattern_diff(data, from, sample, SEED), -1);
}

/* Of each huge page as much as that. */
static void check_data(size_t sample)
{
	size_t before = on_device(), at;

	for (at = 0; at < LENGTH; at += huge_size)
		check_step(at, sample);
	assert_int_equal(on_device(), before);
}

static int group_setup(void **state)
{
	if (suite_setup(state))
		return -1;
	/* So that the one that tells what happened is not the one it happens to. */
	REQUIRE(write_file("/proc/self/oom_score_adj", "-1000") == 0);
	REQUIRE(write_file("/proc/sys/vm/overcommit_memory", "1") == 0);
	device = largest_exporter(LENGTH);
	bystander_start();
	mem = map_on_device(LENGTH);
	return 0;
}

static int group_teardown(void **state)
{
	if (mem)
		unmap(mem, LENGTH);
	turns_fini(&turns);
	REQUIRE(child_wait(bystander) == 0);
	return suite_teardown(state);
}

static int each_setup(void **state)
{
	(void)state;
	bring(mem, LENGTH);
	REQUIRE(used_bytes(device.out_id) == LENGTH);
	kills = oom_kills();
	return 0;
}

static int each_teardown(void **state)
{
	(void)state;
	REQUIRE(lives(bystander));
	REQUIRE(oom_kills() == kills);
	return 0;
}

#define NORAM(fn) cmocka_unit_test_setup_teardown(fn, each_setup, each_teardown)

/* --------------------------------------------------------------------- moves */

static void test_move_to_ram(void **state)
{
	struct hmm_p2p_migrate result;
	size_t left;

	(void)state;
	assert_int_equal(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem, LENGTH,
						&result), -ENOMEM);
	left = on_device();
	assert_true(result.out_moved > 0);
	assert_int_equal(result.out_moved, PAGES - left);
	assert_true(result.out_reasons[HMM_P2P_REASON_NO_MEMORY] > 0);
	assert_int_equal(result.out_already, 0);
	assert_int_equal(reasons_sum(result.out_reasons),
			 result.out_reasons[HMM_P2P_REASON_NO_MEMORY]);
	/* What is home is home, and there is no room for what is not. */
	assert_int_equal(hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem,
						result.out_moved * page_size, &result),
			 0);
	assert_int_equal(result.out_already, PAGES - left);
	check_data(page_size);
}

/**
 * struct newcomer - a process that wants more room than can be made
 * @ret: what its move returned
 * @result: and said
 */
struct newcomer {
	int ret;
	struct hmm_p2p_migrate result;
};

#define WANTED	(2048 * MIB)

static int come_new(void *arg)
{
	uint8_t *wanted = map_memory(WANTED, HUGE_PAGES);
	struct newcomer *newcomer = arg;

	turns_side(&turns, true);
	newcomer->ret = populate(wanted, WANTED, &newcomer->result);
	CHECK(pages_on(device.out_id, wanted, WANTED) == newcomer->result.out_moved);
	return 0;
}

static void test_newcomer(void **state)
{
	struct newcomer *newcomer = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t room = device.out_memory_bytes - LENGTH - huge_size;

	(void)state;
	assert_ptr_not_equal(newcomer, MAP_FAILED);
	assert_int_equal(in_child(come_new, newcomer), 0);
	assert_int_equal(newcomer->ret, -ENOSPC);
	assert_true(newcomer->result.out_moved > room / page_size);
	assert_true(newcomer->result.out_reasons[HMM_P2P_REASON_NO_DEVICE_MEMORY] > 0);
	assert_true(on_device() < PAGES);
	check_data(page_size);
	unmap(newcomer, page_size);
}

/* No importer is worth a kill: one that may have nothing as p2p is told. */
static void test_importer(void **state)
{
	struct hmm_p2p_access result;
	size_t left;

	(void)state;
	assert_int_equal(hmm_p2p_fault(ctx, NULL, smallest_exporter().out_id,
				       (uintptr_t)mem, LENGTH, HMM_P2P_ACCESS_NO_P2P, NULL,
				       &result), -ENOMEM);
	left = on_device();
	assert_true(result.out_migrated > 0);
	/* What came home of the piece that failed is not counted. */
	assert_in_range(PAGES - left - result.out_migrated, 0, huge_size / page_size);
	assert_int_equal(result.out_p2p + result.out_private + result.out_system, 0);
	check_data(page_size);
}

/* -------------------------------------------------------------------- drains */

/*
 * What a drain of the full device said is what has happened. khugepaged may touch
 * a page that it finds beside some that have come home.
 */
static void check_drained(const struct hmm_p2p_stat *before, uint64_t moved,
			  uint64_t left)
{
	assert_true(moved > 0);
	assert_int_equal(left, on_device());
	assert_int_equal(moved, stat_delta(device.out_id, before, HMM_P2P_COUNTER_EVICTED));
	assert_int_equal(moved + stat_delta(device.out_id, before,
					    HMM_P2P_COUNTER_CPU_FAULT), PAGES - left);
}

/* How much comes home when RAM has no room for more. */
static uint64_t drain_some(void)
{
	struct hmm_p2p_stat before = stat_now(device.out_id);
	struct hmm_p2p_drain result;

	assert_int_equal(hmm_p2p_drain(ctx, device.out_id, &result), -ENOMEM);
	check_drained(&before, result.out_moved, result.out_left);
	return result.out_moved;
}

static void test_drain(void **state)
{
	(void)state;
	drain_some();
	check_data(huge_size);
}

/* There kswapd reports its own failed allocations, with a back trace. */
static void need_quiet_kswapd(void)
{
	const char *kernel = getenv("HMM_P2P_KERNEL");

	if (kernel && !strcmp(kernel, "debug"))
		SKIP("the debug kernel cannot swap so near to its watermarks in silence");
}

/* Swap makes room as far as it goes. */
static void test_drain_swap(void **state)
{
	struct disk disk = disk_find("swap");
	uint64_t without;

	need_quiet_kswapd();
	without = drain_some();
	each_setup(state);
	assert_true(swap_on(disk.path, SWAP_BYTES));
	assert_true(drain_some() > without + SWAP_BYTES * 3 / 4 / page_size);
	check_data(page_size);
	each_setup(state);
	assert_int_equal(swapoff(disk.path), 0);
}

/* Swap that takes RAM for what it is given, because that does not compress. */
static void test_drain_zram(void **state)
{
	need_quiet_kswapd();
	if (!swap_begin(SWAP_ZRAM, 1024 * MIB))
		SKIP("there is no zram to swap to");
	drain_some();
	check_data(page_size);
	each_setup(state);
	assert_int_equal(swap_end(SWAP_ZRAM), 0);
}

static void on_signal(int signal)
{
	(void)signal;
}

static struct hmm_p2p_drain *interrupted;

static int drain_until_signal(void *arg)
{
	const struct sigaction action = { .sa_handler = on_signal };

	(void)arg;
	turns_side(&turns, true);
	CHECK(sigaction(SIGINT, &action, NULL) == 0);
	CHECK(hmm_p2p_drain(ctx, device.out_id, interrupted) == -EINTR);
	return 0;
}

/* Runs it, and sends a signal when some memory has come home. */
static int interrupt(child_fn fn, void *arg)
{
	pid_t pid = child_start(fn, arg);

	while (used_bytes(device.out_id) > LENGTH - 16 * MIB && lives(pid))
		usleep(1000);
	REQUIRE(kill(pid, SIGINT) == 0);
	return child_wait(pid);
}

static void test_drain_signal(void **state)
{
	struct hmm_p2p_stat before = stat_now(device.out_id);

	(void)state;
	interrupted = mmap(NULL, page_size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(interrupted, MAP_FAILED);
	assert_int_equal(interrupt(drain_until_signal, NULL), 0);
	check_drained(&before, interrupted->out_moved, interrupted->out_left);
	unmap(interrupted, page_size);
	check_data(page_size);
}

static int drain_by_tool(void *arg)
{
	int *output = arg;

	turns_side(&turns, true);
	CHECK(dup2(*output, STDOUT_FILENO) == STDOUT_FILENO);
	execlp("hmmp2p", "hmmp2p", "drain", (const char *)device.out_name, NULL);
	return 127;
}

/* Ctrl-C: it says what it has done. */
static void test_tool_ctrl_c(void **state)
{
	struct hmm_p2p_stat before = stat_now(device.out_id);
	unsigned long long moved = 0, left = 0;
	int ends[2];
	FILE *said;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(interrupt(drain_by_tool, &ends[1]), 1);
	close(ends[1]);
	said = fdopen(ends[0], "r");
	assert_non_null(said);
	assert_int_equal(fscanf(said, "%*s %llu pages (%*[^)]) came to RAM, %llu", &moved,
				&left), 2);
	fclose(said);
	check_drained(&before, moved, left);
}

/* ------------------------------------------------------------------- removal */

static int unbind(void *arg)
{
	(void)arg;
	turns_side(&turns, true);
	REQUIRE(driver_unbind("hmm_p2p_pci", &device) == 0);
	return 0;
}

/* Until the kernel says @text, or @pid has ended. */
static bool log_await_or_end(int fd, const char *text, pid_t pid)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	while (!log_says(fd, text)) {
		if (!lives(pid))
			return false;
		poll(&ready, 1, 100);
	}
	return true;
}

/*
 * Frees most of what is home, and most of what is not; @kept receives the huge
 * pages that stay, half of each kind.
 */
static void free_most(uint8_t *kept[2][KEPT_HUGE])
{
	static bool keep[LENGTH / (2 * MIB)];
	size_t nr[2] = { 0 }, i;

	for (i = 0; i < LENGTH / huge_size; i++) {
		bool away = pages_on(0, mem + i * huge_size, huge_size);

		keep[i] = nr[away] < KEPT_HUGE;
		if (keep[i])
			kept[away][nr[away]++] = mem + i * huge_size;
	}
	assert_int_equal(nr[0], KEPT_HUGE);
	assert_int_equal(nr[1], KEPT_HUGE);
	forget(mem, LENGTH);
	for (i = 0; i < LENGTH / huge_size; i++)
		assert_int_equal(!keep[i] && munmap(mem + i * huge_size, huge_size), 0);
}

static void check_kept(uint8_t *const kept[KEPT_HUGE])
{
	size_t i;

	for (i = 0; i < KEPT_HUGE; i++) {
		assert_int_equal(pages_on(0, kept[i], huge_size), 0);
		assert_int_equal(pattern_diff(kept[i], kept[i] - mem, huge_size, SEED),
				 -1);
		assert_int_equal(munmap(kept[i], huge_size), 0);
	}
}

/* It waits, says so, and goes on when memory comes. */
static void test_unbind(void **state)
{
	int log = log_open();
	pid_t pid = child_start(unbind, NULL);
	uint8_t *kept[2][KEPT_HUGE];

	(void)state;
	assert_true(log_await_or_end(log, "waits for memory", pid));
	close(log);
	assert_true(lives(pid));
	assert_true(lives(bystander));
	free_most(kept);
	assert_int_equal(child_wait(pid), 0);
	check_kept(kept[0]);
	check_kept(kept[1]);
	mem = NULL;
}

static void bind_again(void)
{
	/* A removal that still waits would be in the way. */
	REQUIRE(!mem);
	REQUIRE(driver_bind("hmm_p2p_pci", &device) == 0);
	REQUIRE(hmm_p2p_device_find(ctx, (const char *)device.out_bus, &device) == 0);
}

/* The same device again, with no more on it than RAM can take. */
static void test_drain_empties(void **state)
{
	struct hmm_p2p_drain result;
	uint8_t *few;

	(void)state;
	bind_again();
	few = map_pattern(STEP, HUGE_PAGES, 1);
	bring(few, STEP);
	assert_int_equal(hmm_p2p_drain(ctx, device.out_id, &result), 0);
	assert_int_equal(result.out_moved, STEP / page_size);
	assert_int_equal(result.out_left, 0);
	assert_int_equal(used_bytes(device.out_id), 0);
	assert_pattern(few, STEP, 1);
	assert_int_equal(hmm_p2p_drain(ctx, device.out_id, &result), 0);
	assert_int_equal(result.out_moved, 0);
	unmap(few, STEP);
}

#define FAIL_COPY	"/sys/kernel/debug/hmm_p2p/fail_copy/"

static void fail_copies(const char *percent)
{
	REQUIRE(write_file(FAIL_COPY "verbose", "0") == 0);
	REQUIRE(write_file(FAIL_COPY "times", "-1") == 0);
	REQUIRE(write_file(FAIL_COPY "probability", percent) == 0);
}

/* A device that has stopped to answer is not waited for: RAM would not help. */
static void test_lost(void **state)
{
	uint8_t *lot;
	int log;

	(void)state;
	if (access(FAIL_COPY, F_OK))
		SKIP("this kernel injects no failures");
	lot = map_on_device(LOST);
	assert_int_equal(hmm_p2p_drain(ctx, device.out_id, NULL), -ENOMEM);
	log = log_open();
	fail_copies("100");
	assert_int_equal(in_child(unbind, NULL), 0);
	fail_copies("0");
	assert_true(log_says(log, "pages are lost"));
	close(log);
	assert_true(pages_on(0, lot, LOST) > 0);
	unmap(lot, LOST);
	bind_again();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		NORAM(test_move_to_ram),
		NORAM(test_newcomer),
		NORAM(test_importer),
		NORAM(test_drain),
		NORAM(test_drain_swap),
		NORAM(test_drain_zram),
		NORAM(test_drain_signal),
		NORAM(test_tool_ctrl_c),
		NORAM(test_unbind),
		cmocka_unit_test_teardown(test_drain_empties, each_teardown),
		cmocka_unit_test_teardown(test_lost, each_teardown),
	};

	return cmocka_run_group_tests_name("noram", tests, group_setup, group_teardown);
}
