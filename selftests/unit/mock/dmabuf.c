// SPDX-License-Identifier: GPL-2.0
/* The driver that lives in the test: dma-bufs of shared device memory. */
#include <errno.h>
#include <string.h>

#include "calls.h"

static uint8_t *data_at(uint64_t addr)
{
	return (uint8_t *)mock_data + (addr - MOCK_BASE);
}

int mock_call_export(void *arg)
{
	struct hmm_p2p_export *request = arg;
	uint64_t first = request->addr & ~(uint64_t)(MOCK_PAGE_SIZE - 1), at;

	request->out_fd = HMM_P2P_NO_FD;
	if (!request->length)
		return -EINVAL;
	for (at = first; at < request->addr + request->length; at += MOCK_PAGE_SIZE) {
		const struct mock_page *page = mock_page_at(at);

		if (!page->mapped)
			return -EFAULT;
		if (!page->shared)
			return -EOPNOTSUPP;
		request->out_device = page->device;
	}
	mock.buffer_addr = first;
	mock.buffer_length = at - first;
	request->out_fd = MOCK_BUFFER;
	request->out_offset = (uint32_t)(request->addr - first);
	request->out_length = at - first;
	return 0;
}

int mock_call_import(void *arg)
{
	struct hmm_p2p_import *request = arg;
	uint8_t *buffer;
	void *data;

	if (!mock_device(request->importer))
		return -ENOENT;
	if (!mock_can(request->importer, HMM_P2P_CAP_IMPORTER))
		return -EOPNOTSUPP;
	if (request->fd != MOCK_BUFFER || !mock.buffer_length)
		return -EBADF;
	if (request->offset + request->length > mock.buffer_length)
		return -EFAULT;
	buffer = data_at(mock.buffer_addr + request->offset);
	data = (void *)(uintptr_t)request->data;
	if (request->flags & HMM_P2P_IMPORT_WRITE)
		memcpy(buffer, data, request->length);
	else
		memcpy(data, buffer, request->length);
	request->out_bytes = request->length;
	return 0;
}
