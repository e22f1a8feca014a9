// SPDX-License-Identifier: GPL-2.0
/*
 * Who decided, and whether this program's own reading of sysfs fits.
 *
 * The kernel's verdict is a fact here and never argued with: this program looks
 * for what explains it, and says so when nothing does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"

const char *decider_name(enum decider decider)
{
	static const char *const names[] = {
		[DECIDES_UNKNOWN] = "unknown",
		[DECIDES_OWNER] = "owner",
		[DECIDES_SYSTEM_ALIAS] = "system_alias",
		[DECIDES_DRIVER] = "driver",
		[DECIDES_NOT_PCI] = "not_pci",
		[DECIDES_SAME_FUNCTION] = "same_function",
		[DECIDES_BRIDGE] = "bridge",
		[DECIDES_ACS] = "acs",
		[DECIDES_HOST_BRIDGE] = "host_bridge",
	};

	return names[decider];
}

unsigned int deciding(const struct explanation *why, const char **names,
		      unsigned int max)
{
	unsigned int nr = 0;

	switch (why->decides) {
	case DECIDES_SYSTEM_ALIAS:
		names[nr++] = device_name(&why->exporter);
		break;
	case DECIDES_SAME_FUNCTION:
	case DECIDES_BRIDGE:
		names[nr++] = why->route.meet->name;
		break;
	case DECIDES_ACS:
		for (; nr < max && nr < why->route.nr_redirects; nr++)
			names[nr] = why->route.redirects[nr]->name;
		break;
	case DECIDES_HOST_BRIDGE:
		names[nr++] = why->exporter_chain.host;
		if (strcmp(why->exporter_chain.host, why->importer_chain.host))
			names[nr++] = why->importer_chain.host;
		break;
	default:
		break;
	}
	return nr;
}

const char *verdict_text(const struct hmm_p2p_path *path, char text[VERDICT_MAX])
{
	if (path->out_outcome == HMM_P2P_OUTCOME_PRIVATE)
		return "PRIVATE, over the interconnect";
	if (path->out_outcome == HMM_P2P_OUTCOME_P2P && path->out_distance < 0)
		return "P2P, in system memory";
	if (path->out_outcome == HMM_P2P_OUTCOME_P2P)
		snprintf(text, VERDICT_MAX, "P2P, %d hops", path->out_distance);
	else
		snprintf(text, VERDICT_MAX, "RAM, because: %s",
			 hmm_p2p_reason_name(path->out_reason));
	return text;
}

void explanation_free(struct explanation *why)
{
	while (why->nr_lines)
		free(why->lines[--why->nr_lines]);
}

static bool is_pci(const struct hmm_p2p_device_info *info)
{
	return info->out_caps & HMM_P2P_CAP_PCI;
}

void explanation_read(struct explanation *why)
{
	const char *exporter = device_bus(&why->exporter);
	const char *importer = device_bus(&why->importer);

	why->has_route = is_pci(&why->exporter) && is_pci(&why->importer) &&
			 !pci_chain_read(exporter, &why->exporter_chain) &&
			 !pci_chain_read(importer, &why->importer_chain);
	if (!why->has_route)
		return;
	route_find(&why->exporter_chain, &why->importer_chain, &why->route);
	pci_host_read(&why->exporter_chain, &why->exporter_host);
	pci_host_read(&why->importer_chain, &why->importer_host);
	pci_iommu_read(exporter, &why->exporter_iommu);
	pci_iommu_read(importer, &why->importer_iommu);
	cpu_read(&why->cpu);
}

/* The verdict came from the PCI topology: which part of it? */
static enum decider decider_on_route(const struct explanation *why)
{
	static const enum decider deciders[] = {
		[ROUTE_SAME_FUNCTION] = DECIDES_SAME_FUNCTION,
		[ROUTE_BRIDGE] = DECIDES_BRIDGE,
		[ROUTE_ACS] = DECIDES_ACS,
		[ROUTE_HOST_BRIDGE] = DECIDES_HOST_BRIDGE,
	};
	bool p2p = why->path.out_outcome == HMM_P2P_OUTCOME_P2P;

	if (!why->has_route)
		return DECIDES_UNKNOWN;
	/* ACS redirected, and the host bridge let it through. */
	if (p2p && why->route.kind == ROUTE_ACS)
		return DECIDES_HOST_BRIDGE;
	if (!p2p && !route_through_host(&why->route))
		return DECIDES_UNKNOWN;
	return deciders[why->route.kind];
}

static enum decider find_decider(const struct explanation *why)
{
	const struct hmm_p2p_path *path = &why->path;

	if (path->out_outcome == HMM_P2P_OUTCOME_PRIVATE)
		return DECIDES_OWNER;
	if (path->out_outcome == HMM_P2P_OUTCOME_P2P) {
		if (why->exporter.out_caps & HMM_P2P_CAP_SYSTEM_ALIAS)
			return DECIDES_SYSTEM_ALIAS;
		return decider_on_route(why);
	}
	if (path->out_reason != HMM_P2P_REASON_NO_PATH)
		return DECIDES_DRIVER;
	if (!is_pci(&why->exporter) || !is_pci(&why->importer))
		return DECIDES_NOT_PCI;
	return decider_on_route(why);
}

