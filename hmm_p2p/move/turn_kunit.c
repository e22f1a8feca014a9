// SPDX-License-Identifier: GPL-2.0
/* KUnit: whose turn it is, where ranges overlap and where they do not. */
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>
#include <linux/sizes.h>

#include "turn.h"

/* Address spaces are only compared. */
static const char spaces[2];

static struct hmm_p2p_turn range(unsigned int space, unsigned long start,
				 unsigned long end)
{
	return (struct hmm_p2p_turn) {
		.mm = (const struct mm_struct *)&spaces[space],
		.start = start,
		.end = end,
	};
}

/* Side by side, and in another address space; but not a page of it. */
static void test_overlap(struct kunit *test)
{
	struct hmm_p2p_turn held = range(0, SZ_2M, SZ_4M);
	struct hmm_p2p_turn below = range(0, 0, SZ_2M);
	struct hmm_p2p_turn above = range(0, SZ_4M, SZ_8M);
	struct hmm_p2p_turn other = range(1, SZ_2M, SZ_4M);
	struct hmm_p2p_turn last = range(0, SZ_4M - SZ_4K, SZ_4M);
	struct hmm_p2p_turn all = range(0, 0, SZ_8M);

	KUNIT_ASSERT_EQ(test, hmm_p2p_turn_begin(&held, false), 0);
	KUNIT_EXPECT_EQ(test, hmm_p2p_turn_begin(&last, false), -EBUSY);
	KUNIT_EXPECT_EQ(test, hmm_p2p_turn_begin(&all, false), -EBUSY);
	KUNIT_ASSERT_EQ(test, hmm_p2p_turn_begin(&below, false), 0);
	KUNIT_ASSERT_EQ(test, hmm_p2p_turn_begin(&above, false), 0);
	KUNIT_ASSERT_EQ(test, hmm_p2p_turn_begin(&other, false), 0);
	hmm_p2p_turn_end(&held);
	KUNIT_ASSERT_EQ(test, hmm_p2p_turn_begin(&last, false), 0);
	KUNIT_EXPECT_EQ(test, hmm_p2p_turn_begin(&all, false), -EBUSY);
	hmm_p2p_turn_end(&last);
	hmm_p2p_turn_end(&below);
	hmm_p2p_turn_end(&above);
	hmm_p2p_turn_end(&other);
	KUNIT_ASSERT_EQ(test, hmm_p2p_turn_begin(&all, false), 0);
	hmm_p2p_turn_end(&all);
}

/* Relatives have what is at one address in common; whoever has no relatives has not. */
static void test_family(struct kunit *test)
{
	struct hmm_p2p_turn parent = range(0, 0, SZ_2M), child = range(1, 0, SZ_2M);
	struct hmm_p2p_turn further = range(1, SZ_2M, SZ_4M);

	parent.family = &spaces;
	KUNIT_ASSERT_EQ(test, hmm_p2p_turn_begin(&parent, false), 0);
	KUNIT_ASSERT_EQ(test, hmm_p2p_turn_begin(&child, false), 0);
	hmm_p2p_turn_end(&child);
	child.family = &spaces;
	further.family = &spaces;
	KUNIT_EXPECT_EQ(test, hmm_p2p_turn_begin(&child, false), -EBUSY);
	KUNIT_ASSERT_EQ(test, hmm_p2p_turn_begin(&further, false), 0);
	hmm_p2p_turn_end(&parent);
	KUNIT_ASSERT_EQ(test, hmm_p2p_turn_begin(&child, false), 0);
	hmm_p2p_turn_end(&child);
	hmm_p2p_turn_end(&further);
}

/* A relative that is stuck is not waited for to its end. */
static void test_stuck_relative(struct kunit *test)
{
	struct hmm_p2p_turn stuck = range(0, 0, SZ_2M), other = range(1, 0, SZ_2M);

	stuck.family = &spaces;
	other.family = &spaces;
	KUNIT_ASSERT_EQ(test, hmm_p2p_turn_begin(&stuck, false), 0);
	KUNIT_ASSERT_EQ(test, hmm_p2p_turn_begin(&other, true), 1);
	hmm_p2p_turn_end(&other);
	hmm_p2p_turn_end(&stuck);
}

static int wait_for_turn(void *arg)
{
	struct hmm_p2p_turn turn = range(0, 0, SZ_4M);
	int ret = hmm_p2p_turn_begin(&turn, true);

	if (ret >= 0)
		hmm_p2p_turn_end(&turn);
	return ret;
}

/* Who waits for two goes on when the second of them has ended, whichever that is. */
static void test_wait(struct kunit *test)
{
	struct hmm_p2p_turn low = range(0, 0, SZ_2M), high = range(0, SZ_2M, SZ_4M);
	struct task_struct *waiter;

	waiter = kthread_create(wait_for_turn, NULL, "hmm_p2p_turn");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, waiter);
	get_task_struct(waiter);
	KUNIT_EXPECT_EQ(test, hmm_p2p_turn_begin(&low, false), 0);
	KUNIT_EXPECT_EQ(test, hmm_p2p_turn_begin(&high, false), 0);
	wake_up_process(waiter);
	while (!READ_ONCE(low.awaited) && !READ_ONCE(high.awaited))
		cond_resched();
	hmm_p2p_turn_end(&low);
	hmm_p2p_turn_end(&high);
	KUNIT_EXPECT_EQ(test, kthread_stop(waiter), 1);
	put_task_struct(waiter);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_overlap),
	KUNIT_CASE(test_family),
	KUNIT_CASE(test_stuck_relative),
	KUNIT_CASE(test_wait),
	{ }
};

static struct kunit_suite suite = {
	.name = "hmm_p2p_turn",
	.test_cases = cases,
};

kunit_test_suite(suite);
