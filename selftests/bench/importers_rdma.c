// SPDX-License-Identifier: GPL-2.0
/*
 * RDMA by Soft-RoCE on memory of a device. On demand without the interposer, its
 * pages come home when the NIC wants them; with it they stay. What can be had
 * without on-demand paging is a pinned region in RAM, to and from which the
 * device copies what it works with.
 *
 * A queue pair is connected with its neighbour. All that goes through it begins
 * on a page and has an MTU of a page: see guest/verbs.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <verbs.h>

#include "importers.h"

#define INTERPOSER	"hmm_p2p_interpose"
#define LENGTH		(4 * MIB)
#define PAGES		(LENGTH / PAGE)
#define ROUNDS		3
#define TURNS		4

enum way { WAY_MIGRATED, WAY_P2P, WAY_REGISTERED, WAY_COUNT };

static const char * const way_names[WAY_COUNT] = {
	[WAY_MIGRATED]		= "ODP, migrated",
	[WAY_P2P]		= "ODP, p2p",
	[WAY_REGISTERED]	= "registered",
};

/**
 * struct work - what is done with the memory
 * @name: of the work
 * @opcode: READ or WRITE
 * @piece: bytes of one operation
 * @device_uses: the device works with the data between two transfers
 */
struct work {
	const char *name;
	enum ibv_wr_opcode opcode;
	uint64_t piece;
	bool device_uses;
};

/**
 * struct region - memory on the device, and how the NIC gets at its data
 * @way: how
 * @what: for messages
 * @mem: the memory
 * @pinned: WAY_REGISTERED: what the NIC reaches instead
 * @remote: what the NIC reaches: @mem or @pinned
 * @remote_mr: its region
 * @near: the other end of all transfers, in RAM
 * @near_mr: its region, pinned
 * @before: the exporter's counters when the memory had moved
 */
struct region {
	enum way way;
	const char *what;
	char *mem;
	char *pinned;
	char *remote;
	struct ibv_mr *remote_mr;
	char *near;
	struct ibv_mr *near_mr;
	struct hmm_p2p_stat before;
};

static struct nic nic;

static void die(const char *what)
{
	fprintf(stderr, "%s failed\n", what);
	exit(1);
}

static void set_interposer(bool wanted)
{
	bool loaded = !access("/sys/module/" INTERPOSER, F_OK);

	if (wanted && !loaded && system("load " INTERPOSER))
		die("load " INTERPOSER);
	if (!wanted && loaded && syscall(SYS_delete_module, INTERPOSER, O_NONBLOCK))
		bench_die("remove " INTERPOSER, errno, HMM_P2P_CALL_ANY);
}

static struct ibv_mr *register_mem(void *mem, bool odp)
{
	struct ibv_mr *mr = nic_register(&nic, mem, LENGTH, odp);

	if (!mr)
		die("memory registration");
	return mr;
}

/* While it is in RAM, so that the NIC has seen nothing of it on the device. */
static void region_move(struct region *region)
{
	if (region->way != WAY_REGISTERED)
		region->remote_mr = register_mem(region->remote, true);
	bench_to_device(region->mem, LENGTH);
}

static void region_open(struct region *region, enum way way, const char *what, bool huge)
{
	memset(region, 0, sizeof(*region));
	region->way = way;
	region->what = what;
	set_interposer(way == WAY_P2P);
	if (!nic_connect_self(&nic))
		die("connection");
	region->mem = bench_map(LENGTH, huge);
	region->near = bench_map(LENGTH, false);
	region->near_mr = register_mem(region->near, false);
	region->remote = region->mem;
	if (way == WAY_REGISTERED) {
		region->pinned = bench_map(LENGTH, false);
		region->remote = region->pinned;
		region->remote_mr = register_mem(region->pinned, false);
	}
}

static void region_close(struct region *region)
{
	ibv_dereg_mr(region->near_mr);
	ibv_dereg_mr(region->remote_mr);
	bench_unmap(region->mem, LENGTH);
	bench_unmap(region->near, LENGTH);
	if (region->pinned)
		bench_unmap(region->pinned, LENGTH);
}

