// SPDX-License-Identifier: GPL-2.0
/* The example importer: what it reads, and where it found it. TAP. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <hmm_p2p.h>

#include "importer.h"

#define PAGES	64
#define HALF	(PAGES / 2)

static struct hmm_p2p *ctx;
static uint8_t *mem, *data, kinds[PAGES];
static size_t page, length;
static int fd, number, failed;

static void ok(int good, const char *what)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++number, what);
	failed |= !good;
}

static void fill(unsigned int seed)
{
	for (size_t i = 0; i < length / sizeof(uint32_t); i++)
		((uint32_t *)mem)[i] = i * 2654435761U + seed;
}

static int import(uint64_t addr, uint64_t nr_pages)
{
	struct example_read read = {
		.addr = addr,
		.nr_pages = nr_pages,
		.data = (uintptr_t)data,
		.kinds = (uintptr_t)kinds,
	};

	memset(data, 0, length);
	memset(kinds, 0, sizeof(kinds));
	return ioctl(fd, EXAMPLE_READ, &read) ? -errno : 0;
}

/* All of the memory is read; the first @p2p pages where they are on the device. */
static int reads(int p2p)
{
	if (import((uintptr_t)mem, PAGES))
		return 0;
	for (int i = 0; i < PAGES; i++)
		if (kinds[i] != (i < p2p ? EXAMPLE_P2P : EXAMPLE_SYSTEM))
			return 0;
	/* After the importer: our own look brings it home. */
	return !memcmp(data, mem, length);
}

/* The exporter with a window; the first half goes there. */
static int half_moves(void)
{
	struct hmm_p2p_device_info info;
	struct hmm_p2p_migrate result;
	uint32_t id = 0;

	while (!hmm_p2p_device_next(ctx, id, &info)) {
		id = info.out_id + 1;
		if (!(info.out_caps & HMM_P2P_CAP_PCI) || info.out_window_bytes < length)
			continue;
		return !hmm_p2p_migrate(ctx, NULL, info.out_id, (uintptr_t)mem, HALF * page,
					&result) && result.out_moved == HALF;
	}
	return 0;
}

static void *memory(void)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(void)
{
	fd = open("/dev/hmm_p2p_example", O_RDWR | O_CLOEXEC);
	if (fd < 0 || hmm_p2p_open(&ctx)) {
		puts("Bail out! no driver");
		return 1;
	}
	page = hmm_p2p_page_size(ctx);
	length = PAGES * page;
	mem = memory();
	data = memory();
	if (mem == MAP_FAILED || data == MAP_FAILED) {
		puts("Bail out! no memory");
		return 1;
	}
	fill(1);
	ok(reads(0), "ordinary memory is read");
	ok(half_moves(), "the first half moves to a device");
	ok(reads(HALF), "that half is read where it is");
	fill(2);
	ok(reads(0), "what the CPU has changed is read in RAM");
	ok(import((uintptr_t)mem + 1, 1) == -EINVAL, "an address within a page is refused");
	ok(import((uintptr_t)mem, 0) == -EINVAL, "no pages are refused");
	ok(import((uintptr_t)mem, EXAMPLE_MAX_PAGES + 1) == -EINVAL, "too many pages are refused");
	munmap(mem, length);
	ok(import((uintptr_t)mem, 1) == -EFAULT, "what is not mapped is no memory");
	printf("1..%d\n", number);
	return failed;
}
