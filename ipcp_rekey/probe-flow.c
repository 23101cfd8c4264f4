// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Path MTU discovery of a flow: notice data, send probes and answer the probes
 * of the peer. probe.c makes the decisions.
 */
#include <linux/string.h>
#include <linux/unaligned.h>

#include "deadline.h"
#include "keys.h"
#include "notify.h"
#include "probe.h"
#include "tx.h"
#include "wire.h"

/* Check whether a sender has noted a packet above the length set before. */
static void note_data(struct ipcp_probe *p)
{
	if (p->noting && READ_ONCE(p->note) == IPCP_PROBE_NOTE_NONE) {
		p->noting = false;
		p->used = true;
	}
}

/* Tell senders which packet to note next. */
static void ask_senders(struct ipcp_probe *p, unsigned long now)
{
	u32 note;

	note_data(p);
	note = ipcp_probe_note(p, now);
	p->noting = note != IPCP_PROBE_NOTE_NONE;
	if (READ_ONCE(p->note) != note)
		WRITE_ONCE(p->note, note);
}

/* What has changed. */
enum {
	IPCP_MTU_SET	= BIT(0),	/* length of the longest message */
	IPCP_MTU_SEARCH	= BIT(1),	/* whether that length is temporary */
};

/* Set the flow's MTU by the packet size in use. Return IPCP_MTU_* bits. */
static unsigned int set_mtu(struct ipcp_flow *flow)
{
	struct ipcp_probe *p = &flow->probe;
	/* The base is temporary, since most paths carry longer packets. */
	bool searching = p->phase == IPCP_PROBE_SEARCH &&
			 p->size <= IPCP_BASE_LEN;
	u32 mtu = p->size - IPCP_OVERHEAD;
	unsigned int changed = 0;

	lockdep_assert_held(&flow->lock);
	if (!p->link)
		return 0;
	if (READ_ONCE(flow->mtu) != mtu) {
		WRITE_ONCE(flow->mtu, mtu);
		changed |= IPCP_MTU_SET;
	}
	if (p->searching != searching) {
		WRITE_ONCE(p->searching, searching);
		changed |= IPCP_MTU_SEARCH;
	}
	return changed;
}

static void tell_mtu(struct ipcp_flow *flow, unsigned int changed)
{
	if (changed & IPCP_MTU_SET)
		ipcp_notify(flow, IPCP_REKEY_EVENT_MTU, READ_ONCE(flow->rk.epoch), 0);
	if (changed)
		ipcp_rbflags_wake(&flow->n_rb.flags, IPCP_WAKE_FLAGS);
}

/**
 * ipcp_probe_link() - Update the link of a flow from a route
 * @flow: flow
 * @link: link of the route; ignored if no message fits
 *
 * Context: Any context but hard interrupts.
 */
void ipcp_probe_link(struct ipcp_flow *flow, const struct ipcp_probe_link *link)
{
	struct ipcp_probe *p = &flow->probe;
	unsigned int changed = 0;
	bool kick = false;

	if (link->size <= IPCP_OVERHEAD)
		return;
	spin_lock_bh(&flow->lock);
	if (p->key != ipcp_probe_key(link)) {
		ipcp_probe_begin(p, link, jiffies);
		changed = set_mtu(flow);
	} else {
		ipcp_probe_hint(p, link->hint, jiffies);
		kick = p->used;
	}
	ask_senders(p, jiffies);
	spin_unlock_bh(&flow->lock);
	tell_mtu(flow, changed);
	if (kick)
		ipcp_flow_kick(flow);
}

/**
 * ipcp_probe_roamed() - Restart discovery, since the peer has another address
 * @flow: flow
 *
 * Context: Any context but hard interrupts.
 */
void ipcp_probe_roamed(struct ipcp_flow *flow)
{
	unsigned int changed;

	spin_lock_bh(&flow->lock);
	if (!flow->probe.link) {
		spin_unlock_bh(&flow->lock);
		return;		/* no route was looked up yet */
	}
	ipcp_probe_anew(&flow->probe, jiffies);
	ask_senders(&flow->probe, jiffies);
	changed = set_mtu(flow);
	spin_unlock_bh(&flow->lock);
	tell_mtu(flow, changed);
}

/**
 * ipcp_probe_wanted() - Note a message that was longer than the size in use
 * @flow: flow
 *
 * The message was not sent, but wants the check or the search that is due, like
 * data that was sent: otherwise a flow whose messages are all too long would
 * stay at its size for ever.
 *
 * Context: Any context but hard interrupts. ipcp_probe_work() has to follow.
 */
