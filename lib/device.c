// SPDX-License-Identifier: LGPL-2.1-or-later
/* Devices: walking, finding, paths between them, counters, owners. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hmm_p2p_internal.h"

EXPORT int hmm_p2p_device_next(struct hmm_p2p *ctx, uint32_t id,
			       struct hmm_p2p_device_info *info)
{
	int err;

	if (!info)
		return -EINVAL;
	*info = (struct hmm_p2p_device_info) { .size = sizeof(*info), .id = id };
	err = hmm_p2p_ioctl(ctx, HMM_P2P_IOC_DEVICE, info);
	info->out_name[HMM_P2P_NAME_SIZE - 1] = '\0';
	info->out_bus[HMM_P2P_NAME_SIZE - 1] = '\0';
	return err;
}

/* Decimal digits only, so that "0000:01:00.0" and "0x1" are no ids. */
static bool parse_id(const char *text, uint32_t *id)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (*end || errno || value > UINT32_MAX)
		return false;
	*id = value;
	return true;
}

static int find_by_id(struct hmm_p2p *ctx, const char *which,
		      struct hmm_p2p_device_info *info)
{
	uint32_t id;
	int err;

	if (!parse_id(which, &id))
		return -ENOENT;
	err = hmm_p2p_device_next(ctx, id, info);
	return !err && info->out_id != id ? -ENOENT : err;
}

static bool name_matches(const struct hmm_p2p_device_info *info,
			 const char *which)
{
	return !strcmp((const char *)info->out_name, which);
}

/* A PCI address may be written without its domain where that is 0000. */
static bool bus_matches(const struct hmm_p2p_device_info *info,
			const char *which)
{
	const char *bus = (const char *)info->out_bus;

	if (!strcmp(bus, which))
		return true;
	return (info->out_caps & HMM_P2P_CAP_PCI) && !strncmp(bus, "0000:", 5) &&
	       !strcmp(bus + 5, which);
}

typedef bool (*device_match_fn)(const struct hmm_p2p_device_info *info,
				const char *which);

static int find_by(struct hmm_p2p *ctx, device_match_fn matches,
		   const char *which, struct hmm_p2p_device_info *found)
{
	struct hmm_p2p_device_info info;
	unsigned int hits = 0;
	uint32_t id = 0;
	int err;

	do {
		err = hmm_p2p_device_next(ctx, id, &info);
		if (err)
			break;
		if (matches(&info, which) && !hits++)
			*found = info;
		id = info.out_id + 1;
	} while (id);

	if (err && err != -ENOENT)
		return err;
	if (hits > 1)
		return -ENOTUNIQ;
	return hits ? 0 : -ENOENT;
}

EXPORT int hmm_p2p_device_find(struct hmm_p2p *ctx, const char *which,
			       struct hmm_p2p_device_info *info)
{
	struct hmm_p2p_device_info found = { 0 };
	int err;

	if (!which || !*which)
		return -EINVAL;

	err = find_by_id(ctx, which, &found);
	if (err == -ENOENT)
		err = find_by(ctx, name_matches, which, &found);
	if (err == -ENOENT)
		err = find_by(ctx, bus_matches, which, &found);
	if (info && !err)
		*info = found;
	return err;
}

static int ask_path(struct hmm_p2p *ctx, uint32_t flags, uint32_t exporter,
		    uint32_t importer, struct hmm_p2p_path *path)
{
	if (!path)
		return -EINVAL;
	*path = (struct hmm_p2p_path) {
		.size = sizeof(*path),
		.flags = flags,
		.exporter = exporter,
		.importer = importer,
	};
	return hmm_p2p_ioctl(ctx, HMM_P2P_IOC_PATH, path);
}

EXPORT int hmm_p2p_path(struct hmm_p2p *ctx, uint32_t exporter,
			uint32_t importer, struct hmm_p2p_path *path)
{
	return ask_path(ctx, 0, exporter, importer, path);
}

EXPORT int hmm_p2p_path_file(struct hmm_p2p *ctx, uint32_t exporter, int fd,
			     struct hmm_p2p_path *path)
{
	return ask_path(ctx, HMM_P2P_PATH_FILE, exporter, (uint32_t)fd, path);
}

EXPORT int hmm_p2p_stat(struct hmm_p2p *ctx, uint32_t device,
			struct hmm_p2p_stat *stat)
{
	if (!stat)
		return -EINVAL;
	*stat = (struct hmm_p2p_stat) { .size = sizeof(*stat), .device = device };
	return hmm_p2p_ioctl(ctx, HMM_P2P_IOC_STAT, stat);
}

EXPORT int hmm_p2p_drain(struct hmm_p2p *ctx, uint32_t device,
			 struct hmm_p2p_drain *result)
{
	struct hmm_p2p_drain request = { .size = sizeof(request), .device = device };
	int err = hmm_p2p_ioctl(ctx, HMM_P2P_IOC_DRAIN, &request);

	if (result)
		*result = request;
	return err;
}

EXPORT int hmm_p2p_set_owner(struct hmm_p2p *ctx, uint32_t device,
			     uint32_t peer, uint32_t *owner)
{
	struct hmm_p2p_set_owner request = {
		.size = sizeof(request),
		.device = device,
		.peer = peer,
	};
	int err = hmm_p2p_ioctl(ctx, HMM_P2P_IOC_SET_OWNER, &request);

	if (owner)
		*owner = request.out_owner;
	return err;
}
