// SPDX-License-Identifier: GPL-2.0
/*
 * A process is stuck in a fault, and others do not wait for it: an importer that goes,
 * in whose name the fault is, or which has read a dma-buf for it; who wants room on a
 * device that has huge pages of it; and who shares memory with it since a fork.
 */
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>

#include "common_stuck.h"

static const char *driver_of(const struct hmm_p2p_device_info *info)
{
	return is_exporter(info) ? "hmm_p2p_pci" : "hmm_p2p_edu";
}

static int unbind(void *arg)
{
	CHECK(driver_unbind(driver_of(arg), arg) == 0);
	return 0;
}

/* ---------------------------------------------------------- the importer goes */

/**
 * struct caller - a child whose call gets stuck
 * @importer: who reaches, and goes
 * @mem: a page of a frozen file; NULL: one that nobody serves
 * @buffer: a dma-buf that it reads to that page; -1: it writes the page itself
 * @ret: what the call returned
 */
struct caller {
	struct hmm_p2p_device_info importer;
	uint8_t *mem;
	int buffer;
	int64_t ret;
};

static int caller_main(void *arg)
{
	uint8_t *data = map_pattern(page_size, SMALL_PAGES, 3);
	struct caller *caller = arg;
	uint8_t *mem = caller->mem ?: map_unserved();
	uint32_t id = caller->importer.out_id;

	if (caller->buffer >= 0)
		caller->ret = hmm_p2p_import_read(ctx, id, caller->buffer, 0, mem, page_size);
	else
		caller->ret = hmm_p2p_write(ctx, NULL, id, (uintptr_t)mem, page_size, data,
					    0, NULL, NULL);
	return 0;
}

static struct caller *caller_alloc(const struct hmm_p2p_device_info *importer)
{
	struct caller *caller = mmap(NULL, sizeof(*caller), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	REQUIRE(caller != MAP_FAILED);
	caller->importer = *importer;
	caller->buffer = -1;
	caller->ret = INT64_MIN;
	return caller;
}

/* One that copies with the CPU, and one with a DMA engine. */
static struct hmm_p2p_device_info importer_of_kind(bool slow)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;

	for (i = 0; i < n; i++)
		if (is_importer(&infos[i]) && is_slow(&infos[i]) == slow &&
		    infos[i].out_caps & HMM_P2P_CAP_PCI)
			break;
	if (i == n)
		SKIP("there is no such importer");
	return infos[i];
}

/* Nobody serves the caller: it is killed, after its importer has gone. */
static void importer_leaves_unserved(struct caller *caller)
{
	pid_t stuck = child_start(caller_main, caller), removal;
	bool held = await_stuck(stuck, stuck, "userfault"), gone;

	removal = child_start(unbind, &caller->importer);
	gone = child_ends(removal, REMOVAL_SECONDS);
	assert_int_equal(kill(stuck, SIGKILL), 0);
	assert_int_equal(child_wait(stuck), -SIGKILL);
	assert_int_equal(child_wait(removal), 0);
	assert_int_equal(driver_bind(driver_of(&caller->importer), &caller->importer), 0);
	assert_true(held);
	assert_true(gone);
}

static void importer_unserved(bool slow)
{
	struct hmm_p2p_device_info importer = importer_of_kind(slow);
	struct caller *caller = caller_alloc(&importer);

	importer_leaves_unserved(caller);
	munmap(caller, sizeof(*caller));
}

static void test_importer_unserved(void **state)
{
	(void)state;
	importer_unserved(false);
	importer_unserved(true);
}

/* The file comes back to life, and the call finds that its importer has gone. */
static void importer_frozen(bool slow)
{
	struct hmm_p2p_device_info importer = importer_of_kind(slow);
	struct caller *caller = caller_alloc(&importer);
	struct frozen frozen = frozen_open();
	pid_t stuck, removal;
	bool held, gone;

	caller->mem = frozen.mem;
	stuck = child_start(caller_main, caller);
	held = await_stuck(stuck, stuck, "page_mkwrite");
	removal = child_start(unbind, &importer);
	gone = child_ends(removal, REMOVAL_SECONDS);
	frozen_thaw(&frozen);
	assert_int_equal(child_wait(removal), 0);
	assert_int_equal(child_wait(stuck), 0);
	assert_int_equal(driver_bind(driver_of(&importer), &importer), 0);
	assert_true(held);
	assert_true(gone);
	assert_int_equal(caller->ret, -ENODEV);
	assert_zero(frozen.mem, page_size);
	frozen_close(&frozen);
	munmap(caller, sizeof(*caller));
}

static void test_importer_frozen(void **state)
{
	(void)state;
	importer_frozen(false);
	importer_frozen(true);
}

/* A page of RAM as a dma-buf, for whose bytes there is no place. */
static void test_import_unserved(void **state)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = page_size };
	int node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	struct hmm_p2p_device_info importer = importer_of_kind(true);
	struct caller *caller = caller_alloc(&importer);

	(void)state;
	if (node < 0)
		SKIP("there is no /dev/udmabuf: %s", strerror(errno));
	create.memfd = memfd_create("ram", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	assert_int_equal(ftruncate(create.memfd, page_size), 0);
	assert_int_equal(fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	caller->buffer = ioctl(node, UDMABUF_CREATE, &create);
	assert_true(caller->buffer >= 0);
	importer_leaves_unserved(caller);
	close(caller->buffer);
	close(create.memfd);
	close(node);
	munmap(caller, sizeof(*caller));
}

/* -------------------------------------------------------------- a newcomer */

static uint32_t importer_beside(uint32_t id)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;

	for (i = 0; i < n; i++)
		if (is_importer(&infos[i]) && infos[i].out_id != id)
			break;
	if (i == n)
		SKIP("there is no other importer");
	return infos[i].out_id;
}

