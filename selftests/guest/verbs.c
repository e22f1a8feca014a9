// SPDX-License-Identifier: GPL-2.0
/* RDMA with libibverbs: see verbs.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verbs.h"

/* A connection gives up after seven times 2^18 * 4.096 us, which is a second. */
#define ACK_TIMEOUT	18
#define RETRIES		7

/* Longer than that: whoever waits this long waits for nothing. */
#define WAIT_MS		60000

#define RIGHTS	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | \
		 IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC)

static bool failed(const char *what)
{
	fprintf(stderr, "# verbs: %s: %s\n", what, strerror(errno));
	return false;
}

static bool nic_find(struct nic *nic)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	int i;

	if (!list)
		return failed("no list of RDMA devices");
	for (i = 0; list[i] && !nic->context; i++)
		if (!strcmp(ibv_get_device_name(list[i]), "rxe0"))
			nic->context = ibv_open_device(list[i]);
	ibv_free_device_list(list);
	return nic->context || failed("cannot open rxe0");
}

/* The address that stands for the IPv4 address: every kernel can route to it. */
static bool nic_find_gid(struct nic *nic)
{
	static const uint8_t ipv4[12] = { [10] = 0xff, [11] = 0xff };
	struct ibv_port_attr port;
	union ibv_gid gid;
	int i;

	if (ibv_query_port(nic->context, 1, &port))
		return failed("cannot query port 1");
	for (i = 0; i < port.gid_tbl_len; i++) {
		if (ibv_query_gid(nic->context, 1, i, &gid) ||
		    memcmp(gid.raw, ipv4, sizeof(ipv4)))
			continue;
		nic->gid = gid;
		nic->gid_index = i;
		return true;
	}
	errno = ENOENT;
	return failed("rxe0 has no IPv4 address");
}

static bool nic_queues(struct nic *nic)
{
	nic->pd = ibv_alloc_pd(nic->context);
	nic->channel = ibv_create_comp_channel(nic->context);
	if (!nic->pd || !nic->channel)
		return failed("cannot make a protection domain");
	nic->cq = ibv_create_cq(nic->context, 16, NULL, nic->channel, 0);
	return nic->cq || failed("cannot make a completion queue");
}

static void qp_destroy(struct nic *nic, int qp)
{
	if (nic->qp[qp])
		ibv_destroy_qp(nic->qp[qp]);
	nic->qp[qp] = NULL;
}

static bool qp_create(struct nic *nic, int qp)
{
	struct ibv_qp_init_attr attr = {
		.qp_type = IBV_QPT_RC,
		.send_cq = nic->cq,
		.recv_cq = nic->cq,
		.cap = {
			.max_send_wr = 4, .max_recv_wr = 4,
			.max_send_sge = 1, .max_recv_sge = 1,
		},
		.sq_sig_all = 1,
	};

	nic->qp[qp] = ibv_create_qp(nic->pd, &attr);
	return nic->qp[qp] || failed("cannot make a queue pair");
}

/*
 * A queue pair that has failed is not used again: its driver may still be about
 * to put it into the error state.
 */
bool nic_renew(struct nic *nic)
{
	struct ibv_wc wc;
	int i;

	for (i = 0; i < NIC_QPS; i++)
		qp_destroy(nic, i);
	/* What the old ones have left. */
	while (ibv_poll_cq(nic->cq, 1, &wc) > 0)
		;
	for (i = 0; i < NIC_QPS; i++)
		if (!qp_create(nic, i))
			return false;
	return true;
}

bool nic_open(struct nic *nic, enum ibv_mtu mtu)
{
	memset(nic, 0, sizeof(*nic));
	nic->mtu = mtu;
	if (system("rdma-link"))
		return false;
	return nic_find(nic) && nic_find_gid(nic) && nic_queues(nic) &&
	       nic_renew(nic);
}

void nic_close(struct nic *nic)
{
	int i;

	for (i = 0; i < NIC_QPS; i++)
		qp_destroy(nic, i);
	if (nic->cq)
		ibv_destroy_cq(nic->cq);
	if (nic->channel)
		ibv_destroy_comp_channel(nic->channel);
	if (nic->pd)
		ibv_dealloc_pd(nic->pd);
	if (nic->context)
		ibv_close_device(nic->context);
	memset(nic, 0, sizeof(*nic));
}

static bool qp_to_init(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = 1,
		.qp_access_flags = RIGHTS,
	};

	if (ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX |
			  IBV_QP_PORT | IBV_QP_ACCESS_FLAGS))
		return failed("cannot initialize a queue pair");
	return true;
}

