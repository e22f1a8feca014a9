// SPDX-License-Identifier: GPL-2.0
/*
 * Devices go away with pages on them, while the CPU and importers use these:
 * by unbind, by remove, by rmmod, by reset, by unplugging, by errors of the bus.
 * Every byte survives in RAM, calls say ENOENT or ENODEV, and everything else goes
 * on. The last test of a boot, because what was unplugged stays away.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common.h"

#define LENGTH	(8 * MIB)

/* -------------------------------------------------------- taking devices away */

static void device_path(const struct hmm_p2p_device_info *info, const char *file,
			char *path, size_t size)
{
	snprintf(path, size, "/sys/bus/pci/devices/%s/%s",
		 (const char *)info->out_bus, file);
}

static const char *driver_of(const struct hmm_p2p_device_info *info)
{
	return is_exporter(info) ? "hmm_p2p_pci" : "hmm_p2p_edu";
}

static void unbind(const struct hmm_p2p_device_info *info)
{
	assert_int_equal(driver_unbind(driver_of(info), info), 0);
}

static void bind_again(const struct hmm_p2p_device_info *info)
{
	struct hmm_p2p_device_info now;

	assert_int_equal(driver_bind(driver_of(info), info), 0);
	assert_int_equal(hmm_p2p_device_find(ctx, (const char *)info->out_bus, &now),
			 0);
	assert_int_not_equal(now.out_id, info->out_id);
	assert_int_equal(now.out_memory_bytes, info->out_memory_bytes);
	assert_int_equal(now.out_used_bytes, 0);
}

static void remove_device(const struct hmm_p2p_device_info *info)
{
	char path[128];

	device_path(info, "remove", path, sizeof(path));
	assert_int_equal(write_file(path, "1"), 0);
}

static void rescan(const struct hmm_p2p_device_info *info)
{
	(void)info;
	assert_int_equal(write_file("/sys/bus/pci/rescan", "1"), 0);
}

static void unload(const struct hmm_p2p_device_info *info)
{
	(void)info;
	assert_int_equal(system("rmmod hmm_p2p_pci"), 0);
}

static void load_again(const struct hmm_p2p_device_info *info)
{
	(void)info;
	assert_int_equal(system("load hmm_p2p_pci"), 0);
}

static bool find_pci_exporter(struct hmm_p2p_device_info *info)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;

	for (i = 0; i < n; i++) {
		if (!is_exporter(&infos[i]) ||
		    !(infos[i].out_caps & HMM_P2P_CAP_PCI) ||
		    infos[i].out_memory_bytes < 4 * LENGTH)
			continue;
		*info = infos[i];
		return true;
	}
	return false;
}

/* A test that failed half way may have left none. */
static struct hmm_p2p_device_info pci_exporter(void)
{
	struct hmm_p2p_device_info info;

	if (find_pci_exporter(&info))
		return info;
	if (system("load hmm_p2p_pci 2>/dev/null"))
		write_file("/sys/bus/pci/rescan", "1");
	if (!find_pci_exporter(&info))
		SKIP("there is no PCI exporter");
	return info;
}

/* ------------------------------------------- calls about a device that is gone */

static void is_gone(const struct hmm_p2p_device_info *info, uint8_t *mem)
{
	struct hmm_p2p_device_info now;
	struct hmm_p2p_stat stat;
	uint32_t id = info->out_id;
	uint8_t *data = map_memory(page_size, SMALL_PAGES);
	uint64_t addr = (uintptr_t)mem;

	if (!hmm_p2p_device_next(ctx, id, &now))
		assert_int_not_equal(now.out_id, id);
	assert_int_equal(hmm_p2p_stat(ctx, id, &stat), -ENOENT);
	assert_int_equal(hmm_p2p_migrate(ctx, NULL, id, addr, page_size, NULL),
			 -ENOENT);
	assert_int_equal(hmm_p2p_read(ctx, NULL, id, addr, page_size, data, 0, NULL,
				      NULL), -ENOENT);
	assert_int_equal(hmm_p2p_query(ctx, NULL, id, addr, page_size, NULL, NULL),
			 -ENOENT);
	assert_int_equal(hmm_p2p_set_owner(ctx, id, 0, NULL), -ENOENT);
	unmap(data, page_size);
}

typedef void (*device_fn)(const struct hmm_p2p_device_info *info);

