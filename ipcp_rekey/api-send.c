// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Sending by kernel code (include/net/ipcp_flow.h).
 *
 * A message is sent immediately if its key is available. If the key has to be
 * derived, the slow work derives it, and messages sent in the meantime are
 * held. Messages are also held, in order, while there is no key at all; the
 * seed that provides new keys wakes the consumer, which runs the soft work.
 */
#include <linux/module.h>

#include "aead.h"
#include "api-int.h"
#include "cb.h"
#include "leaf.h"
#include "rbuff.h"
#include "tx.h"
#include "wire.h"

#define IPCP_HOLD	256	/* maximum number of held messages of a flow */

/**
 * ipcp_kflow_mtu() - Return the length of the longest message
 * @flow: flow
 *
 * Context: Any context.
 * Return: length in bytes, for the current path.
 */
unsigned int ipcp_kflow_mtu(const struct ipcp_kflow *flow)
{
	return READ_ONCE(flow->flow->mtu);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_mtu);

/**
 * ipcp_api_too_long() - Note a message that was refused for its length
 * @flow: flow
 *
 * The flow then looks whether its path takes longer messages now.
 *
 * Context: Any context.
 */
void ipcp_api_too_long(struct ipcp_kflow *flow)
{
	ipcp_flow_too_long(flow->flow);
}

/**
 * ipcp_api_lasting_mtu() - Return the longest message, and whether it lasts
 * @flow: flow
 * @mtu: (output) length in bytes
 *
 * While path MTU discovery searches for the size that the path carries, only
 * short messages can be sent. Do not report that length to senders, which would
 * remember it for minutes.
 *
 * Context: Any context but hard interrupts.
 * Return: false while path MTU discovery searches.
 */
bool ipcp_api_lasting_mtu(const struct ipcp_kflow *flow, unsigned int *mtu)
{
	struct ipcp_flow *f = flow->flow;
	bool lasting;

	spin_lock_bh(&f->lock);
	lasting = !f->probe.searching;
	*mtu = f->mtu;
	spin_unlock_bh(&f->lock);
	return lasting;
}

/**
 * ipcp_kflow_buffer() - Allocate a buffer for a message
 * @len: length of the message in bytes
 * @gfp: allocation flags
 *
 * Any other buffer can be sent too, but may have to be copied.
 *
 * Context: Depends on @gfp.
 * Return: an empty buffer with room for the message, headers and tag; or NULL.
 */
struct sk_buff *ipcp_kflow_buffer(unsigned int len, gfp_t gfp)
{
	return ipcp_tx_alloc(len, gfp);
}
EXPORT_SYMBOL_GPL(ipcp_kflow_buffer);

/**
 * ipcp_api_may_hold() - Test whether one more message may be held
 * @flow: flow
 *
 * Context: Any context.
 * Return: false if too many messages are held.
 */
bool ipcp_api_may_hold(const struct ipcp_kflow *flow)
{
	return skb_queue_len_lockless(&flow->held) < IPCP_HOLD;
}

/**
 * ipcp_api_room() - Test whether one more message may be sent
 * @flow: flow
 *
 * Context: Any context.
 * Return: false if too many messages are in flight or held.
 */
bool ipcp_api_room(const struct ipcp_kflow *flow)
{
	return ipcp_tx_room(flow->flow) && ipcp_api_may_hold(flow);
}

/**
 * ipcp_api_want_room() - Request a call of ops->room once there is room again
 * @flow: flow without room
 *
 * Context: Any context.
 * Return: false if there is room by now.
 */
bool ipcp_api_want_room(struct ipcp_kflow *flow)
{
	set_bit(IPCP_KF_NO_ROOM, &flow->bits);
	/*
	 * Pairs with atomic_sub_return() in ipcp_inflight_sub(): either the
	 * room is seen below, or the soft work that the wakeup queues sees the
	 * bit.
	 */
	smp_mb__after_atomic();
	return !ipcp_api_room(flow);
}

/* Have the missing key derived, or note that there is none to derive. */
static void await_key(struct ipcp_kflow *k, int err)
{
	lockdep_assert_held(&k->held.lock);
	/* Does not shorten the delay that ipcp_api_slow_work() may have set. */
	if (err == -EINPROGRESS)
		queue_delayed_work(ipcp_wq, &k->slow, 0);
	else if (!test_and_set_bit(IPCP_KF_KEYLESS, &k->bits))
		k->stalls++;
}

