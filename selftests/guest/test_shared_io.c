// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that know nothing of this driver: pread(), pwrite() and fio with
 * O_DIRECT, between an NVMe disk and device memory that is mapped, or memory
 * of malloc() that lives on a device.
 */
#include <linux/aio_abi.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "common_shared.h"
#include "common_storage.h"

/* Not a power of two: the last request of the block layer is a short one. */
#define PAGES	331
#define LENGTH	(PAGES * page_size)

/**
 * struct sides - a disk, and memory that is mapped from a device
 * @pool: of the device
 * @disk: the disk
 * @context: whose memory it is
 * @mem: LENGTH bytes
 */
struct sides {
	struct pool pool;
	struct disk disk;
	struct hmm_p2p *context;
	uint8_t *mem;
};

static void sides_open(struct sides *sides, const char *disk)
{
	pools_find(&sides->pool, 1);
	sides->disk = disk_open(disk);
	sides->context = context_open();
	sides->mem = map_shared(sides->context, sides->pool.id, 0, LENGTH);
}

static void sides_close(struct sides *sides)
{
	unmap_shared(sides->mem, LENGTH);
	hmm_p2p_close(sides->context);
	disk_close(&sides->disk);
	pool_is_back(&sides->pool);
}

static void test_direct_read(void **state)
{
	struct sides sides;

	(void)state;
	sides_open(&sides, "near");
	file_fill(sides.disk.fd, 5 * page_size, LENGTH, 41);
	assert_int_equal(pread(sides.disk.fd, sides.mem, LENGTH, 5 * page_size), LENGTH);
	assert_pattern(sides.mem, LENGTH, 41);

	/* A sector in the middle of a page. */
	file_fill(sides.disk.fd, MIB, page_size, 42);
	assert_int_equal(pread(sides.disk.fd, sides.mem + page_size + 1024, 512, MIB), 512);
	assert_int_equal(pattern_diff(sides.mem, 0, page_size + 1024, 41), -1);
	assert_int_equal(pattern_diff(sides.mem + page_size + 1024, 0, 512, 42), -1);
	assert_int_equal(pattern_diff(sides.mem + page_size + 1536, page_size + 1536,
				      LENGTH - page_size - 1536, 41), -1);
	sides_close(&sides);
}

static void test_direct_write(void **state)
{
	struct sides sides;

	(void)state;
	sides_open(&sides, "near");
	pattern_fill(sides.mem, 0, LENGTH, 43);
	file_fill(sides.disk.fd, 0, LENGTH + 2 * page_size, 44);
	assert_int_equal(pwrite(sides.disk.fd, sides.mem, LENGTH, page_size), LENGTH);
	assert_file(sides.disk.fd, page_size, LENGTH, 43);
	assert_pattern(sides.mem, LENGTH, 43);
	/* The pages are not in any page table: the I/O faults them. */
	assert_int_equal(madvise(sides.mem, LENGTH, MADV_DONTNEED), 0);
	assert_int_equal(pwrite(sides.disk.fd, sides.mem, LENGTH, 2 * MIB), LENGTH);
	assert_file(sides.disk.fd, 2 * MIB, LENGTH, 43);
	sides_close(&sides);
}

/*
 * It is the device's memory that the disk sees: one that cannot reach it says so,
 * in the block layer's words.
 */
static void test_no_path(void **state)
{
	struct sides sides;

	(void)state;
	sides_open(&sides, "far");
	pattern_fill(sides.mem, 0, LENGTH, 45);
	file_fill(sides.disk.fd, 0, LENGTH, 46);
	assert_int_equal(pread(sides.disk.fd, sides.mem, LENGTH, 0), -1);
	assert_int_equal(errno, EINVAL);
	assert_pattern(sides.mem, LENGTH, 45);
	assert_int_equal(pwrite(sides.disk.fd, sides.mem, LENGTH, 0), -1);
	assert_int_equal(errno, EINVAL);
	assert_file(sides.disk.fd, 0, LENGTH, 46);
	sides_close(&sides);
}

/* Whoever wants no peer to peer gets an error: there is no other way. */
static void test_opts_out(void **state)
{
	struct hmm_p2p_file_io result;
	struct sides sides;
	uint8_t outcome;

	(void)state;
	sides_open(&sides, "near");
	pattern_fill(sides.mem, 0, LENGTH, 50);
	file_fill(sides.disk.fd, 0, LENGTH, 51);
	assert_int_equal(hmm_p2p_pread(ctx, sides.disk.fd, sides.mem, page_size, 0,
				       HMM_P2P_FILE_IO_NO_P2P, &outcome, &result),
			 -EREMOTEIO);
	assert_int_equal(result.out_bytes, 0);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_IMPORTER], 1);
	assert_int_equal(hmm_p2p_outcome_of(outcome), HMM_P2P_OUTCOME_NONE);
	assert_int_equal(hmm_p2p_reason_of(outcome), HMM_P2P_REASON_IMPORTER);
	assert_pattern(sides.mem, LENGTH, 50);
	assert_int_equal(hmm_p2p_pread(ctx, sides.disk.fd, sides.mem, LENGTH, 0, 0, NULL, &result),
			 LENGTH);
	assert_int_equal(result.out_p2p, PAGES);
	assert_pattern(sides.mem, LENGTH, 51);
	sides_close(&sides);
}

