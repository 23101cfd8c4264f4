// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Flows of kernel code: include/net/ipcp_flow.h.
 *
 * A consumer that is woken has a work item run in a softirq, which activates a
 * seed that waits, receives what is in the ring, sends what was held, and tells
 * what has changed. The work queue runs the item on one processor at a time, so
 * all is in order. A wake-up that comes while it runs has it run again.
 *
 * It cannot derive keys there, and on older kernels not encrypt if the softirq
 * has interrupted who uses the FPU. If the next message needs a key, the slow
 * work derives it, and what is sent meanwhile is held. Messages that find no key
 * at all are held, too, in the order they came, and the seed that brings keys
 * wakes us.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <net/net_namespace.h>

#include "aead.h"
#include "api.h"
#include "cb.h"
#include "flow.h"
#include "listen.h"
#include "registry.h"
#include "rekey.h"
#include "segs.h"
#include "session.h"
#include "show.h"
#include "state.h"
#include "tx.h"
#include "wire.h"

#define IPCP_HOLD	256	/* messages of a flow that are held */
#define IPCP_BUDGET	64	/* buffers received before others have a turn */

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

/**
 * ipcp_kflow_priv() - The consumer's data
 * @flow: flow
 *
 * Context: Any context.
 * Return: what was given last.
 */
void *ipcp_kflow_priv(const struct ipcp_kflow *flow)
{
	return flow->priv;
}
EXPORT_SYMBOL_GPL(ipcp_kflow_priv);

/**
 * ipcp_kflow_set_priv() - Set the consumer's data
 * @flow: flow
 * @priv: anything
 *
 * Context: While no other function is called for the flow, as in accept.
 */
void ipcp_kflow_set_priv(struct ipcp_kflow *flow, void *priv)
{
	flow->priv = priv;
}
EXPORT_SYMBOL_GPL(ipcp_kflow_set_priv);

/**
 * ipcp_kflow_state() - What is the matter with a flow
 * @flow: flow
 *
 * Context: Any context.
 * Return: IPCP_KFLOW_*; none while it is to be allocated.
 */
unsigned int ipcp_kflow_state(const struct ipcp_kflow *flow)
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
EXPORT_SYMBOL_GPL(ipcp_kflow_state);

/**
 * ipcp_kflow_mtu() - Longest message that fits the path
 * @flow: flow
 *
 * Context: Any context.
 * Return: bytes.
 */
unsigned int ipcp_kflow_mtu(const struct ipcp_kflow *flow)
{
	return READ_ONCE(flow->flow->mtu);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_mtu);

/**
 * ipcp_kflow_info() - What there is to know of a flow
 * @flow: flow
 * @info: out
 *
 * Context: Process context.
 */
void ipcp_kflow_info(struct ipcp_kflow *flow, struct ipcp_kflow_info *info)
{
	memset(info, 0, sizeof(*info));
	info->flow.size = sizeof(info->flow);
	ipcp_show_for_program(flow->flow, &info->flow);
	info->state = ipcp_kflow_state(flow);
	spin_lock_bh(&flow->held.lock);
	info->held = skb_queue_len(&flow->held);
	info->stalls = flow->stalls;
	spin_unlock_bh(&flow->held.lock);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_info);

static void run_soon(struct ipcp_kflow *k)
{
	queue_work(system_bh_wq, &k->soft);
}

/* The buffer in front of the ring, or NULL. */
static struct sk_buff *take_buffer(struct ipcp_kflow *k)
{
	struct ipcp_rbuff *rb = &k->flow->n_rb;
	struct sk_buff *skb;

	spin_lock(&rb->queue.lock);
	skb = skb_peek(&rb->queue);
	if (skb)
		__ipcp_rbuff_unlink(rb, skb, ipcp_cb(skb)->left);
	spin_unlock(&rb->queue.lock);
	return skb;
}

static void deliver_message(struct ipcp_kflow *k, struct sk_buff *skb,
			    u8 dsfield)
{
	this_cpu_inc(k->flow->stats->rx_packets);
	this_cpu_add(k->flow->stats->rx_bytes, skb->len);
	skb_orphan(skb);	/* the sender's until now, if the flow is direct */
	/* Nothing that the outside said of it is true of the inside. */
	skb_scrub_packet(skb, true);
	skb_clear_hash(skb);
	skb->ip_summed = CHECKSUM_NONE;
	memset(skb->cb, 0, sizeof(skb->cb));
	ipcp_kflow_cb(skb)->dsfield = dsfield;
	k->ops->receive(k, skb);
}

