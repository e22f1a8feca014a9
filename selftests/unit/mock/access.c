// SPDX-License-Identifier: GPL-2.0
/* The calls that reach pages, or tell where they are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"

static void count_outcome(struct hmm_p2p_access *request, struct mock_page *page,
			  const struct hmm_p2p_path *verdict)
{
	struct hmm_p2p_stat *stat = mock_stat_of(page->device);

	switch (verdict->out_outcome) {
	case HMM_P2P_OUTCOME_PRIVATE:
		request->out_private++;
		stat->out_counters[HMM_P2P_COUNTER_PRIVATE]++;
		break;
	case HMM_P2P_OUTCOME_P2P:
		request->out_p2p++;
		stat->out_counters[HMM_P2P_COUNTER_P2P]++;
		break;
	default:
		request->out_migrated++;
		request->out_reasons[verdict->out_reason]++;
		stat->out_counters[HMM_P2P_COUNTER_SENT_HOME]++;
		stat->out_counters[HMM_P2P_COUNTER_TO_RAM]++;
		stat->out_counters[HMM_P2P_COUNTER_CPU_FAULT]++;
		stat->out_reasons[verdict->out_reason]++;
		mock_send_home(page);
	}
}

static void transfer(struct hmm_p2p_access *request, uint64_t at)
{
	uint64_t page = (request->addr + at - MOCK_BASE) / MOCK_PAGE_SIZE;
	uint8_t *data = (uint8_t *)(uintptr_t)request->data + at;

	if (!request->data || at >= request->data_length)
		return;
	if (request->flags & HMM_P2P_ACCESS_WRITE)
		memcpy(mock_data[page], data, MOCK_PAGE_SIZE);
	else
		memcpy(data, mock_data[page], MOCK_PAGE_SIZE);
	request->out_bytes += MOCK_PAGE_SIZE;
}

static int refuse(struct hmm_p2p_access *request, uint64_t at, uint32_t reason)
{
	uint8_t *outcomes = (uint8_t *)(uintptr_t)request->outcomes;

	request->out_reasons[reason]++;
	if (outcomes)
		outcomes[at / MOCK_PAGE_SIZE] = reason << 4;
	return -EREMOTEIO;
}

static int access_page(struct hmm_p2p_access *request, uint64_t at)
{
	struct mock_page *page = mock_page_at(request->addr + at);
	struct hmm_p2p_path verdict = { .out_outcome = HMM_P2P_OUTCOME_SYSTEM };
	uint8_t *outcomes = (uint8_t *)(uintptr_t)request->outcomes;

	if (!page->mapped)
		return -EFAULT;
	if ((request->flags & HMM_P2P_ACCESS_WRITE) && !page->writable)
		return -EPERM;
	if (page->device) {
		mock_page_verdict(page, request->importer, request->flags, &verdict);
		if (!verdict.out_outcome)
			return refuse(request, at, verdict.out_reason);
		count_outcome(request, page, &verdict);
	} else {
		request->out_system++;
	}
	if (outcomes)
		outcomes[at / MOCK_PAGE_SIZE] =
			verdict.out_outcome | verdict.out_reason << 4;
	transfer(request, at);
	return 0;
}

int mock_call_access(void *arg)
{
	struct hmm_p2p_access *request = arg;
	int err = mock_check_range(request->addr, request->length);
	uint64_t at;

	if (!err && (request->data_length > request->length ||
		     request->data_length % MOCK_PAGE_SIZE))
		err = -EINVAL;
	if (!err)
		err = mock_check_process(request->pid, request->mem_fd);
	if (!err && !mock_device(request->importer))
		err = -ENOENT;
	if (!err && !mock_can(request->importer, HMM_P2P_CAP_IMPORTER))
		err = -EOPNOTSUPP;
	for (at = 0; !err && at < request->length; at += MOCK_PAGE_SIZE)
		err = access_page(request, at);
	return err;
}

static uint32_t page_flags(const struct mock_page *page)
{
	const struct hmm_p2p_device_info *info = mock_device(page->device);
	uint64_t offset = (uint64_t)page->offset * MOCK_PAGE_SIZE;
	uint32_t flags = 0;

	if (page->unreadable)
		return HMM_P2P_EXTENT_UNREADABLE;
	if (page->writable)
		flags |= HMM_P2P_EXTENT_WRITABLE;
	if (page->huge)
		flags |= HMM_P2P_EXTENT_HUGE;
	if (page->shared)
		flags |= HMM_P2P_EXTENT_SHARED;
	if (page->shared || (info && offset < info->out_window_bytes))
		flags |= HMM_P2P_EXTENT_WINDOW;
	return flags;
}

/* One extent per page: putting them together is the library's business. */
static bool report_page(struct hmm_p2p_query *request, uint64_t addr)
{
	struct hmm_p2p_extent *extents =
		(struct hmm_p2p_extent *)(uintptr_t)request->extents;
	const struct mock_page *page = mock_page_at(addr);
	struct hmm_p2p_path verdict = { 0 };

	if (!page->device && !page->unreadable)
		return true;
	if (request->out_nr_extents == request->nr_extents ||
	    request->out_nr_extents == mock.query_limit)
		return false;
	if (request->importer && page->device)
		mock_page_verdict(page, request->importer, 0, &verdict);
	extents[request->out_nr_extents++] = (struct hmm_p2p_extent) {
		.addr = addr,
		.length = MOCK_PAGE_SIZE,
		.device = page->device,
		.outcome = verdict.out_outcome,
		.reason = verdict.out_reason,
		.flags = page_flags(page),
	};
	return true;
}

int mock_call_query(void *arg)
{
	struct hmm_p2p_query *request = arg;
	uint64_t end = request->addr + request->length, addr = request->addr;
	int err = mock_check_range(request->addr, request->length);

	if (!err)
		err = mock_check_process(request->pid, request->mem_fd);
	if (!err && request->importer && !mock_device(request->importer))
		err = -ENOENT;
	if (!err && request->importer &&
	    !mock_can(request->importer, HMM_P2P_CAP_IMPORTER))
		err = -EOPNOTSUPP;
	if (err)
		return err;
	if (mock.query_calls && !--mock.query_calls)
		abort();
	if (mock.query_stride && request->length > mock.query_stride)
		end = addr + mock.query_stride;
	request->out_nr_extents = 0;
	/* What lies outside of the model need not be walked page by page. */
	if (addr < MOCK_BASE)
		addr = end < MOCK_BASE ? end : MOCK_BASE;
	while (addr < end && addr < MOCK_END && report_page(request, addr))
		addr += MOCK_PAGE_SIZE;
	if (addr >= MOCK_END)
		addr = end;
	if (mock.query_beyond)
		addr += MOCK_PAGE_SIZE;
	request->out_next = mock.query_stuck ? request->addr : addr;
	return 0;
}

/* Descriptor MOCK_FILE is a file of mock.file_bytes; nothing is checked. */
int mock_call_file_io(void *arg)
{
	struct hmm_p2p_file_io *request = arg;

	mock.file_io = *request;
	if (request->fd != MOCK_FILE)
		return -EBADF;
	if (request->offset < mock.file_bytes)
		request->out_bytes = mock.file_bytes - request->offset;
	if (request->out_bytes > request->length)
		request->out_bytes = request->length;
	request->out_p2p = (request->out_bytes + MOCK_PAGE_SIZE - 1) / MOCK_PAGE_SIZE;
	return 0;
}
