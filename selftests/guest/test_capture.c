// SPDX-License-Identifier: GPL-2.0
/*
 * A capture device writes its frames into device memory, and a disk takes them from
 * there: no copy of a frame is ever in RAM. The camera is the kernel's virtual one
 * (vivid). It has no DMA, so it writes with the CPU through a mapping in the kernel;
 * the way of the buffers is that of any V4L2 device.
 */
#include <fcntl.h>
#include <pthread.h>

#include "camera.h"
#include "common_shared.h"
#include "common_storage.h"

#define WIDTH		640
#define HEIGHT		480
#define FRAME		((size_t)WIDTH * HEIGHT * 2)	/* YUYV; a multiple of the page size */
#define BUFFERS		4
#define FRAMES		24
#define BARS		8

/* The bars are what they should be: each of one colour, white first, black last. */
static void check_bars(const uint8_t *frame)
{
	const uint8_t *line = frame + FRAME / 2;
	unsigned int bar;

	for (bar = 0; bar < BARS; bar++) {
		size_t x = (bar * WIDTH / BARS + WIDTH / BARS / 2) & ~1UL;

		if (bar && line[2 * x] >= line[2 * (x - WIDTH / BARS)])
			fail_msg("bar %u is no darker than the one before", bar);
	}
}

static struct camera camera_start_up(void)
{
	struct camera camera;

	if (!camera_load())
		SKIP("this kernel has no vivid");
	REQUIRE(camera_open(&camera, WIDTH, HEIGHT));
	check_bars(camera.reference);
	return camera;
}

/**
 * struct frames - buffers on a device
 * @mine: whose memory
 * @mem: all of them, one behind the other
 * @fds: each as a dma-buf
 */
struct frames {
	struct hmm_p2p *mine;
	uint8_t *mem;
	int fds[BUFFERS];
};

static struct frames frames_make(uint32_t device)
{
	struct frames frames = { .mine = context_open() };
	unsigned int i;

	frames.mem = map_shared(frames.mine, device, 0, BUFFERS * FRAME);
	for (i = 0; i < BUFFERS; i++) {
		frames.fds[i] = hmm_p2p_export(ctx, frames.mem + i * FRAME, FRAME, NULL);
		assert_return_code(frames.fds[i], errno);
	}
	return frames;
}

static void frames_free(struct frames *frames)
{
	unsigned int i;

	for (i = 0; i < BUFFERS; i++)
		close(frames->fds[i]);
	unmap_shared(frames->mem, BUFFERS * FRAME);
	hmm_p2p_close(frames->mine);
}

/* With bytes that are no frame, so that one which does not come is seen. */
static void give(const struct camera *camera, const struct frames *frames,
		 unsigned int index)
{
	memset(frames->mem + index * FRAME, 0xa5, FRAME);
	REQUIRE(camera_give(camera, V4L2_MEMORY_DMABUF, index, frames->fds[index]));
}

static void camera_start(const struct camera *camera, const struct frames *frames)
{
	unsigned int i;

	REQUIRE(camera_request(camera, V4L2_MEMORY_DMABUF, BUFFERS));
	for (i = 0; i < BUFFERS; i++)
		give(camera, frames, i);
	REQUIRE(camera_stream(camera, true));
}

static unsigned int next_frame(const struct camera *camera)
{
	int index = camera_next(camera, V4L2_MEMORY_DMABUF);

	REQUIRE(index >= 0);
	return (unsigned int)index;
}

static void camera_stop(const struct camera *camera)
{
	REQUIRE(camera_stream(camera, false));
	REQUIRE(camera_request(camera, V4L2_MEMORY_DMABUF, 0));
}

/* Puts a frame into its place, and adds up what became of its pages. */
typedef void (*save_fn)(int fd, unsigned int nr, const uint8_t *frame,
			struct hmm_p2p_file_io *sum);

/* By our own call, which tells of each page whether the disk had it on the device. */
static void save(int fd, unsigned int nr, const uint8_t *frame,
		 struct hmm_p2p_file_io *sum)
{
	struct hmm_p2p_file_io result;

	assert_int_equal(hmm_p2p_pwrite(ctx, fd, frame, FRAME, nr * FRAME, 0, NULL,
					&result), FRAME);
	sum->out_bytes += result.out_bytes;
	sum->out_p2p += result.out_p2p;
	sum->out_migrated += result.out_migrated;
	sum->out_system += result.out_system;
}

/* By a program that knows nothing of us: O_DIRECT. Nobody tells anything. */
static void save_direct(int fd, unsigned int nr, const uint8_t *frame,
			struct hmm_p2p_file_io *sum)
{
	(void)sum;
	assert_int_equal(pwrite(fd, frame, FRAME, (off_t)(nr * FRAME)), FRAME);
}

