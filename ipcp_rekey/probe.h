/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_PROBE_H
#define _IPCP_PROBE_H

#include <linux/types.h>

#include "flow.h"

enum ipcp_probe_limits {
	IPCP_PROBE_TRIES	= 3,	/* probes before a size is withdrawn */
	IPCP_PROBE_ROUNDS	= 3,	/* rounds of the search after that */
	IPCP_PROBE_REPEAT_MS	= 500,
	IPCP_PROBE_SEARCH_MS	= 150,	/* from one candidate to the next */
	IPCP_PROBE_FIRST_MS	= 3000,	/* to the next check, unconfirmed */
	IPCP_PROBE_AGAIN_MS	= 10000, /* to the next check, confirmed */
	IPCP_PROBE_RAISE_MS	= 600000, /* to the next try of a larger size */
	IPCP_PROBE_RAISE_MIN_MS	= 1000,
	IPCP_PROBE_ANSWERS	= 32,	/* answers to a peer in a second */
};

/* Plaintext of PROBE and of ECHO without padding: flags, number, size */
#define IPCP_PROBE_LEN	5

/**
 * struct ipcp_probe_link - packet sizes of a route
 * @size: longest packet that the link takes, as UDP payload
 * @hint: longest packet according to ICMP messages, which anybody may have sent
 * @v6: true for IPv6
 * @loopback: true if packets do not leave the host
 * @own: (input) interface that packets may not leave by, or NULL
 * @fits: (input) the packet is known to fit, so the rest is not looked up
 */
struct ipcp_probe_link {
	u16 size;
	u16 hint;
	bool v6;
	bool loopback;
	const struct net_device *own;
	bool fits;
};

/**
 * struct ipcp_probe_packet - a probe to send
 * @number: number of the probe
 * @size: length of the packet
 */
struct ipcp_probe_packet {
	u16 number;
	u16 size;
};

/* Return a link as one word, to see locklessly whether the link has changed. */
static inline u32 ipcp_probe_key(const struct ipcp_probe_link *link)
{
	return link->size | (u32)link->v6 << 16 | (u32)link->loopback << 17;
}

void ipcp_probe_begin(struct ipcp_probe *p, const struct ipcp_probe_link *link,
		      unsigned long now);
void ipcp_probe_anew(struct ipcp_probe *p, unsigned long now);
void ipcp_probe_hint(struct ipcp_probe *p, u16 hint, unsigned long now);
unsigned int ipcp_probe_step(struct ipcp_probe *p, unsigned long now,
			     struct ipcp_probe_packet out[2]);
bool ipcp_probe_deadline(const struct ipcp_probe *p, unsigned long now,
			 unsigned long *at);
u32 ipcp_probe_note(const struct ipcp_probe *p, unsigned long now);
void ipcp_probe_unsent(struct ipcp_probe *p, unsigned long now);
void ipcp_probe_echo(struct ipcp_probe *p, u16 number, u16 size,
		     unsigned long now);
bool ipcp_probe_may_answer(struct ipcp_probe *p, unsigned long now);

/* probe-flow.c */
void ipcp_probe_link(struct ipcp_flow *flow, const struct ipcp_probe_link *link);
void ipcp_probe_wanted(struct ipcp_flow *flow);
void ipcp_probe_roamed(struct ipcp_flow *flow);
void ipcp_probe_work(struct ipcp_flow *flow, unsigned long *next);
bool ipcp_probe_handle(struct ipcp_flow *flow, const u8 *msg, unsigned int len);

#endif /* _IPCP_PROBE_H */
