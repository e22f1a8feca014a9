// SPDX-License-Identifier: GPL-2.0
/* hmmp2p doctor --report: what the kernel has logged about the driver. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"

#define LINES	40
#define RECORD	8192	/* the kernel's are not longer */

struct log {
	char *lines[LINES];	/* the last ones, in a circle */
	size_t nr;
};

/* A record of /dev/kmsg: "6,339,5140900,-;text", and lines that begin with a space. */
static void add_record(struct log *log, const char *record)
{
	unsigned long long microseconds;
	const char *text = strchr(record, ';');
	char **line = &log->lines[log->nr % LINES];

	if (!text || record[0] == ' ' || !strstr(text, "hmm_p2p") ||
	    sscanf(record, "%*u,%*u,%llu", &microseconds) != 1)
		return;
	free(*line);
	*line = xasprintf("[%llu.%06llu] %s", microseconds / 1000000,
			  microseconds % 1000000, text + 1);
	log->nr++;
}

/* A read gives one record, or EPIPE when the next one has just been overwritten. */
static void read_log(struct log *log, int fd)
{
	char records[RECORD + 1], *rest, *record;
	ssize_t len;

	while ((len = read(fd, records, RECORD)) > 0 || (len < 0 && errno == EPIPE)) {
		records[len < 0 ? 0 : len] = '\0';
		rest = records;
		while ((record = strsep(&rest, "\n")))
			add_record(log, record);
	}
}

static void print_log(const struct log *log)
{
	size_t i = log->nr > LINES ? log->nr - LINES : 0;

	if (!log->nr)
		puts("none");
	for (; i < log->nr; i++)
		puts(log->lines[i % LINES]);
}

void report_log(void)
{
	char *path = root_path("dev/kmsg");
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct log log = { .nr = 0 };
	size_t i;

	if (fd < 0) {
		puts("this user may not read it: run as root");
	} else {
		read_log(&log, fd);
		close(fd);
		print_log(&log);
	}
	for (i = 0; i < LINES; i++)
		free(log.lines[i]);
	free(path);
}
