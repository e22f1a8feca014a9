// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz: random calls, right and wrong ones, beside a storm of everything that
 * changes a process's memory. Two processes of root's, of which one is killed now
 * and then, and one of an ordinary user. Each page's content is known to whoever
 * owns its slot (fuzz.h), and looked at all the time.
 *
 * HMM_P2P_FUZZ_SEED (the clock) and HMM_P2P_FUZZ_SECONDS (15, on the debug kernel
 * 60) are taken from the environment. With the same seed each thread draws the same
 * numbers; the order of threads is not repeatable.
 */
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "common_swap.h"
#include "fuzz.h"

#define SWAP_BYTES	(512 * MIB)
#define KSM		"/sys/kernel/mm/ksm/"
#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged/"
#define NOBODY		65534

/* Whoever does not end in that time is stuck. */
#define STUCK_SECONDS	120

/* Whoever takes the place of one that was killed may have no time for a call. */
#define SHORT_SECONDS	5

static bool have_swap, have_ksm;

/* --------------------------------------------------------------------- a thread */

static int thread_round(struct fuzz_thread *t)
{
	struct fuzz_slot *slot;
	int ret;

	t->slot = fuzz_random(t, FUZZ_SLOTS);
	slot = &t->f->slots[t->slot];
	if (pthread_mutex_trylock(&slot->lock))
		return 0;
	ret = fuzz_storm(t);
	pthread_mutex_unlock(&slot->lock);
	return ret;
}

static void thread_failed(const struct fuzz_thread *t)
{
	const struct fuzz *f = t->f;

	fprintf(stderr, "# HMM_P2P_FUZZ_SEED=%llu, process %u (%s): %s, slot %u\n",
		(unsigned long long)f->seed, f->number, f->user ? "user" : "root", t->what,
		t->slot);
}

/* The first thread only calls, the others storm and call in turn. */
static void *thread_main(void *arg)
{
	struct fuzz_thread *t = arg;
	struct fuzz *f = t->f;
	unsigned long done = 0;

	while (seconds_now() < f->until && !__atomic_load_n(&f->bad, __ATOMIC_RELAXED)) {
		bool storm = t->slot != FUZZ_SLOTS && fuzz_random(t, 4);

		if (storm ? thread_round(t) : fuzz_call(t)) {
			thread_failed(t);
			__atomic_store_n(&f->bad, 1, __ATOMIC_RELAXED);
		}
		done++;
	}
	__atomic_add_fetch(&f->done, done, __ATOMIC_RELAXED);
	return NULL;
}

static void thread_init(struct fuzz_thread *t, struct fuzz *f, unsigned int nr)
{
	*t = (struct fuzz_thread) {
		.f = f,
		.random = (f->seed * FUZZ_PROCESSES + f->number) * FUZZ_THREADS + nr + 1,
		.slot = nr ? 0 : FUZZ_SLOTS,
		.what = "start",
	};
	t->buffer = map_memory(FUZZ_SLOT_BYTES, SMALL_PAGES);
	t->junk = map_memory(FUZZ_SLOT_BYTES + page_size, SMALL_PAGES);
	REQUIRE(mprotect(t->junk + FUZZ_SLOT_BYTES, page_size, PROT_NONE) == 0);
}

/* -------------------------------------------------------------------- a process */

/**
 * struct job - what a process is started with
 * @seed: of the whole run
 * @number: of the process
 * @until: when it ends
 * @pids: of all
 */
struct job {
	uint64_t seed;
	unsigned int number;
	double until;
	pid_t *pids;
};

/* Credentials that change take the signal away, and the right to one's own /proc. */
static int become_user(void)
{
	CHECK(setgroups(0, NULL) == 0);
	CHECK(setresgid(NOBODY, NOBODY, NOBODY) == 0);
	CHECK(setresuid(NOBODY, NOBODY, NOBODY) == 0);
	CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
	return 0;
}

static struct fuzz *fuzz_new(const struct job *job)
{
	struct fuzz *f = calloc(1, sizeof(*f));
	size_t i;

	REQUIRE(f);
	f->seed = job->seed;
	f->number = job->number;
	f->user = job->number == 1;
	f->pids = job->pids;
	f->until = job->until;
	f->nr_devices = device_list(f->devices);
	fuzz_jobs_open(f);
	for (i = 0; i < FUZZ_SLOTS; i++)
		pthread_mutex_init(&f->slots[i].lock, NULL);
	pthread_rwlock_init(&f->forking, NULL);
	f->file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	f->scratch = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	REQUIRE(f->file >= 0 && f->scratch >= 0);
	REQUIRE(ftruncate(f->file, (off_t)FUZZ_BYTES) == 0);
	REQUIRE(ftruncate(f->scratch, (off_t)FUZZ_SLOT_BYTES) == 0);
	return f;
}

