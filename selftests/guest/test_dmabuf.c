// SPDX-License-Identifier: GPL-2.0
/*
 * Shared device memory as a dma-buf: the same bytes for the CPU, for another process
 * and for a bus master; who keeps them; what is refused; and what becomes of it all
 * when the device goes.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common_shared.h"

#define LENGTH	(64 * page_size)

/* A bus master moves a page in a fifth of a second. */
#define FEW	(3 * page_size)

/* A buffer of the whole of @mem. */
static int export_all(void *mem, size_t length)
{
	struct hmm_p2p_export result;
	int fd = hmm_p2p_export(ctx, mem, length, &result);

	if (fd < 0)
		fprintf(stderr, "# %s\n", hmm_p2p_errno_text(fd, HMM_P2P_CALL_EXPORT));
	REQUIRE(fd >= 0 && fd == result.out_fd);
	REQUIRE(result.out_offset == 0 && result.out_length == length);
	return fd;
}

/**
 * struct made - a buffer of a device's memory, and all that it came from
 * @pool: of the device
 * @mine: whose memory
 * @mem: LENGTH bytes with a pattern
 * @fd: these as a dma-buf
 */
struct made {
	struct pool pool;
	struct hmm_p2p *mine;
	uint8_t *mem;
	int fd;
};

/* It stays where it is: the pool points into itself. */
static void make(struct made *made, uint64_t seed)
{
	pools_find(&made->pool, 1);
	made->mine = context_open();
	made->mem = map_shared(made->mine, made->pool.id, 0, LENGTH);
	pattern_fill(made->mem, 0, LENGTH, seed);
	made->fd = export_all(made->mem, LENGTH);
}

static void unmake(struct made *made)
{
	close(made->fd);
	unmap_shared(made->mem, LENGTH);
	hmm_p2p_close(made->mine);
	pool_is_back(&made->pool);
}

static uint8_t *map_buffer(int fd, size_t length)
{
	void *mem = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	REQUIRE(mem != MAP_FAILED);
	return mem;
}

/* By what the CPU has to say before and after it touches the mapping of a buffer. */
static void sync_buffer(int fd, uint64_t flags)
{
	const struct dma_buf_sync sync = { .flags = flags };

	REQUIRE(ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) == 0);
}

static int note_one(const struct hmm_p2p_extent *extent, void *arg)
{
	*(struct hmm_p2p_extent *)arg = *extent;
	return 0;
}

