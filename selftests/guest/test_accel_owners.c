// SPDX-License-Identifier: GPL-2.0
/*
 * Accelerators and a BAR join and leave interconnects while jobs run: what a job reads is right,
 * whether it goes over the link, by PCI, or is here.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "common_accel.h"

#define LENGTH		MIB
#define CHANGES		6
#define PLACES		3
#define SEED		1

/**
 * struct worker - a thread that moves memory about, and has jobs on it
 * @fd: the accelerator that its jobs are for
 * @places: the memories where it lies in turn
 * @mem: what is read
 * @crc: of it
 * @stop: all threads are to end
 * @rounds: so many jobs were right
 * @failed: one was not
 * @thread: it
 */
struct worker {
	int fd;
	const uint32_t *places;
	uint8_t *mem;
	uint64_t crc;
	atomic_bool *stop;
	atomic_uint rounds;
	int failed;
	pthread_t thread;
};

/* CRC-32C, a bit at a time. */
static uint64_t crc_of(const uint8_t *mem, size_t length)
{
	uint32_t crc = UINT32_MAX;
	unsigned int bit;

	for (; length; length--) {
		crc ^= *mem++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* It begins and ends in RAM, so that devices are without pages now and then. */
static int work_once(struct worker *worker, uint32_t place)
{
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_CRC32C,
		.src = address(worker->mem),
		.length = LENGTH,
	};

	CHECK(hmm_p2p_migrate(ctx, NULL, place, address(worker->mem), LENGTH, NULL) == 0);
	CHECK(accel_run(worker->fd, &job) == 0);
	CHECK(job.out_result == worker->crc);
	CHECK(pattern_diff(worker->mem, 0, LENGTH, SEED) == -1);
	return 0;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	unsigned int i;

	for (i = 0; !*worker->stop && !worker->failed; i++) {
		worker->failed = work_once(worker, worker->places[i % PLACES]);
		worker->rounds++;
	}
	return NULL;
}

static void workers_start(struct worker *workers, size_t nr, const uint32_t *places,
			  atomic_bool *stop)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		workers[i] = (struct worker) { .fd = open_accel(i), .places = places, .stop = stop };
		workers[i].mem = map_pattern(LENGTH, SMALL_PAGES, SEED);
		workers[i].crc = i ? workers[0].crc : crc_of(workers[0].mem, LENGTH);
		assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_main,
						&workers[i]), 0);
	}
}

static void workers_end(struct worker *workers, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		AWAIT(pthread_tryjoin_np(workers[i].thread, NULL) == 0);
		assert_int_equal(workers[i].failed, 0);
		assert_true(workers[i].rounds > 0);
		close(workers[i].fd);
		unmap(workers[i].mem, LENGTH);
	}
}

/* The exporter whose memory the CPU copies. */
static uint32_t bar_memory(void)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;

	for (i = 0; i < n; i++)
		if (is_exporter(&infos[i]) && strncmp((char *)infos[i].out_name, "accel", 5))
			return infos[i].out_id;
	SKIP("there is no exporter but accelerators");
	return 0;
}

/* Between two pages that it holds. */
static bool changes(uint32_t device, uint32_t peer)
{
	int ret = hmm_p2p_set_owner(ctx, device, peer, NULL);

	REQUIRE(ret == 0 || ret == -EBUSY);
	return !ret;
}

/* A job has read what is on @device in that way since then. */
static void await_reads(uint32_t device, enum hmm_p2p_counter counter)
{
	struct hmm_p2p_stat before = stat_now(device);

	AWAIT(stat_delta(device, &before, counter));
}

static void test_owners_change(void **state)
{
	const uint32_t places[PLACES] = { accel_memory(0), accel_memory(1), bar_memory() };
	uint32_t here = places[0], there = places[1], bar = places[2];
	struct worker workers[2];
	atomic_bool stop = false;
	unsigned int i;

	(void)state;
	workers_start(workers, ARRAY_SIZE(workers), places, &stop);
	for (i = 0; i < CHANGES; i++) {
		AWAIT(changes(there, here));
		await_reads(there, HMM_P2P_COUNTER_PRIVATE);
		AWAIT(changes(bar, 0));
		/* What has no link to them is none of theirs, whoever asks. */
		assert_int_equal(hmm_p2p_set_owner(ctx, bar, here, NULL), -EOPNOTSUPP);
		assert_int_equal(hmm_p2p_set_owner(ctx, here, bar, NULL), -EOPNOTSUPP);
		/* Who came first leaves, and the other one is alone. */
		AWAIT(changes(here, 0));
		await_reads(there, HMM_P2P_COUNTER_P2P);
		AWAIT(changes(here, there));
		await_reads(here, HMM_P2P_COUNTER_PRIVATE);
		AWAIT(changes(there, 0));
		await_reads(bar, HMM_P2P_COUNTER_P2P);
	}
	stop = true;
	workers_end(workers, ARRAY_SIZE(workers));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_owners_change),
	};

	return RUN("accel_owners", tests);
}