static bool qp_to_receive(struct nic *nic, struct ibv_qp *qp,
			  const struct nic_peer *peer)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = nic->mtu,
		.dest_qp_num = peer->qp_num,
		.max_dest_rd_atomic = 16,
		.min_rnr_timer = 12,
		.ah_attr = {
			.is_global = 1,
			.port_num = 1,
			.grh = {
				.dgid = peer->gid,
				.sgid_index = (uint8_t)nic->gid_index,
				.hop_limit = 1,
			},
		},
	};

	if (ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
			  IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
			  IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER))
		return failed("a queue pair cannot receive");
	return true;
}

static bool qp_to_send(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTS,
		.timeout = ACK_TIMEOUT,
		.retry_cnt = RETRIES,
		.rnr_retry = RETRIES,
		.max_rd_atomic = 16,
	};

	if (ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_TIMEOUT |
			  IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
			  IBV_QP_MAX_QP_RD_ATOMIC))
		return failed("a queue pair cannot send");
	return true;
}

bool nic_connect(struct nic *nic, int qp, const struct nic_peer *peer)
{
	return qp_to_init(nic->qp[qp]) && qp_to_receive(nic, nic->qp[qp], peer) &&
	       qp_to_send(nic->qp[qp]);
}

bool nic_connect_self(struct nic *nic)
{
	struct nic_peer peer = { .gid = nic->gid };
	int i;

	if (!nic_renew(nic))
		return false;
	for (i = 0; i < NIC_QPS; i++) {
		peer.qp_num = nic->qp[!i]->qp_num;
		if (!nic_connect(nic, i, &peer))
			return false;
	}
	return true;
}

struct ibv_mr *nic_register(struct nic *nic, void *mem, size_t length, bool odp)
{
	struct ibv_mr *mr = ibv_reg_mr(nic->pd, mem, length, RIGHTS |
				       (odp ? IBV_ACCESS_ON_DEMAND : 0));

	if (!mr)
		failed("cannot register memory");
	return mr;
}

static bool wait_event(struct nic *nic)
{
	struct pollfd fd = { .fd = nic->channel->fd, .events = POLLIN };
	struct ibv_cq *cq;
	void *context;

	if (poll(&fd, 1, WAIT_MS) != 1) {
		errno = ETIMEDOUT;
		return failed("an operation does not end");
	}
	if (ibv_get_cq_event(nic->channel, &cq, &context))
		return failed("no completion event");
	ibv_ack_cq_events(cq, 1);
	return true;
}

enum ibv_wc_status nic_wait(struct nic *nic)
{
	struct ibv_wc wc;

	for (;;) {
		if (ibv_poll_cq(nic->cq, 1, &wc) > 0)
			return wc.status;
		if (ibv_req_notify_cq(nic->cq, 0))
			return IBV_WC_GENERAL_ERR;
		/* It may have come before notification was on. */
		if (ibv_poll_cq(nic->cq, 1, &wc) > 0)
			return wc.status;
		if (!wait_event(nic))
			return IBV_WC_GENERAL_ERR;
	}
}

static bool post_receive(struct nic *nic, const struct nic_op *op)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)op->remote_at,
		.length = (uint32_t)op->length,
		.lkey = op->remote->lkey,
	};
	struct ibv_recv_wr wr = { .sg_list = &sge, .num_sge = 1 }, *bad;

	errno = ibv_post_recv(nic->qp[1], &wr, &bad);
	return !errno || failed("cannot post a receive");
}

static bool post(struct nic *nic, const struct nic_op *op)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)op->at,
		.length = (uint32_t)op->length,
		.lkey = op->local->lkey,
	};
	struct ibv_send_wr wr = {
		.sg_list = &sge, .num_sge = 1, .opcode = op->opcode,
	}, *bad;

	switch (op->opcode) {
	case IBV_WR_RDMA_READ:
	case IBV_WR_RDMA_WRITE:
		wr.wr.rdma.remote_addr = (uintptr_t)op->remote_at;
		wr.wr.rdma.rkey = op->remote->rkey;
		break;
	case IBV_WR_ATOMIC_CMP_AND_SWP:
	case IBV_WR_ATOMIC_FETCH_AND_ADD:
		wr.wr.atomic.remote_addr = (uintptr_t)op->remote_at;
		wr.wr.atomic.rkey = op->remote->rkey;
		wr.wr.atomic.compare_add = op->add;
		wr.wr.atomic.swap = op->swap;
		break;
	default:
		break;
	}
	errno = ibv_post_send(nic->qp[0], &wr, &bad);
	return !errno || failed("cannot post an operation");
}

enum ibv_wc_status nic_do(struct nic *nic, const struct nic_op *op)
{
	int completions = op->opcode == IBV_WR_SEND ? 2 : 1;
	enum ibv_wc_status status = IBV_WC_SUCCESS;

	if (op->opcode == IBV_WR_SEND && !post_receive(nic, op))
		return IBV_WC_GENERAL_ERR;
	if (!post(nic, op))
		return IBV_WC_GENERAL_ERR;
	while (completions-- && status == IBV_WC_SUCCESS)
		status = nic_wait(nic);
	return status;
}
