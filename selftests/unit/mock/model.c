// SPDX-License-Identifier: GPL-2.0
/* Devices, one process's memory, and who reaches what of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"

#define MIB		(1024ULL * 1024)
#define USER_SPACE_END	(1ULL << 47)

struct mock mock;
uint8_t mock_data[MOCK_NR_PAGES][MOCK_PAGE_SIZE];

static void add_device(uint32_t id, const char *name, const char *bus,
		       uint32_t caps, uint32_t owner, int node,
		       uint64_t memory, uint64_t window)
{
	struct hmm_p2p_device_info *info = &mock.devices[mock.nr_devices++];

	info->out_id = id;
	info->out_caps = caps;
	info->out_owner = owner;
	info->out_numa_node = node;
	info->out_memory_bytes = memory;
	info->out_window_bytes = window;
	snprintf((char *)info->out_name, HMM_P2P_NAME_SIZE, "%s", name);
	snprintf((char *)info->out_bus, HMM_P2P_NAME_SIZE, "%s", bus);
}

static void add_devices(void)
{
	const uint32_t exporter = HMM_P2P_CAP_EXPORTER | HMM_P2P_CAP_PCI;
	const uint32_t importer = HMM_P2P_CAP_IMPORTER | HMM_P2P_CAP_PCI;

	add_device(VRAM0, "vram0", "0000:03:00.0", exporter | importer, 1, 0,
		   64 * MIB, 32 * MIB);
	add_device(VRAM1, "vram1", "0000:04:00.0", exporter | importer, 1, 1,
		   64 * MOCK_PAGE_SIZE, 64 * MOCK_PAGE_SIZE);
	add_device(VRAM2, "vram2", "0000:08:00.0", exporter | importer, 2, -1,
		   256 * MIB, 256 * MIB);
	add_device(CARVE0, "carve0", "hmm_p2p_carveout",
		   HMM_P2P_CAP_EXPORTER | HMM_P2P_CAP_SYSTEM_ALIAS, 3, 0,
		   16 * MIB + MIB / 2, 16 * MIB + MIB / 2);
	add_device(EDU0, "edu0", "0000:06:00.0", importer, 0, 0, 0, 0);
	add_device(EDU1, "edu1", "0000:00:05.0", importer, 0, 0, 0, 0);
	add_device(TWIN0, "twin0", "platform", HMM_P2P_CAP_IMPORTER, 0, -1, 0, 0);
	add_device(TWIN1, "twin1", "platform", HMM_P2P_CAP_IMPORTER, 0, -1, 0, 0);
}

/*
 * Pages 0-511 are the heap, touched. 512-639 are a hole. 640-767 are a file.
 * 768-1023 are anonymous and were never touched.
 */
static void add_pages(void)
{
	unsigned int i, j;

	for (i = 0; i < MOCK_NR_PAGES; i++) {
		struct mock_page *page = &mock.pages[i];

		page->mapped = i < 512 || i >= 640;
		page->anonymous = i < 512 || i >= 768;
		page->writable = true;
		page->touched = i < 768;
		for (j = 0; j < MOCK_PAGE_SIZE; j++)
			mock_data[i][j] = (i * 7 + j * 13 + (j >> 8)) & 0xff;
	}
}

void mock_reset(void)
{
	unsigned int open_nodes = mock.open_nodes;

	memset(&mock, 0, sizeof(mock));
	mock.open_nodes = open_nodes;
	mock.page_size = MOCK_PAGE_SIZE;
	mock.query_limit = UINT32_MAX;
	mock.ram_pages = UINT32_MAX;
	mock.next_owner = 4;
	add_devices();
	add_pages();
}

uint64_t mock_addr(unsigned int page)
{
	return MOCK_BASE + (uint64_t)page * MOCK_PAGE_SIZE;
}

struct hmm_p2p_device_info *mock_device(uint32_t id)
{
	unsigned int i;

	for (i = 0; i < mock.nr_devices; i++)
		if (mock.devices[i].out_id == id)
			return &mock.devices[i];
	return NULL;
}

struct hmm_p2p_stat *mock_stat_of(uint32_t id)
{
	return &mock.stats[mock_device(id) - mock.devices];
}

/* Memory is handed out from the start and never reused: enough for a test. */
bool mock_place(struct mock_page *page, uint32_t device)
{
	struct hmm_p2p_device_info *info = mock_device(device);

	if (info->out_used_bytes + MOCK_PAGE_SIZE > info->out_memory_bytes)
		return false;
	page->device = device;
	page->offset = info->out_used_bytes / MOCK_PAGE_SIZE;
	info->out_used_bytes += MOCK_PAGE_SIZE;
	return true;
}

