// SPDX-License-Identifier: GPL-2.0
/*
 * What Soft-RoCE's on-demand paging gets wrong, in memory that has nothing to do
 * with this project (7.2 and 7.3-rc7). Known, so each is a TODO in TAP: "not ok"
 * as long as the kernel has the bug, "ok" once it is gone.
 *
 * __rxe_odp_mr_copy() uses the offset in the page only to see how much of the
 * page is left, so each copy begins at the page's first byte; and where a copy
 * spans two pages, the second is filled from the same bytes as the first. Right
 * is what begins on a page and ends in it: page-aligned, with an MTU of a page.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../guest/verbs.h"

#define PAGE		4096
#define LENGTH		(16 * PAGE)

/**
 * struct attempt - one transfer
 * @name: what is unusual about it
 * @opcode: READ or WRITE
 * @mtu: path MTU
 * @at: offset in the on-demand region
 * @length: bytes
 * @control: it is right in all kernels
 */
struct attempt {
	const char *name;
	enum ibv_wr_opcode opcode;
	enum ibv_mtu mtu;
	size_t at;
	size_t length;
	bool control;
};

static const struct attempt attempts[] = {
	{ "READ, MTU 4096, whole pages", IBV_WR_RDMA_READ, IBV_MTU_4096, 0, LENGTH, true },
	{ "WRITE, MTU 4096, whole pages", IBV_WR_RDMA_WRITE, IBV_MTU_4096, 0, LENGTH, true },
	{ "READ, MTU 1024", IBV_WR_RDMA_READ, IBV_MTU_1024, 0, LENGTH, false },
	{ "WRITE, MTU 1024", IBV_WR_RDMA_WRITE, IBV_MTU_1024, 0, LENGTH, false },
	{ "READ from the middle of a page", IBV_WR_RDMA_READ, IBV_MTU_4096, 512, 512, false },
	{ "WRITE to the middle of a page", IBV_WR_RDMA_WRITE, IBV_MTU_4096, 512, 512, false },
	{ "READ across two pages", IBV_WR_RDMA_READ, IBV_MTU_4096, 3072, 2048, false },
	{ "WRITE across two pages", IBV_WR_RDMA_WRITE, IBV_MTU_4096, 3072, 2048, false },
};

/* A different word at every offset, and of each kind. */
static void fill(uint8_t *mem, uint64_t kind)
{
	size_t i;

	for (i = 0; i < LENGTH; i += sizeof(kind))
		*(uint64_t *)(mem + i) = (i + 1) * 0x9e3779b97f4a7c15ULL ^ kind << 56;
}

/**
 * struct memory - what the transfers go to and from
 * @odp: registered on demand
 * @pinned: registered as usual
 * @right: what there should be in the one that is written
 * @odp_mr: its region
 * @pinned_mr: its region
 */
struct memory {
	uint8_t *odp;
	uint8_t *pinned;
	uint8_t *right;
	struct ibv_mr *odp_mr;
	struct ibv_mr *pinned_mr;
};

static uint8_t *get_memory(void)
{
	uint8_t *mem = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

/* Return: whether every byte is where it has to be, and no other has changed. */
static bool transfer(struct nic *nic, struct memory *m, const struct attempt *a)
{
	bool reads = a->opcode == IBV_WR_RDMA_READ;
	uint8_t *from = reads ? m->odp : m->pinned, *to = reads ? m->pinned : m->odp;
	const struct nic_op op = {
		.opcode = a->opcode, .length = a->length,
		.local = m->pinned_mr, .at = m->pinned + a->at,
		.remote = m->odp_mr, .remote_at = m->odp + a->at,
	};
	enum ibv_wc_status status;

	fill(from, 1);
	fill(to, 2);
	memcpy(m->right, to, LENGTH);
	memcpy(m->right + a->at, from + a->at, a->length);
	status = nic_do(nic, &op);
	if (status != IBV_WC_SUCCESS)
		printf("# it ended with: %s\n", ibv_wc_status_str(status));
	return status == IBV_WC_SUCCESS && !memcmp(m->right, to, LENGTH);
}

/* Return: whether it went as it has to for the kernel to be usable at all. */
static bool attempt(int number, const struct attempt *a)
{
	struct memory m = { get_memory(), get_memory(), get_memory(), NULL, NULL };
	bool ready, right = false;
	struct nic nic;

	if (!m.odp || !m.pinned || !m.right)
		return false;
	ready = nic_open(&nic, a->mtu) && nic_connect_self(&nic);
	if (ready) {
		m.odp_mr = nic_register(&nic, m.odp, LENGTH, true);
		m.pinned_mr = nic_register(&nic, m.pinned, LENGTH, false);
		ready = m.odp_mr && m.pinned_mr;
	}
	if (ready)
		right = transfer(&nic, &m, a);
	if (m.odp_mr)
		ibv_dereg_mr(m.odp_mr);
	if (m.pinned_mr)
		ibv_dereg_mr(m.pinned_mr);
	nic_close(&nic);
	munmap(m.odp, LENGTH);
	munmap(m.pinned, LENGTH);
	munmap(m.right, LENGTH);

	printf("%sok %d - %s%s\n", right ? "" : "not ", number, a->name,
	       ready && !a->control ? " # TODO known bug of rdma_rxe" : "");
	return right || (ready && !a->control);
}

int main(void)
{
	int nr = sizeof(attempts) / sizeof(attempts[0]), i;
	bool good = true;

	printf("1..%d\n", nr);
	for (i = 0; i < nr; i++)
		good &= attempt(i + 1, &attempts[i]);
	return !good;
}
