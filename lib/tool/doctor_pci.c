// SPDX-License-Identifier: GPL-2.0
/* hmmp2p doctor --report: what sysfs says about PCI functions, BARs and bridges. */
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "pci.h"

/* As the kernel's include/linux/ioport.h has them. */
#define RESOURCE_MEM		0x00000200
#define RESOURCE_PREFETCH	0x00002000
#define RESOURCE_MEM_64		0x00100000

#define NR_BARS	6

static void print_bar(const struct doctor *doctor, int bar, const char *line)
{
	uint64_t start, end, flags;
	char size[SIZE_TEXT_MAX];

	if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, &start, &end, &flags) != 3 || !flags)
		return;
	printf("  BAR %d: %s%s%s, %s\n", bar, flags & RESOURCE_MEM ? "memory" : "I/O ports",
	       flags & RESOURCE_MEM_64 ? ", 64 bits" : "",
	       flags & RESOURCE_PREFETCH ? ", prefetchable" : "",
	       size_text(doctor->tool, end - start + 1, size));
}

static void print_bars(const struct doctor *doctor, const char *bus)
{
	char *path = sysfs_path("bus/pci/devices/%s/resource", bus);
	char *text = read_text(path), *rest = text, *line;
	int bar;

	for (bar = 0; bar < NR_BARS && (line = strsep(&rest, "\n")); bar++)
		print_bar(doctor, bar, line);
	free(text);
	free(path);
}

static void print_acs(const struct pci_function *function)
{
	if (function->acs == ACS_UNREADABLE)
		printf(", ACS only for root to read");
	else if (function->acs == ACS_PRESENT)
		printf(", ACS control 0x%04x", function->acs_control);
}

/* "0000:03:00.0 1af4:1110 class 0x050000, driver hmm_p2p_pci, ..." */
static void print_function(const struct pci_function *function)
{
	const char *bus = function->name;
	char vendor[LINE_SIZE], device[LINE_SIZE], line[LINE_SIZE];
	char *path = sysfs_path("bus/pci/devices/%s/driver", bus);
	char *driver = realpath(path, NULL);

	printf("%s %s:%s", bus, sysfs_line(vendor, "bus/pci/devices/%s/vendor", bus),
	       sysfs_line(device, "bus/pci/devices/%s/device", bus));
	printf(" class %s", sysfs_line(line, "bus/pci/devices/%s/class", bus));
	if (driver)
		printf(", driver %s", basename(driver));
	if (sysfs_line(line, "bus/pci/devices/%s/numa_node", bus)[0])
		printf(", NUMA node %s", line);
	if (sysfs_line(line, "bus/pci/devices/%s/current_link_width", bus)[0])
		printf(", link x%s", line);
	print_acs(function);
	putchar('\n');
	free(driver);
	free(path);
}

static void print_device(const struct doctor *doctor, const char *bus)
{
	struct pci_chain *chain = xcalloc(1, sizeof(*chain));
	unsigned int i;

	if (pci_chain_read(bus, chain)) {
		printf("%s is not in sysfs\n", bus);
	} else {
		print_function(&chain->at[0]);
		print_bars(doctor, bus);
		for (i = 1; i < chain->nr; i++) {
			printf("  below ");
			print_function(&chain->at[i]);
		}
		printf("  below host bridge %s\n", chain->host);
	}
	free(chain);
}

void report_pci(const struct doctor *doctor)
{
	size_t i, nr = 0;

	for (i = 0; i < doctor->devices.nr; i++) {
		if (!(doctor->devices.devices[i].out_caps & HMM_P2P_CAP_PCI))
			continue;
		print_device(doctor, device_bus(&doctor->devices.devices[i]));
		nr++;
	}
	if (!nr)
		puts("none");
}

static void print_group(const char *group)
{
	struct dirent **names;
	int nr = folder_names(sysfs_path("kernel/iommu_groups/%s/devices", group), &names), i;
	char line[LINE_SIZE];

	printf("%s, %s:", group, sysfs_line(line, "kernel/iommu_groups/%s/type", group));
	for (i = 0; i < nr; i++)
		printf(" %s", names[i]->d_name);
	putchar('\n');
	folder_names_free(names, nr);
}

void report_groups(void)
{
	struct dirent **names;
	int nr = folder_names(sysfs_path("kernel/iommu_groups"), &names), i;

	for (i = 0; i < nr; i++)
		print_group(names[i]->d_name);
	if (!nr)
		puts("none");
	folder_names_free(names, nr);
}