/* Nobody uses the memory at the moment. */
static void goes_away_at_rest(device_fn away, device_fn back)
{
	struct hmm_p2p_device_info exporter = pci_exporter(), now;
	uint8_t *small = map_pattern(LENGTH, SMALL_PAGES, 1);
	uint8_t *huge = map_pattern(LENGTH, HUGE_PAGES, 2);

	move_all_to(exporter.out_id, small, LENGTH);
	move_all_to(exporter.out_id, huge, LENGTH);
	away(&exporter);
	is_gone(&exporter, small);
	assert_int_equal(pages_on(0, small, LENGTH), 0);
	assert_int_equal(pages_on(0, huge, LENGTH), 0);
	assert_pattern(small, LENGTH, 1);
	assert_pattern(huge, LENGTH, 2);

	back(&exporter);
	assert_int_equal(hmm_p2p_device_find(ctx, (const char *)exporter.out_bus,
					     &now), 0);
	move_all_to(now.out_id, small, LENGTH);
	move_all_to(now.out_id, huge, LENGTH);
	assert_pattern(small, LENGTH, 1);
	assert_pattern(huge, LENGTH, 2);
	unmap(small, LENGTH);
	unmap(huge, LENGTH);
}

static void test_unbind(void **state)
{
	(void)state;
	goes_away_at_rest(unbind, bind_again);
}

static void test_remove(void **state)
{
	(void)state;
	goes_away_at_rest(remove_device, rescan);
}

static void test_unload(void **state)
{
	(void)state;
	goes_away_at_rest(unload, load_again);
}

/* The node stays while somebody has it open, and the core that it needs. */
static void test_core_in_use(void **state)
{
	(void)state;
	assert_int_not_equal(system("rmmod hmm_p2p_uapi 2>/dev/null"), 0);
	assert_int_equal(access("/sys/module/hmm_p2p_uapi", F_OK), 0);
	assert_int_not_equal(system("rmmod hmm_p2p 2>/dev/null"), 0);
	assert_int_equal(access("/sys/module/hmm_p2p", F_OK), 0);
}

/* ------------------------------------------------------------------ under load */

/**
 * struct load - threads that use memory while its device goes away
 * @mem: the memory, with pattern 3
 * @exporter: id of the device that goes away
 * @importers: ids of devices that read the memory; 0: none
 * @stop: the device is away and everything was seen
 * @bad: something was wrong
 * @moved: pages that went to the device
 * @read: pages that importers read
 * @refused: calls that were told that the device is gone
 */
struct load {
	uint8_t *mem;
	uint32_t exporter;
	uint32_t importers[2];
	bool stop;
	int bad;
	unsigned long moved, read, refused;
};

static bool is_gone_error(int err)
{
	return err == -ENOENT || err == -ENODEV;
}

static int moves(struct load *load)
{
	struct hmm_p2p_migrate result;
	int ret = hmm_p2p_migrate(ctx, NULL, load->exporter, (uintptr_t)load->mem,
				  LENGTH, &result);

	CHECK(ret == 0 || is_gone_error(ret));
	__atomic_add_fetch(&load->moved, result.out_moved, __ATOMIC_RELAXED);
	if (ret)
		__atomic_add_fetch(&load->refused, 1, __ATOMIC_RELAXED);
	return 0;
}

static int reads_by(struct load *load, uint32_t importer, size_t length)
{
	static __thread uint64_t seed = 77;
	size_t at = random_next(&seed) % (LENGTH - length) & ~(page_size - 1);
	struct hmm_p2p_access result;
	uint8_t *data;
	int ret, bad;

	if (!importer)
		return 0;
	data = calloc(1, length);
	CHECK(data);
	ret = hmm_p2p_read(ctx, NULL, importer, (uintptr_t)load->mem + at, length,
			   data, 0, NULL, &result);
	bad = pattern_diff(data, at, result.out_bytes, 3) != -1;
	free(data);
	CHECK(ret == 0 || is_gone_error(ret));
	CHECK(!bad);
	__atomic_add_fetch(&load->read, result.out_bytes / page_size,
			   __ATOMIC_RELAXED);
	return 0;
}

static int first_reads(struct load *load)
{
	return reads_by(load, load->importers[0], MIB);
}

static int second_reads(struct load *load)
{
	return reads_by(load, load->importers[1], page_size);
}

