// SPDX-License-Identifier: GPL-2.0
/* topo --explain on made-up machines: who decides, and does it fit. */
#include "test.h"
#include "explain.h"
#include "fake_sysfs.h"

#define ROOT_PORT	"pci0000:00/0000:00:03.0"
#define OTHER_PORT	"pci0000:00/0000:00:04.0"

/* --------------------------------------------------------------- fixtures */

static int set_up_machine(void **state)
{
	mock_reset();
	fake_make();
	fake_machine();
	*state = calloc(1, sizeof(struct explanation));
	return *state ? 0 : -1;
}

static int tear_down_machine(void **state)
{
	explanation_free(*state);
	free(*state);
	fake_remove();
	return 0;
}

/* Explain what the kernel says about a pair, here @outcome and @distance. */
static void explain_as(struct explanation *why, uint32_t exporter,
		       uint32_t importer, unsigned int outcome, int distance)
{
	bool home = outcome == HMM_P2P_OUTCOME_MIGRATED;

	explanation_free(why);
	memset(why, 0, sizeof(*why));
	why->exporter = *mock_device(exporter);
	why->importer = *mock_device(importer);
	why->path.out_outcome = outcome;
	why->path.out_distance = distance;
	why->path.out_reason = home ? HMM_P2P_REASON_NO_PATH :
				      HMM_P2P_REASON_NONE;
	explanation_read(why);
	explanation_conclude(why);
}

static void explain_p2p(struct explanation *why, uint32_t exporter,
			uint32_t importer, int distance)
{
	explain_as(why, exporter, importer, HMM_P2P_OUTCOME_P2P, distance);
}

static void explain_no_path(struct explanation *why, uint32_t exporter,
			    uint32_t importer)
{
	explain_as(why, exporter, importer, HMM_P2P_OUTCOME_MIGRATED, -1);
}

static bool says(const struct explanation *why, const char *words)
{
	unsigned int i;

	for (i = 0; i < why->nr_lines; i++)
		if (strstr(why->lines[i], words))
			return true;
	return false;
}

static void assert_conclusion(const struct explanation *why,
			      enum decider decides, enum agreement agreement)
{
	assert_string_equal(decider_name(why->decides), decider_name(decides));
	assert_int_equal(why->agreement, agreement);
	assert_true(why->nr_lines > 0);
}

/* ---------------------------------------------------------------- reading */

static void chain_is_read(void **state)
{
	static const char *const names[] = {
		"0000:03:00.0", "0000:02:00.0", "0000:01:00.0", "0000:00:03.0",
	};
	struct pci_chain chain;
	unsigned int i;

	(void)state;
	assert_int_equal(pci_chain_read("0000:03:00.0", &chain), 0);
	assert_int_equal(chain.nr, 4);
	for (i = 0; i < 4; i++)
		assert_string_equal(chain.at[i].name, names[i]);
	assert_string_equal(chain.host, "pci0000:00");
	assert_int_equal(chain.at[3].acs, ACS_PRESENT);
	assert_int_equal(chain.at[0].acs, ACS_ABSENT);
}

static void chain_errors(void **state)
{
	struct pci_chain chain;

	(void)state;
	assert_int_equal(pci_chain_read("0000:99:00.0", &chain), -ENOENT);
	assert_int_equal(pci_chain_read("hmm_p2p_carveout", &chain), -EINVAL);
	assert_int_equal(pci_chain_read("../../etc", &chain), -EINVAL);
	assert_int_equal(pci_chain_read("0000:03:00.0/..", &chain), -EINVAL);
	assert_int_equal(pci_chain_read("", &chain), -EINVAL);
}

/* A host bridge below a PCI function (VMD) starts a hierarchy of its own. */
static void chain_of_a_nested_domain(void **state)
{
	static const struct fake_function function = {
		"pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0",
		0x8086, 1, 0x010802, NO_ACS, NO_GROUP, 0,
	};
	struct pci_chain chain;

	(void)state;
	fake_function(&function);
	assert_int_equal(pci_chain_read("10000:e1:00.0", &chain), 0);
	assert_int_equal(chain.nr, 2);
	assert_string_equal(chain.host, "pci10000:e0");
}

static void chain_too_deep_is_refused(void **state)
{
	char path[2048] = "pci0000:40";
	struct fake_function function = { path, 1, 1, 0x060400, NO_ACS, NO_GROUP, 0 };
	struct pci_chain chain;
	unsigned int i;

	(void)state;
	for (i = 0; i <= PCI_DEPTH_MAX; i++)
		sprintf(path + strlen(path), "/0000:%02x:00.0", 0x40 + i);
	fake_function(&function);
	assert_int_equal(pci_chain_read("0000:60:00.0", &chain), -ELOOP);
}

