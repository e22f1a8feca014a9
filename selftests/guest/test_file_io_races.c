// SPDX-License-Identifier: GPL-2.0
/*
 * Memory leaves while the disk works on it: touched, unmapped, moved, its
 * process killed, its device unbound. What was read arrives where the memory
 * is, nobody else's memory changes, and nobody waits for ever.
 *
 * The disk "near" makes a call of LENGTH take seconds.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "common_storage.h"

#define LENGTH		(4 * MIB)
#define BUSY_SECONDS	30

/**
 * struct call - a call in a thread of its own
 * @fd: file
 * @mem: LENGTH bytes
 * @write: memory to file
 * @got: what came of it
 * @ret: what it returned
 * @thread: see above
 */
struct call {
	int fd;
	uint8_t *mem;
	bool write;
	struct hmm_p2p_file_io got;
	int64_t ret;
	pthread_t thread;
};

static void *call_main(void *arg)
{
	struct call *call = arg;

	call->ret = call->write ?
		    hmm_p2p_pwrite(ctx, call->fd, call->mem, LENGTH, 0, 0, NULL,
				   &call->got) :
		    hmm_p2p_pread(ctx, call->fd, call->mem, LENGTH, 0, 0, NULL,
				  &call->got);
	return NULL;
}

/* Requests that the disk has, of the direction. */
static unsigned int inflight(const struct disk *disk, bool write)
{
	unsigned int reads = 0, writes = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/block/%s/inflight",
		 disk->path + strlen("/dev/"));
	file = fopen(path, "re");
	REQUIRE(file);
	REQUIRE(fscanf(file, "%u %u", &reads, &writes) == 2);
	fclose(file);
	return write ? writes : reads;
}

static void await_disk(const struct disk *disk, bool write)
{
	double deadline = seconds_now() + BUSY_SECONDS;

	while (!inflight(disk, write))
		REQUIRE(seconds_now() < deadline);
}

/* Returns when the disk has the first request, and holds it. */
static void call_start(struct call *call, const struct disk *disk)
{
	disk_freeze(disk);
	assert_int_equal(pthread_create(&call->thread, NULL, call_main, call), 0);
	await_disk(disk, call->write);
}

static void call_end(struct call *call, const struct disk *disk)
{
	assert_int_not_equal(inflight(disk, call->write), 0);
	disk_thaw(disk);
	assert_int_equal(pthread_join(call->thread, NULL), 0);
}

static void whole_p2p(const struct call *call)
{
	assert_int_equal(call->ret, LENGTH);
	assert_int_equal(call->got.out_p2p, LENGTH / page_size);
}

/* Everything that the exporter has left, so that no freed page stays free. */
static uint8_t *take_the_rest(const struct hmm_p2p_device_info *exporter, size_t *length,
			      uint64_t seed)
{
	struct hmm_p2p_migrate result;
	uint8_t *mem;

	*length = exporter->out_memory_bytes;
	mem = map_pattern(*length, SMALL_PAGES, seed);
	assert_int_equal(hmm_p2p_migrate_flags(ctx, NULL, exporter->out_id,
					       HMM_P2P_MIGRATE_NO_EVICT, (uintptr_t)mem,
					       *length, &result), -ENOSPC);
	return mem;
}

/*
 * The CPU touches every other page that the disk works on, which brings it home,
 * and what became free on the device is taken by others at once.
 */