/* Nobody else is there: everything is looked at once more. */
static int look_at_all(struct fuzz *f)
{
	struct fuzz_thread t = { .f = f };

	for (t.slot = 0; t.slot < FUZZ_SLOTS; t.slot++) {
		struct fuzz_run all = fuzz_all(&t);

		if (fuzz_look(&all)) {
			t.what = "the end";
			thread_failed(&t);
			return 1;
		}
	}
	return 0;
}

static int process(void *arg)
{
	const struct job *job = arg;
	double start = seconds_now();
	struct fuzz *f = fuzz_new(job);
	struct fuzz_thread threads[FUZZ_THREADS];
	unsigned int i;

	CHECK(fuzz_userfault_open(f) == 0);
	if (f->user)
		CHECK(become_user() == 0);
	CHECK(fuzz_userfault_start(f) == 0);
	for (i = 0; i < FUZZ_THREADS; i++) {
		thread_init(&threads[i], f, i);
		CHECK(pthread_create(&threads[i].thread, NULL, thread_main, &threads[i]) == 0);
	}
	for (i = 0; i < FUZZ_THREADS; i++)
		pthread_join(threads[i].thread, NULL);
	CHECK(f->bad == 0);
	CHECK(look_at_all(f) == 0);
	CHECK(munmap(FUZZ_ARENA, FUZZ_BYTES) == 0);
	CHECK(fuzz_userfault_end(f) == 0);
	fprintf(stderr, "# process %u: %lu operations\n", f->number, f->done);
	CHECK(f->done > 0 || job->until - start < SHORT_SECONDS);
	return 0;
}

/* --------------------------------------------------------------------- the parent */

/**
 * struct party - all processes
 * @jobs: what each of them does
 * @pids: of each, shared with all
 * @fds: a pidfd each
 * @random: for the parent's own decisions
 */
struct party {
	struct job jobs[FUZZ_PROCESSES];
	pid_t *pids;
	struct pollfd fds[FUZZ_PROCESSES];
	uint64_t random;
};

static void party_start(struct party *p, unsigned int i)
{
	p->pids[i] = child_start(process, &p->jobs[i]);
	p->fds[i].fd = (int)syscall(SYS_pidfd_open, p->pids[i], 0);
	p->fds[i].events = POLLIN;
	REQUIRE(p->fds[i].fd >= 0);
}

/* What its threads are doing. */
static void show_stacks(pid_t pid)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "head -n 40 /proc/%d/task/*/syscall /proc/%d/task/*/stack | sed 's/^/# /' >&2",
		 pid, pid);
	REQUIRE(system(command) >= 0);
}

/* Return: as child_wait(); the test fails when the process is stuck. */
static int party_wait(struct party *p, unsigned int i)
{
	int fd = p->fds[i].fd, ended;

	p->fds[i].fd = -1;
	ended = poll(&(struct pollfd) { .fd = fd, .events = POLLIN }, 1, STUCK_SECONDS * 1000);
	close(fd);
	if (ended != 1) {
		fprintf(stderr, "# process %u (pid %d) is stuck\n", i, p->pids[i]);
		show_stacks(p->pids[i]);
	}
	REQUIRE(ended == 1);
	return child_wait(p->pids[i]);
}

static void party_kill(struct party *p, unsigned int i)
{
	if (p->fds[i].fd < 0)
		return;
	kill(p->pids[i], SIGKILL);
	assert_int_equal(party_wait(p, i), -SIGKILL);
}

/* Return: whether one of them ended before its time. */
static bool party_watch(struct party *p, double until)
{
	int ms;

	while (seconds_now() < until) {
		ms = (int)((until - seconds_now()) * 1000) + 1;
		if (poll(p->fds, FUZZ_PROCESSES, ms) > 0)
			return true;
	}
	return false;
}

/* The last one is killed in the middle of its work, and another takes its place. */
static bool party_runs(struct party *p, double end)
{
	unsigned int victim = FUZZ_PROCESSES - 1;
	double next;

	for (;;) {
		next = seconds_now() + 0.5 + (double)(random_next(&p->random) % 4000) / 1000;
		if (party_watch(p, next < end ? next : end))
			return false;
		if (next >= end)
			return true;
		party_kill(p, victim);
		party_start(p, victim);
	}
}

