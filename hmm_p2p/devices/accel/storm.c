// SPDX-License-Identifier: GPL-2.0
/*
 * The guard against storms. Memory that the device faults for moves to it, and what the
 * CPU touches moves home: where both use the same memory in turn, all they do is to move
 * it. So what has gone back and forth TURNS times, each time soon after the last, stays in
 * RAM for a while, and the device reaches it there by DMA. Nobody sees then who uses it.
 * So after that while the device loses its entries, the next fault moves the memory, and
 * one more way home is enough for a while twice as long.
 *
 * By ranges of 2 MiB, as faults move memory. Of these a process has a table, which it pays
 * for, and in which a range has a few places: one that finds them taken is not watched
 * until one of the others has been quiet for long enough. So of more memory than the
 * table is for, a part is guarded, and not none.
 *
 * The numbers. NVIDIA's open driver (uvm_perf_thrashing.c) takes 3 events, each at most
 * 500 us after the one before, for a storm, and pins the page for 300 times as long; in an
 * emulator these are 400 ms and 10 times. There a fault takes some 10 us; here one that
 * moves memory takes 1 to 6 ms (selftests/bench/RESULTS.md), and a range of small pages
 * comes home by 128 faults of the CPU: it takes 1 to 4 s to bring home 16 MB. A storm must
 * not go unnoticed because it is slow: so "soon" is 10 s, and the pause three times as long,
 * so that what finds out whether it is over is a small part.
 */
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "storm.h"

#define TURNS		3

/* The longest pause is 2^4 times the first one. */
#define MOST_DOUBLED	4

/* The places that a range has in the table. */
#define WAYS		8

static unsigned int storm_pause_ms = 30000;
module_param(storm_pause_ms, uint, 0644);
MODULE_PARM_DESC(storm_pause_ms,
		 "how long memory that the CPU and the device take from each other stays in RAM, in ms; 0: it does not");

static unsigned int storm_soon_ms = 10000;
module_param(storm_soon_ms, uint, 0644);
MODULE_PARM_DESC(storm_soon_ms,
		 "it counts when one takes it from the other so soon, in ms");

enum storm_state { STORM_UNUSED, STORM_HERE, STORM_TAKEN, STORM_PAUSE };

/**
 * struct accel_storm - a range of 2 MiB
 * @block: its number
 * @since: when it came here, or was taken, in jiffies; or when the pause ends
 * @state: enum storm_state
 * @turns: how often it has come here and was taken
 * @doubled: how often the next pause is twice as long
 */
struct accel_storm {
	unsigned long block;
	unsigned long since;
	u8 state;
	u8 turns;
	u8 doubled;
};

/* Return: 0 or -ENOMEM. Context: of the process, which is charged. */
int accel_storms_init(struct accel_storms *storms)
{
	storms->table = kvcalloc(ACCEL_STORMS, sizeof(*storms->table), GFP_KERNEL_ACCOUNT);
	return storms->table ? 0 : -ENOMEM;
}

void accel_storms_fini(struct accel_storms *storms)
{
	kvfree(storms->table);
}

static unsigned long block_of(unsigned long addr)
{
	return addr / PMD_SIZE;
}

static bool is_soon(const struct accel_storm *storm)
{
	unsigned long soon = msecs_to_jiffies(READ_ONCE(storm_soon_ms));

	return time_before_eq(jiffies, storm->since + soon);
}

static void storm_drop(struct accel_storms *storms, struct accel_storm *storm)
{
	storm->state = STORM_UNUSED;
	storms->nr--;
}

static struct accel_storm *storm_way(const struct accel_storms *storms, unsigned long block,
				     unsigned int way)
{
	return &storms->table[(hash_long(block, ACCEL_STORMS_BITS) + way) % ACCEL_STORMS];
}

static struct accel_storm *storm_find(const struct accel_storms *storms, unsigned long block)
{
	struct accel_storm *storm;
	unsigned int way;

	for (way = 0; way < WAYS && storms->nr; way++) {
		storm = storm_way(storms, block, way);
		if (storm->state != STORM_UNUSED && storm->block == block)
			return storm;
	}
	return NULL;
}

/* NULL: there is no place for it. */
static struct accel_storm *storm_add(struct accel_storms *storms, unsigned long block)
{
	struct accel_storm *storm;
	unsigned int way;

	for (way = 0; way < WAYS; way++) {
		storm = storm_way(storms, block, way);
		if (storm->state == STORM_UNUSED)
			storms->nr++;
		else if (storm->state == STORM_PAUSE || is_soon(storm))
			continue;
		*storm = (struct accel_storm) { .block = block };
		return storm;
	}
	return NULL;
}