/*
 * Queue a message behind those that are held, at the expense of the user. A seed
 * may have arrived since the send failed, so the soft work has to run again.
 */
static int hold_message(struct ipcp_kflow *k, struct sk_buff *skb, int err)
{
	if (!ipcp_user_reserve_held(k->flow->payer.user, skb->truesize)) {
		ipcp_flow_drop(k->flow, skb, IPCP_DROP_NOMEM);
		return -EDQUOT;
	}
	spin_lock_bh(&k->held.lock);
	__skb_queue_tail(&k->held, skb);
	WRITE_ONCE(k->holding, true);
	await_key(k, err);
	spin_unlock_bh(&k->held.lock);
	ipcp_api_run_soon(k);
	return 0;
}

/*
 * Return the next held message. New messages are queued behind the held ones
 * until the queue is empty.
 */
static struct sk_buff *peek_held(struct ipcp_kflow *k)
{
	struct sk_buff *skb;

	spin_lock(&k->held.lock);
	skb = skb_peek(&k->held);
	if (!skb)
		WRITE_ONCE(k->holding, false);
	spin_unlock(&k->held.lock);
	return skb;
}

/*
 * Take the next held message if there is room to send it. Otherwise the message
 * stays in the queue. Only the soft work takes messages off the queue.
 */
static struct sk_buff *next_held(struct ipcp_kflow *k)
{
	struct sk_buff *skb = ipcp_tx_room(k->flow) ? peek_held(k) : NULL;

	if (!skb || !ipcp_tx_reserve(k->flow, skb))
		return NULL;
	skb_unlink(skb, &k->held);
	return skb;
}

/**
 * ipcp_api_send_held() - Send held messages as far as keys are available
 * @k: flow with held messages
 *
 * Context: The soft work.
 */
void ipcp_api_send_held(struct ipcp_kflow *k)
{
	struct sk_buff *skb;

	while ((skb = next_held(k))) {
		unsigned int bytes = skb->truesize;
		int err = ipcp_tx_try(k->flow, skb);

		if (ipcp_tx_kept(err)) {
			spin_lock(&k->held.lock);
			__skb_queue_head(&k->held, skb);
			await_key(k, err);
			spin_unlock(&k->held.lock);
			return;
		}
		ipcp_user_release(k->flow->payer.user, bytes);
		clear_bit(IPCP_KF_KEYLESS, &k->bits);
	}
}

/**
 * ipcp_api_drop_held() - Drop the held messages of a flow that has ended
 * @k: flow
 *
 * Context: The soft work, or process context once the soft work is disabled.
 */
void ipcp_api_drop_held(struct ipcp_kflow *k)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&k->held))) {
		ipcp_user_release(k->flow->payer.user, skb->truesize);
		ipcp_flow_drop(k->flow, skb, IPCP_DROP_TX_NOKEY);
	}
}

/**
 * ipcp_api_slow_work() - Derive the key that a message waits for
 * @work: @slow of a struct ipcp_kflow
 *
 * Context: The slow work of the flow.
 */
void ipcp_api_slow_work(struct work_struct *work)
{
	struct ipcp_kflow *k = container_of(to_delayed_work(work),
					    struct ipcp_kflow, slow);

	int err = READ_ONCE(k->holding) ? ipcp_tx_prepare(k->flow) : 0;

	/* First queue the retry: the soft work would ask for one at once. */
	if (err && err != -EKEYEXPIRED)
		queue_delayed_work(ipcp_wq, &k->slow, HZ / 10);
	ipcp_api_run_soon(k);
}

/**
 * ipcp_api_sends_now() - Test whether messages are sent at once
 * @flow: flow
 *
 * Context: Any context.
 * Return: false while earlier messages are held, or if packets cannot be sealed
 * here (ipcp_aead_ready()).
 */
bool ipcp_api_sends_now(const struct ipcp_kflow *flow)
{
	return likely(!READ_ONCE(flow->holding) && ipcp_aead_ready());
}

/*
 * True if the buffer is linear, nobody else uses it, and it has head- and
 * tailroom. The sender of a zerocopy buffer waits for its destructor_arg, even
 * if the buffer is linear, as that of an empty datagram.
 */