/* The next message of several in a buffer of its own, or NULL. */
static struct sk_buff *next_of(struct ipcp_flow *flow, struct ipcp_cursor *c,
			       unsigned int len)
{
	const u8 *pkt = ipcp_cursor_next(c, len);
	struct sk_buff *skb;

	skb = ipcp_tx_alloc(len - IPCP_OVERHEAD, GFP_ATOMIC);
	if (skb)
		skb_put_data(skb, pkt + IPCP_HDR_LEN, len - IPCP_OVERHEAD);
	else
		ipcp_flow_dropped(flow, len, IPCP_DROP_NOMEM);
	return skb;
}

static void receive_segs(struct ipcp_kflow *k, struct sk_buff *segs)
{
	const struct ipcp_skb_cb *cb = ipcp_cb(segs);
	struct ipcp_cursor c;

	ipcp_cursor_init(&c, segs, cb->pos);
	for (unsigned int i = 0; i < cb->left; i++) {
		unsigned int len = ipcp_seg_len(segs, c.pos, cb->seg_len);
		struct sk_buff *skb = next_of(k->flow, &c, len);

		if (skb)
			deliver_message(k, skb, cb->dsfield);
	}
	consume_skb(segs);
}

/* Receives what is there. True if there may be more than the budget. */
static bool receive_ring(struct ipcp_kflow *k)
{
	for (int i = 0; i < IPCP_BUDGET; i++) {
		struct sk_buff *skb = take_buffer(k);

		if (!skb)
			return false;
		if (ipcp_cb(skb)->seg_len)
			receive_segs(k, skb);
		else
			deliver_message(k, skb, ipcp_cb(skb)->dsfield);
	}
	return true;
}

static bool has_room(const struct ipcp_kflow *k)
{
	return ipcp_tx_room(k->flow) &&
	       skb_queue_len_lockless(&k->held) < IPCP_HOLD;
}

/* Is it a matter of keys, so that the message is to be held? */
static bool wants_key(int err)
{
	return err == -EINPROGRESS || err == -EKEYEXPIRED || err == -ENOKEY;
}

/* Sees that the key is waited for. Under the lock of what is held. */
static void await_key(struct ipcp_kflow *k, int err)
{
	lockdep_assert_held(&k->held.lock);
	if (err == -EINPROGRESS)
		mod_delayed_work(ipcp_wq, &k->slow, 0);
	else if (wants_key(err) && !test_and_set_bit(IPCP_KF_KEYLESS, &k->bits))
		k->stalls++;
}

/*
 * Puts a message behind those that are held. The seed may have come since a
 * send failed, so the work has to look again.
 */
static void hold_message(struct ipcp_kflow *k, struct sk_buff *skb, int err)
{
	spin_lock_bh(&k->held.lock);
	__skb_queue_tail(&k->held, skb);
	k->holding = true;
	await_key(k, err);
	spin_unlock_bh(&k->held.lock);
	run_soon(k);
}

/* The next of what is held. What is sent goes behind it until it is empty. */
static struct sk_buff *next_held(struct ipcp_kflow *k)
{
	struct sk_buff *skb = NULL;

	spin_lock(&k->held.lock);
	if (ipcp_tx_room(k->flow)) {
		skb = __skb_dequeue(&k->held);
		if (!skb)
			WRITE_ONCE(k->holding, false);
	}
	spin_unlock(&k->held.lock);
	return skb;
}

static void send_held(struct ipcp_kflow *k)
{
	struct sk_buff *skb;

	if (!READ_ONCE(k->holding))
		return;
	while ((skb = next_held(k))) {
		int err = ipcp_tx_try(k->flow, skb);

		if (wants_key(err)) {
			spin_lock(&k->held.lock);
			__skb_queue_head(&k->held, skb);
			await_key(k, err);
			spin_unlock(&k->held.lock);
			return;
		}
		clear_bit(IPCP_KF_KEYLESS, &k->bits);
	}
}

/* Nobody will send what is held. */
static void drop_held(struct ipcp_kflow *k)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&k->held)))
		ipcp_flow_drop(k->flow, skb, IPCP_DROP_TX_NOKEY);
}

/* Tells the state if it is another one. An end is told when all was received. */
static void tell_state(struct ipcp_kflow *k)
{
	unsigned int state = ipcp_kflow_state(k);

	if (state == k->told)
		return;
	if (state == IPCP_KFLOW_DOWN) {
		drop_held(k);
		if (!ipcp_rbuff_empty(&k->flow->n_rb))
			return;
	}
	k->told = state;
	if (k->ops->changed)
		k->ops->changed(k, state);
}

