/* SPDX-License-Identifier: GPL-2.0 */
/* What the mock's calls share. */
#ifndef HMM_P2P_MOCK_CALLS_H
#define HMM_P2P_MOCK_CALLS_H

#include "mock.h"

/* The calls: 0, or -errno. */
int mock_call_info(void *arg);
int mock_call_device(void *arg);
int mock_call_path(void *arg);
int mock_call_migrate(void *arg);
int mock_call_access(void *arg);
int mock_call_query(void *arg);
int mock_call_stat(void *arg);
int mock_call_set_owner(void *arg);
int mock_call_file_io(void *arg);
int mock_call_drain(void *arg);
int mock_call_export(void *arg);
int mock_call_import(void *arg);

/* As the driver checks them: 0, or -errno. */
int mock_check_range(uint64_t addr, uint64_t length);
int mock_check_process(int32_t pid, int32_t mem_fd);

/* Whether a device has this HMM_P2P_CAP_*. */
bool mock_can(uint32_t id, uint32_t cap);
struct hmm_p2p_stat *mock_stat_of(uint32_t id);

/* Addresses outside of the model are a hole, the same one for all. */
struct mock_page *mock_page_at(uint64_t addr);

/* Give @page memory of the device; false when it has none left. */
bool mock_place(struct mock_page *page, uint32_t device);

/* As mock_verdict(), for one page, and HMM_P2P_ACCESS_* flags. */
void mock_page_verdict(const struct mock_page *page, uint32_t importer,
		       uint32_t flags, struct hmm_p2p_path *path);

#endif /* HMM_P2P_MOCK_CALLS_H */
