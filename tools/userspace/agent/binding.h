/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The binding states the purpose of an exchange and is signed by OAP. The blob
 * is stored with a flow, for an agent that restarts.
 * Documentation/agent-protocol.md describes their layout.
 */
#ifndef REKEYD_BINDING_H
#define REKEYD_BINDING_H

#include "../nl/nl.h"
#include "../oap/oap.h"

#define BINDING_FIXED	16
#define BINDING_MAX	(BINDING_FIXED + 36 + 1 + OAP_NAME_MAX + 2)
#define BINDING_TEXT	128	/* text of a refusal, with the NUL */

enum purpose {
	FOR_ALLOC_REQUEST = 1,
	FOR_ALLOC_RESPONSE,
	FOR_REKEY_REQUEST,
	FOR_REKEY_RESPONSE,
	FOR_REFUSAL,		/* refusal of a re-key in the clear */
	FOR_WANTED,		/* the responder lost the keys: re-key */
};

struct binding {
	enum purpose purpose;
	uint8_t epoch;
	uint32_t exchange;
	uint32_t initiator_eid;
	uint32_t responder_eid;		/* 0 in an allocation request */
	uint8_t chain[IPCP_REKEY_CHAIN_ID_LEN];	/* re-key only */
	struct ipcp_nl_qos qos;		/* allocation request only */
	char name[OAP_NAME_MAX + 1];	/* destination, see binding_has_name() */
	uint16_t port;			/* alloc request: initiator's port */
	uint8_t code;			/* refusal only: reason */
	struct ipcp_nl_numbers newest;	/* refusal only: of its sender */
	char text[BINDING_TEXT];	/* refusal only */
};

size_t binding_write(const struct binding *b, uint8_t buf[BINDING_MAX]);
bool binding_read(struct binding *b, const uint8_t *p, size_t len);

/* True for an exchange with a fresh seed, not mixed with a chain. */
bool binding_fresh(const struct binding *b);

/* True if the binding has the name: the receiver may not know the flow. */
bool binding_has_name(const struct binding *b);

/* True if both bindings describe the same exchange of the same flow. */
bool binding_same(const struct binding *a, const struct binding *b);

enum role { ROLE_INITIATOR = 1, ROLE_RESPONDER };

struct blob {
	enum role role;
	enum oap_auth auth;		/* required at allocation */
	uint16_t port;			/* at the responder: port of the peer */
	uint16_t cipher;
	uint16_t kex;			/* of the allocation; 0 if unknown */
	struct oap_identity peer;
	char name[OAP_NAME_MAX + 1];	/* name for credentials and enc.conf */
};

#define BLOB_LEN_MAX	(10 + OAP_FP_LEN + 2 * (1 + OAP_NAME_MAX))

size_t binding_blob_write(const struct blob *blob, uint8_t buf[BLOB_LEN_MAX]);
bool binding_blob_read(struct blob *blob, const uint8_t *p, size_t len);

#endif /* REKEYD_BINDING_H */