static int cpu_reads(struct load *load)
{
	CHECK(pattern_diff(load->mem, 0, LENGTH / 4, 3) == -1);
	return 0;
}

struct loader {
	struct load *load;
	int (*fn)(struct load *load);
	pthread_t thread;
};

static void *loader_main(void *arg)
{
	struct loader *loader = arg;
	struct load *load = loader->load;

	while (!__atomic_load_n(&load->stop, __ATOMIC_RELAXED))
		if (loader->fn(load)) {
			__atomic_store_n(&load->bad, 1, __ATOMIC_RELAXED);
			break;
		}
	return NULL;
}

/* Until @value has grown, or a thread has found something wrong. */
static void await(struct load *load, unsigned long *value)
{
	unsigned long before = __atomic_load_n(value, __ATOMIC_RELAXED);

	while (__atomic_load_n(value, __ATOMIC_RELAXED) == before &&
	       !__atomic_load_n(&load->bad, __ATOMIC_RELAXED))
		usleep(1000);
}

/* Importers other than the exporter; edu if there is one. */
static void find_readers(struct load *load)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;

	for (i = 0; i < n; i++) {
		if (!is_importer(&infos[i]) || infos[i].out_id == load->exporter)
			continue;
		load->importers[is_slow(&infos[i])] = infos[i].out_id;
	}
}

static void goes_away_under_load(const struct hmm_p2p_device_info *exporter,
				 const struct hmm_p2p_device_info *victim,
				 device_fn away)
{
	static int (* const fns[])(struct load *load) = {
		moves, first_reads, second_reads, cpu_reads,
	};
	struct load load = { .exporter = exporter->out_id };
	struct loader loaders[ARRAY_SIZE(fns)];
	size_t i;

	load.mem = map_pattern(LENGTH, HUGE_PAGES, 3);
	find_readers(&load);
	for (i = 0; i < ARRAY_SIZE(fns); i++) {
		loaders[i] = (struct loader) { .load = &load, .fn = fns[i] };
		assert_int_equal(pthread_create(&loaders[i].thread, NULL, loader_main,
						&loaders[i]), 0);
	}
	await(&load, &load.moved);
	if (load.importers[0] || load.importers[1])
		await(&load, &load.read);
	away(victim);
	if (victim->out_id == exporter->out_id)
		await(&load, &load.refused);
	__atomic_store_n(&load.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(fns); i++)
		pthread_join(loaders[i].thread, NULL);
	assert_int_equal(load.bad, 0);
	is_gone(victim, load.mem);
	assert_pattern(load.mem, LENGTH, 3);
	unmap(load.mem, LENGTH);
}

static void goes_and_comes_under_load(device_fn away, device_fn back)
{
	struct hmm_p2p_device_info exporter = pci_exporter();

	goes_away_under_load(&exporter, &exporter, away);
	back(&exporter);
}

static void test_unbind_under_load(void **state)
{
	(void)state;
	goes_and_comes_under_load(unbind, bind_again);
}

static void test_remove_under_load(void **state)
{
	(void)state;
	goes_and_comes_under_load(remove_device, rescan);
}

static void test_unload_under_load(void **state)
{
	(void)state;
	goes_and_comes_under_load(unload, load_again);
}

/* The one that reads goes away, while it reads. */
static void importer_goes_away(bool slow)
{
	struct hmm_p2p_device_info exporter = pci_exporter(), infos[MAX_DEVICES];
	size_t n = device_list(infos), i;

	for (i = 0; i < n; i++)
		if (is_importer(&infos[i]) && is_slow(&infos[i]) == slow &&
		    infos[i].out_caps & HMM_P2P_CAP_PCI &&
		    infos[i].out_id != exporter.out_id)
			break;
	if (i == n)
		SKIP("there is no such importer");
	goes_away_under_load(&exporter, &infos[i], unbind);
	bind_again(&infos[i]);
}

static void test_importer_unbind(void **state)
{
	(void)state;
	importer_goes_away(false);
}

static void test_bus_master_unbind(void **state)
{
	(void)state;
	importer_goes_away(true);
}

/* ---------------------------------------------------------------------- unplug */

static char qemu_name[64];

/* Asks, and waits until the kernel has let it go. */
static void unplug(const struct hmm_p2p_device_info *info)
{
	char command[128], path[128];

	snprintf(command, sizeof(command), "monitor device_del %s", qemu_name);
	assert_int_equal(system(command), 0);
	device_path(info, "vendor", path, sizeof(path));
	while (!access(path, F_OK))
		usleep(10000);
}