/* A capability list that bites its tail ends, and so does a dead device. */
static void acs_of_broken_devices(void **state)
{
	char config[4096 + 1] = { 0 };
	char name[] = "sys/devices/" OTHER_PORT "/config";
	struct pci_chain chain;

	(void)state;
	memset(config, 0x10, sizeof(config) - 1);
	fake_file(name, config);
	assert_int_equal(pci_chain_read("0000:00:04.0", &chain), 0);
	assert_int_not_equal(chain.at[0].acs, ACS_PRESENT);
	memset(config, 0xff, sizeof(config) - 1);
	fake_file(name, config);
	assert_int_equal(pci_chain_read("0000:00:04.0", &chain), 0);
	assert_int_not_equal(chain.at[0].acs, ACS_PRESENT);
}

/* The last capability that can be named: its registers would be behind the end. */
static void acs_behind_the_end(void **state)
{
	static const uint8_t first[] = { 0x01, 0x00, 0xc1, 0xff }, last[] = { 0x0d, 0x00, 0x01, 0x00 };
	uint8_t config[4096] = { 0 };
	struct pci_chain chain;

	(void)state;
	memcpy(config + 0x100, first, sizeof(first));
	memcpy(config + 0xffc, last, sizeof(last));
	fake_bytes("sys/devices/" OTHER_PORT "/config", config, sizeof(config));
	assert_int_equal(pci_chain_read("0000:00:04.0", &chain), 0);
	assert_int_equal(chain.at[0].acs, ACS_ABSENT);
}

static void host_is_read(void **state)
{
	static const struct fake_function port = {
		"pci0000:40/0000:40:02.0", 0x8086, 0x2030, 0x060400, NO_ACS, NO_GROUP, 0,
	};
	static const struct fake_function card = {
		"pci0000:50/0000:50:02.0", 0x1af4, 0x1110, 0x050000, NO_ACS, NO_GROUP, 0,
	};
	static const struct fake_function nobody = {
		"pci0000:60/0000:60:00.0", 0, 0, 0x060000, NO_ACS, NO_GROUP, 0,
	};
	struct pci_chain chain;
	struct pci_host host;

	(void)state;
	fake_function(&nobody);
	pci_chain_read("0000:60:00.0", &chain);
	pci_host_read(&chain, &host);
	assert_false(host.known);
	pci_chain_read("0000:03:00.0", &chain);
	pci_host_read(&chain, &host);
	assert_true(host.known);
	assert_string_equal(host.name, "0000:00:00.0");
	assert_int_equal(host.vendor, 0x8086);
	assert_int_equal(host.device, 0x29c0);

	/* Without function 00.0 it is the first root port, or nothing. */
	fake_function(&port);
	pci_chain_read("0000:40:02.0", &chain);
	pci_host_read(&chain, &host);
	assert_true(host.known);
	assert_string_equal(host.name, "0000:40:02.0");
	fake_function(&card);
	pci_chain_read("0000:50:02.0", &chain);
	pci_host_read(&chain, &host);
	assert_false(host.known);
}

/* ------------------------------------------------------------ conclusions */

static void same_switch(void **state)
{
	struct explanation *why = *state;

	explain_p2p(why, VRAM0, EDU0, 4);
	assert_conclusion(why, DECIDES_BRIDGE, AGREES);
	assert_string_equal(why->route.meet->name, "0000:01:00.0");
	assert_true(says(why, "requests turn around in 0000:01:00.0"));
	assert_false(says(why, "Requests pass host bridge"));
}

static void same_function(void **state)
{
	struct explanation *why = *state;

	strcpy((char *)mock_device(EDU0)->out_bus, "0000:03:00.0");
	explain_p2p(why, VRAM0, EDU0, 0);
	assert_conclusion(why, DECIDES_SAME_FUNCTION, AGREES);
}

/* Redirect bits above the common bridge are none of their business. */
static void acs_above_does_not_count(void **state)
{
	struct explanation *why = *state;

	fake_acs(ROOT_PORT, 0x1d);
	explain_p2p(why, VRAM0, EDU0, 4);
	assert_conclusion(why, DECIDES_BRIDGE, AGREES);
	assert_int_equal(why->route.nr_redirects, 0);
}

