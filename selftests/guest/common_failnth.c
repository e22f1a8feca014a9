// SPDX-License-Identifier: GPL-2.0
/* Failures that are injected one after the other. */
#include <fcntl.h>

#include "common_failnth.h"

static int fail_nth = -1;

/* Without these, only allocations that may not sleep would fail. */
static const char * const knobs[][2] = {
	{ "/sys/kernel/debug/failslab/ignore-gfp-wait", "N" },
	{ "/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N" },
	{ "/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N" },
	{ "/sys/kernel/debug/fail_page_alloc/min-order", "0" },
	/* Wanted, so no back trace for each. */
	{ "/sys/kernel/debug/hmm_p2p/fail_copy/verbose", "0" },
};

bool failnth_open(void)
{
	size_t i;

	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	for (i = 0; fail_nth >= 0 && i < ARRAY_SIZE(knobs); i++)
		write_file(knobs[i][0], knobs[i][1]);
	return fail_nth >= 0;
}

void failnth_close(void)
{
	if (fail_nth >= 0)
		close(fail_nth);
	fail_nth = -1;
}

void failure_arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	assert_int_equal(pwrite(fail_nth, text, (size_t)len, 0), len);
}

/* Reading and writing the file may itself fail. */
bool failure_disarm(void)
{
	char text[16] = "";
	ssize_t n = pread(fail_nth, text, sizeof(text) - 1, 0);

	while (pwrite(fail_nth, "0", 1, 0) != 1)
		;
	return n > 0 && atoi(text) == 0;
}
