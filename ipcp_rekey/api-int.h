/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_API_INT_H
#define _IPCP_API_INT_H

#include "api.h"
#include "flow.h"

/* ipcp_kflow.bits */
enum {
	IPCP_KF_KEYLESS,	/* no key to send with */
	IPCP_KF_NO_ROOM,	/* a send was refused for lack of room */
};

/**
 * struct ipcp_kflow - a flow and its in-kernel consumer
 * @consumer: first member, since the structure is freed with it
 * @flow: flow, with a reference held until the release. Locking: set once,
 *	before @soft is enabled.
 * @ipn: network namespace of the flow
 * @pins: true if a reference to the namespace is held until the release
 * @ops: callbacks of the consumer
 * @priv: private data of the consumer. Locking: the consumer serialises
 *	ipcp_kflow_set_priv() with its other calls.
 * @soft: work done in a softirq. Disabled until the consumer has the flow and
 *	again from the release on, so it may be queued at any time.
 * @slow: work that has to sleep. Queued by senders and by @soft, and disabled
 *	when the flow is released.
 * @bits: IPCP_KF_*. Locking: atomic bitops.
 * @told: state last reported to the consumer. Locking: accessed by @soft only.
 * @told_mtu: view_mtu() at the time of that report. Locking: as @told.
 * @held: messages waiting for a key. Locking: held.lock; the length may be read
 *	locklessly.
 * @holding: true if new messages have to be queued behind those in @held.
 *	Locking: protected by held.lock, may be read locklessly.
 * @stalls: number of times no key was available. Locking: protected by
 *	held.lock.
 */
struct ipcp_kflow {
	struct ipcp_consumer consumer;
	struct ipcp_flow *flow;
	struct ipcp_net *ipn;
	bool pins;
	const struct ipcp_kflow_ops *ops;
	void *priv;
	struct work_struct soft;
	struct delayed_work slow;
	unsigned long bits;
	unsigned int told;
	u64 told_mtu;
	struct sk_buff_head held;
	bool holding;
	u64 stalls;
};

/* Inline version of ipcp_kflow_state() for use on the packet path. */
static inline unsigned int ipcp_api_state(const struct ipcp_kflow *flow)
{
	const struct ipcp_flow *f = flow->flow;
	int flags = ipcp_rbflags(&f->n_rb.flags);
	unsigned int state = 0;

	if (ipcp_flow_pending(f))
		return 0;
	if (READ_ONCE(f->state) != IPCP_REKEY_FLOW_STATE_ALLOCATED ||
	    flags & IPCP_RB_FLOWDOWN)
		return IPCP_KFLOW_DOWN;
	if (flags & IPCP_RB_FLOWPEER)
		state |= IPCP_KFLOW_SILENT;
	if (test_bit(IPCP_KF_KEYLESS, &flow->bits))
		state |= IPCP_KFLOW_KEYLESS;
	return state | IPCP_KFLOW_UP;
}

static inline void ipcp_api_run_soon(struct ipcp_kflow *k)
{
	queue_work(system_bh_wq, &k->soft);
}

/* api-send.c */
void ipcp_api_slow_work(struct work_struct *work);
void ipcp_api_send_held(struct ipcp_kflow *k);
void ipcp_api_drop_held(struct ipcp_kflow *k);

/* api-receive.c */
void ipcp_api_soft_work(struct work_struct *work);

#endif /* _IPCP_API_INT_H */
