// SPDX-License-Identifier: GPL-2.0
/*
 * A device goes while its memory is mapped: who touches it gets SIGBUS, what
 * other devices gave stays, the removal ends, and the device can come back. And
 * parameters that its driver refuses.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "common_shared.h"
#include "common_storage.h"

#define LENGTH	(64 * page_size)
#define LOAD	"load hmm_p2p_pci p2pmem=32M"

static void test_unbind(void **state)
{
	struct pool pools[2];
	struct hmm_p2p *mine;
	uint8_t *mem, *other;
	void *none;

	(void)state;
	pools_find(pools, 2);
	mine = context_open();
	mem = map_shared(mine, pools[0].id, 0, LENGTH);
	other = map_shared(mine, pools[1].id, 0, LENGTH);
	pattern_fill(mem, 0, LENGTH, 51);
	pattern_fill(other, 0, LENGTH, 52);
	assert_false(is_dead(mem, false));

	assert_int_equal(pool_unbind(&pools[0]), 0);
	assert_true(is_dead(mem, false));
	assert_true(is_dead(mem + LENGTH - 1, true));
	assert_pattern(other, LENGTH, 52);
	assert_int_equal(hmm_p2p_map(mine, pools[0].id, 0, page_size, &none), -ENODEV);
	assert_int_equal(hmm_p2p_map(ctx, pools[0].id, 0, page_size, &none), -ENOENT);

	/* When it is back it is another device, and the old mapping stays dead. */
	assert_int_equal(pool_bind(&pools[0]), 0);
	assert_true(is_dead(mem, false));
	assert_int_equal(hmm_p2p_map(mine, pools[0].id, 0, page_size, &none), -ENODEV);
	unmap_shared(mem, LENGTH);
	unmap_shared(other, LENGTH);
	hmm_p2p_close(mine);
	pool_is_back(&pools[0]);
	pool_is_back(&pools[1]);
}

/* The memory is nobody's when the driver goes, and is cleared for the next. */
static void test_unload(void **state)
{
	struct hmm_p2p *mine;
	uint8_t *mem, *fresh;
	struct pool pool;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, pool.before);
	pattern_fill(mem, 0, pool.before, 53);
	assert_int_equal(system("rmmod hmm_p2p_pci"), 0);
	assert_true(is_dead(mem, true));
	assert_int_equal(system(LOAD), 0);
	assert_true(is_dead(mem, true));
	pool_is_back(&pool);
	fresh = allocate(&pool, pool.before);
	assert_zero(fresh, pool.before);
	unmap_shared(fresh, pool.before);
	unmap_shared(mem, pool.before);
	hmm_p2p_close(mine);
	pool_is_back(&pool);
}

/* ------------------------------------------------------- while it is in use */

/**
 * struct user - a thread that uses the memory until it is dead
 * @mem: the memory
 * @rounds: how often it has gone over it
 */
struct user {
	volatile uint8_t *mem;
	unsigned int rounds;
};

static void *use(void *arg)
{
	struct user *user = arg;
	size_t i;

	if (sigsetjmp(bus_error, 1))
		return NULL;
	expects_bus_error = true;
	for (;;) {
		for (i = 0; i < LENGTH; i += page_size)
			user->mem[i]++;
		madvise((void *)user->mem, LENGTH, MADV_DONTNEED);
		__atomic_add_fetch(&user->rounds, 1, __ATOMIC_RELAXED);
	}
}

static void wait_for_rounds(const struct user *user)
{
	while (__atomic_load_n(&user->rounds, __ATOMIC_RELAXED) < 3)
		sched_yield();
}

struct child {
	struct turns turns;
	uint8_t *mem;
};

