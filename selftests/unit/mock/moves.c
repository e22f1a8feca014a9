// SPDX-License-Identifier: GPL-2.0
/* The calls that move pages. */
#include <errno.h>

#include "calls.h"

static int refusal(const struct mock_page *page)
{
	if (!page->mapped)
		return HMM_P2P_REASON_HOLE;
	if (!page->anonymous || page->guard)
		return HMM_P2P_REASON_NOT_ANON;
	return page->busy ? HMM_P2P_REASON_BUSY : HMM_P2P_REASON_NONE;
}

/* HMM_P2P_REASON_NONE when the page moved. */
static int move_to_device(struct hmm_p2p_migrate *request, struct mock_page *page)
{
	struct hmm_p2p_stat *stat = mock_stat_of(request->device);

	if (!mock_place(page, request->device)) {
		stat->out_counters[HMM_P2P_COUNTER_ALLOC_FAILED]++;
		return -ENOSPC;
	}
	request->out_moved++;
	stat->out_counters[HMM_P2P_COUNTER_TO_DEVICE]++;
	if (!page->touched) {
		request->out_populated++;
		stat->out_counters[HMM_P2P_COUNTER_POPULATED]++;
	}
	page->touched = true;
	return 0;
}

/* To RAM, what was never touched counts as there. */
static bool is_left_alone(const struct hmm_p2p_migrate *request,
			  const struct mock_page *page)
{
	return request->device && !page->touched &&
	       !(request->flags & HMM_P2P_MIGRATE_POPULATE);
}

static int migrate_page(struct hmm_p2p_migrate *request, struct mock_page *page)
{
	int reason = refusal(page);

	if (page->guard && !request->device) {
		request->out_already++;
		return 0;
	}
	if (!reason && is_left_alone(request, page))
		reason = HMM_P2P_REASON_UNTOUCHED;
	if (reason) {
		request->out_reasons[reason]++;
		return 0;
	}
	if (page->device == request->device) {
		request->out_already++;
		return 0;
	}
	if (page->device) {
		mock_stat_of(page->device)->out_counters[HMM_P2P_COUNTER_TO_RAM]++;
		mock_send_home(page);
	}
	if (request->device)
		return move_to_device(request, page);
	request->out_moved++;
	return 0;
}

static void note_first(const struct hmm_p2p_migrate *request)
{
	mock.first_addr = request->addr;
	mock.first_length = request->length;
	mock.first_flags = request->flags;
}

int mock_call_migrate(void *arg)
{
	struct hmm_p2p_migrate *request = arg;
	bool to_ram = request->flags & HMM_P2P_MIGRATE_TO_RAM;
	int err = mock_check_range(request->addr, request->length);
	uint64_t at;

	if (!err)
		err = mock_check_process(request->pid, request->mem_fd);
	if (!err && to_ram && (request->device || request->move ||
			       request->flags & HMM_P2P_MIGRATE_POPULATE))
		err = -EINVAL;
	if (!err && request->move > mock.moves)
		err = -EINVAL;
	if (!err && !to_ram && !mock_device(request->device))
		err = -ENOENT;
	if (!err && !to_ram && !mock_can(request->device, HMM_P2P_CAP_EXPORTER))
		err = -EOPNOTSUPP;
	if (!err && !to_ram && !request->move)
		note_first(request);
	if (!err && !to_ram)
		request->out_move = request->move ?: ++mock.moves;
	for (at = 0; !err && at < request->length; at += MOCK_PAGE_SIZE)
		err = migrate_page(request, mock_page_at(request->addr + at));
	return err;
}

/* Whatever is first in the address space goes first, as far as there is RAM. */
int mock_call_drain(void *arg)
{
	struct hmm_p2p_drain *request = arg;
	struct hmm_p2p_device_info *info = mock_device(request->device);
	unsigned int i;

	if (!info)
		return -ENOENT;
	if (!(info->out_caps & HMM_P2P_CAP_EXPORTER))
		return -EOPNOTSUPP;
	for (i = 0; i < MOCK_NR_PAGES && request->out_moved < mock.ram_pages; i++) {
		if (mock.pages[i].shared || mock.pages[i].device != request->device)
			continue;
		mock_send_home(&mock.pages[i]);
		request->out_moved++;
	}
	request->out_left = info->out_used_bytes / MOCK_PAGE_SIZE;
	return request->out_left ? -ENOMEM : 0;
}
