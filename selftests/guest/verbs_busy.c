// SPDX-License-Identifier: GPL-2.0
/*
 * RDMA on a busy machine: ib_core gives up on a page fault that was invalidated
 * again and again for a second (HMM_RANGE_DEFAULT_TIMEOUT), and the access fails.
 * Only then the function returns EBUSY, and a probe on it says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "verbs.h"

#define TRACING	"/sys/kernel/tracing/"
#define TRACE	TRACING "instances/nic/"
#define PROBE	"r:nic/failed ib_umem_odp_map_dma_and_lock ret=$retval:s32"

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (!done)
		fprintf(stderr, "# %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return done;
}

/* From here on the faults that fail are in the trace, with the time of seconds(). */
bool nic_trace(void)
{
	return put(TRACING "kprobe_events", PROBE) && !mkdir(TRACE, 0700) &&
	       put(TRACE "trace_clock", "mono") &&
	       put(TRACE "events/nic/failed/filter", "ret < 0") &&
	       put(TRACE "events/nic/failed/enable", "1");
}

void nic_trace_end(void)
{
	rmdir(TRACE);
	put(TRACING "kprobe_events", "-:nic/failed");
}

/* "... 12.345678: failed: (... <- ...) ret=-16": returns whether there is a result. */
static bool parse(const char *line, double *when, int *ret)
{
	const char *name = strstr(line, ": failed: "), *at = name;
	const char *value = name ? strstr(name, "ret=") : NULL;

	if (!value)
		return false;
	while (at > line && at[-1] != ' ')
		at--;
	*when = atof(at);
	*ret = atoi(value + strlen("ret="));
	return true;
}

/* Have faults failed since @start, and all of them because their time was up? */
static bool gave_up(double start)
{
	FILE *file = fopen(TRACE "trace", "r");
	unsigned int busy = 0, other = 0;
	char line[512];
	double when;
	int ret;

	while (file && fgets(line, sizeof(line), file)) {
		if (!parse(line, &when, &ret) || when < start)
			continue;
		if (ret == -EBUSY) {
			busy++;
			continue;
		}
		fprintf(stderr, "# a page fault of the NIC failed: %d\n", ret);
		other++;
	}
	if (file)
		fclose(file);
	return busy && !other;
}

enum ibv_wc_status nic_do_busy(struct nic *nic, const struct nic_op *op,
			       unsigned long *late)
{
	enum ibv_wc_status status;
	double start;

	for (;;) {
		start = seconds();
		status = nic_do(nic, op);
		if (status != IBV_WC_REM_ACCESS_ERR || !gave_up(start))
			return status;
		++*late;
		if (!nic_connect_self(nic))
			return IBV_WC_GENERAL_ERR;
	}
}
