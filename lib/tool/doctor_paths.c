// SPDX-License-Identifier: GPL-2.0
/* hmmp2p doctor: pairs of devices whose data has to pass RAM. */
#include <stdio.h>
#include <stdlib.h>

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

static void say_why(const struct explanation *why, char *text, size_t size)
{
	const char *names[DECIDING_MAX] = { "" };

	deciding(why, names, DECIDING_MAX);
	switch (why->decides) {
	case DECIDES_ACS:
		snprintf(text, size, "ACS of %s sends requests up to a host bridge that does not forward them",
			 names[0]);
		break;
	case DECIDES_HOST_BRIDGE:
		snprintf(text, size, "host bridge %s does not forward peer to peer", names[0]);
		break;
	case DECIDES_NOT_PCI:
		snprintf(text, size, "one of them is no PCI device");
		break;
	default:
		snprintf(text, size, "%s", hmm_p2p_reason_name(why->path.out_reason));
	}
}

static void find_no_path(struct doctor *doctor, struct explanation *why)
{
	char text[256];

	explanation_read(why);
	explanation_conclude(why);
	say_why(why, text, sizeof(text));
	find(doctor, FINDING_WARNING, cure_of(why),
	     "memory of %s goes to RAM for %s, because %s", device_name(&why->exporter),
	     device_name(&why->importer), text);
	explanation_free(why);
}

/* Whether @importer gets it without RAM; a device that went away has no say. */
static bool examine_pair(struct doctor *doctor, const struct hmm_p2p_device_info *exporter,
			 const struct hmm_p2p_device_info *importer)
{
	struct explanation *why = xcalloc(1, sizeof(*why));
	bool good;

	why->exporter = *exporter;
	why->importer = *importer;
	good = !hmm_p2p_path(doctor->tool->ctx, exporter->out_id, importer->out_id, &why->path);
	if (good && why->path.out_outcome == HMM_P2P_OUTCOME_MIGRATED) {
		find_no_path(doctor, why);
		good = false;
	}
	free(why);
	return good;
}

static bool is_pair(const struct hmm_p2p_device_info *exporter,
		    const struct hmm_p2p_device_info *importer)
{
	return exporter->out_caps & HMM_P2P_CAP_EXPORTER &&
	       importer->out_caps & HMM_P2P_CAP_IMPORTER && exporter->out_id != importer->out_id;
}

void examine_paths(struct doctor *doctor)
{
	const struct device_list *list = &doctor->devices;
	size_t e, i, good = 0, nr = 0;

	for (e = 0; e < list->nr; e++)
		for (i = 0; i < list->nr; i++) {
			if (!is_pair(&list->devices[e], &list->devices[i]))
				continue;
			nr++;
			good += examine_pair(doctor, &list->devices[e], &list->devices[i]);
		}
	if (good)
		find(doctor, FINDING_OK, NULL,
		     "%zu of %zu pairs of devices reach memory where it is", good, nr);
}
