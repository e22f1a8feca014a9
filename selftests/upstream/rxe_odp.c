// SPDX-License-Identifier: GPL-2.0
/*
 * What Soft-RoCE's on-demand paging and its memory windows get wrong, in memory that
 * has nothing to do with this project (7.2 and 7.3). Known, so each is a TODO in TAP:
 * "not ok" as long as the kernel has the bug, "ok" once it is gone. The native kernel has
 * the patches, and there they have to be gone.
 *
 * __rxe_odp_mr_copy() uses the offset in the page only to see how much of the
 * page is left, so each copy begins at the page's first byte; and where a copy
 * spans two pages, the second is filled from the same bytes as the first. Right
 * is what begins on a page and ends in it: page-aligned, with an MTU of a page.
 *
 * It takes the region's own addresses (iova) for the process's. Where the two differ, a
 * kernel with the bug reads and writes what belongs to nobody: tried on native alone.
 *
 * The bounds of a memory window are not checked, only those of the region that it is in.
 *
 * Memory that is to be fetched in advance is taken for on-demand memory whatever it is.
 * A kernel with the bug locks what lies behind another structure: native alone, too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../guest/verbs.h"

#define PAGE		4096
#define LENGTH		(16 * PAGE)

enum attempt_kind {
	CONTROL,	/* it is right in all kernels */
	KNOWN,		/* not in all */
	OWN_IOVA,	/* so, too: the region's addresses begin with 0 */
};

/**
 * struct attempt - one transfer
 * @name: what is unusual about it
 * @opcode: READ or WRITE
 * @mtu: path MTU
 * @at: offset in the on-demand region
 * @length: bytes
 * @kind: what is known of it
 */
struct attempt {
	const char *name;
	enum ibv_wr_opcode opcode;
	enum ibv_mtu mtu;
	size_t at;
	size_t length;
	enum attempt_kind kind;
};

static const struct attempt attempts[] = {
	{ "READ, MTU 4096, whole pages", IBV_WR_RDMA_READ, IBV_MTU_4096, 0, LENGTH, CONTROL },
	{ "WRITE, MTU 4096, whole pages", IBV_WR_RDMA_WRITE, IBV_MTU_4096, 0, LENGTH, CONTROL },
	{ "READ, MTU 1024", IBV_WR_RDMA_READ, IBV_MTU_1024, 0, LENGTH, KNOWN },
	{ "WRITE, MTU 1024", IBV_WR_RDMA_WRITE, IBV_MTU_1024, 0, LENGTH, KNOWN },
	{ "READ from the middle of a page", IBV_WR_RDMA_READ, IBV_MTU_4096, 512, 512, KNOWN },
	{ "WRITE to the middle of a page", IBV_WR_RDMA_WRITE, IBV_MTU_4096, 512, 512, KNOWN },
	{ "READ across two pages", IBV_WR_RDMA_READ, IBV_MTU_4096, 3072, 2048, KNOWN },
	{ "WRITE across two pages", IBV_WR_RDMA_WRITE, IBV_MTU_4096, 3072, 2048, KNOWN },
	{ "READ, iova 0", IBV_WR_RDMA_READ, IBV_MTU_1024, 1536, 9000, OWN_IOVA },
	{ "WRITE, iova 0", IBV_WR_RDMA_WRITE, IBV_MTU_1024, 1536, 9000, OWN_IOVA },
};

/* The window that @window_attempts are about, in the middle of its region. */
#define WINDOW_AT	(2 * PAGE + 512)
#define WINDOW_LENGTH	(2 * PAGE)

/**
 * struct window_attempt - one transfer to a memory window
 * @name: where it is
 * @opcode: READ or WRITE
 * @at: offset in the region
 * @length: bytes
 * @outside: not all of it is in the window
 */
struct window_attempt {
	const char *name;
	enum ibv_wr_opcode opcode;
	size_t at;
	size_t length;
	bool outside;
};

static const struct window_attempt window_attempts[] = {
	{ "READ, all of a window", IBV_WR_RDMA_READ, WINDOW_AT, WINDOW_LENGTH, false },
	{ "WRITE, all of a window", IBV_WR_RDMA_WRITE, WINDOW_AT, WINDOW_LENGTH, false },
	{ "READ before a window", IBV_WR_RDMA_READ, WINDOW_AT - 8, 16, true },
	{ "WRITE before a window", IBV_WR_RDMA_WRITE, WINDOW_AT - 8, 16, true },
	{ "READ behind a window", IBV_WR_RDMA_READ, WINDOW_AT + WINDOW_LENGTH - 8, 16, true },
	{ "WRITE behind a window", IBV_WR_RDMA_WRITE, WINDOW_AT + WINDOW_LENGTH - 8, 16, true },
};