/*
 * The device is full, of @length bytes in huge pages of the victim, which cannot be
 * asked for them, and of others' memory, which makes room.
 */
static void newcomer(uint32_t device, size_t length, size_t wanted)
{
	struct hmm_p2p_device_info exporter = smallest_exporter();
	uint8_t *others = map_pattern(exporter.out_memory_bytes, SMALL_PAGES, 4);
	uint8_t *mem = map_pattern(wanted, HUGE_PAGES, 5);
	struct hmm_p2p_migrate result;
	bool fits = wanted < exporter.out_memory_bytes - length;
	int ret;

	assert_int_equal(hmm_p2p_migrate_flags(ctx, NULL, device, HMM_P2P_MIGRATE_NO_EVICT,
					       (uintptr_t)others, exporter.out_memory_bytes,
					       NULL), -ENOSPC);
	ret = hmm_p2p_migrate(ctx, NULL, device, (uintptr_t)mem, wanted, &result);
	assert_int_equal(ret, fits ? 0 : -ENOSPC);
	assert_true(!fits || result.out_moved == wanted / page_size);
	assert_true(fits || result.out_reasons[HMM_P2P_REASON_NO_DEVICE_MEMORY] > 0);
	assert_pattern(mem, wanted, 5);
	assert_pattern(others, exporter.out_memory_bytes, 4);
	unmap(mem, wanted);
	unmap(others, exporter.out_memory_bytes);
}

static void newcomer_meets_victim(size_t length, size_t wanted)
{
	struct captive victim = { .device = smallest_exporter().out_id, .length = length };
	bool stays;

	victim.importer = importer_beside(victim.device);
	captive_start(&victim);
	newcomer(victim.device, length, wanted);
	stays = used_bytes(victim.device) >= length;
	captive_end(&victim);
	assert_true(stays);
}

static void test_newcomer_room(void **state)
{
	(void)state;
	newcomer_meets_victim(2 * huge_size, 4 * huge_size);
}

/* One chunk is left, of which the device keeps a page for itself. */
static void test_newcomer_no_room(void **state)
{
	(void)state;
	newcomer_meets_victim(smallest_exporter().out_memory_bytes - huge_size,
			      2 * huge_size);
}

/* ------------------------------------------------------------ relatives */

/**
 * struct kin - children of one parent, of which one is stuck
 * @mem: what they have from it
 * @device: where both move it
 * @importer: in whose name the fault is
 * @frozen: of the fault, which holds the mmap_lock
 * @tid: the thread of the fault
 */
struct kin {
	uint8_t *mem;
	uint32_t device;
	uint32_t importer;
	struct frozen frozen;
	pid_t tid;
};

static void *kin_faults(void *arg)
{
	struct kin *kin = arg;

	__atomic_store_n(&kin->tid, gettid(), __ATOMIC_RELEASE);
	REQUIRE(!hmm_p2p_fault(ctx, NULL, kin->importer, (uintptr_t)kin->frozen.mem, page_size,
			       HMM_P2P_ACCESS_WRITE, NULL, NULL));
	return NULL;
}

static int kin_moves(void *arg)
{
	const struct kin *kin = arg;
	struct hmm_p2p_migrate result;

	CHECK(!hmm_p2p_migrate(ctx, NULL, kin->device, (uintptr_t)kin->mem, huge_size, &result));
	CHECK(result.out_moved + result.out_already == huge_size / page_size);
	return 0;
}

/* It cannot have the lock, and keeps its turn. */
static int kin_gets_stuck(void *arg)
{
	struct kin *kin = arg;
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, kin_faults, kin));
	while (!__atomic_load_n(&kin->tid, __ATOMIC_ACQUIRE))
		sched_yield();
	CHECK(await_stuck(getpid(), kin->tid, "page_mkwrite"));
	CHECK(!kin_moves(kin));
	CHECK(!pthread_join(thread, NULL));
	return 0;
}

/* What it shares with others since a fork is theirs to move. */
static void test_relatives(void **state)
{
	struct kin kin = { .device = largest_exporter(huge_size).out_id };
	pid_t stuck, mover;
	bool held, ends;

	(void)state;
	kin.importer = importer_beside(kin.device);
	kin.mem = map_pattern(huge_size, SMALL_PAGES, 6);
	kin.frozen = frozen_open();
	stuck = child_start(kin_gets_stuck, &kin);
	held = await_stuck(stuck, stuck, "hmm_p2p_pass_lock");
	mover = child_start(kin_moves, &kin);
	ends = child_ends(mover, STUCK_SECONDS);
	frozen_thaw(&kin.frozen);
	assert_int_equal(child_wait(mover), 0);
	assert_int_equal(child_wait(stuck), 0);
	assert_true(held);
	assert_true(ends);
	frozen_close(&kin.frozen);
	assert_pattern(kin.mem, huge_size, 6);
	unmap(kin.mem, huge_size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_importer_unserved),
		TEST(test_importer_frozen),
		TEST(test_import_unserved),
		TEST(test_newcomer_room),
		TEST(test_newcomer_no_room),
		TEST(test_relatives),
	};

	return RUN("stuck_others", tests);
}
