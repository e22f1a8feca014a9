/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that nobody has touched. The mmap_lock is held. */
#ifndef _HMM_P2P_TOUCHED_H
#define _HMM_P2P_TOUCHED_H

struct hmm_p2p_batch;
struct vm_area_struct;

unsigned long hmm_p2p_vacant_until(const struct vm_area_struct *vma,
				   unsigned long addr, unsigned long end);
unsigned long hmm_p2p_drop_untouched(struct hmm_p2p_batch *batch,
				     unsigned long *left);

#endif /* _HMM_P2P_TOUCHED_H */
