/* SPDX-License-Identifier: GPL-2.0 */
/* An importer that skips the events of migrations of its own, for tests. */
#ifndef _HMM_P2P_SKIP_H
#define _HMM_P2P_SKIP_H

#include <linux/fs.h>

extern const struct file_operations skip_fops;

#endif /* _HMM_P2P_SKIP_H */
