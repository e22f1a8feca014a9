// SPDX-License-Identifier: GPL-2.0
/* An importer reaches memory, and its totals must agree with its pages. */
#include "common.h"

static void add_up(const struct reached *reached, uint64_t outcomes[16],
		   uint64_t reasons[16])
{
	size_t i;

	memset(outcomes, 0, 16 * sizeof(*outcomes));
	memset(reasons, 0, 16 * sizeof(*reasons));
	for (i = 0; i < reached->pages; i++) {
		outcomes[hmm_p2p_outcome_of(reached->outcomes[i])]++;
		reasons[hmm_p2p_reason_of(reached->outcomes[i])]++;
	}
}

static void agree(const struct reached *reached)
{
	const struct hmm_p2p_access *r = &reached->result;
	uint64_t outcomes[16], reasons[16];
	unsigned int i;

	add_up(reached, outcomes, reasons);
	REQUIRE(r->out_private == outcomes[HMM_P2P_OUTCOME_PRIVATE]);
	REQUIRE(r->out_p2p == outcomes[HMM_P2P_OUTCOME_P2P]);
	REQUIRE(r->out_migrated == outcomes[HMM_P2P_OUTCOME_MIGRATED]);
	REQUIRE(r->out_system == outcomes[HMM_P2P_OUTCOME_SYSTEM]);
	REQUIRE(r->out_private + r->out_p2p + r->out_migrated + r->out_system ==
		reached->pages);
	REQUIRE(r->out_reasons[HMM_P2P_REASON_NONE] == 0);
	for (i = 1; i < HMM_P2P_REASON_SLOTS; i++)
		REQUIRE(r->out_reasons[i] == reasons[i]);
	/* Each page that came home has a reason, and nobody else has. */
	REQUIRE(reasons_sum(r->out_reasons) == r->out_migrated);
}

struct reached reach(uint32_t importer, const void *mem, size_t length, void *data,
		     uint32_t flags)
{
	uint32_t no_p2p = flags & HMM_P2P_ACCESS_NO_P2P;
	uint64_t addr = (uintptr_t)mem;
	struct reached reached = { .pages = length / page_size };
	int ret;

	reached.outcomes = calloc(reached.pages, 1);
	REQUIRE(reached.outcomes);
	if (!data)
		ret = hmm_p2p_fault(ctx, NULL, importer, addr, length, flags,
				    reached.outcomes, &reached.result);
	else if (flags & HMM_P2P_ACCESS_WRITE)
		ret = hmm_p2p_write(ctx, NULL, importer, addr, length, data, no_p2p,
				    reached.outcomes, &reached.result);
	else
		ret = hmm_p2p_read(ctx, NULL, importer, addr, length, data, no_p2p,
				   reached.outcomes, &reached.result);
	if (ret)
		fprintf(stderr, "# importer %u: %s\n", importer,
			hmm_p2p_errno_text(ret, HMM_P2P_CALL_ACCESS));
	REQUIRE(ret == 0);
	REQUIRE(reached.result.out_bytes == (data ? length : 0));
	agree(&reached);
	return reached;
}

void reached_free(struct reached *reached)
{
	free(reached->outcomes);
	reached->outcomes = NULL;
}

size_t reached_count(const struct reached *reached, enum hmm_p2p_outcome outcome,
		     enum hmm_p2p_reason reason)
{
	size_t i, n = 0;

	for (i = 0; i < reached->pages; i++)
		n += hmm_p2p_outcome_of(reached->outcomes[i]) == outcome &&
		     (!reason || hmm_p2p_reason_of(reached->outcomes[i]) == reason);
	return n;
}
