// SPDX-License-Identifier: GPL-2.0
/*
 * libfabric between two hosts, on buffers that live on a device: its verbs provider,
 * which registers on demand with FI_VERBS_USE_ODP=1. Messages go from buffer to buffer;
 * the allreduce is of RMA reads and writes, and the device adds. MPI starts this, over
 * TCP, and is how the two keep in step.
 */
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>

#include "pair.h"

#define ADDRESS		"10.0.0.1"
#define SERVICE		"7473"
#define HALF		(LENGTH / 2)

/* Nothing takes that long. */
#define WAIT_MS		60000

static struct fid_fabric *fabric;
static struct fid_eq *eq;
static struct fid_pep *pep;
static struct fid_domain *domain;
static struct fid_cq *cq;
static struct fid_ep *ep;

/**
 * struct place - registered memory, as the other side names it
 * @addr: of its begin
 * @key: of the region
 */
struct place {
	uint64_t addr;
	uint64_t key;
};

static bool good(long ret, const char *what)
{
	if (ret >= 0)
		return true;
	fprintf(stderr, "# libfabric: %s: %s\n", what, fi_strerror((int)-ret));
	return false;
}

#define TRY(call)	do { if (!good(call, #call)) return false; } while (0)

/* --------------------------------------------------------------- connection */

static struct fi_info *find_verbs(void)
{
	struct fi_info *hints = fi_allocinfo(), *info = NULL;

	if (!hints)
		return NULL;
	hints->ep_attr->type = FI_EP_MSG;
	hints->caps = FI_MSG | FI_RMA;
	hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_ALLOCATED | FI_MR_PROV_KEY |
				      FI_MR_VIRT_ADDR;
	hints->fabric_attr->prov_name = strdup("verbs");
	good(fi_getinfo(FI_VERSION(1, 18), ADDRESS, SERVICE, rank ? 0 : FI_SOURCE, hints, &info),
	     "no verbs provider");
	fi_freeinfo(hints);
	return info;
}

/* Return: what the event is about, or NULL. */
static struct fi_info *await_event(uint32_t wanted, bool *came)
{
	struct fi_eq_cm_entry entry = { 0 };
	uint32_t event = 0;
	ssize_t ret = fi_eq_sread(eq, &event, &entry, sizeof(entry), WAIT_MS, 0);

	*came = ret >= 0 && event == wanted;
	if (!*came)
		fprintf(stderr, "# libfabric: event %u, %zd instead of event %u\n", event, ret,
			wanted);
	return entry.info;
}

static bool open_endpoint(struct fi_info *info)
{
	struct fi_cq_attr attr = { .format = FI_CQ_FORMAT_CONTEXT, .wait_obj = FI_WAIT_UNSPEC };

	TRY(fi_domain(fabric, info, &domain, NULL));
	TRY(fi_cq_open(domain, &attr, &cq, NULL));
	TRY(fi_endpoint(domain, info, &ep, NULL));
	TRY(fi_ep_bind(ep, &eq->fid, 0));
	TRY(fi_ep_bind(ep, &cq->fid, FI_TRANSMIT | FI_RECV));
	TRY(fi_enable(ep));
	return true;
}

static bool be_called(struct fi_info *info)
{
	struct fi_info *caller;
	bool came;

	TRY(fi_passive_ep(fabric, info, &pep, NULL));
	TRY(fi_pep_bind(pep, &eq->fid, 0));
	TRY(fi_listen(pep));
	MPI_Barrier(MPI_COMM_WORLD);
	caller = await_event(FI_CONNREQ, &came);
	if (!came || !open_endpoint(caller))
		return false;
	fi_freeinfo(caller);
	TRY(fi_accept(ep, NULL, 0));
	return true;
}

static bool call(struct fi_info *info)
{
	if (!open_endpoint(info))
		return false;
	MPI_Barrier(MPI_COMM_WORLD);
	TRY(fi_connect(ep, info->dest_addr, NULL, 0));
	return true;
}

static bool join(void)
{
	struct fi_eq_attr attr = { .wait_obj = FI_WAIT_UNSPEC };
	struct fi_info *info = find_verbs();
	bool came;

	if (!info)
		return false;
	TRY(fi_fabric(info->fabric_attr, &fabric, NULL));
	TRY(fi_eq_open(fabric, &attr, &eq, NULL));
	came = rank ? call(info) : be_called(info);
	fi_freeinfo(info);
	if (came)
		await_event(FI_CONNECTED, &came);
	return came;
}

static int setup(void **state)
{
	return pair_setup(state) || !join() ? -1 : 0;
}

static int teardown(void **state)
{
	MPI_Barrier(MPI_COMM_WORLD);
	fi_shutdown(ep, 0);
	fi_close(&ep->fid);
	fi_close(&cq->fid);
	fi_close(&domain->fid);
	if (pep)
		fi_close(&pep->fid);
	fi_close(&eq->fid);
	fi_close(&fabric->fid);
	return suite_teardown(state);
}

/* --------------------------------------------------------------- operations */

static struct fid_mr *register_memory(const void *mem)
{
	struct fid_mr *mr = NULL;

	REQUIRE(good(fi_mr_reg(domain, mem, LENGTH, FI_SEND | FI_RECV | FI_READ | FI_WRITE |
			       FI_REMOTE_READ | FI_REMOTE_WRITE, 0, 0, 0, &mr, NULL),
		     "fi_mr_reg"));
	return mr;
}