/* On either side, and in the common bridge itself, they do. */
static void acs_on_the_way_decides(void **state)
{
	static const char *const places[] = {
		ROOT_PORT "/0000:01:00.0",
		ROOT_PORT "/0000:01:00.0/0000:02:00.0",
		ROOT_PORT "/0000:01:00.0/0000:02:02.0",
	};
	struct explanation *why = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		fake_acs(places[i], 0x0c);
		explain_no_path(why, VRAM0, EDU0);
		assert_conclusion(why, DECIDES_ACS, AGREES);
		assert_int_equal(why->route.nr_redirects, 1);
		assert_true(says(why, "P2P Request Redirect and P2P Completion Redirect"));
		assert_true(says(why, "pci=disable_acs_redir="));
		assert_true(says(why, strrchr(places[i], '/') + 1));
		fake_acs(places[i], 0);
	}
}

/* Who set the bits: the kernel for the sake of an IOMMU, or somebody else. */
static void acs_has_an_author(void **state)
{
	static const struct fake_function importer = {
		ROOT_PORT "/0000:01:00.0/0000:02:02.0/0000:06:00.0", 0x1234, 0x11e8,
		0x00ff00, NO_ACS, 5, 256,
	};
	struct explanation *why = *state;

	fake_acs(ROOT_PORT "/0000:01:00.0", 0x1d);
	explain_no_path(why, VRAM0, EDU0);
	assert_true(says(why, "No IOMMU is in use"));
	assert_false(says(why, "Below one PCIe switch"));

	fake_group_type(5, "DMA\n");
	fake_function(&importer);
	explain_no_path(why, VRAM0, EDU0);
	assert_conclusion(why, DECIDES_ACS, AGREES);
	assert_true(says(why, "An IOMMU is in use"));
}

static void other_acs_bits_do_not_count(void **state)
{
	struct explanation *why = *state;

	fake_acs(ROOT_PORT "/0000:01:00.0", 0x53);
	explain_p2p(why, VRAM0, EDU0, 4);
	assert_conclusion(why, DECIDES_BRIDGE, AGREES);
}

/* Redirected to a host bridge that lets it through: that is what decides. */
static void acs_and_a_trusted_host_bridge(void **state)
{
	struct explanation *why = *state;

	fake_acs(ROOT_PORT "/0000:01:00.0", 0x24);
	explain_p2p(why, VRAM0, EDU0, 4);
	assert_conclusion(why, DECIDES_HOST_BRIDGE, AGREES);
	assert_true(says(why, "P2P Request Redirect and P2P Egress Control"));
	assert_true(says(why, "8086:29c0"));
}

static void two_root_ports(void **state)
{
	struct explanation *why = *state;

	explain_no_path(why, VRAM2, EDU0);
	assert_conclusion(why, DECIDES_HOST_BRIDGE, AGREES);
	assert_null(why->route.meet);
	assert_true(says(why, "No PCI bridge is above both"));
	assert_true(says(why, "is not the case here"));
	assert_true(says(why, "Below one PCIe switch"));

	/* Both at the kernel's count: 2 and 4 functions up to the root bus. */
	explain_p2p(why, VRAM2, EDU0, 6);
	assert_conclusion(why, DECIDES_HOST_BRIDGE, AGREES);
	assert_true(says(why, "is the case here"));
}

/* On the way to the host bridge, ACS changes nothing, known or not. */
static void acs_does_not_matter_without_a_bridge(void **state)
{
	static const struct fake_function memory = {
		"pci0000:00/0000:00:04.0/0000:08:00.0", 0x1af4, 0x1110, 0x050000,
		NO_ACS, NO_GROUP, 64,
	};
	struct explanation *why = *state;

	fake_acs(OTHER_PORT, 0x1d);
	fake_function(&memory);
	explain_no_path(why, VRAM2, EDU0);
	assert_conclusion(why, DECIDES_HOST_BRIDGE, AGREES);
	assert_int_equal(why->route.nr_redirects, 0);
	assert_false(says(why, "ACS"));
}

static void amd_forwards(void **state)
{
	struct explanation *why = *state;

	fake_cpu("AuthenticAMD", 0x19);
	explain_p2p(why, VRAM2, EDU0, 6);
	assert_conclusion(why, DECIDES_HOST_BRIDGE, AGREES);
	assert_true(says(why, "AuthenticAMD family 25"));

	explain_no_path(why, VRAM2, EDU0);
	assert_conclusion(why, DECIDES_HOST_BRIDGE, DISAGREES);
	assert_true(says(why, "The kernel's verdict is the one that holds."));

	fake_cpu("AuthenticAMD", 0x15);
	explain_no_path(why, VRAM2, EDU0);
	assert_conclusion(why, DECIDES_HOST_BRIDGE, AGREES);
}

