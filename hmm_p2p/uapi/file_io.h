/* SPDX-License-Identifier: GPL-2.0 */
/* Calls: direct I/O between a file and the caller's memory. May sleep; no lock is held. */
#ifndef _HMM_P2P_FILE_IO_H
#define _HMM_P2P_FILE_IO_H

struct hmm_p2p_file_io;
struct mm_struct;

int hmm_p2p_do_file_io(struct mm_struct *mm, struct hmm_p2p_file_io *arg);

#endif /* _HMM_P2P_FILE_IO_H */
