// SPDX-License-Identifier: GPL-2.0
/*
 * A device is unplugged that has huge pages of a process that is stuck in a fault: they
 * come home, and the device goes. It stays away, so this is among the last of a boot.
 */
#include <sys/stat.h>
#include <time.h>

#include "common_stuck.h"

/* A PCI exporter that can be unplugged, and an importer that stays. */
static struct captive choose(char *path, size_t path_size, char *name, size_t name_size)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;
	struct captive victim = { .length = 2 * huge_size, .goes = true };

	for (i = 0; i < n && !victim.device; i++) {
		if (!is_exporter(&infos[i]) || !(infos[i].out_caps & HMM_P2P_CAP_PCI) ||
		    !qemu_id((const char *)infos[i].out_bus, name, name_size))
			continue;
		victim.device = infos[i].out_id;
		snprintf(path, path_size, "/sys/bus/pci/devices/%s",
			 (const char *)infos[i].out_bus);
	}
	for (i = 0; i < n; i++)
		if (is_importer(&infos[i]) && infos[i].out_id != victim.device)
			victim.importer = infos[i].out_id;
	if (!victim.device || !victim.importer)
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
	struct captive victim;
	bool gone;

	(void)state;
	victim = choose(path, sizeof(path), name, sizeof(name));
	captive_start(&victim);
	snprintf(command, sizeof(command), "monitor device_del %s", name);
	assert_int_equal(system(command), 0);
	gone = goes_away(path);
	captive_end(&victim);
	assert_true(gone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stuck_victim),
	};

	return RUN("unplug", tests);
}
