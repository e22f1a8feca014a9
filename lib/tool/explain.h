/* SPDX-License-Identifier: GPL-2.0 */
/* Why an importer gets what it gets: the facts, and the words for them. */
#ifndef HMMP2P_EXPLAIN_H
#define HMMP2P_EXPLAIN_H

#include "hmmp2p.h"
#include "route.h"

/* What decides, in the words of "decides" in the JSON output. */
enum decider {
	DECIDES_UNKNOWN,
	DECIDES_OWNER,
	DECIDES_SYSTEM_ALIAS,
	DECIDES_DRIVER,		/* a reason that has nothing to do with PCI */
	DECIDES_NOT_PCI,
	DECIDES_SAME_FUNCTION,
	DECIDES_BRIDGE,
	DECIDES_ACS,
	DECIDES_HOST_BRIDGE,
};

enum agreement {
	CANNOT_TELL,
	AGREES,
	DISAGREES,
};

#define LINES_MAX	48

struct explanation {
	/* Facts */
	struct hmm_p2p_device_info exporter, importer;
	struct hmm_p2p_path path;
	bool has_route;		/* the fields down to cpu are valid */
	struct pci_chain exporter_chain, importer_chain;
	struct route route;
	struct pci_host exporter_host, importer_host;
	struct pci_iommu exporter_iommu, importer_iommu;
	struct cpu cpu;

	/* What follows from them */
	enum decider decides;
	enum agreement agreement;
	char *lines[LINES_MAX];
	unsigned int nr_lines;
};

/* Read what sysfs says; needs exporter, importer and path. */
void explanation_read(struct explanation *why);

/* Draw the conclusions; needs explanation_read(). */
void explanation_conclude(struct explanation *why);
void explanation_free(struct explanation *why);

const char *decider_name(enum decider decider);

/* Bus addresses or names of what decides: up to @max of them, returns how many. */
unsigned int deciding(const struct explanation *why, const char **names,
		      unsigned int max);
#define DECIDING_MAX	(2 * PCI_DEPTH_MAX)

/* "P2P, 4 hops", "RAM, because no path": the kernel's verdict. */
#define VERDICT_MAX	80
const char *verdict_text(const struct hmm_p2p_path *path, char text[VERDICT_MAX]);

/* Add a sentence. */
void say(struct explanation *why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Add the sentences about the way between the two, which has_route says. */
void say_route(struct explanation *why);

#endif /* HMMP2P_EXPLAIN_H */
