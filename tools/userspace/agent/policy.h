/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Who may serve a name, ask for a flow to it, or come from afar to it. */
#ifndef REKEYD_POLICY_H
#define REKEYD_POLICY_H

#include "config.h"

#define REASON_LEN	(IPCP_REKEY_REASON_MAX + 1)

enum policy_what { POLICY_LISTEN, POLICY_ALLOC };

/**
 * policy_program() - may a program do this
 * @has_creds: the name has a certificate here, so silence means no
 * @reason: REASON_LEN bytes, says why not
 */
bool policy_program(const struct config *conf, enum policy_what what,
		    const char *name, const struct ipcp_nl_cred *cred,
		    bool has_creds, char *reason);

/**
 * policy_peer() - may this peer allocate a flow to a name
 */
bool policy_peer(const struct config *conf, const char *name,
		 const struct oap_identity *peer, char *reason);

#endif /* REKEYD_POLICY_H */
