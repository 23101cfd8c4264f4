// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Providers: processes that move the sealed packets of flows to a name, in
 * place of UDP. A provider reads packets from its ring and brings them, by any
 * means, to the provider on the peer's host, which writes them there.
 *
 * A provider sees what the network sees. A packet that a provider writes is
 * received like a datagram from anybody: an authentic packet is from the peer.
 * So a provider can lose, delay, repeat and reorder packets. Packets of flows
 * that it invents are dropped; control packets are left to the agent, which
 * trusts no sender.
 *
 * Flows know the number of their provider, which is used again only after 2^31
 * other numbers. So nothing refers to a provider that has ended, and its flows
 * are taken down.
 */
#include <linux/pid.h>
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "bind.h"
#include "cb.h"
#include "net.h"
#include "path.h"
#include "probe.h"
#include "provider.h"
#include "registry.h"
#include "rx.h"
#include "segs.h"
#include "state.h"
#include "upcall.h"
#include "wire.h"

static int register_provider(struct ipcp_net *ipn, struct ipcp_provider *p)
{
	return xa_alloc_cyclic(&ipn->providers, &p->id, p,
			       XA_LIMIT(1, INT_MAX), &ipn->next_provider,
			       GFP_KERNEL_ACCOUNT);
}

/**
 * ipcp_provider_new() - Ask the agent for permission to provide a name
 * @ipn: network namespace
 * @name: name; consumed
 * @mtu: longest packet in bytes, IPCP_BASE_LEN to IPCP_PROVIDER_MTU
 * @consumer: consumer to wake for the answer and for packets; a reference is
 *	taken
 *
 * Context: Process context, may sleep.
 * Return: provider without an answer yet; -ENOTCONN without an agent; -EDQUOT
 * if the user has too many flows, names or upcalls, or too much memory in
 * queues; -EUSERS if the queue to the agent is full; -ENOMEM.
 */
struct ipcp_provider *ipcp_provider_new(struct ipcp_net *ipn, char *name,
					u32 mtu, struct ipcp_consumer *consumer)
{
	struct ipcp_provider *p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	int err;

	if (!p) {
		kfree(name);
		return ERR_PTR(-ENOMEM);
	}
	p->mtu = mtu;
	err = ipcp_grant_init(&p->grant, ipn, IPCP_REKEY_UPCALL_TYPE_PROVIDE,
			      name, consumer);
	if (err)
		goto err_free;
	ipcp_rbuff_init(&p->n_1_rb, ipcp_consumer_get(consumer));
	err = -EDQUOT;
	if (!ipcp_user_reserve(p->grant.payer.user, IPCP_RB_BYTES))
		goto err_grant;
	err = register_provider(ipn, p);
	if (err < 0)
		goto err_user;
	err = ipcp_grant_ask(&p->grant, NULL);
	if (err)
		goto err_table;
	return p;

err_table:
	xa_erase(&ipn->providers, p->id);
	synchronize_rcu();
	skb_queue_purge(&p->n_1_rb.queue);
err_user:
	ipcp_user_release(p->grant.payer.user, IPCP_RB_BYTES);
err_grant:
	ipcp_consumer_put(consumer);
	ipcp_grant_clear(&p->grant);
err_free:
	kfree(p);
	return ERR_PTR(err);
}

/*
 * Fail a pending flow whose provider has ended, and take an allocated one down.
 * Try to fail the flow first: a packet that waited for the worker may still
 * make a pending flow an allocated one.
 */
static void lose_path(struct ipcp_flow *flow)
{
	static const char why[] = "the provider went away";

	if (!ipcp_state_fail(flow, ENETUNREACH, why) &&
	    READ_ONCE(flow->state) == IPCP_REKEY_FLOW_STATE_ALLOCATED)
		ipcp_state_down(flow, ENETUNREACH, why);
}

static u32 provider_of_flow(struct ipcp_flow *flow)
{
	struct ipcp_ends ends;

	ipcp_bind_get(flow, &ends);
	return ends.provider;
}

static void lose_flows(struct ipcp_net *ipn, u32 provider)
{
	struct ipcp_flow *flow;
	unsigned long id = 0;

	for (; (flow = ipcp_registry_next(ipn, &id)); id++) {
		if (provider_of_flow(flow) == provider)
			lose_path(flow);
		ipcp_flow_put(flow);
	}
}

/**
 * ipcp_provider_end() - Stop providing a name
 * @p: provider; freed
 *
 * The flows of the provider fail or are taken down.
 *
 * Context: Process context, may sleep.
 */
