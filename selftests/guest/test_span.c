// SPDX-License-Identifier: GPL-2.0
/*
 * What device-private pages are not to do to others because they have physical
 * addresses: RAM has the zones and the end that it has without them, for who asks
 * whether a device reaches all of it, and no node ends beyond the reach of GPUs.
 */
#include <fcntl.h>
#include <inttypes.h>

#include "common.h"

#define DRIVER		"hmm_p2p_pci"
#define MAX_ZONES	64
#define SECTION		(128 * MIB)

/* What a device with 47 address bits does not reach any more. */
#define REACH		(1ULL << 47)

/* -------------------------------------------------------------- what there is */

struct zone {
	int node;
	char name[16];
	uint64_t spanned, present, managed;
};

struct zones {
	size_t nr;
	struct zone zone[MAX_ZONES];
};

static struct zones zones_now(void)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	struct zones zones = {};
	struct zone zone = {};
	char line[256];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %d, zone %15s", &zone.node, zone.name) == 2)
			continue;
		if (sscanf(line, " spanned %" SCNu64, &zone.spanned) == 1 ||
		    sscanf(line, " present %" SCNu64, &zone.present) == 1 ||
		    sscanf(line, " managed %" SCNu64, &zone.managed) != 1)
			continue;
		assert_true(zones.nr < MAX_ZONES);
		zones.zone[zones.nr++] = zone;
	}
	fclose(f);
	assert_true(zones.nr > 0);
	return zones;
}

static bool is_device_zone(const struct zone *zone)
{
	return !strcmp(zone->name, "Device");
}

/* The kernel's max_pfn, up to the end of its section: these files end there. */
static uint64_t end_of_ram(void)
{
	int fd = open("/proc/kpagecount", O_RDONLY);
	uint64_t low = 0, high = 1ULL << 40, entry;

	assert_true(fd >= 0);
	while (high - low > 1) {
		uint64_t pfn = low + (high - low) / 2;

		if (pread(fd, &entry, sizeof(entry), pfn * sizeof(entry)) > 0)
			low = pfn;
		else
			high = pfn;
	}
	close(fd);
	assert_true(low > 0);
	return high * page_size;
}

static uint64_t memmap_pages(void)
{
	FILE *f = fopen("/proc/vmstat", "r");
	uint64_t nr = 0;
	char line[128];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "nr_memmap_pages %" SCNu64, &nr) == 1)
			break;
	fclose(f);
	return nr;
}

struct region {
	uint64_t start, end;
};

/* The last region of that name in /proc/iomem. Return: how many there are. */
static int region_named(const char *name, struct region *found)
{
	FILE *f = fopen("/proc/iomem", "r");
	struct region region;
	char line[256], of[128];
	int nr = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %" SCNx64 "-%" SCNx64 " : %127[^\n]", &region.start,
			   &region.end, of) != 3 || strcmp(of, name))
			continue;
		*found = region;
		nr++;
	}
	fclose(f);
	return nr;
}

/* The physical addresses of a device's private pages: where its name is. */
static struct region region_of(const struct hmm_p2p_device_info *info)
{
	struct region region;

	assert_int_equal(region_named((const char *)info->out_name, &region), 1);
	return region;
}

/* ----------------------------------------------------- without them, and with */

struct exporters {
	size_t nr;
	uint64_t memory;
	struct hmm_p2p_device_info info[MAX_DEVICES];
};

static struct exporters exporters_now(void)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	struct exporters exporters = {};
	size_t n = device_list(infos), i;

	for (i = 0; i < n; i++) {
		if (!is_exporter(&infos[i]) || !(infos[i].out_caps & HMM_P2P_CAP_PCI))
			continue;
		exporters.memory += infos[i].out_memory_bytes;
		exporters.info[exporters.nr++] = infos[i];
	}
	if (!exporters.nr)
		SKIP("there is no PCI exporter");
	return exporters;
}

static void unbind_all(const struct exporters *exporters)
{
	size_t i;

	for (i = 0; i < exporters->nr; i++)
		assert_int_equal(driver_unbind(DRIVER, &exporters->info[i]), 0);
}

static void bind_all(const struct exporters *exporters)
{
	size_t i;

	for (i = 0; i < exporters->nr; i++)
		assert_int_equal(driver_bind(DRIVER, &exporters->info[i]), 0);
}

static void same_zones(const struct zones *before, const struct zones *now)
{
	size_t i;

	assert_int_equal(before->nr, now->nr);
	for (i = 0; i < now->nr; i++) {
		const struct zone *was = &before->zone[i], *is = &now->zone[i];

		assert_int_equal(is->node, was->node);
		assert_string_equal(is->name, was->name);
		assert_int_equal(is->present, was->present);
		assert_int_equal(is->managed, was->managed);
		if (!is_device_zone(is))
			assert_int_equal(is->spanned, was->spanned);
	}
}

/* Pages of devices are nothing that the allocator has, or counts. */
static void test_zones(void **state)
{
	struct exporters exporters = exporters_now();
	struct zones without, with;
	uint64_t memmap;
	size_t i;

	(void)state;
	unbind_all(&exporters);
	without = zones_now();
	memmap = memmap_pages();
	bind_all(&exporters);
	with = zones_now();
	memmap = memmap_pages() - memmap;
	same_zones(&without, &with);
	for (i = 0; i < with.nr; i++)
		if (is_device_zone(&with.zone[i]))
			assert_int_equal(with.zone[i].present + with.zone[i].managed, 0);
	print_message("# %" PRIu64 " MiB of devices: %" PRIu64 " KiB of page structures\n",
		      exporters.memory / MIB, memmap * page_size / 1024);
}

/*
 * Drivers ask whether their device reaches all RAM (dma_addressing_limited(), which
 * goes by max_pfn), and take pages below 4 GiB if not: it is where RAM ends, whatever
 * device was ever there.
 */
static void test_end_of_ram(void **state)
{
	struct exporters exporters = exporters_now();
	uint64_t end = end_of_ram();
	struct region ram;
	size_t i;

	(void)state;
	assert_true(region_named("System RAM", &ram) > 0);
	for (i = 0; i < exporters.nr; i++)
		assert_true(region_of(&exporters.info[i]).start > ram.end);
	assert_true(end > ram.end);
	assert_true(end - ram.end <= SECTION);
}

/* Others take the end of the node for it. */
static void test_reach(void **state)
{
	struct exporters exporters = exporters_now();
	size_t i;

	(void)state;
	for (i = 0; i < exporters.nr; i++) {
		struct region region = region_of(&exporters.info[i]);

		print_message("# %s: %#" PRIx64 "-%#" PRIx64 "\n",
			      (const char *)exporters.info[i].out_name, region.start,
			      region.end);
		assert_true(region.end < REACH);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_zones),
		TEST(test_end_of_ram),
		TEST(test_reach),
	};

	return RUN("span", tests);
}
