// SPDX-License-Identifier: GPL-2.0
/* The driver that lives in the test: the rules for every call. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "calls.h"

#define NO_RESERVED	SIZE_MAX

static const struct call {
	const char *name;
	unsigned long cmd;
	size_t size;
	uint32_t flags;
	size_t reserved;	/* offset of the field that must be 0 */
	int (*run)(void *arg);
} calls[] = {
	{ "info", HMM_P2P_IOC_INFO, sizeof(struct hmm_p2p_info), 0,
	  NO_RESERVED, mock_call_info },
	{ "device", HMM_P2P_IOC_DEVICE, sizeof(struct hmm_p2p_device_info), 0,
	  offsetof(struct hmm_p2p_device_info, __reserved), mock_call_device },
	{ "path", HMM_P2P_IOC_PATH, sizeof(struct hmm_p2p_path), HMM_P2P_PATH_FILE,
	  offsetof(struct hmm_p2p_path, __reserved), mock_call_path },
	{ "migrate", HMM_P2P_IOC_MIGRATE, sizeof(struct hmm_p2p_migrate),
	  HMM_P2P_MIGRATE_TO_RAM | HMM_P2P_MIGRATE_NO_EVICT | HMM_P2P_MIGRATE_POPULATE,
	  offsetof(struct hmm_p2p_migrate, __reserved), mock_call_migrate },
	{ "access", HMM_P2P_IOC_ACCESS, sizeof(struct hmm_p2p_access),
	  HMM_P2P_ACCESS_WRITE | HMM_P2P_ACCESS_NO_P2P,
	  offsetof(struct hmm_p2p_access, __reserved), mock_call_access },
	{ "query", HMM_P2P_IOC_QUERY, sizeof(struct hmm_p2p_query), 0,
	  offsetof(struct hmm_p2p_query, __reserved), mock_call_query },
	{ "stat", HMM_P2P_IOC_STAT, sizeof(struct hmm_p2p_stat), 0,
	  offsetof(struct hmm_p2p_stat, __reserved), mock_call_stat },
	{ "set_owner", HMM_P2P_IOC_SET_OWNER, sizeof(struct hmm_p2p_set_owner), 0,
	  offsetof(struct hmm_p2p_set_owner, __reserved), mock_call_set_owner },
	{ "file_io", HMM_P2P_IOC_FILE_IO, sizeof(struct hmm_p2p_file_io),
	  HMM_P2P_FILE_IO_WRITE | HMM_P2P_FILE_IO_NO_P2P,
	  offsetof(struct hmm_p2p_file_io, __reserved), mock_call_file_io },
	{ "drain", HMM_P2P_IOC_DRAIN, sizeof(struct hmm_p2p_drain), 0,
	  offsetof(struct hmm_p2p_drain, __reserved), mock_call_drain },
	{ "export", HMM_P2P_IOC_EXPORT, sizeof(struct hmm_p2p_export), 0,
	  offsetof(struct hmm_p2p_export, __reserved), mock_call_export },
	{ "import", HMM_P2P_IOC_IMPORT, sizeof(struct hmm_p2p_import), HMM_P2P_IMPORT_WRITE,
	  offsetof(struct hmm_p2p_import, __reserved), mock_call_import },
};

#define NR_CALLS (sizeof(calls) / sizeof(calls[0]))

/* The library is as old as this header, so its sizes fit exactly. */
static int check_rules(const struct call *call, const void *arg)
{
	uint32_t size, flags, reserved = 0;

	memcpy(&size, arg, sizeof(size));
	memcpy(&flags, (const char *)arg + sizeof(size), sizeof(flags));
	if (call->reserved != NO_RESERVED)
		memcpy(&reserved, (const char *)arg + call->reserved,
		       sizeof(reserved));
	if (size != call->size || reserved) {
		mock.bad_requests++;
		return -EINVAL;
	}
	return flags & ~call->flags ? -EINVAL : 0;
}

static int inject(unsigned long cmd)
{
	if (!mock.fail_errno || mock.fail_cmd != cmd)
		return 0;
	if (mock.fail_after) {
		mock.fail_after--;
		return 0;
	}
	if (mock.fail_once)
		mock.fail_cmd = 0;
	return -mock.fail_errno;
}

static int run_call(const struct call *call, void *arg)
{
	int err = check_rules(call, arg);

	if (!err)
		err = inject(call->cmd);
	return err ? err : call->run(arg);
}

int mock_ioctl(unsigned long cmd, void *arg)
{
	int err = -ENOTTY;
	size_t i;

	mock.calls++;
	for (i = 0; i < NR_CALLS; i++)
		if (calls[i].cmd == cmd)
			err = run_call(&calls[i], arg);
	if (!err)
		return 0;
	errno = -err;
	return -1;
}

unsigned long mock_cmd(const char *name)
{
	size_t i;

	for (i = 0; i < NR_CALLS; i++)
		if (!strcmp(calls[i].name, name))
			return calls[i].cmd;
	return 0;
}