void ipcp_provider_end(struct ipcp_provider *p)
{
	struct ipcp_consumer *consumer = p->grant.consumer;
	struct ipcp_net *ipn = p->grant.ipn;

	mutex_lock(&ipn->lock);
	list_del(&p->grant.list);
	mutex_unlock(&ipn->lock);
	xa_erase(&ipn->providers, p->id);
	/* Pairs with smp_mb() in ipcp_provider_provides(): miss no flow. */
	synchronize_rcu();
	lose_flows(ipn, p->id);
	skb_queue_purge(&p->n_1_rb.queue);
	ipcp_user_release(p->grant.payer.user, IPCP_RB_BYTES);
	ipcp_consumer_put(consumer);
	ipcp_grant_end(&p->grant, IPCP_REKEY_UPCALL_TYPE_UNPROVIDE);
	kfree(p);
}

static bool is_granted(const struct ipcp_provider *p)
{
	return ipcp_grant_answered(&p->grant) && !p->grant.error;
}

static bool provides(const struct ipcp_provider *p, const char *name)
{
	return is_granted(p) && !strcmp(p->grant.name, name);
}

/**
 * ipcp_provider_of() - Find the provider of a name
 * @ipn: network namespace
 * @name: name
 *
 * Context: Any context.
 * Return: number of the provider that asked last, of those that were granted
 * the name; 0 if there is none.
 */
u32 ipcp_provider_of(struct ipcp_net *ipn, const char *name)
{
	struct ipcp_provider *p;
	unsigned long id;
	u32 found = 0;

	rcu_read_lock();
	xa_for_each(&ipn->providers, id, p)
		if (provides(p, name))
			found = id;
	rcu_read_unlock();
	return found;
}

/**
 * ipcp_provider_provides() - Test whether a provider provides a name
 * @ipn: network namespace
 * @id: number of the provider
 * @name: name
 *
 * Call this function again after a flow was bound to the provider: either the
 * call finds that the provider has ended, or ipcp_provider_end() finds the
 * flow.
 *
 * Context: Any context.
 * Return: true if there is such a provider, and it was granted the name.
 */
bool ipcp_provider_provides(struct ipcp_net *ipn, u32 id, const char *name)
{
	struct ipcp_provider *p;
	bool found;

	/* Pairs with synchronize_rcu() in ipcp_provider_end(). */
	smp_mb();
	rcu_read_lock();
	p = xa_load(&ipn->providers, id);
	found = p && provides(p, name);
	rcu_read_unlock();
	return found;
}

/**
 * ipcp_provider_link() - Return the packet size of a provider
 * @ipn: network namespace
 * @id: number of the provider
 * @link: (output) link with the size
 *
 * Context: Any context.
 * Return: 0, or -ENETUNREACH if there is no such provider.
 */
int ipcp_provider_link(struct ipcp_net *ipn, u32 id, struct ipcp_probe_link *link)
{
	struct ipcp_provider *p;

	rcu_read_lock();
	p = xa_load(&ipn->providers, id);
	if (p)
		/* The size is known, so nothing is probed. */
		*link = (struct ipcp_probe_link) {
			.size = p->mtu,
			.hint = p->mtu,
			.loopback = true,
		};
	rcu_read_unlock();
	return p ? 0 : -ENETUNREACH;
}

/*
 * Add packets to the ring. Data packets leave room for the packets that keep
 * flows alive: control packets, and messages of the agents. Under RCU. Return 0
 * or why the packets were not added.
 */
static enum ipcp_drop give_packet(struct ipcp_provider *p, struct sk_buff *skb)
{
	unsigned int count = ipcp_segs_count(skb);

	ipcp_cb(skb)->pos = 0;
	ipcp_cb(skb)->left = count;
	if (ipcp_cb(skb)->type == IPCP_PDU_DATA)
		return ipcp_rbuff_write_most(&p->n_1_rb, skb, count);
	return ipcp_rbuff_write(&p->n_1_rb, skb, count);
}

/**
 * ipcp_provider_xmit_to() - Give a provider a packet that belongs to no flow
 * @ipn: network namespace
 * @id: number of the provider
 * @skb: packet; consumed
 *
 * Context: Any context but hard interrupts.
 * Return: 0; -ENETUNREACH if there is no such provider, or it is not granted;
 * -ENOBUFS if its ring is full.
 */
int ipcp_provider_xmit_to(struct ipcp_net *ipn, u32 id, struct sk_buff *skb)
{
	struct ipcp_provider *p;
	int err = -ENETUNREACH;

	rcu_read_lock();
	p = xa_load(&ipn->providers, id);
	if (p && is_granted(p))
		err = give_packet(p, skb) ? -ENOBUFS : 0;
	rcu_read_unlock();
	if (err)
		kfree_skb(skb);
	return err;
}

