/* SPDX-License-Identifier: GPL-2.0 */
/* Ctrl-C ends a long call, and what it has done is printed. */
#ifndef HMMP2P_SIGNALS_H
#define HMMP2P_SIGNALS_H

/*
 * From now on the first SIGINT or SIGTERM is only noted, if it was not ignored; one more
 * ends all.
 */
void signals_catch(void);

/* The signal that was noted, or 0. */
int signals_caught(void);

/* Ends the program as that signal does; returns if there was none. */
void signals_die(void);

#endif /* HMMP2P_SIGNALS_H */