static void complete(int operations)
{
	struct fi_cq_err_entry error = { 0 };
	struct fi_cq_entry entry;
	ssize_t ret;

	while (operations--) {
		ret = fi_cq_sread(cq, &entry, 1, NULL, WAIT_MS);
		if (ret == 1)
			continue;
		if (ret == -FI_EAVAIL)
			fi_cq_readerr(cq, &error, 0);
		fprintf(stderr, "# libfabric: no completion: %zd, %s\n", ret,
			fi_strerror(error.err));
		fail();
	}
}

/* ---------------------------------------------------------------- ping-pong */

/**
 * struct game - the two buffers of a ping-pong
 * @mine: what is sent
 * @theirs: what is received
 * @mine_mr: its region
 * @theirs_mr: same
 */
struct game {
	uint8_t *mine;
	uint8_t *theirs;
	struct fid_mr *mine_mr;
	struct fid_mr *theirs_mr;
};

static void expect(const struct game *game, size_t length)
{
	assert_int_equal(fi_recv(ep, game->theirs, length, fi_mr_desc(game->theirs_mr), 0, NULL),
			 0);
}

static void send(const struct game *game, size_t length)
{
	assert_int_equal(fi_send(ep, game->mine, length, fi_mr_desc(game->mine_mr), 0, NULL), 0);
}

/* A receive is posted before the message that asks for it. Return: seconds for a message. */
static double ping_pong(const struct game *game, size_t length, int rounds)
{
	double start;
	int i;

	expect(game, length);
	MPI_Barrier(MPI_COMM_WORLD);
	start = MPI_Wtime();
	for (i = 0; i < rounds; i++) {
		if (!rank) {
			send(game, length);
			complete(2);
		} else {
			complete(1);
		}
		if (i < rounds - 1)
			expect(game, length);
		if (rank) {
			send(game, length);
			complete(1);
		}
	}
	return (MPI_Wtime() - start) / (2 * rounds);
}

static void play(const char *where, const struct game *game)
{
	double first = ping_pong(game, LENGTH, 1);
	double all = ping_pong(game, LENGTH, ROUNDS);
	double page = ping_pong(game, page_size, PAGE_ROUNDS);

	tell_ping_pong(where, first, all, page);
}

static void ping_pong_case(bool on_device)
{
	struct game game = {
		.mine = map_pattern(LENGTH, SMALL_PAGES, seed_of(rank)),
		.theirs = map_memory(LENGTH, SMALL_PAGES),
	};
	struct stay stay;

	memset(game.theirs, 0, LENGTH);
	game.mine_mr = register_memory(game.mine);
	game.theirs_mr = register_memory(game.theirs);
	if (on_device)
		stay_begin(&stay, game.mine, game.theirs);
	play(on_device ? "libfabric, on the device" : "libfabric, in RAM", &game);
	if (on_device)
		stayed(&stay);
	assert_pattern(game.theirs, LENGTH, seed_of(other));
	assert_pattern(game.mine, LENGTH, seed_of(rank));
	fi_close(&game.mine_mr->fid);
	fi_close(&game.theirs_mr->fid);
	unmap(game.mine, LENGTH);
	unmap(game.theirs, LENGTH);
}

static void test_messages(void **state)
{
	(void)state;
	ping_pong_case(true);
}

static void test_messages_in_ram(void **state)
{
	(void)state;
	ping_pong_case(false);
}

/* ---------------------------------------------------------------- allreduce */

static struct place exchange(const void *mem, struct fid_mr *mr)
{
	struct place mine = { .addr = address(mem), .key = fi_mr_key(mr) }, theirs;

	MPI_Sendrecv(&mine, sizeof(mine), MPI_BYTE, other, 0, &theirs, sizeof(theirs), MPI_BYTE,
		     other, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	return theirs;
}

/* Each side adds one half, which nobody else writes meanwhile, and gives it to the other. */
static void test_rma_allreduce(void **state)
{
	uint8_t *in = map_memory(LENGTH, SMALL_PAGES);
	uint8_t *values = (uint8_t *)make_values(), *half = values + HALF * (size_t)rank;
	struct fid_mr *mr = register_memory(values), *in_mr = register_memory(in);
	struct place there = exchange(values, mr);
	struct stay stay;
	double start;
	int i;

	(void)state;
	there.addr += HALF * (size_t)rank;
	stay_begin(&stay, values, NULL);
	MPI_Barrier(MPI_COMM_WORLD);
	start = MPI_Wtime();
	for (i = 0; i < REDUCTIONS; i++) {
		assert_int_equal(fi_read(ep, in, HALF, fi_mr_desc(in_mr), 0, there.addr, there.key,
					 NULL), 0);
		complete(1);
		device_adds(in, half, HALF);
		assert_int_equal(fi_write(ep, half, HALF, fi_mr_desc(mr), 0, there.addr, there.key,
					  NULL), 0);
		complete(1);
		MPI_Barrier(MPI_COMM_WORLD);
	}
	tell_reduction("libfabric, on the device, which adds", (MPI_Wtime() - start) / REDUCTIONS);
	stayed(&stay);
	check_values((float *)values);
	fi_close(&mr->fid);
	fi_close(&in_mr->fid);
	unmap(values, LENGTH);
	unmap(in, LENGTH);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_messages),
		TEST(test_messages_in_ram),
		TEST(test_rma_allreduce),
	};

	return cmocka_run_group_tests_name("libfabric", tests, setup, teardown);
}

int main(int argc, char **argv)
{
	return pair_run(argc, argv, run);
}
