// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Sending by kernel code: include/net/ipcp_flow.h.
 *
 * A message is sent at once if its key is there. If the key has to be derived, the
 * slow work does that, and what is sent meanwhile is held. Messages that find no
 * key at all are held, too, in the order they came, and the seed that brings keys
 * wakes us.
 */
#include <linux/module.h>

#include "aead.h"
#include "api-int.h"
#include "rbuff.h"
#include "tx.h"
#include "wire.h"

#define IPCP_HOLD	256	/* messages of a flow that are held */

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

/**
 * ipcp_api_room() - May one more message be sent?
 * @flow: flow
 *
 * Context: Any context.
 * Return: false if too much is under way or held.
 */
bool ipcp_api_room(const struct ipcp_kflow *flow)
{
	return ipcp_tx_room(flow->flow) &&
	       skb_queue_len_lockless(&flow->held) < IPCP_HOLD;
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
	return !ipcp_api_room(flow);
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
	ipcp_api_run_soon(k);
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

/**
 * ipcp_api_send_held() - Send what is held, as far as there are keys
 * @k: flow, of which something is held
 *
 * Context: The soft work.
 */
void ipcp_api_send_held(struct ipcp_kflow *k)
{
	struct sk_buff *skb;

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

/**
 * ipcp_api_drop_held() - Drop what is held: nobody will send it
 * @k: flow that is over
 *
 * Context: The soft work, or process context when that does not run any more.
 */
void ipcp_api_drop_held(struct ipcp_kflow *k)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&k->held)))
		ipcp_flow_drop(k->flow, skb, IPCP_DROP_TX_NOKEY);
}

/**
 * ipcp_api_slow_work() - Derive the key that a message waits for
 * @work: of a flow
 *
 * Context: The flow's slow work.
 */
void ipcp_api_slow_work(struct work_struct *work)
{
	struct ipcp_kflow *k = container_of(to_delayed_work(work),
					    struct ipcp_kflow, slow);

	if (READ_ONCE(k->holding) && ipcp_tx_prepare(k->flow) == -ENOMEM)
		queue_delayed_work(ipcp_wq, &k->slow, HZ / 10);
	ipcp_api_run_soon(k);
}

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
	unsigned int state = ipcp_api_state(flow);

	if (unlikely(!(state & IPCP_KFLOW_UP))) {
		kfree_skb(skb);
		return state & IPCP_KFLOW_DOWN ? -ESHUTDOWN : -ENOTCONN;
	}
	if (unlikely(!ipcp_api_room(flow)) && ipcp_api_want_room(flow))
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