static void soft_work(struct work_struct *work)
{
	struct ipcp_kflow *k = container_of(work, struct ipcp_kflow, soft);
	bool more;

	if (unlikely(!ipcp_aead_ready())) {
		mod_delayed_work(ipcp_wq, &k->slow, 0);	/* which calls us */
		return;
	}
	ipcp_registry_take_pending(k->flow);
	tell_state(k);
	more = receive_ring(k);
	send_held(k);
	if (test_bit(IPCP_KF_NO_ROOM, &k->bits) && has_room(k)) {
		clear_bit(IPCP_KF_NO_ROOM, &k->bits);
		if (k->ops->room)
			k->ops->room(k);
	}
	tell_state(k);
	if (more)
		run_soon(k);
}

static void slow_work(struct work_struct *work)
{
	struct ipcp_kflow *k = container_of(to_delayed_work(work),
					    struct ipcp_kflow, slow);

	if (READ_ONCE(k->holding) && ipcp_tx_prepare(k->flow) == -ENOMEM)
		queue_delayed_work(ipcp_wq, &k->slow, HZ / 10);
	run_soon(k);
}

static void kflow_wake(struct ipcp_consumer *consumer, __poll_t events)
{
	run_soon(container_of(consumer, struct ipcp_kflow, consumer));
}

/* Names are served by a struct ipcp_klisten (api-listen.c), never by a flow. */
static const struct ipcp_consumer_ops kflow_ops = {
	.wake = kflow_wake,
};

static struct ipcp_kflow *kflow_new(struct ipcp_net *ipn,
				    const struct ipcp_kflow_ops *ops,
				    void *priv, bool pin)
{
	struct ipcp_kflow *k = kzalloc(sizeof(*k), GFP_KERNEL_ACCOUNT);

	static_assert(offsetof(struct ipcp_kflow, consumer) == 0);
	if (!k)
		return NULL;
	ipcp_consumer_init(&k->consumer, &kflow_ops);
	k->ipn = ipn;
	k->pins = pin;
	k->ops = ops;
	k->priv = priv;
	INIT_WORK(&k->soft, soft_work);
	disable_work(&k->soft);
	INIT_DELAYED_WORK(&k->slow, slow_work);
	skb_queue_head_init(&k->held);
	return k;
}

/*
 * The consumer is to have the flow and what the caller has of it: a reference, and
 * one to the module, since the consumer's module need not hold ours until the
 * release, or is ours.
 */
static void kflow_take(struct ipcp_kflow *k, struct ipcp_flow *flow)
{
	if (k->pins)
		get_net(k->ipn->net);
	k->flow = flow;
}

/* From here on the consumer is called, unless it has released the flow already. */
static void kflow_start(struct ipcp_kflow *k)
{
	enable_work(&k->soft);
	run_soon(k);	/* for what was before */
}

/**
 * ipcp_api_alloc() - Ask for a flow to a name
 * @ipn: namespace
 * @name: name
 * @ops: what the consumer is called for
 * @priv: the consumer's
 * @pin: hold the namespace; or else the flow is released before that ends
 *
 * Context: As ipcp_kflow_alloc().
 * Return: as that.
 */
struct ipcp_kflow *ipcp_api_alloc(struct ipcp_net *ipn, const char *name,
				  const struct ipcp_kflow_ops *ops,
				  void *priv, bool pin)
{
	const struct ipcp_qos qos = { .loss = 1, .ber = 1 };
	struct ipcp_flow *flow;
	struct ipcp_kflow *k;
	int err = -ENOMEM;

	if (!ipcp_name_valid(name))
		return ERR_PTR(-EINVAL);
	if (!try_module_get(THIS_MODULE))
		return ERR_PTR(-ENODEV);
	k = kflow_new(ipn, ops, priv, pin);
	if (!k)
		goto err_module;
	flow = ipcp_session_ask(ipn, name, &qos,
				msecs_to_jiffies(IPCP_ALLOC_TIMEOUT_MS),
				&k->consumer);
	if (IS_ERR(flow)) {
		err = PTR_ERR(flow);
		goto err_put;
	}
	kflow_take(k, flow);
	kflow_start(k);
	return k;

err_put:
	ipcp_consumer_put(&k->consumer);
err_module:
	module_put(THIS_MODULE);
	return ERR_PTR(err);
}

