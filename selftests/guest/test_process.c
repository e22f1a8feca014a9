// SPDX-License-Identifier: GPL-2.0
/* Who may do what, and how another process's memory is named. */
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "common.h"

#define NOBODY	65534
#define PAGES	16
#define LENGTH	(PAGES * page_size)

static int drop_privileges(void)
{
	CHECK(setgroups(0, NULL) == 0);
	CHECK(setgid(NOBODY) == 0);
	CHECK(setuid(NOBODY) == 0);
	return 0;
}

static int open_unprivileged(void *arg)
{
	struct hmm_p2p *mine;

	(void)arg;
	CHECK(drop_privileges() == 0);
	CHECK(open("/dev/hmm_p2p", O_RDWR) == -1 && errno == EACCES);
	CHECK(open("/dev/hmm_p2p", O_RDONLY) == -1 && errno == EACCES);
	CHECK(hmm_p2p_open(&mine) == -EACCES);
	return 0;
}

static void test_node_is_not_for_everybody(void **state)
{
	(void)state;
	assert_int_equal(in_child(open_unprivileged, NULL), 0);
}

/* With a descriptor of somebody who may, everything but what concerns others. */
static int use_unprivileged(void *arg)
{
	struct hmm_p2p_device_info *exporter = arg;
	uint8_t *mem = map_memory(LENGTH, SMALL_PAGES);
	struct hmm_p2p_migrate result;
	struct hmm_p2p_stat stat;

	CHECK(drop_privileges() == 0);
	CHECK(hmm_p2p_set_owner(ctx, exporter->out_id, 0, NULL) == -EPERM);
	CHECK(hmm_p2p_set_owner(ctx, exporter->out_id, exporter->out_id,
				NULL) == -EPERM);
	CHECK(hmm_p2p_drain(ctx, exporter->out_id, NULL) == -EPERM);
	CHECK(hmm_p2p_stat(ctx, exporter->out_id, &stat) == 0);
	pattern_fill(mem, 0, LENGTH, 1);
	CHECK(hmm_p2p_migrate(ctx, NULL, exporter->out_id, (uintptr_t)mem, LENGTH,
			      &result) == 0);
	CHECK(result.out_moved == PAGES);
	CHECK(pattern_diff(mem, 0, LENGTH, 1) == -1);
	return 0;
}

static void test_inherited_descriptor(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(0);

	(void)state;
	assert_int_equal(in_child(use_unprivileged, &exporter), 0);
}

/**
 * struct other - a child with a pattern in its memory, and we are its parent
 * @turns: the child waits here until it may check the memory
 * @mem: at the same address in both
 * @seed: what the child expects to find at the end
 * @pid: of the child
 */
struct other {
	struct turns turns;
	uint8_t *mem;
	uint64_t seed;
	pid_t pid;
};

static int other_main(void *arg)
{
	struct other *other = arg;

	turns_side(&other->turns, true);
	/* Memory of its own, not shared with the parent. */
	pattern_fill(other->mem, 0, LENGTH, 2);
	CHECK(turn_give(&other->turns) == 0);
	CHECK(turn_await(&other->turns) == 0);
	CHECK(pattern_diff(other->mem, 0, LENGTH, other->seed) == -1);
	return 0;
}

static void other_start(struct other *other, uint64_t seed)
{
	turns_init(&other->turns);
	other->seed = seed;
	other->mem = map_memory(LENGTH, SMALL_PAGES);
	other->pid = child_start(other_main, other);
	turns_side(&other->turns, false);
	assert_int_equal(turn_await(&other->turns), 0);
}

static void other_end(struct other *other)
{
	assert_int_equal(turn_give(&other->turns), 0);
	assert_int_equal(child_wait(other->pid), 0);
	turns_fini(&other->turns);
	unmap(other->mem, LENGTH);
}

static int migrate_named(uint32_t device, pid_t pid, int mem_fd,
			 const uint8_t *mem, struct hmm_p2p_migrate *result)
{
	struct hmm_p2p_process process = { .pid = pid, .mem_fd = mem_fd };

	return hmm_p2p_migrate(ctx, &process, device, (uintptr_t)mem, LENGTH,
			       result);
}

/* hmmp2p says @words of process @pid, which has no memory. */
static void tool_says(pid_t pid, const char *words)
{
	char command[128];

	snprintf(command, sizeof(command), "hmmp2p map %d 2>&1 | grep -q 'process %d %s'",
		 pid, pid, words);
	assert_int_equal(system(command), 0);
}