static void check_saved(int fd, const struct camera *camera)
{
	uint8_t *copy = map_memory(FRAME, SMALL_PAGES);
	unsigned int i;

	for (i = 0; i < FRAMES; i++) {
		assert_int_equal(pread(fd, copy, FRAME, (off_t)(i * FRAME)), FRAME);
		assert_memory_equal(copy, camera->reference, FRAME);
	}
	unmap(copy, FRAME);
}

/* FRAMES frames to @fd, which is open for direct I/O and has other bytes. */
static struct hmm_p2p_file_io capture_to(int fd, save_fn save_frame)
{
	struct hmm_p2p_file_io sum = {};
	struct frames frames;
	struct camera camera;
	struct pool pool;
	unsigned int i;

	pools_find(&pool, 1);
	camera = camera_start_up();
	frames = frames_make(pool.id);
	camera_start(&camera, &frames);
	for (i = 0; i < FRAMES; i++) {
		unsigned int index = next_frame(&camera);
		const uint8_t *frame = frames.mem + index * FRAME;

		assert_memory_equal(frame, camera.reference, FRAME);
		save_frame(fd, i, frame, &sum);
		give(&camera, &frames, index);
	}
	camera_stop(&camera);
	check_saved(fd, &camera);
	frames_free(&frames);
	REQUIRE(camera_close(&camera));
	pool_is_back(&pool);
	return sum;
}

/* The disk took all of it where the camera had put it. The lab shows such lines. */
static void report(const char *to, const struct hmm_p2p_file_io *sum)
{
	print_message("#| %-12s %6s %10s %6s %10s\n", "CAMERA TO", "FRAMES", "BYTES", "P2P",
		      "RAM COPIES");
	print_message("#| %-12s %6u %10llu %6llu %10llu\n", to, FRAMES,
		      (unsigned long long)sum->out_bytes, (unsigned long long)sum->out_p2p,
		      (unsigned long long)(sum->out_migrated + sum->out_system));
	assert_int_equal(sum->out_bytes, FRAMES * FRAME);
	assert_int_equal(sum->out_p2p, FRAMES * FRAME / page_size);
	assert_int_equal(sum->out_migrated + sum->out_system, 0);
}

static struct disk disk_with_other_bytes(void)
{
	struct disk disk = disk_open("near");

	file_fill(disk.fd, 0, FRAMES * FRAME, 81);
	return disk;
}

static void test_to_disk(void **state)
{
	struct disk disk = disk_with_other_bytes();
	struct hmm_p2p_file_io sum = capture_to(disk.fd, save);

	(void)state;
	report("disk", &sum);
	disk_close(&disk);
}

static void test_to_disk_direct(void **state)
{
	struct disk disk = disk_with_other_bytes();

	(void)state;
	capture_to(disk.fd, save_direct);
	disk_close(&disk);
}

/* It grows with each frame, by either call. */
static void test_to_file(void **state)
{
	struct disk disk = disk_find("near");
	struct hmm_p2p_file_io sum;
	int fd;

	(void)state;
	fs_make(&disk, "ext4");
	fs_mount(&disk, "ext4");
	fd = fs_open("frames", O_RDWR | O_CREAT | O_DIRECT);
	sum = capture_to(fd, save);
	report("file on ext4", &sum);
	assert_int_equal(lseek(fd, 0, SEEK_END), FRAMES * FRAME);
	close(fd);
	fd = fs_open("direct", O_RDWR | O_CREAT | O_DIRECT);
	capture_to(fd, save_direct);
	close(fd);
	fs_unmount();
}

/*
 * The device goes while the camera writes to it: nothing can take a mapping of the
 * kernel away, so the removal waits, and says for what.
 */
static void test_unbind_while_streaming(void **state)
{
	struct frames frames;
	struct camera camera;
	pthread_t unbinding;
	struct pool pool;
	int log;
	void *ret;

	(void)state;
	pools_find(&pool, 1);
	camera = camera_start_up();
	frames = frames_make(pool.id);
	camera_start(&camera, &frames);
	next_frame(&camera);
	log = log_open();
	assert_int_equal(pthread_create(&unbinding, NULL, pool_unbind_thread, &pool), 0);
	log_await(log, "removal waits for I/O");
	close(log);
	assert_true(is_dead(frames.mem, false));
	/* It goes on, to memory that is nobody else's. */
	next_frame(&camera);
	camera_stop(&camera);
	assert_int_equal(pthread_join(unbinding, &ret), 0);
	assert_int_equal((intptr_t)ret, 0);
	frames_free(&frames);
	REQUIRE(camera_close(&camera));
	assert_int_equal(pool_bind(&pool), 0);
	pool_is_back(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_to_disk),
		TEST(test_to_disk_direct),
		TEST(test_to_file),
		TEST(test_unbind_while_streaming),
	};

	return RUN("capture", tests);
}
