// SPDX-License-Identifier: GPL-2.0
/* Walking and finding devices, paths, counters, owners. */
#include "test.h"

static void walk_sees_each_device_once(void **state)
{
	static const uint32_t ids[] = {
		VRAM0, VRAM1, VRAM2, CARVE0, EDU0, EDU1, TWIN0, TWIN1,
	};
	struct hmm_p2p_device_info info;
	unsigned int nr = 0;
	uint32_t id;

	for (id = 0; !hmm_p2p_device_next(*state, id, &info); id = info.out_id + 1)
		assert_int_equal(info.out_id, ids[nr++]);
	assert_int_equal(nr, MOCK_DEVICES);
	assert_int_equal(hmm_p2p_device_next(*state, id, &info), -ENOENT);
}

static void walk_reports_everything(void **state)
{
	struct hmm_p2p_device_info info;

	assert_int_equal(hmm_p2p_device_next(*state, VRAM1, &info), 0);
	assert_int_equal(info.out_owner, 1);
	assert_int_equal(info.out_numa_node, 1);
	assert_int_equal(info.out_memory_bytes, 64 * MOCK_PAGE_SIZE);
	assert_string_equal((char *)info.out_name, "vram1");
	assert_string_equal((char *)info.out_bus, "0000:04:00.0");
}

static void names_always_end(void **state)
{
	struct hmm_p2p_device_info info;

	mock.endless_names = true;
	assert_int_equal(hmm_p2p_device_next(*state, 0, &info), 0);
	assert_int_equal(strlen((char *)info.out_name), HMM_P2P_NAME_SIZE - 1);
	assert_int_equal(strlen((char *)info.out_bus), HMM_P2P_NAME_SIZE - 1);
}

static void test_find(struct hmm_p2p *ctx, const char *which, uint32_t id)
{
	struct hmm_p2p_device_info info;

	assert_int_equal(hmm_p2p_device_find(ctx, which, &info), 0);
	assert_int_equal(info.out_id, id);
	assert_int_equal(hmm_p2p_device_find(ctx, which, NULL), 0);
}

static void find_by_id_name_and_bus(void **state)
{
	test_find(*state, "4", VRAM2);
	test_find(*state, "carve0", CARVE0);
	test_find(*state, "hmm_p2p_carveout", CARVE0);
	test_find(*state, "0000:03:00.0", VRAM0);
	test_find(*state, "06:00.0", EDU0);
}

/* An id goes before a name, and a name before a bus address. */
static void find_prefers_ids_then_names(void **state)
{
	strcpy((char *)mock_device(VRAM2)->out_name, "1");
	strcpy((char *)mock_device(EDU1)->out_name, "77");
	strcpy((char *)mock_device(CARVE0)->out_bus, "edu0");
	test_find(*state, "1", VRAM0);
	test_find(*state, "77", EDU1);
	test_find(*state, "edu0", EDU0);
}

static void test_err_find(struct hmm_p2p *ctx, const char *which, int err)
{
	struct hmm_p2p_device_info info = { .out_id = 99 };

	assert_int_equal(hmm_p2p_device_find(ctx, which, &info), -err);
	assert_int_equal(info.out_id, 99);
}

static void find_fails_clearly(void **state)
{
	test_err_find(*state, "3", ENOENT);
	test_err_find(*state, "vram", ENOENT);
	test_err_find(*state, "0x1", ENOENT);
	test_err_find(*state, "+1", ENOENT);
	test_err_find(*state, " 1", ENOENT);
	test_err_find(*state, "1 ", ENOENT);
	test_err_find(*state, "4294967297", ENOENT);
	test_err_find(*state, "99999999999999999999999", ENOENT);
	test_err_find(*state, "form", ENOENT);
	test_err_find(*state, "", EINVAL);
	test_err_find(*state, NULL, EINVAL);
	test_err_find(*state, "platform", ENOTUNIQ);
	mock.nr_devices = 0;
	test_err_find(*state, "vram0", ENOENT);
}

static void find_reports_errors(void **state)
{
	mock.fail_cmd = HMM_P2P_IOC_DEVICE;
	mock.fail_errno = EIO;
	test_err_find(*state, "1", EIO);
	test_err_find(*state, "vram0", EIO);
	mock.fail_after = 3;
	test_err_find(*state, "vram0", EIO);
}

/* The largest id ends a walk instead of starting it again. */
static void find_ends_at_largest_id(void **state)
{
	mock.devices[MOCK_DEVICES - 1].out_id = UINT32_MAX;
	test_find(*state, "twin1", UINT32_MAX);
	test_find(*state, "4294967295", UINT32_MAX);
	test_err_find(*state, "none", ENOENT);
}

static void path_gives_the_verdict(void **state)
{
	struct hmm_p2p_path path;

	assert_int_equal(hmm_p2p_path(*state, VRAM0, VRAM1, &path), 0);
	assert_int_equal(path.out_outcome, HMM_P2P_OUTCOME_PRIVATE);
	assert_int_equal(hmm_p2p_path(*state, VRAM0, EDU0, &path), 0);
	assert_int_equal(path.out_outcome, HMM_P2P_OUTCOME_P2P);
	assert_int_equal(path.out_distance, 4);
	assert_int_equal(hmm_p2p_path(*state, VRAM2, EDU0, &path), 0);
	assert_int_equal(path.out_outcome, HMM_P2P_OUTCOME_MIGRATED);
	assert_int_equal(path.out_reason, HMM_P2P_REASON_NO_PATH);
	assert_int_equal(path.out_distance, -1);
}