/* Not each process that has no memory is missing. */
static void test_no_memory(void **state)
{
	struct hmm_p2p_process process;
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	assert_int_not_equal(pid, -1);
	if (!pid)
		_exit(0);
	/* It has ended, and stays. */
	assert_return_code(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), errno);
	assert_int_equal(hmm_p2p_process_open(&process, pid, false), -ESRCH);
	tool_says(pid, "has ended (zombie)");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* kthreadd is always there. */
	assert_int_equal(hmm_p2p_process_open(&process, 2, false), -ESRCH);
	tool_says(2, "is a kernel thread");
}

/* The parent moves the child's memory there and back, and finds it. */
static void test_foreign_memory(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(0);
	struct hmm_p2p_migrate result;
	struct hmm_p2p_process process;
	struct other other;

	(void)state;
	other_start(&other, 2);
	assert_int_equal(hmm_p2p_process_open(&process, other.pid, false), 0);
	assert_int_equal(migrate_named(exporter.out_id, process.pid,
				       process.mem_fd, other.mem, &result), 0);
	assert_int_equal(result.out_moved, PAGES);
	assert_int_equal(hmm_p2p_query(ctx, &process, 0, (uintptr_t)other.mem,
				       LENGTH, NULL, NULL), 1);
	/* Nothing of it happened to the parent's own memory. */
	assert_int_equal(pages_on(0, other.mem, LENGTH), 0);
	assert_int_equal(hmm_p2p_migrate_to_ram(ctx, &process,
						(uintptr_t)other.mem, LENGTH / 2,
						&result), 0);
	assert_int_equal(result.out_moved, PAGES / 2);
	hmm_p2p_process_close(&process);
	other_end(&other);
}

/* An importer reads and writes the child's memory on the device. */
static void test_foreign_access(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(0);
	struct hmm_p2p_device_info importer = any_importer();
	uint8_t *data = map_memory(LENGTH, SMALL_PAGES);
	struct hmm_p2p_process process;
	struct other other;

	(void)state;
	other_start(&other, 3);
	assert_int_equal(hmm_p2p_process_open(&process, other.pid, true), 0);
	assert_int_equal(migrate_named(exporter.out_id, process.pid,
				       process.mem_fd, other.mem, NULL), 0);
	assert_int_equal(hmm_p2p_read(ctx, &process, importer.out_id,
				      (uintptr_t)other.mem, LENGTH, data, 0, NULL,
				      NULL), 0);
	assert_pattern(data, LENGTH, 2);
	pattern_fill(data, 0, LENGTH, 3);
	assert_int_equal(hmm_p2p_write(ctx, &process, importer.out_id,
				       (uintptr_t)other.mem, LENGTH, data, 0, NULL,
				       NULL), 0);
	hmm_p2p_process_close(&process);
	other_end(&other);
	unmap(data, LENGTH);
}

/* Reading rights do not let an importer write. */
static void test_read_only_proof(void **state)
{
	struct hmm_p2p_device_info importer = any_importer();
	uint8_t *data = map_memory(LENGTH, SMALL_PAGES);
	struct hmm_p2p_process process;
	struct other other;

	(void)state;
	other_start(&other, 2);
	assert_int_equal(hmm_p2p_process_open(&process, other.pid, false), 0);
	assert_int_equal(hmm_p2p_write(ctx, &process, importer.out_id,
				       (uintptr_t)other.mem, LENGTH, data, 0, NULL,
				       NULL), -EACCES);
	assert_int_equal(hmm_p2p_fault(ctx, &process, importer.out_id,
				       (uintptr_t)other.mem, LENGTH,
				       HMM_P2P_ACCESS_WRITE, NULL, NULL), -EACCES);
	assert_int_equal(hmm_p2p_fault(ctx, &process, importer.out_id,
				       (uintptr_t)other.mem, LENGTH, 0, NULL,
				       NULL), 0);
	hmm_p2p_process_close(&process);
	other_end(&other);
	unmap(data, LENGTH);
}

static int open_checked(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	assert_return_code(fd, errno);
	return fd;
}

/* Files that prove nothing about the child's memory. */
static void test_wrong_proof(void **state)
{
	static const struct {
		const char *path;
		int flags;
	} files[] = {
		{ "/proc/self/mem", O_RDONLY },	/* another process */
		{ "/dev/null", O_RDONLY },
		{ "/dev/hmm_p2p", O_RDWR },
		{ "/proc/%d/maps", O_RDONLY },
		{ "/proc/%d/mem", O_WRONLY },	/* looking needs reading */
		{ "/proc/%d/mem", O_PATH },
	};
	uint32_t id = largest_exporter(0).out_id;
	struct other other;
	char path[64];
	size_t i;
	int fd;

	(void)state;
	other_start(&other, 2);
	for (i = 0; i < ARRAY_SIZE(files); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(path, sizeof(path), files[i].path, other.pid);
#pragma GCC diagnostic pop
		fd = open_checked(path, files[i].flags);
		assert_int_equal(migrate_named(id, other.pid, fd, other.mem, NULL),
				 -EACCES);
		close(fd);
	}
	/* No file at all: one that is closed, and none named. */
	assert_int_equal(migrate_named(id, other.pid, 1000, other.mem, NULL),
			 -EACCES);
	assert_int_equal(migrate_named(id, other.pid, HMM_P2P_NO_FD, other.mem,
				       NULL), -EINVAL);
	assert_int_equal(pages_on(id, other.mem, LENGTH), 0);
	other_end(&other);
}

