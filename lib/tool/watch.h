/* SPDX-License-Identifier: GPL-2.0 */
/* The counters of the exporters, as they go. */
#ifndef HMMP2P_WATCH_H
#define HMMP2P_WATCH_H

#include "hmmp2p.h"

/* Every @seconds, @times or without an end if that is 0. Returns an exit code. */
int watch(struct tool *tool, const char *name, double seconds, unsigned long times);

#endif /* HMMP2P_WATCH_H */
