/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Policy: who may serve or provide a name, allocate a flow to it, or reach it
 * from a remote host.
 */
#ifndef REKEYD_POLICY_H
#define REKEYD_POLICY_H

#include "config.h"

#define REASON_LEN	(IPCP_REKEY_REASON_MAX + 1)

enum policy_what { POLICY_LISTEN, POLICY_ALLOC, POLICY_PROVIDE };

/**
 * policy_program() - check whether a program may use a name
 * @has_creds: true if this host has a certificate for the name, so that the
 *	default is to refuse
 * @reason: REASON_LEN bytes, for the reason of a refusal
 */
bool policy_program(const struct config *conf, enum policy_what what,
		    const char *name, const struct ipcp_nl_cred *cred,
		    bool has_creds, char *reason);

/**
 * policy_peer() - check whether a peer may allocate a flow to a name
 * @run: the request; on success its peer has the name found in "peers"
 * @reason: REASON_LEN bytes, for the reason of a refusal
 */
bool policy_peer(const struct config *conf, const char *name,
		 struct oap_run *run, char *reason);

/**
 * policy_keeps() - check whether the peer of a flow may keep it
 * @name: name of the flow
 * @peer: the peer, with its name at the time of the allocation
 * @reason: REASON_LEN bytes, for the reason of a refusal
 */
bool policy_keeps(const struct config *conf, const char *name,
		  const struct oap_identity *peer, char *reason);

#endif /* REKEYD_POLICY_H */