/* A fork of the mapping dies with it. */
static int child_use(void *arg)
{
	struct child *child = arg;
	struct sigaction action = { .sa_handler = on_bus_error };
	struct user user = { .mem = child->mem };
	pthread_t thread;

	turns_side(&child->turns, true);
	sigaction(SIGBUS, &action, NULL);
	CHECK(pthread_create(&thread, NULL, use, &user) == 0);
	wait_for_rounds(&user);
	CHECK(turn_give(&child->turns) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	return 0;
}

static void test_unbind_busy(void **state)
{
	struct sigaction action = { .sa_handler = on_bus_error }, before;
	struct child child = { 0 };
	unsigned int round;
	struct hmm_p2p *mine;
	struct pool pool;
	struct user user;
	pthread_t thread;
	pid_t pid;

	(void)state;
	sigaction(SIGBUS, &action, &before);
	for (round = 0; round < 5; round++) {
		pools_find(&pool, 1);
		mine = context_open();
		child.mem = map_shared(mine, pool.id, 0, LENGTH);
		turns_init(&child.turns);
		pid = child_start(child_use, &child);
		turns_side(&child.turns, false);
		user = (struct user) { .mem = child.mem };
		assert_int_equal(pthread_create(&thread, NULL, use, &user), 0);
		wait_for_rounds(&user);
		assert_int_equal(turn_await(&child.turns), 0);
		assert_int_equal(pool_unbind(&pool), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(child_wait(pid), 0);
		turns_fini(&child.turns);
		assert_int_equal(pool_bind(&pool), 0);
		unmap_shared(child.mem, LENGTH);
		hmm_p2p_close(mine);
		pool_is_back(&pool);
	}
	sigaction(SIGBUS, &before, NULL);
}

/* ------------------------------------------------------ while a disk uses it */

struct reader {
	const struct disk *disk;
	uint8_t *mem;
	ssize_t got;
};

static void *read_disk(void *arg)
{
	struct reader *reader = arg;

	reader->got = pread(reader->disk->fd, reader->mem, LENGTH, MIB);
	return NULL;
}

static unsigned int in_flight(const struct disk *disk)
{
	unsigned int reads = 0, writes = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/block/%s/inflight", strrchr(disk->path, '/') + 1);
	file = fopen(path, "re");
	REQUIRE(file);
	REQUIRE(fscanf(file, "%u %u", &reads, &writes) == 2);
	fclose(file);
	return reads + writes;
}

static void test_unbind_under_io(void **state)
{
	struct hmm_p2p_device_info info;
	pthread_t reading, unbinding;
	struct reader reader = { 0 };
	struct hmm_p2p *mine;
	struct disk disk;
	struct pool pool;
	void *ret;

	(void)state;
	pools_find(&pool, 1);
	disk = disk_open("near");
	file_fill(disk.fd, MIB, LENGTH, 54);
	mine = context_open();
	reader.disk = &disk;
	reader.mem = map_shared(mine, pool.id, 0, LENGTH);
	disk_freeze(&disk);
	assert_int_equal(pthread_create(&reading, NULL, read_disk, &reader), 0);
	while (!in_flight(&disk))
		sched_yield();
	assert_int_equal(pthread_create(&unbinding, NULL, pool_unbind_thread, &pool), 0);
	/* The mapping goes at once; the pages when the disk has let go of them. */
	while (!is_dead(reader.mem, false))
		sched_yield();
	assert_true(in_flight(&disk) > 0);
	disk_thaw(&disk);
	assert_int_equal(pthread_join(reading, NULL), 0);
	assert_int_equal(reader.got, LENGTH);
	assert_int_equal(pthread_join(unbinding, &ret), 0);
	assert_int_equal((intptr_t)ret, 0);
	assert_int_not_equal(hmm_p2p_device_find(ctx, pool.bus, &info), 0);

	unmap_shared(reader.mem, LENGTH);
	hmm_p2p_close(mine);
	disk_close(&disk);
	assert_int_equal(pool_bind(&pool), 0);
	pool_is_back(&pool);
}

/* ------------------------------------------------------------- parameters */

static void refused(const char *parameters)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n, i;
	char command[128];

	snprintf(command, sizeof(command), "load hmm_p2p_pci %s", parameters);
	assert_int_equal(system(command), 0);
	n = device_list(infos);
	for (i = 0; i < n; i++)
		if (is_exporter(&infos[i]) && infos[i].out_caps & HMM_P2P_CAP_PCI)
			fail_msg("%s has a device with '%s'", infos[i].out_name, parameters);
	assert_int_equal(system("rmmod hmm_p2p_pci"), 0);
}

static int note_one(const struct hmm_p2p_extent *extent, void *arg)
{
	*(struct hmm_p2p_extent *)arg = *extent;
	return 0;
}

/* Memory without a window, of which some is mapped: what two calls say of it. */
static void path_is_what_query_says(const struct pool *pool, const struct pool *other)
{
	struct hmm_p2p_device_info exporter, importer;
	struct hmm_p2p_extent extent = {};
	struct hmm_p2p_path path;
	uint8_t *mem;

	assert_int_equal(hmm_p2p_device_find(ctx, pool->bus, &exporter), 0);
	assert_int_equal(hmm_p2p_device_find(ctx, other->bus, &importer), 0);
	assert_int_equal(hmm_p2p_path(ctx, exporter.out_id, importer.out_id, &path), 0);
	mem = map_shared(ctx, exporter.out_id, 0, page_size);
	assert_int_equal(hmm_p2p_query(ctx, NULL, importer.out_id, (uintptr_t)mem,
				       page_size, note_one, &extent), 1);
	assert_int_equal(extent.outcome, path.out_outcome);
	assert_int_equal(extent.reason, path.out_reason);
	unmap_shared(mem, page_size);
}

static void test_parameters(void **state)
{
	struct hmm_p2p_device_info info;
	struct pool pools[2];
	void *none;

	(void)state;
	pools_find(pools, 2);
	assert_int_equal(system("rmmod hmm_p2p_pci"), 0);
	refused("p2pmem=1M");
	refused("p2pmem=3M");
	refused("p2pmem=1G");
	refused("p2pmem=256M");
	refused("p2pmem=2Mx");
	refused("p2pmem=some");
	refused("p2pmem=2M no_p2p=1");
	/* No window: all that is left in the pool is what was asked for. */
	assert_int_equal(system("load hmm_p2p_pci window=0 p2pmem=2M"), 0);
	assert_int_equal(pool_available(&pools[0]), 2 * MIB);
	path_is_what_query_says(&pools[0], &pools[1]);
	assert_int_equal(system("rmmod hmm_p2p_pci"), 0);
	assert_int_equal(system("load hmm_p2p_pci"), 0);
	assert_int_equal(pool_available(&pools[0]), 0);
	assert_int_equal(hmm_p2p_device_find(ctx, pools[0].bus, &info), 0);
	assert_true(is_exporter(&info));
	assert_int_equal(hmm_p2p_map(ctx, info.out_id, 0, page_size, &none), -EOPNOTSUPP);
	assert_int_equal(system("rmmod hmm_p2p_pci"), 0);
	assert_int_equal(system(LOAD), 0);
	pool_is_back(&pools[0]);
	pool_is_back(&pools[1]);
}

/* ----------------------------------------------------------------- unplug */

static bool is_there(const struct pool *pool)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", pool->bus);
	return !access(path, F_OK);
}