/**
 * ipcp_kflow_alloc() - Ask for a flow to a name
 * @net: namespace, that it holds until it is released
 * @name: name
 * @ops: what the consumer is called for
 * @priv: the consumer's
 *
 * Does not wait for it: changed is called with IPCP_KFLOW_UP when it is there,
 * or with IPCP_KFLOW_DOWN if that failed; ipcp_kflow_info() says why.
 *
 * Context: Process context of who the flow is for: it owns and pays for it, and
 * the agent's policy is about it.
 * Return: flow, to be released; -EINVAL no such name can be; -ENOTCONN without
 * an agent; -EUSERS; -EDQUOT; -ENOMEM; -ENODEV the module is being removed.
 */
struct ipcp_kflow *ipcp_kflow_alloc(struct net *net, const char *name,
				    const struct ipcp_kflow_ops *ops,
				    void *priv)
{
	return ipcp_api_alloc(ipcp_net(net), name, ops, priv, true);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_alloc);

/**
 * ipcp_kflow_release() - Let go of a flow, in whatever state it is
 * @flow: flow; freed. No other function is called for it at that time.
 *
 * The peer is told. What was not received, and what is held, is dropped.
 *
 * Context: Process context, may sleep.
 */
void ipcp_kflow_release(struct ipcp_kflow *flow)
{
	/* Each may queue the other: a disabled one is not queued any more. */
	disable_work_sync(&flow->soft);
	disable_delayed_work_sync(&flow->slow);
	drop_held(flow);
	ipcp_state_close(flow->flow);
	ipcp_flow_put(flow->flow);
	if (flow->pins)
		put_net(flow->ipn->net);
	ipcp_consumer_put(&flow->consumer);
	module_put(THIS_MODULE);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_release);

/**
 * ipcp_kflow_buffer() - Get a buffer for a message
 * @len: length of the message in bytes
 * @gfp: how
 *
 * Any other can be sent, but may have to be copied.
 *
 * Context: As @gfp.
 * Return: an empty buffer with room for the message and all around it, or NULL.
 */
struct sk_buff *ipcp_kflow_buffer(unsigned int len, gfp_t gfp)
{
	return ipcp_tx_alloc(len, gfp);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_buffer);

/* Is it in one piece that is nobody else's, with room on both sides? */
static bool fits_as_it_is(const struct sk_buff *skb)
{
	return !skb_shared(skb) && !skb_cloned(skb) && !skb_is_nonlinear(skb) &&
	       skb_headroom(skb) >= IPCP_TX_HEADROOM + HH_DATA_MOD &&
	       skb_tailroom(skb) >= IPCP_TAG_LEN;
}

/* Makes a buffer one that can be sealed in place. NULL, and it is freed. */
static struct sk_buff *make_fit(struct sk_buff *skb)
{
	struct sk_buff *copy;

	skb_orphan(skb);
	if (unlikely(skb_is_gso(skb) || (skb->ip_summed == CHECKSUM_PARTIAL &&
					 skb_checksum_help(skb)))) {
		kfree_skb(skb);
		return NULL;
	}
	if (unlikely(!fits_as_it_is(skb))) {
		copy = skb_copy_expand(skb, IPCP_TX_HEADROOM + LL_MAX_HEADER,
				       IPCP_TAG_LEN, GFP_ATOMIC);
		consume_skb(skb);
		if (!copy)
			return NULL;
		skb = copy;
	}
	/* What the inside is, is no matter of the outside. */
	skb_scrub_packet(skb, true);
	skb_clear_hash(skb);
	skb->encapsulation = 0;
	skb->protocol = 0;
	return skb;
}

/**
 * ipcp_api_room() - May one more message be sent?
 * @flow: flow
 *
 * Context: Any context.
 * Return: false if too much is under way or held.
 */
bool ipcp_api_room(struct ipcp_kflow *flow)
{
	return has_room(flow);
}

/**
 * ipcp_api_want_room() - Have room called when there is room again
 * @flow: flow, without room
 *
 * Context: Any context.
 * Return: false if there is some by now.
 */
bool ipcp_api_want_room(struct ipcp_kflow *flow)
{
	set_bit(IPCP_KF_NO_ROOM, &flow->bits);
	/* Paired with sent() of tx.c: what made room since wakes nobody. */
	smp_mb__after_atomic();
	return !has_room(flow);
}

/**
 * ipcp_api_send() - Send a message, whether there is room or not
 * @flow: flow
 * @skb: message; taken
 * @dsfield: traffic class of the packet that it goes in
 *
 * Context: As ipcp_kflow_send().
 * Return: as that, but never -EAGAIN.
 */