static void rdma(const struct region *region, enum ibv_wr_opcode opcode, uint64_t at,
		 uint64_t length)
{
	const struct nic_op op = {
		.opcode = opcode, .length = length,
		.local = region->near_mr, .at = region->near + at,
		.remote = region->remote_mr, .remote_at = region->remote + at,
	};
	enum ibv_wc_status status = nic_do(&nic, &op);

	if (status == IBV_WC_SUCCESS)
		return;
	fprintf(stderr, "%s: %s; on a busy machine a page fault may take more than its second\n",
		region->what, ibv_wc_status_str(status));
	exit(1);
}

/* On demand, the device works where the data is: it wants the pages. */
static void device_wants(const struct region *region, uint64_t at, uint64_t length)
{
	int ret = hmm_p2p_migrate(bench_ctx, NULL, bench_exporter.out_id,
				  (uintptr_t)region->mem + at, length, NULL);

	if (ret)
		bench_die(region->what, ret, HMM_P2P_CALL_MIGRATE);
}

/* Else it copies to or from the pinned memory. */
static void device_copies(const struct region *region, enum ibv_wr_opcode opcode,
			  uint64_t at, uint64_t length)
{
	uint64_t mem = (uintptr_t)region->mem + at;
	char *pinned = region->pinned + at;
	int ret;

	if (opcode == IBV_WR_RDMA_READ)
		ret = hmm_p2p_read(bench_ctx, NULL, bench_exporter.out_id, mem, length,
				   pinned, 0, NULL, NULL);
	else
		ret = hmm_p2p_write(bench_ctx, NULL, bench_exporter.out_id, mem, length,
				    pinned, 0, NULL, NULL);
	if (ret)
		bench_die(region->what, ret, HMM_P2P_CALL_ACCESS);
}

static void transfer(const struct region *region, const struct work *work, uint64_t at)
{
	bool copies = work->device_uses && region->way == WAY_REGISTERED;

	if (work->device_uses && !copies)
		device_wants(region, at, work->piece);
	if (copies && work->opcode == IBV_WR_RDMA_READ)
		device_copies(region, work->opcode, at, work->piece);
	rdma(region, work->opcode, at, work->piece);
	if (copies && work->opcode == IBV_WR_RDMA_WRITE)
		device_copies(region, work->opcode, at, work->piece);
}

/* Return: nanoseconds. */
static uint64_t transfer_all(const struct region *region, const struct work *work)
{
	uint64_t start = bench_now(), at;

	for (at = 0; at < LENGTH; at += work->piece)
		transfer(region, work, at);
	return bench_now() - start;
}

/*
 * @rounds: how often each page was wanted anew. One that stays where the NIC
 * knows it is not, even if the device has wanted it meanwhile.
 */
static void region_outcome(const struct region *region, unsigned int rounds, bool device_uses)
{
	uint64_t all = rounds * PAGES;

	importers_counted(region->what, &region->before, HMM_P2P_COUNTER_P2P,
			  region->way == WAY_P2P ? all : 0);
	importers_counted(region->what, &region->before, HMM_P2P_COUNTER_CPU_FAULT,
			  region->way == WAY_MIGRATED ? all : 0);
	importers_counted(region->what, &region->before, HMM_P2P_COUNTER_PRIVATE,
			  region->way == WAY_REGISTERED && device_uses ? all : 0);
}

/* What the NIC sends has come, from the device or to it. */
static void data_prepare(const struct region *region, const struct work *work, uint64_t seed)
{
	bool read = work->opcode == IBV_WR_RDMA_READ;

	importers_fill(region->mem, LENGTH, read ? seed : ~seed);
	importers_fill(region->near, LENGTH, read ? ~seed : seed);
	/* Without a device that uses it, that is where the data is. */
	if (region->pinned && read && !work->device_uses)
		importers_fill(region->pinned, LENGTH, seed);
}

static void data_check(const struct region *region, const struct work *work, uint64_t seed)
{
	const char *where = work->device_uses ? region->mem : region->remote;

	if (work->opcode == IBV_WR_RDMA_READ)
		where = region->near;
	importers_check(region->what, where, LENGTH, seed);
}

