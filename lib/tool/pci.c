// SPDX-License-Identifier: GPL-2.0
/* What sysfs says about PCI functions and what lies above them. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "hmmp2p.h"
#include "pci.h"

static bool is_function_name(const char *name)
{
	unsigned int domain, bus, slot, function;
	int end = 0;

	return sscanf(name, "%x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function,
		      &end) == 4 &&
	       end && !name[end] && strlen(name) < PCI_NAME_MAX;
}

static bool is_host_name(const char *name)
{
	unsigned int domain, bus;
	int end = 0;

	return sscanf(name, "pci%x:%2x%n", &domain, &bus, &end) == 2 &&
	       end && !name[end] && strlen(name) < PCI_NAME_MAX;
}

/* --------------------------------------------------------------------- ACS */

#define CONFIG_SIZE		256
#define EXTENDED_CONFIG_SIZE	4096
#define EXT_CAP_ID_ACS		0x0d
#define ACS_CONTROL_OFFSET	6

/* An ACS capability behind this would not end within the space. */
#define ACS_LAST		(EXTENDED_CONFIG_SIZE - 8)

static uint32_t get_le(const uint8_t *bytes, unsigned int nr)
{
	uint32_t value = 0;

	while (nr--)
		value = value << 8 | bytes[nr];
	return value;
}

/* Offset of the ACS capability, 0 when there is none. */
static unsigned int find_acs(const uint8_t config[EXTENDED_CONFIG_SIZE])
{
	unsigned int offset = CONFIG_SIZE;
	unsigned int steps = (EXTENDED_CONFIG_SIZE - CONFIG_SIZE) / 8;

	/* The steps are counted because a broken device may link in a circle. */
	while (steps-- && offset >= CONFIG_SIZE && offset <= ACS_LAST) {
		uint32_t header = get_le(config + offset, 4);

		if (!header || header == UINT32_MAX)
			return 0;
		if ((header & 0xffff) == EXT_CAP_ID_ACS)
			return offset;
		offset = header >> 20 & 0xffc;
	}
	return 0;
}

static void read_acs(const char *dir, struct pci_function *function)
{
	uint8_t config[EXTENDED_CONFIG_SIZE];
	char path[PATH_MAX];
	unsigned int offset;
	ssize_t len;

	function->acs = ACS_UNREADABLE;
	if (snprintf(path, sizeof(path), "%s/config", dir) >= (int)sizeof(path))
		return;
	len = read_bytes(path, config, sizeof(config));
	if (len < CONFIG_SIZE)
		return;

	function->acs = ACS_ABSENT;
	if (len < EXTENDED_CONFIG_SIZE)
		return;
	offset = find_acs(config);
	if (!offset)
		return;
	function->acs = ACS_PRESENT;
	function->acs_control = get_le(config + offset + ACS_CONTROL_OFFSET, 2);
}

/* ------------------------------------------------------------------- chain */

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Climb from the function at @path to the host bridge. */
static int climb(char *path, struct pci_chain *chain)
{
	const char *name = last_component(path);

	while (is_function_name(name)) {
		struct pci_function *function = &chain->at[chain->nr];

		if (chain->nr == PCI_DEPTH_MAX)
			return -ELOOP;
		strcpy(function->name, name);
		read_acs(path, function);
		chain->nr++;
		path[name - path - 1] = '\0';
		name = last_component(path);
	}
	if (!chain->nr || !is_host_name(name))
		return -ENODEV;
	strcpy(chain->host, name);
	strcpy(chain->host_dir, path);
	return 0;
}

/* The last function on the way to a device is the one that does its DMA. */
static int last_function(char *path, char bus[PCI_NAME_MAX])
{
	const char *name;
	char *end;

	while ((end = strrchr(path, '/'))) {
		name = end + 1;
		if (is_function_name(name)) {
			snprintf(bus, PCI_NAME_MAX, "%s", name);
			return 0;
		}
		*end = 0;
	}
	return -ENOENT;
}

