// SPDX-License-Identifier: LGPL-2.1-or-later
/* The connection to the driver. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hmm_p2p_internal.h"

int hmm_p2p_ioctl(const struct hmm_p2p *ctx, unsigned long cmd, void *arg)
{
	if (!ctx)
		return -EINVAL;
	return ioctl(ctx->fd, cmd, arg) < 0 ? -errno : 0;
}

static const char *device_path(void)
{
	const char *path = secure_getenv(HMM_P2P_DEVICE_ENV);

	return path && *path ? path : HMM_P2P_DEVICE_PATH;
}

/* Open the node and make sure that it is this driver that answers. */
static int context_connect(struct hmm_p2p *ctx)
{
	struct hmm_p2p_info info;
	int err;

	ctx->fd = open(device_path(), O_RDWR | O_CLOEXEC);
	if (ctx->fd < 0)
		return -errno;

	err = hmm_p2p_get_info(ctx, &info);
	if (!err && !info.out_page_size)
		err = -ENOTTY;
	if (err) {
		close(ctx->fd);
		return err;
	}
	ctx->page_size = info.out_page_size;
	return 0;
}

EXPORT int hmm_p2p_open(struct hmm_p2p **out)
{
	struct hmm_p2p *ctx;
	int err;

	if (!out)
		return -EINVAL;
	*out = NULL;

	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return -ENOMEM;
	err = context_connect(ctx);
	if (err) {
		free(ctx);
		return err;
	}
	*out = ctx;
	return 0;
}

EXPORT void hmm_p2p_close(struct hmm_p2p *ctx)
{
	if (!ctx)
		return;
	close(ctx->fd);
	free(ctx);
}

EXPORT int hmm_p2p_fd(const struct hmm_p2p *ctx)
{
	return ctx ? ctx->fd : -EINVAL;
}

EXPORT uint32_t hmm_p2p_page_size(const struct hmm_p2p *ctx)
{
	return ctx ? ctx->page_size : 0;
}

EXPORT int hmm_p2p_get_info(struct hmm_p2p *ctx, struct hmm_p2p_info *info)
{
	if (!info)
		return -EINVAL;
	*info = (struct hmm_p2p_info) { .size = sizeof(*info) };
	return hmm_p2p_ioctl(ctx, HMM_P2P_IOC_INFO, info);
}
