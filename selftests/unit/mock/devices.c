// SPDX-License-Identifier: GPL-2.0
/* The calls about devices. */
#include <errno.h>
#include <string.h>

#include "calls.h"

int mock_call_info(void *arg)
{
	struct hmm_p2p_info *info = arg;

	info->out_abi_version = HMM_P2P_ABI_VERSION;
	info->out_page_size = mock.page_size;
	info->out_huge_page_size = 512 * MOCK_PAGE_SIZE;
	info->out_devices = mock.nr_devices;
	return 0;
}

int mock_call_device(void *arg)
{
	struct hmm_p2p_device_info *request = arg;
	uint32_t size = request->size, id = request->id;
	unsigned int i;

	for (i = 0; i < mock.nr_devices && mock.devices[i].out_id < id; i++)
		;
	if (i == mock.nr_devices)
		return -ENOENT;
	*request = mock.devices[i];
	request->size = size;
	request->id = id;
	if (mock.endless_names) {
		memset(request->out_name, 'x', sizeof(request->out_name));
		memset(request->out_bus, 'y', sizeof(request->out_bus));
	}
	return 0;
}

int mock_call_path(void *arg)
{
	struct hmm_p2p_path *path = arg;

	if (path->flags & HMM_P2P_PATH_FILE) {
		if (path->importer != MOCK_FILE)
			return -EBADF;
		path->importer = EDU0;
	}
	if (!mock_device(path->exporter) || !mock_device(path->importer))
		return -ENOENT;
	if (!mock_can(path->exporter, HMM_P2P_CAP_EXPORTER))
		return -EOPNOTSUPP;
	mock_verdict(path->exporter, path->importer, path);
	return 0;
}

int mock_call_stat(void *arg)
{
	struct hmm_p2p_stat *request = arg;

	if (!mock_device(request->device))
		return -ENOENT;
	if (!mock_can(request->device, HMM_P2P_CAP_EXPORTER))
		return -EOPNOTSUPP;
	memcpy(request->out_counters, mock_stat_of(request->device)->out_counters,
	       sizeof(request->out_counters));
	memcpy(request->out_reasons, mock_stat_of(request->device)->out_reasons,
	       sizeof(request->out_reasons));
	mock_after_stat(mock_stat_of(request->device));
	return 0;
}

int mock_call_set_owner(void *arg)
{
	struct hmm_p2p_set_owner *request = arg;
	struct hmm_p2p_device_info *info = mock_device(request->device);
	struct hmm_p2p_device_info *peer = mock_device(request->peer);

	if (!info || (request->peer && !peer))
		return -ENOENT;
	if (!(info->out_caps & HMM_P2P_CAP_EXPORTER) ||
	    (peer && !(peer->out_caps & HMM_P2P_CAP_EXPORTER)))
		return -EOPNOTSUPP;
	if (info->out_used_bytes)
		return -EBUSY;
	info->out_owner = peer ? peer->out_owner : mock.next_owner++;
	request->out_owner = info->out_owner;
	return 0;
}
