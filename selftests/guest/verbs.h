/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An RDMA device as a test uses it: reliable connections, one operation at a
 * time. Needs libibverbs and nothing of the project's.
 *
 * Soft-RoCE's on-demand paging has bugs (see upstream_rxe_odp): only what begins
 * on a page is copied right, with an MTU of a page. So that is what is set up.
 */
#ifndef GUEST_VERBS_H
#define GUEST_VERBS_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NIC_QPS		2

/**
 * struct nic - a device, and two queue pairs on it
 * @context: the device
 * @pd: protection domain of everything below
 * @channel: where @cq says that there is something
 * @cq: completions of both queue pairs
 * @qp: the queue pairs; operations are posted on the first
 * @gid: the port's address
 * @gid_index: its place in the port's table
 * @mtu: path MTU
 */
struct nic {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct ibv_comp_channel *channel;
	struct ibv_cq *cq;
	struct ibv_qp *qp[NIC_QPS];
	union ibv_gid gid;
	int gid_index;
	enum ibv_mtu mtu;
};

/* Who a queue pair talks to. */
struct nic_peer {
	union ibv_gid gid;
	uint32_t qp_num;
};

/**
 * struct nic_op - one operation on the first queue pair
 * @opcode: what; for IBV_WR_SEND the second queue pair receives, @remote and
 *	@remote_at are where
 * @local: region of the local buffer
 * @at: the local buffer; for atomics the old value goes there
 * @remote: region of the remote buffer, by a local or a copied description
 * @remote_at: the remote buffer
 * @length: bytes
 * @add: atomics: what to add, or compare with
 * @swap: compare and swap: what to put there
 */
struct nic_op {
	enum ibv_wr_opcode opcode;
	const struct ibv_mr *local;
	const void *at;
	const struct ibv_mr *remote;
	const void *remote_at;
	size_t length;
	uint64_t add;
	uint64_t swap;
};

/* Brings the device up. Return: false, and a message, if that cannot be. */
bool nic_open(struct nic *nic, enum ibv_mtu mtu);
void nic_close(struct nic *nic);

/* New queue pairs in place of those that were used. */
bool nic_renew(struct nic *nic);

/* A new queue pair with its peer. */
bool nic_connect(struct nic *nic, int qp, const struct nic_peer *peer);

/* New ones with each other. */
bool nic_connect_self(struct nic *nic);

/* All rights. @odp: on demand, else pinned. Return: NULL, and a message, on failure. */
struct ibv_mr *nic_register(struct nic *nic, void *mem, size_t length, bool odp);

/*
 * Posts the operation and waits for its end. Return: the status of its
 * completion; after any but IBV_WC_SUCCESS the connection has to be made anew.
 */
enum ibv_wc_status nic_do(struct nic *nic, const struct nic_op *op);

/* Waits for the next completion. Return: its status. */
enum ibv_wc_status nic_wait(struct nic *nic);

/* See verbs_busy.c. Return: whether nic_do_busy() can be used from here on. */
bool nic_trace(void);
void nic_trace_end(void);

/*
 * nic_do() for two queue pairs that are connected with each other, on a machine
 * that is too busy: the kernel fails an access whose page fault has taken a
 * second. Such an operation is counted in @late, and done again.
 */
enum ibv_wc_status nic_do_busy(struct nic *nic, const struct nic_op *op,
			       unsigned long *late);

#endif /* GUEST_VERBS_H */
