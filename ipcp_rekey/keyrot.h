/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_KEYROT_H
#define _IPCP_KEYROT_H

#include "keys.h"

struct netlink_ext_ack;

/*
 * Number of packets that fail to authenticate before a re-key is due: far below
 * the limit of RFC 9001 section 6.6, and too many for an attacker to force a
 * re-key.
 */
#define IPCP_AUTH_FAILURES	BIT_ULL(32)

enum ipcp_keyrot_limits {
	IPCP_NOT_DONE_MS	= 60000,	/* time to confirm an epoch */
};

/* Shortest and longest interval between requests for the peer's DONE. */
enum ipcp_confirm_limits {
	IPCP_CONFIRM_MIN_MS	= 100,
	IPCP_CONFIRM_MAX_MS	= 5000,
};

/**
 * struct ipcp_delivery - a seed with the parameters of its exchange
 * @seed: secret
 * @chain: name of the chain to mix the seed with, or IPCP_CHAIN_FRESH
 * @generation: generation of the keys that the exchange began with
 * @exchange: number of the exchange
 * @epoch: number of the epoch
 */
struct ipcp_delivery {
	struct ipcp_seed seed;
	u64 chain;
	u32 generation;
	u32 exchange;
	u8 epoch;
};

int ipcp_keyrot_park(struct ipcp_flow *flow, struct ipcp_delivery *d,
		     struct netlink_ext_ack *extack);
bool ipcp_keyrot_activate(struct ipcp_flow *flow);
void ipcp_keyrot_observe(struct ipcp_flow *flow, struct ipcp_epoch *ep,
			 bool sending);
void ipcp_keyrot_promote(struct ipcp_flow *flow);
void ipcp_keyrot_grace(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		       unsigned long *next);
void ipcp_keyrot_check_due(struct ipcp_flow *flow, struct ipcp_epoch *ep,
			   unsigned long *next);
void ipcp_keyrot_tend(struct ipcp_flow *flow, unsigned long *next);
int ipcp_keyrot_check_exchange(struct ipcp_flow *flow, u32 exchange,
			       struct netlink_ext_ack *extack);
void ipcp_keyrot_drop(struct ipcp_flow *flow);
void ipcp_keyrot_due(struct ipcp_flow *flow, u32 reason);

/* Shared by keyrot.c, keyrot-park.c and keyrot-retire.c. */
void ipcp_keyrot_forget(struct ipcp_flow *flow);
void ipcp_keyrot_wipe(struct ipcp_epoch *ep);
void ipcp_keyrot_retire(struct ipcp_flow *flow, struct ipcp_epoch *ep);

bool ipcp_epoch_confirm_overdue(const struct ipcp_epoch *ep);
void ipcp_epoch_stay_old(struct ipcp_epoch *ep);
bool ipcp_epoch_unconfirmed(const struct ipcp_epoch *ep);

void ipcp_keyrot_set_asleep(bool yes);
bool ipcp_keyrot_asleep(void);

#endif /* _IPCP_KEYROT_H */
