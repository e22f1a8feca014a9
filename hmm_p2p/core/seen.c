// SPDX-License-Identifier: GPL-2.0
/*
 * Translations of private pages that the kernel has asked for in one fault.
 *
 * Memory is handed out in the order in which it is asked for, as a rule, so what a walk
 * meets are runs: one entry for thousands of pages. A walk that begins again asks again,
 * and a page's alias is the same for as long as the range is not invalidated.
 */
#include <kunit/visibility.h>
#include <linux/hmm.h>
#include <linux/mm.h>
#include <linux/sort.h>

#include "device.h"
#include "pagemap.h"
#include "seen.h"

/* Runs that there is room for at first, and how much more each time that is not enough. */
#define FIRST_RUNS	16
#define MORE_RUNS	16

/**
 * hmm_p2p_seen_grow - forget all, and make room, or more of it
 * @seen: zeroed, or full
 * @npages: pages of the range; there is room for all of them when this was called often
 *	enough
 *
 * Return: 0 or -ENOMEM.
 */
int hmm_p2p_seen_grow(struct hmm_p2p_seen *seen, unsigned long npages)
{
	kvfree(seen->runs);
	seen->nr = 0;
	seen->full = false;
	seen->most = min(hmm_p2p_seen_limit(npages),
			 seen->most ? MORE_RUNS * seen->most : FIRST_RUNS);
	seen->runs = kvmalloc_array(seen->most, sizeof(*seen->runs), HMM_P2P_GFP_USER);
	return seen->runs ? 0 : -ENOMEM;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_seen_grow);

void hmm_p2p_seen_free(struct hmm_p2p_seen *seen)
{
	kvfree(seen->runs);
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_seen_free);

/* Does @page with the alias @pfn belong to a run, or follow it? */
static bool run_goes_on(const struct hmm_p2p_seen_run *run, unsigned long pfn,
			const struct page *page)
{
	return pfn >= run->pfn && pfn - run->pfn <= run->nr &&
	       page == hmm_p2p_page_behind(run->page, pfn - run->pfn);
}

/**
 * hmm_p2p_seen_note - note translations
 * @seen: of a fault
 * @pfn: the first alias
 * @nr: so many follow each other, as their private pages do
 * @page: the first private page
 *
 * Context: any.
 * Return: false when there is no room for them.
 */
bool hmm_p2p_seen_note(struct hmm_p2p_seen *seen, unsigned long pfn, unsigned long nr,
		       struct page *page)
{
	struct hmm_p2p_seen_run *run = seen->runs + seen->nr - 1;

	if (seen->nr && run_goes_on(run, pfn, page)) {
		run->nr = max(run->nr, pfn - run->pfn + nr);
		return true;
	}
	seen->full = seen->nr == seen->most;
	if (seen->full)
		return false;
	seen->runs[seen->nr++] = (struct hmm_p2p_seen_run) { .pfn = pfn, .nr = nr, .page = page };
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_seen_note);

static int by_pfn(const void *a, const void *b)
{
	const struct hmm_p2p_seen_run *left = a, *right = b;

	return left->pfn < right->pfn ? -1 : left->pfn > right->pfn;
}

static bool is_sorted(const struct hmm_p2p_seen *seen)
{
	unsigned long i;

	for (i = 1; i < seen->nr; i++)
		if (seen->runs[i].pfn < seen->runs[i - 1].pfn + seen->runs[i - 1].nr)
			return false;
	return true;
}

/* Those that overlap tell of the same pages. */
static void join_runs(struct hmm_p2p_seen *seen)
{
	struct hmm_p2p_seen_run *to = seen->runs;
	const struct hmm_p2p_seen_run *from;

	for (from = to + 1; from < seen->runs + seen->nr; from++) {
		if (run_goes_on(to, from->pfn, from->page))
			to->nr = max(to->nr, from->pfn - to->pfn + from->nr);
		else
			*++to = *from;
	}
	seen->nr = to - seen->runs + 1;
}

/**
 * hmm_p2p_seen_sort - all is noted
 * @seen: of a fault that has succeeded; hmm_p2p_seen_find() from now on
 *
 * Context: may sleep.
 */
void hmm_p2p_seen_sort(struct hmm_p2p_seen *seen)
{
	seen->last = 0;
	if (is_sorted(seen))
		return;
	sort(seen->runs, seen->nr, sizeof(*seen->runs), by_pfn, NULL);
	join_runs(seen);
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_seen_sort);

static bool is_in_run(const struct hmm_p2p_seen *seen, unsigned long i, unsigned long pfn)
{
	return i < seen->nr && pfn - seen->runs[i].pfn < seen->runs[i].nr;
}

/* The run with an alias, or NULL when it is none. Mostly it is the last one, or the next. */
static const struct hmm_p2p_seen_run *find_run(struct hmm_p2p_seen *seen, unsigned long pfn)
{
	unsigned long first = 0, end = seen->nr, middle;

	if (is_in_run(seen, seen->last, pfn))
		return &seen->runs[seen->last];
	if (is_in_run(seen, seen->last + 1, pfn))
		return &seen->runs[++seen->last];
	while (first < end) {
		middle = first + (end - first) / 2;
		if (is_in_run(seen, middle, pfn)) {
			seen->last = middle;
			return &seen->runs[middle];
		}
		if (pfn < seen->runs[middle].pfn)
			end = middle;
		else
			first = middle + 1;
	}
	return NULL;
}

/**
 * hmm_p2p_seen_find - the private pages that entries stand for
 * @seen: after hmm_p2p_seen_sort()
 * @hmm_pfns: result of the fault
 * @nr: entries, at least 1
 * @page: receives the private page of the first entry, NULL when that is none's alias
 *
 * Context: any.
 * Return: how many entries are alike: they have the same flags, and their private pages
 * follow each other in one chunk of device memory. 1 when the first one is no alias.
 */
unsigned long hmm_p2p_seen_find(struct hmm_p2p_seen *seen, const unsigned long *hmm_pfns,
				unsigned long nr, struct page **page)
{
	const struct hmm_p2p_seen_run *run = NULL;
	unsigned long pfn = entry_pfn(*hmm_pfns), at;

	if (*hmm_pfns & HMM_PFN_VALID)
		run = find_run(seen, pfn);
	*page = NULL;
	if (!run)
		return 1;
	at = pfn - run->pfn;
	*page = hmm_p2p_page_behind(run->page, at);
	nr = min3(nr, run->nr - at, hmm_p2p_chunk_left(*page));
	return entries_alike(hmm_pfns, nr);
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_seen_find);