static void test_unplug_under_load(void **state)
{
	struct hmm_p2p_device_info exporter = pci_exporter();

	(void)state;
	if (!qemu_id((const char *)exporter.out_bus, qemu_name, sizeof(qemu_name)))
		SKIP("QEMU's monitor cannot be asked");
	goes_away_under_load(&exporter, &exporter, unplug);
}

/* Whoever is left works as before. */
static void test_the_others_work(void **state)
{
	struct hmm_p2p_device_info exporter = pci_exporter();
	uint8_t *mem = map_pattern(LENGTH, HUGE_PAGES, 4);

	(void)state;
	move_all_to(exporter.out_id, mem, LENGTH);
	assert_pattern(mem, LENGTH, 4);
	unmap(mem, LENGTH);
}

/* ---------------------------------------------------------- resets and errors */

static void nothing(const struct hmm_p2p_device_info *info)
{
	(void)info;
}

static void reset(const struct hmm_p2p_device_info *info)
{
	char path[128];

	device_path(info, "reset", path, sizeof(path));
	assert_int_equal(write_file(path, "1"), 0);
}

static void test_reset(void **state)
{
	(void)state;
	goes_away_at_rest(reset, nothing);
}

static void test_reset_under_load(void **state)
{
	(void)state;
	goes_and_comes_under_load(reset, nothing);
}

/* QEMU's name for the port above it: the next one, or the root port. */
static bool port_above(const struct hmm_p2p_device_info *info, bool root, char *id,
		       size_t size)
{
	char path[128], *whole, *bdf;
	bool found;

	device_path(info, "", path, sizeof(path));
	whole = realpath(path, NULL);
	assert_non_null(whole);
	if (root) {
		bdf = strstr(whole, "/pci0000:00/");
		assert_non_null(bdf);
		bdf += strlen("/pci0000:00/");
		bdf[strcspn(bdf, "/")] = 0;
	} else {
		*strrchr(whole, '/') = 0;
		bdf = strrchr(whole, '/') + 1;
	}
	found = qemu_id(bdf, id, size);
	free(whole);
	return found;
}

static int inject(const char *error)
{
	char command[128];

	snprintf(command, sizeof(command), "monitor pcie_aer_inject_error %s %s",
		 qemu_name, error);
	return system(command);
}

/* The kernel resets the link, and the device comes back as a new one. */
static void fatal_error(const struct hmm_p2p_device_info *info)
{
	struct hmm_p2p_device_info now;

	assert_true(port_above(info, false, qemu_name, sizeof(qemu_name)));
	assert_int_equal(inject("DLP"), 0);
	while (hmm_p2p_device_find(ctx, (const char *)info->out_bus, &now) ||
	       now.out_id == info->out_id)
		usleep(10000);
}

static void need_port(bool root)
{
	struct hmm_p2p_device_info exporter = pci_exporter();

	if (system("ls /sys/bus/pci_express/drivers/aer/*:pcie* >/dev/null 2>&1"))
		SKIP("this kernel does not deal with errors of the bus");
	if (!port_above(&exporter, root, qemu_name, sizeof(qemu_name)))
		SKIP("QEMU's monitor cannot be asked");
}

static void test_link_error(void **state)
{
	(void)state;
	need_port(false);
	goes_away_at_rest(fatal_error, nothing);
}

static void test_link_error_under_load(void **state)
{
	(void)state;
	need_port(false);
	goes_and_comes_under_load(fatal_error, nothing);
}

/*
 * A device beside it, below the root port, has no error handlers: all are given up, one
 * after the other, by a thread of the kernel, which says when it is through.
 */
static void given_up(const struct hmm_p2p_device_info *info)
{
	int log = log_open();

	assert_true(port_above(info, true, qemu_name, sizeof(qemu_name)));
	assert_int_equal(inject("COMP_TIME"), 0);
	log_await(log, "device recovery failed");
	close(log);
}

static void load_anew(const struct hmm_p2p_device_info *info)
{
	(void)info;
	assert_int_equal(system("rmmod hmm_p2p_pci && load hmm_p2p_pci"), 0);
}

static void test_given_up(void **state)
{
	(void)state;
	need_port(true);
	goes_away_at_rest(given_up, load_anew);
}

