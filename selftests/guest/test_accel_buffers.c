// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers between an accelerator and everybody else: memory that another exporter shares, a
 * bus master, a camera, other processes; a thousand of them at once; and the end of whoever
 * has one, with jobs that would go on for ever.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "camera.h"
#include "common_gem.h"
#include "common_shared.h"

#define LENGTH		(4 * MIB)
#define MANY		1000

/* In all they would keep a device for minutes. */
#define QUEUED		500

/* A bus master moves a page in a fifth of a second. */
#define FEW		(3 * page_size)

/**
 * struct shared - memory that a device shares, as a dma-buf
 * @pool: of the device
 * @mine: whose memory
 * @mem: LENGTH bytes with a pattern
 * @dmabuf: these
 */
struct shared {
	struct pool pool;
	struct hmm_p2p *mine;
	uint8_t *mem;
	int dmabuf;
};

/* It stays where it is: the pool points into itself. */
static void shared_make(struct shared *shared, uint64_t seed)
{
	pools_find(&shared->pool, 1);
	shared->mine = context_open();
	shared->mem = map_shared(shared->mine, shared->pool.id, 0, LENGTH);
	pattern_fill(shared->mem, 0, LENGTH, seed);
	shared->dmabuf = hmm_p2p_export(ctx, shared->mem, LENGTH, NULL);
	REQUIRE(shared->dmabuf >= 0);
}

static void shared_free(struct shared *shared)
{
	close(shared->dmabuf);
	unmap_shared(shared->mem, LENGTH);
	hmm_p2p_close(shared->mine);
	pool_is_back(&shared->pool);
}

/* ---------------------------------------------------------------- another exporter */

static void test_shared_memory(void **state)
{
	int fd = open_accel(0);
	struct buffer mine = buffer_make(fd, LENGTH);
	struct shared shared;
	uint64_t offset = 0;
	struct gem_job job;
	uint32_t handle;

	(void)state;
	shared_make(&shared, 41);
	handle = gem_import(fd, shared.dmabuf);
	assert_int_equal(gem_offset(fd, handle, &offset), -EOPNOTSUPP);
	job = gem_copy_job(handle, mine.handle, LENGTH);
	assert_int_equal(gem_run(fd, &job), 0);
	assert_pattern(mine.mem, LENGTH, 41);
	pattern_fill(mine.mem, 0, LENGTH, 42);
	job = gem_copy_job(mine.handle, handle, LENGTH);
	assert_int_equal(gem_run(fd, &job), 0);
	assert_pattern(shared.mem, LENGTH, 42);
	assert_int_equal(gem_close(fd, handle), 0);
	buffer_free(&mine);
	close(fd);
	shared_free(&shared);
}

/* Jobs without an end that have @handle, and write @mine. Return: a fence of the last. */
static int queue_endless(int fd, struct buffer *mine, uint32_t handle)
{
	struct gem_job endless = gem_endless_job(mine);
	uint32_t sync = syncobj_create(fd);
	unsigned int i;

	gem_add(&endless, handle, HMM_P2P_ACCEL_BUFFER_WRITE);
	for (i = 0; i < QUEUED; i++) {
		if (i == QUEUED - 1)
			endless.signals[endless.submit.nr_signals++].handle = sync;
		REQUIRE(gem_submit(fd, &endless) == 0);
	}
	return syncobj_fence(fd, sync);
}

/*
 * The device goes whose memory it is: the job that is under way has its time, and none of
 * the others begins.
 */
