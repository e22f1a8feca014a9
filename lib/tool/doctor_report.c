// SPDX-License-Identifier: GPL-2.0
/* hmmp2p doctor --report: what is attached to a report of a problem. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

static void section(const char *title)
{
	printf("\n== %s\n\n", title);
}

static void print_kernel(void)
{
	char *path = root_path("proc/version"), line[LINE_SIZE];

	read_line(path, line, sizeof(line));
	puts(line[0] ? line : "a kernel whose version cannot be read");
	free(path);
}

/* Of the kernel's parameters those that decide about topology; others are nobody's business. */
static void print_parameters(void)
{
	char *path = root_path("proc/cmdline"), *text = read_text(path), *rest = text, *word;

	while ((word = strsep(&rest, " \n")))
		if (strstr(word, "iommu") || strstr(word, "pci") || strstr(word, "hmm"))
			printf("with %s\n", word);
	free(text);
	free(path);
}

static void print_versions(const struct doctor *doctor)
{
	struct hmm_p2p_info info;

	section("versions");
	printf("hmmp2p and its libhmm_p2p %s, for ABI version %u\n", HMMP2P_VERSION,
	       HMM_P2P_ABI_VERSION);
	if (doctor->tool->ctx && !hmm_p2p_get_info(doctor->tool->ctx, &info))
		printf("driver with ABI version %u, pages of %u and %u bytes\n",
		       info.out_abi_version, info.out_page_size, info.out_huge_page_size);
	print_kernel();
	print_parameters();
}

/* ---------------------------------------------------------------- modules */

/* It is ours, or builds on ours. */
static bool is_related(const char *name)
{
	char *path = sysfs_path("module/hmm_p2p/holders/%s", name);
	bool related = !strncmp(name, "hmm_p2p", 7) || !access(path, F_OK);

	free(path);
	return related;
}

static void print_module_parameters(const char *module)
{
	struct dirent **names;
	int nr = folder_names(sysfs_path("module/%s/parameters", module), &names), i;
	char line[LINE_SIZE];

	for (i = 0; i < nr; i++)
		printf(" %s=%s", names[i]->d_name,
		       sysfs_line(line, "module/%s/parameters/%s", module, names[i]->d_name));
	folder_names_free(names, nr);
}

static void print_modules(void)
{
	struct dirent **names;
	int nr = folder_names(sysfs_path("module"), &names), i;
	char line[LINE_SIZE];

	section("modules, with srcversion and parameters");
	for (i = 0; i < nr; i++) {
		if (!is_related(names[i]->d_name))
			continue;
		printf("%s %s", names[i]->d_name,
		       sysfs_line(line, "module/%s/srcversion", names[i]->d_name));
		print_module_parameters(names[i]->d_name);
		putchar('\n');
	}
	folder_names_free(names, nr);
}

void report_print(const struct doctor *doctor)
{
	print_versions(doctor);
	print_modules();
	if (doctor->tool->ctx) {
		section("devices");
		list_print(doctor->tool, &doctor->devices);
		section("topology");
		topo_print(doctor->tool, &doctor->devices);
	}
	section("PCI functions of devices");
	report_pci(doctor);
	section("IOMMU groups");
	report_groups();
	section("last lines about hmm_p2p in the kernel's log");
	report_log();
}
