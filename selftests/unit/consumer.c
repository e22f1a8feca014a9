// SPDX-License-Identifier: GPL-2.0
/*
 * A program of somebody else: every function is linked, one is called.
 * Exits with 3 when the driver is not there, which is what its caller expects.
 */
#include <hmm_p2p.h>
#include <errno.h>
#include <stdio.h>

typedef void (*any_fn)(void);

static const any_fn functions[] = {
	(any_fn)hmm_p2p_open, (any_fn)hmm_p2p_close, (any_fn)hmm_p2p_fd,
	(any_fn)hmm_p2p_page_size, (any_fn)hmm_p2p_get_info,
	(any_fn)hmm_p2p_device_next, (any_fn)hmm_p2p_device_find,
	(any_fn)hmm_p2p_path, (any_fn)hmm_p2p_path_file,
	(any_fn)hmm_p2p_process_self,
	(any_fn)hmm_p2p_process_open, (any_fn)hmm_p2p_process_close,
	(any_fn)hmm_p2p_migrate, (any_fn)hmm_p2p_migrate_to_ram,
	(any_fn)hmm_p2p_migrate_ranges,
	(any_fn)hmm_p2p_read, (any_fn)hmm_p2p_write, (any_fn)hmm_p2p_fault,
	(any_fn)hmm_p2p_pread, (any_fn)hmm_p2p_pwrite,
	(any_fn)hmm_p2p_map, (any_fn)hmm_p2p_unmap,
	(any_fn)hmm_p2p_export,
	(any_fn)hmm_p2p_import_read, (any_fn)hmm_p2p_import_write,
	(any_fn)hmm_p2p_query, (any_fn)hmm_p2p_stat, (any_fn)hmm_p2p_set_owner,
	(any_fn)hmm_p2p_outcome_name, (any_fn)hmm_p2p_reason_name,
	(any_fn)hmm_p2p_reason_text, (any_fn)hmm_p2p_counter_name,
	(any_fn)hmm_p2p_errno_text,
};

int main(void)
{
	struct hmm_p2p_migrate result;
	struct hmm_p2p *ctx;
	unsigned int i;
	int err;

	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (!functions[i])
			return 4;
	err = hmm_p2p_open(&ctx);
	if (err) {
		puts(hmm_p2p_errno_text(err, HMM_P2P_CALL_OPEN));
		return err == -ENOENT ? 3 : 4;
	}
	err = hmm_p2p_migrate_to_ram(ctx, NULL, 0, hmm_p2p_page_size(ctx),
				     &result);
	hmm_p2p_close(ctx);
	return err ? 4 : 0;
}
