// SPDX-License-Identifier: GPL-2.0
/* hmmp2p doctor on made-up machines: what is missing, and the cure it names. */
#include <sys/stat.h>
#include <unistd.h>

#include "fake_sysfs.h"
#include "run_tool.h"

#define RELEASE		"7.2.12-test"
#define VRAM0_DIR	"sys/devices/pci0000:00/0000:00:03.0/0000:01:00.0/0000:02:00.0/0000:03:00.0/"
#define SWITCH_PORT	"pci0000:00/0000:00:03.0/0000:01:00.0/0000:02:02.0"

static const char config[] =
	"#\n# Linux/x86 7.2.12 Kernel Configuration\n#\nCONFIG_DEVICE_PRIVATE=y\n"
	"CONFIG_HMM_MIRROR=y\nCONFIG_PCI_P2PDMA=y\nCONFIG_TRANSPARENT_HUGEPAGE=y\n";

/* As config, but CONFIG_PCI_P2PDMA is not set; by gzip -9. */
static const unsigned char config_gz[] = {
	0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x53, 0xe6,
	0x72, 0xf6, 0xf7, 0x73, 0xf3, 0x74, 0x8f, 0x77, 0x71, 0x0d, 0xf3, 0x74,
	0x76, 0x8d, 0x0f, 0x08, 0xf2, 0x0c, 0x73, 0x0c, 0x71, 0xb5, 0xad, 0x84,
	0x89, 0x7b, 0xf8, 0xfa, 0xc6, 0xfb, 0x7a, 0x06, 0x05, 0xf9, 0x07, 0x01,
	0xc5, 0x94, 0x15, 0xa0, 0xa2, 0x01, 0xce, 0x9e, 0xf1, 0x01, 0x46, 0x01,
	0x2e, 0xbe, 0x8e, 0x0a, 0x99, 0xc5, 0x0a, 0x79, 0xf9, 0x25, 0x0a, 0xc5,
	0xa9, 0x25, 0x30, 0x2d, 0x21, 0x41, 0x8e, 0x7e, 0xc1, 0x01, 0x8e, 0x41,
	0xae, 0x7e, 0x21, 0xf1, 0x1e, 0xa1, 0xee, 0xae, 0x01, 0x8e, 0xee, 0x20,
	0x03, 0x01, 0xdf, 0x3b, 0xa8, 0x2b, 0x6b, 0x00, 0x00, 0x00,
};