static void test_exporter_goes(void **state)
{
	int fd = open_accel(0), fence;
	struct buffer mine = buffer_make(fd, LENGTH);
	struct shared shared;
	struct gem_job job;
	uint32_t handle;

	(void)state;
	shared_make(&shared, 43);
	handle = gem_import(fd, shared.dmabuf);
	assert_int_equal(write_file(LIMIT, "1000"), 0);
	fence = queue_endless(fd, &mine, handle);
	assert_int_equal(pool_unbind(&shared.pool), 0);
	assert_int_equal(write_file(LIMIT, "10000"), 0);
	assert_int_equal(fence_status(fence), -ENODEV);
	job = gem_copy_job(handle, mine.handle, LENGTH);
	assert_int_equal(gem_run(fd, &job), -ENODEV);
	job = gem_fill_job(mine.handle, LENGTH, 44);
	assert_int_equal(gem_run(fd, &job), 0);
	assert_int_equal(gem_close(fd, handle), 0);
	assert_int_equal(gem_try_import(fd, shared.dmabuf, &handle), -ENODEV);
	assert_true(is_dead(shared.mem, true));
	assert_int_equal(pool_bind(&shared.pool), 0);
	buffer_free(&mine);
	close(fd);
	shared_free(&shared);
}

/**
 * struct reader - a thread that has a bus master read a buffer
 * @importer: the bus master
 * @dmabuf: the buffer
 * @tid: of the thread, when it has begun
 * @got: what came of it
 */
struct reader {
	uint32_t importer;
	int dmabuf;
	atomic_int tid;
	int64_t got;
};

static void *read_once(void *arg)
{
	struct reader *reader = arg;
	uint8_t *data = malloc(page_size);

	REQUIRE(data);
	reader->tid = gettid();
	reader->got = hmm_p2p_import_read(ctx, reader->importer, reader->dmabuf, 0, data,
					  page_size);
	free(data);
	return NULL;
}

