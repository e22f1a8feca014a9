/* SPDX-License-Identifier: GPL-2.0 */
/* A small /sys and / below a temporary folder. */
#ifndef HMM_P2P_FAKE_SYSFS_H
#define HMM_P2P_FAKE_SYSFS_H

#include <stddef.h>

#define NO_ACS		(-1)
#define NO_GROUP	(-1)

struct fake_function {
	const char *path;	/* below devices: pci0000:00/0000:00:01.0 */
	unsigned int vendor, device, class;
	int acs;		/* control register, or NO_ACS */
	int group;		/* IOMMU group, or NO_GROUP */
	int config_size;	/* 0: all of it */
};

/* The temporary folder, which the environment then names as the one and the other. */
const char *fake_make(void);
void fake_remove(void);

void fake_function(const struct fake_function *function);
void fake_group_type(int group, const char *type);
void fake_cpu(const char *vendor, unsigned int family);

/* Any file: @name is below the folder. */
void fake_file(const char *name, const char *text);
void fake_bytes(const char *name, const void *bytes, size_t length);
void fake_remove_folder(const char *name);
void fake_link(const char *target, const char *name);

/* The machine that the devices of the mock are in, see mock.h. */
void fake_machine(void);

/* Overwrite the ACS control register that fake_function() made. */
void fake_acs(const char *path, int acs);

#endif /* HMM_P2P_FAKE_SYSFS_H */