void mock_send_home(struct mock_page *page)
{
	mock_device(page->device)->out_used_bytes -= MOCK_PAGE_SIZE;
	page->device = 0;
}

void mock_put(unsigned int first, unsigned int nr, uint32_t device)
{
	unsigned int i;

	for (i = first; i < first + nr; i++)
		if (!mock_place(&mock.pages[i], device))
			abort();
}

/* --------------------------------------------------------------- verdicts */

static unsigned int root_port_of(uint32_t id)
{
	switch (id) {
	case VRAM0:
	case VRAM1:
	case EDU0:
		return 1;
	case VRAM2:
		return 2;
	case EDU1:
		return 3;
	default:
		return 0;
	}
}

void mock_verdict(uint32_t exporter, uint32_t importer, struct hmm_p2p_path *path)
{
	const struct hmm_p2p_device_info *e = mock_device(exporter);
	const struct hmm_p2p_device_info *i = mock_device(importer);

	path->out_distance = -1;
	path->out_reason = HMM_P2P_REASON_NONE;
	if (e->out_owner == i->out_owner) {
		path->out_outcome = HMM_P2P_OUTCOME_PRIVATE;
	} else if (e->out_caps & HMM_P2P_CAP_SYSTEM_ALIAS) {
		path->out_outcome = HMM_P2P_OUTCOME_P2P;
	} else if (root_port_of(exporter) == root_port_of(importer) &&
		   !mock.no_path) {
		path->out_outcome = HMM_P2P_OUTCOME_P2P;
		path->out_distance = 4;
	} else {
		path->out_outcome = HMM_P2P_OUTCOME_MIGRATED;
		path->out_reason = HMM_P2P_REASON_NO_PATH;
	}
}

/* It is peer to peer or nothing, whoever the owner. */
static void shared_verdict(const struct mock_page *page, uint32_t importer,
			   uint32_t flags, struct hmm_p2p_path *path)
{
	path->out_reason = HMM_P2P_REASON_NONE;
	if (flags & HMM_P2P_ACCESS_NO_P2P)
		path->out_reason = HMM_P2P_REASON_IMPORTER;
	else if (root_port_of(page->device) != root_port_of(importer) || mock.no_path)
		path->out_reason = HMM_P2P_REASON_NO_PATH;
	path->out_outcome = path->out_reason ? HMM_P2P_OUTCOME_NONE :
					       HMM_P2P_OUTCOME_P2P;
}

/* As mock_verdict(), for one page. */
void mock_page_verdict(const struct mock_page *page, uint32_t importer,
		       uint32_t flags, struct hmm_p2p_path *path)
{
	uint64_t offset = (uint64_t)page->offset * MOCK_PAGE_SIZE;

	if (page->shared) {
		shared_verdict(page, importer, flags, path);
		return;
	}
	mock_verdict(page->device, importer, path);
	if (path->out_outcome != HMM_P2P_OUTCOME_P2P)
		return;
	if (flags & HMM_P2P_ACCESS_NO_P2P)
		path->out_reason = HMM_P2P_REASON_IMPORTER;
	else if (offset >= mock_device(page->device)->out_window_bytes)
		path->out_reason = HMM_P2P_REASON_NO_ALIAS;
	if (path->out_reason)
		path->out_outcome = HMM_P2P_OUTCOME_MIGRATED;
}

bool mock_can(uint32_t id, uint32_t cap)
{
	return mock_device(id)->out_caps & cap;
}

/* -------------------------------------------------------------- arguments */

int mock_check_range(uint64_t addr, uint64_t length)
{
	if (addr % MOCK_PAGE_SIZE || length % MOCK_PAGE_SIZE || !length ||
	    addr + length < addr || addr + length > USER_SPACE_END)
		return -EINVAL;
	return 0;
}

/* Addresses outside of the model are a hole. */
struct mock_page *mock_page_at(uint64_t addr)
{
	static struct mock_page hole;

	hole = (struct mock_page) { 0 };
	if (addr < MOCK_BASE || addr >= MOCK_END)
		return &hole;
	return &mock.pages[(addr - MOCK_BASE) / MOCK_PAGE_SIZE];
}

int mock_check_process(int32_t pid, int32_t mem_fd)
{
	mock.pid = pid;
	mock.mem_fd = mem_fd;
	if (pid == HMM_P2P_SELF_PID)
		return mem_fd == HMM_P2P_NO_FD ? 0 : -EINVAL;
	if (pid != MOCK_PID)
		return -ESRCH;
	return mem_fd >= 0 ? 0 : -EACCES;
}