/* A bus master that waits for such jobs holds nothing that the removal wants. */
static void test_exporter_goes_while_others_wait(void **state)
{
	int fd = open_accel(0), fence;
	struct buffer mine = buffer_make(fd, page_size);
	struct reader reader = {};
	struct shared shared;
	pthread_t thread;
	uint32_t handle;

	(void)state;
	shared_make(&shared, 45);
	reader.importer = bus_master_of(&shared.pool, true);
	reader.dmabuf = shared.dmabuf;
	handle = gem_import(fd, shared.dmabuf);
	assert_int_equal(write_file(LIMIT, "1000"), 0);
	fence = queue_endless(fd, &mine, handle);
	assert_int_equal(pthread_create(&thread, NULL, read_once, &reader), 0);
	AWAIT(reader.tid && strstr(stack_of(getpid(), reader.tid), "dma_resv_wait_timeout"));
	assert_int_equal(pool_unbind(&shared.pool), 0);
	assert_int_equal(write_file(LIMIT, "10000"), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(reader.got, -ENODEV);
	assert_int_equal(fence_status(fence), -ENODEV);
	assert_int_equal(gem_close(fd, handle), 0);
	assert_int_equal(pool_bind(&shared.pool), 0);
	buffer_free(&mine);
	close(fd);
	shared_free(&shared);
}

/* ------------------------------------------------------------------- a bus master */

static uint32_t bus_master(unsigned int nr, bool path)
{
	const struct pool pool = { .id = accel_memory(nr) };

	return bus_master_of(&pool, path);
}

/* A buffer of an accelerator, which only who reaches it peer to peer may have. */
static void test_bus_master(void **state)
{
	int fd = open_accel(0), dmabuf;
	uint32_t near = bus_master(0, true), far = bus_master(0, false);
	struct buffer buffer = buffer_make(fd, LENGTH);
	uint8_t *data = map_memory(FEW, SMALL_PAGES);

	(void)state;
	pattern_fill(buffer.mem, 0, LENGTH, 46);
	dmabuf = gem_export(fd, buffer.handle);
	assert_int_equal(hmm_p2p_import_read(ctx, near, dmabuf, page_size, data, FEW), FEW);
	assert_int_equal(pattern_diff(data, page_size, FEW, 46), -1);
	pattern_fill(data, 0, FEW, 47);
	assert_int_equal(hmm_p2p_import_write(ctx, near, dmabuf, LENGTH - FEW, data, FEW), FEW);
	assert_int_equal(pattern_diff(buffer.mem, 0, LENGTH - FEW, 46), -1);
	assert_int_equal(pattern_diff(buffer.mem + LENGTH - FEW, 0, FEW, 47), -1);

	assert_int_equal(hmm_p2p_import_read(ctx, far, dmabuf, 0, data, FEW), -EREMOTEIO);
	assert_int_equal(hmm_p2p_import_write(ctx, far, dmabuf, 0, data, FEW), -EREMOTEIO);
	assert_int_equal(pattern_diff(buffer.mem, 0, LENGTH - FEW, 46), -1);
	close(dmabuf);
	buffer_free(&buffer);
	unmap(data, FEW);
	close(fd);
}

/* ---------------------------------------------------------------------- a thousand */

/* Buffers with a page each of @mem, and a job for each: all of it is copied, by pieces. */
static void copy_pieces(int fd, const uint32_t handles[MANY], const uint8_t *mem)
{
	struct buffer copy = buffer_make(fd, MANY * page_size);
	struct gem_job job;
	size_t i;

	for (i = 0; i < MANY; i++) {
		job = gem_copy_job(handles[i], copy.handle, page_size);
		job.submit.dst += i * page_size;
		REQUIRE((i < MANY - 1 ? gem_submit(fd, &job) : gem_run(fd, &job)) == 0);
	}
	assert_memory_equal(copy.mem, mem, MANY * page_size);
	buffer_free(&copy);
}

/* One half is closed by hand, and the others because the file is. */
static void close_pieces(int fd, const uint32_t handles[MANY])
{
	size_t i;

	for (i = 0; i < MANY / 2; i++)
		assert_int_equal(gem_close(fd, handles[i]), 0);
	close(fd);
}

static void test_many_of_an_exporter(void **state)
{
	int fd = open_accel(0), dmabuf;
	uint32_t handles[MANY];
	struct shared shared;
	size_t i;

	(void)state;
	shared_make(&shared, 48);
	for (i = 0; i < MANY; i++) {
		dmabuf = hmm_p2p_export(ctx, shared.mem + i * page_size, page_size, NULL);
		assert_true(dmabuf >= 0);
		handles[i] = gem_import(fd, dmabuf);
		close(dmabuf);
	}
	copy_pieces(fd, handles, shared.mem);
	close_pieces(fd, handles);
	shared_free(&shared);
}

static void no_more_files(struct rlimit *before)
{
	struct rlimit none = {};

	REQUIRE(getrlimit(RLIMIT_NOFILE, before) == 0);
	none.rlim_max = before->rlim_max;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
}

static void test_many_of_an_accelerator(void **state)
{
	int far = open_accel(accel_last()), near = open_accel(0), dmabuf;
	uint8_t *mem = map_pattern(MANY * page_size, SMALL_PAGES, 49);
	uint32_t handles[MANY];
	struct rlimit before;
	size_t i;

	(void)state;
	for (i = 0; i < MANY; i++) {
		struct buffer piece = buffer_make(far, page_size);

		memcpy(piece.mem, mem + i * page_size, page_size);
		dmabuf = gem_export(far, piece.handle);
		handles[i] = gem_import(near, dmabuf);
		close(dmabuf);
		buffer_free(&piece);
	}
	copy_pieces(near, handles, mem);

	/* There is no descriptor left, and then there is one again. */
	i = buffer_make(far, page_size).handle;
	no_more_files(&before);
	dmabuf = gem_try_export(far, i);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(dmabuf, -EMFILE);
	close(gem_export(far, i));
	close_pieces(near, handles);
	close(far);
	unmap(mem, MANY * page_size);
}

/* As many devices' files have the same buffer, when the device goes whose memory it is. */
static void test_many_attachments(void **state)
{
	struct rlimit before, more;
	uint32_t handle, first = 0;
	struct shared shared;
	struct buffer mine;
	struct gem_job job;
	int fds[MANY];
	size_t i;

	(void)state;
	shared_make(&shared, 50);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	more = (struct rlimit) { .rlim_cur = 2 * MANY, .rlim_max = 2 * MANY };
	more.rlim_max = before.rlim_max > more.rlim_max ? before.rlim_max : more.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &more), 0);
	for (i = 0; i < MANY; i++) {
		fds[i] = open_accel(i % 2);
		handle = gem_import(fds[i], shared.dmabuf);
		job = gem_fill_job(handle, LENGTH, i);
		job.submit.length = page_size;
		job.submit.dst += i * page_size;
		assert_int_equal(gem_run(fds[i], &job), 0);
		assert_true(*(uint64_t *)(shared.mem + (i + 1) * page_size - 8) == i);
		if (!i)
			first = handle;
	}
	assert_int_equal(pattern_diff(shared.mem + MANY * page_size, MANY * page_size,
				      LENGTH - MANY * page_size, 50), -1);
	assert_int_equal(pool_unbind(&shared.pool), 0);
	mine = buffer_make(fds[0], page_size);
	job = gem_copy_job(first, mine.handle, page_size);
	assert_int_equal(gem_run(fds[0], &job), -ENODEV);
	buffer_free(&mine);
	for (i = 0; i < MANY; i++)
		close(fds[i]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(pool_bind(&shared.pool), 0);
	shared_free(&shared);
}

