// SPDX-License-Identifier: LGPL-2.1-or-later
/* One exchange, from either side. */

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "int.h"

struct oap_run {
	struct oap_env *env;
	struct oap_conf conf;
	EVP_PKEY *own;			/* ephemeral */
	struct oap_buf own_pub;
	uint8_t id[OAP_ID_LEN];
	uint16_t req_md;		/* of the request's header */
	uint16_t cipher;
	uint16_t kdf;
	bool has_key;
	struct oap_msg out;		/* what this side sends */
	struct oap_msg in;		/* what came */
	struct oap_hdr hdr;		/* points into @in */
	struct oap_identity peer;
	uint8_t req_hash[32];		/* SHA-256, for the root seed */
	uint8_t rsp_hash[32];
	struct oap_key *key;		/* in the secure heap */
};

static struct oap_run *run_new(struct oap_env *env, struct oap_err *err)
{
	struct oap_run *run = calloc(1, sizeof(*run));

	if (run)
		run->key = OPENSSL_secure_zalloc(sizeof(*run->key));
	if (!run || !run->key) {
		free(run);
		oap_fail(err, OAP_INTERNAL, "no memory for a key");
		return NULL;
	}
	run->env = env;
	return run;
}

void oap_free(struct oap_run *run)
{
	if (!run)
		return;
	OPENSSL_secure_clear_free(run->key, sizeof(*run->key));
	EVP_PKEY_free(run->own);
	OPENSSL_free((void *)run->own_pub.p);
	free(run->out.p);
	free(run->in.p);
	free(run);
}

const uint8_t *oap_message(const struct oap_run *run, size_t *len)
{
	*len = run->out.len;
	return run->out.p;
}

const uint8_t *oap_data(const struct oap_run *run, size_t *len)
{
	*len = run->hdr.data.len;
	return run->hdr.data.p;
}

const struct oap_identity *oap_peer(const struct oap_run *run)
{
	return &run->peer;
}

uint16_t oap_cipher(const struct oap_run *run)
{
	return run->has_key ? run->cipher : 0;
}

static bool sha256(const struct oap_msg *msg, uint8_t *out)
{
	return EVP_Digest(msg->p, msg->len, out, NULL, EVP_sha256(), NULL) == 1;
}

/* Hash of the request as it stands in a response. */
static bool hash_request(const struct oap_msg *msg, uint16_t md, uint8_t *out)
{
	const EVP_MD *digest = oap_digest(md);

	return EVP_Digest(msg->p, msg->len, out, NULL,
			  digest ? digest : EVP_sha384(), NULL) == 1;
}

static enum oap_code keep(struct oap_msg *msg, const uint8_t *p, size_t len,
			  struct oap_err *err)
{
	msg->p = malloc(len ? len : 1);
	if (!msg->p)
		return oap_fail(err, OAP_INTERNAL, "no memory");
	memcpy(msg->p, p, len);
	msg->len = len;
	return OAP_OK;
}

/* enc.conf and credentials of a name. */
static enum oap_code load(struct oap_run *run, bool server, const char *name,
			  struct oap_creds *creds, struct oap_err *err)
{
	char path[1024];
	enum oap_code code;

	memset(creds, 0, sizeof(*creds));
	code = oap_env_path(run->env, server, name, "enc.conf", path,
			    sizeof(path), err);
	if (!code)
		code = oap_conf_load(&run->conf, path, server, err);
	if (!code)
		code = oap_env_path(run->env, server, name, "", path,
				    sizeof(path), err);
	if (!code)
		code = oap_creds_load(creds, path, err);
	return code;
}

/* Encodes and, if there are credentials, signs. */
static enum oap_code seal(struct oap_run *run, struct oap_hdr *hdr,
			  const struct oap_creds *creds, struct oap_err *err)
{
	enum oap_code code;

	hdr->id = run->id;
	hdr->timestamp = oap_now(run->env);
	hdr->md = run->conf.md;
	hdr->crt.p = creds->der;
	hdr->crt.len = creds->der_len;
	code = oap_encode(&run->out, hdr, err);
	if (!code && creds->crt)
		code = oap_sign(creds, hdr->md, &run->out, err);
	return code;
}

