// SPDX-License-Identifier: GPL-2.0
/* The counters of the exporters, at one moment. */
#include <errno.h>
#include <stdlib.h>

#include "counters.h"

static int count(struct tool *tool, bool named, const struct hmm_p2p_device_info *info,
		 struct counters *counters)
{
	struct counted *counted = &counters->counted[counters->nr];
	int err = hmm_p2p_stat(tool->ctx, info->out_id, &counted->stat);

	/* Without a name, a device that just went away is nobody's problem. */
	if (!named && (err == -ENOENT || err == -ENODEV))
		return EXIT_OK;
	if (err)
		return complain_call(err, HMM_P2P_CALL_STAT, "device '%s'",
				     device_name(info));
	counted->info = *info;
	counters->nr++;
	return EXIT_OK;
}

static int count_one(struct tool *tool, const char *name, struct counters *counters)
{
	struct hmm_p2p_device_info info;

	if (tool_find(tool, name, &info))
		return EXIT_FAILED;
	counters->counted = xcalloc(1, sizeof(*counters->counted));
	return count(tool, true, &info, counters);
}

static int count_all(struct tool *tool, struct counters *counters)
{
	struct device_list list = { 0 };
	int status = EXIT_OK;
	size_t i;

	if (device_list_load(tool, &list))
		return EXIT_FAILED;
	counters->counted = xcalloc(list.nr, sizeof(*counters->counted));
	for (i = 0; i < list.nr && !status; i++)
		if (list.devices[i].out_caps & HMM_P2P_CAP_EXPORTER)
			status = count(tool, false, &list.devices[i], counters);
	device_list_free(&list);
	return status;
}

int counters_load(struct tool *tool, const char *name, struct counters *counters)
{
	*counters = (struct counters){ 0 };
	clock_gettime(CLOCK_MONOTONIC, &counters->at);
	return name ? count_one(tool, name, counters) : count_all(tool, counters);
}

void counters_free(struct counters *counters)
{
	free(counters->counted);
}
