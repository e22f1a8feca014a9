/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the source files of libhmm_p2p share. */
#ifndef HMM_P2P_INTERNAL_H
#define HMM_P2P_INTERNAL_H

#include "hmm_p2p.h"

#define EXPORT __attribute__((visibility("default")))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Nothing in it changes between hmm_p2p_open() and hmm_p2p_close(). */
struct hmm_p2p {
	int fd;
	uint32_t page_size;
};

/* ioctl() on the context: 0 or -errno. */
int hmm_p2p_ioctl(const struct hmm_p2p *ctx, unsigned long cmd, void *arg);

/* The pid and mem_fd that an ioctl wants for @process, which may be NULL. */
struct hmm_p2p_process hmm_p2p_process_or_self(const struct hmm_p2p_process *process);

#endif /* HMM_P2P_INTERNAL_H */
