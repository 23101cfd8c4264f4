// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The initiator: make the request, process the response. */

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "../common/cipher.h"
#include "int.h"

/* Encapsulate to the static key of the server. */
static enum oap_code encapsulate(struct oap_run *run, struct oap_err *err)
{
	struct oap_buf pub = { 0 };
	EVP_PKEY *key = NULL;
	enum oap_code code;
	char dir[1024];

	code = oap_creds_path(run->env, false, run->name, "", dir, sizeof(dir),
			      err);
	if (!code)
		code = oap_kexfile_public(run->conf.kex, dir, &key, err);
	if (!code)
		code = oap_kex_public(run->conf.kex, key, &pub, err);
	if (!code)
		code = oap_kex_encap(key, &pub, run->conf.kdf, &run->own_pub,
				     run->key, err);
	OPENSSL_free((void *)pub.p);
	EVP_PKEY_free(key);
	return code;
}

/*
 * Encapsulate to the static key of the server, or send a fresh key. A re-key
 * always sends a fresh key, since it must provide forward secrecy.
 */
static enum oap_code offer(struct oap_run *run, bool rekey,
			   struct oap_hdr *hdr, struct oap_err *err)
{
	const struct oap_conf *conf = &run->conf;
	enum oap_code code;

	run->client_encap = conf->client_encap && oap_nid_kex_is_kem(conf->kex) &&
			    !rekey;
	if (run->client_encap)
		code = encapsulate(run, err);
	else
		code = oap_kex_new(conf->kex, &run->own, &run->own_pub, err);
	hdr->kex = run->own_pub;
	hdr->raw = conf->kex->kind == OAP_KEX_HYBRID;
	hdr->client_encap = run->client_encap;
	hdr->cipher = conf->cipher;
	hdr->kdf = conf->kdf;
	return code;
}

/* Use the weakest key exchange allowed instead of a weaker one in enc.conf. */
static enum oap_code raise_kex(struct oap_run *run, uint16_t kex_min,
			       struct oap_err *err)
{
	const struct oap_kex *min;
	enum oap_code code = oap_nid_kex_min(kex_min, &min, err);

	if (min && oap_nid_kex_rank(run->conf.kex) < oap_nid_kex_rank(min))
		run->conf.kex = min;
	return code;
}

static enum oap_code request(struct oap_run *run,
			     const struct oap_params *params,
			     const struct oap_creds *creds,
			     struct oap_err *err)
{
	struct oap_hdr hdr = { .data = { params->data, params->data_len } };
	enum oap_code code = OAP_OK;

	strcpy(run->name, params->name);
	if (RAND_bytes(run->id, sizeof(run->id)) != 1)
		return oap_err_set(err, OAP_INTERNAL, "cannot get random numbers");
	if (params->cipher) {
		if (!run->conf.kex)
			return oap_err_set(err, OAP_BAD_CONFIG,
					   "enc.conf of '%.60s' disables encryption, but its flows are encrypted",
					   params->name);
		run->conf.cipher = params->cipher;
		code = raise_kex(run, params->kex_min, err);
	}
	if (!code && run->conf.kex)
		code = offer(run, params->cipher, &hdr, err);
	if (code)
		return code;
	run->req_md = run->conf.md;
	code = oap_run_seal(run, &hdr, creds, err);
	return code ? code : oap_run_sha256(&run->out, run->req_hash, err);
}

enum oap_code oap_request(struct oap_env *env, const struct oap_params *params,
			  struct oap_run **runp, struct oap_err *err)
{
	struct oap_run *run = oap_run_new(env, err);
	struct oap_creds creds;
	enum oap_code code;

	*runp = NULL;
	if (!run)
		return err->code;
	code = oap_run_load(run, false, params->name, &creds, err);
	if (!code)
		code = request(run, params, &creds, err);
	oap_auth_creds_free(&creds);
	oap_wipe_traces();
	if (code)
		oap_free(run);
	else
		*runp = run;
	return code;
}

/* Check that the response answers the request. */
static enum oap_code check_answer(const struct oap_run *run,
				  const struct oap_hdr *hdr,
				  struct oap_err *err)
{
	uint8_t hash[EVP_MAX_MD_SIZE];

	if (CRYPTO_memcmp(hdr->id, run->id, OAP_ID_LEN))
		return oap_err_set(err, OAP_MISMATCH,
				   "the response belongs to another request");
	if (oap_run_hash(&run->out, run->req_md, hash, err))
		return err->code;
	if (CRYPTO_memcmp(hdr->hash.p, hash, hdr->hash.len))
		return oap_err_set(err, OAP_MISMATCH,
				   "the peer answers a request that was modified in transit");
	return OAP_OK;
}

static enum oap_code check_cipher(const struct oap_run *run,
				  const struct oap_params *params,
				  const struct oap_hdr *hdr,
				  struct oap_err *err)
{
	int kdf = oap_nid_digest_rank(hdr->kdf);
	int own_kdf = oap_nid_digest_rank(run->conf.kdf);