/* Return: nanoseconds for all of the region. */
static uint64_t measure_transfer(const struct work *work, enum way way)
{
	uint64_t best = 0, seed = 1 + way;
	struct region region;
	bool moves;
	int i;

	region_open(&region, way, way_names[way], false);
	data_prepare(&region, work, seed);
	region_move(&region);
	region.before = importers_stat();
	for (i = 0; i < ROUNDS; i++)
		best = importers_least(best, transfer_all(&region, work));
	moves = work->device_uses && way != WAY_P2P;
	region_outcome(&region, moves ? ROUNDS : 1, work->device_uses);
	data_check(&region, work, seed);
	region_close(&region);
	return best;
}

static void bandwidth_row(const struct work *work, const uint64_t *ns)
{
	/* Bytes in a microsecond are megabytes in a second. */
	importers_row(&(struct row) {
		.what = work->name, .unit = "MB/s",
		.migrated = LENGTH * 1e3 / (double)ns[WAY_MIGRATED],
		.p2p = LENGTH * 1e3 / (double)ns[WAY_P2P],
		.registered = LENGTH * 1e3 / (double)ns[WAY_REGISTERED],
		.goal = work->device_uses ? 2 : 0,
	});
}

static void latency_row(const struct work *work, const uint64_t *ns)
{
	importers_row(&(struct row) {
		.what = work->name, .unit = "us",
		.migrated = (double)ns[WAY_MIGRATED] / 1e3 / PAGES,
		.p2p = (double)ns[WAY_P2P] / 1e3 / PAGES,
		.registered = (double)ns[WAY_REGISTERED] / 1e3 / PAGES,
		.less_is_better = true,
		.goal = work->device_uses ? 2 : 0,
	});
}

/* Turn and turn about, so that a slow moment of the machine hits every way. */
static void transfer_row(const struct work *work)
{
	uint64_t ns[WAY_COUNT] = { 0 };
	enum way way;
	int i;

	for (i = 0; i < TURNS; i++)
		for (way = 0; way < WAY_COUNT; way++)
			ns[way] = importers_least(ns[way], measure_transfer(work, way));
	if (work->piece == PAGE)
		latency_row(work, ns);
	else
		bandwidth_row(work, ns);
}

/*
 * Has the NIC's driver fault the whole region, as for a first access, and
 * transfer nothing. The library's driver for Soft-RoCE has no ibv_advise_mr(),
 * the kernel's has.
 */
static void prefetch(const struct region *region)
{
	struct ib_uverbs_sge sge = {
		.addr = (uintptr_t)region->mem, .length = LENGTH,
		.lkey = region->remote_mr->lkey,
	};
	struct {
		struct ib_uverbs_ioctl_hdr hdr;
		struct ib_uverbs_attr attrs[4];
	} cmd = {
		.hdr = {
			.length = sizeof(cmd), .object_id = UVERBS_OBJECT_MR,
			.method_id = UVERBS_METHOD_ADVISE_MR, .num_attrs = 4,
			.driver_id = RDMA_DRIVER_RXE,
		},
		.attrs = {
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_PD_HANDLE,
			  .data = nic.pd->handle },
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_ADVICE, .len = 8,
			  .data = IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH_WRITE },
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_FLAGS, .len = 8,
			  .data = IB_UVERBS_ADVISE_MR_FLAG_FLUSH },
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_SGE_LIST,
			  .len = sizeof(sge), .data = (uintptr_t)&sge },
		},
	};
	int i;

	for (i = 0; i < 4; i++)
		cmd.attrs[i].flags = UVERBS_ATTR_F_MANDATORY;
	if (ioctl(nic.context->cmd_fd, RDMA_VERBS_IOCTL, &cmd))
		bench_die("prefetch", errno, HMM_P2P_CALL_ANY);
}

static void first_read(const struct region *region)
{
	rdma(region, IBV_WR_RDMA_READ, 0, LENGTH);
}

static void first_read_of_pages(const struct region *region)
{
	uint64_t at;

	for (at = 0; at < LENGTH; at += PAGE)
		rdma(region, IBV_WR_RDMA_READ, at, PAGE);
}

static void prefetch_and_read(const struct region *region)
{
	prefetch(region);
	first_read(region);
}

/**
 * struct first - how the NIC gets to know memory
 * @name: of the work
 * @access: wants each page once
 * @before: NULL, or what is done before, in time that does not count
 * @huge: the memory has huge pages
 * @device_uses: the time in which the device gets the pages back counts
 * @goal: what the ratio has to reach, or 0
 */
