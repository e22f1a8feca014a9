/* SPDX-License-Identifier: GPL-2.0 */
/* Failures that are injected one after the other: /proc/thread-self/fail-nth. */
#ifndef GUEST_COMMON_FAILNTH_H
#define GUEST_COMMON_FAILNTH_H

#include "common.h"

/* Passes after which something fails for ever. */
#define MOST_PASSES	3000

/* Return: whether this kernel injects failures. */
bool failnth_open(void);
void failnth_close(void);

/* The @n-th thing from now on that can fail in this thread does. */
void failure_arm(unsigned int n);

/* Was a failure injected? */
bool failure_disarm(void);

#endif /* GUEST_COMMON_FAILNTH_H */