static void touched(bool write, enum paging paging)
{
	struct hmm_p2p_device_info exporter = smallest_exporter();
	struct disk disk = disk_open("near");
	struct call call = { .fd = disk.fd, .write = write };
	size_t length, at, left = 0;
	struct hmm_p2p_stat before;
	uint8_t *other;

	call.mem = map_pattern(LENGTH, paging, 61);
	file_fill(disk.fd, 0, LENGTH, 62);
	move_all_to(exporter.out_id, call.mem, LENGTH);
	before = stat_now(exporter.out_id);
	call_start(&call, &disk);
	for (at = 0; at < huge_size; at += 2 * page_size)
		left += *(volatile uint64_t *)(call.mem + at) != 0;
	other = take_the_rest(&exporter, &length, 63);
	call_end(&call, &disk);

	whole_p2p(&call);
	assert_true(stat_delta(exporter.out_id, &before, HMM_P2P_COUNTER_CPU_FAULT) >=
		    huge_size / page_size / 2);
	assert_int_equal(left, huge_size / page_size / 2);
	assert_pattern(call.mem, LENGTH, write ? 61 : 62);
	assert_file(disk.fd, 0, LENGTH, write ? 61 : 62);
	assert_pattern(other, length, 63);
	unmap(other, length);
	unmap(call.mem, LENGTH);
	disk_close(&disk);
}

static void test_touched_read(void **state)
{
	(void)state;
	touched(false, SMALL_PAGES);
	touched(false, HUGE_PAGES);
}

static void test_touched_write(void **state)
{
	(void)state;
	touched(true, SMALL_PAGES);
	touched(true, HUGE_PAGES);
}

/* To the other device: what was read goes after it. */
static void test_moved(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	struct hmm_p2p_device_info other = other_exporter(exporter.out_id);
	struct disk disk = disk_open("near");
	struct call call = { .fd = disk.fd };

	(void)state;
	call.mem = map_pattern(LENGTH, SMALL_PAGES, 64);
	file_fill(disk.fd, 0, LENGTH, 65);
	move_all_to(exporter.out_id, call.mem, LENGTH);
	call_start(&call, &disk);
	move_to(other.out_id, call.mem, LENGTH, NULL);
	call_end(&call, &disk);
	whole_p2p(&call);
	assert_pattern(call.mem, LENGTH, 65);
	unmap(call.mem, LENGTH);
	disk_close(&disk);
}

/* Something else is mapped there, so that nobody gets the address. */
static void take_away(uint8_t *mem)
{
	assert_ptr_equal(mmap(mem, LENGTH, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), mem);
}

/* The memory is gone when the data comes: EFAULT, and nobody gets the data. */
static void test_unmapped(void **state)
{
	struct hmm_p2p_device_info exporter = smallest_exporter();
	struct disk disk = disk_open("near");
	struct call call = { .fd = disk.fd };
	size_t length;
	uint8_t *other;

	(void)state;
	call.mem = map_pattern(LENGTH, SMALL_PAGES, 66);
	file_fill(disk.fd, 0, LENGTH, 67);
	move_all_to(exporter.out_id, call.mem, LENGTH);
	call_start(&call, &disk);
	take_away(call.mem);
	other = take_the_rest(&exporter, &length, 68);
	call_end(&call, &disk);
	assert_int_equal(call.ret, -EFAULT);
	assert_pattern(other, length, 68);
	unmap(other, length);
	unmap(call.mem, LENGTH);

	call.write = true;
	call.mem = map_pattern(LENGTH, SMALL_PAGES, 69);
	move_all_to(exporter.out_id, call.mem, LENGTH);
	call_start(&call, &disk);
	take_away(call.mem);
	call_end(&call, &disk);
	/* The piece that was under way is written as it was. */
	assert_int_equal(call.ret, -EFAULT);
	assert_int_equal(call.got.out_bytes, huge_size);
	assert_int_equal(call.got.out_p2p, huge_size / page_size);
	assert_file(disk.fd, 0, huge_size, 69);
	unmap(call.mem, LENGTH);
	disk_close(&disk);
}

static int call_child(void *arg)
{
	call_main(arg);
	return 0;
}

