// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The data signed along with OAP, and the blob stored with a flow. */

#include <string.h>

#include "../common/bytes.h"
#include "binding.h"

#define VERSION		2
#define BLOB_VERSION	2
#define BLOB_NO_KEX	1	/* version of releases that stored no kex */
#define BLOB_FIXED	(8 + OAP_FP_LEN)
#define QOS_LEN		36

static uint8_t *put_name(uint8_t *p, const char *name)
{
	size_t len = strlen(name);

	*p++ = len;
	memcpy(p, name, len);
	return p + len;
}

/* Get a name of at most *@left bytes; NULL if it is invalid. */
static const uint8_t *get_name(const uint8_t *p, size_t *left, char *name,
			       bool may_be_empty)
{
	size_t len;

	if (*left < 1 || *left < 1U + p[0])
		return NULL;
	len = *p++;
	memcpy(name, p, len);
	name[len] = '\0';
	*left -= 1 + len;
	if (!len ? !may_be_empty : strlen(name) != len || !oap_name_ok(name))
		return NULL;
	return p + len;
}

static uint8_t *put_qos(uint8_t *p, const struct ipcp_nl_qos *qos)
{
	p = put64(p, qos->bandwidth);
	p = put32(p, qos->delay);
	p = put32(p, qos->availability);
	p = put32(p, qos->loss);
	p = put32(p, qos->ber);
	p = put32(p, qos->in_order);
	p = put32(p, qos->max_gap);
	return put32(p, qos->timeout);
}

static void get_qos(const uint8_t *p, struct ipcp_nl_qos *qos)
{
	qos->bandwidth = get64(p);
	qos->delay = get32(p + 8);
	qos->availability = get32(p + 12);
	qos->loss = get32(p + 16);
	qos->ber = get32(p + 20);
	qos->in_order = get32(p + 24);
	qos->max_gap = get32(p + 28);
	qos->timeout = get32(p + 32);
}

static bool is_rekey(enum purpose purpose)
{
	return purpose == FOR_REKEY_REQUEST || purpose == FOR_REKEY_RESPONSE;
}

bool binding_fresh(const struct binding *b)
{
	static const uint8_t none[IPCP_REKEY_CHAIN_ID_LEN];

	return !memcmp(b->chain, none, sizeof(none));
}

bool binding_has_name(const struct binding *b)
{
	return b->purpose == FOR_ALLOC_REQUEST || b->purpose == FOR_WANTED ||
	       (b->purpose == FOR_REKEY_REQUEST && binding_fresh(b));
}

static uint8_t *put_refusal(uint8_t *p, const struct binding *b)
{
	size_t len = strnlen(b->text, BINDING_TEXT - 1);

	*p++ = b->code;
	*p++ = b->newest.epoch;
	p = put32(p, b->newest.exchange);
	memcpy(p, b->text, len);
	return p + len;
}

size_t binding_write(const struct binding *b, uint8_t buf[BINDING_MAX])
{
	uint8_t *p = buf;

	*p++ = VERSION;
	*p++ = b->purpose;
	*p++ = b->epoch;
	*p++ = 0;
	p = put32(p, b->exchange);
	p = put32(p, b->initiator_eid);
	p = put32(p, b->responder_eid);
	if (is_rekey(b->purpose)) {
		memcpy(p, b->chain, sizeof(b->chain));
		p += sizeof(b->chain);
	}
	if (b->purpose == FOR_ALLOC_REQUEST)
		p = put_qos(p, &b->qos);
	if (binding_has_name(b))
		p = put_name(p, b->name);
	if (b->purpose == FOR_ALLOC_REQUEST)
		p = put16(p, b->port);
	if (b->purpose == FOR_REFUSAL)
		p = put_refusal(p, b);
	return p - buf;
}

/* Get the name, which is the last field of the data. */
static bool read_name(struct binding *b, const uint8_t *p, size_t left)
{
	return get_name(p, &left, b->name, false) && !left;
}

static bool read_rekey(struct binding *b, const uint8_t *p, size_t left)
{
	if (left < sizeof(b->chain))
		return false;
	memcpy(b->chain, p, sizeof(b->chain));
	p += sizeof(b->chain);
	left -= sizeof(b->chain);
	return binding_has_name(b) ? read_name(b, p, left) : !left;
}

