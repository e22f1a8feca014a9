// SPDX-License-Identifier: GPL-2.0
/*
 * Processes on an accelerator: more of them than it has address spaces, files that go to
 * other processes, and the end of processes with jobs. No process keeps another from its
 * jobs.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common_accel.h"

#define LENGTH		(4 * MIB)
#define SHARE		(2 * MIB)

/* -------------------------------------------------- more than there are places for */

#define PROCESSES	(CONTEXTS + 8)

/**
 * struct worker - a process that uses the device now and then
 * @turns: each of its rounds is a turn
 * @pid: the process
 * @seed: of its memory
 */
struct worker {
	struct turns turns;
	pid_t pid;
	uint64_t seed;
};

/* First its memory moves; in the second round it is there, and has only to be found. */
static int work(int fd, struct worker *worker)
{
	uint64_t *mem = (uint64_t *)map_pattern(SHARE, SMALL_PAGES, worker->seed);
	uint64_t expected = sum_of(mem, SHARE);
	struct drm_hmm_p2p_accel_run job;

	CHECK(turn_await(&worker->turns) == 0);
	CHECK(try_sum(fd, mem, SHARE, &job) == 0 && job.out_result == expected);
	CHECK(job.out_moved == SHARE / page_size);
	CHECK(turn_give(&worker->turns) == 0 && turn_await(&worker->turns) == 0);
	CHECK(try_sum(fd, mem, SHARE, &job) == 0 && job.out_result == expected);
	CHECK(job.out_moved == 0 && job.out_faults == 1);
	CHECK(turn_give(&worker->turns) == 0 && turn_await(&worker->turns) == 0);
	CHECK(fill(fd, mem, SHARE / 2, worker->seed) == 0);
	CHECK(try_sum(fd, mem, SHARE, &job) == 0);
	CHECK(mem[0] == worker->seed && mem[SHARE / 16 - 1] == worker->seed);
	CHECK(pattern_diff(mem + SHARE / 16, SHARE / 2, SHARE / 2, worker->seed) == -1);
	CHECK(job.out_result == sum_of(mem, SHARE));
	unmap(mem, SHARE);
	return 0;
}

static int worker_main(void *arg)
{
	struct worker *worker = arg;
	int fd = accel_open(0);

	turns_side(&worker->turns, true);
	CHECK(fd >= 0);
	return work(fd, worker);
}

static void workers_start(struct worker *workers)
{
	size_t i;

	for (i = 0; i < PROCESSES; i++) {
		workers[i].seed = i + 1;
		turns_init(&workers[i].turns);
		workers[i].pid = child_start(worker_main, &workers[i]);
		turns_side(&workers[i].turns, false);
	}
}

/* One after the other, so that who comes next has been idle for longest. */
static void workers_take_turns(struct worker *workers)
{
	size_t i;

	for (i = 0; i < PROCESSES; i++) {
		assert_int_equal(turn_give(&workers[i].turns), 0);
		assert_int_equal(turn_await(&workers[i].turns), 0);
	}
}

static void test_more_processes(void **state)
{
	struct worker workers[PROCESSES];
	size_t i;

	(void)state;
	(void)accel_memory(0);
	workers_start(workers);
	workers_take_turns(workers);
	workers_take_turns(workers);
	/* And all at once. */
	for (i = 0; i < PROCESSES; i++)
		assert_int_equal(turn_give(&workers[i].turns), 0);
	for (i = 0; i < PROCESSES; i++) {
		assert_int_equal(child_wait(workers[i].pid), 0);
		turns_fini(&workers[i].turns);
	}
}

#define FILES		1000

static int uses_device(void *arg)
{
	uint8_t *mem = map_pattern(SHARE, SMALL_PAGES, 31);
	uint64_t expected = sum_of(mem, SHARE);
	struct drm_hmm_p2p_accel_run job;
	int fd = accel_open(0);

	(void)arg;
	CHECK(fd >= 0);
	CHECK(try_sum(fd, mem, SHARE, &job) == 0 && job.out_result == expected);
	CHECK(pattern_diff(mem, 0, SHARE, 31) == -1);
	close(fd);
	return 0;
}

