/* SPDX-License-Identifier: GPL-2.0 */
/* Ranges of addresses, as a person writes them. */
#ifndef HMMP2P_RANGE_H
#define HMMP2P_RANGE_H

#include <stdint.h>

struct range {
	uint64_t addr;
	uint64_t length;
};

/*
 * START-END or START+LENGTH, each number decimal or 0x and hexadecimal, with an
 * optional suffix K, M, G or T. Returns NULL, or what is wrong with @text.
 */
const char *range_parse(const char *text, struct range *range);

#endif /* HMMP2P_RANGE_H */
