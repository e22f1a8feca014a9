// SPDX-License-Identifier: GPL-2.0
/*
 * A PCI function that the driver does not know by its id: bound by name, by a
 * new id, and with the BAR named, it is an exporter like any other.
 */
#include <dirent.h>

#include "common.h"

#define DRIVER	"hmm_p2p_pci"
#define BUS	"/sys/bus/pci"
#define DEVICES	BUS "/devices"
#define LENGTH	(8 * MIB)

/* QEMU's pci-testdev, whose memory BAR is ordinary memory here. */
#define VENDOR	"0x1b36"
#define DEVICE	"0x0005"
#define NEW_ID	"1b36 0005"
#define MEMORY	(32 * MIB)

static char bdf[32];

static bool has(const char *name, const char *file, const char *text)
{
	char path[320], line[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", name, file);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	line[strcspn(line, "\n")] = 0;
	return !strcmp(line, text);
}

static int anybar_setup(void **state)
{
	int ret = suite_setup(state);
	struct dirent *entry;
	DIR *dir;

	if (ret)
		return ret;
	dir = opendir(DEVICES);
	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		if (has(entry->d_name, "vendor", VENDOR) &&
		    has(entry->d_name, "device", DEVICE))
			snprintf(bdf, sizeof(bdf), "%.31s", entry->d_name);
	closedir(dir);
	return 0;
}

static int set_override(const char *driver)
{
	char path[128];

	snprintf(path, sizeof(path), DEVICES "/%s/driver_override", bdf);
	return write_file(path, driver);
}

static int unbind(void)
{
	return write_file(BUS "/drivers/" DRIVER "/unbind", bdf);
}

static int load(const char *params)
{
	char command[128];

	snprintf(command, sizeof(command), "rmmod " DRIVER " && load " DRIVER " %s",
		 params);
	return system(command);
}

static int anybar_end(void **state)
{
	struct hmm_p2p_device_info info;

	if (bdf[0] && !hmm_p2p_device_find(ctx, bdf, &info))
		unbind();
	if (bdf[0])
		set_override("\n");
	return test_teardown(state);
}

/* Memory goes there, is reached there, and comes home when the driver leaves. */
static void is_exporter_now(void)
{
	struct hmm_p2p_device_info info, importer;
	struct hmm_p2p_access result;
	uint8_t *mem, *data = map_memory(LENGTH, SMALL_PAGES);

	assert_int_equal(hmm_p2p_device_find(ctx, bdf, &info), 0);
	assert_int_equal(info.out_memory_bytes, MEMORY);
	assert_true(find_importer(info.out_id, HMM_P2P_OUTCOME_P2P, &importer));
	mem = map_pattern(LENGTH, HUGE_PAGES, 81);
	move_all_to(info.out_id, mem, LENGTH);
	assert_int_equal(hmm_p2p_read(ctx, NULL, importer.out_id, (uintptr_t)mem, LENGTH,
				      data, 0, NULL, &result), 0);
	assert_int_equal(result.out_p2p, LENGTH / page_size);
	assert_pattern(data, LENGTH, 81);
	assert_int_equal(pages_on(info.out_id, mem, LENGTH), LENGTH / page_size);
	assert_int_equal(unbind(), 0);
	assert_int_not_equal(hmm_p2p_device_find(ctx, bdf, &info), 0);
	assert_pattern(mem, LENGTH, 81);
	unmap(mem, LENGTH);
	unmap(data, LENGTH);
}

static void need_device(void)
{
	if (!bdf[0])
		SKIP("there is no pci-testdev");
}

static void test_driver_override(void **state)
{
	(void)state;
	need_device();
	assert_int_equal(set_override(DRIVER), 0);
	assert_int_equal(write_file(BUS "/drivers_probe", bdf), 0);
	is_exporter_now();
}

static void test_new_id(void **state)
{
	(void)state;
	need_device();
	assert_int_equal(write_file(BUS "/drivers/" DRIVER "/new_id", NEW_ID), 0);
	is_exporter_now();
	assert_int_equal(write_file(BUS "/drivers/" DRIVER "/remove_id", NEW_ID), 0);
}

static void test_bar_named(void **state)
{
	(void)state;
	need_device();
	assert_int_equal(load("bar=2"), 0);
	assert_int_equal(write_file(BUS "/drivers/" DRIVER "/new_id", NEW_ID), 0);
	is_exporter_now();
	assert_int_equal(load(""), 0);
}

/* Does the kernel's log say it of the device? */
static bool dmesg_has(const char *text)
{
	char command[256];

	snprintf(command, sizeof(command), "dmesg | grep -F '%s' | grep -qF '%s'", bdf, text);
	return !system(command);
}

/* What does not fit is no exporter, nothing breaks, and the log says what was wrong. */
static void test_params_wrong(void **state)
{
	static const char * const wrong[][2] = {
		{ "bar=5", "no memory BAR 5" },
		{ "bar=1", "no memory BAR 1" },
		{ "loads=fast", "loads=fast is none of" },
		{ "window=4097", "window=4097 is no page-aligned" },
		{ "p2pmem=3M", "p2pmem of 3145728 bytes is no multiple of 2 MiB" },
		{ "p2pmem=32M", "p2pmem of 33554432 bytes is no multiple" },
		{ "p2pmem=2M no_p2p=1", "p2pmem and no_p2p contradict" },
	};
	struct hmm_p2p_device_info info;
	size_t i;

	(void)state;
	need_device();
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(load(wrong[i][0]), 0);
		write_file(BUS "/drivers/" DRIVER "/new_id", NEW_ID);
		assert_int_not_equal(hmm_p2p_device_find(ctx, bdf, &info), 0);
		assert_true(dmesg_has(wrong[i][1]));
	}
	assert_int_equal(load(""), 0);
}

/* Lines of /proc/iomem that the driver has. */
static int regions(void)
{
	char line[256];
	int nr = 0;
	FILE *f = fopen("/proc/iomem", "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		nr += !!strstr(line, " : " DRIVER "\n");
	fclose(f);
	return nr;
}

/* Its memory is the driver's alone as long as it is bound. */
static void test_region_taken(void **state)
{
	int before = regions();

	(void)state;
	need_device();
	assert_int_equal(set_override(DRIVER), 0);
	assert_int_equal(write_file(BUS "/drivers_probe", bdf), 0);
	assert_int_equal(regions(), before + 1);
	assert_int_equal(unbind(), 0);
	assert_int_equal(regions(), before);
}

#define ANYBAR_TEST(fn) cmocka_unit_test_setup_teardown(fn, test_setup, anybar_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANYBAR_TEST(test_driver_override),
		ANYBAR_TEST(test_new_id),
		ANYBAR_TEST(test_bar_named),
		ANYBAR_TEST(test_params_wrong),
		ANYBAR_TEST(test_region_taken),
	};

	return cmocka_run_group_tests_name("anybar", tests, anybar_setup, suite_teardown);
}