/* They are one for the device: what one has fetched, the next one finds. */
static void test_many_files(void **state)
{
	uint8_t *mem = map_pattern(SHARE, SMALL_PAGES, 32);
	uint64_t expected = sum_of(mem, SHARE);
	struct drm_hmm_p2p_accel_run job;
	int fds[FILES], i;

	(void)state;
	(void)accel_memory(0);
	for (i = 0; i < FILES; i++)
		assert_true((fds[i] = accel_open(0)) >= 0);
	for (i = 0; i < FILES; i += FILES / 20) {
		job = sum(fds[i], mem, SHARE);
		assert_true(job.out_result == expected);
		assert_int_equal(job.out_faults, i ? 0 : 1);
	}
	assert_int_equal(in_child(uses_device, NULL), 0);
	for (i = 0; i < FILES; i++)
		close(fds[i]);
	unmap(mem, SHARE);
}

/* So far apart that each page needs tables of its own, more than the device has room for. */
#define PLACES		300UL
#define DISTANCE	(16UL << 30)

static void test_page_tables_are_full(void **state)
{
	size_t length = PLACES * DISTANCE, i;
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_CHASE,
		.argument = 2 * PLACES,
	};
	int fd = accel_open(0);
	uint8_t *mem, **at;

	(void)state;
	(void)accel_memory(0);
	mem = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	for (i = 0; i < PLACES; i++) {
		at = (uint8_t **)(mem + i * DISTANCE);
		assert_int_equal(mprotect(at, page_size, PROT_READ | PROT_WRITE), 0);
		*at = mem + (i + 1) % PLACES * DISTANCE;
	}
	job.src = address(mem);
	assert_int_equal(accel_run(fd, &job), 0);
	assert_true(job.out_result == address(mem));
	assert_int_equal(job.out_moved, PLACES);
	/* Nobody else's were taken for it. */
	assert_int_equal(in_child(uses_device, NULL), 0);
	for (i = 0; i < PLACES; i++)
		assert_ptr_equal(*(uint8_t **)(mem + i * DISTANCE),
				 mem + (i + 1) % PLACES * DISTANCE);
	munmap(mem, length);
	close(fd);
}

/* ------------------------------------------------------------- who has to wait */

/**
 * struct busy - a process with a job that has no end
 * @turns: it is ready, and begins; another thread of it is ready, and has a job
 * @pid: the process
 * @tid: of that thread; shared
 */
struct busy {
	struct turns turns;
	pid_t pid;
	pid_t *tid;
};

static void *second_job(void *arg)
{
	struct busy *busy = arg;

	*busy->tid = gettid();
	if (turn_give(&busy->turns) == 0 && turn_await(&busy->turns) == 0)
		uses_device(NULL);
	return NULL;
}

static int busy_main(void *arg)
{
	struct drm_hmm_p2p_accel_run job;
	struct busy *busy = arg;
	int fd = accel_open(0);
	pthread_t thread;

	turns_side(&busy->turns, true);
	CHECK(fd >= 0);
	job = endless_job((uint64_t *)map_memory(page_size, SMALL_PAGES));
	CHECK(turn_give(&busy->turns) == 0 && turn_await(&busy->turns) == 0);
	CHECK(pthread_create(&thread, NULL, second_job, busy) == 0);
	accel_run(fd, &job);
	return 1;
}

static void await_stack(pid_t pid, pid_t tid, const char *function)
{
	AWAIT(strstr(stack_of(pid, tid), function));
}

static void busy_start(struct busy *busy)
{
	busy->tid = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	assert_ptr_not_equal(busy->tid, MAP_FAILED);
	turns_init(&busy->turns);
	busy->pid = child_start(busy_main, busy);
	turns_side(&busy->turns, false);
	assert_int_equal(turn_await(&busy->turns), 0);
}

static void busy_begin(struct busy *busy)
{
	assert_int_equal(turn_give(&busy->turns), 0);
	assert_int_equal(turn_await(&busy->turns), 0);
	await_stack(busy->pid, busy->pid, "accel_job_run");
}

static void busy_end(struct busy *busy)
{
	kill(busy->pid, SIGKILL);
	assert_int_equal(child_wait(busy->pid), -SIGKILL);
	turns_fini(&busy->turns);
	munmap(busy->tid, page_size);
}

/*
 * All address spaces are in use, by jobs that take no turns. Who comes now waits, can be
 * killed, and comes before those whose process has one.
 */