static void two_host_bridges(void **state)
{
	static const struct fake_function port = {
		"pci0000:40/0000:40:00.0", 0x8086, 0x2030, 0x060400, NO_ACS, NO_GROUP, 0,
	};
	static const struct fake_function card = {
		"pci0000:40/0000:40:00.0/0000:41:00.0", 0x1af4, 0x1110, 0x050000,
		NO_ACS, NO_GROUP, 0,
	};
	struct explanation *why = *state;

	fake_function(&port);
	fake_function(&card);
	strcpy((char *)mock_device(VRAM2)->out_bus, "0000:41:00.0");
	explain_no_path(why, VRAM2, EDU0);
	assert_conclusion(why, DECIDES_HOST_BRIDGE, AGREES);
	assert_true(says(why, "two host bridges"));
	assert_true(says(why, "8086:2030"));
}

/* A host bridge that the kernel cannot know is never on its list. */
static void unknown_host_bridge(void **state)
{
	static const struct fake_function card = {
		"pci0000:50/0000:50:02.0", 0x1af4, 0x1110, 0x050000, NO_ACS, NO_GROUP, 0,
	};
	struct explanation *why = *state;

	fake_function(&card);
	strcpy((char *)mock_device(VRAM2)->out_bus, "0000:50:02.0");
	explain_no_path(why, VRAM2, EDU0);
	assert_conclusion(why, DECIDES_HOST_BRIDGE, AGREES);
	assert_true(says(why, "no function that the kernel could know it by"));
	explain_p2p(why, VRAM2, EDU0, 5);
	assert_conclusion(why, DECIDES_HOST_BRIDGE, DISAGREES);
	assert_true(says(why, "it expects no path"));
}

static void put_in_group(const char *path, int group, const char *type)
{
	struct fake_function function = {
		path, 0x1234, 0x11e8, 0x00ff00, NO_ACS, group, 256,
	};

	fake_function(&function);
	fake_group_type(group, type);
}

static void iommu_is_named(void **state)
{
	struct explanation *why = *state;

	explain_p2p(why, VRAM2, EDU1, 3);
	assert_true(says(why, "in no IOMMU group"));

	put_in_group("pci0000:00/0000:00:05.0", 7, "DMA-FQ\n");
	explain_p2p(why, VRAM2, EDU1, 3);
	assert_conclusion(why, DECIDES_HOST_BRIDGE, AGREES);
	assert_true(says(why, "IOMMU group 7 of type DMA-FQ, which translates"));
	assert_true(pci_iommu_translates(&why->importer_iommu));

	fake_group_type(7, "identity\n");
	explain_p2p(why, VRAM2, EDU1, 3);
	assert_true(says(why, "of type identity, which does not translate"));
}

/* Only root reads beyond the first 64 bytes of configuration space. */
static void unreadable_acs(void **state)
{
	static const struct fake_function function = {
		ROOT_PORT "/0000:01:00.0/0000:02:00.0", 0x104c, 0x8233, 0x060400,
		NO_ACS, NO_GROUP, 64,
	};
	struct explanation *why = *state;

	fake_function(&function);
	explain_p2p(why, VRAM0, EDU0, 4);
	assert_conclusion(why, DECIDES_BRIDGE, CANNOT_TELL);
	assert_true(says(why, "run as root"));
	explain_no_path(why, VRAM0, EDU0);
	assert_conclusion(why, DECIDES_UNKNOWN, CANNOT_TELL);
}

static void verdict_is_never_contradicted(void **state)
{
	struct explanation *why = *state;

	explain_no_path(why, VRAM0, EDU0);
	assert_conclusion(why, DECIDES_UNKNOWN, DISAGREES);
	assert_true(says(why, "The kernel's verdict is the one that holds."));

	explain_p2p(why, VRAM0, EDU0, 6);
	assert_conclusion(why, DECIDES_BRIDGE, DISAGREES);
	assert_true(says(why, "P2P over 4 hops"));
}

