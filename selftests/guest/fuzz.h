/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of test_fuzz share.
 *
 * A process has an arena: slots of 64 pages, side by side, eight in a huge page.
 * Who holds a slot's lock may map, unmap, protect and write it, and knows what is
 * in each of its pages. Nobody needs a lock to move memory, to fault it for an
 * importer, to read it or to ask about it.
 *
 * The arena is far below where the kernel puts mappings of its own choice, so a
 * slot that is unmapped stays a hole until its owner fills it.
 */
#ifndef GUEST_FUZZ_H
#define GUEST_FUZZ_H

#include <pthread.h>

#include "common.h"

#define FUZZ_ARENA	((uint8_t *)0x200000000000UL)
#define FUZZ_SLOT_PAGES	64
#define FUZZ_SLOTS	32
#define FUZZ_SLOT_BYTES	(FUZZ_SLOT_PAGES * page_size)
#define FUZZ_BYTES	(FUZZ_SLOTS * FUZZ_SLOT_BYTES)
#define FUZZ_PROCESSES	3
#define FUZZ_THREADS	3

/* A version with this bit: one of few contents that all processes have. */
#define FUZZ_ALIKE	(1U << 23)

enum fuzz_kind {
	FUZZ_NOTHING,	/* unmapped */
	FUZZ_ANON,
	FUZZ_SHARED,	/* memfd */
	FUZZ_SECRET,	/* memfd_secret() */
	FUZZ_USERFAULT,	/* anonymous; who touches a page first waits for the server */
};

/**
 * struct fuzz_page - what must be in a page
 * @version: 0: zeros, else the pattern's seed
 * @origin: the page's number in the arena when it was written
 * @prot: PROT_* of its mapping
 * @freed: given up by MADV_FREE: zero, or what it was
 * @guard: a guard region: there is nothing to reach
 */
struct fuzz_page {
	uint32_t version;
	uint16_t origin;
	uint8_t prot;
	bool freed;
	bool guard;
};

/**
 * struct fuzz_slot - pages with one owner at a time
 * @lock: held by the owner; protects all but @served
 * @kind: what is mapped
 * @page: each page
 * @served: for FUZZ_USERFAULT the version the server gives; fixed while registered
 */
struct fuzz_slot {
	pthread_mutex_t lock;
	enum fuzz_kind kind;
	struct fuzz_page page[FUZZ_SLOT_PAGES];
	uint32_t served;
};

/**
 * struct fuzz - one process
 * @seed: of the whole run
 * @number: of this process
 * @user: it has no capabilities
 * @pids: of all processes, shared between them
 * @slots: the arena
 * @devices: all of them
 * @nr_devices: how many
 * @accels: accelerators, opened by the process
 * @nr_accels: how many
 * @uffd: userfaultfd, or -1
 * @server: serves @uffd until @server_stop is readable
 * @server_stop: a pipe
 * @file: a part of it belongs to each slot
 * @scratch: a file whose content is nobody's business
 * @forking: held to fork; to do direct I/O, held by readers
 * @until: when to stop
 * @bad: somebody found something wrong
 * @version: the last one given out
 * @done: operations and calls
 */
struct fuzz {
	uint64_t seed;
	unsigned int number;
	bool user;
	const pid_t *pids;
	struct fuzz_slot slots[FUZZ_SLOTS];
	struct hmm_p2p_device_info devices[MAX_DEVICES];
	size_t nr_devices;
	int accels[MAX_DEVICES];
	size_t nr_accels;
	int uffd;
	pthread_t server;
	int server_stop[2];
	int file;
	int scratch;
	pthread_rwlock_t forking;
	double until;
	int bad;
	uint32_t version;
	unsigned long done;
};

/**
 * struct fuzz_thread - one thread
 * @f: its process
 * @random: state of its random numbers
 * @buffer: FUZZ_SLOT_BYTES of its own, with known content
 * @junk: as much that calls may write to and read from; nothing behind it
 * @what: operation that runs, for messages
 * @slot: its slot, for messages
 */
struct fuzz_thread {
	struct fuzz *f;
	uint64_t random;
	uint8_t *buffer;
	uint8_t *junk;
	const char *what;
	unsigned int slot;
	pthread_t thread;
};

/* Pages of one slot. */
struct fuzz_run {
	struct fuzz_slot *slot;
	size_t first;
	size_t nr;
	uint8_t *mem;
	size_t length;
};

static inline uint64_t fuzz_random(struct fuzz_thread *t, uint64_t below)
{
	return (random_next(&t->random) >> 11) % below;
}

/* ------------------------------------------------------------------ fuzz_slot.c */

uint8_t *fuzz_slot_mem(unsigned int slot);

/* Some pages of the thread's slot, or all of them. */
struct fuzz_run fuzz_some(struct fuzz_thread *t);
struct fuzz_run fuzz_all(struct fuzz_thread *t);

/* Can the CPU do this with all pages of the run? */
bool fuzz_allows(const struct fuzz_run *run, int prot);

/* And an importer? What is not for the CPU it does not get, and more. */
bool fuzz_for_importers(const struct fuzz_run *run, int prot);

/* Who wrote to the run has come so far; the rest is as it was @before. */
void fuzz_partly_written(struct fuzz_run *run, const struct fuzz_page *before,
			 uint64_t bytes);

/* A new version for each page of the run, written to @data. */
void fuzz_renew(struct fuzz_thread *t, const struct fuzz_run *run, uint8_t *data);

/* Writes what the pages have to hold to @data. */
void fuzz_fill(const struct fuzz_run *run, uint8_t *data);

/* Is @data what must be in the run? */
int fuzz_right(const struct fuzz_run *run, const uint8_t *data);

/* The CPU looks at all that it can reach of the run. */
int fuzz_look(const struct fuzz_run *run);

/* All pages of the run are new: zeros that can be written. */
void fuzz_forget(const struct fuzz_run *run);
uint32_t fuzz_version(struct fuzz *f);

/* An importer or exporter; one that takes its time only now and then, or NULL. */
const struct hmm_p2p_device_info *
fuzz_device(struct fuzz_thread *t, bool (*fits)(const struct hmm_p2p_device_info *info));

/* ----------------------------------------------------------------- fuzz_storm.c */

/* One random thing to the thread's slot, whose lock it holds. */
int fuzz_storm(struct fuzz_thread *t);

/* ----------------------------------------------------------------- fuzz_calls.c */

/* One random call that is right, or one that is not. */
int fuzz_call(struct fuzz_thread *t);

/* ------------------------------------------------------------------ fuzz_jobs.c */

/* Before privileges are dropped. */
void fuzz_jobs_open(struct fuzz *f);

/* As the storm's: to the thread's slot, whose lock it holds. */
int fuzz_job_reads(struct fuzz_thread *t);
int fuzz_job_writes(struct fuzz_thread *t);
int fuzz_job_faults(struct fuzz_thread *t);

/* ------------------------------------------------------------- fuzz_userfault.c */

/* Before privileges are dropped: importers fault in kernel mode. */
int fuzz_userfault_open(struct fuzz *f);
int fuzz_userfault_start(struct fuzz *f);
int fuzz_userfault_end(struct fuzz *f);

/* The slot is mapped and untouched. Return: whether it is registered. */
bool fuzz_userfault_register(struct fuzz *f, unsigned int slot);

#endif /* GUEST_FUZZ_H */