int ipcp_api_send(struct ipcp_kflow *flow, struct sk_buff *skb,
		  u8 dsfield)
{
	int err;

	if (unlikely(skb->len > ipcp_kflow_mtu(flow))) {
		kfree_skb(skb);
		return -EMSGSIZE;
	}
	skb = make_fit(skb);
	if (unlikely(!skb))
		return -ENOBUFS;
	ipcp_tx_wrap(skb, IPCP_PDU_DATA, dsfield);
	err = READ_ONCE(flow->holding) || !ipcp_aead_ready() ? -EINPROGRESS :
		ipcp_tx_try(flow->flow, skb);
	if (unlikely(wants_key(err))) {
		hold_message(flow, skb, err);
		return 0;
	}
	if (unlikely(err == -EAGAIN))
		return -ENETUNREACH;	/* the buffer was consumed */
	return min(err, 0);
}

/**
 * ipcp_kflow_send() - Send a message
 * @flow: flow
 * @skb: message; taken, but for -EAGAIN
 *
 * Messages of one sender arrive in order, or not at all. One that finds no key
 * is held until there is one; it was sent then as far as its sender goes.
 *
 * Context: Any context but hard interrupts; does not sleep.
 * Return: 0; -EAGAIN and the buffer is still the caller's: too much is under
 * way or held, room will be called; -ENOTCONN the flow is not there yet;
 * -ESHUTDOWN it is over; -EMSGSIZE longer than ipcp_kflow_mtu(); -ENOBUFS it
 * cannot be copied, or is to be segmented first; what routing says.
 */
int ipcp_kflow_send(struct ipcp_kflow *flow, struct sk_buff *skb)
{
	unsigned int state = ipcp_kflow_state(flow);

	if (unlikely(!(state & IPCP_KFLOW_UP))) {
		kfree_skb(skb);
		return state & IPCP_KFLOW_DOWN ? -ESHUTDOWN : -ENOTCONN;
	}
	if (unlikely(!has_room(flow)) && ipcp_api_want_room(flow))
		return -EAGAIN;
	return ipcp_api_send(flow, skb, 0);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_send);

/**
 * ipcp_kflow_send_list() - Send messages, in this order
 * @flow: flow
 * @list: messages, nobody else's; what is left in it is still the caller's
 *
 * Context: As ipcp_kflow_send().
 * Return: 0; -EAGAIN if there was no room for what is left; else as
 * ipcp_kflow_send() for the first that was lost, and all were taken.
 */
int ipcp_kflow_send_list(struct ipcp_kflow *flow, struct sk_buff_head *list)
{
	struct sk_buff *skb;
	int first = 0;

	local_bh_disable();	/* once for all of them */
	while ((skb = __skb_dequeue(list))) {
		int err = ipcp_kflow_send(flow, skb);

		if (err == -EAGAIN) {
			__skb_queue_head(list, skb);
			first = err;
			break;
		}
		first = first ?: err;
	}
	local_bh_enable();
	return first;
}
EXPORT_SYMBOL_GPL(ipcp_kflow_send_list);

/**
 * ipcp_api_spawn() - Make the consumer of a flow that comes in
 * @ipn: namespace
 * @ops: what the consumer is called for
 * @priv: the consumer's
 * @pin: hold the namespace, once the flow is accepted
 *
 * Context: Process context, may sleep.
 * Return: consumer with a reference for the caller, or NULL.
 */
struct ipcp_consumer *ipcp_api_spawn(struct ipcp_net *ipn,
				     const struct ipcp_kflow_ops *ops,
				     void *priv, bool pin)
{
	struct ipcp_kflow *k = kflow_new(ipn, ops, priv, pin);

	return k ? &k->consumer : NULL;
}

/**
 * ipcp_api_accept() - Give a flow that came in to its consumer
 * @flow: flow, whose consumer is of ipcp_api_spawn(); consumes the caller's
 *	reference
 *
 * Context: Process context, may sleep, of somebody who holds the module.
 */
void ipcp_api_accept(struct ipcp_flow *flow)
{
	struct ipcp_kflow *k = container_of(flow->n_rb.flags.consumer,
					    struct ipcp_kflow, consumer);

	ipcp_consumer_get(&k->consumer);	/* the user's */
	__module_get(THIS_MODULE);
	kflow_take(k, flow);
	/* The user's from here on, who may release it at any time. */
	ipcp_consumer_get(&k->consumer);
	if (k->ops->accept(k))
		ipcp_kflow_release(k);
	else
		kflow_start(k);
	ipcp_consumer_put(&k->consumer);
}