static void test_all_are_busy(void **state)
{
	struct busy busy[CONTEXTS];
	pid_t killed, next;
	size_t i;

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(write_file(SLICE, "0"), 0);
	for (i = 0; i < CONTEXTS; i++)
		busy_start(&busy[i]);
	for (i = 0; i < CONTEXTS; i++)
		busy_begin(&busy[i]);
	killed = child_start(uses_device, NULL);
	await_stack(killed, killed, "accel_context_begin");
	next = child_start(uses_device, NULL);
	await_stack(next, next, "accel_context_begin");
	assert_int_equal(turn_give(&busy[0].turns), 0);
	await_stack(busy[0].pid, *busy[0].tid, "accel_context_begin");
	kill(killed, SIGKILL);
	assert_int_equal(child_wait(killed), -SIGKILL);
	/* Its own goes on waiting behind the other one. */
	await_stack(busy[0].pid, *busy[0].tid, "accel_context_begin");
	for (i = 0; i < CONTEXTS; i++)
		busy_end(&busy[i]);
	assert_int_equal(child_wait(next), 0);
	assert_int_equal(write_file(SLICE, "20"), 0);
}

/* ------------------------------------------------- a file and other processes */

static int uses_parents_file(void *arg)
{
	uint64_t *mem = (uint64_t *)map_pattern(SHARE, SMALL_PAGES, 33);
	int fd = accel_open(0);

	CHECK(fill(*(int *)arg, mem, SHARE, 1) == -EPERM);
	CHECK(pattern_diff(mem, 0, SHARE, 33) == -1);
	CHECK(fill(fd, mem, SHARE, 1) == 0);
	CHECK(mem[0] == 1 && mem[SHARE / 8 - 1] == 1);
	return 0;
}

/* The child opens its own, and what it writes is its own, too. */
static int writes_its_copy(void *arg)
{
	int fd = accel_open(0);

	CHECK(fill(fd, arg, SHARE, 34) == 0);
	CHECK(*(uint64_t *)arg == 34);
	return 0;
}

static void test_fork(void **state)
{
	uint8_t *mem = map_pattern(SHARE, SMALL_PAGES, 35);
	int fd = accel_open(0);

	(void)state;
	(void)accel_memory(0);
	sum(fd, mem, SHARE);
	assert_int_equal(in_child(uses_parents_file, &fd), 0);
	assert_int_equal(in_child(writes_its_copy, mem), 0);
	assert_pattern(mem, SHARE, 35);
	close(fd);
	unmap(mem, SHARE);
}

/**
 * struct shares - what a child works on that shares the address space
 * @fd: its parent's file
 * @mem: its parent's memory
 * @ret: how the job ended
 */
struct shares {
	int fd;
	uint8_t *mem;
	int ret;
};

static int shares_main(void *arg)
{
	struct shares *shares = arg;

	shares->ret = fill(shares->fd, shares->mem, SHARE, 36);
	_exit(0);
}

/* As vfork() does, and threads do. */
static void test_shared_address_space(void **state)
{
	struct shares shares = { .fd = accel_open(0), .ret = 1 };
	uint8_t *stack = map_memory(MIB, SMALL_PAGES);
	pid_t pid;

	(void)state;
	(void)accel_memory(0);
	shares.mem = map_pattern(SHARE, SMALL_PAGES, 37);
	pid = clone(shares_main, stack + MIB, CLONE_VM | CLONE_VFORK | SIGCHLD, &shares);
	assert_true(pid > 0);
	assert_int_equal(child_wait(pid), 0);
	assert_int_equal(shares.ret, 0);
	assert_true(*(uint64_t *)shares.mem == 36);
	close(shares.fd);
	unmap(shares.mem, SHARE);
	unmap(stack, MIB);
}

