// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The responder: process a request, make the response. */

#include <string.h>

#include <openssl/crypto.h>

#include "../common/cipher.h"
#include "int.h"

const uint8_t *oap_peek(const uint8_t *request, size_t req_len, size_t *len)
{
	struct oap_hdr hdr;
	struct oap_err err;

	if (oap_wire_decode(&hdr, request, req_len, 0, &err))
		return NULL;
	*len = hdr.data.len;
	return hdr.data.p;
}

enum oap_code oap_process(struct oap_env *env, const struct oap_params *params,
			  const uint8_t *request, size_t len,
			  struct oap_run **runp, struct oap_err *err)
{
	struct oap_verify how = {
		.store = &env->store, .role = params->peer_role,
		.now = oap_env_now(env) / 1000000000,
		.early = params->no_clock,
		.need_lists = env->need_lists,
	};
	struct oap_run *run = oap_run_new(env, err);
	enum oap_code code;

	*runp = NULL;
	if (!run)
		return err->code;
	code = oap_run_keep(&run->in, request, len, err);
	if (!code)
		code = oap_wire_decode(&run->hdr, run->in.p, len, 0, err);
	if (!code)
		code = oap_auth_peer(&how, params, &run->hdr, &run->peer, err);
	if (!code)
		code = oap_env_fresh(env, &run->hdr, params, &run->peer, err);
	if (!code)
		code = oap_run_sha256(&run->in, run->req_hash, err);
	if (code) {
		oap_free(run);
		return code;
	}
	memcpy(run->id, run->hdr.id, OAP_ID_LEN);
	run->req_md = run->hdr.md;
	*runp = run;
	return OAP_OK;
}

enum oap_code oap_require_peer(struct oap_run *run, const char *name,
			       struct oap_err *err)
{
	return oap_auth_name(&run->hdr, name, &run->peer, err);
}

bool oap_take_name(struct oap_run *run, const char *name)
{
	struct oap_identity id = run->peer;
	struct oap_err err;

	if (!id.authenticated || oap_auth_name(&run->hdr, name, &id, &err))
		return false;
	run->peer = id;
	return true;
}

static enum oap_code choose_cipher(struct oap_run *run, uint16_t only,
				   struct oap_err *err)
{
	int theirs = cipher_rank(run->hdr.cipher);
	int ours = cipher_rank(run->conf.cipher);

	if (only && run->hdr.cipher != only)
		return oap_err_set(err, OAP_BAD_CIPHER,
				   "the flow has %s, the peer asks for %s: a new flow is needed for that",
				   cipher_name(only),
				   cipher_name(run->hdr.cipher));
	if (theirs <= 0 && ours <= 0)
		return oap_err_set(err, OAP_BAD_CIPHER,
				   "neither side names a cipher: set cipher in enc.conf");
	run->cipher = only ? only :
		      cipher_of_rank(theirs > ours ? theirs : ours);
	return OAP_OK;
}

/*
 * Choose the digest of the key derivation. A client that encapsulates has
 * already derived the key with its own digest.
 */
static enum oap_code choose_kdf(struct oap_run *run, struct oap_err *err)
{
	int theirs = oap_nid_digest_rank(run->hdr.kdf);
	int ours = oap_nid_digest_rank(run->conf.kdf);

	if (run->hdr.client_encap && ours > theirs)
		return oap_err_set(err, OAP_BAD_CIPHER,
				   "the initiator's key derivation digest is too weak: raise kdf in its enc.conf");
	run->kdf = theirs > ours ? run->hdr.kdf : run->conf.kdf;
	if (!run->kdf)
		return oap_err_set(err, OAP_BAD_CIPHER,
				   "neither side names a key derivation digest: set kdf in enc.conf");
	return OAP_OK;
}

/* Decapsulate with the static key of the server. */
static enum oap_code decapsulate(struct oap_run *run,
				 const struct oap_params *params,
				 struct oap_err *err)
{
	const struct oap_conf *conf = &run->conf;
	struct oap_buf pub = { 0 };
	EVP_PKEY *key = NULL;
	enum oap_code code;
	char dir[1024];

	if (params->cipher)
		return oap_err_set(err, OAP_BAD_KEX,
				   "a re-key without forward secrecy is refused");
	if (!oap_nid_kex_is_kem(conf->kex) || !conf->client_encap)
		return oap_err_set(err, OAP_BAD_KEX,
				   "a key exchange without forward secrecy is refused: '%.60s' has no kem_mode = client",
				   params->name);
	if (run->hdr.raw != (conf->kex->kind == OAP_KEX_HYBRID))
		return oap_err_set(err, OAP_BAD_KEX,
				   "the peer encapsulated to a key that is not %s",
				   conf->kex->name);
	run->kex = conf->kex;
	code = oap_creds_path(run->env, true, params->name, "", dir, sizeof(dir),
			      err);
	if (!code)
		code = oap_kexfile_private(conf->kex, dir, &key, err);
	if (!code)
		code = oap_kex_public(conf->kex, key, &pub, err);
	if (!code)
		code = oap_kex_decap(key, &pub, &run->hdr.kex, run->kdf,
				     run->key, err);
	OPENSSL_free((void *)pub.p);
	EVP_PKEY_free(key);
	return code;
}

