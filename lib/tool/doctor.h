/* SPDX-License-Identifier: GPL-2.0 */
/* What is missing for this machine to work, and the cure. */
#ifndef HMMP2P_DOCTOR_H
#define HMMP2P_DOCTOR_H

#include "files.h"
#include "hmmp2p.h"

enum finding_state {
	FINDING_OK,
	FINDING_WARNING,	/* works, but not as well as it could */
	FINDING_MISSING,
	FINDING_STATES
};

struct finding {
	enum finding_state state;
	char *what;
	char *cure;		/* NULL: nothing to do */
};

struct doctor {
	struct tool *tool;	/* without a context when the node does not open */
	char release[LINE_SIZE];	/* of the running kernel */
	struct device_list devices;
	struct finding *findings;
	size_t nr;
};

/* Add a finding; @cure may be NULL. */
void find(struct doctor *doctor, enum finding_state state, const char *cure,
	  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* What was found: how often, for a person, as JSON. */
size_t findings_count(const struct doctor *doctor, enum finding_state state);
void findings_print(const struct doctor *doctor);
void findings_print_json(const struct doctor *doctor);
void findings_free(struct doctor *doctor);

/* The parts of the examination. Those from examine_devices() on need the node. */
void examine_kernel(struct doctor *doctor);
void examine_modules(struct doctor *doctor);
void examine_node(struct doctor *doctor);
void examine_devices(struct doctor *doctor);
void examine_paths(struct doctor *doctor);
void examine_memory(struct doctor *doctor);

/* Whether the kernel has a module, as file or built in, loaded or not. */
enum module_state {
	MODULE_ABSENT,
	MODULE_LOADABLE,
	MODULE_THERE,
};

enum module_state module_state(const struct doctor *doctor, const char *name);

/* The kernel's configuration, or NULL, and the file it came from, below /; both to be freed. */
char *config_read(const struct doctor *doctor, char **name);

/* What is attached to a report of a problem, besides the findings. */
void report_print(const struct doctor *doctor);

/* Parts of it. */
void report_pci(const struct doctor *doctor);
void report_groups(void);
void report_log(void);

#endif /* HMMP2P_DOCTOR_H */