static void killed(bool write)
{
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	struct disk disk = disk_open("near");
	struct call call = { .fd = disk.fd, .write = write };
	uint64_t used = used_bytes(exporter.out_id);
	uint8_t *data;
	size_t i;
	pid_t pid;

	call.mem = map_pattern(LENGTH, SMALL_PAGES, 70);
	file_fill(disk.fd, 0, LENGTH, 71);
	move_all_to(exporter.out_id, call.mem, LENGTH);
	disk_freeze(&disk);
	pid = child_start(call_child, &call);
	await_disk(&disk, write);
	assert_int_equal(kill(pid, SIGKILL), 0);
	disk_thaw(&disk);
	assert_int_equal(child_wait(pid), -SIGKILL);
	assert_pattern(call.mem, LENGTH, 70);
	unmap(call.mem, LENGTH);
	assert_int_equal(used_bytes(exporter.out_id), used);

	data = map_memory(LENGTH, SMALL_PAGES);
	assert_int_equal(pread(disk.fd, data, LENGTH, 0), LENGTH);
	for (i = 0; i < LENGTH; i += 8) {
		uint64_t is = *(uint64_t *)(data + i);

		assert_true(is == pattern_word(i, 71) ||
			    (write && is == pattern_word(i, 70)));
	}
	unmap(data, LENGTH);
	disk_close(&disk);
}

/* A fatal signal in the middle: between two pieces the call ends. */
static void test_killed(void **state)
{
	(void)state;
	killed(false);
	killed(true);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int nr)
{
	(void)nr;
	alarms++;
}

/* Other signals wait until the call is done, as with every disk. */
static void test_signal(void **state)
{
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	struct sigaction act = { .sa_handler = on_alarm };
	struct disk disk = disk_open("near");
	struct call call = { .fd = disk.fd };

	(void)state;
	call.mem = map_pattern(LENGTH, SMALL_PAGES, 72);
	file_fill(disk.fd, 0, LENGTH, 73);
	move_all_to(exporter.out_id, call.mem, LENGTH);
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	call_start(&call, &disk);
	assert_int_equal(pthread_kill(call.thread, SIGALRM), 0);
	call_end(&call, &disk);
	whole_p2p(&call);
	assert_int_equal(alarms, 1);
	assert_pattern(call.mem, LENGTH, 73);
	unmap(call.mem, LENGTH);
	disk_close(&disk);
}

/**
 * struct unbinding - a driver that lets a device go
 * @exporter: the device
 * @done: it has
 */
struct unbinding {
	struct hmm_p2p_device_info exporter;
	bool done;
};

static void *unbinding_main(void *arg)
{
	struct unbinding *unbinding = arg;

	assert_int_equal(driver_unbind("hmm_p2p_pci", &unbinding->exporter), 0);
	__atomic_store_n(&unbinding->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void await_home(const uint8_t *mem)
{
	double deadline = seconds_now() + BUSY_SECONDS;

	while (pages_on(0, mem, LENGTH))
		REQUIRE(seconds_now() < deadline);
}

/* The pages go home at once; the driver lets go when the disk has. */
static void test_unbound(void **state)
{
	struct unbinding unbinding = { .exporter = smallest_exporter() };
	struct disk disk = disk_open("near");
	struct call call = { .fd = disk.fd };
	pthread_t thread;

	(void)state;
	call.mem = map_pattern(LENGTH, SMALL_PAGES, 74);
	file_fill(disk.fd, 0, LENGTH, 75);
	move_all_to(unbinding.exporter.out_id, call.mem, LENGTH);
	call_start(&call, &disk);
	assert_int_equal(pthread_create(&thread, NULL, unbinding_main, &unbinding), 0);
	await_home(call.mem);
	assert_false(__atomic_load_n(&unbinding.done, __ATOMIC_SEQ_CST));
	call_end(&call, &disk);
	assert_int_equal(pthread_join(thread, NULL), 0);

	assert_int_equal(call.ret, LENGTH);
	assert_int_equal(call.got.out_p2p, huge_size / page_size);
	assert_int_equal(call.got.out_system, (LENGTH - huge_size) / page_size);
	assert_pattern(call.mem, LENGTH, 75);
	unmap(call.mem, LENGTH);
	assert_int_equal(driver_bind("hmm_p2p_pci", &unbinding.exporter), 0);
	disk_close(&disk);
}

/* Whoever touches it from now on waits, until what is returned is closed. */
static int throw_away(uint8_t *mem, size_t length)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = length },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	REQUIRE(fd >= 0);
	REQUIRE(ioctl(fd, UFFDIO_API, &api) == 0);
	REQUIRE(ioctl(fd, UFFDIO_REGISTER, &reg) == 0);
	REQUIRE(madvise(mem, length, MADV_DONTNEED) == 0);
	return fd;
}