/* Refuse expensive key exchanges before any computation. */
static enum oap_code check_kex(const struct oap_run *run,
			       const struct oap_params *params,
			       struct oap_err *err)
{
	const struct oap_kex *kex = oap_kex_peek(&run->hdr);

	if (!kex || !params->kex_accept || kex == run->conf.kex ||
	    oap_nid_kex_in(kex, params->kex_accept))
		return OAP_OK;
	return oap_err_set(err, OAP_BAD_KEX, "%s is not in the responder's accept-kex: add it there, or choose another kex in enc.conf",
			   kex->name);
}

/* Refuse a key exchange that is weaker than that of the allocation. */
static enum oap_code check_min(const struct oap_kex *kex, uint16_t kex_min,
			       struct oap_err *err)
{
	const struct oap_kex *min;
	enum oap_code code = oap_nid_kex_min(kex_min, &min, err);

	if (!min || oap_nid_kex_rank(kex) >= oap_nid_kex_rank(min))
		return code;
	return oap_err_set(err, OAP_BAD_KEX, "%s is weaker than %s, with which the flow was allocated: set that kex in the initiator's enc.conf",
			   kex->name, min->name);
}

/* Perform the key exchange at the responder. */
static enum oap_code answer_kex(struct oap_run *run,
				const struct oap_params *params,
				struct oap_hdr *rsp, struct oap_err *err)
{
	const struct oap_kex *kex;
	EVP_PKEY *peer = NULL;
	enum oap_code code;

	code = check_kex(run, params, err);
	if (!code)
		code = oap_kex_infer(&run->hdr, &kex, &peer, err);
	if (!code && oap_nid_kex_rank(kex) < oap_nid_kex_rank(run->conf.kex))
		code = oap_err_set(err, OAP_BAD_KEX, "%s is weaker than %s of the responder: set that kex, or a stronger one, in enc.conf",
				   kex->name, run->conf.kex->name);
	if (!code)
		code = check_min(kex, params->kex_min, err);
	if (code)
		goto out;
	run->kex = kex;
	rsp->raw = kex->kind == OAP_KEX_HYBRID;
	if (oap_nid_kex_is_kem(kex)) {
		code = oap_kex_encap(peer, &run->hdr.kex, run->kdf,
				     &run->own_pub, run->key, err);
		goto out;
	}
	code = oap_kex_new(kex, &run->own, &run->own_pub, err);
	if (!code)
		code = oap_kex_dhe(run->own, peer, &run->hdr.kex,
				   &run->own_pub, run->kdf, run->key, err);
out:
	EVP_PKEY_free(peer);
	return code;
}

static enum oap_code make_key(struct oap_run *run,
			      const struct oap_params *params,
			      struct oap_hdr *rsp, struct oap_err *err)
{
	enum oap_code code;

	if (!run->hdr.kex.len) {
		if (!run->conf.kex && !params->cipher)
			return OAP_OK;
		return oap_err_set(err, OAP_BAD_KEX,
				   "no key exchange is offered, but '%.40s' requires encryption: set kex in the initiator's enc.conf",
				   params->name);
	}
	code = choose_cipher(run, params->cipher, err);
	if (!code)
		code = choose_kdf(run, err);
	if (!code)
		code = run->hdr.client_encap ? decapsulate(run, params, err) :
					       answer_kex(run, params, rsp, err);
	rsp->kex = run->own_pub;
	rsp->cipher = run->cipher;
	rsp->kdf = run->kdf;
	run->has_key = !code;
	return code;
}

static enum oap_code respond(struct oap_run *run,
			     const struct oap_params *params,
			     const struct oap_creds *creds,
			     struct oap_err *err)
{
	struct oap_hdr rsp = { .data = { params->data, params->data_len } };
	uint8_t hash[EVP_MAX_MD_SIZE];
	enum oap_code code;

	code = make_key(run, params, &rsp, err);
	if (!code)
		code = oap_run_hash(&run->in, run->req_md, hash, err);
	rsp.hash.p = hash;
	rsp.hash.len = oap_nid_digest_len(run->req_md);
	if (!code)
		code = oap_run_seal(run, &rsp, creds, err);
	return code ? code : oap_run_sha256(&run->out, run->rsp_hash, err);
}

enum oap_code oap_respond(struct oap_run *run, const struct oap_params *params,
			  struct oap_err *err)
{
	struct oap_creds creds;
	enum oap_code code;

	if (run->out.p)
		return oap_err_set(err, OAP_INTERNAL, "the request is already answered");
	code = oap_run_load(run, true, params->name, &creds, err);
	if (!code)
		code = respond(run, params, &creds, err);
	oap_auth_creds_free(&creds);
	oap_wipe_traces();
	if (code) {
		run->has_key = false;
		oap_wipe_key(run->key);
	}
	return code;
}
