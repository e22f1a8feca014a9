// SPDX-License-Identifier: GPL-2.0
/* hmmp2p topo --explain: which bridge, ACS bit or IOMMU decides. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "explain.h"
#include "json.h"

/* ------------------------------------------------------------------- text */

static void print_decider(const struct explanation *why)
{
	static const char *const words[] = {
		[DECIDES_UNKNOWN] = "not known",
		[DECIDES_OWNER] = "the owner they share",
		[DECIDES_SYSTEM_ALIAS] = "system memory behind",
		[DECIDES_DRIVER] = "a driver or a setting",
		[DECIDES_NOT_PCI] = "a device that is not PCI",
		[DECIDES_SAME_FUNCTION] = "function",
		[DECIDES_BRIDGE] = "bridge",
		[DECIDES_ACS] = "ACS of",
		[DECIDES_HOST_BRIDGE] = "host bridge",
	};
	const char *names[DECIDING_MAX];
	unsigned int i, nr = deciding(why, names, DECIDING_MAX);

	printf("decided by  %s", words[why->decides]);
	for (i = 0; i < nr; i++)
		printf(" %s", names[i]);
	puts("\n");
}

static void print_text(const struct explanation *why)
{
	char text[VERDICT_MAX];
	unsigned int i;

	printf("exporter    %s (%s)\n", device_name(&why->exporter),
	       device_bus(&why->exporter));
	printf("importer    %s (%s)\n", device_name(&why->importer),
	       device_bus(&why->importer));
	printf("verdict     %s\n", verdict_text(&why->path, text));
	print_decider(why);
	for (i = 0; i < why->nr_lines; i++)
		puts(why->lines[i]);
}

/* ------------------------------------------------------------------- JSON */

static void add_chain(struct json_object *in, const char *key,
		      const struct pci_chain *chain)
{
	struct json_object *array = json_put_array(in, key);
	unsigned int i;

	for (i = 0; i < chain->nr; i++) {
		const struct pci_function *function = &chain->at[i];
		struct json_object *object = json_append_object(array);

		json_put_text(object, "bus", function->name);
		json_put_bool(object, "acs_readable",
			      function->acs != ACS_UNREADABLE);
		if (function->acs == ACS_PRESENT)
			json_put_int(object, "acs_control", function->acs_control);
		else
			json_put_null(object, "acs_control");
	}
}

static void add_host(struct json_object *in, const char *key,
		     const struct pci_chain *chain, const struct pci_host *host)
{
	struct json_object *object = json_put_object(in, key);

	json_put_text(object, "name", chain->host);
	if (host->known)
		json_put_text(object, "bus", host->name);
	else
		json_put_null(object, "bus");
	json_put_int(object, "vendor", host->vendor);
	json_put_int(object, "device", host->device);
}

static void add_iommu(struct json_object *in, const char *key,
		      const struct pci_iommu *iommu)
{
	struct json_object *object;

	if (!iommu->grouped) {
		json_put_null(in, key);
		return;
	}
	object = json_put_object(in, key);
	json_put_int(object, "group", iommu->group);
	json_put_text(object, "type", iommu->type);
	json_put_bool(object, "translates", pci_iommu_translates(iommu));
}

static void add_redirects(struct json_object *in, const struct route *route)
{
	struct json_object *array = json_put_array(in, "acs_redirects");
	unsigned int i;

	for (i = 0; i < route->nr_redirects; i++)
		json_append_text(array, route->redirects[i]->name);
}

static void add_route(struct json_object *in, const struct explanation *why)
{
	static const char *const kinds[] = {
		[ROUTE_SAME_FUNCTION] = "same_function",
		[ROUTE_BRIDGE] = "bridge",
		[ROUTE_ACS] = "acs",
		[ROUTE_HOST_BRIDGE] = "host_bridge",
	};
	struct json_object *object;

	if (!why->has_route) {
		json_put_null(in, "route");
		return;
	}
	object = json_put_object(in, "route");
	json_put_text(object, "kind", kinds[why->route.kind]);
	json_put_int(object, "distance", why->route.distance);
	if (why->route.meet)
		json_put_text(object, "meet", why->route.meet->name);
	else
		json_put_null(object, "meet");
	add_redirects(object, &why->route);
	add_chain(object, "exporter_chain", &why->exporter_chain);
	add_chain(object, "importer_chain", &why->importer_chain);
	add_host(object, "exporter_host", &why->exporter_chain, &why->exporter_host);
	add_host(object, "importer_host", &why->importer_chain, &why->importer_host);
	add_iommu(object, "exporter_iommu", &why->exporter_iommu);
	add_iommu(object, "importer_iommu", &why->importer_iommu);
	json_put_text(object, "cpu_vendor", why->cpu.vendor);
	json_put_int(object, "cpu_family", why->cpu.family);
}