/* A machine that has all: kernel, modules, node and memory. */
static int set_up_all(void **state)
{
	(void)state;
	setenv("LC_ALL", "C", 1);
	unsetenv(HMM_P2P_DEVICE_ENV);
	unsetenv("COLUMNS");
	fake_make();
	fake_machine();
	fake_file("proc/sys/kernel/osrelease", RELEASE "\n");
	fake_file("boot/config-" RELEASE, config);
	fake_file("sys/module/hmm_p2p/srcversion", "0123456789ABCDEF0123456\n");
	fake_file("sys/module/hmm_p2p_uapi/srcversion", "ABCDEF0123456789ABCDEF0\n");
	fake_file("proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable:  2000000 kB\nSwapFree: 4 kB\n");
	fake_file("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
	fake_file("sys/kernel/mm/ksm/run", "0\n");
	fake_file("sys/kernel/mm/ksm/pages_shared", "7\n");
	return 0;
}

static int tear_down_all(void **state)
{
	(void)state;
	fake_remove();
	return 0;
}

#define machine_test(f) cmocka_unit_test_setup_teardown(f, set_up_all, tear_down_all)

/* A line that begins with @state has @what in it, and then @cure. */
static void assert_line(const char *state, const char *what, const char *cure)
{
	char *text = strdup(output.out), *rest = text, *line, *at;
	bool found = false;

	while ((line = strsep(&rest, "\n"))) {
		at = strstr(line, what);
		if (!strncmp(line, state, strlen(state)) && at && strstr(at, cure))
			found = true;
	}
	free(text);
	if (!found)
		fail_msg("no line '%s ... %s ... %s' in:\n%s", state, what, cure, output.out);
}

static void test_doctor(const char *mock_text, int status, const char *state,
			const char *what, const char *cure)
{
	run(mock_text, "doctor");
	assert_status("doctor", status);
	assert_line(state, what, cure);
}

/* How many lines begin with @state. */
static unsigned int count_lines(const char *state)
{
	const char *line = output.out;
	unsigned int nr = 0;

	for (; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		nr += !strncmp(line, state, strlen(state));
	}
	return nr;
}

static void assert_not_said(const char *words)
{
	if (strstr(output.out, words))
		fail_msg("'%s' is said in:\n%s", words, output.out);
}

static void all_is_well(void **state)
{
	(void)state;
	test_text("", "doctor", 0, "doctor.txt");
	test_json("", "doctor --json", 0, "doctor.json");
}

static void option_that_is_off_is_named(void **state)
{
	(void)state;
	fake_file("boot/config-" RELEASE,
		  "#\nCONFIG_DEVICE_PRIVATE=y\nCONFIG_HMM_MIRROR=y\n# CONFIG_TRANSPARENT_HUGEPAGE is not set\n"
		  "CONFIG_PCI_P2PDMA=m\n");
	test_doctor("", 1, "missing", "CONFIG_TRANSPARENT_HUGEPAGE, which is off in /boot/config-" RELEASE,
		    "boot a kernel that has it");
	assert_line("ok", "CONFIG_PCI_P2PDMA", "");
	assert_line("ok", "CONFIG_HMM_MIRROR", "");
}

/* What the running kernel says of itself goes first. */
static void options_are_read_compressed(void **state)
{
	(void)state;
	fake_bytes("proc/config.gz", config_gz, sizeof(config_gz));
	test_doctor("", 1, "missing", "CONFIG_PCI_P2PDMA, which is off in /proc/config.gz", "");
	assert_line("ok", "CONFIG_TRANSPARENT_HUGEPAGE", "");
	fake_file("proc/config.gz", "no such format");
	test_doctor("", 0, "ok", "CONFIG_PCI_P2PDMA", "");
}

static void options_are_read_beside_the_modules(void **state)
{
	(void)state;
	fake_file("boot/config-" RELEASE, "");
	fake_file("usr/lib/modules/" RELEASE "/config", config);
	test_doctor("", 0, "ok", "CONFIG_DEVICE_PRIVATE", "");
}

static void options_that_nobody_tells_are_a_warning(void **state)
{
	(void)state;
	fake_file("boot/config-" RELEASE, "");
	test_doctor("", 0, "warning", "in none of /proc/config.gz, /boot/config-" RELEASE,
		    "CONFIG_DEVICE_PRIVATE");
	assert_not_said("missing  kernel option");
}

static void module_that_is_not_loaded_is_named(void **state)
{
	(void)state;
	fake_file("proc/sys/kernel/osrelease", "7.2.12-other\n");
	fake_file("boot/config-7.2.12-other", config);
	fake_remove_folder("sys/module/hmm_p2p");
	fake_remove_folder("sys/module/hmm_p2p_uapi");
	test_doctor("open=2", 1, "missing", "module hmm_p2p, which is not installed for kernel 7.2.12-other",
		    "make modules_install");
	assert_line("missing", "the device node", "comes with the module hmm_p2p_uapi");
	fake_file("lib/modules/7.2.12-other/modules.dep",
		  "updates/core/hmm_p2p.ko.xz:\nupdates/uapi/hmm_p2p_uapi.ko.xz: updates/core/hmm_p2p.ko.xz\n");
	test_doctor("open=2", 1, "missing", "module hmm_p2p_uapi, which is not loaded",
		    "modprobe hmm_p2p_uapi");
	fake_file("lib/modules/7.2.12-other/modules.builtin",
		  "kernel/drivers/hmm_p2p/core/hmm_p2p.ko\nkernel/drivers/hmm_p2p/uapi/hmm_p2p_uapi.ko\n");
	test_doctor("", 0, "ok", "module hmm_p2p_uapi", "");
}

/* The node is there, with a group of its own or root's. */
static void node_says_whose_it_is(void **state)
{
	char path[4096];

	(void)state;
	fake_file("dev/hmm_p2p", "");
	snprintf(path, sizeof(path), "%s/dev/hmm_p2p", getenv("HMM_P2P_ROOT"));
	assert_int_equal(chmod(path, 0600), 0);
	test_doctor("open=13", 1, "missing", "permission for this user", "udev");
	assert_line("missing", "with mode 0600", "");
	assert_int_equal(chmod(path, 0660), 0);
	assert_int_equal(chown(path, -1, getegid() ? getegid() : 1), 0);
	test_doctor("open=13", 1, "missing", "with mode 0660", "usermod -aG");
	assert_not_said("ok       device");
}

static void node_that_is_not_there_is_missing(void **state)
{
	(void)state;
	test_doctor("open=2", 1, "missing", "the device node", "udevadm trigger");
	test_doctor("open=19", 1, "missing", "a device node that can be opened", "no driver is behind it");
	test_doctor("fail=info:25", 1, "missing", "a device node that can be opened", "another driver");
}

static void machine_without_exporter_is_told_of_some(void **state)
{
	(void)state;
	test_doctor("empty", 1, "missing", "a device with memory", "hmm_p2p_carveout");
	fake_file("sys/module/hmm_p2p_pci/srcversion", "0\n");
	test_doctor("empty", 1, "missing", "a device with memory", "driver_override");
}

/* One line for each reason, however many pairs have it. */
static void pairs_without_path_say_why(void **state)
{
	(void)state;
	test_doctor("", 0, "warning",
		    "memory of vram0 goes to RAM for vram2, of vram0 for edu1, of vram1 for vram2 and in 5 more pairs, because host bridge pci0000:00",
		    "put both below one PCIe switch");
	assert_line("warning", "memory of vram0 goes to RAM for twin0, of vram0 for twin1, ", "no PCI device");
	assert_int_equal(count_lines("warning"), 2);
	fake_acs(SWITCH_PORT, 0x1d);
	test_doctor("nopath", 0, "warning", "memory of vram0 goes to RAM for edu0, of vram1 for edu0, because ACS of 0000:02:02.0",
		    "disable_acs_redir");
	test_doctor("fail=path:19", 0, "ok", "device vram0", "");
	assert_not_said("goes to RAM");
}

static void memory_is_a_warning_where_it_matters(void **state)
{
	(void)state;
	test_doctor("", 0, "ok", "device vram0", "");
	assert_not_said("RAM and swap have room");
	assert_not_said("ksmd");
	assert_not_said("huge pages are off");
	fake_file("proc/meminfo", "MemTotal: 4000 kB\nMemAvailable:  40 kB\nSwapFree: 4 kB\n");
	test_doctor("", 0, "warning", "RAM and swap have room for 44K", "add swap");
	fake_file("sys/kernel/mm/ksm/run", "1\n");
	test_doctor("", 0, "warning", "ksmd has merged pages", "ksm/run");
	fake_file("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
	test_doctor("", 0, "warning", "huge pages are off", "echo madvise");
}

/* What a report has besides. */
static void set_up_report(void)
{
	fake_file("proc/version", "Linux version 7.2.12-test (somebody)\n");
	fake_file("proc/cmdline", "root=/dev/secret intel_iommu=on quiet pci=noats\n");
	fake_file("sys/module/hmm_p2p/parameters/user_limit", "25%\n");
	fake_file("sys/module/hmm_p2p/holders/vendor_gpu/name", "");
	fake_file("sys/module/vendor_gpu/srcversion", "11111111111111111111111\n");
	fake_file("sys/module/unrelated/srcversion", "22222222222222222222222\n");
	fake_file(VRAM0_DIR "resource",
		  "0x00000000fe000000 0x00000000fe0000ff 0x0000000000040200\n"
		  "0x000000000000c000 0x000000000000c03f 0x0000000000040101\n"
		  "0x0000008000000000 0x0000008003ffffff 0x000000000014220c\n"
		  "0x0000000000000000 0x0000000000000000 0x0000000000000000\n");
	fake_file(VRAM0_DIR "numa_node", "0\n");
	fake_file("sys/bus/pci/drivers/hmm_p2p_pci/bind", "");
	fake_link("../../../../../../bus/pci/drivers/hmm_p2p_pci", VRAM0_DIR "driver");
	fake_group_type(3, "DMA-FQ\n");
	fake_file("sys/kernel/iommu_groups/3/devices/0000:00:05.0", "");
	fake_file("sys/kernel/iommu_groups/10/type", "identity\n");
	fake_file("dev/kmsg",
		  "6,1,99,-;Linux version 7.2.12-test\n"
		  "6,339,5140900,-;hmm_p2p_pci 0000:03:00.0: 64 MiB\n SUBSYSTEM=pci\n hmm_p2p=continued\n"
		  "4,340,71000042,-;hmm_p2p: a device waits for RAM\n");
}

static void report_has_it_all(void **state)
{
	(void)state;
	set_up_report();
	test_text("", "doctor --report", 0, "doctor-report.txt");
}

static void report_needs_no_driver(void **state)
{
	(void)state;
	test_text("open=2", "doctor --report", 1, "doctor-report-no-driver.txt");
}

/* Many lines: the last ones. */
static void report_has_the_last_lines(void **state)
{
	char text[4096];
	size_t used = 0;
	unsigned int i;

	(void)state;
	for (i = 0; i < 45; i++)
		used += snprintf(text + used, sizeof(text) - used, "6,%u,%u000000,-;hmm_p2p: line %u.\n",
				 i, i, i);
	fake_file("dev/kmsg", text);
	run("", "doctor --report");
	assert_null(strstr(output.out, "line 4."));
	assert_non_null(strstr(output.out, "[5.000000] hmm_p2p: line 5.\n[6.000000] hmm_p2p: line 6.\n"));
	assert_non_null(strstr(output.out, "[44.000000] hmm_p2p: line 44.\n"));
}

static void wrong_use_is_exit_2(void **state)
{
	(void)state;
	test_err("", "doctor vram0", 2, "takes no argument");
	test_err("", "doctor --report --json", 2, "leave out --json");
	test_err("fail=device:5", "doctor", 1, "cannot list the devices");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		machine_test(all_is_well),
		machine_test(option_that_is_off_is_named),
		machine_test(options_are_read_compressed),
		machine_test(options_are_read_beside_the_modules),
		machine_test(options_that_nobody_tells_are_a_warning),
		machine_test(module_that_is_not_loaded_is_named),
		machine_test(node_says_whose_it_is),
		machine_test(node_that_is_not_there_is_missing),
		machine_test(machine_without_exporter_is_told_of_some),
		machine_test(pairs_without_path_say_why),
		machine_test(memory_is_a_warning_where_it_matters),
		machine_test(report_has_it_all),
		machine_test(report_needs_no_driver),
		machine_test(report_has_the_last_lines),
		machine_test(wrong_use_is_exit_2),
	};

	return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