/* Return the length of the longest packet in a buffer. */
static unsigned int longest(const struct sk_buff *skb)
{
	return skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : skb->len;
}

static int no_way(struct ipcp_flow *flow, struct sk_buff *skb, int err)
{
	ipcp_flow_drop_all(flow, skb, IPCP_DROP_TX_ROUTE);
	return err;
}

/* The path operation: see struct ipcp_path_ops. */
static int provider_xmit(struct ipcp_flow *flow, struct sk_buff *skb)
{
	const struct ipcp_bind *bind = rcu_dereference(flow->bind);
	struct ipcp_provider *p = NULL;
	enum ipcp_drop reason;
	bool control;

	if (bind)
		p = xa_load(&flow->net->providers, bind->ends.provider);
	if (unlikely(!p))
		return no_way(flow, skb, -ENETUNREACH);
	if (unlikely(longest(skb) > p->mtu))
		return no_way(flow, skb, -EMSGSIZE);
	control = ipcp_cb(skb)->type != IPCP_PDU_DATA;
	reason = give_packet(p, skb);
	if (likely(!reason))
		return 0;
	ipcp_flow_drop_all(flow, skb, reason);
	/* A question that was not sent must not count as silence. */
	return control ? -ENOBUFS : 0;
}

/* Do nothing: a packet from a provider has no address to follow. */
static void provider_received(struct ipcp_flow *flow, const struct sk_buff *skb,
			      const struct ipcp_epoch *ep, u64 counter)
{
}

const struct ipcp_path_ops ipcp_provider_path = {
	.xmit = provider_xmit,
	.received = provider_received,
};

/**
 * ipcp_provider_next() - Take the next packet off the ring of a provider
 * @p: provider
 * @pos: (output) position of the packet in the buffer
 * @len: (output) length of the packet
 *
 * Context: Process context.
 * Return: buffer with a reference for the caller, or NULL.
 */
struct sk_buff *ipcp_provider_next(struct ipcp_provider *p, unsigned int *pos,
				   unsigned int *len)
{
	struct ipcp_rbuff *rb = &p->n_1_rb;
	struct ipcp_skb_cb *cb;
	struct sk_buff *skb;

	spin_lock_bh(&rb->queue.lock);
	skb = skb_peek(&rb->queue);
	if (skb) {
		cb = ipcp_cb(skb);
		*pos = cb->pos;
		*len = min(longest(skb), skb->len - cb->pos);
		cb->pos += *len;
		if (--cb->left) {
			__ipcp_rbuff_taken(rb, 1);
			skb_get(skb);
		} else {
			__ipcp_rbuff_unlink(rb, skb, 1);
		}
	}
	spin_unlock_bh(&rb->queue.lock);
	return skb;
}

/* True if this provider moves the packets of a flow. Under RCU. */
static bool is_path_of(const struct ipcp_provider *p, u32 eid)
{
	const struct ipcp_flow *flow = ipcp_registry_by_eid(p->grant.ipn, eid);
	const struct ipcp_bind *bind = flow ? rcu_dereference(flow->bind) : NULL;

	return bind && bind->ends.provider == p->id;
}

/* Receive a packet. Return 0, or why the packet was not consumed. Under RCU. */
static enum ipcp_drop receive(struct ipcp_provider *p, struct sk_buff *skb)
{
	struct ipcp_net *ipn = p->grant.ipn;
	enum ipcp_drop reason;
	struct ipcp_hdr hdr;

	reason = ipcp_wire_parse(skb->data, skb->len, &hdr);
	if (reason)
		return reason;
	if (hdr.type == IPCP_PDU_CTRL) {
		__skb_pull(skb, IPCP_HDR_LEN);
		return ipcp_upcall_ctrl(ipn, skb, p->id);
	}
	if (!is_path_of(p, hdr.eid))
		return IPCP_DROP_EID;
	ipcp_rx_packet(ipn, skb);
	return IPCP_DROP_NONE;
}

/**
 * ipcp_provider_rx() - Receive a packet that a provider has brought
 * @p: provider
 * @skb: packet in linear memory; consumed
 *
 * Context: Process context.
 */
void ipcp_provider_rx(struct ipcp_provider *p, struct sk_buff *skb)
{
	enum ipcp_drop reason;

	local_bh_disable();
	rcu_read_lock();
	reason = receive(p, skb);
	if (unlikely(reason)) {
		ipcp_rx_stray(p->grant.ipn, reason, skb->len);
		kfree_skb(skb);
	}
	rcu_read_unlock();
	local_bh_enable();
}
