/* SPDX-License-Identifier: GPL-2.0 */
/* What sysfs says about PCI functions and what lies above them. */
#ifndef HMMP2P_PCI_H
#define HMMP2P_PCI_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define PCI_NAME_MAX	32
#define PCI_DEPTH_MAX	32

enum acs_state {
	ACS_ABSENT,		/* no such capability: it redirects nothing */
	ACS_PRESENT,
	ACS_UNREADABLE,		/* extended configuration space is for root */
};

/* Control bits, PCIe base specification, Access Control Services. */
#define ACS_REQUEST_REDIRECT	0x0004
#define ACS_COMPLETION_REDIRECT	0x0008
#define ACS_EGRESS_CONTROL	0x0020
/* Each of these sends peer-to-peer traffic up to the host bridge. */
#define ACS_REDIRECTS \
	(ACS_REQUEST_REDIRECT | ACS_COMPLETION_REDIRECT | ACS_EGRESS_CONTROL)

struct pci_function {
	char name[PCI_NAME_MAX];	/* 0000:03:00.0 */
	enum acs_state acs;
	uint16_t acs_control;
};

/* A function and the bridges above it: at[0] is the function itself. */
struct pci_chain {
	struct pci_function at[PCI_DEPTH_MAX];
	unsigned int nr;
	char host[PCI_NAME_MAX];	/* pci0000:00 */
	char host_dir[PATH_MAX];
};

/* Read the chain of @bus: 0 or -errno. */
int pci_chain_read(const char *bus, struct pci_chain *chain);

/* Name of the function above a block device: 0, or -errno when there is none. */
int pci_of_block_device(unsigned int major, unsigned int minor, char bus[PCI_NAME_MAX]);

/* The function that the kernel looks up in its list of host bridges. */
struct pci_host {
	bool known;
	char name[PCI_NAME_MAX];
	unsigned int vendor, device;
};

void pci_host_read(const struct pci_chain *chain, struct pci_host *host);

struct pci_iommu {
	bool grouped;
	unsigned int group;
	char type[PCI_NAME_MAX];	/* "DMA", "DMA-FQ", "identity"... or "" */
};

void pci_iommu_read(const char *bus, struct pci_iommu *iommu);

/* Whether addresses of the device are translated. */
bool pci_iommu_translates(const struct pci_iommu *iommu);

struct cpu {
	char vendor[PCI_NAME_MAX];	/* "" when unknown */
	unsigned int family;
};

void cpu_read(struct cpu *cpu);

/* AMD since Zen: the kernel trusts every host bridge of such a CPU. */
bool cpu_forwards_p2p(const struct cpu *cpu);

#endif /* HMMP2P_PCI_H */
