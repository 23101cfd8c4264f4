/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_READER_H
#define _IPCP_READER_H

#include "segs.h"

struct ipcp_flow;
struct sk_buff;

/**
 * struct ipcp_reader - state of reading messages from a flow's ring
 * @flow: flow
 * @want: messages that the caller will take without a pause, or 0. A buffer
 *	with no more than @want messages is taken off the ring as a whole, so
 *	the ring is locked once only. ipcp_reader_end() puts back a buffer with
 *	unread messages.
 * @peek: leave the message in the ring
 * @whole: @segs was taken off the ring
 * @message: the last message read, if it has a buffer of its own
 * @segs: the last buffer of several messages that was read from, with a
 *	reference, since readers may share a buffer
 * @cursor: position of the next message in @segs
 * @packets: number of messages read
 * @bytes: number of bytes read
 *
 * Locking: None. A reader belongs to one task.
 */
struct ipcp_reader {
	struct ipcp_flow *flow;
	unsigned int want;
	bool peek;
	bool whole;
	struct sk_buff *message;
	struct sk_buff *segs;
	struct ipcp_cursor cursor;
	unsigned long packets;
	unsigned long bytes;
};

void ipcp_reader_init(struct ipcp_reader *r, struct ipcp_flow *flow);
int ipcp_reader_next(struct ipcp_reader *r, const u8 **msg);
s64 ipcp_reader_time(const struct ipcp_reader *r);
void ipcp_reader_end(struct ipcp_reader *r);

#endif /* _IPCP_READER_H */