static int send_file(int socket, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct msghdr message = {
		.msg_iov = &(struct iovec){ .iov_base = "", .iov_len = 1 },
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	CHECK(sendmsg(socket, &message, 0) == 1);
	return 0;
}

static int receive_file(int socket)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	char byte;
	struct msghdr message = {
		.msg_iov = &(struct iovec){ .iov_base = &byte, .iov_len = 1 },
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	int fd;

	REQUIRE(recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1);
	REQUIRE(CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* Passes its file on, and ends when there is something to read. */
static int passes_file(void *arg)
{
	uint8_t *mem = map_pattern(SHARE, SMALL_PAGES, 38);
	int fd = accel_open(0), *sockets = arg;
	char byte;

	CHECK(fill(fd, mem, SHARE, 1) == 0);
	CHECK(send_file(sockets[1], fd) == 0);
	CHECK(read(sockets[1], &byte, 1) == 1);
	return 0;
}

static void test_passed_on(void **state)
{
	uint8_t *mem = map_pattern(SHARE, SMALL_PAGES, 39);
	int sockets[2], fd;
	pid_t pid;

	(void)state;
	(void)accel_memory(0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	pid = child_start(passes_file, sockets);
	fd = receive_file(sockets[0]);
	assert_int_equal(fill(fd, mem, SHARE, 0), -EPERM);
	assert_int_equal(write(sockets[0], "", 1), 1);
	assert_int_equal(child_wait(pid), 0);
	assert_int_equal(fill(fd, mem, SHARE, 0), -ESRCH);
	assert_pattern(mem, SHARE, 39);
	close(fd);
	close(sockets[0]);
	close(sockets[1]);
	unmap(mem, SHARE);
}

/* What test_exec() executes: the file is the one of before. */
static int executed(int fd)
{
	uint64_t word = 0;

	CHECK(fill(fd, &word, sizeof(word), 1) == -ESRCH);
	CHECK(word == 0);
	fd = accel_open(0);
	CHECK(fd >= 0);
	CHECK(fill(fd, &word, sizeof(word), 1) == 0);
	CHECK(word == 1);
	return 0;
}

static int executes(void *arg)
{
	uint8_t *mem = map_pattern(SHARE, SMALL_PAGES, 40);
	int fd = accel_open(0);
	char text[16];

	(void)arg;
	CHECK(fill(fd, mem, SHARE, 1) == 0);
	CHECK(fcntl(fd, F_SETFD, 0) == 0);
	snprintf(text, sizeof(text), "%d", fd);
	execl("/proc/self/exe", "test_accel_processes", text, NULL);
	return 1;
}

static void test_exec(void **state)
{
	(void)state;
	(void)accel_memory(0);
	assert_int_equal(in_child(executes, NULL), 0);
}

/* ----------------------------------------------------------------- what ends a job */

static int endless(void *arg)
{
	struct turns *turns = arg;
	struct drm_hmm_p2p_accel_run job;
	int fd = accel_open(0);

	turns_side(turns, true);
	job = endless_job((uint64_t *)map_memory(huge_size, SMALL_PAGES));
	CHECK(fd >= 0);
	CHECK(turn_give(turns) == 0);
	accel_run(fd, &job);
	return 1;
}

static void test_killed(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, HUGE_PAGES, 8);
	uint64_t expected = sum_of(mem, LENGTH), used;
	uint32_t memory = accel_memory(0);
	struct turns turns;
	int fd = accel_open(0);
	pid_t pid;

	(void)state;
	used = used_bytes(memory);
	turns_init(&turns);
	pid = child_start(endless, &turns);
	turns_side(&turns, false);
	assert_int_equal(turn_await(&turns), 0);
	AWAIT(used_bytes(memory) != used);
	/* Its job runs, and so does another process's. */
	assert_true(sum(fd, mem, LENGTH).out_result == expected);
	kill(pid, SIGKILL);
	assert_int_equal(child_wait(pid), -SIGKILL);
	assert_true(sum(fd, mem, LENGTH).out_result == expected);
	turns_fini(&turns);
	close(fd);
	unmap(mem, LENGTH);
}

/* -------------------------------------------------------------------- at once */

#define THREADS		4
#define ROUNDS		4

struct user {
	uint64_t seed;
	int fd;
	int failed;
};

static int use(struct user *user)
{
	uint64_t *mem = (uint64_t *)map_memory(SHARE, user->seed & 1 ? SMALL_PAGES : HUGE_PAGES);
	struct drm_hmm_p2p_accel_run job;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		pattern_fill(mem, 0, SHARE, user->seed + i);
		CHECK(try_sum(user->fd, mem, SHARE, &job) == 0);
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
	(void)accel_memory(0);
	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		pids[i] = child_start(use_together, &seeds[i]);
	for (i = 0; i < ARRAY_SIZE(seeds); i++)
		assert_int_equal(child_wait(pids[i]), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_more_processes),
		TEST(test_many_files),
		TEST(test_page_tables_are_full),
		TEST(test_all_are_busy),
		TEST(test_fork),
		TEST(test_shared_address_space),
		TEST(test_passed_on),
		TEST(test_exec),
		TEST(test_killed),
		TEST(test_at_once),
	};

	if (argc > 1)
		return executed(atoi(argv[1]));
	return RUN("accel_processes", tests);
}
