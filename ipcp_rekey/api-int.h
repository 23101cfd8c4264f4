/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_API_INT_H
#define _IPCP_API_INT_H

#include "api.h"
#include "flow.h"

/* ipcp_kflow.bits */
enum {
	IPCP_KF_KEYLESS,	/* there is no key to send with */
	IPCP_KF_NO_ROOM,	/* a send was refused for want of room */
};

/**
 * struct ipcp_kflow - a flow and its consumer
 * @consumer: first, since the memory is freed with it
 * @flow: flow, with a reference from when the consumer has it until the release
 * @ipn: its namespace
 * @pins: the namespace is held until the release
 * @ops: what the consumer is called for
 * @priv: the consumer's
 * @soft: what is done in a softirq; disabled until the consumer has the flow, and
 *	from its release on, so that it can be woken at any time
 * @slow: what has to sleep; queued by senders and by @soft, disabled with that
 * @bits: IPCP_KF_*
 * @told: state that the consumer was told last; @soft's alone
 * @held: messages that wait for a key; its lock protects @holding, too
 * @holding: what is sent has to go behind others
 * @stalls: how often there was no key, under @held's lock
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
	struct sk_buff_head held;
	bool holding;
	u64 stalls;
};

/* ipcp_kflow_state(), for those who ask with each message. */
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
