// SPDX-License-Identifier: GPL-2.0
/*
 * The way between two PCI functions, by the rule that the kernel follows
 * (calc_map_type_and_dist() in drivers/pci/p2pdma.c of Linux 7.2):
 *
 * - Hops are counted from both functions up to the first bridge they have in
 *   common. Without one they are counted up to the root bus on both sides.
 * - The ACS redirect bits of every function on the way count: on the exporter's
 *   side including the common bridge, on the importer's side without it.
 * - One redirect bit is enough to send everything to the host bridge. There,
 *   the CPU (AMD since Zen) or a list of host bridges decides.
 */
#include <string.h>

#include "route.h"

static void note_acs(struct route *route, const struct pci_function *function)
{
	if (function->acs == ACS_UNREADABLE)
		route->unreadable = function;
	else if (function->acs == ACS_PRESENT &&
		 (function->acs_control & ACS_REDIRECTS))
		route->redirects[route->nr_redirects++] = function;
}

/* What goes to the host bridge anyway need not be redirected to it. */
static void forget_acs(struct route *route)
{
	route->nr_redirects = 0;
	route->unreadable = NULL;
}

/* Position of a function in a chain; the chain's length when it is not there. */
static unsigned int find_in(const struct pci_chain *chain, const char *name)
{
	unsigned int i;

	for (i = 0; i < chain->nr; i++)
		if (!strcmp(chain->at[i].name, name))
			break;
	return i;
}

static enum route_kind kind_of(const struct route *route)
{
	if (!route->meet)
		return ROUTE_HOST_BRIDGE;
	if (route->nr_redirects)
		return ROUTE_ACS;
	return route->distance ? ROUTE_BRIDGE : ROUTE_SAME_FUNCTION;
}

void route_find(const struct pci_chain *exporter,
		const struct pci_chain *importer, struct route *route)
{
	unsigned int up = 0, down = importer->nr, i;

	memset(route, 0, sizeof(*route));
	for (up = 0; up < exporter->nr; up++) {
		note_acs(route, &exporter->at[up]);
		down = find_in(importer, exporter->at[up].name);
		if (down < importer->nr) {
			route->meet = &exporter->at[up];
			break;
		}
	}
	for (i = 0; route->meet && i < down; i++)
		note_acs(route, &importer->at[i]);
	if (!route->meet)
		forget_acs(route);
	route->distance = up + down;
	route->kind = kind_of(route);
}
