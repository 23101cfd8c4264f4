/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_SESSION_H
#define _IPCP_SESSION_H

#include "flow.h"

struct ipcp_flow *ipcp_session_new(struct ipcp_net *ipn, const char *name,
				   const struct ipcp_qos *qos,
				   const struct ipcp_payer *payer,
				   struct ipcp_consumer *consumer);
struct ipcp_flow *ipcp_session_ask(struct ipcp_net *ipn, const char *name,
				   const struct ipcp_qos *qos, long timeo,
				   struct ipcp_consumer *consumer);
struct ipcp_flow *ipcp_session_respond(struct ipcp_net *ipn, const char *name,
				       const struct ipcp_qos *qos);

#endif /* _IPCP_SESSION_H */
