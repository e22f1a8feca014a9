/* SPDX-License-Identifier: GPL-2.0 */
/* Swap, for tests: in compressed memory, or on a disk. */
#ifndef GUEST_COMMON_SWAP_H
#define GUEST_COMMON_SWAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A page that came back from zram has left it. One that came back from a disk is
 * in both places, and clean.
 */
enum swap_kind { SWAP_ZRAM, SWAP_DISK };

/* Return: whether there are @bytes of swap now; then swap_end() is due. */
bool swap_begin(enum swap_kind kind, uint64_t bytes);

/* The same on a block device, for swapoff(2). */
bool swap_on(const char *path, uint64_t bytes);

/* Return: 0, or -1 when something of it is left. */
int swap_end(enum swap_kind kind);

/* All of it goes out; which reclaim may do in several rounds. */
void swap_out(uint8_t *mem, size_t length);

/* Given up: the pages are there still, clean, and may go at any time. */
void give_up(uint8_t *mem, size_t length);

/* What of it is clean, and not in swap, is dropped; the rest goes to swap. */
void reclaim(uint8_t *mem, size_t length);

#endif /* GUEST_COMMON_SWAP_H */
