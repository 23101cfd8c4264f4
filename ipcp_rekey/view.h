/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_VIEW_H
#define _IPCP_VIEW_H

#include <linux/types.h>

struct ipcp_flow;

/**
 * struct ipcp_key_view - snapshot of the state of a flow's keys
 * @encrypted: true if the flow has keys, or had some
 * @newest: newest epoch
 * @sends: true if there is an epoch that this side sends in
 * @tx: epoch that this side sends in
 * @tx_leaf: leaf that this side sends with
 * @rx_leaf: leaf that this side received with last, in the newest epoch
 * @ppl: packets per leaf in the newest epoch
 * @tx_left: messages that can still be sent in the newest epoch
 * @rx_left: packets that the peer can still send in the newest epoch
 * @age_ms: age of the newest epoch in milliseconds
 * @tx_leaves: number of leaves sent with, over all epochs
 * @rx_leaves: number of leaves received with, over all epochs
 * @done: true if the peer confirmed the newest epoch
 */
struct ipcp_key_view {
	bool encrypted;
	u8 newest;
	bool sends;
	u8 tx;
	u32 tx_leaf;
	u32 rx_leaf;
	u32 ppl;
	u64 tx_left;
	u64 rx_left;
	u64 age_ms;
	u64 tx_leaves;
	u64 rx_leaves;
	bool done;
};

void ipcp_view_keys(struct ipcp_flow *flow, struct ipcp_key_view *v);
u64 ipcp_view_recovery_age(const struct ipcp_flow *flow);

#endif /* _IPCP_VIEW_H */
