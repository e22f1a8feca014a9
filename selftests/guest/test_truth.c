// SPDX-License-Identifier: GPL-2.0
/*
 * Topology truth: for each exporter and each initiator with a DMA engine of its
 * own, three voices agree: the kernel's verdict, the explanation that hmmp2p
 * reads from sysfs, and what the DMA really did, byte by byte. And what they
 * agree on is what the topology was built for.
 */
#include <fcntl.h>

#include "common_storage.h"

#define PAGES		64
#define SLOW_PAGES	2
#define ANSWER_MAX	(64 * 1024)

/**
 * struct truth - what an initiator has to get, and who decides it
 * @topology: name
 * @initiator: serial number of a disk; NULL: every bus master
 * @outcome: see above
 * @decides: word of "hmmp2p topo --explain --json"
 */
struct truth {
	const char *topology;
	const char *initiator;
	enum hmm_p2p_outcome outcome;
	const char *decides;
};

#define P2P	HMM_P2P_OUTCOME_P2P
#define RAM	HMM_P2P_OUTCOME_MIGRATED

static const struct truth truths[] = {
	{ "storage", NULL, P2P, "bridge" },
	{ "storage", "near", P2P, "bridge" },
	{ "storage", "large", P2P, "bridge" },
	{ "storage", "far", RAM, "host_bridge" },
	{ "rootports-allowed", NULL, P2P, "host_bridge" },
	{ "rootports-allowed", "near", P2P, "host_bridge" },
	{ "rootports-refused", NULL, RAM, "host_bridge" },
	{ "rootports-refused", "near", RAM, "host_bridge" },
	{ "functions", NULL, P2P, "bridge" },
	{ "functions", "near", P2P, "bridge" },
	{ "functions-acs-allowed", NULL, P2P, "host_bridge" },
	{ "functions-acs-allowed", "near", P2P, "host_bridge" },
	{ "functions-acs-refused", NULL, RAM, "acs" },
	{ "functions-acs-refused", "near", RAM, "acs" },
	{ "iommu", NULL, P2P, "host_bridge" },
	{ "iommu", "near", P2P, "host_bridge" },
	{ "amd-iommu", NULL, P2P, "host_bridge" },
	{ "amd-iommu", "near", P2P, "host_bridge" },
	{ "virtio-iommu", NULL, P2P, "host_bridge" },
	{ "virtio-iommu", "near", P2P, "host_bridge" },
};

static bool is_here(const struct truth *truth)
{
	const char *topology = getenv("HMM_P2P_TOPOLOGY");

	return topology && !strcmp(topology, truth->topology);
}

static const char *name_of(const struct hmm_p2p_device_info *info)
{
	return (const char *)info->out_name;
}

/* What comes after "key": in the tool's answer, without spaces. */
static bool says(const char *answer, const char *key, const char *value)
{
	char mark[64];
	const char *at;

	snprintf(mark, sizeof(mark), "\"%s\":", key);
	at = strstr(answer, mark);
	if (!at)
		return false;
	at += strlen(mark);
	at += strspn(at, " \t\"");
	return !strncmp(at, value, strlen(value)) &&
	       strchr("\",\n} ", at[strlen(value)]);
}

static void explained(const struct truth *truth, const char *exporter, const char *importer)
{
	static char answer[ANSWER_MAX];
	char command[256];
	FILE *tool;
	size_t n;

	snprintf(command, sizeof(command), "hmmp2p topo --json --explain %s %s", exporter,
		 importer);
	tool = popen(command, "re");
	assert_non_null(tool);
	n = fread(answer, 1, sizeof(answer) - 1, tool);
	answer[n] = 0;
	assert_int_equal(pclose(tool), 0);
	/* An IOMMU that lets everything through would prove nothing. */
	assert_int_equal(says(answer, "translates", "true"),
			 !!strstr(truth->topology, "iommu"));
	if (!says(answer, "outcome", hmm_p2p_outcome_name(truth->outcome)) ||
	    !says(answer, "decides", truth->decides) || !says(answer, "agrees", "true"))
		fail_msg("%s: not %s decided by %s: %s", command,
			 hmm_p2p_outcome_name(truth->outcome), truth->decides, answer);
}

static void verdict_is(const struct truth *truth, const struct hmm_p2p_path *path)
{
	bool p2p = truth->outcome == P2P;

	assert_int_equal(path->out_outcome, truth->outcome);
	assert_int_equal(path->out_reason,
			 p2p ? HMM_P2P_REASON_NONE : HMM_P2P_REASON_NO_PATH);
	assert_int_equal(path->out_distance < 0, !p2p);
}

