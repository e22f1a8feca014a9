// SPDX-License-Identifier: GPL-2.0
/* The configuration space: what is read, and which bits a write changes. */
#include <linux/pci_regs.h>
#include <string.h>

#include "accel_hw.h"
#include "config.h"

#define CAP_EXP		0x40
#define CAP_MSIX	0x80

static void put(uint8_t *at, uint64_t value, size_t bytes)
{
	while (bytes--) {
		*at++ = value;
		value >>= 8;
	}
}

static void init_bar(struct config *config, unsigned int nr, uint64_t size, uint32_t type)
{
	size_t at = PCI_BASE_ADDRESS_0 + 4 * nr;
	size_t bytes = type & PCI_BASE_ADDRESS_MEM_TYPE_64 ? 8 : 4;

	put(config->space + at, type, 4);
	put(config->writable + at, ~(size - 1), bytes);
}

static void init_header(struct config *config)
{
	uint8_t *space = config->space;

	put(space + PCI_VENDOR_ID, ACCEL_VENDOR, 2);
	put(space + PCI_DEVICE_ID, ACCEL_DEVICE, 2);
	put(space + PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	put(space + PCI_CLASS_REVISION, ACCEL_CLASS << 8 | ACCEL_REVISION, 4);
	put(space + PCI_SUBSYSTEM_VENDOR_ID, ACCEL_VENDOR, 2);
	put(space + PCI_SUBSYSTEM_ID, ACCEL_SUBSYSTEM, 2);
	put(space + PCI_CAPABILITY_LIST, CAP_EXP, 1);
	put(config->writable + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE, 2);
	put(config->writable + PCI_CACHE_LINE_SIZE, 0xff, 1);
	put(config->writable + PCI_INTERRUPT_LINE, 0xff, 1);
}

static void init_express(struct config *config)
{
	uint8_t *cap = config->space + CAP_EXP;

	put(cap, PCI_CAP_ID_EXP, 1);
	put(cap + 1, CAP_MSIX, 1);
	put(cap + PCI_EXP_FLAGS, PCI_EXP_TYPE_ENDPOINT << 4 | 2, 2);
	put(cap + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_FLR | PCI_EXP_DEVCAP_RBER, 4);
	put(cap + PCI_EXP_LNKCAP, PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4, 4);
	put(cap + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1, 2);
	put(config->writable + CAP_EXP + PCI_EXP_DEVCTL, 0x7fff, 2);
}

static void init_msix(struct config *config)
{
	uint8_t *cap = config->space + CAP_MSIX;

	put(cap, PCI_CAP_ID_MSIX, 1);
	put(cap + PCI_MSIX_FLAGS, NR_VECTORS - 1, 2);
	put(cap + PCI_MSIX_TABLE, ACCEL_MSIX_TABLE, 4);
	put(cap + PCI_MSIX_PBA, ACCEL_MSIX_PBA, 4);
	put(config->writable + CAP_MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
}

void config_init(struct config *config, uint64_t window)
{
	uint32_t big = PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH;

	memset(config, 0, sizeof(*config));
	init_header(config);
	init_bar(config, 0, ACCEL_REGS_SIZE, 0);
	init_bar(config, 2, window, big);
	init_bar(config, 4, ACCEL_MOVE_SIZE, big);
	init_express(config);
	init_msix(config);
}

static bool asks_for_reset(size_t offset, const uint8_t *data, size_t length)
{
	size_t at = CAP_EXP + PCI_EXP_DEVCTL + 1;

	return offset <= at && at < offset + length && data[at - offset] & (PCI_EXP_DEVCTL_BCR_FLR >> 8);
}

bool config_write(struct config *config, size_t offset, const uint8_t *data, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		uint8_t mask = config->writable[offset + i];

		config->space[offset + i] = (config->space[offset + i] & ~mask) | (data[i] & mask);
	}
	return asks_for_reset(offset, data, length);
}

bool config_is_master(const struct config *config)
{
	return config->space[PCI_COMMAND] & PCI_COMMAND_MASTER;
}