struct first {
	const char *name;
	void (*access)(const struct region *region);
	void (*before)(const struct region *region);
	bool huge;
	bool device_uses;
	double goal;
};

/* What has moved, the NIC has forgotten. */
static void move_away_and_back(const struct region *region)
{
	int ret = hmm_p2p_migrate_to_ram(bench_ctx, NULL, (uintptr_t)region->mem,
					 LENGTH, NULL);

	if (ret)
		bench_die(region->what, ret, HMM_P2P_CALL_MIGRATE);
	bench_to_device(region->mem, LENGTH);
}

static uint64_t first_round(const struct region *region, const struct first *first)
{
	uint64_t start;

	if (!first->device_uses)
		move_away_and_back(region);
	if (first->before)
		first->before(region);
	start = bench_now();
	if (first->device_uses)
		device_wants(region, 0, LENGTH);
	first->access(region);
	return bench_now() - start;
}

static uint64_t measure_first(const struct first *first, enum way way)
{
	uint64_t best = 0, seed = 11 + way;
	struct region region;
	int i;

	region_open(&region, way, way_names[way], first->huge);
	importers_fill(region.mem, LENGTH, seed);
	region_move(&region);
	region.before = importers_stat();
	for (i = 0; i < ROUNDS; i++)
		best = importers_least(best, first_round(&region, first));
	region_outcome(&region, ROUNDS, false);
	importers_check(region.what, region.mem, LENGTH, seed);
	region_close(&region);
	return best;
}

static void first_row(const struct first *first)
{
	uint64_t ns[WAY_COUNT] = { 0 };
	enum way way;
	int i;

	for (i = 0; i < TURNS; i++)
		for (way = WAY_MIGRATED; way <= WAY_P2P; way++)
			ns[way] = importers_least(ns[way], measure_first(first, way));
	importers_row(&(struct row) {
		.what = first->name, .unit = "page/ms", .goal = first->goal,
		.migrated = PAGES * 1e6 / (double)ns[WAY_MIGRATED],
		.p2p = PAGES * 1e6 / (double)ns[WAY_P2P],
	});
}

static const struct first first_rows[] = {
	{ .name = "fault alone, 4 KiB pages", .access = prefetch, .goal = 10 },
	{ .name = "fault alone, huge pages", .access = prefetch, .huge = true, .goal = 10 },
	{ .name = "fault, device uses data, 4 KiB pages", .access = prefetch, .device_uses = true,
	  .goal = 10 },
	{ .name = "fault, device uses data, huge pages", .access = prefetch, .huge = true,
	  .device_uses = true, .goal = 10 },
	{ .name = "first READ, at once", .access = first_read },
	{ .name = "first READ, prefetched", .access = first_read, .before = prefetch },
	{ .name = "prefetch and first READ", .access = prefetch_and_read },
	{ .name = "first READ, page by page", .access = first_read_of_pages },
	{ .name = "same, prefetched", .access = first_read_of_pages, .before = prefetch },
};

static const struct work work_rows[] = {
	{ "READ", IBV_WR_RDMA_READ, MIB, false },
	{ "WRITE", IBV_WR_RDMA_WRITE, MIB, false },
	{ "latency, 4 KiB READ", IBV_WR_RDMA_READ, PAGE, false },
	{ "latency, 4 KiB WRITE", IBV_WR_RDMA_WRITE, PAGE, false },
	{ "READ, device uses data", IBV_WR_RDMA_READ, MIB, true },
	{ "WRITE, device uses data", IBV_WR_RDMA_WRITE, MIB, true },
	{ "latency, 4 KiB READ, device uses data", IBV_WR_RDMA_READ, PAGE, true },
	{ "latency, 4 KiB WRITE, device uses data", IBV_WR_RDMA_WRITE, PAGE, true },
};

void importers_rdma(void)
{
	unsigned int i;

	if (!nic_open(&nic, IBV_MTU_4096))
		die("finding rxe0, for which there is the topology importers,");
	importers_heading("Soft-RoCE on 4 MiB that are on the device: on demand, or of a pinned region in RAM");
	for (i = 0; i < sizeof(first_rows) / sizeof(first_rows[0]); i++)
		first_row(&first_rows[i]);
	for (i = 0; i < sizeof(work_rows) / sizeof(work_rows[0]); i++)
		transfer_row(&work_rows[i]);
	nic_close(&nic);
}
