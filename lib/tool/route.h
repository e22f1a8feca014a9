/* SPDX-License-Identifier: GPL-2.0 */
/* The way between two PCI functions, read from sysfs. */
#ifndef HMMP2P_ROUTE_H
#define HMMP2P_ROUTE_H

#include "pci.h"

enum route_kind {
	ROUTE_SAME_FUNCTION,
	ROUTE_BRIDGE,		/* turns around in a bridge above both */
	ROUTE_ACS,		/* would, but ACS sends it to the host bridge */
	ROUTE_HOST_BRIDGE,	/* no bridge is above both */
};

struct route {
	enum route_kind kind;
	unsigned int distance;
	const struct pci_function *meet;	/* in the exporter's chain, or NULL */
	const struct pci_function *redirects[2 * PCI_DEPTH_MAX];
	unsigned int nr_redirects;
	const struct pci_function *unreadable;	/* ACS unknown here, or NULL */
};

/* Points into both chains. */
void route_find(const struct pci_chain *exporter,
		const struct pci_chain *importer, struct route *route);

static inline bool route_through_host(const struct route *route)
{
	return route->kind == ROUTE_ACS || route->kind == ROUTE_HOST_BRIDGE;
}

#endif /* HMMP2P_ROUTE_H */
