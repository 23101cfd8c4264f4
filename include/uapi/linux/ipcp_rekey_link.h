/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Network interfaces of the kind "ipcp_rekey": a point-to-point link over one
 * flow. These are the attributes in IFLA_INFO_DATA.
 */
#ifndef _UAPI_LINUX_IPCP_REKEY_LINK_H
#define _UAPI_LINUX_IPCP_REKEY_LINK_H

#include <linux/types.h>

/**
 * enum ipcp_rekey_link - attributes of an interface
 * @IFLA_IPCP_REKEY_UNSPEC: not used
 * @IFLA_IPCP_REKEY_PAD: for alignment
 * @IFLA_IPCP_REKEY_CONNECT: string, name to connect to; input and output
 * @IFLA_IPCP_REKEY_LISTEN: string, name to serve; input and output. The
 *	interface uses the newest flow to the name. An empty string in either
 *	attribute ends the flow and the listener.
 * @IFLA_IPCP_REKEY_STATE: u32, enum ipcp_rekey_link_state; output. The
 *	attributes after this one are output, too, and present only while there
 *	is a flow
 * @IFLA_IPCP_REKEY_FLOW: u32, id of the flow
 * @IFLA_IPCP_REKEY_EPOCH: u8, epoch that packets are sent in
 * @IFLA_IPCP_REKEY_TX_LEFT: u64, packets that can still be sent in the newest
 *	epoch
 * @IFLA_IPCP_REKEY_RX_LEFT: u64, packets that can still be received in the
 *	newest epoch
 * @IFLA_IPCP_REKEY_REKEYS: u64, number of rekeys of the flow
 * @__IFLA_IPCP_REKEY_MAX: one more than the last
 * @IFLA_IPCP_REKEY_MAX: the last
 */
enum ipcp_rekey_link {
	IFLA_IPCP_REKEY_UNSPEC,
	IFLA_IPCP_REKEY_PAD,
	IFLA_IPCP_REKEY_CONNECT,
	IFLA_IPCP_REKEY_LISTEN,
	IFLA_IPCP_REKEY_STATE,
	IFLA_IPCP_REKEY_FLOW,
	IFLA_IPCP_REKEY_EPOCH,
	IFLA_IPCP_REKEY_TX_LEFT,
	IFLA_IPCP_REKEY_RX_LEFT,
	IFLA_IPCP_REKEY_REKEYS,
	__IFLA_IPCP_REKEY_MAX,
	IFLA_IPCP_REKEY_MAX = __IFLA_IPCP_REKEY_MAX - 1
};

/**
 * enum ipcp_rekey_link_state - IFLA_IPCP_REKEY_STATE, bits
 * @IPCP_REKEY_LINK_UP: the flow is allocated
 * @IPCP_REKEY_LINK_SILENT: the peer was not heard for the peer timeout
 * @IPCP_REKEY_LINK_KEYLESS: the flow has no key to send with; a limited number
 *	of packets is held
 */
enum ipcp_rekey_link_state {
	IPCP_REKEY_LINK_UP	= 1,
	IPCP_REKEY_LINK_SILENT	= 4,
	IPCP_REKEY_LINK_KEYLESS	= 8,
};

/**
 * struct ipcp_rekey_link_xstats - IFLA_INFO_XSTATS
 * @held: number of packets that wait for a key
 * @stalls: number of times that the flow ran out of keys
 * @flows: number of flows that the interface has had
 */
struct ipcp_rekey_link_xstats {
	__u64 held;
	__u64 stalls;
	__u64 flows;
};

#endif /* _UAPI_LINUX_IPCP_REKEY_LINK_H */
