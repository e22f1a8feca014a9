// SPDX-License-Identifier: GPL-2.0
/* What must be in the pages of a slot. */
#include "fuzz.h"

/* Contents that are alike repeat after this many pages. */
#define ALIKE_PAGES	4

uint8_t *fuzz_slot_mem(unsigned int slot)
{
	return FUZZ_ARENA + slot * FUZZ_SLOT_BYTES;
}

static struct fuzz_run run_of(struct fuzz_thread *t, size_t first, size_t nr)
{
	return (struct fuzz_run) {
		.slot = &t->f->slots[t->slot],
		.first = first,
		.nr = nr,
		.mem = fuzz_slot_mem(t->slot) + first * page_size,
		.length = nr * page_size,
	};
}

struct fuzz_run fuzz_all(struct fuzz_thread *t)
{
	return run_of(t, 0, FUZZ_SLOT_PAGES);
}

struct fuzz_run fuzz_some(struct fuzz_thread *t)
{
	size_t first = fuzz_random(t, FUZZ_SLOT_PAGES);
	size_t most = FUZZ_SLOT_PAGES - first;

	if (!fuzz_random(t, 4))
		return fuzz_all(t);
	return run_of(t, first, 1 + fuzz_random(t, most > 16 ? 16 : most));
}

static bool page_allows(const struct fuzz_slot *slot, const struct fuzz_page *page, int prot)
{
	return slot->kind != FUZZ_NOTHING && !page->guard && (page->prot & prot) == prot;
}

bool fuzz_allows(const struct fuzz_run *run, int prot)
{
	size_t i;

	for (i = 0; i < run->nr; i++)
		if (!page_allows(run->slot, &run->slot->page[run->first + i], prot))
			return false;
	return true;
}

bool fuzz_for_importers(const struct fuzz_run *run, int prot)
{
	return run->slot->kind != FUZZ_SECRET && fuzz_allows(run, prot);
}

void fuzz_partly_written(struct fuzz_run *run, const struct fuzz_page *before,
			 uint64_t bytes)
{
	size_t written = bytes / page_size;

	memcpy(&run->slot->page[run->first + written], before + written,
	       (run->nr - written) * sizeof(*before));
}

uint32_t fuzz_version(struct fuzz *f)
{
	uint32_t version = __atomic_add_fetch(&f->version, 1, __ATOMIC_RELAXED);

	return f->number << 20 | (version % 0xfffff + 1);
}

static uint64_t content_offset(const struct fuzz_page *page)
{
	size_t nr = page->version & FUZZ_ALIKE ? page->origin % ALIKE_PAGES : page->origin;

	return nr * page_size;
}

static size_t page_number(const struct fuzz_run *run, size_t i)
{
	return (run->mem - FUZZ_ARENA) / page_size + i;
}

void fuzz_fill(const struct fuzz_run *run, uint8_t *data)
{
	size_t i;

	for (i = 0; i < run->nr; i++) {
		const struct fuzz_page *page = &run->slot->page[run->first + i];

		pattern_fill(data + i * page_size, content_offset(page), page_size,
			     page->version);
	}
}

void fuzz_renew(struct fuzz_thread *t, const struct fuzz_run *run, uint8_t *data)
{
	uint32_t version = fuzz_random(t, 3) ? fuzz_version(t->f) : FUZZ_ALIKE;
	size_t i;

	for (i = 0; i < run->nr; i++) {
		struct fuzz_page *page = &run->slot->page[run->first + i];

		page->version = version;
		page->origin = page_number(run, i);
		page->freed = false;
	}
	fuzz_fill(run, data);
}

/*
 * Given up by MADV_FREE: the kernel may take the page while it is looked at. Then
 * what follows is zero, and it remains so.
 */
static int freed_right(struct fuzz_page *page, const uint8_t *data)
{
	const volatile uint64_t *word = (const uint64_t *)data;
	size_t i, words = page_size / sizeof(*word);

	for (i = 0; i < words; i++)
		if (word[i] != pattern_word(content_offset(page) + i * 8, page->version))
			break;
	if (i == words)
		return 0;
	CHECK(zero_diff(data + i * 8, page_size - i * 8) == -1);
	page->version = 0;
	page->freed = false;
	return 0;
}

static int page_right(struct fuzz_page *page, const uint8_t *data)
{
	if (page->freed)
		return freed_right(page, data);
	if (!page->version)
		CHECK(zero_diff(data, page_size) == -1);
	else
		CHECK(pattern_diff(data, content_offset(page), page_size,
				   page->version) == -1);
	return 0;
}

static int complain(const struct fuzz_run *run, size_t i)
{
	const struct fuzz_page *page = &run->slot->page[run->first + i];

	fprintf(stderr, "# page %zu of the slot, kind %d: version %#x of page %u, prot %d%s\n",
		run->first + i, run->slot->kind, page->version, page->origin, page->prot,
		page->freed ? ", given up" : "");
	return 1;
}

int fuzz_right(const struct fuzz_run *run, const uint8_t *data)
{
	size_t i;

	for (i = 0; i < run->nr; i++)
		if (page_right(&run->slot->page[run->first + i], data + i * page_size))
			return complain(run, i);
	return 0;
}

int fuzz_look(const struct fuzz_run *run)
{
	size_t i;

	for (i = 0; i < run->nr; i++) {
		struct fuzz_page *page = &run->slot->page[run->first + i];

		if (page_allows(run->slot, page, PROT_READ) &&
		    page_right(page, run->mem + i * page_size))
			return complain(run, i);
	}
	return 0;
}

void fuzz_forget(const struct fuzz_run *run)
{
	size_t i;

	for (i = 0; i < run->nr; i++)
		run->slot->page[run->first + i] = (struct fuzz_page) {
			.prot = PROT_READ | PROT_WRITE,
		};
}

const struct hmm_p2p_device_info *
fuzz_device(struct fuzz_thread *t, bool (*fits)(const struct hmm_p2p_device_info *info))
{
	const struct fuzz *f = t->f;
	size_t first = fuzz_random(t, f->nr_devices), i;

	for (i = 0; i < f->nr_devices; i++) {
		const struct hmm_p2p_device_info *info =
			&f->devices[(first + i) % f->nr_devices];

		if (fits(info) && (!is_slow(info) || !fuzz_random(t, 50)))
			return info;
	}
	return NULL;
}