/* How many of @pages the device reached, and how many it still holds. */
static void happened(const struct truth *truth, const struct hmm_p2p_device_info *exporter,
		     const uint8_t *mem, size_t pages, uint64_t p2p, uint64_t migrated)
{
	size_t stay = truth->outcome == P2P ? pages : 0;

	assert_int_equal(p2p, stay);
	assert_int_equal(migrated, pages - stay);
	assert_int_equal(pages_on(exporter->out_id, mem, pages * page_size), stay);
}

/* ------------------------------------------------------------- bus masters */

static void master_moves(const struct truth *truth,
			 const struct hmm_p2p_device_info *exporter, uint32_t importer,
			 uint32_t flags)
{
	size_t length = SLOW_PAGES * page_size;
	uint8_t *mem = map_pattern(length, SMALL_PAGES, 81);
	uint8_t *data = map_pattern(length, SMALL_PAGES, 82);
	struct reached reached;

	move_all_to(exporter->out_id, mem, length);
	reached = reach(importer, mem, length, data, flags);
	happened(truth, exporter, mem, SLOW_PAGES, reached.result.out_p2p,
		 reached.result.out_migrated);
	assert_pattern(data, length, flags & HMM_P2P_ACCESS_WRITE ? 82 : 81);
	assert_pattern(mem, length, flags & HMM_P2P_ACCESS_WRITE ? 82 : 81);
	reached_free(&reached);
	unmap(data, length);
	unmap(mem, length);
}

static void master_pair(const struct truth *truth,
			const struct hmm_p2p_device_info *exporter,
			const struct hmm_p2p_device_info *importer)
{
	struct hmm_p2p_path path;

	assert_int_equal(hmm_p2p_path(ctx, exporter->out_id, importer->out_id, &path), 0);
	verdict_is(truth, &path);
	explained(truth, name_of(exporter), name_of(importer));
	master_moves(truth, exporter, importer->out_id, 0);
	master_moves(truth, exporter, importer->out_id, HMM_P2P_ACCESS_WRITE);
}

static unsigned int masters(const struct truth *truth,
			    const struct hmm_p2p_device_info *exporter)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;
	unsigned int pairs = 0;

	for (i = 0; i < n; i++) {
		if (!is_slow(&infos[i]))
			continue;
		master_pair(truth, exporter, &infos[i]);
		pairs++;
	}
	return pairs;
}

/* ------------------------------------------------------------------- disks */

static void disk_pair(const struct truth *truth,
		      const struct hmm_p2p_device_info *exporter)
{
	struct disk disk = disk_open(truth->initiator);
	size_t length = PAGES * page_size;
	uint8_t *mem = map_pattern(length, SMALL_PAGES, 83);
	struct hmm_p2p_file_io got;
	struct hmm_p2p_path path;

	assert_int_equal(hmm_p2p_path_file(ctx, exporter->out_id, disk.fd, &path), 0);
	verdict_is(truth, &path);
	explained(truth, name_of(exporter), disk.path);

	file_fill(disk.fd, 0, length, 84);
	move_all_to(exporter->out_id, mem, length);
	assert_int_equal(hmm_p2p_pwrite(ctx, disk.fd, mem, length, 0, 0, NULL, &got), length);
	happened(truth, exporter, mem, PAGES, got.out_p2p, got.out_migrated);
	assert_file(disk.fd, 0, length, 83);

	pattern_fill(mem, 0, length, 85);
	move_all_to(exporter->out_id, mem, length);
	assert_int_equal(hmm_p2p_pread(ctx, disk.fd, mem, length, 0, 0, NULL, &got), length);
	happened(truth, exporter, mem, PAGES, got.out_p2p, got.out_migrated);
	assert_pattern(mem, length, 83);
	unmap(mem, length);
	disk_close(&disk);
}

static unsigned int pairs_of(const struct truth *truth)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;
	unsigned int pairs = 0;

	for (i = 0; i < n; i++) {
		if (!is_exporter(&infos[i]))
			continue;
		if (!truth->initiator) {
			pairs += masters(truth, &infos[i]);
			continue;
		}
		disk_pair(truth, &infos[i]);
		pairs++;
	}
	return pairs;
}

static void all(bool disks)
{
	unsigned int pairs = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(truths); i++)
		if (is_here(&truths[i]) && !truths[i].initiator == !disks)
			pairs += pairs_of(&truths[i]);
	if (!pairs)
		SKIP("nobody has said what is true in this topology");
}

static void test_bus_masters(void **state)
{
	(void)state;
	all(false);
}

static void test_disks(void **state)
{
	(void)state;
	all(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bus_masters),
		TEST(test_disks),
	};

	return RUN("truth", tests);
}