static void path_of_a_file(void **state)
{
	struct hmm_p2p_path path;

	assert_int_equal(hmm_p2p_path_file(*state, VRAM0, MOCK_FILE, &path), 0);
	assert_int_equal(path.flags, HMM_P2P_PATH_FILE);
	assert_int_equal(path.out_outcome, HMM_P2P_OUTCOME_P2P);
	assert_int_equal(hmm_p2p_path_file(*state, VRAM0, -1, &path), -EBADF);
	assert_int_equal(hmm_p2p_path_file(*state, VRAM0, MOCK_FILE, NULL), -EINVAL);
}

static void path_reports_errors(void **state)
{
	struct hmm_p2p_path path;

	assert_int_equal(hmm_p2p_path(*state, 3, EDU0, &path), -ENOENT);
	assert_int_equal(hmm_p2p_path(*state, EDU0, EDU0, &path), -EOPNOTSUPP);
	assert_int_equal(hmm_p2p_path(*state, VRAM0, EDU0, NULL), -EINVAL);
	assert_int_equal(hmm_p2p_path(NULL, VRAM0, EDU0, &path), -EINVAL);
	assert_int_equal(hmm_p2p_device_next(*state, 0, NULL), -EINVAL);
}

static void stat_counts(void **state)
{
	struct hmm_p2p_stat stat;

	assert_int_equal(hmm_p2p_migrate_flags(*state, NULL, VRAM0,
					       HMM_P2P_MIGRATE_POPULATE, mock_addr(768),
					       8 * MOCK_PAGE_SIZE, NULL), 0);
	assert_int_equal(hmm_p2p_stat(*state, VRAM0, &stat), 0);
	assert_int_equal(stat.out_counters[HMM_P2P_COUNTER_TO_DEVICE], 8);
	assert_int_equal(stat.out_counters[HMM_P2P_COUNTER_POPULATED], 8);
	assert_int_equal(hmm_p2p_stat(*state, EDU0, &stat), -EOPNOTSUPP);
	assert_int_equal(hmm_p2p_stat(*state, 77, &stat), -ENOENT);
	assert_int_equal(stat.out_counters[HMM_P2P_COUNTER_TO_DEVICE], 0);
	assert_int_equal(hmm_p2p_stat(*state, VRAM0, NULL), -EINVAL);
}

static void owner_joins_and_leaves(void **state)
{
	uint32_t owner;

	assert_int_equal(hmm_p2p_set_owner(*state, VRAM2, VRAM0, &owner), 0);
	assert_int_equal(owner, 1);
	assert_int_equal(mock_device(VRAM2)->out_owner, 1);
	assert_int_equal(hmm_p2p_set_owner(*state, VRAM2, 0, &owner), 0);
	assert_int_equal(owner, 4);
	assert_int_equal(hmm_p2p_set_owner(*state, VRAM2, VRAM0, NULL), 0);
}

static void owner_reports_errors(void **state)
{
	uint32_t owner = 99;

	assert_int_equal(hmm_p2p_set_owner(*state, VRAM0, 77, &owner), -ENOENT);
	assert_int_equal(owner, 0);
	assert_int_equal(hmm_p2p_set_owner(*state, EDU0, 0, &owner), -EOPNOTSUPP);
	mock_put(0, 1, VRAM0);
	assert_int_equal(hmm_p2p_set_owner(*state, VRAM0, 0, &owner), -EBUSY);
	mock.fail_cmd = HMM_P2P_IOC_SET_OWNER;
	mock.fail_errno = EPERM;
	assert_int_equal(hmm_p2p_set_owner(*state, VRAM1, 0, NULL), -EPERM);
}

static void drain_brings_all_home(void **state)
{
	struct hmm_p2p_drain result;

	mock_put(0, 8, VRAM0);
	mock_put(8, 8, VRAM1);
	assert_int_equal(hmm_p2p_drain(*state, VRAM0, &result), 0);
	assert_int_equal(result.out_moved, 8);
	assert_int_equal(result.out_left, 0);
	assert_int_equal(mock_device(VRAM1)->out_used_bytes, 8 * MOCK_PAGE_SIZE);
	assert_int_equal(hmm_p2p_drain(*state, VRAM1, NULL), 0);
	assert_int_equal(mock_device(VRAM1)->out_used_bytes, 0);
	assert_int_equal(mock.bad_requests, 0);
}

/* What was done is told, and what is left. */
static void drain_reports_errors(void **state)
{
	struct hmm_p2p_drain result;

	mock_put(0, 8, VRAM0);
	mock.ram_pages = 3;
	assert_int_equal(hmm_p2p_drain(*state, VRAM0, &result), -ENOMEM);
	assert_int_equal(result.out_moved, 3);
	assert_int_equal(result.out_left, 5);
	assert_int_equal(hmm_p2p_drain(*state, 77, &result), -ENOENT);
	assert_int_equal(result.out_left, 0);
	assert_int_equal(hmm_p2p_drain(*state, EDU0, NULL), -EOPNOTSUPP);
	mock.fail_cmd = HMM_P2P_IOC_DRAIN;
	mock.fail_errno = EINTR;
	assert_int_equal(hmm_p2p_drain(*state, VRAM0, NULL), -EINTR);
	assert_int_equal(hmm_p2p_drain(NULL, VRAM0, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		mock_test(walk_sees_each_device_once),
		mock_test(walk_reports_everything),
		mock_test(names_always_end),
		mock_test(find_by_id_name_and_bus),
		mock_test(find_prefers_ids_then_names),
		mock_test(find_fails_clearly),
		mock_test(find_reports_errors),
		mock_test(find_ends_at_largest_id),
		mock_test(path_gives_the_verdict),
		mock_test(path_of_a_file),
		mock_test(path_reports_errors),
		mock_test(stat_counts),
		mock_test(owner_joins_and_leaves),
		mock_test(owner_reports_errors),
		mock_test(drain_brings_all_home),
		mock_test(drain_reports_errors),
	};

	return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