static void owner_decides(void **state)
{
	struct explanation *why = *state;

	explain_as(why, VRAM0, VRAM1, HMM_P2P_OUTCOME_PRIVATE, -1);
	assert_conclusion(why, DECIDES_OWNER, AGREES);
	assert_true(says(why, "owner 1"));

	explain_as(why, VRAM0, VRAM0, HMM_P2P_OUTCOME_PRIVATE, -1);
	assert_conclusion(why, DECIDES_OWNER, AGREES);
	assert_true(says(why, "the same device"));

	mock_device(VRAM1)->out_owner = 8;
	explain_as(why, VRAM0, VRAM1, HMM_P2P_OUTCOME_PRIVATE, -1);
	assert_conclusion(why, DECIDES_OWNER, DISAGREES);
	assert_true(says(why, "owners 1 and 8"));

	mock_device(VRAM1)->out_owner = 1;
	explain_p2p(why, VRAM0, VRAM1, 4);
	assert_conclusion(why, DECIDES_BRIDGE, DISAGREES);
	assert_true(says(why, "PRIVATE would be expected"));
}

static void stolen_memory_decides(void **state)
{
	struct explanation *why = *state;

	explain_p2p(why, CARVE0, EDU1, -1);
	assert_conclusion(why, DECIDES_SYSTEM_ALIAS, AGREES);
	assert_true(says(why, "stolen system RAM"));
	explain_p2p(why, CARVE0, TWIN0, -1);
	assert_conclusion(why, DECIDES_SYSTEM_ALIAS, AGREES);
}

static void only_pci_devices_are_peers(void **state)
{
	struct explanation *why = *state;

	explain_no_path(why, VRAM0, TWIN0);
	assert_conclusion(why, DECIDES_NOT_PCI, AGREES);
	assert_true(says(why, "twin0 (platform) is not a PCI device"));
}

static void drivers_decide(void **state)
{
	struct explanation *why = *state;

	explain_no_path(why, VRAM0, EDU0);
	explanation_free(why);
	why->path.out_reason = HMM_P2P_REASON_EXPORTER;
	explanation_conclude(why);
	assert_conclusion(why, DECIDES_DRIVER, CANNOT_TELL);
	assert_true(says(why, hmm_p2p_reason_text(HMM_P2P_REASON_EXPORTER)));
}

static void missing_sysfs_is_said(void **state)
{
	struct explanation *why = *state;

	setenv("HMM_P2P_ROOT", "/nonexistent", 1);
	explain_p2p(why, VRAM0, EDU0, 4);
	assert_conclusion(why, DECIDES_UNKNOWN, CANNOT_TELL);
	assert_true(says(why, "sysfs does not show"));
}

static void verdicts_have_words(void **state)
{
	char text[VERDICT_MAX];
	struct hmm_p2p_path path = { .out_outcome = HMM_P2P_OUTCOME_P2P,
				     .out_distance = 4 };

	(void)state;
	assert_string_equal(verdict_text(&path, text), "P2P, 4 hops");
	path.out_distance = -1;
	assert_string_equal(verdict_text(&path, text), "P2P, in system memory");
	path.out_outcome = HMM_P2P_OUTCOME_MIGRATED;
	path.out_reason = HMM_P2P_REASON_NO_PATH;
	assert_string_equal(verdict_text(&path, text), "RAM, because: no path");
	path.out_outcome = HMM_P2P_OUTCOME_PRIVATE;
	assert_non_null(strstr(verdict_text(&path, text), "PRIVATE"));
}

#define machine_test(f) \
	cmocka_unit_test_setup_teardown(f, set_up_machine, tear_down_machine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		machine_test(chain_is_read),
		machine_test(chain_errors),
		machine_test(chain_of_a_nested_domain),
		machine_test(chain_too_deep_is_refused),
		machine_test(acs_of_broken_devices),
		machine_test(acs_behind_the_end),
		machine_test(host_is_read),
		machine_test(same_switch),
		machine_test(same_function),
		machine_test(acs_above_does_not_count),
		machine_test(acs_on_the_way_decides),
		machine_test(acs_has_an_author),
		machine_test(other_acs_bits_do_not_count),
		machine_test(acs_and_a_trusted_host_bridge),
		machine_test(two_root_ports),
		machine_test(acs_does_not_matter_without_a_bridge),
		machine_test(amd_forwards),
		machine_test(two_host_bridges),
		machine_test(unknown_host_bridge),
		machine_test(iommu_is_named),
		machine_test(unreadable_acs),
		machine_test(verdict_is_never_contradicted),
		machine_test(owner_decides),
		machine_test(stolen_memory_decides),
		machine_test(only_pci_devices_are_peers),
		machine_test(drivers_decide),
		machine_test(missing_sysfs_is_said),
		machine_test(verdicts_have_words),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
