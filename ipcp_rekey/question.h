/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_QUESTION_H
#define _IPCP_QUESTION_H

#include <linux/types.h>

struct ipcp_flow;
struct netlink_ext_ack;

enum ipcp_question_limits {
	IPCP_QUESTION_PACKETS	= 3,		/* packets of a question */
	IPCP_QUESTION_STEP_MS	= 1000,		/* time after each packet */
	IPCP_QUESTION_PAUSE_MS	= 10000,	/* between two questions */
	IPCP_FRESH_MS		= 60000,	/* validity of the result */
};

int ipcp_question_begin(struct ipcp_flow *flow, u32 exchange,
			struct netlink_ext_ack *extack);
bool ipcp_question_needed(struct ipcp_flow *flow);
bool ipcp_question_step(struct ipcp_flow *flow, unsigned long *next);
bool ipcp_question_answered(struct ipcp_flow *flow);
void ipcp_question_unsent(struct ipcp_flow *flow);
void ipcp_question_forget(struct ipcp_flow *flow);
bool ipcp_question_permits(struct ipcp_flow *flow);

#endif /* _IPCP_QUESTION_H */
