// SPDX-License-Identifier: GPL-2.0
/*
 * Two hosts, and the same program on both, step by step: one of them reads and
 * writes the other's memory over RDMA, from memory of its own. Both memories
 * live on devices, and stay there. A TCP connection keeps the two in step and
 * tells each what it needs to know of the other.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common.h"
#include "verbs.h"

#define PAGES		64
#define PORT		7471

/* One host may have booted that much earlier than the other. */
#define MEET_SECONDS	120

static struct nic nic;
static int host;	/* 1 or 2 */
static int wire = -1;	/* to the other */

/* ------------------------------------------------------------- the other host */

static struct sockaddr_in address_of(int number)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(0x0a000000 + number),
	};

	return addr;
}

static int wait_for_other(void)
{
	struct timeval limit = { .tv_sec = MEET_SECONDS };
	struct sockaddr_in addr = address_of(host);
	int one = 1, fd, conn;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1))
		return -1;
	conn = accept(fd, NULL, NULL);
	close(fd);
	return conn;
}

static int call_other(void)
{
	struct sockaddr_in addr = address_of(3 - host);
	double until = seconds_now() + MEET_SECONDS;
	int fd;

	while (seconds_now() < until) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return -1;
		if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
			return fd;
		close(fd);
		/* Nobody listens there yet. */
		usleep(100000);
	}
	errno = ETIMEDOUT;
	return -1;
}

/* Sends @mine and waits for as much in @theirs: also how both get in step. */
static void exchange(const void *mine, void *theirs, size_t size)
{
	assert_int_equal(send(wire, mine, size, MSG_NOSIGNAL), size);
	assert_int_equal(recv(wire, theirs, size, MSG_WAITALL), size);
}

/* Both have come as far as @step. */
static void together(int step)
{
	int other = 0;

	exchange(&step, &other, sizeof(step));
	assert_int_equal(other, step);
}

static int hosts_setup(void **state)
{
	struct timeval limit = { .tv_sec = MEET_SECONDS };
	const char *number = getenv("HMM_P2P_HOST");
	int one = 1;

	host = number ? atoi(number) : 0;
	if (suite_setup(state) || !nic_open(&nic, IBV_MTU_4096))
		return -1;
	wire = host == 1 ? wait_for_other() : call_other();
	if (wire < 0 ||
	    setsockopt(wire, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ||
	    setsockopt(wire, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))) {
		fprintf(stderr, "# host %d does not reach the other: %s\n", host,
			strerror(errno));
		return -1;
	}
	return 0;
}

static int hosts_teardown(void **state)
{
	close(wire);
	nic_close(&nic);
	return suite_teardown(state);
}

/* -------------------------------------------------------------------- memory */

/* What a host tells the other about itself. */
struct card {
	struct nic_peer peer;
	uint64_t addr;
	uint32_t rkey;
};

/**
 * struct side - this host's part in a transfer
 * @exporter: where its memory lives
 * @mem: the memory
 * @length: of it
 * @mr: its region, on demand
 * @other: about the other host
 * @before: the exporter's counters
 */
struct side {
	uint32_t exporter;
	uint8_t *mem;
	size_t length;
	struct ibv_mr *mr;
	struct card other;
	struct hmm_p2p_stat before;
};

/* Every host's bytes are its own. */
static uint64_t seed_of(int number)
{
	return 100 * number;
}

static void side_start(struct side *side, enum paging paging)
{
	struct card card;

	memset(&card, 0, sizeof(card));
	side->exporter = largest_exporter(8 * MIB).out_id;
	side->length = paging == HUGE_PAGES ? huge_size : PAGES * page_size;
	side->mem = map_pattern(side->length, paging, seed_of(host));
	side->mr = nic_register(&nic, side->mem, side->length, true);
	assert_non_null(side->mr);
	move_all_to(side->exporter, side->mem, side->length);

	assert_true(nic_renew(&nic));
	card.peer.gid = nic.gid;
	card.peer.qp_num = nic.qp[0]->qp_num;
	card.addr = (uintptr_t)side->mem;
	card.rkey = side->mr->rkey;
	exchange(&card, &side->other, sizeof(card));
	assert_true(nic_connect(&nic, 0, &side->other.peer));
	side->before = stat_now(side->exporter);
	together(1);
}

/* Both hosts' memory went to their NICs as p2p, and is where it was. */
static void side_stayed(const struct side *side)
{
	size_t pages = side->length / page_size;

	assert_int_equal(stat_delta(side->exporter, &side->before,
				    HMM_P2P_COUNTER_P2P), pages);
	assert_int_equal(stat_delta(side->exporter, &side->before,
				    HMM_P2P_COUNTER_SENT_HOME), 0);
	assert_int_equal(stat_delta(side->exporter, &side->before,
				    HMM_P2P_COUNTER_TO_RAM), 0);
	assert_int_equal(pages_on(side->exporter, side->mem, side->length), pages);
}

static void side_end(struct side *side)
{
	assert_int_equal(ibv_dereg_mr(side->mr), 0);
	unmap(side->mem, side->length);
}

/* ----------------------------------------------------------------- transfers */

static void act(const struct side *side, enum ibv_wr_opcode opcode)
{
	const struct ibv_mr there = { .rkey = side->other.rkey };
	const struct nic_op op = {
		.opcode = opcode, .length = side->length,
		.local = side->mr, .at = side->mem,
		.remote = &there, .remote_at = (void *)(uintptr_t)side->other.addr,
	};

	assert_int_equal(nic_do(&nic, &op), IBV_WC_SUCCESS);
}

/* Host @actor reads or writes; in the end both have the bytes of host @from. */
static void transfer(int actor, enum ibv_wr_opcode opcode, int from,
		     enum paging paging)
{
	struct side side;

	side_start(&side, paging);
	if (host == actor)
		act(&side, opcode);
	together(2);
	side_stayed(&side);
	assert_pattern(side.mem, side.length, seed_of(from));
	together(3);
	side_end(&side);
}

#define TRANSFER(name, actor, opcode, from)			\
	static void name(void **state)				\
	{							\
		(void)state;					\
		transfer(actor, opcode, from, SMALL_PAGES);	\
		transfer(actor, opcode, from, HUGE_PAGES);	\
	}

TRANSFER(test_first_reads, 1, IBV_WR_RDMA_READ, 2)
TRANSFER(test_first_writes, 1, IBV_WR_RDMA_WRITE, 1)
TRANSFER(test_second_reads, 2, IBV_WR_RDMA_READ, 1)
TRANSFER(test_second_writes, 2, IBV_WR_RDMA_WRITE, 2)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_reads),
		TEST(test_first_writes),
		TEST(test_second_reads),
		TEST(test_second_writes),
	};

	return cmocka_run_group_tests_name("two hosts", tests, hosts_setup,
					   hosts_teardown);
}