static void add_party(struct json_object *in, const char *key,
		      const struct hmm_p2p_device_info *info)
{
	struct json_object *object = json_put_object(in, key);

	json_put_device(object, info);
	json_put_int(object, "owner", info->out_owner);
}

static void print_json(const struct explanation *why)
{
	struct json_object *top = json_top("hmmp2p.explain.1");
	const char *names[DECIDING_MAX];
	unsigned int i, nr = deciding(why, names, DECIDING_MAX);
	struct json_object *array;

	add_party(top, "exporter", &why->exporter);
	add_party(top, "importer", &why->importer);
	json_put_word(top, "outcome", hmm_p2p_outcome_name(why->path.out_outcome));
	json_put_word(top, "reason", hmm_p2p_reason_name(why->path.out_reason));
	json_put_int(top, "distance", why->path.out_distance);
	json_put_text(top, "decides", decider_name(why->decides));
	array = json_put_array(top, "deciding");
	for (i = 0; i < nr; i++)
		json_append_text(array, names[i]);
	if (why->agreement == CANNOT_TELL)
		json_put_null(top, "agrees");
	else
		json_put_bool(top, "agrees", why->agreement == AGREES);
	add_route(top, why);
	array = json_put_array(top, "text");
	for (i = 0; i < why->nr_lines; i++)
		json_append_text(array, why->lines[i]);
	json_print(top);
}

/* ------------------------------------------------------------------- verb */

static int explain_path(struct tool *tool, struct explanation *why)
{
	explanation_read(why);
	explanation_conclude(why);
	if (tool->json)
		print_json(why);
	else
		print_text(why);
	explanation_free(why);
	return EXIT_OK;
}

static int cannot_ask(const struct explanation *why, int err)
{
	return complain_call(err, HMM_P2P_CALL_PATH, "from %s to %s",
			     device_name(&why->exporter), device_name(&why->importer));
}

static int explain_pair(struct tool *tool, struct explanation *why)
{
	int err = hmm_p2p_path(tool->ctx, why->exporter.out_id,
			       why->importer.out_id, &why->path);

	return err ? cannot_ask(why, err) : explain_path(tool, why);
}

/* A disk is no device of this driver: it is described as one. */
static int describe_file(struct hmm_p2p_device_info *info, const char *file, int fd)
{
	char bus[PCI_NAME_MAX];
	struct stat st;
	dev_t dev;

	*info = (struct hmm_p2p_device_info) { .out_caps = HMM_P2P_CAP_IMPORTER };
	snprintf((char *)info->out_name, sizeof(info->out_name), "%s", file);
	if (fstat(fd, &st))
		return complain("%s: %s", file, strerror(errno));
	dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	if (!pci_of_block_device(major(dev), minor(dev), bus)) {
		info->out_caps |= HMM_P2P_CAP_PCI;
		snprintf((char *)info->out_bus, sizeof(info->out_bus), "%s", bus);
	}
	return EXIT_OK;
}

static int explain_file(struct tool *tool, struct explanation *why, const char *file)
{
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC), err, status;

	if (fd < 0)
		return complain("%s: %s", file, strerror(errno));
	status = describe_file(&why->importer, file, fd);
	if (!status) {
		err = hmm_p2p_path_file(tool->ctx, why->exporter.out_id, fd, &why->path);
		status = err ? cannot_ask(why, err) : explain_path(tool, why);
	}
	close(fd);
	return status;
}

int explain(struct tool *tool, const char *exporter, const char *importer)
{
	struct explanation *why = xcalloc(1, sizeof(*why));
	int status = tool_find(tool, exporter, &why->exporter);

	if (!status && importer[0] == '/') {
		status = explain_file(tool, why, importer);
	} else if (!status) {
		status = tool_find(tool, importer, &why->importer);
		if (!status)
			status = explain_pair(tool, why);
	}
	free(why);
	return status;
}
