/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_REGISTRY_H
#define _IPCP_REGISTRY_H

#include "net.h"

struct ipcp_flow;
struct ipcp_root;
struct pid;
struct netlink_ext_ack;

/**
 * struct ipcp_claim - a flow that an agent claimed for a re-key
 * @flow: flow, with a reference
 * @exchange: number of the claim
 * @epoch: epoch of the seed to deliver
 * @due: IPCP_REKEY_DUE_* at that time
 */
struct ipcp_claim {
	struct ipcp_flow *flow;
	u32 exchange;
	u8 epoch;
	u32 due;
};

int ipcp_registry_add(struct ipcp_flow *flow);
void ipcp_registry_del(struct ipcp_flow *flow);
struct ipcp_flow *ipcp_registry_get(struct ipcp_net *ipn, u32 id);
struct ipcp_flow *ipcp_registry_next(struct ipcp_net *ipn, unsigned long *id);
u32 ipcp_registry_count(struct ipcp_net *ipn);
struct ipcp_flow *ipcp_registry_by_eid(struct ipcp_net *ipn, u32 eid);

/* What Ouroboros's registry does for re-keying, by the same names. */
bool ipcp_registry_set_rekey(struct ipcp_flow *flow, u16 cipher);
int ipcp_registry_get_epoch(struct ipcp_flow *flow);
bool ipcp_registry_rekey_pending(struct ipcp_flow *flow);
struct pid *ipcp_registry_get_n_1_pid(struct ipcp_flow *flow);
int ipcp_registry_snapshot_rekey_due(struct ipcp_net *ipn, u32 only,
				     unsigned long min_age,
				     struct ipcp_claim *claims, int max);
int ipcp_registry_clear_in_flight(struct ipcp_flow *flow, u32 exchange);
int ipcp_registry_store_pending(struct ipcp_flow *flow, struct ipcp_root *seed,
				u8 epoch, u32 exchange,
				struct netlink_ext_ack *extack);
bool ipcp_registry_take_pending(struct ipcp_flow *flow);
void ipcp_registry_notify_flow(struct ipcp_flow *flow);
bool ipcp_registry_is_direct(const struct ipcp_flow *flow);

void ipcp_registry_lapse(struct ipcp_net *ipn);
void ipcp_registry_copied(void);
void ipcp_registry_sleep(void);
void ipcp_registry_wake(void);
bool ipcp_registry_asleep(void);

int ipcp_registry_init(void);
void ipcp_registry_exit(void);

#endif /* _IPCP_REGISTRY_H */
