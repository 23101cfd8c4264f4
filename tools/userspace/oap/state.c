// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Serialized state of an exchange that waits for its response. Big endian:
 *
 *   0 magic (8)   8 kex   10 cipher   12 kdf   14 md   16 flags   18 zero (2)
 *   20 name (256, zero padded)   276 lengths (2 each) of request and secret
 *
 * Followed by the request, the secret, and the SHA-256 of everything before it.
 * The secret is the ephemeral key, or the OAP key itself if the client
 * encapsulated.
 */

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "../common/bytes.h"
#include "int.h"

#define MAGIC		"OAPSTAT1"
#define MAGIC_LEN	8
#define AT_NAME		20
#define AT_LEN		276
#define HEAD_LEN	280
#define SUM_LEN		32
#define SECRET_MAX	4096

#define HAS_CLIENT_ENCAP 1

static bool sum(const uint8_t *p, size_t len, uint8_t *out)
{
	return EVP_Digest(p, len, out, NULL, EVP_sha256(), NULL) == 1;
}

/* EC and DH groups need DER; the other keys are short and raw. */
static bool is_raw(const struct oap_kex *kex)
{
	return kex->kind != OAP_KEX_EC && kex->kind != OAP_KEX_DH;
}

/* Return the length of the ephemeral key, or 0 on failure. */
static size_t put_key(const struct oap_run *run, uint8_t *p)
{
	size_t len = SECRET_MAX;
	int der;

	if (is_raw(run->conf.kex))
		return EVP_PKEY_get_raw_private_key(run->own, p, &len) == 1 ?
		       len : 0;
	der = i2d_PrivateKey(run->own, NULL);
	if (der <= 0 || der > SECRET_MAX)
		return 0;
	return i2d_PrivateKey(run->own, &p) == der ? der : 0;
}

static size_t put_secret(const struct oap_run *run, uint8_t *p)
{
	if (!run->client_encap)
		return put_key(run, p);
	memcpy(p, run->key->b, OAP_KEY_LEN);
	return OAP_KEY_LEN;
}

enum oap_code oap_save(const struct oap_run *run, uint8_t *state, size_t *len,
		       struct oap_err *err)
{
	const struct oap_conf *conf = &run->conf;
	size_t secret = 0;
	uint8_t *p = state;

	if (run->in.p || !run->out.p)
		return oap_err_set(err, OAP_INTERNAL, "no exchange is pending");
	memset(state, 0, HEAD_LEN);
	memcpy(p, MAGIC, MAGIC_LEN);
	p = put16(p + MAGIC_LEN, conf->kex ? conf->kex->nid : 0);
	p = put16(p, conf->cipher);
	p = put16(p, conf->kdf);
	p = put16(p, conf->md);
	put16(p, run->client_encap ? HAS_CLIENT_ENCAP : 0);
	strcpy((char *)state + AT_NAME, run->name);
	p = state + HEAD_LEN;
	memcpy(p, run->out.p, run->out.len);
	p += run->out.len;
	if (conf->kex) {
		secret = put_secret(run, p);
		if (!secret)
			return oap_err_set(err, OAP_INTERNAL,
					   "the key cannot be saved: %s",
					   oap_err_why());
	}
	p += secret;
	put16(put16(state + AT_LEN, run->out.len), secret);
	if (!sum(state, p - state, p))
		return oap_err_set(err, OAP_INTERNAL, "out of memory");
	*len = p - state + SUM_LEN;
	return OAP_OK;
}

static EVP_PKEY *get_key(const struct oap_kex *kex, const uint8_t *p,
			 size_t len)
{
	if (is_raw(kex))
		return EVP_PKEY_new_raw_private_key_ex(NULL, kex->name, NULL,
						       p, len);
	return d2i_AutoPrivateKey(NULL, &p, len);
}

static enum oap_code get_secret(struct oap_run *run, const uint8_t *p,
				size_t len, struct oap_err *err)
{
	if (run->client_encap && len == OAP_KEY_LEN) {
		memcpy(run->key->b, p, len);
		return OAP_OK;
	}
	if (run->conf.kex && !run->client_encap) {
		run->own = get_key(run->conf.kex, p, len);
		if (run->own)
			return oap_kex_public(run->conf.kex, run->own,
					      &run->own_pub, err);
	}
	if (!run->conf.kex && !len)
		return OAP_OK;
	return oap_err_set(err, OAP_MALFORMED, "the state's key is unusable: %s",
			   oap_err_why());
}

/* Check that the state is intact and belongs to the name. */
static enum oap_code check(const char *name, const uint8_t *state, size_t len,
			   struct oap_err *err)
{
	uint8_t want[SUM_LEN];

	if (len < HEAD_LEN + SUM_LEN || len > OAP_STATE_MAX ||
	    memcmp(state, MAGIC, MAGIC_LEN) || state[AT_LEN - 1] ||
	    len != HEAD_LEN + SUM_LEN + (size_t)get16(state + AT_LEN) +
		   get16(state + AT_LEN + 2))
		return oap_err_set(err, OAP_MALFORMED,
				   "this is not the state of an exchange");
	if (!sum(state, len - SUM_LEN, want) ||
	    memcmp(want, state + len - SUM_LEN, SUM_LEN))
		return oap_err_set(err, OAP_MALFORMED, "the state is damaged");
	if (strcmp((const char *)state + AT_NAME, name))
		return oap_err_set(err, OAP_MISMATCH,
				   "the state belongs to a request to '%.60s', not to '%.60s'",
				   (const char *)state + AT_NAME, name);
	return OAP_OK;
}

static enum oap_code restore(struct oap_run *run, const uint8_t *state,
			     struct oap_err *err)
{
	const uint8_t *p = state + MAGIC_LEN;
	size_t req = get16(state + AT_LEN);
	struct oap_hdr hdr;
	enum oap_code code;

	run->conf.kex = oap_nid_kex_by_nid(get16(p));
	run->conf.cipher = get16(p + 2);
	run->conf.kdf = get16(p + 4);
	run->conf.md = get16(p + 6);
	run->client_encap = get16(p + 8) == HAS_CLIENT_ENCAP;
	strcpy(run->name, (const char *)state + AT_NAME);
	code = oap_run_keep(&run->out, state + HEAD_LEN, req, err);
	if (!code)
		code = oap_wire_decode(&hdr, run->out.p, req, 0, err);
	if (!code)
		code = get_secret(run, state + HEAD_LEN + req,
				  get16(state + AT_LEN + 2), err);
	if (code)
		return code;
	memcpy(run->id, hdr.id, OAP_ID_LEN);
	run->req_md = hdr.md;
	run->is_signed = hdr.crt.len;
	return oap_run_sha256(&run->out, run->req_hash, err);
}

enum oap_code oap_restore(struct oap_env *env, const char *name,
			  const uint8_t *state, size_t len,
			  struct oap_run **runp, struct oap_err *err)
{
	enum oap_code code = check(name, state, len, err);
	struct oap_run *run;

	*runp = NULL;
	if (code)
		return code;
	run = oap_run_new(env, err);
	if (!run)
		return err->code;
	code = restore(run, state, err);
	if (code)
		oap_free(run);
	else
		*runp = run;
	return code;
}

enum oap_code oap_key(const struct oap_run *run, uint8_t *key,
		      struct oap_err *err)
{
	if (!run->has_key)
		return oap_err_set(err, OAP_INTERNAL, "there is no key");
	memcpy(key, run->key->b, OAP_KEY_LEN);
	return OAP_OK;
}