/* For drivers of libibverbs: Soft-RoCE's has no method of its own for it. */
int ibv_cmd_advise_mr(struct ibv_pd *pd, enum ibv_advise_mr_advice advice, uint32_t flags,
		      struct ibv_sge *sges, uint32_t nr);

static bool is_native(void)
{
	const char *kernel = getenv("HMM_P2P_KERNEL");

	return kernel && !strcmp(kernel, "native");
}

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

static void release(struct nic *nic, struct memory *m)
{
	if (m->odp_mr)
		ibv_dereg_mr(m->odp_mr);
	if (m->pinned_mr)
		ibv_dereg_mr(m->pinned_mr);
	nic_close(nic);
	munmap(m->odp, LENGTH);
	munmap(m->pinned, LENGTH);
	munmap(m->right, LENGTH);
}

/* Return: whether every byte is where it has to be, and no other has changed. */
static bool transfer(struct nic *nic, struct memory *m, const struct attempt *a)
{
	bool reads = a->opcode == IBV_WR_RDMA_READ;
	uint8_t *from = reads ? m->odp : m->pinned, *to = reads ? m->pinned : m->odp;
	const struct nic_op op = {
		.opcode = a->opcode, .length = a->length,
		.local = m->pinned_mr, .at = m->pinned + a->at,
		.remote = m->odp_mr,
		.remote_at = a->kind == OWN_IOVA ? (void *)a->at : m->odp + a->at,
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

static struct ibv_mr *register_odp(struct nic *nic, const struct memory *m,
				   const struct attempt *a)
{
	return ibv_reg_mr_iova(nic->pd, m->odp, LENGTH,
			       a->kind == OWN_IOVA ? 0 : (uintptr_t)m->odp,
			       IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ |
			       IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_ON_DEMAND);
}

/*
 * A known bug that is still there is no failure. Return: whether all is as it has to be
 * for the kernel to be usable at all.
 */
static bool report(int number, const char *name, bool right, bool known)
{
	known &= !is_native();
	printf("%sok %d - %s%s\n", right ? "" : "not ", number, name,
	       known ? " # TODO known bug of rdma_rxe" : "");
	return right || known;
}

static bool attempt(int number, const struct attempt *a)
{
	struct memory m = { get_memory(), get_memory(), get_memory(), NULL, NULL };
	bool ready, right = false;
	struct nic nic;

	if (a->kind == OWN_IOVA && !is_native()) {
		printf("ok %d - %s # SKIP not without the patches\n", number, a->name);
		return true;
	}
	if (!m.odp || !m.pinned || !m.right)
		return false;
	ready = nic_open(&nic, a->mtu) && nic_connect_self(&nic);
	if (ready) {
		m.odp_mr = register_odp(&nic, &m, a);
		m.pinned_mr = nic_register(&nic, m.pinned, LENGTH, false);
		ready = m.odp_mr && m.pinned_mr;
	}
	if (ready)
		right = transfer(&nic, &m, a);
	release(&nic, &m);
	return report(number, a->name, right, ready && a->kind != CONTROL);
}

/* Return: the window's key, which is the responder's; 0 if it cannot be had. */
static uint32_t bind_window(struct nic *nic, struct ibv_mw *mw, struct ibv_mr *mr,
			    const uint8_t *mem)
{
	struct ibv_send_wr wr = {
		.opcode = IBV_WR_BIND_MW,
		.send_flags = IBV_SEND_SIGNALED,
		.bind_mw = {
			.mw = mw,
			.rkey = ibv_inc_rkey(mw->rkey),
			.bind_info = {
				.mr = mr,
				.addr = (uintptr_t)mem + WINDOW_AT,
				.length = WINDOW_LENGTH,
				.mw_access_flags = IBV_ACCESS_REMOTE_READ |
						   IBV_ACCESS_REMOTE_WRITE,
			},
		},
	}, *bad;

	if (ibv_post_send(nic->qp[1], &wr, &bad) || nic_wait(nic) != IBV_WC_SUCCESS)
		return 0;
	return wr.bind_mw.rkey;
}

/* Return: whether all of it was transferred, or nothing where not all of it may be. */
static bool window_transfer(struct nic *nic, struct memory *m,
			    const struct window_attempt *a, uint32_t rkey)
{
	bool reads = a->opcode == IBV_WR_RDMA_READ;
	uint8_t *from = reads ? m->odp : m->pinned, *to = reads ? m->pinned : m->odp;
	const struct ibv_mr window = { .rkey = rkey };
	const struct nic_op op = {
		.opcode = a->opcode, .length = a->length,
		.local = m->pinned_mr, .at = m->pinned + a->at,
		.remote = &window, .remote_at = m->odp + a->at,
	};
	enum ibv_wc_status status;

	fill(from, 1);
	fill(to, 2);
	memcpy(m->right, to, LENGTH);
	if (!a->outside)
		memcpy(m->right + a->at, from + a->at, a->length);
	status = nic_do(nic, &op);
	return status == (a->outside ? IBV_WC_REM_ACCESS_ERR : IBV_WC_SUCCESS) &&
	       !memcmp(m->right, to, LENGTH);
}

/* Here nothing is on demand. */
static bool window_attempt(int number, const struct window_attempt *a)
{
	struct memory m = { get_memory(), get_memory(), get_memory(), NULL, NULL };
	bool ready, right = false;
	struct ibv_mw *mw = NULL;
	uint32_t rkey = 0;
	struct nic nic;

	if (!m.odp || !m.pinned || !m.right)
		return false;
	ready = nic_open(&nic, IBV_MTU_1024) && nic_connect_self(&nic);
	if (ready) {
		m.odp_mr = ibv_reg_mr(nic.pd, m.odp, LENGTH, IBV_ACCESS_LOCAL_WRITE |
				      IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE |
				      IBV_ACCESS_MW_BIND);
		m.pinned_mr = nic_register(&nic, m.pinned, LENGTH, false);
		mw = ibv_alloc_mw(nic.pd, IBV_MW_TYPE_2);
	}
	if (m.odp_mr && m.pinned_mr && mw)
		rkey = bind_window(&nic, mw, m.odp_mr, m.odp);
	if (rkey)
		right = window_transfer(&nic, &m, a, rkey);
	if (mw)
		ibv_dealloc_mw(mw);
	release(&nic, &m);
	return report(number, a->name, right, rkey && a->outside);
}

/* Return: what the kernel says to the wish to have a page of a region. */
static int prefetch(bool on_demand)
{
	uint8_t *mem = get_memory();
	struct ibv_mr *mr = NULL;
	struct nic nic;
	int ret = -1;

	if (!mem)
		return ret;
	if (nic_open(&nic, IBV_MTU_1024))
		mr = nic_register(&nic, mem, LENGTH, on_demand);
	if (mr) {
		struct ibv_sge sge = {
			.addr = (uintptr_t)mem + PAGE, .length = PAGE, .lkey = mr->lkey,
		};

		ret = ibv_cmd_advise_mr(nic.pd, IBV_ADVISE_MR_ADVICE_PREFETCH,
					IBV_ADVISE_MR_FLAG_FLUSH, &sge, 1);
		ibv_dereg_mr(mr);
	}
	nic_close(&nic);
	munmap(mem, LENGTH);
	return ret;
}

static bool prefetches(int number)
{
	const char *right = "prefetch of on-demand memory", *wrong = "prefetch of pinned memory";

	if (!is_native()) {
		printf("ok %d - %s # SKIP not without the patches\n", number, right);
		printf("ok %d - %s # SKIP not without the patches\n", number + 1, wrong);
		return true;
	}
	return report(number, right, !prefetch(true), false) &
	       report(number + 1, wrong, prefetch(false) == EINVAL, false);
}

int main(void)
{
	int nr = sizeof(attempts) / sizeof(attempts[0]), i;
	int windows = sizeof(window_attempts) / sizeof(window_attempts[0]);
	bool good = true;

	printf("1..%d\n", nr + windows + 2);
	for (i = 0; i < nr; i++)
		good &= attempt(i + 1, &attempts[i]);
	for (i = 0; i < windows; i++)
		good &= window_attempt(nr + i + 1, &window_attempts[i]);
	good &= prefetches(nr + windows + 1);
	return !good;
}
