// SPDX-License-Identifier: GPL-2.0
/*
 * A device is unplugged that has huge pages of a process that is stuck in a fault: they
 * come home, and the device goes. It stays away, so this is among the last of a boot.
 */
#include <sys/stat.h>
#include <time.h>

#include "common_stuck.h"

#define LENGTH	(2 * huge_size)

/**
 * struct victim - a child that gets stuck
 * @importer: whose fault it is, which holds the mmap_lock
 * @exporter: where its memory is
 * @file: the page of the fault
 */
struct victim {
	uint32_t importer;
	uint32_t exporter;
	uint8_t *file;
};

static struct turns turns;

static int victim_main(void *arg)
{
	const struct victim *victim = arg;
	uint8_t *mem = map_pattern(LENGTH, HUGE_PAGES, 1);

	turns_side(&turns, true);
	move_all_to(victim->exporter, mem, LENGTH);
	CHECK(turn_give(&turns) == 0);
	CHECK(hmm_p2p_fault(ctx, NULL, victim->importer, (uintptr_t)victim->file, page_size,
			    HMM_P2P_ACCESS_WRITE, NULL, NULL) == 0);
	CHECK(pages_on(0, mem, LENGTH) == 0);
	CHECK(pattern_diff(mem, 0, LENGTH, 1) == -1);
	return 0;
}

/* A PCI exporter that can be unplugged, and an importer that stays. */
static struct victim choose(char *path, size_t path_size, char *name, size_t name_size)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;
	struct victim victim = { 0 };

	for (i = 0; i < n && !victim.exporter; i++) {
		if (!is_exporter(&infos[i]) || !(infos[i].out_caps & HMM_P2P_CAP_PCI) ||
		    !qemu_id((const char *)infos[i].out_bus, name, name_size))
			continue;
		victim.exporter = infos[i].out_id;
		snprintf(path, path_size, "/sys/bus/pci/devices/%s",
			 (const char *)infos[i].out_bus);
	}
	for (i = 0; i < n; i++)
		if (is_importer(&infos[i]) && infos[i].out_id != victim.exporter)
			victim.importer = infos[i].out_id;
	if (!victim.exporter || !victim.importer)
		SKIP("QEMU's monitor cannot be asked, or there are not two devices");
	return victim;
}

static bool goes_away(const char *path)
{
	double deadline = seconds_now() + REMOVAL_SECONDS;
	const struct timespec pause = { .tv_nsec = 10000000 };

	while (!access(path, F_OK)) {
		if (seconds_now() > deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static void test_stuck_victim(void **state)
{
	char path[128], name[64], command[128];
	struct frozen frozen;
	struct victim victim;
	bool held, gone;
	pid_t stuck;

	(void)state;
	victim = choose(path, sizeof(path), name, sizeof(name));
	turns_init(&turns);
	frozen = frozen_open();
	victim.file = frozen.mem;
	stuck = child_start(victim_main, &victim);
	turns_side(&turns, false);
	assert_int_equal(turn_await(&turns), 0);
	held = await_stuck(stuck, stuck, "page_mkwrite");
	snprintf(command, sizeof(command), "monitor device_del %s", name);
	assert_int_equal(system(command), 0);
	gone = goes_away(path);
	frozen_thaw(&frozen);
	assert_int_equal(child_wait(stuck), 0);
	assert_true(held);
	assert_true(gone);
	frozen_close(&frozen);
	turns_fini(&turns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stuck_victim),
	};

	return RUN("unplug", tests);
}
