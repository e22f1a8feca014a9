// SPDX-License-Identifier: GPL-2.0
/* A frozen file system, and memory whose faults nobody serves. */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "common_stuck.h"

#define DISK	"/dev/zram0"
#define RESET	"/sys/block/zram0/reset"
#define MOUNT	"/run/hmm_p2p_stuck"

bool await_stuck(pid_t pid, pid_t tid, const char *function)
{
	double deadline = seconds_now() + STUCK_SECONDS;
	const struct timespec pause = { .tv_nsec = 10000000 };
	const char *stack = "";

	while (seconds_now() < deadline) {
		stack = stack_of(pid, tid);
		if (strstr(stack, function) && strstr(stack, "[hmm_p2p"))
			return true;
		nanosleep(&pause, NULL);
	}
	fprintf(stderr, "# thread %d does not wait in %s: %s\n", tid, function, stack);
	return false;
}

static bool filesystem_open(void)
{
	mkdir(MOUNT, 0700);
	return !(access(DISK, F_OK) && system("modprobe zram num_devices=1")) &&
	       !write_file("/sys/block/zram0/disksize", "32M") &&
	       !system("busybox mke2fs -b 4096 " DISK " >/dev/null") &&
	       !mount(DISK, MOUNT, "ext4", 0, NULL);
}

struct frozen frozen_open(void)
{
	struct frozen frozen = { 0 };

	if (!filesystem_open()) {
		write_file(RESET, "1");
		SKIP("there is no ext4");
	}
	frozen.fd = open(MOUNT "/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	REQUIRE(frozen.fd >= 0);
	REQUIRE(ftruncate(frozen.fd, (off_t)page_size) == 0);
	frozen.mem = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, frozen.fd, 0);
	REQUIRE(frozen.mem != MAP_FAILED);
	REQUIRE(ioctl(frozen.fd, FIFREEZE, 0) == 0);
	return frozen;
}

void frozen_thaw(const struct frozen *frozen)
{
	REQUIRE(ioctl(frozen->fd, FITHAW, 0) == 0);
}

void frozen_close(const struct frozen *frozen)
{
	REQUIRE(munmap(frozen->mem, page_size) == 0);
	close(frozen->fd);
	REQUIRE(umount(MOUNT) == 0);
	REQUIRE(write_file(RESET, "1") == 0);
}

static int captive_main(void *arg)
{
	struct captive *captive = arg;
	uint8_t *mem = map_pattern(captive->length, HUGE_PAGES, 1);

	turns_side(&captive->turns, true);
	move_all_to(captive->device, mem, captive->length);
	CHECK(turn_give(&captive->turns) == 0);
	CHECK(hmm_p2p_fault(ctx, NULL, captive->importer, (uintptr_t)captive->frozen.mem, page_size,
			    HMM_P2P_ACCESS_WRITE, NULL, NULL) == 0);
	CHECK(!captive->goes || pages_on(0, mem, captive->length) == 0);
	CHECK(pattern_diff(mem, 0, captive->length, 1) == -1);
	return 0;
}

void captive_start(struct captive *captive)
{
	turns_init(&captive->turns);
	captive->frozen = frozen_open();
	captive->pid = child_start(captive_main, captive);
	turns_side(&captive->turns, false);
	assert_int_equal(turn_await(&captive->turns), 0);
	captive->held = await_stuck(captive->pid, captive->pid, "page_mkwrite");
}

void captive_end(struct captive *captive)
{
	frozen_thaw(&captive->frozen);
	assert_int_equal(child_wait(captive->pid), 0);
	assert_true(captive->held);
	frozen_close(&captive->frozen);
	turns_fini(&captive->turns);
}

uint8_t *map_unserved(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	uint8_t *mem = map_memory(page_size, SMALL_PAGES);

	reg.range = (struct uffdio_range){ .start = (uintptr_t)mem, .len = page_size };
	REQUIRE(fd >= 0);
	REQUIRE(ioctl(fd, UFFDIO_API, &api) == 0);
	REQUIRE(ioctl(fd, UFFDIO_REGISTER, &reg) == 0);
	return mem;
}
