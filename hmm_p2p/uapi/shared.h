/* SPDX-License-Identifier: GPL-2.0 */
/* mmap() of the character device. The mmap_lock is held in hmm_p2p_shared_mmap() only. */
#ifndef _HMM_P2P_SHARED_H
#define _HMM_P2P_SHARED_H

struct file;
struct inode;
struct vm_area_struct;

int hmm_p2p_shared_open(struct inode *inode, struct file *file);
int hmm_p2p_shared_release(struct inode *inode, struct file *file);
int hmm_p2p_shared_mmap(struct file *file, struct vm_area_struct *vma);
void hmm_p2p_shared_init(void);
void hmm_p2p_shared_exit(void);

#endif /* _HMM_P2P_SHARED_H */