static bool share_owner(const struct explanation *why)
{
	return why->exporter.out_owner &&
	       why->exporter.out_owner == why->importer.out_owner;
}

static enum agreement agree_if(bool condition)
{
	return condition ? AGREES : DISAGREES;
}

/* What this reading says about peer to peer. */
enum expectation {
	EXPECT_NO_PATH,
	EXPECT_P2P,
	EXPECT_EITHER,		/* only the kernel knows its list of host bridges */
};

static enum expectation expected(const struct explanation *why)
{
	if (cpu_forwards_p2p(&why->cpu))
		return EXPECT_P2P;
	if (!route_through_host(&why->route))
		return why->route.unreadable ? EXPECT_EITHER : EXPECT_P2P;
	if (!why->exporter_host.known || !why->importer_host.known)
		return EXPECT_NO_PATH;
	return EXPECT_EITHER;
}

static enum agreement agreement_on_route(const struct explanation *why)
{
	bool p2p = why->path.out_outcome == HMM_P2P_OUTCOME_P2P;
	enum expectation expect;

	if (!why->has_route)
		return CANNOT_TELL;
	if (p2p && why->path.out_distance != (int)why->route.distance)
		return DISAGREES;
	expect = expected(why);
	if (expect == EXPECT_EITHER)
		return why->route.unreadable ? CANNOT_TELL : AGREES;
	return agree_if(p2p == (expect == EXPECT_P2P));
}

static enum agreement find_agreement(const struct explanation *why)
{
	switch (why->decides) {
	case DECIDES_OWNER:
		return agree_if(share_owner(why));
	case DECIDES_SYSTEM_ALIAS:
	case DECIDES_NOT_PCI:
		return agree_if(!share_owner(why));
	case DECIDES_DRIVER:
		return CANNOT_TELL;
	default:
		return share_owner(why) ? DISAGREES : agreement_on_route(why);
	}
}

static void say_owner(struct explanation *why)
{
	if (why->exporter.out_id == why->importer.out_id) {
		say(why, "Exporter and importer are the same device, which reaches its own memory: nothing moves.");
		return;
	}
	say(why, "Both devices belong to owner %u: they share a private interconnect, so the importer is given the device's own pages and nothing moves.",
	    why->exporter.out_owner);
	say(why, "The PCI topology is not asked.");
}

static void say_system_alias(struct explanation *why)
{
	say(why, "The memory of %s is stolen system RAM: behind each of its pages is an ordinary system page, which every device reaches.",
	    device_name(&why->exporter));
	say(why, "The PCI topology is not asked.");
}

static void say_not_pci(struct explanation *why)
{
	const struct hmm_p2p_device_info *other =
		is_pci(&why->importer) ? &why->exporter : &why->importer;

	say(why, "%s (%s) is not a PCI device, and only two PCI devices can reach each other peer to peer.",
	    device_name(other), device_bus(other));
}

static void say_unreadable(struct explanation *why)
{
	say(why, "sysfs does not show where %s and %s are, so what lies between them is not known here.",
	    device_bus(&why->exporter), device_bus(&why->importer));
}

static void say_decider(struct explanation *why)
{
	switch (why->decides) {
	case DECIDES_OWNER:
		say_owner(why);
		break;
	case DECIDES_SYSTEM_ALIAS:
		say_system_alias(why);
		break;
	case DECIDES_DRIVER:
		say(why, "%s", hmm_p2p_reason_text(why->path.out_reason));
		break;
	case DECIDES_NOT_PCI:
		say_not_pci(why);
		break;
	default:
		if (why->has_route)
			say_route(why);
		else
			say_unreadable(why);
	}
}

static void say_disagreement(struct explanation *why)
{
	if (why->decides == DECIDES_OWNER)
		say(why, "The device list does not fit: it says owners %u and %u. An owner may have changed in between.",
		    why->exporter.out_owner, why->importer.out_owner);
	else if (share_owner(why))
		say(why, "The device list does not fit: both devices belong to owner %u, so PRIVATE would be expected. An owner may have changed in between.",
		    why->exporter.out_owner);
	else
		say(why, "This reading of sysfs does not explain the verdict: it expects %s over %u hops. A setting may have changed since the kernel decided, or the kernel knows more.",
		    expected(why) == EXPECT_NO_PATH ? "no path" : "P2P",
		    why->route.distance);
	say(why, "The kernel's verdict is the one that holds.");
}

void explanation_conclude(struct explanation *why)
{
	why->decides = find_decider(why);
	why->agreement = find_agreement(why);
	say_decider(why);
	if (why->agreement == DISAGREES)
		say_disagreement(why);
}
