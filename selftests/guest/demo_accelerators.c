// SPDX-License-Identifier: GPL-2.0
/*
 * Three accelerators have a job on the buffer, and nobody calls migrate. The first one
 * faults, and the pages come to it; the others reach them there. Each tells the CRC
 * of what it has read.
 */
#include <drm/hmm_p2p_accel.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "demo.h"

#define NR_ACCELERATORS	3

/**
 * struct accelerator - one row of the table
 * @what: how the row is called
 * @info: its memory
 * @job: what came of its job
 * @private: pages that it reached over the interconnect
 * @p2p: pages that it reached peer to peer
 * @seconds: for the job
 */
struct accelerator {
	const char *what;
	struct hmm_p2p_device_info info;
	struct drm_hmm_p2p_accel_run job;
	uint64_t private;
	uint64_t p2p;
	double seconds;
};

static struct accelerator accelerators[NR_ACCELERATORS] = {
	{ .what = "accelerator A, by its own faults" },
	{ .what = "accelerator B, joined by the interconnect" },
	{ .what = "accelerator C, across PCI" },
};

/* They are called as their nodes are. Return: false when there is none of that name. */
static bool find(unsigned int nr)
{
	struct hmm_p2p_device_info *info = &accelerators[nr].info;
	char name[16];
	uint32_t id;

	snprintf(name, sizeof(name), "accel%u", nr);
	for (id = 0; !hmm_p2p_device_next(demo_ctx, id, info); id = info->out_id + 1)
		if (!strcmp((char *)info->out_name, name))
			return true;
	return false;
}

/* CRC-32C, bit by bit from a table. */
static uint32_t crc32c(const uint8_t *bytes, size_t length)
{
	uint32_t table[256], crc, i, bit;

	for (i = 0; i < 256; i++) {
		for (crc = i, bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
		table[i] = crc;
	}
	for (crc = ~0U; length; length--)
		crc = crc >> 8 ^ table[(crc ^ *bytes++) & 0xff];
	return ~crc;
}

static int run_on(struct accelerator *acc, const void *buf, uint32_t expected)
{
	double start = demo_now();
	char node[64];
	int fd, ret;

	snprintf(node, sizeof(node), "/dev/accel/%s", (char *)acc->info.out_name);
	fd = open(node, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		perror(node);
		return -1;
	}
	acc->job = (struct drm_hmm_p2p_accel_run) {
		.op = HMM_P2P_ACCEL_CRC32C,
		.src = (uintptr_t)buf,
		.length = DEMO_SIZE,
	};
	ret = ioctl(fd, DRM_IOCTL_HMM_P2P_ACCEL_RUN, &acc->job);
	if (ret)
		perror(acc->what);
	close(fd);
	acc->seconds = demo_now() - start;
	if (!ret && acc->job.out_result == expected)
		return 0;
	if (!ret)
		fprintf(stderr, "%s: the CRC is %#llx, and should be %#x\n", acc->what,
			(unsigned long long)acc->job.out_result, expected);
	return -1;
}

/* What the first one, which has the pages, says of those that it gave. */
static int reach(struct accelerator *acc, const void *buf, uint32_t expected)
{
	uint32_t exporter = accelerators[0].info.out_id;
	struct hmm_p2p_stat before, after;
	int ret;

	ret = hmm_p2p_stat(demo_ctx, exporter, &before);
	if (!ret && run_on(acc, buf, expected))
		return -1;
	if (!ret)
		ret = hmm_p2p_stat(demo_ctx, exporter, &after);
	if (ret)
		return demo_fail("stat", ret, HMM_P2P_CALL_STAT);
	acc->private = after.out_counters[HMM_P2P_COUNTER_PRIVATE] -
		       before.out_counters[HMM_P2P_COUNTER_PRIVATE];
	acc->p2p = after.out_counters[HMM_P2P_COUNTER_P2P] -
		   before.out_counters[HMM_P2P_COUNTER_P2P];
	return 0;
}

/* Nothing but what the topology is made to show. */
static int compare(void)
{
	const struct accelerator *a = &accelerators[0], *b = &accelerators[1],
				 *c = &accelerators[2];
	uint64_t pages = DEMO_SIZE / demo_page_size;

	if (a->job.out_moved == pages && !b->job.out_moved && b->private == pages &&
	    !b->p2p && !c->job.out_moved && c->p2p == pages && !c->private)
		return 0;
	fprintf(stderr, "expected: %llu pages moved to A, private for B, p2p for C\n",
		(unsigned long long)pages);
	return -1;
}

static int print_table(void)
{
	static const char *const columns[] = {
		"ACCELERATOR", "NODE", "FAULTS", "MOVED", "PRIVATE", "P2P",
		"BYTES CHECKED", "TIME", NULL,
	};
	struct libscols_table *table = demo_table(columns, "NODE");
	struct libscols_line *line;
	unsigned int i;

	if (!table)
		return -1;
	for (i = 0; i < NR_ACCELERATORS; i++) {
		const struct accelerator *acc = &accelerators[i];

		line = scols_table_new_line(table, NULL);
		scols_line_set_data(line, 0, acc->what);
		scols_line_set_data(line, 1, (char *)acc->info.out_name);
		demo_number(line, 2, acc->job.out_faults);
		demo_number(line, 3, acc->job.out_moved);
		demo_number(line, 4, i ? acc->private : 0);
		demo_number(line, 5, acc->p2p);
		demo_number(line, 6, DEMO_SIZE);
		demo_seconds(line, 7, acc->seconds);
	}
	demo_print(table);
	printf("\n");
	return 0;
}

int demo_accelerators(void *buf)
{
	uint32_t expected;
	unsigned int i;
	int ret;

	for (i = 0; i < NR_ACCELERATORS; i++)
		if (!find(i))
			return 0;
	ret = hmm_p2p_set_owner(demo_ctx, accelerators[1].info.out_id,
				accelerators[0].info.out_id, NULL);
	if (ret)
		return demo_fail("owner", ret, HMM_P2P_CALL_SET_OWNER);
	printf("64 MB from malloc(); accelerators have jobs on it, and nobody calls migrate\n\n");
	demo_fill(buf);
	expected = crc32c(buf, DEMO_SIZE);
	for (i = 0; i < NR_ACCELERATORS; i++)
		if (reach(&accelerators[i], buf, expected))
			return -1;
	if (print_table() || compare())
		return -1;
	return demo_check(buf, 0, DEMO_SIZE, "CPU");
}
