/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process has said about its memory and the device, by ranges of addresses. All of
 * it under the lock of the svm; only accel_spares_alloc() waits for memory.
 */
#ifndef _ACCEL_ADVICE_H
#define _ACCEL_ADVICE_H

#include <linux/interval_tree.h>
#include <linux/types.h>

/* What is said; neither changes the other. */
enum accel_topic { ADVICE_PREFER, ADVICE_ACCESSED, ADVICE_TOPICS };

/* Of a process and a device. */
#define ACCEL_ADVICE_MAX	1024

/* What a change needs at most: the new range, and what is behind it of one that it cuts. */
#define ACCEL_SPARES		2

struct accel_advised;

/**
 * struct accel_spares - ranges that are not in use
 * @range: they, or NULL
 */
struct accel_spares {
	struct accel_advised *range[ACCEL_SPARES];
};

/**
 * struct accel_advice - what a process has said
 * @ranges: struct accel_advised by topic; they neither overlap nor touch another with the
 *	same value
 * @nr: how many, of all topics
 */
struct accel_advice {
	struct rb_root_cached ranges[ADVICE_TOPICS];
	unsigned int nr;
};

void accel_advice_init(struct accel_advice *advice);
void accel_advice_fini(struct accel_advice *advice);
int accel_spares_alloc(struct accel_spares *spares);
void accel_spares_free(struct accel_spares *spares);
int accel_advice_set(struct accel_advice *advice, enum accel_topic topic, unsigned long start,
		     unsigned long last, u32 value, struct accel_spares *spares);
void accel_advice_forget(struct accel_advice *advice, unsigned long start, unsigned long last);
u32 accel_advice_at(struct accel_advice *advice, enum accel_topic topic, unsigned long addr,
		    unsigned long *start, unsigned long *end);

#endif /* _ACCEL_ADVICE_H */