/* The descriptor goes and the mapping, while the disk still has the pages. */
static void test_outlived(void **state)
{
	struct hmm_p2p *mine;
	struct disk disk;
	struct pool pool;
	unsigned int i;
	uint8_t *mem;

	(void)state;
	pools_find(&pool, 1);
	disk = disk_open("near");
	file_fill(disk.fd, 0, LENGTH, 47);
	for (i = 0; i < 20; i++) {
		mine = context_open();
		mem = map_shared(mine, pool.id, 0, LENGTH);
		hmm_p2p_close(mine);
		assert_int_equal(pread(disk.fd, mem, LENGTH, 0), LENGTH);
		assert_pattern(mem, LENGTH, 47);
		unmap_shared(mem, LENGTH);
		pool_is_back(&pool);
	}
	disk_close(&disk);
}

/**
 * struct request - direct I/O that somebody else waits for
 * @context: of the kernel's AIO
 * @iocb: what was asked for
 */
struct request {
	aio_context_t context;
	struct iocb iocb;
};

/* When it returns, the block layer has the pages. */
static void request_start(struct request *request, int fd, void *mem, uint16_t opcode)
{
	struct iocb *list = &request->iocb;

	*request = (struct request) { .iocb = {
		.aio_fildes = (uint32_t)fd,
		.aio_lio_opcode = opcode,
		.aio_buf = (uintptr_t)mem,
		.aio_nbytes = LENGTH,
	} };
	assert_int_equal(syscall(SYS_io_setup, 1, &request->context), 0);
	assert_int_equal(syscall(SYS_io_submit, request->context, 1, &list), 1);
}

static void request_end(struct request *request)
{
	struct io_event event;

	assert_int_equal(syscall(SYS_io_getevents, request->context, 1, 1, &event, NULL), 1);
	assert_int_equal(event.res, LENGTH);
	assert_int_equal(syscall(SYS_io_destroy, request->context), 0);
}

/*
 * The disk has all of @sides' pages, and their owner has given them up. It held 52, and
 * the pages 53. For disk_thaw() and request_end().
 */
static void give_up_under_io(struct sides *sides, struct request *request, uint16_t opcode)
{
	sides_open(sides, "near");
	file_fill(sides->disk.fd, 0, LENGTH, 52);
	pattern_fill(sides->mem, 0, LENGTH, 53);
	disk_freeze(&sides->disk);
	request_start(request, sides->disk.fd, sides->mem, opcode);
	unmap_shared(sides->mem, LENGTH);
	hmm_p2p_close(sides->context);
}

/* Users of p2pmem/allocate leave in the pool what they had there. */
static void pool_clear(const struct pool *pool)
{
	uint8_t *mem = allocate(pool, pool->before);

	memset(mem, 0, pool->before);
	unmap_shared(mem, pool->before);
	pool_is_back(pool);
}

/*
 * The disk has pages that their owner has given up: they are nobody else's until it
 * is done, and whoever gets them then finds nothing in them.
 */
static void freed_under_io(uint16_t opcode)
{
	struct request request;
	struct sides sides;
	struct pool *pool = &sides.pool;
	uint64_t left;
	uint8_t *mem;

	pools_find(pool, 1);
	pool_clear(pool);
	give_up_under_io(&sides, &request, opcode);
	left = pool_available(pool);
	disk_thaw(&sides.disk);
	request_end(&request);
	assert_int_equal(left, pool->before - LENGTH);
	assert_file(sides.disk.fd, 0, LENGTH, opcode == IOCB_CMD_PWRITE ? 53 : 52);

	pool_is_back(pool);
	mem = allocate(pool, pool->before);
	assert_zero(mem, pool->before);
	unmap_shared(mem, pool->before);
	disk_close(&sides.disk);
	pool_is_back(pool);
}

static void test_freed_while_read(void **state)
{
	(void)state;
	freed_under_io(IOCB_CMD_PREAD);
}

static void test_freed_while_written(void **state)
{
	(void)state;
	freed_under_io(IOCB_CMD_PWRITE);
}

static void *unbind(void *arg)
{
	return (void *)(intptr_t)pool_unbind(arg);
}

/* The device goes meanwhile, which ends when the disk has let go of the pages. */
static void test_freed_then_unbound(void **state)
{
	struct hmm_p2p_device_info info;
	struct request request;
	pthread_t unbinding;
	struct sides sides;
	void *ret;

	(void)state;
	give_up_under_io(&sides, &request, IOCB_CMD_PWRITE);
	assert_int_equal(pthread_create(&unbinding, NULL, unbind, &sides.pool), 0);
	while (!hmm_p2p_device_find(ctx, sides.pool.bus, &info))
		sched_yield();
	disk_thaw(&sides.disk);
	request_end(&request);
	assert_int_equal(pthread_join(unbinding, &ret), 0);
	assert_int_equal((intptr_t)ret, 0);
	assert_file(sides.disk.fd, 0, LENGTH, 53);
	disk_close(&sides.disk);
	assert_int_equal(pool_bind(&sides.pool), 0);
	pool_is_back(&sides.pool);
}

