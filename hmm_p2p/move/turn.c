// SPDX-License-Identifier: GPL-2.0
/*
 * Pages go to a device, and home, without the mmap_lock for most of the way. Who moves
 * the same range meanwhile would find them neither here nor there, wait for them in a
 * fault, and so take home what has just arrived. So a step of a move has its range for
 * itself. Those that do not overlap go on side by side.
 *
 * A page that several processes share since a fork moves for all of them. So they are
 * one family here, whichever of them moves it; they have it at the same address, unless
 * one has moved it since.
 */
#include <kunit/visibility.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "turn.h"

/*
 * A relative may be stuck, in a fault that nobody serves, and may be a stranger: one that
 * inherited the memory from the same parent. To wait for it only saves work; this is longer
 * than a step takes.
 */
#define RELATIVE_WAIT	(5 * HZ)

static LIST_HEAD(turns);
static DEFINE_SPINLOCK(turns_lock);
static DECLARE_WAIT_QUEUE_HEAD(turns_wait);

static bool is_same_memory(const struct hmm_p2p_turn *a, const struct hmm_p2p_turn *b)
{
	return a->mm == b->mm || (a->family && a->family == b->family);
}

static struct hmm_p2p_turn *turn_in_the_way(const struct hmm_p2p_turn *turn)
{
	struct hmm_p2p_turn *other;

	list_for_each_entry(other, &turns, node)
		if (is_same_memory(other, turn) && other->start < turn->end &&
		    turn->start < other->end)
			return other;
	return NULL;
}

static bool turn_try(struct hmm_p2p_turn *turn)
{
	struct hmm_p2p_turn *other;

	guard(spinlock)(&turns_lock);
	other = turn_in_the_way(turn);
	if (other)
		other->awaited = true;
	else
		list_add(&turn->node, &turns);
	return !other;
}

/**
 * hmm_p2p_turn_begin - have a range for oneself, among those who move memory
 * @turn: its @mm, which stays, @family, @start and @end; until hmm_p2p_turn_end()
 * @wait: for those who move something there now
 *
 * Who has one may wait for a fault to be served. So no other is waited for by who has
 * one already, nor by somebody who holds a lock or is in an SRCU section. Another process
 * is not waited for long.
 *
 * Context: may sleep.
 * Return: 0; 1 when somebody had to be waited for, who may have moved all of it; -EBUSY
 * without @wait; -EINTR when a fatal signal came.
 */
int hmm_p2p_turn_begin(struct hmm_p2p_turn *turn, bool wait)
{
	long left;

	turn->awaited = false;
	if (turn_try(turn))
		return 0;
	if (!wait)
		return -EBUSY;
	left = wait_event_killable_timeout(turns_wait, turn_try(turn), RELATIVE_WAIT);
	if (left)
		return left < 0 ? -EINTR : 1;
	turn->family = NULL;
	return wait_event_killable(turns_wait, turn_try(turn)) ? -EINTR : 1;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_turn_begin);

/**
 * hmm_p2p_turn_end - let others move there
 * @turn: from hmm_p2p_turn_begin()
 *
 * Context: any but interrupts.
 */
void hmm_p2p_turn_end(struct hmm_p2p_turn *turn)
{
	bool awaited;

	scoped_guard(spinlock, &turns_lock) {
		list_del(&turn->node);
		awaited = turn->awaited;
	}
	if (awaited)
		wake_up_all(&turns_wait);
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_turn_end);
