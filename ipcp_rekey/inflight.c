// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The count of messages of a flow that are in flight. The messages may outlive
 * the flow, and so does the count.
 */
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/netdevice.h>
#include <linux/overflow.h>
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "inflight.h"
#include "owner.h"
#include "rbflags.h"
#include "users.h"

/* Headers between the link layer and the packet: IPv6 and UDP. */
#define IPCP_INFLIGHT_HEADERS	48

/* Least bytes to count for the head of a buffer: small heads are rounded up. */
#define IPCP_INFLIGHT_MIN	1024UL

/**
 * ipcp_inflight_new() - Allocate the count of messages in flight
 * @consumer: consumer to wake when there is room; a reference is taken
 * @user: user who pays for the messages, or NULL for no limit; a reference is
 *	taken
 *
 * Context: Process context, may sleep.
 * Return: count without messages, held by the flow until ipcp_inflight_end();
 * or NULL.
 */
struct ipcp_inflight *ipcp_inflight_new(struct ipcp_consumer *consumer,
					struct ipcp_user *user)
{
	struct ipcp_inflight *out = kzalloc(sizeof(*out), IPCP_GFP_PAYER);

	if (!out)
		return NULL;
	atomic_set(&out->count, IPCP_INFLIGHT_FLOW);
	out->consumer = ipcp_consumer_get(consumer);
	spin_lock_init(&out->lock);
	out->user = ipcp_user_hold(user);
	if (!user) {
		out->quota = UINT_MAX;
		out->seg_len = UINT_MAX;
	}
	return out;
}

/* Return the memory in bytes of a message in a packet of @seg_len bytes. */
static unsigned long message_bytes(unsigned int seg_len)
{
	unsigned long data = LL_MAX_HEADER + IPCP_INFLIGHT_HEADERS + seg_len +
			     SKB_DATA_ALIGN(sizeof(struct skb_shared_info));

	return SKB_DATA_ALIGN(sizeof(struct sk_buff)) +
	       max(roundup_pow_of_two(data), IPCP_INFLIGHT_MIN);
}

/*
 * Set the reserved memory to @bytes. Return false if that would exceed the
 * limit of the user.
 */
static bool set_reserved(struct ipcp_inflight *out, unsigned long bytes)
{
	lockdep_assert_held(&out->lock);
	if (bytes > out->reserved &&
	    !ipcp_user_reserve(out->user, bytes - out->reserved))
		return false;
	if (bytes < out->reserved)
		ipcp_user_release(out->user, out->reserved - bytes);
	out->reserved = bytes;
	return true;
}

static void set_quota(struct ipcp_inflight *out, unsigned int count,
		      unsigned int seg_len)
{
	WRITE_ONCE(out->quota, count);
	WRITE_ONCE(out->seg_len, seg_len);
}

/**
 * ipcp_inflight_grow() - Reserve memory for more or longer messages
 * @out: count
 * @count: number of messages to send, in addition to those in flight
 * @seg_len: length of the packet of each
 * @kick: (output) true if the flow's worker has to run, which trims the memory
 *	later, or wakes senders to try again
 *
 * The reservation for earlier messages is kept only while some are in flight.
 *
 * Context: Any context but hard interrupts.
 * Return: false if the user's queues would exceed the limit.
 */
bool ipcp_inflight_grow(struct ipcp_inflight *out, unsigned int count,
			unsigned int seg_len, bool *kick)
{
	unsigned int busy;
	bool done;

	spin_lock_bh(&out->lock);
	busy = atomic_read(&out->count) - IPCP_INFLIGHT_FLOW;
	if (busy) {
		count = max(count + busy, out->quota);
		seg_len = max(seg_len, out->seg_len);
	}
	count = roundup(count, IPCP_INFLIGHT_STEP);
	*kick = !out->reserved;
	/* saturates: one long message enlarges the share of all in flight */
	done = set_reserved(out, size_mul(count, message_bytes(seg_len)));
	if (done) {
		set_quota(out, count, seg_len);
	} else {
		*kick = !out->refused;
		if (!out->refused)
			WRITE_ONCE(out->refused, max(jiffies, 1UL));
		if (!busy) {
			set_reserved(out, 0);
			set_quota(out, 0, 0);
		}
	}
	spin_unlock_bh(&out->lock);
	return done;
}

/**
 * ipcp_inflight_trim() - Release the reserved memory if no message is in flight
 * @out: count
 *
 * Context: Any context but hard interrupts. The flow's share is held.
 */
void ipcp_inflight_trim(struct ipcp_inflight *out)
{
	spin_lock_bh(&out->lock);
	if (out->reserved && atomic_read(&out->count) == IPCP_INFLIGHT_FLOW) {
		set_reserved(out, 0);
		set_quota(out, 0, 0);
	}
	spin_unlock_bh(&out->lock);
}

/**
 * ipcp_inflight_sub() - Account for messages that left the stack
 * @out: count
 * @n: number of messages, or IPCP_INFLIGHT_FLOW
 *
 * Context: Under RCU, which keeps the count and its consumer.
 * Return: the remaining count, including the share of the flow.
 */
unsigned int ipcp_inflight_sub(struct ipcp_inflight *out, unsigned int n)
{
	unsigned int left = atomic_sub_return(n, &out->count);

	if (unlikely(!left)) {
		ipcp_user_release(out->user, out->reserved);
		ipcp_user_put(out->user);
		ipcp_consumer_put(out->consumer);
		kfree_rcu(out, rcu);
	}
	return left;
}

/**
 * ipcp_inflight_end() - Drop the flow's share of the count
 * @out: count; freed together with the last message
 *
 * Context: Any context.
 */
void ipcp_inflight_end(struct ipcp_inflight *out)
{
	rcu_read_lock();
	ipcp_inflight_sub(out, IPCP_INFLIGHT_FLOW);
	rcu_read_unlock();
}
