/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: each arc of the FSM, each event of a data fd, each fault point
 * that fires.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM mtty_mig

#if !defined(MTTY_MIG_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define MTTY_MIG_TRACE_H

#include <linux/tracepoint.h>

#include "arcs.h"
#include "mtty_mig.h"

#define MTTY_DEFINE_STATE(state) \
	TRACE_DEFINE_ENUM(VFIO_DEVICE_STATE_##state);
MTTY_STATES(MTTY_DEFINE_STATE, MTTY_DEFINE_STATE)
TRACE_DEFINE_ENUM(MTTY_FD_READ);
TRACE_DEFINE_ENUM(MTTY_FD_WRITE);
TRACE_DEFINE_ENUM(MTTY_FD_POLL);
TRACE_DEFINE_ENUM(MTTY_FD_IOCTL);
TRACE_DEFINE_ENUM(MTTY_FD_RELEASE);

#define MTTY_LAST_STATE(state)	{ VFIO_DEVICE_STATE_##state, #state }
#define MTTY_SHOW_STATE(state)	MTTY_LAST_STATE(state),
#define mtty_show_state(state) \
	__print_symbolic(state, MTTY_STATES(MTTY_SHOW_STATE, MTTY_LAST_STATE))

TRACE_EVENT(mtty_mig_arc,
	TP_PROTO(const struct mtty_device *mtty, u32 from, u32 to, int ret,
		 u64 ns),
	TP_ARGS(mtty, from, to, ret, ns),
	TP_STRUCT__entry(
		__field(unsigned int, index)
		__field(u32, from)
		__field(u32, to)
		__field(int, ret)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->index = mtty->vdev.index;
		__entry->from = from;
		__entry->to = to;
		__entry->ret = ret;
		__entry->ns = ns;
	),
	TP_printk("dev=vfio%u from=%s to=%s ret=%d ns=%llu", __entry->index,
		  mtty_show_state(__entry->from), mtty_show_state(__entry->to),
		  __entry->ret, __entry->ns)
);

#define mtty_show_fd_event(event) \
	__print_symbolic(event, \
		{ MTTY_FD_READ,		"read" }, \
		{ MTTY_FD_WRITE,	"write" }, \
		{ MTTY_FD_POLL,		"poll" }, \
		{ MTTY_FD_IOCTL,	"ioctl" }, \
		{ MTTY_FD_RELEASE,	"release" })

TRACE_EVENT(mtty_mig_fd,
	TP_PROTO(const struct mtty_device *mtty, u32 event, u64 arg, s64 ret),
	TP_ARGS(mtty, event, arg, ret),
	TP_STRUCT__entry(
		__field(unsigned int, index)
		__field(u32, event)
		__field(u64, arg)
		__field(s64, ret)
	),
	TP_fast_assign(
		__entry->index = mtty->vdev.index;
		__entry->event = event;
		__entry->arg = arg;
		__entry->ret = ret;
	),
	TP_printk("dev=vfio%u event=%s arg=%#llx ret=%lld", __entry->index,
		  mtty_show_fd_event(__entry->event), __entry->arg,
		  __entry->ret)
);

TRACE_EVENT(mtty_mig_fault,
	TP_PROTO(const struct mtty_device *mtty, const char *point, int error),
	TP_ARGS(mtty, point, error),
	TP_STRUCT__entry(
		__field(unsigned int, index)
		__string(point, point)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->index = mtty->vdev.index;
		__assign_str(point);
		__entry->error = error;
	),
	TP_printk("dev=vfio%u point=%s errno=%d", __entry->index,
		  __get_str(point), -__entry->error)
);

#endif /* MTTY_MIG_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
