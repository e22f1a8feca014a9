// SPDX-License-Identifier: GPL-2.0
/* The driver that lives in the test. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock.h"

#define MIB		(1024ULL * 1024)
#define USER_SPACE_END	(1ULL << 47)

struct mock mock;
uint8_t mock_data[MOCK_NR_PAGES][MOCK_PAGE_SIZE];

/* ------------------------------------------------------------------ state */

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

static struct hmm_p2p_stat *stat_of(uint32_t id)
{
	return &mock.stats[mock_device(id) - mock.devices];
}

/* Memory is handed out from the start and never reused: enough for a test. */
static bool place(struct mock_page *page, uint32_t device)
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
		if (!place(&mock.pages[i], device))
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
static void page_verdict(const struct mock_page *page, uint32_t importer,
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

static bool can(uint32_t id, uint32_t cap)
{
	return mock_device(id)->out_caps & cap;
}

/* ------------------------------------------------------------------ calls */

static int check_range(uint64_t addr, uint64_t length)
{
	if (addr % MOCK_PAGE_SIZE || length % MOCK_PAGE_SIZE || !length ||
	    addr + length < addr || addr + length > USER_SPACE_END)
		return -EINVAL;
	return 0;
}

/* Addresses outside of the model are a hole. */
static struct mock_page *page_at(uint64_t addr)
{
	static struct mock_page hole;

	hole = (struct mock_page) { 0 };
	if (addr < MOCK_BASE || addr >= MOCK_END)
		return &hole;
	return &mock.pages[(addr - MOCK_BASE) / MOCK_PAGE_SIZE];
}

static int check_process(int32_t pid, int32_t mem_fd)
{
	mock.pid = pid;
	mock.mem_fd = mem_fd;
	if (pid == HMM_P2P_SELF_PID)
		return mem_fd == HMM_P2P_NO_FD ? 0 : -EINVAL;
	if (pid != MOCK_PID)
		return -ESRCH;
	return mem_fd >= 0 ? 0 : -EACCES;
}

static int call_info(void *arg)
{
	struct hmm_p2p_info *info = arg;

	info->out_abi_version = HMM_P2P_ABI_VERSION;
	info->out_page_size = mock.page_size;
	info->out_huge_page_size = 512 * MOCK_PAGE_SIZE;
	info->out_devices = mock.nr_devices;
	return 0;
}

static int call_device(void *arg)
{
	struct hmm_p2p_device_info *request = arg;
	uint32_t size = request->size, id = request->id;
	unsigned int i;

	for (i = 0; i < mock.nr_devices && mock.devices[i].out_id < id; i++)
		;
	if (i == mock.nr_devices)
		return -ENOENT;
	*request = mock.devices[i];
	request->size = size;
	request->id = id;
	if (mock.endless_names) {
		memset(request->out_name, 'x', sizeof(request->out_name));
		memset(request->out_bus, 'y', sizeof(request->out_bus));
	}
	return 0;
}

static int call_path(void *arg)
{
	struct hmm_p2p_path *path = arg;

	if (path->flags & HMM_P2P_PATH_FILE) {
		if (path->importer != MOCK_FILE)
			return -EBADF;
		path->importer = EDU0;
	}
	if (!mock_device(path->exporter) || !mock_device(path->importer))
		return -ENOENT;
	if (!can(path->exporter, HMM_P2P_CAP_EXPORTER))
		return -EOPNOTSUPP;
	mock_verdict(path->exporter, path->importer, path);
	return 0;
}

static int refusal(const struct mock_page *page)
{
	if (!page->mapped)
		return HMM_P2P_REASON_HOLE;
	if (!page->anonymous)
		return HMM_P2P_REASON_NOT_ANON;
	return page->busy ? HMM_P2P_REASON_BUSY : HMM_P2P_REASON_NONE;
}

/* HMM_P2P_REASON_NONE when the page moved. */
static int move_to_device(struct hmm_p2p_migrate *request, struct mock_page *page)
{
	struct hmm_p2p_stat *stat = stat_of(request->device);

	if (!place(page, request->device)) {
		stat->out_counters[HMM_P2P_COUNTER_ALLOC_FAILED]++;
		return -ENOSPC;
	}
	request->out_moved++;
	stat->out_counters[HMM_P2P_COUNTER_TO_DEVICE]++;
	if (!page->touched) {
		request->out_populated++;
		stat->out_counters[HMM_P2P_COUNTER_POPULATED]++;
	}
	page->touched = true;
	return 0;
}

/* To RAM, what was never touched counts as there. */
static bool is_left_alone(const struct hmm_p2p_migrate *request,
			  const struct mock_page *page)
{
	return request->device && !page->touched &&
	       !(request->flags & HMM_P2P_MIGRATE_POPULATE);
}

static int migrate_page(struct hmm_p2p_migrate *request, struct mock_page *page)
{
	int reason = refusal(page);

	if (!reason && is_left_alone(request, page))
		reason = HMM_P2P_REASON_UNTOUCHED;
	if (reason) {
		request->out_reasons[reason]++;
		return 0;
	}
	if (page->device == request->device) {
		request->out_already++;
		return 0;
	}
	if (page->device) {
		stat_of(page->device)->out_counters[HMM_P2P_COUNTER_TO_RAM]++;
		mock_send_home(page);
	}
	if (request->device)
		return move_to_device(request, page);
	request->out_moved++;
	return 0;
}

static void note_first(const struct hmm_p2p_migrate *request)
{
	mock.first_addr = request->addr;
	mock.first_length = request->length;
	mock.first_flags = request->flags;
}

static int call_migrate(void *arg)
{
	struct hmm_p2p_migrate *request = arg;
	bool to_ram = request->flags & HMM_P2P_MIGRATE_TO_RAM;
	int err = check_range(request->addr, request->length);
	uint64_t at;

	if (!err)
		err = check_process(request->pid, request->mem_fd);
	if (!err && to_ram && (request->device || request->move ||
			       request->flags & HMM_P2P_MIGRATE_POPULATE))
		err = -EINVAL;
	if (!err && request->move > mock.moves)
		err = -EINVAL;
	if (!err && !to_ram && !mock_device(request->device))
		err = -ENOENT;
	if (!err && !to_ram && !can(request->device, HMM_P2P_CAP_EXPORTER))
		err = -EOPNOTSUPP;
	if (!err && !to_ram && !request->move)
		note_first(request);
	if (!err && !to_ram)
		request->out_move = request->move ?: ++mock.moves;
	for (at = 0; !err && at < request->length; at += MOCK_PAGE_SIZE)
		err = migrate_page(request, page_at(request->addr + at));
	return err;
}

static void count_outcome(struct hmm_p2p_access *request, struct mock_page *page,
			  const struct hmm_p2p_path *verdict)
{
	struct hmm_p2p_stat *stat = stat_of(page->device);

	switch (verdict->out_outcome) {
	case HMM_P2P_OUTCOME_PRIVATE:
		request->out_private++;
		stat->out_counters[HMM_P2P_COUNTER_PRIVATE]++;
		break;
	case HMM_P2P_OUTCOME_P2P:
		request->out_p2p++;
		stat->out_counters[HMM_P2P_COUNTER_P2P]++;
		break;
	default:
		request->out_migrated++;
		request->out_reasons[verdict->out_reason]++;
		stat->out_counters[HMM_P2P_COUNTER_SENT_HOME]++;
		stat->out_counters[HMM_P2P_COUNTER_TO_RAM]++;
		stat->out_counters[HMM_P2P_COUNTER_CPU_FAULT]++;
		stat->out_reasons[verdict->out_reason]++;
		mock_send_home(page);
	}
}

static void transfer(struct hmm_p2p_access *request, uint64_t at)
{
	uint64_t page = (request->addr + at - MOCK_BASE) / MOCK_PAGE_SIZE;
	uint8_t *data = (uint8_t *)(uintptr_t)request->data + at;

	if (!request->data || at >= request->data_length)
		return;
	if (request->flags & HMM_P2P_ACCESS_WRITE)
		memcpy(mock_data[page], data, MOCK_PAGE_SIZE);
	else
		memcpy(data, mock_data[page], MOCK_PAGE_SIZE);
	request->out_bytes += MOCK_PAGE_SIZE;
}

static int refuse(struct hmm_p2p_access *request, uint64_t at, uint32_t reason)
{
	uint8_t *outcomes = (uint8_t *)(uintptr_t)request->outcomes;

	request->out_reasons[reason]++;
	if (outcomes)
		outcomes[at / MOCK_PAGE_SIZE] = reason << 4;
	return -EREMOTEIO;
}

static int access_page(struct hmm_p2p_access *request, uint64_t at)
{
	struct mock_page *page = page_at(request->addr + at);
	struct hmm_p2p_path verdict = { .out_outcome = HMM_P2P_OUTCOME_SYSTEM };
	uint8_t *outcomes = (uint8_t *)(uintptr_t)request->outcomes;

	if (!page->mapped)
		return -EFAULT;
	if ((request->flags & HMM_P2P_ACCESS_WRITE) && !page->writable)
		return -EPERM;
	if (page->device) {
		page_verdict(page, request->importer, request->flags, &verdict);
		if (!verdict.out_outcome)
			return refuse(request, at, verdict.out_reason);
		count_outcome(request, page, &verdict);
	} else {
		request->out_system++;
	}
	if (outcomes)
		outcomes[at / MOCK_PAGE_SIZE] =
			verdict.out_outcome | verdict.out_reason << 4;
	transfer(request, at);
	return 0;
}

static int call_access(void *arg)
{
	struct hmm_p2p_access *request = arg;
	int err = check_range(request->addr, request->length);
	uint64_t at;

	if (!err && (request->data_length > request->length ||
		     request->data_length % MOCK_PAGE_SIZE))
		err = -EINVAL;
	if (!err)
		err = check_process(request->pid, request->mem_fd);
	if (!err && !mock_device(request->importer))
		err = -ENOENT;
	if (!err && !can(request->importer, HMM_P2P_CAP_IMPORTER))
		err = -EOPNOTSUPP;
	for (at = 0; !err && at < request->length; at += MOCK_PAGE_SIZE)
		err = access_page(request, at);
	return err;
}

static uint32_t page_flags(const struct mock_page *page)
{
	const struct hmm_p2p_device_info *info = mock_device(page->device);
	uint64_t offset = (uint64_t)page->offset * MOCK_PAGE_SIZE;
	uint32_t flags = 0;

	if (page->unreadable)
		return HMM_P2P_EXTENT_UNREADABLE;
	if (page->writable)
		flags |= HMM_P2P_EXTENT_WRITABLE;
	if (page->huge)
		flags |= HMM_P2P_EXTENT_HUGE;
	if (page->shared)
		flags |= HMM_P2P_EXTENT_SHARED;
	if (page->shared || (info && offset < info->out_window_bytes))
		flags |= HMM_P2P_EXTENT_WINDOW;
	return flags;
}

/* One extent per page: putting them together is the library's business. */
static bool report_page(struct hmm_p2p_query *request, uint64_t addr)
{
	struct hmm_p2p_extent *extents =
		(struct hmm_p2p_extent *)(uintptr_t)request->extents;
	const struct mock_page *page = page_at(addr);
	struct hmm_p2p_path verdict = { 0 };

	if (!page->device && !page->unreadable)
		return true;
	if (request->out_nr_extents == request->nr_extents ||
	    request->out_nr_extents == mock.query_limit)
		return false;
	if (request->importer && page->device)
		page_verdict(page, request->importer, 0, &verdict);
	extents[request->out_nr_extents++] = (struct hmm_p2p_extent) {
		.addr = addr,
		.length = MOCK_PAGE_SIZE,
		.device = page->device,
		.outcome = verdict.out_outcome,
		.reason = verdict.out_reason,
		.flags = page_flags(page),
	};
	return true;
}

static int call_query(void *arg)
{
	struct hmm_p2p_query *request = arg;
	uint64_t end = request->addr + request->length, addr = request->addr;
	int err = check_range(request->addr, request->length);

	if (!err)
		err = check_process(request->pid, request->mem_fd);
	if (!err && request->importer && !mock_device(request->importer))
		err = -ENOENT;
	if (!err && request->importer &&
	    !can(request->importer, HMM_P2P_CAP_IMPORTER))
		err = -EOPNOTSUPP;
	if (err)
		return err;
	if (mock.query_calls && !--mock.query_calls)
		abort();
	if (mock.query_stride && request->length > mock.query_stride)
		end = addr + mock.query_stride;
	request->out_nr_extents = 0;
	/* What lies outside of the model need not be walked page by page. */
	if (addr < MOCK_BASE)
		addr = end < MOCK_BASE ? end : MOCK_BASE;
	while (addr < end && addr < MOCK_END && report_page(request, addr))
		addr += MOCK_PAGE_SIZE;
	if (addr >= MOCK_END)
		addr = end;
	if (mock.query_beyond)
		addr += MOCK_PAGE_SIZE;
	request->out_next = mock.query_stuck ? request->addr : addr;
	return 0;
}

static int call_stat(void *arg)
{
	struct hmm_p2p_stat *request = arg;

	if (!mock_device(request->device))
		return -ENOENT;
	if (!can(request->device, HMM_P2P_CAP_EXPORTER))
		return -EOPNOTSUPP;
	memcpy(request->out_counters, stat_of(request->device)->out_counters,
	       sizeof(request->out_counters));
	memcpy(request->out_reasons, stat_of(request->device)->out_reasons,
	       sizeof(request->out_reasons));
	mock_after_stat(stat_of(request->device));
	return 0;
}

static int call_set_owner(void *arg)
{
	struct hmm_p2p_set_owner *request = arg;
	struct hmm_p2p_device_info *info = mock_device(request->device);
	struct hmm_p2p_device_info *peer = mock_device(request->peer);

	if (!info || (request->peer && !peer))
		return -ENOENT;
	if (!(info->out_caps & HMM_P2P_CAP_EXPORTER) ||
	    (peer && !(peer->out_caps & HMM_P2P_CAP_EXPORTER)))
		return -EOPNOTSUPP;
	if (info->out_used_bytes)
		return -EBUSY;
	info->out_owner = peer ? peer->out_owner : mock.next_owner++;
	request->out_owner = info->out_owner;
	return 0;
}

/* Whatever is first in the address space goes first, as far as there is RAM. */
static int call_drain(void *arg)
{
	struct hmm_p2p_drain *request = arg;
	struct hmm_p2p_device_info *info = mock_device(request->device);
	unsigned int i;

	if (!info)
		return -ENOENT;
	if (!(info->out_caps & HMM_P2P_CAP_EXPORTER))
		return -EOPNOTSUPP;
	for (i = 0; i < MOCK_NR_PAGES && request->out_moved < mock.ram_pages; i++) {
		if (mock.pages[i].shared || mock.pages[i].device != request->device)
			continue;
		mock_send_home(&mock.pages[i]);
		request->out_moved++;
	}
	request->out_left = info->out_used_bytes / MOCK_PAGE_SIZE;
	return request->out_left ? -ENOMEM : 0;
}

/* Descriptor MOCK_FILE is a file of mock.file_bytes; nothing is checked. */
static int call_file_io(void *arg)
{
	struct hmm_p2p_file_io *request = arg;

	mock.file_io = *request;
	if (request->fd != MOCK_FILE)
		return -EBADF;
	if (request->offset < mock.file_bytes)
		request->out_bytes = mock.file_bytes - request->offset;
	if (request->out_bytes > request->length)
		request->out_bytes = request->length;
	request->out_p2p = (request->out_bytes + MOCK_PAGE_SIZE - 1) / MOCK_PAGE_SIZE;
	return 0;
}

/* ------------------------------------------------------------------ table */

#define NO_RESERVED	SIZE_MAX

static const struct call {
	const char *name;
	unsigned long cmd;
	size_t size;
	uint32_t flags;
	size_t reserved;	/* offset of the field that must be 0 */
	int (*run)(void *arg);
} calls[] = {
	{ "info", HMM_P2P_IOC_INFO, sizeof(struct hmm_p2p_info), 0,
	  NO_RESERVED, call_info },
	{ "device", HMM_P2P_IOC_DEVICE, sizeof(struct hmm_p2p_device_info), 0,
	  offsetof(struct hmm_p2p_device_info, __reserved), call_device },
	{ "path", HMM_P2P_IOC_PATH, sizeof(struct hmm_p2p_path), HMM_P2P_PATH_FILE,
	  offsetof(struct hmm_p2p_path, __reserved), call_path },
	{ "migrate", HMM_P2P_IOC_MIGRATE, sizeof(struct hmm_p2p_migrate),
	  HMM_P2P_MIGRATE_TO_RAM | HMM_P2P_MIGRATE_NO_EVICT | HMM_P2P_MIGRATE_POPULATE,
	  offsetof(struct hmm_p2p_migrate, __reserved), call_migrate },
	{ "access", HMM_P2P_IOC_ACCESS, sizeof(struct hmm_p2p_access),
	  HMM_P2P_ACCESS_WRITE | HMM_P2P_ACCESS_NO_P2P,
	  offsetof(struct hmm_p2p_access, __reserved), call_access },
	{ "query", HMM_P2P_IOC_QUERY, sizeof(struct hmm_p2p_query), 0,
	  offsetof(struct hmm_p2p_query, __reserved), call_query },
	{ "stat", HMM_P2P_IOC_STAT, sizeof(struct hmm_p2p_stat), 0,
	  offsetof(struct hmm_p2p_stat, __reserved), call_stat },
	{ "set_owner", HMM_P2P_IOC_SET_OWNER, sizeof(struct hmm_p2p_set_owner), 0,
	  offsetof(struct hmm_p2p_set_owner, __reserved), call_set_owner },
	{ "file_io", HMM_P2P_IOC_FILE_IO, sizeof(struct hmm_p2p_file_io),
	  HMM_P2P_FILE_IO_WRITE | HMM_P2P_FILE_IO_NO_P2P,
	  offsetof(struct hmm_p2p_file_io, __reserved), call_file_io },
	{ "drain", HMM_P2P_IOC_DRAIN, sizeof(struct hmm_p2p_drain), 0,
	  offsetof(struct hmm_p2p_drain, __reserved), call_drain },
};

#define NR_CALLS (sizeof(calls) / sizeof(calls[0]))

/* The library is as old as this header, so its sizes fit exactly. */
static int check_rules(const struct call *call, const void *arg)
{
	uint32_t size, flags, reserved = 0;

	memcpy(&size, arg, sizeof(size));
	memcpy(&flags, (const char *)arg + sizeof(size), sizeof(flags));
	if (call->reserved != NO_RESERVED)
		memcpy(&reserved, (const char *)arg + call->reserved,
		       sizeof(reserved));
	if (size != call->size || reserved) {
		mock.bad_requests++;
		return -EINVAL;
	}
	return flags & ~call->flags ? -EINVAL : 0;
}

static int inject(unsigned long cmd)
{
	if (!mock.fail_errno || mock.fail_cmd != cmd)
		return 0;
	if (mock.fail_after) {
		mock.fail_after--;
		return 0;
	}
	if (mock.fail_once)
		mock.fail_cmd = 0;
	return -mock.fail_errno;
}

static int run_call(const struct call *call, void *arg)
{
	int err = check_rules(call, arg);

	if (!err)
		err = inject(call->cmd);
	return err ? err : call->run(arg);
}

int mock_ioctl(unsigned long cmd, void *arg)
{
	int err = -ENOTTY;
	size_t i;

	mock.calls++;
	for (i = 0; i < NR_CALLS; i++)
		if (calls[i].cmd == cmd)
			err = run_call(&calls[i], arg);
	if (!err)
		return 0;
	errno = -err;
	return -1;
}

unsigned long mock_cmd(const char *name)
{
	size_t i;

	for (i = 0; i < NR_CALLS; i++)
		if (!strcmp(calls[i].name, name))
			return calls[i].cmd;
	return 0;
}
