// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Send messages to a peer, frame by frame. */

#include "../common/addr.h"
#include "engine-int.h"
#include "log.h"

/*
 * Send over the flow, or in the clear to @peer if @flow is 0. Return 0, or the
 * errno with which the kernel refused the message.
 */
int send_message(struct engine *e, uint32_t flow,
		  const struct ipcp_nl_peer *peer,
		  const struct message *msg, const uint8_t *cookie)
{
	unsigned int i, n = frame_count(msg);
	char to[ADDR_TEXT_LEN];
	uint8_t buf[FRAME_MAX];
	size_t len;
	int err = 0;

	for (i = 0; !err && i < n; i++) {
		len = frame_write(buf, msg, i, cookie);
		err = flow ? e->ops->sealed_send(e->ctx, flow, buf, len) :
			     e->ops->ctrl_send(e->ctx, peer, buf, len);
	}
	if (!err)
		return 0;
	/* treat a failure as loss: the requesting side repeats */
	if (flow)
		log_dbg("flow %u: cannot send a sealed message: %s", flow,
			e->ops->reason(e->ctx));
	else
		log_dbg("cannot send to %s: %s", addr_text(&peer->addr, to),
			e->ops->reason(e->ctx));
	return err;
}

void send_refusal(struct engine *e, uint32_t flow,
		  const struct ipcp_nl_peer *peer, enum msg_type type,
		  uint64_t token, const uint8_t *cookie, enum refusal code,
		  const char *text)
{
	uint8_t buf[1 + REASON_LEN];
	struct message msg = { .type = type, .token = token, .p = buf };

	msg.len = refusal_write(buf, code, text);
	send_message(e, flow, peer, &msg, cookie);
}
