/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Trace events: packets sent and received with the position of their key, drops
 * with their reason, and events of epochs. They contain numbers only, never
 * bytes of keys or messages.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ipcp_rekey

#if !defined(_IPCP_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _IPCP_TRACE_H

#include <linux/tracepoint.h>
#include <uapi/linux/ipcp_rekey_netlink.h>

#include "drop.h"
#include "flow.h"
#include "keysched.h"
#include "wire.h"

#define DROP_ENUM(name)	TRACE_DEFINE_ENUM(IPCP_DROP_##name);
IPCP_DROPS(DROP_ENUM, DROP_ENUM)
#undef DROP_ENUM

#undef DROP_NAME
#undef DROP_LAST
#define DROP_NAME(name)	{ IPCP_DROP_##name, #name },
#define DROP_LAST(name)	{ IPCP_DROP_##name, #name }

/* A packet is about to be sealed and passed to the stack. */
TRACE_EVENT(ipcp_tx,
	TP_PROTO(const struct ipcp_flow *flow, const struct ipcp_hdr *hdr,
		 unsigned int dir, unsigned int len),
	TP_ARGS(flow, hdr, dir, len),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u32, peer_eid)
		__field(u8, type)
		__field(u8, epoch)
		__field(u8, dir)
		__field(u64, counter)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->id = flow->id;
		__entry->peer_eid = hdr->eid;
		__entry->type = hdr->type;
		__entry->epoch = hdr->epoch;
		__entry->dir = dir;
		__entry->counter = hdr->counter;
		__entry->len = len;
	),
	TP_printk("flow=%u peer_eid=%08x type=%u epoch=%u dir=%u counter=%llu len=%u",
		  __entry->id, __entry->peer_eid, __entry->type, __entry->epoch,
		  __entry->dir, __entry->counter, __entry->len)
);

/* A packet authenticated and was not a replay. */
TRACE_EVENT(ipcp_rx,
	TP_PROTO(const struct ipcp_flow *flow, u8 type, u8 epoch, u64 counter,
		 unsigned int dir, unsigned int len),
	TP_ARGS(flow, type, epoch, counter, dir, len),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u8, type)
		__field(u8, epoch)
		__field(u8, dir)
		__field(u64, counter)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->id = flow->id;
		__entry->type = type;
		__entry->epoch = epoch;
		__entry->dir = dir;
		__entry->counter = counter;
		__entry->len = len;
	),
	TP_printk("flow=%u type=%u epoch=%u dir=%u counter=%llu len=%u",
		  __entry->id, __entry->type, __entry->epoch, __entry->dir,
		  __entry->counter, __entry->len)
);

/* A packet was dropped. The flow is 0 if the packet belongs to no flow. */
TRACE_EVENT(ipcp_drop,
	TP_PROTO(u32 id, enum ipcp_drop reason, unsigned int len),
	TP_ARGS(id, reason, len),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(int, reason)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->reason = reason;
		__entry->len = len;
	),
	TP_printk("flow=%u reason=%s len=%u", __entry->id,
		  __print_symbolic(__entry->reason, IPCP_DROPS(DROP_NAME, DROP_LAST)),
		  __entry->len)
);

/* A direction started to use a leaf key. */
TRACE_EVENT(ipcp_leaf,
	TP_PROTO(const struct ipcp_flow *flow, u8 epoch, unsigned int dir,
		 unsigned int leaf),
	TP_ARGS(flow, epoch, dir, leaf),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u8, epoch)
		__field(u8, dir)
		__field(u16, leaf)
	),
	TP_fast_assign(
		__entry->id = flow->id;
		__entry->epoch = epoch;
		__entry->dir = dir;
		__entry->leaf = leaf;
	),
	TP_printk("flow=%u epoch=%u dir=%u node=%u leaf=%u", __entry->id,
		  __entry->epoch, __entry->dir,
		  __entry->leaf / IPCP_LEAVES, __entry->leaf % IPCP_LEAVES)
);

/* An event of a flow, as in flow-ntf. See enum ipcp_rekey_event. */
TRACE_EVENT(ipcp_event,
	TP_PROTO(const struct ipcp_flow *flow, u32 event, u8 epoch,
		 u32 exchange),
	TP_ARGS(flow, event, epoch, exchange),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u32, event)
		__field(u8, epoch)
		__field(u32, exchange)
	),
	TP_fast_assign(
		__entry->id = flow->id;
		__entry->event = event;
		__entry->epoch = epoch;
		__entry->exchange = exchange;
	),
	TP_printk("flow=%u event=%u epoch=%u exchange=%u", __entry->id,
		  __entry->event, __entry->epoch, __entry->exchange)
);

#endif /* _IPCP_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