static enum oap_code request(struct oap_run *run,
			     const struct oap_params *params,
			     const struct oap_creds *creds,
			     struct oap_err *err)
{
	struct oap_hdr hdr = { .data = { params->data, params->data_len } };
	enum oap_code code;

	if (RAND_bytes(run->id, sizeof(run->id)) != 1)
		return oap_fail(err, OAP_INTERNAL, "no random numbers");
	if (params->cipher) {
		if (!run->conf.kex)
			return oap_fail(err, OAP_BAD_CONFIG,
					"enc.conf of '%.60s' says none, but its flows are encrypted",
					params->name);
		run->conf.cipher = params->cipher;
	}
	if (run->conf.kex) {
		code = oap_kex_new(run->conf.kex, &run->own, &run->own_pub,
				   err);
		if (code)
			return code;
		hdr.kex = run->own_pub;
		hdr.raw = run->conf.kex->kind == OAP_KEX_HYBRID;
		hdr.cipher = run->conf.cipher;
		hdr.kdf = run->conf.kdf;
	}
	run->req_md = run->conf.md;
	code = seal(run, &hdr, creds, err);
	if (!code && !sha256(&run->out, run->req_hash))
		code = oap_fail(err, OAP_INTERNAL, "no memory");
	return code;
}

enum oap_code oap_request(struct oap_env *env, const struct oap_params *params,
			  struct oap_run **runp, struct oap_err *err)
{
	struct oap_run *run = run_new(env, err);
	struct oap_creds creds;
	enum oap_code code;

	*runp = NULL;
	if (!run)
		return err->code;
	code = load(run, false, params->name, &creds, err);
	if (!code)
		code = request(run, params, &creds, err);
	oap_creds_free(&creds);
	if (code)
		oap_free(run);
	else
		*runp = run;
	return code;
}

const uint8_t *oap_peek(const uint8_t *request, size_t req_len, size_t *len)
{
	struct oap_hdr hdr;
	struct oap_err err;

	if (oap_decode(&hdr, request, req_len, 0, &err))
		return NULL;
	*len = hdr.data.len;
	return hdr.data.p;
}

enum oap_code oap_process(struct oap_env *env, const struct oap_params *params,
			  const uint8_t *request, size_t len,
			  struct oap_run **runp, struct oap_err *err)
{
	struct oap_run *run = run_new(env, err);
	enum oap_code code;

	*runp = NULL;
	if (!run)
		return err->code;
	code = keep(&run->in, request, len, err);
	if (!code)
		code = oap_decode(&run->hdr, run->in.p, len, 0, err);
	if (!code)
		code = oap_auth_peer(&env->store, params, &run->hdr,
				     oap_now(env) / 1000000000, &run->peer,
				     err);
	if (!code)
		code = oap_fresh(env, &run->hdr, params->no_clock,
				 run->peer.authenticated, err);
	if (!code && !sha256(&run->in, run->req_hash))
		code = oap_fail(err, OAP_INTERNAL, "no memory");
	if (code) {
		oap_free(run);
		return code;
	}
	memcpy(run->id, run->hdr.id, OAP_ID_LEN);
	run->req_md = run->hdr.md;
	*runp = run;
	return OAP_OK;
}

/* Cipher and digest: the stronger of both sides' wishes. */
static enum oap_code negotiate(struct oap_run *run, uint16_t only,
			       struct oap_err *err)
{
	int theirs = oap_cipher_rank(run->hdr.cipher);
	int ours = oap_cipher_rank(run->conf.cipher);

	if (only) {
		if (run->hdr.cipher != only)
			return oap_fail(err, OAP_BAD_CIPHER,
					"the flow has %s, the peer asks for %s",
					oap_cipher_name(only),
					oap_cipher_name(run->hdr.cipher));
		run->cipher = only;
	} else {
		if (theirs <= 0 && ours <= 0)
			return oap_fail(err, OAP_BAD_CIPHER,
					"neither side names a cipher");
		run->cipher = oap_cipher_of_rank(theirs > ours ? theirs : ours);
	}
	theirs = oap_digest_rank(run->hdr.kdf);
	ours = oap_digest_rank(run->conf.kdf);
	run->kdf = theirs > ours ? run->hdr.kdf : run->conf.kdf;
	if (!run->kdf)
		return oap_fail(err, OAP_BAD_CIPHER,
				"neither side names a key derivation digest");
	return OAP_OK;
}