/* -------------------------------------------------- malloc() on the device */

static unsigned long long tool_counter(const struct hmm_p2p_device_info *device,
				       const char *name)
{
	unsigned long long value = ~0ULL;
	char command[160], text[64];
	FILE *out;

	snprintf(command, sizeof(command),
		 "hmmp2p stat %u --json | grep -o '\"%s\": *[0-9]*' | tr -dc 0-9",
		 device->out_id, name);
	out = popen(command, "r");
	REQUIRE(out);
	if (fgets(text, sizeof(text), out))
		value = strtoull(text, NULL, 10);
	REQUIRE(pclose(out) == 0);
	REQUIRE(value != ~0ULL);
	return value;
}

/* It comes home for the I/O, and the counters say so, to programs and people. */
static void comes_home(const char *name, bool write)
{
	struct hmm_p2p_device_info device = largest_exporter(4 * MIB);
	unsigned long long told[2];
	struct hmm_p2p_stat before;
	struct disk disk;
	uint8_t *mem;

	disk = disk_open(name);
	file_fill(disk.fd, 0, LENGTH, 48);
	mem = map_pattern(LENGTH, SMALL_PAGES, 49);
	move_all_to(device.out_id, mem, LENGTH);
	before = stat_now(device.out_id);
	told[0] = tool_counter(&device, "to_ram");
	told[1] = tool_counter(&device, "cpu_fault");
	assert_int_equal(write ? pwrite(disk.fd, mem, LENGTH, 0) :
				 pread(disk.fd, mem, LENGTH, 0), LENGTH);
	assert_int_equal(pages_on(0, mem, LENGTH), 0);
	assert_int_equal(stat_delta(device.out_id, &before, HMM_P2P_COUNTER_TO_RAM), PAGES);
	assert_int_equal(stat_delta(device.out_id, &before, HMM_P2P_COUNTER_CPU_FAULT),
			 PAGES);
	assert_int_equal(stat_delta(device.out_id, &before, HMM_P2P_COUNTER_P2P), 0);
	assert_int_equal(tool_counter(&device, "to_ram") - told[0], PAGES);
	assert_int_equal(tool_counter(&device, "cpu_fault") - told[1], PAGES);
	assert_pattern(mem, LENGTH, write ? 49 : 48);
	assert_file(disk.fd, 0, LENGTH, write ? 49 : 48);
	unmap(mem, LENGTH);
	disk_close(&disk);
}

static void test_malloc_read(void **state)
{
	(void)state;
	comes_home("near", false);
}

static void test_malloc_write(void **state)
{
	(void)state;
	comes_home("near", true);
}

static void test_malloc_no_path(void **state)
{
	(void)state;
	comes_home("far", false);
}

/* ------------------------------------------------------------------- fio */

#define FIO_LOG	"/run/fio.log"

static int fio(const char *name, const char *engine)
{
	char command[512], memory[128];
	struct disk disk;
	struct pool pool;
	int ret;

	pools_find(&pool, 1);
	disk = disk_find(name);
	allocate_path(&pool, memory, sizeof(memory));
	snprintf(command, sizeof(command),
		 "fio --name=p2p --filename=%s --direct=1 --rw=randrw --bs=16k"
		 " --size=4m --thread --iodepth=8 --iomem=mmapshared:%s"
		 " --ioengine=%s --verify=crc32c --verify_fatal=1 >" FIO_LOG " 2>&1",
		 disk.path, memory, engine);
	ret = system(command);
	pool_is_back(&pool);
	return ret;
}

static void fio_works(const char *engine)
{
	if (fio("near", engine)) {
		(void)!system("sed 's/^/# /' " FIO_LOG " >&2");
		fail_msg("fio with %s failed", engine);
	}
}

static void test_fio_psync(void **state)
{
	(void)state;
	fio_works("psync");
}

static void test_fio_libaio(void **state)
{
	(void)state;
	fio_works("libaio");
}

static void test_fio_io_uring(void **state)
{
	(void)state;
	fio_works("io_uring");
}

/* That it works elsewhere is no accident: this is the device's memory. */
static void test_fio_no_path(void **state)
{
	(void)state;
	assert_int_not_equal(fio("far", "psync"), 0);
	assert_int_equal(system("grep -q 'Invalid argument' " FIO_LOG), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_direct_read),
		TEST(test_direct_write),
		TEST(test_no_path),
		TEST(test_opts_out),
		TEST(test_outlived),
		TEST(test_freed_while_read),
		TEST(test_freed_while_written),
		TEST(test_freed_then_unbound),
		TEST(test_malloc_read),
		TEST(test_malloc_write),
		TEST(test_malloc_no_path),
		TEST(test_fio_psync),
		TEST(test_fio_libaio),
		TEST(test_fio_io_uring),
		TEST(test_fio_no_path),
	};

	return RUN("shared_io", tests);
}