static void test_same_memory(void **state)
{
	struct hmm_p2p_extent extent = {};
	struct hmm_p2p_export result;
	uint8_t *mem, *buffer;
	struct hmm_p2p *mine;
	struct pool pool;
	int fd;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	pattern_fill(mem, 0, LENGTH, 61);

	/* From the middle of a page to the middle of another. */
	fd = hmm_p2p_export(ctx, mem + page_size + 100, 2 * page_size, &result);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(result.out_device, pool.id);
	assert_int_equal(result.out_offset, 100);
	assert_int_equal(result.out_length, 3 * page_size);
	assert_int_equal(lseek(fd, 0, SEEK_END), 3 * page_size);
	buffer = map_buffer(fd, 3 * page_size);
	sync_buffer(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	assert_int_equal(pattern_diff(buffer, page_size, 3 * page_size, 61), -1);
	pattern_fill(buffer, page_size, 3 * page_size, 62);
	sync_buffer(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
	assert_int_equal(pattern_diff(mem, 0, page_size, 61), -1);
	assert_int_equal(pattern_diff(mem + page_size, page_size, 3 * page_size, 62), -1);

	/* It is known for what it is, and took nothing more from the pool. */
	assert_int_equal(hmm_p2p_query(ctx, NULL, 0, (uintptr_t)buffer, 3 * page_size,
				       note_one, &extent), 1);
	assert_int_equal(extent.device, pool.id);
	assert_true(extent.flags & HMM_P2P_EXTENT_SHARED);
	assert_int_equal(pool_available(&pool), pool.before - LENGTH);

	unmap_shared(buffer, 3 * page_size);
	close(fd);
	unmap_shared(mem, LENGTH);
	hmm_p2p_close(mine);
	assert_int_equal(pool_available(&pool), pool.before);
}

static void test_buffer_keeps_memory(void **state)
{
	struct hmm_p2p *mine;
	uint8_t *mem, *buffer;
	struct pool pool;
	int fd;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	pattern_fill(mem, 0, LENGTH, 63);
	fd = export_all(mem, LENGTH);
	unmap_shared(mem, LENGTH);
	hmm_p2p_close(mine);
	assert_int_equal(pool_available(&pool), pool.before - LENGTH);
	buffer = map_buffer(fd, LENGTH);
	assert_pattern(buffer, LENGTH, 63);

	/* The mapping of a buffer is as good as any: a buffer of the buffer. */
	close(fd);
	fd = export_all(buffer, LENGTH);
	unmap_shared(buffer, LENGTH);
	buffer = map_buffer(fd, LENGTH);
	assert_pattern(buffer, LENGTH, 63);
	close(fd);
	assert_int_equal(pool_available(&pool), pool.before - LENGTH);
	unmap_shared(buffer, LENGTH);
	pool_is_back(&pool);
}

/* ---------------------------------------------------------- other processes */

struct receiver {
	struct turns turns;
	int sockets[2];
	uint32_t importer;
};

static int receive_and_write(void *arg)
{
	struct receiver *it = arg;
	uint8_t *mem;
	int fd;

	turns_side(&it->turns, true);
	fd = receive_fd(it->sockets[1]);
	mem = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(mem != MAP_FAILED);
	CHECK(pattern_diff(mem, 0, LENGTH, 64) == -1);
	pattern_fill(mem, 0, LENGTH, 65);
	CHECK(turn_give(&it->turns) == 0);

	/* Now nobody else has it. */
	CHECK(turn_await(&it->turns) == 0);
	CHECK(pattern_diff(mem, 0, LENGTH, 66) == -1);
	return 0;
}

static void receiver_init(struct receiver *it)
{
	turns_init(&it->turns);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, it->sockets) == 0);
}

static void receiver_fini(struct receiver *it)
{
	turns_fini(&it->turns);
	close(it->sockets[0]);
	close(it->sockets[1]);
}

static void test_passed_on(void **state)
{
	struct receiver it = { 0 };
	struct hmm_p2p *mine;
	struct pool pool;
	uint8_t *mem;
	pid_t child;
	int fd;

	(void)state;
	pools_find(&pool, 1);
	receiver_init(&it);
	child = child_start(receive_and_write, &it);
	turns_side(&it.turns, false);
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	pattern_fill(mem, 0, LENGTH, 64);
	fd = export_all(mem, LENGTH);
	send_fd(it.sockets[0], fd);
	assert_int_equal(turn_await(&it.turns), 0);
	assert_pattern(mem, LENGTH, 65);
	pattern_fill(mem, 0, LENGTH, 66);
	close(fd);
	unmap_shared(mem, LENGTH);
	hmm_p2p_close(mine);
	assert_int_equal(pool_available(&pool), pool.before - LENGTH);
	assert_int_equal(turn_give(&it.turns), 0);
	assert_int_equal(child_wait(child), 0);
	pool_is_back(&pool);
	receiver_fini(&it);
}