/* The responder's half of the key exchange. */
static enum oap_code answer_kex(struct oap_run *run, struct oap_hdr *rsp,
				struct oap_err *err)
{
	const struct oap_kex *kex;
	EVP_PKEY *peer = NULL;
	enum oap_code code;

	if (run->hdr.client_encap)
		return oap_fail(err, OAP_BAD_KEX,
				"a key exchange without forward secrecy is refused: use kem_mode = server");
	code = oap_kex_infer(&run->hdr, &kex, &peer, err);
	if (!code && oap_kex_rank(kex) < oap_kex_rank(run->conf.kex))
		code = oap_fail(err, OAP_BAD_KEX, "%s is weaker than %s",
				kex->name, run->conf.kex->name);
	if (code)
		goto out;
	if (kex->kind == OAP_KEX_KEM || kex->kind == OAP_KEX_HYBRID) {
		code = oap_kex_encap(peer, &run->hdr.kex, run->kdf,
				     &run->own_pub, run->key, err);
		rsp->raw = kex->kind == OAP_KEX_HYBRID;
	} else {
		code = oap_kex_new(kex, &run->own, &run->own_pub, err);
		if (!code)
			code = oap_kex_dhe(run->own, peer, &run->hdr.kex,
					   &run->own_pub, run->kdf, run->key,
					   err);
	}
	rsp->kex = run->own_pub;
	run->has_key = !code;
out:
	EVP_PKEY_free(peer);
	return code;
}

static enum oap_code respond(struct oap_run *run,
			     const struct oap_params *params,
			     const struct oap_creds *creds,
			     struct oap_err *err)
{
	struct oap_hdr rsp = { .data = { params->data, params->data_len } };
	uint8_t hash[EVP_MAX_MD_SIZE];
	enum oap_code code = OAP_OK;

	if (run->hdr.kex.len) {
		code = negotiate(run, params->cipher, err);
		if (!code)
			code = answer_kex(run, &rsp, err);
		rsp.cipher = run->cipher;
		rsp.kdf = run->kdf;
	} else if (run->conf.kex || params->cipher) {
		code = oap_fail(err, OAP_BAD_KEX,
				"the peer offers no key exchange, and '%.60s' is encrypted",
				params->name);
	}
	if (!code && !hash_request(&run->in, run->req_md, hash))
		code = oap_fail(err, OAP_INTERNAL, "no memory");
	rsp.hash.p = hash;
	rsp.hash.len = oap_digest_len(run->req_md);
	if (!code)
		code = seal(run, &rsp, creds, err);
	if (!code && !sha256(&run->out, run->rsp_hash))
		code = oap_fail(err, OAP_INTERNAL, "no memory");
	return code;
}

enum oap_code oap_respond(struct oap_run *run, const struct oap_params *params,
			  struct oap_err *err)
{
	struct oap_creds creds;
	enum oap_code code;

	if (run->out.p)
		return oap_fail(err, OAP_INTERNAL, "answered already");
	code = load(run, true, params->name, &creds, err);
	if (!code)
		code = respond(run, params, &creds, err);
	oap_creds_free(&creds);
	if (code) {
		run->has_key = false;
		oap_key_wipe(run->key);
	}
	return code;
}

/* Is it the answer to our request? */
static enum oap_code check_answer(const struct oap_run *run,
				  const struct oap_hdr *hdr,
				  struct oap_err *err)
{
	uint8_t hash[EVP_MAX_MD_SIZE];

	if (CRYPTO_memcmp(hdr->id, run->id, OAP_ID_LEN))
		return oap_fail(err, OAP_MISMATCH,
				"the response is to another request");
	if (!hash_request(&run->out, run->req_md, hash))
		return oap_fail(err, OAP_INTERNAL, "no memory");
	if (CRYPTO_memcmp(hdr->hash.p, hash, hdr->hash.len))
		return oap_fail(err, OAP_MISMATCH,
				"the peer answers a request that was changed on its way");
	return OAP_OK;
}