static void test_wrong_name(void **state)
{
	uint32_t id = largest_exporter(0).out_id;
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 1);
	int fd = open_checked("/proc/self/mem", O_RDONLY);

	(void)state;
	assert_int_equal(migrate_named(id, -1, fd, mem, NULL), -EINVAL);
	assert_int_equal(migrate_named(id, 0, fd, mem, NULL), -EINVAL);
	assert_int_equal(migrate_named(id, 0, -2, mem, NULL), -EINVAL);
	assert_int_equal(migrate_named(id, getpid(), -2, mem, NULL), -EINVAL);
	assert_int_equal(migrate_named(id, 0x3fffffff, fd, mem, NULL), -ESRCH);
	/* A kernel thread has no memory. */
	assert_int_equal(migrate_named(id, 2, fd, mem, NULL), -ESRCH);
	/* The caller may name itself as everybody else does. */
	assert_int_equal(migrate_named(id, getpid(), fd, mem, NULL), 0);
	assert_pattern(mem, LENGTH, 1);
	close(fd);
	unmap(mem, LENGTH);
}

static void wait_for_zombie(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* Dead but not buried, then gone: its memory no longer exists either way. */
static void test_dead_process(void **state)
{
	uint32_t id = largest_exporter(0).out_id;
	struct hmm_p2p_process process;
	struct other other;

	(void)state;
	other_start(&other, 2);
	assert_int_equal(hmm_p2p_process_open(&process, other.pid, false), 0);
	assert_int_equal(turn_give(&other.turns), 0);
	wait_for_zombie(other.pid);
	assert_int_equal(migrate_named(id, process.pid, process.mem_fd, other.mem,
				       NULL), -ESRCH);
	assert_int_equal(child_wait(other.pid), 0);
	assert_int_equal(migrate_named(id, process.pid, process.mem_fd, other.mem,
				       NULL), -ESRCH);
	hmm_p2p_process_close(&process);
	turns_fini(&other.turns);
	unmap(other.mem, LENGTH);
}

/* After execve() the file shows the old memory, which is not the process's. */
static int exec_main(void *arg)
{
	struct other *other = arg;

	turns_side(&other->turns, true);
	CHECK(turn_give(&other->turns) == 0);
	CHECK(turn_await(&other->turns) == 0);
	execl("/bin/sleep", "sleep", "1000", NULL);
	return 1;
}

static bool runs_sleep(pid_t pid)
{
	char path[64], comm[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open_checked(path, O_RDONLY);
	assert_true(read(fd, comm, sizeof(comm) - 1) > 0);
	close(fd);
	return !strcmp(comm, "sleep\n");
}

static void test_proof_from_before_exec(void **state)
{
	uint32_t id = largest_exporter(0).out_id;
	struct hmm_p2p_process process;
	struct other other;

	(void)state;
	turns_init(&other.turns);
	other.mem = map_memory(LENGTH, SMALL_PAGES);
	other.pid = child_start(exec_main, &other);
	turns_side(&other.turns, false);
	assert_int_equal(turn_await(&other.turns), 0);
	assert_int_equal(hmm_p2p_process_open(&process, other.pid, false), 0);
	assert_int_equal(turn_give(&other.turns), 0);
	while (!runs_sleep(other.pid))
		;
	assert_int_equal(migrate_named(id, process.pid, process.mem_fd, other.mem,
				       NULL), -EACCES);
	hmm_p2p_process_close(&process);
	kill(other.pid, SIGKILL);
	assert_int_equal(child_wait(other.pid), -SIGKILL);
	turns_fini(&other.turns);
	unmap(other.mem, LENGTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_node_is_not_for_everybody),
		TEST(test_inherited_descriptor),
		TEST(test_no_memory),
		TEST(test_foreign_memory),
		TEST(test_foreign_access),
		TEST(test_read_only_proof),
		TEST(test_wrong_proof),
		TEST(test_wrong_name),
		TEST(test_dead_process),
		TEST(test_proof_from_before_exec),
	};

	return RUN("process", tests);
}
