// SPDX-License-Identifier: GPL-2.0
/*
 * Advice: an interval tree for each topic. Advice is about a mapping, so munmap ends it,
 * which is told under a lock that waits for no memory. To cut a range in two there takes a
 * new one: where there is none, what is behind the hole is forgotten, too.
 */
#include <linux/slab.h>

#include "advice.h"

/**
 * struct accel_advised - a range
 * @node: from where to where
 * @value: what was said, not 0
 */
struct accel_advised {
	struct interval_tree_node node;
	u32 value;
};

void accel_advice_init(struct accel_advice *advice)
{
	unsigned int topic;

	for (topic = 0; topic < ADVICE_TOPICS; topic++)
		advice->ranges[topic] = RB_ROOT_CACHED;
	advice->nr = 0;
}

/* Return: 0 or -ENOMEM. Then accel_spares_free() is due, in either case. */
int accel_spares_alloc(struct accel_spares *spares)
{
	unsigned int i;

	*spares = (struct accel_spares) {};
	for (i = 0; i < ACCEL_SPARES; i++) {
		spares->range[i] = kmalloc_obj(*spares->range[i], GFP_KERNEL_ACCOUNT);
		if (!spares->range[i])
			return -ENOMEM;
	}
	return 0;
}

void accel_spares_free(struct accel_spares *spares)
{
	unsigned int i;

	for (i = 0; i < ACCEL_SPARES; i++)
		kfree(spares->range[i]);
}

static struct accel_advised *spare_take(struct accel_spares *spares)
{
	struct accel_advised *range = NULL;
	unsigned int i;

	for (i = 0; i < ACCEL_SPARES && !range; i++)
		swap(range, spares->range[i]);
	return range;
}

static struct accel_advised *to_range(struct interval_tree_node *node)
{
	return node ? container_of(node, struct accel_advised, node) : NULL;
}

static struct accel_advised *range_first(struct rb_root_cached *root, unsigned long start,
					 unsigned long last)
{
	return to_range(interval_tree_iter_first(root, start, last));
}

static void range_insert(struct accel_advice *advice, struct rb_root_cached *root,
			 struct accel_advised *range, unsigned long start, unsigned long last)
{
	range->node.start = start;
	range->node.last = last;
	interval_tree_insert(&range->node, root);
	advice->nr++;
}

static void range_remove(struct accel_advice *advice, struct rb_root_cached *root,
			 struct accel_advised *range)
{
	interval_tree_remove(&range->node, root);
	advice->nr--;
}

/* Of the range goes what is in [@start, @last]. */
static void range_cut(struct accel_advice *advice, struct rb_root_cached *root,
		      struct accel_advised *range, unsigned long start, unsigned long last,
		      struct accel_spares *spares)
{
	unsigned long first = range->node.start, end = range->node.last;
	struct accel_advised *behind = range;

	range_remove(advice, root, range);
	if (first < start) {
		range_insert(advice, root, range, first, start - 1);
		behind = end > last ? spare_take(spares) : NULL;
	}
	if (!behind)
		return;
	if (end > last) {
		behind->value = range->value;
		range_insert(advice, root, behind, last + 1, end);
	} else {
		kfree(behind);
	}
}

static void ranges_cut(struct accel_advice *advice, struct rb_root_cached *root,
		       unsigned long start, unsigned long last, struct accel_spares *spares)
{
	struct accel_advised *range;

	while ((range = range_first(root, start, last)))
		range_cut(advice, root, range, start, last, spares);
}

static bool is_within(const struct accel_advised *range, unsigned long start,
		      unsigned long last)
{
	return range && range->node.start < start && range->node.last > last;
}

/* What touches [*start, *last] with the same value becomes part of it. */
static void ranges_merge(struct accel_advice *advice, struct rb_root_cached *root,
			 unsigned long *start, unsigned long *last, u32 value)
{
	struct accel_advised *before = range_first(root, *start - 1, *start - 1);
	struct accel_advised *behind = range_first(root, *last + 1, *last + 1);

	if (*start && before && before->value == value) {
		*start = before->node.start;
		range_remove(advice, root, before);
		kfree(before);
	}
	if (behind && behind->value == value) {
		*last = behind->node.last;
		range_remove(advice, root, behind);
		kfree(behind);
	}
}

/**
 * accel_advice_set - the process says something
 * @advice: what it has said
 * @topic: about what
 * @start: first byte
 * @last: last byte; below the end of all addresses
 * @value: what; 0: nothing any more
 * @spares: what accel_spares_alloc() gave; one that is used is not in it any more
 *
 * Return: 0, or -ENOSPC when there would be too many ranges; then all is as before.
 */
int accel_advice_set(struct accel_advice *advice, enum accel_topic topic, unsigned long start,
		     unsigned long last, u32 value, struct accel_spares *spares)
{
	struct rb_root_cached *root = &advice->ranges[topic];
	struct accel_advised *range = range_first(root, start, last);
	unsigned int more = is_within(range, start, last) + !!value;

	if (more && advice->nr + more > ACCEL_ADVICE_MAX)
		return -ENOSPC;
	ranges_cut(advice, root, start, last, spares);
	if (!value)
		return 0;
	ranges_merge(advice, root, &start, &last, value);
	range = spare_take(spares);
	range->value = value;
	range_insert(advice, root, range, start, last);
	return 0;
}

/* The mapping has gone. May find no memory, and then forgets more. */
void accel_advice_forget(struct accel_advice *advice, unsigned long start, unsigned long last)
{
	struct accel_spares spares = {};
	struct rb_root_cached *root;
	unsigned int topic;

	for (topic = 0; topic < ADVICE_TOPICS; topic++) {
		root = &advice->ranges[topic];
		if (is_within(range_first(root, start, last), start, last) &&
		    advice->nr < ACCEL_ADVICE_MAX)
			spares.range[0] = kmalloc_obj(*spares.range[0], GFP_NOWAIT |
						      __GFP_ACCOUNT | __GFP_NOWARN);
		ranges_cut(advice, root, start, last, &spares);
	}
}

void accel_advice_fini(struct accel_advice *advice)
{
	accel_advice_forget(advice, 0, ULONG_MAX);
}

/**
 * accel_advice_at - what has it said about an address?
 * @advice: what it has said
 * @topic: about what
 * @addr: the address
 * @start: of a range around it, which becomes smaller where something else was said
 * @end: behind its last byte
 *
 * Return: that, or 0.
 */
u32 accel_advice_at(struct accel_advice *advice, enum accel_topic topic, unsigned long addr,
		    unsigned long *start, unsigned long *end)
{
	unsigned long last = *end - 1, first = *start;
	struct interval_tree_node *node;
	u32 value = 0;

	for (node = interval_tree_iter_first(&advice->ranges[topic], first, last); node;
	     node = interval_tree_iter_next(node, first, last)) {
		if (node->last < addr) {
			*start = max(*start, node->last + 1);
		} else if (node->start > addr) {
			*end = min(*end, node->start);
		} else {
			value = to_range(node)->value;
			*start = max(*start, node->start);
			*end = min(*end, node->last + 1);
		}
	}
	return value;
}
