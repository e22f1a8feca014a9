// SPDX-License-Identifier: GPL-2.0
/* hmmp2p doctor: the modules, loaded or not. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

static bool is_loaded(const char *name)
{
	char *path = sysfs_path("module/%s", name);
	bool loaded = !access(path, F_OK);

	free(path);
	return loaded;
}

/* @list: of modprobe(8), below /lib/modules: each with its path, maybe compressed. */
static bool is_listed(const struct doctor *doctor, const char *list, const char *name)
{
	char *path = root_path("lib/modules/%s/%s", doctor->release, list);
	char *text = read_text(path), *file = xasprintf("/%s.ko", name);
	bool listed = text && strstr(text, file);

	free(file);
	free(text);
	free(path);
	return listed;
}

enum module_state module_state(const struct doctor *doctor, const char *name)
{
	/* What is built in has a folder only when it has parameters. */
	if (is_loaded(name) || is_listed(doctor, "modules.builtin", name))
		return MODULE_THERE;
	return is_listed(doctor, "modules.dep", name) ? MODULE_LOADABLE : MODULE_ABSENT;
}

static void examine_module(struct doctor *doctor, const char *name, const char *load)
{
	switch (module_state(doctor, name)) {
	case MODULE_THERE:
		find(doctor, FINDING_OK, NULL, "module %s", name);
		break;
	case MODULE_LOADABLE:
		find(doctor, FINDING_MISSING, load, "module %s, which is not loaded", name);
		break;
	default:
		find(doctor, FINDING_MISSING,
		     "'make modules' and, as root, 'make modules_install' in the sources of hmm_p2p, then 'modprobe hmm_p2p'",
		     "module %s, which is not installed for kernel %s", name, doctor->release);
	}
}

void examine_modules(struct doctor *doctor)
{
	examine_module(doctor, "hmm_p2p", "modprobe hmm_p2p");
	examine_module(doctor, "hmm_p2p_uapi", "modprobe hmm_p2p_uapi");
}