/* ------------------------------------------------------------------------ a camera */

#define FRAMES		12
#define FRAME_BUFFERS	3

/**
 * struct capture - a camera that writes into buffers of an accelerator
 * @camera: the camera
 * @fd: the accelerator
 * @frames: its buffers
 * @dmabufs: they
 */
struct capture {
	struct camera camera;
	int fd;
	struct buffer frames[FRAME_BUFFERS];
	int dmabufs[FRAME_BUFFERS];
};

static void capture_give(const struct capture *it, unsigned int index)
{
	memset(it->frames[index].mem, 0xa5, it->camera.size);
	REQUIRE(camera_give(&it->camera, V4L2_MEMORY_DMABUF, index, it->dmabufs[index]));
}

static unsigned int capture_next(const struct capture *it)
{
	int index = camera_next(&it->camera, V4L2_MEMORY_DMABUF);

	REQUIRE(index >= 0);
	return (unsigned int)index;
}

static struct capture capture_start(unsigned int nr)
{
	struct capture it;
	unsigned int i;

	if (!camera_load())
		SKIP("this kernel has no vivid");
	it.fd = open_accel(nr);
	REQUIRE(camera_open(&it.camera, 640, 480));
	REQUIRE(camera_request(&it.camera, V4L2_MEMORY_DMABUF, FRAME_BUFFERS));
	for (i = 0; i < FRAME_BUFFERS; i++) {
		it.frames[i] = buffer_make(it.fd, it.camera.size);
		it.dmabufs[i] = gem_export(it.fd, it.frames[i].handle);
		capture_give(&it, i);
	}
	REQUIRE(camera_stream(&it.camera, true));
	return it;
}

static void capture_stop(struct capture *it)
{
	unsigned int i;

	REQUIRE(camera_stream(&it->camera, false));
	REQUIRE(camera_request(&it->camera, V4L2_MEMORY_DMABUF, 0));
	for (i = 0; i < FRAME_BUFFERS; i++)
		close(it->dmabufs[i]);
}

static void capture_free(struct capture *it)
{
	unsigned int i;

	for (i = 0; i < FRAME_BUFFERS; i++)
		munmap(it->frames[i].mem, it->camera.size);
	close(it->fd);
	REQUIRE(camera_close(&it->camera));
}

static void sync_dmabuf(int dmabuf, uint64_t flags)
{
	const struct dma_buf_sync sync = { .flags = flags };

	REQUIRE(ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync) == 0);
}

