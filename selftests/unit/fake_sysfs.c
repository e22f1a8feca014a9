// SPDX-License-Identifier: GPL-2.0
/* A small /sys and / below a temporary folder. */
#include <ftw.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_sysfs.h"
#include "mock/mock.h"

#define CONFIG_SIZE	4096
#define FIRST_EXT_CAP	0x100
#define ACS_OFFSET	0x148

static char root[PATH_MAX / 4];

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void make_parents(char *path)
{
	char *slash;

	for (slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

void fake_bytes(const char *name, const void *bytes, size_t size)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	make_parents(path);
	file = fopen(path, "w");
	if (!file || fwrite(bytes, 1, size, file) != size || fclose(file))
		die(path);
}

void fake_file(const char *name, const char *text)
{
	fake_bytes(name, text, strlen(text));
}

void fake_link(const char *target, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	make_parents(path);
	unlink(path);
	if (symlink(target, path))
		die(path);
}

const char *fake_make(void)
{
	const char *tmp = getenv("TMPDIR");
	char path[PATH_MAX];

	snprintf(root, sizeof(root), "%s/hmm_p2p.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(root))
		die(root);
	setenv("HMM_P2P_ROOT", root, 1);
	snprintf(path, sizeof(path), "%s/proc", root);
	setenv(MOCK_PROC_ENV, path, 1);
	return root;
}

static int remove_one(const char *path, const struct stat *stat, int type,
		      struct FTW *ftw)
{
	(void)stat;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fake_remove_folder(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void fake_remove(void)
{
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	unsetenv("HMM_P2P_ROOT");
	unsetenv(MOCK_PROC_ENV);
}

/* ---------------------------------------------------------- configuration */

static void put_le(uint8_t *bytes, uint32_t value, unsigned int nr)
{
	while (nr--) {
		*bytes++ = value;
		value >>= 8;
	}
}

/* An AER capability first, so that the list has to be followed. */
static void fill_config(uint8_t config[CONFIG_SIZE],
			const struct fake_function *function)
{
	memset(config, 0, CONFIG_SIZE);
	put_le(config, function->vendor, 2);
	put_le(config + 2, function->device, 2);
	if (function->acs == NO_ACS) {
		put_le(config + FIRST_EXT_CAP, 0x0001 | 2 << 16, 4);
		return;
	}
	put_le(config + FIRST_EXT_CAP, 0x0001 | 2 << 16 | ACS_OFFSET << 20, 4);
	put_le(config + ACS_OFFSET, 0x000d | 1 << 16, 4);
	put_le(config + ACS_OFFSET + 6, function->acs, 2);
}

static void write_number(const char *dir, const char *file, const char *format,
			 unsigned int number)
{
	char name[PATH_MAX], text[32];

	snprintf(name, sizeof(name), "%s/%s", dir, file);
	snprintf(text, sizeof(text), format, number);
	fake_file(name, text);
}

static void write_config(const char *dir, const struct fake_function *function)
{
	uint8_t config[CONFIG_SIZE];
	char name[PATH_MAX];

	fill_config(config, function);
	snprintf(name, sizeof(name), "%s/config", dir);
	fake_bytes(name, config,
		   function->config_size ? function->config_size : CONFIG_SIZE);
}

static void link_group(const char *dir, int group)
{
	char name[PATH_MAX], target[PATH_MAX];

	snprintf(name, sizeof(name), "%s/iommu_group", dir);
	snprintf(target, sizeof(target), "%s/sys/kernel/iommu_groups/%d", root,
		 group);
	fake_link(target, name);
}

void fake_function(const struct fake_function *function)
{
	const char *bus = strrchr(function->path, '/') + 1;
	char dir[PATH_MAX / 2], link[PATH_MAX / 2], target[PATH_MAX];

	snprintf(dir, sizeof(dir), "sys/devices/%s", function->path);
	write_number(dir, "vendor", "0x%04x\n", function->vendor);
	write_number(dir, "device", "0x%04x\n", function->device);
	write_number(dir, "class", "0x%06x\n", function->class);
	write_config(dir, function);
	if (function->group != NO_GROUP)
		link_group(dir, function->group);
	snprintf(link, sizeof(link), "sys/bus/pci/devices/%s", bus);
	snprintf(target, sizeof(target), "../../../devices/%s", function->path);
	fake_link(target, link);
}

void fake_acs(const char *path, int acs)
{
	struct fake_function function = {
		.path = path, .vendor = 0x1b36, .device = 0xc, .class = 0x060400,
		.acs = acs, .group = NO_GROUP,
	};

	fake_function(&function);
}

void fake_group_type(int group, const char *type)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "sys/kernel/iommu_groups/%d/type", group);
	fake_file(name, type);
}

void fake_cpu(const char *vendor, unsigned int family)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "processor\t: 0\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: 1\n\n",
		 vendor, family);
	fake_file("proc/cpuinfo", text);
}

#define SWITCH	"pci0000:00/0000:00:03.0/0000:01:00.0"

/* Bridges can have ACS, which is off; endpoints here cannot. */
static void add_bridge(const char *path, unsigned int device, int acs)
{
	struct fake_function function = {
		.path = path, .vendor = 0x104c, .device = device,
		.class = 0x060400, .acs = acs, .group = NO_GROUP,
	};

	fake_function(&function);
}

static void add_endpoint(const char *path, unsigned int vendor,
			 unsigned int device, unsigned int class)
{
	struct fake_function function = {
		.path = path, .vendor = vendor, .device = device,
		.class = class, .acs = NO_ACS, .group = NO_GROUP,
		.config_size = 256,
	};

	fake_function(&function);
}

static void add_memory(const char *path)
{
	add_endpoint(path, 0x1af4, 0x1110, 0x050000);
}

void fake_machine(void)
{
	add_endpoint("pci0000:00/0000:00:00.0", 0x8086, 0x29c0, 0x060000);
	add_bridge("pci0000:00/0000:00:03.0", 0x000c, 0);
	add_bridge(SWITCH, 0x8232, NO_ACS);
	add_bridge(SWITCH "/0000:02:00.0", 0x8233, NO_ACS);
	add_memory(SWITCH "/0000:02:00.0/0000:03:00.0");
	add_bridge(SWITCH "/0000:02:01.0", 0x8233, NO_ACS);
	add_memory(SWITCH "/0000:02:01.0/0000:04:00.0");
	add_bridge(SWITCH "/0000:02:02.0", 0x8233, NO_ACS);
	add_endpoint(SWITCH "/0000:02:02.0/0000:06:00.0", 0x1234, 0x11e8, 0x00ff00);
	add_bridge("pci0000:00/0000:00:04.0", 0x000c, 0);
	add_memory("pci0000:00/0000:00:04.0/0000:08:00.0");
	add_endpoint("pci0000:00/0000:00:05.0", 0x1234, 0x11e8, 0x00ff00);
	fake_cpu("GenuineIntel", 6);
}