static enum oap_code check_choice(const struct oap_run *run,
				  const struct oap_params *params,
				  const struct oap_hdr *hdr,
				  struct oap_err *err)
{
	int rank = oap_cipher_rank(hdr->cipher);

	if (!run->conf.kex) {
		if (hdr->kex.len || hdr->cipher)
			return oap_fail(err, OAP_MISMATCH,
					"the response has a key exchange that nobody asked for");
		return OAP_OK;
	}
	if (!hdr->kex.len || hdr->client_encap)
		return oap_fail(err, OAP_BAD_KEX,
				"the response has no key exchange");
	if (hdr->raw != (run->conf.kex->kind == OAP_KEX_HYBRID))
		return oap_fail(err, OAP_BAD_KEX,
				"the response has another key exchange");
	if (rank < oap_cipher_rank(run->conf.cipher) ||
	    (params->cipher && hdr->cipher != params->cipher) ||
	    oap_cipher_of_rank(rank) != hdr->cipher)
		return oap_fail(err, OAP_BAD_CIPHER,
				"the response has %s, which is not acceptable for %s",
				oap_cipher_name(hdr->cipher),
				oap_cipher_name(run->conf.cipher));
	if (oap_digest_rank(hdr->kdf) < oap_digest_rank(run->conf.kdf))
		return oap_fail(err, OAP_BAD_CIPHER,
				"the response has a weaker key derivation digest");
	return OAP_OK;
}

/* The initiator's half of the key exchange. */
static enum oap_code finish_kex(struct oap_run *run, const struct oap_hdr *hdr,
				struct oap_err *err)
{
	const struct oap_kex *kex;
	EVP_PKEY *peer = NULL;
	enum oap_code code;

	if (run->conf.kex->kind == OAP_KEX_KEM ||
	    run->conf.kex->kind == OAP_KEX_HYBRID)
		return oap_kex_decap(run->own, &run->own_pub, &hdr->kex,
				     hdr->kdf, run->key, err);
	code = oap_kex_infer(hdr, &kex, &peer, err);
	if (!code && kex != run->conf.kex)
		code = oap_fail(err, OAP_BAD_KEX,
				"the response has another key exchange");
	if (!code)
		code = oap_kex_dhe(run->own, peer, &run->own_pub, &hdr->kex,
				   hdr->kdf, run->key, err);
	EVP_PKEY_free(peer);
	return code;
}

static enum oap_code complete(struct oap_run *run,
			      const struct oap_params *params,
			      struct oap_msg *in, struct oap_hdr *hdr,
			      struct oap_identity *peer, struct oap_err *err)
{
	enum oap_code code;

	code = oap_decode(hdr, in->p, in->len, oap_digest_len(run->req_md),
			  err);
	if (!code)
		code = check_answer(run, hdr, err);
	if (!code)
		code = oap_auth_peer(&run->env->store, params, hdr,
				     oap_now(run->env) / 1000000000, peer,
				     err);
	if (!code)
		code = check_choice(run, params, hdr, err);
	if (!code && run->conf.kex)
		code = finish_kex(run, hdr, err);
	if (!code && !sha256(in, run->rsp_hash))
		code = oap_fail(err, OAP_INTERNAL, "no memory");
	return code;
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
		return oap_fail(err, OAP_INTERNAL, "complete already");
	code = keep(&in, response, len, err);
	if (!code)
		code = complete(run, params, &in, &hdr, &peer, err);
	if (code) {
		oap_key_wipe(run->key);
		free(in.p);
		return code;
	}
	run->in = in;
	run->hdr = hdr;
	run->peer = peer;
	run->cipher = hdr.cipher;
	run->kdf = hdr.kdf;
	run->has_key = run->conf.kex;
	return OAP_OK;
}

enum oap_code oap_root(const struct oap_run *run, uint8_t epoch, uint8_t *seed,
		       struct oap_err *err)
{
	if (!run->has_key)
		return oap_fail(err, OAP_INTERNAL, "there is no key");
	if (!oap_root_from_key(run->key, epoch, run->cipher, run->req_hash,
			       run->rsp_hash, seed)) {
		OPENSSL_cleanse(seed, OAP_KEY_LEN);
		return oap_fail(err, OAP_INTERNAL,
				"cannot derive the root seed");
	}
	return OAP_OK;
}