static void await_fault(int fd)
{
	struct pollfd fault = { .fd = fd, .events = POLLIN };

	REQUIRE(poll(&fault, 1, BUSY_SECONDS * 1000) == 1);
}

static bool ends(const struct unbinding *unbinding)
{
	double deadline = seconds_now() + BUSY_SECONDS;

	while (!__atomic_load_n(&unbinding->done, __ATOMIC_SEQ_CST))
		if (seconds_now() > deadline)
			return false;
	return true;
}

/*
 * While the disk reads to the first pages, the process throws some of its memory
 * away, and nobody serves its faults there: the device goes all the same. What was read
 * arrives when they are served. @in_ram: that memory is not on the device.
 */
static void thrown_away(size_t at, size_t length, bool in_ram)
{
	struct unbinding unbinding = { .exporter = smallest_exporter() };
	struct disk disk = disk_open("near");
	struct call call = { .fd = disk.fd };
	pthread_t thread;
	bool gone;
	int fd;

	call.mem = map_pattern(LENGTH, SMALL_PAGES, 77);
	file_fill(disk.fd, 0, LENGTH, 78);
	move_all_to(unbinding.exporter.out_id, call.mem, LENGTH);
	if (in_ram)
		move_to_ram(call.mem + at, length, NULL);
	call_start(&call, &disk);
	fd = throw_away(call.mem + at, length);
	disk_thaw(&disk);
	await_fault(fd);
	assert_int_equal(pthread_create(&thread, NULL, unbinding_main, &unbinding), 0);
	gone = ends(&unbinding);
	close(fd);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(pthread_join(call.thread, NULL), 0);
	assert_int_equal(driver_bind("hmm_p2p_pci", &unbinding.exporter), 0);
	assert_true(gone);
	assert_int_equal(call.ret, LENGTH);
	assert_pattern(call.mem, LENGTH, 78);
	unmap(call.mem, LENGTH);
	disk_close(&disk);
}

static void test_thrown_away(void **state)
{
	(void)state;
	thrown_away(2 * page_size, 3 * page_size, false);
}

/* The pages behind it are on the device. */
static void test_thrown_away_in_ram(void **state)
{
	(void)state;
	thrown_away(huge_size / 2, 2 * page_size, true);
}

/**
 * struct crowd - threads that use one buffer and one file
 * @fd: the file
 * @mem: the buffer
 * @length: of both
 * @exporter: where the buffer is moved
 * @stop: they are to end
 * @rounds: how often each did what it does
 */
struct crowd {
	int fd;
	uint8_t *mem;
	size_t length;
	uint32_t exporter;
	bool stop;
	unsigned long rounds[4];
};

static bool goes_on(const struct crowd *crowd)
{
	return !__atomic_load_n(&crowd->stop, __ATOMIC_RELAXED);
}

static void did(struct crowd *crowd, unsigned int who)
{
	__atomic_add_fetch(&crowd->rounds[who], 1, __ATOMIC_RELAXED);
}

static void *crowd_reads(void *arg)
{
	struct crowd *crowd = arg;

	while (goes_on(crowd)) {
		if (hmm_p2p_pread(ctx, crowd->fd, crowd->mem, crowd->length, 0, 0, NULL,
				  NULL) != (int64_t)crowd->length)
			return "pread";
		did(crowd, 0);
	}
	return NULL;
}

