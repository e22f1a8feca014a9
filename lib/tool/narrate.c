// SPDX-License-Identifier: GPL-2.0
/* The way between two PCI functions, in sentences. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "explain.h"

#define NAMES_MAX	1024

void say(struct explanation *why, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	if (why->nr_lines == LINES_MAX)
		return;
	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0)
		out_of_memory();
	why->lines[why->nr_lines++] = text;
}

static void join(char text[NAMES_MAX], const char *separator, const char *name)
{
	size_t used = strlen(text);

	snprintf(text + used, NAMES_MAX - used, "%s%s", used ? separator : "",
		 name);
}

/* "a, b and c" */
static void join_words(char text[NAMES_MAX], const char *const *words,
		       unsigned int nr)
{
	unsigned int i;

	text[0] = '\0';
	for (i = 0; i < nr; i++)
		join(text, i + 1 == nr ? " and " : ", ", words[i]);
}

static void say_place(struct explanation *why, const char *role,
		      const struct hmm_p2p_device_info *info,
		      const struct pci_chain *chain)
{
	const char *above[PCI_DEPTH_MAX + 1];
	char text[NAMES_MAX];
	unsigned int i;

	for (i = 1; i < chain->nr; i++)
		above[i - 1] = chain->at[i].name;
	above[chain->nr - 1] = chain->host;
	join_words(text, above, chain->nr);
	say(why, "The %s %s is PCI function %s, below %s.", role,
	    device_name(info), chain->at[0].name, text);
}

static void say_meeting(struct explanation *why)
{
	const struct route *route = &why->route;

	if (!route->meet)
		say(why, "No PCI bridge is above both of them; they are %u hops apart, counted up to the root bus on both sides.",
		    route->distance);
	else if (!route->distance)
		say(why, "They are one and the same PCI function.");
	else
		say(why, "The first bridge above both is %s, and they are %u hops apart.",
		    route->meet->name, route->distance);
}

static void say_redirect(struct explanation *why,
			 const struct pci_function *function)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} bits[] = {
		{ ACS_REQUEST_REDIRECT, "P2P Request Redirect" },
		{ ACS_COMPLETION_REDIRECT, "P2P Completion Redirect" },
		{ ACS_EGRESS_CONTROL, "P2P Egress Control" },
	};
	const char *set[ARRAY_SIZE(bits)];
	char text[NAMES_MAX];
	unsigned int i, nr = 0;

	for (i = 0; i < ARRAY_SIZE(bits); i++)
		if (function->acs_control & bits[i].bit)
			set[nr++] = bits[i].name;
	join_words(text, set, nr);
	say(why, "ACS of %s has %s set, which sends the requests up to the host bridge.",
	    function->name, text);
}

/* IOMMU drivers ask for ACS: they cannot check what turns around below them. */
static void say_who_set_acs(struct explanation *why)
{
	const struct route *route = &why->route;
	char text[NAMES_MAX] = "";
	unsigned int i;

	for (i = 0; i < route->nr_redirects; i++)
		join(text, ";", route->redirects[i]->name);
	if (why->exporter_iommu.grouped || why->importer_iommu.grouped)
		say(why, "An IOMMU is in use, so the kernel set these bits at boot: devices shall not reach each other unchecked.");
	else
		say(why, "No IOMMU is in use, so firmware or 'pci=config_acs' on the kernel command line set these bits.");
	say(why, "'pci=disable_acs_redir=%s' on the kernel command line clears them, and the protection with them.",
	    text);
}

static void say_acs(struct explanation *why)
{
	const struct route *route = &why->route;
	unsigned int i;

	for (i = 0; i < route->nr_redirects; i++)
		say_redirect(why, route->redirects[i]);
	if (route->unreadable)
		say(why, "The ACS bits of %s cannot be read by this user: run as root to see them.",
		    route->unreadable->name);
	if (route->kind == ROUTE_ACS)
		say_who_set_acs(why);
	else if (route->kind == ROUTE_BRIDGE && !route->unreadable)
		say(why, "No function on the way has an ACS redirect bit set, so requests turn around in %s: neither the host bridge nor an IOMMU takes part.",
		    route->meet->name);
}

static void say_host(struct explanation *why, const struct pci_chain *chain,
		     const struct pci_host *host)
{
	if (host->known)
		say(why, "Requests pass host bridge %s, which the kernel knows by function %s (%04x:%04x).",
		    chain->host, host->name, host->vendor, host->device);
	else
		say(why, "Requests pass host bridge %s, which has no function that the kernel could know it by.",
		    chain->host);
}

static void say_cpu(struct explanation *why)
{
	const struct cpu *cpu = &why->cpu;

	if (cpu_forwards_p2p(cpu)) {
		say(why, "The CPU is %s family %u: the kernel trusts every host bridge of AMD CPUs from family 23 (Zen) on to forward peer to peer.",
		    cpu->vendor, cpu->family);
		return;
	}
	say(why, "On a CPU other than AMD Zen, the kernel trusts only host bridges on its list (pci_p2pdma_whitelist) to forward peer to peer, and its verdict is that this %s.",
	    why->path.out_outcome == HMM_P2P_OUTCOME_P2P ?
		"is the case here" : "is not the case here");
}

static void say_iommu(struct explanation *why)
{
	const struct pci_iommu *iommu = &why->importer_iommu;
	const char *type = iommu->type[0] ? iommu->type : "unknown";

	if (!iommu->grouped)
		say(why, "The importer is in no IOMMU group: nothing translates its addresses.");
	else if (pci_iommu_translates(iommu))
		say(why, "The importer is in IOMMU group %u of type %s, which translates: for the exporter's memory it is given an IOVA.",
		    iommu->group, type);
	else
		say(why, "The importer is in IOMMU group %u of type %s, which does not translate.",
		    iommu->group, type);
}

static void say_through_host(struct explanation *why)
{
	bool two = strcmp(why->exporter_chain.host, why->importer_chain.host);

	say_host(why, &why->exporter_chain, &why->exporter_host);
	if (two) {
		say_host(why, &why->importer_chain, &why->importer_host);
		say(why, "These are two host bridges; some that are on the kernel's list count only when one is above both devices.");
	}
	say_cpu(why);
	if (why->path.out_outcome == HMM_P2P_OUTCOME_P2P)
		say_iommu(why);
	else if (why->route.kind == ROUTE_HOST_BRIDGE)
		say(why, "Below one PCIe switch, the two devices would not need the host bridge.");
}

void say_route(struct explanation *why)
{
	say_place(why, "exporter", &why->exporter, &why->exporter_chain);
	say_place(why, "importer", &why->importer, &why->importer_chain);
	say_meeting(why);
	say_acs(why);
	if (route_through_host(&why->route))
		say_through_host(why);
}
