/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hmm_p2p

#if !defined(_HMM_P2P_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _HMM_P2P_TRACE_H

#include <linux/device.h>
#include <linux/hmm.h>
#include <linux/tracepoint.h>

TRACE_EVENT(hmm_p2p_fault,
	TP_PROTO(const struct hmm_range *range, const struct device *importer,
		 unsigned long npages, unsigned long p2p, int ret),
	TP_ARGS(range, importer, npages, p2p, ret),
	TP_STRUCT__entry(
		__field(unsigned long, start)
		__field(unsigned long, npages)
		__field(unsigned long, p2p)
		__field(int, ret)
		__string(importer, importer ? dev_name(importer) : "none")
	),
	TP_fast_assign(
		__entry->start = range->start;
		__entry->npages = npages;
		__entry->p2p = p2p;
		__entry->ret = ret;
		__assign_str(importer);
	),
	TP_printk("start=0x%lx npages=%lu p2p=%lu importer=%s ret=%d",
		  __entry->start, __entry->npages, __entry->p2p,
		  __get_str(importer), __entry->ret)
);

TRACE_EVENT(hmm_p2p_migrate,
	TP_PROTO(const char *device, bool to_device, unsigned long start,
		 unsigned long npages, unsigned long moved),
	TP_ARGS(device, to_device, start, npages, moved),
	TP_STRUCT__entry(
		__string(device, device)
		__field(bool, to_device)
		__field(unsigned long, start)
		__field(unsigned long, npages)
		__field(unsigned long, moved)
	),
	TP_fast_assign(
		__assign_str(device);
		__entry->to_device = to_device;
		__entry->start = start;
		__entry->npages = npages;
		__entry->moved = moved;
	),
	TP_printk("%s %s start=0x%lx npages=%lu moved=%lu",
		  __entry->to_device ? "to" : "from", __get_str(device),
		  __entry->start, __entry->npages, __entry->moved)
);

#endif /* _HMM_P2P_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
