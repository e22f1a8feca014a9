// SPDX-License-Identifier: GPL-2.0
/*
 * The header in C++: its structures and functions of one name live side by
 * side. Exits with 3 when the driver is not there, as consumer.c.
 */
#include <hmm_p2p.h>
#include <cerrno>
#include <cstdio>

namespace {

int count(const struct hmm_p2p_extent *extent, void *arg)
{
	*static_cast<uint64_t *>(arg) += extent->length;
	return 0;
}

int use(struct hmm_p2p *ctx)
{
	struct hmm_p2p_migrate migrate;
	struct hmm_p2p_access access;
	struct hmm_p2p_file_io file_io;
	struct hmm_p2p_path path;
	struct hmm_p2p_stat stat;
	struct hmm_p2p_process self;
	uint64_t bytes = 0;
	uint8_t outcome = 0;
	uint32_t owner;
	int err = 0;

	hmm_p2p_process_self(&self);
	err |= hmm_p2p_path(ctx, 1, 2, &path);
	err |= hmm_p2p_stat(ctx, 1, &stat);
	err |= hmm_p2p_set_owner(ctx, 1, 0, &owner);
	err |= hmm_p2p_migrate(ctx, &self, 1, 0, 4096, &migrate);
	err |= hmm_p2p_fault(ctx, &self, 1, 0, 4096, 0, &outcome, &access);
	err |= hmm_p2p_pread(ctx, 0, &bytes, 4096, 0, 0, &outcome, &file_io) < 0;
	err |= hmm_p2p_query(ctx, &self, 0, 0, 4096, count, &bytes) < 0;
	std::puts(hmm_p2p_outcome_name(hmm_p2p_outcome_of(outcome)));
	std::puts(hmm_p2p_reason_name(hmm_p2p_reason_of(outcome)));
	return err;
}

} // namespace

int main()
{
	struct hmm_p2p *ctx;
	int err = hmm_p2p_open(&ctx);

	if (err) {
		std::puts(hmm_p2p_errno_text(err, HMM_P2P_CALL_OPEN));
		return err == -ENOENT ? 3 : 4;
	}
	err = use(ctx);
	hmm_p2p_close(ctx);
	return err ? 4 : 0;
}