	if (cipher_rank(hdr->cipher) < cipher_rank(run->conf.cipher) ||
	    (params->cipher && hdr->cipher != params->cipher) ||
	    !cipher_offered(hdr->cipher))
		return oap_err_set(err, OAP_BAD_CIPHER,
				   "the response selects %s, which is not acceptable for %s: set cipher in the responder's enc.conf",
				   cipher_name(hdr->cipher),
				   cipher_name(run->conf.cipher));
	if (kdf < own_kdf)
		return oap_err_set(err, OAP_BAD_CIPHER,
				   "the response selects a weaker key derivation digest: raise kdf in the responder's enc.conf");
	if (run->client_encap && kdf != own_kdf)
		return oap_err_set(err, OAP_BAD_CIPHER,
				   "the response selects a different key derivation digest than the key: set the same kdf in enc.conf of both sides");
	return OAP_OK;
}

static enum oap_code check_choice(const struct oap_run *run,
				  const struct oap_params *params,
				  const struct oap_hdr *hdr,
				  struct oap_err *err)
{
	const struct oap_kex *kex = run->conf.kex;

	if (!kex || run->client_encap) {
		if (hdr->kex.len || (!kex && hdr->cipher))
			return oap_err_set(err, OAP_MISMATCH,
					   "the response has a key exchange that was not requested: upgrade the responder");
		return kex ? check_cipher(run, params, hdr, err) : OAP_OK;
	}
	if (!hdr->kex.len || hdr->client_encap)
		return oap_err_set(err, OAP_BAD_KEX,
				   "the response has no key exchange: set kex in the responder's enc.conf");
	if (hdr->raw != (kex->kind == OAP_KEX_HYBRID))
		return oap_err_set(err, OAP_BAD_KEX,
				   "the response has a different key exchange: upgrade the responder");
	return check_cipher(run, params, hdr, err);
}

static enum oap_code finish_dhe(struct oap_run *run, const struct oap_hdr *hdr,
				struct oap_err *err)
{
	const struct oap_kex *kex;
	EVP_PKEY *peer = NULL;
	enum oap_code code;

	code = oap_kex_infer(hdr, &kex, &peer, err);
	if (!code && kex != run->conf.kex)
		code = oap_err_set(err, OAP_BAD_KEX,
				   "the response has a different key exchange: upgrade the responder");
	if (!code)
		code = oap_kex_dhe(run->own, peer, &run->own_pub, &hdr->kex,
				   hdr->kdf, run->key, err);
	EVP_PKEY_free(peer);
	return code;
}

/* Complete the key exchange at the initiator. */
static enum oap_code finish_kex(struct oap_run *run, const struct oap_hdr *hdr,
				struct oap_err *err)
{
	enum oap_code code;

	if (!run->conf.kex || run->client_encap)
		return OAP_OK;
	if (oap_nid_kex_is_kem(run->conf.kex))
		code = oap_kex_decap(run->own, &run->own_pub, &hdr->kex,
				     hdr->kdf, run->key, err);
	else
		code = finish_dhe(run, hdr, err);
	if (code)
		oap_wipe_key(run->key);
	return code;
}

static enum oap_code complete(struct oap_run *run,
			      const struct oap_params *params,
			      struct oap_msg *in, struct oap_hdr *hdr,
			      struct oap_identity *peer, struct oap_err *err)
{
	struct oap_verify how = {
		.store = &run->env->store, .role = OAP_RESPONDER,
		.now = oap_env_now(run->env) / 1000000000,
		.early = params->no_clock,
		.need_lists = run->env->need_lists,
	};
	enum oap_code code;

	code = oap_wire_decode(hdr, in->p, in->len, oap_nid_digest_len(run->req_md),
			       err);
	if (!code)
		code = check_answer(run, hdr, err);
	if (!code)
		code = oap_auth_peer(&how, params, hdr, peer, err);
	if (!code)
		code = check_choice(run, params, hdr, err);
	if (!code)
		code = oap_run_sha256(in, run->rsp_hash, err);
	return code ? code : finish_kex(run, hdr, err);
}

enum oap_code oap_complete(struct oap_run *run, const struct oap_params *params,
			   const uint8_t *response, size_t len,
			   struct oap_err *err)
{
	struct oap_msg in = { 0 };
	struct oap_identity peer;
	struct oap_hdr hdr;
	enum oap_code code;

	if (run->in.p)
		return oap_err_set(err, OAP_INTERNAL, "the exchange is already complete");
	code = oap_run_keep(&in, response, len, err);
	if (!code)
		code = complete(run, params, &in, &hdr, &peer, err);
	oap_wipe_traces();
	if (code) {
		free(in.p);
		return code;
	}
	run->in = in;
	run->hdr = hdr;
	run->peer = peer;
	run->cipher = hdr.cipher;
	run->kdf = hdr.kdf;
	run->kex = run->conf.kex;
	run->has_key = run->kex;
	return OAP_OK;
}
