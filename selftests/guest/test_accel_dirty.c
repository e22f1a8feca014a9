// SPDX-License-Identifier: GPL-2.0
/*
 * What a job of an accelerator has written stays written, where the CPU's page table
 * shows nothing of it: in memory that the process gave up by MADV_FREE, and that reclaim
 * may drop as it is.
 */
#include <sys/ioctl.h>

#include "common_accel.h"
#include "common_swap.h"

#define LENGTH		MIB
#define SWAP_BYTES	(64 * MIB)
#define VALUE		0x123456789abcdef0ULL

static bool is_filled(const uint8_t *mem, size_t length)
{
	size_t at;

	for (at = 0; at < length; at += sizeof(uint64_t)) {
		uint64_t is = *(const volatile uint64_t *)(mem + at);

		if (is == VALUE)
			continue;
		fprintf(stderr, "# %#llx at %zu\n", (unsigned long long)is, at);
		return false;
	}
	return true;
}

static void need_swap(void)
{
	if (!swap_begin(SWAP_DISK, SWAP_BYTES))
		SKIP("there is no loop device to swap to");
}

static void end_swap(void)
{
	assert_int_equal(swap_end(SWAP_DISK), 0);
}

/* A job fills it; then it is in RAM, and reclaimed. */
static void filled(int fd, uint8_t *mem, size_t length)
{
	give_up(mem, length);
	assert_int_equal(fill(fd, mem, length, VALUE), 0);
	move_to_ram(mem, length, NULL);
	reclaim(mem, length);
	assert_true(is_filled(mem, length));
	unmap(mem, length);
}

/* The job has it move to the device. */
static void test_moved(void **state)
{
	int fd;

	(void)state;
	(void)accel_memory(0);
	need_swap();
	fd = accel_open(0);
	filled(fd, map_pattern(LENGTH, SMALL_PAGES, 1), LENGTH);
	filled(fd, map_pattern(huge_size, HUGE_PAGES, 1), huge_size);
	close(fd);
	end_swap();
}

/* The job reaches it in RAM. */
static void test_in_ram(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 2);
	struct drm_hmm_p2p_accel_advise advise = {
		.advice = HMM_P2P_ACCEL_ACCESSED_BY,
		.start = address(mem),
		.length = LENGTH,
	};
	int fd;

	(void)state;
	(void)accel_memory(0);
	need_swap();
	fd = accel_open(0);
	assert_int_equal(ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_ADVISE, &advise), 0);
	give_up(mem, LENGTH);
	assert_int_equal(fill(fd, mem, LENGTH, VALUE), 0);
	assert_int_equal(pages_on(0, mem, LENGTH), 0);
	reclaim(mem, LENGTH);
	assert_true(is_filled(mem, LENGTH));
	close(fd);
	unmap(mem, LENGTH);
	end_swap();
}

/* It is on another device, and the job reaches it there. */
static void test_on_peer(void **state)
{
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 3);
	uint32_t there = accel_memory(1);
	int fd;

	(void)state;
	need_swap();
	fd = accel_open(0);
	give_up(mem, LENGTH);
	move_to(there, mem, LENGTH, NULL);
	assert_int_equal(fill(fd, mem, LENGTH, VALUE), 0);
	move_to_ram(mem, LENGTH, NULL);
	reclaim(mem, LENGTH);
	assert_true(is_filled(mem, LENGTH));
	close(fd);
	unmap(mem, LENGTH);
	end_swap();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_moved),
		TEST(test_in_ram),
		TEST(test_on_peer),
	};

	return RUN("accel_dirty", tests);
}
