// SPDX-License-Identifier: GPL-2.0
/* The devices of the system, all at once. */
#include <errno.h>
#include <stdlib.h>

#include "hmmp2p.h"

static void device_list_add(struct device_list *list,
			    const struct hmm_p2p_device_info *info)
{
	list->devices = xrealloc(list->devices, list->nr + 1,
				 sizeof(*list->devices));
	list->devices[list->nr++] = *info;
}

int device_list_load(struct tool *tool, struct device_list *list)
{
	struct hmm_p2p_device_info info;
	uint32_t id = 0;
	int err;

	*list = (struct device_list) { 0 };
	do {
		err = hmm_p2p_device_next(tool->ctx, id, &info);
		if (err)
			break;
		device_list_add(list, &info);
		id = info.out_id + 1;
	} while (id);

	if (!err || err == -ENOENT)
		return EXIT_OK;
	device_list_free(list);
	return complain_call(err, HMM_P2P_CALL_DEVICE, "cannot list the devices");
}

void device_list_free(struct device_list *list)
{
	free(list->devices);
	*list = (struct device_list) { 0 };
}

const struct hmm_p2p_device_info *
device_list_find(const struct device_list *list, uint32_t id)
{
	size_t i;

	for (i = 0; i < list->nr; i++)
		if (list->devices[i].out_id == id)
			return &list->devices[i];
	return NULL;
}
