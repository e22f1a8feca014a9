// SPDX-License-Identifier: GPL-2.0
/* hmmp2p doctor: what the kernel was built with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

/* What hmm_p2p/Kconfig depends on. */
static const char *const options[] = {
	"DEVICE_PRIVATE", "HMM_MIRROR", "PCI_P2PDMA", "TRANSPARENT_HUGEPAGE",
};

static bool is_on(const char *config, const char *option)
{
	char *line = xasprintf("\nCONFIG_%s=", option);
	const char *at = strstr(config, line);
	bool on = at && strchr("ym", at[strlen(line)]);

	free(line);
	return on;
}

static void examine_options(struct doctor *doctor, const char *config, const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++)
		if (is_on(config, options[i]))
			find(doctor, FINDING_OK, NULL, "kernel option CONFIG_%s", options[i]);
		else
			find(doctor, FINDING_MISSING,
			     "boot a kernel that has it, as Debian's from 7.2 on do, or build one",
			     "kernel option CONFIG_%s, which is off in /%s", options[i], name);
}

static void examine_huge_pages(struct doctor *doctor)
{
	char line[LINE_SIZE];

	if (strstr(sysfs_line(line, "kernel/mm/transparent_hugepage/enabled"), "[never]"))
		find(doctor, FINDING_WARNING,
		     "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled",
		     "transparent huge pages are off, so memory moves by small pages, which is slower");
}

void examine_kernel(struct doctor *doctor)
{
	char *name, *config = config_read(doctor, &name);

	if (config)
		examine_options(doctor, config, name);
	else
		find(doctor, FINDING_WARNING,
		     "run as root, or look for CONFIG_DEVICE_PRIVATE, HMM_MIRROR, PCI_P2PDMA and TRANSPARENT_HUGEPAGE where your kernel comes from",
		     "the options of kernel %s are in none of /proc/config.gz, /boot/config-%s and /usr/lib/modules/%s/config that can be read",
		     doctor->release, doctor->release, doctor->release);
	free(config);
	free(name);
	examine_huge_pages(doctor);
}