void ipcp_probe_wanted(struct ipcp_flow *flow)
{
	spin_lock_bh(&flow->lock);
	flow->probe.used = true;
	spin_unlock_bh(&flow->lock);
}

/* Send a PROBE or an ECHO, in the epoch that data is sent in. */
static int send_probe(struct ipcp_flow *flow, u8 flag, u16 number, u16 size,
		      unsigned int pad)
{
	struct ipcp_epoch *ep = ipcp_tx_epoch(flow);
	u8 msg[IPCP_PROBE_LEN];
	int err;

	if (!ep)
		return -EAGAIN;
	msg[0] = flag;
	put_unaligned_be16(number, msg + 1);
	put_unaligned_be16(size, msg + 3);
	err = ipcp_tx_spare(flow, ep, msg, sizeof(msg), pad);
	ipcp_epoch_put(ep);
	return err;
}

static void send_probes(struct ipcp_flow *flow,
			const struct ipcp_probe_packet *out, unsigned int n)
{
	unsigned int changed;

	for (unsigned int i = 0; i < n; i++) {
		if (!send_probe(flow, IPCP_CONFIRM_PROBE, out[i].number,
				out[i].size, out[i].size - IPCP_OVERHEAD -
				IPCP_PROBE_LEN))
			continue;
		spin_lock_bh(&flow->lock);
		ipcp_probe_unsent(&flow->probe, jiffies);
		changed = set_mtu(flow);
		spin_unlock_bh(&flow->lock);
		tell_mtu(flow, changed);
		return;
	}
}

/**
 * ipcp_probe_work() - Probe the path if a probe is due
 * @flow: flow
 * @next: (in/out) jiffies when the worker has to run again
 *
 * Context: The worker of the flow.
 */
void ipcp_probe_work(struct ipcp_flow *flow, unsigned long *next)
{
	struct ipcp_probe_packet out[2];
	struct ipcp_probe *p = &flow->probe;
	unsigned int changed, n;
	unsigned long at;
	bool more;

	do {
		unsigned long now = jiffies;

		spin_lock_bh(&flow->lock);
		note_data(p);
		n = ipcp_probe_step(p, now, out);
		changed = set_mtu(flow);
		spin_unlock_bh(&flow->lock);
		tell_mtu(flow, changed);
		send_probes(flow, out, n);

		spin_lock_bh(&flow->lock);
		note_data(p);
		more = ipcp_probe_deadline(p, now, &at);
		ask_senders(p, now);
		spin_unlock_bh(&flow->lock);
	} while (more && !ipcp_deadline_add(next, at));
}

static void answer_probe(struct ipcp_flow *flow, u16 number, u16 size)
{
	bool may;

	spin_lock_bh(&flow->lock);
	may = ipcp_probe_may_answer(&flow->probe, jiffies);
	spin_unlock_bh(&flow->lock);
	if (may)
		send_probe(flow, IPCP_CONFIRM_ECHO, number, size, 0);
}

/**
 * ipcp_probe_handle() - Handle an authentic PROBE or ECHO of the peer
 * @flow: flow
 * @msg: plaintext of a CONFIRM of more than one byte
 * @len: length of the plaintext
 *
 * A PROBE is answered with an ECHO, which is never longer. Neither of them says
 * anything about epochs.
 *
 * Context: The worker of the flow.
 * Return: false if the packet is malformed.
 */
bool ipcp_probe_handle(struct ipcp_flow *flow, const u8 *msg, unsigned int len)
{
	u16 number, size;

	if (len < IPCP_PROBE_LEN)
		return false;
	number = get_unaligned_be16(msg + 1);
	size = get_unaligned_be16(msg + 3);
	switch (*msg) {
	case IPCP_CONFIRM_PROBE:
		if (size != len + IPCP_OVERHEAD ||
		    memchr_inv(msg + IPCP_PROBE_LEN, 0, len - IPCP_PROBE_LEN))
			return false;
		answer_probe(flow, number, size);
		return true;
	case IPCP_CONFIRM_ECHO:
		if (len != IPCP_PROBE_LEN)
			return false;
		spin_lock_bh(&flow->lock);
		ipcp_probe_echo(&flow->probe, number, size, jiffies);
		spin_unlock_bh(&flow->lock);
		return true;
	default:
		return false;
	}
}
