/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* A request of a peer, and the answer of this side. */
#ifndef REKEYD_REQUEST_H
#define REKEYD_REQUEST_H

#include "engine-int.h"

enum request_kind {
	REQUEST_ALLOC,
	REQUEST_REKEY,
	REQUEST_WANTED,		/* the responder has lost the keys */
};

/* A request being processed. */
struct request {
	struct engine *e;
	enum request_kind kind;
	bool sealed;			/* arrived under the keys of the flow */
	uint32_t flow;			/* re-key or wanted: the flow */
	uint32_t generation;		/* of the flow's keys */
	uint16_t cipher;		/* re-key: of the flow */
	uint32_t question;		/* exchange the peer is asked for */
	struct ipcp_nl_numbers newest;	/* newest numbers of the flow */
	struct ipcp_nl_peer peer;	/* empty if sealed */
	uint64_t token;
	const uint8_t *p;		/* until there is @run */
	size_t len;
	struct oap_run *run;		/* owned */
	struct binding bind;		/* as requested */
	struct blob blob;
	bool recoverable;		/* wanted: the flow is recoverable */
	bool is_owner;			/* in the clear, from the flow's peer */
	bool again;			/* the request was repeated */
	enum refusal refusal;
	char text[REASON_LEN];
};

/* request.c */

/* Note the reason of a refusal. Return: false. */
bool request_refuse(struct request *r, enum refusal code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool request_refuse_oap(struct request *r, const struct oap_err *err);

/* True if the sender has proved an identity that this side accepts. */
bool request_is_known(const struct request *r);

/* Read the binding of a verified request. Return false if it is refused. */
bool request_read(struct request *r, enum purpose purpose);

/*
 * Make the response, with the purpose that follows the purpose of the request,
 * and get its seed. Return false if the request is refused. @cipher: as in
 * struct oap_params.
 */
bool request_respond(struct request *r, uint16_t cipher, uint8_t *seed);

/* Send the response, and keep it. @flow: the resulting flow. */
void request_answer(struct request *r, uint32_t flow);
void request_answer_refusal(struct request *r);

/*
 * Answer with a signed denial, or with an unsigned refusal if this side has no
 * certificate.
 */
void request_answer_denial(struct request *r, enum role role);

/* Send a refusal without keeping it. */
void request_send_refusal(struct request *r);

/*
 * Refuse the request of a stranger, who can send any number of requests: keep
 * nothing, and limit the log lines.
 */
void request_refuse_stranger(struct request *r);

/* request-alloc.c */
void request_alloc(struct request *r);

/* request-rekey.c */
void request_rekey(struct request *r);

/* request-wanted.c */
void request_wanted(struct request *r);

#endif /* REKEYD_REQUEST_H */
