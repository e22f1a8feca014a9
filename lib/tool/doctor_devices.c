// SPDX-License-Identifier: GPL-2.0
/* hmmp2p doctor: devices with memory, and room for it elsewhere. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

static const char *cure_no_exporter(const struct doctor *doctor)
{
	if (module_state(doctor, "hmm_p2p_pci") == MODULE_THERE)
		return "hmm_p2p_pci is there and has no function: give it one ('echo hmm_p2p_pci >/sys/bus/pci/devices/ADDRESS/driver_override', then 'echo ADDRESS >/sys/bus/pci/drivers_probe'), or look in the kernel's log for why it refused it";
	return "load the module of your device; hmm_p2p_pci uses the memory BAR of a PCI function, hmm_p2p_carveout memory of any machine";
}

void examine_devices(struct doctor *doctor)
{
	char size[SIZE_TEXT_MAX];
	size_t i, nr = 0;

	for (i = 0; i < doctor->devices.nr; i++) {
		const struct hmm_p2p_device_info *info = &doctor->devices.devices[i];

		if (!(info->out_caps & HMM_P2P_CAP_EXPORTER))
			continue;
		find(doctor, FINDING_OK, NULL, "device %s (%s) with %s of memory",
		     device_name(info), device_bus(info),
		     size_text(doctor->tool, info->out_memory_bytes, size));
		nr++;
	}
	if (!nr)
		find(doctor, FINDING_MISSING, cure_no_exporter(doctor),
		     "a device with memory (an exporter)");
}

/* Bytes of a line such as "MemAvailable:  1234 kB". */
static uint64_t meminfo_bytes(const char *meminfo, const char *key)
{
	const char *at = strstr(meminfo, key);
	uint64_t kilobytes;

	if (!at || sscanf(at + strlen(key), ": %" SCNu64 " kB", &kilobytes) != 1)
		return 0;
	return kilobytes * 1024;
}

/* What is on devices comes home before they can go. */
static void examine_room(struct doctor *doctor, const char *meminfo)
{
	uint64_t room = meminfo_bytes(meminfo, "MemAvailable") +
			meminfo_bytes(meminfo, "SwapFree"), used = 0;
	char used_text[SIZE_TEXT_MAX], room_text[SIZE_TEXT_MAX];
	size_t i;

	for (i = 0; i < doctor->devices.nr; i++)
		used += doctor->devices.devices[i].out_used_bytes;
	if (used > room)
		find(doctor, FINDING_WARNING,
		     "add swap before a device is to go, or end who uses it",
		     "devices hold %s and RAM and swap have room for %s, so a drain fails and a removal waits",
		     size_text(doctor->tool, used, used_text),
		     size_text(doctor->tool, room, room_text));
}

static void examine_ksm(struct doctor *doctor)
{
	char run[LINE_SIZE], shared[LINE_SIZE];

	sysfs_line(run, "kernel/mm/ksm/run");
	sysfs_line(shared, "kernel/mm/ksm/pages_shared");
	if (!strcmp(run, "1") && strtoull(shared, NULL, 10))
		find(doctor, FINDING_WARNING,
		     "where that is not wanted, 'echo 2 >/sys/kernel/mm/ksm/run' parts them",
		     "ksmd has merged pages (KSM), and these do not move to devices");
}

void examine_memory(struct doctor *doctor)
{
	char *path = root_path("proc/meminfo"), *meminfo = read_text(path);

	if (meminfo && strstr(meminfo, "MemAvailable"))
		examine_room(doctor, meminfo);
	free(meminfo);
	free(path);
	examine_ksm(doctor);
}