/* Whether the function answers at the addresses of its BARs. */
static void set_decode(const struct hmm_p2p_device_info *info, bool on)
{
	uint16_t command;
	char path[128];
	int fd;

	device_path(info, "config", path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	REQUIRE(fd >= 0);
	REQUIRE(pread(fd, &command, sizeof(command), PCI_COMMAND) == sizeof(command));
	command = on ? command | PCI_COMMAND_MEMORY : command & ~PCI_COMMAND_MEMORY;
	REQUIRE(pwrite(fd, &command, sizeof(command), PCI_COMMAND) == sizeof(command));
	close(fd);
}

/* What is copied to a BAR that does not decode is nowhere, so it is not moved. */
static void test_not_decoded(void **state)
{
	struct hmm_p2p_device_info exporter = pci_exporter();
	uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 33);
	struct hmm_p2p_migrate result;

	(void)state;
	set_decode(&exporter, false);
	hmm_p2p_migrate(ctx, NULL, exporter.out_id, (uintptr_t)mem, LENGTH, &result);
	set_decode(&exporter, true);
	assert_int_equal(result.out_moved, 0);
	assert_int_equal(pages_on(0, mem, LENGTH), 0);
	assert_pattern(mem, LENGTH, 33);
	unmap(mem, LENGTH);
}

static int touches_what_is_lost(void *arg)
{
	const struct hmm_p2p_device_info *info = arg;
	struct hmm_p2p_migrate result;
	volatile uint8_t *mem = map_pattern(LENGTH, SMALL_PAGES, 34);

	CHECK(!hmm_p2p_migrate(ctx, NULL, info->out_id, (uintptr_t)mem, LENGTH, &result));
	CHECK(result.out_moved == LENGTH / page_size);
	set_decode(info, false);
	CHECK(!driver_unbind(driver_of(info), info));
	return mem[0];
}

/* It cannot be read when its driver goes: nobody takes all ones for his bytes. */
static void test_lost(void **state)
{
	struct hmm_p2p_device_info exporter = pci_exporter();

	(void)state;
	assert_int_equal(in_child(touches_what_is_lost, &exporter), -SIGBUS);
	bind_again(&exporter);
}

/* The whole BAR, as the next driver would find it. */
static size_t bytes_left(const struct hmm_p2p_device_info *info)
{
	size_t length = info->out_memory_bytes, i, left = 0;
	const volatile uint64_t *words;
	char path[128];
	int fd;

	device_path(info, "resource2", path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	words = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	assert_ptr_not_equal(words, MAP_FAILED);
	for (i = 0; i < length / sizeof(*words); i++)
		left += !!words[i] * sizeof(*words);
	munmap((void *)words, length);
	return left;
}

/* Orderly removal leaves nobody's bytes behind, in small pages or huge ones. */
static void test_leaves_nothing(void **state)
{
	struct hmm_p2p_device_info info = pci_exporter();
	uint8_t *small = map_pattern(LENGTH, SMALL_PAGES, 30);
	uint8_t *huge = map_pattern(LENGTH, HUGE_PAGES, 31);
	uint8_t *gone = map_pattern(LENGTH, SMALL_PAGES, 32);

	(void)state;
	move_all_to(info.out_id, small, LENGTH);
	move_all_to(info.out_id, huge, LENGTH);
	move_all_to(info.out_id, gone, LENGTH);
	unmap(gone, LENGTH);
	unbind(&info);
	assert_int_equal(bytes_left(&info), 0);
	assert_pattern(small, LENGTH, 30);
	assert_pattern(huge, LENGTH, 31);
	unmap(huge, LENGTH);
	unmap(small, LENGTH);
	bind_again(&info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_leaves_nothing),
		TEST(test_unbind),
		TEST(test_remove),
		TEST(test_unload),
		TEST(test_core_in_use),
		TEST(test_unbind_under_load),
		TEST(test_remove_under_load),
		TEST(test_unload_under_load),
		TEST(test_importer_unbind),
		TEST(test_bus_master_unbind),
		TEST(test_reset),
		TEST(test_reset_under_load),
		TEST(test_link_error),
		TEST(test_link_error_under_load),
		TEST(test_given_up),
		TEST(test_not_decoded),
		TEST(test_lost),
		TEST(test_unplug_under_load),
		TEST(test_the_others_work),
	};

	return RUN("removal", tests);
}
