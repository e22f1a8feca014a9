// SPDX-License-Identifier: GPL-2.0
/* What the mock is told to do, and to have. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock.h"

/* The memory is not of what the device reports as its own. */
void mock_share(unsigned int first, unsigned int nr, uint32_t device)
{
	unsigned int i;

	for (i = first; i < first + nr; i++) {
		mock.pages[i].shared = true;
		mock.pages[i].device = device;
	}
}

static void configure_failure(const char *text)
{
	char name[16];

	if (sscanf(text, "%15[a-z_]:%d:%u", name, &mock.fail_errno,
		   &mock.fail_after) < 2)
		abort();
	mock.fail_cmd = mock_cmd(name);
	if (!mock.fail_cmd)
		abort();
}

static void all_home(void)
{
	unsigned int i;

	for (i = 0; i < MOCK_NR_PAGES; i++) {
		if (mock.pages[i].shared)
			mock.pages[i] = (struct mock_page) { 0 };
		else if (mock.pages[i].device)
			mock_send_home(&mock.pages[i]);
	}
}

/* As PCI devices are named: longer than anything in a table of them. */
static void name_as_pci(void)
{
	unsigned int i;

	for (i = 0; i < mock.nr_devices; i++)
		snprintf((char *)mock.devices[i].out_name, HMM_P2P_NAME_SIZE,
			 "pci-0000:%02x:00.0", i + 3);
}

/* Two pages of the heap. */
static void some_unreadable(void)
{
	mock.pages[48].unreadable = true;
	mock.pages[49].unreadable = true;
}

/* Between pages that can be reached, one by one: nothing, and what cannot. */
static void gaps_between(void)
{
	unsigned int i;

	for (i = 1; i < MOCK_NR_PAGES; i += 2) {
		mock.pages[i].mapped = i % 4 == 3;
		mock.pages[i].guard = mock.pages[i].mapped;
	}
}

void mock_before_migrate(const struct hmm_p2p_migrate *request)
{
	if (mock.migrate_calls && !--mock.migrate_calls)
		abort();
	if (mock.one_move && request->device && mock.moves && !request->move)
		abort();
	if (mock.interrupt_at && !--mock.interrupt_at)
		raise(SIGINT);
}

void mock_after_stat(struct hmm_p2p_stat *stat)
{
	unsigned int i;

	for (i = 0; mock.counts && i < HMM_P2P_COUNTER_COUNT; i++)
		stat->out_counters[i] += i + 1;
}

void mock_configure(const char *text)
{
	char *copy = strdup(text), *word, *rest = copy;

	while ((word = strsep(&rest, ","))) {
		if (!strcmp(word, "empty"))
			mock.nr_devices = 0;
		else if (!strcmp(word, "nopath"))
			mock.no_path = true;
		else if (!strcmp(word, "noread"))
			some_unreadable();
		else if (!strcmp(word, "once"))
			mock.fail_once = true;
		else if (!strcmp(word, "pcinames"))
			name_as_pci();
		else if (!strcmp(word, "onemove"))
			mock.one_move = true;
		else if (!strcmp(word, "gaps"))
			gaps_between();
		else if (!strncmp(word, "moves=", 6))
			mock.migrate_calls = (unsigned int)atoi(word + 6);
		else if (!strcmp(word, "counts"))
			mock.counts = true;
		else if (!strcmp(word, "home"))
			all_home();
		else if (!strncmp(word, "open=", 5))
			mock.open_errno = atoi(word + 5);
		else if (!strncmp(word, "mem=", 4))
			mock.mem_errno = atoi(word + 4);
		else if (!strncmp(word, "ram=", 4))
			mock.ram_pages = (unsigned int)atoi(word + 4);
		else if (!strncmp(word, "int=", 4))
			mock.interrupt_at = (unsigned int)atoi(word + 4);
		else if (!strcmp(word, "noscan"))
			mock.no_scan = true;
		else if (!strncmp(word, "lookups=", 8))
			mock.lookups = (unsigned long)atol(word + 8);
		else if (!strncmp(word, "queries=", 8))
			mock.query_calls = (unsigned int)atoi(word + 8);
		else if (!strncmp(word, "fail=", 5))
			configure_failure(word + 5);
		else if (*word && strcmp(word, "nomem") && strcmp(word, "nonuma") &&
			 strcmp(word, "nopages"))
			abort();
	}
	free(copy);
}
