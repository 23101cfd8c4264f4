/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_REKEY_INT_H
#define _IPCP_REKEY_INT_H

#include <linux/types.h>

struct ipcp_delivery;
struct ipcp_flow;
struct ipcp_net;
struct netlink_ext_ack;
struct pid;

/**
 * struct ipcp_claim - a flow that an agent claimed for a re-key
 * @flow: flow, with a reference
 * @exchange: number of the claim
 * @epoch: epoch of the seed to deliver
 * @chain: name of the chain to mix it with, or IPCP_CHAIN_FRESH
 * @generation: generation of the keys
 * @due: IPCP_REKEY_DUE_* at the time of the claim
 */
struct ipcp_claim {
	struct ipcp_flow *flow;
	u32 exchange;
	u8 epoch;
	u32 due;
	u32 generation;
	u64 chain;
};

/**
 * struct ipcp_numbers - the newest numbers that the peer of a flow knows
 * @epoch: epoch
 * @exchange: exchange number
 */
struct ipcp_numbers {
	u8 epoch;
	u32 exchange;
};

/* Rekey functions of Ouroboros's registry, under the same names. */
bool ipcp_registry_set_rekey(struct ipcp_flow *flow, u16 cipher,
			     bool recoverable);
int ipcp_registry_snapshot_rekey_due(struct ipcp_net *ipn, u32 only,
				     unsigned long min_age,
				     struct ipcp_claim *claims, int max);
int ipcp_registry_claim_fresh(struct ipcp_net *ipn, u32 id,
			      const struct ipcp_numbers *peer,
			      struct ipcp_claim *claim);
int ipcp_registry_ask(struct ipcp_flow *flow, u32 exchange,
		      struct netlink_ext_ack *extack);
int ipcp_registry_clear_in_flight(struct ipcp_flow *flow, u32 exchange,
				  unsigned long hold);
void ipcp_registry_request(struct ipcp_flow *flow);
int ipcp_registry_store_pending(struct ipcp_flow *flow,
				struct ipcp_delivery *d,
				struct netlink_ext_ack *extack);
bool ipcp_registry_take_pending(struct ipcp_flow *flow);

void ipcp_registry_lapse(struct ipcp_net *ipn);

#endif /* _IPCP_REKEY_INT_H */
