/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mmap() of the character device. The mmap_lock is held in hmm_p2p_shared_mmap(), and
 * taken in hmm_p2p_shared_hold().
 */
#ifndef _HMM_P2P_SHARED_H
#define _HMM_P2P_SHARED_H

#include <linux/types.h>

struct file;
struct hmm_p2p_device;
struct inode;
struct page;
struct vm_area_struct;

/**
 * struct hmm_p2p_shared_range - pages of the memory that an open file has
 * @nr: how many
 * @pages: they, with a reference each
 * @file: the file, with a reference, which keeps their content
 * @pgoff: where mmap() of @file has them
 * @hdev: whose memory; stays as long as @file
 */
struct hmm_p2p_shared_range {
	unsigned long nr;
	struct page **pages;
	struct file *file;
	unsigned long pgoff;
	struct hmm_p2p_device *hdev;
};

int hmm_p2p_shared_open(struct inode *inode, struct file *file);
int hmm_p2p_shared_release(struct inode *inode, struct file *file);
int hmm_p2p_shared_mmap(struct file *file, struct vm_area_struct *vma);
int hmm_p2p_shared_hold(u64 addr, struct hmm_p2p_shared_range *range);
void hmm_p2p_shared_init(void);
void hmm_p2p_shared_exit(void);

#endif /* _HMM_P2P_SHARED_H */
