// SPDX-License-Identifier: GPL-2.0
/* hmmp2p doctor: pairs of devices whose data has to pass RAM. */
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "explain.h"

static const char *cure_of(const struct explanation *why)
{
	switch (why->decides) {
	case DECIDES_ACS:
		return "if you trust what is below, switch it off with the kernel parameter pci=disable_acs_redir=ADDRESS";
	case DECIDES_HOST_BRIDGE:
		return "put both below one PCIe switch";
	case DECIDES_DRIVER:
		return hmm_p2p_reason_text(why->path.out_reason);
	case DECIDES_NOT_PCI:
		return NULL;
	default:
		return "'hmmp2p topo --explain' has what sysfs tells";
	}
}

/* To be freed. */
static char *reason_of(const struct explanation *why)
{
	const char *names[DECIDING_MAX] = { "" };

	deciding(why, names, DECIDING_MAX);
	switch (why->decides) {
	case DECIDES_ACS:
		return xasprintf("ACS of %s sends requests up to a host bridge that does not forward them",
				 names[0]);
	case DECIDES_HOST_BRIDGE:
		return xasprintf("host bridge %s does not forward peer to peer", names[0]);
	case DECIDES_NOT_PCI:
		return xasprintf("one of them is no PCI device");
	default:
		return xasprintf("%s", hmm_p2p_reason_name(why->path.out_reason));
	}
}

/* Pairs without a path for one reason. */
struct no_path {
	char *why;
	const char *cure;	/* may be NULL */
	char *names;		/* of the first pairs */
	size_t nr;
};

struct paths {
	struct no_path *no_paths;
	size_t nr;		/* of them */
	size_t pairs, good;
};

#define NAMED_MAX	3

/* Takes @why, and returns who has that reason already, or a new one. */
static struct no_path *no_path_for(struct paths *paths, char *why, const char *cure)
{
	struct no_path *no_path;
	size_t i;

	for (i = 0; i < paths->nr; i++)
		if (!strcmp(paths->no_paths[i].why, why)) {
			free(why);
			return &paths->no_paths[i];
		}
	paths->no_paths = xrealloc(paths->no_paths, paths->nr + 1, sizeof(*no_path));
	no_path = &paths->no_paths[paths->nr++];
	*no_path = (struct no_path){ .why = why, .cure = cure };
	return no_path;
}

static void name_pair(struct no_path *no_path, const struct explanation *why)
{
	const char *exporter = device_name(&why->exporter), *importer = device_name(&why->importer);
	char *before = no_path->names;

	if (no_path->nr++ >= NAMED_MAX)
		return;
	if (before)
		no_path->names = xasprintf("%s, of %s for %s", before, exporter, importer);
	else
		no_path->names = xasprintf("memory of %s goes to RAM for %s", exporter, importer);
	free(before);
}

static void add_no_path(struct paths *paths, struct explanation *why)
{
	explanation_read(why);
	explanation_conclude(why);
	name_pair(no_path_for(paths, reason_of(why), cure_of(why)), why);
	explanation_free(why);
}

/* A device that went away has no say. */
static void examine_pair(struct doctor *doctor, struct paths *paths,
			 const struct hmm_p2p_device_info *exporter,
			 const struct hmm_p2p_device_info *importer)
{
	struct explanation *why = xcalloc(1, sizeof(*why));
	int err;

	paths->pairs++;
	why->exporter = *exporter;
	why->importer = *importer;
	err = hmm_p2p_path(doctor->tool->ctx, exporter->out_id, importer->out_id, &why->path);
	if (!err && why->path.out_outcome == HMM_P2P_OUTCOME_MIGRATED)
		add_no_path(paths, why);
	else if (!err)
		paths->good++;
	free(why);
}

static bool is_pair(const struct hmm_p2p_device_info *exporter,
		    const struct hmm_p2p_device_info *importer)
{
	return exporter->out_caps & HMM_P2P_CAP_EXPORTER &&
	       importer->out_caps & HMM_P2P_CAP_IMPORTER && exporter->out_id != importer->out_id;
}

static void find_no_path(struct doctor *doctor, struct no_path *no_path)
{
	size_t more = no_path->nr > NAMED_MAX ? no_path->nr - NAMED_MAX : 0;
	char *rest = more ? xasprintf(" and in %zu more pair%s", more, more > 1 ? "s" : "") : NULL;

	find(doctor, FINDING_WARNING, no_path->cure, "%s%s, because %s", no_path->names,
	     rest ? rest : "", no_path->why);
	free(rest);
	free(no_path->names);
	free(no_path->why);
}

void examine_paths(struct doctor *doctor)
{
	const struct device_list *list = &doctor->devices;
	struct paths paths = { .nr = 0 };
	size_t e, i;

	for (e = 0; e < list->nr; e++)
		for (i = 0; i < list->nr; i++)
			if (is_pair(&list->devices[e], &list->devices[i]))
				examine_pair(doctor, &paths, &list->devices[e], &list->devices[i]);
	for (i = 0; i < paths.nr; i++)
		find_no_path(doctor, &paths.no_paths[i]);
	free(paths.no_paths);
	if (paths.good)
		find(doctor, FINDING_OK, NULL, "%zu of %zu pairs of devices reach memory where it is",
		     paths.good, paths.pairs);
}