/* The same without the second half: who has received it ends, and the maker goes on. */
static void test_receiver_is_killed(void **state)
{
	struct receiver it = { 0 };
	struct made made;
	int status;
	pid_t child;

	(void)state;
	receiver_init(&it);
	child = child_start(receive_and_write, &it);
	turns_side(&it.turns, false);
	make(&made, 64);
	send_fd(it.sockets[0], made.fd);
	assert_int_equal(turn_await(&it.turns), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_pattern(made.mem, LENGTH, 65);
	pattern_fill(made.mem, 0, LENGTH, 66);
	assert_pattern(made.mem, LENGTH, 66);
	unmake(&made);
	receiver_fini(&it);
}

/* It makes a buffer, hands it on, and waits to be killed. */
static int make_and_wait(void *arg)
{
	struct receiver *it = arg;
	struct hmm_p2p *mine;
	struct pool pool;
	uint8_t *mem;
	int fd;

	turns_side(&it->turns, true);
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	pattern_fill(mem, 0, LENGTH, 67);
	fd = export_all(mem, LENGTH);
	send_fd(it->sockets[1], fd);
	CHECK(turn_give(&it->turns) == 0);
	pause();
	return 0;
}

static void test_maker_is_killed(void **state)
{
	struct receiver it = { 0 };
	struct pool pool;
	uint8_t *mem;
	pid_t child;
	int fd, status;

	(void)state;
	pools_find(&pool, 1);
	receiver_init(&it);
	child = child_start(make_and_wait, &it);
	turns_side(&it.turns, false);
	assert_int_equal(turn_await(&it.turns), 0);
	fd = receive_fd(it.sockets[0]);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	mem = map_buffer(fd, LENGTH);
	assert_pattern(mem, LENGTH, 67);
	close(fd);
	assert_pattern(mem, LENGTH, 67);
	unmap_shared(mem, LENGTH);
	pool_is_back(&pool);
	receiver_fini(&it);
}

/* -------------------------------------------------------------------- devices */

static void test_bus_master(void **state)
{
	uint8_t *data = map_memory(FEW, SMALL_PAGES);
	uint32_t importer;
	struct made made;

	(void)state;
	make(&made, 68);
	importer = bus_master_of(&made.pool, true);
	assert_int_equal(hmm_p2p_import_read(ctx, importer, made.fd, page_size, data, FEW),
			 FEW);
	assert_int_equal(pattern_diff(data, page_size, FEW, 68), -1);
	pattern_fill(data, 0, FEW, 69);
	assert_int_equal(hmm_p2p_import_write(ctx, importer, made.fd, LENGTH - FEW, data,
					      FEW), FEW);
	assert_int_equal(pattern_diff(made.mem, 0, LENGTH - FEW, 68), -1);
	assert_int_equal(pattern_diff(made.mem + LENGTH - FEW, 0, FEW, 69), -1);
	unmake(&made);
	unmap(data, FEW);
}

/* There is no copy in RAM for it, and nothing happens behind anybody's back. */
static void test_no_path(void **state)
{
	uint8_t *data = map_memory(page_size, SMALL_PAGES);
	uint32_t importer;
	struct made made;

	(void)state;
	make(&made, 70);
	importer = bus_master_of(&made.pool, false);
	assert_int_equal(hmm_p2p_import_read(ctx, importer, made.fd, 0, data, page_size),
			 -EREMOTEIO);
	assert_int_equal(hmm_p2p_import_write(ctx, importer, made.fd, 0, data, page_size),
			 -EREMOTEIO);
	assert_pattern(made.mem, LENGTH, 70);
	unmake(&made);
	unmap(data, page_size);
}

/* Somebody else's buffer: memory of a memfd. Any device reaches RAM. */
static void test_buffer_in_ram(void **state)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = LENGTH };
	uint8_t *mem, *data = map_memory(FEW, SMALL_PAGES);
	int node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd;
	uint32_t importer;
	struct pool pool;

	(void)state;
	pools_find(&pool, 1);
	importer = bus_master_of(&pool, false);
	if (node < 0)
		SKIP("there is no /dev/udmabuf: %s", strerror(errno));
	create.memfd = memfd_create("ram", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	REQUIRE(ftruncate(create.memfd, LENGTH) == 0);
	REQUIRE(fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
	mem = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, create.memfd, 0);
	REQUIRE(mem != MAP_FAILED);
	pattern_fill(mem, 0, LENGTH, 71);
	fd = ioctl(node, UDMABUF_CREATE, &create);
	assert_true(fd >= 0);
	assert_int_equal(hmm_p2p_import_read(ctx, importer, fd, FEW, data, FEW), FEW);
	assert_int_equal(pattern_diff(data, FEW, FEW, 71), -1);
	pattern_fill(data, 0, FEW, 72);
	assert_int_equal(hmm_p2p_import_write(ctx, importer, fd, 0, data, FEW), FEW);
	sync_buffer(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
	assert_int_equal(pattern_diff(mem, 0, FEW, 72), -1);
	assert_int_equal(pattern_diff(mem + FEW, FEW, LENGTH - FEW, 71), -1);
	munmap(mem, LENGTH);
	unmap(data, FEW);
	close(fd);
	close(create.memfd);
	close(node);
}

/* -------------------------------------------------------------------- refused */

static void test_export_refused(void **state)
{
	uint8_t *other = map_memory(LENGTH, SMALL_PAGES), *mem;
	struct hmm_p2p_export result;
	struct hmm_p2p *mine;
	struct pool pool;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	assert_int_equal(hmm_p2p_export(ctx, other, LENGTH, &result), -EOPNOTSUPP);
	assert_int_equal(result.out_fd, HMM_P2P_NO_FD);
	assert_int_equal(hmm_p2p_export(ctx, mem, 0, NULL), -EINVAL);
	assert_int_equal(hmm_p2p_export(ctx, mem, SIZE_MAX, NULL), -EINVAL);
	assert_int_equal(hmm_p2p_export(NULL, mem, LENGTH, NULL), -EINVAL);
	assert_int_equal(hmm_p2p_export(ctx, mem, LENGTH + 1, NULL), -EFAULT);
	assert_int_equal(hmm_p2p_export(ctx, mem + LENGTH - 1, 2, NULL), -EFAULT);
	assert_int_equal(mprotect(mem, LENGTH, PROT_READ), 0);
	assert_int_equal(hmm_p2p_export(ctx, mem, LENGTH, NULL), -EPERM);
	unmap_shared(mem, LENGTH);
	assert_int_equal(hmm_p2p_export(ctx, mem, LENGTH, NULL), -EFAULT);
	hmm_p2p_close(mine);
	unmap(other, LENGTH);
	pool_is_back(&pool);
}

/* No descriptor is left for it: the buffer goes, and the caller may try again. */
static void test_too_many_files(void **state)
{
	struct rlimit before, none = { 0 };
	struct hmm_p2p *mine;
	struct pool pool;
	uint8_t *mem;
	int err;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	err = hmm_p2p_export(ctx, mem, LENGTH, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(err, -EMFILE);
	close(export_all(mem, LENGTH));
	unmap_shared(mem, LENGTH);
	hmm_p2p_close(mine);
	pool_is_back(&pool);
}

static void test_import_refused(void **state)
{
	uint8_t *data = map_memory(LENGTH, SMALL_PAGES);
	uint32_t importer, copies = any_importer().out_id;
	struct made made;
	int fd;

	(void)state;
	make(&made, 73);
	fd = made.fd;
	importer = bus_master_of(&made.pool, true);
	/* One that copies with the CPU does no DMA. */
	assert_int_equal(hmm_p2p_import_read(ctx, copies, fd, 0, data, LENGTH), -EOPNOTSUPP);
	assert_int_equal(hmm_p2p_import_read(ctx, 0xfffff, fd, 0, data, LENGTH), -ENOENT);
	assert_int_equal(hmm_p2p_import_read(ctx, importer, -1, 0, data, LENGTH), -EBADF);
	assert_int_equal(hmm_p2p_import_read(ctx, importer, hmm_p2p_fd(ctx), 0, data,
					     LENGTH), -EBADF);
	assert_int_equal(hmm_p2p_import_read(ctx, importer, fd, page_size, data, LENGTH),
			 -EFAULT);
	assert_int_equal(hmm_p2p_import_read(ctx, importer, fd, -page_size, data,
					     2 * page_size), -EFAULT);
	assert_int_equal(hmm_p2p_import_read(ctx, importer, fd, 1, data, page_size), -EINVAL);
	assert_int_equal(hmm_p2p_import_read(ctx, importer, fd, 0, data, 0), -EINVAL);
	assert_int_equal(hmm_p2p_import_read(ctx, importer, fd, 0, NULL, page_size), -EINVAL);
	assert_int_equal(hmm_p2p_import_write(ctx, importer, fd, 0, (void *)8, page_size),
			 -EFAULT);
	assert_pattern(made.mem, LENGTH, 73);
	unmake(&made);
	assert_int_equal(hmm_p2p_import_read(ctx, importer, fd, 0, data, page_size), -EBADF);
	unmap(data, LENGTH);
}

#define MANY	1000

/* As many buffers of the same memory; the last that goes gives it back. */
static void test_many(void **state)
{
	struct hmm_p2p *mine;
	struct pool pool;
	int fds[MANY];
	uint8_t *mem;
	size_t i;

	(void)state;
	pools_find(&pool, 1);
	mine = context_open();
	mem = map_shared(mine, pool.id, 0, LENGTH);
	for (i = 0; i < MANY; i++)
		fds[i] = export_all(mem, LENGTH);
	unmap_shared(mem, LENGTH);
	hmm_p2p_close(mine);
	for (i = 0; i < MANY; i++) {
		assert_int_equal(pool_available(&pool), pool.before - LENGTH);
		close(fds[i]);
	}
	pool_is_back(&pool);
}

/* ------------------------------------------------------------------ it goes */

static void test_unbind(void **state)
{
	uint8_t *buffer, *data = map_memory(page_size, SMALL_PAGES);
	uint32_t importer;
	struct made made;

	(void)state;
	make(&made, 74);
	importer = bus_master_of(&made.pool, true);
	buffer = map_buffer(made.fd, LENGTH);
	assert_pattern(buffer, LENGTH, 74);
	assert_int_equal(pool_unbind(&made.pool), 0);
	assert_true(is_dead(buffer, false));
	assert_true(is_dead(made.mem, true));
	assert_true(mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, made.fd, 0) == MAP_FAILED &&
		    errno == ENODEV);
	assert_int_equal(hmm_p2p_import_read(ctx, importer, made.fd, 0, data, page_size),
			 -ENODEV);
	assert_int_equal(hmm_p2p_export(ctx, buffer, LENGTH, NULL), -ENODEV);

	/* It comes back as another device, and the buffer stays dead. */
	assert_int_equal(pool_bind(&made.pool), 0);
	assert_int_equal(hmm_p2p_import_read(ctx, importer, made.fd, 0, data, page_size),
			 -ENODEV);
	unmap_shared(buffer, LENGTH);
	unmake(&made);
	unmap(data, page_size);
}

/**
 * struct reader - a thread that has a device read a buffer until that fails
 * @importer: the device
 * @fd: the buffer
 * @rounds: pages read
 * @err: what it failed with
 */
struct reader {
	uint32_t importer;
	int fd;
	unsigned int rounds;
	int64_t err;
};

static void *read_on(void *arg)
{
	struct reader *reader = arg;
	uint8_t *data = malloc(LENGTH);

	REQUIRE(data);
	do {
		reader->err = hmm_p2p_import_read(ctx, reader->importer, reader->fd, 0, data,
						  page_size);
		if (reader->err > 0 && pattern_diff(data, 0, page_size, 75) != -1)
			reader->err = -EIO;
		__atomic_add_fetch(&reader->rounds, 1, __ATOMIC_RELAXED);
	} while (reader->err > 0);
	free(data);
	return NULL;
}

/* The device goes under a bus master's hands: it reads right bytes, or none. */
static void test_unbind_under_dma(void **state)
{
	struct reader reader = { 0 };
	pthread_t thread;
	struct made made;

	(void)state;
	make(&made, 75);
	reader.importer = bus_master_of(&made.pool, true);
	reader.fd = made.fd;
	assert_int_equal(pthread_create(&thread, NULL, read_on, &reader), 0);
	while (!__atomic_load_n(&reader.rounds, __ATOMIC_RELAXED))
		sched_yield();
	assert_int_equal(pool_unbind(&made.pool), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(reader.err, -ENODEV);
	assert_int_equal(pool_bind(&made.pool), 0);
	unmake(&made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_same_memory),
		TEST(test_buffer_keeps_memory),
		TEST(test_passed_on),
		TEST(test_receiver_is_killed),
		TEST(test_maker_is_killed),
		TEST(test_bus_master),
		TEST(test_no_path),
		TEST(test_buffer_in_ram),
		TEST(test_export_refused),
		TEST(test_too_many_files),
		TEST(test_import_refused),
		TEST(test_many),
		TEST(test_unbind),
		TEST(test_unbind_under_dma),
	};

	return RUN("dmabuf", tests);
}