static bool read_alloc(struct binding *b, const uint8_t *p, size_t left)
{
	if (left < QOS_LEN)
		return false;
	get_qos(p, &b->qos);
	left -= QOS_LEN;
	p = get_name(p + QOS_LEN, &left, b->name, false);
	if (!p || left != 2)
		return false;
	b->port = get16(p);
	return b->port;
}

static bool read_refusal(struct binding *b, const uint8_t *p, size_t left)
{
	if (left < 6 || left - 6 >= BINDING_TEXT)
		return false;
	b->code = p[0];
	b->newest.epoch = p[1];
	b->newest.exchange = get32(p + 2);
	memcpy(b->text, p + 6, left - 6);
	return true;
}

static bool read_rest(struct binding *b, const uint8_t *p, size_t left)
{
	switch (b->purpose) {
	case FOR_ALLOC_REQUEST:
		return read_alloc(b, p, left);
	case FOR_REKEY_REQUEST:
	case FOR_REKEY_RESPONSE:
		return read_rekey(b, p, left);
	case FOR_REFUSAL:
		return read_refusal(b, p, left);
	case FOR_WANTED:
		return read_name(b, p, left);
	default:
		return !left;
	}
}

bool binding_read(struct binding *b, const uint8_t *p, size_t len)
{
	memset(b, 0, sizeof(*b));
	/* byte 3 has flags: a later release may offer what this one ignores */
	if (len < BINDING_FIXED || p[0] != VERSION)
		return false;
	b->purpose = p[1];
	b->epoch = p[2];
	b->exchange = get32(p + 4);
	b->initiator_eid = get32(p + 8);
	b->responder_eid = get32(p + 12);
	return read_rest(b, p + BINDING_FIXED, len - BINDING_FIXED);
}

bool binding_same(const struct binding *a, const struct binding *b)
{
	return a->purpose == b->purpose && a->epoch == b->epoch &&
	       a->exchange == b->exchange &&
	       a->initiator_eid == b->initiator_eid &&
	       a->responder_eid == b->responder_eid &&
	       !memcmp(a->chain, b->chain, sizeof(a->chain));
}

size_t binding_blob_write(const struct blob *blob, uint8_t buf[BLOB_LEN_MAX])
{
	uint8_t *p = buf;

	*p++ = BLOB_VERSION;
	*p++ = blob->role;
	*p++ = blob->auth;
	*p++ = blob->peer.authenticated;
	p = put16(p, blob->cipher);
	p = put16(p, blob->port);
	memcpy(p, blob->peer.fingerprint, OAP_FP_LEN);
	p = put16(p + OAP_FP_LEN, blob->kex);
	p = put_name(p, blob->peer.name);
	p = put_name(p, blob->name);
	return p - buf;
}

/* Get the key exchange of the allocation; NULL if it is missing. */
static const uint8_t *get_kex(const uint8_t *p, size_t *left, uint16_t *kex)
{
	if (*left < 2)
		return NULL;
	*kex = get16(p);
	*left -= 2;
	return p + 2;
}

bool binding_blob_read(struct blob *blob, const uint8_t *p, size_t len)
{
	size_t left = len - BLOB_FIXED;
	bool has_kex;

	memset(blob, 0, sizeof(*blob));
	if (len < BLOB_FIXED || p[3] > 1 || p[2] > OAP_AUTH_REQUIRED)
		return false;
	has_kex = p[0] == BLOB_VERSION;
	if (!has_kex && p[0] != BLOB_NO_KEX)
		return false;
	blob->role = p[1];
	blob->auth = p[2];
	blob->peer.authenticated = p[3];
	blob->cipher = get16(p + 4);
	blob->port = get16(p + 6);
	memcpy(blob->peer.fingerprint, p + 8, OAP_FP_LEN);
	p += BLOB_FIXED;
	if (has_kex)
		p = get_kex(p, &left, &blob->kex);
	if (p)
		p = get_name(p, &left, blob->peer.name, true);
	if (p)
		p = get_name(p, &left, blob->name, false);
	return p && !left &&
	       (blob->role == ROLE_INITIATOR || blob->role == ROLE_RESPONDER) &&
	       blob->peer.authenticated == !!blob->peer.name[0];
}
