// SPDX-License-Identifier: GPL-2.0
/*
 * Will a fault meet device pages that its importer may be able to reach? Most memory is on
 * no device, and what has to be done for those that are is then not done in advance.
 *
 * Where the last fault has met some the next one will, too, as a rule. A wrong guess costs
 * a walk, so ranges may share a place.
 */
#include <linux/bitmap.h>
#include <linux/hash.h>
#include <linux/hmm.h>
#include <linux/huge_mm.h>

#include "guess.h"
#include "owner.h"

#define GUESS_BITS	12

static DECLARE_BITMAP(met_devices, BIT(GUESS_BITS));

static unsigned int guess_of(const struct hmm_range *range)
{
	return hash_long(hash_ptr(range->notifier->mm, BITS_PER_LONG) +
			 (range->start >> HPAGE_PMD_SHIFT), GUESS_BITS);
}

/**
 * hmm_p2p_guess_meets - is a fault expected to meet device pages?
 * @range: of the fault
 *
 * Without a guess, where none would be put right: what is asked for page by page is
 * overwritten by a fault, and where no fault is asked for it meets nothing; an entry that
 * is not valid may be a device page.
 *
 * Context: any.
 * Return: whether it is; false is only to be relied on when the fault has met none.
 */
bool hmm_p2p_guess_meets(const struct hmm_range *range)
{
	if (range->pfn_flags_mask || !(range->default_flags & HMM_PFN_REQ_FAULT))
		return hmm_p2p_owner_any_live();
	return test_bit(guess_of(range), met_devices);
}

/**
 * hmm_p2p_guess_note - what a fault has met
 * @range: of the fault
 * @met: device pages
 *
 * Context: any.
 */
void hmm_p2p_guess_note(const struct hmm_range *range, bool met)
{
	unsigned int guess = guess_of(range);

	/* Who has nothing new to say leaves the cache line to others. */
	if (test_bit(guess, met_devices) != met)
		assign_bit(guess, met_devices, met);
}