static void storm_pause(struct accel_storms *storms, struct accel_storm *storm)
{
	unsigned long pause = msecs_to_jiffies(READ_ONCE(storm_pause_ms));

	storm->since = jiffies + (pause << storm->doubled);
	storm->state = STORM_PAUSE;
	storm->doubled = min(storm->doubled + 1, MOST_DOUBLED);
	/* So that one more turn is enough. */
	storm->turns = TURNS - 1;
	storms->begun++;
}

/**
 * accel_storm_stays - the device faults: does the memory stay in RAM?
 * @storms: of the process
 * @addr: where
 * @begun: receives whether it does so from now on: accel_storms_next() has changed
 *
 * Return: true when it does.
 */
bool accel_storm_stays(struct accel_storms *storms, unsigned long addr, bool *begun)
{
	struct accel_storm *storm = storm_find(storms, block_of(addr));

	*begun = false;
	if (!storm || !READ_ONCE(storm_pause_ms))
		return false;
	if (storm->state == STORM_TAKEN && storm->turns >= TURNS && is_soon(storm)) {
		storm_pause(storms, storm);
		*begun = true;
	}
	return storm->state == STORM_PAUSE;
}

/* Memory at @addr has moved here, because the device faulted for it. */
void accel_storm_came(struct accel_storms *storms, unsigned long addr)
{
	unsigned long block = block_of(addr);
	struct accel_storm *storm;

	if (!READ_ONCE(storm_pause_ms))
		return;
	storm = storm_find(storms, block) ?: storm_add(storms, block);
	if (!storm || storm->state == STORM_PAUSE)
		return;
	if (storm->state == STORM_TAKEN && !is_soon(storm))
		*storm = (struct accel_storm) { .block = block };
	storm->state = STORM_HERE;
	storm->since = jiffies;
}

static void storm_taken(struct accel_storms *storms, struct accel_storm *storm)
{
	if (storm->state != STORM_HERE)
		return;
	if (!is_soon(storm)) {
		storm_drop(storms, storm);
		return;
	}
	storm->turns++;
	storm->state = STORM_TAKEN;
	storm->since = jiffies;
}

static void storms_each(struct accel_storms *storms, unsigned long start, unsigned long last,
			void (*what)(struct accel_storms *storms, struct accel_storm *storm))
{
	unsigned long first = block_of(start), end = block_of(last);
	struct accel_storm *storm;
	unsigned int i;

	for (i = 0; i < ACCEL_STORMS && storms->nr; i++) {
		storm = &storms->table[i];
		if (storm->state != STORM_UNUSED && storm->block >= first && storm->block <= end)
			what(storms, storm);
	}
}

/* The process has taken memory in [@start, @last]. */
void accel_storms_taken(struct accel_storms *storms, unsigned long start, unsigned long last)
{
	storms_each(storms, start, last, storm_taken);
}

/* What was seen there does not count: it is another mapping, or there is an advice. */
void accel_storms_forget(struct accel_storms *storms, unsigned long start, unsigned long last)
{
	storms_each(storms, start, last, storm_drop);
}

/**
 * accel_storms_over - whose pause is over?
 * @storms: of the process
 * @at: 0, and then for the next call
 * @addr: receives where such a range begins, which has none any more
 *
 * Return: false when there is no other.
 */
bool accel_storms_over(struct accel_storms *storms, unsigned int *at, unsigned long *addr)
{
	struct accel_storm *storm;

	while (*at < ACCEL_STORMS) {
		storm = &storms->table[(*at)++];
		if (storm->state != STORM_PAUSE || time_before(jiffies, storm->since))
			continue;
		/* The device is next, when it comes soon. */
		storm->state = STORM_TAKEN;
		storm->turns = TURNS - 1;
		storm->since = jiffies;
		*addr = storm->block * PMD_SIZE;
		return true;
	}
	return false;
}

/* When is the next pause over? Return: false when there is none. */
bool accel_storms_next(const struct accel_storms *storms, unsigned long *delay)
{
	const struct accel_storm *storm, *next = NULL;
	unsigned int i;

	for (i = 0; i < ACCEL_STORMS; i++) {
		storm = &storms->table[i];
		if (storm->state == STORM_PAUSE &&
		    (!next || time_before(storm->since, next->since)))
			next = storm;
	}
	if (next)
		*delay = time_after(next->since, jiffies) ? next->since - jiffies : 0;
	return next;
}

/* Does it stay in RAM at @addr? @turns receives how often it was taken, each time soon. */
bool accel_storm_at(const struct accel_storms *storms, unsigned long addr,
		    unsigned int *turns)
{
	const struct accel_storm *storm = storm_find(storms, block_of(addr));

	*turns = storm ? storm->turns : 0;
	return storm && storm->state == STORM_PAUSE;
}
