/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Can an importer reach an exporter? May sleep; takes the mutex of the cache, which
 * is the innermost but for the device's lock.
 */
#ifndef _HMM_P2P_PATH_H
#define _HMM_P2P_PATH_H

#include <linux/types.h>
#include <uapi/linux/hmm_p2p.h>

struct device;
struct hmm_p2p_device;
struct page;

/**
 * struct hmm_p2p_importer - who wants to reach memory, and what it can map
 * @dev: the device; NULL when it is not known, and then it has no path
 * @no_p2p: it opts out of p2p
 * @no_pci: it cannot map PCI peer-to-peer pages; an alias in system memory it can
 */
struct hmm_p2p_importer {
	struct device *dev;
	bool no_p2p;
	bool no_pci;
};

enum hmm_p2p_reason hmm_p2p_path_check(struct hmm_p2p_device *exporter,
				       const struct hmm_p2p_importer *importer,
				       int *distance);
enum hmm_p2p_reason hmm_p2p_path_alias(const struct hmm_p2p_device *exporter,
				       struct page *page, unsigned long *dma_pfn);
unsigned long hmm_p2p_path_aliases(const struct hmm_p2p_device *exporter, struct page *page,
				   unsigned long nr, unsigned long *dma_pfn);
unsigned long hmm_p2p_path_granted(const struct hmm_p2p_device *exporter, struct page *page,
				   unsigned long nr, unsigned long *dma_pfn);
struct device *hmm_p2p_path_function(struct device *dev);
int hmm_p2p_path_init(void);
void hmm_p2p_path_exit(void);

#endif /* _HMM_P2P_PATH_H */