static void *crowd_writes(void *arg)
{
	struct crowd *crowd = arg;

	while (goes_on(crowd)) {
		if (hmm_p2p_pwrite(ctx, crowd->fd, crowd->mem, crowd->length, 0, 0, NULL,
				   NULL) != (int64_t)crowd->length)
			return "pwrite";
		did(crowd, 1);
	}
	return NULL;
}

/* The kernel holds the inode's lock when it faults the buffer. */
static void *crowd_plain(void *arg)
{
	struct crowd *crowd = arg;

	while (goes_on(crowd)) {
		if (pwrite(crowd->fd, crowd->mem, crowd->length, 0) !=
		    (ssize_t)crowd->length)
			return "plain pwrite";
		did(crowd, 2);
	}
	return NULL;
}

static void *crowd_moves(void *arg)
{
	struct crowd *crowd = arg;

	while (goes_on(crowd)) {
		if (hmm_p2p_migrate(ctx, NULL, crowd->exporter, (uintptr_t)crowd->mem,
				    crowd->length, NULL))
			return "migrate";
		did(crowd, 3);
	}
	return NULL;
}

/*
 * What would be a deadlock if invalidation waited for the I/O, or the I/O for a
 * page. All copies carry the same data, so it is right at the end, too.
 */
static void same_file(const char *type)
{
	static void *(* const mains[])(void *) = {
		crowd_reads, crowd_writes, crowd_plain, crowd_moves,
	};
	struct hmm_p2p_device_info exporter = largest_exporter(16 * MIB);
	struct disk disk = disk_find("near");
	struct crowd crowd = { .length = MIB, .exporter = exporter.out_id };
	pthread_t threads[ARRAY_SIZE(mains)];
	double end;
	void *failed;
	size_t i;

	fs_make(&disk, type);
	fs_mount(&disk, type);
	crowd.fd = fs_open("shared", O_RDWR | O_CREAT);
	crowd.mem = map_pattern(crowd.length, SMALL_PAGES, 76);
	assert_int_equal(pwrite(crowd.fd, crowd.mem, crowd.length, 0), crowd.length);
	for (i = 0; i < ARRAY_SIZE(mains); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, mains[i], &crowd), 0);
	end = seconds_now() + hammer_seconds("FILE_IO_SECONDS", 6, 10);
	while (seconds_now() < end)
		sched_yield();
	__atomic_store_n(&crowd.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(mains); i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		if (failed)
			fail_msg("%s failed", (char *)failed);
		assert_int_not_equal(crowd.rounds[i], 0);
	}
	assert_pattern(crowd.mem, crowd.length, 76);
	assert_file(crowd.fd, 0, crowd.length, 76);
	unmap(crowd.mem, crowd.length);
	close(crowd.fd);
	fs_unmount();
}

static void test_same_file_ext4(void **state)
{
	(void)state;
	same_file("ext4");
}

static void test_same_file_xfs(void **state)
{
	(void)state;
	same_file("xfs");
}

/* A test that failed has left the disk as it was. */
static int thaw(void **state)
{
	if (disk_exists("near")) {
		struct disk disk = disk_find("near");

		disk_thaw(&disk);
	}
	return test_teardown(state);
}

#define RACE(fn)	cmocka_unit_test_setup_teardown(fn, test_setup, thaw)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RACE(test_touched_read),
		RACE(test_touched_write),
		RACE(test_moved),
		RACE(test_unmapped),
		RACE(test_killed),
		RACE(test_signal),
		RACE(test_unbound),
		RACE(test_thrown_away),
		RACE(test_thrown_away_in_ram),
		RACE(test_same_file_ext4),
		RACE(test_same_file_xfs),
	};

	return RUN("file_io_races", tests);
}