/* Each frame goes from the camera to a job: the CPU that looks is the test's. */
static void test_camera(void **state)
{
	struct capture it = capture_start(0);
	struct buffer copy = buffer_make(it.fd, it.camera.size);
	unsigned int i;

	(void)state;
	for (i = 0; i < FRAMES; i++) {
		unsigned int index = capture_next(&it);
		struct gem_job job = gem_copy_job(it.frames[index].handle, copy.handle,
						  it.camera.size);

		sync_dmabuf(it.dmabufs[index], DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
		assert_memory_equal(it.frames[index].mem, it.camera.reference, it.camera.size);
		sync_dmabuf(it.dmabufs[index], DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
		memset(copy.mem, 0, it.camera.size);
		assert_int_equal(gem_run(it.fd, &job), 0);
		assert_memory_equal(copy.mem, it.camera.reference, it.camera.size);
		capture_give(&it, index);
	}
	capture_stop(&it);
	buffer_free(&copy);
	capture_free(&it);
}

static void *unbind_last(void *arg)
{
	(void)arg;
	accel_rebind(accel_last(), false);
	return NULL;
}

/* Nothing can take a mapping of the kernel away: the removal waits, and says for what. */
static void test_unbind_while_streaming(void **state)
{
	struct capture it = capture_start(accel_last());
	pthread_t unbinding;
	unsigned int index = capture_next(&it);
	int log = log_open();

	(void)state;
	assert_memory_equal(it.frames[index].mem, it.camera.reference, it.camera.size);
	assert_int_equal(pthread_create(&unbinding, NULL, unbind_last, NULL), 0);
	log_await(log, "waits for who still maps a buffer of it");
	close(log);
	assert_true(is_dead(it.frames[index].mem, false));
	/* It goes on, to memory that is nobody else's. */
	capture_next(&it);
	capture_stop(&it);
	assert_int_equal(pthread_join(unbinding, NULL), 0);
	capture_free(&it);
	accel_rebind(0, true);
}

static void *reset_last(void *arg)
{
	(void)arg;
	REQUIRE(accel_reset(accel_last()) == 0);
	return NULL;
}

/* So does a reset, which takes what was in the buffers; the device makes new ones. */
static void test_reset_while_streaming(void **state)
{
	struct capture it = capture_start(accel_last());
	unsigned int index = capture_next(&it);
	int log = log_open();
	struct buffer buffer;
	struct gem_job job;
	pthread_t resetting;

	(void)state;
	assert_memory_equal(it.frames[index].mem, it.camera.reference, it.camera.size);
	assert_int_equal(pthread_create(&resetting, NULL, reset_last, NULL), 0);
	log_await(log, "waits for who still maps a buffer of it");
	close(log);
	capture_next(&it);
	capture_stop(&it);
	assert_int_equal(pthread_join(resetting, NULL), 0);
	buffer = buffer_make(it.fd, MIB);
	job = gem_fill_job(buffer.handle, MIB, 7);
	assert_int_equal(gem_run(it.fd, &job), 0);
	assert_true(*(uint64_t *)buffer.mem == 7);
	buffer_free(&buffer);
	capture_free(&it);
}

/* --------------------------------------------------------------------- processes */

/**
 * struct peer - a process that has a buffer of another one
 * @turns: of the two
 * @sockets: by which it gets the buffer
 * @seed: of what is in it when it looks
 */
struct peer {
	struct turns turns;
	int sockets[2];
	uint64_t seed;
};

static void peer_init(struct peer *peer, uint64_t seed)
{
	peer->seed = seed;
	turns_init(&peer->turns);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, peer->sockets) == 0);
}

static void peer_fini(struct peer *peer)
{
	turns_fini(&peer->turns);
	close(peer->sockets[0]);
	close(peer->sockets[1]);
}

