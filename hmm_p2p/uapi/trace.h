/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hmm_p2p

#if !defined(_HMM_P2P_UAPI_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _HMM_P2P_UAPI_TRACE_H

#include <linux/tracepoint.h>
#include <uapi/linux/hmm_p2p.h>

TRACE_EVENT(hmm_p2p_query,
	TP_PROTO(const struct hmm_p2p_query *query, u64 looked, int ret),
	TP_ARGS(query, looked, ret),
	TP_STRUCT__entry(
		__field(u64, start)
		__field(u64, length)
		__field(u64, looked)
		__field(u32, extents)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->start = query->addr;
		__entry->length = query->length;
		__entry->looked = looked;
		__entry->extents = query->out_nr_extents;
		__entry->ret = ret;
	),
	TP_printk("start=0x%llx length=0x%llx looked=%llu extents=%u ret=%d",
		  __entry->start, __entry->length, __entry->looked,
		  __entry->extents, __entry->ret)
);

#endif /* _HMM_P2P_UAPI_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