static bool fits_as_it_is(struct sk_buff *skb)
{
	return !skb_shared(skb) && !skb_cloned(skb) && !skb_zcopy(skb) &&
	       !skb_is_nonlinear(skb) &&
	       skb_headroom(skb) >= IPCP_TX_HEADROOM + HH_DATA_MOD &&
	       skb_tailroom(skb) >= IPCP_TAG_LEN;
}

/*
 * Make a buffer fit for sealing in place. On failure, free it and return NULL.
 */
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
	/* Metadata of the message does not apply to the outer packet. */
	skb_scrub_packet(skb, true);
	skb_shinfo(skb)->tx_flags = 0;
	skb_clear_hash(skb);
	skb_reset_redirect(skb);
	skb->encapsulation = 0;
	skb->protocol = 0;
	return skb;
}

/**
 * ipcp_api_send() - Send a message regardless of the room left
 * @flow: flow
 * @skb: message; consumed
 * @dsfield: traffic class of the outer packet
 *
 * Context: As for ipcp_kflow_send().
 * Return: As for ipcp_kflow_send(), but never -EAGAIN.
 */
int ipcp_api_send(struct ipcp_kflow *flow, struct sk_buff *skb,
		  u8 dsfield)
{
	int err;

	if (unlikely(skb->len > ipcp_kflow_mtu(flow))) {
		ipcp_flow_too_long(flow->flow);
		kfree_skb(skb);
		return -EMSGSIZE;
	}
	skb = make_fit(skb);
	if (unlikely(!skb))
		return -ENOBUFS;
	ipcp_tx_wrap(skb, IPCP_PDU_DATA, dsfield);
	err = ipcp_api_sends_now(flow) ? ipcp_tx_try(flow->flow, skb) :
					 -EINPROGRESS;
	if (unlikely(ipcp_tx_kept(err)))
		return hold_message(flow, skb, err);
	return min(err, 0);
}

/**
 * ipcp_api_send_segs() - Send several messages in one buffer, if there is a key
 * @flow: flow
 * @skb: buffer from ipcp_tx_segs_alloc(), with its messages; consumed
 * @dsfield: traffic class of the outer packets
 *
 * A buffer with several messages is not held. The caller sends messages that
 * have to wait for a key with ipcp_api_send(), each in a buffer of its own. To
 * keep the order, call this function only if ipcp_api_sends_now().
 *
 * Context: As for ipcp_kflow_send().
 * Return: number of leading messages that were sent, 0 without a key; or an
 * error of ipcp_kflow_send(), and all messages are lost.
 */
int ipcp_api_send_segs(struct ipcp_kflow *flow, struct sk_buff *skb,
		       u8 dsfield)
{
	int err;

	ipcp_cb(skb)->dsfield = dsfield;
	err = ipcp_tx_try(flow->flow, skb);
	if (unlikely(ipcp_tx_kept(err))) {
		kfree_skb(skb);
		return 0;
	}
	return err;
}

/**
 * ipcp_kflow_send() - Send a message
 * @flow: flow
 * @skb: message; consumed unless -EAGAIN is returned
 *
 * Messages of one sender arrive in order, or not at all. A message without a
 * key is held until there is one, and counts as sent.
 *
 * Context: Any context except hard interrupts; does not sleep.
 * Return: 0; -EAGAIN if too many messages are in flight or held: the caller
 * keeps the buffer, and @ops->room will be called; -ENOTCONN if the flow is not
 * allocated yet; -ESHUTDOWN if the flow has ended; -EMSGSIZE if the message is
 * longer than ipcp_kflow_mtu(); -ENOBUFS if it cannot be copied, or has to be
 * segmented first; -EDQUOT if the queues of the flow's user hold too much; or
 * an error of routing.
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
 * ipcp_kflow_send_list() - Send messages in the order of a list
 * @flow: flow
 * @list: messages, not shared with other users; the caller keeps those left in
 *	it
 *
 * Context: As for ipcp_kflow_send().
 * Return: 0; -EAGAIN if there was no room for the messages left; otherwise the
 * error of ipcp_kflow_send() for the first message that was lost, and all were
 * consumed.
 */
int ipcp_kflow_send_list(struct ipcp_kflow *flow, struct sk_buff_head *list)
{
	struct sk_buff *skb;
	int first = 0;

	local_bh_disable();	/* once for the whole list */
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