/* Its jobs, on the other device: what is there is read, and then written. */
static int compute_in_peer(void *arg)
{
	struct peer *peer = arg;
	struct buffer mine;
	struct gem_job job;
	uint32_t handle;
	int fd, dmabuf;

	turns_side(&peer->turns, true);
	fd = open_accel(0);
	mine = buffer_make(fd, LENGTH);
	dmabuf = receive_fd(peer->sockets[1]);
	handle = gem_import(fd, dmabuf);
	close(dmabuf);
	job = gem_copy_job(handle, mine.handle, LENGTH);
	CHECK(gem_run(fd, &job) == 0);
	CHECK(pattern_diff(mine.mem, 0, LENGTH, peer->seed) == -1);
	pattern_fill(mine.mem, 0, LENGTH, peer->seed + 1);
	job = gem_copy_job(mine.handle, handle, LENGTH);
	CHECK(gem_run(fd, &job) == 0);
	CHECK(turn_give(&peer->turns) == 0);

	/* Either it ends now, or it is the only one that still has it. */
	CHECK(turn_await(&peer->turns) == 0);
	job = gem_copy_job(handle, mine.handle, LENGTH);
	CHECK(gem_run(fd, &job) == 0);
	CHECK(pattern_diff(mine.mem, 0, LENGTH, peer->seed + 2) == -1);
	return 0;
}

static pid_t peer_begin(struct peer *peer, int *fd, struct buffer *buffer)
{
	pid_t child = child_start(compute_in_peer, peer);
	int dmabuf;

	turns_side(&peer->turns, false);
	*fd = open_accel(accel_last());
	*buffer = buffer_make(*fd, LENGTH);
	pattern_fill(buffer->mem, 0, LENGTH, peer->seed);
	dmabuf = gem_export(*fd, buffer->handle);
	send_fd(peer->sockets[0], dmabuf);
	close(dmabuf);
	REQUIRE(turn_await(&peer->turns) == 0);
	assert_pattern(buffer->mem, LENGTH, peer->seed + 1);
	return child;
}

/* Who has received it ends first, by a signal: the other one goes on with its buffer. */
static void test_receiver_ends_first(void **state)
{
	struct buffer buffer, copy;
	struct gem_job job;
	struct peer peer;
	int fd, status;
	pid_t child;

	(void)state;
	peer_init(&peer, 51);
	child = peer_begin(&peer, &fd, &buffer);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_pattern(buffer.mem, LENGTH, 52);
	copy = buffer_make(fd, LENGTH);
	job = gem_copy_job(buffer.handle, copy.handle, LENGTH);
	assert_int_equal(gem_run(fd, &job), 0);
	assert_pattern(copy.mem, LENGTH, 52);
	buffer_free(&copy);
	buffer_free(&buffer);
	close(fd);
	peer_fini(&peer);
}

/* Its maker closes everything first: the bytes stay for the other one's jobs. */
static void test_maker_ends_first(void **state)
{
	struct buffer buffer;
	struct peer peer;
	pid_t child;
	int fd;

	(void)state;
	peer_init(&peer, 54);
	child = peer_begin(&peer, &fd, &buffer);
	pattern_fill(buffer.mem, 0, LENGTH, 56);
	buffer_free(&buffer);
	close(fd);
	assert_int_equal(turn_give(&peer.turns), 0);
	assert_int_equal(child_wait(child), 0);
	peer_fini(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_shared_memory),
		TEST(test_exporter_goes),
		TEST(test_exporter_goes_while_others_wait),
		TEST(test_bus_master),
		TEST(test_many_of_an_exporter),
		TEST(test_many_of_an_accelerator),
		TEST(test_many_attachments),
		TEST(test_camera),
		TEST(test_unbind_while_streaming),
		TEST(test_reset_while_streaming),
		TEST(test_receiver_ends_first),
		TEST(test_maker_ends_first),
	};

	return RUN("accel_buffers", tests);
}