/* Where @link leads, which is freed: 0, or -errno. */
static int resolve(char *link, char path[PATH_MAX])
{
	int err = realpath(link, path) ? 0 : -errno;

	free(link);
	return err;
}

int pci_of_block_device(unsigned int major, unsigned int minor, char bus[PCI_NAME_MAX])
{
	char path[PATH_MAX];
	int err = resolve(sysfs_path("dev/block/%u:%u", major, minor), path);

	return err ? err : last_function(path, bus);
}

int pci_chain_read(const char *bus, struct pci_chain *chain)
{
	char path[PATH_MAX];
	int err;

	memset(chain, 0, sizeof(*chain));
	if (!is_function_name(bus))
		return -EINVAL;
	err = resolve(sysfs_path("bus/pci/devices/%s", bus), path);
	return err ? err : climb(path, chain);
}

/* ------------------------------------------------------------- host bridge */

static unsigned int read_hex(const char *dir, const char *function,
			     const char *file)
{
	char path[PATH_MAX + 2 * PCI_NAME_MAX], text[32];

	snprintf(path, sizeof(path), "%s/%s/%s", dir, function, file);
	read_line(path, text, sizeof(text));
	return strtoul(text, NULL, 16);
}

/* The first function of the root bus, as the kernel takes it. */
static bool first_function(const char *dir, char name[PCI_NAME_MAX])
{
	DIR *stream = opendir(dir);
	struct dirent *entry;

	name[0] = '\0';
	if (!stream)
		return false;
	while ((entry = readdir(stream))) {
		if (!is_function_name(entry->d_name))
			continue;
		if (!name[0] || strcmp(entry->d_name, name) < 0)
			strcpy(name, entry->d_name);
	}
	closedir(stream);
	return name[0];
}

#define CLASS_PCI_BRIDGE	0x0604

void pci_host_read(const struct pci_chain *chain, struct pci_host *host)
{
	const char *dir = chain->host_dir;
	bool first_slot;

	memset(host, 0, sizeof(*host));
	if (!first_function(dir, host->name))
		return;
	first_slot = !strcmp(host->name + strlen(host->name) - 4, "00.0");
	if (!first_slot && read_hex(dir, host->name, "class") >> 8 != CLASS_PCI_BRIDGE)
		return;
	host->vendor = read_hex(dir, host->name, "vendor");
	host->device = read_hex(dir, host->name, "device");
	host->known = host->vendor;
}

/* ------------------------------------------------------------- IOMMU, CPU */

void pci_iommu_read(const char *bus, struct pci_iommu *iommu)
{
	char group[PATH_MAX], *type;

	memset(iommu, 0, sizeof(*iommu));
	if (resolve(sysfs_path("bus/pci/devices/%s/iommu_group", bus), group))
		return;
	iommu->grouped = true;
	iommu->group = strtoul(last_component(group), NULL, 10);
	type = xasprintf("%s/type", group);
	read_line(type, iommu->type, sizeof(iommu->type));
	free(type);
}

bool pci_iommu_translates(const struct pci_iommu *iommu)
{
	return iommu->grouped && !strncmp(iommu->type, "DMA", 3);
}

void cpu_read(struct cpu *cpu)
{
	char text[4096];
	char *path = root_path("proc/cpuinfo");
	ssize_t len = read_bytes(path, text, sizeof(text) - 1);
	const char *at;

	free(path);
	memset(cpu, 0, sizeof(*cpu));
	text[len > 0 ? len : 0] = '\0';
	at = strstr(text, "vendor_id");
	if (!at || sscanf(at, "vendor_id : %31s", cpu->vendor) != 1)
		cpu->vendor[0] = '\0';
	at = strstr(text, "cpu family");
	if (!at || sscanf(at, "cpu family : %u", &cpu->family) != 1)
		cpu->family = 0;
}

bool cpu_forwards_p2p(const struct cpu *cpu)
{
	return !strcmp(cpu->vendor, "AuthenticAMD") && cpu->family >= 0x17;
}