/* One of the two goes for good, so this is the last test. */
static void test_unplug(void **state)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	struct pool pools[2];
	struct hmm_p2p *mine;
	unsigned int gone, i;
	uint8_t *mem[2];
	void *none;

	(void)state;
	pools_find(pools, 2);
	if (access("/dev/virtio-ports/monitor", F_OK))
		SKIP("QEMU's monitor cannot be asked");
	mine = context_open();
	for (i = 0; i < 2; i++) {
		mem[i] = map_shared(mine, pools[i].id, 0, LENGTH);
		pattern_fill(mem[i], 0, LENGTH, 55);
	}
	assert_int_equal(system("monitor device_del mem0"), 0);
	while (is_there(&pools[0]) && is_there(&pools[1]))
		nanosleep(&pause, NULL);
	gone = is_there(&pools[0]);
	assert_true(is_dead(mem[gone], false));
	assert_int_equal(hmm_p2p_map(mine, pools[gone].id, 0, page_size, &none), -ENODEV);
	assert_pattern(mem[!gone], LENGTH, 55);
	unmap_shared(mem[0], LENGTH);
	unmap_shared(mem[1], LENGTH);
	hmm_p2p_close(mine);
	pool_is_back(&pools[!gone]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unbind),
		TEST(test_unload),
		TEST(test_unbind_busy),
		TEST(test_unbind_under_io),
		TEST(test_parameters),
		TEST(test_unplug),
	};

	return RUN("shared_removal", tests);
}
