// SPDX-License-Identifier: GPL-2.0
/* The example exporter, by what an application does with it. TAP. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <hmm_p2p.h>

#define DRIVER	"/sys/bus/pci/drivers/hmm_p2p_example"
#define MEMORY	(32UL << 20)
#define LENGTH	(8UL << 20)
#define WORDS	(LENGTH / sizeof(uint64_t))

static struct hmm_p2p *ctx;
static struct hmm_p2p_device_info device;
static uint64_t *mem, *data;
static int number, failed;

static void ok(int good, const char *what)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++number, what);
	failed |= !good;
}

/* A different word everywhere. */
static void fill(void)
{
	for (size_t i = 0; i < WORDS; i++)
		mem[i] = i * 0x9e3779b97f4a7c15;
}

static int is_right(const uint64_t *words)
{
	for (size_t i = 0; i < WORDS; i++)
		if (words[i] != i * 0x9e3779b97f4a7c15)
			return 0;
	return 1;
}

/* The function that the driver is bound to. */
static int find_device(void)
{
	struct dirent *entry;
	DIR *dir = opendir(DRIVER);
	int found = 0;

	while (dir && !found && (entry = readdir(dir)))
		found = strchr(entry->d_name, ':') &&
			!hmm_p2p_device_find(ctx, entry->d_name, &device);
	if (dir)
		closedir(dir);
	return found;
}

static int moves_there(void)
{
	struct hmm_p2p_migrate result;
	int ret = hmm_p2p_migrate(ctx, NULL, device.out_id, (uintptr_t)mem, LENGTH, &result);

	return !ret && result.out_moved == LENGTH / hmm_p2p_page_size(ctx);
}

/* Another device, which copies what it reads by the CPU. */
static int is_read_there(void)
{
	struct hmm_p2p_device_info importer;
	struct hmm_p2p_access result;
	uint32_t id = 0;

	while (!hmm_p2p_device_next(ctx, id, &importer)) {
		id = importer.out_id + 1;
		if (importer.out_id == device.out_id ||
		    !(importer.out_caps & HMM_P2P_CAP_IMPORTER))
			continue;
		return !hmm_p2p_read(ctx, NULL, importer.out_id, (uintptr_t)mem, LENGTH, data,
				     0, NULL, &result) &&
		       result.out_p2p == LENGTH / hmm_p2p_page_size(ctx) && is_right(data);
	}
	return 0;
}

static int unbind(void)
{
	FILE *f = fopen(DRIVER "/unbind", "w");

	return f && fputs((const char *)device.out_bus, f) >= 0 && !fclose(f);
}

int main(void)
{
	mem = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	data = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED || data == MAP_FAILED || hmm_p2p_open(&ctx)) {
		puts("Bail out! no memory, or no driver");
		return 1;
	}
	ok(find_device(), "the function is a device of hmm_p2p");
	ok(device.out_memory_bytes == MEMORY, "it has its BAR as memory");
	fill();
	ok(moves_there(), "memory moves there");
	ok(is_read_there(), "another device reads it there");
	ok(is_right(mem), "the CPU touches it, and it comes home");
	ok(moves_there(), "it moves there again");
	ok(unbind(), "the driver goes");
	ok(is_right(mem), "what the device had is in RAM");
	printf("1..%d\n", number);
	return failed;
}
