/* SPDX-License-Identifier: GPL-2.0 */
/* Which memory of a process has pages in RAM. */
#ifndef HMMP2P_PRESENT_H
#define HMMP2P_PRESENT_H

#include <stdint.h>
#include <sys/types.h>

typedef int (*present_fn)(uint64_t addr, uint64_t length, void *arg);

/* What present_walk() needs, to be closed with close(); negative when the kernel has it not. */
int present_open(pid_t pid);

/*
 * Calls @fn for each stretch of the range that has pages, in order, and at least for
 * these: for all of it where the kernel does not tell. 0, or what @fn returned first
 * that is not 0.
 */
int present_walk(int fd, uint64_t addr, uint64_t length, present_fn fn, void *arg);

#endif /* HMMP2P_PRESENT_H */