static int party_end(struct party *p, bool well)
{
	unsigned int i;
	int bad = !well;

	/* Who has ended before its time has something to say, the others have not. */
	for (i = 0; !well && i < FUZZ_PROCESSES; i++)
		if (!poll(&p->fds[i], 1, 0))
			party_kill(p, i);
	for (i = 0; i < FUZZ_PROCESSES; i++) {
		int status = p->fds[i].fd < 0 ? 0 : party_wait(p, i);

		if (status)
			fprintf(stderr, "# process %u: %d\n", i, status);
		bad |= status;
	}
	/* The children of those that were killed. */
	while (wait(NULL) > 0)
		;
	return bad;
}

static uint64_t some_seed(void)
{
	const char *text = getenv("HMM_P2P_FUZZ_SEED");
	struct timespec now;

	if (text)
		return strtoull(text, NULL, 0);
	clock_gettime(CLOCK_REALTIME, &now);
	return ((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000) & 0xffffffff;
}

static void party_init(struct party *p, uint64_t seed, double end)
{
	unsigned int i;

	p->random = seed + 1;
	p->pids = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	assert_ptr_not_equal(p->pids, MAP_FAILED);
	for (i = 0; i < FUZZ_PROCESSES; i++) {
		p->jobs[i] = (struct job) {
			.seed = seed, .number = i, .until = end, .pids = p->pids,
		};
		party_start(p, i);
	}
}

/* Devices that shared an owner before share one again. */
static void owners_restore(const struct hmm_p2p_device_info *before, size_t n)
{
	size_t i, j;

	for (i = 0; i < n; i++)
		if (is_exporter(&before[i]))
			hmm_p2p_set_owner(ctx, before[i].out_id, 0, NULL);
	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			if (is_exporter(&before[i]) &&
			    before[j].out_owner == before[i].out_owner)
				assert_int_equal(hmm_p2p_set_owner(ctx, before[i].out_id,
								   before[j].out_id, NULL), 0);
}

/*
 * Around a stack there are pages that a child shares with this process since the fork,
 * too: they have moved for both.
 */
static void own_memory_home(void)
{
	uint64_t end = (1ULL << 47) - page_size;

	assert_int_equal(hmm_p2p_migrate_to_ram(ctx, NULL, 0, end, NULL), 0);
}

static void test_fuzz(void **state)
{
	unsigned int seconds = hammer_seconds("HMM_P2P_FUZZ_SECONDS", 15, 60);
	double end = seconds_now() + seconds;
	struct hmm_p2p_device_info before[MAX_DEVICES];
	size_t n = device_list(before);
	uint64_t seed = some_seed();
	struct party party;
	int bad;

	(void)state;
	(void)largest_exporter(2 * FUZZ_PROCESSES * FUZZ_BYTES);
	fprintf(stderr, "# HMM_P2P_FUZZ_SEED=%llu HMM_P2P_FUZZ_SECONDS=%u%s%s\n",
		(unsigned long long)seed, seconds, have_swap ? "" : ", no swap",
		have_ksm ? "" : ", no ksmd");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	party_init(&party, seed, end);
	bad = party_end(&party, party_runs(&party, end));
	munmap(party.pids, page_size);
	if (bad)
		fail_msg("HMM_P2P_FUZZ_SEED=%llu", (unsigned long long)seed);
	own_memory_home();
	owners_restore(before, n);
}

/* Elsewhere in the lab it leaves alone what is not in RAM. */
static int khugepaged_let(const char *not_in_ram, const char *sleep_ms)
{
	return write_file(KHUGEPAGED "max_ptes_swap", not_in_ram) ||
	       write_file(KHUGEPAGED "scan_sleep_millisecs", sleep_ms);
}

static int fuzz_setup(void **state)
{
	if (suite_setup(state) || khugepaged_let("64", "100"))
		return -1;
	have_swap = swap_begin(SWAP_DISK, SWAP_BYTES);
	have_ksm = !write_file(KSM "sleep_millisecs", "10") &&
		   !write_file(KSM "pages_to_scan", "100") && !write_file(KSM "run", "1");
	return 0;
}

/* 2: everything is taken apart again. */
static int fuzz_teardown(void **state)
{
	int bad = have_ksm && (write_file(KSM "run", "2") || write_file(KSM "run", "0"));

	bad |= khugepaged_let("0", "10000");
	if (have_swap)
		bad |= swap_end(SWAP_DISK);
	return suite_teardown(state) || bad ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fuzz),
	};

	return cmocka_run_group_tests_name("fuzz", tests, fuzz_setup, fuzz_teardown);
}
